"""`inferplan validate`: can the specs be understood?

Not here: whether they are allowed (check) or possible (plan).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from inferplan.cli.app import Common, common_options
from inferplan.cli.screen import show
from inferplan.cli.specfiles import Stacks, spec_files
from inferplan.exitcodes import ExitCode, worst
from inferplan.report.money import counted

if TYPE_CHECKING:
    from inferplan.spec.declaration import Bar
    from inferplan.spec.price_file import Prices

SCHEMA = "inferplan.validate/v1beta1"


@click.command()
@click.argument("specs", nargs=-1)
@common_options("text", "json")
def validate(specs: tuple[str, ...], common: Common) -> int:
    """Check that SPECS (default: specs/) can be understood; needs no cloud, engine or plan.

    With --organization and without SPECS, that folder alone is checked.
    """
    from inferplan.spec.faults import SpecErrors

    if common.organization is not None and not specs:
        return _organization_alone(common.organization, common)
    codes: list[ExitCode] = []
    results = []
    stacks = Stacks()
    with spec_files(specs, verbose=common.verbose) as files:
        for file in files:
            try:
                declaration = file.load(common)
                stacks.add(file, declaration)
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
        click.echo(json.dumps({"schema": SCHEMA, "specs": results, "organizations": []}, indent=2))
    return int(worst(codes))


def _organization_alone(folder: Path, common: Common) -> int:
    """The folder without any spec; raises SpecErrors, which the command line prints as for every verb."""
    from inferplan.spec.loading import load_organization
    from policies.families import rule_ids

    files = load_organization(folder, rule_ids())
    if common.format == "json":
        organization = {"valid": True, "organization": msgspec.to_builtins(files.bar(folder)), "errors": []}
        told = {"schema": SCHEMA, "specs": [], "organizations": [organization]}
        click.echo(json.dumps(told, indent=2))
    elif not common.quiet:
        held = files.organization
        paid = ((held.discounts, "discount"), (_own_prices(files.prices), "own price"))
        counts = ", ".join(
            counted(len(entries), word)
            for entries, word in (
                (held.accounts, "account"),
                (held.applications, "application"),
                (held.vendors, "vendor"),
                (held.evidence, "review"),
                (files.waivers, "waiver"),
                *(one for one in paid if one[0]),
            )
        )
        show(f"{folder}: Organization {held.metadata.name} is valid: {counts}; bar: {files.bar(folder)}")
    return 0


def _own_prices(prices: Prices | None) -> list[object]:
    """Every row of prices.json."""
    from inferplan.spec.price_file import KEYS

    return [row for section in KEYS for row in getattr(prices, section, ())]


def _result(name: str, errors: Sequence[object], bar: Bar | None = None) -> dict[str, object]:
    organization = msgspec.to_builtins(bar)
    return {"spec": name, "valid": not errors, "organization": organization, "errors": list(errors)}
