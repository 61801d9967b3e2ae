"""What the planner says when no plan exists: the requirements that conflict and what would change that.

Not here: exit codes (inferplan.cli) and bad input (inferplan.spec).
"""

from __future__ import annotations

from typing import Any

from inferplan.errors import InferplanError
from inferplan.exitcodes import ExitCode
from inferplan.records.base import Record
from inferplan.records.outcome import Candidate

TYPES_TOLD = 12  # instance types whose shortcoming the message lists


class FieldEdit(Record, frozen=True, kw_only=True):
    """One field of the spec, or of the organization where its path begins so, and the value to write there.

    `value` is None where the field is to be left out. `ask` says what only a person can fill in.
    """

    path: str
    value: Any
    ask: str | None = None


class Conflict(Record, frozen=True, kw_only=True):
    """One requirement that takes part in a conflict; `change` is what would resolve it, None when unknown.

    `edits` say the change for machines: all of them together. `monthly_usd` is the expected bill of the stack
    that it makes possible.
    """

    path: str  # field of the spec or the organization, such as target.region
    value: str
    reason: str
    change: str | None = None
    edits: tuple[FieldEdit, ...] = ()
    monthly_usd: float | None = None


class NoPlan(InferplanError):  # noqa: N818 - an answer more than a fault
    """Nothing satisfies the spec; `conflicts` holds the requirements that do not go together.

    `candidates` are the instance types that were judged, each with what it lacks.
    """

    exit_code = ExitCode.NO_PLAN

    def __init__(
        self,
        summary: str,
        conflicts: tuple[Conflict, ...] = (),
        candidates: tuple[Candidate, ...] = (),
    ) -> None:
        super().__init__(summary)
        self.summary = summary
        self.conflicts = conflicts
        self.candidates = candidates

    def __str__(self) -> str:
        lines = [self.summary]
        for conflict in self.conflicts:
            change = f"; {conflict.change}" if conflict.change else ""
            lines.append(f"  {conflict.path}: {conflict.value}: {conflict.reason}{change}")
        lacking: dict[tuple[str, str], Candidate] = {}
        for one in self.candidates:
            lacking.setdefault((one.gpu, one.reason.replace(one.region, "")), one)
        lines += [
            f"    {one.instance_type} ({one.gpu}) in {one.region}: {one.reason}"
            for one in list(lacking.values())[:TYPES_TOLD]
        ]
        return "\n".join(lines)


class NotBuilt(NoPlan):
    """The spec asks for something that this version of the planner does not plan yet."""
