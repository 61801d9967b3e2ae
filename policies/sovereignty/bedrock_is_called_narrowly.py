"""The way to Bedrock: through PrivateLink, and only for the models that the spec names.

Not here: where models may be served (profiles_stay_inside), endpoints (aws_is_reached_through_endpoints).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from inferplan import catalog
from inferplan.resource import Resource
from policies import types
from policies.context import Context
from policies.read import Arn, arns, get, json_document, known, listed, regions_named
from policies.rule import DROP, Outcome, Problem, Rule, fail
from policies.views.gateway import configurations, entries
from policies.views.iam import allowing, documents
from policies.views.profiles import copied, own_profiles
from policies.world.things import (
    REGION,
    allow,
    arn,
    document,
    endpoint,
    group,
    model_arn,
    profile_arn,
    proxy,
    resource,
    vpc,
)

ATTACHMENTS = (
    types.ROLE_POLICY_ATTACHMENT,
    "aws:iam/userPolicyAttachment:UserPolicyAttachment",
    "aws:iam/groupPolicyAttachment:GroupPolicyAttachment",
    "aws:iam/policyAttachment:PolicyAttachment",
)
WIDE_POLICY = re.compile(r":iam::aws:policy/(AmazonBedrock|AdministratorAccess|PowerUserAccess)")
# What hands a prompt to a model; actions of a policy are patterns over such names.
INVOCATIONS = (
    "bedrock:invokemodel",
    "bedrock:invokemodelwithresponsestream",
    "bedrock:converse",
    "bedrock:conversestream",
    "bedrock:createmodelinvocationjob",
    "bedrock-mantle:createinference",
)

bedrock_is_called_narrowly = Rule(
    id="EGR-011",
    title="Bedrock is called through PrivateLink, and only for the models that the spec names",
    why="Without the endpoint the call takes the internet; with a wildcard, clients add profile prefixes "
    "by themselves.",
    fix="Declare the bedrock-runtime endpoint with private DNS and name each model's ARN in its policy "
    "and in the role's.",
    source=("000:145",),
    level="mandatory",
)


@bedrock_is_called_narrowly.check(types.VPC_ENDPOINT)
def _resolves_inside(item: Resource, _context: Context) -> Iterator[Outcome]:
    if _is_door(item) and known(item.props.get("privateDnsEnabled")) is not True:
        yield fail(
            "private DNS is off, so clients resolve the public address of Bedrock", path="privateDnsEnabled"
        )


@bedrock_is_called_narrowly.check(*types.IAM_POLICIES, types.ROLE)
def _callers(item: Resource, context: Context) -> Iterator[Outcome]:
    for path, policy in documents(item):
        yield from _beyond_the_spec(policy, context, path)


@bedrock_is_called_narrowly.check(types.PROFILE)
def _copies(item: Resource, context: Context) -> Iterator[Outcome]:
    """An application profile calls what it copies from, so that has to be a model of the spec."""
    models, model = _declared_models(context), copied(get(item.props, "modelSource.copyFrom", ""))
    if models is not None and model not in models:
        yield fail(f"copies from {model}, which the spec does not name", path="modelSource.copyFrom")


@bedrock_is_called_narrowly.check(types.ROLE, *ATTACHMENTS)
def _attached(item: Resource, context: Context) -> Iterator[Outcome]:
    """AWS's own policies that let every model through; a policy of the stack is judged by itself."""
    for path in ("policyArn", "managedPolicyArns[]"):
        for target in context.stack.targets(item, path, types.IAM_POLICY):
            if not target.resources and WIDE_POLICY.search(str(known(target.value))):
                yield fail("attaches a policy of AWS that lets every model through", path=target.path)


@bedrock_is_called_narrowly.check_stack(types.VPC_ENDPOINT, types.VPC)
def _doors(resources: tuple[Resource, ...], context: Context) -> Iterator[Outcome]:
    doors = [item for item in resources if item.type == types.VPC_ENDPOINT and _is_door(item)]
    for door in doors:
        attached = context.stack.pointing_at(door, "vpcEndpointId", types.VPC_ENDPOINT_POLICY)
        policies = (item.props.get("policy") for item in (door, *attached))
        policy = next((found for found in policies if found), None)
        if policy is None:
            yield fail("has no policy, so every model and profile passes", path="policy", subject=door)
        else:
            for problem in _beyond_the_spec(json_document(policy) or {}, context, "policy"):
                yield fail(problem.message, path=problem.path, subject=door)
    networks = context.stack.of(types.VPC)
    own = {context.region_of(network) for network in networks}
    here = [door for door in doors if own & set(regions_named(str(door.props.get("serviceName"))))]
    if networks and not here and _is_called(context):
        yield fail("the spec calls Bedrock, and no VPC endpoint for it in the Region leads there")


