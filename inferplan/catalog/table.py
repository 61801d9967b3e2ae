"""Reading one table of the catalog: JSON rows into frozen records, once per process.

Not here: what the tables mean (places, hardware, prices, ...) and how they are refreshed (refresh/).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from functools import cache
from pathlib import Path
from typing import Literal, TypeVar

import msgspec
from msgspec import Struct

from inferplan.near import did_you_mean, near

Verified = bool | Literal["partial"]
"""True: the source states the claim; "partial": only part of it; False: unsourced."""


class Row(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of every catalog record: where it comes from and when that was true.

    `as_of` is what the source states: a date, or something coarser such as `2026-Q1-inferred` or `unknown`
    (see `stated_date`). A field that is None is unknown, which never means no.
    """

    source: tuple[str, ...]
    as_of: str
    verified: Verified
    unverified_parts: tuple[str, ...] = ()


R = TypeVar("R", bound=Row)

DATA = Path(__file__).parent / "data"


class UnknownName(KeyError):  # noqa: N818 - it reads as what it says: `except UnknownName`
    """A name that is not in a table; `near` are the closest names that are."""

    def __init__(self, kind: str, name: str, close: tuple[str, ...]) -> None:
        super().__init__(name)
        self.kind = kind
        self.name = name
        self.near = close

    def __str__(self) -> str:
        hint = did_you_mean(self.near)
        return f"unknown {self.kind} {self.name!r}" + (f"; {hint}" if hint else "")


def pick(table: Mapping[str, R], kind: str, name: str) -> R:
    """The row called `name`; raises UnknownName with near matches."""
    try:
        return table[name]
    except KeyError:
        raise UnknownName(kind, name, near(name, table, 3)) from None


@cache
def raw(table: str) -> bytes:
    """The bytes of one data file."""
    return (DATA / f"{table}.json").read_bytes()


def rows(table: str, kind: type[R]) -> tuple[R, ...]:
    """Every row of a table, validated; the file is read once per process by its caller's cache."""
    return msgspec.json.decode(raw(table), type=tuple[kind, ...])  # type: ignore[valid-type]


@cache
def table_names() -> tuple[str, ...]:
    """Every table in the package, sorted."""
    return tuple(sorted(file.stem for file in DATA.glob("*.json")))


@cache
def digest() -> str:
    """SHA-256 over all tables: names and bytes, in sorted order."""
    import hashlib

    total = hashlib.sha256()
    for name in table_names():
        content = raw(name)
        total.update(f"{name}:{len(content)}\n".encode())
        total.update(content)
    return total.hexdigest()


def stated_date(as_of: str) -> date | None:
    """The earliest day that an `as_of` text allows, or None where it says unknown.

    `2026-11-20` is itself, `2026-07` the first of the month, `2026-Q1-inferred` the first day of the quarter,
    `2026` the first of January.
    """
    text = as_of.partition(" ")[0]
    year, _, rest = text.partition("-")
    if not (year.isdigit() and len(year) == 4):
        return None
    if rest.startswith("Q") and rest[1:2] in {"1", "2", "3", "4"}:
        return date(int(year), 3 * int(rest[1]) - 2, 1)
    month, _, day = rest.partition("-")
    return date(int(year), int(month) if month.isdigit() else 1, int(day) if day.isdigit() else 1)
