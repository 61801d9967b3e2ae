"""Area of concern: the parts of a plan that decide what leaves and what does not: network, vendors,
gateway.
"""

from __future__ import annotations

from datetime import date
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

import msgspec
import pytest

from inferplan import catalog
from inferplan.plan.gateway.redaction import redaction_languages
from inferplan.plan.gateway.service import fargate_size
from inferplan.plan.make import make_plan
from inferplan.plan.network import choose_cidr, reverse_dns, subnet_cidr
from inferplan.plan.vendor_backends import model_arns
from inferplan.records.no_plan import NoPlan
from inferplan.records.notes import Notes
from inferplan.records.plan import Plan, Target
from inferplan.spec.loading import load
from inferplan.spec.model import InferenceStack
from policies.gates import gates
from tests.unit.plan_edits import planned

ROOT = Path(__file__).parents[2]
AS_OF = date(2026, 11, 20)


def spec_of(name: str) -> InferenceStack:
    spec = load(ROOT / "specs" / f"{name}.yaml", ROOT / "organization").spec
    assert isinstance(spec, InferenceStack)
    return spec


@pytest.fixture(scope="module")
def plans() -> dict[str, Plan]:
    names = ("de-clinic-notes", "eu-support-desk", "in-bank-assistant", "minimal", "eu-both-ways")
    return {name: planned(name) for name in names}


def target(region: str, account: str = "111111111111") -> Target:
    facts = catalog.region(region)
    return Target(
        platform="aws",
        account=account,
        region=region,
        country=facts.country,
        partition=facts.partition,
        dns_suffix=facts.dns_suffix,
        dual_stack_suffix="api.aws",
        zones=facts.zones[:2],
        environment="production",
    )


# -- network
# -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("suffix", "prefix"),
    [
        ("amazonaws.com", "com.amazonaws"),
        ("amazonaws.com.cn", "cn.com.amazonaws"),
        ("amazonaws.eu", "eu.amazonaws"),
    ],
)
def test_service_names_follow_the_partition(suffix: str, prefix: str) -> None:
    """Endpoint service names start with the partition's suffix read backwards."""
    assert reverse_dns(suffix) == prefix


def test_subnets_lie_in_the_vpc_and_never_overlap(plans: dict[str, Plan]) -> None:
    """Every subnet is inside the VPC, none overlaps another, and each zone is one of the Region's."""
    for plan in plans.values():
        vpc = IPv4Network(plan.network.cidr)
        ranges = [IPv4Network(subnet.cidr) for subnet in plan.network.subnets]

        assert ranges
        assert all(one.subnet_of(vpc) for one in ranges)
        assert not any(a.overlaps(b) for i, a in enumerate(ranges) for b in ranges[i + 1 :])
        assert {subnet.zone for subnet in plan.network.subnets} <= set(
            catalog.region(plan.target.region).zones
        )


@pytest.mark.parametrize("prefix", [16, 18, 20])
def test_every_slot_of_every_tier_is_free(prefix: int) -> None:
    """All tiers in six zones fit every allowed size of VPC without overlap, none below /28."""
    vpc = IPv4Network(f"10.0.0.0/{prefix}")
    tiers = ("gpu", "system", "endpoint", "database", "balancer", "gateway", "firewall", "nat")
    ranges = [IPv4Network(subnet_cidr(vpc, tier, zone)) for tier in tiers for zone in range(6)]

    assert all(one.subnet_of(vpc) and one.prefixlen <= 28 for one in ranges)
    assert not any(a.overlaps(b) for i, a in enumerate(ranges) for b in ranges[i + 1 :])


def test_a_second_zone_moves_no_subnet() -> None:
    """Going from one zone to two keeps every subnet that was there."""
    spec = spec_of("de-clinic-notes")
    one, two = (
        {subnet.name: subnet.cidr for subnet in make_plan(_with_zones(count), AS_OF, gates).network.subnets}
        for count in (1, 2)
    )

    assert spec.target.zones == 2
    assert one.items() <= two.items()


def _with_zones(count: int) -> Any:
    from dataclasses import replace

    declaration = load(ROOT / "specs" / "eu-support-desk.yaml", ROOT / "organization")
    where = msgspec.structs.replace(declaration.spec.target, zones=count)
    return replace(declaration, spec=msgspec.structs.replace(declaration.spec, target=where))


@pytest.mark.parametrize(
    ("clients", "expected"),
    [((), "10.128.0.0/16"), (("10.128.0.0/15",), "10.130.0.0/16"), (("10.0.0.0/9",), "10.128.0.0/16")],
)
def test_the_default_range_avoids_the_clients(clients: tuple[str, ...], expected: str) -> None:
    """The VPC takes the first /16 that no gateway client lives in."""
    spec = spec_of("de-clinic-notes")
    spec = msgspec.structs.replace(spec, gateway=msgspec.structs.replace(spec.gateway, clients=clients))

    assert str(choose_cidr(spec, Notes())) == expected


