"""The models that vendors name by id: the APIs that each serves, until when, and what follows it.

Not here: which of them a Region of Bedrock offers (bedrock), and their prices (costing).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import date
from functools import cache
from typing import NamedTuple

from inferplan.catalog.bedrock import bedrock_base
from inferplan.catalog.managed_apis import BEDROCK
from inferplan.catalog.table import Row, rows

BUILD = re.compile(r"-v\d+(:\d+)?$")  # of Bedrock's ids
ASIDE = re.compile(r"[-@](\d{4}-\d{2}-\d{2}|\d{8}|\d{4}|\d+[bem])\b")  # 2025-04-14, 20250929, 2402; 70b
WORD = re.compile(r"[a-z]+")
NUMBER = re.compile(r"\d+")


class VendorModel(Row, frozen=True, kw_only=True):
    """One model of a vendor; of Bedrock only those that end. `ends`: the day from which it is gone."""

    provider: str
    model: str
    apis: tuple[str, ...]  # of a route; empty: none that the gateway offers
    ends: str | None = None
    successor: str | None = None  # as the vendor names it


class End(NamedTuple):
    """The day from which a model is gone, by a source; `doubt` where another source says otherwise.

    `page` is the vendor's own that the source names; some dates are the earliest possible, and have none.
    """

    day: date
    successor: str | None
    doubt: str
    page: str | None
    fact: str  # its id among the facts
    row: VendorModel


@cache
def vendor_models() -> Mapping[str, VendorModel]:
    """Every model by `provider/id`."""
    return {f"{row.provider}/{row.model}": row for row in rows("vendor_models", VendorModel)}


@cache
def model_ids(provider: str) -> frozenset[str]:
    """The ids that a vendor is known to have; empty where no source lists them."""
    return frozenset(row.model for row in vendor_models().values() if row.provider == provider)


def model_end(provider: str, model: str) -> End | None:
    """When a model of a vendor ends, None where no source states it."""
    names = dict.fromkeys([model, bedrock_base(model)] if provider == BEDROCK else [model])
    for name in names:
        row = vendor_models().get(f"{provider}/{name}")
        if row is not None and row.ends is not None:
            doubt = "; ".join(row.unverified_parts) if row.verified is False else ""
            fact = f"vendor_models/{provider}/{name}"
            page = next((source for source in row.source if source.startswith("https:")), None)
            return End(date.fromisoformat(row.ends), row.successor, doubt, page, fact, row)
    return None


def kin(model: str, names: Iterable[str]) -> tuple[str, ...]:
    """The ids among `names` of a later version of the same family, newest first.

    The words of an id are its family, whatever their order; its numbers but for days and sizes the version.
    """
    family, version = _parts(model)
    later = [(parts[1], name) for name in set(names) if (parts := _parts(name))[0] == family]
    return tuple(name for number, name in sorted(later, reverse=True) if number > version)


def _parts(model: str) -> tuple[frozenset[str], tuple[int, ...]]:
    plain = ASIDE.sub("", BUILD.sub("", model.lower()))
    return frozenset(WORD.findall(plain)), tuple(map(int, NUMBER.findall(plain)))
