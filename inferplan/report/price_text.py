"""What a refresh of the organization's prices has done, for a person.

Not here: JSON (json_format) and doing it (inferplan.cli).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from inferplan.report.money import columns, counted

if TYPE_CHECKING:
    from inferplan.report.price_contracts import PriceChange, PriceDifference, PricesDocument

MAX_LINES = 20  # of a list that -v shows whole
NEAR_PERCENT = 1.0  # as good as the same


def lines(told: PricesDocument, verbose: int = 0) -> Iterator[str]:
    """The file, what was asked, what changed, and where the catalog says something else."""
    yield f"{told.file}: {counted(told.rows, 'price')}, {_standing(told)}"
    yield from columns([[one.region, one.section, _answer(one.rows, one.problem)] for one in told.answers])
    lacking = [[one.region, name, reason] for one in told.answers for name, reason in one.lacking.items()]
    if lacking and verbose:
        yield "  without a price of their own, so the catalog's counts:"
        yield from columns(lacking, indent="    ")
    elif lacking:
        yield f"  {counted(len(lacking), 'part')} without a price of their own, -v lists them"
    yield from _listed("changed since the former file:", [_changed(one) for one in told.changes], verbose)
    far = [one for one in told.differences if one.percent is None or abs(one.percent) >= NEAR_PERCENT]
    near = len(told.differences) - len(far)
    if told.differences:
        all_ = counted(len(told.differences), "price")
        yield f"  {near} of {all_} within {NEAR_PERCENT:g} % of the catalog"
    yield from _listed("other than the catalog says:", [_different(one) for one in far], verbose)


def _standing(told: PricesDocument) -> str:
    if told.changes:
        return f"{counted(len(told.changes), 'change')}, as of {told.as_of}"
    return f"nothing changed but the day, {told.as_of}" if told.written else "nothing changed"


def _answer(rows: int, problem: str | None) -> str:
    return counted(rows, "price") if problem is None else f"{problem}; former prices stay"


def _listed(title: str, rows: list[list[str]], verbose: int) -> Iterator[str]:
    if not rows:
        return
    shown = rows if verbose else rows[:MAX_LINES]
    yield f"  {title}"
    yield from columns(shown, indent="    ")
    if len(rows) > len(shown):
        yield f"    and {len(rows) - len(shown)} more, -v lists all"


def _changed(one: PriceChange) -> list[str]:
    before, after = _usd(one.before_usd), _usd(one.after_usd)
    told = {"changed": f"{before} -> {after}", "new": f"new {after}", "gone": f"gone {before}"}
    return [one.region, one.section, one.name, told[one.change]]


def _usd(prices: Mapping[str, float] | None) -> str:
    return " to ".join(f"{usd:g}" for usd in (prices or {}).values())


def _different(one: PriceDifference) -> list[str]:
    if one.catalog_usd is None or one.percent is None:
        return [one.region, one.section, one.name, f"{one.usd:g}", "the catalog has none"]
    estimate = ", an estimate" if one.is_estimated else ""
    said = f"{one.percent:+.1f} % of the catalog's {one.catalog_usd:g}{estimate}"
    return [one.region, one.section, one.name, f"{one.usd:g}", said]
