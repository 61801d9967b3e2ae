"""Which backends may not serve which routes: the serving checks of all rules, as the planner is told them.

Not here: the rules, and what deployed resources reach (reach). Nothing here knows the planner.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import date
from typing import TYPE_CHECKING

from inferplan.records.gate import Gate
from policies import register
from policies.context import Context, Serving
from policies.packs import all_rules
from policies.rule import Problem, Rule
from policies.run import applicable, run_on_serving, serving_subject
from policies.stack import Stack

if TYPE_CHECKING:
    from inferplan.spec.declaration import Declaration

Pair = tuple[str, str]  # route, backend


def gates(declaration: Declaration, as_of: date) -> tuple[Gate, ...]:
    """Every rule that would deny a backend on a route, for the planner (`make_plan(..., gates)`).

    The mode does not matter, waivers and the organization's levels do: a gate is what `check` would deny.
    """
    context = Context(declaration, Stack(()), as_of)
    return tuple(
        Gate(
            rule=rule.id,
            backend=serving.backend.name,
            kind=serving.backend.kind,
            route=serving.route.name,
            verdict=problem.verdict,
            reason=problem.message,
        )
        for serving in context.listed
        for rule, problem in _against(serving, all_rules(), context, existing=False)
    )


def removals(
    declaration: Declaration | None, as_of: date, rules: Iterable[Rule], *, existing: bool
) -> frozenset[Pair]:
    """The pairs that mode auto leaves out; none of a route that would be left without a backend."""
    context = Context(declaration, Stack(()), as_of)
    spec = context.inference if context.declared else None
    if spec is None or spec.mode != "auto":
        return frozenset()
    judges = tuple({rule.id: rule for rule in (*all_rules(), *rules)}.values())
    barred: dict[str, set[Pair]] = defaultdict(set)
    for serving in context.listed:
        if any(_against(serving, judges, context, existing=existing)):
            barred[serving.route.name].add(serving.pair)
    return frozenset(
        pair
        for route in spec.routes
        if len(barred[route.name]) < len(set(route.backends))
        for pair in barred[route.name]
    )


def _against(
    serving: Serving, rules: Iterable[Rule], context: Context, *, existing: bool
) -> Iterator[tuple[Rule, Problem]]:
    """Rules that deny a backend on a route: mandatory for it, not waived, and not waiting for a pin."""
    subject = serving_subject(serving)
    for rule in rules:
        if not rule.judges_servings or not applicable(rule, context):
            continue
        if register.level_now(rule, context, existing=existing, serving=serving).level != "mandatory":
            continue
        if register.waiver_for(rule, subject, context.declaration.waivers, context) is not None:
            continue
        for outcome in run_on_serving(rule, serving, context):
            if isinstance(outcome, Problem) and not outcome.pending:
                yield rule, outcome
