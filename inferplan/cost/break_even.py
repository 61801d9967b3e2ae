"""Where own weights and a vendor cost the same: the utilization of the GPUs, and the volume of requests.

Not here: the bills that are compared (bill) and which one to take (decision).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from inferplan.cost.contracted_tokens import contracted_line
from inferplan.cost.growth import needs, nodes_with, requests_per_second
from inferplan.cost.lines import holes, pool_hours, total
from inferplan.cost.wording import price_dates
from inferplan.records.draft import Draft, Traffic
from inferplan.records.plan import Cost, Server, Vendor

MILLION = 1_000_000
VOLUMES = (0.1, 0.2, 0.35, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 7.5, 10.0)  # times the planned requests
FARTHEST = 100.0  # times the planned volume: beyond it nothing is looked for
GRID_START, GRID_RATIO = 0.01, 1.08
HALVINGS = 40
PARTS = ("fixed_usd", "usage_usd", "usd_per_node")  # of a bill at the planned volume
Side = tuple[Draft, Cost]


def break_even_utilization(
    usd_per_hour: float, tokens_per_second: float, vendor_usd_per_million: float
) -> float:
    """The share of its maximum (tokens in and out per second) at which a machine costs what the vendor asks.

    Below it the vendor is cheaper; above 1 it always is.
    """
    return usd_per_hour * MILLION / 3600 / (tokens_per_second * vendor_usd_per_million)


def none(reason: str, utilization: Sequence[dict[str, Any]] = ()) -> dict[str, Any]:
    """No break-even volume, and why; utilization where a route names both kinds all the same."""
    return {
        "utilization": list(utilization),
        "monthly_requests": None,
        "monthly_requests_for_good": None,
        "curve": [],
        "reason": reason,
    }


def break_even(own: Side, vendor: Side, utilization: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The volume at which two ways to serve the same routes cost the same, and the points of both curves.

    The curves scale the load of every route alike, keep instance type and fixed parts, and add GPU nodes in
    steps, so they may cross more than once: `monthly_requests` is the smallest total at which own weights
    cost no more, `monthly_requests_for_good` the one after which they never do, up to 100 times the plan.
    """
    planned = sum(one.monthly_requests for one in own[0].traffic)
    if not planned:
        return none("no requests a month are planned: there is no volume to compare", utilization)
    missing = (*holes(own[1].lines), *holes(vendor[1].lines))
    if missing:
        return none(f"what has no price decides: {', '.join(dict.fromkeys(missing))}", utilization)
    unpriced = dict.fromkeys((*own[1].unpriced, *vendor[1].unpriced))
    texts = [
        "the load of all routes is scaled alike; instance types, fixed parts and the ratio of tokens are kept"
    ]
    if unpriced:
        texts.append(f"without a price and on no curve: {', '.join(unpriced)}")
    own_usd, vendor_usd = curve(*own), curve(*vendor)
    first, last = _crossings(lambda volume: own_usd(volume) - vendor_usd(volume))
    if first is None:
        texts.append(f"own weights stay dearer up to {FARTHEST:,.0f} times the planned volume")
    elif last is None:
        texts.append(f"own weights are dearer again at {FARTHEST:,.0f} times the planned volume")
    elif last > first * 1.001:
        texts.append("in between a further GPU node makes own weights dearer again")
    return {
        "utilization": list(utilization),
        "monthly_requests": None if first is None else round(first * planned),
        "monthly_requests_for_good": None if last is None else round(last * planned),
        "curve": [
            {
                "monthly_requests": round(volume * planned),
                "own_usd": round(own_usd(volume), 2),
                "vendor_usd": round(vendor_usd(volume), 2),
            }
            for volume in VOLUMES
        ],
        "basis": {
            "planned_monthly_requests": planned,
            "own": dict(zip(PARTS, _parts(*own), strict=True)),
            "vendor": dict(zip(PARTS, _parts(*vendor), strict=True)),
        },
        "own": own[0].kind,
        "vendor": vendor[0].kind,
        "reason": "; ".join(texts),
    }


