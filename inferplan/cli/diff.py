"""`inferplan diff`: two specs, or several modes of one, side by side.

Not here: planning, and what `pulumi preview` shows of a deployed stack.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from inferplan.cli.app import Common, common_options
from inferplan.cli.screen import show
from inferplan.cli.specfiles import one_spec

if TYPE_CHECKING:
    from inferplan.spec.declaration import Declaration

MODES = click.Choice(["self-hosted", "managed-api", "hybrid", "auto"])


@click.command()
@click.argument("specs", nargs=-1, required=True, metavar="A B | SPEC")
@click.option(
    "--mode", "modes", type=MODES, multiple=True, help="Compare SPEC as written with this mode; repeatable."
)
@common_options("text", "json")
def diff(specs: tuple[str, ...], modes: tuple[str, ...], common: Common) -> int:
    """Show routes, pools, resources, cost and places of two specs, or modes of one, side by side.

    With -v each resource that comes or goes is named.
    """
    if len(specs) == 1 and not modes:
        raise click.UsageError("name two specs, or one SPEC and --mode")
    if (len(specs) == 2 and modes) or len(specs) > 2:
        raise click.UsageError("either two specs, or one SPEC with --mode")
    from inferplan.plan.make import make_plan
    from inferplan.records.no_plan import NoPlan
    from inferplan.report import diff_text
    from inferplan.spec.crossfield import refuse_mode
    from policies.gates import gates
    from stacks.record import record_plan

    loaded = [(spec, _load(spec, common)) for spec in specs]
    alike = len({declaration.spec.metadata.name for _, declaration in loaded}) < len(specs)
    wanted = [(*one, None) for one in loaded] + [(*loaded[0], mode) for mode in modes]
    sides: list[diff_text.Side] = []
    for spec, declaration, mode in wanted:
        if mode is not None:
            refuse_mode(declaration, mode)
        name = spec if alike else declaration.spec.metadata.name
        label = name + (f" as {mode}" if mode else "")
        try:
            plan = make_plan(declaration, common.as_of, gates, mode)
        except NoPlan as reason:
            sides.append(diff_text.Side(label=label, refusal=reason.summary))
            continue
        sides.append(diff_text.Side(label=label, plan=plan, resources=record_plan(plan, declaration)))
    if all(side.plan is None for side in sides):
        raise NoPlan("; ".join(f"{side.label}: {side.refusal}" for side in sides))
    if common.format == "json":
        click.echo(diff_text.as_json(sides, loaded[0][1].bar))
    else:
        show(f"{diff_text.table(sides, verbose=common.verbose > 0)}\n  bar  {loaded[0][1].bar}")
    return 0


def _load(spec: str, common: Common) -> Declaration:
    with one_spec(spec) as file:
        return file.load(common)
