"""Pods behind network policies that are enforced, and the ways out of control plane and image pulls.

Not here: doors to the outside (exposure), routes and security groups (egress), what containers are told
(serving).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from inferplan.resource import Resource
from policies.context import Context
from policies.example import aws_arn, aws_host, change, resource
from policies.network import public
from policies.pods import namespace, pods
from policies.read import get, json_document
from policies.rule import DROP, Example, Outcome, fail, on_resource, on_stack, rule, undecided

CLUSTER, ADDON = "aws:eks/cluster:Cluster", "aws:eks/addon:Addon"
POLICY = "kubernetes:networking.k8s.io/v1:NetworkPolicy"
HELM_RELEASE = "kubernetes:helm.sh/v3:Release"
# Components that render objects elsewhere; where nothing hangs below them, nobody has seen the objects.
RENDERING = ("kubernetes:helm.sh/", "kubernetes:yaml", "kubernetes:kustomize")
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
        ranges = [get(peer, "ipBlock.cidr") for peer in peers]
        anywhere = not peers or any(public(cidr) for cidr in ranges if cidr is not None)
        if anywhere and not _only_https(block):
            yield fail("lets pods out to public addresses", path=f"spec.egress[{index}]")


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


CLOSED_CLUSTER = resource(
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
CNI_ADDON = resource(
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
            note="default deny, enforced by the VPC CNI",
            resources=(CLOSED_CLUSTER, CNI_ADDON, _SERVER, _DENY, _DNS),
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
        change(
            "a policy lets pods out to a public range", {"dns:spec.egress[0].to[0].ipBlock.cidr": "8.0.0.0/8"}
        ),
        change("pods share the node's network", {"server:spec.template.spec.hostNetwork": True}),
        change(
            "a component hides what it renders",
            add=(resource("kubernetes:yaml/v2:ConfigGroup", "objects", {"yaml": "kind: Deployment"}),),
            verdict="undecided",
        ),
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
    parents = {item.parent for item in resources}
    reported: set[str] = set()
    for item in resources:
        where = namespace(item)
        if item.type.startswith(RENDERING):
            if item.type == HELM_RELEASE or item.urn not in parents:
                yield undecided("hides what it renders; declare its objects", subject=item)
            continue
        if where in SYSTEM_NAMESPACES:
            continue
        found = list(pods(item))
        if any(pod.host_network for pod in found):
            yield fail("shares the node's network, where no network policy holds", subject=item)
        if found and where not in denied | reported:
            reported.add(where)
            yield fail(f"the namespace {where} has no policy that denies egress by default", subject=item)


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
                CLOSED_CLUSTER,
                CNI_ADDON,
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
