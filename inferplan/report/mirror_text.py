"""What a mirror has brought, for a person.

Not here: JSON (json_format) and doing it (inferplan.cli).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from inferplan.report.money import counted

if TYPE_CHECKING:
    from inferplan.report.mirror_contracts import MirrorDocument

GB = 10**9
OUTCOMES = {
    "complete": "everything is there",
    "already": "everything is there already, and no build was needed",
    "incomplete": "not everything is there; the next run takes up the rest",
}


def lines(told: MirrorDocument, verbose: int = 0) -> Iterator[str]:
    """How it ended, how much of it is new, what failed and why; -v lists every part."""
    yield f"{told.stack}: {OUTCOMES[told.outcome]}"
    for kind in ("image", "file"):
        parts = [one for one in told.parts if one.kind == kind]
        if not parts:
            continue
        counts = {state: sum(one.state == state for one in parts) for state in ("brought", "there", "failed")}
        said = ", ".join(f"{count} {state}" for state, count in counts.items() if count)
        came = sum(one.bytes for one in parts)
        yield f"  {counted(len(parts), kind)}: {said}" + (f", {came / GB:.2f} GB" if came else "")
    for one in told.parts:
        if one.problem is not None:
            yield f"  {one.name}: {one.problem}"
        elif verbose:
            yield f"  {one.state:<8} {one.name}"
    yield f"  record  {told.record}"
    if told.then is not None:
        yield f"  then    {told.then}"
