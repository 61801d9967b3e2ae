"""The tensors of a model by kind: how many parameters each holds and how the repository stores them.

Not here: the bytes of a parallel layout (weights) and the tensors of a config.json (config_tensors).
"""

from __future__ import annotations

import math
from functools import cache

import msgspec

from inferplan.catalog.open_weights import Tensors
from inferplan.sizing.formats import WeightFormat, weight_format
from inferplan.sizing.shapes import ModelShapes

HALF = 2.0  # bytes of a 16-bit parameter
SIXTEEN_BIT = {"bfloat16": "bf16", "float16": "bf16", "float32": "bf16"}
LATENT = ("mla", "mla+sparse_indexer")
INNER = "feed-forward of all but the first and last layer"
_PADDED_TO = 256  # columns, by the kernels of a format that pads


@cache
def tensors_of(shapes: ModelShapes) -> tuple[Tensors, ...]:
    """Every tensor of the model, in kinds; their parameters add up to those of the model.

    Raises ValueError where the parameters are not known. What the widths do not explain, such as norms and a
    vision encoder, counts as linear.
    """
    if shapes.tensors:
        return shapes.tensors
    if shapes.parameters is None:
        raise ValueError(f"the parameters of {shapes.id} are not known")
    left = shapes.parameters
    found: list[Tensors] = []

    def take(name: str, count: int, **how: object) -> None:
        nonlocal left
        count = min(count, left)
        left -= count
        if count:
            found.append(Tensors(name=name, parameters=count, **how))  # type: ignore[arg-type]

    layers, hidden = shapes.layers or 0, shapes.hidden or 0
    table = (shapes.vocab or 0) * hidden
    take("embedding", table, place="first", kind="kept")
    if not shapes.tied_embeddings and shapes.serves == "generate":
        take("output head", table, place="last", kind="kept")
    take("experts", _experts(shapes), kind="expert")
    if shapes.attention in LATENT:
        down = (shapes.q_lora_rank or 0) + (shapes.kv_lora_rank or 0) + (shapes.qk_rope_head_dim or 0)
        take("latent projections", layers * hidden * down, pieces=1)
    elif shapes.kv_heads:
        wide = 2 * hidden * shapes.kv_heads * (shapes.head_dim or 0)
        take("keys and values", layers * wide, pieces=shapes.kv_heads)
    if not shapes.is_moe and shapes.intermediate:
        inner = max(0, layers - 2)  # Meta leaves the first and the last layer as they are
        take(INNER, inner * shapes.mlp_matrices * hidden * shapes.intermediate)
    take("other layers", left)
    published = weight_format(SIXTEEN_BIT.get(shapes.dtype, shapes.dtype))
    return tuple(stored_as(one, published) for one in found)


def _experts(shapes: ModelShapes) -> int:
    """Parameters of the routed experts over all layers; 0 for a dense model or unknown widths."""
    width = shapes.moe_intermediate or shapes.intermediate
    if not (shapes.is_moe and width and shapes.layers and shapes.hidden):
        return 0
    sparse = shapes.layers - shapes.dense_layers
    return sparse * (shapes.experts or 0) * shapes.mlp_matrices * shapes.hidden * width


def stored_as(one: Tensors, form: WeightFormat) -> Tensors:
    """The same tensors in a repository of that format: its own size where its scope takes them."""
    takes = {
        "all": True,
        "linear": one.kind in {"linear", "expert"},
        "experts": one.kind == "expert",
        "mlp": one.name == INNER,
    }[form.scope]
    size = form.bytes_per_param if takes else HALF
    return msgspec.structs.replace(one, format=form.id if takes else "bf16", bytes_per_parameter=size)


def columns_padded(shapes: ModelShapes, form: WeightFormat) -> float:
    """The factor by which the kernels of a format widen the experts: to whole multiples of 256 columns."""
    if form.padding == 1.0:
        return 1.0
    width = shapes.moe_intermediate or shapes.intermediate or _PADDED_TO
    return math.ceil(width / _PADDED_TO) * _PADDED_TO / width