@pytest.mark.parametrize("cidr", ["10.0.0.0/24", "10.0.0.0/8", "10.0.0.1/16"])
def test_a_range_of_the_wrong_size_has_no_plan(cidr: str) -> None:
    """A VPC too small for the tiers, too large for AWS, or with host bits, is refused with the field's
    path.
    """
    spec = spec_of("de-clinic-notes")
    spec = msgspec.structs.replace(spec, network=msgspec.structs.replace(spec.network, cidr=cidr))

    with pytest.raises(NoPlan) as caught:
        choose_cidr(spec, Notes())

    assert caught.value.conflicts[0].path == "network.cidr"


@pytest.mark.parametrize(
    ("name", "present", "absent"),
    [
        (
            "de-clinic-notes",
            {"ec2", "eks-auth", "s3", "kms"},
            {"bedrock-runtime", "elasticloadbalancing", "iam", "ssm"},
        ),
        ("eu-support-desk", {"bedrock-runtime", "secretsmanager", "s3"}, {"eks", "ec2", "sts", "rds"}),
        ("in-bank-assistant", {"bedrock-runtime", "eks"}, {"kms", "ssm"}),
        ("minimal", {"eks", "autoscaling"}, {"elasticloadbalancing", "bedrock-runtime"}),
    ],
)
def test_endpoints_are_the_minimal_set(
    plans: dict[str, Plan], name: str, present: set[str], absent: set[str]
) -> None:
    """Each kind of stack has the endpoints it needs and no others."""
    services = {endpoint.service for endpoint in plans[name].network.endpoints}

    assert present <= services
    assert not absent & services
    assert all(
        endpoint.service_name.startswith("com.amazonaws.") for endpoint in plans[name].network.endpoints
    )


def test_only_an_outside_vendor_opens_a_path(plans: dict[str, Plan]) -> None:
    """Firewall, NAT and gateway path exist exactly where a vendor outside AWS is used, with exact hosts
    only.
    """
    for name, plan in plans.items():
        tiers = {subnet.tier for subnet in plan.network.subnets}
        outside = name == "eu-support-desk"

        assert plan.network.firewall == outside
        assert ({"firewall", "nat"} <= tiers) == outside
        assert plan.network.allowed_hosts == (("eu.api.openai.com",) if outside else ())
        assert not any(host.startswith("*") for host in plan.network.allowed_hosts)


def test_names_that_may_be_resolved_are_named(plans: dict[str, Plan]) -> None:
    """The DNS list holds the endpoints' names, the stack's buckets and the gateway, and no hub or global
    host.
    """
    plan = plans["de-clinic-notes"]
    names = set(plan.network.dns_allow)

    assert {
        "eks-auth.eu-central-1.api.aws",
        "*.eu-central-1.eks.amazonaws.com",
        "*.euc1.cache.amazonaws.com",
        "llm.clinic.example",
        f"{plan.weights_bucket}.s3.eu-central-1.amazonaws.com",
    } <= names
    for stack in plans.values():
        assert not {"*", "api.openai.com", "huggingface.co"} & set(stack.network.dns_allow)


# -- vendors
# -------------------------------------------------------------------------------------------------------


def test_an_in_region_model_is_one_arn() -> None:
    """An in-Region id names one foundation model of that Region."""
    assert model_arns("mistral.mistral-large-2402-v1:0", target("eu-west-1")) == (
        "arn:aws:bedrock:eu-west-1::foundation-model/mistral.mistral-large-2402-v1:0",
    )


def test_a_profile_names_every_destination() -> None:
    """An inference profile is itself and the model in every Region that it may route to from the caller's."""
    arns = model_arns("eu.anthropic.claude-sonnet-4-5-20250929-v1:0", target("eu-west-1", "222222222222"))

    assert arns[0].endswith("222222222222:inference-profile/eu.anthropic.claude-sonnet-4-5-20250929-v1:0")
    assert [arn.split(":")[3] for arn in arns[1:]] == [
        "eu-central-1", "eu-north-1", "eu-south-1", "eu-south-2", "eu-west-1", "eu-west-3",
    ]  # fmt: skip
    assert all(arn.endswith("foundation-model/anthropic.claude-sonnet-4-5-20250929-v1:0") for arn in arns[1:])


def test_hosts_and_secrets_come_from_fixed_places(plans: dict[str, Plan]) -> None:
    """A vendor's host is the organization's, its secret has the fixed name; Bedrock has a role and no
    secret.
    """
    outside, bedrock = plans["eu-support-desk"].vendors

    assert (outside.host, outside.path) == ("eu.api.openai.com", "firewall")
    assert outside.secret == "inferplan/eu-support-desk/openai"
    assert (bedrock.host, bedrock.path) == ("bedrock-runtime.eu-west-1.amazonaws.com", "privatelink")
    assert bedrock.secret is None


# -- gateway
# -------------------------------------------------------------------------------------------------------


