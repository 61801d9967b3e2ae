"""Values to put where others stood: of the wrong kind, at an edge, and such as a JSON Schema allows.

Not here: where they are put (tests/fuzz/mutations.py).
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterable
from functools import cache
from random import Random
from typing import Any

from inferplan import catalog
from inferplan.spec.schema import schema
from inferplan.spec.yaml12 import parse
from tests.command_line import ROOT

MAX_DEPTH = 6  # of a value grown from a schema

ODD: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 3, 10**6, 2**53, 2**63, 2**64, 10**30, -(10**30), 0.5, 1e-9, 1e16, 1e300,
    float("nan"), float("inf"), float("-inf"), -0.0, "", " ", "~", "null", "none", "NO", "yes", "0", "-1",
    "1e3", "2,000", "2026-11-20", "2026-02-30", "0000-00-00", "9999-12-31", "24:00", "x" * 300, "x" * 3000,
    "a\nb", "a\tb", "a\0b", "\x1b[31mred", "\x7f", "\x85", "\u2028", "\ud800", "\ufeff", "ünïcödé", "日本",
    "\U0001f600", "\u202eevil", "../../etc/passwd", "/dev/zero", "hf://", "s3://", "hf://a", "file:///etc",
    "%s%n", "{}", "${x}", "{{x}}", "<script>", "'", '"', "`", "\\", "*", "&a", "!tag", "<<", "-", "[]",
    [], {}, [[]], [None], [{}], {"": None}, {"a": {"b": {"c": 1}}}, [1, "a", None], ["x"] * 60,
    [["x"]], {"x": []}, "2001:db8::/32", "0.0.0.0/0", "10.0.0.0/33", "999.1.1.1/8", "arn:aws:iam::1:role/x",
)  # fmt: skip
TABLES: tuple[Callable[[], Iterable[object]], ...] = (
    catalog.regions, catalog.models, catalog.gpus, catalog.instances, catalog.countries,
    catalog.country_groups,
    catalog.vendors, catalog.bedrock_profiles, catalog.purposes, catalog.regimes, catalog.image_models,
    catalog.licenses, catalog.criteria, catalog.named_systems, catalog.facts,
)  # fmt: skip


@cache
def words() -> tuple[str, ...]:
    """What the examples and the catalog call things: text that means something somewhere."""
    found: set[str] = set()
    for path in sorted((*ROOT.glob("specs/*.yaml"), *ROOT.glob("organization/**/*.yaml"))):
        found |= set(_texts(parse(path.read_bytes(), path.name).plain()))
    for table in TABLES:
        found |= set(map(str, table()))
    return tuple(sorted(found | {f"hf://{model}" for model in catalog.models()}))


def _texts(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [*value, *(text for item in value.values() for text in _texts(item))]
    if isinstance(value, list):
        return [text for item in value for text in _texts(item)]
    return [value] if isinstance(value, str) else []


@cache
def _matching(pattern: str) -> tuple[str, ...]:
    return tuple(word for word in words() if re.search(pattern, word))


def odd(random: Random) -> Any:
    """Anything but what is expected."""
    return copy.deepcopy(random.choice(ODD))


def grown(kind: str, part: str, field: str, random: Random) -> Any:
    """A value that the schema of `kind` allows for a field of one of its definitions."""
    definitions = schema(kind)["$defs"]
    return _grown(definitions[part]["properties"][field], definitions, random, 0)


def fields(kind: str) -> list[tuple[str, str]]:
    """Every definition and field of a kind of file."""
    return [
        (part, field) for part, said in schema(kind)["$defs"].items() for field in said.get("properties", ())
    ]


def _grown(said: dict[str, Any], definitions: dict[str, Any], random: Random, depth: int) -> Any:
    if "$ref" in said:
        said = definitions[said["$ref"].rpartition("/")[2]]
    if "anyOf" in said:
        return _grown(random.choice(said["anyOf"]), definitions, random, depth)
    if "enum" in said:
        return random.choice(said["enum"])
    match said.get("type"):
        case "object":
            return _mapping(said, definitions, random, depth)
        case "array":
            most = min(said.get("maxItems", 3), 3) if depth < MAX_DEPTH else said.get("minItems", 0)
            count = random.randint(min(said.get("minItems", 0), most), most)
            items = said.get("items") or {}
            return [_grown(items, definitions, random, depth + 1) for _ in range(count)]
        case "integer":
            return int(_number(said, random))
        case "number":
            return random.choice((_number(said, random), int(_number(said, random))))
        case "string":
            known = _matching(said.get("pattern", ""))
            return random.choice(known) if known else "2026-11-20"
        case "boolean":
            return random.random() < 0.5
    return None


def _mapping(said: dict[str, Any], definitions: dict[str, Any], random: Random, depth: int) -> Any:
    if "properties" not in said:
        keys = _matching(said.get("propertyNames", {}).get("pattern", ""))
        values = said.get("additionalProperties")
        count = 0 if depth >= MAX_DEPTH else random.randint(0, 2)
        chosen = random.sample(keys, min(count, len(keys)))
        return {
            key: _grown(values if isinstance(values, dict) else {}, definitions, random, depth + 1)
            for key in chosen
        }
    return {
        field: _grown(value, definitions, random, depth + 1)
        for field, value in said["properties"].items()
        if field in said.get("required", ()) or (depth < MAX_DEPTH and random.random() < 0.3)
    }


def _number(said: dict[str, Any], random: Random) -> float:
    low = said.get("minimum", said.get("exclusiveMinimum", -(10**6)))
    high = said.get("maximum", said.get("exclusiveMaximum", 10**9))
    near = (low, low + 1, low + 0.001, high, high - 1, (low + high) / 2)
    likely = (random.uniform(low, min(high, low + 100)), random.uniform(low, min(high, low + 10_000)))
    return float(min(high, max(low, random.choice((*near, *likely, *likely, *likely)))))
