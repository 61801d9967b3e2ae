"""Where things may be: Regions, the questions a spec must answer, and guards around the account.

Not here: copies (copies), logs (sinks), vendors (vendors), profiles (profiles), foreign law (jurisdiction).
"""

from __future__ import annotations

from collections.abc import Iterator

from inferplan import catalog
from inferplan.resource import Resource
from inferplan.spec.model import InferenceStack
from inferplan.spec.organization import AccountEntry
from policies.context import Context
from policies.example import aws_arn, change, resource
from policies.read import get, regions_named, zones_apart
from policies.rule import DROP, Example, Outcome, fail, on_declaration, on_resource, on_stack, rule

PROVIDER, CLUSTER_PROVIDER = "pulumi:providers:aws", "pulumi:providers:kubernetes"
CLUSTER = "aws:eks/cluster:Cluster"
ACCOUNT_REGION = "aws:account/region:Region"


def _target(_account: AccountEntry, context: Context) -> Iterator[Outcome]:
    target = context.spec.target
    if target.region is not None and (wrong := context.outside(target.region)):
        yield fail(f"{wrong}; {_offer(context)}", path="region")
    if target.country is not None and target.country not in context.allowed_countries:
        yield fail(f"own nodes in {target.country}; allowed: {context.allowed_text}", path="country")


def _provider(provider: Resource, context: Context) -> Iterator[Outcome]:
    region = get(provider.props, "region")
    if region is None:
        yield fail("names no Region, so the deploying machine's environment chooses it", path="region")
    elif wrong := context.outside(str(region)):
        yield fail(f"{wrong}; {_offer(context)}", path="region")


def _named(item: Resource, context: Context) -> Iterator[Outcome]:
    """Regions in ARNs, hosts, zone names, environment and documents; unknowns come from judged resources."""
    seen = set()
    # That a Region is enabled or disabled for the account is SOV-013's business.
    for text in context.texts(item) if item.type != ACCOUNT_REGION else ():
        for name in regions_named(text.value):
            if text.path != "region" and name not in seen and (wrong := context.outside(name)):
                seen.add(name)
                yield fail(f"names a Region outside the boundary: {wrong}", path=text.path)
        for zone in zones_apart(text.value):
            yield fail(
                f"{zone} is a Local or Wavelength Zone, which may lie in another country", path=text.path
            )


def _cluster_named(provider: Resource, context: Context) -> Iterator[Outcome]:
    """Regions in what a Kubernetes provider shows of its cluster; a secret kubeconfig shows nothing."""
    get(provider.props, "clusterIdentifier")
    for text in context.stack.texts(provider):
        for name in regions_named(text.value):
            if wrong := context.outside(name):
                yield fail(f"deploys to a cluster outside the boundary: {wrong}", path=text.path)


def _offer(context: Context) -> str:
    regions = context.allowed_regions()
    return f"allowed Regions: {', '.join(regions)}" if regions else "no AWS Region lies in an allowed country"


_BUCKET = resource("aws:s3/bucket:Bucket", "weights", {"bucket": "example-weights"})
_POD = resource(
    "kubernetes:apps/v1:Deployment",
    "proxy",
    {
        "spec": {
            "template": {
                "spec": {
                    "containers": [
                        {"name": "proxy", "env": [{"name": "AWS_REGION", "value": "eu-central-1"}]}
                    ]
                }
            }
        }
    },
)


