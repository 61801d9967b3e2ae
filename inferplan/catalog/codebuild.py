"""The machines of CodeBuild, on which the mirror runs: what each has, and which price is its.

Not here: which of them a mirror takes (plan.mirror_build) and what a minute costs (prices).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from inferplan.catalog.table import Row, rows


class BuildMachine(Row, frozen=True, kw_only=True):
    """One Linux machine of CodeBuild on demand."""

    compute_type: str
    vcpus: int
    price: str  # the id of its minute in the price table


@cache
def build_machines() -> Mapping[str, BuildMachine]:
    """Every machine by its compute type, the smallest first."""
    return {row.compute_type: row for row in rows("build_machines", BuildMachine)}
