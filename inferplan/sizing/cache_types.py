"""Which types of KV cache vLLM can keep for a model on a GPU: names by version, weights, attention backends.

Not here: bytes of the cache (kv_cache) and what else vLLM asks for (constraints).
"""

from __future__ import annotations

from collections.abc import Iterator

from inferplan.sizing.constants import version_key
from inferplan.sizing.engine_limits import (
    AttentionBackend,
    attention_backends,
    cache_dtypes,
    release,
    releases,
    runs_on,
    since,
)
from inferplan.sizing.formats import KvFormat, WeightFormat, capability
from inferplan.sizing.shapes import ModelShapes
from inferplan.sizing.split_widths import is_latent

SIXTEEN_BIT = ("bfloat16", "float16")
# Backends that vLLM reads as it is: it takes FP8 there from this capability on and fails below it.
TRITON, TRITON_FP8_FROM = ("TRITON_ATTN", "TRITON_MLA"), "8.9"
FLASH_ATTENTION_FP8_ON = (9, 10)  # FlashAttention 3 and 4: fa_utils.py, flash_attn_supports_kv_cache_dtype
# Prompts with images that are read in both directions, and weights of attention sinks: few backends can.
IMAGES_IN_BOTH_DIRECTIONS = ("Gemma3ForConditionalGeneration", "PaliGemmaForConditionalGeneration")
SINKS = ("GptOss",)
COMPRESSED = "hybrid_compressed"  # DeepSeek V4 keeps its cache in one format of its own
OWN_FP8_WEIGHTS = ("fp8", "mxfp8", "nvfp4")  # their repositories bring scales of an e4m3 cache
ONLINE_FP8 = "0.31.0"  # what is quantized while loading no longer goes through the class of FP8 repositories


def cache_problems(
    shapes: ModelShapes,
    form: WeightFormat,
    origin: str,
    kv: KvFormat,
    *,
    compute_capability: str | None,
    model_dtype: str,
    version: str,
) -> Iterator[str]:
    """Why a type of cache is refused, each reason by itself."""
    if not kv.offered:
        yield f"KV cache dtype {kv.id} is not offered: {kv.note or 'no quality result is known'}"
    if kv.id not in cache_dtypes(version):
        first = since(kv.id)
        yield f"vLLM {version} has no KV cache dtype {kv.id}" + (f": it came with {first}" if first else "")
        return
    newest = release(version) == releases()[-1]
    if kv.id in SIXTEEN_BIT and kv.id != model_dtype and newest:
        yield (
            f"KV cache dtype {kv.id} is not that of the model, {model_dtype}, which vLLM {version} refuses: "
            "take auto"
        )
    if kv.id == "fp8_e5m2" and _has_own_scales(form, origin, version):
        yield f"KV cache dtype {kv.id} is refused with weights in {form.id}: take fp8"
    if shapes.attention == "none":
        return
    if _is_packed(kv) and not (is_latent(shapes) or shapes.attention == COMPRESSED):
        yield f"KV cache dtype {kv.id} is for MLA models only"
    elif shapes.attention == COMPRESSED:
        yield from _compressed(shapes, kv, compute_capability, version)
    elif compute_capability is not None and (newest or _is_sparse(shapes)):
        yield from _no_backend(shapes, kv, compute_capability, version)


def _has_own_scales(form: WeightFormat, origin: str, version: str) -> bool:
    if form.id not in OWN_FP8_WEIGHTS:
        return False
    return origin != "at_load" or version_key(version) < version_key(ONLINE_FP8)


def _is_packed(kv: KvFormat) -> bool:
    return kv.id.endswith("_ds_mla")


def _is_sparse(shapes: ModelShapes) -> bool:
    return is_latent(shapes) and "sparse_indexer" in (shapes.attention or "")


def _compressed(shapes: ModelShapes, kv: KvFormat, has: str | None, version: str) -> Iterator[str]:
    """DeepSeek V4's layers pick their kernels themselves, and those keep the cache in fp8_ds_mla."""
    if kv.id in SIXTEEN_BIT or not (kv.id == "auto" or kv.id.startswith("fp8")):
        yield f"{shapes.architecture} keeps its cache in FP8 alone: KV cache dtype {kv.id} is refused"
    if has is not None:
        kernels = [one for one in attention_backends(version) if "DSV4" in one.backend]
        if kernels and not any(runs_on(one, has) for one in kernels):
            yield _only_on(shapes, "attention", kernels, has)


def _no_backend(shapes: ModelShapes, kv: KvFormat, has: str, version: str) -> Iterator[str]:
    """No backend takes the model with this cache on the GPU, or the one that vLLM would take fails."""
    suited = [one for one in attention_backends(version) if _suits(one, shapes)]
    able = [one for one in suited if runs_on(one, has)]
    if not able:
        yield _only_on(shapes, "sparse attention" if _is_sparse(shapes) else "attention", suited, has)
        return
    keeping = [one for one in able if _keeps(one, shapes, kv, has)]
    if not keeping:
        yield (
            f"no attention backend of vLLM {version} keeps {kv.id} for {shapes.architecture or shapes.id} on "
            f"compute capability {has}"
        )
    elif all(_fails(one, kv, has) for one in keeping):
        yield (
            f"KV cache dtype {kv.id} needs compute capability {TRITON_FP8_FROM} with "
            f"{keeping[0].backend}, the only attention backend for {shapes.architecture or shapes.id} here; "
            f"this GPU has {has}"
        )


def _suits(one: AttentionBackend, shapes: ModelShapes) -> bool:
    if one.mla != is_latent(shapes) or one.sparse != _is_sparse(shapes) or "DSV4" in one.backend:
        return False
    size = (shapes.kv_lora_rank or 0) + (shapes.qk_rope_head_dim or 0) if one.mla else shapes.head_dim or 0
    return not one.head_sizes or size in one.head_sizes


def _keeps(one: AttentionBackend, shapes: ModelShapes, kv: KvFormat, has: str) -> bool:
    if kv.id not in one.cache_dtypes:
        return False
    major = capability(has)[0]
    if one.backend == "FLASH_ATTN" and kv.id.startswith("fp8"):
        return major in FLASH_ATTENTION_FP8_ON
    architecture = shapes.architecture or ""
    if one.backend == "FLASHINFER":
        return not architecture.startswith((*IMAGES_IN_BOTH_DIRECTIONS, *SINKS))
    return not (kv.id == "nvfp4_ds_mla" and one.backend == "FLASHMLA_SPARSE" and major != 10)


def _fails(one: AttentionBackend, kv: KvFormat, has: str) -> bool:
    """Backends that are chosen and then refuse to start."""
    old = capability(has) < capability(TRITON_FP8_FROM)
    return one.backend in TRITON and kv.id.startswith("fp8") and old


def _only_on(shapes: ModelShapes, what: str, kernels: list[AttentionBackend], has: str) -> str:
    known = sorted({text for one in kernels for text in one.capabilities}, key=capability)
    return (
        f"vLLM's kernels for the {what} of {shapes.architecture or shapes.id} run on compute capability "
        f"{', '.join(known) or 'none that is known'}; this GPU has {has}"
    )
