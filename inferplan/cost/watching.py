"""What watching the model servers costs: metrics, alarms, a dashboard, and the records metrics are made of.

Not here: the alarms of the gateway (fixed) and the nodes that reader and scaler run on (fixed).
"""

from __future__ import annotations

from collections.abc import Iterator

from inferplan.cost.lines import HOURS_PER_MONTH, assumed, service
from inferplan.records.draft import Draft
from inferplan.records.plan import CostLine

RECORDS_PER_HOUR = 60  # one a minute for each set of dimensions; counted as one for each metric, the most


def watching_lines(draft: Draft) -> Iterator[CostLine]:
    """Lines of a stack with own weights."""
    watch = draft.watch
    if watch is None:
        return
    yield service(
        draft,
        "cw-metric-month",
        "metrics of model servers",
        watch.metrics,
        "metrics",
        group="logs",
        note="computed in the cluster, so that not every pod is a metric of its own",
    )
    yield service(
        draft,
        "cw-alarm-month",
        "alarms of model servers",
        len(watch.alarms),
        "alarms",
        group="logs",
        note="limits and errors of each route; pods and GPUs of each server",
    )
    yield service(
        draft,
        "cw-dashboard-month",
        "dashboard",
        1,
        "dashboards",
        group="logs",
        low=0,
        note="three of an account are free",
    )
    records = watch.metrics * RECORDS_PER_HOUR * HOURS_PER_MONTH
    yield service(
        draft,
        "cw-logs-ingest-gb",
        "log records of metrics",
        records * assumed("metric-record-kib") / 2**20,
        "GB",
        group="logs",
        note="working estimate",
        estimated=True,
    )
