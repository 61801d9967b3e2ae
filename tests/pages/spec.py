"""The page of the spec language: every field of every kind of file, from the published JSON Schemas.

Not here: the schemas themselves (inferplan.spec.schema).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from inferplan.spec.schema import KINDS, generate, schema_path
from inferplan.spec.vocabulary import API_VERSION, PRIORITIES
from tests.pages.markdown import GENERATED, code, page, prose, table

Schema = Mapping[str, Any]
Row = tuple[str, str, str, str]

_REF = "#/$defs/"
_BOUNDS = {"minimum": "at least", "exclusiveMinimum": "more than", "maximum": "at most"}
_LENGTHS = {"minItems": "at least", "minProperties": "at least"}
_NOTES = {"priorities": f"Names: {code(PRIORITIES)}."}  # what the schema leaves open
_WORDS = {"integer": "whole number", "boolean": "yes or no", "string": "text", "object": "mapping"}


def text() -> str:
    """The whole page."""
    kinds = {kind: _schema(kind) for kind in KINDS}
    return page(
        [
            "# The spec language",
            "",
            GENERATED,
            "",
            f"Every file that inferplan reads says `apiVersion: {API_VERSION}` and its `kind`.",
            "`[]` stands for each entry of a list, `*` for each name of a mapping.",
            "An unknown field is refused with its line and a near match.",
            "`inferplan schema KIND` prints the JSON Schema for editors.",
            "The files under `specs/` show the fields at work.",
            "",
            *table(
                ("kind", "what it is"),
                (
                    (f"[{kind}](#{kind.lower()})", _root(schema)["description"])
                    for kind, schema in kinds.items()
                ),
            ),
            *(line for kind, schema in kinds.items() for line in _kind(kind, schema)),
        ]
    )


def top_level_fields(kind: str) -> tuple[str, ...]:
    """The fields of a kind that have a heading: all but the two that every file has."""
    return tuple(name for name in _root(_schema(kind))["properties"] if name not in {"apiVersion", "kind"})


def _schema(kind: str) -> Schema:
    found: Schema = json.loads(generate()[schema_path(kind)])
    return found


def _root(schema: Schema) -> Schema:
    found: Schema = schema["$defs"][schema["$ref"].removeprefix(_REF)]
    return found


def _kind(kind: str, schema: Schema) -> Iterator[str]:
    root = _root(schema)
    yield from ("", f"## {kind}", "", prose(root["description"]))
    for name in top_level_fields(kind):
        required = name in root.get("required", ())
        yield from ("", f"### {kind}: {name}", "")
        yield from table(
            ("path", "type", "default", "meaning"),
            _rows(name, root["properties"][name], schema["$defs"], required=required),
        )
        if name in _NOTES:
            yield from ("", _NOTES[name])


def _rows(path: str, field: Schema, parts: Schema, *, required: bool) -> Iterator[Row]:
    yield (f"`{path}`", _type(field, parts), _default(field, required), prose(field.get("description", "")))
    for below, part in _parts(path, field):
        made = parts[part]
        for name, inner in made["properties"].items():
            yield from _rows(f"{below}.{name}", inner, parts, required=name in made.get("required", ()))


def _parts(path: str, field: Schema) -> Iterator[tuple[str, str]]:
    """The records inside a field, each with the path that leads to its fields."""
    if "$ref" in field:
        yield path, field["$ref"].removeprefix(_REF)
    for choice in field.get("anyOf", ()):
        yield from _parts(path, choice)
    if isinstance(field.get("items"), Mapping):
        yield from _parts(f"{path}[]", field["items"])
    if isinstance(field.get("additionalProperties"), Mapping):
        yield from _parts(f"{path}.*", field["additionalProperties"])


def _type(field: Schema, parts: Schema) -> str:
    if "$ref" in field:
        return "fields below" if parts[field["$ref"].removeprefix(_REF)]["properties"] else "nothing"
    if "anyOf" in field:
        choices = [_type(choice, parts) for choice in field["anyOf"] if choice.get("type") != "null"]
        return " or ".join(dict.fromkeys(choices))
    if "enum" in field:
        return code(field["enum"])
    kind = field.get("type")
    if kind == "array":
        return f"list of: {_type(field['items'], parts)}{_limits(field, _LENGTHS)}"
    if kind == "object" and isinstance(field.get("additionalProperties"), Mapping):
        values = field["additionalProperties"]
        of = _type(values, parts) if values else "anything"
        return f"mapping of names to: {of}{_limits(field, _LENGTHS)}"
    if "title" in field:
        return prose(field["title"])
    if not kind:
        return "anything"
    return (_WORDS.get(kind, kind) if isinstance(kind, str) else " or ".join(kind)) + _limits(field, _BOUNDS)


def _limits(field: Schema, words: Mapping[str, str]) -> str:
    said = [f"{word} {field[key]:g}" for key, word in words.items() if key in field]
    return f" ({', '.join(said)})" if said else ""


def _default(field: Schema, required: bool) -> str:
    if required:
        return "required"
    value = field.get("default")
    return "" if value in (None, {}, []) else f"`{json.dumps(value)}`"
