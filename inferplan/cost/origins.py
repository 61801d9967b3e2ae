"""Whose prices a bill rests on: how many are the organization's own, how old they are, what was negotiated.

Not here: which price counts (inferplan.spec.price_book).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, timedelta

from inferplan import catalog
from inferplan.cost.lines import assumed
from inferplan.records.outcome import CostLine
from inferplan.spec.price_book import PriceBook

REFRESH = "`inferplan prices refresh` reads them anew"
YEAR = timedelta(days=365)


def whose(lines: Iterable[CostLine]) -> str:
    """How many prices are the organization's own or discounted, in words; nothing where none is."""
    listed = [line for line in lines if line.expected_usd is not None and line.origin != "spec"]
    own = [line for line in listed if line.origin == "organization"]
    names = sorted({line.reduction.name for line in listed if line.reduction is not None})
    texts = []
    if own:
        days = sorted({line.as_of for line in own})
        since = days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}"
        texts.append(f"{len(own)} of {len(listed)} prices the organization's own, of {since}")
    if names:
        count = sum(line.reduction is not None for line in listed)
        texts.append(f"{count} of {len(listed)} less a discount ({', '.join(names)})")
    return "; ".join(texts)


def cautions(lines: Iterable[CostLine], prices: PriceBook, as_of: date) -> Iterator[str]:
    """What is old among the organization's own prices, and which discounts end too soon or have ended."""
    listed = list(lines)
    days = [catalog.stated_date(line.as_of) for line in listed if line.origin == "organization"]
    oldest = min((day for day in days if day is not None), default=None)
    age = (as_of - oldest).days if oldest is not None else 0
    if age > assumed("own-prices-fresh-days"):
        yield f"prices.json of the organization: prices of {oldest} are {age} days old; {REFRESH}"
    for one in prices.ended:
        yield f"discount {one.name} of the organization ended on {one.valid_until}: it is not counted"
    ends = {line.reduction.name: line.reduction.valid_until for line in listed if line.reduction is not None}
    for name, day in sorted(ends.items()):
        if date.fromisoformat(day) < as_of + YEAR:
            yield f"discount {name} of the organization ends on {day}: what is due later is counted with it"
