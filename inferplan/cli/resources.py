"""`inferplan resources`: what will be created, by layer and component.

Not here: declaring the resources (stacks), judging them (policies), and the formats (inferplan.report).
"""

from __future__ import annotations

import click

from inferplan.cli.app import Common, common_options
from inferplan.cli.screen import show
from inferplan.cli.specfiles import one_spec


@click.command()
@click.argument("spec")
@click.option("--layer", type=click.Choice(["foundation", "workload"]), help="Only this layer.")
@common_options("text", "json")
def resources(spec: str, layer: str | None, common: Common) -> int:
    """List every resource that SPEC's stack declares, and what it is for.

    Text is a tree of layers, components and resources; JSON has inputs, origins and dependencies too.
    """
    from inferplan.plan.make import make_plan
    from policies.gates import gates
    from stacks import LAYERS
    from stacks.record import record_layer

    with one_spec(spec) as file:
        declaration = file.load(common)
    plan = make_plan(declaration, common.as_of, gates)
    layers = {wanted: record_layer(plan, declaration, wanted) for wanted in LAYERS if layer in (None, wanted)}
    if common.format == "json":
        from inferplan.report import resource_list

        click.echo(resource_list.as_json(plan.name, layers, declaration.bar))
    else:
        from inferplan.report import resource_tree
        from stacks.purposes import purposes

        show(f"{resource_tree.text(plan.name, layers, purposes())}\n  bar  {declaration.bar}")
    return 0
