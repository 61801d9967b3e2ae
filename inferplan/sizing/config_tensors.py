"""The tensors of a model that a config.json describes, by the module that holds them, and what layers cache.

Not here: how each module is stored (config_quantization) and which layer does what (config_layers).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from inferplan.catalog.open_weights import CacheLayers
from inferplan.sizing.config_layers import Layer, Unclear
from inferplan.sizing.kv_cache import index_key_bytes


class Module(NamedTuple):
    """One module of one layer, under the name that quantization lists use for it."""

    path: str
    group: str
    parameters: int
    kind: str = "linear"  # as in Tensors
    place: str = "layers"
    pieces: int | None = None
    is_loaded: bool = True  # for plain decoding


class Widths:
    """The numbers of a config as attributes; one that is needed and missing is Unclear, naming the field."""

    def __init__(self, values: Mapping[str, Any], config: Mapping[str, Any]) -> None:
        self._values, self._config = values, config

    def __getattr__(self, name: str) -> int:
        value = self._values.get(name)
        if value is None:
            raise Unclear(f"{name} is not known")
        return int(value)

    def get(self, name: str) -> int:
        """A number that may be absent: then 0."""
        return int(self._values.get(name) or 0)

    def listed(self, key: str, index: int) -> object:
        """One element of a list of the config; None where there is none."""
        said = self._config.get(key)
        return said[index] if isinstance(said, list | tuple) and index < len(said) else None

    def says(self, key: str, default: bool = False) -> bool:
        """Whether the config switches something on."""
        return bool(self._config.get(key, default))


def modules_of(
    widths: Widths, layers: Sequence[Layer], matrices: int, attention: str | None
) -> Iterator[Module]:
    """Every module of the text model; norms, biases and the like are left out (0.1 %)."""
    hidden, vocab = widths.hidden, widths.vocab
    yield Module("embed_tokens", "embedding", vocab * hidden, "kept", "first")
    per_layer = widths.get("per_layer_width")
    if per_layer:  # Gemma 3n and 4: a second, narrow embedding for every layer
        table = widths.per_layer_vocab * len(layers) * per_layer
        yield Module("embed_tokens_per_layer", "embedding", table, "kept", "first")
        yield Module("per_layer_model_projection", "other layers", hidden * len(layers) * per_layer)
    one_kind = _is_one_kind(widths, layers)
    for index, layer in enumerate(layers):
        base = f"layers.{index}"
        mixing = f"{base}.mixer" if one_kind else f"{base}.self_attn"
        yield from _mixing(widths, layer, mixing, attention)
        yield from _feeding(widths, layer, f"{base}.mixer" if one_kind else base, matrices, one_kind)
        if per_layer:
            yield Module(f"{base}.per_layer_input_gate", "other layers", 2 * hidden * per_layer)


def _mixing(widths: Widths, layer: Layer, path: str, attention: str | None) -> Iterator[Module]:
    if layer.mixer == "gated_delta":
        yield from _gated_delta(widths, path.replace("self_attn", "linear_attn"))
    elif layer.mixer == "mamba":
        yield from _mamba(widths, path)
    elif layer.mixer == "kimi_delta":
        yield from _kimi_delta(widths, path)
    elif layer.mixer == "none":
        return
    elif attention == "hybrid_compressed":
        yield from _compressed(widths, path, layer)
    elif widths.get("kv_lora_rank"):
        yield from _latent(widths, path)
    else:
        yield from _heads(widths, layer, path)


def _heads(widths: Widths, layer: Layer, path: str) -> Iterator[Module]:
    """Attention by heads; sliding and growing layers may differ in heads and widths."""
    hidden, heads, kv_heads, key, value = widths.hidden, *head_widths(widths, layer)
    gates = 2 if widths.says("attn_output_gate", default=bool(widths.get("linear_value_heads"))) else 1
    yield Module(f"{path}.q_proj", "attention", gates * hidden * heads * key)
    if not layer.reuses:
        yield Module(f"{path}.k_proj", "keys and values", hidden * kv_heads * key, pieces=kv_heads)
    if not layer.reuses and not (widths.says("attention_k_eq_v") and layer.mixer == "attention"):
        yield Module(f"{path}.v_proj", "keys and values", hidden * kv_heads * value, pieces=kv_heads)
    yield Module(f"{path}.o_proj", "attention", heads * value * hidden)
    if widths.get("block_index_dim") and layer.feed != "dense":  # MiniMax M3: in the sparse layers
        index = widths.block_index_dim
        yield Module(f"{path}.index_q_proj", "indexer", hidden * widths.block_index_heads * index, pieces=1)
        yield Module(f"{path}.index_k_proj", "indexer", hidden * index, pieces=1)


def head_widths(widths: Widths, layer: Layer) -> tuple[int, int, int, int]:
    """Heads, KV heads, and elements of a key and of a value in this layer."""
    heads, kv_heads = widths.heads, layer.kv_heads or widths.kv_heads
    key = widths.head_dim
    value = widths.get("v_head_dim") or key
    if layer.mixer in {"window", "chunk"}:
        heads = widths.get("window_heads") or heads
        kv_heads = widths.get("window_kv_heads") or kv_heads
        key = widths.get("window_head_dim") or key
        value = widths.get("window_v_head_dim") or value
    elif widths.get("global_head_dim") or widths.get("global_kv_heads"):
        kv_heads = widths.get("global_kv_heads") or kv_heads
        key = value = widths.get("global_head_dim") or key
    return heads, kv_heads, key, value


def _latent(widths: Widths, path: str) -> Iterator[Module]:
    """Multi-head latent attention, with the indexer of its sparse form where this layer has one."""
    hidden, heads, rank = widths.hidden, widths.heads, widths.get("q_lora_rank")
    nope, rope, value, latent = (
        widths.qk_nope_head_dim, widths.qk_rope_head_dim, widths.v_head_dim, widths.kv_lora_rank,
    )  # fmt: skip
    if rank:
        yield Module(f"{path}.q_a_proj", "latent projections", hidden * rank, pieces=1)
        yield Module(f"{path}.q_b_proj", "attention", rank * heads * (nope + rope))
    else:
        yield Module(f"{path}.q_proj", "attention", hidden * heads * (nope + rope))
    yield Module(f"{path}.kv_a_proj_with_mqa", "latent projections", hidden * (latent + rope), pieces=1)
    yield Module(f"{path}.kv_b_proj", "attention", latent * heads * (nope + value))
    yield Module(f"{path}.o_proj", "attention", heads * value * hidden)
    if widths.says("mla_use_output_gate"):
        yield Module(f"{path}.g_proj", "attention", hidden * heads * value)
    if widths.get("index_head_dim") and _has_indexer(widths, int(path.split(".")[1])):
        size = widths.index_head_dim
        query = (rank or hidden) * widths.index_heads * size
        yield Module(f"{path}.indexer.wq_b", "indexer", query, pieces=1)
        yield Module(f"{path}.indexer.wk", "indexer", hidden * size, pieces=1)
        yield Module(f"{path}.indexer.weights_proj", "router", hidden * widths.index_heads, "kept", pieces=1)


def _has_indexer(widths: Widths, index: int) -> bool:
    """Whether a layer chooses for itself what it attends to, and does not take another's choice."""
    return widths.listed("indexer_types", index) != "shared"


