"""What keeps a backend from serving a route, as the rules say it to the planner.

Not here: the rules (policies), and what the planner makes of it (decision).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import TYPE_CHECKING, Literal

from inferplan.records.base import Record

if TYPE_CHECKING:
    from inferplan.spec.declaration import Declaration


class Gate(Record, frozen=True, kw_only=True):
    """One rule that stands against a backend on a route; undecided keeps it out like fail does."""

    rule: str
    backend: str
    kind: Literal["self-hosted", "managed-api"]  # of the backend
    route: str
    verdict: Literal["fail", "undecided"]
    reason: str

    @property
    def modes(self) -> tuple[str, str]:
        """The modes in which the backend would serve."""
        return (self.kind, "hybrid")


# Every gate of a declaration on a day, in the order of routes and their backends, whatever its mode.
Gates = Callable[["Declaration", date], tuple[Gate, ...]]
