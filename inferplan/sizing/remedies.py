"""What would make a model fit: each change tried by itself, kept only if it does.

Not here: instance types and prices (inferplan.plan).
"""

from __future__ import annotations

from typing import Any

from inferplan.records.plan import Record
from inferplan.sizing.constants import GIB, constant
from inferplan.sizing.memory import Fit, fit, longest_request
from inferplan.sizing.weights import format_of

_GROUPS = (1, 2, 4, 8)  # GPUs of one node
_FEWER_SEQUENCES = (256, 128, 64, 32, 16)


class Remedy(Record, frozen=True):
    """One change of one setting, as vLLM's flag says it, and the margin it leaves in GiB per GPU."""

    flag: str
    margin_gib: float


def remedies(found: Fit) -> tuple[Remedy, ...]:
    """Single changes with which the model fits, cheapest kind first; empty where it fits or none helps."""
    if found.fits is not False:
        return ()
    kept = []
    for flag, change in _candidates(found):
        tried = _again(found, change)
        if tried.fits and tried.margin_gib is not None and not tried.is_tight:
            kept.append(Remedy(flag=flag, margin_gib=tried.margin_gib))
    return tuple(kept)


def _candidates(found: Fit) -> list[tuple[str, dict[str, Any]]]:
    options: list[tuple[str, dict[str, Any]]] = []
    fewer = [count for count in _FEWER_SEQUENCES if count < found.max_num_seqs]
    for count in fewer:
        change = {"max_num_seqs": count}
        if _again(found, change).fits:
            options.append((f"--max-num-seqs {count}", change))
            break
    length = _comfortable_length(found)
    if 0 < length < found.max_model_len:
        options.append((f"--max-model-len {length}", {"max_model_len": length}))
    if found.kv_cache_dtype == "auto" and found.shapes.attention != "none":
        options.append(("--kv-cache-dtype fp8", {"kv_cache_dtype": "fp8"}))
    if format_of(found.shapes, found.quantization)[1] == "16-bit":
        options.append(("--quantization fp8", {"quantization": "fp8"}))
    options += [
        (f"--tensor-parallel-size {size}", {"tensor_parallel": size})
        for size in _GROUPS
        if size != found.tensor_parallel and (found.shapes.heads or 0) % size == 0
    ]
    return options


def _comfortable_length(found: Fit) -> int:
    """The longest max_model_len, in thousands of tokens, that leaves the planning reserve."""
    if found.layout is None or found.kv_cache_gib is None:
        return 0
    pool = (found.kv_cache_gib - constant("reserve_gib")) * GIB
    in_flight = found.max_num_batched_tokens * found.pipeline_parallel
    return longest_request(found.layout, pool, in_flight, found.max_model_len) // 1024 * 1024


def _again(found: Fit, change: dict[str, Any]) -> Fit:
    settings: dict[str, Any] = {
        "tensor_parallel": found.tensor_parallel,
        "pipeline_parallel": found.pipeline_parallel,
        "quantization": found.quantization,
        "kv_cache_dtype": found.kv_cache_dtype,
        "max_model_len": found.max_model_len,
        "max_num_seqs": found.max_num_seqs,
        "max_num_batched_tokens": found.max_num_batched_tokens,
        "gpu_memory_utilization": found.gpu_memory_utilization,
        "vllm_version": found.vllm_version,
        "enforce_eager": found.enforce_eager,
        "gpu": found.gpu,
        "compute_capability": found.compute_capability,
        "decode_context_parallel": found.decode_context_parallel,
        "expert_parallel": found.expert_parallel,
        "max_loras": found.max_loras,
        "max_lora_rank": found.max_lora_rank,
    }
    return fit(found.shapes, found.total_gib, **(settings | change))
