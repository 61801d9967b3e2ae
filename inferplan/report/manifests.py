"""A stack's Kubernetes objects as manifests, in the order in which a cluster can take them.

Not here: declaring the objects (components), recording them (stacks), and replacing a folder (cli).

A value that only the deployed foundation knows is never filled in. In a ConfigMap it is left out, and the
kustomization asks for a file with it, so that nothing is applied without; anywhere else nothing is rendered.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import yaml

from inferplan.records.no_plan import NotBuilt
from inferplan.resource import Resource, Unknown, walk_unknowns

HEADER = (
    "# Rendered by inferplan. Do not edit: the next run replaces every file that begins with this line.\n"
)
KUSTOMIZATION = "kustomization.yaml"
WAVE = "argocd.argoproj.io/sync-wave"
HIDDEN = "[secret]"  # what Pulumi prints in place of an output that is secret

# A finished job cannot be changed, only made again: said in the words of both controllers.
AGAIN = {
    "argocd.argoproj.io/sync-options": "Force=true,Replace=true",
    "kustomize.toolkit.fluxcd.io/force": "enabled",
}
# Nobody has to wait until a server answers, so that missing GPUs hold nothing else back.
ENDLESS = frozenset({"Deployment", "StatefulSet", "DaemonSet", "LeaderWorkerSet"})
# Within a wave: what others name comes before them, and what runs comes last.
FIRST = ("Namespace", "CustomResourceDefinition", "ServiceAccount", "ConfigMap", "PersistentVolume")
LAST = ("Job", *sorted(ENDLESS))


class Manifest(NamedTuple):
    """One object as the API takes it; `missing` are the keys of its data that only the foundation knows."""

    wave: int
    body: dict[str, Any]
    missing: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        return str(self.body["kind"])

    @property
    def name(self) -> str:
        return str(self.body["metadata"]["name"])

    @property
    def namespace(self) -> str | None:
        found = self.body["metadata"].get("namespace")
        return None if found is None else str(found)

    def __str__(self) -> str:
        place = f" in {self.namespace}" if self.namespace else ""
        return f"{self.kind} {self.name}{place}"


def manifests(resources: Iterable[Resource]) -> tuple[Manifest, ...]:
    """Every Kubernetes object of recorded resources, in order; raises NotBuilt for what cannot be written."""
    found = {resource.urn: resource for resource in resources if resource.package == "kubernetes"}
    bodies = {urn: manifest(resource) for urn, resource in found.items()}
    waves = _waves(found, bodies)
    made = [_rendered(found[urn], body, waves[urn]) for urn, body in bodies.items()]
    counts = Counter(map(str, made))
    if twice := [name for name, number in counts.items() if number > 1]:
        raise NotBuilt(f"two objects are one to the cluster: {', '.join(twice)}")
    return tuple(sorted(made, key=_order))


def manifest(resource: Resource) -> dict[str, Any]:
    """A resource's inputs as the API takes them; unknown values stay what they are."""
    group_version, _, kind = resource.type.removeprefix("kubernetes:").rpartition(":")
    body: dict[str, Any] = {"apiVersion": group_version.removeprefix("core/"), "kind": kind} | _plain(
        resource.props
    )
    metadata = body.setdefault("metadata", {})
    metadata.setdefault("name", resource.name)
    return body


def stream(found: Sequence[Manifest]) -> str:
    """All of them as one YAML stream."""
    return "".join(f"---\n{_text(one.body)}" for one in found)


def files(found: Sequence[Manifest]) -> dict[str, str]:
    """One file for each object by its name, and the kustomization that lists them in order."""
    named = {file_name(one): one for one in found}
    kustomization: dict[str, Any] = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "sortOptions": {"order": "fifo"},
        "resources": list(named),
    }
    if wanted := values_files(found):
        kustomization["generatorOptions"] = {"disableNameSuffixHash": True}
        kustomization["configMapGenerator"] = [
            {"name": one.name, "namespace": one.namespace, "behavior": "merge", "envs": [file]}
            for file, one in wanted.items()
        ]
    return {KUSTOMIZATION: HEADER + _text(kustomization)} | {
        name: HEADER + _text(one.body) for name, one in named.items()
    }


def values_files(found: Sequence[Manifest]) -> dict[str, Manifest]:
    """Files of `KEY=value` lines that somebody else has to write, as the kustomization names them."""
    return {f"{one.name}.env": one for one in found if one.missing}


