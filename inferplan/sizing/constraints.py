"""What vLLM or the GPU refuses whatever the memory: heads, formats, architectures, versions; and cautions.

Not here: whether the bytes fit (memory).
"""

from __future__ import annotations

from collections.abc import Iterator

from inferplan import catalog
from inferplan.records.plan import Record
from inferplan.sizing.constants import removed_architectures, version_key
from inferplan.sizing.formats import KvFormat, WeightFormat, capability, runs_natively
from inferplan.sizing.shapes import ENCODERS, ModelShapes

OLDEST_CAPABILITY = "7.5"  # the stock wheel has kernels from sm_75 up
_SIXTEEN_BIT_FROM = "8.0"
_USUAL_GROUP = 128  # of AWQ and GPTQ repositories
_DEGREES = (1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16)  # of tensor parallelism that are offered instead
# vllm/config/model.py, _FLOAT16_NOT_SUPPORTED_MODELS (0.11.0), by the architectures of these model types.
_NO_FLOAT16 = ("Gemma2For", "Gemma3For", "Plamo2For", "Glm4For")


class Verdicts(Record, frozen=True):
    """Reasons why it cannot start, and things to know that do not stop it."""

    violations: tuple[str, ...]
    cautions: tuple[str, ...]


def check(
    shapes: ModelShapes,
    form: WeightFormat,
    origin: str,
    kv: KvFormat,
    *,
    tensor_parallel: int,
    pipeline_parallel: int,
    decode_context_parallel: int,
    compute_capability: str | None,
    max_model_len: int,
    vllm_version: str,
) -> Verdicts:
    """Every hard constraint of a layout; with an unknown compute capability, those that do not need it."""
    bad: list[str] = []
    note: list[str] = []
    _parallel(shapes, tensor_parallel, pipeline_parallel, decode_context_parallel, bad, note)
    _architecture(shapes, vllm_version, bad, note)
    _formats(shapes, form, origin, kv, tensor_parallel, vllm_version, bad, note)
    if compute_capability is not None:
        _gpu(shapes, form, kv, compute_capability, bad, note)
    if shapes.context is not None and max_model_len > shapes.context:
        bad.append(
            f"max_model_len {max_model_len} exceeds the context of {shapes.id}: {shapes.context} tokens"
        )
    return Verdicts(violations=tuple(bad), cautions=tuple(note))


def _parallel(
    shapes: ModelShapes, tensor: int, pipeline: int, context: int, bad: list[str], note: list[str]
) -> None:
    heads, kv_heads = shapes.heads or 0, shapes.kv_heads or 0
    if heads % tensor:
        fitting = [str(n) for n in _DEGREES if heads % n == 0]
        bad.append(
            f"{heads} attention heads cannot be divided by tensor parallel {tensor} "
            f"(possible: {', '.join(fitting)})"
        )
    _blocks(shapes, tensor, bad)
    is_mla = shapes.attention in {"mla", "mla+sparse_indexer"}
    if is_mla and tensor > 1 and context == 1:
        note.append("MLA: every rank holds the whole KV cache; tensor parallel does not divide it")
    elif not is_mla and shapes.attention != "none" and 0 < kv_heads < tensor:
        note.append(f"{kv_heads} KV heads are replicated: tensor parallel above {kv_heads} saves no KV cache")
    if _uneven(kv_heads, tensor) and not is_mla and not heads % tensor:
        fitting = [str(n) for n in _DEGREES if not heads % n and not _uneven(kv_heads, n)]
        bad.append(
            f"{kv_heads} KV heads cannot be divided by tensor parallel {tensor}, nor the other way around, "
            f"which the model class asserts (possible: {', '.join(fitting)})"
        )
    if pipeline > 1 and (shapes.architecture or "").startswith(ENCODERS):
        bad.append(f"{shapes.architecture} does not support pipeline parallel")
    if pipeline > 1 and shapes.layers and pipeline > shapes.layers:
        bad.append(f"pipeline parallel {pipeline} exceeds the {shapes.layers} layers")
    if context > 1 and not is_mla:
        if tensor <= kv_heads:
            bad.append(f"decode context parallel needs tensor parallel above the {kv_heads} KV heads")
        elif context > tensor // max(1, kv_heads):
            bad.append(f"decode context parallel is at most {tensor // max(1, kv_heads)} here")
    elif context > 1 and tensor % context:
        bad.append(f"tensor parallel {tensor} cannot be divided by decode context parallel {context}")


def _uneven(kv_heads: int, tensor: int) -> bool:
    """Whether ranks can neither share the KV heads out evenly nor each hold one of them."""
    return bool(kv_heads and (kv_heads % tensor if kv_heads >= tensor else tensor % kv_heads))


def _blocks(shapes: ModelShapes, tensor: int, bad: list[str]) -> None:
    """A rank takes whole columns, and of weights that are quantized in blocks whole blocks (vLLM's fp8 checks
    both sides, AWQ and GPTQ the side that is summed over)."""
    for what, width, fitting in _ragged(shapes, tensor, shapes.weight_block or 1):
        stored = f" and stored in blocks of {shapes.weight_block}" if shapes.weight_block else ""
        bad.append(
            f"the {what} are {width} wide{stored}: at tensor parallel {tensor} a rank gets "
            f"{width / tensor:g} columns, no whole number{' of blocks' if stored else ''} "
            f"(possible: {', '.join(fitting) or 'none'})"
        )


