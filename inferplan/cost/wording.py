"""What is said with every amount: ratio of tokens, utilization, price dates, confidence, what is left out.

Not here: the amounts.
"""

from __future__ import annotations

from collections.abc import Sequence

from inferplan import catalog
from inferplan.cost.growth import requests_per_second
from inferplan.cost.lines import pool_hours, total
from inferplan.cost.origins import whose
from inferplan.records.draft import Draft
from inferplan.records.notes import Confidence
from inferplan.records.plan import CostLine, Server


def wording(draft: Draft, lines: Sequence[CostLine]) -> str:
    """In one sentence what an amount rests on; `lines` are those of the bill, without labor."""
    counted = [line for line in lines if line.expected_usd is not None]
    unknown = [line.name for line in lines if line.expected_usd is None]
    texts = [
        f"Input to output tokens {', '.join(dict.fromkeys(ratio(draft)))}",
        utilization_text(draft),
        price_dates(counted),
        volumes(draft),
        f"confidence {confidence(draft, counted)}",
        f"{sum(line.estimated for line in counted)} of {len(counted)} lines estimated",
        *([own] if (own := whose(counted)) else ()),
    ]
    if unknown:
        texts.append(f"without a price and in no total: {', '.join(unknown)}")
    return "; ".join(texts) + "."


def volumes(draft: Draft) -> str:
    """Whether low and high are volumes that somebody stated."""
    stated = [
        one
        for one in draft.traffic
        if len({one.monthly_requests_low, one.monthly_requests, one.monthly_requests_high}) > 1
    ]
    if not stated:
        return "no low and high volumes are stated, so low and high are prices alone"
    return f"low and high volumes are stated of {', '.join(one.route for one in stated)}"


def ratio(draft: Draft) -> list[str]:
    """Input to output tokens of every route."""
    return [f"{one.input_tokens}:{one.output_tokens}" for one in draft.traffic]


def utilization(draft: Draft, server: Server) -> tuple[float, float] | None:
    """The share of the predicted speed of all replicas that the load takes: mean of a month, and peak."""
    rate = requests_per_second(draft, server)
    if rate is None:
        return None
    mine = [one for one in draft.traffic if one.backend == server.backend]
    capacity = rate * server.replicas
    pool = next(pool for pool in draft.pools if pool.name == server.pool)
    mean = sum(one.monthly_requests for one in mine) / (pool_hours(pool) * 3600)
    return mean / capacity, sum(one.peak_requests_per_second for one in mine) / capacity


def utilization_text(draft: Draft) -> str:
    """How much of the GPUs is used."""
    if not draft.servers:
        return "no GPUs of its own"
    texts = []
    for server in draft.servers:
        used = utilization(draft, server)
        texts.append(
            f"{server.backend} at an unknown utilization"
            if used is None
            else f"{server.backend} used {used[0]:.0%} on average and {used[1]:.0%} at the peak"
        )
    paid = dict.fromkeys(
        "around the clock" if pool.running is None else f"{pool_hours(pool):g} hours a month"
        for pool in draft.pools
    )
    return f"GPU nodes paid {' and '.join(paid)}, {', '.join(texts)}"


def price_dates(lines: Sequence[CostLine]) -> str:
    """The oldest and the newest date of the prices."""
    dates = sorted({line.as_of for line in lines if catalog.stated_date(line.as_of)})
    undated = sum(1 for line in lines if catalog.stated_date(line.as_of) is None)
    known = f"list prices of {dates[0]} to {dates[-1]}" if dates else "list prices of no stated date"
    return known + (f", {undated} without a date" if undated and dates else "")


def confidence(draft: Draft, lines: Sequence[CostLine]) -> Confidence:
    """Low where the largest line is estimated or the speed a guess, high for list prices alone."""
    largest = max(lines, key=lambda line: total([line]), default=None)
    speeds = {server.throughput.confidence for server in draft.servers if server.throughput}
    if largest is None or largest.estimated or "low" in speeds:
        return "low"
    return "medium" if speeds or any(line.estimated for line in lines) else "high"
