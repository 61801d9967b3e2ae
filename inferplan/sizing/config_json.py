"""Reading a Hugging Face config.json, or the like-named fields of a spec's `shapes`, into ModelShapes.

Not here: fetching the file; the caller hands over its content.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from inferplan.catalog.open_weights import KvType, Tensors
from inferplan.catalog.table import UnknownName
from inferplan.records.plan import Source
from inferplan.sizing.config_fields import guesses, known_architectures, unread_fields
from inferplan.sizing.config_layers import Layer, Unclear, layer_count, layers_of
from inferplan.sizing.config_numbers import contradictions, numbers, positive, stated
from inferplan.sizing.config_quantization import SIXTEEN, Storage, cache_dtype_of, storage_by_name, storage_of
from inferplan.sizing.config_tensors import (
    Module,
    Widths,
    caches_of,
    dense_feed,
    further_tokens,
    modules_of,
)
from inferplan.sizing.config_vision import encoder_heads, vision_parameters
from inferplan.sizing.engine_limits import encoder_cut
from inferplan.sizing.formats import weight_format
from inferplan.sizing.shapes import ENCODERS, ModelShapes, ShapesError, complete
from inferplan.sizing.tensors import SIXTEEN_BIT
from inferplan.spec.yaml12 import describe, node_of

USUAL_RANKS = 8  # GPUs of the machines that large models are served on
_GROUPED = ("awq", "gptq", "auto_awq", "auto_gptq")
_TEXTS = ("text_config", "llm_config", "language_config")  # where multimodal files keep the text model
_TIED_BY_DEFAULT = ("Gemma",)


def shapes_from_config(
    config: Mapping[str, Any],
    name: str = "config.json",
    as_of: str = "unknown",
    beside: Mapping[str, Any] | None = None,
) -> ModelShapes:
    """Shapes from the content of a config.json; raises ShapesError naming each missing or wrong field.

    `beside` is the content of the hf_quant_config.json in the same folder. A field that the size or the cache
    depends on and that is not understood is in `unread`: the fit of such shapes cannot be decided.
    """
    text: Mapping[str, Any] = next(
        (config[key] for key in _TEXTS if isinstance(config.get(key), Mapping)), {}
    )
    merged: dict[str, Any] = {**config, **text}
    if "num_hidden_layers" not in merged and (count := layer_count(merged)) is not None:
        merged["num_hidden_layers"] = count
    values, problems = numbers(merged, name)
    odd = _odd_quantization(config, merged, name)
    problems += [*contradictions(values), *odd]
    architectures = config.get("architectures") or merged.get("architectures")
    listed = isinstance(architectures, list | tuple) and architectures
    architecture = str(architectures[0]) if architectures and listed else None
    unread = list(unread_fields(config))
    if values.get("experts", 1) > 1 and "experts_per_token" not in values:
        unread.append(f"{values['experts']} experts, and how many of them a token passes is not said")
    storage, method = Storage(SIXTEEN), None
    try:
        if not odd:
            storage, method = storage_of(merged, beside)
        if not storage.is_whole:
            unread.append("exclude_modules is missing: which modules stay at 16 bit is not said")
    except UnknownName as unknown:
        problems.append(str(unknown))
    except Unclear as unclear:
        unread.append(str(unclear))
    dtype = (
        method or merged.get("dtype") or merged.get("torch_dtype") or config.get("torch_dtype") or "bfloat16"
    )
    if not isinstance(dtype, str):
        problems.append(f"the number format must be text, not {describe(node_of(dtype, name))}")
    elif method is None:
        try:
            storage = storage_by_name(SIXTEEN_BIT.get(dtype, dtype))
        except UnknownName as unknown:
            problems.append(str(unknown))
    if problems:
        raise ShapesError(tuple(problems))
    shapes = ModelShapes(
        id=name,
        architecture=architecture,
        dtype=dtype,
        tied_embeddings=_tied(config, merged, architecture),
        weight_block=_block(config, merged),
        serves="pooling" if _pools(architecture) else "generate",
        guessed=guesses(architecture),
        kv_dtype=cache_dtype_of(merged, beside),
        sources=(Source(source=name, as_of=as_of),),
        **encoder_heads(merged),
        **stated(values, merged),
    )
    counted = _counted(shapes, values, merged, storage, unread)
    return msgspec.structs.replace(counted, unread=tuple(dict.fromkeys(unread)))


def _counted(
    shapes: ModelShapes,
    values: dict[str, Any],
    merged: Mapping[str, Any],
    storage: Storage,
    unread: list[str],
) -> ModelShapes:
    """The shapes with their layers, tensors and caches; what cannot be read joins `unread`."""
    widths = Widths(values, merged)
    try:
        layers = layers_of(merged, values["layers"], shapes.is_moe)
        attention = _attention(shapes, values, layers)
        shapes = msgspec.structs.replace(shapes, **_by_layers(shapes, layers, merged, attention))
        if attention == "hybrid_compressed" and not merged.get("compress_ratios"):
            assumed = "compress_ratios is missing: 4 and 128 are taken in turn"
            shapes = msgspec.structs.replace(shapes, guessed=(*shapes.guessed, assumed))
        modules = [*modules_of(widths, layers, shapes.mlp_matrices, attention)]
        if attention not in {"none", "hybrid_compressed"}:
            bytes_of_state = 4 if _wide_state(merged) else 2
            shapes = msgspec.structs.replace(
                shapes, caches=caches_of(widths, layers, attention, bytes_of_state)
            )
    except Unclear as unclear:
        if shapes.parameters is None or shapes.attention is None:
            unread.append(str(unclear))
        return complete(shapes)
    table = values["vocab"] * values["hidden"]
    if not shapes.tied_embeddings and shapes.serves == "generate":
        modules.append(Module("lm_head", "output head", table, "kept", "last"))
    seen = vision_parameters(merged, values["hidden"])
    if seen:
        pieces = _encoder_pieces(shapes)
        modules.append(Module("visual", "vision encoder", seen, "kept", "first", pieces))
    uncounted = [
        part
        for part, is_in in (("vision_config", seen is None), ("audio_config", merged.get("audio_config")))
        if is_in
    ]
    if uncounted:
        said = f"the encoder of {' and of '.join(uncounted)} is not counted"
        shapes = msgspec.structs.replace(shapes, guessed=(*shapes.guessed, said))
    known = known_architectures().get(shapes.architecture or "")
    plain = dense_feed(widths, shapes.mlp_matrices)
    modules += further_tokens(widths, layers, modules, known.prediction if known else "as_the_last", plain)
    tensors = _together(modules, storage)
    if shapes.parameters is not None:
        tensors = _fitted(tensors, shapes.parameters)
    total = sum(one.parameters for one in tensors if one.kind != "unused")
    routed = sum(one.parameters for one in tensors if one.kind == "expert")
    active = shapes.active_parameters
    if shapes.is_moe and active is None:
        active = total - routed + routed * (shapes.experts_per_token or 0) // (shapes.experts or 1)
    return msgspec.structs.replace(
        shapes,
        tensors=tensors,
        parameters=total,
        active_parameters=active,
        dtype=_dominant(tensors, shapes.dtype),
    )


def _encoder_pieces(shapes: ModelShapes) -> int | None:
    """1 where every rank of a usual size holds the whole encoder for images, else None."""
    cut = encoder_cut(shapes.architecture, "vision")
    uneven = (shapes.vision_heads or 0) % USUAL_RANKS > 0
    return 1 if cut == "whole" or (cut == "split or whole" and uneven) else None


def _together(modules: list[Module], storage: Storage) -> tuple[Tensors, ...]:
    """Modules of one kind that are stored alike, added up."""
    sums: dict[tuple[Any, ...], int] = {}
    for module in modules:
        how = storage.of(module)
        part = (module.kind, module.pieces) if module.is_loaded else ("unused", None)
        key = (module.group, how.format, how.size, module.place, *part)
        sums[key] = sums.get(key, 0) + module.parameters
    return tuple(
        Tensors(
            name=key[0], format=key[1], bytes_per_parameter=key[2], place=key[3], kind=key[4], pieces=key[5],
            parameters=count,
        )
        for key, count in sums.items()
        if count
    )  # fmt: skip


def _fitted(tensors: tuple[Tensors, ...], parameters: int) -> tuple[Tensors, ...]:
    """The layers scaled so that everything adds up to the stated number of parameters."""
    layers = sum(one.parameters for one in tensors if one.place == "layers" and one.kind != "unused")
    rest = sum(one.parameters for one in tensors if one.kind != "unused") - layers
    if not layers or parameters <= rest:
        return tensors
    share = (parameters - rest) / layers
    return tuple(
        msgspec.structs.replace(one, parameters=round(one.parameters * share))
        if one.place == "layers" and one.kind != "unused"
        else one
        for one in tensors
    )


def _dominant(tensors: tuple[Tensors, ...], named: str) -> str:
    """The format that most quantized parameters have, under the name that the file gives it if that fits."""
    counts: dict[str, int] = {}
    for one in tensors:
        if one.format != "bf16" and one.kind != "unused":
            counts[one.format] = counts.get(one.format, 0) + one.parameters
    if not counts:
        return named if named in SIXTEEN_BIT else "bfloat16"
    most = max(counts, key=lambda form: counts[form])
    try:
        return named if weight_format(named).id == most else most
    except UnknownName:
        return most


def _by_layers(
    shapes: ModelShapes, layers: Sequence[Layer], merged: Mapping[str, Any], attention: KvType
) -> dict[str, Any]:
    """The fields that count layers."""
    mixers = [layer.mixer for layer in layers]
    found: dict[str, Any] = {"attention": attention}
    if shapes.is_moe:
        found["dense_layers"] = sum(layer.feed == "dense" for layer in layers)
    widest = max((layer.width or 0 for layer in layers), default=0)
    if widest:
        found["intermediate"] = widest
        found["kv_heads"] = max(layer.kv_heads or 0 for layer in layers) or shapes.kv_heads
    if set(mixers) & {"window", "chunk", "gated_delta", "mamba", "kimi_delta"}:
        found["full_attention_layers"] = mixers.count("attention")
    if "chunk" in mixers:
        found |= {"window": positive(merged.get("attention_chunk_size")), "chunked": True}
    elif "window" in mixers:
        found["window"] = positive(merged.get("sliding_window"))
    return found


def _attention(shapes: ModelShapes, values: Mapping[str, Any], layers: Sequence[Layer]) -> KvType:
    """The kind of attention, which says how the cache grows."""
    mixers = {layer.mixer for layer in layers}
    if (shapes.architecture or "").startswith(ENCODERS):
        return "none"
    if any(layer.ratio is not None for layer in layers):
        return "hybrid_compressed"
    if "kimi_delta" in mixers:
        return "mla+linear_attention"
    if values.get("kv_lora_rank"):
        return "mla+sparse_indexer" if values.get("index_head_dim") else "mla"
    if "gated_delta" in mixers:
        return "gqa+linear_attention"
    if "mamba" in mixers:
        return "gqa+state_space"
    if "chunk" in mixers:
        return "gqa+chunked_local"
    if "window" in mixers and "attention" in mixers:
        return "gqa+sliding"
    if values.get("block_index_dim"):
        return "gqa+sparse_indexer"
    fewest = min((layer.kv_heads for layer in layers if layer.kv_heads), default=values["kv_heads"])
    return "mha" if fewest == values["heads"] and "window" not in mixers else "gqa"


def _wide_state(merged: Mapping[str, Any]) -> bool:
    """Whether recurrent states are kept in float32; Mamba that does not say so keeps the model's type."""
    said = merged.get("mamba_ssm_dtype") or merged.get("mamba_ssm_cache_dtype")
    return said == "float32" if said else not merged.get("mamba_num_heads")