def _ragged(shapes: ModelShapes, tensor: int, block: int) -> Iterator[tuple[str, int, list[str]]]:
    """Widths of which a rank would not get whole blocks, each with the degrees that give whole ones."""
    heads = shapes.heads or 0
    is_mla = shapes.attention in {"mla", "mla+sparse_indexer"}
    attended = heads * ((shapes.v_head_dim if is_mla else shapes.head_dim) or 0)
    widths = {
        "experts": shapes.moe_intermediate,
        "shared experts": shapes.shared_intermediate,
        "feed-forward layers": shapes.intermediate if not shapes.is_moe or shapes.dense_layers else None,
        "attention heads together": attended if not attended % tensor else None,
    }
    for what, width in widths.items():
        if width and (width % tensor or width // tensor % block):
            whole = (n for n in _DEGREES if not width % n and not width // n % block)
            yield what, width, [str(n) for n in whole if not heads % n]


def _architecture(shapes: ModelShapes, version: str, bad: list[str], note: list[str]) -> None:
    removed = removed_architectures().get(shapes.architecture or "")
    if removed is not None and version_key(version) > version_key(removed.last):
        bad.append(
            f"{removed.architecture} was removed from vLLM; {removed.last} was the last version with it"
        )
    if shapes.vllm_since:
        since = shapes.vllm_since.removeprefix("<=").split(" ")[0]
        if version_key(version) < version_key(since):
            bad.append(f"{shapes.id} needs vLLM {since} or newer, not {version}")
    if shapes.is_multimodal:
        note.append(
            "the vision encoder's profiling run is not counted: "
            "switch it off with --limit-mm-per-prompt or keep a reserve"
        )
    if not shapes.verified:
        note.append("parameter count or shapes are published, rounded figures: not verified")


def _formats(
    shapes: ModelShapes,
    form: WeightFormat,
    origin: str,
    kv: KvFormat,
    tensor: int,
    version: str,
    bad: list[str],
    note: list[str],
) -> None:
    if not form.supported and (form.until is None or version_key(version) > version_key(form.until)):
        bad.append(f"{form.id} is not in vLLM {version}: {form.note or 'use fp8 or awq'}")
    if origin == "other_repository":
        known = catalog.published_as(shapes.id, form.id)
        note.append(
            f"{shapes.id} is not published as {form.id}: "
            f"sized as a repository in that format, which must be named{': ' if known else ''}"
            + " or ".join(known)
        )
        if form.id == "w4a16":
            for what, width, fitting in _ragged(shapes, tensor, _USUAL_GROUP):
                note.append(
                    f"in groups of {_USUAL_GROUP} the {what}, {width} wide, can be cut for tensor parallel "
                    f"{', '.join(fitting) or 'none'} only, unless that repository pads them"
                )
    if origin == "at_load":
        note.append(
            f"{form.id} at load: the 16-bit repository is mirrored and read, about twice the bytes on the GPU"
        )
    if form.scope == "experts" and not shapes.is_moe:
        bad.append(f"{form.id} stores experts; {shapes.id} has none")
    if not kv.offered:
        bad.append(f"KV cache dtype {kv.id} is not offered: {kv.note or 'no quality result is known'}")
    packed = kv.bytes_per_token_layer is not None
    if packed and shapes.attention not in {"mla", "mla+sparse_indexer"}:
        bad.append(f"KV cache dtype {kv.id} is for MLA models only")


def _gpu(
    shapes: ModelShapes, form: WeightFormat, kv: KvFormat, has: str, bad: list[str], note: list[str]
) -> None:
    if capability(has) < capability(OLDEST_CAPABILITY):
        bad.append(f"compute capability {has}: the stock vLLM wheel has kernels from {OLDEST_CAPABILITY} up")
        return
    if capability(has) < capability(form.min_cc):
        bad.append(f"{form.id} needs compute capability {form.min_cc}, this GPU has {has}")
    elif form.native_from is not None and form.id != "bf16" and not runs_natively(form, has):
        note.append(
            f"{form.id} is weight-only on compute capability {has} (native from {form.native_from}): "
            "it saves memory and computes in 16 bit"
        )
    if capability(has) < capability(_SIXTEEN_BIT_FROM):
        if (shapes.architecture or "").startswith(_NO_FLOAT16):
            bad.append(
                f"no bfloat16 below compute capability {_SIXTEEN_BIT_FROM}, and vLLM refuses float16 for "
                f"{shapes.architecture}: only float32 is left, with twice the bytes"
            )
        else:
            note.append("no bfloat16 on this GPU: pass --dtype half")
    if kv.native_from is not None and capability(has) < capability(kv.native_from):
        note.append(
            f"KV cache dtype {kv.id} depends on the attention backend "
            f"below compute capability {kv.native_from}"
        )
