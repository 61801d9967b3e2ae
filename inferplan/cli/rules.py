"""`inferplan rules`: list the rules, or show one with why, fix and source.

Not here: the rules (policies).
"""

from __future__ import annotations

import click

from inferplan.cli import screen
from inferplan.near import did_you_mean, near


@click.command()
@click.argument("rule_id", required=False, metavar="[ID]")
@click.option("--format", type=click.Choice(["text", "json"]), default="text", show_default=True)
def rules(rule_id: str | None, format: str) -> int:
    """List every rule of the policy packs, or show the one named ID."""
    from inferplan.report import json_format, rules_text
    from policies.packs import all_rules, find_rule

    if rule_id is None:
        listed = all_rules()
        if format == "json":
            click.echo(json_format.rules(listed))
        else:
            screen.show(rules_text.table(listed))
        return 0
    rule = find_rule(rule_id)
    if rule is None:
        hint = did_you_mean(near(rule_id, [known.id for known in all_rules()], 3))
        raise click.UsageError(f"no rule {rule_id!r}" + (f"; {hint}" if hint else ""))
    if format == "json":
        click.echo(json_format.rules([rule]))
    else:
        screen.show(rules_text.page(rule, width=screen.columns()))
    return 0
