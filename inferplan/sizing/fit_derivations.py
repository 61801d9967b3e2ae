"""Why each number of a fit is what it is: formula in words, inputs, sources.

Not here: the numbers themselves (memory, weights, kv_cache).
"""

from __future__ import annotations

from typing import Any

from inferplan.records.plan import Derivation, Source
from inferplan.sizing.constants import constants, engine_default
from inferplan.sizing.formats import kv_format, weight_format
from inferplan.sizing.kv_cache import cache_dtype
from inferplan.sizing.memory import Fit
from inferplan.sizing.shapes import feed_forward_width

ENGINE = Source(source="memory arithmetic of the vLLM 0.33.0 wheel", as_of="2026-11-20")
_ORIGINS = {
    "16-bit": "as published, 16 bit",
    "published": "as published, quantized",
    "at_load": "16-bit repository, quantized while loading",
    "other_repository": "as a repository published in this format would be",
}


def of_fit(fit: Fit) -> dict[str, Derivation]:
    """Derivations by the field names of `size --format json`."""
    found: dict[str, Derivation] = {}

    def add(name: str, value: Any, unit: str, formula: str, inputs: dict[str, Any], *sources: Source) -> None:
        confidence = "high" if name in {"requested_gib", "total_gib"} else fit.confidence
        found[name] = Derivation(
            value=value,
            unit=unit,
            formula=formula,
            inputs=inputs,
            sources=sources or (ENGINE,),
            confidence=confidence,  # type: ignore[arg-type]
        )

    add(
        "requested_gib",
        fit.requested_gib,
        "GiB per GPU",
        "usable memory x gpu_memory_utilization, rounded up to a byte",
        {"total_gib": fit.total_gib, "gpu_memory_utilization": fit.gpu_memory_utilization},
        ENGINE,
        *_default_sources(fit, "gpu_memory_utilization"),
    )
    add(
        "fits",
        fit.fits,
        "yes or no; null is undecided",
        "no hard constraint is broken and the KV cache holds one request of full length",
        {
            "reasons": list(fit.reasons),
            "margin_gib": fit.margin_gib,
            "reserve_to_plan_with_gib": _value("reserve_gib"),
        },
        ENGINE,
    )
    if fit.weights is None or fit.activation_gib is None:
        return found
    _weights(fit, add)
    _overheads(fit, add)
    _cache(fit, add)
    return found


def _weights(fit: Fit, add: Any) -> None:
    held = fit.weights
    assert held is not None
    form = weight_format(held.format)
    add(
        "weights_gib",
        fit.weights_gib,
        "GiB per GPU",
        "(quantized parameters x bytes x padding + other parameters x 2) / tensor parallel, "
        "layers / pipeline parallel, plus what every rank repeats"
        + (", plus a pair of matrices of the rank beside every layer for each adapter" * (fit.max_loras > 0)),
        {
            "parameters": held.parameters,
            "quantized_parameters": held.quantized_parameters,
            "format": held.format,
            "format_origin": _ORIGINS[held.origin],
            "bytes_per_quantized_parameter": form.bytes_per_param,
            "padding": form.padding,
            "tensor_parallel": fit.tensor_parallel,
            "pipeline_parallel": fit.pipeline_parallel,
            "replicated_gib": held.replicated_gib,
            "tied_embeddings": fit.shapes.tied_embeddings,
            **_adapters(fit),
        },
        *fit.shapes.sources,
        *form.sources,
    )
    add(
        "repository_gib",
        held.repository_gib,
        "GiB",
        "bytes that are mirrored and read at start: the repository's own format",
        {"format_origin": _ORIGINS[held.origin], "published_dtype": fit.shapes.dtype},
        *fit.shapes.sources,
    )


def _adapters(fit: Fit) -> dict[str, Any]:
    if not fit.max_loras:
        return {}
    asked = {"max_loras": fit.max_loras, "max_lora_rank": fit.max_lora_rank}
    return {**asked, "adapters_gib": fit.adapters_gib}


