"""What AWS answers as rows of prices.json; what is not plain to read is no row, and never a guess.

Not here: asking (asking, price_calls).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any, NamedTuple

from inferplan import catalog
from inferplan.spec.price_file import (
    CapacityBlockPrice,
    OnDemandPrice,
    PartPrice,
    PlanType,
    SavingsPlanRate,
    SpotPrice,
    TokenPrice,
)

IN_A_REGION = "AWS Region"  # and no Local or Wavelength Zone
FAR = 5.0  # a price that is so many times the catalog's, or a fraction of it, is in another unit
YEARS = {31_536_000: 1, 94_608_000: 3}  # seconds
PLANS: dict[str, PlanType] = {"Compute": "compute", "EC2Instance": "ec2-instance"}
EDITION = re.compile(r" \(Amazon Bedrock Edition\)$")
# Other than a request to the model itself or through a profile, at once or as a batch.
SPECIAL = re.compile(r"flex|priority|latency|provisioned|reserved|custom|rft|grounding|long|1h", re.I)
SIDES = ("input", "output", "cached", "cache_write", "batch_input", "batch_output")  # of a TokenPrice
WAYS = {
    "input tokens": "input",
    "output tokens": "output",
    "prompt cache read input tokens": "cached",
    "prompt cache write input tokens": "cache_write",
    "input tokens batch": "batch_input",
    "output tokens batch": "batch_output",
}
BATCH = "Batch Inference"  # the feature of batches, where the way does not say it
# Endings of Marketplace usage types: how a way is written, in the older and in the newer style.
MARKETPLACE = re.compile(
    r"_(?:(?P<old>InputTokenCount|OutputTokenCount|CacheReadInputTokenCount|CacheWriteInputTokenCount)"
    r"(?P<far>_Global)?(?P<batch>_Batch)?"
    r"|(?P<new>input_tokens|output_tokens|cache_read_tokens|cache_write_tokens)(?P<world>_global)?"
    r"_(?P<tier>standard|batch))-Units$"
)
MARKETPLACE_WAYS = {
    "InputTokenCount": "input",
    "input_tokens": "input",
    "OutputTokenCount": "output",
    "output_tokens": "output",
    "CacheReadInputTokenCount": "cached",
    "cache_read_tokens": "cached",
    "CacheWriteInputTokenCount": "cache_write",
    "cache_write_tokens": "cache_write",
}
LINUX = ("Linux/UNIX", "Linux/UNIX (Amazon VPC)")  # the second in accounts of old
PER_MILLION = {"1K tokens": 1000.0, "1M tokens": 1.0}


class Product(NamedTuple):
    """A product of the Price List with its on-demand price: of several tiers the dearest, the first paid."""

    sku: str
    attributes: Mapping[str, str]
    usd: float
    unit: str
    effective: str

    @property
    def source(self) -> str:
        """Where the price stands."""
        since = f", effective {self.effective}" if self.effective else ""
        return (
            f"AWS Price List, {self.attributes.get('servicecode', 'unknown service')}, SKU {self.sku}{since}"
        )


def products(texts: Iterable[str]) -> Iterator[Product]:
    """Products of a Region that have one on-demand price in US dollars above nothing."""
    for text in texts:
        held = json.loads(text)
        product = held.get("product", {})
        if product.get("attributes", {}).get("locationType", IN_A_REGION) != IN_A_REGION:
            continue
        terms = [*held.get("terms", {}).get("OnDemand", {}).values()]
        if len(terms) != 1:
            continue
        dimensions = [*terms[0].get("priceDimensions", {}).values()]
        usd = [_number(one.get("pricePerUnit", {}).get("USD")) for one in dimensions]
        units = {str(one.get("unit", "")) for one in dimensions}
        if not usd or None in usd or len(units) != 1:
            continue
        dearest = max(one for one in usd if one is not None)
        if dearest > 0:
            effective = str(terms[0].get("effectiveDate", ""))[:10]
            yield Product(
                product.get("sku", ""), product.get("attributes", {}), dearest, units.pop(), effective
            )


def on_demand(found: Iterable[Product], instance: str, region: str, day: str) -> OnDemandPrice | None:
    """The price of a shared Linux instance by the hour, where the list has just one."""
    fitting = [
        one
        for one in found
        if one.attributes.get("instanceType") == instance
        and one.attributes.get("regionCode", region) == region
        and one.attributes.get("marketoption", "OnDemand") == "OnDemand"
        and one.attributes.get("operation", "RunInstances") == "RunInstances"
        and re.search(r"(^|-)BoxUsage:", one.attributes.get("usagetype", ""))
        and one.unit == "Hrs"
    ]
    one = _only(fitting)
    if one is None:
        return None
    return OnDemandPrice(instance=instance, region=region, usd_hour=one.usd, source=one.source, as_of=day)


def part(
    found: Iterable[Product], wanted: catalog.PriceListProduct, region: str, day: str
) -> PartPrice | str:
    """The price of a part of a service, or why there is none."""
    fitting = [
        one
        for one in found
        if wanted.names(one.attributes.get("usagetype", ""))
        and one.attributes.get(wanted.region_field, region) == region
        and all(
            one.attributes.get(name) == value
            for name, value in wanted.filters.items()
            if name in one.attributes
        )
    ]
    if not fitting:
        return "not in the list"
    one = _only(fitting)
    if one is None:
        return "several prices in the list"
    usd = round(one.usd * wanted.times, 10)
    known = catalog.service_price(wanted.id, region).usd
    if known and not known / FAR <= usd <= known * FAR:
        return f"{usd:g} USD is too far from the catalog's {known:g}"
    return PartPrice(id=wanted.id, region=region, usd=usd, source=one.source, as_of=day)


def spot(entries: Iterable[Mapping[str, Any]], region: str, day: str, days: int) -> Iterator[SpotPrice]:
    """The least and the most that each instance type cost, over all zones."""
    seen: dict[str, list[tuple[float, str]]] = {}
    for entry in entries:
        usd = _number(entry.get("SpotPrice"))
        if usd and entry.get("ProductDescription") in LINUX:
            zone = entry.get("AvailabilityZoneId") or entry.get("AvailabilityZone") or ""
            seen.setdefault(entry["InstanceType"], []).append((usd, zone))
    for instance, prices in sorted(seen.items()):
        yield SpotPrice(
            instance=instance,
            region=region,
            low_usd_hour=min(usd for usd, _ in prices),
            high_usd_hour=max(usd for usd, _ in prices),
            zones=len({zone for _, zone in prices}),
            days=days,
            source="AWS spot price history, DescribeSpotPriceHistory",
            as_of=day,
        )


def savings_plans(entries: Iterable[Mapping[str, Any]], region: str, day: str) -> Iterator[SavingsPlanRate]:
    """Rates without upfront payment, by instance type, plan and years; two that differ are none."""
    seen: dict[tuple[str, PlanType, int], set[float]] = {}
    for entry in entries:
        offering = entry.get("savingsPlanOffering", {})
        said = {one.get("name"): one.get("value") for one in entry.get("properties", ())}
        years, plan = YEARS.get(offering.get("durationSeconds", 0)), PLANS.get(offering.get("planType", ""))
        usd, instance = _number(entry.get("rate")), said.get("instanceType")
        usage = str(entry.get("usageType", ""))
        is_plain = "BoxUsage" in usage and "Unused" not in usage and entry.get("unit", "Hrs") == "Hrs"
        is_here = said.get("region", region) == region and offering.get("paymentOption") == "No Upfront"
        is_shared = said.get("tenancy", "shared") == "shared" and offering.get("currency", "USD") == "USD"
        if years and plan and usd and instance and is_plain and is_here and is_shared:
            seen.setdefault((instance, plan, years), set()).add(usd)
    for (instance, plan, years), rates in sorted(seen.items()):
        if len(rates) == 1:
            yield SavingsPlanRate(
                instance=instance,
                region=region,
                plan=plan,
                years=1 if years == 1 else 3,
                usd_hour=rates.pop(),
                source="AWS Savings Plans offering rates, DescribeSavingsPlansOfferingRates, no upfront",
                as_of=day,
            )


def capacity_block(
    entries: Iterable[Mapping[str, Any]], instance: str, region: str, day: str
) -> CapacityBlockPrice | None:
    """The cheapest and the dearest hour of one instance in the offers."""
    hourly = []
    for entry in entries:
        fee, hours = _number(entry.get("UpfrontFee")), entry.get("CapacityBlockDurationHours")
        count = entry.get("InstanceCount")
        if fee and hours and count and entry.get("CurrencyCode", "USD") == "USD":
            hourly.append(round(fee / hours / count, 6))
    if not hourly:
        return None
    return CapacityBlockPrice(
        instance=instance,
        region=region,
        low_usd_hour=min(hourly),
        high_usd_hour=max(hourly),
        offers=len(hourly),
        source="AWS Capacity Block offerings, DescribeCapacityBlockOfferings",
        as_of=day,
    )


def tokens(found: Iterable[Product], region: str, day: str) -> Iterator[TokenPrice]:
    """Models whose name in the list is that of just one model of the catalog, with both their prices.

    What is read from the prompt cache, written to it or may wait has its own price where the list has one.
    """
    seen: dict[tuple[str, str], dict[str, set[tuple[float, str]]]] = {}
    for one in found:
        read = _token(one)
        model = _model(read[0]) if read is not None else None
        if read is not None and model is not None:
            _, reach, way, usd = read
            seen.setdefault((model, reach), {}).setdefault(way, set()).add((usd, one.source))
    for (model, reach), sides in sorted(seen.items()):
        prices = {way: min(listed) for way, listed in sides.items() if len({usd for usd, _ in listed}) == 1}
        if {"input", "output"} <= prices.keys():
            yield TokenPrice(
                model=model,
                region=region,
                reach="global" if reach == "global" else "regional",
                **{f"{way}_usd": prices[way][0] for way in SIDES if way in prices},
                source=prices["input"][1],
                as_of=day,
            )


def _token(one: Product) -> tuple[str, str, str, float] | None:
    """Name, reach, way and USD per million tokens of a product that is tokens of one side; else None."""
    usage = one.attributes.get("usagetype", "")
    if SPECIAL.search(usage):
        return None
    sold = MARKETPLACE.search(usage)
    if sold is not None and EDITION.search(one.attributes.get("servicename", "")):
        way = MARKETPLACE_WAYS[sold["old"] or sold["new"]]
        reach = "global" if sold["far"] or sold["world"] else "regional"
        is_batch = bool(sold["batch"]) or sold["tier"] == "batch"
        name = EDITION.sub("", one.attributes["servicename"])
        times = PER_MILLION.get(one.unit, 1.0 if one.unit == "Units" else None)
    else:
        way = WAYS.get(one.attributes.get("inferenceType", "").lower(), "")
        feature = one.attributes.get("feature", "On-demand Inference")
        if not way or feature not in {"", "On-demand Inference", BATCH}:
            return None
        is_global = "cross-region-global" in usage
        if "cross-region" in usage and not is_global:
            return None
        reach = "global" if is_global else "regional"
        is_batch = feature == BATCH or "batch" in usage.lower()
        if "cache" in usage.lower() and not way.startswith("cache"):
            return None
        name = one.attributes.get("model", "")
        times = PER_MILLION.get(one.unit)
    if is_batch and not way.startswith("batch"):
        way = f"batch_{way}"
    return (
        (name, reach, way, round(one.usd * times, 10))
        if times is not None and way in SIDES and name
        else None
    )


def _model(name: str) -> str | None:
    """The one model of the catalog that is called so; None: none, or several."""
    fitting = _models().get(_words(name), ())
    return fitting[0] if len(fitting) == 1 else None


@cache
def _models() -> Mapping[tuple[str, ...], tuple[str, ...]]:
    """Every model of the catalog by the words of its id without provider, day and first version."""
    found: dict[tuple[str, ...], tuple[str, ...]] = {}
    for model in catalog.bedrock_models():
        name = re.sub(r"-20\d{6}", "", model.partition(".")[2])
        words = _words(re.sub(r"(-v1)?:\d+$|-v1$", "", name))
        found[words] = (*found.get(words, ()), model)
    return found


def _words(name: str) -> tuple[str, ...]:
    """Words and numbers of a name, whatever stands between them."""
    found = re.findall(r"[a-z]+|\d+", name.lower())
    return tuple(sorted(word for word in found if word != "instruct"))


def _only(found: list[Product]) -> Product | None:
    """The one product, or the first of several that cost the same."""
    return min(found, key=lambda one: one.sku) if len({one.usd for one in found}) == 1 else None


def _number(value: Any) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError):
        return None
