"""What is watched of the model servers: recorded series, and the alarms on objectives, errors and pods.

Not here: how replicas move with the load (own_weights.scaling) and who reads, keeps and sends the series
(components). Names of vLLM's own metrics are checked against its wheel by the tests.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from inferplan.plan.case import Case
from inferplan.plan.cluster import NAMESPACE
from inferplan.plan.own_weights.demand import DEFAULT_AVAILABILITY
from inferplan.plan.traffic import GENERATES
from inferplan.records.notes import Notes
from inferplan.records.plan import Server, Source, Watch
from inferplan.records.watch import SERVERS_JOB, Alarm, RecordedSeries
from inferplan.spec.model import Route

READER_NAMESPACE = f"{NAMESPACE}-watch"
SCRAPE_SECONDS = 15
KEEP_HOURS = 24  # the scaler looks half an hour back, people at CloudWatch
RATE_SECONDS = 300
PERIOD_SECONDS = 300  # of an alarm
LOOK_BACK_SECONDS = 1800  # over which the trend of the load is taken
PERCENTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
ALWAYS = "p95"
BURN_RATE = 10  # at this multiple of the errors that the month allows, its share is spent in three days
MOST_ERRORS = 0.5
STACK = {"scope": "stack"}
OBJECTIVES = (
    # series, field of the objectives, histogram of vLLM, of routes that generate tokens
    ("inferplan_time_to_first_token_seconds", "ttft_ms", "vllm:time_to_first_token_seconds", True),
    (
        "inferplan_time_per_output_token_seconds",
        "tpot_ms",
        "vllm:request_time_per_output_token_seconds",
        True,
    ),
    ("inferplan_answer_seconds", "ttft_ms", "vllm:e2e_request_latency_seconds", False),
)
SOURCES = (
    Source(
        source="vllm 0.33.0 vllm/v1/metrics/loggers.py and vllm/entrypoints/serve/instrumentator/metrics.py",
        as_of="2026-11-28",
    ),
    Source(
        source="github.com/aws/eks-node-monitoring-agent: GPU errors (XID) set the condition "
        "AcceleratedHardwareReady of a node; github.com/kubernetes/kube-state-metrics docs/metrics",
        as_of="2026-11-28",
    ),
)


def plan_watch(case: Case, servers: tuple[Server, ...], notes: Notes) -> Watch | None:
    """Series and alarms of a stack with own weights."""
    if not servers:
        return None
    alarms = tuple(_alarms(case, servers))
    wanted = {alarm.labels["percentile"] for alarm in alarms if "percentile" in alarm.labels} | {ALWAYS}
    series = (*_of_all(servers, sorted(wanted)), *(one for server in servers for one in _of_one(server)))
    watch = Watch(
        namespace=READER_NAMESPACE,
        metric_namespace=f"inferplan/{case.name}",
        scrape_seconds=SCRAPE_SECONDS,
        keep_hours=KEEP_HOURS,
        metrics=notes.derive(
            "watch.metrics",
            _sent(series, len(servers)),
            "metrics in CloudWatch",
            "the series that are sent, those of all servers once for each",
            {"servers": len(servers), "series": len([one for one in series if one.sent])},
        ),
        series=series,
        alarms=alarms,
    )
    notes.derive(
        "watch.series",
        len(series),
        "series",
        "what scaling, alarms, the dashboard and `inferplan explain measured` look at",
        {"servers": [server.name for server in servers], "percentiles": sorted(wanted)},
        sources=SOURCES,
    )
    for index, alarm in enumerate(alarms):
        notes.derive(
            f"watch.alarms[{index}].threshold",
            alarm.threshold,
            alarm.series,
            alarm.meaning,
            {"name": alarm.name, "periods": alarm.periods, "period_seconds": PERIOD_SECONDS},
            sources=SOURCES,
        )
    notes.derive(
        "watch.keep_hours",
        KEEP_HOURS,
        "hours",
        "of single readings in the cluster, on no disk of their own; what is sent stays for 15 months in "
        "CloudWatch of the Region, its log records as long as other logs",
        {"log_retention_days": case.log_retention_days},
    )
    return watch


def _sent(series: tuple[RecordedSeries, ...], servers: int) -> int:
    own = {"server", "scope"}
    return sum(1 if own & set(one.labels) else servers for one in series if one.sent)


# -- series
def _of_all(servers: tuple[Server, ...], percentiles: list[str]) -> Iterator[RecordedSeries]:
    """Series that one query computes for every server."""
    served = f'{{job="{SERVERS_JOB}"}}'

    def rate(metric: str, matchers: str = "") -> str:
        return f'rate({metric}{{job="{SERVERS_JOB}"{matchers}}}[{RATE_SECONDS}s])'

    def one(name: str, query: str, *, sent: bool = True) -> RecordedSeries:
        return RecordedSeries(name=f"inferplan_{name}", labels={}, query=query, sent=sent)

    yield one(
        "requests_in_flight",
        f"sum by (server) (vllm:num_requests_running{served} + vllm:num_requests_waiting{served})",
    )
    yield one("requests_waiting", f"sum by (server) (vllm:num_requests_waiting{served})")
    cache = f"avg by (server, instance) (vllm:kv_cache_usage_perc{served})"
    yield one("kv_cache_replicas_full", f"sum by (server) ({cache})", sent=False)
    yield one("kv_cache_share", f"avg by (server) ({cache})")
    yield one("output_tokens_per_second", f"sum by (server) ({rate('vllm:generation_tokens_total')})")
    every = f"sum by (server) ({rate('http_requests_total')})"
    failing = rate("http_requests_total", ', status="5xx"')
    failed = f"sum by (server) ({failing})"
    yield one("error_share", f"({failed} or {every} * 0) / ({every} > 0)")
    generates = {server.api in GENERATES for server in servers if server.engine == "vllm"}
    for series, _, histogram, tokens in OBJECTIVES:
        if tokens not in generates:
            continue
        for percentile in percentiles:
            query = f"sum by (le, server) ({rate(f'{histogram}_bucket')})"
            yield RecordedSeries(
                name=series,
                labels={"percentile": percentile},
                query=f"histogram_quantile({PERCENTILES[percentile]}, {query})",
                sent=True,
            )
    broken = 'kube_node_status_condition{condition="AcceleratedHardwareReady", status="false"}'
    yield RecordedSeries(
        name="inferplan_gpu_errors", labels=STACK, query=f"sum({broken}) or vector(0)", sent=True
    )


def _of_one(server: Server) -> Iterator[RecordedSeries]:
    """Series whose query names the objects of a server, or its lead."""

    def one(name: str, query: str, *, sent: bool) -> RecordedSeries:
        return RecordedSeries(
            name=f"inferplan_{name}", labels={"server": server.name}, query=query, sent=sent
        )

    zones = "|".join(("", *(f"-{zone}" for zone in server.zones)))
    if server.pipeline_parallel > 1:
        objects = f'statefulset=~"{server.name}({zones})"'
        wanted, ready = "kube_statefulset_replicas", "kube_statefulset_status_replicas_ready"
        pods = f'pod=~"{server.name}({zones})-[0-9]+(-[0-9]+)?"'
    else:
        objects = f'deployment="{server.name}"'
        wanted, ready = "kube_deployment_spec_replicas", "kube_deployment_status_replicas_ready"
        pods = f'pod=~"{server.name}-[a-z0-9]+-[a-z0-9]{{5}}"'
    here = f'namespace="{NAMESPACE}"'
    of_objects, of_pods = f"{{{here}, {objects}}}", f"{{{here}, {pods}}}"
    yield one("ready_replicas", f"sum({ready}{of_objects})", sent=True)
    yield one(
        "without_ready_replica",
        f"(sum({wanted}{of_objects}) > bool 0) * (sum({ready}{of_objects}) == bool 0)",
        sent=True,
    )
    waiting = f'sum(kube_pod_status_phase{{{here}, {pods}, phase="Pending"}})'
    yield one("pods_waiting", f"{waiting} or vector(0)", sent=True)
    yield one(
        "start_seconds",
        f"max(kube_pod_status_ready_time{of_pods} - kube_pod_status_scheduled_time{of_pods})",
        sent=False,
    )
    if server.scaling is not None:
        now = f'inferplan_requests_in_flight{{server="{server.name}"}}'
        trend = f"predict_linear({now}[{LOOK_BACK_SECONDS}s], {server.scaling.lead_seconds})"
        yield one(
            "requests_ahead", f'max({now} or label_replace({trend}, "of", "ahead", "", ""))', sent=False
        )


# -- alarms
def _alarms(case: Case, servers: tuple[Server, ...]) -> Iterator[Alarm]:
    by_backend = {server.backend: server for server in servers}
    first = {route.name: route.backend for route in case.routes}
    for route in case.spec.routes:
        server = by_backend.get(first.get(route.name, ""))
        if server is not None and server.engine == "vllm":
            yield from _of_route(route, server)
    for server in servers:
        yield from _of_server(server)
    yield Alarm(
        name="gpu-errors",
        series="inferplan_gpu_errors",
        labels=STACK,
        threshold=0,
        periods=1,
        missing="notBreaching",
        meaning="a node reports errors of its GPUs (XID); EKS replaces it if repair is on",
    )


def _of_route(route: Route, server: Server) -> Iterator[Alarm]:
    """An alarm for each limit that a route states, and one for errors."""
    said = route.objectives
    for series, field, _, tokens in OBJECTIVES:
        limits = getattr(said, field)
        if limits is None or tokens != (route.api in GENERATES):
            continue
        for percentile in PERCENTILES:
            limit = getattr(limits, percentile)
            if limit is not None:
                yield Alarm(
                    name=f"{route.name}-{field.removesuffix('_ms')}-{percentile}",
                    series=series,
                    labels={"server": server.name, "percentile": percentile},
                    threshold=limit / 1000,
                    periods=3,
                    missing="notBreaching",
                    meaning=f"{field} {percentile} of route {route.name} is above the {limit:g} ms of its "
                    f"objectives on {server.name}",
                )
    available = said.availability_percent or DEFAULT_AVAILABILITY
    share = min(round(BURN_RATE * (1 - available / 100), 6), MOST_ERRORS)
    yield Alarm(
        name=f"{route.name}-errors",
        series="inferplan_error_share",
        labels={"server": server.name},
        threshold=share,
        periods=2,
        missing="notBreaching",
        meaning=f"{server.name} answers with errors {BURN_RATE} times as often as the {available:g} percent "
        f"of route {route.name} allow",
    )


def _of_server(server: Server) -> Iterator[Alarm]:
    labels = {"server": server.name}
    yield Alarm(
        name=f"{server.name}-not-ready",
        series="inferplan_without_ready_replica",
        labels=labels,
        threshold=0,
        periods=1,
        missing="breaching",
        meaning=f"no replica of {server.name} answers, or nothing is measured at all; also until the "
        "workload is there for the first time",
    )
    patience = server.startup.progress_deadline_seconds
    yield Alarm(
        name=f"{server.name}-pods-waiting",
        series="inferplan_pods_waiting",
        labels=labels,
        threshold=0,
        periods=math.ceil(patience / PERIOD_SECONDS),
        missing="notBreaching",
        meaning=f"a pod of {server.name} has waited longer than the slowest start: no node can be had, or an "
        "image or volume is missing",
    )