def _crossings(gap: Callable[[float], float]) -> tuple[float | None, float | None]:
    """The multiples of the load at which `gap` first falls to nothing, and after which it stays there."""
    grid = [GRID_START]
    while grid[-1] < FARTHEST:
        grid.append(min(FARTHEST, grid[-1] * GRID_RATIO))
    gaps = [gap(volume) for volume in grid]
    falls = [index for index, value in enumerate(gaps) if value <= 0 and (index == 0 or gaps[index - 1] > 0)]
    if not falls:
        return None, None

    def exact(index: int) -> float:
        low, high = grid[index - 1] if index else 0.0, grid[index]
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            low, high = (middle, high) if gap(middle) > 0 else (low, middle)
        return high

    return exact(falls[0]), None if gaps[-1] > 0 else exact(falls[-1])


def _parts(draft: Draft, cost: Cost) -> tuple[float, float, dict[str, float]]:
    """The expected bill taken apart: what stays, what follows the requests, and one node of each pool."""
    bill = [line for line in cost.lines if line.kind != "labor"]
    fixed = total(line for line in bill if line.kind == "fixed" and line.pool is None)
    usage = total(line for line in bill if line.kind == "usage")
    nodes = {
        pool.name: total(line for line in bill if line.pool == pool.name) / pool.nodes for pool in draft.pools
    }
    return round(fixed, 6), round(usage, 6), {name: round(usd, 6) for name, usd in nodes.items()}


def curve(draft: Draft, cost: Cost) -> Callable[[float], float]:
    """The expected bill by the multiple of the load: requests follow, GPU nodes in steps, the rest stays."""
    fixed, usage, each_node = _parts(draft, cost)
    pools = [(each_node[pool.name], pool, needs(draft, pool)) for pool in draft.pools]
    routes = [one.route for one in draft.traffic]

    def usd(volume: float) -> float:
        factors = dict.fromkeys(routes, volume)
        nodes = sum(each * nodes_with(known, pool, factors) for each, pool, known in pools)
        return fixed + usage * volume + nodes

    return usd


def utilization_of(draft: Draft, server: Server, traffic: Traffic, vendor: Vendor) -> dict[str, Any]:
    """The break-even utilization of one server against one vendor for the tokens of one route.

    It compares GPU nodes with tokens alone; the other parts of both bills are on the curves.
    """
    pool = next(pool for pool in draft.pools if pool.name == server.pool)
    hourly = draft.prices.instance(pool.instance_type, draft.target.region)
    rate = requests_per_second(draft, server)
    line = contracted_line(draft, vendor, traffic)
    tokens = traffic.input_tokens + traffic.output_tokens
    found: dict[str, Any] = {
        "route": traffic.route,
        "own": f"{server.backend} on {pool.nodes} x {pool.instance_type}",
        "vendor": f"{vendor.backend} ({vendor.model})",
        "input_to_output_tokens": f"{traffic.input_tokens}:{traffic.output_tokens}",
        "price_dates": price_dates([line]) + f", GPUs {hourly.as_of}",
        "confidence": server.throughput.confidence if server.throughput else "unknown",
        "utilization": None,
    }
    if rate is None or hourly.usd is None or line.unit_usd is None:
        lacking = {"speed": rate, "instance price": hourly.usd, "token price": line.unit_usd}
        names = [name for name, value in lacking.items() if value is None]
        return found | {"reason": f"no {' and no '.join(names)} is known"}
    usd_per_hour = hourly.usd * pool.nodes
    tokens_per_second = rate * server.replicas * tokens
    vendor_usd = line.unit_usd / tokens * MILLION
    share = break_even_utilization(usd_per_hour, tokens_per_second, vendor_usd)
    own_usd = usd_per_hour * MILLION / 3600 / tokens_per_second
    return found | {
        "utilization": round(share, 4),
        "own_usd_per_million_tokens_when_full": round(own_usd, 4),
        "vendor_usd_per_million_tokens": round(vendor_usd, 4),
        "tokens_per_second_when_full": round(tokens_per_second, 1),
        "monthly_requests_when_full": round(rate * server.replicas * pool_hours(pool) * 3600),
        "reason": "own GPUs cost more at any utilization" if share > 1 else "above it own GPUs cost less",
    }
