"""How a bill grows: requests smoothly, GPU nodes in steps, from the speed that the plan predicts.

Not here: prices, and the choice of instance type, which is kept.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Literal

from inferplan import sizing
from inferplan.plan.draft import Draft, Traffic
from inferplan.plan.layouts import FAILURE_UTILIZATION
from inferplan.plan.model import Pool, PoolGrowth, Server

Case = Literal["low", "expected", "high"]
Factors = Mapping[str, float]  # route -> times today's expected load
HORIZON_MONTHS = 36
MONTHS = range(HORIZON_MONTHS)
SLOWEST = 1e-9  # a load that fills n replicas exactly must not need n + 1 through rounding


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


def nodes_for(draft: Draft, pool: Pool, factors: Factors, *, slow: bool = False) -> int:
    """Nodes of a pool for a load; `slow`: were the speed at the slow end of its error range.

    The plan's own count for today's load; otherwise its arithmetic: requests per second over the speed of a
    replica at the planning utilization, the rest after a loss at the failure utilization, per zone.
    """
    if not slow and all(factor == 1 for factor in factors.values()):
        return pool.nodes
    servers = [server for server in draft.servers if server.pool == pool.name]
    found = [_nodes(draft, pool, server, factors, slow=slow) for server in servers]
    if any(count is None for count in found) or not found:
        return pool.nodes
    return sum(count or 0 for count in found)


def _nodes(draft: Draft, pool: Pool, server: Server, factors: Factors, *, slow: bool) -> int | None:
    rate = requests_per_second(draft, server, slow=slow)
    if rate is None:
        return None
    first, fallback = _loads(draft, server)
    main = sum(one.peak_requests_per_second * factors.get(one.route, 1.0) for one in first)
    both = main + sum(one.peak_requests_per_second * factors.get(one.route, 1.0) for one in fallback)
    failed = sizing.replicas(both, rate, utilization=FAILURE_UTILIZATION)
    usual = sizing.replicas(main, rate) if main else 1
    replicas = max(usual, failed)
    pods = max(1, server.max_replicas * server.pipeline_parallel // pool.max_nodes)
    zones = server.min_replicas  # above one only where the loss of a zone is survived
    if zones == 1:
        return math.ceil(replicas / pods) * server.pipeline_parallel
    per_zone = max(math.ceil(replicas / zones), math.ceil(failed / (zones - 1)))
    return zones * math.ceil(per_zone / pods) * server.pipeline_parallel


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
    if tokens_per_second > 0 and peak > 0:
        tokens = math.ceil(sum(one.output_tokens * one.peak_requests_per_second for one in every) / peak)
        return tokens_per_second / tokens
    if speed.ttft_ms > 0:  # pooling: one forward pass answers `concurrency` requests
        return speed.concurrency * 1000 / speed.ttft_ms
    return None


def pool_growth(draft: Draft, pool: Pool) -> PoolGrowth:
    """The nodes of a pool over the horizon in the expected case, and when the plan's ceiling is passed."""
    counts = [nodes_for(draft, pool, month_factor(draft, "expected", month)) for month in MONTHS]
    steps = [(1, counts[0])]
    for month, count in enumerate(counts[1:], start=2):
        if count != steps[-1][1]:
            steps.append((month, count))
    passed = next((month for month, count in steps if count > pool.max_nodes), None)
    known = any(server.throughput for server in draft.servers if server.pool == pool.name)
    note = "nodes follow the requests at the predicted speed, the instance type is kept"
    if not known:
        note = "the speed is not known, so nodes stay as planned"
    elif passed is not None:
        note += f"; month {passed} needs {dict(steps)[passed]}, the plan's ceiling is {pool.max_nodes}"
    slow = nodes_for(draft, pool, month_factor(draft, "expected", 0), slow=True) if known else None
    return PoolGrowth(
        pool=pool.name,
        steps=tuple(steps),
        max_nodes=pool.max_nodes,
        exceeds_max_in_month=passed,
        nodes_at_slow_speed=slow,
        note=note,
    )
