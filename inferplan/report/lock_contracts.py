"""What `inferplan lock --format json` prints, as records; fields may be added, not renamed.

Not here: filling them in (inferplan.cli) and the pins themselves (inferplan.spec.lock).
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct


class PinChange(Struct, frozen=True, kw_only=True):
    """One pin, or one field of it, that says something else than in the former lock.

    path: in the lock
    change: what became of it
    before: what it said; null where it is new
    after: what it says; null where it is gone
    """

    path: str
    change: Literal["new", "changed", "gone"]
    before: str | None
    after: str | None


class OpenPin(Struct, frozen=True, kw_only=True):
    """One pin that was not found; what the lock said of it before stays.

    path: in the lock
    state: pending, where something else has to happen first, or failed
    reason: why, and what to do
    """

    path: str
    state: Literal["pending", "failed"]
    reason: str


class LockDocument(Struct, frozen=True, kw_only=True):
    """What `inferplan lock --format json` prints.

    schema: name and version of this contract
    file: the lock
    written: whether the file is another one than before
    pins: how many pins it holds
    changes: what is new, gone, or says something else; with --check what would be
    open: what could not be pinned
    notes: what a person should know besides
    """

    schema: Literal["inferplan.lock/v1beta1"]
    file: str
    written: bool
    pins: int
    changes: tuple[PinChange, ...]
    open: tuple[OpenPin, ...]
    notes: tuple[str, ...]
