"""Plans of the managed-api and hybrid stacks, written out by hand, and recorded stacks to ask questions of.

Not here: tests (test_components_managed), and plans that the planner makes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import Any

from msgspec.structs import replace

from inferplan.records import plan as model
from inferplan.resource import Resource
from stacks.record import record_plan

ACCOUNT, REGION = "222222222222", "eu-west-1"
ZONES = ("euw1-az1", "euw1-az2")
CERTIFICATE = f"arn:aws:acm:{REGION}:{ACCOUNT}:certificate/0d0d0d0d-1111-2222-3333-444444444444"
MODEL_ARN = f"arn:aws:bedrock:{REGION}::foundation-model/mistral.mistral-large-2402-v1:0"
VENDOR_HOST = "eu.api.openai.com"


@dataclass(frozen=True)
class Declared:
    """The part of a declaration that stacks read."""

    text: str = '{"lock":null,"spec":{}}'

    def to_json(self) -> str:
        return self.text


def image(name: str) -> model.Image:
    return model.Image(
        name=name,
        upstream=f"registry.example/{name}",
        repository=f"inferplan/{name}",
        tag="1",
        digest="sha256:" + "a" * 64,
    )


def openai() -> model.Vendor:
    return model.Vendor(
        backend="openai",
        vendor="openai-eu",
        provider="openai",
        model="gpt-4.1-2025-04-14",
        host=VENDOR_HOST,
        path="firewall",
        secret="inferplan/desk/openai",
        monthly_limit_usd=1500,
        routes=("support",),
    )


def bedrock() -> model.Vendor:
    return model.Vendor(
        backend="mistral",
        vendor="bedrock",
        provider="amazon-bedrock",
        model="mistral.mistral-large-2402-v1:0",
        host=f"bedrock-runtime.{REGION}.amazonaws.com",
        path="privatelink",
        secret=None,
        monthly_limit_usd=4000,
        routes=("support",),
        model_arns=(MODEL_ARN,),
    )


def network(tiers: tuple[str, ...], *, firewall: bool) -> model.Network:
    subnets = tuple(
        model.Subnet(name=f"{tier}-{zone}", tier=tier, zone=zone, cidr=f"10.128.{number * 10 + index}.0/24")
        for number, tier in enumerate(tiers)
        for index, zone in enumerate(ZONES)
    )
    services = ("bedrock-runtime", "ecr.api", "ecr.dkr", "logs", "s3", "secretsmanager")
    return model.Network(
        cidr="10.128.0.0/16",
        subnets=subnets,
        endpoints=tuple(
            model.Endpoint(
                service=service,
                service_name=f"com.amazonaws.{REGION}.{service}",
                type="Gateway" if service == "s3" else "Interface",
                why="needed",
            )
            for service in services
        ),
        dns_allow=(f"*.{REGION}.rds.amazonaws.com",),
        allowed_hosts=(VENDOR_HOST,) if firewall else (),
        firewall=firewall,
    )


def proxy(host_kind: str, *, guardrail: bool = True) -> model.GatewayService:
    redis = {"aws_iam_cache_name": "inferplan-desk", "aws_iam_user_name": "desk-gateway"}
    sidecar = model.Sidecar(
        name="presidio-analyzer", image=image("presidio-analyzer"), port=5002, cpu=500, memory_mib=1024
    )
    return model.GatewayService(
        host_kind=host_kind,
        image=image("litellm"),
        replicas=2,
        cpu=2048,
        memory_mib=8192,
        port=4000,
        config={"model_list": [], "general_settings": {"coordination_redis": redis}},
        env={
            "AWS_REGION": REGION,
            "DATABASE_NAME": "litellm",
            "DATABASE_PORT": "5432",
            "DATABASE_USER": "desk_gateway",
            "DISABLE_SCHEMA_UPDATE": "true",
            "LITELLM_CONFIG_BUCKET_NAME": f"inferplan-desk-{ACCOUNT}-config",
            "LITELLM_CONFIG_BUCKET_OBJECT_KEY": "gateway/desk.yaml",
            "LITELLM_MIGRATION_DIR": "/tmp/migrations",
        },
        callers=(),
        database_instance_class="db.t4g.medium",
        database_storage_gib=20,
        cache_node_type="cache.t4g.small",
        host="llm.desk.example",
        certificate=CERTIFICATE,
        clients=("10.40.0.0/16",),
        idle_timeout_seconds=900,
        secrets=("inferplan/desk/gateway-master-key", "inferplan/desk/openai", "inferplan/desk/caller-help"),
        secret_env={
            "LITELLM_MASTER_KEY": "inferplan/desk/gateway-master-key",
            "OPENAI_API_KEY": "inferplan/desk/openai",
        },
        sidecars=(sidecar,),
        guardrail="inferplan-desk" if guardrail else None,
        database_multi_az=True,
        cache_nodes=2,
    )


def nothing(low: float = 0) -> model.Range:
    return model.Range(low=low, expected=low, high=low)


def managed(*, outside: bool = True) -> model.Plan:
    """A managed-api plan; `outside` adds a vendor that is not reached through an endpoint."""
    tiers = ("endpoint", "database", "balancer", "gateway", *(("firewall", "nat") if outside else ()))
    return model.Plan(
        schema="inferplan.plan/v1beta1",
        name="desk",
        owner="platform@desk.example",
        group=None,
        mode="managed-api",
        target=model.Target(
            platform="aws",
            account=ACCOUNT,
            region=REGION,
            country="IE",
            partition="aws",
            dns_suffix="amazonaws.com",
            dual_stack_suffix="api.aws",
            zones=ZONES,
            environment="production",
        ),
        data_class="internal",
        log_retention_days=180,
        prompt_retention_days=0,
        routes=(),
        pools=(),
        servers=(),
        vendors=(openai(), bedrock()) if outside else (bedrock(),),
        network=network(tiers, firewall=outside),
        cluster=None,
        gateway=proxy("ecs"),
        budget=model.Budget(
            monthly_usd=4000,
            alert_emails=("platform@desk.example",),
            actual_percent=(50, 80, 100),
            forecast_percent=100,
            max_overspend_usd=100,
        ),
        cost=model.Cost(
            monthly_usd=nothing(),
            fixed_usd=0,
            labor_usd=None,
            months_12_usd=nothing(),
            months_36_usd=nothing(),
            sovereignty_usd=None,
            lines=(),
            alternatives=(),
            break_even=None,
            wording="",
        ),
        flows=(),
        decision=model.Decision(mode="managed-api", asked="managed-api"),
        lead_time=model.LeadTime(days=1, items={}),
        derivations={},
        defaults=(),
        warnings=(),
        deploy_role=None,
        weights_bucket=None,
        config_bucket=f"inferplan-desk-{ACCOUNT}-config",
    )


def hybrid(*, outside: bool = False) -> model.Plan:
    """A hybrid plan without model servers: what the gateway adds to a cluster."""
    base = managed(outside=outside)
    tiers = ("system", *dict.fromkeys(subnet.tier for subnet in base.network.subnets))
    kept = tuple(tier for tier in tiers if outside or tier != "gateway")
    cluster = model.Cluster(
        name="inferplan-desk",
        version="1.35",
        public_cidrs=(),
        admins=(f"arn:aws:iam::{ACCOUNT}:role/admin",),
        deploy_from="gitops",
        addons={"vpc-cni": None, "coredns": None},
        system_instance_type="m7i.large",
        system_nodes=2,
        namespace="inference",
        control_plane_egress="CUSTOMER_ROUTED",
    )
    return replace(
        base,
        mode="hybrid",
        network=network(kept, firewall=outside),
        cluster=cluster,
        gateway=proxy("kubernetes"),
        weights_bucket=f"inferplan-desk-{ACCOUNT}-weights",
    )


@dataclass
class Stack:
    """Recorded resources with a few questions to them."""

    resources: tuple[Resource, ...]
    by_name: dict[str, Resource] = field(init=False)

    def __post_init__(self) -> None:
        self.by_name = {resource.name: resource for resource in self.resources}

    def of(self, token: str) -> list[Resource]:
        return [resource for resource in self.resources if resource.type == token]

    def one(self, token: str) -> dict[str, Any]:
        (resource,) = self.of(token)
        return dict(resource.props)

    def named(self, suffix: str) -> Resource:
        (resource,) = [r for r in self.resources if r.name.endswith(suffix) and r.custom]
        return resource


PLANS = {
    "managed": managed(),
    "managed, Bedrock only": managed(outside=False),
    "hybrid": hybrid(),
    "hybrid with an outside vendor": hybrid(outside=True),
}


@cache
def recorded(name: str) -> Stack:
    """Both layers of one of `PLANS`."""
    return Stack(record_plan(PLANS[name], Declared()))
