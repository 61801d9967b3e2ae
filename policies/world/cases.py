"""An example as something to judge: its resources with their references, and its declaration with its edits.

Not here: the examples (beside each rule), what they are built of (bases, things) and who runs them (tests).
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import msgspec

from inferplan.resource import Resource, Unknown
from inferplan.spec.organization import Organization
from policies.rule import DROP, Change, Example, Rule
from policies.world.bases import LOCK, ORGANIZATION, WORLDS
from policies.world.things import NAMED

if TYPE_CHECKING:
    from inferplan.spec.declaration import Declaration

DECLARED = ("spec", "organization")  # what an edit may name besides a resource


@dataclass(frozen=True, slots=True)
class Case:
    """An example ready to be judged."""

    note: str
    declaration: Declaration
    resources: tuple[Resource, ...]


def passing_case(example: Example) -> Case:
    """A passing example as declaration and resources."""
    return _case(example.note, example.world, example.given, example.resources)


def failing_case(rule: Rule, change: Change) -> Case:
    """A passing example of the rule with one change."""
    example = rule.passing[change.of]
    kept = [item for item in example.resources if item.name not in change.remove]
    edits = _by_name(change.edits)
    if unmet := set(edits) - {item.name for item in kept} - set(DECLARED):
        raise ValueError(f"{rule.id}, {change.note}: no resource is called {', '.join(sorted(unmet))}")
    resources = [_edited(item, edits.get(item.name, {})) for item in kept]
    given = {key: value for key, value in change.edits.items() if key.partition(":")[0] in DECLARED}
    names = _urns((*example.resources, *change.add))
    return _case(change.note, example.world, {**example.given, **given}, (*resources, *change.add), names)


def _case(
    note: str,
    world: str,
    given: Mapping[str, Any],
    resources: tuple[Resource, ...],
    names: Mapping[str, str] | None = None,
) -> Case:
    urns = names or _urns(resources)
    edits = _by_name(given)
    declaration = _declared(world, *(_key(edits.get(document, {})) for document in DECLARED))
    return Case(note, declaration, tuple(_linked(item, urns) for item in resources))


def _urns(resources: tuple[Resource, ...]) -> dict[str, str]:
    return {item.name: item.urn for item in resources}


def _by_name(edits: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Edits by what they edit: `logs:kmsKeyId` is `kmsKeyId` of `logs`."""
    found: dict[str, dict[str, Any]] = {}
    for key, value in edits.items():
        name, _, path = key.partition(":")
        found.setdefault(name, {})[path] = value
    return found


def _edited(item: Resource, edits: Mapping[str, Any]) -> Resource:
    if not edits:
        return item
    props = _copied(item.props)
    for path, value in edits.items():
        _set(props, path, value)
    return replace(item, props=props)


def _copied(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _copied(item) for key, item in value.items()}
    return [_copied(item) for item in value] if isinstance(value, list) else value


def _linked(item: Resource, urns: Mapping[str, str]) -> Resource:
    """The resource with every reference by name as one by URN."""
    return replace(item, props=_resolved(item.props, urns))


def _resolved(value: Any, urns: Mapping[str, str]) -> Any:
    if isinstance(value, Unknown):
        return Unknown(tuple(_urn(urn, urns) for urn in value.urns))
    if isinstance(value, Mapping):
        return {key: _resolved(item, urns) for key, item in value.items()}
    return [_resolved(item, urns) for item in value] if isinstance(value, list) else value


def _urn(urn: str, urns: Mapping[str, str]) -> str:
    if not urn.startswith(NAMED):
        return urn
    name = urn.removeprefix(NAMED)
    if name not in urns:
        raise ValueError(f"an example refers to {name}, which none of its resources is called")
    return urns[name]


def _set(target: Any, path: str, value: Any) -> None:
    """Set or drop the value at `a.b[0].c`; a list may be extended by one."""
    parts = re.findall(r"\[(\d+)\]|([^.\[\]]+)", path)
    keys = [int(index) if index else name for index, name in parts]
    for key, following in pairwise(keys):
        if isinstance(key, str):
            target = target.setdefault(key, [] if isinstance(following, int) else {})
        else:
            target = target[key]
    last: Any = keys[-1]
    if value is DROP:
        del target[last]
    elif isinstance(target, list) and last == len(target):
        target.append(value)
    else:
        target[last] = value


def _key(edits: Mapping[str, Any]) -> str:
    return json.dumps({key: "DROP" if value is DROP else value for key, value in edits.items()})


@cache
def _declared(world: str, spec_edits: str, organization_edits: str) -> Declaration:
    from inferplan.spec.declaration import Declaration

    spec = copy.deepcopy(WORLDS[world])
    organization = copy.deepcopy(ORGANIZATION)
    for document, edits in ((spec, spec_edits), (organization, organization_edits)):
        for path, value in json.loads(edits).items():
            _set(document, path, DROP if value == "DROP" else value)
    return Declaration.from_json(
        json.dumps({"spec": spec, "lock": {**LOCK, "models": _pins(spec)}}),
        msgspec.convert(organization, Organization),
        (),
    )


def _pins(spec: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """A pin for every model that comes from the hub, so that pins are no part of an example."""
    weights = [str(backend.get("weights", "")) for backend in spec["backends"].values()]
    names = [text.removeprefix("hf://").partition("@")[0] for text in weights if text.startswith("hf://")]
    return {name: {"revision": "0" * 40} for name in names}
