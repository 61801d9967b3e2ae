"""The AWS half of the sender: a role that may write its own log group and nothing else.

Not here: the log group (logs) and the sender itself (sender).
"""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components import iam
from components.names import Names
from components.role import Role, RoleArgs
from components.watch import names as watch_names


@dataclass(frozen=True, kw_only=True, slots=True)
class SenderAccessArgs:
    names: Names
    cluster_name: str
    namespace: str
    log_group: str
    cluster: pulumi.Resource


class SenderAccess(pulumi.ComponentResource):
    """Given by pod identity; metrics are made of log records, so no right on metrics is needed."""

    def __init__(self, name: str, args: SenderAccessArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("inferplan:index:SenderAccess", name, None, opts)
        group = args.names.log_group_arn(args.log_group)
        role = Role(
            f"{name}-access",
            RoleArgs(
                role_name=args.names.fixed("metrics"),
                trust=iam.pod_identity_trust(args.names),
                managed={},
                policy=iam.policy(
                    [
                        {
                            "Sid": "Records",
                            "Effect": "Allow",
                            "Action": [
                                "logs:CreateLogStream",
                                "logs:DescribeLogStreams",
                                "logs:PutLogEvents",
                            ],
                            "Resource": [group, f"{group}:*"],
                        }
                    ]
                ),
            ),
            pulumi.ResourceOptions(parent=self),
        )
        aws.eks.PodIdentityAssociation(
            f"{name}-association",
            cluster_name=args.cluster_name,
            namespace=args.namespace,
            service_account=watch_names.SENDER,
            role_arn=role.arn,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[args.cluster]),
        )
        self.register_outputs({})