@rule(
    id="SOV-001",
    title="Every regional resource lies in a country that the spec and the account allow",
    why="A resource in another country brings the data under another law, whatever the rest of the stack "
    "does.",
    fix="Deploy in a Region whose country is in data.residency.countries, or have the account's "
    "countries extended.",
    source=("000:116",),
    level="mandatory",
    on=("aws:*",),
    more=(
        on_declaration(_target, "account"),
        on_resource(_provider, PROVIDER),
        on_resource(_named, "aws:*", "kubernetes:*"),
        on_resource(_cluster_named, CLUSTER_PROVIDER),
    ),
    passing=(
        Example(
            note="a bucket and a pod in Frankfurt for a residency of DE",
            resources=(
                _BUCKET,
                _POD,
                resource(PROVIDER, "aws", {"region": "eu-central-1"}),
                resource(
                    CLUSTER_PROVIDER,
                    "cluster",
                    {"clusterIdentifier": aws_arn("eks:eu-central-1:111111111111:cluster/c")},
                ),
                resource("aws:ec2/subnet:Subnet", "subnet", {"availabilityZone": "eu-central-1a"}),
                resource(
                    "aws:sns/topicSubscription:TopicSubscription",
                    "alarms",
                    {"topic": aws_arn("sns:eu-central-1:111111111111:alarms")},
                ),
                resource("aws:iam/role:Role", "role", {"name": "example"}, region=None),
            ),
        ),
    ),
    failing=(
        change("the spec targets Virginia", spec={"target.region": "us-east-1"}),
        change(
            "the account allows France only",
            organization={"accounts.111111111111.countries": ["FR"]},
            also=("SOV-009",),
        ),
        change("one resource overrides the provider's Region", {"weights:region": "eu-west-1"}),
        change("the provider is elsewhere", {"aws:region": "us-east-1"}),
        change("the provider names no Region", {"aws:region": DROP}),
        change("S3 reports a bucket in another Region", {"weights:bucketRegion": "us-east-1"}),
        change("an ARN names another Region", {"alarms:topic": aws_arn("sns:us-east-1:111111111111:alarms")}),
        change(
            "the cluster is elsewhere",
            {"cluster:clusterIdentifier": aws_arn("eks:us-east-1:111111111111:cluster/c")},
        ),
        change("a Local Zone abroad hangs on the Region", {"subnet:availabilityZone": "eu-central-1-waw-1a"}),
        change(
            "the environment sends calls elsewhere",
            {"proxy:spec.template.spec.containers[0].env[0].value": "us-east-1"},
        ),
    ),
)
def sov_001(item: Resource, context: Context) -> Iterator[Outcome]:
    region = context.region_of(item)
    if region is not None and (wrong := context.outside(region)):
        yield fail(f"{wrong}; {_offer(context)}", path="region")


def implied_regimes(countries: tuple[str, ...]) -> list[str]:
    """The general data-protection regimes of some countries; sector regimes come on top where they apply."""
    return sorted(
        regime.id
        for regime in catalog.regimes().values()
        if "US" not in regime.jurisdictions and covers(regime.jurisdictions, countries)
    )


def covers(jurisdictions: tuple[str, ...], countries: tuple[str, ...]) -> bool:
    """Whether a regime holds in one of the countries."""
    known = [
        place for place in jurisdictions if place in catalog.country_groups() or place in catalog.countries()
    ]
    return bool(catalog.expand_places(known) & set(countries))


@rule(
    id="SOV-002",
    title="The spec says whose data it is and where it may be",
    why="Every other rule rests on these answers; a default would be a guess about somebody else's data.",
    fix="Say data.subjects and data.residency.countries; leave data.regimes out, or name at least the "
    "implied ones.",
    source=("001:109", "000:145"),
    level="mandatory",
    on=("spec",),
    passing=(
        Example(note="subjects and residency are said; regimes follow from them"),
        Example(note="regimes are named and complete", spec={"data.regimes": ["EU-GDPR"]}),
    ),
    failing=(
        change("no subjects", spec={"data.subjects": DROP}),
        change("no residency", spec={"data.residency": DROP}),
        change("a regime is left out", of=1, spec={"data.regimes": ["CH-FADP"]}),
    ),
)
def sov_002(spec: InferenceStack, context: Context) -> Iterator[Outcome]:
    data = spec.data
    implied = implied_regimes(data.subjects or ())
    if data.subjects is None:
        yield fail("data.subjects is empty: whose data is it?", path="data")
    if data.residency is None:
        law = f"; the subjects imply {', '.join(implied)}" if implied else ""
        yield fail(f"data.residency.countries is empty: where may it be?{law}", path="data")
    missing = sorted(set(implied) - set(data.regimes))
    if data.regimes and missing:
        yield fail(
            f"data.regimes leaves out {', '.join(missing)}, which the subjects imply", path="data.regimes"
        )


def _opt_in(providers: tuple[Resource, ...], context: Context) -> Iterator[Outcome]:
    enabled = {get(found.props, "regionName") for found in context.stack.of(ACCOUNT_REGION)}
    for provider in providers:
        region = str(get(provider.props, "region", ""))
        if region in catalog.regions() and catalog.region(region).opt_in and region not in enabled:
            yield fail(
                f"{region} must be enabled for the account first; cross-Region inference may still use "
                "Regions that the account never enabled",
                path="region",
                subject=provider,
            )


