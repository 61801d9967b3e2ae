"""The shapes of a model as sizing reads them: from the catalog, completed by what follows from them.

Not here: a config.json or a spec's `shapes` (config_json), and what the shapes cost (weights, kv_cache).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import msgspec

from inferplan import catalog
from inferplan.catalog.open_weights import CacheLayers, KvType, Tensors
from inferplan.catalog.table import Row, rows
from inferplan.records.plan import Record, Source

GATED_ENCODERS = ("ModernBert", "NomicBert")
ENCODERS = ("Bert", "Roberta", "XLMRoberta", "ModernBert", "NomicBert", "Distilbert", "DistilBert")
UNGATED = (
    "Bloom",
    "GPT2",
    "GPTNeoX",
    "GPTJ",
    "GPTBigCode",
    "Opt",
    "OPT",
    "Falcon",
    "Apertus",
    "Arcee",
    "CTRL",
    "CodeGen",
    "Jais2",
    "NanoChat",
    "Nemotron",
    "OpenAIGPT",
    "Persimmon",
    "PhiFor",
    "Starcoder2",
    *(name for name in ENCODERS if name not in GATED_ENCODERS),
)  # two MLP matrices


class ModelShapes(Record, frozen=True):
    """One model: fields without a unit count layers, heads, elements or parameters. None is unknown."""

    id: str
    architecture: str | None
    dtype: str  # of the published weights: bfloat16, float16, float32, or a quantization such as fp8
    parameters: int | None
    active_parameters: int | None = None  # per token; None: all of them
    layers: int | None = None
    hidden: int | None = None
    heads: int | None = None
    kv_heads: int | None = None
    head_dim: int | None = None
    intermediate: int | None = None
    moe_intermediate: int | None = None
    shared_intermediate: int = 0  # width of the experts that every token passes
    dense_layers: int = 0  # leading layers without experts
    vocab: int | None = None
    context: int | None = None
    attention: KvType | None = None
    full_attention_layers: int | None = None  # layers whose cache grows with the context
    window: int | None = None  # of the other attention layers, in tokens
    chunked: bool = False  # the window is a chunk (Llama 4), not a sliding one
    global_head_dim: int | None = None
    global_kv_heads: int | None = None
    kv_lora_rank: int | None = None
    q_lora_rank: int | None = None
    qk_rope_head_dim: int | None = None
    qk_nope_head_dim: int | None = None
    v_head_dim: int | None = None
    index_head_dim: int | None = None
    experts: int | None = None
    experts_per_token: int | None = None
    linear_key_heads: int | None = None
    linear_value_heads: int | None = None
    linear_key_dim: int | None = None
    linear_value_dim: int | None = None
    linear_conv_kernel: int | None = None
    mamba_heads: int | None = None
    mamba_groups: int | None = None  # of heads that read the same inputs
    delta_heads: int | None = None  # of Kimi's linear attention
    vision_heads: int | None = None  # of the encoder for images
    audio_heads: int | None = None  # of the encoder for sound
    tied_embeddings: bool | None = None
    weight_block: int | None = None  # elements in a row of a quantized block; None: not stored in blocks
    tensors: tuple[Tensors, ...] = ()  # empty: they follow from the fields above
    caches: tuple[CacheLayers, ...] = ()  # empty: they follow from the fields above
    kv_dtype: str | None = None  # of the cache, where the repository asks for one and the engine follows
    unread: tuple[str, ...] = ()  # what the size or the cache depends on and is not understood
    guessed: tuple[str, ...] = ()  # what was assumed for want of knowledge; each is a caution
    serves: str = "generate"  # or pooling, vllm-omni, no
    vllm_since: str | None = None
    verified: bool = True  # parameters and shapes were computed or read from the config, not rounded
    note: str | None = None
    sources: tuple[Source, ...] = ()

    @property
    def is_moe(self) -> bool:
        """Whether only some experts work on a token."""
        return bool(self.experts and self.experts_per_token)

    @property
    def is_multimodal(self) -> bool:
        """Whether a vision or audio encoder comes on top, by the name of the architecture."""
        return (self.architecture or "").endswith("ForConditionalGeneration")

    @property
    def mlp_matrices(self) -> int:
        """Matrices of one feed-forward block: 3 with a gate, 2 without."""
        return 2 if (self.architecture or "").startswith(UNGATED) else 3


class ShapesError(Exception):
    """A config or `shapes` mapping that cannot be read; `problems` has one sentence per field."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


