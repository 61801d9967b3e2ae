"""How pods scale and what is watched, as the plan states it: thresholds, recorded series and alarms.

Not here: how the values are chosen (inferplan.plan.watched_series) and who measures them (components).
"""

from __future__ import annotations

from typing import Literal

from inferplan.records.base import Record

SERVERS_JOB, OBJECTS_JOB = "model-servers", "objects"  # jobs that queries name


class Scaling(Record, frozen=True, kw_only=True):
    """Between which numbers of replicas a server moves, and what moves it."""

    least_replicas: int  # that run whatever the load is, within the hours of a schedule
    most_replicas: int
    to_zero: bool  # outside the hours of the schedule no pod runs
    requests_per_replica: int  # in flight, running and waiting; more order a further replica
    kv_cache_share: float  # of the KV cache in use, on average; more orders a further replica
    lead_seconds: int  # the load is looked at so far ahead: until then a replica ordered now serves
    hold_seconds: int  # less load has to last so long before a replica goes


class RecordedSeries(Record, frozen=True, kw_only=True):
    """A series that is computed from what pods report, in the query language of Prometheus."""

    name: str
    labels: dict[str, str]
    query: str
    sent: bool  # to CloudWatch, where it is billed as a metric


class Alarm(Record, frozen=True, kw_only=True):
    """People are told while a series is above its threshold."""

    name: str
    series: str
    labels: dict[str, str]
    threshold: float
    periods: int  # of five minutes, one after the other
    missing: Literal["breaching", "notBreaching"]  # what no value means
    meaning: str


class Watch(Record, frozen=True, kw_only=True):
    """What is measured of the model servers, for how long it is kept, and when people are told."""

    namespace: str  # Kubernetes namespace of the reader
    metric_namespace: str  # in CloudWatch
    scrape_seconds: int
    keep_hours: int  # in the cluster; CloudWatch keeps what it is sent for 15 months
    metrics: int  # that CloudWatch is sent, each billed
    series: tuple[RecordedSeries, ...]
    alarms: tuple[Alarm, ...]
