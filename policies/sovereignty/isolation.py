"""The cluster's own doors: network policies, the API, balancers, and ways out of the control plane.

Not here: routes and security groups (egress) and what containers are told (serving).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from inferplan.resource import Resource
from policies.context import Context
from policies.example import aws_arn, aws_host, change, resource
from policies.levels import confidential_and_up
from policies.pods import namespace, pods
from policies.read import get, json_document
from policies.rule import DROP, Example, Outcome, fail, on_resource, on_stack, rule, undecided

CLUSTER, ADDON = "aws:eks/cluster:Cluster", "aws:eks/addon:Addon"
POLICY = "kubernetes:networking.k8s.io/v1:NetworkPolicy"
HELM_RELEASE = "kubernetes:helm.sh/v3:Release"
ECS_SERVICE = "aws:ecs/service:Service"
SYSTEM_NAMESPACES = frozenset({"kube-system", "kube-public", "kube-node-lease"})


def _denies_all_egress(policy: Resource) -> bool:
    spec = get(policy.props, "spec", {})
    selector = get(spec, "podSelector", {})
    selects_all = not get(selector, "matchLabels") and not get(selector, "matchExpressions")
    return selects_all and "Egress" in get(spec, "policyTypes", []) and not get(spec, "egress")


def _open_policy(policy: Resource, _context: Context) -> Iterator[Outcome]:
    if namespace(policy) in SYSTEM_NAMESPACES or "Egress" not in get(
        policy.props, "spec.policyTypes", ["Egress"]
    ):
        return
    for index, block in enumerate(get(policy.props, "spec.egress", []) or []):
        peers = get(block, "to", []) or []
        anywhere = not peers or any(get(peer, "ipBlock.cidr") in {"0.0.0.0/0", "::/0"} for peer in peers)
        if anywhere and not _only_https(block):
            yield fail("lets pods out to any address", path=f"spec.egress[{index}]")


def _only_https(block: Any) -> bool:
    """The gateway's way to the firewall; nodes and firewall judge it further (EGR-002, EGR-005)."""
    ports = get(block, "ports", []) or []
    return bool(ports) and all(
        get(port, "port") in {443, "443", "https"} and not get(port, "endPort") for port in ports
    )


def _enforced(clusters: tuple[Resource, ...], context: Context) -> Iterator[Outcome]:
    addons = [item for item in context.stack.of(ADDON) if get(item.props, "addonName") == "vpc-cni"]
    for cluster in clusters:
        if not any(_turns_policies_on(addon) for addon in addons):
            yield fail(
                "nothing enforces network policies: give the vpc-cni add-on enableNetworkPolicy",
                subject=cluster,
            )


def _turns_policies_on(addon: Resource) -> bool:
    values = json_document(get(addon.props, "configurationValues", "")) or {}
    return str(get(values, "enableNetworkPolicy", "")).lower() == "true"


_CLUSTER = resource(
    CLUSTER,
    "cluster",
    {
        "vpcConfig": {
            "endpointPublicAccess": False,
            "endpointPrivateAccess": True,
            "controlPlaneEgressMode": "CUSTOMER_ROUTED",
        },
        "encryptionConfig": {"provider": {"keyArn": aws_arn("kms:eu-central-1:111111111111:key/k")}},
    },
)
_CNI = resource(
    ADDON, "cni", {"addonName": "vpc-cni", "configurationValues": '{"enableNetworkPolicy": "true"}'}
)
_ENV = [
    {"name": name, "value": "1"}
    for name in ("VLLM_NO_USAGE_STATS", "HF_HUB_OFFLINE", "HF_HUB_DISABLE_TELEMETRY")
]
_ENV += [{"name": "VLLM_MEDIA_URL_ALLOW_REDIRECTS", "value": "0"}]
_SERVER = resource(
    "kubernetes:apps/v1:Deployment",
    "server",
    {
        "metadata": {"namespace": "inference"},
        "spec": {
            "template": {
                "spec": {
                    "containers": [
                        {
                            "name": "vllm",
                            "image": "x/vllm@sha256:1",
                            "env": _ENV,
                            "args": ["--allowed-media-domains", "none.invalid"],
                        }
                    ]
                }
            }
        },
    },
)
_DENY = resource(
    POLICY,
    "deny",
    {
        "metadata": {"namespace": "inference"},
        "spec": {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]},
    },
)
_DNS = resource(
    POLICY,
    "dns",
    {
        "metadata": {"namespace": "inference"},
        "spec": {
            "podSelector": {},
            "policyTypes": ["Egress"],
            "egress": [
                {"to": [{"ipBlock": {"cidr": "10.0.0.0/16"}}], "ports": [{"port": 53, "protocol": "UDP"}]}
            ],
        },
    },
)


