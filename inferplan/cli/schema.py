"""`inferplan schema`: print the JSON Schema of a kind of file or of an output, for editors and other tools.

Not here: validation itself (inferplan.spec) and the documents (inferplan.report).
"""

from __future__ import annotations

from collections.abc import Iterable

import click

from inferplan.cli.screen import show
from inferplan.near import did_you_mean, near

ANY = "any"


@click.command()
@click.argument("kind", required=False)
@click.option("--output", metavar="NAME", help="Of what a verb prints with --format json, such as check.")
def schema(kind: str | None, output: str | None) -> int:
    """Print the JSON Schema (draft 2020-12) of a KIND of file, or of an output; without either, list them.

    The kind `any` is every kind of file in one document, as editors use it.
    """
    from inferplan.spec.schema import KINDS, schema_text

    if kind is not None and output is not None:
        raise click.UsageError("name a KIND of file or an --output, not both")
    if output is not None:
        click.echo(_output(output), nl=False)
    elif kind is not None:
        wanted = _known("kind", kind, (*KINDS, ANY))
        click.echo(schema_text(None if wanted == ANY else wanted), nl=False)
    else:
        show(_listed())
    return 0


def _output(name: str) -> str:
    from inferplan.report.contract_schemas import OUTPUTS, output_text

    return output_text(_known("output", name, OUTPUTS))


def _known(what: str, name: str, known: Iterable[str]) -> str:
    """The name as it is spelled here, however it was cased."""
    named = {one.lower(): one for one in known}
    if name.lower() not in named:
        hint = did_you_mean(near(name, named.values())) or f"one of {', '.join(named.values())}"
        raise click.UsageError(f"no such {what} '{name}'; {hint}")
    return named[name.lower()]


def _listed() -> str:
    """Every schema that can be printed, with what it describes."""
    from inferplan.report.contract_schemas import OUTPUTS, described_output
    from inferplan.report.money import columns
    from inferplan.spec.schema import KINDS, described_kind

    kinds = [[kind, described_kind(kind)] for kind in KINDS] + [[ANY, "Every kind of file in one document."]]
    return "\n".join(
        [
            click.style("Files that people write: inferplan schema KIND", bold=True),
            *columns(kinds),
            click.style("What verbs print with --format json: inferplan schema --output NAME", bold=True),
            *columns([[name, described_output(name)] for name in OUTPUTS]),
        ]
    )
