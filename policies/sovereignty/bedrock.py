"""The way to Bedrock: through PrivateLink, and only for the models that the spec names.

Not here: where a model id may be served (profiles) and other endpoints (endpoints).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Any

from inferplan import catalog
from inferplan.resource import Resource
from policies.context import Context
from policies.example import aws_arn, change, resource
from policies.read import arns, each, get, json_document, known, listed
from policies.rule import (
    DROP,
    Example,
    Outcome,
    Problem,
    fail,
    on_resource,
    on_stack,
    rule,
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
ATTACHMENTS = (
    ATTACHMENT,
    "aws:iam/userPolicyAttachment:UserPolicyAttachment",
    "aws:iam/groupPolicyAttachment:GroupPolicyAttachment",
    "aws:iam/policyAttachment:PolicyAttachment",
)
_WIDE_POLICY = re.compile(r":iam::aws:policy/(AmazonBedrock|AdministratorAccess|PowerUserAccess)")
# What hands a prompt to a model; actions of a policy are patterns over such names.
INVOCATIONS = (
    "bedrock:invokemodel",
    "bedrock:invokemodelwithresponsestream",
    "bedrock:converse",
    "bedrock:conversestream",
    "bedrock:createmodelinvocationjob",
    "bedrock-mantle:createinference",
)


_MODEL = "mistral.mistral-large-2402-v1:0"
_BEHIND = "anthropic.claude-sonnet-4-5-20250929-v1:0"
_MODEL_ARN = aws_arn(f"bedrock:eu-central-1::foundation-model/{_MODEL}")


def _policy(model_arn: str, action: str = "bedrock:InvokeModel") -> str:
    return json.dumps({"Statement": [{"Effect": "Allow", "Action": action, "Resource": [model_arn]}]})


def allowed_statements(document: Any) -> list[dict[str, Any]]:
    """The Allow statements of a policy document."""
    return [item for item in listed(get(document, "Statement", [])) if item.get("Effect") == "Allow"]


def _invocations(document: Any) -> Iterator[dict[str, Any]]:
    """Statements that let somebody call a Bedrock model."""
    for statement in allowed_statements(document):
        patterns = [str(action).lower() for action in listed(statement.get("Action"))]
        if "NotAction" in statement or any(
            fnmatchcase(name, pattern) for name in INVOCATIONS for pattern in patterns
        ):
            yield statement


def _declared_models(context: Context) -> set[str] | None:
    """Model ids that the spec may call on Bedrock; None without a declaration."""
    if not context.declared or context.inference is None:
        return None
    names = {name for vendor in context.vendors for name in vendor.backends}
    found = {str(context.backend(name).backend.model) for name in names if context.backend(name).on_bedrock}
    # A profile calls the model itself in each of its Regions; that those are allowed is SOV-006's business.
    behind = {
        name.partition(".")[2] for name in found if name.partition(".")[0] not in catalog.bedrock_providers()
    }
    return found | behind


def _unnamed(document: Any, context: Context, path: str) -> Iterator[Outcome]:
    """What a policy lets through beyond the spec's models."""
    models = _declared_models(context)
    for statement in _invocations(document):
        resources = [str(item) for item in listed(statement.get("Resource"))]
        if not resources or "NotResource" in statement:
            yield fail("lets every model through: it names no resource", path=path)
        for item in resources:
            named = list(arns(item))
            models_of = [
                found for found in named if found.service.startswith("bedrock") or "*" in found.service
            ]
            ids = [found.resource.partition("/")[2] for found in models_of]
            if any("*" in name or not name for name in ids) or ("*" in item and not named):
                yield fail("lets models through by wildcard; name the ARN of each", path=path)
            elif any("*" in found.region for found in models_of):
                yield fail("lets models through in every Region; name the Region in the ARN", path=path)
            elif models is not None and (foreign := [name for name in ids if name not in models]):
                yield fail(f"lets {foreign[0]} through, which the spec does not name", path=path)


def is_bedrock(endpoint: Resource) -> bool:
    """Whether an endpoint leads to Bedrock's model calls."""
    service = str(get(endpoint.props, "serviceName", "")).removesuffix("-fips")
    return service.endswith((".bedrock-runtime", ".bedrock-mantle"))


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
        on_resource(_managed, ROLE, *ATTACHMENTS),
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
                resource(ATTACHMENT, "attached", {"policyArn": aws_arn("iam::111111111111:policy/role")}),
            ),
        ),
        Example(
            note="a profile, and the model behind it in each of its Regions",
            base="both",
            spec={
                "data.residency.countries": ["JP"],
                "target.region": "ap-northeast-1",
                "backends.mistral.model": f"jp.{_BEHIND}",
            },
            organization={"accounts.111111111111.countries": ["JP"]},
            resources=(
                resource(
                    "aws:iam/policy:Policy",
                    "role",
                    {"policy": _policy(aws_arn(f"bedrock:ap-northeast-3::foundation-model/{_BEHIND}"))},
                ),
                resource(
                    "aws:iam/rolePolicy:RolePolicy",
                    "profile",
                    {
                        "policy": _policy(
                            aws_arn(f"bedrock:ap-northeast-1:111111111111:inference-profile/jp.{_BEHIND}")
                        )
                    },
                ),
            ),
        ),
    ),
    failing=(
        change(
            "a policy for a profile names another model too",
            {
                "role:policy": _policy(
                    aws_arn("bedrock:ap-northeast-1::foundation-model/amazon.nova-pro-v1:0")
                )
            },
            of=1,
        ),
        change("no endpoint", remove=("door",)),
        change("private DNS is off", {"door:privateDnsEnabled": False}),
        change("private DNS is not said", {"door:privateDnsEnabled": DROP}),
        change("the endpoint has no policy", {"door:policy": DROP}, also=("EGR-004",)),
        change("the endpoint's policy is open", {"door:policy": _policy("*")}),
        change(
            "the endpoint's policy names another model",
            {"door:policy": _policy(aws_arn("bedrock:eu-central-1::foundation-model/amazon.nova-pro-v1:0"))},
        ),
        change("the role's own policy is open", {"caller:inlinePolicies[0].policy": _policy("*")}),
        change(
            "a policy of AWS is attached",
            {"attached:policyArn": aws_arn("iam::aws:policy/AmazonBedrockFullAccess")},
        ),
        change(
            "a policy of AWS is attached to a user",
            add=(
                resource(
                    ATTACHMENTS[1],
                    "user",
                    {"policyArn": aws_arn("iam::aws:policy/AdministratorAccess")},
                    region=None,
                ),
            ),
        ),
        change("everything is allowed", {"role:policy": _policy("*", "*:*")}),
        change("the action is a pattern", {"role:policy": _policy("*", "bedrock:?nvokeModel")}),
        change(
            "batches may use every model", {"role:policy": _policy("*", "bedrock:CreateModelInvocationJob")}
        ),
        change("the resource is half an ARN", {"role:policy": _policy(aws_arn("bedrock:*"))}),
        change(
            "the model may be called in every Region",
            {"role:policy": _policy(aws_arn(f"bedrock:*::foundation-model/{_MODEL}"))},
        ),
        change(
            "the role may call every model",
            {"role:policy": _policy(aws_arn("bedrock:eu-central-1::foundation-model/*"))},
        ),
    ),
)
def egr_011(endpoint: Resource, _context: Context) -> Iterator[Outcome]:
    if is_bedrock(endpoint) and known(endpoint.props.get("privateDnsEnabled")) is not True:
        yield fail(
            "private DNS is off, so clients resolve the public address of Bedrock", path="privateDnsEnabled"
        )
