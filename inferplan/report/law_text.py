"""The laws that a declaration stands under, for a person: why each counts, what it asks, who serves it.

Not here: which laws those are (inferplan.spec.laws).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from inferplan.report.money import columns

if TYPE_CHECKING:
    from inferplan.spec.laws import Law


def rows(laws: Sequence[Law]) -> list[str]:
    """One line a law in a plan: name, why, what it asks; general regimes are about transfers abroad."""
    return columns(
        [
            [
                law.id,
                f"{law.name} ({_why(law)})",
                f"{'asks' if law.sector else 'transfers by'}: {'; '.join(law.asks)}" if law.asks else "",
            ]
            for law in laws
        ]
    )


def review_rows(laws: Sequence[Law]) -> list[str]:
    """One line a law in a review: why it counts, and the rules that name it."""
    return [
        f"  law       {law.id} ({_why(law)}): "
        + (", ".join(law.rules) if law.rules else "no rule names it yet")
        for law in laws
    ]


def _why(law: Law) -> str:
    doubt = "" if law.verified is True else f"; {law.verified or 'unverified'}"
    return f"{law.why}{doubt}"
