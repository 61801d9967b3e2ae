"""Declared resources for people: a tree of layers, components and resources, each with what it is for.

Not here: the list for tools (resource_list) and what components are for (their own modules say it).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import click

from inferplan.report.money import counted
from inferplan.resource import Resource

Children = Mapping[str | None, Sequence[Resource]]


def text(name: str, layers: Mapping[Any, Sequence[Resource]], purposes: Mapping[str, str]) -> str:
    """The tree; `purposes` say by type what components are for, other resources describe themselves."""
    total = sum(len(_custom(resources)) for resources in layers.values())
    lines = [click.style(f"{name}: {counted(total, 'resource')}", bold=True)]
    for layer, resources in layers.items():
        lines += ["", click.style(f"{layer}  {counted(len(_custom(resources)), 'resource')}", bold=True)]
        listed = {resource.urn for resource in resources}
        children: dict[str | None, list[Resource]] = {}
        for resource in sorted(resources, key=lambda resource: (resource.custom, resource.name)):
            parent = resource.parent if resource.parent in listed else None
            children.setdefault(parent, []).append(resource)
        lines += _branch(None, children, purposes, "  ")
    return "\n".join(lines)


def short_type(type_: str) -> str:
    """A type token as people write it: `aws:ec2:Vpc` for `aws:ec2/vpc:Vpc`."""
    package, module, name = type_.split(":")
    group, _, file = module.partition("/")
    return f"{package}:{group}:{name}" if file.lower() == name.lower() else type_


def component(resource: Resource) -> str:
    """What a component is called in the code: the last part of its type."""
    return resource.type.rpartition(":")[2]


def _branch(
    parent: str | None, children: Children, purposes: Mapping[str, str], indent: str
) -> Iterator[str]:
    for resource in children.get(parent, ()):
        purpose = _purpose(resource, purposes)
        label = resource.name if resource.custom else click.style(resource.name, bold=True)
        kind = short_type(resource.type) if resource.custom else component(resource)
        yield f"{indent}{label}  {kind}" + (f": {purpose}" if purpose else "")
        yield from _branch(resource.urn, children, purposes, f"{indent}  ")


def _purpose(resource: Resource, purposes: Mapping[str, str]) -> str:
    if not resource.custom:
        return purposes.get(resource.type, "")
    said = resource.props.get("description")
    is_secret = "description" in (resource.secret_paths or ())
    return said if isinstance(said, str) and not is_secret else ""


def _custom(resources: Sequence[Resource]) -> list[Resource]:
    """Without components, which only group."""
    return [resource for resource in resources if resource.custom]
