"""Bytes of a model's weights: on each GPU of a parallel group, and in the repository that is mirrored.

Not here: which formats exist (formats) and what else takes GPU memory (memory).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import cache
from typing import Literal

from inferplan.catalog.open_weights import Tensors
from inferplan.records.plan import Record
from inferplan.sizing.constants import GIB
from inferplan.sizing.formats import WeightFormat, weight_format
from inferplan.sizing.shapes import ModelShapes
from inferplan.sizing.tensors import HALF, SIXTEEN_BIT, columns_padded, stored_as, tensors_of

__all__ = [
    "HALF",
    "Weights",
    "expert_bytes",
    "format_of",
    "held_tensors",
    "table_parameters",
    "weights",
]


class Weights(Record, frozen=True):
    """Weights of one model in one format for one parallel layout. Sizes in GiB."""

    format: str  # a row of weight_formats
    origin: Literal["16-bit", "published", "at_load", "other_repository"]
    per_gpu_gib: float
    repository_gib: float  # what is mirrored, loaded and kept on disk
    parameters: int
    quantized_parameters: int  # stored at the format's own size; the rest stays at 16 bit
    replicated_gib: float  # part of per_gpu_gib that tensor parallelism does not divide


def format_of(shapes: ModelShapes, quantization: str | None) -> tuple[WeightFormat, str]:
    """The format on the GPU and where it comes from; raises catalog.UnknownName.

    `quantization` None takes what the repository publishes. A 16-bit repository can be quantized at load
    where vLLM can do that; every other wish means another repository, which must then be named.
    """
    published = weight_format(SIXTEEN_BIT.get(shapes.dtype, shapes.dtype))
    wanted = published if quantization in {None, "auto"} else weight_format(str(quantization))
    if wanted.id == published.id:
        return wanted, "16-bit" if wanted.id == "bf16" else "published"
    if published.id == "bf16" and wanted.at_load:
        return wanted, "at_load"
    return wanted, "other_repository"


@cache
def weights(
    shapes: ModelShapes, quantization: str | None = None, tensor_parallel: int = 1, pipeline_parallel: int = 1
) -> Weights:
    """Weights per GPU of the fullest pipeline stage; raises ValueError where the parameters are not known."""
    form, origin = format_of(shapes, quantization)
    loaded = held_tensors(shapes, quantization)
    # pipeline stages: the embedding lies on the first, the output head on the last, layers are spread
    share = 1.0
    if pipeline_parallel > 1 and shapes.layers:
        share = math.ceil(shapes.layers / pipeline_parallel) / shapes.layers
    place = {"layers": [0.0, 0.0], "first": [0.0, 0.0], "last": [0.0, 0.0]}  # bytes of a rank, repeated bytes
    for one in loaded:
        size = one.parameters * one.bytes_per_parameter * _padding(shapes, one)
        again = _repeated(one, tensor_parallel) * size
        place[one.place][0] += size / tensor_parallel + again
        place[one.place][1] += again
    first, last = place["first"], place["last"]
    end = [first[0] + last[0], first[1] + last[1]] if pipeline_parallel == 1 else max(first, last)
    # a repository is read as it is, whatever it becomes while loading
    stored = tensors_of(shapes)
    if origin == "other_repository":
        stored = tuple(stored_as(one, form) for one in stored)
    return Weights(
        format=form.id,
        origin=origin,  # type: ignore[arg-type]
        per_gpu_gib=(place["layers"][0] * share + end[0]) / GIB,
        repository_gib=sum(_on_disk(one, shapes.dtype) for one in stored) / GIB,
        parameters=sum(one.parameters for one in loaded),
        quantized_parameters=sum(one.parameters for one in loaded if one.format != "bf16"),
        replicated_gib=(place["layers"][1] * share + end[1]) / GIB,
    )


def _on_disk(one: Tensors, dtype: str) -> float:
    return one.parameters * (4.0 if dtype == "float32" else one.bytes_per_parameter)


def _padding(shapes: ModelShapes, one: Tensors) -> float:
    return columns_padded(shapes, weight_format(one.format)) if one.kind == "expert" else 1.0


def _repeated(one: Tensors, tensor_parallel: int) -> float:
    """The share of such tensors that a rank holds beyond its even part."""
    if one.pieces is None or one.pieces >= tensor_parallel:
        return 0.0
    return 1 / one.pieces - 1 / tensor_parallel


def held_tensors(shapes: ModelShapes, quantization: str | None = None) -> tuple[Tensors, ...]:
    """The tensors on the GPUs, in the format that they have there."""
    form, origin = format_of(shapes, quantization)
    own = tensors_of(shapes)
    held = own if origin in {"16-bit", "published"} else tuple(stored_as(one, form) for one in own)
    return tuple(one for one in held if one.kind != "unused")


def table_parameters(shapes: ModelShapes) -> tuple[int, int]:
    """Parameters of the input embedding and of the output head (0 where tied or nothing is generated)."""
    tensors = tensors_of(shapes)
    return _count(one for one in tensors if one.place == "first"), _count(
        one for one in tensors if one.place == "last"
    )


def expert_bytes(shapes: ModelShapes, quantization: str | None = None) -> float:
    """Bytes of the routed experts on all GPUs together; 0 for a dense model or unknown widths."""
    experts = (one for one in held_tensors(shapes, quantization) if one.kind == "expert")
    return sum(one.parameters * one.bytes_per_parameter * _padding(shapes, one) for one in experts)


def _count(some: Iterable[Tensors]) -> int:
    return sum(one.parameters for one in some)