@rule(
    id="SOV-013",
    title="Opt-in Regions that are used are enabled, the others stay disabled",
    why="A Region that nobody needs is one more place where data can come to rest.",
    fix="Enable the Region in the account baseline, or leave it disabled when its country is not allowed.",
    source=("000:146",),
    level="advisory",
    on=(ACCOUNT_REGION,),
    more=(on_stack(_opt_in, PROVIDER),),
    passing=(
        Example(
            note="Zurich is enabled where CH is allowed",
            base="vendor",
            resources=(
                resource(
                    "aws:account/region:Region", "zurich", {"regionName": "eu-central-2", "enabled": True}
                ),
                resource(PROVIDER, "aws", {"region": "eu-central-1"}),
            ),
        ),
    ),
    failing=(
        change("a Region outside is enabled", {"zurich:regionName": "me-central-1"}),
        change("an opt-in Region is used without being enabled", {"aws:region": "eu-south-1"}),
    ),
)
def sov_013(item: Resource, context: Context) -> Iterator[Outcome]:
    region = str(get(item.props, "regionName", ""))
    if get(item.props, "enabled", True) and (wrong := context.outside(region)):
        yield fail(f"enables a Region outside the boundary: {wrong}", path="regionName")


def _guard_content(policy: Resource, _context: Context) -> Iterator[Outcome]:
    if get(policy.props, "type", "SERVICE_CONTROL_POLICY") == "SERVICE_CONTROL_POLICY":
        content = str(get(policy.props, "content", ""))
        if "aws:RequestedRegion" not in content:
            yield fail("guards no Region: it never looks at aws:RequestedRegion", path="content")


@rule(
    id="SOV-016",
    title="The account has a Region guard that does not depend on this stack",
    why="What a stack declares, the next change can undo; a guard outside it cannot be undone from inside.",
    fix="Deny other Regions by aws:RequestedRegion in a control policy (global services exempt), and "
    "register the "
    "evidence as region_guard; a denied destination also breaks Bedrock profiles that may route there.",
    source=("000:186",),
    level="advisory",
    on=("account",),
    more=(on_resource(_guard_content, "aws:organizations/policy:Policy"),),
    passing=(
        Example(
            note="a guard is on file",
            organization={
                "evidence": [
                    {
                        "kind": "region_guard",
                        "subject": "111111111111",
                        "reference": "SCP-1",
                        "date": "2026-08-01",
                        "approver": "ciso@example.com",
                    }
                ]
            },
        ),
        Example(
            note="the stack itself declares the guard",
            resources=(
                resource(
                    "aws:organizations/policy:Policy",
                    "guard",
                    {
                        "content": '{"Statement":[{"Effect":"Deny","Condition":{"StringNotEquals":'
                        '{"aws:RequestedRegion":["eu-central-1"]}}}]}'
                    },
                    region=None,
                ),
            ),
        ),
        Example(
            note="a guard on file and one in the stack",
            organization={
                "evidence": [
                    {
                        "kind": "region_guard",
                        "subject": "example",
                        "reference": "SCP-1",
                        "date": "2026-08-01",
                        "approver": "ciso@example.com",
                    }
                ]
            },
            resources=(
                resource(
                    "aws:organizations/policy:Policy",
                    "guard",
                    {
                        "content": '{"Statement":[{"Effect":"Deny","Condition":{"StringNotEquals":'
                        '{"aws:RequestedRegion":["eu-central-1"]}}}]}'
                    },
                    region=None,
                ),
            ),
        ),
    ),
    failing=(
        change("no guard anywhere", organization={"evidence": []}),
        change("a policy that guards nothing", {"guard:content": '{"Statement":[]}'}, of=2),
    ),
)
def sov_016(_account: AccountEntry, context: Context) -> Iterator[Outcome]:
    spec = context.spec
    subjects = {spec.target.account, spec.metadata.name}
    on_file = any(
        item.kind == "region_guard" and item.subject in subjects for item in context.organization.evidence
    )
    guards = context.stack.of("aws:organizations/policy:Policy")
    if not on_file and not any("aws:RequestedRegion" in str(guard.props.get("content")) for guard in guards):
        yield fail("no Region guard is on file for the account")
