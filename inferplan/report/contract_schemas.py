"""The published JSON Schemas (draft 2020-12) of what verbs print: made from the contracts, strict, committed.

Not here: the contracts (contracts, resource_list) and the schemas of what people write (inferplan.spec).
A field is described by its line in the docstring of its record, by the comment behind it, or in fields.json.
"""

from __future__ import annotations

import ast
import inspect
import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
from msgspec import UNSET, Struct

from inferplan.report import (
    contracts,
    held_contracts,
    lock_contracts,
    mirror_contracts,
    preflight_contracts,
    price_contracts,
)
from inferplan.report.resource_list import Layers, ResourceList
from inferplan.spec.schema import DIALECT, REF, described, file_text

SCHEMAS = Path(__file__).parent / "schemas"
WORDS = SCHEMAS / "fields.json"
OUTPUTS: dict[str, tuple[type[Struct], ...]] = {
    "check": (contracts.CheckDocument,),
    "plan": (contracts.PlanDocument,),
    "resources": (ResourceList,),
    "rules": (contracts.RulesDocument,),
    "size": (contracts.SizeDocument,),
    "explain": (
        contracts.ExplainedIndex,
        contracts.ExplainedValue,
        contracts.ExplainedRule,
        contracts.ExplainedResidency,
        contracts.ExplainedEgress,
        contracts.ExplainedFallback,
        contracts.ExplainedDestroy,
        contracts.ExplainedMeasured,
    ),
    "diff": (contracts.DiffDocument,),
    "lock": (lock_contracts.LockDocument,),
    "mirror": (mirror_contracts.MirrorDocument,),
    "preflight": (preflight_contracts.PreflightDocument,),
    "prices": (price_contracts.PricesDocument,),
    "validate": (contracts.ValidateDocument,),
    "errors": (contracts.ErrorsDocument,),
}
# Fields that records hold as plain mappings, with what these mappings are.
HELD: dict[tuple[str, str], Any] = {
    ("Cost", "break_even"): held_contracts.BreakEven | None,
    ("Decision", "gates"): tuple[held_contracts.Gated, ...],
    ("Decision", "criteria"): tuple[held_contracts.Weighed, ...],
    ("ResourceList", "layers"): Layers,
}


def output_path(name: str) -> Path:
    """The committed file of one output."""
    return SCHEMAS / f"{name}.schema.json"


def output_text(name: str) -> str:
    """The committed JSON Schema of one output, as text."""
    return output_path(name).read_text("utf-8")


def described_output(name: str) -> str:
    """What the published schema says that an output is."""
    return str(json.loads(output_text(name))["description"])


def generate() -> dict[Path, str]:
    """Every file this module publishes, with the text it must have."""
    return {output_path(name): file_text(_schema(name, OUTPUTS[name])) for name in OUTPUTS}


def _schema(name: str, records: tuple[type[Struct], ...]) -> dict[str, Any]:
    roots, parts = msgspec.json.schema_components(
        (*records, *(type_ for (_, _), type_ in HELD.items())), ref_template=REF
    )
    held = dict(zip(HELD, roots[len(records) :], strict=True))
    parts = described(parts)
    for record in _records(*records, *HELD.values()):
        part = parts[record.__name__]
        _describe(record.__name__, part, _comments(record))
        for (owner, field), mapping in held.items():
            if owner == record.__name__:
                part["properties"][field] = _said(part["properties"][field]) | mapping
        part["additionalProperties"] = False
        part["required"] = [field for field in part["properties"] if field not in _optional(record)]
    top = roots[0] if len(records) == 1 else {"oneOf": roots[: len(records)]}
    schema = f"inferplan.{name}/v1beta1"
    whole = {
        "$schema": DIALECT,
        "$id": f"urn:{schema.replace('/', ':')}",
        "title": schema,
        "description": _whole(name, [parts[record.__name__] for record in records]),
        **top,
        "$defs": parts,
    }
    return whole | {"$defs": _reached(whole)}


def _whole(name: str, parts: list[dict[str, Any]]) -> str:
    if len(parts) > 1:
        return f"What `inferplan {name} --format json` prints; what was asked for decides which of these."
    return str(parts[0]["description"])


def _records(*types: Any) -> Iterator[type]:
    """Every record that the types lead to, once."""
    seen: dict[type, None] = {}
    waiting: list[Any] = list(msgspec.inspect.multi_type_info(types))
    while waiting:
        info = waiting.pop()
        if isinstance(info, msgspec.inspect.StructType | msgspec.inspect.DataclassType):
            if info.cls in seen:
                continue
            seen[info.cls] = None
            waiting += [field.type for field in info.fields]
        else:
            for name in ("types", "item_types"):
                waiting += getattr(info, name, ())
            for name in ("item_type", "key_type", "value_type"):
                waiting += [getattr(info, name)] if hasattr(info, name) else []
    yield from seen


def _describe(name: str, part: dict[str, Any], comments: dict[str, str]) -> None:
    """What the record does not say of itself in its code stands in fields.json."""
    written = words()
    part["description"] = part["description"] or written.get(name, "")
    for field, value in part["properties"].items():
        said = value.get("description") or comments.get(field) or written.get(f"{name}.{field}")
        if said:
            value["description"] = said


@cache
def words() -> dict[str, str]:
    """What is said of records and fields that their code says nothing of."""
    found: dict[str, str] = json.loads(WORDS.read_text("utf-8"))
    return found


def _comments(record: type) -> dict[str, str]:
    """The comment behind each field, by the name that JSON has for it."""
    if not issubclass(record, Struct):
        return {}
    owners = reversed(record.__mro__[: record.__mro__.index(Struct)])
    found = {name: text for owner in owners for name, text in _comments_of(inspect.getsource(owner))}
    return {_encoded(record, name): text for name, text in found.items()}


def _comments_of(source: str) -> Iterator[tuple[str, str]]:
    """Field and comment, also where a field goes over several lines."""
    (held,) = ast.parse(source).body
    lines = source.encode().splitlines()
    for node in held.body if isinstance(held, ast.ClassDef) else ():
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            rest = lines[(node.end_lineno or 1) - 1][node.end_col_offset :].decode()
            if rest.startswith("  # "):
                yield node.target.id, rest[4:]


def _said(field: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in field.items() if key == "description"}


def _encoded(record: type[Struct], name: str) -> str:
    return next(field.encode_name for field in msgspec.structs.fields(record) if field.name == name)


def _optional(record: type) -> set[str]:
    """Fields that an output may lack: unset ones, and defaults of a record that leaves them out."""
    if not issubclass(record, Struct):
        return set()
    omits = record.__struct_config__.omit_defaults
    return {
        field.encode_name
        for field in msgspec.structs.fields(record)
        if field.default is UNSET or (omits and not field.required)
    }


def _reached(whole: dict[str, Any]) -> dict[str, Any]:
    """The definitions that the schema leads to, sorted."""
    parts, seen = whole["$defs"], set[str]()
    waiting = [json.dumps({key: value for key, value in whole.items() if key != "$defs"})]
    while waiting:
        for name in re.findall(r'"#/\$defs/(\w+)"', waiting.pop()):
            if name not in seen:
                seen.add(name)
                waiting.append(json.dumps(parts[name]))
    return {name: parts[name] for name in sorted(seen)}


def main() -> None:
    """Write every published file."""
    for path, text in generate().items():
        path.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
