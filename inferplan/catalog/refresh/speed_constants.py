"""Fits the constants of speed on the runs of the fit set, and states their range by those of the test set.

A cell's constants are those of its GPU family times those of its kind of model times a correction of its own
that its runs must pay for, so that a cell with few runs stays near its neighbors and one with none is theirs.
Its range is what its runs measured, those of the test set and all of them; with too few test runs it is
what every measured cell was off by when the constants were fitted without it, and no narrower than its own
runs and than the widest measured cell of its like, dense or not.
Not here: the formulas (inferplan.sizing) and the rule that parts fit from test (throughput_points).
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Any, NamedTuple, get_args

from inferplan import catalog
from inferplan.catalog.refresh import rows
from inferplan.catalog.refresh.throughput_points import configuration
from inferplan.sizing.reference import ThroughputPoint, throughput_points
from inferplan.sizing.speed_accuracy import Run, run_of
from inferplan.sizing.speed_cells import SHARED, Kind, Pace, family_of, kind_of
from inferplan.sizing.throughput import passed
from inferplan.sizing.weights import format_of
from inferplan.sizing.work import Work, durations, work_of

AS_OF = "2026-11-28"
SOURCE = "fitted on throughput_points (refresh.speed_constants)"
KINDS: tuple[Kind, ...] = get_args(Kind)
# A family without a run takes the constants of this one.
NEIGHBOR = {
    "turing": "ampere",
    "turing-pcie": "ada-pcie",  # the T4 is a card of 70 W as the L4 is
    "ampere-pcie": "ampere",
    "ada-pcie": "ampere",
    "ampere": "hopper",
    "hopper": "blackwell",
    "blackwell-pcie": "blackwell",
    "blackwell": "hopper",
}
ENOUGH = 8  # test runs for a range of its own
LEAST = 1.1  # no range is narrower than this factor to either side
# Where the fit starts, and how far it may go before it costs as much as a run that is 15 % off (a logarithm).
FAMILY = {"bandwidth_share": (0.75, 0.5), "flops_share": (0.5, 1.0)}
KIND = {"bandwidth_share": (0.9, 0.65), "flops_share": (0.6, 1.65)}
CELL = {"bandwidth_share": (1.0, 0.4), "flops_share": (1.0, 0.65)}
ALL: dict[str, tuple[float, float, str]] = {
    "eight_bit": (0.8, 1.0, "factor on the share of arithmetic"),
    "four_bit": (0.5, 1.3, "factor on the share of arithmetic"),
    "unpacked": (0.8, 1.0, "factor on the share of arithmetic"),
    "slice_width": (150, 3.3, "elements"),
    "step_ms": (1.5, 1.65, "ms per step"),
    "layer_ms": (0.02, 2.3, "ms per layer and step"),
    "mixture_layer_ms": (0.03, 2.3, "ms per layer and step"),
    "sequence_us": (10, 3.3, "microseconds per sequence and step"),
    "request_ms": (10, 2.3, "ms per request, before its first token"),
    "exchange_us_nvlink": (8, 2.3, "microseconds per collective"),
    "exchange_us_pcie": (25, 2.3, "microseconds per collective"),
    "link_share_nvlink": (0.6, 1.3, "share of peak"),
    "link_share_pcie": (0.6, 1.3, "share of peak"),
}
OFF = 0.15  # error of the rate that counts as one
OFF_FIRST = 0.8  # the same for the time to first token, which is noisier
FEW = 16  # requests in flight up to which the time to first token is that of a prompt and not of a queue
MANY = 64  # requests in flight up to which the range of the time to first token is measured


class Measured(NamedTuple):
    """A run with its work, which no constant changes."""

    point: ThroughputPoint
    run: Run
    work: Work
    family: str
    kind: Kind
    weight: float = 1.0


def measured() -> list[Measured]:
    """Every run that can be compared; runs of one configuration count together as one."""
    found = []
    for point in throughput_points().values():
        run = run_of(point)
        if isinstance(run, str):
            continue
        work = work_of(*run.load(point))
        form, _ = format_of(run.shapes, point.quantization)
        found.append(Measured(point, run, work, family_of(run.gpu), kind_of(run.shapes, form)))
    names = [_name(one.point) for one in found]
    return [
        one._replace(weight=1 / math.sqrt(names.count(name))) for one, name in zip(found, names, strict=True)
    ]


def _name(point: ThroughputPoint) -> str:
    return configuration({name: getattr(point, name) for name in point.__struct_fields__})


class Parameters:
    """Names of the fitted numbers, where each starts and how far it may go; all are logarithms."""

    def __init__(self, runs: Sequence[Measured]) -> None:
        families = sorted({one.family for one in runs})
        cells = sorted({(one.family, one.kind) for one in runs})
        self.start: dict[tuple[str, ...], tuple[float, float]] = {}
        for share, first in FAMILY.items():
            self.start |= {(share, family): first for family in families}
            self.start |= {(share, kind): KIND[share] for kind in KINDS if kind != "dense"}
            self.start |= {(share, *cell): CELL[share] for cell in cells}
        self.start |= {(name,): (value, far) for name, (value, far, _) in ALL.items()}

    def values(self, numbers: Sequence[float]) -> dict[tuple[str, ...], float]:
        """The parameters by name."""
        return dict(zip(self.start, map(math.exp, numbers), strict=True))


def pace(values: Mapping[tuple[str, ...], float], family: str, kind: str) -> Pace:
    """The constants of a cell."""
    link = "pcie" if family.endswith("-pcie") else "nvlink"
    known = family
    while ("flops_share", known) not in values:
        known = NEIGHBOR[known]
    shares = {
        share: _below_one(
            math.prod(values.get((share, *part), 1.0) for part in ((known,), (kind,), (known, kind)))
        )
        for share in FAMILY
    }
    return Pace(
        **shares,
        **{name: values[(name,)] for name in SHARED},
        exchange_us=values[(f"exchange_us_{link}",)],
        link_share=values[(f"link_share_{link}",)],
    )


def _below_one(share: float) -> float:
    """The share where it is far below its peak, and never more than the peak."""
    return share / math.pow(1 + share**8, 0.125)


def ratios(one: Measured, at: Pace) -> tuple[float, float | None]:
    """Predicted over measured: the rate, and the time to first token where no request waits for memory."""
    point = one.point
    tokens_in, tokens_out = point.input_tokens or 1, point.output_tokens or 1
    count = one.run.concurrency
    found = passed(durations(one.work, at), count, 1, tokens_in, tokens_out, one.run.batched or 8192)
    rate = count * tokens_out / found.request / point.tensor_parallel
    first = None
    if point.ttft_ms is not None and count == one.run.asked:
        first = found.first * 1e3 / point.ttft_ms
    return rate / point.output_tokens_per_second_per_gpu, first


def fitted(runs: Sequence[Measured], start: Sequence[float] | None = None) -> dict[tuple[str, ...], float]:
    """The parameters with the least error on the fit set, large errors damped."""
    import numpy
    from scipy.optimize import least_squares  # type: ignore[import-untyped]

    known = Parameters(runs)
    train = [one for one in runs if one.point.set == "fit"]
    middle = numpy.log([value for value, _ in known.start.values()])
    reach = numpy.array([far for _, far in known.start.values()])

    def residuals(numbers: Sequence[float]) -> Any:
        values = known.values(numbers)
        paces = {cell: pace(values, *cell) for cell in {(one.family, one.kind) for one in train}}
        found = []
        for one in train:
            rate, first = ratios(one, paces[one.family, one.kind])
            found.append(one.weight * math.log(rate) / OFF)
            if first is not None and one.run.concurrency <= FEW:
                found.append(one.weight * math.log(first) / OFF_FIRST)
        return numpy.concatenate([found, (numpy.asarray(numbers) - middle) / reach])

    best = least_squares(residuals, middle if start is None else start, loss="soft_l1", ftol=1e-4)
    return known.values(best.x)


Found = tuple[ThroughputPoint, float, float | None]  # a run, and predicted over measured: rate, first token


def table(
    runs: Sequence[Measured], values: Mapping[tuple[str, ...], float], blind: tuple[float, float]
) -> list[dict[str, Any]]:
    """A row for every GPU family of the catalog and every kind; `blind`: the range without runs."""
    families = sorted({family_of(gpu) for gpu in catalog.gpus().values()})
    cells = list(product(families, KINDS))
    paces = {cell: pace(values, *cell) for cell in cells}
    seen: dict[tuple[str, Kind], list[Found]] = {
        cell: [(one.point, *ratios(one, paces[cell])) for one in runs if (one.family, one.kind) == cell]
        for cell in cells
    }
    first = {cell: _first(found) for cell, found in seen.items()}
    spreads = {cell: _spread(found) for cell, found in seen.items() if _count(found, "test") >= ENOUGH}
    return [_row(cell, paces[cell], seen[cell], blind, spreads, first) for cell in cells]


def left_out(runs: Sequence[Measured], values: Mapping[tuple[str, ...], float]) -> tuple[float, float]:
    """The range of a cell without runs: what measured cells were off by when fitted without their runs."""
    start = [math.log(value) for value in values.values()]
    found = []
    for cell in sorted({(one.family, one.kind) for one in runs}):
        rest = [one for one in runs if (one.family, one.kind) != cell]
        names = Parameters(rest).start
        near = [number for name, number in zip(values, start, strict=True) if name in names]
        at = pace(fitted(rest, near), *cell)
        found += [(ratios(one, at)[0], one.weight**2) for one in runs if (one.family, one.kind) == cell]
    return min(1 / _weighted(found, 0.95), 1 / LEAST), max(1 / _weighted(found, 0.05), LEAST)


def _weighted(numbers: Sequence[tuple[float, float]], share: float) -> float:
    """The quantile of numbers that do not all count the same."""
    total = sum(weight for _, weight in numbers)
    passed_by = 0.0
    for number, weight in sorted(numbers):
        passed_by += weight
        if passed_by >= share * total:
            return number
    raise ValueError("no numbers")


def _count(found: Sequence[Found], which: str) -> int:
    return sum(point.set == which for point, *_ in found)


def _spread(found: Sequence[Found]) -> tuple[float, float]:
    """Factors on the rate between which nine of ten runs lie, of the test set and of all."""
    parts = [
        [(ratio, 1.0) for point, ratio, _ in found if all_of or point.set == "test"] for all_of in (0, 1)
    ]
    low = min(1 / _weighted(part, 0.95) for part in parts)
    high = max(1 / _weighted(part, 0.05) for part in parts)
    return min(low, 1 / LEAST), max(high, LEAST)


def _first(found: Sequence[Found]) -> float | None:
    """How much longer the first token may take: nine of ten runs were faster; None without runs enough."""
    later = [
        (1 / ratio, 1.0) for point, _, ratio in found if ratio is not None and (point.in_flight or 0) <= MANY
    ]
    return max(LEAST, _weighted(later, 0.9)) if len(later) >= ENOUGH else None


def _row(
    cell: tuple[str, Kind],
    at: Pace,
    found: Sequence[Found],
    blind: tuple[float, float],
    spreads: Mapping[tuple[str, Kind], tuple[float, float]],
    first: Mapping[tuple[str, Kind], float | None],
) -> dict[str, Any]:
    family, kind = cell
    if cell in spreads:
        low, high = spreads[cell]
    else:
        known = [blind, *(spread for (_, other), spread in spreads.items() if _alike(other, kind))]
        low = min([*(least for least, _ in known), *(1 / ratio for _, ratio, _ in found)])
        high = max([*(most for _, most in known), *(1 / ratio for _, ratio, _ in found)])
    late = first[cell]
    if late is None:
        late = max(value for (_, other), value in first.items() if value is not None and _alike(other, kind))
    return {
        "family": family,
        "kind": kind,
        "bandwidth_share": _short(at.bandwidth_share),
        "flops_share": _short(at.flops_share),
        "low": _short(low),
        "high": _short(high),
        "ttft_high": _short(late),
        "fit_runs": _count(found, "fit"),
        "test_runs": _count(found, "test"),
        "range_measured": cell in spreads,
        "verified": True,
        "source": [SOURCE],
        "as_of": AS_OF,
    }


def _alike(one: Kind, other: Kind) -> bool:
    return (one == "dense") == (other == "dense")


def _short(value: float) -> float:
    return float(f"{value:.3g}")


def shared(values: Mapping[tuple[str, ...], float], runs: Sequence[Measured]) -> list[dict[str, Any]]:
    """Rows of sizing_constants: what all cells share."""
    fit = sum(one.point.set == "fit" for one in runs)
    return [
        {
            "id": f"speed_{name}",
            "value": _short(values[(name,)]),
            "unit": unit,
            "note": f"fitted on {fit} published runs",
            "verified": True,
            "source": [SOURCE],
            "as_of": AS_OF,
        }
        for name, (_, _, unit) in ALL.items()
    ]


def tables() -> dict[str, list[dict[str, Any]]]:
    """Both tables, as they should read."""
    runs = measured()
    values = fitted(runs)
    for line in quality(runs, values):
        rows.tell(line)
    constants = [row for row in rows.read("sizing_constants") if not row["id"].startswith("speed_")]
    return {
        "speed_cells": table(runs, values, left_out(runs, values)),
        "sizing_constants": [*constants, *shared(values, runs)],
    }


def quality(runs: Sequence[Measured], values: Mapping[tuple[str, ...], float]) -> Iterator[str]:
    """How far off the fit is, on the runs that it was made of and on those that it was not."""
    for part in ("fit", "test"):
        errors = [
            abs(ratios(one, pace(values, one.family, one.kind))[0] - 1)
            for one in runs
            if one.point.set == part
        ]
        yield f"{part}: {len(errors)} runs, median error {statistics.median(errors):.1%}"


def main() -> None:
    """Fit, rewrite the tables, and say what changed and how good it is."""
    rows.replace(tables())


if __name__ == "__main__":
    main()
