"""What one step and one prompt make the GPUs do, and how long that takes at a pace.

Not here: the pace (speed_cells) and what a queue of requests makes of it (throughput).
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from inferplan.catalog import Gpu
from inferplan.sizing.constants import GB, GIB
from inferplan.sizing.formats import WeightFormat, runs_natively
from inferplan.sizing.kv_cache import kv_layout
from inferplan.sizing.shapes import ModelShapes
from inferplan.sizing.speed_cells import Pace
from inferplan.sizing.weights import HALF, expert_bytes, format_of, table_parameters, weights

TERA = 1e12
# Widths of a latent-attention head where the shapes do not state them: those of every published model.
LATENT_NOPE, LATENT_ROPE, LATENT_VALUE = 128, 64, 128


class NoThroughput(ValueError):  # noqa: N818 - it is an answer, not a fault
    """The speed cannot be predicted; the message says which figure is not known."""


class Work(NamedTuple):
    """One replica's work: a decoding step of `batch` sequences, and one prompt alone. Bytes are per GPU."""

    batch: float
    read_bytes: float  # weights and cache in a step
    bandwidth: float  # peak bytes per second
    step_operations: float
    prompt_operations: float
    attention_operations: float  # of one prompt
    rate: float  # peak operations per second of all GPUs, in the format of the weights
    wide_rate: float  # the same at 16 bit
    bits: Literal[4, 8, 16]  # of the arithmetic
    unpacked: bool  # weights are widened before they are used
    slice_width: float | None  # of one expert on one GPU; None: no experts, or not known
    layers: int
    mixture: bool
    exchanges: int  # collectives of a pass through the layers
    step_exchanged: float  # bytes on a GPU's link
    prompt_exchanged: float
    link: float  # bytes per second


class Durations(NamedTuple):
    """Seconds."""

    step: float
    prefill: float
    reading: float  # parts of the step
    arithmetic: float
    exchange: float
    overhead: float
    request: float  # once, outside the model: counted until the first token


def durations(work: Work, pace: Pace) -> Durations:
    """How long a step and a prompt take: reading, arithmetic, exchange and overhead follow one another."""
    share = arithmetic_share(work, pace)
    reading = work.read_bytes / (work.bandwidth * pace.bandwidth_share)
    arithmetic = work.step_operations / (work.rate * share)
    link = work.link * pace.link_share
    per_layer = pace.mixture_layer_ms if work.mixture else pace.layer_ms
    exchange = work.step_exchanged / link + work.exchanges * pace.exchange_us / 1e6
    overhead = (pace.step_ms + per_layer * work.layers) / 1e3 + work.batch * pace.sequence_us / 1e6
    return Durations(
        step=reading + arithmetic + exchange + overhead,
        prefill=work.prompt_operations / (work.rate * share)
        + work.attention_operations / (work.wide_rate * pace.flops_share)
        + work.prompt_exchanged / link,
        reading=reading,
        arithmetic=arithmetic,
        exchange=exchange,
        overhead=overhead,
        request=pace.request_ms / 1e3,
    )


def arithmetic_share(work: Work, pace: Pace) -> float:
    """The share of the format's peak that matrix products reach."""
    share = pace.flops_share * {16: 1.0, 8: pace.eight_bit, 4: pace.four_bit}[work.bits]
    if work.unpacked:
        share *= pace.unpacked
    if work.slice_width:
        share *= work.slice_width / (work.slice_width + pace.slice_width)
    return share


