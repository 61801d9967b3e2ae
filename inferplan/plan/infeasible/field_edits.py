"""What a person would write to make one declaration of another: fields and their new values.

Not here: which change is proposed (answer) and what each is called in words (requirements).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from inferplan.records.no_plan import FieldEdit
from inferplan.spec.declaration import Declaration
from inferplan.spec.position import Part, joined

ORGANIZATION = "organization"  # begins the path of what the platform team would have to change


def field_edits(before: Declaration, after: Declaration) -> tuple[FieldEdit, ...]:
    """Every field of spec and organization that differs, in the order of the files."""
    pairs: tuple[tuple[tuple[Part, ...], Any, Any], ...] = (
        ((), before.spec, after.spec),
        ((ORGANIZATION,), before.organization, after.organization),
    )
    return tuple(
        FieldEdit(path=joined(parts), value=value)
        for root, old, new in pairs
        if old is not new
        for parts, value in _differences(root, msgspec.to_builtins(old), msgspec.to_builtins(new))
    )


def _differences(parts: tuple[Part, ...], old: Any, new: Any) -> Iterator[tuple[tuple[Part, ...], Any]]:
    """Places and new values; None where a field is to be left out."""
    if isinstance(old, dict | None) and isinstance(new, dict):
        said = old or {}
        for key in dict.fromkeys((*said, *new)):
            yield from _differences((*parts, key), said.get(key), new.get(key))
    elif isinstance(old, tuple) and isinstance(new, tuple) and _same_items(old, new):
        for index, (one, other) in enumerate(zip(old, new, strict=True)):
            yield from _differences((*parts, index), one, other)
    elif old != new:
        yield parts, new


def _same_items(old: tuple[Any, ...], new: tuple[Any, ...]) -> bool:
    """Whether both are lists of as many records, so that a change is one of a record's field."""
    return len(old) == len(new) and all(isinstance(item, dict) for item in (*old, *new))
