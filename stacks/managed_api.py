"""Vendors' models behind a gateway on Fargate: private, with an internet path only where a vendor needs it.

Not here: values (the plan), own weights (self_hosted) and both together (hybrid).
"""

from __future__ import annotations

import pulumi

from components.deployment import Deployment
from components.egress_firewall import EgressFirewall, EgressFirewallArgs
from components.gateway.ecs import GatewayEcs, GatewayEcsArgs
from components.gateway.ecs_cluster import GatewayEcsCluster, GatewayEcsClusterArgs
from inferplan.records.plan import Plan
from stacks import gateway
from stacks.mirror import mirror
from stacks.shared import Base, export_base, foundation_of, is_production
from stacks.shared import base as make_base


def foundation(deployment: Deployment, plan: Plan) -> None:
    """Everything that needs neither an image nor a secret's value."""
    base = make_base(deployment, plan, keys=("data", "logs", "secrets"), logs={})
    if base.endpoints.s3_prefix_list_id is None:
        raise ValueError("tasks without an S3 gateway endpoint cannot pull images")
    if plan.network.firewall:
        egress(deployment, plan, base)
    tasks = GatewayEcsCluster(
        f"{plan.name}-tasks",
        GatewayEcsClusterArgs(
            names=deployment.names,
            gateway=plan.gateway,
            config_bucket=_config_bucket(plan),
            firewall=plan.network.firewall,
            log_retention_days=plan.log_retention_days,
            production=is_production(plan),
            vpc_id=base.network.vpc_id,
            endpoint_security_group_id=base.network.endpoint_security_group_id,
            s3_prefix_list_id=base.endpoints.s3_prefix_list_id,
            logs_key_arn=base.keys.arns["logs"],
        ),
        deployment.options(),
    )
    group = tasks.security_group_id
    service = gateway.service(
        deployment,
        plan,
        base.network,
        base.keys,
        {"tasks": group},
        config_bucket=_config_bucket(plan),
    )
    entrance = gateway.balancer(
        deployment,
        plan,
        base.network,
        gateway.Entrance(target_type="ip", port=plan.gateway.port, security_group_ids=[group]),
    )
    gateway.money(deployment, plan, base.keys, service, log_group=tasks.log_group_name, after=(tasks,))
    export_base(deployment, base)
    mirror(deployment, plan, base)
    pulumi.export("configBucket", _config_bucket(plan))
    pulumi.export("gatewaySecurityGroup", group)
    pulumi.export("gatewaySecrets", list(plan.gateway.secrets))
    if entrance is not None:
        pulumi.export("gatewayTargetGroup", entrance.target_group_arn)
        pulumi.export("gatewayBalancer", entrance.dns_name)


def workload(deployment: Deployment, plan: Plan) -> None:
    """The gateway's tasks, after the mirror has filled the registry and the secrets have values."""
    reference = foundation_of(deployment, plan)
    made = GatewayEcs(
        f"{plan.name}-gateway",
        GatewayEcsArgs(
            names=deployment.names,
            gateway=plan.gateway,
            config_bucket=_config_bucket(plan),
            subnet_ids=reference.require_output("subnetIds").apply(lambda tiers: tiers["gateway"]),
            security_group_id=reference.require_output("gatewaySecurityGroup"),
            target_group_arn=reference.require_output("gatewayTargetGroup")
            if gateway.has_balancer(plan)
            else None,
        ),
        deployment.options(),
    )
    pulumi.export("gatewayBootstrapTask", made.bootstrap_family)


def _config_bucket(plan: Plan) -> str:
    if plan.config_bucket is None:
        raise ValueError("a gateway on Fargate needs a configuration bucket in the plan")
    return plan.config_bucket


def egress(deployment: Deployment, plan: Plan, base: Base) -> None:
    """The firewall pair with its routes; only for plans with a vendor outside AWS."""
    EgressFirewall(
        f"{plan.name}-egress",
        EgressFirewallArgs(
            names=deployment.names,
            network=plan.network,
            log_retention_days=plan.log_retention_days,
            vpc_id=base.network.vpc_id,
            subnets=base.network.subnets,
            route_table_ids=base.network.route_table_ids,
            logs_key_arn=base.keys.arns["logs"],
            production=is_production(plan),
        ),
        deployment.options(),
    )
