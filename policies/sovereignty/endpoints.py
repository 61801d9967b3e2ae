"""VPC endpoints: which must be there, and that their policies hold something back.

Not here: Bedrock's endpoint (profiles) and links to other networks (boundary).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from inferplan.resource import Resource
from policies.context import Context
from policies.example import change, resource
from policies.levels import without_internet
from policies.read import get, json_document, listed
from policies.rule import DROP, Example, Outcome, fail, on_stack, rule
from policies.sovereignty.bedrock import ENDPOINT, ENDPOINT_POLICY, allowed_statements

VPC = "aws:ec2/vpc:Vpc"
# What each kind of stack cannot work without (settled 19; kms only where something calls it).
WITH_CLUSTER = ("ec2", "ecr.api", "ecr.dkr", "eks", "eks-auth", "logs", "monitoring", "s3", "sts")
WITH_TASKS = ("ecr.api", "ecr.dkr", "logs", "s3", "secretsmanager")


def allow_all(document: Any) -> bool:
    """Whether a statement lets anybody do anything with everything, without a condition."""
    return any(
        not statement.get("Condition")
        and _anybody(statement.get("Principal"))
        and any(
            str(action) == "*" or str(action).endswith(":*") for action in listed(statement.get("Action"))
        )
        and "*" in listed(statement.get("Resource"))
        for statement in allowed_statements(document)
    )


def _anybody(principal: Any) -> bool:
    return principal == "*" or (isinstance(principal, dict) and "*" in listed(principal.get("AWS")))


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
        change("an open policy of its own resource", {"separate:policy": _OPEN}),
    ),
)
def egr_004(endpoint: Resource, _context: Context) -> Iterator[Outcome]:
    if allow_all(json_document(endpoint.props.get("policy")) or {}):
        yield fail("lets anybody do anything with everything; add a condition on the account", path="policy")