def _tied(config: Mapping[str, Any], merged: Mapping[str, Any], architecture: str | None) -> bool | None:
    said = merged.get("tie_word_embeddings", config.get("tie_word_embeddings"))
    if isinstance(said, bool):
        return said
    return True if (architecture or "").startswith(_TIED_BY_DEFAULT) else None


def _quantization(config: Mapping[str, Any], merged: Mapping[str, Any]) -> Mapping[str, Any]:
    said = config.get("quantization_config") or merged.get("quantization_config")
    return said if isinstance(said, Mapping) else {}


def _odd_quantization(config: Mapping[str, Any], merged: Mapping[str, Any], name: str) -> list[str]:
    said = config.get("quantization_config") or merged.get("quantization_config")
    if said is not None and not isinstance(said, Mapping):
        return ["quantization_config must be a mapping"]
    method = (said or {}).get("quant_method")
    if method is not None and not isinstance(method, str):
        return [f"the number format must be text, not {describe(node_of(method, name))}"]
    return []


def _first_group(said: Mapping[str, Any]) -> Mapping[str, Any]:
    """How compressed-tensors stores the weights of its first group of layers."""
    groups = said.get("config_groups")
    first: Any = next(iter(groups.values()), None) if isinstance(groups, Mapping) else None
    weights = first.get("weights") if isinstance(first, Mapping) else None
    return weights if isinstance(weights, Mapping) else {}


def _block(config: Mapping[str, Any], merged: Mapping[str, Any]) -> int | None:
    """The side of the blocks or groups in which quantized weights are stored, the longer one."""
    said = _quantization(config, merged)
    weights = _first_group(said)
    method = str(said.get("quant_method", ""))
    sides = said.get("weight_block_size")
    if method.startswith(_GROUPED) and not said.get("desc_act"):  # act order: every rank has all scales
        sides = [said.get("group_size") or said.get("q_group_size")]
    elif weights.get("strategy") == "block":
        sides = weights.get("block_structure")
    elif weights.get("strategy") == "group":
        sides = [weights.get("group_size")]
    found = [positive(side) for side in sides] if isinstance(sides, list | tuple) else []
    return max((side for side in found if side is not None), default=None)


def _pools(architecture: str | None) -> bool:
    name = architecture or ""
    return name.startswith(ENCODERS) or name.endswith(("Model", "ForMaskedLM", "ForSequenceClassification"))
