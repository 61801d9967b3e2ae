"""The security group of a runner inside the VPC, from which the workload layer is deployed.

Not here: the runner itself (runner_build); a machine of the platform team's may carry the group too.
"""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.group_rules import HTTPS, allow_between, allow_to_prefix_list

ROLE = "runner"  # of the planned build that carries the group


@dataclass(frozen=True, kw_only=True, slots=True)
class RunnerAccessArgs:
    vpc_id: pulumi.Input[str]
    control_plane_group_id: pulumi.Input[str]
    endpoint_security_group_id: pulumi.Input[str]
    s3_prefix_list_id: pulumi.Input[str]


class RunnerAccess(pulumi.ComponentResource):
    """A runner in a system subnet that carries `security_group_id` reaches API server, AWS and its state."""

    security_group_id: pulumi.Output[str]

    def __init__(self, name: str, args: RunnerAccessArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("inferplan:index:RunnerAccess", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        group = aws.ec2.SecurityGroup(
            f"{name}-group",
            vpc_id=args.vpc_id,
            description="runner that deploys the workload layer: API server, AWS endpoints, state in S3",
            tags={"Name": f"{name}-group"},
            opts=child,
        )
        for role, destination, why in (
            ("api", args.control_plane_group_id, "API server"),
            ("endpoints", args.endpoint_security_group_id, "AWS services"),
        ):
            allow_between(
                f"{name}-{role}",
                source=group.id,
                destination=destination,
                port=HTTPS,
                why=f"runner to {why}",
                opts=child,
            )
        allow_to_prefix_list(
            f"{name}-s3",
            group=group.id,
            prefix_list_id=args.s3_prefix_list_id,
            why="state of the stacks",
            opts=child,
        )
        self.security_group_id = group.id
        self.register_outputs({"securityGroupId": self.security_group_id})
