"""The gateway's identities when it runs in the cluster: which service account may use which role.

Not here: the roles' rights (service, bedrock_access) and the service accounts (kubernetes).
"""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components import iam
from components.gateway.service import bootstrap_policy
from components.names import Names
from components.role import Role, RoleArgs

SERVICE_ACCOUNT = "gateway"
BOOTSTRAP_ACCOUNT = "gateway-init"


@dataclass(frozen=True, kw_only=True, slots=True)
class GatewayClusterAccessArgs:
    names: Names
    cluster_name: pulumi.Input[str]
    namespace: str  # of the gateway
    role_arn: pulumi.Input[str]
    after: tuple[pulumi.Resource, ...]  # the cluster


class GatewayClusterAccess(pulumi.ComponentResource):
    """Pod identity associations in the foundation, so that the workload layer needs no IAM at all."""

    def __init__(
        self, name: str, args: GatewayClusterAccessArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("inferplan:index:GatewayClusterAccess", name, None, opts)
        bootstrap = Role(
            f"{name}-bootstrap",
            RoleArgs(
                role_name=args.names.fixed("gateway-init"),
                trust=iam.pod_identity_trust(args.names),
                managed={},
                policy=bootstrap_policy(args.names),
            ),
            pulumi.ResourceOptions(parent=self),
        )
        for account, role_arn in ((SERVICE_ACCOUNT, args.role_arn), (BOOTSTRAP_ACCOUNT, bootstrap.arn)):
            aws.eks.PodIdentityAssociation(
                f"{name}-{account}",
                cluster_name=args.cluster_name,
                namespace=args.namespace,
                service_account=account,
                role_arn=role_arn,
                opts=pulumi.ResourceOptions(parent=self, depends_on=list(args.after)),
            )
        self.register_outputs({})
