"""What the planned EKS add-ons run in kube-system, by name and request: the rest of it no scheduler looks at.

Requests as in the projects' manifests and charts (amazon-vpc-cni-k8s, kubernetes kube-proxy, coredns,
metrics-server, aws-ebs-csi-driver, mountpoint-s3-csi-driver, eks-node-monitoring-agent, kube-state-metrics),
read on 2026-11-27 and 28.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

NAMESPACE = "kube-system"
# By add-on: kind, name, replicas, request in thousandths of a vCPU and MiB.
WORKLOADS: dict[str, tuple[tuple[str, str, int, int, int], ...]] = {
    "vpc-cni": (("DaemonSet", "aws-node", 0, 50, 0),),
    "kube-proxy": (("DaemonSet", "kube-proxy", 0, 100, 0),),
    "eks-pod-identity-agent": (("DaemonSet", "eks-pod-identity-agent", 0, 0, 0),),
    "coredns": (("Deployment", "coredns", 2, 100, 70),),
    "metrics-server": (("Deployment", "metrics-server", 2, 100, 200),),
    "aws-ebs-csi-driver": (
        ("DaemonSet", "ebs-csi-node", 0, 30, 120),
        ("Deployment", "ebs-csi-controller", 2, 60, 240),
    ),
    "aws-mountpoint-s3-csi-driver": (
        ("DaemonSet", "s3-csi-node", 0, 30, 120),
        ("Deployment", "s3-csi-controller", 1, 0, 0),
    ),
    "eks-node-monitoring-agent": (("DaemonSet", "eks-node-monitoring-agent", 0, 10, 30),),
    "kube-state-metrics": (("Deployment", "kube-state-metrics", 1, 0, 0),),
}
LABELS = {"coredns": {"k8s-app": "kube-dns"}}


def requested(kind: str) -> tuple[int, int]:
    """Thousandths of a vCPU and MiB of all workloads of a kind together, each replica counted."""
    found = [
        (max(replicas, 1) * cpu, max(replicas, 1) * memory)
        for workloads in WORKLOADS.values()
        for of, _, replicas, cpu, memory in workloads
        if of == kind
    ]
    return sum(cpu for cpu, _ in found), sum(memory for _, memory in found)


def manifests(addons: Iterable[str]) -> list[dict[str, Any]]:
    """The workloads of the planned add-ons; a KeyError is an add-on that nobody has looked up."""
    return [_workload(*workload) for addon in addons for workload in WORKLOADS[addon]]


def _workload(kind: str, name: str, replicas: int, cpu: int, memory: int) -> dict[str, Any]:
    labels = LABELS.get(name, {"app": name})
    requests = {"cpu": f"{cpu}m", "memory": f"{memory}Mi"}
    pod: dict[str, Any] = {
        "containers": [{"name": "main", "image": "add-on", "resources": {"requests": requests}}]
    }
    template = {"metadata": {"labels": labels}, "spec": pod}
    spec: dict[str, Any] = {"selector": {"matchLabels": labels}, "template": template}
    if kind == "DaemonSet":
        pod |= {"priorityClassName": "system-node-critical", "tolerations": [{"operator": "Exists"}]}
    else:
        spec["replicas"] = replicas
        pod["priorityClassName"] = "system-cluster-critical"
        apart = {"topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchLabels": labels}}
        term = {"weight": 100, "podAffinityTerm": apart}
        pod["affinity"] = {"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [term]}}
    return {
        "apiVersion": "apps/v1",
        "kind": kind,
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": spec,
    }
