"""What a drafted stack costs: a month, one and three years, line by line, and what the other ways would cost.

Not here: which draft to take (placement, decision) and prices themselves (catalog).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from inferplan.cost.bill import monthly, price
from inferplan.cost.break_even import break_even_utilization
from inferplan.cost.lines import HOURS_PER_MONTH, gpu_monthly_usd

if TYPE_CHECKING:
    from inferplan.cost.alternatives import compare as compare

__all__ = ["HOURS_PER_MONTH", "break_even_utilization", "compare", "gpu_monthly_usd", "monthly", "price"]


def __getattr__(name: str) -> object:
    """`compare` needs the gates of the decision, which need the planner, which needs this package."""
    if name == "compare":
        from inferplan.cost.alternatives import compare

        return compare
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
