"""The review of one spec for a person in a hurry: what would run, what it costs, what the rules say.

Not here: JSON (json_format) and the whole plan (plan_text).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING

import click

from inferplan.exitcodes import ExitCode
from inferplan.report import law_text
from inferplan.report.money import columns, counted, usd, usd_range

if TYPE_CHECKING:
    from inferplan.records.plan import Plan
    from inferplan.records.verdicts import Finding, Report, RuleResult, StateFile
    from inferplan.spec.declaration import Declaration

COLORS = {
    "fail": "red",
    "undecided": "yellow",
    "waived": "cyan",
    "removed": "cyan",
    "pass": "green",
    "advice": "blue",
}
MAX_SUBJECTS = 3
LABELS = {"fail": "FAIL", "undecided": "UNDECIDED", "pass": "pass", "not_applicable": "n/a"}


def review(
    plan: Plan | None,
    report: Report,
    *,
    declaration: Declaration,
    state: StateFile | None = None,
    verbose: int = 0,
) -> str:
    """Head, plan or state file in a few lines, findings, counts, decision; `-v` lists every rule that ran."""
    lines = [click.style(report.spec.name, bold=True) + f"  {report.spec.path}"]
    if declaration.organization_is_default:
        lines.append(
            click.style("  NO ORGANIZATION FOLDER: judged by the built-in strict bar", fg="yellow", bold=True)
        )
    lines.append(f"  bar     {declaration.bar}")
    if plan is not None:
        lines += _plan_lines(plan)
    if state is not None:
        lines += _state_lines(state)
    lines.append("")
    for group in _groups(report, verbose):
        lines += _finding_lines(group, report, verbose)
    if verbose:
        lines += columns(
            [[_label(rule), rule.id, rule.level, f"{rule.subjects} subjects"] for rule in report.rules],
            indent="  ",
        )
    lines += law_text.review_rows(report.laws)
    lines.append(f"  rules     {_counts(report)}")
    lines.append(f"  decision  {_decision(report)}")
    return "\n".join(lines) + "\n"


def closing(codes: Sequence[ExitCode], as_of: date) -> str:
    """One line under several reviews."""
    words = {
        ExitCode.OK: "allowed",
        ExitCode.DENIED: "denied",
        ExitCode.NOT_UNDERSTOOD: "not understood",
        ExitCode.NO_PLAN: "without a plan",
        ExitCode.BUG: "not judged because of a bug",
    }
    counts = [f"{codes.count(code)} {word}" for code, word in words.items() if code in codes]
    return f"{len(codes)} specs as of {as_of}: {', '.join(counts)}"


def _plan_lines(plan: Plan) -> list[str]:
    from inferplan.cost.origins import whose

    target = plan.target
    place = (
        f"{target.region} ({target.country})" if target.platform == "aws" else f"own nodes ({target.country})"
    )
    rows = [["mode", f"{plan.mode} in {place}, account {target.account} ({target.environment})"]]
    for route in plan.routes:
        fallback = f", then {', '.join(route.fallback)}" if route.fallback else ""
        rows.append(["route", f"{route.name} ({', '.join(route.classes)}) -> {route.backend}{fallback}"])
    pools = {pool.name: pool for pool in plan.pools}
    for server in plan.servers:
        pool = pools[server.pool]
        rows.append(
            [
                "server",
                f"{server.model} x{server.replicas}, TP{server.tensor_parallel}, "
                f"on {pool.nodes} {pool.instance_type} ({pool.gpus} x {pool.gpu}), {', '.join(pool.zones)}",
            ]
        )
        if server.scaling is not None and server.scaling.to_zero:
            cold = f"none outside the schedule; the first start takes about {server.scaling.lead_seconds} s"
            rows.append(["", cold])
    for vendor in plan.vendors:
        how = "private endpoint" if vendor.path == "privatelink" else "firewall, exact host"
        rows.append(["vendor", f"{vendor.model} at {vendor.host} ({how})"])
    monthly = plan.cost.monthly_usd
    budget = f"; budget {usd(plan.budget.monthly_usd)} USD" if plan.budget else ""
    own = f"; {told}" if (told := whose(plan.cost.lines)) else ""
    rows.append(["cost", f"{usd_range(monthly.low, monthly.expected, monthly.high)} a month{budget}{own}"])
    lines = columns(rows)
    return lines + [click.style(f"  warning   {warning}", fg="yellow") for warning in plan.warnings]


def _state_lines(state: StateFile) -> list[str]:
    rows = [["state", f"{counted(state.resources, 'resource')} in {state.file}"]]
    unknown = state.unknown_types
    if unknown:
        types = ", ".join(f"{name} {count}" for name, count in unknown.items())
        rows.append(["", f"{sum(unknown.values())} of types that no rule knows: {types}"])
    lines = columns(rows)
    if not state.resources:
        lines.append(click.style("  warning   the file holds no resource to judge", fg="yellow"))
    return lines


def _groups(report: Report, verbose: int) -> list[list[Finding]]:
    """Findings of one rule and verdict together, declared things first; what blocks comes first.

    Most comes what most follows from; what follows is told there, and only -v lists it by itself.
    """
    groups: dict[tuple[object, ...], list[Finding]] = {}
    following = Counter(finding.follows for finding in report.findings if finding.follows)
    shown = [finding for finding in report.findings if verbose or not finding.follows]
    most = Counter[str]()
    for finding in shown:
        most[finding.rule] = max(most[finding.rule], following[f"{finding.rule} {finding.path}"])

    def rank(one: Finding) -> tuple[object, ...]:
        return (
            not one.blocks,
            one.level != "mandatory",
            -most[one.rule],
            one.rule,
            one.subject.urn is not None,
        )

    for finding in sorted(shown, key=rank):
        key = (finding.rule, finding.verdict, finding.waiver, finding.removed)
        groups.setdefault(key, []).append(finding)
    return list(groups.values())


def _finding_lines(group: list[Finding], report: Report, verbose: int) -> list[str]:
    first = group[0]
    label, color = (
        ("WAIVED", COLORS["waived"]) if first.waiver else (LABELS[first.verdict], COLORS[first.verdict])
    )
    if first.level == "advisory" and first.verdict == "fail" and not first.waiver:
        label, color = "ADVICE", COLORS["advice"]
    if first.pending:
        label, color = "PENDING", COLORS["undecided"]
    if first.removed:
        label, color = "REMOVED", COLORS["removed"]
    level = "" if label == "ADVICE" else f" {first.level}"
    lines = [f"  {click.style(label, fg=color, bold=True)} {click.style(first.rule, bold=True)}{level}"]
    messages: dict[str, list[Finding]] = {}
    for finding in group:
        messages.setdefault(finding.message, []).append(finding)
    limit = len(group) if verbose else MAX_SUBJECTS
    for message, findings in list(messages.items())[:limit]:
        lines.append(f"    {message}")
        lines += [f"      at {_subject(finding)}" for finding in findings[:limit]]
        if len(findings) > limit:
            lines.append(f"      and {len(findings) - limit} more, -v lists them")
    if len(messages) > limit:
        lines.append(f"    and {len(messages) - limit} more of this kind, -v lists them")
    if first.waiver:
        waiver = first.waiver
        lines.append(
            f"    waived until {waiver.expires}: {waiver.reason} ({waiver.ticket}, by {waiver.approver})"
        )
    elif first.removed:
        lines.append("    mode auto leaves the backend out; nothing that would be deployed reaches it")
    else:
        lines += [] if verbose else _following(group, report)
        lines.append(f"    fix: {first.fix}")
        if first.source:
            lines.append(f"    source: {', '.join(first.source)}")
    return [*lines, ""]


def _following(group: list[Finding], report: Report) -> list[str]:
    """What follows from the findings of a group: how many by rule, and the first resources."""
    causes = {f"{finding.rule} {finding.path}" for finding in group if not finding.subject.urn}
    found = [finding for finding in report.findings if finding.follows in causes]
    if not found:
        return []
    names = list(dict.fromkeys(finding.subject.name for finding in found))
    rules = ", ".join(f"{rule} {count}" for rule, count in Counter(f.rule for f in found).most_common())
    more = f" and {len(names) - MAX_SUBJECTS} more" if len(names) > MAX_SUBJECTS else ""
    told = f"{counted(len(found), 'finding')} on {counted(len(names), 'resource')}"
    return [
        f"    {told} follow from it ({rules}):",
        f"      {', '.join(names[:MAX_SUBJECTS])}{more}; -v lists them",
    ]


def _subject(finding: Finding) -> str:
    """File, line and column of a declared thing; type, name and property of a resource."""
    path = f" {finding.path}" if finding.path else ""
    if finding.subject.urn:
        return f"{finding.subject.type} {finding.subject.name}{path}"
    where = f"{finding.file}:{finding.line}:{finding.column} " if finding.file and finding.line else ""
    return f"{where}{finding.subject.kind} {finding.subject.name}{path}"


def _label(rule: RuleResult) -> str:
    """What a rule said in a word; an advisory rule advises."""
    return "advice" if rule.level == "advisory" and rule.verdict == "fail" else LABELS[rule.verdict]


def _counts(report: Report) -> str:
    """Rules by verdict; what an advisory rule says is advice, though JSON counts it among the failures."""
    summary = report.summary
    advice = sum(_label(rule) == "advice" for rule in report.rules)
    told = f", {advice} advice" if advice else ""
    return (
        f"{summary.passed} pass, {summary.fail - advice} fail{told}, {summary.undecided} undecided, "
        f"{summary.not_applicable} not applicable, {summary.waived} waived"
    )


def _decision(report: Report) -> str:
    color = "green" if report.decision == "allow" else "red"
    words = [click.style(report.decision.upper(), fg=color, bold=True)]
    if report.valid_until:
        because = f" ({report.valid_because})" if report.valid_because else ""
        words.append(f"until {report.valid_until}{because}")
    if report.pending:
        words.append(f"({counted(report.pending, 'pin')} pending)")
    return " ".join(words)
