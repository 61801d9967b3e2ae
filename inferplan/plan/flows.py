"""Where data moves and rests as the planner sees it: a claim that policies compare with the resources.

Not here: what rules judge, which they see in the resources (policies).
"""

from __future__ import annotations

from inferplan import catalog
from inferplan.records.draft import Draft
from inferplan.records.plan import Flow, Target, Vendor
from inferplan.spec.model import DATA_CLASSES, DataClass


def _vendor_places(vendor: Vendor, target: Target) -> tuple[tuple[str, str], ...]:
    """Where a vendor may serve a call as (place, country); country `unknown` where no source settles it."""
    if vendor.path == "privatelink":
        profile = catalog.bedrock_profile(vendor.model, target.region)
        if profile is None:
            return ((target.region, target.country),)
        if not profile.destinations:
            return ((vendor.model, "unknown"),)
        return tuple((name, catalog.region(name).country) for name in profile.destinations)
    known = catalog.known_host(vendor.host, vendor.provider)
    host = known.host if known else None
    if host is None or host.scope_kind != "countries" or not host.processing_in_region:
        return ((vendor.host, "unknown"),)
    return tuple((vendor.host, country) for country in host.scope_countries or ())


def plan_flows(draft: Draft, weights_bucket: str | None, prompt_retention_days: int) -> tuple[Flow, ...]:
    """Every flow of the stack, in the order a request meets them."""
    target, routes, gateway = draft.target, draft.routes, draft.gateway
    here = (target.region, target.country)
    own = {server.backend: server for server in draft.servers}
    outside = {vendor.backend: vendor for vendor in draft.vendors}
    found: list[Flow] = []

    def add(
        ends: tuple[str, str], data: str, classes: tuple[DataClass, ...], at: tuple[str, str] = here
    ) -> None:
        flow = Flow(
            source=ends[0],
            destination=ends[1],
            place=at[0],
            country=at[1],
            data=data,
            classes=tuple(sorted(set(classes), key=DATA_CLASSES.index)),
        )
        if flow not in found:
            found.append(flow)

    every: tuple[DataClass, ...] = tuple(
        name for name in DATA_CLASSES if any(name in route.classes for route in routes)
    )
    for route in routes:
        for caller in route.callers or ("any caller",):
            add((caller, "gateway"), "prompts", route.classes)
        for backend in (route.backend, *route.fallback):
            if backend in own:
                add(("gateway", own[backend].name), "prompts", route.classes)
            else:
                for at in _vendor_places(outside[backend], target):
                    add(("gateway", backend), "prompts", route.classes, at)
        if route.guardrail:
            add(("gateway", "bedrock guardrail"), "prompts", route.classes)
    for server in draft.servers:
        classes = tuple(adapter.data_class for adapter in server.adapters if adapter.data_class)
        add((weights_bucket or "weights bucket", server.name), "weights", classes)
    add(("gateway", "logs"), "logs", every)
    if prompt_retention_days:
        add(("gateway", "prompt store"), "prompts", every)
    add(("gateway", "database"), "keys", ())
    add(("database", "database backups"), "keys", ())
    if gateway.secrets:
        add(("secrets", "gateway"), "keys", ())
    if draft.cluster is not None and draft.cluster.runner is not None:
        add(("runner", draft.network.state_bucket or "state"), "state", ())
    # Budgets, cost figures and their alert emails are served from the partition's home, whatever the Region.
    add(("stack", "billing"), "billing", (), ("global", catalog.partition(target.partition).home))
    return tuple(found)
