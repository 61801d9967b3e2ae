"""`inferplan explain`: why a planned value is what it is, what a rule says here, where data goes.

Not here: derivations (inferplan.plan) and rules (policies).
"""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path

import click

from inferplan.cli.app import Common, common_options

TOPICS = ("residency", "egress", "fallback")


@click.command()
@click.argument("spec", type=click.Path(path_type=Path))
@click.argument("subject", required=False, metavar="[PATH|RULE|residency|egress|fallback]")
@common_options("text", "json")
def explain(spec: Path, subject: str | None, common: Common) -> int:
    """Explain one number of SPEC's plan by its PATH, one RULE, or where data may go.

    Without a subject it lists every path that has a derivation.
    """
    from inferplan.plan.make import make_plan
    from inferplan.report import explain_text, json_format
    from inferplan.spec.loading import load
    from policies.packs import find_rule

    organization = common.organization_for(spec)
    if subject is not None and (rule := find_rule(subject)) is not None:
        from inferplan.cli.review import review

        done = review(spec, organization, common.as_of, state=None, locked=False)
        click.echo(explain_text.rule(rule, done.report))
        return 0
    plan = make_plan(load(spec, organization), common.as_of)
    if subject is None:
        click.echo(explain_text.index(plan))
    elif subject in TOPICS:
        click.echo(getattr(explain_text, subject)(plan))
    elif subject in plan.derivations:
        derivation = plan.derivations[subject]
        click.echo(
            json_format.plan(derivation)
            if common.format == "json"
            else explain_text.derivation(subject, derivation)
        )
    else:
        near = get_close_matches(subject, [*plan.derivations, *TOPICS], n=3, cutoff=0.4)
        hint = f"; did you mean {', '.join(near)}?" if near else "; leave it out to list every path"
        raise click.UsageError(f"nothing called {subject!r} in the plan of {plan.name}{hint}")
    return 0