def entries(plan: Plan) -> list[tuple[str, int, str]]:
    return [
        (entry["model_name"], entry["litellm_params"]["order"], entry["litellm_params"]["model"])
        for entry in plan.gateway.config["model_list"]
    ]


def test_fallback_stays_inside_the_route(plans: dict[str, Plan]) -> None:
    """A route is one model group in the spec's order; no fallback leads out of a group (fail closed)."""
    plan = plans["in-bank-assistant"]
    router = plan.gateway.config["router_settings"]

    assert entries(plan) == [
        ("customer-desk", 1, "hosted_vllm/llama"),
        ("office-writing", 1, "bedrock/mistral.mistral-large-2402-v1:0"),
        ("office-writing", 2, "hosted_vllm/llama"),
        ("customer-desk-kyc", 1, "hosted_vllm/kyc"),
    ]
    assert (
        router["fallbacks"] == router["context_window_fallbacks"] == router["content_policy_fallbacks"] == []
    )
    assert "default_fallbacks" not in router


def test_guardrails_cannot_be_left_out_by_callers(plans: dict[str, Plan]) -> None:
    """Redaction and guardrail hang on the model group, regionally."""
    config = plans["eu-support-desk"].gateway.config

    for entry in config["model_list"]:
        assert entry["litellm_params"]["guardrails"] == ["redact", "bedrock"]
    by_name = {entry["guardrail_name"]: entry["litellm_params"] for entry in config["guardrails"]}
    assert by_name["redact"]["presidio_filter_scope"] == "input"
    assert by_name["bedrock"]["aws_bedrock_runtime_endpoint"].endswith("eu-west-1.amazonaws.com")


def test_no_key_is_written_down(plans: dict[str, Plan]) -> None:
    """No entry carries a key, not even by name: the guardrail would send it to AWS (row 3)."""
    for plan in plans.values():
        gateway = plan.gateway
        text = msgspec.json.encode(gateway.config).decode()

        assert not [entry for entry in gateway.config["model_list"] if "api_key" in entry["litellm_params"]]
        assert set(gateway.secret_env.values()) <= set(gateway.secrets)
        assert '"sk-' not in text


def test_the_proxy_fetches_nothing_and_tells_nobody(plans: dict[str, Plan]) -> None:
    """Telemetry is off, lookups at start are local, the database is not the configuration (field notes
    23-25).
    """
    for plan in plans.values():
        env, general = plan.gateway.env, plan.gateway.config["general_settings"]

        assert env["LITELLM_OFFLINE_MODE"] == "true"
        assert env["LITELLM_LOCAL_MODEL_COST_MAP"] == "True"
        assert (env["PRISMA_OFFLINE_MODE"], env["DISABLE_SCHEMA_UPDATE"]) == ("true", "true")
        assert general["store_model_in_db"] is False
        assert general["allow_requests_on_db_unavailable"] is False
        assert general["fail_closed_rate_limit_enforcement"] is True
        assert not {"max_request_size_mb", "max_response_size_mb", "admin_only_routes"} & set(general)


def test_vendor_limits_reach_the_proxy(plans: dict[str, Plan]) -> None:
    """The registered monthly limit of each vendor caps spending at the gateway."""
    budgets = plans["eu-support-desk"].gateway.config["router_settings"]["provider_budget_config"]

    assert {name: entry["budget_limit"] for name, entry in budgets.items()} == {
        "bedrock": 4000,
        "openai": 1500,
    }


@pytest.mark.parametrize(
    ("cpu", "memory", "size"),
    [
        (1000, 3072, (1024, 3072)),
        (1750, 6656, (2048, 7168)),
        (1000, 9000, (2048, 9216)),
        (3000, 9000, (4096, 9216)),
    ],
)
def test_fargate_sizes_are_ones_that_exist(cpu: int, memory: int, size: tuple[int, int]) -> None:
    """A task gets the smallest size that AWS offers for its containers."""
    assert fargate_size(cpu, memory) == size


def test_redaction_without_a_model_is_refused() -> None:
    """A language without a recognition model has no plan: nothing may leave unmasked."""
    without = [code for code, model in sorted(catalog.redaction_models().items()) if model is None]

    assert without
    with pytest.raises(NoPlan, match="recognized"):
        redaction_languages(
            spec_of("eu-support-desk"), (without[0],), "routes[0].redaction_languages", Notes()
        )


# -- flows
# ---------------------------------------------------------------------------------------------------------


def test_flows_name_every_place(plans: dict[str, Plan]) -> None:
    """Prompts of the clinic stay in Germany; billing is the one flow that leaves, and it is said."""
    flows = plans["de-clinic-notes"].flows

    assert {flow.country for flow in flows if flow.data == "prompts"} == {"DE"}
    assert {(flow.data, flow.country) for flow in flows if flow.country != "DE"} == {("billing", "US")}
    assert ("gateway", "openai", "eu.api.openai.com") in {
        (flow.source, flow.destination, flow.place) for flow in plans["eu-support-desk"].flows
    }
