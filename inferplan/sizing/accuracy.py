"""How well sizing does: every published row beside its prediction, as the page docs/sizing-accuracy.md.

Not here: the rows (reference), the formulas (memory, throughput), the page's part on speed (speed_accuracy).
`python -m inferplan.sizing.accuracy` prints the page, `--write PATH` writes it.
"""

from __future__ import annotations

import sys
from pathlib import Path

from inferplan.records.plan import Record
from inferplan.sizing.constants import GB, GIB, constant
from inferplan.sizing.kv_cache import kv_layout
from inferplan.sizing.memory import Fit
from inferplan.sizing.reference import (
    ReferencePoint,
    reference_points,
    second_opinions,
    throughput_points,
)
from inferplan.sizing.speed_accuracy import compare_speed, speed_part
from inferplan.sizing.speed_opinions import opinion, opinions_part
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


def page() -> str:
    """The whole page, Markdown."""
    fits = [compare(point) for point in reference_points().values()]
    speeds = [compare_speed(point) for point in throughput_points().values()]
    others = [opinion(row) for row in second_opinions().values()]
    parts = [
        _INTRODUCTION,
        *_memory_part(fits),
        *_identity_part(fits),
        *speed_part(speeds),
        *opinions_part(others),
        _LIMITS,
    ]
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
- For more than two GPUs two logs test the KV cache end to end: that one and Kimi K2 Thinking on eight H200,
  which was not used for fitting.
- Vision encoders, adapters and speculative decoding are not counted.
- gpt-oss-120b on one H100 is refused with the default of 1,024 sequences (by 0.75 GiB with vLLM 0.10.2, by
  less with newer ones), and published runs started there: either the activations or the usable memory of
  that card are counted too high. With `--max-num-seqs 256` it fits. The one log that prints the terms did
  not start either (vLLM 0.10.1, 2.14 GiB short), so the two sources contradict each other or the engine
  changed between them; no formula was bent to the one.
- Qwen3-235B in 16 bit on eight H100 is predicted 31 to 40 % too slow. The same model on eight A100, in FP8 on
  four H100, and GLM-4.6 in 16 bit on eight H200 are not off as far: no cause was found. The second opinion
  says the same, at 30 %.
- DeepSeek-R1 on H200 is predicted 1.2 to 1.5 times as fast as it was measured with vLLM 0.11, inside a wide
  range.
- Latent attention: the constants of a cell know no version of the engine. Kimi K2.5 in INT4 on eight B200
  is predicted 1.25 times as fast as with vLLM 0.15 and 1.07 times as with 0.21, at four requests. In NVFP4
  it gets slower with more requests than was measured: the share of the bandwidth is fitted mostly on INT4,
  which is widened first.
- DeepSeek V4 keeps a cache that is not linear in tokens, for which no public log gives a formula: its
  weights are counted, whether it fits and how fast it is are not decided.
- DeepSeek-R1-Distill-Qwen-14B on two 24 GB cards with vLLM 0.7 started with 8.69 GiB of cache; 7.48 are
  predicted.
- The time to the first token holds one constant for what a request takes outside the model. Up to 16
  requests in flight half of the test runs lie between 0.65 and 1.24 times the prediction: a benchmark whose
  requests keep step with each other waits for their prompts, one of mixed lengths does not.
- Whisper's cache is counted in blocks as long as a recording, an upper bound: more requests fit than the
  answer says.
- Which published runs are left out, and why, is said above; `redhat-performance/configiq-performance-data`
  was not reachable.
- The peak of A10G (70 TFLOPS) is general knowledge, and runs reach 91 % of it: it may be too low.
- Usable memory of T4, A10G, B200, B300 and RTX PRO 4500 is not taken from a log.
- Speed on PCIe cards and on Ampere rests on few runs and is printed with low confidence and a wider range.
- A run is compared with the engine's version of its day (0.10 to 0.24); newer versions are mostly faster.
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
