"""What a plan amounts to: its cost, flows, decision, lead time, defaults, and the candidates it passed over.

Not here: what is built (plan).
"""

from __future__ import annotations

from typing import Any, Literal

from msgspec import field

from inferplan.records.base import Kind, Record
from inferplan.spec.model import DataClass
from inferplan.spec.price_book import Origin, Reduction


class CostLine(Record, frozen=True, kw_only=True):
    """One line of the bill; None where no source gives a price, with the reason in `note`."""

    name: str
    kind: Literal["fixed", "usage", "labor"]
    low_usd: float | None
    expected_usd: float | None
    high_usd: float | None
    quantity: float
    unit: str
    unit_usd: float | None
    estimated: bool
    source: str
    as_of: str
    note: str = ""
    group: str = ""  # gpus, cluster, network, gateway, logs, storage, keys, traffic, tokens, labor
    routes: tuple[str, ...] = ()  # it grows with the requests of these
    pool: str | None = None  # it grows with the nodes of this pool
    origin: Origin | None = "catalog"  # whose price it is; spec: the spec states it, None: there is none
    reduction: Reduction | None = None  # a discount of the organization, which unit_usd has been lowered by


class Range(Record, frozen=True, kw_only=True):
    low: float
    expected: float
    high: float


class Scenario(Record, frozen=True, kw_only=True):
    """One volume that was priced; `stated` False: the spec names no such case, so it is the expected one."""

    name: Literal["low", "expected", "high"]
    monthly_requests: int
    monthly_input_tokens: int
    monthly_output_tokens: int
    monthly_usd: float
    stated: bool


class Premium(Record, frozen=True, kw_only=True):
    """One part of what keeping data in its place costs in a month; None where it cannot be priced."""

    name: str
    usd: float | None
    note: str


class Commitment(Record, frozen=True, kw_only=True):
    """What one or three years of commitment would make of a line; beside the bill, never in it."""

    line: str
    years: Literal[1, 3]
    monthly_usd: Range | None  # None: no source states a discount, and `note` says so
    verified: bool | Literal["partial"]
    source: str
    as_of: str
    note: str


class PoolGrowth(Record, frozen=True, kw_only=True):
    """Nodes of a pool as its load grows: (month, nodes) from month 1, only where the number changes."""

    pool: str
    steps: tuple[tuple[int, int], ...]
    max_nodes: int
    exceeds_max_in_month: int | None  # from then on the plan's ceiling is too low
    nodes_at_slow_speed: int | None  # for today's load, were the speed at the slow end of its error range
    note: str


class Alternative(Record, frozen=True, kw_only=True, omit_defaults=True):
    name: str
    mode: str
    monthly_usd: Range | None
    feasible: bool
    reason: str
    unpriced: tuple[str, ...] = ()  # GPU nodes and tokens that are not in monthly_usd: a lower bound


class Cost(Record, frozen=True, kw_only=True):
    monthly_usd: Range  # cloud and vendor bills, without labor
    fixed_usd: float
    labor_usd: float | None
    months_12_usd: Range
    months_36_usd: Range
    sovereignty_usd: float | None
    lines: tuple[CostLine, ...]
    alternatives: tuple[Alternative, ...]
    break_even: dict[str, Any] | None
    wording: str  # ratio, utilization, price date and confidence
    labor_hours: float | None = None
    scenarios: tuple[Scenario, ...] = ()
    sovereignty: tuple[Premium, ...] = ()  # sovereignty_usd line by line
    commitments: tuple[Commitment, ...] = ()
    growth: tuple[PoolGrowth, ...] = ()
    unpriced: tuple[str, ...] = ()  # lines that no source prices: in no total


class Flow(Record, frozen=True, kw_only=True):
    """Data on the move or at rest: the planner's claim, which policies compare with the resources."""

    source: str
    destination: str
    place: str  # region, country or host
    country: str
    data: str  # prompts, weights, logs, keys, state, billing
    classes: tuple[DataClass, ...]


class Default(Record, frozen=True, kw_only=True):
    path: str
    value: Any
    why: str


class LeadTime(Record, frozen=True, kw_only=True):
    days: int
    items: dict[str, int]
    deadline: str | None = None
    misses: tuple[str, ...] = ()


class Decision(Record, frozen=True, kw_only=True):
    """Why this mode: gates with rule ids, weighted scores of both sides, the evidence of each."""

    mode: Kind
    asked: str
    gates: tuple[dict[str, Any], ...] = ()
    criteria: tuple[dict[str, Any], ...] = ()
    totals: dict[str, float] = field(default_factory=dict)
    reasons: tuple[str, ...] = ()


class Candidate(Record, frozen=True, kw_only=True):
    """One way of serving a backend that the planner looked at; the chosen one is among them."""

    backend: str
    region: str
    instance_type: str
    gpu: str
    tensor_parallel: int
    pipeline_parallel: int
    replicas: int | None
    nodes: int | None
    monthly_usd: float | None
    chosen: bool
    reason: str  # why it was taken or why not
