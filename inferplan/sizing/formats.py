"""Weight and KV-cache formats: what they keep at 16 bit, what they need of a GPU, and the names for them.

Not here: bytes of a particular model (weights, kv_cache).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Literal

from inferplan.catalog.serving import vllm_methods
from inferplan.catalog.table import Row, UnknownName, rows
from inferplan.near import near
from inferplan.records.plan import Source


class WeightFormat(Row, frozen=True):
    """How weights lie on the GPU. `scope`: which tensors take `bytes_per_param`; all others stay at 2 bytes.

    `linear`: everything but embeddings and output head; `mlp`: feed-forward of all but the first and last
    layer; `experts`: expert matrices only; `all`: every tensor.
    """

    id: str
    methods: tuple[str, ...]  # names that mean this format, as vLLM, repositories and specs write them
    bytes_per_param: float
    scope: Literal["linear", "mlp", "experts", "all"]
    at_load: bool  # vLLM can quantize a 16-bit repository to it while loading
    peak: Literal["bf16", "fp8", "fp4"]  # arithmetic on GPUs that run it natively
    native_from: str | None  # compute capability; None: weight-only everywhere
    min_cc: str
    padding: float = 1.0  # factor on the quantized tensors for kernels that pad
    supported: bool = True
    until: str | None = None  # last vLLM version with it
    note: str | None = None

    @property
    def sources(self) -> tuple[Source, ...]:
        """Where the format's facts come from, for derivations."""
        return tuple(Source(source=text, as_of=self.as_of) for text in self.source)


class KvFormat(Row, frozen=True):
    """How KV values lie on the GPU; `bytes_per_token_layer` is for packed MLA formats."""

    id: str
    methods: tuple[str, ...]
    bytes_per_value: float | None = None
    bytes_per_token_layer: int | None = None
    native_from: str | None = None
    offered: bool = True
    note: str | None = None


@cache
def weight_formats() -> Mapping[str, WeightFormat]:
    """Every weight format by id."""
    return {row.id: row for row in rows("weight_formats", WeightFormat)}


@cache
def kv_formats() -> Mapping[str, KvFormat]:
    """Every KV-cache format by id."""
    return {row.id: row for row in rows("kv_formats", KvFormat)}


@cache
def weight_format(name: str) -> WeightFormat:
    """The format that a method name means, any case; raises UnknownName with near matches."""
    wanted = name.lower().replace("_", "-")
    names = {
        method.replace("_", "-"): row
        for row in weight_formats().values()
        for method in (row.id, *row.methods)
    }
    if wanted not in names:
        raise UnknownName("quantization", name, near(name, names, 3))
    return names[wanted]


def method_at_load(name: str, version: str) -> str:
    """What `--quantization` is told so that 16-bit weights are quantized to a format while they load.

    `fp8` itself is deprecated there since 0.33 (vllm/model_executor/model_loader/weight_utils.py).
    """
    known = vllm_methods(version)
    form = weight_format(name)
    wanted = (name, form.id, *form.methods)
    return next((one for one in wanted if one in known and known[one].at_load), name)


@cache
def kv_format(name: str) -> KvFormat:
    """The KV-cache format that a dtype name means; raises UnknownName with near matches."""
    wanted = name.lower()
    names = {method: row for row in kv_formats().values() for method in (row.id, *row.methods)}
    if wanted not in names:
        raise UnknownName("KV cache dtype", name, near(name, names, 3))
    return names[wanted]


@cache
def capability(text: str) -> tuple[int, int]:
    """A compute capability such as `8.9` as a sortable pair."""
    major, _, minor = text.partition(".")
    return int(major), int(minor or 0)


def runs_natively(form: WeightFormat, compute_capability: str) -> bool:
    """Whether the GPU computes in this format rather than only storing it."""
    return form.native_from is not None and capability(compute_capability) >= capability(form.native_from)
