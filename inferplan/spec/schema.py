"""The published JSON Schemas (draft 2020-12): generated from the records, committed, used for every check.

Not here: turning what a schema refuses into messages (structure). `python -m inferplan.spec.schema` rewrites
the files.
"""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from inferplan.spec.model import API_VERSION, InferenceAccount, InferenceStack
from inferplan.spec.organization import Lock, Organization, Waiver

KINDS: dict[str, type[Struct]] = {
    kind.__name__: kind for kind in (InferenceStack, InferenceAccount, Organization, Waiver, Lock)
}
SPEC_KINDS = ("InferenceStack", "InferenceAccount")

_HERE = Path(__file__).parent
_COMBINED = _HERE / "inferplan-v1beta1.schema.json"
_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_REF = "#/$defs/{name}"
_FIELD_LINE = re.compile(r"(\w+): (.+)")


def schema_path(kind: str | None = None) -> Path:
    """The committed file of one kind, or of all kinds together."""
    return _HERE / "schemas" / f"{kind}.schema.json" if kind else _COMBINED


def schema_text(kind: str | None = None) -> str:
    """The committed JSON Schema of one kind, or of all kinds together, as text."""
    return schema_path(kind).read_text("utf-8")


@cache
def schema(kind: str) -> dict[str, Any]:
    """The committed JSON Schema of one kind; callers do not change it."""
    found: dict[str, Any] = msgspec.json.decode(schema_text(kind))
    return found


def generate() -> dict[Path, str]:
    """Every file this module publishes, with the text it must have."""
    urn = f"urn:{API_VERSION.replace('/', ':')}"
    files = {schema_path(kind): schema_of(record, kind, f"{urn}:{kind}") for kind, record in KINDS.items()}
    return files | {_COMBINED: _text(_of_all())}


def schema_of(record: type[Struct], name: str, identifier: str) -> str:
    """The JSON Schema of one record as the text of its file."""
    made = msgspec.json.schema(record, ref_template=_REF)
    return _text(
        {
            "$schema": _DIALECT,
            "$id": identifier,
            "title": name,
            "$ref": made["$ref"],
            "$defs": _described(made["$defs"]),
        }
    )


def _of_all() -> dict[str, Any]:
    _, parts = msgspec.json.schema_components(tuple(KINDS.values()), ref_template=_REF)
    choices = [
        {
            "if": {"properties": {"kind": {"const": kind}}, "required": ["kind"]},
            "then": {"$ref": _REF.format(name=kind)},
        }
        for kind in KINDS
    ]
    return {
        "$schema": _DIALECT,
        "$id": f"urn:{API_VERSION.replace('/', ':')}",
        "title": "inferplan",
        "description": "Any file that inferplan reads; `kind` says which.",
        "type": "object",
        "properties": {"apiVersion": {"enum": [API_VERSION]}, "kind": {"enum": list(KINDS)}},
        "required": ["apiVersion", "kind"],
        "allOf": choices,
        "$defs": _described(parts),
    }


def _described(parts: dict[str, Any]) -> dict[str, Any]:
    """Definitions with the field lines of each docstring moved to the fields."""
    for part in parts.values():
        text: list[str] = []
        for line in map(str.strip, part.pop("description", "").splitlines()):
            found = _FIELD_LINE.fullmatch(line)
            if found and found[1] in part["properties"]:
                part["properties"][found[1]]["description"] = found[2]
            elif line:
                text.append(line)
        part["description"] = " ".join(text)
    return parts


def _text(value: dict[str, Any]) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def main() -> None:
    """Write every published file."""
    for path, text in generate().items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
