"""`inferplan schema`: print the JSON Schema of a kind of file, for editors and other validators.

Not here: validation itself (inferplan.spec).
"""

from __future__ import annotations

import click


@click.command()
@click.argument("kind", required=False)
def schema(kind: str | None) -> int:
    """Print the JSON Schema (draft 2020-12) of KIND, or of every kind in one document."""
    from inferplan.spec.schema import KINDS, schema_text

    named = {known.lower(): known for known in KINDS}
    if kind is not None and kind.lower() not in named:
        raise click.UsageError(f"no such kind {kind!r}; one of {', '.join(KINDS)}")
    click.echo(schema_text(named[kind.lower()] if kind is not None else None), nl=False)
    return 0
