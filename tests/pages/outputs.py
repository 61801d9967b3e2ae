"""The page of outputs: every field of every JSON document that a verb prints, from their JSON Schemas.

Not here: the schemas themselves (inferplan.report.contract_schemas).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from inferplan.report.contract_schemas import OUTPUTS, generate, output_path
from tests.pages.markdown import GENERATED, code, page, prose, table

Schema = Mapping[str, Any]

_REF = "#/$defs/"
_WORDS = {"integer": "whole number", "boolean": "yes or no", "string": "text", "object": "mapping"}


def text() -> str:
    """The whole page."""
    schemas = {name: _schema(name) for name in OUTPUTS}
    roots = {name: tuple(record.__name__ for record in OUTPUTS[name]) for name in OUTPUTS}
    of_roots = {root for found in roots.values() for root in found}
    parts = {part: held for schema in schemas.values() for part, held in schema["$defs"].items()}
    return page(
        [
            "# What verbs print with --format json",
            "",
            GENERATED,
            "",
            "Fields may be added to these documents, and none is renamed or taken away.",
            "`inferplan schema --output NAME` prints the JSON Schema of one, which names every field.",
            "Amounts are in the unit of their name (`_usd`, `_gib`, `_seconds`, `_ms`).",
            "What is unknown or does not apply is null, never 0.",
            "",
            *table(
                ("output", "what it is"),
                ((f"[{name}](#{name})", schema["description"]) for name, schema in schemas.items()),
            ),
            *(
                line
                for name in OUTPUTS
                for line in _output(name, {root: parts[root] for root in roots[name]})
            ),
            "",
            "## Records",
            *(line for part in sorted(parts.keys() - of_roots) for line in _record(part, parts[part])),
        ]
    )


def _schema(name: str) -> Schema:
    found: Schema = json.loads(generate()[output_path(name)])
    return found


def _output(name: str, roots: Mapping[str, Schema]) -> Iterator[str]:
    yield from ("", f"## {name}")
    for root in roots.values():
        yield from ("", prose(root["description"]), "", *_fields(root))


def _record(name: str, part: Schema) -> Iterator[str]:
    yield from ("", f"### {name}", "", prose(part["description"]), "", *_fields(part))


def _fields(part: Schema) -> list[str]:
    optional = part["properties"].keys() - set(part["required"])
    return table(
        ("field", "type", "meaning"),
        (
            (
                f"`{name}`",
                _type(field) + (" (may be missing)" if name in optional else ""),
                prose(field["description"]),
            )
            for name, field in part["properties"].items()
        ),
    )


def _type(field: Schema) -> str:
    if "$ref" in field:
        name = field["$ref"].removeprefix(_REF)
        return f"[{name}](#{name.lower()})"
    if "anyOf" in field:
        return " or ".join(map(_type, field["anyOf"]))
    if "enum" in field:
        return code(field["enum"])
    kind = field.get("type")
    if kind == "array" and "prefixItems" in field:
        return f"list of {' and '.join(map(_type, field['prefixItems']))}"
    if kind == "array":
        return f"list of: {_type(field['items'])}"
    if kind == "object" and field.get("additionalProperties"):
        return f"mapping of names to: {_type(field['additionalProperties'])}"
    return _WORDS.get(str(kind), str(kind)) if kind else "anything"
