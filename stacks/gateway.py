"""Wiring of the gateway's AWS side, the same in every mode: service, Bedrock, entrance, alarms and budget.

Not here: where the process runs (managed_api for Fargate, cluster_gateway for the cluster).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import pulumi

from components.alarms import Alarms, AlarmsArgs
from components.budget import Budget, BudgetArgs
from components.client_routes import ClientRoutes, ClientRoutesArgs
from components.deployment import Deployment
from components.gateway.balancer import Balancer, BalancerArgs
from components.gateway.bedrock_access import BedrockAccess, BedrockAccessArgs
from components.gateway.service import GatewayService, GatewayServiceArgs
from components.keys import Keys
from components.network import Network
from inferplan.records.plan import Plan
from stacks.shared import bedrock_model_arns, is_production


def has_balancer(plan: Plan) -> bool:
    """A balancer needs a host and a certificate; without them the plan warns and preflight stops."""
    return plan.gateway.host is not None and plan.gateway.certificate is not None


def service(
    deployment: Deployment,
    plan: Plan,
    network: Network,
    keys: Keys,
    callers: dict[str, pulumi.Output[str]],
    *,
    config_bucket: str | None = None,
) -> GatewayService:
    """Role, secrets, database, cache and configuration, and the right to call Bedrock where a route does."""
    made = GatewayService(
        f"{plan.name}-gateway",
        GatewayServiceArgs(
            names=deployment.names,
            gateway=plan.gateway,
            config_bucket=config_bucket,
            production=is_production(plan),
            vpc_id=network.vpc_id,
            database_subnet_ids=network.subnet_ids["database"],
            caller_security_group_ids=callers,
            data_key_arn=keys.arns["data"],
            secrets_key_arn=keys.arns["secrets"],
        ),
        deployment.options(),
    )
    models, guardrail = bedrock_model_arns(plan), plan.gateway.guardrail is not None
    if models or guardrail:
        BedrockAccess(
            f"{plan.name}-bedrock",
            BedrockAccessArgs(
                names=deployment.names, model_arns=models, guardrail=guardrail, role=made.role.name
            ),
            deployment.options(),
        )
    return made


@dataclass(frozen=True, kw_only=True, slots=True)
class Entrance:
    """Where the balancer sends requests: tasks by address, or nodes by port."""

    target_type: Literal["ip", "instance"]
    port: int
    security_group_ids: Sequence[pulumi.Output[str]]
    autoscaling_groups: Sequence[pulumi.Output[str]] = ()


def balancer(deployment: Deployment, plan: Plan, network: Network, entrance: Entrance) -> Balancer | None:
    """The internal balancer of a plan that names host, certificate and clients."""
    if not has_balancer(plan):
        return None
    assert plan.gateway.certificate is not None
    if plan.network.client_routes:
        tables = {
            zone: table for (tier, zone), table in network.route_table_ids.items() if tier == "balancer"
        }
        ClientRoutes(
            f"{plan.name}-clients",
            ClientRoutesArgs(
                routes=plan.network.client_routes,
                vpc_id=network.vpc_id,
                subnet_ids=network.subnet_ids["balancer"],
                route_table_ids=tables,
            ),
            deployment.options(),
        )
    return Balancer(
        f"{plan.name}-balancer",
        BalancerArgs(
            names=deployment.names,
            certificate=plan.gateway.certificate,
            clients=plan.gateway.clients,
            idle_timeout_seconds=plan.gateway.idle_timeout_seconds,
            paths=plan.gateway.paths,
            vpc_id=network.vpc_id,
            subnet_ids=network.subnet_ids["balancer"],
            target_type=entrance.target_type,
            target_group_ids=entrance.security_group_ids,
            autoscaling_groups=entrance.autoscaling_groups,
            port=entrance.port,
            production=is_production(plan),
        ),
        deployment.options(),
    )


def money(
    deployment: Deployment,
    plan: Plan,
    keys: Keys,
    gateway: GatewayService | None,
    *,
    log_group: str | None = None,
    after: tuple[pulumi.Resource, ...] = (),
) -> Alarms:
    """Alarms, and the budget with its action where the gateway calls Bedrock."""
    models = sorted({vendor.model for vendor in plan.vendors if vendor.model_arns})
    alarms = Alarms(
        f"{plan.name}-alarms",
        AlarmsArgs(
            names=deployment.names,
            emails=plan.budget.alert_emails if plan.budget else (),
            bedrock_models=tuple(models),
            logs_key_arn=keys.arns["logs"],
            log_group=log_group,
            after=after,
        ),
        deployment.options(),
    )
    if plan.budget is not None:
        Budget(
            f"{plan.name}-budget",
            BudgetArgs(
                names=deployment.names,
                budget=plan.budget,
                topic_arn=alarms.topic_arn,
                gateway_role=gateway.role if gateway is not None and models else None,
            ),
            deployment.options(),
        )
    return alarms
