"""How fast: a roofline with five constants, with the error range that published measurements gave it.

Not here: how many replicas a load needs (operating_point) and whether the model fits (memory).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from inferplan.catalog import Gpu
from inferplan.records.plan import Derivation, Record, Source, Throughput
from inferplan.sizing.constants import GB, GIB, constant, constants, engine_default
from inferplan.sizing.formats import WeightFormat, capability, runs_natively
from inferplan.sizing.kv_cache import kv_layout
from inferplan.sizing.memory import VLLM_VERSION, cannot_be_sized
from inferplan.sizing.shapes import ModelShapes
from inferplan.sizing.weights import (
    HALF,
    expert_parameters,
    format_of,
    quantized_parameters,
    table_parameters,
    weights,
)

_TERA = 1e12
_VALIDATED_FROM = "8.9"  # Ampere and older rest on too few published rows


class NoThroughput(ValueError):  # noqa: N818 - it is an answer, not a fault
    """The speed cannot be predicted; the message says which figure is not known."""


class Performance(Record, frozen=True):
    """One replica at one concurrency; tokens are output tokens, the range is the 5th to 95th percentile.

    What counts tokens is None for a pooling model, which generates none.
    """

    model: str
    gpu: str
    tensor_parallel: int
    pipeline_parallel: int
    concurrency: int
    input_tokens: int
    output_tokens: int
    prefill_ms: float  # one request alone
    step_ms: float  # one decoding step of the batch
    ttft_ms: float
    ttft_ms_high: float
    tpot_ms: float | None
    tpot_ms_low: float | None
    tpot_ms_high: float | None
    request_seconds: float
    requests_per_second: float
    output_tokens_per_second: float | None
    output_tokens_per_second_low: float | None
    output_tokens_per_second_high: float | None
    bound: str  # memory bandwidth or arithmetic
    confidence: str
    low_confidence_because: tuple[str, ...]
    terms: dict[str, float]  # what the formulas of the derivations are computed from

    @property
    def gpus(self) -> int:
        """GPUs of the replica."""
        return self.tensor_parallel * self.pipeline_parallel

    def throughput(self) -> Throughput:
        """The figures as the plan records them."""
        return Throughput(
            concurrency=self.concurrency,
            output_tokens_per_second=self.output_tokens_per_second,
            output_tokens_per_second_low=self.output_tokens_per_second_low,
            output_tokens_per_second_high=self.output_tokens_per_second_high,
            ttft_ms=self.ttft_ms,
            tpot_ms=self.tpot_ms,
            tpot_ms_low=self.tpot_ms_low,
            tpot_ms_high=self.tpot_ms_high,
            confidence=self.confidence,  # type: ignore[arg-type]
        )

    @property
    def derivations(self) -> dict[str, Derivation]:
        """Latency and throughput with their formulas and sources."""
        return _derivations(self)


@cache
def throughput(
    model: ModelShapes,
    gpu: Gpu,
    tensor_parallel: int,
    concurrency: int,
    input_tokens: int,
    output_tokens: int,
    quantization: str | None = None,
    kv_cache_dtype: str = "auto",
    pipeline_parallel: int = 1,
    max_num_batched_tokens: int | None = None,
) -> Performance:
    """Latency and rate of one replica that works on `concurrency` requests at once.

    `output_tokens` 0 means a pooling model: one forward pass per request. Raises NoThroughput where a figure
    of the GPU or a shape of the model is not known.
    """
    if min(tensor_parallel, pipeline_parallel, concurrency, input_tokens) < 1 or output_tokens < 0:
        raise ValueError("parallel sizes, concurrency and input tokens start at 1")
    reason = cannot_be_sized(model)
    if reason is not None:
        raise NoThroughput(reason)
    form, _ = format_of(model, quantization)
    flops = peak_flops(gpu, form) * constant("flops_share") * tensor_parallel
    prefill = _prefill_seconds(model, gpu, flops, tensor_parallel, input_tokens)
    if output_tokens == 0:
        return _pooling(model, gpu, tensor_parallel, pipeline_parallel, concurrency, input_tokens, prefill)
    layout = kv_layout(model, tensor_parallel, 1, kv_cache_dtype)
    # pipeline stages work on slices of the batch in turn; one slice passes all layers for one token each
    batch = concurrency / pipeline_parallel
    exchange = _allreduce_seconds(model, gpu, tensor_parallel, batch)
    held = layout.steady_bytes(input_tokens + output_tokens / 2) if layout is not None else 0.0
    read = _weight_bytes_read(model, form, quantization, tensor_parallel, batch) + batch * held
    memory = read / (constant("bandwidth_share") * gpu.bandwidth_gb_s * GB)
    arithmetic = 2 * _active(model) * batch / flops
    overhead = constant("step_ms") / 1e3 + constant("layer_ms") / 1e3 * (model.layers or 0)
    step = max(memory, arithmetic) + exchange + overhead
    # prefills of the other requests interrupt decoding; stages share them
    tpot = step + concurrency * prefill / pipeline_parallel / output_tokens
    wait = _queue_seconds(concurrency, prefill / pipeline_parallel, tpot, output_tokens)
    batched = (
        max_num_batched_tokens
        or engine_default("max_num_batched_tokens", VLLM_VERSION, gpu.usable_gib, gpu.name).value
    )
    # prompts that arrive together share a prefill batch and wait for half of it on average
    together = max(1.0, min(concurrency, batched / input_tokens))
    ttft = prefill * (1 + together) / 2 + step + wait
    seconds = ttft + output_tokens * tpot
    rate = concurrency * output_tokens / seconds
    fast, slow, ttft_slow = _range(model)
    doubts = doubts_about(model, gpu, tensor_parallel, pipeline_parallel)
    return Performance(
        model=model.id,
        gpu=gpu.name,
        tensor_parallel=tensor_parallel,
        pipeline_parallel=pipeline_parallel,
        concurrency=concurrency,
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        prefill_ms=prefill * 1e3,
        step_ms=step * 1e3,
        ttft_ms=ttft * 1e3,
        ttft_ms_high=ttft * 1e3 * ttft_slow,
        tpot_ms=tpot * 1e3,
        tpot_ms_low=tpot * 1e3 / fast,
        tpot_ms_high=tpot * 1e3 * slow,
        request_seconds=seconds,
        requests_per_second=concurrency / seconds,
        output_tokens_per_second=rate,
        output_tokens_per_second_low=rate / slow,
        output_tokens_per_second_high=rate * fast,
        bound="memory bandwidth" if memory >= arithmetic else "arithmetic",
        confidence="low" if doubts else "medium",
        low_confidence_because=doubts,
        terms={
            "gib_read_a_step": read / GIB,
            "bandwidth_gb_per_second": gpu.bandwidth_gb_s,
            "bandwidth_share": constant("bandwidth_share"),
            "tera_operations_a_step": 2 * _active(model) * batch / _TERA,
            "tera_operations_per_second": flops / _TERA,
            "all_reduce_ms": exchange * 1e3,
            "overhead_ms": overhead * 1e3,
            "prompts_in_a_prefill": together,
            "wait_ms": wait * 1e3,
        },
    )


def peak_flops(gpu: Gpu, form: WeightFormat) -> float:
    """Dense peak in operations per second for a format; weight-only formats compute in 16 bit."""
    wide = gpu.bf16_tflops or gpu.fp16_tflops
    rate = wide
    if form.peak != "bf16" and runs_natively(form, gpu.cc):
        rate = (gpu.fp4_tflops or gpu.fp8_tflops) if form.peak == "fp4" else gpu.fp8_tflops
        rate = rate or wide
    if rate is None:
        raise NoThroughput(f"the arithmetic rate of {gpu.name} is not known")
    return rate * _TERA


def doubts_about(
    model: ModelShapes, gpu: Gpu, tensor_parallel: int, pipeline_parallel: int
) -> tuple[str, ...]:
    """Why a prediction deserves less trust than the published error range says."""
    found = []
    if capability(gpu.cc) < capability(_VALIDATED_FROM):
        found.append(f"{gpu.name}: Ampere and older cards rest on few published rows")
    if not gpu.nvlink:
        found.append(
            f"{gpu.name}: a PCIe card, few published rows"
            + ("" if tensor_parallel == 1 else " and no NVLink")
        )
    if gpu.verified is False:
        found.append(f"{gpu.name}: its figures are not verified")
    if pipeline_parallel > 1:
        found.append("pipeline parallel is modelled, not validated")
    if not model.verified:
        found.append(f"{model.id}: rounded parameter count")
    return tuple(found)


def _active(model: ModelShapes) -> int:
    return model.active_parameters or model.parameters or 0


def _range(model: ModelShapes) -> tuple[float, float, float]:
    """Factors of the error range: faster and slower for time per token, slower for time to first token."""
    kind = "moe" if model.is_moe or _active(model) != model.parameters else "dense"
    return constant(f"range_{kind}_fast"), constant(f"range_{kind}_slow"), constant(f"range_ttft_{kind}_slow")


def _weight_bytes_read(
    model: ModelShapes, form: WeightFormat, quantization: str | None, tensor_parallel: int, batch: float
) -> float:
    """Bytes per GPU and step: weights but the embedding; of the experts those that the batch reaches."""
    per_gpu = weights(model, quantization, tensor_parallel).per_gpu_gib * GIB
    embedding = table_parameters(model)[0] if not model.tied_embeddings else 0
    per_gpu -= embedding * (form.bytes_per_param if form.scope == "all" else HALF) / tensor_parallel
    experts = expert_parameters(model)
    if not experts or not model.experts:
        return max(0.0, per_gpu)
    quantized = form.id != "bf16" and quantized_parameters(model, form) >= experts
    size = form.bytes_per_param * form.padding if quantized else HALF
    expert_bytes = experts * size / tensor_parallel
    reached: float = 1 - (1 - (model.experts_per_token or 0) / model.experts) ** batch
    return max(0.0, per_gpu - expert_bytes) + expert_bytes * reached


def _allreduce_seconds(model: ModelShapes, gpu: Gpu, tensor_parallel: int, tokens: float) -> float:
    """Two ring all-reduces per layer over the activations of `tokens` tokens."""
    if tensor_parallel == 1:
        return 0.0
    ring = 2 * (tensor_parallel - 1) / tensor_parallel
    return 2 * ring * (model.layers or 0) * (model.hidden or 0) * HALF * tokens / (gpu.link_gb_s * GB)


def _prefill_seconds(model: ModelShapes, gpu: Gpu, flops: float, tensor_parallel: int, tokens: int) -> float:
    """One prompt alone, on all GPUs of the stage."""
    attention = 2 * (model.layers or 0) * (model.hidden or 0) * tokens**2
    arithmetic = (2 * _active(model) * tokens + attention) / flops
    return arithmetic + _allreduce_seconds(model, gpu, tensor_parallel, tokens)


def _queue_seconds(concurrency: int, prefill: float, tpot: float, output_tokens: int) -> float:
    """Mean wait for other requests' prefills (one server, fixed service time), at most all in a row."""
    others = concurrency - 1
    if others == 0:
        return 0.0
    cycle = prefill + output_tokens * tpot
    busy = min(0.99, others * prefill / cycle)
    return min(others * prefill, prefill * busy / (2 * (1 - busy)))


