"""Which layer of a config.json does what: attention, window, recurrence, experts, or nothing of it.

Not here: how wide the layers are (config_tensors) and the fields that are plain numbers (config_json).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

Mixer = Literal["attention", "window", "chunk", "gated_delta", "mamba", "kimi_delta", "none"]
Feed = Literal["dense", "experts", "none"]

_MAX_LAYERS = 10_000
_PATTERN = {
    "M": ("mamba", "none"),
    "*": ("attention", "none"),
    "-": ("none", "dense"),
    "E": ("none", "experts"),
}
_BLOCK_TYPES = {
    "mamba": "M", "linear_attention": "M", "attention": "*", "full_attention": "*", "mlp": "-", "moe": "E",
}  # fmt: skip
_KINDS: dict[str, Mixer] = {
    "full_attention": "attention",
    "attention": "attention",
    "deepseek_sparse_attention": "attention",
    "indexed_attention": "attention",
    "sliding_attention": "window",
    "chunked_attention": "chunk",
    "linear_attention": "gated_delta",
    "mamba": "mamba",
}
_STATE_SPACE = (
    "mamba_n_heads",
    "mamba_num_heads",
    "ssm_cfg",
    "state_size",
    "mamba_d_state",
    "ssm_state_size",
)
_PATTERNED = ("hybrid_override_pattern", "layers_block_type", "block_configs")


class Layer(NamedTuple):
    """One layer: what mixes tokens and what follows it."""

    mixer: Mixer
    feed: Feed
    kv_heads: int | None = None  # where layers differ
    width: int | None = None  # of the feed-forward, where layers differ
    reuses: bool = False  # keys and values of an earlier layer: it projects and caches none
    ratio: int | None = None  # tokens that share one entry of a compressed cache; 0: none is kept


class Unclear(Exception):  # noqa: N818 - it is an answer: the field cannot be read
    """A field on which the layers depend and which is not understood."""


def layer_count(config: Mapping[str, Any]) -> int | None:
    """The number of layers where only a list or pattern of layers says it."""
    for key in _PATTERNED:
        said = config.get(key)
        if isinstance(said, str | list | tuple) and said:
            return len(said)
    return None


def layers_of(config: Mapping[str, Any], count: int, is_mixture: bool) -> tuple[Layer, ...]:
    """Every layer in order; raises Unclear, naming the field."""
    if count > _MAX_LAYERS:
        raise Unclear(f"num_hidden_layers {count}: more than any model has")
    if config.get("block_configs"):
        return _blocks(config, count)
    pattern = config.get("hybrid_override_pattern")
    if pattern is None and config.get("layers_block_type"):
        said = config["layers_block_type"]
        unknown = sorted({str(kind) for kind in said} - set(_BLOCK_TYPES))
        if unknown or not isinstance(said, list | tuple):
            raise Unclear(f"layers_block_type: {', '.join(unknown) or 'not a list'} is not understood")
        pattern = "".join(_BLOCK_TYPES[str(kind)] for kind in said)
    if pattern is not None:
        if not isinstance(pattern, str) or set(pattern) - set(_PATTERN):
            raise Unclear(f"hybrid_override_pattern {pattern!r:.60} is not understood")
        _fits(pattern, count, "hybrid_override_pattern")
        return tuple(Layer(*_PATTERN[sign]) for sign in pattern)  # type: ignore[arg-type]
    if "deepseek_v4" in str(config.get("model_type")) or config.get("compress_ratios"):
        return _compressed(config, count)
    mixers = _mixers(config, count)
    feeds = _feeds(config, count) if is_mixture else ["dense"] * count
    found = [Layer(mixer, feed) for mixer, feed in zip(mixers, feeds, strict=True)]  # type: ignore[arg-type]
    return (*found[: count - _reusing(config)], *_reused(config, found))


def _reusing(config: Mapping[str, Any]) -> int:
    """How many of the last layers have no keys and values of their own (Gemma 3n and 4)."""
    return _whole(config.get("num_kv_shared_layers")) or 0


def _reused(config: Mapping[str, Any], found: Sequence[Layer]) -> list[Layer]:
    count, width = _reusing(config), _positive(config.get("intermediate_size"))
    if count >= len(found):
        raise Unclear(f"num_kv_shared_layers {count} leaves no layer that has keys and values")
    double = 2 * width if config.get("use_double_wide_mlp") and width else None
    return [one._replace(reuses=True, width=double) for one in found[len(found) - count :]]


def _compressed(config: Mapping[str, Any], count: int) -> tuple[Layer, ...]:
    """DeepSeek V4: experts and a short window in every layer, a compressed cache in most."""
    said = config.get("compress_ratios")
    if not isinstance(said, list | tuple) or not said:
        return tuple(Layer("attention", "experts", ratio=(4, 128)[index % 2]) for index in range(count))
    if len(said) < count or not all(one in {0, 4, 128} for one in said):  # one more for each predicting layer
        raise Unclear("compress_ratios is not understood")
    return tuple(Layer("attention", "experts", ratio=one) for one in said[:count])


def _fits(said: Sequence[object], count: int, field: str) -> None:
    if len(said) != count:
        raise Unclear(f"{field} describes {len(said)} layers, num_hidden_layers says {count}")


def _blocks(config: Mapping[str, Any], count: int) -> tuple[Layer, ...]:
    """Layers of which each has its own number of heads and width (Nemotron's searched architectures)."""
    blocks, heads, hidden = (
        config["block_configs"],
        config.get("num_attention_heads"),
        config.get("hidden_size"),
    )
    if not isinstance(blocks, list | tuple):
        raise Unclear("block_configs is not a list")
    _fits(blocks, count, "block_configs")
    found = []
    for index, block in enumerate(blocks):
        try:
            attention, feed = block["attention"], block["ffn"]
            if any(part.get("replace_with_linear") or part.get("sparsify") for part in (attention, feed)):
                raise Unclear(f"block_configs[{index}]: a linear or sparse replacement is not understood")
            if attention.get("window_length") or attention.get("num_sink_tokens"):
                raise Unclear(f"block_configs[{index}]: a window is not understood")
            has_attention, has_feed = not attention.get("no_op"), not feed.get("no_op")
            kv_heads = int(heads / attention["n_heads_in_group"]) if has_attention and heads else None
            width = _feed_width(feed, hidden) if has_feed else None
        except (KeyError, TypeError, AttributeError, ValueError, ZeroDivisionError, OverflowError):
            raise Unclear(f"block_configs[{index}] is not understood") from None
        mixer: Mixer = "attention" if has_attention else "none"
        found.append(Layer(mixer, "dense" if has_feed else "none", kv_heads, width))
    return tuple(found)


def _feed_width(feed: Mapping[str, Any], hidden: Any) -> int:
    """Stated, or a multiple of 256 from the multiplier (vllm/model_executor/models/nemotron_nas.py)."""
    stated = _positive(feed.get("intermediate_size"))
    if stated is not None:
        return stated
    return -(-int(2 * feed["ffn_mult"] * hidden / 3) // 256) * 256


def _mixers(config: Mapping[str, Any], count: int) -> list[Mixer]:
    window, chunk = _positive(config.get("sliding_window")), _positive(config.get("attention_chunk_size"))
    kinds = config.get("attn_type_list")
    if isinstance(kinds, list | tuple) and any(
        kind != 1 for kind in kinds
    ):  # MiniMax: 0 is lightning attention
        raise Unclear("attn_type_list: a kind of attention other than 1 is not understood")
    kinds = config.get("layer_types")
    if isinstance(kinds, list | tuple) and kinds:
        unknown = sorted({str(kind) for kind in kinds} - set(_KINDS))
        if unknown:
            raise Unclear(f"layer_types: {', '.join(unknown)} is not understood")
        _fits(kinds, count, "layer_types")
        found = [_KINDS[str(kind)] for kind in kinds]
        if "linear_num_value_heads" not in config and any(config.get(key) for key in _STATE_SPACE):
            found = ["mamba" if kind == "gated_delta" else kind for kind in found]
        # a window or chunk of unknown length holds the whole context
        lengths = {"window": window, "chunk": chunk}
        return ["attention" if lengths.get(kind, 1) is None else kind for kind in found]
    kimi = config.get("linear_attn_config")
    if isinstance(kimi, Mapping):
        full, delta = kimi.get("full_attn_layers"), kimi.get("kda_layers")
        if not isinstance(full, list) or not isinstance(delta, list) or len(full) + len(delta) != count:
            raise Unclear("linear_attn_config does not say of every layer what it is")
        return ["attention" if index + 1 in full else "kimi_delta" for index in range(count)]
    hybrid = config.get("hybrid_layer_pattern")
    if isinstance(hybrid, list | tuple) and hybrid and window:
        _fits(hybrid, count, "hybrid_layer_pattern")
        return ["window" if sign else "attention" for sign in hybrid]
    if config.get("linear_num_value_heads"):
        interval = _positive(config.get("full_attention_interval"))
        full_layers = config.get("full_attention_layers")
        if isinstance(full_layers, int) and not isinstance(full_layers, bool) and 0 <= full_layers <= count:
            return [*["gated_delta"] * (count - full_layers), *["attention"] * full_layers]  # type: ignore[list-item]
        if interval is None:
            raise Unclear("full_attention_interval is missing: which layers are recurrent is not said")
        return ["attention" if (index + 1) % interval == 0 else "gated_delta" for index in range(count)]
    full_layers = _whole(config.get("full_attention_layers"))
    if full_layers is not None and full_layers <= count and (window or chunk):
        rest: Mixer = "chunk" if chunk else "window"
        return [*[rest] * (count - full_layers), *["attention"] * full_layers]  # type: ignore[list-item]
    period = _positive(config.get("sliding_window_pattern")) or _positive(
        config.get("_sliding_window_pattern")
    )
    if window and period and period > 1:
        return ["attention" if (index + 1) % period == 0 else "window" for index in range(count)]
    if chunk and "llama4" in str(config.get("model_type")):
        rope = config.get("no_rope_layers")
        uses = [bool(one) for one in rope] if isinstance(rope, list) and len(rope) == count else None
        step = _positive(config.get("no_rope_layer_interval")) or 4
        return [
            "chunk" if (uses[index] if uses else (index + 1) % step) else "attention"
            for index in range(count)
        ]
    stateful = next((key for key in _STATE_SPACE if config.get(key)), None)
    if stateful is not None:
        raise Unclear(f"{stateful}: which layers are recurrent is not said")
    if window and config.get("model_type") == "mistral":
        return ["window"] * count
    # a window of unknown layers is left out: every layer counts in full, which is the upper bound
    return ["attention"] * count


def _feeds(config: Mapping[str, Any], count: int) -> list[Feed]:
    """Which layers of a mixture have experts. Each field is one convention; the first that is said holds."""
    leading = _whole(config.get("first_k_dense_replace", config.get("num_dense_layers"))) or 0
    said = config.get("mlp_layer_types")
    if isinstance(said, list | tuple) and said:
        _fits(said, count, "mlp_layer_types")
        unknown = sorted({str(kind) for kind in said} - {"dense", "sparse", "moe", "hash_moe"})
        if unknown:
            raise Unclear(f"mlp_layer_types: {', '.join(unknown)} is not understood")
        return ["dense" if kind == "dense" else "experts" for kind in said]
    often = config.get("moe_layer_freq")
    if isinstance(often, list | tuple) and often:
        _fits(often, count, "moe_layer_freq")
        return ["experts" if one else "dense" for one in often]
    start = _whole(config.get("moe_layer_start_index"))
    if start is not None:  # Ernie 4.5
        end, interval = config.get("moe_layer_end_index"), _positive(config.get("moe_layer_interval")) or 1
        last = end if isinstance(end, int) and 0 <= end < count else count - 1
        return _where(count, lambda index: start <= index <= last and (index + 1) % interval == 0)
    listed = _numbers(config.get("moe_layers_enum", config.get("moe_layers")))
    if listed is not None:
        return _where(count, lambda index: index in listed)
    step = _positive(config.get("interleave_moe_layer_step"))
    if step:
        return _where(count, lambda index: (index + 1) % step == 0)
    dense_only = _numbers(config.get("mlp_only_layers")) or frozenset()
    sparse_step = _positive(config.get("decoder_sparse_step")) or 1
    period = _positive(often) or 1
    return _where(
        count,
        lambda index: (
            index >= leading
            and index not in dense_only
            and (index + 1) % sparse_step == 0
            and index % period == 0
        ),
    )


def _where(count: int, is_sparse: Callable[[int], bool]) -> list[Feed]:
    return ["experts" if is_sparse(index) else "dense" for index in range(count)]


def _numbers(said: object) -> frozenset[int] | None:
    """A list of layer numbers, or the same as text with commas."""
    if isinstance(said, str):
        said = [int(part) for part in said.split(",") if part.strip().isdigit()] or None
    if not isinstance(said, list | tuple):
        return None
    return frozenset(one for one in said if isinstance(one, int) and not isinstance(one, bool))


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _positive(value: object) -> int | None:
    return _whole(value) or None
