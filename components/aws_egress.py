"""The one way from a pod to AWS: pod identity on its node, and the interface endpoints on 443.

Not here: model servers (they need neither; their weights are mounted by the driver).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as kubernetes

from components.isolated_namespace import addresses, port

POD_IDENTITY_ADDRESS = "169.254.170.23/32"


@dataclass(frozen=True, kw_only=True, slots=True)
class AwsEgressArgs:
    namespace: str
    pod_labels: dict[str, str]
    endpoint_cidrs: Sequence[str]  # the endpoint subnet tier, so that blocks stay static (field-notes 19)


class AwsEgress(pulumi.ComponentResource):
    """One NetworkPolicy for the pods with `pod_labels`."""

    def __init__(self, name: str, args: AwsEgressArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("inferplan:index:AwsEgress", name, None, opts)
        rule = kubernetes.networking.v1.NetworkPolicyEgressRuleArgs
        kubernetes.networking.v1.NetworkPolicy(
            f"{name}-policy",
            metadata=kubernetes.meta.v1.ObjectMetaArgs(name=name, namespace=args.namespace),
            spec=kubernetes.networking.v1.NetworkPolicySpecArgs(
                pod_selector=kubernetes.meta.v1.LabelSelectorArgs(match_labels=args.pod_labels),
                policy_types=["Egress"],
                egress=[
                    rule(to=[addresses(POD_IDENTITY_ADDRESS)], ports=[port(80)]),
                    rule(to=[addresses(cidr) for cidr in args.endpoint_cidrs], ports=[port(443)]),
                ],
            ),
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.register_outputs({})
