"""Reading a Hugging Face config.json, or the like-named fields of a spec's `shapes`, into ModelShapes.

Not here: fetching the file; the caller hands over its content.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from inferplan.catalog.table import UnknownName
from inferplan.records.plan import Source
from inferplan.sizing.formats import weight_format
from inferplan.sizing.shapes import ENCODERS, ModelShapes, ShapesError, complete
from inferplan.sizing.weights import SIXTEEN_BIT
from inferplan.spec.yaml12 import describe, node_of

# our name -> names seen in configs, first match wins
_FIELDS: dict[str, tuple[str, ...]] = {
    "layers": ("num_hidden_layers", "n_layer", "n_layers", "num_layers"),
    "hidden": ("hidden_size", "n_embd", "d_model"),
    "heads": ("num_attention_heads", "n_head", "n_heads"),
    "kv_heads": ("num_key_value_heads", "n_head_kv", "num_kv_heads"),
    "head_dim": ("head_dim",),
    "intermediate": ("intermediate_size", "n_inner", "ffn_hidden_size"),
    "moe_intermediate": ("moe_intermediate_size",),
    "vocab": ("vocab_size",),
    "context": ("max_position_embeddings", "n_positions", "n_ctx", "seq_length", "max_seq_len"),
    "experts": ("num_local_experts", "num_experts", "n_routed_experts"),
    "experts_per_token": ("num_experts_per_tok", "num_experts_per_token"),
    "kv_lora_rank": ("kv_lora_rank",),
    "q_lora_rank": ("q_lora_rank",),
    "qk_rope_head_dim": ("qk_rope_head_dim",),
    "qk_nope_head_dim": ("qk_nope_head_dim",),
    "v_head_dim": ("v_head_dim",),
    "index_head_dim": ("index_head_dim",),
    "dense_layers": ("first_k_dense_replace",),
    "global_head_dim": ("global_head_dim",),
    "global_kv_heads": ("num_global_key_value_heads",),
    "linear_key_heads": ("linear_num_key_heads",),
    "linear_value_heads": ("linear_num_value_heads",),
    "linear_key_dim": ("linear_key_head_dim",),
    "linear_value_dim": ("linear_value_head_dim",),
    "linear_conv_kernel": ("linear_conv_kernel_dim",),
    "parameters": ("num_parameters", "parameters"),
    "active_parameters": ("num_active_parameters", "active_parameters"),
    "full_attention_layers": ("full_attention_layers",),
}  # fmt: skip
_REQUIRED = ("layers", "hidden", "heads", "vocab", "context")
_ZERO_ALLOWED = {"dense_layers", "full_attention_layers"}
_MOST, _MOST_PARAMETERS = 10**8, 10**15  # beyond any model; keeps the arithmetic finite
_STRETCHES = ("yarn", "linear", "dynamic")  # others, such as llama3 and longrope, state the result
_GROUPED = ("awq", "gptq", "auto_awq", "auto_gptq")
_STATE_SPACE_MARKS = ("hybrid_override_pattern", "mamba_n_heads", "mamba_num_heads", "ssm_cfg", "state_size")


def shapes_from_config(
    config: Mapping[str, Any], name: str = "config.json", as_of: str = "unknown"
) -> ModelShapes:
    """Shapes from the content of a config.json; raises ShapesError naming each missing or wrong field."""
    text = config.get("text_config")
    merged: dict[str, Any] = {**config, **text} if isinstance(text, Mapping) else dict(config)
    problems: list[str] = []
    values: dict[str, Any] = {}
    for field, names in _FIELDS.items():
        key = next((key for key in names if merged.get(key) is not None), None)
        if key is None:
            if field in _REQUIRED:
                problems.append(f"{names[0]} is missing")
            continue
        value = merged[key]
        least = 0 if field in _ZERO_ALLOWED else 1
        most = _MOST_PARAMETERS if field.endswith("parameters") else _MOST
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            found = describe(node_of(value, name))
            problems.append(f"{key} must be a whole number from {least} to {most}, not {found}")
            continue
        values[field] = value
    problems += [*_contradictions(values), *_odd_quantization(config, merged)]
    dtype = _dtype(config, merged)
    if isinstance(dtype, str):
        try:
            weight_format(SIXTEEN_BIT.get(dtype, dtype))
        except UnknownName as unknown:
            problems.append(str(unknown))
    else:
        problems.append(f"the number format must be text, not {describe(node_of(dtype, name))}")
    if problems:
        raise ShapesError(tuple(problems))
    architectures = config.get("architectures") or merged.get("architectures")
    listed = isinstance(architectures, list | tuple) and architectures
    architecture = str(architectures[0]) if architectures and listed else None
    values.setdefault("head_dim", values["hidden"] // values["heads"])
    values.setdefault("kv_heads", values["heads"])
    if "intermediate" not in values and "moe_intermediate" not in values:
        values["intermediate"] = 4 * values["hidden"]  # GPT-2, BLOOM and their kin do not state it
    tied = merged.get("tie_word_embeddings", config.get("tie_word_embeddings"))
    shapes = ModelShapes(
        id=name,
        architecture=architecture,
        dtype=_by_bits(config, merged, dtype),
        tied_embeddings=tied if isinstance(tied, bool) else None,
        weight_block=_block(config, merged),
        shared_intermediate=_shared(merged, values),
        serves="pooling" if _pools(architecture) else "generate",
        sources=(Source(source=name, as_of=as_of),),
        **{"parameters": None, **values, **_attention(merged, values, architecture)}
        | {"context": _stretched(merged, values["context"])},
    )
    return _with_active(complete(shapes))


def _contradictions(values: Mapping[str, Any]) -> list[str]:
    """What cannot be true of any model."""
    found = []
    if values.get("heads", 0) > values.get("hidden", _MOST):
        found.append("more attention heads than hidden elements")
    if values.get("experts_per_token", 0) > values.get("experts", _MOST):
        found.append("num_experts_per_tok exceeds the number of experts")
    kv_heads = values.get("kv_heads", 0)
    if kv_heads and values.get("heads", 0) % kv_heads:
        found.append("num_key_value_heads does not divide the attention heads")
    layers = values.get("layers", _MOST)
    if max(values.get("full_attention_layers", 0), values.get("dense_layers", 0)) > layers:
        found.append("more full-attention or dense layers than layers")
    return found


def _dtype(config: Mapping[str, Any], merged: Mapping[str, Any]) -> Any:
    """The name of the number format; anything else that stands in its place as it is."""
    said = _quantization(config, merged)
    if said:
        method = said.get("quant_method")
        if method == "compressed-tensors":
            bits = _first_group(said).get("num_bits")
            return {4: "w4a16", 8: "fp8"}.get(bits if isinstance(bits, int) else 0, method)
        return method or "bfloat16"
    return merged.get("dtype") or merged.get("torch_dtype") or config.get("torch_dtype") or "bfloat16"


def _stretched(merged: Mapping[str, Any], context: int) -> int:
    """The context with the scaling of positions that the file asks for (vLLM 0.33, config/model.py)."""
    rope = merged.get("rope_scaling") or merged.get("rope_parameters")
    rope = rope if isinstance(rope, Mapping) else {}
    kind, factor = rope.get("rope_type") or rope.get("type"), rope.get("factor")
    if kind not in _STRETCHES or isinstance(factor, bool) or not isinstance(factor, int | float):
        return context
    if "gemma3" in str(merged.get("model_type")) or not 1 <= factor <= _MOST:
        return context
    base = _positive(rope.get("original_max_position_embeddings")) if kind == "yarn" else None
    return int((base or context) * factor)


def _quantization(config: Mapping[str, Any], merged: Mapping[str, Any]) -> Mapping[str, Any]:
    said = config.get("quantization_config") or merged.get("quantization_config")
    return said if isinstance(said, Mapping) else {}


def _odd_quantization(config: Mapping[str, Any], merged: Mapping[str, Any]) -> list[str]:
    said = config.get("quantization_config") or merged.get("quantization_config")
    return [] if said is None or isinstance(said, Mapping) else ["quantization_config must be a mapping"]


def _first_group(said: Mapping[str, Any]) -> Mapping[str, Any]:
    """How compressed-tensors stores the weights of its first group of layers."""
    groups = said.get("config_groups")
    first: Any = next(iter(groups.values()), None) if isinstance(groups, Mapping) else None
    weights = first.get("weights") if isinstance(first, Mapping) else None
    return weights if isinstance(weights, Mapping) else {}


def _by_bits(config: Mapping[str, Any], merged: Mapping[str, Any], named: str) -> str:
    """The format, where the method's name alone does not say it."""
    said = _quantization(config, merged)
    weights = _first_group(said)
    method = str(said.get("quant_method", ""))
    if method.startswith(_GROUPED) and (said.get("bits") or said.get("w_bit")) == 8:
        return "int8"
    if method == "modelopt" and "FP4" in str(said.get("quant_algo")):
        return "nvfp4"
    if method == "compressed-tensors":
        by_kind = {(8, "int"): "int8", (4, "float"): "nvfp4"}
        return by_kind.get((_positive(weights.get("num_bits")) or 0, str(weights.get("type"))), named)
    return named


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
    found = [_positive(side) for side in sides] if isinstance(sides, list | tuple) else []
    return max((side for side in found if side is not None), default=None)


