"""List prices: GPU instances per Region with honest estimates, and the fixed parts of a stack.

Not here: what a stack costs in a month (inferplan.cost) and token prices (genai-prices).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from functools import cache
from typing import NamedTuple

from msgspec import Struct

from inferplan.catalog.hardware import instances
from inferplan.catalog.places import region as find_region
from inferplan.catalog.table import Row, UnknownName, Verified, rows, stated_date
from inferplan.near import near

BASE_REGION = "us-east-1"
ROUGH = 0.15  # half width of the range around a rough price
UNSCALED_FAMILIES = frozenset({"g6f", "gr6f"})  # fractional GPUs: sizes do not follow one Region factor
# One factor per Region wherever two of them are known (a test holds it), so one stands for another.
ALIKE = ("g6e", "g6", "g5", "gr6", "g7e", "g7")


class RegionPrice(Row, frozen=True, kw_only=True):
    """One on-demand list price as a source prints it (Linux, USD per hour); None: there is none."""

    instance: str
    region: str  # or `all`
    od_usd_h: float | None


class InstancePrice(Struct, frozen=True, kw_only=True):
    """The price of one instance hour in USD; `usd_hour` None: there is none to state, and `basis` says why.

    `estimated`: from the factor of the same family there. `rough`: from the Region's median factor
    over other families, with a range.
    """

    usd_hour: float | None
    low: float | None
    high: float | None
    estimated: bool
    rough: bool
    basis: str
    source: tuple[str, ...]
    as_of: str


class ServicePriceRow(Row, frozen=True, kw_only=True):
    """One list price of a service part; discount rows carry only low and high (fraction off on demand)."""

    id: str
    service: str
    unit: str
    usd: float | None
    low: float | None = None
    high: float | None = None
    region: str  # or `all`
    note: str | None = None


class ServicePrice(Struct, frozen=True, kw_only=True):
    """A service price for a Region; `estimated`: the us-east-1 value, the Region's own is not known."""

    id: str
    service: str
    unit: str
    usd: float | None
    low: float | None
    high: float | None
    region: str  # asked for
    estimated: bool
    basis: str
    verified: Verified
    source: tuple[str, ...]
    as_of: str
    note: str | None


class _Anchor(NamedTuple):
    """A priced type of a family in a Region and its ratio to us-east-1."""

    row: RegionPrice
    ratio: float


def _family(instance: str) -> str:
    return instance.partition(".")[0]


def _median(values: list[float]) -> float:
    """The middle value (`statistics` costs 10 ms of start-up)."""
    ordered, half = sorted(values), len(values) // 2
    return ordered[half] if len(values) % 2 else (ordered[half - 1] + ordered[half]) / 2


def _oldest(rows_used: list[RegionPrice]) -> str:
    """The `as_of` that reaches furthest back; one that states no date counts as the furthest."""
    return min((row.as_of for row in rows_used), key=lambda text: stated_date(text) or date.min)


@cache
def region_prices() -> Mapping[tuple[str, str], RegionPrice]:
    """Every sourced on-demand price by (instance type, Region)."""
    return {(row.instance, row.region): row for row in rows("region_prices", RegionPrice)}


@cache
def _anchors(region: str) -> Mapping[str, _Anchor]:
    """Per family, its dearest priced type in `region` (rounded least) with the ratio to us-east-1."""
    found: dict[str, _Anchor] = {}
    priced = sorted(region_prices().items(), key=lambda item: (-(item[1].od_usd_h or 0), item[0]))
    for (instance, where), row in priced:
        base = region_prices().get((instance, BASE_REGION))
        if where == region and row.od_usd_h and base is not None and base.od_usd_h:
            found.setdefault(_family(instance), _Anchor(row, row.od_usd_h / base.od_usd_h))
    return found


def _price(
    usd: float | None, basis: str, used: list[RegionPrice], *, estimated: bool = False, rough: bool = False
) -> InstancePrice:
    usd = None if usd is None else round(usd, 5)
    return InstancePrice(
        usd_hour=usd,
        low=round(usd * (1 - ROUGH), 5) if rough and usd is not None else usd,
        high=round(usd * (1 + ROUGH), 5) if rough and usd is not None else usd,
        estimated=estimated,
        rough=rough,
        basis=basis,
        source=tuple(dict.fromkeys(text for row in used for text in row.source)),
        as_of=_oldest(used) if used else "unknown",
    )


