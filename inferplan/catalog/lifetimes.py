"""The models that vendors name by id: the APIs that each serves, until when, and what follows it.

Not here: which of them a Region of Bedrock offers (bedrock), and their prices (costing).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from functools import cache
from typing import NamedTuple

from inferplan.catalog.bedrock import bedrock_base
from inferplan.catalog.managed_apis import BEDROCK
from inferplan.catalog.table import Row, rows


class VendorModel(Row, frozen=True, kw_only=True):
    """One model of a vendor; of Bedrock only those that end. `ends`: the day from which it is gone."""

    provider: str
    model: str
    apis: tuple[str, ...]  # of a route; empty: none that the gateway offers
    ends: str | None = None
    successor: str | None = None  # as the vendor names it


class End(NamedTuple):
    """The day from which a model is gone, by a source; `doubt` where another source says otherwise."""

    day: date
    successor: str | None
    doubt: str
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
            return End(date.fromisoformat(row.ends), row.successor, doubt, fact, row)
    return None
