"""Measured start, speed and latency of each route beside the plan's prediction: inside its range or outside.

Not here: reading files (readings) and printing (report).
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from inferplan.plan.readings import Reading
from inferplan.plan.traffic import GENERATES
from inferplan.records.measured import Measurement, Verdict
from inferplan.records.plan import Plan, Route, Server
from inferplan.records.watch import Alarm

QUANTILE, PERCENTILE = 0.95, "p95"
LEAST_LOAD = 0.5  # of the planned requests in flight: below it a replica's speed says nothing about the plan
TTFT, TPOT = "inferplan_time_to_first_token_seconds", "inferplan_time_per_output_token_seconds"
ANSWER = "inferplan_answer_seconds"
HISTOGRAMS = {
    TTFT: "vllm:time_to_first_token_seconds",
    TPOT: "vllm:request_time_per_output_token_seconds",
    ANSWER: "vllm:e2e_request_latency_seconds",
}
TOKENS = "vllm:generation_tokens_total"


def measured(plan: Plan, found: tuple[Reading, ...]) -> tuple[Measurement, ...]:
    """Every figure of every route that own weights serve first."""
    servers = {server.backend: server for server in plan.servers}
    limits = {
        (alarm.labels["server"], alarm.series): alarm
        for alarm in (plan.watch.alarms if plan.watch else ())
        if alarm.labels.get("percentile") == PERCENTILE
    }
    return tuple(
        one
        for route in plan.routes
        if route.backend in servers
        for one in _of_route(route, servers[route.backend], found, limits)
    )


def _of_route(
    route: Route,
    server: Server,
    found: tuple[Reading, ...],
    limits: dict[tuple[str, str], Alarm],
) -> Iterator[Measurement]:
    mine = [one for one in found if _is_of(one, server)]

    def told(
        figure: str,
        unit: str,
        value: float | None,
        predicted: tuple[float | None, float | None, float | None],
        *,
        more_is_faster: bool = False,
        limit: float | None = None,
        note: str = "",
        comparable: bool = True,
    ) -> Measurement:
        low, expected, high = predicted
        verdict = _verdict(value, low, expected, high, more_is_faster=more_is_faster)
        if not comparable and value is not None and expected is not None:
            verdict = "not comparable"
        return Measurement(
            route=route.name,
            server=server.name,
            figure=figure,
            unit=unit,
            measured=None if value is None else round(value, 2),
            low=low,
            expected=expected,
            high=high,
            verdict=verdict,
            limit=limit,
            limit_held=None if limit is None or value is None else value <= limit,
            note=note,
        )

    start, speed = server.startup, server.throughput
    yield told(
        "start",
        "seconds",
        _last(mine, "inferplan_start_seconds"),
        (start.seconds_low, start.seconds_expected, start.seconds_high),
        note="from scheduled to ready, the slowest of the pods that run",
    )
    load, planned = _load(mine), speed.concurrency if speed else None
    full = load is not None and planned is not None and load >= LEAST_LOAD * planned
    held = (
        f"a replica holds {load:.1f} requests, planned are {planned}"
        if load is not None and planned is not None
        else "the file does not say how many requests a replica holds"
    )
    yield told(
        "output tokens",
        "tokens/s a replica",
        _tokens(mine),
        (
            (
                speed.output_tokens_per_second_low,
                speed.output_tokens_per_second,
                speed.output_tokens_per_second_high,
            )
            if speed
            else (None, None, None)
        ),
        more_is_faster=True,
        comparable=full,
        note=held if _tokens(mine) is not None else "two readings, or the stack's own series, say a rate",
    )
    for figure, series, low, expected, high in _latencies(route, server):
        value = _milliseconds(mine, series)
        # More load than planned would excuse a slow answer, less makes each one fast.
        quick = value is not None and low is not None and value < low
        alarm = limits.get((server.name, series))
        of_route = alarm is not None and alarm.name.startswith(f"{route.name}-")
        yield told(
            f"{figure} {PERCENTILE}",
            "ms",
            value,
            (low, expected, high),
            comparable=full or not quick,
            limit=alarm.threshold * 1000 if alarm is not None and of_route else None,
            note=held if value is not None and not full else "",
        )


def _latencies(
    route: Route, server: Server
) -> Iterator[tuple[str, str, float | None, float | None, float | None]]:
    speed = server.throughput
    ttft = (None, speed.ttft_ms, speed.ttft_ms_high) if speed else (None, None, None)
    if route.api not in GENERATES:
        yield ("answer", ANSWER, *ttft)
        return
    yield ("time to first token", TTFT, *ttft)
    tpot = (speed.tpot_ms_low, speed.tpot_ms, speed.tpot_ms_high) if speed else (None, None, None)
    yield ("time per output token", TPOT, *tpot)


def _verdict(
    value: float | None,
    low: float | None,
    expected: float | None,
    high: float | None,
    *,
    more_is_faster: bool,
) -> Verdict:
    if expected is None:
        return "not predicted"
    if value is None:
        return "not measured"
    if high is not None and value > high:
        return "faster" if more_is_faster else "slower"
    if low is not None and value < low:
        return "slower" if more_is_faster else "faster"
    return "inside"


# -- figures of one server
def _is_of(one: Reading, server: Server) -> bool:
    """By the label that the reader gives, else by the name under which vLLM serves the model."""
    named = one.labels.get("server")
    return named == server.name if named is not None else one.labels.get("model_name") == server.served_name


def _last(mine: list[Reading], name: str, **labels: str) -> float | None:
    """The newest value of one of the stack's own series."""
    values = [one for one in mine if one.name == name and labels.items() <= one.labels.items()]
    return max(values, key=lambda one: one.at or 0.0).value if values else None


