"""The internal entrance: one application balancer with TLS, reachable from the declared clients only.

Not here: the certificate (the platform team's), the name in DNS, and what runs behind it.

It serves both hosts of the gateway. In front of a cluster it targets a fixed port of a node group, so that
Pulumi owns balancer and targets: no controller, no custom resources, nothing left behind at destroy. It is an
application balancer because its idle time can be set for long answers and it stays in its own subnet tier.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import pulumi
import pulumi_aws as aws

from components.group_rules import HTTPS, allow_between, allow_from
from components.names import Names
from inferplan.records.plan import fitting

READY = "/health/readiness"  # /health calls the models (field-notes 25)
PATHS_PER_RULE = 4  # a rule takes five values, one of which is the method
TLS_POLICY = "ELBSecurityPolicy-TLS13-1-2-2021-06"


@dataclass(frozen=True, kw_only=True, slots=True)
class BalancerArgs:
    """`target_type` is `ip` for Fargate tasks and `instance` for nodes behind `port`."""

    names: Names
    certificate: str
    clients: tuple[str, ...]
    idle_timeout_seconds: int
    paths: tuple[str, ...]  # that callers may reach
    vpc_id: pulumi.Input[str]
    subnet_ids: list[pulumi.Output[str]]
    target_type: Literal["ip", "instance"]
    target_group_ids: Sequence[pulumi.Input[str]]  # security groups of the targets
    autoscaling_groups: Sequence[pulumi.Input[str]]  # of the nodes; none for Fargate
    port: int
    production: bool


class Balancer(pulumi.ComponentResource):
    """`target_group_arn` is where a service registers, `dns_name` what the host's record points to."""

    dns_name: pulumi.Output[str]
    target_group_arn: pulumi.Output[str]

    def __init__(self, name: str, args: BalancerArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("inferplan:index:Balancer", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        group = aws.ec2.SecurityGroup(
            f"{name}-group",
            vpc_id=args.vpc_id,
            description="entrance of the gateway: in from the clients, out to the gateway",
            tags={"Name": f"{name}-group"},
            opts=child,
        )
        for number, cidr in enumerate(args.clients):
            allow_from(
                f"{name}-client-{number}",
                group=group.id,
                cidr=cidr,
                port=HTTPS,
                why="declared clients",
                opts=child,
            )
        for number, target in enumerate(args.target_group_ids):
            allow_between(
                f"{name}-target-{number}",
                source=group.id,
                destination=target,
                port=args.port,
                why="balancer to the gateway",
                opts=child,
            )
        balancer = aws.lb.LoadBalancer(
            f"{name}-alb",
            name=args.names.fixed(limit=32),
            internal=True,
            load_balancer_type="application",
            ip_address_type="ipv4",
            subnets=args.subnet_ids,
            security_groups=[group.id],
            idle_timeout=args.idle_timeout_seconds,
            drop_invalid_header_fields=True,
            desync_mitigation_mode="strictest",
            enable_deletion_protection=args.production,
            opts=child,
        )
        targets = aws.lb.TargetGroup(
            f"{name}-targets",
            # A listener holds on to its targets until new ones exist, so what replaces them renames them.
            name=fitting(f"{args.target_type}-{args.port}-{args.names.stack}", 32),
            vpc_id=args.vpc_id,
            target_type=args.target_type,
            port=args.port,
            protocol="HTTP",
            deregistration_delay=args.idle_timeout_seconds,  # long answers may finish
            health_check=aws.lb.TargetGroupHealthCheckArgs(
                path=READY, matcher="200", interval=15, timeout=10, healthy_threshold=2, unhealthy_threshold=3
            ),
            opts=child,
        )
        listener = aws.lb.Listener(
            f"{name}-https",
            load_balancer_arn=balancer.arn,
            port=HTTPS,
            protocol="HTTPS",
            certificate_arn=args.certificate,
            ssl_policy=TLS_POLICY,
            # The proxy's own pages, keys and settings are nobody's business outside: no path is forwarded
            # that is not the API of a route.
            default_actions=[
                aws.lb.ListenerDefaultActionArgs(
                    type="fixed-response",
                    fixed_response=aws.lb.ListenerDefaultActionFixedResponseArgs(
                        content_type="text/plain", message_body="no such path", status_code="404"
                    ),
                ),
            ],
            opts=child,
        )
        for number, first in enumerate(range(0, len(args.paths), PATHS_PER_RULE), start=1):
            paths = args.paths[first : first + PATHS_PER_RULE]
            self._forward(f"{name}-api-{number}", listener, targets, paths, number)
        for number, nodes in enumerate(args.autoscaling_groups):
            aws.autoscaling.Attachment(
                f"{name}-nodes-{number}",
                autoscaling_group_name=nodes,
                lb_target_group_arn=targets.arn,
                opts=child,
            )
        self.dns_name = balancer.dns_name
        self.target_group_arn = targets.arn
        self.register_outputs({"dnsName": self.dns_name})

    def _forward(
        self,
        name: str,
        listener: aws.lb.Listener,
        targets: aws.lb.TargetGroup,
        paths: tuple[str, ...],
        priority: int,
    ) -> None:
        """Requests to exactly these paths; a pattern without a wildcard takes no other spelling."""
        aws.lb.ListenerRule(
            name,
            listener_arn=listener.arn,
            priority=priority,
            actions=[aws.lb.ListenerRuleActionArgs(type="forward", target_group_arn=targets.arn)],
            conditions=[
                aws.lb.ListenerRuleConditionArgs(
                    path_pattern=aws.lb.ListenerRuleConditionPathPatternArgs(values=list(paths))
                ),
                aws.lb.ListenerRuleConditionArgs(
                    http_request_method=aws.lb.ListenerRuleConditionHttpRequestMethodArgs(values=["POST"])
                ),
            ],
            opts=pulumi.ResourceOptions(parent=self),
        )
