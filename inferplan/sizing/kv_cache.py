"""KV cache: bytes per token and per sequence on each GPU, and how many tokens and requests a pool holds.

Not here: how large the pool is (memory).
"""

from __future__ import annotations

import math
from functools import cache
from typing import Literal

from inferplan.catalog.open_weights import CacheLayers
from inferplan.records.plan import Record
from inferplan.sizing.formats import KvFormat, kv_format
from inferplan.sizing.shapes import ModelShapes

BLOCK_TOKENS = 16
_CONV_BYTES = 2
_ORDER = ("full", "state", "window")
_INDEXER_SCALE_BYTES = 4  # one float32 scale per 128 indexer values


class LayerKind(Record, frozen=True):
    """Layers that share a cache rule: `full` grows, `window` is bounded, `state` is constant per sequence."""

    kind: Literal["full", "window", "state"]
    layers: int  # on one pipeline stage
    bytes_per_token: float  # per layer and GPU; of a `state` layer: bytes per sequence


class KvLayout(Record, frozen=True):
    """How one model caches on one GPU of a parallel group."""

    kinds: tuple[LayerKind, ...]
    window: int
    chunked: bool
    block_tokens: int  # of the growing layers; larger than 16 where a state must have the same page size
    group_layers: int  # layers that share one block table

    @property
    def bytes_per_token(self) -> float:
        """Bytes per token and GPU while no window is full; states are not counted."""
        return sum(kind.layers * kind.bytes_per_token for kind in self.kinds if kind.kind != "state")

    @property
    def growing_bytes_per_token(self) -> float:
        """Bytes per token and GPU of the layers that never stop growing."""
        return sum(kind.layers * kind.bytes_per_token for kind in self.kinds if kind.kind == "full")

    @property
    def state_bytes(self) -> float:
        """Bytes per sequence and GPU of recurrent states."""
        return sum(kind.layers * kind.bytes_per_token for kind in self.kinds if kind.kind == "state")

    @property
    def is_uniform(self) -> bool:
        """Whether tokens x bytes per token is the whole story."""
        return len(self.kinds) == 1 and self.kinds[0].kind == "full"

    @property
    def page_bytes(self) -> float:
        """Bytes of one block in one layer; all layers share one page size."""
        return max(
            kind.bytes_per_token * (1 if kind.kind == "state" else self.block_tokens) for kind in self.kinds
        )

    @property
    def block_bytes(self) -> float:
        """Bytes of one block over one group of layers."""
        return self.page_bytes * self.group_layers

    def held_tokens(self, kind: LayerKind, length: int, in_flight: int) -> int:
        """Tokens of a request of `length` that such a layer holds while `in_flight` tokens are computed."""
        if kind.kind == "full":
            return length
        return min(length, (self.window if self.chunked else self.window - 1) + in_flight)

    def request_blocks(self, length: int, in_flight: int) -> int:
        """Blocks of one request of `length` tokens, summed over the groups of layers."""
        blocks = 0
        for kind in self.kinds:
            groups = math.ceil(kind.layers / self.group_layers)
            if kind.kind == "state":
                blocks += groups
                continue
            tokens = self.held_tokens(kind, length, in_flight)
            per_block = int(self.page_bytes // kind.bytes_per_token)
            extra = 1 if tokens < length and not self.chunked else 0  # a window may start inside a block
            blocks += groups * (math.ceil(tokens / per_block) + extra)
        return blocks

    def request_bytes(self, length: int, in_flight: int) -> float:
        """Bytes per GPU that vLLM asks for before it accepts a request of `length` tokens."""
        return self.request_blocks(length, in_flight) * self.block_bytes

    def blocks(self, pool_bytes: float) -> int:
        """Whole blocks in a pool."""
        return max(0, int(pool_bytes // self.block_bytes))

    def steady_bytes(self, length: float) -> float:
        """Bytes per GPU of a running sequence of average `length`, without prefill in flight."""
        bounded = sum(
            kind.layers * kind.bytes_per_token * min(length, self.window)
            for kind in self.kinds
            if kind.kind == "window"
        )
        return self.growing_bytes_per_token * length + bounded + self.state_bytes


@cache
def kv_layout(
    shapes: ModelShapes,
    tensor_parallel: int = 1,
    pipeline_parallel: int = 1,
    kv_cache_dtype: str = "auto",
    decode_context_parallel: int = 1,
) -> KvLayout | None:
    """The cache of a model, or None where it has none (encoders) or no formula holds (compressed hybrids)."""
    if shapes.attention in {None, "none", "hybrid_compressed"} or not shapes.layers:
        return None
    form = kv_format(cache_dtype(shapes, kv_cache_dtype))
    kinds: list[LayerKind] = []
    caches = caches_of(shapes)
    left = math.ceil(sum(one.layers for one in caches) / pipeline_parallel)  # of the fullest stage
    for one in caches:
        size = _cache_bytes(one, form, tensor_parallel)
        if one.kind == "full":
            size /= decode_context_parallel
        layers = left if one is caches[-1] else min(left, math.ceil(one.layers / pipeline_parallel))
        left -= layers
        kinds.append(LayerKind(kind=one.kind, layers=layers, bytes_per_token=size))
    kinds = _alike_together([kind for kind in kinds if kind.layers])
    counts = [kind.layers for kind in kinds]
    return KvLayout(
        kinds=tuple(kinds),
        window=shapes.window or 0,
        chunked=shapes.chunked,
        block_tokens=_block_tokens(kinds, decode_context_parallel),
        group_layers=max(counts) if max(counts) < 1.25 * min(counts) else min(counts),
    )


def cache_dtype(shapes: ModelShapes, said: str) -> str:
    """The type that the engine takes: `auto` means what the repository asks for, else the model's own."""
    return shapes.kv_dtype if said == "auto" and shapes.kv_dtype is not None else said


def note_on_cache_dtype(shapes: ModelShapes, said: str) -> tuple[str, ...]:
    """What is to be said of a cache type that nobody named."""
    taken = cache_dtype(shapes, said)
    if taken == said:
        return ()
    return (f"the repository asks for a KV cache in {taken}, and kv_cache_dtype {said} follows it",)


def caches_of(shapes: ModelShapes) -> tuple[CacheLayers, ...]:
    """What each kind of layer keeps, given with the shapes or following from them; growing layers first."""
    if shapes.caches:
        return tuple(sorted(shapes.caches, key=lambda one: _ORDER.index(one.kind)))
    layers = shapes.layers or 0
    if shapes.attention in {"mla", "mla+sparse_indexer"}:
        index = shapes.index_head_dim if shapes.attention == "mla+sparse_indexer" else None
        latent = (shapes.kv_lora_rank or 0) + (shapes.qk_rope_head_dim or 0)
        return (
            CacheLayers(kind="full", layers=layers, values=latent, index_bytes=index_key_bytes(index or 0)),
        )
    full = layers if shapes.full_attention_layers is None else shapes.full_attention_layers
    found = []
    if full:
        heads = shapes.global_kv_heads or shapes.kv_heads or 0
        values = 2 * (shapes.global_head_dim or shapes.head_dim or 0)
        found.append(CacheLayers(kind="full", layers=full, heads=heads, values=values))
    rest = layers - full
    if rest and shapes.attention == "gqa+linear_attention":
        keys = (shapes.linear_key_heads or 0) * (shapes.linear_key_dim or 0)
        outs = (shapes.linear_value_heads or 0) * (shapes.linear_value_dim or 0)
        convolution = (2 * keys + outs) * ((shapes.linear_conv_kernel or 1) - 1)
        recurrent = outs * (shapes.linear_key_dim or 0)
        found.append(CacheLayers(kind="state", layers=rest, recurrent=recurrent, convolution=convolution))
    elif rest:
        values = 2 * (shapes.head_dim or 0)
        found.append(CacheLayers(kind="window", layers=rest, heads=shapes.kv_heads or 0, values=values))
    return tuple(found)


def index_key_bytes(size: int) -> float:
    """Key of a sparse indexer: 8 bits a value and one float32 scale per 128 of them."""
    return size + _INDEXER_SCALE_BYTES * size / 128


def _cache_bytes(one: CacheLayers, form: KvFormat, tensor_parallel: int) -> float:
    """Bytes per GPU of one layer: of a token, or of a sequence where it is a state."""
    if one.kind == "state":
        return (one.recurrent * one.recurrent_bytes + one.convolution * _CONV_BYTES) / tensor_parallel
    value = form.bytes_per_value or 2.0
    if one.heads:  # a rank holds at least one head
        return max(1, one.heads // tensor_parallel) * one.values * value + one.index_bytes
    latent = one.values * value if form.bytes_per_token_layer is None else form.bytes_per_token_layer
    return latent + one.index_bytes


def _alike_together(kinds: list[LayerKind]) -> list[LayerKind]:
    """One entry for each kind: layers that grow alike share blocks, whatever each holds of a token."""
    found: dict[str, LayerKind] = {}
    for one in kinds:
        known = found.get(one.kind, LayerKind(kind=one.kind, layers=0, bytes_per_token=0))
        layers = known.layers + one.layers
        held = known.layers * known.bytes_per_token + one.layers * one.bytes_per_token
        found[one.kind] = LayerKind(kind=one.kind, layers=layers, bytes_per_token=held / layers)
    return list(found.values())


def _block_tokens(kinds: list[LayerKind], decode_context_parallel: int) -> int:
    """Tokens of a block: 16, or as many as a recurrent state is large, which shares the page size."""
    states = [kind.bytes_per_token for kind in kinds if kind.kind == "state"]
    growing = [kind.bytes_per_token * decode_context_parallel for kind in kinds if kind.kind == "full"]
    if not states or not growing:
        return BLOCK_TOKENS
    return math.ceil(max(states) / max(growing) / BLOCK_TOKENS) * BLOCK_TOKENS
