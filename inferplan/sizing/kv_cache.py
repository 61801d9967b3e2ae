"""KV cache: bytes per token and per sequence on each GPU, and how many tokens and requests a pool holds.

Not here: how large the pool is (memory).
"""

from __future__ import annotations

import math
from functools import cache
from typing import Literal

from inferplan.records.plan import Record
from inferplan.sizing.formats import KvFormat, kv_format
from inferplan.sizing.shapes import ModelShapes

BLOCK_TOKENS = 16
_STATE_BYTES = 4  # recurrent state is kept in float32 (mamba_ssm_dtype)
_CONV_BYTES = 2
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
    if shapes.attention in {None, "none", "hybrid_compressed"}:
        return None
    form = kv_format(kv_cache_dtype)
    layers = math.ceil((shapes.layers or 0) / pipeline_parallel)
    full = layers
    if shapes.full_attention_layers is not None:
        full = math.ceil(shapes.full_attention_layers / pipeline_parallel)
    rest = layers - full
    kinds: list[LayerKind] = []
    if shapes.attention in {"mla", "mla+sparse_indexer"}:
        size = _mla_bytes(shapes, form) / decode_context_parallel
        kinds.append(LayerKind(kind="full", layers=layers, bytes_per_token=size))
        return KvLayout(
            kinds=tuple(kinds), window=0, chunked=False, block_tokens=BLOCK_TOKENS, group_layers=layers
        )
    local = _head_bytes(shapes.kv_heads, shapes.head_dim, tensor_parallel, form)
    grown = _head_bytes(
        shapes.global_kv_heads or shapes.kv_heads,
        shapes.global_head_dim or shapes.head_dim,
        tensor_parallel,
        form,
    )
    block = BLOCK_TOKENS
    if full:
        kinds.append(LayerKind(kind="full", layers=full, bytes_per_token=grown / decode_context_parallel))
    if rest and shapes.attention == "gqa+linear_attention":
        state = state_bytes_per_layer(shapes, tensor_parallel)
        kinds.append(LayerKind(kind="state", layers=rest, bytes_per_token=state))
        if full:
            block = math.ceil(state / grown / BLOCK_TOKENS) * BLOCK_TOKENS
    elif rest:
        kinds.append(LayerKind(kind="window", layers=rest, bytes_per_token=local))
    counts = [kind.layers for kind in kinds]
    group = max(counts) if max(counts) < 1.25 * min(counts) else min(counts)
    return KvLayout(
        kinds=tuple(kinds),
        window=shapes.window or 0,
        chunked=shapes.chunked,
        block_tokens=block,
        group_layers=group,
    )


def _head_bytes(kv_heads: int | None, head_dim: int | None, tensor_parallel: int, form: KvFormat) -> float:
    """Keys and values of one token in one layer; a rank holds at least one head."""
    return max(1, (kv_heads or 0) // tensor_parallel) * 2 * (head_dim or 0) * (form.bytes_per_value or 2.0)


def _mla_bytes(shapes: ModelShapes, form: KvFormat) -> float:
    """The latent of one token in one layer, the same on every rank."""
    if form.bytes_per_token_layer is not None:
        latent: float = form.bytes_per_token_layer
    else:
        latent = ((shapes.kv_lora_rank or 0) + (shapes.qk_rope_head_dim or 0)) * (form.bytes_per_value or 2.0)
    if shapes.attention == "mla+sparse_indexer" and shapes.index_head_dim:
        latent += shapes.index_head_dim + _INDEXER_SCALE_BYTES * shapes.index_head_dim / 128
    return latent


def state_bytes_per_layer(shapes: ModelShapes, tensor_parallel: int) -> float:
    """Recurrent and convolution state of one gated-delta-net layer for one sequence, per GPU."""
    keys = (shapes.linear_key_heads or 0) * (shapes.linear_key_dim or 0)
    values = (shapes.linear_value_heads or 0) * (shapes.linear_value_dim or 0)
    recurrent = (
        (shapes.linear_value_heads or 0) * (shapes.linear_key_dim or 0) * (shapes.linear_value_dim or 0)
    )
    convolution = (2 * keys + values) * ((shapes.linear_conv_kernel or 1) - 1)
    return (recurrent * _STATE_BYTES + convolution * _CONV_BYTES) / tensor_parallel