def _pooling(
    model: ModelShapes, gpu: Gpu, tensor: int, pipeline: int, concurrency: int, tokens: int, prefill: float
) -> Performance:
    overhead = constant("step_ms") / 1e3 + constant("layer_ms") / 1e3 * (model.layers or 0)
    batch = concurrency * prefill / pipeline + overhead
    slow = _range(model)[1]
    doubts = (
        *doubts_about(model, gpu, tensor, pipeline),
        "pooling requests: the range is that of generation",
    )
    return Performance(
        model=model.id,
        gpu=gpu.name,
        tensor_parallel=tensor,
        pipeline_parallel=pipeline,
        concurrency=concurrency,
        input_tokens=tokens,
        output_tokens=0,
        prefill_ms=prefill * 1e3,
        step_ms=batch * 1e3,
        ttft_ms=batch * 1e3,
        ttft_ms_high=batch * 1e3 * slow,
        tpot_ms=None,
        tpot_ms_low=None,
        tpot_ms_high=None,
        request_seconds=batch,
        requests_per_second=concurrency / batch,
        output_tokens_per_second=None,
        output_tokens_per_second_low=None,
        output_tokens_per_second_high=None,
        bound="arithmetic",
        confidence="low",
        low_confidence_because=doubts,
        terms={"overhead_ms": overhead * 1e3},
    )