def _compressed(widths: Widths, path: str, layer: Layer) -> Iterator[Module]:
    """DeepSeek V4: one shared key-value head, a grouped output projection, compressors in most layers."""
    hidden, size = widths.hidden, widths.head_dim
    rank, out = widths.q_lora_rank, widths.o_lora_rank
    yield Module(f"{path}.q_a_proj", "latent projections", hidden * rank, pieces=1)
    yield Module(f"{path}.q_b_proj", "attention", rank * widths.heads * size)
    yield Module(f"{path}.kv_proj", "latent projections", hidden * size, pieces=1)
    yield Module(f"{path}.o_a_proj", "attention", widths.heads * size * out)
    yield Module(f"{path}.o_b_proj", "attention", widths.o_groups * out * hidden)
    ratio = layer.ratio or 0
    if ratio:
        overlap = 2 if ratio == 4 else 1
        yield Module(f"{path}.compressor", "compressor", 2 * overlap * hidden * size, "kept", pieces=1)
    if ratio == 4:
        index, heads = widths.index_head_dim, widths.index_heads
        yield Module(f"{path}.indexer.wq_b", "indexer", rank * heads * index, pieces=1)
        yield Module(f"{path}.indexer.compressor", "compressor", 4 * hidden * index, "kept", pieces=1)
        yield Module(f"{path}.indexer.weights_proj", "router", hidden * heads, "kept", pieces=1)


def _gated_delta(widths: Widths, path: str) -> Iterator[Module]:
    """Gated delta net (Qwen3-Next, Qwen3.5)."""
    hidden, keys, values, _ = delta_widths(widths)
    yield Module(f"{path}.in_proj_qkv", "recurrent layers", hidden * (2 * keys + values))
    yield Module(f"{path}.in_proj_z", "recurrent layers", hidden * values)
    yield Module(f"{path}.in_proj_ba", "recurrent layers", 2 * hidden * widths.linear_value_heads, "kept")
    yield Module(
        f"{path}.conv1d", "recurrent layers", (2 * keys + values) * widths.linear_conv_kernel, "kept"
    )
    yield Module(f"{path}.out_proj", "recurrent layers", values * hidden)


