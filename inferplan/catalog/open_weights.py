"""Open-weight models with the shapes that sizing needs, and the licenses they come under.

Not here: vendors' models behind an API (managed_apis) and memory arithmetic (inferplan.sizing).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, Literal

from msgspec import Struct, field

from inferplan.catalog.table import Row, UnknownName, rows
from inferplan.near import near

KvType = Literal[
    "mha", "gqa", "mla", "mla+sparse_indexer", "gqa+sliding", "gqa+linear_attention", "gqa+chunked_local",
    "gqa+sparse_indexer", "gqa+state_space", "mla+linear_attention", "hybrid_compressed", "none",
]  # fmt: skip


class Tensors(Struct, frozen=True, kw_only=True):
    """Tensors of one kind over all layers, as the repository stores them."""

    name: str
    parameters: int
    format: str = "bf16"  # a row of weight_formats
    bytes_per_parameter: float = 2.0  # scales and zero points included
    place: Literal["layers", "first", "last"] = "layers"  # of a pipeline: every stage, the first or the last
    kind: Literal["linear", "expert", "kept", "unused"] = "linear"
    """What a format takes: linear, expert (routed: some work on a token), kept (stays at 16 bit), or unused:
    in the repository, and not loaded for plain decoding, such as layers that predict further tokens."""
    pieces: int | None = None
    """Into how many parts tensor parallelism can divide it; None: evenly, 1: every rank holds it whole."""


class CacheLayers(Struct, frozen=True, kw_only=True):
    """What layers of one kind keep of a sequence, before tensor parallelism."""

    kind: Literal["full", "window", "state"]  # grows with the context, is bounded, is constant
    layers: int
    heads: int = 0  # KV heads, of which a rank holds one at least; 0: one latent, whole on every rank
    values: int = 0  # elements of a token: of one head (key and value), or of the latent
    index_bytes: float = 0  # of a token, whatever the format: keys of a sparse indexer
    recurrent: int = 0  # elements of a state, divided by tensor parallelism
    recurrent_bytes: int = 4  # of such an element
    convolution: int = 0  # 16-bit elements of the last inputs, divided by tensor parallelism


class Model(Row, frozen=True, kw_only=True):
    """One open-weight model. Shapes are those of its config; None: not known, so it cannot be sized."""

    id: str  # repository on the hub
    aliases: tuple[str, ...] = ()
    arch: str | None
    params: int
    active: int | None = None  # per token, where not all are
    layers: int | None
    hidden: int | None
    heads: int | None
    kv_heads: int | None
    head_dim: int | None
    intermediate: int | None
    moe_intermediate: int | None = None
    vocab: int | None
    ctx: int | None  # longest context in tokens
    dtype: Literal["bfloat16", "float16", "float32", "fp8", "mxfp8", "nvfp4", "mxfp4", "int8", "w4a16"]
    """Of the published weights; where several formats are mixed, of most parameters (`tensors` says all)."""
    kv_type: KvType | None
    sliding: int | None = None  # window in tokens
    chunk: int | None = None
    full_attn_layers: int | None = None  # layers whose KV cache grows with the context
    global_head_dim: int | None = None
    global_kv_heads: int | None = None
    kv_lora_rank: int | None = None
    qk_rope_head_dim: int | None = None
    experts: int | None = None
    experts_per_tok: int | None = None
    tensors: tuple[Tensors, ...] = ()  # where the other fields do not say how each part is stored
    caches: tuple[CacheLayers, ...] = ()  # where layers differ in more than the other fields say
    kv_dtype: Literal["fp8", "nvfp4"] | None = None  # of the cache, where the repository asks for one
    weight_block: int | None = None  # side of the blocks or groups of quantized weights; None: none is known
    params_verified: bool = True
    shapes_verified: bool = True
    license: str | None  # the tag on the hub
    license_id: str | None  # a row of licenses()
    license_verified: bool
    """The tag was read at the publisher's, or a maintained catalog states it of this very repository."""
    license_covers: str | None = None  # the entry of the license's `covers` that names this family
    base_license_ids: tuple[str, ...] = ()  # of the models it was made from; they apply too
    base_models: tuple[str, ...] = ()
    quantizes: str | None = None  # the row whose weights this repository holds in another format
    gated: bool | None
    vllm: Literal["generate", "pooling", "vllm-omni", "no"]
    transcribes: Literal["only", "too"] | None = None  # speech into text, by vLLM's audio API
    vllm_since: str | None
    note: str | None = None

    @property
    def server(self) -> Literal["vllm", "vllm-omni", "diffusers"]:
        """What serves it."""
        if self.vllm in {"generate", "pooling"}:
            return "vllm"
        return "vllm-omni" if self.vllm == "vllm-omni" else "diffusers"


