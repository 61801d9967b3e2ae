"""What a file of measurements says: Prometheus's text exposition, or the JSON answer of one of its queries.

Not here: what the measurements mean for a plan (comparison) and reading the file (cli).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import msgspec

from inferplan.errors import InferplanError
from inferplan.printable import printable
from inferplan.records.base import Record

MAX_BYTES = 4 << 20  # some thousand pods
MAX_READINGS = 200_000
KNOWN = ("vllm:", "inferplan_")
HOW = (
    "give the text that a pod answers on /metrics, or the JSON of a query such as "
    '{__name__=~"inferplan_.*|vllm:.*"}'
)


class NotMetricsError(InferplanError):
    """A file that is neither, or that measures something else."""


class Reading(Record, frozen=True, kw_only=True):
    """One sample; `at` is seconds since 1970, None where the file does not say."""

    name: str
    labels: dict[str, str]
    value: float
    at: float | None = None


def readings(data: bytes) -> tuple[Reading, ...]:
    """Every sample that is a number; NotMetricsError where there is none of vLLM or of the stack."""
    if len(data) > MAX_BYTES:
        raise NotMetricsError(f"the file has {len(data):,} bytes, more than the {MAX_BYTES:,} that are read")
    try:
        text = data.decode()
    except UnicodeDecodeError as problem:
        raise NotMetricsError(f"the file is no UTF-8 text; {HOW}") from problem
    is_json = text.lstrip().startswith(("{", "["))
    found = tuple(
        one
        for one in (_of_json(data) if is_json else _of_text(text))
        if one.name.startswith(KNOWN) and math.isfinite(one.value)
    )
    if len(found) > MAX_READINGS:
        raise NotMetricsError(
            f"the file has {len(found):,} samples, more than the {MAX_READINGS:,} that are read"
        )
    if not any(one.name.startswith(KNOWN) for one in found):
        raise NotMetricsError(f"the file has no metric of vLLM and none of the stack's own; {HOW}")
    return found


def _of_text(text: str) -> Iterator[Reading]:
    from prometheus_client.parser import text_string_to_metric_families

    try:
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                at = None if sample.timestamp is None else float(sample.timestamp)
                yield Reading(name=sample.name, labels=sample.labels, value=float(sample.value), at=at)
    except (ValueError, IndexError, KeyError, TypeError) as problem:
        why = printable(str(problem))[:120] or "a line is none of its format"
        raise NotMetricsError(f"the file is no text exposition of Prometheus: {why}; {HOW}") from problem


class _Series(msgspec.Struct):
    metric: dict[str, str]
    value: tuple[float, str] | None = None
    values: tuple[tuple[float, str], ...] = ()


class _Data(msgspec.Struct, rename="camel"):
    result_type: str
    result: tuple[_Series, ...]


class _Answer(msgspec.Struct, rename="camel"):
    status: str
    data: _Data | None = None
    error: str = ""


def _of_json(data: bytes) -> Iterator[Reading]:
    try:
        answer = msgspec.json.decode(data, type=_Answer)
    except (msgspec.MsgspecError, RecursionError, ValueError) as problem:
        why = printable(str(problem))[:120]
        raise NotMetricsError(
            f"the file is no JSON answer of a query of Prometheus: {why}; {HOW}"
        ) from problem
    if answer.status != "success" or answer.data is None:
        raise NotMetricsError(f"the query had failed: {printable(answer.error)[:200] or answer.status}")
    for series in answer.data.result:
        labels = {name: value for name, value in series.metric.items() if name != "__name__"}
        for at, value in (*series.values, *([series.value] if series.value else ())):
            yield Reading(name=series.metric.get("__name__", ""), labels=labels, value=_number(value), at=at)


def _number(text: Any) -> float:
    try:
        return float(text)
    except ValueError as problem:
        raise NotMetricsError(f"{printable(str(text))[:40]!r} is no number; {HOW}") from problem
