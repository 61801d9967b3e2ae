"""Every fact that a rule may rest on, by id, with its standing (verified, partial, unverified) and date.

Not here: the organization's confirmations, which come on top of the standing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache

from msgspec import Struct

from inferplan.catalog import (
    bedrock,
    hardware,
    lifetimes,
    managed_apis,
    open_weights,
    places,
    prices,
    retention,
    serving,
)
from inferplan.catalog.table import Row, Verified


class Fact(Struct, frozen=True, kw_only=True):
    """The standing of one row. `id` is `<table>/<key>`, as organization.yaml confirms it."""

    id: str
    verified: Verified
    unverified_parts: tuple[str, ...]
    source: tuple[str, ...]
    as_of: str


def _tables() -> Iterable[tuple[str, Mapping[str, Row]]]:
    yield "partitions", places.partitions()
    yield "regions", places.regions()
    yield "countries_without_region", places.countries_without_region()
    yield "regimes", places.regimes()
    yield "sector_extras", {f"{row.sector}-{'-'.join(row.places)}": row for row in places.sector_extras()}
    yield "vendors", managed_apis.vendors()
    vendors = managed_apis.vendors().values()
    yield "vendors", {f"{vendor.id}/{host.host}": vendor for vendor in vendors for host in vendor.hosts}
    yield "bedrock_profiles", bedrock.bedrock_profiles()
    yield "bedrock_models", bedrock.bedrock_models()
    yield "model_retention", retention.model_retentions()
    yield "vendor_models", lifetimes.vendor_models()
    yield "guardrail_profiles", managed_apis.guardrail_profiles()
    yield "licenses", open_weights.licenses()
    yield "models", open_weights.models()
    yield "model_serving", {row.model: row for row in open_weights.model_serving()}
    yield "model_hub_hosts", open_weights.model_hub_hosts()
    yield "serving_settings", serving.serving_settings()
    yield "global_services", serving.global_services()
    yield "gpus", hardware.gpus()
    yield "instances", hardware.instances()
    yield "region_prices", {f"{name}@{region}": row for (name, region), row in prices.region_prices().items()}
    yield (
        "service_prices",
        {f"{name}@{region}": row for (name, region), row in prices.service_prices().items()},
    )


def may_be_vouched_for(fact: str) -> bool:
    """Whether a person may vouch for what no row says: an offer or a model newer than the catalog.

    `bedrock_models/ID@REGION`, `vendor_models/PROVIDER/ID` and `model_retention/PROVIDER/ID`.
    """
    table, _, key = fact.partition("/")
    match table:
        case "bedrock_models":
            return key.rpartition("@")[2] in places.regions()
        case "model_retention" if key.startswith(f"{managed_apis.BEDROCK}/"):
            return key.partition("/")[2] in bedrock.bedrock_models()
        case "vendor_models" | "model_retention":
            return key.partition("/")[0] in managed_apis.vendors()
    return False


def is_fact(fact_id: str) -> bool:
    """Whether the organization may confirm it: a row, one host of a vendor, or what is too new for a row."""
    return fact_id in facts() or names_host(fact_id) or may_be_vouched_for(fact_id)


def names_host(fact_id: str) -> bool:
    """Whether a fact id names one host, such as `vendors/openai/eu.api.openai.com`."""
    table, _, rest = fact_id.partition("/")
    vendor, _, host = rest.partition("/")
    return table == "vendors" and managed_apis.known_host(host, vendor) is not None


@cache
def facts() -> Mapping[str, Fact]:
    """Every fact by id."""
    return {
        f"{table}/{key}": Fact(
            id=f"{table}/{key}",
            verified=row.verified,
            unverified_parts=row.unverified_parts,
            source=row.source,
            as_of=row.as_of,
        )
        for table, found in _tables()
        for key, row in found.items()
    }
