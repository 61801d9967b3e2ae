"""Which price counts for an organization: its own row first, then the catalog's, less what was negotiated.

Not here: reading the rows (price_reading, catalog) and what a stack costs with them (inferplan.cost).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Literal

from msgspec import Struct
from msgspec.structs import replace

from inferplan import catalog
from inferplan.catalog import BEDROCK
from inferplan.spec.discounts import EVERY_SERVICE, INSTANCES, TOKENS, Discount, Purchase
from inferplan.spec.price_file import (
    KEYS,
    CapacityBlockPrice,
    OnDemandPrice,
    PartPrice,
    PriceRow,
    Prices,
    SavingsPlanRate,
    SpotPrice,
    TokenPrice,
    key_of,
)

Origin = Literal["catalog", "organization", "spec"]
Key = tuple[str | int, ...]
OWN = "the organization's own price"


class Reduction(Struct, frozen=True, kw_only=True):
    """A discount of the organization that is in a price.

    name: as organization.yaml calls it
    percent: off the price
    list_usd: what the price was before
    reason: contract or program that gives it
    approved_by: who answers for it
    valid_until: last day
    """

    name: str
    percent: float
    list_usd: float
    reason: str
    approved_by: str
    valid_until: str

    @property
    def left(self) -> float:
        """The share of the price that is paid."""
        return 1 - self.percent / 100

    def __str__(self) -> str:
        return f"{self.percent:g} % off {self.list_usd:g} ({self.name}, until {self.valid_until})"


class Price(Struct, frozen=True, kw_only=True):
    """USD for one unit, low and high where it is a range; None: there is none to state, `basis` says why."""

    usd: float | None
    low: float | None
    high: float | None
    estimated: bool
    basis: str  # how it came about, where that is not a price list
    source: tuple[str, ...]
    as_of: str
    origin: Origin = "catalog"
    reduction: Reduction | None = None


class TokenRates(Struct, frozen=True, kw_only=True):
    """What a Bedrock model costs where the organization has asked; USD per million tokens."""

    row: TokenPrice
    is_borrowed: bool  # a regional price is not known, so it is that of the global profile or the other way


class PriceBook:
    """Every price that a plan may ask for, as it is on one day; the catalog alone where nothing is given."""

    def __init__(
        self, prices: Prices | None = None, discounts: Sequence[Discount] = (), day: str = ""
    ) -> None:
        self.discounts = tuple(one for one in discounts if one.holds(day))
        self.ended = tuple(one for one in discounts if one.valid_until < day)
        self._rows: Mapping[str, Mapping[Key, PriceRow]] = _index(prices) if prices is not None else {}
        self._priced_regions = {str(key[0]) for key in self._section("on_demand")}
        self._known: dict[tuple[str, ...], Price] = {}

    def instance(self, instance: str, region: str, capacity: str | None = None) -> Price:
        """An hour of an instance type, bought in one of the ways of `capacity.kind` of a spec.

        Raises UnknownName for an unknown type or Region.
        """
        ask = {"spot": self._spot, "capacity-block": self._capacity_block}.get(
            capacity or "", self._on_demand
        )
        return self._once(("instance", capacity or "", instance, region), lambda: ask(instance, region))

    def is_region_priced(self, region: str) -> bool:
        """Whether a price of any instance family is known in a Region."""
        return region in self._priced_regions or catalog.is_region_priced(region)

    def service(self, part: str, region: str) -> Price:
        """One part of a service; raises UnknownName for an unknown part or Region."""
        return self._once(("service", part, region), lambda: self._service(part, region))

    def savings_plans(self, instance: str, region: str, years: int) -> tuple[SavingsPlanRate, ...]:
        """The organization's rates of an instance type, cheapest first; none where it has not asked."""
        rows = self._section("savings_plans")
        found = [rows.get((region, instance, plan, years)) for plan in ("compute", "ec2-instance")]
        rates = [row for row in found if isinstance(row, SavingsPlanRate)]
        return tuple(sorted(rates, key=lambda row: (row.usd_hour, row.plan)))

    def savings_plan_hour(self, rate: SavingsPlanRate) -> Price:
        """An hour under a rate, less what was negotiated."""
        price = _own(rate.usd_hour, rate)
        return self._reduced(
            price, INSTANCES, rate.region, family=_family(rate.instance), purchase="savings-plan"
        )

    def tokens(self, model: str, region: str) -> TokenRates | None:
        """The organization's price of a Bedrock model, as it is called from a Region; None: it has none."""
        base, reach = catalog.bedrock_base(model), "global" if model.startswith("global.") else "regional"
        rows = self._section("tokens")
        for asked in (reach, "regional", "global"):
            row = rows.get((region, base, asked))
            if isinstance(row, TokenPrice):
                return TokenRates(row=row, is_borrowed=asked != reach)
        return None

    def token_reduction(self, usd: float, *, vendor: str, provider: str, region: str) -> Reduction | None:
        """What was negotiated off the tokens of a vendor under contract; `usd` is the price before."""
        services = {EVERY_SERVICE, TOKENS} if provider == BEDROCK else set()
        fitting = [
            one
            for one in self.discounts
            if (one.vendor == vendor or one.service in services)
            and (not one.regions or region in one.regions)
        ]
        return _reduction(fitting, usd)

    def _section(self, name: str) -> Mapping[Key, PriceRow]:
        return self._rows.get(name, {})

    def _once(self, key: tuple[str, ...], found: Callable[[], Price]) -> Price:
        if key not in self._known:
            self._known[key] = found()
        return self._known[key]

    def _on_demand(self, instance: str, region: str) -> Price:
        return self._reduced(self._listed(instance, region), INSTANCES, region, family=_family(instance))

    def _listed(self, instance: str, region: str) -> Price:
        """On demand before anything is taken off."""
        row = self._section("on_demand").get((region, instance))
        if isinstance(row, OnDemandPrice):
            return _own(row.usd_hour, row)
        found = catalog.instance_price(instance, region)
        return Price(
            usd=found.usd_hour,
            low=found.low,
            high=found.high,
            estimated=found.estimated,
            basis=found.basis,
            source=found.source,
            as_of=found.as_of,
        )

    def _spot(self, instance: str, region: str) -> Price:
        """Low is the cheapest that spot was, expected the dearest.

        High is on demand: the most that is paid without a higher bid, and what replaces lost nodes.
        """
        demand, family = self._on_demand(instance, region), _family(instance)
        own = self._section("spot").get((region, instance))
        if isinstance(own, SpotPrice):
            seen = f"{own.low_usd_hour:g} to {own.high_usd_hour:g} USD an hour"
            told = f"spot in {own.zones} zones over {own.days} days: {seen}; expected is the dearest"
            spot = replace(
                _own(own.high_usd_hour, own), low=own.low_usd_hour, basis=f"{OWN}, {told}", estimated=True
            )
        else:
            spot = self._spot_of_catalog(instance, region)
        if spot.usd is None:
            return spot
        spot = self._reduced(spot, INSTANCES, region, family=family, purchase="spot")
        above = spot.usd if demand.high is None or spot.usd is None else max(demand.high, spot.usd)
        return replace(spot, high=above, basis=f"{spot.basis}, high the on-demand price")

    def _spot_of_catalog(self, instance: str, region: str) -> Price:
        listed, row = self._listed(instance, region), catalog.spot_price(instance, region)
        if row is None or row.low is None or row.high is None or listed.usd is None or listed.low is None:
            return _none(f"no spot snapshot of {_family(instance)} in {region}")
        return replace(
            listed,
            usd=listed.usd * (1 - row.low),
            low=listed.low * (1 - row.high),
            estimated=True,
            basis=f"spot snapshot: {row.low:.0%} to {row.high:.0%} below on demand ({row.note}); "
            "expected is its dearest zone",
            source=(*listed.source, *row.source),
            as_of=row.as_of,
        )

    def _capacity_block(self, instance: str, region: str) -> Price:
        row = self._section("capacity_blocks").get((region, instance))
        price = self._block_of_catalog(instance, region)
        if isinstance(row, CapacityBlockPrice):
            told = f"{row.offers} offers of {row.low_usd_hour:g} to {row.high_usd_hour:g} USD an hour"
            price = replace(
                _own(row.high_usd_hour, row),
                low=row.low_usd_hour,
                basis=f"{OWN}, {told}; expected is the dearest",
                estimated=True,
            )
        return self._reduced(price, INSTANCES, region, family=_family(instance), purchase="capacity-block")

    def _block_of_catalog(self, instance: str, region: str) -> Price:
        """The rate that AWS published last; the offer states what is paid."""
        rate = catalog.block_price(instance, region)
        if rate is None:
            return _none("no source states the rate of its capacity block: the offer does")
        return Price(
            usd=rate.usd_hour,
            low=rate.usd_hour,
            high=rate.usd_hour,
            estimated=True,
            basis=f"the rate of capacity blocks published on {rate.as_of}, which changes with demand; "
            "the offer states what is paid, ahead",
            source=rate.source,
            as_of=rate.as_of,
        )

    def _service(self, part: str, region: str) -> Price:
        found = catalog.service_price(part, region)
        row = self._section("services").get((region, part))
        if isinstance(row, PartPrice):
            price = _own(row.usd, row)
        else:
            price = Price(
                usd=found.usd,
                low=found.usd,
                high=found.usd,
                estimated=found.estimated or found.verified is not True,
                basis=found.basis if found.usd is None or found.estimated else "",
                source=found.source,
                as_of=found.as_of,
            )
        return self._reduced(price, found.service, region)

    def _reduced(
        self,
        price: Price,
        service: str,
        region: str,
        *,
        family: str | None = None,
        purchase: Purchase = "on-demand",
    ) -> Price:
        """The price less the largest discount that fits it."""
        if not self.discounts or not price.usd:
            return price
        fitting = [
            one
            for one in self.discounts
            if (one.service in {EVERY_SERVICE, service} or (family is not None and one.family == family))
            and (not one.regions or region in one.regions)
            and (family is None or purchase in one.purchase)
        ]
        taken = _reduction(fitting, price.usd)
        if taken is None:
            return price
        return replace(
            price,
            usd=round(price.usd * taken.left, 6),
            low=None if price.low is None else round(price.low * taken.left, 6),
            high=None if price.high is None else round(price.high * taken.left, 6),
            reduction=taken,
        )


