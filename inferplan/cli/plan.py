"""`inferplan plan`: size, place and price a spec.

Not here: planning (inferplan.plan) and formats (inferplan.report).
"""

from __future__ import annotations

from pathlib import Path

import click

from inferplan.cli.app import Common, common_options


@click.command()
@click.argument("spec", type=click.Path(path_type=Path))
@click.option(
    "--mode", type=click.Choice(["self-hosted", "managed-api", "hybrid", "auto"]), help="Plan as if."
)
@common_options("text", "json")
def plan(spec: Path, mode: str | None, common: Common) -> int:
    """Plan SPEC: what would be deployed where, at what cost, and why."""
    from inferplan.plan.make import make_plan
    from inferplan.spec.crossfield import refuse_mode
    from inferplan.spec.loading import load

    declaration = load(spec, common.organization_for(spec))
    if mode is not None:
        refuse_mode(declaration, mode)
    result = make_plan(declaration, common.as_of, mode)
    if common.format == "json":
        from inferplan.report import json_format

        click.echo(json_format.plan(result))
    else:
        from inferplan.report import plan_text

        click.echo(plan_text.plan(result, verbose=common.verbose))
    return 0
