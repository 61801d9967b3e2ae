"""Doors that face the internet: the cluster's API, balancers, tasks and databases.

Not here: what may leave (egress, firewall, isolation).
"""

from __future__ import annotations

from collections.abc import Iterator

from inferplan.resource import Resource
from policies.context import Context
from policies.example import aws_arn, change, resource
from policies.levels import confidential_and_up
from policies.read import get
from policies.rule import DROP, Example, Outcome, fail, on_resource, rule, undecided
from policies.sovereignty.isolation import CLOSED_CLUSTER, CLUSTER, CNI_ADDON

ECS_SERVICE = "aws:ecs/service:Service"
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


def _exposed_service(service: Resource, _context: Context) -> Iterator[Outcome]:
    notes = get(service.props, "metadata.annotations", {})
    older = notes.get("service.beta.kubernetes.io/aws-load-balancer-internal") == "true"
    scheme = notes.get("service.beta.kubernetes.io/aws-load-balancer-scheme", "internal" if older else None)
    internal = scheme == "internal"
    if get(service.props, "spec.type") == "LoadBalancer" and not internal:
        yield fail("a balancer of this Service faces the internet", path="spec.type")
    if get(service.props, "spec.externalIPs"):
        yield fail("takes traffic in on external addresses", path="spec.externalIPs")


def _exposed_ingress(ingress: Resource, _context: Context) -> Iterator[Outcome]:
    notes = get(ingress.props, "metadata.annotations", {})
    if notes.get("alb.ingress.kubernetes.io/scheme") != "internal":
        yield fail(
            "an Ingress without the internal scheme may face the internet", path="metadata.annotations"
        )


def _exposed_scheme(item: Resource, _context: Context) -> Iterator[Outcome]:
    """What the balancer controller sets over the annotations of every Ingress or Gateway of a class."""
    if get(item.props, "spec.scheme") == "internet-facing":
        yield fail("makes balancers of its class face the internet", path="spec.scheme")


def _exposed_gateway(_gateway: Resource, _context: Context) -> Iterator[Outcome]:
    yield undecided("a Gateway does not say whether its balancer faces the internet; use an internal Ingress")


def _exposed_balancer(balancer: Resource, _context: Context) -> Iterator[Outcome]:
    if get(balancer.props, "internal", False) is not True:
        yield fail("a balancer that is not internal faces the internet", path="internal")


def _public_task(service: Resource, _context: Context) -> Iterator[Outcome]:
    if get(service.props, "networkConfiguration.assignPublicIp", False):
        yield fail("gives its tasks public addresses", path="networkConfiguration.assignPublicIp")


def _public_database(database: Resource, _context: Context) -> Iterator[Outcome]:
    if get(database.props, "publiclyAccessible", False):
        yield fail("the database has a public address", path="publiclyAccessible")


_BALANCERS = (
    "aws:lb/loadBalancer:LoadBalancer",
    "aws:alb/loadBalancer:LoadBalancer",
    "aws:elb/loadBalancer:LoadBalancer",
)