class License(Row, frozen=True, kw_only=True):
    """One license: what it allows, asks and forbids. None means not known."""

    id: str
    name: str
    covers: tuple[str, ...]
    kind: Literal[
        "open source", "open-weight", "open-weight with use limits", "research only", "non-production"
    ] = field(name="class")
    commercial: bool
    thresholds: (
        dict[str, Any] | None
    )  # monthly_active_users, annual_revenue_usd: "more than" these needs an agreement
    thresholds_count_affiliates: bool = False  # figures of the whole group count, not of the licensee alone
    restrictions: tuple[str, ...]
    duties: tuple[str, ...]
    geographic_limits: str | None
    eu_domicile_barred: Literal["multimodal", "none"] = "none"  # no rights for licensees seated in the EU
    military_ban: bool | Literal["not by name"] | None
    barred_purposes: tuple[str, ...]  # of purposes()
    required_notices: tuple[str, ...] = ()  # texts that must be shown
    output_use: str | None
    trains_others_barred: bool  # outputs may not improve other language models
    note: str | None = None


class ModelServing(Row, frozen=True, kw_only=True):
    """Which server runs a model family."""

    model: str
    architecture: str
    server: str
    note: str


class ImageModel(Row, frozen=True, kw_only=True):
    """What a model that makes images needs: one image of `pixels` squared at a time, all parts on the GPU."""

    model: str
    weights_gib: float
    gpu_gib: float  # weights included
    pixels: int
    note: str


class ModelHubHost(Row, frozen=True, kw_only=True):
    """A host of a model hub: never at run time; only the mirror job may reach it."""

    host: str
    use: str
    runtime: Literal["deny"]
    mirror_job: Literal["allow", "optional", "deny"]


class LicenseStanding(Struct, frozen=True, kw_only=True):
    """The license of a model and whether a verified source says that it is the one."""

    license: License
    verified: bool
    base: tuple[License, ...]  # licenses of what the model was made from


@cache
def models() -> Mapping[str, Model]:
    """Every open-weight model by its id."""
    return {row.id: row for row in rows("models", Model)}


@cache
def _model_names() -> Mapping[str, str]:
    """Ids and aliases in lower case, and the part after the slash where it is unambiguous."""
    found: dict[str, str] = {}
    short: dict[str, set[str]] = {}
    for row in models().values():
        for spelling in (row.id, *row.aliases):
            found[spelling.lower()] = row.id
        short.setdefault(row.id.rpartition("/")[2].lower(), set()).add(row.id)
    for name, ids in short.items():
        if len(ids) == 1:
            found.setdefault(name, next(iter(ids)))
    return found


def model(name: str) -> Model:
    """One model by id, alias or the part after the slash, any case; raises UnknownName with near matches."""
    found = _model_names().get(name.strip().lower())
    if found is None:
        names = _model_names()
        close = near(name, names, 3)
        raise UnknownName("model", name, tuple(dict.fromkeys(names[key] for key in close)))
    return models()[found]


@cache
def published_as(model_id: str, weight_format: str) -> tuple[str, ...]:
    """Repositories that hold the weights of a model in a format (a row of weight_formats), sorted."""
    return tuple(
        sorted(
            row.id for row in models().values() if row.quantizes == model_id and row.dtype == weight_format
        )
    )


@cache
def transcribers() -> Mapping[str, Literal["only", "too"]]:
    """Architectures that write down speech, and whether they can do something else, too."""
    return {row.arch: row.transcribes for row in models().values() if row.arch and row.transcribes}


@cache
def licenses() -> Mapping[str, License]:
    """Every license by id."""
    return {row.id: row for row in rows("licenses", License)}


def license_of(of: Model | str) -> LicenseStanding | None:
    """The license of a model (record, id or alias); None where it is not known.

    Verified means: the tag was read at the source, or a verified license names the model's family among those
    it covers (and not in a part marked unverified).
    """
    row = model(of) if isinstance(of, str) else of
    if row.license_id is None:
        return None
    found = licenses()[row.license_id]
    named = row.license_covers is not None and found.verified is True
    return LicenseStanding(
        license=found,
        verified=found.verified is not False and (row.license_verified or named),
        base=tuple(licenses()[other] for other in row.base_license_ids),
    )


@cache
def model_serving() -> tuple[ModelServing, ...]:
    """Which server runs which family."""
    return rows("model_serving", ModelServing)


@cache
def image_models() -> Mapping[str, ImageModel]:
    """Models that make images, by the id of the model."""
    return {row.model: row for row in rows("image_models", ImageModel)}


@cache
def model_hub_hosts() -> Mapping[str, ModelHubHost]:
    """Hosts of model hubs by name."""
    return {row.host: row for row in rows("model_hub_hosts", ModelHubHost)}
