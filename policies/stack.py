"""The resources of one stack with the questions that rules ask about their relations.

Not here: what is allowed (context) and reading inside one resource (read).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from inferplan.resource import Resource, Unknown, walk_unknowns
from policies import types
from policies.matcher import matches
from policies.read import Arn, Text, arn, each, texts

# Properties by which other resources name a resource in plain text.
NAME_PROPERTIES = (
    "bucket",
    "name",
    "arn",
    "id",
    "repository",
    "clusterIdentifier",
    "identifier",
    "groupName",
)
# Types that are addressed by the name they were given, never by a generated id.
BY_NAME = ("aws:s3/bucket", "aws:cloudwatch/logGroup", "aws:backup/vault", "aws:kinesis/")


class Stack:
    """An index over resources; nothing here changes them."""

    def __init__(self, resources: Iterable[Resource]) -> None:
        self.resources = tuple(resources)
        self._found: dict[tuple[str, ...], list[Resource]] = {}
        self._texts: dict[str, tuple[Text, ...]] = {}
        self._unknowns: dict[str, tuple[tuple[str, Unknown], ...]] = {}

    @cached_property
    def _by_urn(self) -> dict[str, Resource]:
        return {resource.urn: resource for resource in self.resources}

    @cached_property
    def _by_type(self) -> dict[str, list[Resource]]:
        index: dict[str, list[Resource]] = defaultdict(list)
        for resource in self.resources:
            index[resource.type].append(resource)
        return dict(index)

    def of(self, *tokens: str) -> list[Resource]:
        """Resources of these types; `*` stands for anything."""
        if tokens not in self._found:
            matching = (found for type_, found in self._by_type.items() if matches(tokens, type_))
            self._found[tokens] = [resource for found in matching for resource in found]
        return self._found[tokens]

    def texts(self, resource: Resource) -> tuple[Text, ...]:
        """Every machine-read string among the inputs of a resource."""
        if resource.urn not in self._texts:
            self._texts[resource.urn] = tuple(texts(dict(resource.props)))
        return self._texts[resource.urn]

    @cached_property
    def root(self) -> Resource | None:
        """The component that carries the declaration, None for a program that is not ours."""
        return next(iter(self._by_type.get(types.ROOT, ())), None)

    @cached_property
    def layers(self) -> frozenset[str]:
        """The layers that are present."""
        roots = self._by_type.get(types.ROOT, ())
        return frozenset(str(root.props.get("layer")) for root in roots)

    @cached_property
    def namespaces(self) -> frozenset[str]:
        """Every Kubernetes namespace that an object lies in or declares."""
        objects = [item.props.get("metadata") for item in self.of(types.KUBERNETES)]
        declared = [item.props.get("metadata") for item in self.of(types.NAMESPACE)]
        found = [meta.get("namespace") for meta in objects if isinstance(meta, dict)]
        found += [meta.get("name") for meta in declared if isinstance(meta, dict)]
        return frozenset(name for name in found if isinstance(name, str))

    @cached_property
    def served_hosts(self) -> frozenset[str]:
        """Every host under which an Ingress takes calls in."""
        named = (host for item in self.of(types.INGRESS) for _, host in each(item.props, "spec.rules[].host"))
        return frozenset(host for host in named if isinstance(host, str))

    def unknowns(self, resource: Resource) -> tuple[tuple[str, Unknown], ...]:
        """Every unknown among the inputs of a resource, with its path."""
        if resource.urn not in self._unknowns:
            self._unknowns[resource.urn] = tuple(walk_unknowns(resource.props))
        return self._unknowns[resource.urn]

    def get(self, urn: str) -> Resource | None:
        """One resource, None when this stack has none of this URN."""
        return self._by_urn.get(urn)

    def follow(self, value: Unknown) -> list[Resource]:
        """The resources of this stack that an unknown value comes from."""
        return [self._by_urn[urn] for urn in value.urns if urn in self._by_urn]

    def targets(self, resource: Resource, path: str, *tokens: str) -> Iterator[Target]:
        """Every value at a property path with the resources of these types that it names.

        A value names a resource by reference (an unknown), by ARN, URN or plain name, and, where it is a
        generated id, by what the property was computed from (never a bucket: its name says which it is).
        """
        for place, value in each(resource.props, path):
            for item in value if isinstance(value, list) else [value]:
                yield Target(place, item, tuple(self.meant(resource, path, item, *tokens)))

    def meant(self, resource: Resource, path: str, value: Any, *tokens: str) -> list[Resource]:
        """The resources of these types that one value, found at a path of a resource, means."""
        found = [candidate for candidate in self.of(*tokens) if _names(value, candidate)]
        if found or not isinstance(value, str):
            return found
        origins = resource.property_dependencies.get(re.split(r"[.\[]", path, maxsplit=1)[0], ())
        return [
            candidate
            for candidate in self.of(*tokens)
            if candidate.urn in origins and not candidate.type.startswith(BY_NAME)
        ]

    def named(self, resource: Resource, path: str, *tokens: str) -> list[Resource]:
        """The resources of these types that a property names, each once."""
        found = (item for target in self.targets(resource, path, *tokens) for item in target.resources)
        return list({item.urn: item for item in found}.values())

    def pointing_at(self, target: Resource, path: str, *tokens: str) -> list[Resource]:
        """Resources of these types whose property `path` names the target."""
        return [item for item in self.of(*tokens) if target in self.named(item, path, target.type)]


@dataclass(frozen=True, slots=True)
class Target:
    """One value of a property and the resources it names."""

    path: str
    value: Any
    resources: tuple[Resource, ...]


def _names(value: Any, candidate: Resource) -> bool:
    """Whether a property value means this resource."""
    if isinstance(value, Unknown):
        return candidate.urn in value.urns
    if not isinstance(value, str):
        return False
    wanted = {value, _plain_name(arn(value)), _bucket_of(value)}
    return candidate.urn == value or any(
        isinstance(own := said.get(key), str) and own in wanted
        for said in (candidate.props, candidate.outputs)
        for key in NAME_PROPERTIES
    )


def _bucket_of(value: str) -> str | None:
    """The bucket in an address such as `s3://bucket/folder`."""
    return value.removeprefix("s3://").partition("/")[0] if value.startswith("s3://") else None


def _plain_name(parsed: Arn | None) -> str | None:
    """The name of a resource in its ARN: `log-group:/x:*` gives `/x`, `role/deploy` gives `deploy`."""
    if parsed is None:
        return None
    if parsed.service == "s3":
        return parsed.resource.partition("/")[0]
    if parsed.service == "logs":
        return re.sub(r"^log-group:|:\*$", "", parsed.resource)
    return re.split("[/:]", parsed.resource, maxsplit=1)[-1]