@lru_cache(maxsize=16)
def price_book(prices: Prices | None, discounts: tuple[Discount, ...], day: str) -> PriceBook:
    """The book of an organization on a day (ISO date)."""
    return PriceBook(prices, discounts, day)


@lru_cache(maxsize=8)
def _index(prices: Prices) -> Mapping[str, Mapping[Key, PriceRow]]:
    return {section: {key_of(section, row): row for row in getattr(prices, section)} for section in KEYS}


def _reduction(fitting: Sequence[Discount], usd: float) -> Reduction | None:
    """The largest of some discounts; among equals the first by name."""
    if not fitting:
        return None
    best = min(fitting, key=lambda one: (-one.percent, one.name))
    return Reduction(
        name=best.name,
        percent=best.percent,
        list_usd=usd,
        reason=best.reason,
        approved_by=best.approved_by,
        valid_until=best.valid_until,
    )


def _own(usd: float, row: Any) -> Price:
    return Price(
        usd=usd,
        low=usd,
        high=usd,
        estimated=False,
        basis=OWN,
        source=(row.source,),
        as_of=row.as_of,
        origin="organization",
    )


def _none(basis: str) -> Price:
    return Price(usd=None, low=None, high=None, estimated=True, basis=basis, source=(), as_of="unknown")


def _family(instance: str) -> str:
    return instance.partition(".")[0]
