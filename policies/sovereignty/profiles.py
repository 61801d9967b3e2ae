"""Bedrock: where a model id may be served, and what may be called through which door.

Not here: other vendors (vendors) and their hosts (allowlists).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from inferplan import catalog
from inferplan.resource import Resource
from policies.context import Context, NamedBackend
from policies.example import change, resource
from policies.read import arns, each, get, json_document, known, listed
from policies.rule import (
    DROP,
    Example,
    Outcome,
    Problem,
    fail,
    on_declaration,
    on_resource,
    on_stack,
    rule,
    undecided,
)

ENDPOINT = "aws:ec2/vpcEndpoint:VpcEndpoint"
ENDPOINT_POLICY = "aws:ec2/vpcEndpointPolicy:VpcEndpointPolicy"
IAM_POLICIES = (
    "aws:iam/policy:Policy",
    "aws:iam/rolePolicy:RolePolicy",
    "aws:iam/userPolicy:UserPolicy",
    "aws:iam/groupPolicy:GroupPolicy",
)
ROLE, ATTACHMENT = "aws:iam/role:Role", "aws:iam/rolePolicyAttachment:RolePolicyAttachment"
_WIDE_POLICY = re.compile(r":iam::aws:policy/(AmazonBedrock|AdministratorAccess|PowerUserAccess)")
INVOKE = re.compile(r"bedrock:(\*|invoke|converse|\w*\*)", re.IGNORECASE)


def profile_problem(model_id: str, context: Context, path: str | None) -> Problem | None:
    """Why a Bedrock model id may be served outside the boundary, None when it cannot be."""
    profile = catalog.bedrock_profile(model_id)
    if profile is None:
        return None
    fact = f"bedrock_profiles/{profile.prefix}"
    if profile.destinations is None:
        if context.confirmed(fact):
            return None
        return fail(
            f"no fact says where profile {profile.prefix} routes; use an in-Region model id", path=path
        )
    places = {name: context.country_of(name) for name in profile.destinations}
    outside = [
        f"{name} ({country})" for name, country in places.items() if country not in context.allowed_countries
    ]
    if outside:
        shown = ", ".join(outside[:5]) + (f" and {len(outside) - 5} more" if len(outside) > 5 else "")
        narrower = model_id.partition(".")[2].rpartition("/")[2] or "an in-Region model id"
        return fail(f"profile {profile.prefix} may route to {shown}; use {narrower} in the Region", path=path)
    doubt = context.doubt(fact, profile)
    return undecided(doubt, path=path) if doubt else None


@cache
def _prefixed() -> re.Pattern[str]:
    makers = "|".join(sorted(map(re.escape, catalog.bedrock_providers())))
    # A model id has a dash, digit or star after its maker; a host such as api.openai.com has not.
    return re.compile(
        rf"(?<![a-z0-9-])((?:[a-z]{{2,8}}(?:-[a-z]+)?)\.(?:{makers})\.(?=[a-z.]*[0-9*-])[a-z0-9.:*-]+)"
    )


_PROFILE_ARN = re.compile(r"(?:application-)?inference-profile/([^\s\"',]+)")
_GUARDRAIL = re.compile(r"(?<![a-z0-9-])([a-z]{2,8}(?:-[a-z]+)?\.guardrail\.v[0-9]+:[0-9]+)")


def profiles_in(text: str) -> list[str]:
    """Every cross-Region model id that a text names; `inference-profile/*` counts as an unknown one."""
    named = [match.group(1) for match in _prefixed().finditer(text)]
    return list(dict.fromkeys([*named, *(match.group(1) for match in _PROFILE_ARN.finditer(text))]))


def guardrail_problem(
    profile_id: str, source_region: str | None, context: Context, path: str
) -> Problem | None:
    """Why a cross-Region guardrail profile leaves the boundary."""
    profile = catalog.guardrail_profiles().get(profile_id)
    if profile is None or profile.destinations is None:
        return fail(f"no fact says where guardrail profile {profile_id} routes", path=path)
    extra = profile.extra_when_source_is.get(source_region or "", ())
    for name in (*profile.destinations, *extra):
        if wrong := context.outside(name):
            return fail(f"guardrail profile {profile_id} may route outside: {wrong}", path=path)
    doubt = context.doubt(f"guardrail_profiles/{profile_id}", profile)
    return undecided(doubt, path=path) if doubt else None


def _declared(backend: NamedBackend, context: Context) -> Iterator[Outcome]:
    model = backend.backend.model if backend.on_bedrock else None
    problem = profile_problem(model, context, "model") if model else None
    if problem:
        yield problem


_ENV = "spec.template.spec.containers[0].env[0].value"
_MODEL = "mistral.mistral-large-2402-v1:0"
_MODEL_ARN = f"arn:aws:bedrock:eu-central-1::foundation-model/{_MODEL}"


def _policy(model_arn: str) -> str:
    return json.dumps(
        {"Statement": [{"Effect": "Allow", "Action": "bedrock:InvokeModel", "Resource": [model_arn]}]}
    )


@rule(
    id="SOV-006",
    title="Every Region that a Bedrock profile may route to is allowed",
    why="A profile sends prompts and answers to any of its Regions; eu. can mean London or Zurich, apac. "
    "the Emirates.",
    fix="Use the in-Region model id, or a narrower profile whose every Region is allowed.",
    source=("000:77",),
    level="mandatory",
    on=("aws:*", "kubernetes:*"),
    more=(on_declaration(_declared, "backend"),),
    passing=(
        Example(
            note="in-Region ids in spec, environment, policies and configuration",
            base="both",
            resources=(
                resource(
                    "aws:bedrock/inferenceProfile:InferenceProfile",
                    "profile",
                    {"modelSource": {"copyFrom": _MODEL_ARN}},
                ),
                resource(
                    "kubernetes:apps/v1:Deployment",
                    "app",
                    {
                        "spec": {
                            "template": {
                                "spec": {
                                    "containers": [
                                        {"name": "app", "env": [{"name": "MODEL", "value": _MODEL}]}
                                    ]
                                }
                            }
                        }
                    },
                ),
                resource("aws:iam/policy:Policy", "iam", {"policy": _policy(_MODEL_ARN)}),
                resource(
                    "kubernetes:core/v1:ConfigMap",
                    "proxy",
                    {
                        "data": {
                            "config.yaml": f"model_list:\n- model_name: desk\n  litellm_params: "
                            f"{{model: bedrock/{_MODEL}}}\n"
                        }
                    },
                ),
                resource("aws:bedrock/guardrail:Guardrail", "guardrail", {"name": "g"}),
                resource(
                    ENDPOINT,
                    "door",
                    {
                        "serviceName": "com.amazonaws.eu-central-1.bedrock-runtime",
                        "privateDnsEnabled": True,
                        "policy": _policy(_MODEL_ARN),
                    },
                ),
            ),
        ),
        Example(
            note="a Japanese profile inside a Japanese boundary",
            base="both",
            spec={
                "data.residency.countries": ["JP"],
                "target.region": "ap-northeast-1",
                "backends.mistral.model": "jp.anthropic.claude-sonnet-4-5-20250929-v1:0",
            },
            organization={"accounts.111111111111.countries": ["JP"]},
        ),
        Example(note="an in-Region id in the spec", base="both"),
    ),
    failing=(
        change(
            "the spec names a European profile",
            of=2,
            spec={"backends.mistral.model": "eu.mistral.pixtral-large-2502-v1:0"},
        ),
        change(
            "the spec names an unknown prefix",
            of=2,
            spec={"backends.mistral.model": "ca.mistral.pixtral-large-2502-v1:0"},
        ),
        change(
            "a Japanese profile without Japan",
            of=1,
            spec={"data.residency.countries": ["AU"]},
            organization={"accounts.111111111111.countries": ["AU"]},
            also=("SOV-001",),
        ),
        change(
            "an inference profile copies from a European one",
            {
                "profile:modelSource.copyFrom": f"arn:aws:bedrock:eu-central-1:111111111111:"
                f"inference-profile/eu.{_MODEL}"
            },
        ),
        change(
            "a pod calls a global profile",
            {f"app:{_ENV}": "global.anthropic.claude-sonnet-4-5-20250929-v1:0"},
        ),
        change(
            "a policy allows a European profile",
            {
                "iam:policy": _policy(
                    f"arn:aws:bedrock:eu-central-1:111111111111:inference-profile/eu.{_MODEL}"
                )
            },
            also=("EGR-011",),
        ),
        change(
            "a policy allows every profile",
            {"iam:policy": _policy("arn:aws:bedrock:eu-central-1:111111111111:inference-profile/*")},
            also=("EGR-011",),
        ),
        change(
            "the proxy calls a European profile",
            {
                "proxy:data": {
                    "config.yaml": f"model_list:\n- model_name: desk\n  litellm_params: "
                    f"{{model: bedrock/eu.{_MODEL}}}\n"
                }
            },
        ),
        change(
            "the endpoint lets a European profile through",
            {
                "door:policy": _policy(
                    f"arn:aws:bedrock:eu-central-1:111111111111:inference-profile/eu.{_MODEL}"
                )
            },
            also=("EGR-011",),
        ),
        change(
            "a cross-Region guardrail",
            {"guardrail:crossRegionConfig": {"guardrailProfileIdentifier": "eu.guardrail.v1:0"}},
        ),
    ),
)
def sov_006(item: Resource, context: Context) -> Iterator[Outcome]:
    seen = set()
    for text in context.texts(item):
        for model_id in profiles_in(text.value):
            problem = profile_problem(model_id, context, text.path) if model_id not in seen else None
            seen.add(model_id)
            if problem:
                yield problem
        for profile_id in _GUARDRAIL.findall(text.value):
            if problem := guardrail_problem(profile_id, item.props.get("region"), context, text.path):
                yield problem


# -- EGR-011 ---------------------------------------------------------------------------------------
def allowed_statements(document: Any) -> list[dict[str, Any]]:
    """The Allow statements of a policy document."""
    return [item for item in listed(get(document, "Statement", [])) if item.get("Effect") == "Allow"]


def _invocations(document: Any) -> Iterator[dict[str, Any]]:
    """Statements that let somebody call a Bedrock model."""
    for statement in allowed_statements(document):
        actions = [str(action) for action in listed(statement.get("Action"))]
        if "NotAction" in statement or any(action == "*" or INVOKE.match(action) for action in actions):
            yield statement


def _declared_models(context: Context) -> set[str] | None:
    """Model ids that the spec may call on Bedrock; None without a declaration."""
    if not context.declared or context.inference is None:
        return None
    names = {name for vendor in context.vendors for name in vendor.backends}
    return {str(context.backend(name).backend.model) for name in names if context.backend(name).on_bedrock}


def _unnamed(document: Any, context: Context, path: str) -> Iterator[Outcome]:
    """What a policy lets through beyond the spec's models."""
    models = _declared_models(context)
    for statement in _invocations(document):
        resources = [str(item) for item in listed(statement.get("Resource"))]
        if not resources or "NotResource" in statement:
            yield fail("lets every model through: it names no resource", path=path)
        for item in resources:
            ids = [
                found.resource.partition("/")[2] for found in arns(item) if found.service in {"bedrock", "*"}
            ]
            if item == "*" or any("*" in name or not name for name in ids):
                yield fail("lets models through by wildcard; name the ARN of each", path=path)
            elif models is not None and any(name not in models for name in ids):
                yield fail(f"lets {ids[0]} through, which the spec does not name", path=path)