def _is_door(item: Resource) -> bool:
    """Whether an endpoint leads to Bedrock's model calls."""
    service = str(get(item.props, "serviceName", "")).removesuffix("-fips")
    return service.endswith((".bedrock-runtime", ".bedrock-mantle"))


def _is_called(context: Context) -> bool:
    """Whether calls are to be expected; mode auto may list Bedrock and deploy nothing that calls it."""
    spec = context.inference if context.declared else None
    if spec is None or not _declared_models(context):
        return False
    return spec.mode != "auto" or _may_call(context) or _sends(context)


def _may_call(context: Context) -> bool:
    callers = context.stack.of(*types.IAM_POLICIES, types.ROLE)
    return any(any(allowing(policy, INVOCATIONS)) for item in callers for _, policy in documents(item))


def _sends(context: Context) -> bool:
    carriers = context.stack.of(*types.CONFIGURATION_CARRIERS)
    configured = (config for item in carriers for _, config in configurations(item, context))
    return any(entry.provider.startswith("bedrock") for config in configured for entry in entries(config))


def _beyond_the_spec(policy: Any, context: Context, path: str) -> Iterator[Problem]:
    """What a policy lets through beyond the spec's models."""
    models, profiles = _declared_models(context), own_profiles(context)
    for statement in allowing(policy, INVOCATIONS):
        resources = [str(item) for item in listed(statement.get("Resource"))]
        if not resources or "NotResource" in statement:
            yield fail("lets every model through: it names no resource", path=path)
        for item in resources:
            named = list(arns(item))
            of_models = [found for found in named if _may_be_bedrock(found)]
            names = [found.resource.partition("/")[2] for found in of_models]
            ids = [profiles.get(name, name) for name in names]
            if any("*" in name or not name for name in ids) or ("*" in item and not named):
                yield fail("lets models through by wildcard; name the ARN of each", path=path)
            elif any("*" in found.region for found in of_models):
                yield fail("lets models through in every Region; name the Region in the ARN", path=path)
            elif models is not None and (foreign := [name for name in ids if name not in models]):
                yield fail(f"lets {foreign[0]} through, which the spec does not name", path=path)


def _may_be_bedrock(address: Arn) -> bool:
    return address.service.startswith("bedrock") or "*" in address.service


def _declared_models(context: Context) -> set[str] | None:
    """Model ids that the spec may call on Bedrock; None without a declaration."""
    if not context.declared or context.inference is None:
        return None
    backends = (serving.backend for serving in context.servings)
    found = {str(backend.backend.model) for backend in backends if backend.on_bedrock}
    # A profile calls the model itself in each of its Regions; that those are allowed is SOV-006's business.
    split = (name.partition(".") for name in found)
    return found | {model for scope, _, model in split if scope not in catalog.bedrock_providers()}


_MODEL = "mistral.mistral-large-2402-v1:0"  # of the worlds that call Bedrock
_OTHER, _BEHIND = "amazon.nova-pro-v1:0", "anthropic.claude-sonnet-4-5-20250929-v1:0"
_TOKYO, _OSAKA = "ap-northeast-1", "ap-northeast-3"
_INLINE = "caller:inlinePolicies[0].policy"


def _to(address: str, action: str = "bedrock:InvokeModel") -> str:
    return document(allow(action, address))


def _aws_policy(name: str) -> str:
    return arn("iam", f"policy/{name}", region="", account="aws")


_ONE_MODEL = _to(model_arn(_MODEL))
_HALF_AN_ARN = model_arn(_MODEL).partition(REGION)[0] + "*"

