"""What was measured of a deployed stack beside what its plan had predicted.

Not here: how it is compared (inferplan.plan.comparison).
"""

from __future__ import annotations

from typing import Literal

from inferplan.records.base import Record

Verdict = Literal["inside", "faster", "slower", "not comparable", "not measured", "not predicted"]


class Measurement(Record, frozen=True, kw_only=True):
    """One figure of a route; what is slower than predicted is outside, and so is what is faster."""

    route: str
    server: str
    figure: str
    unit: str
    measured: float | None  # null: the file does not say it
    low: float | None  # end of the predicted range; null: none stated
    expected: float | None  # predicted; null: not predicted
    high: float | None  # end of the predicted range; null: none stated
    verdict: Verdict
    limit: float | None = None  # that the route's objectives state; null: none
    limit_held: bool | None = None  # whether what was measured keeps it; null: no limit, or not measured
    note: str = ""
