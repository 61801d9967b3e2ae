"""The single evaluator over (declaration, resources): command line, packs, state check and tests call it.

Not here: rules (the packs), running one of them (run), what they may ask (context), printing, CrossGuard.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING

from msgspec.structs import replace

from inferplan.records.verdicts import Finding, Level, Report, RuleResult, SubjectRef, Summary, Verdict
from inferplan.resource import Resource
from policies import pins, register
from policies.causes import with_causes
from policies.context import Context, Serving
from policies.digests import digests, spec_ref
from policies.gates import removals
from policies.notices import notices
from policies.packs import all_rules
from policies.reach import reached, shown
from policies.rule import SCOPES, Lapse, Outcome, Problem, Rule, Scope, Subject, worst
from policies.run import applicable, run_check, run_on_serving, serving_subject, wanted
from policies.stack import Stack
from policies.unread import empty_state, unread_resources
from policies.views.regimes import served

if TYPE_CHECKING:
    from inferplan.spec.declaration import Declaration
    from inferplan.spec.organization import Waiver


def evaluate(
    declaration: Declaration | None,
    resources: Iterable[Resource],
    as_of: date,
    *,
    rules: tuple[Rule, ...] | None = None,
    locked: bool = False,
    scopes: Collection[Scope] = SCOPES,
    existing: bool = False,
    from_state: bool = False,
) -> Report:
    """Judge resources, and the declaration they were planned from, on a day.

    `locked` lets pending pins block; `existing` takes the later of two announced days. With `scopes` without
    `stack` one resource is judged by itself: what only a reference can settle is left out, and a run with
    `scopes=("stack",)` over all resources decides it. `from_state`: the resources are what a file of Pulumi
    holds, and none at all is no answer.
    """
    chosen = rules if rules is not None else all_rules()
    removed = removals(declaration, as_of, chosen, existing=existing)
    context = Context(declaration, Stack(resources), as_of, complete="stack" in scopes, removed=removed)
    run = _Run(context, frozenset(scopes), locked=locked, existing=existing)
    ran = [judged for judged in map(run.judge, chosen) if judged is not None]
    findings = with_causes(finding for judged in ran for finding in judged.findings)
    if "declaration" in scopes and declaration is not None:
        findings += pins.missing(declaration, locked=locked)
    if from_state:
        findings += empty_state(context.stack)
    if set(scopes) == set(SCOPES):
        used = {id(waiver) for judged in ran for waiver in judged.used}
        findings += notices(context, used, all_rules())
    blocked = any(finding.blocks for finding in findings)
    lapses = [lapse for item in ran if item.level == "mandatory" or item.announced for lapse in item.lapses]
    first = None if blocked else min(lapses, key=lambda lapse: lapse.until, default=None)
    return Report(
        spec=spec_ref(declaration),
        organization=declaration.bar if declaration is not None else None,
        laws=served(declaration, all_rules()) if declaration is not None else (),
        digests=digests(declaration),
        decision="deny" if blocked else "allow",
        pending=sum(finding.pending and finding.waiver is None for finding in findings),
        valid_until=first.until.isoformat() if first else None,
        valid_because=first.what if first else None,
        summary=_summary(ran),
        rules=tuple(item.result() for item in ran),
        findings=tuple(findings),
    )


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
    def standing(self) -> list[Finding]:
        """Findings about what serves; what mode auto removed is told, and changes no verdict."""
        return [finding for finding in self.findings if not finding.removed]

    @property
    def waived(self) -> bool:
        return bool(self.standing) and all(finding.waiver for finding in self.standing)

    def result(self) -> RuleResult:
        verdicts: list[Verdict] = [finding.verdict for finding in self.standing]
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


@dataclass(frozen=True, slots=True)
class _Run:
    """One evaluation: the context and how strictly it is judged."""

    context: Context
    scopes: frozenset[Scope]
    locked: bool
    existing: bool

    def judge(self, rule: Rule) -> _Judged | None:
        """None for a disabled rule, and for one that has no check in these scopes."""
        context = self.context
        now = register.level_now(rule, context, existing=self.existing)
        if now.level == "disabled" or not any(wanted(check, self.scopes) for check in rule.checks):
            return None
        judged = _Judged(rule, self._level(rule, now.level), announced=now.mandatory_from is not None)
        if context.removed and "declaration" in self.scopes:
            self._add_removed(judged)
        if not applicable(rule, context):
            return judged
        for check in rule.checks:
            for subject, outcome in run_check(rule, check, context, self.scopes):
                if outcome is None:
                    judged.subjects += 1
                else:
                    self._add(judged, subject, outcome)
        if rule.reads_content and "stack" in self.scopes:
            for unread, problem in unread_resources(context.stack):
                judged.subjects += 1
                self._add(judged, Subject.of(unread), problem)
        if judged.standing and not judged.waived and now.mandatory_from is not None:
            what = f"{rule.id} becomes mandatory on {now.mandatory_from}"
            judged.lapses.append(Lapse(register.day_before(now.mandatory_from), what))
        return judged

    def _level(self, rule: Rule, level: Level) -> Level:
        """The level in the report: where each backend on a route has its own, the strictest of them."""
        servings = self.context.servings if self.context.declared else ()
        if isinstance(rule.level, str) or not rule.judges_servings or not servings:
            return level
        levels = {self._level_for(rule, serving) for serving in servings}
        return "mandatory" if "mandatory" in levels else "advisory"

    def _level_for(self, rule: Rule, serving: Serving) -> Level:
        now = register.level_now(rule, self.context, existing=self.existing, serving=serving).level
        return "mandatory" if now == "mandatory" else "advisory"

    def _add(self, judged: _Judged, subject: Subject, outcome: Outcome) -> None:
        if isinstance(outcome, Lapse):
            judged.lapses.append(outcome)
            return
        waivers = self.context.declaration.waivers if self.context.declared else ()
        waiver = register.waiver_for(judged.rule, subject, waivers, self.context) if waivers else None
        if waiver is not None:
            judged.used.append(waiver)
            what = f"waiver {waiver.ticket} of {judged.rule.id}"
            judged.lapses.append(Lapse(date.fromisoformat(waiver.expires), what))
        judged.findings.append(self._finding(judged, subject, outcome, waiver))

    def _add_removed(self, judged: _Judged) -> None:
        """What the rule says about backends that mode auto leaves out; it denies where they are reached."""
        for serving in self._removed(judged.rule):
            ways = list(reached(serving, self.context)) if "stack" in self.scopes else []
            for outcome in run_on_serving(judged.rule, serving, self.context):
                if isinstance(outcome, Lapse):
                    continue
                finding = self._finding(judged, serving_subject(serving), outcome, None)
                told = f"{outcome.message}; left out by mode auto, and still reached: {shown(ways)}"
                judged.findings.append(
                    replace(finding, message=told) if ways else replace(finding, removed=True, blocks=False)
                )

    def _removed(self, rule: Rule) -> Iterator[Serving]:
        context = self.context
        whole = Context(context.declaration, context.stack, context.as_of)
        if rule.judges_servings and applicable(rule, whole):
            yield from (serving for serving in context.listed if serving.pair in context.removed)

    def _finding(self, judged: _Judged, subject: Subject, problem: Problem, waiver: Waiver | None) -> Finding:
        serving = subject.value if isinstance(subject.value, Serving) else None
        level = self._level_for(judged.rule, serving) if serving is not None else judged.level
        file, line, column, path = self._place(subject, problem)
        return Finding(
            rule=judged.rule.id,
            level=level,
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
            blocks=level == "mandatory" and waiver is None and (self.locked or not problem.pending),
            pending=problem.pending,
        )

    def _place(
        self, subject: Subject, problem: Problem
    ) -> tuple[str | None, int | None, int | None, str | None]:
        """File, line and column of a declared subject; for resources only the property path."""
        if subject.path is None or not self.context.declared:
            return None, None, None, problem.path
        path = ".".join(part for part in (subject.path, problem.path) if part)
        file, line, column = self.context.declaration.locate(path)
        return str(file), line, column, path


def _summary(ran: list[_Judged]) -> Summary:
    counts = {"pass": 0, "fail": 0, "undecided": 0, "not_applicable": 0, "waived": 0}
    for item in ran:
        counts["waived" if item.waived else item.result().verdict] += 1
    return Summary(passed=counts.pop("pass"), **counts)
