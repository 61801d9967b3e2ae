"""Models, licenses, vendors and prices of the catalog: references resolve and readers keep their word.

Not here: serving (test_catalog_serving) and the form of tables, places and hardware (test_catalog).
"""

from __future__ import annotations

import re
from typing import get_args

import pytest
from msgspec.structs import replace

from inferplan import catalog
from inferplan.catalog import managed_apis
from inferplan.spec.model import Purpose
from tests import how_to_rows


# -- models and licenses ---------------------------------------------------------------------------
@pytest.mark.parametrize("model", catalog.models().values(), ids=lambda model: model.id)
def test_models_resolve(model: catalog.Model) -> None:
    """License references exist, shapes are consistent, and what is not verified is marked."""
    licenses = catalog.licenses()
    assert model.license_id is None or model.license_id in licenses
    assert all(base in licenses for base in model.base_license_ids)
    if model.license_covers is not None:
        assert model.license_covers in licenses[str(model.license_id)].covers
    assert ("params" in model.unverified_parts) == (not model.params_verified)
    assert ("shapes" in model.unverified_parts) == (not model.shapes_verified)
    assert ("license" in model.unverified_parts) == (not model.license_verified)
    assert model.active is None or model.active <= model.params
    if model.heads and model.kv_heads:
        assert model.heads % model.kv_heads == 0
    assert (model.experts is None) == (model.experts_per_tok is None)
    assert model.full_attn_layers is None or model.full_attn_layers < (model.layers or 0)
    assert (model.kv_type is not None and model.kv_type.startswith("mla") and model.layers is not None) <= (
        model.kv_lora_rank is not None and model.qk_rope_head_dim is not None
    )
    assert (model.kv_type == "gqa+sliding" and model.layers is not None) <= (model.sliding is not None)
    assert re.fullmatch(r"[\w.-]+/[\w.-]+", model.id)


def test_model_names_are_unambiguous() -> None:
    """Ids and aliases point to one model each, and every id and alias finds it in any case."""
    spellings = [
        (name.lower(), row.id) for row in catalog.models().values() for name in (row.id, *row.aliases)
    ]
    assert len({name for name, _ in spellings}) == len(spellings)
    for name, model_id in spellings:
        assert catalog.model(name.upper()).id == model_id
    assert catalog.model("qwen3-32b").id == "Qwen/Qwen3-32B"
    assert len(catalog.models()) >= 76


@pytest.mark.parametrize(
    ("ask", "kind", "near"),
    [
        (
            lambda: catalog.model("meta-llama/Llama-3.1-8B-Instrukt"),
            "model",
            "meta-llama/Llama-3.1-8B-Instruct",
        ),
        (lambda: catalog.region("eu-centrl-1"), "Region", "eu-central-1"),
        (lambda: catalog.instance("g6e.12xlarg"), "instance type", "g6e.12xlarge"),
        (lambda: catalog.vendor("open-ai"), "vendor", "openai"),
        (lambda: catalog.partition("aws-eu"), "partition", "aws-eusc"),
        (lambda: catalog.instance_price("g6e.12xlarg", "eu-central-1"), "instance type", "g6e.12xlarge"),
        (
            lambda: catalog.service_price("nat-gateway-hours", "eu-central-1"),
            "service price",
            "nat-gateway-hour",
        ),
        (lambda: catalog.vllm_flags("0.33.1"), "vLLM version", "0.33.0"),
    ],
)
def test_unknown_names_come_with_near_matches(ask: object, kind: str, near: str) -> None:
    """Every reader that takes a name says what is unknown and what was probably meant."""
    with pytest.raises(catalog.UnknownName) as caught:
        ask()  # type: ignore[operator]
    assert caught.value.kind == kind
    assert near in caught.value.near
    assert near in str(caught.value)


@pytest.mark.parametrize(
    ("model", "license_id", "verified"),
    [
        ("meta-llama/Llama-3.1-70B-Instruct", "llama-3.1", True), ("gpt2", "gpt-2", False),
        ("Qwen/Qwen3-32B", "apache-2.0", True),  # the license names Qwen3, the hub tag was not read
        ("Qwen/Qwen2.5-72B-Instruct", "qwen-tongyi", False), ("openai/gpt-oss-20b", "apache-2.0", True),
        ("mistralai/Mistral-Large-Instruct-2411", "mistral-mrl", True), ("bert", "bert", False),
        ("sdxl", "openrail-pp-m", True), ("bigscience/bloom", "bigscience-rail-1.0", True),
        ("deepseek-ai/DeepSeek-V3", "deepseek-1.0", True), ("sd-3.5-large", "stability-community", True),
    ],
)  # fmt: skip
def test_license_tags_map_to_license_ids(model: str, license_id: str, verified: bool) -> None:
    """Tags of the hub map to the product's license ids; verified needs the tag or a verified `covers`."""
    found = catalog.license_of(model)
    assert found is not None
    assert (found.license.id, found.verified) == (license_id, verified)


