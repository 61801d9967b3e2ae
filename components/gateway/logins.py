"""What the gateway's process signs in with and reads, as the plan's configuration calls it.

Not here: the resources that carry these names (service, database, cache) and all other names (names).
"""

from __future__ import annotations

from dataclasses import dataclass

from inferplan.records.plan import GatewayService as PlannedGateway

ADDRESSES_KEY, BOOTSTRAP_KEY = "gateway/addresses.env", "gateway/bootstrap.env"


@dataclass(frozen=True, kw_only=True, slots=True)
class Logins:
    """The configuration is complete before anything exists, so the resources take their names from it."""

    database_name: str
    database_user: str
    cache: str  # ElastiCache replication group
    cache_user: str


def logins(gateway: PlannedGateway) -> Logins:
    """The logins of a planned gateway; a configuration that leaves one out raises KeyError."""
    redis = gateway.config["general_settings"]["coordination_redis"]
    return Logins(
        database_name=gateway.env["DATABASE_NAME"],
        database_user=gateway.env["DATABASE_USER"],
        cache=redis["aws_iam_cache_name"],
        cache_user=redis["aws_iam_user_name"],
    )


def config_key(gateway: PlannedGateway) -> str:
    """Where in its bucket a proxy without a mounted file looks for its configuration."""
    return gateway.env.get("LITELLM_CONFIG_BUCKET_OBJECT_KEY", "gateway/config.yaml")
