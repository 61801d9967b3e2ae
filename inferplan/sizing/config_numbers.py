"""The plain numbers of a config.json under our names, what is wrong with them, and what follows from them.

Not here: lists and patterns of layers (config_layers) and how weights are stored (config_quantization).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from inferplan.sizing.shapes import ModelShapes
from inferplan.spec.yaml12 import describe, node_of

# our name -> names seen in configs, first match wins
_FIELDS: dict[str, tuple[str, ...]] = {
    "layers": ("num_hidden_layers", "n_layer", "n_layers", "num_layers"),
    "hidden": ("hidden_size", "n_embd", "d_model"),
    "heads": ("num_attention_heads", "n_head", "n_heads"),
    "kv_heads": ("num_key_value_heads", "n_head_kv", "num_kv_heads"),
    "head_dim": ("head_dim", "attention_head_dim"),
    "intermediate": (
        "dense_intermediate_size", "intermediate_size_mlp", "intermediate_size", "n_inner", "ffn_hidden_size",
    ),
    "moe_intermediate": ("moe_intermediate_size",),
    "vocab": ("vocab_size",),
    "context": (
        "max_position_embeddings", "n_positions", "n_ctx", "seq_length", "max_seq_len", "model_max_length",
    ),
    "experts": ("num_local_experts", "num_experts", "n_routed_experts", "moe_num_experts"),
    "experts_per_token": (
        "num_experts_per_tok", "num_experts_per_token", "top_k_experts", "experts_per_token", "moe_top_k",
        "moe_topk", "moe_k",
    ),
    "expert_latent": ("moe_latent_size", "routed_expert_hidden_size"),
    "kv_lora_rank": ("kv_lora_rank",),
    "q_lora_rank": ("q_lora_rank",),
    "o_lora_rank": ("o_lora_rank",),
    "o_groups": ("o_groups",),
    "qk_rope_head_dim": ("qk_rope_head_dim",),
    "qk_nope_head_dim": ("qk_nope_head_dim",),
    "v_head_dim": ("v_head_dim",),
    "index_head_dim": ("index_head_dim",),
    "index_heads": ("index_n_heads",),
    "dense_layers": ("first_k_dense_replace", "num_dense_layers"),
    "global_head_dim": ("global_head_dim",),
    "global_kv_heads": ("num_global_key_value_heads",),
    "window_heads": ("swa_num_attention_heads", "num_sliding_attention_heads"),
    "window_kv_heads": ("swa_num_key_value_heads",),
    "window_head_dim": ("swa_head_dim",),
    "window_v_head_dim": ("swa_v_head_dim",),
    "linear_key_heads": ("linear_num_key_heads",),
    "linear_value_heads": ("linear_num_value_heads",),
    "linear_key_dim": ("linear_key_head_dim",),
    "linear_value_dim": ("linear_value_head_dim",),
    "linear_conv_kernel": ("linear_conv_kernel_dim",),
    "mamba_heads": ("mamba_num_heads", "mamba_n_heads"),
    "mamba_head_dim": ("mamba_head_dim", "mamba_d_head"),
    "mamba_groups": ("n_groups", "mamba_n_groups"),
    "mamba_state": ("ssm_state_size", "mamba_d_state"),
    "mamba_conv_kernel": ("conv_kernel", "mamba_d_conv"),
    "per_layer_width": ("hidden_size_per_layer_input",),
    "per_layer_vocab": ("vocab_size_per_layer_input",),
    "next_layers": ("num_nextn_predict_layers",),
    "prediction_layers": ("mtp_num_hidden_layers",),
    "parameters": ("num_parameters", "parameters"),
    "active_parameters": ("num_active_parameters", "active_parameters"),
    "full_attention_layers": ("full_attention_layers",),
}  # fmt: skip
_NESTED: dict[str, tuple[str, str]] = {
    "delta_heads": ("linear_attn_config", "num_heads"),
    "delta_head_dim": ("linear_attn_config", "head_dim"),
    "delta_conv_kernel": ("linear_attn_config", "short_conv_kernel_size"),
    "delta_full_gate": ("linear_attn_config", "use_full_rank_gate"),
    "block_index_heads": ("sparse_attention_config", "sparse_num_index_heads"),
    "block_index_dim": ("sparse_attention_config", "sparse_index_dim"),
}
_REQUIRED = ("layers", "hidden", "heads", "vocab", "context")
_ZERO_ALLOWED = {
    "dense_layers",
    "full_attention_layers",
    "next_layers",
    "prediction_layers",
    "per_layer_width",
}
_MOST, _MOST_PARAMETERS = 10**8, 10**15  # beyond any model; keeps the arithmetic finite
_STRETCHES = ("linear", "dynamic")  # others, such as yarn, llama3 and longrope, state the result
_SHARED_COUNTS = ("n_shared_experts", "num_shared_experts", "moe_num_shared_experts")
_SHARED_WIDTHS = (
    "shared_expert_intermediate_size", "moe_shared_expert_intermediate_size", "share_expert_dim",
    "shared_intermediate_size",
)  # fmt: skip
_SHAPE_FIELDS = frozenset(ModelShapes.__struct_fields__)


def numbers(merged: Mapping[str, Any], name: str) -> tuple[dict[str, Any], list[str]]:
    """Every number that a known field states, by our name, and what is wrong with the fields."""
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
    for field, (part, key) in _NESTED.items():
        inner = merged.get(part)
        value = inner.get(key) if isinstance(inner, Mapping) else None
        if positive(value) is not None or value is True:
            values[field] = int(value)  # type: ignore[arg-type]
    return values, problems


def stated(values: dict[str, Any], merged: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of ModelShapes that the file states or whose default is the same everywhere."""
    values.setdefault("head_dim", values["hidden"] // values["heads"])
    values.setdefault("kv_heads", values["heads"])
    if "intermediate" not in values and "moe_intermediate" not in values:
        values["intermediate"] = 4 * values["hidden"]  # GPT-2, BLOOM and their kin do not state it
    if values.get("experts") and "moe_intermediate" not in values:
        values["expert_width"] = positive(merged.get("intermediate_size")) or values["intermediate"]
        if values["expert_width"] != values["intermediate"]:  # Llama 4: experts and dense layers differ
            values["moe_intermediate"] = values["expert_width"]
    values.setdefault("expert_width", values.get("moe_intermediate", values.get("intermediate")))
    values["shared_intermediate"] = _shared(merged, values)
    known = {field: value for field, value in values.items() if field in _SHAPE_FIELDS}
    return {"parameters": None, **known, "context": stretched(merged, values["context"])}


def contradictions(values: Mapping[str, Any]) -> list[str]:
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


def stretched(merged: Mapping[str, Any], context: int) -> int:
    """The context with the scaling of positions that the file asks for (vLLM 0.33, config/model.py)."""
    rope = merged.get("rope_scaling") or merged.get("rope_parameters")
    rope = rope if isinstance(rope, Mapping) else {}
    kind, factor = rope.get("rope_type") or rope.get("type"), rope.get("factor")
    if kind not in _STRETCHES or isinstance(factor, bool) or not isinstance(factor, int | float):
        return context
    if "gemma3" in str(merged.get("model_type")) or not 1 <= factor <= _MOST:
        return context
    return int(context * factor)


def _shared(merged: Mapping[str, Any], values: Mapping[str, Any]) -> int:
    """The width of the experts that every token passes, together."""
    if merged.get("enable_moe_block"):  # Gemma 4: a dense block beside the experts
        return int(values.get("intermediate", 0))
    count = next((found for key in _SHARED_COUNTS if (found := positive(merged.get(key))) is not None), None)
    width = next((found for key in _SHARED_WIDTHS if (found := positive(merged.get(key))) is not None), None)
    if width is not None:
        return width * (count or 1)
    if "llama4" in str(merged.get("model_type")):
        return int(values.get("expert_width", 0))
    return (count or 0) * int(values.get("moe_intermediate", 0))


def positive(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 < value <= _MOST else None
