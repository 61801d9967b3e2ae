"""The planned nodes as Kubernetes would see them: what EKS leaves of each type, labels, taints and zones.

Labels, taints, types, disks and subnets are those of the recorded node groups; what pods may use follows the
formulas of EKS (github.com/awslabs/amazon-eks-ami nodeadm/internal/kubelet), which Bottlerocket shares.
Not here: the API server.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from inferplan.records.plan import Plan
from inferplan.resource import Resource, Unknown
from tests.cluster.max_pods import MAX_PODS

NODE_GROUP, TEMPLATE = "aws:eks/nodeGroup:NodeGroup", "aws:ec2/launchTemplate:LaunchTemplate"
DATA_DEVICE = "/dev/xvdb"  # of Bottlerocket: images and pods
VISIBLE_MEMORY_SHARE = 0.925  # Karpenter's default for what the kernel of an instance does not see
EVICTION_MIB = 100
EVICTION_DISK_SHARE = 0.1
RESERVED_DISK_MIB = 1024
EFFECTS = {"NO_SCHEDULE": "NoSchedule", "NO_EXECUTE": "NoExecute", "PREFER_NO_SCHEDULE": "PreferNoSchedule"}


@dataclass(frozen=True)
class Node:
    """One planned node; `zone` is a zone id."""

    name: str
    group: str
    zone: str
    labels: Mapping[str, str]
    taints: tuple[Mapping[str, str], ...]
    capacity: Mapping[str, str]
    allocatable: Mapping[str, str]


@cache
def instance_types() -> Mapping[str, Any]:
    """What EC2 says of its instance types, as moto ships it."""
    packed = files("moto").joinpath("ec2/resources/instance_types.json.gz").read_bytes()
    table: Mapping[str, Any] = json.loads(gzip.decompress(packed))
    return table


def max_pods(instance_type: str) -> int:
    """EKS's table, or the rule behind it: interfaces x (addresses - 1) + 2."""
    network = instance_types()[instance_type]["NetworkInfo"]
    by_rule: int = network["MaximumNetworkInterfaces"] * (network["Ipv4AddressesPerInterface"] - 1) + 2
    return MAX_PODS.get(instance_type, by_rule)


def reserved_cpu(vcpu: int) -> float:
    """Thousandths of a vCPU: 6 % of the first, 1 % of the second, 0.5 % of two more, 0.25 % of the rest."""
    shares = [60.0, 10.0, 5.0, 5.0, *[2.5] * vcpu]
    return sum(shares[:vcpu])


def amounts(instance_type: str, disk_gib: int) -> tuple[dict[str, str], dict[str, str]]:
    """Capacity and allocatable amounts of a node."""
    facts, pods = instance_types()[instance_type], max_pods(instance_type)
    vcpu = facts["VCpuInfo"]["DefaultVCpus"]
    gpus = sum(gpu["Count"] for gpu in facts.get("GpuInfo", {}).get("Gpus", []))
    memory = int(facts["MemoryInfo"]["SizeInMiB"] * VISIBLE_MEMORY_SHARE)
    disk = int(disk_gib * 1024 * 0.98)  # the file system's own share
    free = memory - (255 + 11 * pods) - EVICTION_MIB
    shared = {"pods": str(pods)} | ({"nvidia.com/gpu": str(gpus)} if gpus else {})
    capacity = {"cpu": str(vcpu), "memory": f"{memory}Mi", "ephemeral-storage": f"{disk}Mi"}
    allocatable = {
        "cpu": f"{int(vcpu * 1000 - reserved_cpu(vcpu))}m",
        "memory": f"{free}Mi",
        "ephemeral-storage": f"{int(disk * (1 - EVICTION_DISK_SHARE)) - RESERVED_DISK_MIB}Mi",
    }
    return capacity | shared, allocatable | shared


def planned_nodes(plan: Plan, recorded: tuple[Resource, ...]) -> list[Node]:
    """Every node of the plan: system and gateway groups at their desired size, GPU groups at the planned."""
    return [
        node
        for group in recorded
        if group.type == NODE_GROUP
        for node in _of_group(group, plan, {resource.urn: resource for resource in recorded})
    ]


def _of_group(group: Resource, plan: Plan, by_urn: Mapping[str, Resource]) -> Iterator[Node]:
    props = group.props
    name: str = props["nodeGroupName"]
    subnets = sorted({urn for subnet in props["subnetIds"] for urn in _urns(subnet)})
    zones = [by_urn[urn].props["availabilityZoneId"] for urn in subnets]
    (template_urn,) = _urns(props["launchTemplate"]["id"])
    template = by_urn[template_urn].props
    (instance_type,) = props.get("instanceTypes") or [template["instanceType"]]
    disks = {disk["deviceName"]: disk["ebs"]["volumeSize"] for disk in template["blockDeviceMappings"]}
    capacity, allocatable = amounts(instance_type, disks.get(DATA_DEVICE, disks["/dev/xvda"]))
    taints = tuple(
        {"key": taint["key"], "value": taint["value"], "effect": EFFECTS[taint["effect"]]}
        for taint in props.get("taints", ())
    )
    desired = props["scalingConfig"]["desiredSize"] or _gpu_nodes(plan, name, zones[0])
    for index in range(desired):
        zone = zones[index % len(zones)]
        node = f"{name}-{index}" if name.endswith(zone) else f"{name}-{index}-{zone}"
        labels = {
            **props["labels"],
            "eks.amazonaws.com/nodegroup": name,
            "kubernetes.io/arch": "amd64",
            "kubernetes.io/hostname": node,
            "kubernetes.io/os": "linux",
            "node.kubernetes.io/instance-type": instance_type,
            "topology.kubernetes.io/zone": f"name-of-{zone}",  # names are not ids: az1 may be a, b or c
        }
        yield Node(node, name, zone, labels, taints, capacity, allocatable)


def _gpu_nodes(plan: Plan, group: str, zone: str) -> int:
    """A pool's nodes are shared out among its zones in turn; the autoscaler brings them from 0."""
    (pool,) = [pool for pool in plan.pools if f"{pool.name}-{zone}" == group]
    place = pool.zones.index(zone)
    return sum(1 for index in range(pool.nodes) if index % len(pool.zones) == place)


def _urns(value: Any) -> tuple[str, ...]:
    assert isinstance(value, Unknown), value
    return value.urns
