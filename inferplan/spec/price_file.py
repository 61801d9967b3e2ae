"""The organization's own prices as frozen records: prices.json, which `inferplan prices refresh` writes.

Not here: discounts (organization), which price counts (price_book), and asking for prices (inferplan.cli).
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, field

from inferplan.spec.vocabulary import Date, Record, Text

PlanType = Literal["compute", "ec2-instance"]
UsdPrice = Annotated[float, Meta(ge=0, le=1e9, title="a price in US dollars")]


class OnDemandPrice(Record):
    """An instance type bought by the hour (Linux, shared).

    instance: instance type
    region: AWS Region
    usd_hour: US dollars an hour
    source: where it was read
    as_of: day on which it was read
    """

    instance: Text
    region: Text
    usd_hour: UsdPrice
    source: Text
    as_of: Date


class SpotPrice(Record):
    """An instance type as spot, over some days and all zones of a Region.

    instance: instance type
    region: AWS Region
    low_usd_hour: least that an hour cost
    high_usd_hour: most that an hour cost
    zones: zones that had a price
    days: days that were looked at
    source: where it was read
    as_of: last of these days
    """

    instance: Text
    region: Text
    low_usd_hour: UsdPrice
    high_usd_hour: UsdPrice
    zones: Annotated[int, Meta(ge=1, le=100)]
    days: Annotated[int, Meta(ge=1, le=90)]
    source: Text
    as_of: Date


class SavingsPlanRate(Record):
    """An hour of an instance type under a Savings Plan without upfront payment.

    instance: instance type
    region: AWS Region
    plan: compute fits every family and Region, ec2-instance one family in one Region
    years: how long one commits
    usd_hour: US dollars an hour
    source: where it was read
    as_of: day on which it was read
    """

    instance: Text
    region: Text
    plan: PlanType
    years: Literal[1, 3]
    usd_hour: UsdPrice
    source: Text
    as_of: Date


class CapacityBlockPrice(Record):
    """An hour of an instance type in the Capacity Blocks on offer.

    instance: instance type
    region: AWS Region
    low_usd_hour: an hour of the cheapest offer
    high_usd_hour: an hour of the dearest offer
    offers: how many there were
    source: where it was read
    as_of: day on which it was read
    """

    instance: Text
    region: Text
    low_usd_hour: UsdPrice
    high_usd_hour: UsdPrice
    offers: Annotated[int, Meta(ge=1, le=100_000)]
    source: Text
    as_of: Date


class PartPrice(Record):
    """One part of a service, by its id in the catalog's service prices.

    id: such as nat-gateway-hour
    region: AWS Region
    usd: US dollars for the unit of the catalog's row
    source: where it was read
    as_of: day on which it was read
    """

    id: Text
    region: Text
    usd: UsdPrice
    source: Text
    as_of: Date


class TokenPrice(Record, kw_only=True):
    """Tokens of a Bedrock model called from a Region.

    model: id without the prefix of a profile
    region: AWS Region of the caller
    reach: regional is the model itself and profiles of a geography, global the global profile
    input_usd: US dollars for a million tokens in
    output_usd: US dollars for a million tokens out
    cached_usd: for a million that are read from the prompt cache; left out, as input_usd
    cache_write_usd: for a million that are written to the prompt cache; left out, as input_usd
    batch_input_usd: for a million in, of requests that may wait; left out, as input_usd
    batch_output_usd: for a million out, of requests that may wait; left out, as output_usd
    source: where it was read
    as_of: day on which it was read
    """

    model: Text
    region: Text
    reach: Literal["regional", "global"]
    input_usd: UsdPrice
    output_usd: UsdPrice
    cached_usd: UsdPrice | None = None
    cache_write_usd: UsdPrice | None = None
    batch_input_usd: UsdPrice | None = None
    batch_output_usd: UsdPrice | None = None
    source: Text
    as_of: Date


class Prices(Record):
    """Prices of the day that win over the catalog's; `inferplan prices refresh` writes them to prices.json.

    apiVersion: version of this language
    kind: kind of this file
    on_demand: instances by the hour
    spot: instances as spot
    savings_plans: instances under a Savings Plan
    capacity_blocks: instances in Capacity Blocks
    services: parts of services
    tokens: Bedrock models
    """

    api_version: Literal["inferplan/v1beta1"] = field(name="apiVersion")
    kind: Literal["Prices"]
    on_demand: tuple[OnDemandPrice, ...] = ()
    spot: tuple[SpotPrice, ...] = ()
    savings_plans: tuple[SavingsPlanRate, ...] = ()
    capacity_blocks: tuple[CapacityBlockPrice, ...] = ()
    services: tuple[PartPrice, ...] = ()
    tokens: tuple[TokenPrice, ...] = ()

    def __hash__(self) -> int:
        # a plan asks for its book of prices many times, and the rows are thousands; equality compares them
        return hash(tuple(len(getattr(self, section)) for section in KEYS))


PriceRow = OnDemandPrice | SpotPrice | SavingsPlanRate | CapacityBlockPrice | PartPrice | TokenPrice
# What tells the rows of a section apart, in the order in which they are sorted.
KEYS: dict[str, tuple[str, ...]] = {
    "on_demand": ("region", "instance"),
    "spot": ("region", "instance"),
    "savings_plans": ("region", "instance", "plan", "years"),
    "capacity_blocks": ("region", "instance"),
    "services": ("region", "id"),
    "tokens": ("region", "model", "reach"),
}


def key_of(section: str, row: PriceRow) -> tuple[str | int, ...]:
    """What tells a row apart from the others of its section."""
    return tuple(getattr(row, name) for name in KEYS[section])
