"""The speed of what fits, at the concurrency that is asked for or the highest that the cache holds.

Not here: whether it fits (memory), the speed itself (throughput), objectives and replicas (operating_point).
"""

from __future__ import annotations

from inferplan.catalog import Gpu
from inferplan.records.plan import Record
from inferplan.sizing.memory import Fit
from inferplan.sizing.throughput import Performance, throughput
from inferplan.sizing.work import NoThroughput


class AskedSpeed(Record, frozen=True):
    """A speed with what is to be known beside it, or why there is none."""

    performance: Performance | None
    notes: tuple[str, ...]


def asked_speed(
    found: Fit, gpu: Gpu | None, input_tokens: int, output_tokens: int, concurrency: int | None = None
) -> AskedSpeed:
    """One replica with the settings of a fit; `output_tokens` 0 means one forward pass per request.

    Raises ValueError where such a request is longer than the server takes, or the model generates nothing.
    """
    length = input_tokens + output_tokens
    if length > found.max_model_len:
        raise ValueError(
            f"a request of {length:,} tokens is longer than max_model_len {found.max_model_len:,}"
        )
    if output_tokens and found.shapes.attention == "none":
        raise ValueError(f"{found.shapes.id} generates no tokens: say 0 output tokens")
    if not found.fits:
        return AskedSpeed(
            None, ("no speed: " + ("it does not fit" if found.fits is False else "see reasons"),)
        )
    if gpu is None:
        return AskedSpeed(
            None, ("no speed: bandwidth and arithmetic rate of the GPU are not in the catalog",)
        )
    room = found.concurrency_at(input_tokens, output_tokens)
    if room < 1:
        return AskedSpeed(None, ("no speed: not one request of this size fits the KV cache",))
    count = room if concurrency is None else min(concurrency, room)
    try:
        speed = throughput(
            found.shapes,
            gpu,
            found.tensor_parallel,
            count,
            input_tokens,
            output_tokens,
            found.quantization,
            found.kv_cache_dtype,
            found.pipeline_parallel,
            found.max_num_batched_tokens,
        )
    except NoThroughput as reason:
        return AskedSpeed(None, (f"no speed: {reason}",))
    notes = []
    if concurrency is None:
        notes.append(f"speed is that of {count} requests at once, the most that cache and max_num_seqs hold")
    elif count < concurrency:
        notes.append(
            f"speed is that of {count} requests at once: cache and max_num_seqs hold no more, and the time "
            "to first token does not count how long the others wait"
        )
    if found.enforce_eager:
        notes.append("speed is predicted with CUDA graphs: without them it is lower")
    return AskedSpeed(speed, (*notes, *(f"speed: {why}" for why in speed.low_confidence_because)))
