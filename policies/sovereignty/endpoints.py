"""VPC endpoints: which must be there, and that their policies hold something back.

Not here: Bedrock's endpoint (profiles) and links to other networks (boundary).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from inferplan.resource import Resource
from policies.context import Context
from policies.example import aws_arn, change, resource
from policies.levels import without_internet
from policies.read import get, json_document, listed
from policies.rule import DROP, Example, Outcome, fail, on_stack, rule
from policies.sovereignty.bedrock import ENDPOINT, ENDPOINT_POLICY, allowed_statements

VPC = "aws:ec2/vpc:Vpc"
# What each kind of stack cannot work without (settled 19; kms only where something calls it).
WITH_CLUSTER = ("ec2", "ecr.api", "ecr.dkr", "eks", "eks-auth", "logs", "monitoring", "s3", "sts")
# Condition keys that say whose call or resource it is.
BINDING = frozenset(
    {"aws:principalaccount", "aws:principalarn", "aws:principalorgid", "aws:resourceaccount",
     "aws:resourceorgid", "aws:sourceaccount", "aws:sourcearn", "aws:sourceowner", "aws:sourcevpc",
     "aws:sourcevpce", "kms:calleraccount", "s3:dataaccesspointaccount"}
)  # fmt: skip
WITH_TASKS = ("ecr.api", "ecr.dkr", "logs", "s3", "secretsmanager")


def allow_all(document: Any) -> bool:
    """Whether a statement lets anybody do anything with everything, without a condition."""
    return any(
        not binds(statement.get("Condition")) and anybody(statement) and _anything(statement)
        for statement in allowed_statements(document)
    )


def anybody(statement: dict[str, Any]) -> bool:
    """Whether a statement speaks of every principal there is."""
    principal = statement.get("Principal")
    named = listed(principal.get("AWS")) if isinstance(principal, dict) else listed(principal)
    return "*" in named or "NotPrincipal" in statement


def _anything(statement: dict[str, Any]) -> bool:
    """Whether it covers every resource of a service; a bucket's ARN names neither Region nor account."""
    parts = [str(item).rpartition(":")[2] for item in listed(statement.get("Resource"))]
    return "NotResource" in statement or any(not part.strip("*/") for part in parts)


def binds(condition: Any) -> bool:
    """Whether a condition ties callers or resources to accounts, networks or names that it spells out."""
    return any(
        key.lower() in BINDING and "Not" not in operator and "*" not in listed(values)
        for operator, keys in (condition or {}).items()
        if "Equals" in operator or "Like" in operator
        for key, values in keys.items()
    )


def _missing(vpcs: tuple[Resource, ...], context: Context) -> Iterator[Outcome]:
    stack = context.stack
    wanted: tuple[str, ...] = ()
    if stack.of("aws:eks/cluster:Cluster"):
        wanted = WITH_CLUSTER
    elif stack.of("aws:ecs/cluster:Cluster"):
        wanted = WITH_TASKS
    names = [str(get(item.props, "serviceName", "")) for item in stack.of(ENDPOINT)]
    missing = [name for name in wanted if not any(found.endswith(f".{name}") for found in names)]
    if missing:
        yield fail(
            f"AWS services without a VPC endpoint: {', '.join(missing)}; limit each by aws:PrincipalAccount",
            subject=vpcs[0],
        )


def _without_policy(endpoints: tuple[Resource, ...], context: Context) -> Iterator[Outcome]:
    for endpoint in endpoints:
        attached = context.stack.pointing_at(endpoint, "vpcEndpointId", ENDPOINT_POLICY)
        balancer = get(endpoint.props, "vpcEndpointType") == "GatewayLoadBalancer"
        if endpoint.props.get("policy") is None and not attached and not balancer:
            yield fail(
                "has no policy, and the default lets everybody do everything", path="policy", subject=endpoint
            )


_OWN = (
    '{"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "logs:*", "Resource": "*", '
    '"Condition": {"StringEquals": {"aws:PrincipalAccount": "111111111111"}}}]}'
)


def _statement(**more: object) -> str:
    """An endpoint's policy of an example, for everybody."""
    return json.dumps({"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "*", **more}]})


_OPEN = '{"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}]}'


def _endpoint(name: str) -> Resource:
    return resource(ENDPOINT, name, {"serviceName": f"com.amazonaws.eu-central-1.{name}", "policy": _OWN})


@rule(
    id="EGR-004",
    title="AWS services are reached through VPC endpoints whose policies hold something back",
    why="Without an endpoint the call needs an internet route; with an open policy it reaches anybody's "
    "account.",
    fix="Declare the missing endpoints, each with a policy that names the account (aws:PrincipalAccount) "
    "or the bucket.",
    source=("004:73",),
    level=without_internet,
    on=(ENDPOINT, ENDPOINT_POLICY),
    more=(on_stack(_missing, VPC), on_stack(_without_policy, ENDPOINT)),
    passing=(
        Example(
            note="a cluster with its endpoints",
            resources=(
                resource(VPC, "vpc", {"cidrBlock": "10.0.0.0/16"}),
                resource(
                    "aws:eks/cluster:Cluster",
                    "cluster",
                    {"vpcConfig": {"endpointPublicAccess": False, "endpointPrivateAccess": True}},
                ),
                *(_endpoint(name) for name in WITH_CLUSTER),
                resource(ENDPOINT_POLICY, "separate", {"policy": _OWN}),
            ),
        ),
        Example(
            note="tasks with their endpoints",
            base="vendor",
            resources=(
                resource(VPC, "vpc", {"cidrBlock": "10.0.0.0/16"}),
                resource("aws:ecs/cluster:Cluster", "tasks", {}),
                *(_endpoint(name) for name in WITH_TASKS),
            ),
        ),
    ),
    failing=(
        *(change(f"no endpoint for {name}", remove=(name,)) for name in WITH_CLUSTER),
        *(change(f"no endpoint for {name} with tasks", of=1, remove=(name,)) for name in WITH_TASKS),
        change("an endpoint without a policy lets everything through", {"logs:policy": DROP}),
        change("an open policy", {"logs:policy": _OPEN}),
        change(
            "a policy for any bucket",
            {"s3:policy": _statement(Action="s3:PutObject", Resource=aws_arn("s3:::*/*"))},
        ),
        change(
            "a policy that leaves one action out",
            {"logs:policy": _statement(NotAction="iam:*", Resource="*")},
        ),
        change(
            "a condition that binds nobody",
            {"logs:policy": _statement(Resource="*", Condition={"Bool": {"aws:SecureTransport": "true"}})},
        ),
        change(
            "a condition that any account meets",
            {
                "logs:policy": _statement(
                    Resource="*", Condition={"StringLike": {"aws:PrincipalAccount": "*"}}
                )
            },
        ),
        change("an open policy of its own resource", {"separate:policy": _OPEN}),
    ),
)
def egr_004(endpoint: Resource, _context: Context) -> Iterator[Outcome]:
    if allow_all(json_document(endpoint.props.get("policy")) or {}):
        yield fail("lets anybody do anything with everything; add a condition on the account", path="policy")
