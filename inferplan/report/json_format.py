"""The JSON contracts that tools may rely on: fields may be added, not renamed.

Not here: the layout of rows on lines (inferplan.json_rows), formats for people (text, plan_text, rules_text).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click
import msgspec

from inferplan import json_rows
from inferplan.exitcodes import ExitCode

if TYPE_CHECKING:
    from inferplan.records.plan import Plan
    from inferplan.records.verdicts import CitedLine, Report, StateFile
    from inferplan.report.lock_contracts import LockDocument
    from inferplan.report.mirror_contracts import MirrorDocument
    from inferplan.report.preflight_contracts import PreflightDocument
    from inferplan.report.price_contracts import PricesDocument
    from inferplan.spec.declaration import Bar
    from policies.notices import Notice
    from policies.rule import Rule

Cite = Callable[[Sequence[str]], Sequence["CitedLine"]]

CHECK_SCHEMA = "inferplan.check/v1beta1"
ERRORS_SCHEMA = "inferplan.errors/v1beta1"
EXPLAIN_SCHEMA = "inferplan.explain/v1beta1"
RULES_SCHEMA = "inferplan.rules/v1beta1"


def check(
    reports: Sequence[Report],
    failures: Sequence[Mapping[str, Any]] = (),
    states: Sequence[StateFile | None] = (),
) -> str:
    """`check --format json`: one entry per judged stack, and in `errors` one per spec that was not judged.

    `states` belong to the reports in order: what a state file held, None where resources were planned.
    """
    stacks = [msgspec.to_builtins(report) for report in reports]
    for stack, state in zip(stacks, states, strict=False):
        stack["state"] = msgspec.to_builtins(state)
    return _text({"schema": CHECK_SCHEMA, "stacks": stacks, "errors": list(failures)})


def error(path: str | None, problem: Exception) -> dict[str, Any]:
    """Why there is no result for a spec: exit code, message, and its parts where they have places.

    `problems` are what cannot be understood in the files, `conflicts` the requirements without a plan.
    """
    from inferplan.records.no_plan import NoPlan
    from inferplan.spec.faults import SpecErrors

    code, message = getattr(problem, "exit_code", ExitCode.BUG), str(problem)
    if isinstance(problem, click.ClickException):
        code, message = ExitCode.NOT_UNDERSTOOD, problem.format_message()
    return {
        "spec": {"path": path},
        "exit_code": int(code),
        "message": message,
        "problems": problem.to_list() if isinstance(problem, SpecErrors) else [],
        "conflicts": msgspec.to_builtins(problem.conflicts) if isinstance(problem, NoPlan) else [],
    }


def errors(failures: Sequence[Mapping[str, Any]]) -> str:
    """What every other verb prints instead of its result when there is none."""
    return _text({"schema": ERRORS_SCHEMA, "errors": list(failures)})


def explanation(spec: str, bar: Bar, subject: str | None, parts: Mapping[str, Any]) -> str:
    """`explain --format json`: the parts of the answer by name."""
    head = {"schema": EXPLAIN_SCHEMA, "spec": spec, "organization": bar, "subject": subject}
    return _text(head | msgspec.to_builtins(parts))


def plan(result: Plan, bar: Bar | None = None) -> str:
    """`plan --format json`: the whole plan, one row per line, and the organization it was planned under."""
    told = msgspec.to_builtins(result) | ({"organization": msgspec.to_builtins(bar)} if bar else {})
    return json_rows.text(told, tables=("derivations",), parts=("servers",))


def preflight(found: PreflightDocument) -> str:
    """`preflight --format json`: every finding with its fix, and what follows from them."""
    return _text(msgspec.to_builtins(found))


def price_refresh(told: PricesDocument) -> str:
    """`prices refresh --format json`: what was asked, what changed, and how it differs from the catalog."""
    return json_rows.text(msgspec.to_builtins(told)) + "\n"


def mirrored(told: MirrorDocument) -> str:
    """`mirror --format json`: the build, and what became of every image and file."""
    return json_rows.text(msgspec.to_builtins(told)) + "\n"


def lock_change(told: LockDocument) -> str:
    """`lock --format json`: what changed in the lock, and what is open."""
    return json_rows.text(msgspec.to_builtins(told)) + "\n"


def rules(listed: Sequence[Rule], notices: Sequence[Notice], cite: Cite) -> str:
    """`rules --format json`: what each rule says of itself, and in `notices` findings that belong to none."""
    told = [rule_entry(rule, cite) for rule in listed]
    return _text({"schema": RULES_SCHEMA, "rules": told, "notices": [_notice(one, cite) for one in notices]})


def _notice(notice: Notice, cite: Cite) -> dict[str, Any]:
    return {
        "id": notice.id,
        "title": notice.title,
        "fix": notice.fix,
        "source": list(notice.source),
        "cited": cite(notice.source),
    }


def rule_entry(rule: Rule, cite: Cite) -> dict[str, Any]:
    """What one rule says of itself, and what the lines say that it cites."""
    return {
        "id": rule.id,
        "title": rule.title,
        "level": rule.level_name,
        "pack": rule.pack,
        "source": list(rule.source),
        "cited": cite(rule.source),
        "regimes": list(rule.regimes),
        "applies_to": list(rule.applies_to),
        "why": rule.why,
        "fix": rule.fix,
        "aliases": list(rule.aliases),
    }


def _text(value: Any) -> str:
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
