"""Regions: where resources and registered stores are and what they name, which are enabled, and the guard.

Not here: copies (copies_stay_inside), logs (logs_stay_inside), vendors (vendors_process_inside) and
foreign law (operators_answer_to_own_law).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from inferplan import catalog
from inferplan.resource import Provider, Resource
from inferplan.spec.model import InferenceStack
from inferplan.spec.organization import AccountEntry
from policies import types
from policies.context import Context, Serving
from policies.read import answered, get, json_document, listed, regions_named, zones_apart
from policies.rule import DROP, Outcome, Problem, Rule, fail, undecided
from policies.world.things import (
    ACCOUNT,
    FIRST_VARIABLE,
    REGION,
    arn,
    aws_host,
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

S3 = "s3://"


@regions_are_allowed.check(types.AWS)
def _lies(item: Resource, context: Context) -> Iterator[Outcome]:
    region = context.region_of(item)
    if region is not None and (wrong := context.outside(region)):
        yield fail(f"{wrong}; {_offer(context)}", path="region")
    # Of a state: where a thing really is, whatever its inputs asked for.
    for key, value in answered(item) if item.type != types.ACCOUNT_REGION else ():
        for name in dict.fromkeys(regions_named(value)):
            if wrong := context.outside(name):
                yield fail(f"is outside the boundary, as its outputs say: {wrong}", path=key)


@regions_are_allowed.check("account")
def _target(account: AccountEntry, context: Context) -> Iterator[Outcome]:
    target = context.spec.target
    if target.region is not None and (wrong := context.outside(target.region)):
        yield fail(f"{wrong}; {_offer(context)}", path="region")
    if target.country is not None and target.country not in context.allowed_countries:
        yield fail(f"own nodes in {target.country}; allowed: {context.allowed_text}", path="country")
    for name in regions_named(account.state_backend or ""):  # the organization's choice, so by its countries
        if context.country_of(name) not in catalog.expand_places(account.countries):
            yield fail(f"state_backend in {name}, outside {', '.join(account.countries)}", path="account")


@regions_are_allowed.check("self-hosted")
def _stored(serving: Serving, context: Context) -> Iterator[Outcome]:
    """Weights and adapters carry what they were made from; a registered store says where they lie."""
    backend = serving.backend.backend
    yield from _kept(backend.weights or "", "weights", context)
    for adapter in backend.adapters:
        yield from _kept(adapter.weights, f"adapter {adapter.name}", context)


@regions_are_allowed.check("spec")
def _stored_for_the_exit(spec: InferenceStack, context: Context) -> Iterator[Outcome]:
    """The exit plan may name weights that no backend serves yet."""
    exit_plan = spec.exit if isinstance(spec, InferenceStack) else None
    if exit_plan is not None and exit_plan.fallback is not None:
        yield from _kept(exit_plan.fallback, "weights of the exit plan", context, path="exit.fallback")


def _kept(uri: str, what: str, context: Context, path: str | None = None) -> Iterator[Problem]:
    """Problems of the place where weights are kept: a store's registered Region, or that of a registry."""
    bucket_name = uri.removeprefix(S3).partition("/")[0] if uri.startswith(S3) else None
    store = context.organization.stores.get(bucket_name) if bucket_name else None
    if bucket_name is not None and store is None:
        yield undecided(
            f"{what}: {bucket_name} is no registered store, so nobody knows its Region", path=path
        )
        return
    regions = regions_named(uri) if store is None else (store.region,)
    for region in dict.fromkeys(regions):
        if wrong := context.outside(region):
            where = f"store {bucket_name}" if bucket_name else uri
            yield fail(f"{what} in {where}: {wrong}", path=path)


@regions_are_allowed.check_stack(types.AWS_PROVIDER)
def _providers(providers: tuple[Resource, ...], context: Context) -> Iterator[Outcome]:
    made: dict[str, list[Resource]] = {}
    for item in context.stack.of(types.AWS):
        if item.provider is not None:
            made.setdefault(item.provider.urn, []).append(item)
    for provider in providers:
        region = get(provider.props, "region")
        through = made.get(provider.urn, [])
        if region is None:
            told = "names no Region, so the deploying machine's environment chooses it"
            yield fail(told, path="region", subject=provider)
        elif through and all(catalog.global_service(item.type) for item in through):
            continue  # what lies nowhere is made through any Region
        elif wrong := context.outside(str(region)):
            yield fail(f"{wrong}; {_offer(context)}", path="region", subject=provider)


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


_QUEUE = resource("aws:sqs/queue:Queue", "queue")
_CLUSTER, _QUEUES = "cluster:clusterIdentifier", aws_host("sqs.us-east-1")
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
regions_are_allowed.fails(
    "a state says that a queue is elsewhere",
    add=(replace(_QUEUE, outputs={"id": f"https://{_QUEUES}/1/q"}),),
)
regions_are_allowed.fails("S3 reports a bucket elsewhere", {"weights:bucketRegion": "us-east-1"})
regions_are_allowed.fails(
    "an ARN names another Region", {"alarms:topic": arn("sns", "alarms", region="us-east-1")}
)
regions_are_allowed.fails("the cluster is elsewhere", {_CLUSTER: arn("eks", "cluster/c", region="us-east-1")})
regions_are_allowed.fails("a Local Zone abroad", {"subnet:availabilityZone": f"{REGION}-waw-1a"})
regions_are_allowed.fails("the environment sends calls elsewhere", {f"proxy:{FIRST_VARIABLE}": "us-east-1"})