@cache
def instance_price(instance: str, region: str) -> InstancePrice:
    """The on-demand price of an instance type in a Region; raises UnknownName for an unknown type or Region.

    The row itself, else the us-east-1 price times the ratio of a type of the same family, or of one like it,
    in that Region (estimated), else times the Region's median ratio over the other families (rough, +-15 %),
    else None.
    Whether the Region offers the type is not asked here.
    """
    partition = find_region(region).partition
    prices = region_prices()
    names = {*instances(), *(name for name, _ in prices)}
    if instance not in names:
        raise UnknownName("instance type", instance, near(instance, sorted(names), 3))
    nowhere = prices.get((instance, "all"))
    if nowhere is not None and nowhere.od_usd_h is None:
        return _price(None, "no on-demand list price: reservation, capacity block or spot only", [nowhere])
    exact = prices.get((instance, region))
    if exact is not None:
        return _price(exact.od_usd_h, f"list price in {region}", [exact])
    base = prices.get((instance, BASE_REGION))
    if base is None or base.od_usd_h is None:
        return _price(None, "no on-demand list price is known", [])
    if partition != find_region(BASE_REGION).partition:
        return _price(None, f"{region} has a price list of its own partition, which is not known", [])
    anchors, family = _anchors(region), _family(instance)
    alike = () if family in UNSCALED_FAMILIES else (family, *(ALIKE if family in ALIKE else ()))
    anchor = next((anchors[name] for name in alike if name in anchors), None)
    if anchor is not None:
        basis = f"us-east-1 price x {anchor.ratio:.4f}, the ratio of {anchor.row.instance} in {region}"
        return _price(base.od_usd_h * anchor.ratio, basis, [base, anchor.row], estimated=True)
    others = {
        name: other for name, other in sorted(anchors.items()) if name not in {family, *UNSCALED_FAMILIES}
    }
    if not others:
        return _price(None, f"no price of any family is known in {region}", [])
    factor = _median([other.ratio for other in others.values()])
    basis = f"us-east-1 price x {factor:.4f}, the median ratio of {', '.join(others)} in {region}, +-15 %"
    used = [base, *(other.row for other in others.values())]
    return _price(base.od_usd_h * factor, basis, used, estimated=True, rough=True)


def is_region_priced(region: str) -> bool:
    """Whether a price of any instance family is known in a Region; where none is, no factor can be told."""
    return bool(_anchors(region))


@cache
def service_prices() -> Mapping[tuple[str, str], ServicePriceRow]:
    """Every service price by (id, Region or `all`)."""
    return {(row.id, row.region): row for row in rows("service_prices", ServicePriceRow)}


def spot_price(instance: str, region: str) -> ServicePriceRow | None:
    """How far below on demand spot lies in a Region: of the size where it has rows, else of its family."""
    own = f"spot-{instance}"
    has_own = any(name == own for name, _ in service_prices())
    return service_prices().get((own if has_own else f"spot-{_family(instance)}", region))


@cache
def service_price(id: str, region: str) -> ServicePrice:  # noqa: A002 - the name of the field it selects by
    """The price of a service part in a Region; raises UnknownName for an unknown id or Region.

    The Region's own row, else the row for all Regions, else the us-east-1 value marked estimated: no
    factor is invented. `usd` None: a discount row (low and high are fractions off), or nothing known.
    """
    table, names = service_prices(), {name for name, _ in service_prices()}
    if id not in names:
        raise UnknownName("service price", id, near(id, sorted(names), 3))
    commercial = find_region(region).partition == find_region(BASE_REGION).partition
    row, estimated, basis = table.get((id, region)), False, f"list price in {region}"
    if row is None and commercial:
        row, basis = table.get((id, "all")), "the same in every Region"
    if row is None and commercial:
        row, estimated = table.get((id, BASE_REGION)), True
        basis = f"the {BASE_REGION} value; the factor of {region} is not known"
    shown = row or next(found for (name, _), found in table.items() if name == id)
    return ServicePrice(
        id=id,
        service=shown.service,
        unit=shown.unit,
        usd=row.usd if row else None,
        low=row.low if row else None,
        high=row.high if row else None,
        region=region,
        estimated=estimated,
        basis=basis if row else f"no row for {region} and none that may stand for it",
        verified=row.verified if row else False,
        source=row.source if row else (),
        as_of=row.as_of if row else "unknown",
        note=row.note if row else None,
    )
