"""The config.json files of a pinned wheel, what is known of each model, and what `inferplan` says of it.

`python -m tests.public_configs` writes the predictions into the table again. Not here: the judgment
(tests/unit/test_public_configs.py) and the page (tests/pages/public_configs.py).
"""

from __future__ import annotations

import json
import sys
from functools import cache
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import msgspec
from msgspec import Struct

from inferplan.catalog.refresh import wheels
from inferplan.sizing import Fit, ModelShapes, fit, shapes_from_config, weights

TABLE = Path(__file__).with_name("fixtures") / "public_configs.json"
PACKAGE = "aiconfigurator-core"
_FOLDER = "aiconfigurator_core/model_configs/"
_NODE_GIB, _GPUS = 178.35, 8  # a node on which most of them start: eight B200


class Prediction(Struct, frozen=True, kw_only=True):
    """What sizing says of one file."""

    parameters: int
    repository_gib: float
    gpu_gib: float  # on all GPUs together, without what a layout repeats
    kv_elements: int  # cached for a token, over all layers
    unread: tuple[str, ...] = ()
    guessed: tuple[str, ...] = ()


class PublicConfig(Struct, frozen=True, kw_only=True):
    """One file and what others say of its model."""

    file: str  # organization--name
    parameters: int | None = None
    kv_elements: int | None = None
    weights_gib: float | None = None  # on the GPUs, by a second count of which tensor is stored how
    repository_bytes: int | None = None
    tolerance: float = 0.03  # of the repository's bytes
    undecided: str | None = None  # why no verdict is right
    note: str | None = None
    source: tuple[str, ...]
    as_of: str
    predicted: Prediction | None = None


@cache
def table() -> tuple[PublicConfig, ...]:
    """Every row."""
    return msgspec.json.decode(TABLE.read_bytes(), type=tuple[PublicConfig, ...])


@cache
def archive() -> ZipFile | None:
    """The wheel, or None where it is not fetched."""
    try:
        return ZipFile(wheels.wheel(PACKAGE))
    except FileNotFoundError:
        return None


def names() -> list[str]:
    """Every model whose config.json the wheel ships."""
    found = archive()
    assert found is not None
    files = [one for one in found.namelist() if one.startswith(_FOLDER) and one.endswith("_config.json")]
    bare = [one.removeprefix(_FOLDER).removesuffix("_config.json") for one in files]
    return sorted(one for one in bare if not one.endswith("_hf_quant"))


def content(name: str, file: str = "config.json") -> dict[str, Any]:
    """What a file of that model says."""
    found = archive()
    assert found is not None
    said: dict[str, Any] = json.loads(found.read(f"{_FOLDER}{name}_{file}"))
    return said


def shapes(name: str) -> ModelShapes:
    """The shapes that the files of that name give."""
    found = archive()
    assert found is not None
    has_more = f"{_FOLDER}{name}_hf_quant_config.json" in found.namelist()
    beside = content(name, "hf_quant_config.json") if has_more else None
    return shapes_from_config(content(name), name, "2026-11-20", beside)


def on_a_node(model: ModelShapes) -> Fit:
    """Whether it starts on eight large GPUs, with little asked of it."""
    return fit(
        model, _NODE_GIB, _GPUS, max_model_len=4096, max_num_seqs=16, gpu="B200", compute_capability="10.0"
    )


def predict(name: str) -> Prediction:
    """What sizing says of the file of that name."""
    model = shapes(name)
    held = weights(model)
    growing = [one for one in model.caches if one.kind != "state"]
    return Prediction(
        parameters=held.parameters,
        repository_gib=round(held.repository_gib, 2),
        gpu_gib=round(held.per_gpu_gib, 2),
        kv_elements=sum(one.layers * max(1, one.heads) * one.values for one in growing),
        unread=model.unread,
        guessed=model.guessed,
    )


def main() -> int:
    """Write the predictions of today into the table."""
    rows = [msgspec.structs.replace(row, predicted=predict(row.file)) for row in table()]
    lines = [msgspec.json.encode(_plain(row)).decode() for row in rows]
    TABLE.write_text("[\n" + ",\n".join(lines) + "\n]\n", encoding="utf-8")
    return 0


def _plain(row: PublicConfig) -> dict[str, Any]:
    return {name: value for name, value in msgspec.to_builtins(row).items() if value is not None}


if __name__ == "__main__":
    sys.exit(main())
