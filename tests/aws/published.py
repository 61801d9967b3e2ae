"""What AWS publishes about resources, in one form: CloudFormation registry schemas and models of the API.

Not here: which resource is which type or call there (counterparts), and comparing values (judge).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache, cached_property
from importlib.resources import files
from typing import Any, Protocol

import botocore.session

_LIMITS = (
    *("pattern", "enum", "const", "minLength", "maxLength"),
    *("minimum", "maximum", "minItems", "maxItems"),
)
_API_KINDS = {
    "structure": "object",
    "list": "array",
    "map": "map",
    "string": "string",
    "boolean": "boolean",
    "integer": "integer",
    "long": "integer",
    "double": "number",
    "float": "number",
}
_API_RANGES = {"string": ("minLength", "maxLength"), "array": ("minItems", "maxItems")}


class Shape(Protocol):
    """One place in a published model."""

    @property
    def kind(self) -> str | None:
        """One of: object, map, array, string, integer, number, boolean; None where it is not said."""

    @property
    def limits(self) -> Mapping[str, Any]:
        """What a value must keep to, in the words of JSON Schema."""

    @property
    def required(self) -> tuple[str, ...]:
        """The members that must be set."""

    @property
    def members(self) -> Mapping[str, Shape]:
        """The members of an object."""

    @property
    def item(self) -> Shape | None:
        """What an array or a map consists of."""

    @property
    def key(self) -> Shape | None:
        """What the keys of a map are."""


class RegistryShape:
    """A place in a CloudFormation registry schema; texts are searched for its patterns."""

    key = None

    def __init__(self, root: Mapping[str, Any], node: Any) -> None:
        self._root = root
        self._node: Mapping[str, Any] = self._resolved(node)

    def _resolved(self, node: Any) -> Mapping[str, Any]:
        while isinstance(node, dict) and "$ref" in node:
            target: Any = self._root
            for part in node["$ref"].removeprefix("#/").split("/"):
                target = target[part]
            node = target
        return node if isinstance(node, dict) else {}

    @cached_property
    def kind(self) -> str | None:
        said = self._node.get("type")
        kind = ("string" if "string" in said else said[0]) if isinstance(said, list) else said
        if (kind == "object" or not kind) and self.members:
            return "object"
        return "map" if kind == "object" else kind

    @cached_property
    def limits(self) -> Mapping[str, Any]:
        return {name: self._node[name] for name in _LIMITS if name in self._node}

    @cached_property
    def required(self) -> tuple[str, ...]:
        return tuple(self._node.get("required", ()))

    @cached_property
    def members(self) -> Mapping[str, Shape]:
        found = dict(self._node.get("properties", {}))
        for choice in ("anyOf", "oneOf", "allOf"):
            for option in self._node.get(choice, ()):
                found = {**self._resolved(option).get("properties", {}), **found}
        return {name: RegistryShape(self._root, node) for name, node in found.items()}

    @cached_property
    def item(self) -> Shape | None:
        inside = self._node.get("items") or next(iter(self._node.get("patternProperties", {}).values()), None)
        return None if inside is None else RegistryShape(self._root, inside)


class ApiShape:
    """A place in the input of an API call; texts must match its patterns as a whole."""

    def __init__(self, shape: Any) -> None:
        self._shape = shape

    @cached_property
    def kind(self) -> str | None:
        return _API_KINDS.get(self._shape.type_name)

    @cached_property
    def limits(self) -> Mapping[str, Any]:
        said = self._shape.metadata
        low, high = _API_RANGES.get(self.kind or "", ("minimum", "maximum"))
        named = {"pattern": "pattern", "enum": "enum", "min": low, "max": high}
        return {name: said[given] for given, name in named.items() if given in said}

    @cached_property
    def required(self) -> tuple[str, ...]:
        return tuple(self._shape.metadata.get("required", ()))

    @cached_property
    def members(self) -> Mapping[str, Shape]:
        inside = self._shape.members if self.kind == "object" else {}
        return {name: ApiShape(shape) for name, shape in inside.items()}

    @cached_property
    def item(self) -> Shape | None:
        inside = {"array": "member", "map": "value"}.get(self.kind or "")
        return ApiShape(getattr(self._shape, inside)) if inside else None

    @cached_property
    def key(self) -> Shape | None:
        return ApiShape(self._shape.key) if self.kind == "map" else None


@cache
def _offered(region: str) -> Mapping[str, str]:
    path = files("cfnlint") / "data" / "schemas" / "providers" / f"{region}.json"
    offered: dict[str, str] = json.loads(path.read_text("utf-8"))
    return offered


@cache
def _registry_file(digest: str) -> RegistryShape:
    schema = json.loads((files("cfnlint") / "data" / "schemas" / "resources" / f"{digest}.json").read_text())
    return RegistryShape(schema, schema)


def registry(type_: str, region: str) -> Shape | None:
    """The schema of a CloudFormation type in a Region; None where the Region does not have it."""
    digest = _offered(region).get(type_)
    return _registry_file(digest) if digest else None


@cache
def call(name: str) -> Shape:
    """The input of an API call, such as `ec2 CreateVpc`."""
    service, operation = name.split()
    model = _session().get_service_model(service)
    return ApiShape(model.operation_model(operation).input_shape)


@cache
def _session() -> Any:
    return botocore.session.get_session()