def _overheads(fit: Fit, add: Any) -> None:
    width = feed_forward_width(fit.shapes)
    add(
        "activation_gib",
        fit.activation_gib,
        "GiB per GPU",
        "the larger of max_num_batched_tokens x (3 x width / tensor parallel + 3 x hidden) x 2 bytes "
        "and 38.5 bytes x max_num_seqs x vocabulary (generating models)",
        {
            "max_num_batched_tokens": fit.max_num_batched_tokens,
            "feed_forward_width": width[0] if width else None,
            "feed_forward_width_how": width[1] if width else None,
            "hidden": fit.shapes.hidden,
            "tensor_parallel": fit.tensor_parallel,
            "max_num_seqs": fit.max_num_seqs,
            "vocabulary": fit.shapes.vocab,
        },
        *constants()["sampler_bytes"].sources,
        *_default_sources(fit, "max_num_seqs"),
    )
    group = {1: "tp1", 2: "tp2"}.get(fit.tensor_parallel, "tp4")
    add(
        "non_torch_gib",
        fit.non_torch_gib,
        "GiB per GPU",
        "allowance by the size of the tensor-parallel group",
        {"tensor_parallel": fit.tensor_parallel},
        *constants()[f"non_torch_gib_{group}"].sources,
    )
    add(
        "cuda_graphs_gib",
        fit.cuda_graphs_gib,
        "GiB per GPU",
        "allowance, unless eager; vLLM counts graphs inside the budget since 0.21",
        {"enforce_eager": fit.enforce_eager, "counted_in_budget": fit.graphs_in_budget},
        *constants()["cuda_graphs_gib"].sources,
    )


def _cache(fit: Fit, add: Any) -> None:
    add(
        "kv_cache_gib",
        fit.kv_cache_gib,
        "GiB per GPU",
        "requested - weights - activation - non-torch - CUDA graphs",
        {
            "requested_gib": fit.requested_gib,
            "weights_gib": fit.weights_gib,
            "activation_gib": fit.activation_gib,
            "non_torch_gib": fit.non_torch_gib,
            "cuda_graphs_gib": fit.cuda_graphs_gib,
        },
        ENGINE,
    )
    shape = fit.shapes
    if fit.layout is None:
        _no_cache(fit, add)
        return
    kinds = [
        {"kind": kind.kind, "layers": kind.layers, "bytes_per_layer": kind.bytes_per_token}
        for kind in fit.layout.kinds
    ]
    how = {
        "mla": "layers x (KV rank + rope dimension) x bytes, not divided by tensor parallel",
        "mla+sparse_indexer": "layers x (latent + indexer) bytes, not divided by tensor parallel",
    }.get(shape.attention or "", "layers x max(1, KV heads / tensor parallel) x 2 x head dimension x bytes")
    kv = kv_format(cache_dtype(shape, fit.kv_cache_dtype))
    kv_source = tuple(Source(source=text, as_of=kv.as_of) for text in kv.source)
    add(
        "kv_bytes_per_token",
        fit.kv_bytes_per_token,
        "bytes per token and GPU",
        how + ""
        if fit.kv_is_linear
        else how + "; windows are bounded and states constant, so tokens are derived",
        {"layers": kinds, "window": fit.layout.window, "kv_cache_dtype": fit.kv_cache_dtype},
        *shape.sources,
        *kv_source,
    )
    add(
        "kv_cache_tokens",
        fit.kv_cache_tokens,
        "tokens",
        f"whole blocks of {fit.layout.block_tokens} tokens in the KV cache"
        if fit.kv_is_linear
        else "max_concurrency x max_model_len: not a rate, other lengths give other figures",
        {"kv_cache_gib": fit.kv_cache_gib, "kv_bytes_per_token": fit.kv_bytes_per_token},
        ENGINE,
    )
    add(
        "max_concurrency",
        fit.max_concurrency,
        "requests of max_model_len",
        "blocks in the pool / blocks of one request of full length, summed over the groups of layers",
        {
            "max_model_len": fit.max_model_len,
            "tokens_in_flight": fit.max_num_batched_tokens * fit.pipeline_parallel,
        },
        ENGINE,
    )
    add(
        "margin_gib",
        fit.margin_gib,
        "GiB per GPU",
        "KV cache - one request of max_model_len",
        {
            "kv_cache_gib": fit.kv_cache_gib,
            "request_gib": fit.request_gib,
            "longest_request": fit.longest_request,
        },
        ENGINE,
    )


def _no_cache(fit: Fit, add: Any) -> None:
    """Why tokens of cache are not counted: there is no cache, or its size does not follow the tokens."""
    why = "the KV cache of this model is not linear in tokens, so it is not counted in them"
    if fit.shapes.attention == "none":
        why = "an encoder keeps no KV cache"
    shape = {"model": fit.shapes.id, "attention": fit.shapes.attention}
    add("kv_cache_tokens", fit.kv_cache_tokens, "tokens", why, shape, ENGINE)
    add("max_concurrency", fit.max_concurrency, "requests of max_model_len", why, shape, ENGINE)
    add(
        "margin_gib",
        fit.margin_gib,
        "GiB per GPU",
        f"what is left after the activations; {why}",
        {"kv_cache_gib": fit.kv_cache_gib},
        ENGINE,
    )


def _value(name: str) -> float:
    return constants()[name].value


def _default_sources(fit: Fit, setting: str) -> tuple[Source, ...]:
    row = engine_default(setting, fit.vllm_version, fit.total_gib, fit.gpu)
    return tuple(Source(source=text, as_of=row.as_of) for text in row.source)
