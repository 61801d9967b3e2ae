"""The Kubernetes objects of a declaration as manifests, in the order in which they can be made.

Not here: what the API server makes of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from inferplan.resource import Resource, Unknown

FIRST = (
    "Namespace",
    "CustomResourceDefinition",
    "PersistentVolume",
    "PersistentVolumeClaim",
    "ServiceAccount",
    "ConfigMap",
    "Job",
)


def manifests(recorded: tuple[Resource, ...]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every Kubernetes object with the name of its resource, namespaces first."""
    found = [(resource.name, manifest(resource)) for resource in recorded if resource.package == "kubernetes"]
    assert found, "no Kubernetes objects"
    order = {kind: place for place, kind in enumerate(FIRST)}
    yield from sorted(found, key=lambda one: order.get(one[1]["kind"], len(order)))


def manifest(resource: Resource) -> dict[str, Any]:
    """A resource's inputs as the API takes them."""
    group_version, _, kind = resource.type.removeprefix("kubernetes:").rpartition(":")
    api = group_version.removeprefix("core/")
    body: dict[str, Any] = {"apiVersion": api, "kind": kind} | dict(filled(resource.props))
    body.setdefault("metadata", {}).setdefault("name", resource.name)
    return body


def filled(value: Any) -> Any:
    """Values that only exist after deployment become a text that is valid wherever they are used."""
    if isinstance(value, Unknown):
        return "known-after-deployment"
    if isinstance(value, Mapping):
        return {key: filled(item) for key, item in value.items() if not key.startswith("__")}
    if isinstance(value, list | tuple):
        return [filled(item) for item in value]
    return value
