"""The fixed names of a gateway's parts, so that policy documents are plain strings before anything exists.

Not here: the resources that carry these names (gateway_service, database, cache, gateway_ecs).
"""

from __future__ import annotations

from dataclasses import dataclass

from components import naming
from inferplan.records.plan import Plan, Target, fitting


def secret_arn(target: Target, secret: str) -> str:
    """The ARN pattern of one secret: Secrets Manager appends a hyphen and six characters to the name."""
    return naming.arn(target, "secretsmanager", f"secret:{secret}-??????")


@dataclass(frozen=True, kw_only=True, slots=True)
class GatewayNames:
    """What the plan's configuration calls the parts: the process signs in with these names."""

    cluster: str  # ECS
    log_group: str
    database: str  # RDS instance identifier
    database_name: str
    database_user: str
    database_user_arn: str
    cache: str  # ElastiCache replication group
    cache_user: str
    cache_arns: tuple[str, ...]  # what `elasticache:Connect` names
    config_key: str
    addresses_key: str
    bootstrap_key: str


def gateway_names(plan: Plan) -> GatewayNames:
    """The names of the gateway of `plan`; a plan whose configuration leaves one out raises KeyError."""
    target, env = plan.target, plan.gateway.env
    redis = plan.gateway.config["general_settings"]["coordination_redis"]
    cache, cache_user, database_user = (
        redis["aws_iam_cache_name"],
        redis["aws_iam_user_name"],
        env["DATABASE_USER"],
    )
    return GatewayNames(
        cluster=f"inferplan-{plan.name}-gateway",
        log_group=naming.log_group(plan, "gateway"),
        database=fitting(f"inferplan-{plan.name}-gateway", 63),
        database_name=env["DATABASE_NAME"],
        database_user=database_user,
        # The full ARN needs the instance's generated id, which nobody knows before the instance exists.
        database_user_arn=naming.arn(target, "rds-db", f"dbuser:*/{database_user}"),
        cache=cache,
        cache_user=cache_user,
        cache_arns=(
            naming.arn(target, "elasticache", f"replicationgroup:{cache}"),
            naming.arn(target, "elasticache", f"user:{cache_user}"),
        ),
        config_key=env.get("LITELLM_CONFIG_BUCKET_OBJECT_KEY", "gateway/config.yaml"),
        addresses_key="gateway/addresses.env",
        bootstrap_key="gateway/bootstrap.env",
    )
