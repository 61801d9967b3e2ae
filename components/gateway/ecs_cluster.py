"""The Fargate side of the gateway that needs no image and no secret: cluster, tasks' group, log group, roles.

Not here: task definition and service (ecs, in the workload layer).
"""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components import iam
from components.gateway.logins import ADDRESSES_KEY, BOOTSTRAP_KEY
from components.gateway.service import bootstrap_policy
from components.group_rules import ANYWHERE, HTTPS, allow_between, allow_to, allow_to_prefix_list
from components.names import Names
from components.role import Role, RoleArgs
from inferplan.records.plan import GatewayService as PlannedGateway


@dataclass(frozen=True, kw_only=True, slots=True)
class GatewayEcsClusterArgs:
    """Tasks reach AWS through the endpoints' group and S3's prefix list, vendors through the firewall."""

    names: Names
    gateway: PlannedGateway
    config_bucket: str
    firewall: bool  # whether a vendor outside AWS is called
    log_retention_days: int
    production: bool
    vpc_id: pulumi.Input[str]
    endpoint_security_group_id: pulumi.Input[str]
    s3_prefix_list_id: pulumi.Input[str]
    logs_key_arn: pulumi.Input[str]


class GatewayEcsCluster(pulumi.ComponentResource):
    """Cluster, roles and log group have fixed names; the workload layer refers to them by those."""

    log_group_name: str
    security_group_id: pulumi.Output[str]

    def __init__(
        self, name: str, args: GatewayEcsClusterArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("inferplan:index:GatewayEcsCluster", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        names = args.names
        self.log_group_name = names.log_group("gateway")
        aws.cloudwatch.LogGroup(
            f"{name}-log",
            name=self.log_group_name,
            retention_in_days=args.log_retention_days,
            kms_key_id=args.logs_key_arn,
            opts=pulumi.ResourceOptions(parent=self, retain_on_delete=args.production),
        )
        # Container Insights would make its own group, without key and retention, and leave it behind.
        insights = aws.cloudwatch.LogGroup(
            f"{name}-insights-log",
            name=f"/aws/ecs/containerinsights/{names.fixed('gateway')}/performance",
            retention_in_days=args.log_retention_days,
            kms_key_id=args.logs_key_arn,
            opts=pulumi.ResourceOptions(parent=self, retain_on_delete=args.production),
        )
        aws.ecs.Cluster(
            f"{name}-cluster",
            name=names.fixed("gateway"),
            settings=[aws.ecs.ClusterSettingArgs(name="containerInsights", value="enhanced")],
            opts=pulumi.ResourceOptions(parent=self, depends_on=[insights]),
        )
        Role(
            f"{name}-start",
            RoleArgs(
                role_name=names.fixed("gateway-start"),
                trust=iam.trust(names, "ecs-tasks"),
                managed={},
                policy=start_policy(args),
            ),
            child,
        )
        Role(
            f"{name}-bootstrap",
            RoleArgs(
                role_name=names.fixed("gateway-init"),
                trust=iam.trust(names, "ecs-tasks"),
                managed={},
                policy=bootstrap_policy(names),
            ),
            child,
        )
        self.security_group_id = self._task_group(name, args)
        self.register_outputs({"logGroup": self.log_group_name})

    def _task_group(self, name: str, args: GatewayEcsClusterArgs) -> pulumi.Output[str]:
        """What tasks may open by themselves; stores and balancer add a rule each."""
        child = pulumi.ResourceOptions(parent=self)
        group = aws.ec2.SecurityGroup(
            f"{name}-group",
            vpc_id=args.vpc_id,
            description="gateway tasks: AWS endpoints, stores, and the firewall where planned",
            tags={"Name": f"{name}-group"},
            opts=child,
        )
        allow_between(
            f"{name}-endpoints",
            source=group.id,
            destination=args.endpoint_security_group_id,
            port=HTTPS,
            why="AWS services",
            opts=child,
        )
        allow_to_prefix_list(
            f"{name}-s3",
            group=group.id,
            prefix_list_id=args.s3_prefix_list_id,
            why="image layers and configuration",
            opts=child,
        )
        if args.firewall:
            allow_to(
                f"{name}-firewall",
                group=group.id,
                cidr=ANYWHERE,
                port=HTTPS,
                why="towards the firewall, which knows the hosts of vendors",
                opts=child,
            )
        return group.id


def start_policy(args: GatewayEcsClusterArgs) -> str:
    """What starting a task takes: its images, its log streams and the addresses; no secret."""
    names, bucket = args.names, args.names.bucket_arn(args.config_bucket)
    images = (args.gateway.image, *(sidecar.image for sidecar in args.gateway.sidecars))
    repositories = sorted({names.arn("ecr", f"repository/{image.repository}") for image in images})
    return iam.policy(
        [
            {"Sid": "Login", "Effect": "Allow", "Action": "ecr:GetAuthorizationToken", "Resource": "*"},
            {
                "Sid": "Images",
                "Effect": "Allow",
                "Action": [
                    "ecr:BatchCheckLayerAvailability",
                    "ecr:BatchGetImage",
                    "ecr:GetDownloadUrlForLayer",
                ],
                "Resource": repositories,
            },
            {
                "Sid": "Logs",
                "Effect": "Allow",
                "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
                "Resource": f"{names.log_group_arn(names.log_group('gateway'))}:*",
            },
            {
                "Sid": "Addresses",
                "Effect": "Allow",
                "Action": "s3:GetObject",
                "Resource": [f"{bucket}/{key}" for key in (ADDRESSES_KEY, BOOTSTRAP_KEY)],
            },
            {"Sid": "Bucket", "Effect": "Allow", "Action": "s3:GetBucketLocation", "Resource": bucket},
            iam.key_use(names, "data"),
        ]
    )