def file_name(one: Manifest) -> str:
    """Sorted by name, files are in order."""
    parts = (f"{one.wave:02d}", one.kind.lower(), one.namespace, one.name)
    return f"{'-'.join(re.sub(r'[^a-z0-9.-]', '-', part.lower()) for part in parts if part)}.yaml"


# -- from a resource to an object
def _plain(value: Any) -> Any:
    """Without what the SDK adds for the engine."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items() if not key.startswith("__")}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value


def _rendered(resource: Resource, body: dict[str, Any], wave: int) -> Manifest:
    metadata = body["metadata"]
    if body["kind"] == "Secret" or resource.secret_paths or _hides(body):
        raise NotBuilt(f"{body['kind']} {metadata['name']} holds a secret, which no manifest may")
    annotations = metadata.get("annotations", {}) | {WAVE: str(wave)}
    if body["kind"] == "Job":
        annotations |= AGAIN
    body = body | {"metadata": metadata | {"annotations": annotations}}
    if missing := _missing(body):
        body["data"] = {key: value for key, value in body["data"].items() if key not in missing}
    return Manifest(wave, body, missing)


def _missing(body: Mapping[str, Any]) -> tuple[str, ...]:
    """Keys of a ConfigMap's data that are unknown; raises NotBuilt where an unknown stands elsewhere."""
    keys = body.get("data", {}) if body["kind"] == "ConfigMap" else {}
    unknown = {key for key, value in keys.items() if isinstance(value, Unknown)}
    rest = [path for path, _ in walk_unknowns({**body, "data": None} if unknown else body)]
    if rest:
        what = f"{body['kind']} {body['metadata']['name']}: {', '.join(rest)}"
        raise NotBuilt(
            f"{what} is known only after deployment; give the outputs of the foundation with --foundation"
        )
    return tuple(sorted(unknown))


def _hides(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(map(_hides, value.values()))
    if isinstance(value, list):
        return any(map(_hides, value))
    return bool(value == HIDDEN)


# -- order
def _waves(found: Mapping[str, Resource], bodies: Mapping[str, Mapping[str, Any]]) -> dict[str, int]:
    """How many others have to be there first: the namespace, and what the resource depends on."""
    namespaces = {
        body["metadata"]["name"]: urn for urn, body in bodies.items() if body["kind"] == "Namespace"
    }
    waves: dict[str, int] = {}

    def wave(urn: str) -> int:
        if urn not in waves:
            own = namespaces.get(bodies[urn]["metadata"].get("namespace"))
            before = [one for one in found[urn].dependencies if one in found]
            before = [one for one in before if bodies[one]["kind"] not in ENDLESS]
            waves[urn] = 1 + max(map(wave, [*before, *([own] if own else [])]), default=-1)
        return waves[urn]

    return {urn: wave(urn) for urn in found}


def _order(one: Manifest) -> tuple[int, int, str, str, str]:
    place = FIRST.index(one.kind) if one.kind in FIRST else len(FIRST)
    if one.kind in LAST:
        place = len(FIRST) + 1 + LAST.index(one.kind)
    return one.wave, place, one.kind, one.namespace or "", one.name


# -- YAML
class _Dumper(yaml.SafeDumper):
    """Lists are indented, and a text that any reader could take for something else is quoted."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)

    def ignore_aliases(self, data: Any) -> bool:
        return True


_PLAIN = re.compile(r"[A-Za-z/][A-Za-z0-9_./-]*(?::[A-Za-z0-9_./-]+)*")
_WORDS = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})


def _represent(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    """Readers differ in what they take for a number or a word (1e3, on): all but plain words is quoted."""
    if "\n" in value and not re.search(r"[^\S\n]\n|\A\s|[^\n\x20-\x7e]", value):
        style: str | None = "|"
    else:
        style = None if _PLAIN.fullmatch(value) and value.lower() not in _WORDS else '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Dumper.add_representer(str, _represent)


def _text(value: Any) -> str:
    return yaml.dump(value, Dumper=_Dumper, sort_keys=False, width=2**20, default_flow_style=False)


def counted_kinds(found: Sequence[Manifest]) -> str:
    """How many of which kind, for people."""
    counts = Counter(one.kind for one in found)
    return ", ".join(f"{number} {kind}" for kind, number in sorted(counts.items()))
