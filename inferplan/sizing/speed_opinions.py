"""Our speed beside that of another model of speed, and beside the published run where there is one.

Not here: the figures of the other (reference) and how they are made (catalog.refresh).
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from inferplan import catalog
from inferplan.records.plan import Record
from inferplan.sizing.reference import SecondOpinion, ThroughputPoint, throughput_points
from inferplan.sizing.shapes import shapes_of
from inferplan.sizing.throughput import Performance, throughput


class Opinion(Record, frozen=True):
    """One load: what the other says, what we say, and what was measured. Output tokens per second."""

    theirs: SecondOpinion
    ours: Performance
    measured: ThroughputPoint | None

    @property
    def our_rate(self) -> float:
        """Of the replica."""
        assert self.ours.output_tokens_per_second is not None
        return self.ours.output_tokens_per_second

    @property
    def measured_rate(self) -> float | None:
        """The same, as published."""
        if self.measured is None:
            return None
        return self.measured.output_tokens_per_second_per_gpu * self.measured.tensor_parallel


def opinion(theirs: SecondOpinion) -> Opinion:
    """Predict the load of one row and look for its run, the newest."""
    ours = throughput(
        shapes_of(theirs.model),
        catalog.gpu(theirs.gpu),
        theirs.tensor_parallel,
        theirs.concurrency,
        theirs.input_tokens,
        theirs.output_tokens,
        theirs.quantization,
    )
    runs = [point for point in throughput_points().values() if _load(point) == _load(theirs)]
    return Opinion(
        theirs=theirs, ours=ours, measured=max(runs, key=lambda point: point.as_of) if runs else None
    )


def _load(row: SecondOpinion | ThroughputPoint) -> tuple[object, ...]:
    return (
        row.model,
        row.gpu,
        row.tensor_parallel,
        row.quantization,
        row.input_tokens,
        row.output_tokens,
        row.concurrency,
    )


def opinions_part(rows: Sequence[Opinion]) -> list[str]:
    """The part of the page, Markdown."""
    return [_INTRODUCTION, *_verdict(rows), "", *_table(rows), ""]


def _verdict(rows: Sequence[Opinion]) -> list[str]:
    ratios = sorted(row.our_rate / row.theirs.output_tokens_per_second for row in rows)
    known = [(row, row.measured_rate) for row in rows if row.measured_rate is not None]
    fitted = sum(row.measured is not None and row.measured.set == "fit" for row, _ in known)
    theirs = statistics.median(abs(row.theirs.output_tokens_per_second / rate - 1) for row, rate in known)
    ours = statistics.median(abs(row.our_rate / rate - 1) for row, rate in known)
    return [
        f"Ours over theirs: {statistics.median(ratios):.2f} in the median of {len(ratios)} loads, "
        f"{ratios[0]:.2f} to {ratios[-1]:.2f}.",
        f"On the {len(known)} loads with a published run, {fitted} of them in our fit, the median error is",
        f"{theirs:.1%} of theirs and {ours:.1%} of ours.",
    ]


def _table(rows: Sequence[Opinion]) -> list[str]:
    lines = [
        "| model | format | GPU | at once | parts from | theirs | ours | ours / theirs | measured, set |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        asked, rate = row.theirs, row.measured_rate
        form = asked.quantization or "as published"
        told = "" if row.measured is None or rate is None else f"{rate:.0f}, {row.measured.set}"
        lines.append(
            f"| {asked.model} | {form} | {asked.gpu} x {asked.tensor_parallel} "
            f"| {asked.concurrency} | {asked.engine} | {asked.output_tokens_per_second:.0f} "
            f"| {row.our_rate:.0f} | {row.our_rate / asked.output_tokens_per_second:.2f} | {told} |"
        )
    return lines


_INTRODUCTION = """### A second opinion

`aiconfigurator`, which adds up measured times of a model's parts (attention, products, exchange) and fills
gaps with formulas, asked for the same loads: 1,024 tokens in and out, a 16-bit cache, one tensor parallel
group. Output tokens per second of the group. It is made anew by a refresh and not by the tests.
"""
