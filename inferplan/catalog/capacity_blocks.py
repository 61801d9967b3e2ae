"""What EC2 Capacity Blocks cost: the rates that AWS publishes, which change with demand about every quarter.

Not here: which families are sold in blocks (hardware) and on-demand and spot prices (prices).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from inferplan.catalog.places import region as find_region
from inferplan.catalog.prices import BASE_REGION
from inferplan.catalog.table import Row, rows


class BlockPrice(Row, frozen=True, kw_only=True):
    """The published rate of one instance in a capacity block, without a fee of the operating system."""

    instance: str
    region: str  # or `all`: every commercial Region that sells blocks of it, bar those with a row
    usd_hour: float


@cache
def block_prices() -> Mapping[tuple[str, str], BlockPrice]:
    """Every published rate by (instance type, Region or `all`)."""
    return {(row.instance, row.region): row for row in rows("block_prices", BlockPrice)}


def block_price(instance: str, region: str) -> BlockPrice | None:
    """The published rate of an instance type in a Region; None: no source states one."""
    own = block_prices().get((instance, region))
    if own is not None or find_region(region).partition != find_region(BASE_REGION).partition:
        return own
    return block_prices().get((instance, "all"))
