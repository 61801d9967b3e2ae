"""Doors that face the internet: the cluster's API, balancers, tasks and databases.

Not here: what may leave (nodes_have_no_way_out, vendors_are_behind_a_firewall, pods_are_isolated).
"""

from __future__ import annotations

from collections.abc import Iterator

from inferplan.resource import Resource
from inferplan.spec.organization import RegisteredCluster
from policies import types
from policies.context import Context
from policies.levels import confidential_and_up
from policies.read import get
from policies.rule import DROP, Outcome, Rule, fail, undecided
from policies.world.bases import GIVEN_CLUSTER, GIVEN_CLUSTER_NAME
from policies.world.things import closed_cluster, key_arn, policies_enforced, resource

INGRESSES = tuple(
    f"kubernetes:{group}/*:{kind}"
    for group in ("networking.k8s.io", "extensions")
    for kind in ("Ingress", "IngressPatch")
)
SCHEMES = (
    "kubernetes:elbv2.k8s.aws/*:IngressClassParams",
    "kubernetes:gateway.k8s.aws/*:LoadBalancerConfiguration",
)
GATEWAY = "kubernetes:gateway.networking.k8s.io/*:Gateway"
DATABASE_MEMBER = "aws:rds/clusterInstance:ClusterInstance"
# The property that gives a public address, and what is then wrong.
PUBLIC = {
    types.ECS_SERVICE: ("networkConfiguration.assignPublicIp", "gives its tasks public addresses"),
    types.DATABASE: ("publiclyAccessible", "the database has a public address"),
    DATABASE_MEMBER: ("publiclyAccessible", "the database has a public address"),
}
# Annotations by which balancers of a Service or an Ingress are told where to face.
SERVICE_SCHEME = "service.beta.kubernetes.io/aws-load-balancer-scheme"
SERVICE_INTERNAL = "service.beta.kubernetes.io/aws-load-balancer-internal"  # the older one
INGRESS_SCHEME = "alb.ingress.kubernetes.io/scheme"

doors_are_private = Rule(
    id="EGR-010",
    title="The cluster's API and the model service are not public",
    why="What the internet can reach, it will try; the API server is the key to everything inside.",
    fix="Turn on private access first, then turn off public access; expose through an internal balancer.",
    source=("001:84",),
    level=confidential_and_up,
)


@doors_are_private.check(types.CLUSTER)
def _api_server(cluster: Resource, _context: Context) -> Iterator[Outcome]:
    vpc = get(cluster.props, "vpcConfig", {})
    if get(vpc, "endpointPublicAccess", True) is not False:
        cidrs = get(vpc, "publicAccessCidrs")
        who = f"to {len(cidrs)} address ranges" if cidrs else "to anybody"
        yield fail(f"the API server is public {who}", path="vpcConfig.endpointPublicAccess")
    if get(vpc, "endpointPrivateAccess", False) is not True:
        yield fail("the API server has no private endpoint", path="vpcConfig.endpointPrivateAccess")


@doors_are_private.check("cluster")
def _given(cluster: RegisteredCluster, _context: Context) -> Iterator[Outcome]:
    if cluster.access != "private":
        yield fail("is registered as a cluster whose API can be reached from outside")


@doors_are_private.check(types.SERVICE, types.SERVICE_PATCH)
def _service(service: Resource, _context: Context) -> Iterator[Outcome]:
    notes = get(service.props, "metadata.annotations", {})
    older = notes.get(SERVICE_INTERNAL) == "true"
    internal = notes.get(SERVICE_SCHEME, "internal" if older else None) == "internal"
    if get(service.props, "spec.type") == "LoadBalancer" and not internal:
        yield fail("a balancer of this Service faces the internet", path="spec.type")
    if get(service.props, "spec.externalIPs"):
        yield fail("takes traffic in on external addresses", path="spec.externalIPs")


@doors_are_private.check(*INGRESSES)
def _ingress(ingress: Resource, _context: Context) -> Iterator[Outcome]:
    if get(ingress.props, "metadata.annotations", {}).get(INGRESS_SCHEME) != "internal":
        yield fail(
            "an Ingress without the internal scheme may face the internet", path="metadata.annotations"
        )


@doors_are_private.check(*SCHEMES)
def _scheme_of_a_class(item: Resource, _context: Context) -> Iterator[Outcome]:
    """What the balancer controller sets over the annotations of every Ingress or Gateway of a class."""
    if get(item.props, "spec.scheme") == "internet-facing":
        yield fail("makes balancers of its class face the internet", path="spec.scheme")


