"""Where data is sent to rest: a destination that a property names, inside the boundary or not.

Not here: which properties name destinations (the packs).
"""

from __future__ import annotations

from policies.context import Context
from policies.rule import Problem, fail
from policies.stack import Target


def misplaced(target: Target, context: Context, what: str) -> Problem | None:
    """Why a destination may not be used, None when it lies inside the boundary and the own account."""
    place = context.destination(target)
    if place is None:
        return fail(
            f"{what}: its Region is not provable; name a bucket of this stack or an ARN with a Region",
            path=target.path,
        )
    if place.account and place.account != context.spec.target.account:
        return fail(f"{what}: belongs to another account", path=target.path)
    wrong = context.outside(place.region) if place.region else None
    return fail(f"{what}: {wrong}", path=target.path) if wrong else None
