"""Records of the gateway in a plan: the proxy's service, its helpers, its callers, and the images of all.

Not here: how they are chosen (inferplan.plan.gateway) and the rest of the plan (plan).
"""

from __future__ import annotations

from typing import Any, Literal

from msgspec import field

from inferplan.records.base import Record


class Image(Record, frozen=True, kw_only=True):
    """A container image in the account's own registry; `digest` is None while its pin is pending."""

    name: str
    upstream: str  # repository at its publisher
    repository: str  # name in the account's ECR
    tag: str
    digest: str | None

    def reference(self, registry: str) -> str:
        """The pull reference in `registry`, by digest where pinned."""
        return (
            f"{registry}/{self.repository}@{self.digest}"
            if self.digest
            else f"{registry}/{self.repository}:{self.tag}"
        )


class Caller(Record, frozen=True, kw_only=True):
    name: str
    routes: tuple[str, ...]
    models: tuple[str, ...]  # its routes, and the adapters that they offer
    paths: tuple[str, ...]  # of the proxy: its routes' APIs and nothing else
    secret: str  # Secrets Manager name of its key
    monthly_usd: float | None
    requests_per_minute: int


class Sidecar(Record, frozen=True, kw_only=True):
    """A helper container beside the proxy: the analyzer and anonymizer of the redaction stage."""

    name: str
    image: Image
    port: int
    cpu: int  # thousandths of a vCPU
    memory_mib: int
    languages: tuple[str, ...] = ()
    config: dict[str, Any] = field(default_factory=dict)  # the analyzer's configuration file, complete


class GatewayService(Record, frozen=True, kw_only=True):
    """The LiteLLM proxy with its PostgreSQL and Valkey; `host_kind` says where it runs."""

    host_kind: Literal["ecs", "kubernetes"]
    image: Image
    replicas: int
    cpu: int  # thousandths of a vCPU of the proxy; ecs: Fargate units (1024 per vCPU) of the task
    memory_mib: int  # of the proxy; ecs: of the whole task
    port: int
    config: dict[str, Any]  # the proxy's configuration file, complete
    env: dict[str, str]
    callers: tuple[Caller, ...]
    database_instance_class: str
    database_storage_gib: int
    cache_node_type: str
    host: str | None
    certificate: str | None
    clients: tuple[str, ...]
    idle_timeout_seconds: int
    secrets: tuple[str, ...]  # Secrets Manager names whose values are set out of band
    existing_url: str | None = None
    paths: tuple[str, ...] = ()  # of the proxy that callers reach: the APIs of the routes
    limits: dict[str, dict[str, Any]] = field(default_factory=dict)  # by model name, for the proxy's hook
    secret_env: dict[str, str] = field(default_factory=dict)  # environment variable -> Secrets Manager name
    sidecars: tuple[Sidecar, ...] = ()
    guardrail: str | None = None  # name of the Bedrock guardrail of the stack, None when no route uses one
    database_multi_az: bool = False
    cache_nodes: int = 1
