"""What a lock has become, for a person.

Not here: JSON (json_format) and doing it (inferplan.cli).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from inferplan.report.money import columns, counted

if TYPE_CHECKING:
    from inferplan.report.lock_contracts import LockDocument, PinChange

SHORT = 19  # characters of a digest that tell two apart: sha256: and twelve digits
COMMIT_LENGTH = 40


def lines(told: LockDocument, verbose: int = 0, *, is_check: bool = False) -> Iterator[str]:
    """The file, what changed in it, what is open, and what else to know."""
    yield f"{told.file}: {counted(told.pins, 'pin')}, {_standing(told, is_check=is_check)}"
    yield from columns([_row(one, verbose) for one in told.changes], indent="    ")
    for state, title in (("pending", "pending:"), ("failed", "not found, and as they were before:")):
        rows = [[one.path, one.reason] for one in told.open if one.state == state]
        if rows:
            yield f"  {title}"
            yield from columns(rows, indent="    ")
    for note in told.notes:
        yield f"  {note}"


def _standing(told: LockDocument, *, is_check: bool) -> str:
    if not told.changes:
        return "nothing changed" if not is_check else "nothing would change"
    amount = counted(len(told.changes), "change")
    return f"{amount} would be made" if is_check else amount


def _row(one: PinChange, verbose: int) -> list[str]:
    before, after = (_short(text, verbose) for text in (one.before, one.after))
    told = {"new": f"new: {after}", "gone": f"no longer needed: {before}", "changed": f"{before} -> {after}"}
    return [one.path, told[one.change]]


def _short(text: str | None, verbose: int) -> str:
    """Digests and commits in as many digits as tell them apart."""
    if not text or verbose:
        return text or "nothing"
    return " ".join(_clipped(word) for word in text.split(" "))


def _clipped(word: str) -> str:
    bare = word.rstrip(",")
    is_commit = len(bare) == COMMIT_LENGTH and all(letter in "0123456789abcdef" for letter in bare)
    if is_commit or bare.startswith("sha256:"):
        return (bare[:SHORT] if not is_commit else bare[:12]) + word[len(bare) :]
    return word
