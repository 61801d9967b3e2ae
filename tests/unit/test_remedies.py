"""Area of concern: every way out that the planner offers is written into the spec, planned again, and helps.

Not here: that the conflict is the smallest one (test_infeasible) and advice in rules' findings (test_advice).
"""

from __future__ import annotations

from functools import cache
from itertools import islice

import pytest

from inferplan.plan.make import make_plan
from inferplan.records.no_plan import Conflict, FieldEdit, NoPlan
from inferplan.resource import Resource
from inferplan.spec.declaration import Declaration
from policies.evaluate import evaluate
from policies.gates import gates
from stacks.record import record_plan
from tests.unit.no_plan_specs import RESERVED_ID, Asked, asked_for
from tests.unit.plan_edits import AS_OF, spec_of

SPECS, PARTS = 360, 6  # parts, so that several processes share the work
JUDGED_EVERY = 12  # of the remedies with resources: recording a stack takes longest
CERTIFICATE = "certificate/0d0d0d0d-1111-2222-3333-444444444444"
HOPELESS = "no change of it, alone or with two others, makes a plan possible"


@cache
def specs() -> tuple[Asked, ...]:
    return tuple(asked_for(SPECS))


@pytest.mark.parametrize("part", range(PARTS))
def test_tried_9_every_remedy_is_written_into_the_spec_and_helps(part: int) -> None:
    """A plan exists, at the offered price, within the budget that is left, and it breaks no further rule."""
    refused = advised = offered = 0
    for asked in islice(specs(), part, None, PARTS):
        declaration = asked.declaration()
        failure = why_not(declaration)
        if failure is None:
            continue
        refused += 1
        advised += any(conflict.edits for conflict in failure.conflicts)
        for conflict in failure.conflicts:
            if conflict.change not in {None, HOPELESS}:
                offered += 1
                judged = offered % JUDGED_EVERY == 0
                assert wrong(asked, declaration, conflict, judged=judged) == [], (asked.wishes, conflict)

    assert refused * PARTS >= 150  # enough was tried, and few specs are left without advice
    assert advised >= 0.85 * refused
    assert offered >= refused


def why_not(declaration: Declaration) -> NoPlan | None:
    try:
        make_plan(declaration, AS_OF, gates)
    except NoPlan as reason:
        return reason
    return None


def wrong(asked: Asked, before: Declaration, conflict: Conflict, *, judged: bool) -> list[str]:
    """What is wrong with the spec after a remedy."""
    assert conflict.edits, "a change that no machine can read"
    after = asked.edited({edit.path: filled(asked, edit) for edit in conflict.edits}).declaration()
    plan = make_plan(after, AS_OF, gates)
    usd, budget = plan.cost.monthly_usd.expected, spec_of(after).budget
    found = []
    if usd != pytest.approx(conflict.monthly_usd):
        found.append(f"costs {usd:,.0f} USD")
    if budget is not None and usd > budget.monthly_usd:
        found.append(f"{usd:,.0f} USD are over the budget of {budget.monthly_usd:,.0f}")
    if (
        "budget.monthly_usd" not in {edit.path for edit in conflict.edits}
        and budget != spec_of(before).budget
    ):
        found.append("another budget than was asked for")
    denied_before = denied(before)
    found += sorted(denied(after) - denied_before)
    if judged and not denied_before:
        found += sorted(denied(after, record_plan(plan, after)))
    return found


def filled(asked: Asked, edit: FieldEdit) -> object:
    """The value of an edit, with what only a person knows filled in."""
    if edit.ask is None:
        return edit.value
    if edit.path == "gateway.certificate":
        region, account = edit.ask.removeprefix("a certificate in "), asked.spec["target"]["account"]
        return f"arn:aws:acm:{region}:{account}:{CERTIFICATE}"
    assert edit.path.endswith(".capacity.id"), edit
    return RESERVED_ID


def denied(declaration: Declaration, resources: tuple[Resource, ...] | None = None) -> set[str]:
    """Rules that deny a declaration, and where given its resources, but for what follows from another."""
    if resources is None:
        report = evaluate(declaration, (), AS_OF, scopes=("declaration",))
    else:
        report = evaluate(declaration, resources, AS_OF)
    return {finding.rule for finding in report.findings if finding.blocks and finding.follows is None}
