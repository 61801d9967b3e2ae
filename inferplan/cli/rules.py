"""`inferplan rules`: list the rules and the findings that belong to none, or show one of them.

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
    """List every rule of the policy packs, or show the one named ID.

    Findings that belong to no rule, such as PIN-MISSING, follow the rules and are found in the same way.
    Of one rule it is told what the cited lines of the source documents say.
    """
    from inferplan.report import json_format, rules_text
    from policies.documents import cited
    from policies.notices import NOTICES, find_notice
    from policies.packs import all_rules, find_rule

    if rule_id is None:
        if format == "json":
            click.echo(json_format.rules(all_rules(), NOTICES, cited))
        else:
            screen.show(rules_text.table(all_rules(), NOTICES))
    elif (rule := find_rule(rule_id)) is not None:
        if format == "json":
            click.echo(json_format.rules([rule], [], cited))
        else:
            screen.show(rules_text.page(rule, cited(rule.source), width=screen.columns()))
    elif (notice := find_notice(rule_id)) is not None:
        if format == "json":
            click.echo(json_format.rules([], [notice], cited))
        else:
            screen.show(rules_text.notice_page(notice, cited(notice.source), width=screen.columns()))
    else:
        known = [*(rule.id for rule in all_rules()), *(notice.id for notice in NOTICES)]
        hint = did_you_mean(near(rule_id, known, 3))
        raise click.UsageError(f"no rule {rule_id!r}" + (f"; {hint}" if hint else ""))
    return 0
