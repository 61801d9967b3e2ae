"""Where collectors, agents and programs are told to send traces, metrics and logs.

Not here: whether such a host is allowed (the packs), and the settings of the LLM proxy (gateway).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

from inferplan.resource import Resource
from policies.context import Context
from policies.embedded import embedded
from policies.read import Text, texts
from policies.views.hosts import value_of
from policies.views.pods import Container, pods

# Sections in which OpenTelemetry, Prometheus, Vector and Promtail say where they send to.
_SECTION = re.compile(r"(?:^|\.)(?:exporters|remote_write|remoteWrite|sinks|clients)[.\[]")
_WRITTEN = re.compile(r"^\s*(?:exporters|remote_write|sinks|clients):", re.MULTILINE)
_ADDRESS = re.compile(
    r"(?:.*[_.])?(?:endpoints?|urls?|uri|hosts?|site|server|address|brokers?)(?:\[\d+\])?", re.I
)
# Exporters of OpenTelemetry that know their vendor's host by themselves.
_VENDORS = re.compile(
    r"\bexporters\.(alibabacloud_logservice|azuremonitor|coralogix|datadog|dataset|googlecloud"
    r"|googlemanagedprometheus|honeycombmarker|logicmonitor|logzio|mezmo|sentry|signalfx|sumologic"
    r"|tencentcloud_logservice)\b"
)
# Blocks of Fluent Bit and Fluentd, and the lines that name a host.
_BLOCK = re.compile(
    r"^\s*\[OUTPUT\](.*?)(?=^\s*\[|\Z)|<(?:match|store)[^>]*>(.*?)(?=</|<)", re.I | re.M | re.S
)
_LINE = re.compile(r"^\s*(?:host|endpoint|url|uri|http_host|splunk_hec_host)\s+(\S+)", re.I | re.M)
_KIND = re.compile(r"^\s*(?:name|@type)\s+(\S+)", re.I | re.M)
_HOSTED = frozenset(
    {"datadog", "nrlogs", "newrelic", "logdna", "stackdriver", "azure", "logzio", "treasuredata"}
)
_VARIABLE = re.compile(
    r"OTEL_EXPORTER_.*ENDPOINT|.*WEBHOOK_URL|SENTRY_DSN"
    r"|(?:DD|DATADOG|NEW_RELIC|LANGFUSE|LANGSMITH|LANGCHAIN|PHOENIX|HELICONE|SPLUNK|LOKI|ELASTIC_APM"
    r"|HONEYCOMB|WANDB|TRACELOOP|ARIZE|OPIK|LUNARY|BRAINTRUST)_.*(?:HOST|URL|SITE|ENDPOINT|BASE)"
)
_FLAG = re.compile(r"--(?:otlp[\w.-]*endpoint|remote-?write[\w.-]*url)")


class Export(NamedTuple):
    """Where a setting stands and what it names: a host, or a vendor whose host the program knows."""

    path: str
    host: str
    of_vendor: bool = False


def exports(resource: Resource, context: Context) -> Iterator[Export]:
    """Every host that a resource tells somebody to send telemetry to."""
    for text in context.texts(resource):
        yield from _listed(text)
        if _WRITTEN.search(text.value):
            yield from (export for leaf in texts(embedded(text.value), text.path) for export in _listed(leaf))
        yield from _blocks(text)
    for pod in pods(resource):
        for one in pod.containers:
            yield from _told(one)


def _listed(leaf: Text) -> Iterator[Export]:
    """A setting among exporters and the like."""
    if vendor := _VENDORS.search(leaf.path):
        yield Export(leaf.path, vendor[1], of_vendor=True)
    elif _SECTION.search(leaf.path) and _ADDRESS.fullmatch(leaf.path.rpartition(".")[2]):
        yield Export(leaf.path, value_of(leaf.value))


def _blocks(text: Text) -> Iterator[Export]:
    for found in _BLOCK.finditer(text.value):
        block = found[1] or found[2] or ""
        lines = [line[1] for line in _LINE.finditer(block) if not line[1].startswith(("/", "$"))]
        yield from (Export(text.path, value_of(line)) for line in lines)
        kind = _KIND.search(block)
        if not lines and kind and kind[1].lower() in _HOSTED:
            yield Export(text.path, kind[1], of_vendor=True)


def _told(one: Container) -> Iterator[Export]:
    """Variables and flags of a container."""
    for name, value in one.env.items():
        if value and _VARIABLE.fullmatch(name):
            yield Export(f"{one.path}.env", value_of(value))
    for before, word in pairwise(["", *one.words]):
        flag, _, value = word.partition("=")
        told = word if _FLAG.fullmatch(before) else value if _FLAG.fullmatch(flag) else ""
        if told:
            yield Export(f"{one.path}.args", value_of(told))
