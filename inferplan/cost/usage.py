"""The part of the bill that grows with requests, tokens apart: logs, traffic, names resolved, capacity units.

Not here: what a vendor charges for tokens (tokens).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from inferplan.cost.growth import requests_of
from inferplan.cost.lines import ESTIMATE, Case, assumed, service
from inferplan.records.draft import Draft, Traffic
from inferplan.records.plan import CostLine

GB = 1e9
KIB_PER_GB = GB / 1024  # a GB of the bill is 10^9 bytes
DAYS_PER_MONTH = 365 / 12
TEXT_UNIT = 1000  # characters


class Usage(NamedTuple):
    """A line and what of it each route's requests make, in any unit."""

    line: CostLine
    weights: Mapping[str, float]


def usage_lines(draft: Draft) -> tuple[Usage, ...]:
    """Every line that grows with requests, without tokens."""
    every = (*_logs(draft), *_network(draft), *_guardrail(draft))
    return tuple(usage for usage in every if usage.line.routes)  # without routes nothing ever flows there


def _each(draft: Draft, per_request: Callable[[Traffic], float], case: Case = "expected") -> dict[str, float]:
    return {one.route: requests_of(one, case) * per_request(one) for one in draft.traffic}


def _usage(
    draft: Draft,
    price: str,
    name: str,
    unit: str,
    per_request: Callable[[Traffic], float],
    group: str,
    note: str,
) -> Usage:
    """A line whose quantity is so much for each request of each route."""
    weights = _each(draft, per_request)
    return Usage(
        service(
            draft,
            price,
            name,
            sum(weights.values()),
            unit,
            group=group,
            kind="usage",
            note=note,
            low=sum(_each(draft, per_request, "low").values()),
            high=sum(_each(draft, per_request, "high").values()),
            routes=tuple(route for route, share in weights.items() if share),
            estimated=True,
        ),
        weights,
    )


def bytes_of(traffic: Traffic) -> float:
    """What one request and its answer weigh."""
    return (traffic.input_tokens + traffic.output_tokens) * assumed("bytes-per-token")


def _logs(draft: Draft) -> Iterator[Usage]:
    kib = assumed("log-kib-per-request")
    months = draft.log_retention_days / DAYS_PER_MONTH
    yield _usage(
        draft,
        "cw-logs-ingest-gb",
        "log ingestion",
        "GB",
        lambda _: kib / KIB_PER_GB,
        "logs",
        f"{ESTIMATE} of {kib:g} KiB a request",
    )
    yield _usage(
        draft,
        "cw-logs-storage-gb-month",
        "log storage",
        "GB-months",
        lambda _: kib / KIB_PER_GB * months,
        "logs",
        f"kept {draft.log_retention_days} days, once that time is full; {ESTIMATE} of {kib:g} KiB a request",
    )


def _network(draft: Draft) -> Iterator[Usage]:
    paths = {vendor.backend: vendor.path for vendor in draft.vendors}
    own = {server.backend for server in draft.servers}

    def gb(*backends: str) -> Callable[[Traffic], float]:
        return lambda one: bytes_of(one) / GB if one.backend in backends else 0.0

    queries = assumed("dns-queries-per-request")
    yield _usage(
        draft,
        "dns-firewall-query-million",
        "DNS Firewall queries",
        "million queries",
        lambda _: queries / 1e6,
        "network",
        f"{ESTIMATE} of {queries:g} a request",
    )
    private = tuple(name for name, path in paths.items() if path == "privatelink")
    if private:
        yield _usage(
            draft,
            "vpc-interface-endpoint-gb",
            "endpoint traffic",
            "GB",
            gb(*private),
            "traffic",
            f"prompts and answers of Bedrock, {ESTIMATE}",
        )
    outside = tuple(name for name, path in paths.items() if path == "firewall")
    if outside and draft.network.firewall:
        yield _usage(
            draft,
            "network-firewall-gb",
            "Network Firewall traffic",
            "GB",
            gb(*outside),
            "traffic",
            f"both directions, {ESTIMATE}; the same GB of NAT are waived",
        )
        yield _usage(
            draft,
            "data-out-internet-gb",
            "traffic to vendors",
            "GB",
            lambda one: one.input_tokens * assumed("bytes-per-token") / GB if one.backend in outside else 0.0,
            "traffic",
            f"prompts on their way out, {ESTIMATE}",
        )
    if own and len(draft.target.zones) > 1:
        share = assumed("cross-zone-share")
        yield _usage(
            draft,
            "data-cross-az-gb",
            "traffic between zones",
            "GB, counted on both sides",
            lambda one: 2 * share * gb(*own)(one),
            "traffic",
            f"{share:.0%} of what gateway and servers exchange, {ESTIMATE}",
        )
    if draft.gateway.host is not None and draft.gateway.existing_url is None:
        yield _usage(
            draft,
            "nlb-lcu-hour",
            "load balancer capacity",
            "NLCU-hours",
            lambda one: bytes_of(one) / GB,
            "network",
            f"1 GB is one unit for an hour, {ESTIMATE}",
        )


def _guardrail(draft: Draft) -> Iterator[Usage]:
    """A text unit is up to 1,000 characters; prompt and answer are counted apart, each filter by itself."""
    routes = {route.name for route in draft.routes if route.guardrail}
    if not routes:
        return
    size = assumed("bytes-per-token")

    def thousands(one: Traffic) -> float:
        units = sum(math.ceil(tokens * size / TEXT_UNIT) for tokens in (one.input_tokens, one.output_tokens))
        return units / 1000 if one.route in routes else 0.0

    for price, name in (("content", "guardrail content filters"), ("pii", "guardrail personal-data filters")):
        yield _usage(
            draft,
            f"bedrock-guardrail-{price}-thousand",
            name,
            "thousand text units",
            thousands,
            "gateway",
            f"prompts and answers of {', '.join(sorted(routes))}, {ESTIMATE} of {size:g} characters a token",
        )
