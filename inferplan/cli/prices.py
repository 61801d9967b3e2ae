"""`inferplan prices refresh`: read AWS's prices of the day into the organization's own price file.

Not here: asking AWS and reading its answers (aws_prices), and what the prices are used for (inferplan.plan).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import click

from inferplan.cli.app import Common, common_options
from inferplan.cli.screen import progress, show
from inferplan.cli.specfiles import spec_files
from inferplan.errors import InferplanError

if TYPE_CHECKING:
    from inferplan.cli.aws_prices.asking import Answered
    from inferplan.report.price_contracts import PricesDocument
    from inferplan.spec.declaration import Declaration


class NothingRead(InferplanError):  # noqa: N818 - it reads as what it says
    """No question was answered, so nothing is written."""


@click.command()
@click.argument("action", type=click.Choice(["refresh"]))
@click.option("--region", "regions", multiple=True, metavar="REGION", help="Ask for this Region; repeatable.")
@click.option(
    "--spec",
    "specs",
    multiple=True,
    metavar="SPEC",
    help="Ask for the Regions in which SPEC may stand; repeatable (default without --region: specs/).",
)
@click.option("--print-policy", is_flag=True, help="Print the IAM policy that this needs, and ask nothing.")
@common_options("text", "json")
def prices(
    action: str, regions: tuple[str, ...], specs: tuple[str, ...], print_policy: bool, common: Common
) -> int:
    """Read prices of the day from AWS, into prices.json of the organization; they win over the catalog's.

    refresh asks the Price List, Savings Plans, spot history and Capacity Block offers: read-only calls under
    the credentials of the environment. Nothing of the account is kept. What is not permitted is told and
    leaves its former rows. The file is replaced at the end, all at once.
    """
    from inferplan.cli.aws_prices.asking import Asking
    from inferplan.cli.aws_prices.price_calls import PriceCalls, policy
    from inferplan.spec.bar import PRICES

    if print_policy:
        click.echo(json.dumps(policy(), indent=2))
        return 0
    folder = common.organization_for(None)
    if folder is None:
        raise click.UsageError("no organization folder to write prices.json to; name it with --organization")
    wanted = _wanted(regions, specs, common)
    path = folder / PRICES
    answered: list[Answered] = []
    for one in Asking(PriceCalls(), common.as_of).everything(wanted, progress(quiet=common.quiet)):
        answered.append(one)
        if one.problem is not None and common.format == "text":
            show(f"{one.region}: {one.section}: {one.problem}", err=True)
    told = _written(path, answered, wanted, common.as_of)
    if common.format == "json":
        from inferplan.report.json_format import price_refresh

        click.echo(price_refresh(told))
    elif not common.quiet:
        from inferplan.report.price_text import lines

        show("\n".join(lines(told, common.verbose)))
    return 0


def _wanted(regions: Sequence[str], specs: Sequence[str], common: Common) -> tuple[str, ...]:
    """The Regions that are named, and those in which specs may stand; sorted."""
    found = {*map(_region, regions)}
    if specs or not regions:
        with spec_files(specs, verbose=common.verbose) as files:
            found |= {region for file in files for region in _of_spec(file.load(common))}
    if not found:
        raise click.UsageError("no spec names a Region of AWS; name one with --region")
    return tuple(sorted(found))


def _region(name: str) -> str:
    from inferplan import catalog

    try:
        found = catalog.region(name)
    except catalog.UnknownName as unknown:
        raise click.UsageError(str(unknown)) from None
    if found.partition != catalog.region(catalog.BASE_REGION).partition:
        raise click.UsageError(f"{name} lies in {found.partition}, whose prices are not asked for")
    return name


def _of_spec(declaration: Declaration) -> Iterable[str]:
    """The Region that a spec names, else every one in a country in which its data may be."""
    from inferplan import catalog
    from inferplan.spec.declaration import allowed_countries

    target = declaration.spec.target
    if target.region is not None:
        named = catalog.region(target.region)
        return [named.region] if named.partition == catalog.region(catalog.BASE_REGION).partition else []
    countries, home = allowed_countries(declaration), catalog.region(catalog.BASE_REGION).partition
    return [
        name
        for name, region in catalog.regions().items()
        if region.country in countries and region.partition == home
    ]


def _written(path: Path, answered: Sequence[Answered], regions: Sequence[str], day: date) -> PricesDocument:
    """The file as the answers make it, and what that changes; raises NothingRead where none was answered."""
    from inferplan.cli.aws_prices import price_changes
    from inferplan.cli.replacing import write
    from inferplan.report.price_contracts import PriceAnswer, PricesDocument
    from inferplan.spec.price_file import KEYS
    from inferplan.spec.price_reading import read_prices

    if all(one.problem is not None for one in answered):
        reasons = ", ".join(dict.fromkeys(str(one.problem) for one in answered))
        raise NothingRead(f"no price could be read, and {path} stays as it is: {reasons}")
    former = read_prices(path) if path.exists() else None
    after = price_changes.merged(former, answered)
    written = write(path, price_changes.text(after))
    return PricesDocument(
        schema="inferplan.prices/v1beta1",
        file=str(path),
        as_of=day.isoformat(),
        written=written,
        rows=sum(len(getattr(after, section)) for section in KEYS),
        answers=tuple(
            PriceAnswer(
                section=one.section,
                region=one.region,
                rows=len(one.rows),
                problem=one.problem,
                lacking=dict(one.lacking),
            )
            for one in answered
        ),
        changes=tuple(price_changes.changes(former, after)),
        differences=tuple(price_changes.differences(after, regions)),
    )
