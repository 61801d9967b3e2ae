"""VPC endpoints: which must be there, and that their policies hold something back.

Not here: reading of policy documents (policies.views.iam) and routes (nodes_have_no_way_out).
"""

from __future__ import annotations

from collections.abc import Iterator

from inferplan.resource import Resource
from inferplan.spec.organization import RegisteredNetwork
from policies import types
from policies.context import Context
from policies.levels import without_internet
from policies.read import get, json_document
from policies.rule import DROP, Outcome, Rule, fail
from policies.views.iam import allows_all
from policies.world.bases import GIVEN_NETWORK, of_network
from policies.world.things import (
    OWN_ACCOUNT_ONLY,
    allow,
    bucket_arn,
    closed_cluster,
    document,
    endpoint,
    resource,
    vpc,
)

# What each kind of stack cannot work without (settled 19; kms only where something calls it).
NEEDED = {
    types.CLUSTER: ("ec2", "ecr.api", "ecr.dkr", "eks", "eks-auth", "logs", "monitoring", "s3", "sts"),
    types.ECS_CLUSTER: ("ecr.api", "ecr.dkr", "logs", "s3", "secretsmanager"),
}

aws_is_reached_through_endpoints = Rule(
    id="EGR-004",
    title="AWS services are reached through VPC endpoints whose policies hold something back",
    why="Without an endpoint the call needs an internet route; with an open policy it reaches anybody's "
    "account.",
    fix="Declare the missing endpoints, each with a policy that names the account (aws:PrincipalAccount) "
    "or the bucket.",
    source=("004:73",),
    level=without_internet,
)


@aws_is_reached_through_endpoints.check(types.VPC_ENDPOINT, types.VPC_ENDPOINT_POLICY)
def _bound(item: Resource, _context: Context) -> Iterator[Outcome]:
    if allows_all(json_document(item.props.get("policy")) or {}):
        yield fail("lets anybody do anything with everything; add a condition on the account", path="policy")


@aws_is_reached_through_endpoints.check_stack(types.VPC)
def _complete(vpcs: tuple[Resource, ...], context: Context) -> Iterator[Outcome]:
    stack = context.stack
    wanted = next((services for kind, services in NEEDED.items() if stack.of(kind)), ())
    names = [_service(item) for item in stack.of(types.VPC_ENDPOINT)]
    own = context.region_of(vpcs[0])
    missing = [name for name in wanted if not any(found.endswith(f".{own}.{name}") for found in names)]
    if missing:
        yield fail(
            f"AWS services without a VPC endpoint: {', '.join(missing)}; limit each by aws:PrincipalAccount",
            subject=vpcs[0],
        )


@aws_is_reached_through_endpoints.check("network")
def _given(network: RegisteredNetwork, context: Context) -> Iterator[Outcome]:
    kind = types.CLUSTER if context.self_hosted else types.ECS_CLUSTER
    missing = [name for name in NEEDED[kind] if name not in network.endpoints]
    if missing:
        yield fail(f"is registered without endpoints of {', '.join(missing)}")


def _service(item: Resource) -> str:
    """The service that an endpoint leads to; none where it leads into another Region."""
    name, region = str(get(item.props, "serviceName", "")), get(item.props, "serviceRegion")
    return name if region is None or f".{region}." in name else ""


@aws_is_reached_through_endpoints.check_stack(types.VPC_ENDPOINT)
def _with_a_policy(endpoints: tuple[Resource, ...], context: Context) -> Iterator[Outcome]:
    for item in endpoints:
        attached = context.stack.pointing_at(item, "vpcEndpointId", types.VPC_ENDPOINT_POLICY)
        balancer = get(item.props, "vpcEndpointType") == "GatewayLoadBalancer"
        if item.props.get("policy") is None and not attached and not balancer:
            yield fail(
                "has no policy, and the default lets everybody do everything", path="policy", subject=item
            )


def _everybody(action: str = "*", target: str = "*", **more: object) -> str:
    return document(allow(action, target, Principal="*", **more))


_INSECURE = {"Bool": {"aws:SecureTransport": "true"}}
_ANY_ACCOUNT = {"StringLike": {"aws:PrincipalAccount": "*"}}
_ALL_BUT_ONE = {"Effect": "Allow", "Principal": "*", "NotAction": "iam:*", "Resource": "*"}
_WEAKER: dict[str, dict[str, object]] = {
    "an endpoint without a policy lets everything through": {"logs:policy": DROP},
    "an open policy": {"logs:policy": _everybody()},
    "a policy for any bucket": {"s3:policy": _everybody("s3:PutObject", bucket_arn("*/*"))},
    "a policy that leaves one action out": {"logs:policy": document(_ALL_BUT_ONE)},
    "a condition that binds nobody": {"logs:policy": _everybody(Condition=_INSECURE)},
    "a condition that any account meets": {"logs:policy": _everybody(Condition=_ANY_ACCOUNT)},
    "an open policy of its own resource": {"separate:policy": _everybody()},
}

aws_is_reached_through_endpoints.passes(
    "a cluster with its endpoints",
    vpc(),
    closed_cluster(),
    *map(endpoint, NEEDED[types.CLUSTER]),
    resource(types.VPC_ENDPOINT_POLICY, "separate", {"policy": OWN_ACCOUNT_ONLY}),
)
for _name in NEEDED[types.CLUSTER]:
    aws_is_reached_through_endpoints.fails(f"no endpoint for {_name}", remove=(_name,))
_ELSEWHERE = "com.amazonaws.us-east-1.logs"
aws_is_reached_through_endpoints.fails(
    "an endpoint for the service of another Region", {"logs:serviceName": _ELSEWHERE}, also=("SOV-001",)
)
for _note, _edits in _WEAKER.items():
    aws_is_reached_through_endpoints.fails(_note, _edits)

aws_is_reached_through_endpoints.passes(
    "tasks with their endpoints",
    vpc(),
    resource(types.ECS_CLUSTER, "tasks"),
    *map(endpoint, NEEDED[types.ECS_CLUSTER]),
    world="vendor",
)
for _name in NEEDED[types.ECS_CLUSTER]:
    aws_is_reached_through_endpoints.fails(f"no endpoint for {_name} with tasks", remove=(_name,))

aws_is_reached_through_endpoints.passes("a registered network with every endpoint", given=GIVEN_NETWORK)
aws_is_reached_through_endpoints.fails(
    "a registered network without an endpoint of sts",
    {of_network("endpoints"): [name for name in NEEDED[types.CLUSTER] if name != "sts"]},
)