class Supplement(Row, frozen=True):
    """What the catalog's model row does not hold and sizing needs; only the fields that a source states."""

    model: str
    index_head_dim: int | None = None
    linear_conv_kernel: int | None = None
    linear_key_dim: int | None = None
    linear_key_heads: int | None = None
    linear_value_dim: int | None = None
    linear_value_heads: int | None = None
    mamba_heads: int | None = None
    mamba_groups: int | None = None
    delta_heads: int | None = None
    vision_heads: int | None = None
    audio_heads: int | None = None
    moe_intermediate: int | None = None
    experts: int | None = None
    experts_per_token: int | None = None
    shared_intermediate: int | None = None
    dense_layers: int | None = None
    q_lora_rank: int | None = None
    qk_nope_head_dim: int | None = None
    v_head_dim: int | None = None
    tied_embeddings: bool | None = None
    note: str | None = None


_SUPPLEMENT_ONLY = {"model", "note", "source", "as_of", "verified", "unverified_parts"}


@cache
def supplements() -> Mapping[str, Supplement]:
    """Additional shapes by model id."""
    return {row.model: row for row in rows("model_shapes", Supplement)}


@cache
def shapes_of(model_id: str) -> ModelShapes:
    """The shapes of a catalog model by id or alias; raises catalog.UnknownName with near matches."""
    row = catalog.model(model_id)
    sources = tuple(Source(source=text, as_of=row.as_of) for text in row.source)
    extra = supplements().get(row.id)
    more: dict[str, Any] = {}
    if extra is not None:
        more = {
            name: value
            for name in extra.__struct_fields__
            if name not in _SUPPLEMENT_ONLY and (value := getattr(extra, name)) is not None
        }
        sources += tuple(Source(source=text, as_of=extra.as_of) for text in extra.source)
    window = row.sliding or row.chunk
    full = row.full_attn_layers
    if window and full is None and row.kv_type == "gqa":
        full = 0  # Mistral 7B v0.1: every layer slides
    values: dict[str, Any] = {
        "id": row.id,
        "architecture": row.arch,
        "dtype": row.dtype,
        "parameters": row.params,
        "active_parameters": row.active,
        "layers": row.layers,
        "hidden": row.hidden,
        "heads": row.heads,
        "kv_heads": row.kv_heads,
        "head_dim": row.head_dim,
        "intermediate": row.intermediate,
        "moe_intermediate": row.moe_intermediate,
        "vocab": row.vocab,
        "context": row.ctx,
        "attention": row.kv_type,
        "full_attention_layers": full,
        "window": window,
        "chunked": row.chunk is not None,
        "global_head_dim": row.global_head_dim,
        "global_kv_heads": row.global_kv_heads,
        "kv_lora_rank": row.kv_lora_rank,
        "qk_rope_head_dim": row.qk_rope_head_dim,
        "experts": row.experts,
        "experts_per_token": row.experts_per_tok,
        "tensors": row.tensors,
        "caches": row.caches,
        "kv_dtype": row.kv_dtype,
        "weight_block": row.weight_block,
        "serves": row.vllm,
        "vllm_since": row.vllm_since,
        "verified": row.params_verified and row.shapes_verified,
        "note": row.note,
        "sources": sources,
    }
    return complete(ModelShapes(**(values | more)))


def complete(shapes: ModelShapes) -> ModelShapes:
    """Fill what follows from the rest: parameters from shapes, tied embeddings from the parameter count."""
    counted = None if missing(shapes, ignore=("parameters",)) else count_parameters(shapes)
    if shapes.parameters is None and counted is not None:
        shapes = msgspec.structs.replace(shapes, parameters=counted)
    if (
        shapes.tied_embeddings is None
        and counted is not None
        and shapes.parameters
        and shapes.vocab
        and shapes.hidden
    ):
        head = shapes.vocab * shapes.hidden
        # the count above has both matrices; a published count that lacks one of them shows the tie
        tied = abs(shapes.parameters - (counted - head)) < abs(shapes.parameters - counted)
        shapes = msgspec.structs.replace(shapes, tied_embeddings=tied)
    return shapes


