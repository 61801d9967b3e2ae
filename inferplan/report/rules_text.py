"""Rules for people, and findings that belong to none: the list, and one page of each.

Not here: the rules (policies) and their JSON (json_format).
"""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import fill
from typing import TYPE_CHECKING

import click

from inferplan.report.money import columns

if TYPE_CHECKING:
    from inferplan.records.verdicts import CitedLine
    from policies.notices import Notice
    from policies.rule import Rule

WIDTH = 100


def table(listed: Sequence[Rule], notices: Sequence[Notice]) -> str:
    """One line per rule: id, level, title; then the findings that belong to no rule."""
    lines = columns([[rule.id, rule.level_name, rule.title] for rule in listed], indent="")
    noted = columns([[notice.id, notice.title] for notice in notices], indent="")
    return "\n".join([*lines, "", click.style("Findings that belong to no rule:", bold=True), *noted])


def page(rule: Rule, lines_cited: Sequence[CitedLine], *, width: int = WIDTH) -> str:
    """Everything a rule says of itself, with what the cited lines say and its examples."""
    lines = [click.style(f"{rule.id}  {rule.title}", bold=True), f"{rule.level_name}, pack {rule.pack}", ""]
    for label, text in (("Why", rule.why), ("Fix", rule.fix)):
        lines += [fill(f"{label}: {text}", width=width, subsequent_indent="  "), ""]
    lines += [*_sources(rule.source, lines_cited, width), f"Applies to: {', '.join(rule.applies_to)}"]
    if rule.regimes:
        lines.append(f"Regimes: {', '.join(rule.regimes)}")
    lines += ["", "Passes:"] + [f"  {example.note}" for example in rule.passing]
    lines += ["Fails, after one change:"] + [f"  {change.note}" for change in rule.failing]
    return "\n".join(lines)


def notice_page(notice: Notice, lines_cited: Sequence[CitedLine], *, width: int = WIDTH) -> str:
    """Everything that is to be said of a finding that belongs to no rule."""
    title = click.style(f"{notice.id}  {notice.title}", bold=True)
    sources = ["", *_sources(notice.source, lines_cited, width)] if notice.source else []
    return "\n".join([title, "", fill(f"Fix: {notice.fix}", width=width, subsequent_indent="  "), *sources])


def _sources(sources: Sequence[str], lines_cited: Sequence[CitedLine], width: int) -> list[str]:
    """Each source with what it says; the title of a document once, below its last line."""
    says = {line.source: line.says for line in lines_cited}
    told = [f"{source}  {says[source]}" if source in says else source for source in sources]
    told += dict.fromkeys(
        f"document {line.source.partition(':')[0]}: {line.document}" for line in lines_cited
    )
    return ["Source:", *(fill(line, width, initial_indent="  ", subsequent_indent="    ") for line in told)]
