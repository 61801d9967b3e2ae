"""How well the speed is predicted: every published run beside its prediction, fit and test apart.

Not here: the runs (reference), the formulas (work, throughput) and the memory part of the page (accuracy).
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from functools import cache

from inferplan import catalog
from inferplan.catalog import Gpu
from inferplan.records.plan import Record
from inferplan.sizing.memory import Fit, fit
from inferplan.sizing.reference import ThroughputPoint
from inferplan.sizing.shapes import ModelShapes, shapes_of
from inferplan.sizing.speed_cells import KIND_WORDS, speed_cells
from inferplan.sizing.throughput import Performance, throughput

OLD_ENGINE = "0.11.0"  # taken for defaults where the version is not stated
LENGTH = 32768  # taken for the context where a model's is longer and the flags are not stated
OTHER = "another engine"
ROUNDS = 4  # a mix of lengths shows a sustained rate where each place serves this many requests


class Run(Record, frozen=True):
    """What one measurement ran, as the formulas need it."""

    shapes: ModelShapes
    gpu: Gpu
    concurrency: int  # per replica, what the cache holds at most
    asked: int | None  # requests in flight per replica that the measurement offered
    batched: int | None

    def load(self, point: ThroughputPoint) -> tuple[ModelShapes, Gpu, int, int, int, int, str | None, str]:
        """The first arguments of `throughput` and of `work_of`."""
        return (
            self.shapes,
            self.gpu,
            point.tensor_parallel,
            self.concurrency,
            point.input_tokens or 1,
            point.output_tokens or 1,
            point.quantization,
            point.kv_cache_dtype or "auto",
        )


@cache
def run_of(point: ThroughputPoint) -> Run | str:
    """The run, or why it cannot be compared."""
    if point.set is None:
        known = point.gpu in catalog.gpus()
        return OTHER if known else f"{point.gpu} is not in the catalog"
    if point.input_tokens is None or point.output_tokens is None:
        return "the lengths are not printed"
    shapes, gpu = shapes_of(point.repository), catalog.gpu(point.gpu)
    held = _memory(point, shapes, gpu)
    room, asked = held.concurrency_at(point.input_tokens, point.output_tokens), point.in_flight
    if point.kv_cache_dtype is None:
        if asked is None or room < asked:
            return "more requests than a 16-bit cache holds, and the format of the cache is not stated"
        room = asked
    small = asked is not None and asked <= ROUNDS  # few requests fit whatever the error of the memory part
    if room < 1 and not small:
        return "by the arithmetic of memory nothing fits as it was started"
    count = asked if asked is not None and (small or asked < room) else room
    if point.mixed_lengths and not small and (point.prompts or 0) < ROUNDS * count * _replicas(point):
        return "a burst of mixed lengths: the longest answers decide how long it takes"
    return Run(shapes=shapes, gpu=gpu, concurrency=count, asked=asked, batched=held.max_num_batched_tokens)


def _replicas(point: ThroughputPoint) -> int:
    return max(1, point.gpus // point.tensor_parallel)


def _memory(point: ThroughputPoint, shapes: ModelShapes, gpu: Gpu) -> Fit:
    """The fit with the flags of the measurement, defaults of its engine where none is stated."""
    return fit(
        shapes,
        gpu.usable_gib,
        point.tensor_parallel,
        quantization=point.quantization,
        kv_cache_dtype=point.kv_cache_dtype or "auto",
        max_model_len=point.max_model_len or min(shapes.context or LENGTH, LENGTH),
        max_num_seqs=point.max_num_seqs,
        max_num_batched_tokens=point.max_num_batched_tokens,
        gpu_memory_utilization=point.gpu_memory_utilization,
        vllm_version=point.vllm or OLD_ENGINE,
        gpu=gpu.name,
        compute_capability=gpu.cc,
    )


class SpeedComparison(Record, frozen=True):
    """One run and its prediction; `why_not` says why there is none."""

    point: ThroughputPoint
    predicted: Performance | None
    run: Run | None
    why_not: str | None

    @property
    def ratio(self) -> float | None:
        """Predicted over measured output tokens per second."""
        rate = self.predicted.output_tokens_per_second if self.predicted else None
        if rate is None:
            return None
        return rate / (self.point.output_tokens_per_second_per_gpu * self.point.tensor_parallel)

    @property
    def inside(self) -> bool | None:
        """Whether the measured rate is in the stated range."""
        if self.ratio is None or self.predicted is None:
            return None
        return self.predicted.cell.low <= 1 / self.ratio <= self.predicted.cell.high

    @property
    def ttft_ratio(self) -> float | None:
        """Measured over predicted, where no request had to wait for memory."""
        if self.predicted is None or self.point.ttft_ms is None or self.run is None:
            return None
        return None if self.run.concurrency != self.run.asked else self.point.ttft_ms / self.predicted.ttft_ms


def compare_speed(point: ThroughputPoint) -> SpeedComparison:
    """Predict one run."""
    run = run_of(point)
    if isinstance(run, str):
        return SpeedComparison(point=point, predicted=None, run=None, why_not=run)
    found = throughput(*run.load(point), 1, run.batched)
    return SpeedComparison(point=point, predicted=found, run=run, why_not=None)


def best_rate(point: ThroughputPoint) -> float | None:
    """Predicted output tokens per second and GPU for another engine's run: at its load, else the best."""
    if point.gpu not in catalog.gpus() or not point.input_tokens or not point.output_tokens:
        return None
    card, shapes = catalog.gpu(point.gpu), shapes_of(point.model)
    counts = [] if point.concurrency is None else [point.concurrency]
    for sequences in () if counts else (64, 128, 256, 512, 1024):
        found = fit(
            shapes,
            card.usable_gib,
            point.tensor_parallel,
            quantization=point.quantization,
            max_model_len=point.input_tokens + point.output_tokens,
            max_num_seqs=sequences,
            gpu=card.name,
            compute_capability=card.cc,
        )
        if found.fits:
            counts.append(found.concurrency_at(point.input_tokens, point.output_tokens))
    rates = [
        throughput(
            shapes,
            card,
            point.tensor_parallel,
            count,
            point.input_tokens,
            point.output_tokens,
            point.quantization,
        ).output_tokens_per_second
        for count in counts
        if count
    ]
    return max((rate / point.tensor_parallel for rate in rates if rate is not None), default=None)


