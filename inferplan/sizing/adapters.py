"""GPU memory that vLLM sets aside for LoRA adapters while it loads: slots for each, at the largest rank.

Not here: the adapters themselves, which fill the slots (inferplan.plan), and host memory for more of them.
"""

from __future__ import annotations

import math

from inferplan.sizing.constants import GIB
from inferplan.sizing.shapes import ModelShapes
from inferplan.sizing.split_widths import VOCABULARY_PADDED_TO, is_latent

RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)  # values of --max-lora-rank: vllm/config/lora.py, MaxLoRARanks
_BYTES = 2  # lora_dtype follows the model's type of 16 bit


def adapters_gib(
    shapes: ModelShapes,
    tensor_parallel: int,
    pipeline_parallel: int,
    max_loras: int,
    max_lora_rank: int,
    experts_spread: bool,
) -> float:
    """GiB on one GPU: two matrices beside every linear layer, of the rank, for each of `max_loras` slots.

    The first takes the layer's inputs and the second gives its outputs, as the rank holds them; experts have
    a pair each, the tables of the vocabulary are not divided (vllm/lora/layers, create_lora_weights).
    """
    if not max_loras:
        return 0.0
    tables = 2 * (shapes.hidden or 0) + 2 * _padded(shapes.vocab or 0)
    layers = math.ceil((shapes.layers or 0) / pipeline_parallel)
    full = min(layers, math.ceil((shapes.full_attention_layers or 0) / pipeline_parallel))
    recurrent = layers - full if shapes.linear_value_heads else 0
    dense = layers if not shapes.is_moe else min(layers, shapes.dense_layers)
    values = (
        tables
        + (layers - recurrent) * _attention(shapes, tensor_parallel)
        + recurrent * _recurrent(shapes, tensor_parallel)
        + dense * _feed_forward(shapes, shapes.intermediate or 0, tensor_parallel)
        + (layers - dense) * _experts(shapes, tensor_parallel, experts_spread)
    )
    return max_loras * max_lora_rank * values * _BYTES / GIB


def _padded(rows: int) -> int:
    return -(-rows // VOCABULARY_PADDED_TO) * VOCABULARY_PADDED_TO


def _attention(shapes: ModelShapes, tensor: int) -> float:
    """Inputs and outputs of the projections of one layer, per unit of rank."""
    hidden, heads = shapes.hidden or 0, (shapes.heads or 0) / tensor
    if not is_latent(shapes):
        size = shapes.head_dim or 0
        keys = max(1.0, (shapes.kv_heads or 0) / tensor) * size
        return 3 * hidden + heads * size + 2 * keys + heads * size + hidden
    nope, rope, values = shapes.qk_nope_head_dim or 0, shapes.qk_rope_head_dim or 0, shapes.v_head_dim or 0
    queries, latent = shapes.q_lora_rank or 0, shapes.kv_lora_rank or 0
    down = 2 * hidden + queries + latent + rope
    up = queries + heads * (nope + rope) + latent + heads * (nope + values)
    return down + up + heads * values + hidden


def _recurrent(shapes: ModelShapes, tensor: int) -> float:
    keys = (shapes.linear_key_heads or 0) * (shapes.linear_key_dim or 0)
    values = (shapes.linear_value_heads or 0) * (shapes.linear_value_dim or 0)
    hidden = shapes.hidden or 0
    gates = 2 * (shapes.linear_value_heads or 0)
    return 6 * hidden + (2 * keys + 2 * values + gates) / tensor + values / tensor + hidden


def _feed_forward(shapes: ModelShapes, width: int, tensor: int) -> float:
    up = shapes.mlp_matrices - 1  # with a gate or without
    hidden = shapes.hidden or 0
    return up * (hidden + width / tensor) + width / tensor + hidden


def _experts(shapes: ModelShapes, tensor: int, spread: bool) -> float:
    width = shapes.moe_intermediate or shapes.intermediate or 0
    experts = shapes.experts or 0
    own = math.ceil(experts / tensor) if spread else experts
    shared = _feed_forward(shapes, shapes.shared_intermediate, tensor) if shapes.shared_intermediate else 0.0
    return own * _feed_forward(shapes, width, 1 if spread else tensor) + shared
