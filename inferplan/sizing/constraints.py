"""Would vLLM start a layout: the one answer of `size` and the planner to what the engine or the GPU refuses.

Whatever the memory: heads, formats, architectures, versions; and cautions, which stop nothing.
Not here: whether the bytes fit (memory), how widths are cut (split_widths), types of cache (cache_types).
"""

from __future__ import annotations

from inferplan import catalog
from inferplan.records.plan import Record
from inferplan.sizing.cache_types import cache_problems
from inferplan.sizing.constants import removed_architectures, version_key
from inferplan.sizing.engine_limits import (
    MethodLimits,
    architectures,
    is_unread,
    last_with_method,
    method_names,
    methods,
    releases,
    served_as,
    without_float16,
)
from inferplan.sizing.formats import KvFormat, WeightFormat, capability, runs_natively
from inferplan.sizing.shapes import ENCODERS, ModelShapes
from inferplan.sizing.split_widths import head_problems, is_latent, ragged, usual_groups

OLDEST_CAPABILITY = "7.5"  # the stock wheel has kernels from sm_75 up
_BFLOAT16_FROM = "8.0"  # platforms/cuda.py, supported_dtypes
_GROUPED_FROM, _MARLIN_GROUPS = "0.22.0", (32, 64, 128)  # auto_gptq.py and MARLIN_SUPPORTED_GROUP_SIZES


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
    quantization: str | None = None,
    expert_parallel: bool = False,
    lora: bool = False,
) -> Verdicts:
    """Every hard constraint of a layout; with an unknown compute capability, those that do not need it."""
    bad: list[str] = []
    note: list[str] = []
    _parallel(shapes, tensor_parallel, pipeline_parallel, decode_context_parallel, bad, note)
    if expert_parallel and not shapes.is_moe:
        bad.append(f"expert parallel needs experts, and {shapes.id} has none")
    published = origin == "published"
    spread = expert_parallel and shapes.is_moe
    bad += ragged(shapes, form, published, tensor_parallel, vllm_version, spread)
    _architecture(shapes, vllm_version, pipeline_parallel, lora, bad, note)
    _formats(shapes, form, origin, quantization, tensor_parallel, compute_capability, vllm_version, bad, note)
    if compute_capability is not None:
        _gpu(shapes, form, kv, compute_capability, vllm_version, bad, note)
    bad += cache_problems(
        shapes,
        form,
        origin,
        kv,
        compute_capability=None if _is_too_old(compute_capability) else compute_capability,
        model_dtype=model_dtype(shapes, compute_capability),
        version=vllm_version,
    )
    if shapes.context is not None and max_model_len > shapes.context:
        bad.append(
            f"max_model_len {max_model_len} exceeds the context of {shapes.id}: {shapes.context} tokens"
        )
    return Verdicts(violations=tuple(bad), cautions=tuple(note))


def _is_too_old(compute_capability: str | None) -> bool:
    """Whether nothing of the wheel runs, so that there is nothing more to say of its parts."""
    return compute_capability is not None and capability(compute_capability) < capability(OLDEST_CAPABILITY)


def model_dtype(shapes: ModelShapes, compute_capability: str | None) -> str:
    """The type in which vLLM computes: float16 where the repository says so or the GPU has no bfloat16."""
    if compute_capability is not None and capability(compute_capability) < capability(_BFLOAT16_FROM):
        return "float16"
    return "float16" if shapes.dtype == "float16" else "bfloat16"


