"""Does it fit: vLLM's own memory arithmetic for one GPU of a parallel group.

Not here: weights and KV bytes (weights, kv_cache), why each number is so (fit_derivations), speed
(throughput).
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any

from inferplan.records.plan import Derivation, Memory, Record
from inferplan.sizing import batching
from inferplan.sizing.adapters import RANKS, adapters_gib
from inferplan.sizing.constants import GIB, constant, engine_default, version_key
from inferplan.sizing.constraints import check
from inferplan.sizing.formats import kv_format, weight_format
from inferplan.sizing.kv_cache import KvLayout, cache_dtype, kv_layout, note_on_cache_dtype
from inferplan.sizing.shapes import ModelShapes, feed_forward_width, missing
from inferplan.sizing.weights import Weights, weights

VLLM_VERSION = "0.33.0"  # the version whose arithmetic the formulas follow
FIRST_V1 = "0.8.0"  # the V1 engine became the default


class Fit(Record, frozen=True):
    """The answer for one model on one kind of GPU. Terms in GiB per GPU.

    `fits` is None where it cannot be decided; `reasons` then says why. `margin_gib` is what is left after one
    request of full length (for encoders: after the activations).
    """

    shapes: ModelShapes
    fits: bool | None
    reasons: tuple[str, ...]
    cautions: tuple[str, ...]
    total_gib: float
    requested_gib: float
    weights: Weights | None
    activation_gib: float | None
    non_torch_gib: float
    cuda_graphs_gib: float
    kv_cache_gib: float | None
    request_gib: float | None
    margin_gib: float | None
    kv_cache_tokens: int | None
    kv_bytes_per_token: float | None
    kv_is_linear: bool
    max_concurrency: float | None
    longest_request: int | None  # the longest max_model_len that would start
    most_sequences: int | None  # cap on max_num_seqs by blocks of recurrent state
    layout: KvLayout | None
    tensor_parallel: int
    pipeline_parallel: int
    decode_context_parallel: int
    quantization: str | None
    kv_cache_dtype: str
    max_model_len: int
    max_num_seqs: int
    max_num_batched_tokens: int
    gpu_memory_utilization: float
    vllm_version: str
    enforce_eager: bool
    gpu: str | None
    compute_capability: str | None
    graphs_in_budget: bool
    expert_parallel: bool = False
    max_loras: int = 0  # adapters at once; 0: none
    max_lora_rank: int = 16
    adapters_gib: float = 0.0  # set aside for them, beside the weights

    @property
    def weights_gib(self) -> float | None:
        """Weights on one GPU, with the room for adapters that vLLM makes while it loads them."""
        return None if self.weights is None else self.weights.per_gpu_gib + self.adapters_gib

    @property
    def is_tight(self) -> bool:
        """Whether the margin is inside the known optimism of the arithmetic: plan with more."""
        return self.fits is True and self.margin_gib is not None and self.margin_gib < constant("reserve_gib")

    @property
    def confidence(self) -> str:
        """`low` where the published rows show errors as large as the margin, else `medium` or `high`."""
        if self.margin_gib is None or abs(self.margin_gib) < constant("uncertain_margin_gib"):
            return "low"
        if self.shapes.guessed:
            return "low"
        return "high" if self.shapes.verified and self.kv_is_linear else "medium"

    @property
    def derivations(self) -> dict[str, Derivation]:
        """Every term with its formula in words, inputs and sources."""
        from inferplan.sizing.fit_derivations import of_fit

        return of_fit(self)

    def memory(self) -> Memory:
        """The terms as the plan records them; raises ValueError where the fit is undecided."""
        if (
            self.weights is None
            or self.activation_gib is None
            or self.kv_cache_gib is None
            or self.margin_gib is None
        ):
            raise ValueError("; ".join(self.reasons))
        return Memory(
            total_gib=self.total_gib,
            requested_gib=self.requested_gib,
            weights_gib=self.weights.per_gpu_gib + self.adapters_gib,
            activation_gib=self.activation_gib,
            non_torch_gib=self.non_torch_gib,
            cuda_graphs_gib=self.cuda_graphs_gib,
            kv_cache_gib=self.kv_cache_gib,
            kv_cache_tokens=self.kv_cache_tokens,
            max_concurrency=self.max_concurrency,
            margin_gib=self.margin_gib,
            fits=self.fits is True,
        )

    def concurrency_at(self, input_tokens: int, output_tokens: int) -> int:
        """Requests of this size that the cache holds at once, counted at full length; 0 if none fits."""
        if self.kv_cache_gib is None or self.kv_cache_gib <= 0:
            return 0
        if self.layout is None:
            return self.max_num_seqs if self.shapes.attention == "none" else 0
        held = self.layout.steady_bytes(input_tokens + output_tokens)
        count = int(self.kv_cache_gib * GIB // held) if held else self.max_num_seqs
        if self.most_sequences is not None:
            count = min(count, self.most_sequences)
        return max(0, min(count, self.max_num_seqs))


@cache
def fit(
    model: ModelShapes,
    gpu_total_gib: float,
    tensor_parallel: int,
    pipeline_parallel: int = 1,
    quantization: str | None = None,
    kv_cache_dtype: str = "auto",
    max_model_len: int | None = None,
    max_num_seqs: int | None = None,
    max_num_batched_tokens: int | None = None,
    gpu_memory_utilization: float | None = None,
    vllm_version: str = VLLM_VERSION,
    enforce_eager: bool = False,
    *,
    gpu: str | None = None,
    compute_capability: str | None = None,
    decode_context_parallel: int = 1,
    engine: str | None = None,
    expert_parallel: bool = False,
    max_loras: int = 0,
    max_lora_rank: int = 16,
) -> Fit:
    """Whether `model` starts on GPUs with `gpu_total_gib` usable GiB each, and what is left.

    None takes vLLM's default for the version and the GPU (`gpu`: a catalog name; others count by memory).
    Raises catalog.UnknownName for a format name that is not known, ValueError for numbers out of range.
    """
    _in_range(
        gpu_total_gib, tensor_parallel, pipeline_parallel, decode_context_parallel, gpu_memory_utilization
    )
    for given in (max_model_len, max_num_seqs, max_num_batched_tokens):
        if given is not None and given < 1:
            raise ValueError(f"lengths and counts start at 1, not {given}")

    def default(setting: str) -> float:
        return engine_default(setting, vllm_version, gpu_total_gib, gpu).value

    utilization = (
        default("gpu_memory_utilization") if gpu_memory_utilization is None else gpu_memory_utilization
    )
    is_v0 = engine == "V0" or (engine is None and version_key(vllm_version) < version_key(FIRST_V1))
    length = max_model_len or model.context or 1
    sequences = max_num_seqs or int(default("max_num_seqs"))
    batched = max_num_batched_tokens
    if batched is None:
        usual = int(default("max_num_batched_tokens"))
        batched = batching.v0_tokens(model, length, vllm_version) if is_v0 else usual
        batched = batching.at_once(model, length, batched)
    in_budget = default("cuda_graphs_in_budget") > 0
    common: dict[str, Any] = {
        "shapes": model,
        "total_gib": gpu_total_gib,
        "requested_gib": math.ceil(gpu_total_gib * GIB * utilization) / GIB,
        "non_torch_gib": non_torch_gib(tensor_parallel),
        "cuda_graphs_gib": 0.0 if enforce_eager or not in_budget else constant("cuda_graphs_gib"),
        "tensor_parallel": tensor_parallel,
        "pipeline_parallel": pipeline_parallel,
        "decode_context_parallel": decode_context_parallel,
        "quantization": quantization,
        "kv_cache_dtype": kv_cache_dtype,
        "max_model_len": length,
        "max_num_seqs": sequences,
        "max_num_batched_tokens": batched,
        "gpu_memory_utilization": utilization,
        "vllm_version": vllm_version,
        "enforce_eager": enforce_eager,
        "gpu": gpu,
        "compute_capability": compute_capability,
        "graphs_in_budget": in_budget,
        "expert_parallel": expert_parallel,
        "max_loras": max_loras,
        "max_lora_rank": max_lora_rank,
    }
    if max_lora_rank not in RANKS:
        raise ValueError(f"max_lora_rank is one of {', '.join(map(str, RANKS))}, not {max_lora_rank}")
    kv_format(kv_cache_dtype)
    if quantization is not None:
        weight_format(quantization)
    unsized = cannot_be_sized(model)
    if unsized is not None:
        return _undecided(common, unsized)
    held = weights(model, quantization, tensor_parallel, pipeline_parallel)
    verdicts = check(
        model,
        weight_format(held.format),
        held.origin,
        kv_format(cache_dtype(model, kv_cache_dtype)),
        tensor_parallel=tensor_parallel,
        pipeline_parallel=pipeline_parallel,
        decode_context_parallel=decode_context_parallel,
        compute_capability=compute_capability,
        max_model_len=length,
        vllm_version=vllm_version,
        quantization=quantization,
        expert_parallel=expert_parallel,
        lora=max_loras > 0,
    )
    adapters = adapters_gib(
        model, tensor_parallel, pipeline_parallel, max_loras, max_lora_rank, expert_parallel
    )
    activation = activation_gib(model, tensor_parallel, batched, sequences)
    pool = (
        common["requested_gib"]
        - held.per_gpu_gib
        - adapters
        - activation
        - common["non_torch_gib"]
        - common["cuda_graphs_gib"]
    )
    common |= {
        "weights": held,
        "adapters_gib": adapters,
        "activation_gib": activation,
        "kv_cache_gib": pool,
        "cautions": (*verdicts.cautions, *model.guessed, *note_on_cache_dtype(model, kv_cache_dtype)),
    }
    unstartable = batching.too_few(model, length, batched, sequences)
    return _judge(common, model, pool, [*verdicts.violations, *unstartable])


def _judge(common: dict[str, Any], model: ModelShapes, pool: float, reasons: list[str]) -> Fit:
    """Compare the pool with one request of full length, and count what it holds."""
    length, batched = common["max_model_len"], common["max_num_batched_tokens"]
    tensor, pipeline = common["tensor_parallel"], common["pipeline_parallel"]
    layout = kv_layout(model, tensor, pipeline, common["kv_cache_dtype"], common["decode_context_parallel"])
    in_flight = batched * pipeline
    empty: dict[str, Any] = {
        "request_gib": None,
        "kv_cache_tokens": None,
        "kv_bytes_per_token": None,
        "kv_is_linear": False,
        "max_concurrency": None,
        "longest_request": None,
        "most_sequences": None,
        "layout": layout,
    }
    if layout is None:
        if pool < 0:
            reasons.append(f"{-pool:.2f} GiB short before any KV cache")
        known = model.attention == "none" or bool(reasons)
        if not known:
            reasons.append(
                "the KV cache of this model is not linear in tokens: size it from the engine's logs"
            )
        fits = (not reasons) if known else None
        margin = pool if model.attention == "none" or pool < 0 else None
        return Fit(**common, **empty, fits=fits, reasons=tuple(reasons), margin_gib=margin)
    pool_bytes = max(0.0, pool) * GIB
    blocks = layout.blocks(pool_bytes)
    per_request = layout.request_blocks(length, in_flight)
    concurrency = blocks / per_request
    tokens = blocks * layout.block_tokens if layout.is_uniform else int(concurrency * length)
    request = layout.request_bytes(length, in_flight) / GIB
    longest = longest_request(layout, pool_bytes, in_flight, model.context or length)
    if pool < request:
        reasons.append(_too_small(pool, request, length, longest))
    most = blocks if any(kind.kind == "state" for kind in layout.kinds) else None
    captured = not common["enforce_eager"] and model.architecture not in batching.ENCODER_DECODERS
    if most is not None and captured and common["max_num_seqs"] > most and pool >= request:
        reasons.append(f"max_num_seqs {common['max_num_seqs']} exceeds the {most} blocks of recurrent state")
    return Fit(
        **common
        | empty
        | {
            "request_gib": request,
            "kv_cache_tokens": tokens,
            "kv_bytes_per_token": layout.bytes_per_token,
            "kv_is_linear": layout.is_uniform,
            "max_concurrency": concurrency,
            "longest_request": longest,
            "most_sequences": most,
            "fits": not reasons,
            "reasons": tuple(reasons),
            "margin_gib": pool - request,
        }
    )


def cannot_be_sized(model: ModelShapes) -> str | None:
    """Why the memory of a model cannot be computed, or None if it can."""
    if model.serves in {"no", "vllm-omni"}:
        server = "a diffusers server" if model.serves == "no" else "vllm-omni"
        return f"{model.id} cannot be sized because it is not a language model of vLLM: it runs on {server}"
    if model.unread:
        return f"{model.id} cannot be sized: {'; '.join(model.unread)}"
    gaps = missing(model)
    if gaps == ("attention",) and model.note:  # the generator notes what it did not understand
        return f"{model.id} cannot be sized: {model.note}"
    if gaps:
        return f"{model.id} cannot be sized because its shapes are not known: {', '.join(gaps)}"
    if feed_forward_width(model) is None:
        return f"{model.id} cannot be sized because its feed-forward width is not known"
    return None


def activation_gib(model: ModelShapes, tensor_parallel: int, batched_tokens: int, sequences: int) -> float:
    """Peak of the profiling run: the larger of the forward pass and of the sampler's sort over S x V."""
    width = feed_forward_width(model)
    if width is None:
        raise ValueError(f"the feed-forward width of {model.id} is not known")
    forward = batched_tokens * (3 * width[0] / tensor_parallel + 3 * (model.hidden or 0)) * 2
    sampler = (
        constant("sampler_bytes") * sequences * (model.vocab or 0) if model.serves == "generate" else 0.0
    )
    return max(forward, sampler) / GIB


