"""Where own weights and a vendor cost the same: the utilization of the GPUs, and the volume of requests.

Not here: the bills that are compared (bill) and which one to take (decision).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from inferplan import catalog
from inferplan.cost.growth import nodes_for, requests_per_second
from inferplan.cost.lines import HOURS_PER_MONTH
from inferplan.cost.tokens import token_line
from inferplan.cost.wording import price_dates
from inferplan.plan.draft import Draft, Traffic
from inferplan.plan.model import Cost, CostLine, Server, Vendor

MILLION = 1_000_000
VOLUMES = (0.1, 0.2, 0.35, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 7.5, 10.0)  # times the planned requests
FARTHEST = 1000.0  # times the planned volume: beyond it no break-even is looked for
STEPS = 40  # halvings: a thousandth of a request in a million


def break_even_utilization(
    usd_per_hour: float, tokens_per_second: float, vendor_usd_per_million: float
) -> float:
    """The share of its maximum (tokens in and out per second) at which a machine costs what the vendor asks.

    Below it the vendor is cheaper; above 1 it always is.
    """
    return usd_per_hour * MILLION / 3600 / (tokens_per_second * vendor_usd_per_million)


def none(reason: str) -> dict[str, Any]:
    """No break-even, and why."""
    return {"utilization": [], "monthly_requests": None, "curve": [], "reason": reason}


def break_even(
    own: tuple[Draft, Cost], vendor: tuple[Draft, Cost], pairs: Sequence[tuple[Server, Traffic, Vendor]]
) -> dict[str, Any]:
    """Both break-evens of two ways to serve the same routes, with the points of both curves.

    The curves scale the load of every route alike, keep instance type and fixed parts, and add GPU nodes in
    steps. `monthly_requests` is the smallest total from which own weights cost no more; None: none below
    a thousand times the planned volume.
    """
    planned = sum(one.monthly_requests for one in own[0].traffic)
    unpriced = [*own[1].unpriced, *vendor[1].unpriced]
    texts = [
        "the load of all routes is scaled alike; instance types, fixed parts and the ratio of tokens are kept"
    ]
    if unpriced:
        texts.append(f"without a price and on no curve: {', '.join(dict.fromkeys(unpriced))}")
    crossing = _crossing(own, vendor)
    if crossing is None:
        texts.append(f"own weights stay dearer up to {FARTHEST:,.0f} times the planned volume")
    return {
        "utilization": [utilization_of(own[0], *pair) for pair in pairs],
        "monthly_requests": None if crossing is None or not planned else round(crossing * planned),
        "curve": [_point(own, vendor, volume, planned) for volume in VOLUMES] if planned else [],
        "own": own[0].kind,
        "vendor": vendor[0].kind,
        "reason": "; ".join(texts),
    }


def _crossing(own: tuple[Draft, Cost], vendor: tuple[Draft, Cost]) -> float | None:
    """The smallest multiple of the load at which own weights cost no more than vendors, to the request.

    Own cost rises in steps, so the curves may cross more than once: the search walks up and takes the first.
    """

    def gap(volume: float) -> float:
        return scaled_usd(*own, volume) - scaled_usd(*vendor, volume)

    low, high = 0.0, 0.01
    while gap(high) > 0:
        low, high = high, high * 1.1
        if high > FARTHEST:
            return None
    for _ in range(STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if gap(middle) > 0 else (low, middle)
    return high


def scaled_usd(draft: Draft, cost: Cost, volume: float) -> float:
    """The expected bill at a multiple of the load: requests follow it, GPU nodes in steps, the rest stays."""
    factors = {one.route: volume for one in draft.traffic}
    pools = {pool.name: pool for pool in draft.pools}

    def times(line: CostLine) -> float:
        if line.pool is not None:
            return nodes_for(draft, pools[line.pool], factors) / pools[line.pool].nodes
        return volume if line.kind == "usage" else 1.0

    return sum((line.expected_usd or 0.0) * times(line) for line in cost.lines if line.kind != "labor")


def _point(
    own: tuple[Draft, Cost], vendor: tuple[Draft, Cost], volume: float, planned: int
) -> dict[str, float]:
    return {
        "monthly_requests": round(volume * planned),
        "own_usd": round(scaled_usd(*own, volume), 2),
        "vendor_usd": round(scaled_usd(*vendor, volume), 2),
    }


def utilization_of(draft: Draft, server: Server, traffic: Traffic, vendor: Vendor) -> dict[str, Any]:
    """The break-even utilization of one server against one vendor for the tokens of one route.

    It compares GPU nodes with tokens alone; the other parts of both bills are on the curves.
    """
    pool = next(pool for pool in draft.pools if pool.name == server.pool)
    hourly = catalog.instance_price(pool.instance_type, draft.target.region)
    rate = requests_per_second(draft, server)
    line = token_line(draft, vendor, traffic)
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
    if rate is None or hourly.usd_hour is None or line.unit_usd is None:
        lacking = {"speed": rate, "instance price": hourly.usd_hour, "token price": line.unit_usd}
        names = [name for name, value in lacking.items() if value is None]
        return found | {"reason": f"no {' and no '.join(names)} is known"}
    usd_per_hour = hourly.usd_hour * pool.nodes
    tokens_per_second = rate * server.replicas * tokens
    vendor_usd = line.unit_usd / tokens * MILLION
    share = break_even_utilization(usd_per_hour, tokens_per_second, vendor_usd)
    own_usd = usd_per_hour * MILLION / 3600 / tokens_per_second
    return found | {
        "utilization": round(share, 4),
        "own_usd_per_million_tokens_when_full": round(own_usd, 4),
        "vendor_usd_per_million_tokens": round(vendor_usd, 4),
        "tokens_per_second_when_full": round(tokens_per_second, 1),
        "monthly_requests_when_full": round(rate * server.replicas * HOURS_PER_MONTH * 3600),
        "reason": "own GPUs cost more at any utilization" if share > 1 else "above it own GPUs cost less",
    }
