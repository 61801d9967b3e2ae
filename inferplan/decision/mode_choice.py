"""From scores to a mode: totals of both sides, hybrid for mixed classes or a near tie.

Not here: gates, criteria and prices.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from inferplan import catalog
from inferplan.catalog import Side
from inferplan.decision.bills import Options
from inferplan.decision.criteria import read
from inferplan.decision.question import Question
from inferplan.decision.score import HYBRID, OWN, VENDOR, Score
from inferplan.records.base import Kind

ALL: tuple[Side, ...] = (OWN, VENDOR, HYBRID)


@dataclass(frozen=True, kw_only=True)
class Weighed:
    """One criterion with what it scored, in points: weight times priority times share."""

    criterion: catalog.Criterion
    priority: int | None
    score: Score
    weight: float  # scaled by the priority

    def points(self, side: Side) -> float:
        """Points for a side."""
        return round(self.weight * self.score.shares.get(side, 0.0), 2)

    def row(self) -> dict[str, Any]:
        """The line of the record."""
        return {
            "id": self.criterion.id,
            "criterion": self.criterion.criterion,
            "weight": self.criterion.weight,
            "priority": self.priority,
            "favors": [side for side in ALL if self.points(side)],
            "points": {side: self.points(side) for side in ALL if self.points(side)},
            "outcome": self.score.outcome,
            "evidence": self.score.evidence,
            "standing": self.score.standing,
            "documents": list(self.criterion.documents),
        }


def weigh(question: Question, options: Options) -> tuple[Weighed, ...]:
    """Every criterion of the catalog, read and weighed."""
    neutral = catalog.decision_settings()["neutral_priority"].value
    weighed = []
    for criterion in catalog.criteria().values():
        priority = question.spec.priorities.get(criterion.priority) if criterion.priority else None
        weight = criterion.weight * (priority / neutral if priority is not None else 1.0)
        score = read(criterion, question, options)
        weighed.append(Weighed(criterion=criterion, priority=priority, score=score, weight=weight))
    return tuple(weighed)


def totals(weighed: Collection[Weighed]) -> dict[str, float]:
    """Points of both sides; what speaks for hybrid only is no side's."""
    return {side: round(sum(one.points(side) for one in weighed), 2) for side in (OWN, VENDOR)}


def choose(
    weighed: Collection[Weighed], feasible: Collection[Kind], usd: Mapping[Kind, float]
) -> tuple[Kind, tuple[str, ...]]:
    """The mode among the feasible ones and why, in sentences; `usd` are expected monthly bills.

    Hybrid is proposed for mixed classes or a near tie; the side with more points otherwise. A side that is
    not feasible by itself is represented by hybrid, where that is.
    """
    points = totals(weighed)
    near = catalog.decision_settings()["near_tie"].value
    own, vendor = points[OWN], points[VENDOR]
    text = f"own weights {own:g} points, vendors {vendor:g}"
    if len(feasible) == 1:
        (only,) = feasible
        return only, (f"{only} is the only mode that is left", text)
    mixed = next((one for one in weighed if one.points(HYBRID) and one.criterion.favors == (HYBRID,)), None)
    if mixed is not None and HYBRID in feasible:
        return HYBRID, (f"hybrid, because the classes of data are {mixed.score.evidence}", text)
    tie = abs(own - vendor) <= near * max(own, vendor)
    if tie and HYBRID in feasible:
        return HYBRID, (f"hybrid, because it is a near tie: {text} (near: within {near:.0%} of the higher)",)
    if tie:
        best = min(feasible, key=lambda kind: (usd[kind], kind))
        return best, (f"a near tie ({text}) and hybrid is not possible: {best} has the lower bill",)
    ahead: Kind = "self-hosted" if own > vendor else "managed-api"
    if ahead in feasible:
        return ahead, (f"{ahead} is ahead: {text}",)
    return HYBRID, (f"{ahead} is ahead ({text}) but cannot serve every route alone: hybrid",)


def decisive(weighed: Collection[Weighed], limit: int = 3) -> tuple[str, ...]:
    """The heaviest reasons of each side, for the reader in a hurry."""
    lines = []
    for side, name in ((OWN, "own weights"), (VENDOR, "vendors")):
        best = sorted((one for one in weighed if one.points(side)), key=lambda one: -one.points(side))[:limit]
        if best:
            told = "; ".join(
                f"{one.criterion.criterion} ({one.points(side):g}: {one.score.evidence})" for one in best
            )
            lines.append(f"for {name}: {told}")
    return tuple(lines)
