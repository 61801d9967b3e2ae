"""Latency and throughput in words: formulas, inputs, constants with their sources.

Not here: the figures (throughput).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from inferplan.records.plan import Derivation, Source
from inferplan.sizing.constants import constants

if TYPE_CHECKING:
    from inferplan.sizing.throughput import Performance

STEP = (
    "GiB read / (bandwidth share x bandwidth), plus operations / (arithmetic share x operations per second), "
    "plus exchange between GPUs, plus overhead per step, layer and sequence"
)


def speed_derivations(found: Performance) -> dict[str, Derivation]:
    """The derivations of `ttft_ms`, `tpot_ms` and `output_tokens_per_second`."""
    cell = found.cell
    inputs = {
        "concurrency": found.concurrency,
        "input_tokens": found.input_tokens,
        "output_tokens": found.output_tokens,
        "tensor_parallel": found.tensor_parallel,
        "pipeline_parallel": found.pipeline_parallel,
        "gpu": found.gpu,
        "bound_by": found.bound,
        "constants_of": f"{cell.family}, {cell.kind}",
        "runs_fitted_on": cell.fit_runs,
        "runs_tested_on": cell.test_runs,
    }
    sources = (*cell.sources, *constants()["speed_step_ms"].sources)
    unique = tuple(dict.fromkeys((*sources, Source(source="GPU figures of the catalog", as_of="2026-11-20"))))
    confidence = "low" if found.confidence == "low" else "medium"

    def one(value: float | None, unit: str, formula: str, **more: object) -> Derivation:
        return Derivation(
            value=value,
            unit=unit,
            formula=formula,
            inputs=inputs | more,
            sources=unique,
            confidence=confidence,  # type: ignore[arg-type]
        )

    if found.output_tokens == 0:
        return _pooling(found, one)
    return {
        "tpot_ms": one(
            found.tpot_ms,
            "ms per output token",
            "step + (concurrency - 1) x prefill / pipeline parallel / output tokens; a step is " + STEP,
            step_ms=found.step_ms,
            prefill_ms=found.prefill_ms,
            low=found.tpot_ms_low,
            high=found.tpot_ms_high,
            **found.terms,
        ),
        "ttft_ms": one(
            found.ttft_ms,
            "ms",
            "what a request takes outside the model + prefill x (1 + prompts in a prefill) / 2 + one step + "
            "mean wait for other prefills; a prefill is operations of the prompt / (arithmetic share x "
            "operations per second), plus attention and exchange between GPUs",
            prefill_ms=found.prefill_ms,
            step_ms=found.step_ms,
            high=found.ttft_ms_high,
            **found.terms,
        ),
        "output_tokens_per_second": one(
            found.output_tokens_per_second,
            "output tokens per second and replica",
            "concurrency x output tokens / (one prefill of each request in flight + output tokens x step)",
            request_seconds=found.request_seconds,
            prefill_ms=found.prefill_ms,
            step_ms=found.step_ms,
            low=found.output_tokens_per_second_low,
            high=found.output_tokens_per_second_high,
            doubts=list(found.low_confidence_because),
        ),
    }


def _pooling(found: Performance, one: Callable[..., Derivation]) -> dict[str, Derivation]:
    nothing = "does not apply: a pooling model answers with one forward pass and generates no tokens"
    return {
        "tpot_ms": one(found.tpot_ms, "ms per output token", nothing),
        "ttft_ms": one(
            found.ttft_ms,
            "ms",
            "concurrency x prefill / pipeline parallel + overhead per step and layer: one forward pass",
            prefill_ms=found.prefill_ms,
            high=found.ttft_ms_high,
            doubts=list(found.low_confidence_because),
            **found.terms,
        ),
        "output_tokens_per_second": one(
            found.output_tokens_per_second, "output tokens per second and replica", nothing
        ),
    }