@doors_are_private.check(GATEWAY)
def _gateway(_gateway: Resource, _context: Context) -> Iterator[Outcome]:
    yield undecided("a Gateway does not say whether its balancer faces the internet; use an internal Ingress")


@doors_are_private.check(*types.BALANCERS)
def _balancer(balancer: Resource, _context: Context) -> Iterator[Outcome]:
    if get(balancer.props, "internal", False) is not True:
        yield fail("a balancer that is not internal faces the internet", path="internal")


@doors_are_private.check(*PUBLIC)
def _address(item: Resource, _context: Context) -> Iterator[Outcome]:
    path, problem = PUBLIC[item.type]
    if get(item.props, path, False):
        yield fail(problem, path=path)


_SERVICE_NOTES, _INGRESS_NOTES = "service:metadata.annotations", "ingress:metadata.annotations"
_PUBLIC_API = "cluster:vpcConfig.endpointPublicAccess"
_FACING_OUT = "internet-facing"
_PATCH = resource(types.SERVICE_PATCH, "patch", {"spec": {"type": "LoadBalancer"}})
_GATE = resource("kubernetes:gateway.networking.k8s.io/v1:Gateway", "gate", {"spec": {}})
_OLDER = resource("kubernetes:networking.k8s.io/v1beta1:Ingress", "older", {"spec": {}})

doors_are_private.passes(
    "everything faces inwards",
    closed_cluster(),
    policies_enforced(),
    resource(
        types.SERVICE,
        "service",
        {"metadata": {"annotations": {SERVICE_SCHEME: "internal"}}, "spec": {"type": "LoadBalancer"}},
    ),
    resource(
        types.INGRESS,
        "ingress",
        {"metadata": {"annotations": {INGRESS_SCHEME: "internal"}}, "spec": {"ingressClassName": "alb"}},
    ),
    resource(
        "kubernetes:elbv2.k8s.aws/v1beta1:IngressClassParams", "class", {"spec": {"scheme": "internal"}}
    ),
    *(
        resource(type_, name, {"internal": True})
        for name, type_ in zip(("lb", "alb", "elb"), types.BALANCERS, strict=True)
    ),
    resource(types.ECS_SERVICE, "task", {"networkConfiguration": {"assignPublicIp": False}}),
    resource(
        types.DATABASE,
        "database",
        {"publiclyAccessible": False, "storageEncrypted": True, "kmsKeyId": key_arn()},
    ),
)
doors_are_private.fails("a public API", {_PUBLIC_API: True})
doors_are_private.fails("public access is not said, and defaults to true", {_PUBLIC_API: DROP})
doors_are_private.fails(
    "a public API for some addresses",
    {"cluster:vpcConfig.publicAccessCidrs": ["203.0.113.0/24"], _PUBLIC_API: True},
)
doors_are_private.fails("no private access", {"cluster:vpcConfig.endpointPrivateAccess": False})
doors_are_private.fails("a public balancer of a Service", {_SERVICE_NOTES: {}})
doors_are_private.fails(
    "two annotations that contradict each other",
    {_SERVICE_NOTES: {SERVICE_INTERNAL: "true", SERVICE_SCHEME: _FACING_OUT}},
)
doors_are_private.fails("a patch opens a Service", add=(_PATCH,))
doors_are_private.fails("external addresses", {"service:spec.externalIPs": ["203.0.113.7"]})
doors_are_private.fails("a public Ingress", {_INGRESS_NOTES: {INGRESS_SCHEME: _FACING_OUT}})
doors_are_private.fails("an older Ingress that is public", add=(_OLDER,))
doors_are_private.fails("the class of balancers faces the internet", {"class:spec.scheme": _FACING_OUT})
doors_are_private.is_undecided("a Gateway that does not say where it faces", add=(_GATE,))
doors_are_private.fails("a balancer that does not say internal", {"lb:internal": DROP})
doors_are_private.fails("a public balancer", {"lb:internal": False})
doors_are_private.fails("a public application balancer", {"alb:internal": False})
doors_are_private.fails("a public classic balancer", {"elb:internal": False})
doors_are_private.fails("tasks with public addresses", {"task:networkConfiguration.assignPublicIp": True})
doors_are_private.fails("a public database", {"database:publiclyAccessible": True})

doors_are_private.passes("a registered cluster with a private API", given=GIVEN_CLUSTER)
doors_are_private.fails(
    "a registered cluster with a public API",
    {f"organization:clusters.{GIVEN_CLUSTER_NAME}.access": "public"},
)
