"""Callers' keys: which models and paths each may call, its share of the budget and its rate.

Not here: making the keys inside the proxy (components.gateway.keys) and the keys' values.
"""

from __future__ import annotations

import math

from inferplan.plan.case import Case
from inferplan.plan.vendor_backends import secret_name
from inferplan.records.notes import Notes
from inferplan.records.plan import Adapter, Caller, Route, Server, Vendor

DEFAULT_REQUESTS_PER_MINUTE = 120

# Redaction sees the route's own API only; on other paths of the proxy personal data passes it unmasked.
PATHS = {
    "chat": ("/v1/chat/completions", "/chat/completions"),
    "classify": ("/v1/chat/completions", "/chat/completions"),
    "embeddings": ("/v1/embeddings", "/embeddings"),
    "rerank": ("/v1/rerank", "/rerank"),
    "images": ("/v1/images/generations", "/images/generations"),
    "transcription": ("/v1/audio/transcriptions", "/audio/transcriptions"),
}


def adapters_of(route: Route, servers: tuple[Server, ...]) -> tuple[tuple[Server, Adapter], ...]:
    """The adapters that a route offers: one carries the class of its training data, which it has to admit."""
    return tuple(
        (server, adapter)
        for server in servers
        if server.backend == route.backend
        for adapter in server.adapters
        if adapter.data_class is None or adapter.data_class in route.classes
    )


def plan_callers(
    case: Case, servers: tuple[Server, ...], vendors: tuple[Vendor, ...], notes: Notes
) -> tuple[Caller, ...]:
    """Every registered caller with what its key opens; a key never lacks a rate.

    Without a rate the proxy answers from its own memory while Valkey is down, and a spent budget is passed.
    """
    names = sorted({caller for route in case.routes for caller in route.callers})
    callers: list[Caller] = []
    for name in names:
        mine = tuple(route for route in case.routes if name in route.callers)
        callers.append(
            Caller(
                name=name,
                routes=tuple(route.name for route in mine),
                models=tuple(model for route in mine for model in models_of(route, servers)),
                paths=tuple(dict.fromkeys(path for route in mine for path in PATHS[route.api])),
                secret=secret_name(case.name, f"caller-{name}"),
                monthly_usd=_monthly_usd(mine, vendors),
                requests_per_minute=_requests_per_minute(case, mine, name, len(callers), notes),
            )
        )
    return tuple(callers)


def models_of(route: Route, servers: tuple[Server, ...]) -> tuple[str, ...]:
    """The names under which a route is called: its own, and one per adapter that it offers."""
    return (route.name, *(f"{route.name}-{adapter.name}" for _, adapter in adapters_of(route, servers)))


def _monthly_usd(routes: tuple[Route, ...], vendors: tuple[Vendor, ...]) -> float | None:
    used = {backend for route in routes for backend in (route.backend, *route.fallback)}
    limits = [vendor.monthly_limit_usd for vendor in vendors if vendor.backend in used]
    known = [limit for limit in limits if limit is not None]
    return sum(known) if known and len(known) == len(limits) else None


def _requests_per_minute(
    case: Case, routes: tuple[Route, ...], caller: str, number: int, notes: Notes
) -> int:
    loads = {route.name: route.load for route in case.spec.routes}
    peaks = [loads[route.name].peak_requests_per_second for route in routes]
    known = [peak for peak in peaks if peak is not None]
    path = f"gateway.callers[{number}].requests_per_minute"
    if not known:
        return notes.default(
            path, DEFAULT_REQUESTS_PER_MINUTE, "no peak is stated, and a key without a rate passes its budget"
        )
    return notes.derive(
        path,
        math.ceil(2 * 60 * sum(known)),
        "requests per minute",
        "twice the stated peak of the caller's routes, so that a runaway caller is stopped and a busy one is "
        "not",
        {"peak_requests_per_second": sum(known), "caller": caller},
    )
