"""How well sizing does: every published row beside its prediction, as the page docs/sizing-accuracy.md.

Not here: the rows (reference) and the formulas (memory, throughput). `python -m inferplan.sizing.accuracy`
prints the page, `--write PATH` writes it.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Iterable
from pathlib import Path

from inferplan import catalog
from inferplan.records.plan import Record
from inferplan.sizing.constants import GB, GIB, constant
from inferplan.sizing.kv_cache import kv_layout
from inferplan.sizing.memory import Fit, fit
from inferplan.sizing.reference import ReferencePoint, ThroughputPoint, reference_points, throughput_points
from inferplan.sizing.throughput import Performance, throughput
from inferplan.sizing.weights import weights

PAGE = Path("docs/sizing-accuracy.md")
WEIGHTS_SHARE, KV_SHARE, KV_GIB = 0.03, 0.10, 1.5  # what is accepted


class Comparison(Record, frozen=True):
    """One start-up row and its prediction; errors are predicted minus measured, None if not printed."""

    point: ReferencePoint
    predicted: Fit | None
    weights_gib: float | None  # predicted, per GPU
    weights_error: float | None  # share
    kv_error_gib: float | None
    kv_error: float | None  # share
    tokens_error: float | None  # share, from the printed KV GiB
    concurrency_error: float | None  # share, from the printed tokens
    budget_error_gib: float | None  # of the printed terms

    @property
    def fits_right(self) -> bool | None:
        """Whether the verdict agrees; None where the row cannot be predicted."""
        return None if self.predicted is None else self.predicted.fits == self.point.fits

    @property
    def margin_is_open(self) -> bool:
        """Whether the margin is so small that the verdict may differ."""
        found = self.predicted
        return (
            found is None
            or found.margin_gib is None
            or abs(found.margin_gib) < constant("uncertain_margin_gib")
        )


class SpeedComparison(Record, frozen=True):
    """One throughput row and its prediction; `why_not` says why there is none."""

    point: ThroughputPoint
    predicted: Performance | None
    concurrency: int | None  # per replica
    why_not: str | None

    @property
    def tpot_error(self) -> float | None:
        """Predicted over measured, minus 1."""
        predicted = self.predicted.tpot_ms if self.predicted else None
        if predicted is None or self.point.tpot_ms is None:
            return None
        return predicted / self.point.tpot_ms - 1

    @property
    def ttft_ratio(self) -> float | None:
        """Measured over predicted."""
        if self.predicted is None or self.point.ttft_ms is None:
            return None
        return self.point.ttft_ms / self.predicted.ttft_ms


def compare(point: ReferencePoint) -> Comparison:
    """Predict one start-up row and test the identities that its printed terms allow."""
    shapes = point.model_shapes()
    predicted = point.predict()
    held = weights(shapes, point.quantization, point.tp).per_gpu_gib
    measured = point.weights_gib
    if measured is None and point.vram_min_gb is not None:
        measured = point.vram_min_gb / 1.2 * GB / GIB  # a recipe's minimum is 1.2 x weight bytes
    kv_gib = None if predicted is None or point.kv_gib is None else predicted.kv_cache_gib
    tokens = None
    layout = kv_layout(shapes, point.tp)
    if point.kv_gib is not None and point.kv_tokens is not None and layout is not None:
        tokens = layout.blocks(point.kv_gib * GIB) * layout.block_tokens / point.kv_tokens - 1
    concurrency = None
    if point.kv_tokens is not None and point.max_concurrency is not None and point.max_model_len is not None:
        concurrency = point.kv_tokens / point.max_model_len / point.max_concurrency - 1
    return Comparison(
        point=point,
        predicted=predicted,
        weights_gib=held,
        weights_error=None if measured is None else held / measured - 1,
        kv_error_gib=None if kv_gib is None or point.kv_gib is None else kv_gib - point.kv_gib,
        kv_error=None if kv_gib is None or not point.kv_gib else (kv_gib - point.kv_gib) / abs(point.kv_gib),
        tokens_error=tokens,
        concurrency_error=concurrency,
        budget_error_gib=_budget_error(point),
    )


def _budget_error(point: ReferencePoint) -> float | None:
    terms = (point.weights_gib, point.activation_gib, point.non_torch_gib)
    if point.total_gib is None or point.utilization is None or point.kv_gib is None or None in terms:
        return None
    return (
        point.total_gib * point.utilization - sum(term for term in terms if term is not None) - point.kv_gib
    )


def compare_speed(point: ThroughputPoint) -> SpeedComparison:
    """Predict one throughput row; without a concurrency, or outside the catalog, there is no prediction."""
    tokens_in, tokens_out = point.input_tokens, point.output_tokens
    if point.concurrency is None or tokens_in is None or tokens_out is None:
        why = "all requests at once" if point.all_at_once else "the concurrency is not printed"
        return SpeedComparison(point=point, predicted=None, concurrency=None, why_not=why)
    if point.gpu_name is None:
        why = f"{point.gpu} is not in the catalog"
        return SpeedComparison(point=point, predicted=None, concurrency=None, why_not=why)
    share = max(1, round(point.concurrency * point.tensor_parallel / point.gpus))
    found = throughput(
        point.model_shapes(),
        catalog.gpu(point.gpu_name),
        point.tensor_parallel,
        share,
        tokens_in,
        tokens_out,
        point.quantization,
    )
    return SpeedComparison(point=point, predicted=found, concurrency=share, why_not=None)


def best_rate(point: ThroughputPoint) -> float | None:
    """Predicted output tokens per second and GPU at the largest concurrency that fits; None if unknown."""
    if point.gpu_name is None or not point.input_tokens or not point.output_tokens:
        return None
    card, shapes = catalog.gpu(point.gpu_name), point.model_shapes()
    length = point.input_tokens + point.output_tokens
    rates = []
    for sequences in (64, 128, 256, 512, 1024):
        found = fit(
            shapes,
            card.usable_gib,
            point.tensor_parallel,
            quantization=point.quantization,
            max_model_len=length,
            max_num_seqs=sequences,
            gpu=card.name,
            compute_capability=card.cc,
        )
        count = found.concurrency_at(point.input_tokens, point.output_tokens)
        if found.fits and count:
            speed = throughput(
                shapes,
                card,
                point.tensor_parallel,
                count,
                point.input_tokens,
                point.output_tokens,
                point.quantization,
            )
            if speed.output_tokens_per_second is not None:
                rates.append(speed.output_tokens_per_second / point.tensor_parallel)
    return max(rates, default=None)


def median_error(rows: Iterable[SpeedComparison]) -> float:
    """Median of the absolute error of time per token."""
    return statistics.median(abs(row.tpot_error) for row in rows if row.tpot_error is not None)


def page() -> str:
    """The whole page, Markdown."""
    fits = [compare(point) for point in reference_points().values()]
    speeds = [compare_speed(point) for point in throughput_points().values()]
    parts = [_INTRODUCTION, *_memory_part(fits), *_identity_part(fits), *_speed_part(speeds), _LIMITS]
    return "\n".join(parts).rstrip() + "\n"


def _memory_part(rows: list[Comparison]) -> list[str]:
    lines = [
        "## Memory: does it start, weights, KV cache",
        "",
        "Measured / predicted, GiB per GPU. A verdict in brackets has a margin under 1.5 GiB and is not",
        "judged.",
        "",
        "| row | model, GPU, TP, vLLM | fits | weights | error | KV cache | error | fitted on this row |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        point = row.point
        where = ", ".join(
            str(part) for part in (point.model, point.gpu, f"TP {point.tp}", point.vllm) if part is not None
        )
        verdict = "not predicted"
        if row.predicted is not None:
            verdict = f"{_yes(point.fits)} / {_yes(row.predicted.fits)}"
            verdict = f"({verdict})" if row.margin_is_open else verdict
        kv_predicted = (
            row.predicted.kv_cache_gib if row.predicted is not None and point.kv_gib is not None else None
        )
        kv_error = (
            "" if row.kv_error_gib is None else f"{row.kv_error_gib:+.2f} GiB ({_percent(row.kv_error)})"
        )
        lines.append(
            f"| {point.id} | {where} | {verdict} | {_pair(point.weights_gib, row.weights_gib)} "
            f"| {_percent(row.weights_error)} | {_pair(point.kv_gib, kv_predicted)} | {kv_error} "
            f"| {', '.join(point.fitted) or 'none'} |"
        )
    return [*lines, "", *_memory_notes(rows)]


def _memory_notes(rows: list[Comparison]) -> list[str]:
    lines = ["What to read beside the table:", ""]
    for row in rows:
        point = row.point
        notes = []
        if row.predicted is None:
            notes.append("no end-to-end prediction, because the source does not say the GPU or its memory")
        if point.inferred:
            notes.append(f"not printed by the source but inferred: {', '.join(point.inferred)}")
        if point.circular:
            notes.append(f"computed from the other printed terms, so no test: {', '.join(point.circular)}")
        if point.vram_min_gb is not None:
            notes.append(
                f"the weights are a recipe's minimum of {point.vram_min_gb:g} GB / 1.2, a rule of thumb"
                + (
                    " that counts one byte for the 16-bit embeddings and head too"
                    if point.quantization
                    else ""
                )
            )
        if point.shapes_source is not None:
            notes.append(f"shapes from {point.shapes_source}")
        if point.engine == "V0":
            notes.append("the V0 engine, whose memory outside torch varied (0.04 to 3.58 GiB)")
        if "tier" in point.check:
            notes.append("a published recommendation, not a log")
        if notes:
            lines.append(f"- {point.id}: {'; '.join(notes)}.")
    return [*lines, ""]


def _identity_part(rows: list[Comparison]) -> list[str]:
    lines = [
        "## Identities on printed terms",
        "",
        "These use the source's own figures on both sides: tokens from the printed KV GiB, concurrency from",
        "the printed tokens, and the budget sum. They test bytes per token and the data rows, no prediction.",
        "",
        "| row | tokens from KV GiB | concurrency | budget sum |",
        "|---|---|---|---|",
    ]
    for row in rows:
        shown = (row.tokens_error, row.concurrency_error, row.budget_error_gib)
        if any(error is not None for error in shown):
            budget = "" if row.budget_error_gib is None else f"{row.budget_error_gib:+.2f} GiB"
            tokens, concurrency = (_percent(error, 2) for error in shown[:2])
            lines.append(f"| {row.point.id} | {tokens} | {concurrency} | {budget} |")
    return [*lines, ""]


def _speed_part(rows: list[SpeedComparison]) -> list[str]:
    predicted = [row for row in rows if row.predicted is not None]
    dense = [row for row in predicted if not row.point.model_shapes().is_moe]
    mixtures = [row for row in predicted if row.point.model_shapes().is_moe]
    lines = [
        "## Throughput",
        "",
        "Time per output token (TPOT) and time to first token (TTFT) in ms, measured / predicted. The five",
        "constants were set in advance and validated elsewhere on 2,808 published rows (median absolute TPOT",
        "error 13 % dense, 25 % mixtures of experts). On the rows below it is "
        f"{median_error(dense):.1%} dense and {median_error(mixtures):.1%} mixtures.",
        "The TTFT range was chosen on these rows.",
        "",
        "| row | model, GPU, TP | in/out, concurrency | TPOT | error | TTFT | measured / predicted |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        point, found = row.point, row.predicted
        if found is None:
            continue
        ratio = "" if row.ttft_ratio is None else f"{row.ttft_ratio:.2f}"
        lines.append(
            f"| {point.id} | {point.model}, {point.gpu_name}, TP {point.tensor_parallel} "
            f"| {point.input_tokens}/{point.output_tokens}, {row.concurrency} "
            f"| {_pair(point.tpot_ms, found.tpot_ms)} "
            f"| {_percent(row.tpot_error)} | {_pair(point.ttft_ms, found.ttft_ms, 0)} | {ratio} |"
        )
    lines += ["", "Rows without a prediction:", ""]
    lines += [
        f"- {row.point.id} ({row.point.model}): {row.why_not}." for row in rows if row.predicted is None
    ]
    return [*lines, "", *_maxima_part(rows)]


def _maxima_part(rows: list[SpeedComparison]) -> list[str]:
    lines = [
        "### Vendor maxima",
        "",
        "Output tokens per second and GPU. The vendor's figure is a maximum of another engine, without",
        "latency limits; the prediction is vLLM at the largest concurrency that fits, up to 1,024 sequences.",
        "No test of error, only of magnitude: gpt-oss comes out twice too fast at such batches.",
        "",
        "| row | model, GPU | vendor | predicted | predicted / vendor |",
        "|---|---|---|---|---|",
    ]
    for row in rows:
        point = row.point
        if row.predicted is not None or "max load" not in point.engine:
            continue
        rate = best_rate(point)
        if rate is None:
            lines.append(
                f"| {point.id} | {point.model}, {point.gpu} "
                f"| {point.output_tokens_per_second_per_gpu:g} | none | |"
            )
            continue
        share = rate / point.output_tokens_per_second_per_gpu
        lines.append(
            f"| {point.id} | {point.model}, {point.gpu} x {point.tensor_parallel} "
            f"| {point.output_tokens_per_second_per_gpu:g} | {rate:.0f} | {share:.2f} |"
        )
    return [*lines, ""]


def _yes(value: bool | None) -> str:
    return {True: "yes", False: "no", None: "undecided"}[value]


def _pair(measured: float | None, predicted: float | None, digits: int = 2) -> str:
    if predicted is None:
        return "" if measured is None else f"{measured:.{digits}f} / not predicted"
    return f"{'not printed' if measured is None else f'{measured:.{digits}f}'} / {predicted:.{digits}f}"


def _percent(share: float | None, digits: int = 1) -> str:
    return (
        ""
        if share is None
        else f"{share * 100:+.{digits}f} %".replace("+0.0 %", "0.0 %").replace("-0.0 %", "0.0 %")
    )


_INTRODUCTION = """# How accurate sizing is

