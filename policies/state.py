"""Resources from what Pulumi itself wrote: `pulumi stack export` or `pulumi preview --json`, of any program.

Not here: judging them (evaluate) and resources recorded from our own program (stacks.record).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from inferplan.errors import InferplanError
from inferplan.properties import plain_number, provider_config
from inferplan.resource import Provider, Resource, Unknown
from policies.types import ENGINE_TYPES, PROVIDERS

# Signatures of Pulumi's property encoding (sdk/go/common/resource/properties.go).
SIGNATURE = "4dabf18193072939515e22adb298388d"
SECRET_SIGNATURE = "1b47061264138c4ac30d75fd1eb44270"
RESOURCE_SIGNATURE = "5cf8f73096256a8f31e491e813e4eb8e"
UNKNOWNS = frozenset(
    {
        "04da6b54-80e4-46f7-96ec-b56ff0331ba9",  # string, and what SDKs send for any kind
        "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",  # boolean
        "3eeb2bf0-c639-47a8-9e75-3b44932eb421",  # number
        "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",  # array
        "030794c1-ac77-496b-92df-f27374a8bd58",  # asset
        "e48ece36-62e2-4504-bad9-02848725956a",  # archive
        "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",  # object
    }
)
HIDDEN = "[secret]"  # how `pulumi preview --json` prints a secret
GOING = frozenset({"delete", "delete-replaced", "discard", "discard-replaced", "remove-pending-replace"})
VERSIONS = frozenset({3, 4})
MAX_BYTES = 1 << 28


class StateError(InferplanError):
    """The file is neither an export of a stack nor the JSON of a preview."""


class State(msgspec.Struct, rename="camel"):
    """One resource as Pulumi writes it; what rules do not read is left out."""

    urn: str
    type: str
    custom: bool = False
    delete: bool = False  # replaced, and waiting for its deletion
    external: bool = False  # only read: another stack, or what somebody else owns
    parent: str | None = None
    provider: str | None = None  # URN::id
    id: str | None = None
    inputs: dict[str, Any] | None = None
    outputs: dict[str, Any] | None = None
    dependencies: list[str] | None = None
    property_dependencies: dict[str, list[str] | None] | None = None

    @property
    def origins(self) -> dict[str, tuple[str, ...]]:
        """What each top-level property was computed from."""
        found = sorted((self.property_dependencies or {}).items())
        return {key: tuple(sorted(urns)) for key, urns in found if urns}


class Step(msgspec.Struct, rename="camel"):
    """One step of a preview."""

    op: str
    new_state: State | None = None
    old_state: State | None = None


class Deployment(msgspec.Struct):
    """The resources of an export; a stack that was never deployed has none."""

    resources: list[State] | None = None


class Document(msgspec.Struct):
    """An export has a version and a deployment, a preview has steps."""

    version: int | None = None
    deployment: Deployment | None = None
    steps: list[Step] | None = None
    config: dict[str, Any] | None = None

    def states(self) -> Iterator[State]:
        """Every state that stays and is the program's own."""
        if self.steps is not None:
            found = [step.new_state or step.old_state for step in self.steps if step.op not in GOING]
        elif self.deployment is not None:
            if self.version not in VERSIONS:
                raise StateError(f"an export of version {self.version}; known: 3 and 4")
            found = list(self.deployment.resources or ())
        else:
            raise StateError("neither `pulumi stack export` nor `pulumi preview --json`")
        return (state for state in found if state is not None and not state.delete and not state.external)


def read_state(path: Path) -> tuple[Resource, ...]:
    """The resources of a state file, sorted by URN; `StateError` when it is none."""
    try:
        with path.open("rb") as file:
            text = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise StateError(f"{path} cannot be read: {error.strerror}") from None
    if len(text) > MAX_BYTES:
        raise StateError(f"{path}: larger than {MAX_BYTES >> 20} MiB")
    return parse_state(text, str(path))


