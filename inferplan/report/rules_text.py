"""Rules for people: the list, and one rule's page.

Not here: the rules (policies) and their JSON (json_format).
"""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import fill
from typing import TYPE_CHECKING

import click

from inferplan.report.money import columns

if TYPE_CHECKING:
    from policies.rule import Rule

WIDTH = 100


def table(listed: Sequence[Rule]) -> str:
    """One line per rule: id, level, title."""
    return "\n".join(columns([[rule.id, rule.level_name, rule.title] for rule in listed], indent=""))


def page(rule: Rule, *, width: int = WIDTH) -> str:
    """Everything a rule says of itself, with its examples."""
    lines = [click.style(f"{rule.id}  {rule.title}", bold=True), f"{rule.level_name}, pack {rule.pack}", ""]
    for label, text in (("Why", rule.why), ("Fix", rule.fix)):
        lines += [fill(f"{label}: {text}", width=width, subsequent_indent="  "), ""]
    lines += [f"Source: {', '.join(rule.source)}", f"Applies to: {', '.join(rule.applies_to)}"]
    if rule.regimes:
        lines.append(f"Regimes: {', '.join(rule.regimes)}")
    lines += ["", "Passes:"] + [f"  {example.note}" for example in rule.passing]
    lines += ["Fails, after one change:"] + [f"  {change.note}" for change in rule.failing]
    return "\n".join(lines)
