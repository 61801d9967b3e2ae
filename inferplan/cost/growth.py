"""How a bill grows: requests smoothly, GPU nodes in steps, from the speed that the plan predicts.

Not here: prices, and the choice of instance type, which is kept.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from inferplan import sizing
from inferplan.cost.lines import Case
from inferplan.records.draft import Draft, Traffic
from inferplan.records.plan import Pool, PoolGrowth, Server

Factors = Mapping[str, float]  # route -> times today's expected load
HORIZON_MONTHS = 36
MONTHS = range(HORIZON_MONTHS)


def requests_of(traffic: Traffic, case: Case) -> int:
    """Requests a month of a route in one case."""
    return {
        "low": traffic.monthly_requests_low,
        "expected": traffic.monthly_requests,
        "high": traffic.monthly_requests_high,
    }[case]


def scenario_factor(draft: Draft, case: Case) -> dict[str, float]:
    """Per route, the case over the expected one; the peak is taken to move with the month's requests."""
    return {
        one.route: requests_of(one, case) / one.monthly_requests if one.monthly_requests else 1.0
        for one in draft.traffic
    }


def month_factor(draft: Draft, case: Case, month: int) -> dict[str, float]:
    """Per route, the load of a month over today's expected one; month 0 is today."""
    base = scenario_factor(draft, case)
    return {
        one.route: base[one.route] * (1 + one.growth_percent_per_month / 100) ** month
        for one in draft.traffic
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """What decides how many nodes a server needs: its speed, its load by route, how pods are placed."""

    per_second: float  # requests that one replica answers
    sure_per_second: float  # the same where no reserve is left: at the slow end if it was sized for that
    first: tuple[tuple[str, float], ...]  # route and peak of today's expected load
    fallback: tuple[tuple[str, float], ...]
    pods_per_node: int
    zones: int  # above one only where the loss of a zone is survived
    stages: int

    def nodes(self, factors: Factors) -> int:
        """As the planner counts: at the planning utilization, and with a backend or a zone lost."""
        main = sum(peak * factors[route] for route, peak in self.first)
        both = main + sum(peak * factors[route] for route, peak in self.fallback)
        standing_in = sizing.replicas(both, self.sure_per_second, utilization=sizing.FAILURE_UTILIZATION)
        failed = sizing.replicas(main, self.sure_per_second, utilization=sizing.FAILURE_UTILIZATION)
        replicas = max(standing_in, sizing.replicas(main, self.per_second) if main else 1)
        if self.zones == 1:
            return math.ceil(replicas / self.pods_per_node) * self.stages
        per_zone = max(math.ceil(replicas / self.zones), math.ceil(failed / (self.zones - 1)))
        return self.zones * math.ceil(per_zone / self.pods_per_node) * self.stages


def needs(draft: Draft, pool: Pool, *, slow: bool = False) -> tuple[Need, ...]:
    """One need for each server of a pool; none where a speed is unknown. `slow`: at its slow end."""
    found = []
    for server in draft.servers:
        if server.pool != pool.name:
            continue
        rate = requests_per_second(draft, server, slow=slow)
        sure = requests_per_second(draft, server, slow=slow or server.sized_at == "slow end")
        if rate is None or sure is None:
            return ()
        first, fallback = _loads(draft, server)
        found.append(
            Need(
                per_second=rate,
                sure_per_second=sure,
                first=tuple((one.route, one.peak_requests_per_second) for one in first),
                fallback=tuple((one.route, one.peak_requests_per_second) for one in fallback),
                pods_per_node=max(1, server.max_replicas * server.pipeline_parallel // pool.max_nodes),
                zones=server.min_replicas,
                stages=server.pipeline_parallel,
            )
        )
    return tuple(found)


def nodes_for(draft: Draft, pool: Pool, factors: Factors) -> int:
    """Nodes of a pool for a load: the plan's own count for today's, and where the speed is not known."""
    return nodes_with(needs(draft, pool), pool, factors)


def nodes_with(known: Sequence[Need], pool: Pool, factors: Factors) -> int:
    """As `nodes_for`, for needs that are known already."""
    if not known or all(factor == 1 for factor in factors.values()):
        return pool.nodes
    return sum(need.nodes(factors) for need in known)


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """One case over the horizon: by month from today, the load of every route and the nodes of every pool."""

    factors: tuple[Factors, ...]
    nodes: Mapping[str, tuple[int, ...]]


def courses(draft: Draft) -> dict[Case, Course]:
    """Every case over the horizon; cases with the same volume share one course."""
    known = {pool.name: needs(draft, pool) for pool in draft.pools}
    found: dict[Case, Course] = {}
    cases: tuple[Case, ...] = ("expected", "low", "high")
    for case in cases:
        today = scenario_factor(draft, case)
        same = next((one for one in found.values() if one.factors[0] == today), None)
        if same is None:
            factors = tuple(month_factor(draft, case, month) for month in MONTHS)
            nodes = {
                pool.name: tuple(nodes_with(known[pool.name], pool, factor) for factor in factors)
                for pool in draft.pools
            }
            same = Course(factors=factors, nodes=nodes)
        found[case] = same
    return found


def _loads(draft: Draft, server: Server) -> tuple[list[Traffic], list[Traffic]]:
    """The load a server carries first, and the load it stands in for."""
    standing_in = {route.name for route in draft.routes if server.backend in route.fallback}
    first = [one for one in draft.traffic if one.backend == server.backend]
    return first, [one for one in draft.traffic if one.route in standing_in]


def requests_per_second(draft: Draft, server: Server, *, slow: bool = False) -> float | None:
    """What one replica does at the planned concurrency and today's mix of requests; None without a speed."""
    speed = server.throughput
    if speed is None:
        return None
    first, fallback = _loads(draft, server)
    every = [*first, *fallback]
    peak = sum(one.peak_requests_per_second for one in every)
    tokens_per_second = speed.output_tokens_per_second_low if slow else speed.output_tokens_per_second
    if tokens_per_second is not None and peak > 0:
        tokens = math.ceil(sum(one.output_tokens * one.peak_requests_per_second for one in every) / peak)
        return tokens_per_second / tokens
    if speed.ttft_ms > 0:  # pooling: one forward pass answers `concurrency` requests
        return speed.concurrency * 1000 / speed.ttft_ms
    return None


def pool_growth(draft: Draft, pool: Pool, course: Course) -> PoolGrowth:
    """The nodes of a pool over the horizon, and when the plan's ceiling is passed."""
    counts = course.nodes[pool.name]
    steps = [(1, counts[0])]
    for month, count in enumerate(counts[1:], start=2):
        if count != steps[-1][1]:
            steps.append((month, count))
    passed = next((month for month, count in steps if count > pool.max_nodes), None)
    slow = needs(draft, pool, slow=True)
    note = "nodes follow the requests at the predicted speed, the instance type is kept"
    if not slow:
        note = "the speed is not known, so nodes stay as planned"
    elif passed is not None:
        note += f"; month {passed} needs {dict(steps)[passed]}, the plan's ceiling is {pool.max_nodes}"
    today = dict.fromkeys(course.factors[0], 1.0)
    return PoolGrowth(
        pool=pool.name,
        steps=tuple(steps),
        max_nodes=pool.max_nodes,
        exceeds_max_in_month=passed,
        nodes_at_slow_speed=sum(need.nodes(today) for need in slow) if slow else None,
        note=note,
    )
