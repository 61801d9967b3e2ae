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
from inferplan.spec.price_file import Prices

KINDS: dict[str, type[Struct]] = {
    kind.__name__: kind for kind in (InferenceStack, InferenceAccount, Organization, Waiver, Prices, Lock)
}
SPEC_KINDS = ("InferenceStack", "InferenceAccount")

_HERE = Path(__file__).parent
_COMBINED = _HERE / "inferplan-v1beta1.schema.json"
DIALECT = "https://json-schema.org/draft/2020-12/schema"
REF = "#/$defs/{name}"
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


def described_kind(kind: str) -> str:
    """What the published schema says that a kind of file is."""
    return str(schema(kind)["$defs"][kind]["description"])


def generate() -> dict[Path, str]:
    """Every file this module publishes, with the text it must have."""
    urn = f"urn:{API_VERSION.replace('/', ':')}"
    files = {schema_path(kind): schema_of(record, kind, f"{urn}:{kind}") for kind, record in KINDS.items()}
    return files | {_COMBINED: file_text(_of_all())}


def schema_of(record: type[Struct], name: str, identifier: str) -> str:
    """The JSON Schema of one record as the text of its file."""
    made = msgspec.json.schema(record, ref_template=REF)
    return file_text(
        {
            "$schema": DIALECT,
            "$id": identifier,
            "title": name,
            "$ref": made["$ref"],
            "$defs": described(made["$defs"]),
        }
    )


def _of_all() -> dict[str, Any]:
    _, parts = msgspec.json.schema_components(tuple(KINDS.values()), ref_template=REF)
    choices = [
        {
            "if": {"properties": {"kind": {"const": kind}}, "required": ["kind"]},
            "then": {"$ref": REF.format(name=kind)},
        }
        for kind in KINDS
    ]
    return {
        "$schema": DIALECT,
        "$id": f"urn:{API_VERSION.replace('/', ':')}",
        "title": "inferplan",
        "description": "Any file that inferplan reads; `kind` says which.",
        "type": "object",
        "properties": {"apiVersion": {"enum": [API_VERSION]}, "kind": {"enum": list(KINDS)}},
        "required": ["apiVersion", "kind"],
        "allOf": choices,
        "$defs": described(parts),
    }


def described(parts: dict[str, Any]) -> dict[str, Any]:
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


def file_text(value: dict[str, Any]) -> str:
    """A schema as the text of its file."""
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def main() -> None:
    """Write every published file."""
    for path, text in generate().items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
