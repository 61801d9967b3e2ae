"""One rule at work: the subjects of its checks, and what the checks say about them.

Not here: levels, waivers and counting (evaluate), and the rules themselves.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from inferplan.resource import UnknownValueError, walk_unknowns
from policies.context import Context, Serving, Undecidable
from policies.read import Misshapen
from policies.rule import (
    GIVEN_KINDS,
    SCOPES,
    SERVING_KINDS,
    Check,
    Outcome,
    Problem,
    Rule,
    Scope,
    Subject,
    undecided,
)
from policies.stack import Stack


def run_rule(rule: Rule, subject: Subject | Stack, context: Context) -> tuple[Outcome, ...]:
    """Run the checks of a rule that fit a subject (declaration and resource checks), or all over a stack.

    An unknown that a check reads, and any error in it, becomes undecided with the rule's id; never a pass.
    """
    if isinstance(subject, Stack):
        found = [outcome for check in rule.checks for _, outcome in run_check(rule, check, context, SCOPES)]
        return tuple(outcome for outcome in found if outcome is not None)
    return tuple(
        outcome
        for check in rule.checks
        if check.scope != "stack" and _fits(check, subject)
        for outcome in _guarded(rule, check, subject.value, context)
    )


def run_check(
    rule: Rule, check: Check, context: Context, scopes: Collection[Scope]
) -> Iterator[tuple[Subject, Outcome | None]]:
    """Every subject once with None (it was judged), then once per outcome."""
    if not wanted(check, scopes):
        return
    if check.scope == "stack":
        matching = tuple(context.stack.of(*check.applies_to))
        whole = Subject(kind="stack", name=_stack_name(context), value=context.stack)
        if matching:
            yield from ((Subject.of(resource), None) for resource in matching)
            for outcome in _guarded(rule, check, matching, context):
                named = outcome.subject if isinstance(outcome, Problem) else None
                yield (Subject.of(named) if named else whole), outcome
        return
    for subject in _subjects(check, context, deferred_only=check.scope not in scopes):
        yield subject, None
        for outcome in _guarded(rule, check, subject.value, context):
            yield subject, outcome


def run_on_serving(rule: Rule, serving: Serving, context: Context) -> Iterator[Outcome]:
    """What a rule says about one backend on one route."""
    for check in rule.checks:
        if _kinds(serving) & set(check.applies_to):
            yield from _guarded(rule, check, serving, context)


def wanted(check: Check, scopes: Collection[Scope]) -> bool:
    """Whether a check runs; a stack run also decides what only a reference can settle in resource checks."""
    return check.scope in scopes or (check.scope == "resource" and "stack" in scopes)


def applicable(rule: Rule, context: Context) -> bool:
    """Whether the rule is meant for this declaration; where that cannot be said it is."""
    if rule.when is None:
        return True
    try:
        return rule.when(context)
    except Undecidable:
        return True


def _fits(check: Check, subject: Subject) -> bool:
    if subject.kind == "resource":
        return check.scope == "resource" and check.matches(subject.type or "")
    kinds = _kinds(subject.value) if isinstance(subject.value, Serving) else {subject.kind}
    return check.scope == "declaration" and bool(kinds & set(check.applies_to))


def _kinds(serving: Serving) -> set[str]:
    return {"serving", serving.backend.kind}


def _subjects(check: Check, context: Context, *, deferred_only: bool) -> Iterator[Subject]:
    if check.scope == "declaration":
        yield from (subject for kind in check.applies_to for subject in declared_subjects(kind, context))
        return
    for resource in context.stack.of(*check.applies_to):
        if not deferred_only or any(walk_unknowns(resource.props)):
            yield Subject.of(resource)


def declared_subjects(kind: str, context: Context) -> Iterator[Subject]:
    """The declared things of a kind; without a declaration one without a name: the rule is undecided."""
    if kind in GIVEN_KINDS:
        yield from _given(kind, context)
        return
    if not context.declared:
        yield Subject(kind=kind, name="", value=None)
        return
    spec = context.inference
    if kind == "account":
        yield Subject(kind=kind, name=str(context.spec.target.account), value=context.account, path="target")
    elif spec is None:
        return
    elif kind == "spec":
        yield Subject(kind=kind, name=spec.metadata.name, value=spec, path="")
    elif kind == "route":
        for index, route in enumerate(spec.routes):
            yield Subject(kind=kind, name=route.name, value=route, path=f"routes[{index}]")
    elif kind in SERVING_KINDS:
        yield from (serving_subject(item) for item in context.servings if kind in _kinds(item))


def _given(kind: str, context: Context) -> Iterator[Subject]:
    """What exists already and is built into; nothing that is not declared can be registered."""
    found = context.given_network if kind == "network" else context.given_cluster
    if found is not None:
        name, value = found
        yield Subject(kind=kind, name=name, value=value, path=f"{kind}.existing")


def serving_subject(serving: Serving) -> Subject:
    """One backend on one route as a subject; a waiver may also name its route, backend or vendor."""
    vendor = serving.backend.backend.vendor
    parts = (*serving.pair, vendor) if vendor else serving.pair
    return Subject(kind="serving", name=serving.name, value=serving, path=serving.path, parts=parts)


def _guarded(rule: Rule, check: Check, value: object, context: Context) -> Iterator[Outcome]:
    """The outcomes of a check; whatever goes wrong in it is one more, undecided."""
    if check.scope == "declaration" and not context.declared:
        yield undecided("no declaration: name the spec that these resources belong to")
        return
    try:
        yield from check.run(value, context)
    except UnknownValueError as error:
        if context.complete:
            origins = ", ".join(urn.rpartition("::")[2] for urn in error.value.urns)
            yield undecided(
                f"{rule.id} reads a value that is only known after deployment"
                + (f" (it comes from {origins})" if origins else "")
            )
    except (Undecidable, Misshapen) as error:
        yield undecided(str(error))
    except Exception as error:  # an error in a rule must neither pass nor stop the other rules
        yield undecided(f"{rule.id} could not be evaluated ({type(error).__name__})")


def _stack_name(context: Context) -> str:
    root = context.stack.root
    if root is not None:
        name = root.props.get("name")
        return name if isinstance(name, str) else root.name
    return context.spec.metadata.name if context.declared else "stack"
