"""What speaks for own weights and what for vendors, how heavy each is, and how long things take to get.

Not here: reading a spec against them (inferplan.decision, inferplan.plan.leadtime).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Literal

from inferplan.catalog.table import Row, rows

Side = Literal["self-hosted", "managed-api", "hybrid"]


class Criterion(Row, frozen=True, kw_only=True):
    """One criterion; `favors` are the sides it can speak for, `when` says in words which one it does."""

    id: str
    criterion: str
    favors: tuple[Side, ...]  # none: recorded only
    weight: int  # 1 light to 5 decisive
    priority: str | None  # word of the spec's `priorities` that scales the weight
    wish: bool  # a stated priority is itself the evidence
    when: str
    gates: tuple[str, ...]  # rules that decide the same question before any weight counts
    purposes: tuple[str, ...] = ()
    sectors: tuple[str, ...] = ()
    skills: tuple[str, ...] = ()
    contested: str | None = None  # what other documents say
    documents: tuple[str, ...]  # file and line
    note: str | None = None


class DecisionSetting(Row, frozen=True, kw_only=True):
    """One number of the decision that is not a weight."""

    name: str
    value: float
    unit: str
    meaning: str


class LeadTimeItem(Row, frozen=True, kw_only=True):
    """Days until something that must be asked for or built is there."""

    item: str
    days: int
    meaning: str


@cache
def criteria() -> Mapping[str, Criterion]:
    """Every criterion by id, in the order in which it is printed."""
    return {row.id: row for row in rows("criteria", Criterion)}


@cache
def decision_settings() -> Mapping[str, DecisionSetting]:
    """Every setting of the decision by name."""
    return {row.name: row for row in rows("decision_settings", DecisionSetting)}


@cache
def lead_times() -> Mapping[str, LeadTimeItem]:
    """Every item of lead time by name."""
    return {row.item: row for row in rows("lead_times", LeadTimeItem)}
