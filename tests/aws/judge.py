"""Compares what a resource is told with what AWS publishes about it.

Not here: the published models (published), the names there (counterparts), rules in prose (prose), policy
documents (documents).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import regex

from inferplan.resource import Resource, Unknown
from tests.aws import counterparts, published
from tests.aws.published import Shape

CLOUDFORMATION, API = "cloudformation", "api"
FALLBACK_REGION = "us-east-1"  # where CloudFormation knows the services that have no Region


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One thing that a judge refuses, or where it has nothing to say."""

    judge: str
    type: str
    path: str
    text: str
    silent: bool = False

    def __str__(self) -> str:
        return f"{self.judge}: {self.type} {self.path}: {self.text}"


def judged(resource: Resource) -> Iterator[Finding]:
    """What both judges find in one resource, and the properties that neither knows by that name."""
    if resource.type not in counterparts.rows():
        yield Finding("counterparts", resource.type, "", "no row in counterparts.json", silent=True)
        return
    for judge in (CLOUDFORMATION, API):
        if not counterparts.named(resource.type, judge):
            continue
        shape = _shape(resource, judge)
        if shape is None:
            yield Finding(judge, resource.type, "", "not offered in the Region")
            continue
        walk = _Walk(judge, resource.type)
        yield from walk.value(shape, dict(resource.props), "")


def _shape(resource: Resource, judge: str) -> Shape | None:
    counterpart = counterparts.named(resource.type, judge)
    if judge == API:
        shape: Shape | None = published.call(counterpart)
    else:
        region = FALLBACK_REGION if counterparts.is_global(resource.type) else region_of(resource)
        shape = published.registry(counterpart, region)
    within = counterparts.within(resource.type, judge)
    place = shape if shape is None or not within else _named(shape, within)[0]
    return place.item if place is not None and place.kind == "array" else place


def region_of(resource: Resource) -> str:
    """The Region that a resource is created in."""
    assert resource.provider is not None, resource.urn
    region: str = resource.props.get("region") or resource.provider.config["region"]
    return region


class _Walk:
    """One resource before one judge."""

    def __init__(self, judge: str, type_: str) -> None:
        self._judge, self._type = judge, type_

    def _says(self, path: str, text: str, *, silent: bool = False) -> Finding:
        return Finding(self._judge, self._type, path, text, silent)

    def value(self, shape: Shape, value: Any, path: str) -> Iterator[Finding]:
        """What is wrong with a value at a place."""
        if isinstance(value, Unknown) or value is None:
            return
        opened = _opened(value, shape)
        if shape.kind == "array":
            yield from self._array(shape, opened if isinstance(opened, list | tuple) else [opened], path)
        elif isinstance(opened, list | tuple):
            if len(opened) > 1:
                yield self._says(path, f"{len(opened)} items where one is known")
            for item in opened:
                yield from self.value(shape, item, f"{path}.[]")
        elif shape.kind == "map":
            yield from self._map(shape, opened, path)
        elif isinstance(opened, Mapping):
            yield from self._object(shape, opened, path)
        else:
            yield from (self._says(path, text) for text in _leaf(shape, opened, self._judge))

    def _array(self, shape: Shape, items: Any, path: str) -> Iterator[Finding]:
        low, high = shape.limits.get("minItems", 0), shape.limits.get("maxItems")
        if len(items) < low:
            yield self._says(path, f"{len(items)} items, at least {low}")
        if high is not None and len(items) > high:
            yield self._says(path, f"{len(items)} items, at most {high}")
        for item in items:
            assert shape.item is not None
            yield from self.value(shape.item, item, f"{path}.[]")

    def _map(self, shape: Shape, value: Any, path: str) -> Iterator[Finding]:
        if shape.item is None:
            yield self._says(path, "nothing is published about what it holds", silent=True)
            return
        for key, item in value.items():
            if shape.key is not None:
                yield from (self._says(path, text) for text in _leaf(shape.key, key, self._judge))
            yield from self.value(shape.item, item, f"{path}.*")

    def _object(self, shape: Shape, value: Mapping[str, Any], path: str) -> Iterator[Finding]:
        seen: set[str] = set()
        yield from self._members(shape, value, path, seen)
        filled = () if path else counterparts.filled(self._type, self._judge)
        if missing := [name for name in shape.required if name not in seen and name not in filled]:
            yield self._says(path, f"required and not set: {', '.join(missing)}")

    def _members(
        self, shape: Shape, value: Mapping[str, Any], path: str, seen: set[str]
    ) -> Iterator[Finding]:
        for key, item in value.items():
            at = f"{path}.{key}" if path else key
            name = counterparts.name(self._type, at, self._judge, key)
            if name is None:
                continue
            if name == counterparts.SAME_PLACE:
                yield from self._members(shape, item, at, seen)
                continue
            place, first, crossed = _named(shape, name)
            if place is None:
                yield self._says(
                    at,
                    "unknown by that name: counterparts.json may say another, or why there is none",
                    silent=True,
                )
                continue
            seen.add(first)
            several = item if crossed and isinstance(item, list | tuple) else [item]
            for one in several:
                yield from self.value(place, one, at)


