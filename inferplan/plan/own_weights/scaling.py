"""Between which numbers the replicas of a server move with the load, and how far ahead the load is looked at.

Not here: the ceiling of nodes (pools), what is measured (inferplan.plan.watched_series), and the scaler
(components).
"""

from __future__ import annotations

import math

import msgspec

from inferplan.records.notes import Notes
from inferplan.records.plan import Pool, Scaling, Server, Source
from inferplan.sizing.constants import constants

KV_CACHE_SHARE = 0.85  # above it requests begin to wait for blocks, or are preempted and start again
HOLD_SECONDS = (300, 3600)  # Kubernetes' own default, and the most that its autoscaler takes
SOURCE = Source(
    source="kubernetes pkg/apis/autoscaling/validation: stabilizationWindowSeconds is at most 3600; "
    "pkg/controller/podautoscaler: an average value gives total / target replicas",
    as_of="2026-11-28",
)


def with_scaling(index: int, server: Server, pool: Pool, notes: Notes) -> Server:
    """The server with its way to scale, or without one and with the reason in the derivations."""
    path = f"servers[{index}].scaling"
    reason = _why_not(server)
    if reason is not None:
        notes.derive(path, None, "replicas", reason, {"replicas": server.replicas})
        return server
    lead = notes.derivations[f"pools[{index}].scaling_lead_seconds"]
    assert server.throughput is not None
    concurrency = server.throughput.concurrency
    steady = server.sized_at == "slow end"
    planned = constants()["planning_utilization"]
    hold = min(max(HOLD_SECONDS[0], lead.value), HOLD_SECONDS[1])
    found = Scaling(
        least_replicas=server.replicas if steady else server.min_replicas,
        most_replicas=server.max_replicas,
        to_zero=pool.running is not None,
        requests_per_replica=max(1, math.floor(concurrency * planned.value)),
        kv_cache_share=KV_CACHE_SHARE,
        lead_seconds=lead.value,
        hold_seconds=hold,
    )
    for field, unit, formula, inputs in (
        (
            "least_replicas",
            "replicas",
            "the planned number where it must hold (production, or 99.9 percent): a replica that has gone "
            "comes back too late; elsewhere one, in every zone where a zone may be lost",
            {"replicas": server.replicas, "min_replicas": server.min_replicas, "must_hold": steady},
        ),
        (
            "most_replicas",
            "replicas",
            "what the pool's ceiling of nodes holds",
            {"max_nodes": pool.max_nodes},
        ),
        (
            "to_zero",
            "yes or no",
            "a schedule of a development account says when nothing need run; a request does not bring the "
            "first pod: it would be answered with an error long before the start is over",
            {"schedule": pool.running is not None, "cold_start_seconds": lead.value},
        ),
        (
            "requests_per_replica",
            "requests in flight",
            "the planned concurrency of a replica x the planning utilization",
            {"concurrency": concurrency, "planning_utilization": planned.value},
        ),
        ("kv_cache_share", "share", "a working figure: below it requests find room in the cache", {}),
        (
            "lead_seconds",
            "seconds",
            "what a replica takes from being ordered, with its node, to serving",
            {"pool": pool.name},
        ),
        (
            "hold_seconds",
            "seconds",
            "less load lasts at least as long as a replica would take to come back, within what Kubernetes "
            "allows",
            {"lead_seconds": lead.value, "least": HOLD_SECONDS[0], "most": HOLD_SECONDS[1]},
        ),
    ):
        notes.derive(
            f"{path}.{field}",
            getattr(found, field),
            unit,
            formula,
            inputs,
            sources={"requests_per_replica": planned.sources, "hold_seconds": (SOURCE,)}.get(field, ()),
            confidence="low" if field in {"kv_cache_share", "lead_seconds"} else "high",
        )
    return msgspec.structs.replace(server, scaling=found)


def _why_not(server: Server) -> str | None:
    if server.pipeline_parallel > 1:
        return (
            "does not scale: its replicas are groups of nodes in a LeaderWorkerSet for each zone, which no "
            "single scaler moves evenly; more load needs a new plan"
        )
    if server.throughput is None:
        return "does not scale: no source says how many requests a replica can hold"
    if server.max_replicas <= server.min_replicas:
        return "does not scale: the pool's ceiling of nodes holds no further replica"
    return None