def is_bedrock(endpoint: Resource) -> bool:
    """Whether an endpoint leads to Bedrock's model calls."""
    return str(get(endpoint.props, "serviceName", "")).endswith((".bedrock-runtime", ".bedrock-mantle"))


def _identity(item: Resource, context: Context) -> Iterator[Outcome]:
    yield from _unnamed(json_document(item.props.get("policy")) or {}, context, "policy")


def _inline(role: Resource, context: Context) -> Iterator[Outcome]:
    for path, policy in each(role.props, "inlinePolicies[].policy"):
        yield from _unnamed(json_document(policy) or {}, context, path)


def _managed(item: Resource, context: Context) -> Iterator[Outcome]:
    """AWS's own policies that let every model through; a policy of the stack is judged by itself."""
    for path in ("policyArn", "managedPolicyArns[]"):
        for target in context.stack.targets(item, path, IAM_POLICIES[0]):
            if not target.resources and _WIDE_POLICY.search(str(known(target.value))):
                yield fail("attaches a policy of AWS that lets every model through", path=target.path)


def _doors(resources: tuple[Resource, ...], context: Context) -> Iterator[Outcome]:
    doors = [item for item in resources if item.type == ENDPOINT and is_bedrock(item)]
    for door in doors:
        attached = context.stack.pointing_at(door, "vpcEndpointId", ENDPOINT_POLICY)
        policy = next(
            (item.props.get("policy") for item in (door, *attached) if item.props.get("policy")), None
        )
        if policy is None:
            yield fail("has no policy, so every model and profile passes", path="policy", subject=door)
        else:
            for problem in _unnamed(json_document(policy) or {}, context, "policy"):
                if isinstance(problem, Problem):
                    yield fail(problem.message, path=problem.path, subject=door)
    if _declared_models(context) and not doors and context.stack.of("aws:ec2/vpc:Vpc"):
        yield fail("the spec calls Bedrock, and no VPC endpoint for bedrock-runtime leads there")


