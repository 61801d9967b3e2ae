"""Area of concern: who may speak to whom in the cluster, as a table that the recorded NetworkPolicies keep.

Not here: what enforces them (the VPC CNI, switched on in components/addons), and security groups.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from typing import Any

import pytest

from inferplan.records.plan import Plan
from tests.unit.recorded import OUTSIDE, SELF_HOSTED, Recorded, changed, planned, recorded, server

POLICY = "kubernetes:networking.k8s.io/v1:NetworkPolicy"
NAME = "app.kubernetes.io/name"
PORTS = (
    ("TCP", 53), ("UDP", 53), ("TCP", 80), ("TCP", 443), ("TCP", 4000), ("TCP", 5432), ("TCP", 6379),
    ("TCP", 8000), ("TCP", 10250), ("TCP", 29500),
)  # fmt: skip


@dataclass(frozen=True)
class Party:
    """A pod with its namespace and labels, or without a namespace an address outside the cluster."""

    address: str
    namespace: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    namespace_labels: Mapping[str, str] = field(default_factory=dict)


def pod(address: str, namespace: str, labels: Mapping[str, str], **namespace_labels: str) -> Party:
    said = {"kubernetes.io/metadata.name": namespace} | {
        key.replace("_", "/"): value for key, value in namespace_labels.items()
    }
    return Party(address, namespace, labels, said)


def parties(plan: Plan) -> dict[str, Party]:
    """Everyone that a table speaks of; pods stand in the subnets of their nodes."""
    tiers = {subnet.tier: str(ip_network(subnet.cidr)[10]) for subnet in plan.network.subnets}
    component = {"gateway": "gateway", "gateway-init": "gateway"}

    def own(address: str, namespace: str, name: str) -> Party:
        kind = component.get(name, "model-server")
        return pod(address, namespace, {NAME: name, "app.kubernetes.io/component": kind})

    first = plan.servers[0].name
    return {
        "gateway": own(tiers["system"], "inference-gateway", "gateway"),
        "bootstrap": own(tiers["system"], "inference-gateway", "gateway-init"),
        "server": own(tiers["gpu"], "inference", first),
        "its worker": own(tiers["gpu"], "inference", first),
        "other server": own(tiers["gpu"], "inference", "llm-other"),
        "stray in inference": pod(tiers["gpu"], "inference", {}),
        "stray in gateway": pod(tiers["system"], "inference-gateway", {}),
        "named like the gateway": own(tiers["system"], "elsewhere", "gateway"),
        "caller": pod(tiers["system"], "ward", {}, inferplan_caller="true"),
        "dns": pod(tiers["system"], "kube-system", {"k8s-app": "kube-dns"}),
        "other service": pod(tiers["system"], "kube-system", {"app": "metrics-server"}),
        "balancer": Party(tiers["balancer"]),
        "stores": Party(tiers["database"]),
        "endpoints": Party(tiers["endpoint"]),
        "pod identity": Party("169.254.170.23"),
        "instance metadata": Party("169.254.169.254"),
        "internet": Party("203.0.113.10"),
    }


INSIDE = (
    "gateway",
    "bootstrap",
    "server",
    "its worker",
    "other server",
    "stray in inference",
    "stray in gateway",
)
DNS = {(who, "dns", protocol, 53) for who in INSIDE for protocol in ("TCP", "UDP")}
USUAL = DNS | {
    ("gateway", "server", "TCP", 8000),
    ("gateway", "its worker", "TCP", 8000),  # the same labels: a worker listens to nobody
    ("gateway", "stores", "TCP", 5432),
    ("gateway", "stores", "TCP", 6379),
    ("gateway", "endpoints", "TCP", 443),
    ("gateway", "pod identity", "TCP", 80),
    ("bootstrap", "stores", "TCP", 5432),
    ("bootstrap", "endpoints", "TCP", 443),
    ("bootstrap", "pod identity", "TCP", 80),
}
FROM_BALANCER = USUAL | {("balancer", "gateway", "TCP", 4000)}
FROM_CALLERS = USUAL | {("caller", "gateway", "TCP", 4000)}
# Where vendors outside AWS are called: route and security group lead to the firewall, the policy says 443.
TO_FIREWALL = {
    ("gateway", whom, "TCP", 443)
    for whom in (
        "internet", "balancer", "stores", "pod identity", "instance metadata", "dns", "other service",
        "caller", "named like the gateway",
    )
}  # fmt: skip
AMONG_WORKERS = {
    (who, whom, protocol, port)
    for who, whom in (("server", "its worker"), ("its worker", "server"))
    for protocol, port in PORTS
}


def spanning() -> Recorded:
    return changed(SELF_HOSTED, servers=(server(pipeline_parallel=2),))


@pytest.mark.parametrize(
    ("stack", "made", "table"),
    [
        (SELF_HOSTED, lambda: recorded(SELF_HOSTED), FROM_BALANCER),
        (SELF_HOSTED, spanning, FROM_BALANCER | AMONG_WORKERS),
        (OUTSIDE, lambda: recorded(OUTSIDE), FROM_BALANCER | TO_FIREWALL),
        ("minimal", lambda: recorded("minimal"), FROM_CALLERS),
    ],
    ids=["one node a replica", "several nodes a replica", "a vendor outside", "no balancer"],
)
def test_nobody_speaks_but_as_the_table_says(stack: str, made: Any, table: set[Any]) -> None:
    """Every pair of parties on every port: what the table has is let through, all else is not."""
    policies = [policy.props for policy in made().of(POLICY)]
    who = parties(planned(stack))
    found = {
        (source, destination, protocol, port)
        for source, one in who.items()
        for destination, other in who.items()
        for protocol, port in PORTS
        if source != destination
        and (one.namespace in GUARDED or other.namespace in GUARDED)
        and passes(policies, one, other, protocol, port)
    }

    assert sorted(found - table) == [], "more than the table says"
    assert sorted(table - found) == [], "less than the table says"


def test_without_a_policy_everything_passes() -> None:
    """The evaluation below refuses nothing of its own."""
    who = parties(planned(SELF_HOSTED))

    assert passes([], who["internet"], who["server"], "TCP", 8000)
    deny = {"metadata": {"namespace": "inference"}, "spec": {"podSelector": {}, "policyTypes": ["Ingress"]}}
    assert not passes([deny], who["gateway"], who["server"], "TCP", 8000)


# -- NetworkPolicy as the API describes it: policies add up, and a pod that none selects is open
GUARDED = ("inference", "inference-gateway")


def passes(policies: list[Any], source: Party, destination: Party, protocol: str, port: int) -> bool:
    return open_to(policies, "Egress", source, destination, protocol, port) and open_to(
        policies, "Ingress", destination, source, protocol, port
    )


def open_to(policies: list[Any], way: str, own: Party, other: Party, protocol: str, port: int) -> bool:
    applying = list(selecting(policies, way, own))
    if not applying:
        return True
    rules = [rule for spec in applying for rule in spec.get(way.lower(), ())]
    return any(admits(rule, way, other) and on_port(rule, protocol, port) for rule in rules)


def selecting(policies: list[Any], way: str, own: Party) -> Iterator[Mapping[str, Any]]:
    for policy in policies:
        spec = policy["spec"]
        here = own.namespace and policy["metadata"]["namespace"] == own.namespace
        if here and way in spec["policyTypes"] and matches(spec["podSelector"], own.labels):
            yield spec


def matches(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    assert selector.keys() <= {"matchLabels"}, "no other kind of selector is planned"
    return selector.get("matchLabels", {}).items() <= labels.items()


def admits(rule: Mapping[str, Any], way: str, other: Party) -> bool:
    peers = rule.get("from" if way == "Ingress" else "to")
    return not peers or any(is_peer(peer, other) for peer in peers)


def is_peer(peer: Mapping[str, Any], other: Party) -> bool:
    if "ipBlock" in peer:
        assert peer["ipBlock"].keys() == {"cidr"}
        return ip_address(other.address) in ip_network(peer["ipBlock"]["cidr"])
    if not other.namespace:
        return False
    assert "namespaceSelector" in peer, "every planned peer names its namespace"
    return matches(peer["namespaceSelector"], other.namespace_labels) and matches(
        peer.get("podSelector", {}), other.labels
    )


def on_port(rule: Mapping[str, Any], protocol: str, port: int) -> bool:
    ports = rule.get("ports")
    return not ports or any((one["protocol"], one["port"]) == (protocol, port) for one in ports)
