"""Application inference profiles of the stack: what each copies from, under the names that others call it by.

Not here: where a model may be served (the packs).
"""

from __future__ import annotations

from policies import types
from policies.context import Context
from policies.read import get


def own_profiles(context: Context) -> dict[str, str]:
    """The id of each profile that a state holds, and the model or profile that it copies from, by id."""
    return {
        str(item.outputs["id"]).rpartition("/")[2]: copied(get(item.props, "modelSource.copyFrom", ""))
        for item in context.stack.of(types.PROFILE)
        if item.outputs.get("id")
    }


def copied(address: str) -> str:
    """The id at the end of a model's or a profile's ARN."""
    return address.rpartition("/")[2]
