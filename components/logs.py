"""Log groups in the Region with the stack's own key and a retention.

Not here: what writes into them; EKS and resolver get theirs before they exist, or they would make bare ones.
"""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.names import Names


@dataclass(frozen=True, kw_only=True, slots=True)
class LogsArgs:
    """`groups` maps a role in the stack (flow, dns, cluster) to the fixed name of its log group."""

    names: Names
    groups: dict[str, str]
    retention_days: int
    kms_key_arn: pulumi.Input[str]
    keep: bool  # leave the groups behind at destroy, as evidence


class Logs(pulumi.ComponentResource):
    """`groups[role]` are the resources to depend on, `arns[role]` plain strings for policy documents."""

    groups: dict[str, aws.cloudwatch.LogGroup]
    arns: dict[str, str]

    def __init__(self, name: str, args: LogsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("inferplan:index:Logs", name, None, opts)
        self.arns = {role: args.names.log_group_arn(group) for role, group in args.groups.items()}
        self.groups = {
            role: aws.cloudwatch.LogGroup(
                f"{name}-{role}",
                name=group,
                retention_in_days=args.retention_days,
                kms_key_id=args.kms_key_arn,
                opts=pulumi.ResourceOptions(parent=self, retain_on_delete=args.keep),
            )
            for role, group in args.groups.items()
        }
        self.register_outputs({"names": dict(args.groups)})
