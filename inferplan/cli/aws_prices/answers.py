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
# Other than a plain request to the model itself or through a profile.
SPECIAL = re.compile(
    r"batch|flex|priority|latency|provisioned|reserved|cache|custom|rft|grounding|long", re.I
)
MARKETPLACE = {
    "InputTokenCount-Units": ("regional", "input"),
    "input_tokens_standard-Units": ("regional", "input"),
    "OutputTokenCount-Units": ("regional", "output"),
    "output_tokens_standard-Units": ("regional", "output"),
    "InputTokenCount_Global-Units": ("global", "input"),
    "input_tokens_global_standard-Units": ("global", "input"),
    "OutputTokenCount_Global-Units": ("global", "output"),
    "output_tokens_global_standard-Units": ("global", "output"),
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
    """Models whose name in the list is that of just one model of the catalog, with both their prices."""
    seen: dict[tuple[str, str], dict[str, set[tuple[float, str]]]] = {}
    for one in found:
        read = _token(one)
        if read is None:
            continue
        name, reach, way, usd = read
        model = _model(name)
        if model is not None:
            sides = seen.setdefault((model, reach), {"input": set(), "output": set()})
            sides[way].add((usd, one.source))
    for (model, reach), sides in sorted(seen.items()):
        if all(len({usd for usd, _ in prices}) == 1 for prices in sides.values()):
            (input_usd, source), (output_usd, _) = (min(prices) for prices in sides.values())
            yield TokenPrice(
                model=model,
                region=region,
                reach="global" if reach == "global" else "regional",
                input_usd=input_usd,
                output_usd=output_usd,
                source=source,
                as_of=day,
            )


def _token(one: Product) -> tuple[str, str, str, float] | None:
    """Name, reach, way and USD per million tokens of a product that is plain tokens; else None."""
    usage = one.attributes.get("usagetype", "")
    if SPECIAL.search(usage):
        return None
    ending = next((end for end in MARKETPLACE if usage.endswith(end)), None)
    if ending is not None and EDITION.search(one.attributes.get("servicename", "")):
        reach, way = MARKETPLACE[ending]
        times = PER_MILLION.get(one.unit, 1.0 if one.unit == "Units" else None)
        return (
            None
            if times is None
            else (EDITION.sub("", one.attributes["servicename"]), reach, way, one.usd * times)
        )
    ways = {"Input tokens": "input", "Output tokens": "output"}
    found = ways.get(one.attributes.get("inferenceType", ""))
    times = PER_MILLION.get(one.unit)
    is_plain = one.attributes.get("feature", "On-demand Inference") in {"", "On-demand Inference"}
    if found is None or times is None or not is_plain or "model" not in one.attributes:
        return None
    is_global = "cross-region-global" in usage
    if "cross-region" in usage and not is_global:
        return None
    return one.attributes["model"], "global" if is_global else "regional", found, round(one.usd * times, 10)


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
