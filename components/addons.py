"""EKS add-ons in the order in which they can work: network and identity before nodes, the rest after them.

Not here: their versions (the lock pins them) and images (they come from the Region's own add-on registry).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

BEFORE_NODES = ("vpc-cni", "kube-proxy", "eks-pod-identity-agent")
WEIGHTS_DRIVER = "aws-mountpoint-s3-csi-driver"
WEIGHTS_SERVICE_ACCOUNT = "s3-csi-driver-sa"
VOLUMES_DRIVER = "aws-ebs-csi-driver"
VOLUMES_SERVICE_ACCOUNT = "ebs-csi-controller-sa"

_CONFIGURATION = {
    # Without it NetworkPolicies are accepted and nothing enforces them.
    "vpc-cni": {"enableNetworkPolicy": "true"},
    # GPU nodes are tainted; the driver has to run there.
    WEIGHTS_DRIVER: {"node": {"tolerateAllTaints": True}},
}


@dataclass(frozen=True, kw_only=True, slots=True)
class AddonsArgs:
    """`versions` may hold None while a pin is pending; `roles` maps an add-on to (service account, role)."""

    cluster_name: pulumi.Input[str]
    versions: dict[str, str | None]
    roles: dict[str, tuple[str, pulumi.Input[str]]]
    after: Sequence[pulumi.Resource]


class Addons(pulumi.ComponentResource):
    """One stage of add-ons; depend on the component to wait for all of them."""

    def __init__(self, name: str, args: AddonsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("inferplan:index:Addons", name, None, opts)
        for addon, version in args.versions.items():
            configuration = _CONFIGURATION.get(addon)
            account_and_role = args.roles.get(addon)
            aws.eks.Addon(
                f"{name}-{addon}",
                cluster_name=args.cluster_name,
                addon_name=addon,
                addon_version=version,
                configuration_values=json.dumps(configuration) if configuration else None,
                resolve_conflicts_on_create="OVERWRITE",
                resolve_conflicts_on_update="OVERWRITE",
                pod_identity_associations=[
                    aws.eks.AddonPodIdentityAssociationArgs(
                        service_account=account_and_role[0], role_arn=account_and_role[1]
                    )
                ]
                if account_and_role
                else None,
                opts=pulumi.ResourceOptions(parent=self, depends_on=list(args.after)),
            )
        self.register_outputs({})
