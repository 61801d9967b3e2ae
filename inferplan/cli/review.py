"""The road of one spec as the verbs walk it: load, plan, record, judge.

Not here: any of the four steps, and printing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from inferplan.plan.model import Plan
    from inferplan.spec.declaration import Declaration


@dataclass(frozen=True, slots=True)
class Review:
    """What `check` knows about one spec; `plan` is None when resources came from a state file."""

    path: Path
    declaration: Declaration
    plan: Plan | None
    report: Any  # policies.evaluate.Report
    resources: int


def review(path: Path, organization: Path | None, as_of: date, *, state: Path | None, locked: bool) -> Review:
    """Walk the whole road for one spec; raises SpecErrors (exit 2) or NoPlan (exit 3)."""
    from inferplan.plan.make import make_plan
    from inferplan.spec.loading import load
    from policies.evaluate import evaluate

    declaration = load(path, organization)
    plan = None
    if state is not None:
        from policies.state import read_state

        resources = read_state(state)
    else:
        plan = make_plan(declaration, as_of)
        from stacks.record import record_plan

        resources = record_plan(plan, declaration)
    report = evaluate(declaration, resources, as_of, locked=locked)
    return Review(path, declaration, plan, report, len(resources))