bedrock_is_called_narrowly.passes(
    "endpoint, endpoint policy and role name one model",
    vpc(),
    endpoint("bedrock-runtime", name="door", privateDnsEnabled=True, policy=_ONE_MODEL),
    resource(types.IAM_POLICY, "role", {"policy": _ONE_MODEL}),
    resource(types.ROLE, "caller", {"inlinePolicies": [{"policy": _ONE_MODEL}]}),
    resource(types.ROLE_POLICY_ATTACHMENT, "attached", {"policyArn": arn("iam", "policy/role", region="")}),
    resource(types.PROFILE, "desk", {"modelSource": {"copyFrom": model_arn(_MODEL)}}),
    world="both",
)
bedrock_is_called_narrowly.fails(
    "a profile copies from another model", {"desk:modelSource.copyFrom": model_arn(_OTHER)}
)
bedrock_is_called_narrowly.fails("private DNS is off", {"door:privateDnsEnabled": False})
bedrock_is_called_narrowly.fails("private DNS is not said", {"door:privateDnsEnabled": DROP})
bedrock_is_called_narrowly.fails("the endpoint's policy is open", {"door:policy": _to("*")})
bedrock_is_called_narrowly.fails(
    "the endpoint's policy names another model", {"door:policy": _to(model_arn(_OTHER))}
)
bedrock_is_called_narrowly.fails("the role's own policy is open", {_INLINE: _to("*")})
bedrock_is_called_narrowly.fails(
    "a policy of AWS is attached", {"attached:policyArn": _aws_policy("AmazonBedrockFullAccess")}
)
bedrock_is_called_narrowly.fails("everything is allowed", {"role:policy": _to("*", "*:*")})
bedrock_is_called_narrowly.fails("the action is a pattern", {"role:policy": _to("*", "bedrock:?nvokeModel")})
bedrock_is_called_narrowly.fails(
    "batches may use every model", {"role:policy": _to("*", "bedrock:CreateModelInvocationJob")}
)
bedrock_is_called_narrowly.fails("the resource is half an ARN", {"role:policy": _to(_HALF_AN_ARN)})
bedrock_is_called_narrowly.fails(
    "the model may be called in every Region", {"role:policy": _to(model_arn(_MODEL, region="*"))}
)
bedrock_is_called_narrowly.fails("the role may call every model", {"role:policy": _to(model_arn("*"))})
bedrock_is_called_narrowly.fails("no endpoint", remove=("door",))
bedrock_is_called_narrowly.fails(
    "an endpoint for Bedrock of another Region",
    {"door:serviceName": "com.amazonaws.eu-west-1.bedrock-runtime"},
    also=("SOV-001",),
)
bedrock_is_called_narrowly.fails("the endpoint has no policy", {"door:policy": DROP}, also=("EGR-004",))
bedrock_is_called_narrowly.fails(
    "a policy of AWS is attached to a user",
    add=(resource(ATTACHMENTS[1], "user", {"policyArn": _aws_policy("AdministratorAccess")}, region=None),),
)

bedrock_is_called_narrowly.passes(
    "a profile, and the model behind it in each of its Regions",
    resource(types.IAM_POLICY, "role", {"policy": _to(model_arn(_BEHIND, region=_OSAKA))}),
    resource(types.ROLE_POLICY, "profile", {"policy": _to(profile_arn(f"jp.{_BEHIND}", region=_TOKYO))}),
    world="both",
    given={
        "spec:data.residency.countries": ["JP"],
        "spec:target.region": _TOKYO,
        "spec:backends.mistral.model": f"jp.{_BEHIND}",
        "organization:accounts.111111111111.countries": ["JP"],
    },
)
bedrock_is_called_narrowly.fails(
    "a policy for a profile names another model too",
    {"role:policy": _to(model_arn(_OTHER, region=_TOKYO))},
)

_ADDRESS = arn("bedrock", "application-inference-profile/p1")
bedrock_is_called_narrowly.passes(
    "a role calls the stack's own profile of the spec's model",
    replace(
        resource(types.PROFILE, "desk", {"modelSource": {"copyFrom": model_arn(_MODEL)}}),
        outputs={"id": _ADDRESS},
    ),
    resource(types.IAM_POLICY, "role", {"policy": _to(_ADDRESS)}),
    world="both",
)
bedrock_is_called_narrowly.fails(
    "somebody else's profile", {"role:policy": _to(f"{_ADDRESS}2")}, also=("SOV-006",)
)

bedrock_is_called_narrowly.passes(
    "mode auto chose own weights, so nothing calls Bedrock",
    vpc(),
    world="both",
    given={"spec:mode": "auto", "spec:routes[1].backends": ["qwen", "mistral"]},
)
bedrock_is_called_narrowly.fails("the mode leaves no choice", {"spec:mode": "hybrid"})
bedrock_is_called_narrowly.fails(
    "a policy lets somebody call", add=(resource(types.IAM_POLICY, "role", {"policy": _ONE_MODEL}),)
)
bedrock_is_called_narrowly.fails(
    "a role lets somebody call",
    add=(resource(types.ROLE, "caller", {"inlinePolicies": [{"policy": _ONE_MODEL}]}),),
)
bedrock_is_called_narrowly.fails(
    "the proxy calls", add=(proxy(group("desk", f"bedrock/{_MODEL}", aws_region_name=REGION)),)
)