Every row here is a measurement that somebody else published, with the prediction of `inferplan` beside it.
Nothing was measured on a GPU of our own. The rows with their sources are in
`inferplan/catalog/data/reference_points.json` and `throughput_points.json`; this page is generated from them
by `python -m inferplan.sizing.accuracy --write docs/sizing-accuracy.md`, and a test compares the two.

Accepted: the verdict right wherever the margin exceeds 1.5 GiB, weights within 3 %, KV cache within 10 % or
1.5 GiB.
"""

_LIMITS = """## Limits

- The constant of the sampler (38.5 bytes per sequence and vocabulary entry) and the memory outside torch
  for one GPU were fitted on the three `llmd` rows: their KV error is in-sample. The padding of MXFP4 was
  fitted on both gpt-oss rows, the memory outside torch for four and more GPUs was chosen with `i21348` in
  view. All other rows were not used for fitting.
- The V2 model runner of vLLM 0.33 samples without the sort that the second activation term describes: the
  term is kept as an upper bound and has not been measured there.
- For more than two GPUs only that one log tests the KV cache end to end.
- Vision encoders, adapters and speculative decoding are not counted.
- Usable memory of T4, A10G, B200, B300 and RTX PRO 4500 is not taken from a log.
- Throughput on Ampere and on PCIe cards rests on single rows and is printed with low confidence.
"""


def main(arguments: list[str]) -> int:
    """Print the page, or write it with `--write PATH`."""
    if arguments[:1] == ["--write"]:
        target = Path(arguments[1]) if len(arguments) > 1 else PAGE
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(page(), encoding="utf-8")
        return 0
    sys.stdout.write(page())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