def speed_part(rows: list[SpeedComparison]) -> list[str]:
    """The speed part of the page, Markdown."""
    judged = [row for row in rows if row.ratio is not None]
    return [
        _INTRODUCTION,
        *_goals(judged),
        *_cells(judged),
        *_configurations(judged),
        *_not_compared(rows),
        *_others(rows),
    ]


def median_error(rows: Iterable[SpeedComparison]) -> float:
    """Median of the absolute error of the output tokens per second."""
    return statistics.median(abs(row.ratio - 1) for row in rows if row.ratio is not None)


def inside(rows: Iterable[SpeedComparison]) -> float:
    """The share of runs in the stated range."""
    verdicts = [row.inside for row in rows if row.inside is not None]
    return sum(verdicts) / len(verdicts)


def group_of(row: SpeedComparison) -> str:
    """Dense, mixtures or latent attention: what a goal is set for."""
    assert row.predicted is not None
    kind = row.predicted.cell.kind
    return "latent attention" if kind in {"mla", "sparse-mla"} else "dense" if kind == "dense" else "mixtures"


GOALS = {"dense": 0.15, "mixtures": 0.20, "latent attention": 0.25}
INSIDE = 0.9


def _goals(rows: list[SpeedComparison]) -> list[str]:
    lines = [
        "### Goals, on the test runs",
        "",
        "| kind | goal, median error | fit runs | error | test runs | error | in the range, goal 90 % | |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for group, goal in GOALS.items():
        fit_rows, test_rows = (
            [row for row in rows if group_of(row) == group and row.point.set == part]
            for part in ("fit", "test")
        )
        error, share = median_error(test_rows), inside(test_rows)
        verdict = "reached" if error <= goal and share >= INSIDE else "**missed**"
        lines.append(
            f"| {group} | {goal:.0%} | {len(fit_rows)} | {median_error(fit_rows):.1%} | {len(test_rows)} "
            f"| {error:.1%} | {share:.0%} | {verdict} |"
        )
    return [*lines, ""]


def _cells(rows: list[SpeedComparison]) -> list[str]:
    lines = [
        "### By GPU family and kind of model",
        "",
        "Shares are of the peak; the range is a factor on the predicted rate. Where it is not measured, it",
        "is what measured cells were off by when they were left out of the fit, and no narrower than the",
        "cell's own runs and than the widest measured cell of its like, dense or not. Cells that are not",
        "listed have no run: their constants are those of the family and the kind.",
        "",
        "| GPU family | kind | bandwidth | arithmetic | fit | error | test | error | range | measured |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for cell in speed_cells().values():
        own = [row for row in rows if row.predicted is not None and row.predicted.cell == cell]
        if not own:
            continue
        shown = []
        for part in ("fit", "test"):
            found = [row for row in own if row.point.set == part]
            shown += [str(len(found)), f"{median_error(found):.1%}" if found else ""]
        lines.append(
            f"| {cell.family} | {KIND_WORDS[cell.kind]} | {cell.bandwidth_share:.2f} "
            f"| {cell.flops_share:.2f} | {' | '.join(shown)} | {cell.low:.2f} to {cell.high:.2f} "
            f"| {'yes' if cell.range_measured else 'no'} |"
        )
    return [*lines, ""]


def _configurations(rows: list[SpeedComparison]) -> list[str]:
    lines = [
        "### By configuration",
        "",
        "Predicted over measured output tokens per second: the median of its runs, and the extremes.",
        "",
        "| model | GPU | tensor parallel | weights | set | runs | median | from | to | in the range |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    groups: dict[tuple[str, ...], list[SpeedComparison]] = {}
    for row in rows:
        point = row.point
        key: tuple[str, ...] = (
            point.model,
            point.gpu,
            str(point.tensor_parallel),
            point.weights,
            str(point.set),
        )
        groups.setdefault(key, []).append(row)
    for key, found in sorted(groups.items()):
        ratios = sorted(row.ratio for row in found if row.ratio is not None)
        lines.append(
            f"| {' | '.join(key)} | {len(found)} | {statistics.median(ratios):.2f} | {ratios[0]:.2f} "
            f"| {ratios[-1]:.2f} | {sum(bool(row.inside) for row in found)} |"
        )
    return [*lines, ""]


def _not_compared(rows: list[SpeedComparison]) -> list[str]:
    reasons: dict[str, list[str]] = {}
    for row in rows:
        if row.why_not is not None and row.why_not != OTHER:
            reasons.setdefault(row.why_not, []).append(row.point.id)
    lines = ["### Runs that are not compared", ""]
    lines += [f"- {reason}: {', '.join(names)}." for reason, names in sorted(reasons.items())]
    return [*lines, ""]


def _others(rows: list[SpeedComparison]) -> list[str]:
    lines = [
        "### Other engines",
        "",
        "Output tokens per second and GPU. TensorRT-LLM at its vendor's best, mostly a maximum without",
        "latency limits and with data parallel, against vLLM with tensor parallel alone: an upper witness,",
        "no test.",
        "",
        "| run | model, GPU | engine | published | predicted | predicted / published |",
        "|---|---|---|---|---|---|",
    ]
    for row in rows:
        point = row.point
        if row.why_not != OTHER:
            continue
        rate, told = best_rate(point), point.output_tokens_per_second_per_gpu
        shown = "none | " if rate is None else f"{rate:.0f} | {rate / told:.2f}"
        lines.append(
            f"| {point.id} | {point.model}, {point.gpu} x {point.tensor_parallel} | {point.engine} "
            f"| {told:g} | {shown} |"
        )
    return [*lines, ""]


_INTRODUCTION = """## Speed

Runs of vLLM that others published, one tensor parallel group each, with the rate of output tokens that the
formulas predict for the same load. A configuration is a model on a GPU with a tensor parallel size and
weights; within each cell of GPU family and kind of model the configurations go to the fit and to the test in
turn, in the order of the SHA-256 of their names, the first to the fit. The constants are fitted on the first
set alone. A range holds nine of ten runs of the second set, and nine of ten of both. How many requests run at
once is predicted too, where a run offered more than the cache holds.

A run counts where it is a release of vLLM on one tensor parallel group, without expert, data or decode
context parallel, without speculation and without eager mode, its GPU and lengths are stated, and each place
served four requests or all came at once. Left out of what was found:

- InferenceX (once InferenceMAX): what its posts show of TensorRT-LLM and SGLang (DeepSeek-R1, GLM-5), of
  expert parallel, of an image made for a model's first day (MiniMax-M3), and gpt-oss-120b on H100 without its
  parallel size. Its runs of Kimi K2.5 of May 2026 and of MiniMax-M2.5 on H100 are in; older ones come with
  `aiconfigurator-core`.
- MLPerf Inference: v5.0 and v5.1 of NVIDIA and most partners are TensorRT-LLM. Red Hat's v5.1 with vLLM 0.10
  (Llama-3.1-8B in FP8, one H100: 5,777 tokens/s; L40S: 1,642) does not print the mean length of its prompts.
  Its v6.0 is gpt-oss-120b behind llm-d, several replicas whose layout is not in the results, and models that
  see or hear. Of v6.1 no run of vLLM on one of these GPUs was readable.
- Speculation: Kimi K3 in vLLM's own post and GLM-5 in its recipe. Expert parallel: the recipe of DeepSeek-V3.
- vLLM before 0.8, whose engine was another: DeepSeek-R1 on H200 by dstack, DeepSeek-V3 in AWQ.
- Too little said: Kimi K2.6 and GLM-5.1 on B200 by Lambda (engine and parallel size), GLM-5 and DeepSeek-V3
  on B200 by Vultr (only peaks), runs with fewer than four requests a place.

Runs of latent attention are still few: Kimi K2 and K2.5, DeepSeek V3.1, V3.2 and R1, GLM-5.2. What would
help most is `vllm serve` with tensor parallel and stated flags on DeepSeek V3.x and GLM-5, on H200 and B200.
No run of an MXFP4 model on RTX PRO 6000, L40S or L4 was found, and none at all on T4.
"""
