"""`inferplan explain`: why a planned value is what it is, what a rule says here, where data goes.

Not here: derivations (inferplan.plan) and rules (policies).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from inferplan.cli import screen
from inferplan.cli.app import Common, common_options
from inferplan.cli.specfiles import one_spec
from inferplan.near import did_you_mean, near

if TYPE_CHECKING:
    from inferplan.records.measured import Measurement
    from inferplan.records.plan import Plan
    from inferplan.records.verdicts import Report
    from inferplan.spec.declaration import Declaration
    from policies.rule import Rule

TOPICS = ("residency", "egress", "fallback")
DESTROY = "destroy"
MEASURED = "measured"


@click.command()
@click.argument("spec")
@click.argument("subject", required=False, metavar="[PATH|RULE|residency|egress|fallback|destroy|measured]")
@click.option(
    "--metrics",
    type=click.Path(path_type=Path),
    help="With `measured`: text that a pod answers on /metrics, or JSON that a query of Prometheus answers.",
)
@common_options("text", "json")
def explain(spec: str, subject: str | None, metrics: Path | None, common: Common) -> int:
    """Explain one number of SPEC's plan by its PATH, one RULE, where data may go, or what was measured.

    `destroy` lists what destroying the stack leaves on purpose, and what stops it first. Without a subject
    every path that has a derivation is listed.
    """
    from inferplan.plan.make import make_plan
    from inferplan.report import explain_text
    from policies.gates import gates
    from policies.packs import find_rule

    if (subject == MEASURED) != (metrics is not None):
        raise click.UsageError("`measured` needs --metrics FILE, and nothing else takes it")
    with one_spec(spec) as file:
        declaration = file.load(common)
    rule = find_rule(subject) if subject is not None else None
    if rule is not None:
        from inferplan.cli.review import review

        report = review(declaration, common.as_of, state=None, locked=False).report
        _answer(
            common,
            subject,
            declaration,
            explain_text.rule(rule, report, width=screen.columns()),
            _rule_parts(rule, report),
        )
        return 0
    plan = make_plan(declaration, common.as_of, gates)
    if metrics is not None:
        found = _measured(plan, metrics)
        _answer(common, subject, declaration, explain_text.measured(plan, found), {"measured": found})
    elif subject is None:
        _answer(common, subject, declaration, explain_text.index(plan), {"derivations": plan.derivations})
    elif subject in TOPICS:
        _answer(
            common, subject, declaration, getattr(explain_text, subject)(plan), _topic_parts(subject, plan)
        )
    elif subject == DESTROY:
        from inferplan.report.leftovers import leftovers
        from stacks.record import record_plan

        left = leftovers(record_plan(plan, declaration))
        _answer(common, subject, declaration, explain_text.destroy(plan, left), {"leftovers": left})
    elif (path := _derived(subject, plan)) is not None:
        derivation = plan.derivations[path]
        told = explain_text.derivation(path, derivation, width=screen.columns())
        _answer(common, path, declaration, told, msgspec.to_builtins(derivation))
    else:
        raise click.UsageError(_nothing(subject, plan))
    return 0


def _measured(plan: Plan, file: Path) -> tuple[Measurement, ...]:
    """The plan beside the measurements of a file; raises UsageError where it cannot be read."""
    from inferplan.plan.comparison import measured
    from inferplan.plan.readings import MAX_BYTES, readings

    try:
        with file.open("rb") as opened:
            data = opened.read(MAX_BYTES + 1)
    except OSError as problem:
        raise click.UsageError(f"{file} cannot be read: {problem.strerror}") from problem
    return measured(plan, readings(data))


def _answer(
    common: Common, subject: str | None, declaration: Declaration, told: str, parts: Mapping[str, Any]
) -> None:
    if common.format == "json":
        from inferplan.report import json_format

        click.echo(json_format.explanation(str(declaration.spec_path), declaration.bar, subject, parts))
    else:
        screen.show(f"{told}\n  bar  {declaration.bar}")


def _derived(subject: str, plan: Plan) -> str | None:
    """The path itself, or its nearest parent with a derivation."""
    path = subject
    while path and path not in plan.derivations:
        path = path[: max(path.rfind("."), path.rfind("["), 0)]
    return path or None


def _rule_parts(rule: Rule, report: Report) -> dict[str, Any]:
    from inferplan.report import json_format
    from policies.documents import cited

    return {
        "rule": json_format.rule_entry(rule, cited),
        "here": next((ran for ran in report.rules if ran.id == rule.id), None),
        "findings": [finding for finding in report.findings if finding.rule == rule.id],
    }


def _topic_parts(topic: str, plan: Plan) -> dict[str, Any]:
    network = plan.network
    if topic == "residency":
        return {"flows": plan.flows}
    if topic == "fallback":
        return {"routes": plan.routes}
    return {"hosts": network.allowed_hosts, "endpoints": network.endpoints, "dns_allow": network.dns_allow}


def _nothing(subject: str, plan: Plan) -> str:
    from policies.packs import all_rules

    known = (*plan.derivations, *TOPICS, DESTROY, MEASURED, *(rule.id for rule in all_rules()))
    hint = did_you_mean(near(subject, known, 3)) or "leave it out to list every path"
    return f"nothing called {subject!r} in the plan of {plan.name}; {hint}"
