"""How amounts, ranges, values and columns are written for people, in one place.

Not here: what they mean.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def usd(amount: float | None, *, unknown: str = "unknown") -> str:
    """Whole dollars from 100 up, cents below; an unknown price is said to be unknown, never 0."""
    if amount is None:
        return unknown
    return f"{amount:,.0f}" if abs(amount) >= 100 or amount == 0 else f"{amount:,.2f}"


def usd_range(low: float, expected: float, high: float) -> str:
    """`4,210 USD (3,900 to 4,800)`."""
    return f"{usd(expected)} USD ({usd(low)} to {usd(high)})"


def counted(number: int, name: str) -> str:
    """`1 line`, `2 lines`."""
    return f"{number:,} {name}" if number == 1 else f"{number:,} {name}s"


def plain(value: Any) -> str:
    """A value of any kind as people write it; four figures say enough of a number, the JSON has them all."""
    if value is None or (isinstance(value, list | tuple) and not value):
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {plain(item)}" for key, item in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(plain(item) for item in value)
    return str(value)


def columns(
    rows: Sequence[Sequence[str]], *, indent: str = "  ", right: frozenset[int] = frozenset()
) -> list[str]:
    """Rows as aligned columns; columns named in `right` are right-aligned, the last is never padded."""
    if not rows:
        return []
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [
            cell.rjust(width) if column in right else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append((indent + "  ".join(cells)).rstrip())
    return lines
