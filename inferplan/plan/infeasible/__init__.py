"""The room for specs that no plan satisfies: the fewest requirements that conflict, and what would cure each.

Not here: planning (search), which this room calls again and again.
"""

from inferplan.plan.infeasible.answer import explain, over_budget

__all__ = ["explain", "over_budget"]
