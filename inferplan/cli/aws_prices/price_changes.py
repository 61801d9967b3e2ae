"""What a refresh makes of prices.json: the new file, what changed in it, and how it differs from the catalog.

Not here: asking (asking) and telling (inferplan.cli.prices).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from inferplan import json_rows
from inferplan.cli.aws_prices.asking import Answered
from inferplan.report.price_contracts import PriceChange, PriceDifference
from inferplan.spec.price_book import PriceBook
from inferplan.spec.price_file import KEYS, PriceRow, Prices, key_of

USD = ("usd_hour", "low_usd_hour", "high_usd_hour", "usd", "input_usd", "output_usd")
NOT_COMPARED = ("tokens", "savings_plans", "capacity_blocks")  # the catalog's are no such figures


def merged(former: Prices | None, answered: Iterable[Answered]) -> Prices:
    """The former rows, replaced wherever a section of a Region was answered; sorted."""
    rows: dict[str, dict[tuple[str | int, ...], PriceRow]] = {
        section: {key_of(section, row): row for row in getattr(former, section, ())} for section in KEYS
    }
    for one in answered:
        if one.problem is None:
            kept = {key: row for key, row in rows[one.section].items() if row.region != one.region}
            rows[one.section] = kept | {key_of(one.section, row): row for row in one.rows}
    sorted_rows: dict[str, Any] = {
        section: tuple(row for _, row in sorted(held.items())) for section, held in rows.items()
    }
    return Prices(api_version="inferplan/v1beta1", kind="Prices", **sorted_rows)


def changes(before: Prices | None, after: Prices) -> Iterator[PriceChange]:
    """Rows that are new, gone, or say another price; the day and the source alone are no change."""
    for section in KEYS:
        old = {key_of(section, row): row for row in getattr(before, section, ())}
        new = {key_of(section, row): row for row in getattr(after, section)}
        for key in sorted(old.keys() | new.keys()):
            was, now = _usd(old.get(key)), _usd(new.get(key))
            if was != now:
                yield PriceChange(
                    section=section,
                    region=str(key[0]),
                    name=" ".join(map(str, key[1:])),
                    change="new" if was is None else "gone" if now is None else "changed",
                    before_usd=was,
                    after_usd=now,
                )


def differences(after: Prices, regions: Iterable[str]) -> Iterator[PriceDifference]:
    """Every price of some Regions beside the catalog's."""
    wanted, book = frozenset(regions), PriceBook()
    for section in KEYS.keys() - {*NOT_COMPARED}:
        for row in getattr(after, section):
            if row.region not in wanted:
                continue
            known = _of_catalog(book, section, row)
            usd = getattr(row, "usd_hour", None) or getattr(row, "usd", None)
            usd = row.high_usd_hour if usd is None else usd
            percent = None if not known.usd else round(100 * (usd / known.usd - 1), 2)
            yield PriceDifference(
                section=section,
                region=row.region,
                name=str(key_of(section, row)[1]),
                usd=usd,
                catalog_usd=known.usd,
                percent=percent,
                is_estimated=known.estimated,
            )


def _of_catalog(book: PriceBook, section: str, row: Any) -> Any:
    if section == "services":
        return book.service(row.id, row.region)
    return book.instance(row.instance, row.region, "spot" if section == "spot" else None)


def _usd(row: PriceRow | None) -> dict[str, float] | None:
    """The prices of a row by their fields."""
    if row is None:
        return None
    return {name: getattr(row, name) for name in USD if hasattr(row, name)}


def text(prices: Prices) -> str:
    """The file: one row a line, always in the same order."""
    return json_rows.text(msgspec.to_builtins(prices)) + "\n"
