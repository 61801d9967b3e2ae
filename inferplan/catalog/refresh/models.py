"""The tables of open-weight models, made of pinned wheels and of what people have read (hand_read).

A config.json is read by the function that `--config` uses, so that both give the same shapes.
Not here: the sources (model_sources). A shape that none of them states stays unknown.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

import msgspec

from inferplan.catalog.open_weights import CacheLayers, Model, Tensors
from inferplan.catalog.refresh import model_sources, rows
from inferplan.sizing.config_json import shapes_from_config
from inferplan.sizing.formats import weight_format
from inferplan.sizing.kv_cache import kv_layout
from inferplan.sizing.shapes import ModelShapes, Supplement, count_parameters, missing
from inferplan.sizing.tensors import SIXTEEN_BIT
from inferplan.sizing.weights import weights

SAME = 0.005  # bytes that differ by less are the same to a row
MANY_TEXTS = frozenset({"modified-mit"})  # a tag that publishers give to texts of their own
ONE_TEXT = frozenset({"apache-2.0", "mit", "cc-by-nc-4.0"})  # tags that are ids of licenses, too
LIKE = "like "  # the shapes of another row
# what a row of `models` calls a field of the shapes
NAMES = {
    "arch": "architecture",
    "params": "parameters",
    "active": "active_parameters",
    "ctx": "context",
    "kv_type": "attention",
    "full_attn_layers": "full_attention_layers",
    "experts_per_tok": "experts_per_token",
}
PROVENANCE = {"source", "as_of", "verified", "unverified_parts"}
# fields of what a person read that say how a row is made and are not in it
MAKING = {"shapes", "config", "recipe_gb", "read", *PROVENANCE}


def read() -> list[dict[str, Any]]:
    """What a person has read, a row per model."""
    return rows.hand_read("models")


def _default(field: str) -> Any:
    return {one.name: one.default for one in msgspec.structs.fields(Model)}.get(field)


FIELDS = tuple(field for field in Model.__struct_fields__ if field not in PROVENANCE)
SHAPES = tuple(
    field
    for field in FIELDS
    if NAMES.get(field, field) in ModelShapes.__struct_fields__ and field not in {"id", "note", "vllm_since"}
)
REQUIRED = {one.name for one in msgspec.structs.fields(Model) if one.required}
EXTRA = tuple(field for field in Supplement.__struct_fields__ if field not in {"model", "note", *PROVENANCE})


def config_of(row: Mapping[str, Any], known: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The config.json of a row, put together of its sources; what stands first wins."""
    found: dict[str, Any] = dict(row.get("config", {}))
    for source in row.get("shapes", ()):
        more = (
            config_of(known[source.removeprefix(LIKE)], known)
            if source.startswith(LIKE)
            else model_sources.config_of(source)
        )
        found = {**more, **found}
    return found


