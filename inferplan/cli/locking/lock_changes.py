"""What one lock says otherwise than another, pin by pin.

Not here: telling it (inferplan.report.lock_report).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

import msgspec

from inferplan.cli.locking.lock_file import SECTIONS
from inferplan.report.lock_contracts import PinChange
from inferplan.spec.lock import Lock


def changes(before: Lock | None, after: Lock) -> Iterator[PinChange]:
    """Pins that are new, gone, or say something else, in the order of the file."""
    for section in SECTIONS:
        old: Mapping[str, Any] = getattr(before, section, {})
        new: Mapping[str, Any] = getattr(after, section)
        for name in dict.fromkeys((*old, *new)):
            yield from _of_pin(f"{section}.{name}", old.get(name), new.get(name))
    if before is not None and before.documentation_values != after.documentation_values:
        yield PinChange(
            path="documentation_values",
            change="changed",
            before=str(before.documentation_values).lower(),
            after=str(after.documentation_values).lower(),
        )


def _of_pin(path: str, old: Any, new: Any) -> Iterator[PinChange]:
    if old is None or new is None:
        change: Literal["new", "gone"] = "new" if old is None else "gone"
        told = _told(new if old is None else old)
        yield PinChange(
            path=path,
            change=change,
            before=None if old is None else told,
            after=None if new is None else told,
        )
        return
    if isinstance(old, str):
        if old != new:
            yield PinChange(path=path, change="changed", before=old, after=str(new))
        return
    for field in msgspec.structs.fields(old):
        was, now = getattr(old, field.name), getattr(new, field.name)
        if was != now:
            said = (_entries(was, now), _entries(now, was)) if isinstance(was or now, dict) else (was, now)
            before, after = ("" if value is None else _value(value) for value in said)
            yield PinChange(path=f"{path}.{field.name}", change="changed", before=before, after=after)


def _told(pin: Any) -> str:
    """A pin in a few words: what it is pinned to."""
    if isinstance(pin, str):
        return pin
    if (digest := getattr(pin, "digest", None)) is not None:
        return f"{pin.tag} {digest}"
    files = f"{len(pin.files)} files" if len(pin.files) != 1 else "1 file"
    return f"{pin.revision or 'no revision'}, {files}"


def _entries(held: Mapping[str, Any] | None, other: Mapping[str, Any] | None) -> str:
    """How many entries there are, and how many of them the other side lacks or has otherwise."""
    if not held:
        return "none"
    differing = sum((other or {}).get(key) != value for key, value in held.items())
    return f"{len(held)} entries" + (f", {differing} of them otherwise" if other and differing else "")


def _value(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)
