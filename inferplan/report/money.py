"""How amounts, ranges and columns are written for people, in one place.

Not here: what they mean.
"""

from __future__ import annotations

from collections.abc import Sequence


def usd(amount: float | None, *, unknown: str = "unknown") -> str:
    """Whole dollars from 100 up, cents below; an unknown price is said to be unknown, never 0."""
    if amount is None:
        return unknown
    return f"{amount:,.0f}" if abs(amount) >= 100 or amount == 0 else f"{amount:,.2f}"


def usd_range(low: float, expected: float, high: float) -> str:
    """`4,210 USD (3,900 to 4,800)`."""
    return f"{usd(expected)} USD ({usd(low)} to {usd(high)})"


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