@rule(
    id="EGR-010",
    title="The cluster's API and the model service are not public",
    why="What the internet can reach, it will try; the API server is the key to everything inside.",
    fix="Turn on private access first, then turn off public access; expose through an internal balancer.",
    source=("001:84",),
    level=confidential_and_up,
    on=(CLUSTER,),
    more=(
        on_resource(_exposed_service, "kubernetes:core/v1:Service", "kubernetes:core/v1:ServicePatch"),
        on_resource(_exposed_ingress, *INGRESSES),
        on_resource(_exposed_scheme, *SCHEMES),
        on_resource(_exposed_gateway, GATEWAY),
        on_resource(_exposed_balancer, *_BALANCERS),
        on_resource(_public_task, ECS_SERVICE),
        on_resource(_public_database, "aws:rds/instance:Instance", "aws:rds/clusterInstance:ClusterInstance"),
    ),
    passing=(
        Example(
            note="everything faces inwards",
            resources=(
                CLOSED_CLUSTER,
                CNI_ADDON,
                resource(
                    "kubernetes:core/v1:Service",
                    "service",
                    {
                        "metadata": {
                            "annotations": {"service.beta.kubernetes.io/aws-load-balancer-scheme": "internal"}
                        },
                        "spec": {"type": "LoadBalancer"},
                    },
                ),
                resource(
                    "kubernetes:networking.k8s.io/v1:Ingress",
                    "ingress",
                    {
                        "metadata": {"annotations": {"alb.ingress.kubernetes.io/scheme": "internal"}},
                        "spec": {"ingressClassName": "alb"},
                    },
                ),
                resource(
                    "kubernetes:elbv2.k8s.aws/v1beta1:IngressClassParams",
                    "class",
                    {"spec": {"scheme": "internal"}},
                ),
                *(
                    resource(type_, type_.partition("/")[0].partition(":")[2], {"internal": True})
                    for type_ in _BALANCERS
                ),
                resource(ECS_SERVICE, "task", {"networkConfiguration": {"assignPublicIp": False}}),
                resource(
                    "aws:rds/instance:Instance",
                    "database",
                    {
                        "publiclyAccessible": False,
                        "storageEncrypted": True,
                        "kmsKeyId": aws_arn("kms:eu-central-1:111111111111:key/k"),
                    },
                ),
            ),
        ),
    ),
    failing=(
        change("a public API", {"cluster:vpcConfig.endpointPublicAccess": True}),
        change(
            "public access is not said, and defaults to true",
            {"cluster:vpcConfig.endpointPublicAccess": DROP},
        ),
        change(
            "a public API for some addresses",
            {
                "cluster:vpcConfig.publicAccessCidrs": ["203.0.113.0/24"],
                "cluster:vpcConfig.endpointPublicAccess": True,
            },
        ),
        change("no private access", {"cluster:vpcConfig.endpointPrivateAccess": False}),
        change("a public balancer of a Service", {"service:metadata.annotations": {}}),
        change(
            "two annotations that contradict each other",
            {
                "service:metadata.annotations": {
                    "service.beta.kubernetes.io/aws-load-balancer-internal": "true",
                    "service.beta.kubernetes.io/aws-load-balancer-scheme": "internet-facing",
                }
            },
        ),
        change(
            "a patch opens a Service",
            add=(resource("kubernetes:core/v1:ServicePatch", "patch", {"spec": {"type": "LoadBalancer"}}),),
        ),
        change("the class of balancers faces the internet", {"class:spec.scheme": "internet-facing"}),
        change(
            "a Gateway that does not say where it faces",
            add=(resource("kubernetes:gateway.networking.k8s.io/v1:Gateway", "gate", {"spec": {}}),),
            verdict="undecided",
        ),
        change(
            "an older Ingress that is public",
            add=(resource("kubernetes:networking.k8s.io/v1beta1:Ingress", "older", {"spec": {}}),),
        ),
        change("external addresses", {"service:spec.externalIPs": ["203.0.113.7"]}),
        change(
            "a public Ingress",
            {"ingress:metadata.annotations": {"alb.ingress.kubernetes.io/scheme": "internet-facing"}},
        ),
        change("a public balancer", {"lb:internal": False}),
        change("a balancer that does not say internal", {"lb:internal": DROP}),
        change("a public application balancer", {"alb:internal": False}),
        change("a public classic balancer", {"elb:internal": False}),
        change("tasks with public addresses", {"task:networkConfiguration.assignPublicIp": True}),
        change("a public database", {"database:publiclyAccessible": True}),
    ),
)
def egr_010(cluster: Resource, _context: Context) -> Iterator[Outcome]:
    vpc = get(cluster.props, "vpcConfig", {})
    if get(vpc, "endpointPublicAccess", True) is not False:
        cidrs = get(vpc, "publicAccessCidrs")
        who = f"to {len(cidrs)} address ranges" if cidrs else "to anybody"
        yield fail(f"the API server is public {who}", path="vpcConfig.endpointPublicAccess")
    if get(vpc, "endpointPrivateAccess", False) is not True:
        yield fail("the API server has no private endpoint", path="vpcConfig.endpointPrivateAccess")
