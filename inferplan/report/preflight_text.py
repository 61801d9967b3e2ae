"""What a preflight has found, for people: what is to do first, each with its fix on a line to copy.

Not here: JSON (json_format) and finding it out (inferplan.cli).
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import TYPE_CHECKING

import click

from inferplan.report.money import counted

if TYPE_CHECKING:
    from inferplan.report.preflight_contracts import PreflightDocument, PreflightFinding

LABELS = {"to_do": "TO DO", "cannot_tell": "CANNOT TELL", "advice": "ADVICE", "ok": "ok"}
COLORS = {"to_do": "red", "cannot_tell": "yellow", "advice": "blue", "ok": "green"}
TITLES = {None: "either layer", "foundation": "the foundation", "workload": "the workload"}


def lines(found: PreflightDocument, *, quiet: bool = False) -> Iterator[str]:
    """Head, findings by layer, decision; `-q` leaves out what is as it has to be."""
    yield (
        click.style(found.name, bold=True) + f"  account {found.account}, {found.region}, as of {found.as_of}"
    )
    yield f"  bar  {found.organization}"
    shown = [finding for finding in found.findings if finding.status != "ok" or not quiet]
    for layer, listed in groupby(shown, key=lambda one: one.layer):
        yield ""
        yield click.style(f"before {TITLES[layer]}", bold=True)
        for finding in sorted(listed, key=lambda one: [*LABELS].index(one.status)):
            yield from _finding(finding)
    yield ""
    yield f"  {_decision(found)}"


def _finding(finding: PreflightFinding) -> Iterator[str]:
    label = click.style(LABELS[finding.status], fg=COLORS[finding.status], bold=finding.status != "ok")
    yield f"  {label} {finding.check}: {finding.subject}: {finding.message}"
    if finding.fix is not None:
        yield f"    {finding.fix}"


def _decision(found: PreflightDocument) -> str:
    told = found.summary
    parts = [
        f"{told.ok} ok",
        f"{told.to_do} to do",
        *([f"{told.advice} advice"] if told.advice else []),
        f"{told.cannot_tell} cannot be told",
    ]
    decision = {
        "ready": click.style("READY", fg="green", bold=True),
        "blocked": click.style("BLOCKED", fg="red", bold=True),
        "unknown": click.style("NOTHING BLOCKS", fg="yellow", bold=True)
        + f", and {counted(told.cannot_tell, 'question')} without an answer",
    }[found.decision]
    return f"decision  {decision} ({', '.join(parts)})"