def test_a_model_without_a_known_license_has_none() -> None:
    """An unknown license is None, never a guess; licenses of base models come along."""
    assert catalog.license_of("tiiuae/Falcon3-7B-Instruct") is None
    found = catalog.license_of("deepseek-ai/DeepSeek-R1-Distill-Llama-70B")
    assert found is not None
    assert [base.id for base in found.base] == ["llama-3.3"]


@pytest.mark.parametrize("license_", catalog.licenses().values(), ids=lambda license_: license_.id)
def test_licenses_are_consistent(license_: catalog.License) -> None:
    """Barred purposes are of the closed list, and the machine-readable fields agree with the texts."""
    assert set(license_.barred_purposes) <= set(catalog.purposes())
    assert (license_.military_ban is True) == ("military" in license_.barred_purposes)
    assert license_.commercial == (license_.kind not in {"research only", "non-production"})
    assert (license_.eu_domicile_barred == "multimodal") == (
        "3.2" in str(license_.geographic_limits) or "EU" in str(license_.geographic_limits)
    )
    assert license_.trains_others_barred == ("may not be used to improve" in str(license_.output_use))
    for key, value in (license_.thresholds or {}).items():
        assert isinstance(value, str) or (key in {"monthly_active_users", "annual_revenue_usd"} and value > 0)
    duties = " ".join(license_.duties)
    assert all(f'"{notice}"' in duties for notice in license_.required_notices)
    assert ('show "' in duties) == bool(license_.required_notices)


def test_purposes_are_those_of_the_language() -> None:
    """The catalog's closed list is the one that specs are checked against."""
    assert set(catalog.purposes()) == set(get_args(Purpose))


# -- vendors and Bedrock ---------------------------------------------------------------------------
@pytest.mark.parametrize("vendor", catalog.vendors().values(), ids=lambda vendor: vendor.id)
def test_vendors_resolve(vendor: catalog.Vendor) -> None:
    """Countries of a vendor exist, host scopes are machine-readable, and unknown stays unknown."""
    assert vendor.home_country in catalog.countries()
    for host in vendor.hosts:
        assert (host.scope_countries is not None) == (host.scope_kind == "countries"), host
        if host.scope_countries:
            assert catalog.expand_places(host.scope_countries)
        assert ("{region}" in host.host or "{location}" in host.host) >= (host.scope_kind == "location"), host
        if host.scope_kind == "global":
            assert host.processing_in_region is not True, host
    assert bool(vendor.hosts) == (vendor.kind != "not deployable")
    assert (vendor.kind == "not deployable") == (vendor.planner_message is not None)
    assert len({host.host for host in vendor.hosts}) == len(vendor.hosts)


def test_regional_hosts_keep_storage_and_processing_apart() -> None:
    """A host that stores in a country need not process there, and the facts say which."""
    hosts = {host.host: host for host in catalog.vendor("openai").hosts}
    assert hosts["eu.api.openai.com"].processing_in_region is True
    assert hosts["eu.api.openai.com"].scope_countries == ("EEA", "CH")
    assert hosts["sg.api.openai.com"].processing_in_region is False
    assert hosts["jp.api.openai.com"].processing_in_region is None
    assert hosts["api.openai.com"].scope_kind == "global"


@pytest.mark.parametrize(
    ("name", "vendor", "fact", "place"),
    [
        ("api.eu.mistral.ai", None, "vendors/mistral/api.eu.mistral.ai", None),
        ("API.EU.Mistral.ai", "mistral", "vendors/mistral/api.eu.mistral.ai", None),
        ("europe-west3-aiplatform.googleapis.com", None,
         "vendors/google-vertex/europe-west3-aiplatform.googleapis.com", "europe-west3"),
        ("bedrock-runtime.eu-west-1.amazonaws.com", "amazon-bedrock",
         "vendors/amazon-bedrock/bedrock-runtime.eu-west-1.amazonaws.com", "eu-west-1"),
    ],
)  # fmt: skip
def test_a_host_is_known_by_its_name_or_its_pattern(
    name: str, vendor: str | None, fact: str, place: str | None
) -> None:
    """A host is found among all vendors or one, with the place that the fact's placeholder stands for."""
    found = catalog.known_host(name, vendor)

    assert found is not None
    assert (found.fact_id, found.place) == (fact, place)


