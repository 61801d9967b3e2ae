"""How one line of a bill is made: from the service price table, from instances, or without a price.

Not here: which lines a stack has (fixed, usage, tokens).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from inferplan import catalog
from inferplan.records.draft import Draft
from inferplan.records.plan import CostLine, Pool
from inferplan.spec.price_book import Price, PriceBook

Case = Literal["low", "expected", "high"]
HOURS_PER_MONTH = int(catalog.cost_assumption("hours-per-month").value)
ESTIMATE = "working estimate"


def gpu_monthly_usd(prices: PriceBook, instance_type: str, region: str, nodes: int) -> float | None:
    """On-demand USD a month of `nodes` instances around the clock, None where no source gives a price."""
    found = prices.instance(instance_type, region)
    return None if found.usd is None else round(found.usd * HOURS_PER_MONTH * nodes, 2)


def pool_hours(pool: Pool) -> float:
    """Hours a month for which the nodes of a pool are paid."""
    return HOURS_PER_MONTH if pool.running is None else pool.running.hours_per_month


def notes(*texts: str | None) -> str:
    """What there is to say, in one text."""
    return "; ".join(text for text in texts if text)


def assumed(name: str) -> float:
    """A working estimate of the catalog."""
    return catalog.cost_assumption(name).value


def total(lines: Iterable[CostLine], case: Case = "expected") -> float:
    """The sum of the lines that have a price; the others are in no total."""
    amounts = (getattr(line, f"{case}_usd") for line in lines)
    return sum((usd for usd in amounts if usd is not None), 0.0)


def holes(lines: Iterable[CostLine]) -> tuple[str, ...]:
    """GPU nodes and tokens without a price: what is then left of a bill is a lower bound that says little."""
    return tuple(
        line.name for line in lines if line.expected_usd is None and line.group in {"gpus", "tokens"}
    )


def unpriced(
    name: str,
    kind: Literal["fixed", "usage"],
    reason: str,
    *,
    group: str,
    quantity: float,
    unit: str,
    source: str = "no source of the catalog",
    as_of: str = "unknown",
    routes: tuple[str, ...] = (),
    pool: str | None = None,
) -> CostLine:
    """A line that no source prices: None, never 0, with the reason."""
    return CostLine(
        name=name,
        kind=kind,
        low_usd=None,
        expected_usd=None,
        high_usd=None,
        quantity=round(quantity, 4),
        unit=unit,
        unit_usd=None,
        estimated=True,
        source=source,
        as_of=as_of,
        note=notes(reason, "not in the totals"),
        group=group,
        routes=routes,
        pool=pool,
        origin=None,
    )


def service(
    draft: Draft,
    price: str,
    name: str,
    quantity: float,
    unit: str,
    *,
    group: str,
    note: str = "",
    kind: Literal["fixed", "usage"] = "fixed",
    low: float | None = None,
    high: float | None = None,
    routes: tuple[str, ...] = (),
    pool: str | None = None,
    estimated: bool = False,
) -> CostLine:
    """A line from the service price table; `quantity` counts the unit of the price (hours, GB, keys).

    `low` and `high` are quantities too, where they differ; `estimated`: the quantity is a working estimate.
    """
    try:
        found = draft.prices.service(price, draft.target.region)
    except catalog.UnknownName:
        return unpriced(
            name,
            kind,
            f"the price table has no {price}",
            group=group,
            quantity=quantity,
            unit=unit,
            routes=routes,
            pool=pool,
        )
    each = found.usd
    if each is None:
        return unpriced(
            name, kind, found.basis, group=group, quantity=quantity, unit=unit, routes=routes, pool=pool
        )

    def usd(count: float | None) -> float:
        return round(each * (quantity if count is None else count), 2)

    return CostLine(
        name=name,
        kind=kind,
        low_usd=usd(low),
        expected_usd=usd(None),
        high_usd=usd(high),
        quantity=round(quantity, 4),
        unit=unit,
        unit_usd=each,
        estimated=estimated or found.estimated,
        source="; ".join(found.source),
        as_of=found.as_of,
        note=notes(note, found.basis, reduced(found)),
        group=group,
        routes=routes,
        pool=pool,
        origin=found.origin,
        reduction=found.reduction,
    )


def reduced(price: Price) -> str:
    """What was taken off a price, in words."""
    return "" if price.reduction is None else str(price.reduction)


def instances(
    draft: Draft,
    name: str,
    instance_type: str,
    count: int,
    *,
    group: str,
    note: str = "",
    pool: str | None = None,
    low: int | None = None,
    high: int | None = None,
    hours: float = HOURS_PER_MONTH,
    capacity: str | None = None,
) -> CostLine:
    """A line of instances, on demand unless `capacity` says how else; `low` and `high` are node counts."""
    found = draft.prices.instance(instance_type, draft.target.region, capacity)
    basis = "" if found.basis.startswith("list price") else found.basis
    if found.usd is None or found.low is None or found.high is None:
        return unpriced(
            name,
            "fixed",
            notes(note, found.basis),
            group=group,
            quantity=count * hours,
            unit="instance hours",
            source="; ".join(found.source) or "no source of the catalog",
            as_of=found.as_of,
            pool=pool,
        )

    def usd(hourly: float, nodes: int | None) -> float:
        return round(hourly * hours * (count if nodes is None else nodes), 2)

    return CostLine(
        name=name,
        kind="fixed",
        low_usd=usd(found.low, low),
        expected_usd=usd(found.usd, None),
        high_usd=usd(found.high, high),
        quantity=count * hours,
        unit="instance hours",
        unit_usd=round(found.usd, 6),
        estimated=found.estimated,
        source="; ".join(found.source),
        as_of=found.as_of,
        note=notes(note, basis, reduced(found)),
        group=group,
        pool=pool,
        origin=found.origin,
        reduction=found.reduction,
    )