_DOOR = resource(
    ENDPOINT,
    "door",
    {
        "serviceName": "com.amazonaws.eu-central-1.bedrock-runtime",
        "privateDnsEnabled": True,
        "policy": _policy(_MODEL_ARN),
    },
)


@rule(
    id="EGR-011",
    title="Bedrock is called through PrivateLink, and only for the models that the spec names",
    why="Without the endpoint the call takes the internet; with a wildcard, clients add profile prefixes "
    "by themselves.",
    fix="Declare the bedrock-runtime endpoint with private DNS and name each model's ARN in its policy "
    "and in the role's.",
    source=("000:145",),
    level="mandatory",
    on=(ENDPOINT,),
    more=(
        on_resource(_identity, *IAM_POLICIES),
        on_resource(_inline, ROLE),
        on_resource(_managed, ROLE, ATTACHMENT),
        on_stack(_doors, ENDPOINT, "aws:ec2/vpc:Vpc"),
    ),
    passing=(
        Example(
            note="endpoint, endpoint policy and role name one model",
            base="both",
            resources=(
                resource("aws:ec2/vpc:Vpc", "vpc", {"cidrBlock": "10.0.0.0/16"}),
                _DOOR,
                resource("aws:iam/policy:Policy", "role", {"policy": _policy(_MODEL_ARN)}),
                resource(ROLE, "caller", {"inlinePolicies": [{"policy": _policy(_MODEL_ARN)}]}),
                resource(ATTACHMENT, "attached", {"policyArn": "arn:aws:iam::111111111111:policy/role"}),
            ),
        ),
    ),
    failing=(
        change("no endpoint", remove=("door",)),
        change("private DNS is off", {"door:privateDnsEnabled": False}),
        change("private DNS is not said", {"door:privateDnsEnabled": DROP}),
        change("the endpoint has no policy", {"door:policy": DROP}, also=("EGR-004",)),
        change("the endpoint's policy is open", {"door:policy": _policy("*")}),
        change(
            "the endpoint's policy names another model",
            {"door:policy": _policy("arn:aws:bedrock:eu-central-1::foundation-model/amazon.nova-pro-v1:0")},
        ),
        change("the role's own policy is open", {"caller:inlinePolicies[0].policy": _policy("*")}),
        change(
            "a policy of AWS is attached",
            {"attached:policyArn": "arn:aws:iam::aws:policy/AmazonBedrockFullAccess"},
        ),
        change(
            "the role may call every model",
            {"role:policy": _policy("arn:aws:bedrock:eu-central-1::foundation-model/*")},
        ),
    ),
)
def egr_011(endpoint: Resource, _context: Context) -> Iterator[Outcome]:
    if is_bedrock(endpoint) and known(endpoint.props.get("privateDnsEnabled")) is not True:
        yield fail(
            "private DNS is off, so clients resolve the public address of Bedrock", path="privateDnsEnabled"
        )