@pytest.mark.parametrize(
    ("name", "vendor"),
    [("api.example.org", None), ("api.eu.mistral.ai", "openai"), ("x.api.eu.mistral.ai", None), ("", None)],
)
def test_no_fact_is_made_up_for_a_host(name: str, vendor: str | None) -> None:
    """A host that no fact names is not known, and neither is another vendor's."""
    assert catalog.known_host(name, vendor) is None


def test_an_exact_host_comes_before_a_pattern(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a placeholder could stand for a host that has its own fact, the fact is taken."""
    vertex = catalog.vendor("google-vertex")
    pattern, exact = vertex.hosts[0], replace(vertex.hosts[1], host="europe-west3-aiplatform.googleapis.com")
    for hosts in ((pattern, exact), (exact, pattern)):
        table = {vertex.id: replace(vertex, hosts=hosts)}
        monkeypatch.setattr(managed_apis, "vendors", lambda table=table: table)
        managed_apis._host_patterns.cache_clear()
        known = managed_apis.known_host.__wrapped__("europe-west3-aiplatform.googleapis.com")
        assert known is not None
        assert (known.host, known.place) == (exact, None)
    managed_apis._host_patterns.cache_clear()


@pytest.mark.parametrize(
    ("model_id", "prefix", "inside", "outside"),
    [
        ("eu.anthropic.claude-sonnet-4-5-20250929-v1:0", "eu.", {"DE", "GB", "CH"}, {"US"}),
        ("apac.amazon.nova-lite-v1:0", "apac.", {"IN", "JP"}, {"DE", "AE"}),
        ("in.anthropic.claude-sonnet-5", "in.", {"IN"}, {"SG"}),
        ("ca.amazon.nova-lite-v1:0", "ca.", {"CA"}, {"US"}),
        ("au.anthropic.claude-x", "au.", {"AU", "NZ"}, {"SG"}),
        ("us-gov.anthropic.claude-x", "us-gov.", {"US"}, {"DE"}),
        ("global.anthropic.claude-x", "global.", {"US", "DE", "IN", "BR"}, {"CN"}),
        (
            "arn:aws:bedrock:eu-west-1:111111111111:inference-profile/eu.anthropic.claude-x",
            "eu.",
            {"DE"},
            {"US"},
        ),
    ],
)
def test_known_profiles_cross_borders(
    model_id: str, prefix: str, inside: set[str], outside: set[str]
) -> None:
    """A geography prefix gives the superset of countries that may serve the call."""
    profile = catalog.bedrock_profile(model_id)
    assert profile is not None
    assert profile.prefix == prefix
    assert profile.countries is not None
    assert inside <= set(profile.countries)
    assert not outside & set(profile.countries)


@pytest.mark.parametrize(
    "model_id",
    [
        "mistral.mistral-large-2402-v1:0", "anthropic.claude-3-haiku-20240307-v1:0", "openai.gpt-oss-20b",
        "arn:aws:bedrock:eu-central-1::foundation-model/mistral.mistral-7b-instruct-v0:2",
        "arn:aws:bedrock:eu-central-1:111111111111:provisioned-model/abcdefghijkl",
    ],
)  # fmt: skip
def test_in_region_ids_have_no_profile(model_id: str) -> None:
    """A model id without a geography prefix stays in the called Region."""
    assert catalog.bedrock_profile(model_id) is None


@pytest.mark.parametrize(
    "model_id",
    [
        "eusc.anthropic.claude-x", "gpt-4.1", "", "EU.anthropic.claude-x",
        "arn:aws:bedrock:eu-west-1:111111111111:application-inference-profile/mistral.x",
    ],
)  # fmt: skip
def test_unknown_prefixes_fail_closed(model_id: str) -> None:
    """Whatever is not known gives an unverified profile without destinations."""
    profile = catalog.bedrock_profile(model_id)
    assert profile is not None
    assert (profile.destinations, profile.countries, profile.verified) == (None, None, False)


def test_profile_destinations_are_regions_of_their_countries() -> None:
    """Destinations exist and their countries are exactly the stated ones; guardrail destinations exist."""
    for profile in catalog.bedrock_profiles().values():
        if profile.destinations is not None:
            countries = {catalog.region(name).country for name in profile.destinations}
            assert countries == set(profile.countries or ())
    for guardrail in catalog.guardrail_profiles().values():
        assert all(catalog.region(name) for name in guardrail.destinations or ())
        assert (guardrail.destinations is None) == (guardrail.verified is False)
    commercial = {row.region for row in catalog.regions().values() if row.partition == "aws"}
    assert set(catalog.bedrock_profiles()["global."].destinations or ()) == commercial
    assert not {f"{name}." for name in catalog.bedrock_providers()} & set(catalog.bedrock_profiles())


# -- prices ----------------------------------------------------------------------------------------
def test_price_rows_resolve() -> None:
    """Regions exist, prices are positive, and one family has one ratio per Region."""
    added = how_to_rows.record("region_prices")  # of a type without a price in us-east-1
    prices = {**catalog.region_prices(), (added.instance, added.region): added}
    base = {name: row.od_usd_h for (name, region), row in prices.items() if region == "us-east-1"}
    ratios: dict[tuple[str, str], list[float]] = {}
    for (name, region), row in prices.items():
        assert region == "all" or catalog.region(region)
        assert (row.od_usd_h is None) == (region == "all")
        if row.od_usd_h is not None:
            assert 0.05 < row.od_usd_h < 200
            if usd := base.get(name):
                ratios.setdefault((name.partition(".")[0], region), []).append(row.od_usd_h / usd)
    assert len(ratios) > 50
    for (family, region), found in ratios.items():
        assert max(found) / min(found) < 1.02, (family, region, found)
        assert 0.95 < found[0] < 1.7, (family, region, found)
    usable = {row.type for row in catalog.instances().values() if row.vllm != "neuron"}
    assert usable <= {name for name, _ in catalog.region_prices()}


@pytest.mark.parametrize(
    ("instance", "region", "usd_hour", "estimated", "rough"),
    [
        ("g6e.xlarge", "eu-central-1", 2.327, False, False),  # its own row
        ("g6e.12xlarge", "us-east-1", 10.49264, False, False),
        ("g6e.12xlarge", "eu-central-1", 10.49264 * 2.327 / 1.861, True, False),  # family ratio
        ("p5.48xlarge", "us-gov-west-1", 66.048, False, False),
        ("m6i.large", "ap-south-1", 0.101, False, False),
        ("p5e.48xlarge", "eu-north-1", None, False, False),  # no on-demand list price anywhere
        ("trn2.48xlarge", "us-east-2", None, False, False),
        ("g6e.xlarge", "us-gov-west-1", None, False, False),  # another partition, another price list
        ("g6e.xlarge", "me-west-1", None, False, False),  # no price of any family
    ],
)  # fmt: skip
def test_instance_prices(
    instance: str, region: str, usd_hour: float | None, estimated: bool, rough: bool
) -> None:
    """A row is itself, a family scales by its ratio, and nothing is None with a reason."""
    price = catalog.instance_price(instance, region)
    assert price.usd_hour == (usd_hour if usd_hour is None else pytest.approx(usd_hour, rel=1e-5))
    assert (price.estimated, price.rough) == (estimated, rough)
    assert price.low == price.high == price.usd_hour
    assert price.basis


@pytest.mark.parametrize(
    ("instance", "region"), [("p5.48xlarge", "eu-central-1"), ("g6f.xlarge", "ap-southeast-3")]
)
def test_rough_prices_have_a_range(instance: str, region: str) -> None:
    """Without a row of the family or one like it the median of others gives a range, for fractions too."""
    price = catalog.instance_price(instance, region)
    base = catalog.region_prices()[instance, "us-east-1"].od_usd_h
    assert price.usd_hour is not None
    assert base is not None
    assert price.rough
    assert price.estimated
    assert 1.1 < price.usd_hour / base < 1.45
    assert price.low == pytest.approx(price.usd_hour * 0.85, rel=1e-4)
    assert price.high == pytest.approx(price.usd_hour * 1.15, rel=1e-4)


def test_service_price_rows_are_prices_or_fractions() -> None:
    """A row has either a price or a range of fractions; units and Regions are stated."""
    for (name, region), row in catalog.service_prices().items():
        assert region == "all" or catalog.region(region)
        assert row.unit
        assert (row.usd is None) == (row.unit == "fraction off on demand") == (row.low is not None), name
        if row.low is not None and row.high is not None:
            assert 0 <= row.low <= row.high <= 1


@pytest.mark.parametrize(
    ("name", "region", "usd", "estimated"),
    [
        ("nat-gateway-hour", "eu-central-1", 0.052, False), ("nat-gateway-hour", "eu-west-3", 0.045, True),
        ("route53-zone-month", "eu-west-3", 0.5, False), ("nat-gateway-hour", "us-gov-west-1", None, False),
    ],
)  # fmt: skip
def test_service_prices(name: str, region: str, usd: float | None, estimated: bool) -> None:
    """The Region's row, else that of all Regions, else the us-east-1 value marked estimated."""
    price = catalog.service_price(name, region)
    assert (price.usd, price.estimated) == (usd, estimated)
    assert price.basis
