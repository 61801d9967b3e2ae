"""Bytes of a model's weights: on each GPU of a parallel group, and in the repository that is mirrored.

Not here: which formats exist (formats) and what else takes GPU memory (memory).
"""

from __future__ import annotations

import math
from functools import cache
from typing import Literal

from inferplan.records.plan import Record
from inferplan.sizing.constants import GIB
from inferplan.sizing.formats import WeightFormat, weight_format
from inferplan.sizing.shapes import ModelShapes

HALF = 2.0  # bytes of a 16-bit parameter
SIXTEEN_BIT = {"bfloat16": "bf16", "float16": "bf16", "float32": "bf16"}


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
    if shapes.parameters is None:
        raise ValueError(f"the parameters of {shapes.id} are not known")
    form, origin = format_of(shapes, quantization)
    quantized = quantized_parameters(shapes, form)
    size = form.bytes_per_param
    tables = table_parameters(shapes)
    total = quantized * size * form.padding + (shapes.parameters - quantized) * HALF
    table_bytes = sum(tables) * (size if form.scope == "all" else HALF)
    layer_bytes = total - table_bytes
    # pipeline stages: the embedding lies on the first, the output head on the last, layers are spread
    if pipeline_parallel > 1 and shapes.layers:
        share = math.ceil(shapes.layers / pipeline_parallel) / shapes.layers
        stage = layer_bytes * share + table_bytes * max(tables) / max(sum(tables), 1)
    else:
        share, stage = 1.0, total
    replicated = replicated_bytes(shapes, form, tensor_parallel) * share
    disk_half = 4.0 if shapes.dtype == "float32" else HALF
    if origin in {"16-bit", "at_load"}:
        repository = shapes.parameters * disk_half
    else:
        repository = quantized * size + (shapes.parameters - quantized) * HALF
    return Weights(
        format=form.id,
        origin=origin,  # type: ignore[arg-type]
        per_gpu_gib=(stage / tensor_parallel + replicated) / GIB,
        repository_gib=repository / GIB,
        parameters=shapes.parameters,
        quantized_parameters=quantized,
        replicated_gib=replicated / GIB,
    )


def table_parameters(shapes: ModelShapes) -> tuple[int, int]:
    """Parameters of the input embedding and of the output head (0 where tied or nothing is generated)."""
    table = (shapes.vocab or 0) * (shapes.hidden or 0)
    head = 0 if shapes.tied_embeddings or shapes.serves != "generate" else table
    return table, head


def expert_parameters(shapes: ModelShapes) -> int:
    """Parameters of the routed experts over all layers; 0 for a dense model or unknown widths."""
    width = shapes.moe_intermediate or shapes.intermediate
    if not (shapes.is_moe and width and shapes.layers and shapes.hidden):
        return 0
    sparse = shapes.layers - shapes.dense_layers
    found = sparse * (shapes.experts or 0) * shapes.mlp_matrices * shapes.hidden * width
    return min(found, shapes.parameters or found)


def quantized_parameters(shapes: ModelShapes, form: WeightFormat) -> int:
    """Parameters that the format stores at its own size."""
    total = shapes.parameters or 0
    if form.id == "bf16":
        return 0
    if form.scope == "all":
        return total
    if form.scope == "experts" and shapes.is_moe:
        return expert_parameters(shapes)
    if form.scope == "mlp":
        layers = max(0, (shapes.layers or 0) - 2)  # Meta leaves the first and the last layer as they are
        return layers * shapes.mlp_matrices * (shapes.hidden or 0) * (shapes.intermediate or 0)
    return max(0, total - sum(table_parameters(shapes)))


def replicated_bytes(shapes: ModelShapes, form: WeightFormat, tensor_parallel: int) -> float:
    """Bytes per GPU beyond an even share: KV heads below one per rank, and MLA's down-projections."""
    if tensor_parallel == 1:
        return 0.0
    size = form.bytes_per_param if form.scope in {"linear", "all"} and form.id != "bf16" else HALF
    layers, hidden = shapes.layers or 0, shapes.hidden or 0
    if shapes.attention in {"mla", "mla+sparse_indexer"}:
        down = (shapes.q_lora_rank or 0) + (shapes.kv_lora_rank or 0) + (shapes.qk_rope_head_dim or 0)
        return layers * hidden * down * size * (1 - 1 / tensor_parallel)
    kv_heads, head_dim = shapes.kv_heads or 0, shapes.head_dim or 0
    if 0 < kv_heads < tensor_parallel:
        return layers * 2 * hidden * head_dim * size * (1 - kv_heads / tensor_parallel)
    return 0.0