def delta_widths(widths: Widths) -> tuple[int, int, int, int]:
    """Hidden size, elements of all keys, of all values, and of the recurrent state."""
    keys = widths.linear_key_heads * widths.linear_key_dim
    values = widths.linear_value_heads * widths.linear_value_dim
    return widths.hidden, keys, values, values * widths.linear_key_dim


def _mamba(widths: Widths, path: str) -> Iterator[Module]:
    """Mamba 2."""
    hidden, inner, mixed = mamba_widths(widths)
    out = inner + mixed + widths.mamba_heads
    yield Module(f"{path}.in_proj", "recurrent layers", hidden * out)
    yield Module(f"{path}.conv1d", "recurrent layers", mixed * (widths.mamba_conv_kernel + 1), "kept")
    yield Module(f"{path}.out_proj", "recurrent layers", inner * hidden)


def mamba_widths(widths: Widths) -> tuple[int, int, int]:
    """Hidden size, inner width, and the columns that pass the convolution."""
    inner = widths.mamba_heads * widths.mamba_head_dim
    return widths.hidden, inner, inner + 2 * widths.mamba_groups * widths.mamba_state


def _kimi_delta(widths: Widths, path: str) -> Iterator[Module]:
    """Kimi delta attention (Kimi Linear, Kimi K3)."""
    hidden, heads, size = widths.hidden, widths.delta_heads, widths.delta_head_dim
    wide = heads * size
    gate = hidden * wide if widths.get("delta_full_gate") else size * (hidden + wide)
    yield Module(f"{path}.qkv_proj", "recurrent layers", 3 * hidden * wide)
    yield Module(f"{path}.f_proj", "recurrent layers", size * (hidden + wide))
    yield Module(f"{path}.b_proj", "recurrent layers", hidden * heads)
    yield Module(f"{path}.g_proj", "recurrent layers", gate)
    yield Module(f"{path}.conv1d", "recurrent layers", 3 * wide * widths.delta_conv_kernel, "kept")
    yield Module(f"{path}.o_proj", "recurrent layers", wide * hidden)


def _feeding(widths: Widths, layer: Layer, base: str, matrices: int, one_kind: bool) -> Iterator[Module]:
    hidden = widths.hidden
    mlp = base if one_kind else f"{base}.mlp"
    beside = widths.says("enable_moe_block")  # Gemma 4: a dense block beside the experts
    if layer.feed == "dense" or (layer.feed == "experts" and beside):
        width = layer.width or widths.intermediate
        yield from _mlp(mlp, "shared experts" if beside else "feed-forward", hidden, width, matrices)
    if layer.feed != "experts":
        return
    mlp = base if beside else mlp
    width, experts = widths.expert_width, widths.experts
    latent = widths.get("expert_latent")
    yield Module(f"{mlp}.{'router' if beside else 'gate'}", "router", hidden * experts, "kept", pieces=1)
    for name, count in (("up_proj", matrices - 1), ("down_proj", 1)):
        size = experts * count * (latent or hidden) * width
        yield Module(f"{mlp}.experts.0.{name}", "experts", size, "expert")
    if latent:
        # kept at 16 bit in the repository of Kimi K3, whatever its quantization config says of linear layers
        yield Module(f"{mlp}.fc1_latent_proj", "latent projections", hidden * latent, "kept", pieces=1)
        yield Module(f"{mlp}.fc2_latent_proj", "latent projections", latent * hidden, "kept", pieces=1)
    if widths.get("shared_intermediate") and not beside:
        shared = widths.shared_intermediate
        yield from _mlp(f"{mlp}.shared_experts", "shared experts", hidden, shared, matrices)


def dense_feed(widths: Widths, matrices: int) -> list[Module]:
    """A feed-forward without experts, as a layer of this model has it."""
    width = widths.get("intermediate")
    return [*_mlp("layers.0.mlp", "feed-forward", widths.hidden, width, matrices)] if width else []


def _mlp(path: str, group: str, hidden: int, width: int, matrices: int) -> Iterator[Module]:
    yield Module(f"{path}.up_proj", group, (matrices - 1) * hidden * width)
    yield Module(f"{path}.down_proj", group, hidden * width)