def non_torch_gib(tensor_parallel: int) -> float:
    """Memory outside the framework's allocator: driver, NCCL and its buffers, by the size of the group."""
    if tensor_parallel == 1:
        return constant("non_torch_gib_tp1")
    return constant("non_torch_gib_tp2" if tensor_parallel == 2 else "non_torch_gib_tp4")


def longest_request(layout: KvLayout, pool_bytes: float, in_flight: int, limit: int) -> int:
    """The longest request up to `limit` tokens that the pool accepts; 0 if none."""
    if layout.request_bytes(limit, in_flight) <= pool_bytes:
        return limit
    low, high = 0, limit - 1 if pool_bytes > 0 else 0
    while low < high:
        middle = (low + high + 1) // 2
        if layout.request_bytes(middle, in_flight) <= pool_bytes:
            low = middle
        else:
            high = middle - 1
    return low


def _too_small(pool: float, request: float, length: int, longest: int) -> str:
    if pool <= 0:
        return f"no memory for the KV cache: {-pool:.2f} GiB short after weights, activations and overhead"
    return (
        f"one request of {length} tokens needs {request:.2f} GiB of KV cache and {pool:.2f} GiB are left; "
        f"the longest that fits is {longest} tokens"
    )


def _undecided(common: dict[str, Any], reason: str) -> Fit:
    nothing = (
        "weights activation_gib kv_cache_gib request_gib margin_gib kv_cache_tokens kv_bytes_per_token "
        "max_concurrency longest_request most_sequences layout"
    )
    empty: dict[str, Any] = dict.fromkeys(nothing.split())
    return Fit(**common, **empty, fits=None, reasons=(reason,), cautions=(), kv_is_linear=False)


def _in_range(total: float, tensor: int, pipeline: int, context: int, utilization: float | None) -> None:
    if not math.isfinite(total) or total <= 0:
        raise ValueError(f"GPU memory must be above 0 GiB, not {total}")
    if min(tensor, pipeline, context) < 1:
        raise ValueError("parallel sizes start at 1")
    if utilization is not None and not 0 < utilization <= 1:
        raise ValueError(f"gpu_memory_utilization must be above 0 and at most 1, not {utilization}")