_BACKEND, _STORES = "spec:backends.qwen", "organization:stores"
_IN_A_STORE = {
    _STORES: {"models": {"account": ACCOUNT, "region": REGION}},
    f"{_BACKEND}.weights": "s3://models/qwen",
    f"{_BACKEND}.model": "Qwen/Qwen3-4B",
    f"{_BACKEND}.adapters": [{"name": "tuned", "weights": "s3://models/tuned"}],
    f"organization:accounts.{ACCOUNT}.state_backend": f"s3://state?region={REGION}",
    "spec:exit": {"fallback": "s3://models/qwen"},
}
_ADAPTER = f"{_BACKEND}.adapters[0].weights"
_REGISTRY = f"oci://{aws_host('111111111111.dkr.ecr.us-east-1')}/tuned"

regions_are_allowed.passes("weights and adapters in a registered store in Frankfurt", given=_IN_A_STORE)
regions_are_allowed.fails("the store lies in Virginia", {f"{_STORES}.models.region": "us-east-1"})
regions_are_allowed.fails("the adapter comes from a registry in Virginia", {_ADAPTER: _REGISTRY})
regions_are_allowed.fails("so do the weights of the exit plan", {"spec:exit.fallback": _REGISTRY})
regions_are_allowed.is_undecided(
    "the exit plan names a bucket that nobody registered", {"spec:exit.fallback": "s3://someones/qwen"}
)
regions_are_allowed.fails(
    "the account keeps its state in Virginia",
    {f"organization:accounts.{ACCOUNT}.state_backend": "s3://state?region=us-east-1"},
)


_VIRGINIA = aws_provider("virginia", region="us-east-1")
_THERE = Provider(urn=_VIRGINIA.urn, package="aws", config={"region": "us-east-1"})

regions_are_allowed.passes(
    "a role lies nowhere, whatever its provider's Region",
    _VIRGINIA,
    replace(resource(types.ROLE, "role", {"name": "example"}), provider=_THERE),
)
regions_are_allowed.fails("something regional beside it", add=(replace(_QUEUE, provider=_THERE),))
regions_are_allowed.fails("nothing is made through it", remove=("role",))


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


@only_used_regions_are_enabled.check_stack(types.AWS_PROVIDER, types.AWS)
def _used(users: tuple[Resource, ...], context: Context) -> Iterator[Outcome]:
    enabled = {
        get(found.props, "regionName")
        for found in context.stack.of(types.ACCOUNT_REGION)
        if get(found.props, "enabled", True)
    }
    for user in users:
        region = str(get(user.props, "region", ""))
        if region in catalog.regions() and catalog.region(region).opt_in and region not in enabled:
            yield fail(
                f"{region} must be enabled for the account first; cross-Region inference may still use "
                "Regions that the account never enabled",
                path="region",
                subject=user,
            )


only_used_regions_are_enabled.passes(
    "Zurich is enabled where CH is allowed",
    aws_provider(),
    resource(types.ACCOUNT_REGION, "zurich", {"regionName": "eu-central-2", "enabled": True}),
    world="vendor",
)
only_used_regions_are_enabled.fails("a Region outside is enabled", {"zurich:regionName": "me-central-1"})
_IN_ZURICH = resource(types.TOPIC_SUBSCRIPTION, "alarms", {"region": "eu-central-2"})
only_used_regions_are_enabled.fails(
    "one is used that is switched off", {"zurich:enabled": False}, add=(_IN_ZURICH,)
)
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
    if not on_file and not any(_denies_regions(guard, context) for guard in guards):
        yield fail("no Region guard is on file for the account")


@regions_are_guarded.check(types.CONTROL_POLICY)
def _guards(policy: Resource, context: Context) -> Iterator[Outcome]:
    if get(policy.props, "type", "SERVICE_CONTROL_POLICY") == "SERVICE_CONTROL_POLICY":
        get(policy.props, "content")
        if not _denies_regions(policy, context):
            yield fail(
                "guards no Region: it denies not all but allowed ones by aws:RequestedRegion",
                path="content",
            )


def _denies_regions(policy: Resource, context: Context) -> bool:
    """Whether a statement denies every Region but allowed ones; one that allows holds nobody back."""
    content = policy.props.get("content")
    found = json_document(content) if isinstance(content, str | dict) else None
    return any(
        "Not" in operator and GUARD_KEY in keys and _only_allowed(listed(keys[GUARD_KEY]), context)
        for statement in listed(get(found or {}, "Statement", []))
        if statement.get("Effect") == "Deny"
        for operator, keys in (statement.get("Condition") or {}).items()
    )


def _only_allowed(regions: list[str], context: Context) -> bool:
    return bool(regions) and not any("*" in name or context.outside(name) for name in regions)


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
for _note, _effect, _operator, _but in (
    ("a policy that allows", "Allow", "StringNotEquals", REGION),
    ("a policy that denies the own Region", "Deny", "StringEquals", REGION),
    ("a policy that lets every Region be", "Deny", "StringNotLike", "*"),
):
    _condition = {_operator: {GUARD_KEY: [_but]}}
    regions_are_guarded.fails(
        _note, {"guard:content": document({"Effect": _effect, "Condition": _condition})}
    )
_TWO = {"Effect": "Deny", "Condition": {"StringNotEquals": {GUARD_KEY: [REGION, "us-east-1"]}}}
regions_are_guarded.fails("a policy that lets a Region outside be", {"guard:content": document(_TWO)})
