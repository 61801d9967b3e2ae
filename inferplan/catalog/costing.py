"""What a bill is reckoned with besides prices: working estimates of usage.

Not here: list prices of AWS parts (prices), of tokens (token_rates), and the bill itself (inferplan.cost).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from inferplan.catalog.table import Row, pick, rows


class CostAssumption(Row, frozen=True, kw_only=True):
    """One working estimate that no price list states."""

    id: str
    value: float
    unit: str
    meaning: str


@cache
def cost_assumptions() -> Mapping[str, CostAssumption]:
    """Every working estimate by id."""
    return {row.id: row for row in rows("cost_assumptions", CostAssumption)}


def cost_assumption(id: str) -> CostAssumption:  # noqa: A002 - the name of the field it selects by
    """One working estimate; raises UnknownName with near matches."""
    return pick(cost_assumptions(), "cost assumption", id)
