"""The gateway of every mode as a service: the proxy, its size, database, cache, keys, callers and helpers.

Not here: the proxy's configuration (litellm), resources (components), the network around it (network).
"""

from __future__ import annotations

import math
from typing import Any, Literal

from inferplan.plan.case import DEVELOPMENT, Case
from inferplan.plan.gateway.callers import PATHS, models_of, plan_callers
from inferplan.plan.gateway.litellm import (
    ANALYZER_PORT,
    ANONYMIZER_PORT,
    configuration,
    environment,
    guardrail_name,
    key_variable,
)
from inferplan.plan.gateway.redaction import ANALYZER, analyzer_configuration
from inferplan.plan.images import image
from inferplan.plan.vendor_backends import secret_name
from inferplan.records.notes import Notes
from inferplan.records.plan import GatewayService, Route, Server, Sidecar, Target, Vendor

PORT = 4000
DATABASE_STORAGE_GIB = 20  # the least that RDS offers on gp3
IDLE_TIMEOUT_SECONDS = 900
PROXY_CPU = 1000
PROXY_MEMORY_MIB = 3072

# Fargate takes only certain sizes: vCPU units -> smallest, largest and step of memory in MiB.
_FARGATE_SIZES = ((1024, 2048, 8192, 1024), (2048, 4096, 16384, 1024), (4096, 8192, 30720, 1024))


def _sidecars(case: Case) -> tuple[Sidecar, ...]:
    declaration, routes = case.declaration, case.routes
    languages = tuple(
        sorted({code for route in routes if route.redaction for code in route.redaction_languages})
    )
    if not languages:
        return ()
    return (
        Sidecar(
            name=ANALYZER,
            image=image(declaration, ANALYZER),
            port=ANALYZER_PORT,
            cpu=500,
            memory_mib=1024 + 768 * len(languages),
            languages=languages,
            config=analyzer_configuration(languages, case.spec.data.subjects or ()),
        ),
        Sidecar(
            name="presidio-anonymizer",
            image=image(declaration, "presidio-anonymizer"),
            port=ANONYMIZER_PORT,
            cpu=250,
            memory_mib=256,
        ),
    )


def request_limits(routes: tuple[Route, ...], servers: tuple[Server, ...]) -> dict[str, dict[str, Any]]:
    """By the name that callers use: the most output of a request, and whether redaction has to read all."""
    return {
        model: {"output_tokens": route.max_output_tokens, "redacted": route.redaction is not None}
        for route in routes
        for model in models_of(route, servers)
    }


def fargate_size(cpu: int, memory_mib: int) -> tuple[int, int]:
    """The smallest Fargate task (units, MiB) that holds the containers (thousandths of a vCPU, MiB)."""
    units = math.ceil(cpu * 1024 / 1000)
    for size, smallest, largest, step in _FARGATE_SIZES:
        memory = max(smallest, math.ceil(memory_mib / step) * step)
        if units <= size and memory <= largest:
            return size, memory
    raise ValueError(f"no Fargate size holds {units} units and {memory_mib} MiB")


def plan_gateway(
    case: Case, target: Target, servers: tuple[Server, ...], vendors: tuple[Vendor, ...], notes: Notes
) -> GatewayService:
    """The proxy with its database, cache, keys and helpers; on Fargate where there is no cluster."""
    name, routes = case.name, case.routes
    host_kind: Literal["ecs", "kubernetes"] = "kubernetes" if case.has_cluster else "ecs"
    production = case.environment != DEVELOPMENT
    sidecars = _sidecars(case)
    cpu, memory = PROXY_CPU, PROXY_MEMORY_MIB
    if host_kind == "ecs":
        cpu, memory = fargate_size(
            cpu + sum(sidecar.cpu for sidecar in sidecars),
            memory + sum(sidecar.memory_mib for sidecar in sidecars),
        )
    said = case.spec.gateway
    host, certificate = (said.host, said.certificate) if said else (None, None)
    if said is None:
        notes.default(
            "gateway", None, "no gateway block: reachable inside the cluster or VPC only, no balancer"
        )
    elif said.existing is None and (host is None or certificate is None):
        notes.warn(
            "gateway.host and gateway.certificate are both needed for TLS: no listener is made without them"
        )
    elif said.existing is None and not said.clients:
        notes.warn("gateway.clients is empty: nobody outside the VPC may call the gateway")
    secret_env = {
        "LITELLM_MASTER_KEY": secret_name(name, "gateway-master-key"),
        "LITELLM_SALT_KEY": secret_name(name, "gateway-salt-key"),
    } | {key_variable(vendor.provider): vendor.secret for vendor in vendors if vendor.secret is not None}
    callers = plan_callers(case, servers, vendors, notes)
    secrets = [*secret_env.values(), *(caller.secret for caller in callers)]
    replicas = notes.derive(
        "gateway.replicas",
        2 if production else 1,
        "replicas",
        "two outside development, so that one may be lost or replaced; one in development",
        {"environment": target.environment},
    )
    database_class = notes.derive(
        "gateway.database_instance_class",
        "db.t4g.medium" if production else "db.t4g.small",
        "RDS instance class",
        "keys, budgets and spend rows only: the smallest that keeps credits, a size more outside development",
        {"environment": target.environment, "storage_gib": DATABASE_STORAGE_GIB},
    )
    notes.derive(
        "gateway.memory_mib",
        memory,
        "MiB",
        "working estimate of the proxy and its helpers; on Fargate the smallest task size that holds them",
        {
            "proxy_mib": PROXY_MEMORY_MIB,
            "helpers_mib": sum(sidecar.memory_mib for sidecar in sidecars),
            "cpu": cpu,
        },
        confidence="low",
    )
    notes.derive(
        "gateway.database_storage_gib", DATABASE_STORAGE_GIB, "GiB", "the least that RDS offers on gp3"
    )
    notes.derive(
        "gateway.cache_nodes",
        2 if production else 1,
        "nodes",
        "two outside development, so that one may be lost",
        {"environment": target.environment},
    )
    notes.derive("gateway.cpu", cpu, "vCPU units", "as memory_mib", {"proxy": PROXY_CPU}, confidence="low")
    notes.derive(
        "gateway.idle_timeout_seconds",
        IDLE_TIMEOUT_SECONDS,
        "seconds",
        "longer than the longest request, or the balancer cuts answers in the middle",
        {"longest_request_seconds": max(route.timeout_seconds for route in routes)},
    )
    return GatewayService(
        host_kind=host_kind,
        image=image(case.declaration, "litellm"),
        replicas=replicas,
        cpu=cpu,
        memory_mib=memory,
        port=PORT,
        config=configuration(case, target, servers, vendors),
        env=environment(name, target, case.bucket("config") if host_kind == "ecs" else None),
        callers=callers,
        database_instance_class=database_class,
        database_storage_gib=DATABASE_STORAGE_GIB,
        cache_node_type="cache.t4g.small" if production else "cache.t4g.micro",
        host=host,
        certificate=certificate,
        clients=said.clients if said else (),
        idle_timeout_seconds=IDLE_TIMEOUT_SECONDS,
        secrets=tuple(secrets),
        existing_url=said.existing.url if said and said.existing else None,
        secret_env=dict(sorted(secret_env.items())),
        limits=request_limits(routes, servers),
        paths=tuple(sorted({path for route in routes for path in PATHS[route.api]})),
        sidecars=sidecars,
        guardrail=guardrail_name(name) if any(route.guardrail for route in routes) else None,
        database_multi_az=production,
        cache_nodes=2 if production else 1,
    )
