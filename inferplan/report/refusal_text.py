"""Why the program refuses to deploy, in few lines: each rule that denies, its cause first.

Not here: the whole review (text), which `inferplan check` prints, and how packs report (policies).
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from inferplan.records.verdicts import Finding, Report


def refusal(report: Report) -> str:
    """The rules that deny, each with its first finding: those about the declaration before resources."""
    blocking = sorted(
        (finding for finding in report.findings if finding.blocks),
        key=lambda finding: (finding.rule, finding.subject.urn is not None),
    )
    groups = [list(group) for _, group in groupby(blocking, key=lambda finding: finding.rule)]
    groups.sort(key=lambda group: group[0].subject.urn is not None)
    lines = [f"{report.spec.name} is denied under {report.organization}:"]
    lines += [line for group in groups for line in _rule(group)]
    return "\n".join([*lines, f"`inferplan check {report.spec.path} --locked` says all of it."])


def _rule(group: list[Finding]) -> Iterable[str]:
    first, *others = group
    subject = f"{first.subject.kind} {first.subject.name}"
    place = f" at {first.path}" if first.path else ""
    line = f" ({first.file}:{first.line}:{first.column})" if first.file else ""
    more = f"; and {len(others)} more" if others else ""
    yield f"  {first.rule} {first.verdict}: {subject}{place}: {first.message}{line}{more}"
    yield f"    fix: {first.fix}"