def _opened(value: Any, shape: Shape) -> Any:
    """A text that holds a document, and a map that AWS writes as pairs, as the judge writes them."""
    if isinstance(value, str) and shape.kind in ("array", "object", "map") and value[:1] in ("[", "{"):
        return json.loads(value)
    if isinstance(value, Mapping) and shape.kind == "array":
        assert shape.item is not None
        for key in ("Key", "Name"):
            is_pair = {key.lower(), "value"} <= {name.lower() for name in value}
            if {key, "Value"} <= set(shape.item.members) and not is_pair:
                return [{key: name, "Value": said} for name, said in value.items()]
    return value


def _named(shape: Shape, dotted: str) -> tuple[Shape | None, str, bool]:
    """The place that a dotted name leads to, its first step, and whether the way there crosses an array."""
    place, first, crossed = shape, "", False
    for step in dotted.split("."):
        if place.kind == "array" and place.item is not None:
            place, crossed = place.item, True
        table = {name.lower(): name for name in place.members}
        low = step.lower()
        found = table.get(low) or table.get(f"{low}s") or table.get(low.removesuffix("s"))
        if found is None:
            return None, "", crossed
        first = first or found
        place = place.members[found]
    return place, first, crossed


def _leaf(shape: Shape, value: Any, judge: str) -> Iterator[str]:
    limits, kind = shape.limits, shape.kind
    text = str(value).lower() if isinstance(value, bool) else str(value)
    if isinstance(value, bool) and kind in ("integer", "number"):
        yield f"a boolean where a {kind} is asked for"
    elif kind in ("integer", "number"):
        yield from _number(limits, text)
    if kind == "boolean" and text not in ("true", "false"):
        yield f"{value!r} is no boolean"
    if limits.get("enum") and text not in [str(said) for said in limits["enum"]]:
        yield f"{value!r} is none of {', '.join(map(str, limits['enum'][:12]))}"
    if "const" in limits and value != limits["const"]:
        yield f"{value!r} is not {limits['const']!r}"
    if kind in ("string", None):
        yield from _text(limits, text, judge)


def _number(limits: Mapping[str, Any], text: str) -> Iterator[str]:
    try:
        number = float(text)
    except ValueError:
        yield f"{text!r} is no number"
        return
    if number < limits.get("minimum", number):
        yield f"{text} is below {limits['minimum']}"
    if number > limits.get("maximum", number):
        yield f"{text} is above {limits['maximum']}"


def _text(limits: Mapping[str, Any], text: str, judge: str) -> Iterator[str]:
    length = len(text)
    if length < limits.get("minLength", 0):
        yield f"{text!r} is shorter than {limits['minLength']}"
    if length > limits.get("maxLength", length):
        yield f"{text[:60]!r} is {length} long, at most {limits['maxLength']}"
    pattern = _compiled(limits["pattern"]) if "pattern" in limits else None
    if pattern and not (pattern.search(text) if judge == CLOUDFORMATION else pattern.fullmatch(text)):
        yield f"{text[:90]!r} does not match {pattern.pattern}"


SURROGATES = "\\uD800\\uDC00-\\uDBFF\\uDFFF"  # pairs of UTF-16, as Java writes what lies beyond U+FFFF


@cache
def _compiled(pattern: str) -> regex.Pattern[str]:
    readable = pattern.replace("\\p{ASCII}", "\\x00-\\x7f").replace(SURROGATES, "\\U00010000-\\U0010FFFF")
    return regex.compile(readable)
