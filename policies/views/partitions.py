"""Partitions of AWS: clouds of their own, each with its Regions and an operator at home somewhere.

Not here: what a partition's operator may take part in, and what may be called (the packs).
"""

from __future__ import annotations

from inferplan import catalog
from policies.context import Context

COMMERCIAL = "aws"


def partition_of(region: str | None) -> str:
    """The partition of a Region; the commercial one where none is said, or none that the catalog knows."""
    row = catalog.regions().get(region or "")
    return row.partition if row else COMMERCIAL


def own_partition(context: Context) -> str:
    """The partition that the spec deploys to."""
    return partition_of(context.spec.target.region)
