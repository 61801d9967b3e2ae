"""`inferplan plan`: size, place and price a spec.

Not here: planning (inferplan.plan) and formats (inferplan.report).
"""

from __future__ import annotations

import click

from inferplan.cli.app import Common, common_options
from inferplan.cli.screen import show
from inferplan.cli.specfiles import one_spec


@click.command()
@click.argument("spec")
@click.option(
    "--mode", type=click.Choice(["self-hosted", "managed-api", "hybrid", "auto"]), help="Plan as if."
)
@common_options("text", "json")
def plan(spec: str, mode: str | None, common: Common) -> int:
    """Plan SPEC: what would be deployed where, at what cost, and why."""
    from inferplan.plan.make import make_plan
    from inferplan.spec.crossfield import refuse_mode
    from policies.gates import gates

    with one_spec(spec) as file:
        declaration = file.load(common)
    if mode is not None:
        refuse_mode(declaration, mode)
    result = make_plan(declaration, common.as_of, gates, mode)
    if common.format == "json":
        from inferplan.report import json_format

        click.echo(json_format.plan(result, declaration.bar))
    else:
        from inferplan.report import plan_text

        show(plan_text.plan(result, bar=declaration.bar, verbose=common.verbose, quiet=common.quiet))
    return 0