def _parallel(
    shapes: ModelShapes, tensor: int, pipeline: int, context: int, bad: list[str], note: list[str]
) -> None:
    kv_heads, is_mla = shapes.kv_heads or 0, is_latent(shapes)
    bad += head_problems(shapes, tensor)
    if is_mla and tensor > 1 and context == 1:
        note.append("MLA: every rank holds the whole KV cache; tensor parallel does not divide it")
    elif not is_mla and shapes.attention != "none" and 0 < kv_heads < tensor:
        note.append(f"{kv_heads} KV heads are replicated: tensor parallel above {kv_heads} saves no KV cache")
    if pipeline > 1 and shapes.layers and pipeline > shapes.layers:
        bad.append(f"pipeline parallel {pipeline} exceeds the {shapes.layers} layers")
    if context > 1 and not is_mla:
        queries = (shapes.heads or 0) // max(1, kv_heads)
        if tensor <= kv_heads:
            bad.append(f"decode context parallel needs tensor parallel above the {kv_heads} KV heads")
        elif context > tensor // max(1, kv_heads):
            bad.append(f"decode context parallel is at most {tensor // max(1, kv_heads)} here")
        elif queries % context:
            bad.append(
                f"{queries} queries of a KV head cannot be divided by decode context parallel {context}"
            )
    elif context > 1 and tensor % context:
        bad.append(f"tensor parallel {tensor} cannot be divided by decode context parallel {context}")


def _architecture(
    shapes: ModelShapes, version: str, pipeline: int, lora: bool, bad: list[str], note: list[str]
) -> None:
    name = shapes.architecture or ""
    spans = architectures().get(name, ())
    held = served_as(name, version)
    removed = removed_architectures().get(name)
    if held is None and spans and version_key(version) < version_key(spans[0].since):
        bad.append(f"{name} needs vLLM {spans[0].since} or newer, not {version}")
    elif held is None and (spans or removed is not None):
        last = removed.last if removed is not None else spans[-1].until
        bad.append(f"{name} was removed from vLLM; {last} was the last version with it")
    elif held is None and name and shapes.serves in {"generate", "pooling"}:
        note.append(
            f"no release of vLLM up to {releases()[-1]} has {name} among its own models: it starts only if "
            "Transformers has it in a form that vLLM can take over"
        )
    if pipeline > 1 and (name.startswith(ENCODERS) or (held is not None and not held.pipeline)):
        bad.append(f"{name} does not support pipeline parallel")
    if lora and held is not None and not held.lora:
        bad.append(f"{name} takes no LoRA adapters in vLLM")
    if shapes.vllm_since and held is not None:
        since = shapes.vllm_since.removeprefix("<=").split(" ")[0]
        if version_key(version) < version_key(since):
            bad.append(f"{shapes.id} needs vLLM {since} or newer, not {version}")
    if is_unread(version):
        note.append(f"vLLM {version} was not read: it is judged as the nearest release that was")
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
    quantization: str | None,
    tensor: int,
    compute_capability: str | None,
    version: str,
    bad: list[str],
    note: list[str],
) -> None:
    _methods(shapes, form, quantization, compute_capability, version, bad)
    if origin == "other_repository":
        known = catalog.published_as(shapes.id, form.id)
        note.append(
            f"{shapes.id} is not published as {form.id}: "
            f"sized as a repository in that format, which must be named{': ' if known else ''}"
            + " or ".join(known)
        )
    if form.id == "w4a16" and (origin == "other_repository" or shapes.weight_block is None):
        note += usual_groups(shapes, tensor)
    if origin == "at_load":
        note.append(
            f"{form.id} at load: the 16-bit repository is mirrored and read, about twice the bytes on the GPU"
        )
    if form.scope == "experts" and not shapes.is_moe:
        bad.append(f"{form.id} stores experts; {shapes.id} has none")
    group = shapes.weight_block if origin == "published" and "gptq" in shapes.dtype else None
    if group not in (None, *_MARLIN_GROUPS) and version_key(version) >= version_key(_GROUPED_FROM):
        groups = ", ".join(map(str, _MARLIN_GROUPS))
        bad.append(f"GPTQ in groups of {group}: vLLM {version} has kernels for groups of {groups} alone")