@rule(
    id="EGR-003",
    title="Namespaces with workloads deny egress by default, and the cluster enforces it",
    why="A policy that nothing enforces is a wish; a namespace without one lets every pod call out.",
    fix="Add a NetworkPolicy with an empty pod selector and Egress, and turn on the VPC CNI's network "
    "policies.",
    source=("000:124",),
    level="mandatory",
    scope="stack",
    on=("kubernetes:*",),
    more=(on_stack(_enforced, CLUSTER), on_resource(_open_policy, POLICY)),
    passing=(
        Example(
            note="default deny, enforced by the VPC CNI", resources=(_CLUSTER, _CNI, _SERVER, _DENY, _DNS)
        ),
    ),
    failing=(
        change("no default deny", remove=("deny",)),
        change("the policy is about ingress only", {"deny:spec.policyTypes": ["Ingress"]}),
        change(
            "the policy holds for some pods only", {"deny:spec.podSelector": {"matchLabels": {"app": "x"}}}
        ),
        change("the policy is in another namespace", {"deny:metadata.namespace": "other"}),
        change("nothing enforces policies", {"cni:configurationValues": '{"enableNetworkPolicy": "false"}'}),
        change("no VPC CNI add-on", remove=("cni",)),
        change("a policy lets pods out to anywhere", {"dns:spec.egress[0].to[0].ipBlock.cidr": "0.0.0.0/0"}),
        change("a policy without peers lets pods out to anywhere", {"dns:spec.egress[0].to": DROP}),
        change(
            "a Helm release hides what it renders",
            add=(resource(HELM_RELEASE, "chart", {"chart": "vllm", "namespace": "inference"}),),
            verdict="undecided",
        ),
    ),
)
def egr_003(resources: tuple[Resource, ...], context: Context) -> Iterator[Outcome]:
    denied = {namespace(item) for item in resources if item.type == POLICY and _denies_all_egress(item)}
    reported: set[str] = set()
    for item in resources:
        where = namespace(item)
        if item.type == HELM_RELEASE:
            yield undecided("a Helm release hides what it renders; declare its objects", subject=item)
        elif where not in denied | SYSTEM_NAMESPACES | reported and any(pods(item)):
            reported.add(where)
            yield fail(f"the namespace {where} has no policy that denies egress by default", subject=item)


def _exposed_service(service: Resource, _context: Context) -> Iterator[Outcome]:
    notes = get(service.props, "metadata.annotations", {})
    internal = (
        notes.get("service.beta.kubernetes.io/aws-load-balancer-scheme") == "internal"
        or notes.get("service.beta.kubernetes.io/aws-load-balancer-internal") == "true"
    )
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
        on_resource(_exposed_service, "kubernetes:core/v1:Service"),
        on_resource(_exposed_ingress, "kubernetes:networking.k8s.io/v1:Ingress"),
        on_resource(_exposed_balancer, *_BALANCERS),
        on_resource(_public_task, ECS_SERVICE),
        on_resource(_public_database, "aws:rds/instance:Instance", "aws:rds/clusterInstance:ClusterInstance"),
    ),
    passing=(
        Example(
            note="everything faces inwards",
            resources=(
                _CLUSTER,
                _CNI,
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


def _pull_through(item: Resource, _context: Context) -> Iterator[Outcome]:
    yield fail(
        "pulls images from an upstream registry when a pod asks; mirror them once instead",
        path="upstreamRegistryUrl",
    )


def _image(item: Resource, context: Context) -> Iterator[Outcome]:
    own = f"{context.spec.target.account}.dkr.ecr."
    for pod in pods(item):
        for container in pod.containers:
            if not str(get(container.value, "image", "")).startswith(own):
                yield fail(
                    f"the image of {container.name} does not come from the account's own registry",
                    path=f"{container.path}.image",
                )


_MIRRORED = f"{aws_host('111111111111.dkr.ecr.eu-central-1')}/inferplan/x@sha256:1"


@rule(
    id="EGR-013",
    title="The control plane and image pulls take no way of their own out",
    why="Webhooks, OIDC discovery and image pulls leave the network too, past the firewall of the nodes.",
    fix="Set vpcConfig.controlPlaneEgressMode to CUSTOMER_ROUTED (one way only) and pull from the own "
    "registry.",
    source=("004:73",),
    level="advisory",
    on=(CLUSTER,),
    more=(
        on_resource(_pull_through, "aws:ecr/pullThroughCacheRule:PullThroughCacheRule"),
        on_resource(_image, "kubernetes:*", "aws:ecs/taskDefinition:TaskDefinition"),
    ),
    passing=(
        Example(
            note="customer-routed, images from the own registry",
            resources=(
                _CLUSTER,
                _CNI,
                resource(
                    "kubernetes:batch/v1:Job",
                    "job",
                    {
                        "metadata": {"namespace": "kube-system"},
                        "spec": {"template": {"spec": {"containers": [{"name": "job", "image": _MIRRORED}]}}},
                    },
                ),
            ),
        ),
    ),
    failing=(
        change("AWS routes the control plane", {"cluster:vpcConfig.controlPlaneEgressMode": "AWS_MANAGED"}),
        change("the mode is not said", {"cluster:vpcConfig.controlPlaneEgressMode": DROP}),
        change("a public image", {"job:spec.template.spec.containers[0].image": "docker.io/library/busybox"}),
        change(
            "an upstream registry",
            add=(
                resource(
                    "aws:ecr/pullThroughCacheRule:PullThroughCacheRule",
                    "cache",
                    {"upstreamRegistryUrl": "quay.io"},
                ),
            ),
        ),
    ),
)
def egr_013(cluster: Resource, _context: Context) -> Iterator[Outcome]:
    if get(cluster.props, "vpcConfig.controlPlaneEgressMode", "AWS_MANAGED") != "CUSTOMER_ROUTED":
        yield fail(
            "webhook and OIDC traffic of the control plane leaves outside the VPC",
            path="vpcConfig.controlPlaneEgressMode",
        )