def further_tokens(
    widths: Widths,
    layers: Sequence[Layer],
    modules: Sequence[Module],
    how: str,
    feed_forward: Sequence[Module],
) -> Iterator[Module]:
    """Layers that predict further tokens: in the repository, not loaded for plain decoding.

    Each joins two hidden states and repeats the last layer; `how` says what else is known of the architecture
    (KnownArchitecture), `feed_forward` is what stands for the experts where these layers have none.
    """
    numbered = widths.get("next_layers")
    last = f"layers.{len(layers) - 1}."
    one_kind = _is_one_kind(widths, layers)
    repeated = [one for one in modules if one.path.startswith(last)]
    if one_kind:  # one sub-block a layer: an attention and a mixture, as these models name them
        repeated = _last_of(modules, ".q_proj", ".k_proj", ".v_proj", ".o_proj", *_EXPERTS)
    if how == "dense":
        repeated = [*(one for one in repeated if ".mlp." not in one.path), *feed_forward]
    count = 0 if how == "absent" else min(numbered or widths.get("prediction_layers"), len(layers))
    for index in range(count):
        base = f"layers.{len(layers) + index}." if numbered and not one_kind else f"mtp.layers.{index}."
        for one in repeated:
            path = base + one.path.split(".", 2)[2]
            yield one._replace(path=path, group="prediction layers", is_loaded=False)
        yield Module(f"{base}eh_proj", "prediction layers", 2 * widths.hidden**2, is_loaded=False)
        if how == "with_tables":
            table = 2 * widths.vocab * widths.hidden
            yield Module(f"{base}embed_tokens", "prediction layers", table, "kept", is_loaded=False)


def _is_one_kind(widths: Widths, layers: Sequence[Layer]) -> bool:
    """Whether a layer either mixes tokens or feeds forward, under one name (Nemotron-H)."""
    return widths.says("mamba_num_heads") and any("none" in {one.mixer, one.feed} for one in layers)


_EXPERTS = (
    ".gate", ".experts.0.up_proj", ".experts.0.down_proj", ".fc1_latent_proj", ".fc2_latent_proj",
    ".shared_experts.up_proj", ".shared_experts.down_proj",
)  # fmt: skip


def _last_of(modules: Sequence[Module], *ends: str) -> list[Module]:
    """The last module with each ending."""
    found = {end: one for one in modules for end in ends if one.path.endswith(end)}
    return list(found.values())


def caches_of(
    widths: Widths, layers: Sequence[Layer], attention: str | None, state_bytes: int
) -> tuple[CacheLayers, ...]:
    """What the layers keep of a sequence, equal ones together."""
    counts: dict[CacheLayers, int] = {}
    for index, layer in enumerate(layers):
        one = _cache(widths, layer, index, state_bytes)
        if one is not None:
            counts[one] = counts.get(one, 0) + 1
    return tuple(CacheLayers(**{**_fields(one), "layers": count}) for one, count in counts.items())


def _fields(one: CacheLayers) -> dict[str, Any]:
    return {name: getattr(one, name) for name in one.__struct_fields__}


def _cache(widths: Widths, layer: Layer, index: int, state_bytes: int) -> CacheLayers | None:
    state: dict[str, Any] = {"kind": "state", "layers": 1, "recurrent_bytes": state_bytes}
    if layer.mixer == "none" or layer.reuses:
        return None
    if layer.mixer == "gated_delta":
        _, keys, values, recurrent = delta_widths(widths)
        taps = widths.linear_conv_kernel - 1
        return CacheLayers(**state, recurrent=recurrent, convolution=(2 * keys + values) * taps)
    if layer.mixer == "mamba":
        _, inner, mixed = mamba_widths(widths)
        taps = widths.mamba_conv_kernel - 1
        return CacheLayers(**state, recurrent=inner * widths.mamba_state, convolution=mixed * taps)
    if layer.mixer == "kimi_delta":
        wide = widths.delta_heads * widths.delta_head_dim
        taps = widths.delta_conv_kernel - 1
        return CacheLayers(**state, recurrent=wide * widths.delta_head_dim, convolution=3 * wide * taps)
    if widths.get("kv_lora_rank"):
        latent = widths.kv_lora_rank + widths.qk_rope_head_dim
        index_bytes = index_key_bytes(widths.get("index_head_dim"))
        if not _has_indexer(widths, index):
            index_bytes = 0
        return CacheLayers(kind="full", layers=1, values=latent, index_bytes=index_bytes)
    _, kv_heads, key, value = head_widths(widths, layer)
    kind: Any = "window" if layer.mixer in {"window", "chunk"} else "full"
    index_bytes = 2.0 * widths.get("block_index_dim") if layer.feed != "dense" else 0
    return CacheLayers(kind=kind, layers=1, heads=kv_heads, values=key + value, index_bytes=index_bytes)
