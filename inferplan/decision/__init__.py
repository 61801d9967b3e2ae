"""Own weights, vendors or both: hard gates, weighted criteria, totals, and the record that says why.

Not here: planning the modes that are compared (inferplan.plan.make) and judging the result (policies).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from inferplan.cost.lines import holes
from inferplan.decision.bills import Options
from inferplan.decision.gates import kinds_left, without_removed
from inferplan.decision.mode_choice import Weighed, choose, decisive, totals, weigh
from inferplan.decision.question import Question
from inferplan.records.base import Kind
from inferplan.records.gate import Gate
from inferplan.records.no_plan import NoPlan
from inferplan.records.outcome import Alternative, Decision
from inferplan.records.plan import Plan

MODES: tuple[Kind, ...] = ("self-hosted", "managed-api", "hybrid")

__all__ = ["MODES", "Question", "decide", "kinds_left", "said", "without_removed"]


def said(question: Question, kind: Kind) -> Decision:
    """The record of a mode that the spec names: obeyed, with gates and scores printed all the same."""
    found = question.gates
    weighed = weigh(question, {})
    points = totals(weighed)
    reasons = [
        f"the spec asks for {kind}",
        f"own weights {points['self-hosted']:g} points, vendors {points['managed-api']:g}; "
        "bills are compared by mode auto",
    ]
    for gate in found:
        if kind in {"hybrid", question.kind(gate.backend)}:
            reasons.append(f"{gate.rule} stands against {gate.backend} on {gate.route}: {gate.reason}")
    return _record(kind, kind, found, weighed, (*reasons, *decisive(weighed)))


def decide(
    question: Question, options: Options, removed: Sequence[Gate]
) -> tuple[Kind, Decision, tuple[Alternative, ...]]:
    """The mode for `auto`, its record, and every mode beside it.

    `question` is the spec as written; `options` are the modes as planned without the removed backends (a mode
    that has no backends left is not among them). Raises NoPlan when no mode is left.
    """
    plans = {kind: option for kind in MODES if isinstance(option := options.get(kind), Plan)}
    if not plans:
        raise _nothing_left(options)
    budget = question.spec.budget.monthly_usd if question.spec.budget else None
    usd = {kind: plan.cost.monthly_usd.expected for kind, plan in plans.items()}
    dear = {kind for kind in plans if budget is not None and usd[kind] > budget}
    feasible = [kind for kind in plans if kind not in dear] or list(plans)
    weighed = weigh(question, options)
    best, reasons = choose(weighed, feasible, usd)
    lines = [*reasons]
    if dear and len(feasible) < len(plans):
        lines += [
            f"{kind} is set aside: {usd[kind]:,.0f} USD a month is above the budget of {budget:,.0f}"
            for kind in MODES
            if kind in dear
        ]
    elif dear:
        lines.append(f"every mode is above the budget of {budget:,.0f} USD a month")
    lines += [f"{gate.rule} removes {gate.backend} from {gate.route}: {gate.reason}" for gate in removed]
    record = _record(best, "auto", removed, weighed, (*lines, *decisive(weighed)))
    beside = tuple(_alternative(kind, options.get(kind), removed, kind in dear) for kind in MODES)
    return best, record, beside


def _nothing_left(options: Options) -> NoPlan:
    failures = {kind: option for kind, option in options.items() if isinstance(option, NoPlan)}
    told = "; ".join(f"{kind}: {failure.summary}" for kind, failure in failures.items())
    conflicts = tuple(conflict for failure in failures.values() for conflict in failure.conflicts)
    return NoPlan(f"no mode can serve this spec: {told or 'no backend is left'}", conflicts)


def _record(
    kind: Kind,
    asked: str,
    found: Sequence[Gate],
    weighed: Sequence[Weighed],
    reasons: Sequence[str],
) -> Decision:
    listed: tuple[dict[str, Any], ...] = tuple(
        {
            "rule": gate.rule,
            "backend": gate.backend,
            "route": gate.route,
            "verdict": gate.verdict,
            "modes": list(gate.modes),
            "reason": gate.reason,
        }
        for gate in found
    )
    return Decision(
        mode=kind,
        asked=asked,
        gates=listed,
        criteria=tuple(one.row() for one in weighed),
        totals=totals(weighed),
        reasons=tuple(reasons),
    )


def _alternative(
    kind: Kind, option: Plan | NoPlan | None, removed: Sequence[Gate], dear: bool
) -> Alternative:
    if isinstance(option, Plan):
        cost = option.cost.monthly_usd
        over = ", above the budget" if dear else ""
        return Alternative(
            name=kind, mode=kind, monthly_usd=cost, feasible=True,
            reason=f"{cost.expected:,.0f} USD a month as planned{over}; "
            f"ready in about {option.lead_time.days} days", unpriced=holes(option.cost.lines),
        )  # fmt: skip
    if option is not None:
        return Alternative(name=kind, mode=kind, monthly_usd=None, feasible=False, reason=option.summary)
    rules = sorted({gate.rule for gate in removed if kind in gate.modes})
    why = f"removed by {', '.join(rules)}" if rules else "not possible with the backends of the spec"
    return Alternative(name=kind, mode=kind, monthly_usd=None, feasible=False, reason=why)