def parse_state(text: bytes, name: str = "state") -> tuple[Resource, ...]:
    """The resources in a state file, without the stack itself and without what is going away."""
    try:
        document = msgspec.json.decode(text, type=Document)
        return tuple(_resources({state.urn: state for state in document.states()}, document.config or {}))
    except StateError as error:
        raise StateError(f"{name}: {error}") from None
    except msgspec.MsgspecError as error:
        raise StateError(
            f"{name}: neither `pulumi stack export` nor `pulumi preview --json`: {error}"
        ) from None
    except (RecursionError, UnicodeDecodeError):
        raise StateError(f"{name}: not a state file") from None


def _resources(states: Mapping[str, State], config: Mapping[str, Any]) -> Iterator[Resource]:
    providers = {
        urn: Provider(urn=urn, package=_package(state.type), config=provider_config(_inputs(state, [])))
        for urn, state in states.items()
        if state.type.startswith(PROVIDERS)
    }
    return (
        _resource(states[urn], providers, config)
        for urn in sorted(states)
        if states[urn].type not in ENGINE_TYPES
    )


def _resource(state: State, providers: Mapping[str, Provider], config: Mapping[str, Any]) -> Resource:
    secrets: list[str] = []
    props = _inputs(state, secrets)
    if state.type.startswith(PROVIDERS):
        props = provider_config(props)
    return Resource(
        urn=state.urn,
        type=state.type,
        name=state.urn.rpartition("::")[2],
        props=props,
        parent=state.parent or None,
        provider=_provider(state, providers, config),
        dependencies=tuple(sorted(state.dependencies or ())),
        property_dependencies=state.origins,
        custom=state.custom,
        secret_paths=frozenset(secrets),
        outputs=_outputs(state),
    )


def _outputs(state: State) -> dict[str, Any]:
    """What the provider answered; of a preview only what it already knows."""
    found = {"id": state.id} if state.id else {}
    return found | {key: _value(value, key, (), []) for key, value in sorted((state.outputs or {}).items())}


def _provider(state: State, providers: Mapping[str, Provider], config: Mapping[str, Any]) -> Provider | None:
    """The provider that the file holds; a preview does not list default ones, but the configuration."""
    if not state.provider:
        return None
    urn = state.provider.rpartition("::")[0]
    if urn in providers:
        return providers[urn]
    type_urn, _, name = urn.rpartition("::")
    package = _package(type_urn)
    said = {
        key.removeprefix(f"{package}:"): _value(value, key, (), [])
        for key, value in config.items()
        if name.startswith("default") and key.startswith(f"{package}:")
    }
    return Provider(urn=urn, package=package, config=provider_config(said))


def _package(type_: str) -> str:
    return type_.rpartition(PROVIDERS)[2]


def _inputs(state: State, secrets: list[str]) -> dict[str, Any]:
    origins = state.origins
    return {
        key: _value(value, key, origins.get(key, ()), secrets)
        for key, value in sorted((state.inputs or {}).items())
        if not key.startswith("__")
    }


def _value(value: Any, path: str, urns: tuple[str, ...], secrets: list[str]) -> Any:
    """Plain JSON; bookkeeping of providers dropped, secrets and unknowns as `Unknown`."""
    if isinstance(value, Mapping):
        signature = value.get(SIGNATURE)
        if signature == SECRET_SIGNATURE or (SIGNATURE in value and "ciphertext" in value):
            secrets.append(path)
            return Unknown(urns)
        if signature == RESOURCE_SIGNATURE:
            return value.get("urn")
        return {
            key: _value(item, f"{path}.{key}", urns, secrets)
            for key, item in sorted(value.items())
            if key != SIGNATURE and not key.startswith("__")
        }
    if isinstance(value, list):
        return [_value(item, f"{path}[{index}]", urns, secrets) for index, item in enumerate(value)]
    if value == HIDDEN:
        secrets.append(path)
        return Unknown(urns)
    if isinstance(value, str) and value in UNKNOWNS:
        return Unknown(urns)
    return plain_number(value) if isinstance(value, float) else value
