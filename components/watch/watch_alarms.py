"""The alarms of the plan on what the sender sends, and a dashboard of the same series.

Not here: the topic (alarms), thresholds (the plan), token alarms of Bedrock (alarms).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from components.names import Names
from inferplan.records.plan import Server, Watch

PERIOD_SECONDS = 300
WIDTH, HEIGHT = 12, 6  # of a widget, on a grid of 24 columns


@dataclass(frozen=True, kw_only=True, slots=True)
class WatchAlarmsArgs:
    names: Names
    watch: Watch
    servers: tuple[Server, ...]
    topic_arn: pulumi.Input[str]


class WatchAlarms(pulumi.ComponentResource):
    """Outside the cluster, so that they also tell when all of it is silent."""

    def __init__(self, name: str, args: WatchAlarmsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("inferplan:index:WatchAlarms", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        for alarm in args.watch.alarms:
            aws.cloudwatch.MetricAlarm(
                f"{name}-{alarm.name}",
                name=args.names.fixed(alarm.name),
                alarm_description=alarm.meaning,
                namespace=args.watch.metric_namespace,
                metric_name=alarm.series,
                dimensions=alarm.labels,
                statistic="Average",
                period=PERIOD_SECONDS,
                evaluation_periods=alarm.periods,
                comparison_operator="GreaterThanThreshold",
                threshold=alarm.threshold,
                treat_missing_data=alarm.missing,
                alarm_actions=[args.topic_arn],
                ok_actions=[args.topic_arn],
                opts=child,
            )
        aws.cloudwatch.Dashboard(
            f"{name}-dashboard",
            dashboard_name=args.names.fixed("serving"),
            dashboard_body=json.dumps(dashboard(args)),
            opts=child,
        )
        self.register_outputs({})


def dashboard(args: WatchAlarmsArgs) -> dict[str, Any]:
    """A graph for each series that is sent, all servers in it, with the limits of its alarms as lines."""
    watch, region = args.watch, args.names.target.region
    lines: dict[str, list[list[str]]] = {}
    for one in watch.series:
        if not one.sent:
            continue
        if {"server", "scope"} & set(one.labels):
            sets = [one.labels]
        else:
            sets = [{**one.labels, "server": server.name} for server in args.servers]
        for labels in sets:
            dimensions = [text for label in sorted(labels) for text in (label, labels[label])]
            lines.setdefault(one.name, []).append([watch.metric_namespace, one.name, *dimensions])
    widgets = [
        {
            "type": "metric",
            "x": WIDTH * (place % 2),
            "y": HEIGHT * (place // 2),
            "width": WIDTH,
            "height": HEIGHT,
            "properties": {
                "title": series.removeprefix("inferplan_").replace("_", " "),
                "view": "timeSeries",
                "region": region,
                "stat": "Average",
                "period": PERIOD_SECONDS,
                "metrics": metrics,
                **_limits(watch, series),
            },
        }
        for place, (series, metrics) in enumerate(lines.items())
    ]
    return {"widgets": widgets}


def _limits(watch: Watch, series: str) -> dict[str, Any]:
    """Thresholds above nothing: a line at 0 would say nothing."""
    found = [
        {"label": alarm.name, "value": alarm.threshold}
        for alarm in watch.alarms
        if alarm.series == series and alarm.threshold
    ]
    return {"annotations": {"horizontal": found}} if found else {}
