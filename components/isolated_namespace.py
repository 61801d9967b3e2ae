"""A namespace where nothing is allowed until a policy says so: pod security, default deny, and cluster DNS.

Not here: the allowances of the workloads inside (each brings its own policies).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import pulumi
import pulumi_kubernetes as kubernetes

NAMESPACE_LABEL = "kubernetes.io/metadata.name"


@dataclass(frozen=True, kw_only=True, slots=True)
class IsolatedNamespaceArgs:
    namespace: str
    pod_security: Literal["restricted", "baseline"] = "restricted"


class IsolatedNamespace(pulumi.ComponentResource):
    """Depend on the component, so that no pod starts before its namespace denies everything."""

    namespace: str  # plain, never the output of a Kubernetes object (pulumi-facts 16)

    def __init__(
        self, name: str, args: IsolatedNamespaceArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("inferplan:index:IsolatedNamespace", name, None, opts)
        self.namespace = args.namespace
        made = kubernetes.core.v1.Namespace(
            f"{name}-namespace",
            metadata=kubernetes.meta.v1.ObjectMetaArgs(
                name=args.namespace,
                labels={
                    f"pod-security.kubernetes.io/{level}": args.pod_security
                    for level in ("enforce", "audit", "warn")
                },
            ),
            opts=pulumi.ResourceOptions(parent=self),
        )
        inside = pulumi.ResourceOptions(parent=self, depends_on=[made])
        kubernetes.networking.v1.NetworkPolicy(
            f"{name}-default-deny",
            metadata=kubernetes.meta.v1.ObjectMetaArgs(name="default-deny", namespace=args.namespace),
            spec=kubernetes.networking.v1.NetworkPolicySpecArgs(
                pod_selector=kubernetes.meta.v1.LabelSelectorArgs(), policy_types=["Ingress", "Egress"]
            ),
            opts=inside,
        )
        kubernetes.networking.v1.NetworkPolicy(
            f"{name}-allow-dns",
            metadata=kubernetes.meta.v1.ObjectMetaArgs(name="allow-dns", namespace=args.namespace),
            spec=kubernetes.networking.v1.NetworkPolicySpecArgs(
                pod_selector=kubernetes.meta.v1.LabelSelectorArgs(),
                policy_types=["Egress"],
                egress=[
                    kubernetes.networking.v1.NetworkPolicyEgressRuleArgs(
                        to=[peer("kube-system", {"k8s-app": "kube-dns"})], ports=[port(53, "UDP"), port(53)]
                    )
                ],
            ),
            opts=inside,
        )
        self.register_outputs({"namespace": args.namespace})


def peer(namespace: str, labels: dict[str, str]) -> kubernetes.networking.v1.NetworkPolicyPeerArgs:
    """Pods with `labels` in one namespace."""
    return kubernetes.networking.v1.NetworkPolicyPeerArgs(
        namespace_selector=kubernetes.meta.v1.LabelSelectorArgs(match_labels={NAMESPACE_LABEL: namespace}),
        pod_selector=kubernetes.meta.v1.LabelSelectorArgs(match_labels=labels),
    )


def addresses(cidr: str) -> kubernetes.networking.v1.NetworkPolicyPeerArgs:
    """A range of addresses outside the cluster, such as the endpoint subnets."""
    return kubernetes.networking.v1.NetworkPolicyPeerArgs(
        ip_block=kubernetes.networking.v1.IPBlockArgs(cidr=cidr)
    )


def port(number: int, protocol: str = "TCP") -> kubernetes.networking.v1.NetworkPolicyPortArgs:
    return kubernetes.networking.v1.NetworkPolicyPortArgs(port=number, protocol=protocol)