def _methods(
    shapes: ModelShapes,
    form: WeightFormat,
    quantization: str | None,
    compute_capability: str | None,
    version: str,
    bad: list[str],
) -> None:
    """A version has one of the methods that stand for the format, and the GPU what that method asks for."""
    if form.id == "bf16":
        return
    named = _named(shapes, form, quantization)
    if not named:
        if not form.supported and (form.until is None or version_key(version) > version_key(form.until)):
            bad.append(f"{form.id} is not in vLLM {version}: {form.note or 'use fp8 or awq'}")
        return
    known = [methods(version)[name] for name in sorted(named) if name in methods(version)]
    if not known:
        lasts = [last for name in named if (last := last_with_method(name)) is not None]
        until = f"it was last in {max(lasts, key=version_key)}" if lasts else "it came later"
        until = until if form.supported else f"{form.note or 'use fp8 or awq'}"
        bad.append(f"{form.id} is not in vLLM {version}: {until}")
        return
    if all(row.deprecated for row in known):
        bad.append(
            f"vLLM {version} refuses {known[0].method}, which it gives up: --allow-deprecated-quantization "
            "lets it pass, and no plan says that"
        )
    if compute_capability is None or _is_too_old(compute_capability):
        return
    able = [row for row in known if _takes(row, compute_capability)]
    if not able:
        least = min((row.min_cc for row in known if row.min_cc), key=capability, default="none")
        bad.append(f"{form.id} needs compute capability {least}, this GPU has {compute_capability}")
    elif all(model_dtype(shapes, compute_capability) not in row.dtypes for row in able):
        bad.append(
            f"{able[0].method} computes in {' or '.join(able[0].dtypes)} only, and this layout computes in "
            f"{model_dtype(shapes, compute_capability)}"
        )


def _named(shapes: ModelShapes, form: WeightFormat, quantization: str | None) -> set[str]:
    """The methods of vLLM that load the weights: the one that is named, else all that mean the format.

    The name of a format means all of them, also where one version called a method the same.
    """
    said = quantization if quantization not in {None, "auto"} else shapes.dtype
    exact = str(said).lower()
    if exact in method_names() and exact in form.methods:
        return {exact} | ({f"{exact}_marlin"} & method_names())
    return {name for name in (form.id, *form.methods) if name in method_names()}


def _takes(row: MethodLimits, has_capability: str) -> bool:
    return row.min_cc is not None and capability(has_capability) >= capability(row.min_cc)


def _gpu(
    shapes: ModelShapes,
    form: WeightFormat,
    kv: KvFormat,
    has_capability: str,
    version: str,
    bad: list[str],
    note: list[str],
) -> None:
    mine = capability(has_capability)
    if _is_too_old(has_capability):
        bad.append(
            f"compute capability {has_capability}: the stock vLLM wheel has kernels from "
            f"{OLDEST_CAPABILITY} up"
        )
        return
    if mine < capability(form.min_cc):
        if not any("needs compute capability" in text for text in bad):
            bad.append(f"{form.id} needs compute capability {form.min_cc}, this GPU has {has_capability}")
    elif form.native_from is not None and form.id != "bf16" and not runs_natively(form, has_capability):
        note.append(
            f"{form.id} is weight-only on compute capability {has_capability} (native from "
            f"{form.native_from}): it saves memory and computes in 16 bit"
        )
    if mine < capability(_BFLOAT16_FROM):
        if shapes.architecture in without_float16(version):
            bad.append(
                f"no bfloat16 below compute capability {_BFLOAT16_FROM}, and vLLM refuses float16 for "
                f"{shapes.architecture}: only float32 is left, with twice the bytes"
            )
        else:
            note.append("no bfloat16 on this GPU: pass --dtype half")
    elif shapes.dtype == "float16" and shapes.architecture in without_float16(version):
        bad.append(f"vLLM refuses float16, in which {shapes.id} is published, for {shapes.architecture}")
    if kv.native_from is not None and mine < capability(kv.native_from):
        note.append(
            f"KV cache dtype {kv.id} depends on the attention backend "
            f"below compute capability {kv.native_from}"
        )
