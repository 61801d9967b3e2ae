"""`inferplan validate`: can the specs be understood?

Not here: whether they are allowed (check) or possible (plan).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click
import msgspec

from inferplan.cli.app import Common, common_options
from inferplan.cli.screen import show
from inferplan.cli.specfiles import spec_files
from inferplan.exitcodes import ExitCode, worst

if TYPE_CHECKING:
    from inferplan.spec.declaration import Bar


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
                results.append(_result(file.name, problems.to_list()))
                if common.format == "text":
                    show(str(problems), err=True)
                continue
            codes.append(ExitCode.OK)
            results.append(_result(file.name, (), declaration.bar))
            if common.format == "text" and not common.quiet:
                spec, bar = declaration.spec, declaration.bar
                missing = "no organization folder: " if declaration.organization_is_default else ""
                show(f"{file.name}: {spec.kind} {spec.metadata.name} is valid; bar: {missing}{bar}")
    if common.format == "json":
        click.echo(json.dumps({"schema": "inferplan.validate/v1beta1", "specs": results}, indent=2))
    return int(worst(codes))


def _result(name: str, errors: Sequence[object], bar: Bar | None = None) -> dict[str, object]:
    organization = msgspec.to_builtins(bar)
    return {"spec": name, "valid": not errors, "organization": organization, "errors": list(errors)}