def work_of(
    model: ModelShapes,
    gpu: Gpu,
    tensor_parallel: int,
    batch: float,
    input_tokens: int,
    output_tokens: int,
    quantization: str | None = None,
    kv_cache_dtype: str = "auto",
) -> Work:
    """The work of a replica or of one of its pipeline stages; raises NoThroughput."""
    form, _ = format_of(model, quantization)
    peak, bits = peak_rate(gpu, form)
    wide = gpu.bf16_tflops or gpu.fp16_tflops or peak / TERA
    layout = kv_layout(model, tensor_parallel, 1, kv_cache_dtype)
    held = layout.steady_bytes(input_tokens + output_tokens / 2) if layout is not None else 0.0
    width = model.moe_intermediate or model.intermediate
    exchanges = 2 * (model.layers or 0) if tensor_parallel > 1 else 0
    ring = 2 * (tensor_parallel - 1) / tensor_parallel
    exchanged = exchanges * ring * (model.hidden or 0) * HALF  # bytes per token
    return Work(
        batch=batch,
        read_bytes=_weight_bytes_read(model, form, quantization, tensor_parallel, batch) + batch * held,
        bandwidth=gpu.bandwidth_gb_s * GB,
        step_operations=2 * active(model) * batch,
        prompt_operations=2 * active(model) * input_tokens,
        attention_operations=_attention_operations(model, input_tokens),
        rate=peak * tensor_parallel,
        wide_rate=wide * TERA * tensor_parallel,
        bits=bits,
        unpacked=form.id != "bf16" and bits == 16,
        slice_width=width / tensor_parallel if model.is_moe and width else None,
        layers=model.layers or 0,
        mixture=model.is_moe,
        exchanges=exchanges,
        step_exchanged=exchanged * batch,
        prompt_exchanged=exchanged * input_tokens,
        link=gpu.link_gb_s * GB,
    )


def active(model: ModelShapes) -> int:
    """Parameters that work on a token."""
    return model.active_parameters or model.parameters or 0


def peak_rate(gpu: Gpu, form: WeightFormat) -> tuple[float, Literal[4, 8, 16]]:
    """Dense peak in operations per second of a format, and its bits; weight-only formats use 16."""
    if form.peak != "bf16" and runs_natively(form, gpu.cc):
        if form.peak == "fp4" and gpu.fp4_tflops:
            return gpu.fp4_tflops * TERA, 4
        if gpu.fp8_tflops:
            return gpu.fp8_tflops * TERA, 8
    wide = gpu.bf16_tflops or gpu.fp16_tflops
    if wide is None:
        raise NoThroughput(f"the arithmetic rate of {gpu.name} is not known")
    return wide * TERA, 16


def _weight_bytes_read(
    model: ModelShapes, form: WeightFormat, quantization: str | None, tensor_parallel: int, batch: float
) -> float:
    """Bytes per GPU and step: weights but the embedding; of the experts those that the batch reaches."""
    per_gpu = weights(model, quantization, tensor_parallel).per_gpu_gib * GIB
    embedding = table_parameters(model)[0] if not model.tied_embeddings else 0
    per_gpu -= embedding * (form.bytes_per_param if form.scope == "all" else HALF) / tensor_parallel
    experts = expert_bytes(model, quantization) / tensor_parallel
    if not experts or not model.experts:
        return max(0.0, per_gpu)
    reached: float = 1 - (1 - (model.experts_per_token or 0) / model.experts) ** batch
    return max(0.0, per_gpu - experts) + experts * reached


def _attention_operations(model: ModelShapes, tokens: int) -> float:
    """Scores and sums of one prompt: each token over those before it, or over its window."""
    layers, heads = model.layers or 0, model.heads or 0
    width = 2 * (model.head_dim or (model.hidden or 0) / max(1, heads))  # keys and values
    if model.attention in {"mla", "mla+sparse_indexer"}:
        width = (
            (model.qk_nope_head_dim or LATENT_NOPE)
            + (model.qk_rope_head_dim or LATENT_ROPE)
            + (model.v_head_dim or LATENT_VALUE)
        )
    full = layers if model.full_attention_layers is None else model.full_attention_layers
    windowed = (layers - full) * min(tokens, model.window) if model.window else 0
    return heads * width * tokens * (full * tokens + 2 * windowed)
