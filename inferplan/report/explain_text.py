"""One value, rule or question about a plan, explained for a person.

Not here: the whole plan (plan_text) and the review (text).
"""

from __future__ import annotations

import re
from textwrap import fill
from typing import TYPE_CHECKING

import click

from inferplan.report.money import columns, plain

if TYPE_CHECKING:
    from inferplan.records.measured import Measurement
    from inferplan.records.plan import Derivation, Plan
    from inferplan.records.verdicts import Report
    from inferplan.report.leftovers import Leftover
    from policies.rule import Rule

WIDTH = 100


def index(plan: Plan) -> str:
    """Every path with a derivation and its value."""
    found = sorted(plan.derivations.items(), key=lambda item: _natural(item[0]))
    rows = [[path, _value(derivation), derivation.unit, _name(derivation)] for path, derivation in found]
    return "\n".join([click.style(f"{plan.name}: {len(rows)} derived values", bold=True), *columns(rows)])


def derivation(path: str, derivation: Derivation, *, width: int = WIDTH) -> str:
    """Value, formula, inputs, sources with dates, confidence."""
    lines = [click.style(f"{path} = {_value(derivation)} {derivation.unit}".rstrip(), bold=True)]
    lines.append(fill(derivation.formula, width, initial_indent="  ", subsequent_indent="  "))
    if derivation.inputs:
        inputs = [[name, plain(value)] for name, value in derivation.inputs.items()]
        lines += ["  from", *columns(inputs, indent="    ")]
    if derivation.sources:
        lines += ["  sources"] + [
            f"    {source.source} (as of {source.as_of})" for source in derivation.sources
        ]
    lines.append(f"  confidence {derivation.confidence}")
    return "\n".join(lines)


def rule(rule: Rule, report: Report, *, width: int = WIDTH) -> str:
    """What one rule says about this spec, with why and fix."""
    ran = next((entry for entry in report.rules if entry.id == rule.id), None)
    verdict = f"{ran.verdict} on {ran.subjects} subjects" if ran else "did not run"
    lines = [
        click.style(f"{rule.id}  {rule.title}", bold=True),
        f"  here: {verdict} ({ran.level if ran else '-'})",
    ]
    for finding in report.findings:
        if finding.rule == rule.id:
            said = "removed by mode auto" if finding.removed else finding.verdict
            lines.append(f"  {said}: {finding.subject.name}: {finding.message}")
    lines += [fill(f"why: {rule.why}", width, initial_indent="  ", subsequent_indent="  ")]
    lines += [fill(f"fix: {rule.fix}", width, initial_indent="  ", subsequent_indent="  ")]
    return "\n".join([*lines, f"  source: {', '.join(rule.source)}"])


def residency(plan: Plan) -> str:
    """Every flow with the place and country it reaches, as the planner claims it."""
    rows = [
        [flow.data, f"{flow.source} -> {flow.destination}", flow.place, flow.country, ", ".join(flow.classes)]
        for flow in plan.flows
    ]
    return "\n".join([click.style(f"{plan.name}: where data goes", bold=True), *columns(rows)])


def egress(plan: Plan) -> str:
    """Every way out: hosts, endpoints, names that DNS answers."""
    network = plan.network
    lines = [click.style(f"{plan.name}: ways out of the network", bold=True)]
    lines += [f"  host outside AWS: {host}" for host in network.allowed_hosts] or [
        "  no internet path at all"
    ]
    endpoints = [[e.service, e.type, e.why] for e in network.endpoints]
    lines += ["  endpoints", *columns(endpoints, indent="    ")]
    lines += ["  names that DNS answers"] + [f"    {name}" for name in network.dns_allow]
    return "\n".join(lines)


def fallback(plan: Plan) -> str:
    """What serves each route, and what after it."""
    rows = [
        [route.name, ", ".join(route.classes), " > ".join((route.backend, *route.fallback)), route.reason]
        for route in plan.routes
    ]
    return "\n".join([click.style(f"{plan.name}: fallback", bold=True), *columns(rows)])


def destroy(plan: Plan, left: tuple[Leftover, ...]) -> str:
    """What a destroy, workload first, does not simply take away."""
    head = click.style(f"{plan.name}: destroy", bold=True)
    if not left:
        return f"{head}\n  takes everything away"
    rows = [[one.what, one.name, one.why, "" if one.days is None else f"{one.days} days"] for one in left]
    return "\n".join([head, *columns(rows)])


def measured(plan: Plan, found: tuple[Measurement, ...]) -> str:
    """Route by route what was measured, what was predicted, and whether it is inside."""
    head = click.style(f"{plan.name}: measured beside the plan", bold=True)
    if not found:
        return f"{head}\n  no route is served by own weights first"
    rows = [
        [
            one.route,
            one.figure,
            "unknown" if one.measured is None else f"{one.measured:,.4g} {one.unit}",
            _predicted(one),
            one.verdict,
            _limit(one),
            one.note,
        ]
        for one in found
    ]
    return "\n".join([head, *columns(rows)])


def _predicted(one: Measurement) -> str:
    if one.expected is None:
        return "no prediction"
    ends = [f"{end:,.4g}" for end in (one.low, one.high) if end is not None]
    span = {2: f" ({' to '.join(ends)})", 1: f" (up to {ends[-1]})"}[len(ends)] if ends else ""
    return f"planned {one.expected:,.4g}{span}"


def _limit(one: Measurement) -> str:
    if one.limit is None or one.limit_held is None:
        return ""
    return f"{'keeps' if one.limit_held else 'breaks'} the limit of {one.limit:,.4g}"


def _value(derivation: Derivation) -> str:
    return plain(derivation.value)


def _name(derivation: Derivation) -> str:
    """What a numbered path is about, where its inputs say it."""
    named = (derivation.inputs.get(key) for key in ("name", "instance_type", "part", "line"))
    return str(next((name for name in named if name), ""))


def _natural(path: str) -> list[tuple[int, str]]:
    """`lines[2]` before `lines[10]`; what was looked at and not taken comes after the plan itself."""
    parts = [(int(part), "") if part.isdigit() else (0, part) for part in re.split(r"(\d+)", path)]
    return [(int(path.startswith("candidates[")), ""), *parts]
