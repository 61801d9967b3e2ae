"""prices.json to its record: read once, checked against its schema and the catalog, all problems at once.

Not here: what the prices are used for (price_book).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec

from inferplan import catalog
from inferplan.near import near
from inferplan.printable import printable
from inferplan.spec.faults import SpecError, SpecErrors, clip
from inferplan.spec.names import no_such_day, unknown, unknown_region
from inferplan.spec.position import Part, joined
from inferplan.spec.price_file import KEYS, Prices, key_of
from inferplan.spec.problem import Problem
from inferplan.spec.structure import convert, kind_of
from inferplan.spec.yaml12 import node_of

MAX_BYTES = 32 * 1024 * 1024
ANEW = "`inferplan prices refresh` writes it anew once it is out of the way"


def read_prices(path: Path) -> Prices:
    """The prices of a file; raises SpecErrors with everything that cannot be understood."""
    name = printable(str(path))
    try:
        if path.stat().st_size > MAX_BYTES:
            raise _refused(name, f"more than {MAX_BYTES // 1024 // 1024} MiB")
        data = path.read_bytes()
    except OSError as error:
        raise _refused(name, f"cannot be read: {(error.strerror or str(error)).lower()}") from None
    prices = _decoded(data, name)
    found = [
        SpecError(file=name, path=joined(one.parts), problem=one.problem, allowed=one.allowed, hint=one.hint)
        for one in price_problems(prices)
    ]
    if found:
        raise SpecErrors(found)
    return prices


def _decoded(data: bytes, name: str) -> Prices:
    """The record decides, since it is fast; what it refuses is told in the words of the schema."""
    try:
        return msgspec.json.decode(data, type=Prices)
    except msgspec.ValidationError as refused:
        wrong = refused
    except (msgspec.DecodeError, RecursionError, ValueError) as error:
        raise _refused(name, f"not JSON: {clip(str(error))}") from None
    plain: Any = msgspec.json.decode(data)
    if not isinstance(plain, dict):
        raise _refused(name, "must hold a mapping")
    node = node_of(plain, name)
    kind_of(node, ("Prices",))
    convert(node, Prices)
    raise _refused(name, clip(str(wrong)))


def price_problems(prices: Prices) -> Iterator[Problem]:
    """Rows that name what does not exist, that stand there twice, or whose least is more than their most."""
    for section in KEYS:
        seen: set[tuple[str | int, ...]] = set()
        for index, row in enumerate(getattr(prices, section)):
            parts: tuple[Part, ...] = (section, index)
            key = key_of(section, row)
            if key in seen:
                yield Problem(parts, f"a second row of {' '.join(map(str, key))}")
            seen.add(key)
            yield from unknown_region((*parts, "region"), row.region)
            yield from no_such_day((*parts, "as_of"), row.as_of)
            yield from _named(parts, row)


def _named(parts: tuple[Part, ...], row: Any) -> Iterator[Problem]:
    if (instance := getattr(row, "instance", None)) is not None and instance not in _instances():
        yield unknown((*parts, "instance"), "instance type", instance, near(instance, _instances()))
    if (part := getattr(row, "id", None)) is not None and part not in _parts():
        yield unknown((*parts, "id"), "service price", part, near(part, _parts()))
    low, high = getattr(row, "low_usd_hour", None), getattr(row, "high_usd_hour", None)
    if low is not None and high is not None and low > high:
        yield Problem((*parts, "low_usd_hour"), f"{low:g} is more than high_usd_hour, {high:g}")


@lru_cache(maxsize=1)
def _instances() -> tuple[str, ...]:
    return tuple(sorted({*catalog.instances(), *(name for name, _ in catalog.region_prices())}))


@lru_cache(maxsize=1)
def _parts() -> tuple[str, ...]:
    return tuple(sorted({name for name, _ in catalog.service_prices()}))


def _refused(name: str, problem: str) -> SpecErrors:
    return SpecErrors([SpecError(file=name, problem=problem, hint=ANEW)])
