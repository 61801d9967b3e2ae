"""What each release of vLLM knows and accepts, by name: rows that were read from the source of its wheels.

Not here: what follows for a layout (constraints) and how the rows are made (catalog.refresh.vllm_limits).
"""

from __future__ import annotations

from bisect import bisect_right
from functools import cache
from typing import Literal, TypeVar

from inferplan.catalog.table import Row, rows
from inferplan.sizing.constants import version_key
from inferplan.sizing.formats import capability


class Span(Row, frozen=True):
    """Something that releases `since` to `until` have; until None: the newest that was read has it too."""

    since: str
    until: str | None


class CacheDtype(Span, frozen=True):
    """A value of `--kv-cache-dtype`."""

    dtype: str


class NoFloat16(Span, frozen=True):
    """A type of model that vLLM refuses in float16, and the architectures of that type."""

    model_type: str
    architectures: tuple[str, ...]


class MethodLimits(Span, frozen=True):
    """What a value of `--quantization` asks of the GPU and of the activations' type."""

    method: str
    min_cc: str | None  # None: not for NVIDIA GPUs
    dtypes: tuple[str, ...]
    deprecated: bool  # refused without --allow-deprecated-quantization


class Architecture(Span, frozen=True):
    """An architecture that vLLM serves, with what the newest release that has it can do with it."""

    architecture: str
    pipeline: bool
    lora: bool


class AttentionBackend(Span, frozen=True):
    """A backend that vLLM may choose on an NVIDIA GPU, as the newest release that has it describes it."""

    backend: str
    mla: bool
    sparse: bool
    cache_dtypes: tuple[str, ...]
    head_sizes: tuple[int, ...]  # empty: any
    capabilities: tuple[str, ...]


class EncoderCut(Row, frozen=True):
    """How vLLM shares out an encoder of an architecture: a split one must have heads for every rank."""

    architecture: str
    part: Literal["vision", "audio"]
    cut: Literal["split", "split or whole", "whole"]
    """`whole`: every rank holds all of it, `split or whole`: where the heads cannot be divided."""


class Release(Row, frozen=True):
    """A release of vLLM whose source was read."""

    version: str


S = TypeVar("S", bound=Span)
# Ends of names that vLLM takes for one another, in its order: config/model.py, _SUFFIX_TO_DEFAULTS.
CONVERTED = (
    "ForCausalLM", "ForConditionalGeneration", "ChatModel", "LMHeadModel", "ForTextEncoding",
    "EmbeddingModel", "ForSequenceClassification", "ForTokenClassification", "ForAudioClassification",
    "ForImageClassification", "ForVideoClassification", "ClassificationModel", "ForRewardModeling",
    "RewardModel", "Model",
)  # fmt: skip
CONVERTS_FROM = "0.10.1"


@cache
def releases() -> tuple[str, ...]:
    """Every release that was read, oldest first."""
    return tuple(row.version for row in rows("vllm_releases", Release))


@cache
def release(version: str) -> str:
    """The newest release that was read and is no newer than `version`; the oldest for what is older."""
    keys = [version_key(one) for one in releases()]
    return releases()[max(0, bisect_right(keys, version_key(version)) - 1)]


def is_unread(version: str) -> bool:
    """Whether `version` is newer than every release that was read, or older."""
    oldest, newest = releases()[0], releases()[-1]
    return not version_key(oldest) <= version_key(version) <= version_key(newest)


def has(row: Span, version: str) -> bool:
    """Whether the release that stands for `version` has what the row describes."""
    key = version_key(release(version))
    return version_key(row.since) <= key and (row.until is None or key <= version_key(row.until))


def _at(table: tuple[S, ...], version: str) -> tuple[S, ...]:
    return tuple(row for row in table if has(row, version))


@cache
def cache_dtypes(version: str) -> frozenset[str]:
    """Values of `--kv-cache-dtype` in a version."""
    return frozenset(row.dtype for row in _at(rows("vllm_cache_dtypes", CacheDtype), version))


@cache
def since(dtype: str) -> str | None:
    """The first release with a type of cache; None for one that no release has."""
    return next((row.since for row in rows("vllm_cache_dtypes", CacheDtype) if row.dtype == dtype), None)


@cache
def without_float16(version: str) -> frozenset[str]:
    """Architectures that a version refuses in float16."""
    table = _at(rows("vllm_float16", NoFloat16), version)
    return frozenset(name for row in table for name in row.architectures)


@cache
def _method_rows() -> tuple[MethodLimits, ...]:
    return rows("vllm_method_limits", MethodLimits)


@cache
def methods(version: str) -> dict[str, MethodLimits]:
    """Values of `--quantization` in a version."""
    return {row.method: row for row in _at(_method_rows(), version)}


@cache
def last_with_method(method: str) -> str | None:
    """The last release with a method; None where the newest has it, or none ever had."""
    spans = [row.until for row in _method_rows() if row.method == method]
    return spans[-1] if spans else None


@cache
def method_names() -> frozenset[str]:
    """Every value that `--quantization` has had."""
    return frozenset(row.method for row in _method_rows())


@cache
def architectures() -> dict[str, tuple[Architecture, ...]]:
    """Every architecture with the spans of releases that have it, oldest first."""
    found: dict[str, tuple[Architecture, ...]] = {}
    for row in rows("vllm_architectures", Architecture):
        found[row.architecture] = (*found.get(row.architecture, ()), row)
    return found


@cache
def served_as(name: str, version: str) -> Architecture | None:
    """The architecture that serves a name in a version: itself, or the one that vLLM makes it from.

    What ends as a classifier, an embedder or a reward model is made of the model that generates, where there
    is no class of its own (registry.py, _normalize_arch).
    """
    names = [name]
    suffix = next((one for one in CONVERTED if name.endswith(one)), None)
    if suffix is not None and version_key(version) >= version_key(CONVERTS_FROM):
        names += [name.removesuffix(suffix) + other for other in CONVERTED]
    rows_of = (row for one in names for row in architectures().get(one, ()))
    return next((row for row in rows_of if has(row, version)), None)


@cache
def encoder_cut(architecture: str | None, part: str) -> str | None:
    """How the newest release shares out an encoder; None where its source was not understood."""
    known = (row for row in rows("vllm_encoders", EncoderCut) if row.part == part)
    return next((row.cut for row in known if row.architecture == architecture), None)


@cache
def attention_backends(version: str) -> tuple[AttentionBackend, ...]:
    """Backends of a version; before their registry was one that can be read, those of its first release."""
    table = rows("vllm_attention", AttentionBackend)
    first = min((row.since for row in table), key=version_key)
    return _at(table, max(version, first, key=version_key))


def runs_on(backend: AttentionBackend, compute_capability: str) -> bool:
    """Whether a backend runs on a GPU; one between two that were asked about counts as the lower."""
    asked = [text for text in _asked() if capability(text) <= capability(compute_capability)]
    return bool(asked) and asked[-1] in backend.capabilities


@cache
def _asked() -> tuple[str, ...]:
    """The compute capabilities that the rows speak of, lowest first."""
    table = rows("vllm_attention", AttentionBackend)
    return tuple(sorted({text for row in table for text in row.capabilities}, key=capability))
