"""Pods behind network policies that deny egress by default and that the cluster enforces.

Not here: doors to the outside (doors_are_private), routes and security groups (nodes_have_no_way_out), image
pulls (control_plane_and_images_stay_inside).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from inferplan.resource import Resource
from policies import types
from policies.context import Context
from policies.read import get, json_document
from policies.rule import DROP, Outcome, Rule, fail, undecided
from policies.views.network import public
from policies.views.pods import namespace, pods
from policies.world.things import (
    closed_cluster,
    deployment,
    network_policy,
    policies_enforced,
    resource,
    vllm,
)

# Components that render objects elsewhere; where nothing hangs below them, nobody has seen the objects.
RENDERING = ("kubernetes:helm.sh/", "kubernetes:yaml", "kubernetes:kustomize")
CALL_NOBODY = frozenset(
    {"cron", "cpu", "memory"}
)  # triggers that ask the clock, or the cluster's own metrics
IN_CLUSTER = (".svc", ".svc.cluster.local")
SYSTEM_NAMESPACES = frozenset({"kube-system", "kube-public", "kube-node-lease"})

pods_are_isolated = Rule(
    id="EGR-003",
    title="Namespaces with workloads deny egress by default, and the cluster enforces it",
    why="A policy that nothing enforces is a wish; a namespace without one lets every pod call out.",
    fix="Add a NetworkPolicy with an empty pod selector and Egress, and turn on the VPC CNI's network "
    "policies.",
    source=("000:124",),
    level="mandatory",
)


@pods_are_isolated.check_stack(types.KUBERNETES)
def _denied_by_default(objects: tuple[Resource, ...], context: Context) -> Iterator[Outcome]:
    denied = {namespace(item) for item in context.stack.of(types.NETWORK_POLICY) if _denies_egress(item)}
    parents = {item.parent for item in objects}
    reported: set[str] = set()
    for item in objects:
        where = namespace(item)
        if item.type.startswith(RENDERING):
            if item.type == types.HELM_RELEASE or item.urn not in parents:
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


@pods_are_isolated.check_stack(types.API_SERVICE)
def _answers_inside(services: tuple[Resource, ...], context: Context) -> Iterator[Outcome]:
    """Whoever answers for a part of the API is given what callers say of it."""
    denied = {namespace(item) for item in context.stack.of(types.NETWORK_POLICY) if _denies_egress(item)}
    for item in services:
        where = get(item.props, "spec.service.namespace")
        if where is not None and where not in denied | SYSTEM_NAMESPACES:
            yield fail(
                f"a part of the API is answered in the namespace {where}, which no policy closes",
                subject=item,
            )


@pods_are_isolated.check(types.SCALED_OBJECT)
def _asks_inside(scaled: Resource, _context: Context) -> Iterator[Outcome]:
    """The scaler calls whatever a trigger names."""
    for index, trigger in enumerate(get(scaled.props, "spec.triggers", [])):
        kind, path = get(trigger, "type"), f"spec.triggers[{index}]"
        if kind in CALL_NOBODY:
            continue
        host = urlsplit(str(get(trigger, "metadata.serverAddress", ""))).hostname or ""
        if kind != "prometheus":
            yield undecided(f"no rule knows whom a trigger of type {kind} asks", path=f"{path}.type")
        elif not host.endswith(IN_CLUSTER):
            yield fail(
                "the scaler asks a server that is no Service of the cluster",
                path=f"{path}.metadata.serverAddress",
            )


def _denies_egress(policy: Resource) -> bool:
    spec = get(policy.props, "spec", {})
    selector = get(spec, "podSelector", {})
    selects_all = not get(selector, "matchLabels") and not get(selector, "matchExpressions")
    return selects_all and "Egress" in get(spec, "policyTypes", []) and not get(spec, "egress")


@pods_are_isolated.check_stack(types.CLUSTER)
def _enforced(clusters: tuple[Resource, ...], context: Context) -> Iterator[Outcome]:
    addons = [item for item in context.stack.of(types.ADDON) if get(item.props, "addonName") == "vpc-cni"]
    for cluster in clusters:
        if not any(_turns_policies_on(addon) for addon in addons):
            yield fail(
                "nothing enforces network policies: give the vpc-cni add-on enableNetworkPolicy",
                subject=cluster,
            )


def _turns_policies_on(addon: Resource) -> bool:
    values = json_document(get(addon.props, "configurationValues", "")) or {}
    return str(get(values, "enableNetworkPolicy", "")).lower() == "true"


@pods_are_isolated.check(types.NETWORK_POLICY)
def _no_open_policy(policy: Resource, _context: Context) -> Iterator[Outcome]:
    kinds = get(policy.props, "spec.policyTypes", ["Egress"])
    if namespace(policy) in SYSTEM_NAMESPACES or "Egress" not in kinds:
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


_TO_DNS = {"to": [{"ipBlock": {"cidr": "10.0.0.0/16"}}], "ports": [{"port": 53, "protocol": "UDP"}]}
_RANGE = "dns:spec.egress[0].to[0].ipBlock.cidr"
_HIDING = resource("kubernetes:yaml/v2:ConfigGroup", "objects", {"yaml": "kind: Deployment"})
_TRIGGER = "scaled:spec.triggers[0]"
_CHART = resource(types.HELM_RELEASE, "chart", {"chart": "vllm", "namespace": "inference"})

pods_are_isolated.passes(
    "default deny, enforced by the VPC CNI",
    closed_cluster(),
    policies_enforced("cni"),
    deployment("server", vllm(), namespace="inference"),
    network_policy("deny", kinds=["Ingress", "Egress"]),
    network_policy("dns", kinds=["Egress"], egress=[_TO_DNS]),
    resource(types.API_SERVICE, "api", {"spec": {"service": {"name": "metrics", "namespace": "inference"}}}),
    resource(
        types.SCALED_OBJECT,
        "scaled",
        {
            "spec": {
                "triggers": [
                    {
                        "type": "prometheus",
                        "metadata": {"serverAddress": "http://prometheus.inference.svc:9090"},
                    },
                    {"type": "cron", "metadata": {"start": "0 8 * * *"}},
                ]
            }
        },
    ),
)
pods_are_isolated.fails("no default deny", remove=("deny",))
pods_are_isolated.fails("the policy is about ingress only", {"deny:spec.policyTypes": ["Ingress"]})
pods_are_isolated.fails(
    "the policy holds for some pods only", {"deny:spec.podSelector": {"matchLabels": {"app": "x"}}}
)
pods_are_isolated.fails("the policy is in another namespace", {"deny:metadata.namespace": "other"})
pods_are_isolated.fails(
    "nothing enforces policies", {"cni:configurationValues": '{"enableNetworkPolicy": "false"}'}
)
pods_are_isolated.fails("no VPC CNI add-on", remove=("cni",))
pods_are_isolated.fails("a policy lets pods out to anywhere", {_RANGE: "0.0.0.0/0"})
pods_are_isolated.fails("a policy lets pods out to a public range", {_RANGE: "8.0.0.0/8"})
pods_are_isolated.fails("a policy without peers lets pods out to anywhere", {"dns:spec.egress[0].to": DROP})
pods_are_isolated.fails("pods share the node's network", {"server:spec.template.spec.hostNetwork": True})
pods_are_isolated.fails(
    "a part of the API is answered where nothing is denied", {"api:spec.service.namespace": "other"}
)
pods_are_isolated.fails(
    "the scaler asks a host outside",
    {f"{_TRIGGER}.metadata.serverAddress": "https://prometheus.example.com"},
    also=("EGR-007",),
)
pods_are_isolated.is_undecided("the scaler asks what no rule follows", {f"{_TRIGGER}.type": "aws-sqs-queue"})
pods_are_isolated.is_undecided("a component hides what it renders", add=(_HIDING,))
pods_are_isolated.is_undecided(
    "a Helm release hides what it renders", add=(_CHART,), also=("EGR-007", "SOV-005", "SOV-010")
)
