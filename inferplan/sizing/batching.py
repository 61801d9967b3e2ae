"""How many tokens the engine takes in one step where nobody says, and which numbers it refuses to start with.

Not here: the memory that a step takes (memory).
"""

from __future__ import annotations

from collections.abc import Iterator

from inferplan.sizing.constants import version_key
from inferplan.sizing.shapes import ModelShapes

ENCODER_DECODERS = ("WhisperForConditionalGeneration",)  # what a request keeps of the sound is no state
_V0_LONG_CONTEXT = 32768
_V0_UNCHUNKED = ("mla", "mla+sparse_indexer", "none")
_V0_LEAST_TOKENS = 2048  # V0 without chunked prefill takes max(max_model_len, 2048) tokens at once


def v0_tokens(model: ModelShapes, length: int, version: str) -> int:
    """Tokens that V0 takes at once: the whole context, or a chunk where it turns chunking on by itself.

    It does above 32,768 tokens for plain decoders (vllm/engine/arg_utils.py, 0.5.4 to 0.8), with chunks of
    512 tokens, and of 2048 from 0.6.5 on (vllm-project/vllm#10544).
    """
    plain = not model.is_multimodal and model.attention not in _V0_UNCHUNKED and model.window is None
    if not plain or model.serves != "generate" or length <= _V0_LONG_CONTEXT:
        return max(length, _V0_LEAST_TOKENS)
    return 512 if version_key(version) < version_key("0.6.5") else _V0_LEAST_TOKENS


def at_once(model: ModelShapes, length: int, usual: int) -> int:
    """The usual tokens of a step, or a whole text where the engine may not read it in parts.

    V1 reads in parts only what attends backwards and is pooled at its end (vllm/config/model.py,
    is_chunked_prefill_supported). How a decoder is pooled its repository says, in a file that is not read
    here: so each pooled model gets the room.
    """
    whole = model.serves == "pooling" or model.architecture in ENCODER_DECODERS
    return max(length, usual) if whole else usual


def too_few(model: ModelShapes, length: int, batched: int, sequences: int) -> Iterator[str]:
    """Why the engine would end at once (vllm/config/scheduler.py, verify_max_model_len)."""
    encodes = model.attention == "none" or model.architecture in ENCODER_DECODERS
    if encodes and batched < length:
        yield (
            f"max_num_batched_tokens {batched} is below max_model_len {length}, and an encoder reads a text "
            "in one step"
        )
    if batched < sequences:
        yield f"max_num_batched_tokens {batched} is below max_num_seqs {sequences}"
