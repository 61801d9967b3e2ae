"""The single evaluator over (declaration, resources): command line, packs, state check and tests call it.

Not here: rules (sovereignty), what they may ask (context), printing (inferplan.report), CrossGuard.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING

from inferplan.resource import Resource, UnknownValueError, walk_unknowns
from policies import pins, register
from policies.context import FACT_AGE_DAYS, Context, NamedVendor, Undecidable
from policies.digests import digests, spec_ref
from policies.packs import all_rules
from policies.rule import (
    SCOPES,
    Check,
    Lapse,
    Level,
    Outcome,
    Problem,
    Rule,
    Scope,
    Subject,
    Verdict,
    undecided,
    worst,
)
from policies.stack import Stack
from policies.verdicts import Finding, Report, RuleResult, SubjectRef, Summary

if TYPE_CHECKING:
    from inferplan.spec.declaration import Declaration
    from inferplan.spec.organization import Waiver


READ_PACKAGES = frozenset({"aws", "kubernetes", "pulumi", "inferplan"})


def evaluate(
    declaration: Declaration | None,
    resources: Iterable[Resource],
    as_of: date,
    *,
    rules: tuple[Rule, ...] | None = None,
    locked: bool = False,
    scopes: Collection[Scope] = SCOPES,
    existing: bool = False,
) -> Report:
    """Judge resources, and the declaration they were planned from, on a day.

    `locked` lets pending pins block; `existing` takes the later of two announced days. With `scopes` without
    `stack` one resource is judged by itself: what only a reference can settle is left out, and a run with
    `scopes=("stack",)` over all resources decides it.
    """
    chosen = rules if rules is not None else all_rules()
    context = Context(declaration, Stack(resources), as_of, complete="stack" in scopes)
    judged = [_judge(rule, context, locked=locked, scopes=scopes, existing=existing) for rule in chosen]
    ran = [item for item in judged if item is not None]
    findings = [finding for item in ran for finding in item.findings]
    if "declaration" in scopes and declaration is not None:
        findings += pins.missing(declaration, locked=locked)
    if set(scopes) == set(SCOPES):
        findings += _register_findings(context, ran)
    blocked = any(finding.blocks for finding in findings)
    lapses = [lapse for item in ran if item.level == "mandatory" or item.announced for lapse in item.lapses]
    first = None if blocked else min(lapses, key=lambda lapse: lapse.until, default=None)
    return Report(
        spec=spec_ref(declaration),
        digests=digests(declaration),
        decision="deny" if blocked else "allow",
        pending=sum(finding.pending and finding.waiver is None for finding in findings),
        valid_until=first.until.isoformat() if first else None,
        valid_because=first.what if first else None,
        summary=_summary(ran),
        rules=tuple(item.result() for item in ran),
        findings=tuple(findings),
    )


def run_rule(rule: Rule, subject: Subject | Stack, context: Context) -> tuple[Outcome, ...]:
    """Run the checks of a rule that fit a subject (declaration and resource checks), or all over a stack.

    An unknown that a check reads, and any error in it, becomes undecided with the rule's id; never a pass.
    """
    if isinstance(subject, Stack):
        found = [outcome for check in rule.checks for _, outcome in _run_check(rule, check, context, SCOPES)]
        return tuple(outcome for outcome in found if outcome is not None)
    return tuple(
        outcome
        for check in rule.checks
        if check.scope != "stack" and _fits(check, subject)
        for outcome in _guarded(rule, check, subject.value, context)
    )


def _fits(check: Check, subject: Subject) -> bool:
    if subject.kind == "resource":
        return check.scope == "resource" and check.matches(subject.type or "")
    return check.scope == "declaration" and subject.kind in check.applies_to


@dataclass(slots=True)
class _Judged:
    """One rule over all its subjects."""

    rule: Rule
    level: Level
    announced: bool
    subjects: int = 0
    findings: list[Finding] = field(default_factory=list)
    lapses: list[Lapse] = field(default_factory=list)
    used: list[Waiver] = field(default_factory=list)

    @property
    def waived(self) -> bool:
        return bool(self.findings) and all(finding.waiver for finding in self.findings)

    def result(self) -> RuleResult:
        verdicts: list[Verdict] = [finding.verdict for finding in self.findings]
        verdict = worst([*verdicts, "pass"] if self.subjects else verdicts)
        first = min(self.lapses, key=lambda lapse: lapse.until, default=None)
        return RuleResult(
            id=self.rule.id,
            level=self.level,
            verdict=verdict,
            subjects=self.subjects,
            valid_until=first.until.isoformat() if first else None,
            valid_because=first.what if first else None,
        )


def _judge(
    rule: Rule, context: Context, *, locked: bool, scopes: Collection[Scope], existing: bool
) -> _Judged | None:
    """None for a disabled rule, and for one that has no check in these scopes."""
    now = register.level_now(rule, context, existing=existing)
    if now.level == "disabled" or not any(_wanted(check, scopes) for check in rule.checks):
        return None
    judged = _Judged(rule, now.level, announced=now.mandatory_from is not None)
    if not _applicable(rule, context):
        return judged
    for check in rule.checks:
        for subject, outcome in _run_check(rule, check, context, scopes):
            if outcome is None:
                judged.subjects += 1
            elif isinstance(outcome, Lapse):
                judged.lapses.append(outcome)
            else:
                _add_finding(judged, subject, outcome, context, locked=locked)
    if judged.findings and not judged.waived and now.mandatory_from is not None:
        what = f"{rule.id} becomes mandatory on {now.mandatory_from}"
        judged.lapses.append(Lapse(register.day_before(now.mandatory_from), what))
    return judged


def _wanted(check: Check, scopes: Collection[Scope]) -> bool:
    # A stack run also decides the resource checks whose unknowns only a reference can settle.
    return check.scope in scopes or (check.scope == "resource" and "stack" in scopes)


def _applicable(rule: Rule, context: Context) -> bool:
    if rule.when is None:
        return True
    try:
        return rule.when(context)
    except Undecidable:
        return True


def _run_check(
    rule: Rule, check: Check, context: Context, scopes: Collection[Scope]
) -> Iterator[tuple[Subject, Outcome | None]]:
    """Every subject once with None (it was judged), then once per outcome."""
    if not _wanted(check, scopes):
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


def _subjects(check: Check, context: Context, *, deferred_only: bool) -> Iterator[Subject]:
    if check.scope == "declaration":
        yield from (subject for kind in check.applies_to for subject in declared_subjects(kind, context))
        return
    for resource in context.stack.of(*check.applies_to):
        if not deferred_only or any(walk_unknowns(resource.props)):
            yield Subject.of(resource)


def declared_subjects(kind: str, context: Context) -> Iterator[Subject]:
    """The declared things of a kind; without a declaration one without a name: the rule is undecided."""
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
    elif kind == "backend":
        for name in spec.backends:
            yield Subject(kind=kind, name=name, value=context.backend(name), path=f"backends.{name}")
    elif kind == "vendor":
        yield from (_vendor_subject(vendor) for vendor in context.vendors)


def _vendor_subject(vendor: NamedVendor) -> Subject:
    return Subject(
        kind="vendor", name=vendor.name, value=vendor, path=f"backends.{vendor.backends[0]}.vendor"
    )


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
    except Undecidable as error:
        yield undecided(str(error))
    except Exception as error:  # an error in a rule must neither pass nor stop the other rules
        yield undecided(f"{rule.id} could not be evaluated ({type(error).__name__})")


def _add_finding(
    judged: _Judged, subject: Subject, problem: Problem, context: Context, *, locked: bool
) -> None:
    waivers = context.declaration.waivers if context.declared else ()
    waiver = register.waiver_for(judged.rule, subject, waivers, context) if waivers else None
    if waiver is not None:
        judged.used.append(waiver)
        what = f"waiver {waiver.ticket} of {judged.rule.id}"
        judged.lapses.append(Lapse(date.fromisoformat(waiver.expires), what))
    file, line, column, path = _place(subject, problem, context)
    judged.findings.append(
        Finding(
            rule=judged.rule.id,
            level=judged.level,
            verdict=problem.verdict,
            subject=SubjectRef(kind=subject.kind, name=subject.name, type=subject.type, urn=subject.urn),
            file=file,
            line=line,
            column=column,
            path=path,
            message=problem.message,
            fix=judged.rule.fix,
            source=judged.rule.source,
            waiver=register.reference(waiver) if waiver else None,
            valid_until=waiver.expires if waiver else None,
            blocks=judged.level == "mandatory" and waiver is None and (locked or not problem.pending),
            pending=problem.pending,
        )
    )


def _place(
    subject: Subject, problem: Problem, context: Context
) -> tuple[str | None, int | None, int | None, str | None]:
    """File, line and column of a declared subject; for resources only the property path."""
    if subject.path is None or not context.declared:
        return None, None, None, problem.path
    path = ".".join(part for part in (subject.path, problem.path) if part)
    file, line, column = context.declaration.locate(path)
    return str(file), line, column, path


def _register_findings(context: Context, ran: list[_Judged]) -> Iterator[Finding]:
    """What is wrong with waivers that aim at this spec, and one line about old facts."""
    if context.declared:
        if context.declaration.organization_is_default:
            message = "no organization was given: the built-in strict bar applies"
            yield _register_finding("ORGANIZATION-DEFAULT", message, "name the platform team's folder")
        used = {id(waiver) for item in ran for waiver in item.used}
        implemented = {id_ for rule in all_rules() for id_ in (rule.id, *rule.aliases)}
        for waiver in context.declaration.waivers:
            if not register.covers(waiver, None, context):
                continue
            found = register.flaw(waiver, context)
            here = waiver.scope.spec is not None and waiver.rule in implemented
            if found is None and here and id(waiver) not in used:
                found = (
                    "WAIVER-UNUSED",
                    f"waiver {waiver.ticket} of {waiver.rule} covers nothing: withdraw it",
                )
            if found is not None:
                yield _register_finding(
                    *found, "renew it with a reason and a different approver, or withdraw it"
                )
    packages = (item.package for item in context.stack.resources if item.custom)
    unread = Counter(package for package in packages if package not in READ_PACKAGES)
    if unread:
        shown = ", ".join(f"{package} ({count})" for package, count in sorted(unread.items()))
        message = f"no rule reads the resources of {shown}"
        yield _register_finding("TYPES-UNREAD", message, "declare them by AWS or Kubernetes types")
    old = sorted(
        (day, fact)
        for fact, day in context.facts_used.items()
        if day is not None and (context.as_of - day).days > FACT_AGE_DAYS
    )
    if old:
        message = (
            f"{len(old)} facts are older than {FACT_AGE_DAYS} days; the oldest is {old[0][1]} of {old[0][0]}"
        )
        yield _register_finding(
            "FACTS-AGE", message, "read their sources again and renew the dates in the catalog"
        )


def _register_finding(rule: str, message: str, fix: str) -> Finding:
    return Finding(
        rule=rule,
        level="advisory",
        verdict="fail",
        subject=SubjectRef(kind="organization", name="organization"),
        file=None,
        line=None,
        column=None,
        path=None,
        message=message,
        fix=fix,
        source=(),
        waiver=None,
        valid_until=None,
        blocks=False,
    )


def _summary(ran: list[_Judged]) -> Summary:
    counts = {"pass": 0, "fail": 0, "undecided": 0, "not_applicable": 0, "waived": 0}
    for item in ran:
        counts["waived" if item.waived else item.result().verdict] += 1
    return Summary(passed=counts.pop("pass"), **counts)


def _stack_name(context: Context) -> str:
    root = context.stack.root
    if root is not None:
        return str(root.props.get("name"))
    return context.spec.metadata.name if context.declared else "stack"
