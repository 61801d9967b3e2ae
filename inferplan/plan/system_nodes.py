"""How many nodes without GPU the cluster's services and the gateway need, also while the gateway is updated.

Not here: GPU nodes (own_weights). The figures are EKS's formulas and the add-ons' own requests; what depends
on their versions is a working estimate with room to spare.
"""

from __future__ import annotations

import math

from inferplan.plan.case import DEVELOPMENT, Case
from inferplan.records.no_plan import Conflict, NotBuilt
from inferplan.records.notes import Notes
from inferplan.records.plan import GatewayService, Record, Source

LEAST_NODES = 2
# The kernel of an instance does not see all of its memory: Karpenter's default, vmMemoryOverheadPercent 0.075
VISIBLE_MEMORY_SHARE = 0.925
EVICTION_MIB = 100
SOURCES = (
    Source(
        source="github.com/awslabs/amazon-eks-ami nodeadm/internal/kubelet: kube-reserved CPU by cores, "
        "memory 255 MiB + 11 MiB for each pod, hard eviction at 100 MiB; "
        "templates/shared/runtime/eni-max-pods.txt",
        as_of="2026-11-28",
    ),
    Source(
        source="requests in the manifests and charts of amazon-vpc-cni-k8s, kube-proxy, coredns, "
        "metrics-server, aws-ebs-csi-driver and mountpoint-s3-csi-driver; working estimates rounded up",
        as_of="2026-11-28",
    ),
)


class Amounts(Record, frozen=True, kw_only=True):
    """Thousandths of a vCPU, and MiB."""

    cpu: int
    memory_mib: int

    def __add__(self, other: Amounts) -> Amounts:
        return Amounts(cpu=self.cpu + other.cpu, memory_mib=self.memory_mib + other.memory_mib)

    def __sub__(self, other: Amounts) -> Amounts:
        return Amounts(cpu=self.cpu - other.cpu, memory_mib=self.memory_mib - other.memory_mib)


class SystemType(Record, frozen=True, kw_only=True):
    """An instance type that system nodes may have; `max_pods` is what its network interfaces give."""

    name: str
    vcpu: int
    memory_mib: int
    max_pods: int


LARGE = SystemType(name="m6i.large", vcpu=2, memory_mib=8192, max_pods=29)
XLARGE = SystemType(name="m6i.xlarge", vcpu=4, memory_mib=16384, max_pods=58)
LARGE_TO_XLARGE = (LARGE, XLARGE)
TYPES = {DEVELOPMENT: LARGE_TO_XLARGE}  # smallest first, where it is not the one below
USUAL = (XLARGE,)

# On each node: aws-node with its policy agent, kube-proxy, pod identity, both storage drivers, monitoring.
ON_EACH_NODE = Amounts(cpu=250, memory_mib=400)
# In the cluster: CoreDNS, metrics server and the EBS controller (two of each), the node autoscaler; and what
# scales and watches the servers: Prometheus, the collector, the two of KEDA, kube-state-metrics.
SERVICES = Amounts(cpu=680, memory_mib=2700)


def allocatable(type_: SystemType) -> Amounts:
    """What pods may ask for on a node: EKS reserves CPU by cores and memory by pods."""
    by_core = (60, 10, 5, 5)
    reserved_cpu = sum(by_core[: type_.vcpu]) + 2.5 * max(0, type_.vcpu - len(by_core))
    reserved_memory = 255 + 11 * type_.max_pods + EVICTION_MIB
    return Amounts(
        cpu=math.floor(type_.vcpu * 1000 - reserved_cpu),
        memory_mib=math.floor(type_.memory_mib * VISIBLE_MEMORY_SHARE) - reserved_memory,
    )


def gateway_pod(gateway: GatewayService) -> Amounts:
    """Proxy and helpers together."""
    pod = Amounts(cpu=gateway.cpu, memory_mib=gateway.memory_mib)
    for sidecar in gateway.sidecars:
        pod += Amounts(cpu=sidecar.cpu, memory_mib=sidecar.memory_mib)
    return pod


def plan_system_nodes(case: Case, gateway: GatewayService, notes: Notes, *, apart: bool) -> tuple[str, int]:
    """Instance type and number of system nodes; `apart`: the gateway has nodes of its own, one a replica.

    An update starts the new pod before the old one ends, so there is room for one more than the replicas.
    Each node is counted as if it carried all services: whichever node is lost, the rest take them over.
    """
    pod, types = gateway_pod(gateway), TYPES.get(case.environment, USUAL)
    for type_ in types:
        nodes = _nodes(type_, pod, gateway.replicas, apart=apart, crowded=type_ is types[-1])
        if nodes is not None:
            return type_.name, _explained(type_, nodes, pod, gateway.replicas, notes)
    raise NotBuilt(
        f"no system node holds a gateway pod of {pod.cpu} thousandths of a vCPU and {pod.memory_mib} MiB",
        (
            Conflict(
                path="routes.*.redaction_languages",
                value=", ".join(sorted({code for one in gateway.sidecars for code in one.languages})),
                reason="each language of redaction takes memory beside every proxy: name fewer",
            ),
        ),
    )


def _nodes(type_: SystemType, pod: Amounts, replicas: int, *, apart: bool, crowded: bool) -> int | None:
    """How many of a type do, or None; `crowded`: gateway pods may need nodes without any of the services."""
    bare, wanted = allocatable(type_) - ON_EACH_NODE, replicas + 1
    alone, beside = _fits(bare, pod), _fits(bare - SERVICES, pod)
    if apart:
        return LEAST_NODES if alone * replicas >= wanted else None
    if beside:
        return max(LEAST_NODES, math.ceil(wanted / beside))
    return LEAST_NODES + math.ceil(wanted / alone) if alone and crowded else None


def _fits(room: Amounts, pod: Amounts) -> int:
    return max(0, min(room.cpu // pod.cpu, room.memory_mib // pod.memory_mib))


def _explained(type_: SystemType, nodes: int, pod: Amounts, replicas: int, notes: Notes) -> int:
    has = allocatable(type_)
    return notes.derive(
        "cluster.system_nodes",
        nodes,
        "nodes",
        "two at least: with one lost, the rest carry DNS, metrics, drivers and autoscaler; and room for one "
        "gateway pod more than the replicas, which an update starts first",
        {
            "instance_type": type_.name,
            "allocatable_cpu": has.cpu,
            "allocatable_mib": has.memory_mib,
            "gateway_replicas": replicas,
            "gateway_pod_cpu": pod.cpu,
            "gateway_pod_mib": pod.memory_mib,
            "services_cpu": SERVICES.cpu,
            "services_mib": SERVICES.memory_mib,
            "each_node_cpu": ON_EACH_NODE.cpu,
            "each_node_mib": ON_EACH_NODE.memory_mib,
        },
        sources=SOURCES,
        confidence="medium",
    )