def missing(shapes: ModelShapes, ignore: tuple[str, ...] = ()) -> tuple[str, ...]:
    """The names of the fields without which the memory of this model cannot be computed."""
    needed = ["parameters", "layers", "hidden", "heads", "vocab", "context", "attention"]
    kind = shapes.attention
    if shapes.caches:
        return tuple(name for name in needed if name not in ignore and getattr(shapes, name) is None)
    if kind in {"mla", "mla+sparse_indexer"}:
        needed += ["kv_lora_rank", "qk_rope_head_dim"]
    elif kind not in {"none", "hybrid_compressed", None}:
        needed += ["kv_heads", "head_dim"]
    if kind in {"gqa+sliding", "gqa+chunked_local"}:
        needed += ["full_attention_layers", "window"]
    if kind == "gqa+linear_attention":
        needed += ["full_attention_layers", "linear_value_heads", "linear_key_heads", "linear_key_dim"]
        needed += ["linear_value_dim", "linear_conv_kernel"]
    return tuple(name for name in needed if name not in ignore and getattr(shapes, name) is None)


def count_parameters(shapes: ModelShapes) -> int | None:
    """Parameters by the shapes (norms and biases left out: below 0.1 %), or None where a width is unknown."""
    layers, hidden, heads, vocab = shapes.layers, shapes.hidden, shapes.heads, shapes.vocab
    if not (layers and hidden and heads and vocab):
        return None
    attention = attention_parameters(shapes)
    if attention is None:
        return None
    if shapes.is_moe:
        width = shapes.moe_intermediate or shapes.intermediate
        if width is None or (shapes.dense_layers and shapes.intermediate is None):
            return None
        sparse = layers - shapes.dense_layers
        experts = sparse * ((shapes.experts or 0) * width + shapes.shared_intermediate)
        dense = shapes.dense_layers * (shapes.intermediate or 0)
        feed_forward = shapes.mlp_matrices * hidden * (experts + dense) + sparse * hidden * (
            shapes.experts or 0
        )
    elif shapes.intermediate is not None:
        feed_forward = layers * shapes.mlp_matrices * hidden * shapes.intermediate
    else:
        return None
    embeddings = vocab * hidden * (1 if shapes.tied_embeddings or shapes.serves == "pooling" else 2)
    return attention + feed_forward + embeddings


def attention_parameters(shapes: ModelShapes) -> int | None:
    """Parameters of the attention blocks over all layers; None where they cannot be counted."""
    layers, hidden, heads = shapes.layers or 0, shapes.hidden or 0, shapes.heads or 0
    kind = shapes.attention
    if kind in {"mla", "mla+sparse_indexer"}:
        rank, rope, nope = shapes.kv_lora_rank or 0, shapes.qk_rope_head_dim or 0, shapes.qk_nope_head_dim
        if shapes.q_lora_rank is None or nope is None or shapes.v_head_dim is None:
            return None
        query = hidden * shapes.q_lora_rank + shapes.q_lora_rank * heads * (nope + rope)
        keys = hidden * (rank + rope) + rank * heads * (nope + shapes.v_head_dim)
        return layers * (query + keys + heads * shapes.v_head_dim * hidden)
    if kind in {"hybrid_compressed", "gqa+linear_attention", None}:
        return None
    head_dim = shapes.head_dim or hidden // max(heads, 1)
    kv_heads = shapes.kv_heads or heads
    return layers * (2 * hidden * heads * head_dim + 2 * hidden * kv_heads * head_dim)


def feed_forward_width(shapes: ModelShapes) -> tuple[float, str] | None:
    """Elements of the feed-forward layer that work on one token, and how that is known; None if it is not.

    Where the width is not published it is solved from the parameter count; for a mixture of unknown make the
    active parameters bound it from above.
    """
    hidden, layers = shapes.hidden, shapes.layers
    if shapes.is_moe and (shapes.moe_intermediate or shapes.intermediate):
        width = (shapes.experts_per_token or 0) * (shapes.moe_intermediate or shapes.intermediate or 0)
        width += shapes.shared_intermediate
        if shapes.moe_intermediate and shapes.intermediate:
            width = max(width, shapes.intermediate)
        return width, "experts per token x expert width + shared width"
    if shapes.intermediate:
        return shapes.intermediate, "intermediate size of the config"
    if not (hidden and layers and shapes.vocab):
        return None
    sparse = shapes.active_parameters is not None and shapes.active_parameters != shapes.parameters
    total = shapes.active_parameters if sparse else shapes.parameters
    if not total:
        return None
    attention = 0 if sparse else attention_parameters(shapes) or 0
    tables = 1 if shapes.tied_embeddings or shapes.serves == "pooling" else 2
    rest = total - attention - tables * shapes.vocab * hidden
    how = (
        "upper bound: active parameters spread over the layers"
        if sparse
        else "solved from the parameter count"
    )
    return max(0.0, rest / (layers * shapes.mlp_matrices * hidden)), how
