"""The road of one spec as the verbs walk it: plan, record, judge.

Not here: any of the three steps, loading (specfiles), and printing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from inferplan.records.verdicts import Report, StateFile

if TYPE_CHECKING:
    from inferplan.records.plan import Plan
    from inferplan.resource import Resource
    from inferplan.spec.declaration import Declaration


@dataclass(frozen=True, slots=True)
class Review:
    """What `check` knows about one spec; `plan` is None when resources came from a state file.

    `state` then says what the file held: its path, how many resources, and those of types no rule knows.
    """

    declaration: Declaration
    plan: Plan | None
    report: Report
    state: StateFile | None = None


def review(declaration: Declaration, as_of: date, *, state: Path | None, locked: bool) -> Review:
    """Walk the road for one spec; raises NoPlan (exit 3), or StateError (exit 2) for a bad state file."""
    from policies.evaluate import evaluate

    plan, held = None, None
    if state is not None:
        from policies.state import read_state

        resources = read_state(state)
        unknown = _unknown_types(resources)
        held = StateFile(file=str(state), resources=len(resources), unknown_types=unknown)
    else:
        from inferplan.plan.make import make_plan
        from policies.gates import gates

        plan = make_plan(declaration, as_of, gates)
        from stacks.record import record_plan

        resources = record_plan(plan, declaration)
    report = evaluate(declaration, resources, as_of, locked=locked, from_state=state is not None)
    return Review(declaration, plan, report, held)


def _unknown_types(resources: Iterable[Resource]) -> dict[str, int]:
    """Resources by type, of the types that no rule looks into; components declare nothing themselves."""
    from policies.packs import all_rules
    from policies.types import PROVIDERS
    from policies.unread import is_read

    checks = [check for rule in all_rules() for check in rule.checks if check.scope != "declaration"]
    counts = Counter(resource.type for resource in resources if resource.custom)
    return {
        type_: count
        for type_, count in sorted(counts.items())
        if not type_.startswith(PROVIDERS)
        and not (is_read(type_) and any(check.matches(type_) for check in checks))
    }