def _derivations(found: Performance) -> dict[str, Derivation]:
    inputs = {
        "concurrency": found.concurrency,
        "input_tokens": found.input_tokens,
        "output_tokens": found.output_tokens,
        "tensor_parallel": found.tensor_parallel,
        "pipeline_parallel": found.pipeline_parallel,
        "gpu": found.gpu,
        "bound_by": found.bound,
    }
    sources = tuple(
        source
        for name in ("bandwidth_share", "range_moe_slow", "range_dense_slow")
        for source in constants()[name].sources
    )
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
        return _pooling_derivations(found, one)
    return {
        "tpot_ms": one(
            found.tpot_ms,
            "ms per output token",
            "step + concurrency x prefill / pipeline parallel / output tokens; a step is the larger of GiB "
            "read / (bandwidth share x bandwidth) and operations / operations per second, plus all-reduce "
            "and overhead (2 ms + 0.03 ms x layers)",
            step_ms=found.step_ms,
            prefill_ms=found.prefill_ms,
            low=found.tpot_ms_low,
            high=found.tpot_ms_high,
            **found.terms,
        ),
        "ttft_ms": one(
            found.ttft_ms,
            "ms",
            "prefill x (1 + prompts in a prefill) / 2 + one step + mean wait for other prefills; the range "
            "is taken from 23 published rows",
            prefill_ms=found.prefill_ms,
            step_ms=found.step_ms,
            high=found.ttft_ms_high,
            **found.terms,
        ),
        "output_tokens_per_second": one(
            found.output_tokens_per_second,
            "output tokens per second and replica",
            "concurrency x output tokens / (time to first token + output tokens x time per token)",
            ttft_ms=found.ttft_ms,
            tpot_ms=found.tpot_ms,
            low=found.output_tokens_per_second_low,
            high=found.output_tokens_per_second_high,
            doubts=list(found.low_confidence_because),
        ),
    }


def _pooling_derivations(found: Performance, one: Callable[..., Derivation]) -> dict[str, Derivation]:
    nothing = "does not apply: a pooling model answers with one forward pass and generates no tokens"
    return {
        "tpot_ms": one(found.tpot_ms, "ms per output token", nothing),
        "ttft_ms": one(
            found.ttft_ms,
            "ms",
            "concurrency x prefill / pipeline parallel + overhead (2 ms + 0.03 ms x layers): one "
            "forward pass",
            prefill_ms=found.prefill_ms,
            high=found.ttft_ms_high,
            doubts=list(found.low_confidence_because),
            **found.terms,
        ),
        "output_tokens_per_second": one(
            found.output_tokens_per_second, "output tokens per second and replica", nothing
        ),
    }
