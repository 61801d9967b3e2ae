"""The encoders of a multimodal config.json: their heads, and the parameters of the one for images.

Not here: the text model (config_tensors), and what the encoder's profiling run takes (memory says so).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_NAMES = {
    "hidden": ("hidden_size", "vt_hidden_size", "embed_dim"),
    "layers": ("num_hidden_layers", "depth", "vt_num_hidden_layers"),
    "width": ("intermediate_size", "vt_intermediate_size"),
    "out": ("out_hidden_size", "projection_dim", "text_hidden_size"),
}
_HEADS = {
    "vision": ("num_attention_heads", "num_heads", "vt_num_attention_heads", "heads"),
    "audio": ("encoder_attention_heads", "num_attention_heads", "num_heads"),
}
_MERGE = ("spatial_merge_size", "merge_kernel_size")


def vision_parameters(config: Mapping[str, Any], hidden: int) -> int | None:
    """Parameters of the encoder and its projector; None where the file has one that cannot be counted.

    Blocks of attention and a two-matrix feed-forward (three with a gate), a projector over merged patches:
    within a few percent of the encoder, which is itself a few percent of the model. 0 without an encoder.
    """
    said = config.get("vision_config")
    if said is None:
        return 0
    if not isinstance(said, Mapping):
        return None
    numbers = {name: _first(said, keys) for name, keys in _NAMES.items()}
    size, layers, width = numbers["hidden"], numbers["layers"], numbers["width"]
    if not (size and layers and width):
        return None
    gated = "gemma4" in str(said.get("model_type"))
    inner = _positive(said.get("qkv_hidden_size")) or size
    blocks = layers * (4 * size * inner + (3 if gated else 2) * size * width)
    merged = size * _merge(said) ** 2
    projector = merged * merged + merged * (numbers["out"] or hidden) if merged > size else size * hidden
    levels = said.get("deepstack_visual_indexes")
    extra = len(levels) if isinstance(levels, list | tuple) else 0
    positions = _positive(said.get("num_position_embeddings")) or _positive(
        said.get("position_embedding_size")
    )
    table = (positions or 0) * size * (2 if gated else 1)
    return blocks + projector * (1 + extra) + table


def encoder_heads(config: Mapping[str, Any]) -> dict[str, Any]:
    """The attention heads of each encoder that the file states, as fields of ModelShapes."""
    found = {}
    for part, keys in _HEADS.items():
        said = config.get(f"{part}_config")
        if isinstance(said, Mapping) and (heads := _first(said, keys)) is not None:
            found[f"{part}_heads"] = heads
    return found


def _merge(said: Mapping[str, Any]) -> int:
    """Patches on a side that become one token."""
    value = next((said[key] for key in _MERGE if said.get(key) is not None), 1)
    if isinstance(value, list | tuple) and value:
        value = value[0]
    return _positive(value) or 1


def _first(said: Mapping[str, Any], keys: tuple[str, ...]) -> int | None:
    return next((found for key in keys if (found := _positive(said.get(key))) is not None), None)


def _positive(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 10**7 else None
