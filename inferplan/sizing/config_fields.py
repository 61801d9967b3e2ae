"""What is known of the fields of a config.json: read, harmless, harmless while off, or not understood.

Not here: reading them (config_json, config_layers, config_quantization).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, Literal

from inferplan.catalog import models
from inferplan.catalog.table import Row, rows


class ConfigFields(Row, frozen=True):
    """Fields of config.json that have the same effect on size and cache."""

    id: str
    effect: Literal["read", "none", "none_while_off", "marks"]
    """`read`: the shapes come from them; `marks`: no fields but words in the names of unknown ones."""
    fields: tuple[str, ...]
    note: str


class KnownArchitecture(Row, frozen=True):
    """Architectures whose tensors were counted, config by config, against the code that makes them."""

    id: str
    architectures: tuple[str, ...]
    prediction: Literal["as_the_last", "with_tables", "dense", "absent"]
    """How the repository holds the layers that predict further tokens: each like the last layer, with an
    embedding and a head of its own, without experts, or not at all, whatever the config says."""
    note: str


@cache
def config_fields() -> Mapping[str, ConfigFields]:
    """Every row by id."""
    return {row.id: row for row in rows("config_fields", ConfigFields)}


@cache
def _effects() -> Mapping[str, str]:
    table = config_fields().values()
    return {name: row.effect for row in table if row.effect != "marks" for name in row.fields}


@cache
def _marks() -> frozenset[str]:
    table = config_fields().values()
    return frozenset(word for row in table if row.effect == "marks" for word in row.fields)


@cache
def known_architectures() -> Mapping[str, KnownArchitecture]:
    """The row of each architecture."""
    table = rows("config_architectures", KnownArchitecture)
    return {name: row for row in table for name in row.architectures}


@cache
def counted_architectures() -> frozenset[str]:
    """Architectures that are no guess."""
    return frozenset({*known_architectures(), *(model.arch for model in models().values() if model.arch)})


def unread_fields(config: Mapping[str, Any]) -> Iterator[str]:
    """One sentence for each field that could change the size or the cache and is not understood."""
    for path, name, value in _said(config):
        effect = _effects().get(name)
        if _is_off(value) or effect in {"read", "none"}:
            continue
        if effect == "none_while_off":
            yield f"{path} {_shown(value)} is not modelled"
        elif _speaks_of_size(name, value):
            yield f"{path} {_shown(value)} is not understood"


def _said(config: Mapping[str, Any]) -> Iterator[tuple[str, str, Any]]:
    """Path, name and value of every field of the text model and of its quantization."""
    for name, value in config.items():
        key = str(name)
        if key.endswith(("text_config", "llm_config", "language_config")) and isinstance(value, Mapping):
            yield from ((f"{key}.{path}", part, inner) for path, part, inner in _said(value))
        elif key == "quantization_config" and isinstance(value, Mapping):
            yield from ((f"{key}.{part}", f"{key}.{part}", inner) for part, inner in value.items())
        else:
            yield key, key, value


def _is_off(value: object) -> bool:
    return value is None or value is False or value == 0 or value in ("", [], {}, ())


def _speaks_of_size(name: str, value: object) -> bool:
    """Whether a value under an unknown name could be a size: no fraction, and a word of size in the name."""
    if isinstance(value, float) and not value.is_integer():
        return False
    return not _marks().isdisjoint(name.rpartition(".")[2].lower().split("_"))


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "..."


def guesses(architecture: str | None) -> tuple[str, ...]:
    """What is assumed of a model whose architecture was not checked."""
    if architecture is None:
        return ("the file names no architecture: its tensors are counted as those of Llama and its kin",)
    if architecture in counted_architectures():
        return ()
    return (f"{architecture} was not checked: its tensors are counted as those of Llama and its kin",)
