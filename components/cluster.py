"""The EKS control plane: private, logged, encrypted, with named admins and nobody else.

Not here: nodes (node_group), add-ons (addons), and Kubernetes objects (the workload layer).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components import cluster_admin, iam
from components.names import Names
from components.role import Role, RoleArgs
from inferplan.records.plan import Cluster as PlannedCluster

_LOG_TYPES = ["api", "audit", "authenticator", "controllerManager", "scheduler"]


@dataclass(frozen=True, kw_only=True, slots=True)
class ClusterArgs:
    """`log_group` exists first: EKS would make its own without key and retention (field-notes 44)."""

    names: Names
    cluster: PlannedCluster
    deploy_role: str | None  # deploys the workload layer, so it is an admin too
    production: bool
    subnet_ids: Sequence[pulumi.Input[str]]
    security_group_id: pulumi.Input[str]
    secrets_key_arn: pulumi.Input[str]
    log_group: pulumi.Resource | None  # None: the cluster exists


class Cluster(pulumi.ComponentResource):
    """`cluster_name` is fixed and plain; endpoint and certificate are what a kubeconfig needs.

    Of a cluster that exists nothing is made; who may enter it is its owner's to say.
    """

    cluster_name: str
    endpoint: pulumi.Output[str]
    certificate_authority: pulumi.Output[str]

    def __init__(self, name: str, args: ClusterArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("inferplan:index:Cluster", name, None, opts)
        self.cluster_name, given = args.cluster.name, args.cluster.existing
        if given is None:
            self._make(name, args)
        else:
            self.endpoint = pulumi.Output.from_input(given.endpoint)
            self.certificate_authority = pulumi.Output.from_input(given.certificate_authority)
        self.register_outputs({"name": self.cluster_name, "endpoint": self.endpoint})

    def _make(self, name: str, args: ClusterArgs) -> None:
        child = pulumi.ResourceOptions(parent=self)
        names, cluster = args.names, args.cluster
        role = Role(
            f"{name}-control-plane",
            RoleArgs(
                role_name=names.fixed("cluster"),
                trust=iam.trust(names, "eks"),
                managed={"cluster": names.aws_policy_arn("AmazonEKSClusterPolicy")},
                policy=iam.policy(
                    [
                        iam.key_use(
                            names,
                            "secrets",
                            ("kms:Encrypt", "kms:Decrypt", "kms:ListGrants", "kms:DescribeKey"),
                        )
                    ]
                ),
            ),
            child,
        )
        made = aws.eks.Cluster(
            f"{name}-cluster",
            name=cluster.name,
            version=cluster.version,
            role_arn=role.arn,
            access_config=aws.eks.ClusterAccessConfigArgs(
                authentication_mode="API", bootstrap_cluster_creator_admin_permissions=False
            ),
            bootstrap_self_managed_addons=False,
            deletion_protection=args.production,
            enabled_cluster_log_types=_LOG_TYPES,
            encryption_config=aws.eks.ClusterEncryptionConfigArgs(
                provider=aws.eks.ClusterEncryptionConfigProviderArgs(key_arn=args.secrets_key_arn),
                resources=["secrets"],
            ),
            upgrade_policy=aws.eks.ClusterUpgradePolicyArgs(support_type="STANDARD"),
            vpc_config=aws.eks.ClusterVpcConfigArgs(
                subnet_ids=list(args.subnet_ids),
                security_group_ids=[args.security_group_id],
                endpoint_private_access=True,
                endpoint_public_access=bool(cluster.public_cidrs),
                public_access_cidrs=list(cluster.public_cidrs) or None,
                control_plane_egress_mode=cluster.control_plane_egress,
            ),
            opts=pulumi.ResourceOptions(
                parent=self, depends_on=[*([args.log_group] if args.log_group else []), role]
            ),
        )
        self.endpoint = made.endpoint
        self.certificate_authority = made.certificate_authority.data
        for number, arn in enumerate(_admins(args), start=1):
            cluster_admin.admit(
                f"{name}-admin-{number}",
                cluster_name=made.name,
                principal_arn=arn,
                partition=names.target.partition,
                parent=self,
            )


def _admins(args: ClusterArgs) -> list[str]:
    """The named admins, and the role that deploys the workload layer, or nobody could (field-notes 7)."""
    deployer = [args.deploy_role] if args.deploy_role else []
    return list(dict.fromkeys([*args.cluster.admins, *deployer]))