def _shared(merged: Mapping[str, Any], values: Mapping[str, Any]) -> int:
    stated = _positive(merged.get("shared_expert_intermediate_size"))
    if stated is not None:
        return stated
    return (_positive(merged.get("n_shared_experts")) or 0) * int(values.get("moe_intermediate", 0))


def _pools(architecture: str | None) -> bool:
    name = architecture or ""
    return name.startswith(ENCODERS) or name.endswith(("Model", "ForMaskedLM", "ForSequenceClassification"))


def _attention(
    merged: Mapping[str, Any], values: Mapping[str, Any], architecture: str | None
) -> dict[str, Any]:
    """Kind of attention and its windows. A state-space layer that we cannot size leaves the kind unknown."""
    if any(mark in merged for mark in _STATE_SPACE_MARKS):
        return {"attention": None}
    if (architecture or "").startswith(ENCODERS):
        return {"attention": "none"}
    if values.get("kv_lora_rank"):
        return {"attention": "mla+sparse_indexer" if values.get("index_head_dim") else "mla"}
    kinds = merged.get("layer_types")
    kinds = [str(kind) for kind in kinds] if isinstance(kinds, list | tuple) else []
    layers = int(values["layers"])
    full = min(layers, kinds.count("full_attention"))
    window = _positive(merged.get("sliding_window"))
    chunk = _positive(merged.get("attention_chunk_size"))
    if "linear_attention" in kinds or values.get("linear_value_heads"):
        interval = merged.get("full_attention_interval")
        count = full or (layers // interval if isinstance(interval, int) and interval > 0 else None)
        return {"attention": "gqa+linear_attention", "full_attention_layers": count}
    if "chunked_attention" in kinds and chunk:
        return {
            "attention": "gqa+chunked_local",
            "full_attention_layers": full,
            "window": chunk,
            "chunked": True,
        }
    if "sliding_attention" in kinds and window:
        return {"attention": "gqa+sliding", "full_attention_layers": full, "window": window}
    pattern = merged.get("sliding_window_pattern")
    if window and isinstance(pattern, int) and pattern > 1:
        return {"attention": "gqa+sliding", "full_attention_layers": layers // pattern, "window": window}
    if window and merged.get("model_type") == "mistral":
        return {"attention": "gqa", "full_attention_layers": 0, "window": window}
    # a window of unknown layers is left out: every layer counts in full, which is the upper bound
    return {"attention": "mha" if values["kv_heads"] == values["heads"] else "gqa"}


def _positive(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 < value <= _MOST else None


def _with_active(shapes: ModelShapes) -> ModelShapes:
    """Active parameters of a mixture: everything but the experts that a token does not pass."""
    if not shapes.is_moe or shapes.active_parameters is not None or shapes.parameters is None:
        return shapes
    width = shapes.moe_intermediate or shapes.intermediate or 0
    idle = (shapes.experts or 0) - (shapes.experts_per_token or 0)
    sparse = (shapes.layers or 0) - shapes.dense_layers
    rest = shapes.parameters - sparse * idle * shapes.mlp_matrices * (shapes.hidden or 0) * width
    return msgspec.structs.replace(shapes, active_parameters=rest)
