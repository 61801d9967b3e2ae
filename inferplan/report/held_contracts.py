"""What the plan holds as plain mappings, as records: the part of its contract that its records leave open.

Not here: filling them in (inferplan.cost, inferplan.decision) and every other contract (contracts).
"""

from __future__ import annotations

from typing import Any, Literal

from msgspec import UNSET, Struct, UnsetType


class Gated(Struct, frozen=True):
    """A rule that stands against a backend.

    rule: its id
    backend: that is left out
    route: on which
    verdict: undecided keeps it out like fail does
    modes: in which the backend would serve
    reason: the finding's message
    """

    rule: str
    backend: str
    route: str
    verdict: Literal["fail", "undecided"]
    modes: tuple[str, ...]
    reason: str


class Weighed(Struct, frozen=True):
    """One criterion of the decision between own weights and vendors.

    id: of the criterion
    criterion: what it asks
    weight: that it starts with
    priority: its place among the spec's priorities; null where they do not name it
    favors: modes that get points
    points: by mode
    outcome: whether it was scored, and why not
    evidence: what in the spec or organization speaks
    standing: whether the evidence is registered or the author's claim
    documents: lines of the source documents, as document:line
    """

    id: str
    criterion: str
    weight: float
    priority: int | None
    favors: tuple[str, ...]
    points: dict[str, float]
    outcome: str
    evidence: str
    standing: str | None
    documents: tuple[str, ...]


class Utilization(Struct, frozen=True):
    """Own GPUs against one vendor for the tokens of one route.

    route: name
    own: backend and nodes
    vendor: backend and model
    input_to_output_tokens: of the typical request
    price_dates: of what was compared
    confidence: in the speed of the own GPUs
    utilization: share of full load from which own GPUs cost less, above 1 never; null where it is unknown
    reason: what the share says, or what is missing
    own_usd_per_million_tokens_when_full: USD
    vendor_usd_per_million_tokens: USD
    tokens_per_second_when_full: of the own GPUs
    monthly_requests_when_full: that the own GPUs serve
    """

    route: str
    own: str
    vendor: str
    input_to_output_tokens: str
    price_dates: str
    confidence: str
    utilization: float | None
    reason: str
    own_usd_per_million_tokens_when_full: float | UnsetType = UNSET
    vendor_usd_per_million_tokens: float | UnsetType = UNSET
    tokens_per_second_when_full: float | UnsetType = UNSET
    monthly_requests_when_full: int | UnsetType = UNSET


class CurvePoint(Struct, frozen=True):
    """Both bills at one volume.

    monthly_requests: volume
    own_usd: a month, with own weights
    vendor_usd: a month, with vendors
    """

    monthly_requests: float
    own_usd: float
    vendor_usd: float


class BreakEven(Struct, frozen=True):
    """From which volume own weights cost less than vendors.

    utilization: by route
    monthly_requests: from which own weights cost less; null where they never do, or cannot be compared
    monthly_requests_for_good: above which they always do
    curve: both bills by volume
    reason: the answer in words
    basis: what both curves are made of: planned requests, fixed and usage parts, one node of each pool
    own: mode of the one side
    vendor: mode of the other
    """

    utilization: tuple[Utilization, ...]
    monthly_requests: float | None
    monthly_requests_for_good: float | None
    curve: tuple[CurvePoint, ...]
    reason: str
    basis: dict[str, Any] | UnsetType = UNSET
    own: str | UnsetType = UNSET
    vendor: str | UnsetType = UNSET
