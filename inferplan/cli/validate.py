"""`inferplan validate`: can the specs be understood?

Not here: whether they are allowed (check) or possible (plan).
"""

from __future__ import annotations

import json

import click

from inferplan.cli.app import Common, common_options
from inferplan.cli.screen import show
from inferplan.cli.specfiles import spec_files
from inferplan.exitcodes import ExitCode, worst


@click.command()
@click.argument("specs", nargs=-1)
@common_options("text", "json")
def validate(specs: tuple[str, ...], common: Common) -> int:
    """Check that SPECS (default: specs/) can be understood; needs no cloud, engine or plan."""
    from inferplan.spec.faults import SpecErrors

    codes: list[ExitCode] = []
    results = []
    with spec_files(specs) as files:
        for file in files:
            try:
                declaration = file.load(common)
            except SpecErrors as problems:
                codes.append(ExitCode.NOT_UNDERSTOOD)
                results.append({"spec": file.name, "valid": False, "errors": problems.to_list()})
                if common.format == "text":
                    show(str(problems), err=True)
                continue
            codes.append(ExitCode.OK)
            results.append({"spec": file.name, "valid": True, "errors": []})
            if common.format == "text" and not common.quiet:
                bar = (
                    ""
                    if not declaration.organization_is_default
                    else "; no organization folder: built-in strict bar"
                )
                spec = declaration.spec
                show(f"{file.name}: {spec.kind} {spec.metadata.name} is valid{bar}")
    if common.format == "json":
        click.echo(json.dumps({"schema": "inferplan.validate/v1beta1", "specs": results}, indent=2))
    return int(worst(codes))