def sources(row: Mapping[str, Any], known: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Where the shapes of a row come from, then what a person has read."""
    found: list[str] = []
    for source in row.get("shapes", ()):
        if source.startswith(LIKE):
            found += sources(known[source.removeprefix(LIKE)], known)
        else:
            found.append(model_sources.cited(source))
    return list(dict.fromkeys([*found, *row["source"]]))


def stated(shapes: ModelShapes | None) -> dict[str, Any]:
    """The shapes under the names of a row of `models`."""
    if shapes is None:
        return {}
    found = {field: getattr(shapes, NAMES.get(field, field)) for field in SHAPES}
    found["dtype"] = shapes.dtype if shapes.dtype in SIXTEEN_BIT else weight_format(shapes.dtype).id
    if shapes.unread:  # the size or the cache is not known, so the model cannot be sized
        return found | {"kv_type": None, "tensors": (), "caches": (), "note": "; ".join(shapes.unread)}
    found["tensors"] = list(msgspec.to_builtins(_tensors(shapes))) or None
    found["caches"] = list(msgspec.to_builtins(_caches(shapes))) or None
    found["chunk" if shapes.chunked else "sliding"] = shapes.window
    if str(shapes.attention).startswith("mla"):
        found["head_dim"] = None  # the heads have none of one width
    if not shapes.is_moe:
        found["active"] = None
    return found


def _tensors(shapes: ModelShapes) -> tuple[Tensors, ...]:
    """The tensors, where the other fields would give other bytes or parameters; none where they suffice."""
    plain = msgspec.structs.replace(shapes, tensors=())
    claimed = count_parameters(plain)
    if claimed is None or claimed > (shapes.parameters or 0) * (1 + SAME):
        return shapes.tensors
    same = all(
        math.isclose(weights(plain, None, ranks).per_gpu_gib, held.per_gpu_gib, rel_tol=SAME)
        and math.isclose(weights(plain, None, ranks).repository_gib, held.repository_gib, rel_tol=SAME)
        for ranks in (1, 8)
        for held in (weights(shapes, None, ranks),)
    )
    return () if same else shapes.tensors


def _caches(shapes: ModelShapes) -> tuple[CacheLayers, ...]:
    """The caches, where the other fields of a row would give others."""
    plain = msgspec.structs.replace(shapes, caches=())
    if missing(plain):
        return shapes.caches
    return () if kv_layout(plain) == kv_layout(shapes) else shapes.caches


def row_of(row: Mapping[str, Any], known: Mapping[str, Mapping[str, Any]]) -> Iterator[dict[str, Any] | None]:
    """The row of `models` and, where sizing needs more than it holds, the one of `model_shapes`."""
    config = config_of(row, known)
    shapes = _shapes(row, config) if _is_whole(config) else None
    values = stated(shapes) | {field: value for field, value in row.items() if field in FIELDS}
    license_said = licensed(row)
    values |= license_said
    values["transcribes"] = model_sources.transcribers().get(str(values.get("arch")))
    cited, as_of = sources(row, known), row["as_of"]
    if license_said:
        cited = [*cited, model_sources.cited_license()]
    unread = {
        "params": not values.get("params_verified", True),
        "shapes": not values.get("shapes_verified", True),
        "license": not values["license_verified"],
        "gated": True,  # only the hub states it, and nobody has read it there
    }
    parts = [part for part, is_unread in unread.items() if is_unread]
    yield {
        **_written(values),
        "verified": "partial",
        "unverified_parts": parts,
        "source": cited,
        "as_of": as_of,
    }
    more = {field: getattr(shapes, field) for field in EXTRA} if shapes is not None else {}
    blank = {one.name: one.default for one in msgspec.structs.fields(ModelShapes)}
    more = {field: value for field, value in more.items() if value is not None and value != blank.get(field)}
    if "tie_word_embeddings" not in {**config, **(config.get("text_config") or {})}:
        more.pop("tied_embeddings", None)  # it follows from the parameters
    more |= {field: row[field] for field in EXTRA if field in row and field not in FIELDS}
    for field in EXTRA:
        if field in FIELDS or NAMES.get(field) in FIELDS or field == "experts_per_token":
            more.pop(field, None)
    yield {"model": row["id"], **more, "verified": True, "source": cited, "as_of": as_of} if more else None


def licensed(row: Mapping[str, Any]) -> dict[str, Any]:
    """The license of a row: its tag counts as read where a package states it of that repository, too.

    Where nobody has read one, the tag of the package is taken, and the text where the tag names just one.
    """
    read, stated_tag = row["license"], model_sources.license_tags().get(row["id"])
    if row["license_verified"] or stated_tag is None or read not in {None, stated_tag}:
        return {}
    found: dict[str, Any] = {"license": stated_tag, "license_verified": stated_tag not in MANY_TEXTS}
    return found | ({"license_id": stated_tag} if read is None and stated_tag in ONE_TEXT else {})


def _shapes(row: Mapping[str, Any], config: Mapping[str, Any]) -> ModelShapes:
    """The shapes of a row by its config.json; where that does not say whether the tables are tied, the
    parameters do.
    """
    said = {key: value for key, value in config.items() if key != model_sources.BESIDE}
    if row.get("arch"):
        said["architectures"] = [row["arch"]]
    read_config = partial(shapes_from_config, name=row["id"], beside=config.get(model_sources.BESIDE))
    total = row.get("params")
    if total is None:
        return read_config(said)
    if "tie_word_embeddings" not in {**said, **(said.get("text_config") or {})}:
        untied = read_config({**said, "tie_word_embeddings": False})
        head = (untied.vocab or 0) * (untied.hidden or 0)
        counted = untied.parameters or 0
        said["tie_word_embeddings"] = abs(total - (counted - head)) < abs(total - counted)
    return read_config({"num_parameters": total, **said})


def _is_whole(config: Mapping[str, Any]) -> bool:
    """Whether a source states the shapes; mteb alone states a size and a longest input."""
    return "hidden_size" in config.get("text_config", config)


def _written(values: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a row in the order of the record: those that must be, and what is no default."""
    found: dict[str, Any] = {}
    for field in FIELDS:
        value = values.get(field)
        if field in REQUIRED or (value is not None and value != _default(field)):
            found[field] = value
    return found


def tables() -> dict[str, list[dict[str, Any]]]:
    """Both tables, as they should read."""
    written = read()
    known = {row["id"]: row for row in written}
    made = [tuple(row_of(row, known)) for row in written]
    return {
        "models": [row for row, _ in made if row],
        "model_shapes": [more for _, more in made if more],
    }


def main() -> None:
    """Rewrite the tables and say what changed."""
    rows.replace(tables())


if __name__ == "__main__":
    main()
