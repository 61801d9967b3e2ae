"""One declared resource as rules, recorder and reports see it.

Not here: how resources are recorded (stacks.record) or judged (policies).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any


class Unknown:
    """A value that only exists after deployment; `urns` are the resources it comes from.

    It refuses to be used as a condition, so that a rule cannot mistake it for an empty value.
    """

    __slots__ = ("urns",)

    def __init__(self, urns: tuple[str, ...] = ()) -> None:
        self.urns = urns

    def __bool__(self) -> bool:
        raise UnknownValueError(self)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Unknown) and other.urns == self.urns

    def __hash__(self) -> int:
        return hash(("unknown", self.urns))

    def __repr__(self) -> str:
        return f"Unknown({', '.join(self.urns)})"


class UnknownValueError(Exception):
    """A rule needed a value that is not known before deployment."""

    def __init__(self, value: Unknown) -> None:
        super().__init__("a value that is only known after deployment")
        self.value = value


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """The provider a resource is created through: its package (`aws`) and decoded configuration."""

    urn: str
    package: str
    config: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """One resource with the provider's own property names (camelCase); component inputs keep their case.

    `props` holds plain JSON values and `Unknown`. `property_dependencies` maps a top-level property to the
    URNs it was computed from. `secret_paths` are the properties marked secret, known to the recorder only
    (None elsewhere). `outputs` is what a state file says became of it, its id among them; empty elsewhere.
    `retained`: destroy forgets it and leaves it where it is, known to the recorder only.
    """

    urn: str
    type: str
    name: str
    props: Mapping[str, Any]
    parent: str | None = None
    provider: Provider | None = None
    dependencies: tuple[str, ...] = ()
    property_dependencies: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    custom: bool = True
    secret_paths: frozenset[str] | None = None
    outputs: Mapping[str, Any] = field(default_factory=dict, compare=False)  # generated ids differ each time
    retained: bool = field(default=False, compare=False)

    @property
    def package(self) -> str:
        """The first part of the type token: `aws`, `kubernetes`, `inferplan`, `pulumi`."""
        return self.type.partition(":")[0]


def walk_unknowns(value: Any, path: str = "") -> Iterator[tuple[str, Unknown]]:
    """Yield the path and value of every unknown inside a property value."""
    if isinstance(value, Unknown):
        yield path, value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from walk_unknowns(item, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from walk_unknowns(item, f"{path}[{index}]")
