"""`resources --format json`: every declared resource as tools read it.

Not here: the tree for people (resource_tree), and recording the resources (stacks).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec
from msgspec import UNSET, Struct, UnsetType

from inferplan import json_rows
from inferplan.resource import Provider, Resource, Unknown
from inferplan.spec.declaration import Bar

RESOURCES_SCHEMA: Literal["inferplan.resources/v1beta1"] = "inferplan.resources/v1beta1"


class UnknownValue(Struct, frozen=True):
    """A value that only exists after deployment.

    unknown: URNs of the resources it comes from
    """

    unknown: tuple[str, ...]


class ListedProvider(Struct, frozen=True):
    """The provider that a resource is created through.

    package: such as aws or kubernetes
    region: the Region that the provider is configured for; null where it has none
    """

    package: str
    region: str | UnknownValue | None


class ListedResource(Struct, frozen=True):
    """One resource or component of a layer.

    urn: its name in the state of the layer's stack
    type: Pulumi's type token
    name: its name in the program
    parent: URN of the component that it belongs to; null for the root of a layer
    provider: null for components and for providers themselves
    inputs: by the provider's names; {"unknown": [urns]} waits for others, {"secret": true} is withheld
    origins: by input, URNs of the resources that it is computed from
    depends_on: URNs of everything that has to exist before
    """

    urn: str
    type: str
    name: str
    parent: str | None
    provider: ListedProvider | None
    inputs: dict[str, Any]
    origins: dict[str, tuple[str, ...]]
    depends_on: tuple[str, ...]


class Layers(Struct, frozen=True):
    """What `layers` holds: those that were asked for.

    foundation: of AWS: network, keys, cluster, databases, firewalls, budgets
    workload: Kubernetes objects and ECS services
    """

    foundation: tuple[ListedResource, ...] | UnsetType = UNSET
    workload: tuple[ListedResource, ...] | UnsetType = UNSET


class ResourceList(Struct, frozen=True):
    """What `inferplan resources SPEC --format json` prints.

    schema: name and version of this contract
    organization: the folder that judges, and the digest of its contents
    name: the stack's name, which its layers' stacks extend
    layers: in the order of deployment, each with its resources sorted by URN
    """

    schema: Literal["inferplan.resources/v1beta1"]
    organization: Bar
    name: str
    layers: dict[Literal["foundation", "workload"], tuple[ListedResource, ...]]


def as_json(name: str, layers: Mapping[Any, Sequence[Resource]], bar: Bar) -> str:
    """The whole list, one resource per line."""
    listed = {layer: tuple(map(_listed, resources)) for layer, resources in layers.items()}
    return json_rows.text(msgspec.to_builtins(ResourceList(RESOURCES_SCHEMA, bar, name, listed)))


def _listed(resource: Resource) -> ListedResource:
    hidden = resource.secret_paths or frozenset()
    is_root = resource.parent is None or resource.parent.split("::")[2] == "pulumi:pulumi:Stack"
    return ListedResource(
        urn=resource.urn,
        type=resource.type,
        name=resource.name,
        parent=None if is_root else resource.parent,
        provider=_provider(resource.provider) if resource.provider else None,
        inputs={key: _shown(value, key, hidden) for key, value in sorted(resource.props.items())},
        origins=dict(sorted(resource.property_dependencies.items())),
        depends_on=resource.dependencies,
    )


def _provider(provider: Provider) -> ListedProvider:
    region = provider.config.get("region")
    return ListedProvider(
        provider.package, UnknownValue(region.urns) if isinstance(region, Unknown) else region
    )


def _shown(value: Any, path: str, hidden: frozenset[str]) -> Any:
    """A value as JSON has it; paths are spelled as the recorder spells those of secrets."""
    if path in hidden:
        return {"secret": True}
    if isinstance(value, Unknown):
        return {"unknown": list(value.urns)}
    if isinstance(value, Mapping):
        return {key: _shown(item, f"{path}.{key}", hidden) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_shown(item, f"{path}[{index}]", hidden) for index, item in enumerate(value)]
    return value