def _series(mine: list[Reading], name: str) -> dict[tuple[tuple[str, str], ...], list[Reading]]:
    """The readings of each series of a metric, in the order of time."""
    found: dict[tuple[tuple[str, str], ...], list[Reading]] = {}
    for one in mine:
        if one.name == name:
            found.setdefault(tuple(sorted(one.labels.items())), []).append(one)
    return {labels: sorted(listed, key=lambda one: one.at or 0.0) for labels, listed in found.items()}


def _instances(mine: list[Reading]) -> int:
    """Pods that the file is about: a pod that is asked itself does not say its name."""
    raw = [one.labels for one in mine if one.name.startswith("vllm:")]
    pods = {labels.get("instance", labels.get("pod", "")) for labels in raw}
    return max(1, len(pods))


def _load(mine: list[Reading]) -> float | None:
    """Requests in flight of one replica."""
    flight, ready = _last(mine, "inferplan_requests_in_flight"), _last(mine, "inferplan_ready_replicas")
    if flight is not None and ready:
        return flight / ready
    names = ("vllm:num_requests_running", "vllm:num_requests_waiting")
    last = [listed[-1].value for name in names for listed in _series(mine, name).values()]
    return sum(last) / _instances(mine) if last else None


def _tokens(mine: list[Reading]) -> float | None:
    """Output tokens a second of one replica: the stack's own series, else how a counter grew."""
    rate, ready = _last(mine, "inferplan_output_tokens_per_second"), _last(mine, "inferplan_ready_replicas")
    if rate is not None and ready:
        return rate / ready
    rates = [
        (listed[-1].value - listed[0].value) / (listed[-1].at - listed[0].at)
        for listed in _series(mine, TOKENS).values()
        if listed[0].at is not None and listed[-1].at is not None and listed[-1].at > listed[0].at
    ]
    return sum(rates) / _instances(mine) if rates and min(rates) >= 0 else None


def _milliseconds(mine: list[Reading], series: str) -> float | None:
    """The 95th percentile: the stack's own series, else of vLLM's buckets, of all pods together."""
    own = _last(mine, series, percentile=PERCENTILE)
    if own is not None:
        return own * 1000
    counts: dict[float, float] = {}
    for labels, listed in _series(mine, f"{HISTOGRAMS[series]}_bucket").items():
        edge = _edge(dict(labels).get("le", ""))
        grown = listed[-1].value - (listed[0].value if len(listed) > 1 else 0.0)
        if edge is not None:
            counts[edge] = counts.get(edge, 0.0) + grown
    found = _quantile(counts)
    return None if found is None else found * 1000


def _edge(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _quantile(counts: dict[float, float]) -> float | None:
    """As Prometheus has it: between the edges of its bucket, and of the last one its lower edge."""
    edges = sorted(counts)
    total = counts[edges[-1]] if edges and math.isinf(edges[-1]) else 0.0
    if total <= 0 or len(edges) < 2:
        return None
    rank = QUANTILE * total
    place = next(index for index, edge in enumerate(edges) if counts[edge] >= rank or index == len(edges) - 1)
    if math.isinf(edges[place]):
        return edges[place - 1]
    below, before = (edges[place - 1], counts[edges[place - 1]]) if place else (0.0, 0.0)
    inside = counts[edges[place]] - before
    return below + (edges[place] - below) * ((rank - before) / inside if inside > 0 else 1.0)
