"""Regions: where resources are and what they name, which are enabled, and a guard around the account.

Not here: copies (copies_stay_inside), logs (logs_stay_inside), vendors (vendors_process_inside) and
foreign law (operators_answer_to_own_law).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from inferplan import catalog
from inferplan.resource import Resource
from inferplan.spec.organization import AccountEntry
from policies import types
from policies.context import Context
from policies.read import get, json_document, listed, regions_named, zones_apart
from policies.rule import DROP, Outcome, Rule, fail
from policies.world.things import (
    ACCOUNT,
    FIRST_VARIABLE,
    REGION,
    arn,
    aws_provider,
    bucket,
    container,
    deployment,
    document,
    resource,
    subnet,
)

regions_are_allowed = Rule(
    id="SOV-001",
    title="Every regional resource lies in a country that the spec and the account allow",
    why="A resource in another country brings the data under another law, whatever the rest of the stack "
    "does.",
    fix="Deploy in a Region whose country is in data.residency.countries, or have the account's "
    "countries extended.",
    source=("000:116",),
    level="mandatory",
)

PLACES = ("arn", "region", "bucketRegion", "availabilityZone", "endpoint")  # outputs that say where


@regions_are_allowed.check(types.AWS)
def _lies(item: Resource, context: Context) -> Iterator[Outcome]:
    region = context.region_of(item)
    if region is not None and (wrong := context.outside(region)):
        yield fail(f"{wrong}; {_offer(context)}", path="region")
    said = {key: value for key in PLACES if isinstance(value := item.outputs.get(key), str)}
    for key, value in said.items():  # of a state: where a thing really is, whatever its inputs asked for
        for name in dict.fromkeys(regions_named(value) if item.type != types.ACCOUNT_REGION else ()):
            if wrong := context.outside(name):
                yield fail(f"is outside the boundary, as its outputs say: {wrong}", path=key)


@regions_are_allowed.check("account")
def _target(_account: AccountEntry, context: Context) -> Iterator[Outcome]:
    target = context.spec.target
    if target.region is not None and (wrong := context.outside(target.region)):
        yield fail(f"{wrong}; {_offer(context)}", path="region")
    if target.country is not None and target.country not in context.allowed_countries:
        yield fail(f"own nodes in {target.country}; allowed: {context.allowed_text}", path="country")


@regions_are_allowed.check(types.AWS_PROVIDER)
def _provider(provider: Resource, context: Context) -> Iterator[Outcome]:
    region = get(provider.props, "region")
    if region is None:
        yield fail("names no Region, so the deploying machine's environment chooses it", path="region")
    elif wrong := context.outside(str(region)):
        yield fail(f"{wrong}; {_offer(context)}", path="region")


@regions_are_allowed.check(types.AWS, types.KUBERNETES)
def _named(item: Resource, context: Context) -> Iterator[Outcome]:
    """Regions in ARNs, hosts, zone names, environment and documents; unknowns come from judged resources."""
    seen = set()
    # That a Region is enabled or disabled for the account is SOV-013's business.
    for text in context.texts(item) if item.type != types.ACCOUNT_REGION else ():
        for name in regions_named(text.value):
            if text.path != "region" and name not in seen and (wrong := context.outside(name)):
                seen.add(name)
                yield fail(f"names a Region outside the boundary: {wrong}", path=text.path)
        for zone in zones_apart(text.value):
            yield fail(
                f"{zone} is a Local or Wavelength Zone, which may lie in another country", path=text.path
            )


@regions_are_allowed.check(types.KUBERNETES_PROVIDER)
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


_CLUSTER = "cluster:clusterIdentifier"
_COUNTRIES = f"organization:accounts.{ACCOUNT}.countries"

regions_are_allowed.passes(
    "a bucket and a pod in Frankfurt for a residency of DE",
    aws_provider(),
    bucket("weights"),
    deployment("proxy", container("proxy", env={"AWS_REGION": REGION})),
    resource(types.KUBERNETES_PROVIDER, "cluster", {"clusterIdentifier": arn("eks", "cluster/c")}),
    subnet("subnet", availabilityZone=f"{REGION}a"),
    resource(types.TOPIC_SUBSCRIPTION, "alarms", {"topic": arn("sns", "alarms")}),
    resource(types.ROLE, "role", {"name": "example"}, region=None),
)
regions_are_allowed.fails("the spec targets Virginia", {"spec:target.region": "us-east-1"})
regions_are_allowed.fails("the account allows France only", {_COUNTRIES: ["FR"]}, also=("SOV-009",))
regions_are_allowed.fails("a resource overrides the provider's Region", {"weights:region": "eu-west-1"})
regions_are_allowed.fails("the provider is elsewhere", {"aws:region": "us-east-1"})
regions_are_allowed.fails("the provider names no Region", {"aws:region": DROP})
regions_are_allowed.fails(
    "a state says that a bucket is elsewhere",
    add=(replace(bucket("moved"), outputs={"arn": "x", "region": "us-east-1"}),),
)
regions_are_allowed.fails("S3 reports a bucket elsewhere", {"weights:bucketRegion": "us-east-1"})
regions_are_allowed.fails(
    "an ARN names another Region", {"alarms:topic": arn("sns", "alarms", region="us-east-1")}
)
regions_are_allowed.fails("the cluster is elsewhere", {_CLUSTER: arn("eks", "cluster/c", region="us-east-1")})
regions_are_allowed.fails("a Local Zone abroad", {"subnet:availabilityZone": f"{REGION}-waw-1a"})
regions_are_allowed.fails("the environment sends calls elsewhere", {f"proxy:{FIRST_VARIABLE}": "us-east-1"})


only_used_regions_are_enabled = Rule(
    id="SOV-013",
    title="Opt-in Regions that are used are enabled, the others stay disabled",
    why="A Region that nobody needs is one more place where data can come to rest.",
    fix="Enable the Region in the account baseline, or leave it disabled when its country is not allowed.",
    source=("000:146",),
    level="advisory",
)


@only_used_regions_are_enabled.check(types.ACCOUNT_REGION)
def _enabled(item: Resource, context: Context) -> Iterator[Outcome]:
    region = str(get(item.props, "regionName", ""))
    if get(item.props, "enabled", True) and (wrong := context.outside(region)):
        yield fail(f"enables a Region outside the boundary: {wrong}", path="regionName")


@only_used_regions_are_enabled.check_stack(types.AWS_PROVIDER)
def _used(providers: tuple[Resource, ...], context: Context) -> Iterator[Outcome]:
    enabled = {
        get(found.props, "regionName")
        for found in context.stack.of(types.ACCOUNT_REGION)
        if get(found.props, "enabled", True)
    }
    for provider in providers:
        region = str(get(provider.props, "region", ""))
        if region in catalog.regions() and catalog.region(region).opt_in and region not in enabled:
            yield fail(
                f"{region} must be enabled for the account first; cross-Region inference may still use "
                "Regions that the account never enabled",
                path="region",
                subject=provider,
            )


only_used_regions_are_enabled.passes(
    "Zurich is enabled where CH is allowed",
    aws_provider(),
    resource(types.ACCOUNT_REGION, "zurich", {"regionName": "eu-central-2", "enabled": True}),
    world="vendor",
)
only_used_regions_are_enabled.fails("a Region outside is enabled", {"zurich:regionName": "me-central-1"})
only_used_regions_are_enabled.fails("one is used without being enabled", {"aws:region": "eu-south-1"})


regions_are_guarded = Rule(
    id="SOV-016",
    title="The account has a Region guard that does not depend on this stack",
    why="What a stack declares, the next change can undo; a guard outside it cannot be undone from inside.",
    fix="Deny other Regions by aws:RequestedRegion in a control policy (global services exempt), and "
    "register the evidence as region_guard of the account; a denied destination also breaks Bedrock "
    "profiles that may route there.",
    source=("000:186",),
    level="advisory",
)
GUARD_KEY = "aws:RequestedRegion"


@regions_are_guarded.check("account")
def _on_file(_account: AccountEntry, context: Context) -> Iterator[Outcome]:
    spec = context.spec
    subjects = {spec.target.account, spec.metadata.name}
    on_file = any(
        item.kind == "region_guard" and item.subject in subjects for item in context.organization.evidence
    )
    guards = context.stack.of(types.CONTROL_POLICY)
    if not on_file and not any(map(_denies_regions, guards)):
        yield fail("no Region guard is on file for the account")


@regions_are_guarded.check(types.CONTROL_POLICY)
def _guards(policy: Resource, _context: Context) -> Iterator[Outcome]:
    if get(policy.props, "type", "SERVICE_CONTROL_POLICY") == "SERVICE_CONTROL_POLICY":
        get(policy.props, "content")
        if not _denies_regions(policy):
            yield fail("guards no Region: it denies nothing by aws:RequestedRegion", path="content")


def _denies_regions(policy: Resource) -> bool:
    """Whether a statement denies by the Region that is asked for; one that allows holds nobody back."""
    content = policy.props.get("content")
    found = json_document(content) if isinstance(content, str | dict) else None
    return any(
        statement.get("Effect") == "Deny" and GUARD_KEY in str(statement.get("Condition"))
        for statement in listed(get(found or {}, "Statement", []))
    )


def _evidence(subject: str) -> dict[str, object]:
    filed = {"reference": "SCP-1", "date": "2026-08-01", "approver": "ciso@example.com"}
    return {"organization:evidence": [{"kind": "region_guard", "subject": subject, **filed}]}


_DENIED = {"Effect": "Deny", "Condition": {"StringNotEquals": {GUARD_KEY: [REGION]}}}
_GUARD = resource(types.CONTROL_POLICY, "guard", {"content": document(_DENIED)}, region=None)

regions_are_guarded.passes("the stack itself declares the guard", _GUARD)
regions_are_guarded.passes("a guard is on file", given=_evidence(ACCOUNT))
regions_are_guarded.fails("no guard anywhere", {"organization:evidence": []})

regions_are_guarded.passes("a guard on file and one in the stack", _GUARD, given=_evidence("example"))
regions_are_guarded.fails("a policy that guards nothing", {"guard:content": document()})
