"""Containers wherever they are declared: pods of every Kubernetes workload kind, and ECS task definitions.

Not here: what a container must look like (the packs).
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from inferplan.resource import Resource, Unknown, UnknownValueError
from policies import types
from policies.read import credential_name, get, json_document, known, mapping, text, texts

ACCELERATORS = ("nvidia.com/", "amd.com/", "aws.amazon.com/neuron")  # also slices: nvidia.com/mig-1g.10gb
# Under these keys a workload keeps its pod; unknown, the pod cannot be seen.
POD_KEYS = frozenset(
    {"spec", "template", "jobTemplate", "leaderWorkerTemplate", "leaderTemplate", "workerTemplate",
     "containers"}
)  # fmt: skip
_SERVER = re.compile(r"(?:.*/)?vllm(?:-openai)?(?:[:@].*)?")
_ASSIGNED = re.compile(r"([A-Z][A-Z0-9_]*)=(.*)", re.DOTALL)
CONTAINER_LISTS = ("containers", "initContainers", "ephemeralContainers")


@dataclass(frozen=True, slots=True)
class Container:
    """One container and its place in the resource's properties."""

    path: str
    value: Mapping[str, Any]

    @property
    def name(self) -> str:
        return text(self.value.get("name", ""), f"the name of {self.path}")

    @property
    def env(self) -> dict[str, str | None]:
        """Environment variables; None for a value that comes from elsewhere (a secret, a config map)."""
        entries = [*(get(self.value, "env") or get(self.value, "environment") or [])]
        entries += get(self.value, "secrets") or []  # how ECS names variables that come from elsewhere
        found = [mapping(entry, f"an environment variable of {self.path}") for entry in entries]
        return {str(get(entry, "name")): _value(entry) for entry in found} | self._exported

    @property
    def _exported(self) -> dict[str, str | None]:
        """Variables that the command itself sets before it runs anything: `A=1 exec vllm serve m`."""
        found = (_ASSIGNED.fullmatch(word) for word in self.words)
        return {match[1]: match[2] for match in found if match}

    @property
    def words(self) -> list[str]:
        """Command and arguments."""
        parts = [*(get(self.value, "command") or []), *(get(self.value, "args") or [])]
        parts = [*(get(self.value, "entryPoint") or []), *parts]
        return list(_spoken([str(known(part)) for part in parts]))

    @property
    def is_proxy(self) -> bool:
        """Whether it is the LLM proxy: by its image or its command."""
        named = [str(get(self.value, "image", "")).lower(), *(word.lower() for word in self.words[:3])]
        return any("litellm" in name for name in named)

    @property
    def serves_model(self) -> bool:
        """Whether it is a model server: by its image, its command, or an accelerator that it asks for."""
        limits = [
            name
            for kind in ("limits", "requests")
            for name in mapping(get(self.value, f"resources.{kind}"), f"what {self.path} asks for")
        ]
        named = [str(get(self.value, "image", "")).lower(), *(word.lower() for word in self.words[:3])]
        return (
            any(name.startswith(ACCELERATORS) for name in limits)
            or bool(get(self.value, "resources.claims"))
            or any("vllm" in name for name in named)
            or any(_SERVER.fullmatch(word) for word in self.words)
        )


def _value(entry: Mapping[str, Any]) -> str | None:
    if isinstance(entry.get("value"), Unknown) and credential_name(str(get(entry, "name"))):
        return None  # a password or key given as a secret input
    return None if get(entry, "value") is None else str(get(entry, "value"))


def _spoken(words: list[str]) -> Iterator[str]:
    """The words of a command; what follows a shell's `-c` is a command of its own in one string."""
    for before, word in _commands(words):
        yield from _shell_words(word) if re.fullmatch(r"-[a-z]*c", before) and " " in word else (word,)


def _commands(words: list[str]) -> Iterator[tuple[str, str]]:
    """Every word and the one before it; `--` after a shell's `-c` ends its options and says nothing."""
    before = ""
    for word in words:
        if word != "--" or not re.fullmatch(r"-[a-z]*c", before):
            yield before, word
            before = word


@lru_cache(maxsize=256)
def _shell_words(command: str) -> tuple[str, ...]:
    said = command.replace("\\\n", " ")
    lexer = shlex.shlex(said, posix=True, punctuation_chars=";&|()<>\n")
    lexer.whitespace, lexer.whitespace_split, lexer.commenters = " \t\r", True, ""
    try:
        return tuple(lexer)
    except ValueError:
        return tuple(said.split())


@dataclass(frozen=True, slots=True)
class Pod:
    """Containers that run together."""

    path: str
    containers: tuple[Container, ...]
    host_network: bool = False

    @property
    def serves_model(self) -> bool:
        return any(container.serves_model for container in self.containers)


def pods(resource: Resource) -> Iterator[Pod]:
    """Every pod template or task of a resource; raises where it is only known after deployment."""
    if resource.type == types.TASK_DEFINITION:
        definitions = json_document(resource.props.get("containerDefinitions"))
        found = enumerate(definitions or [])
        yield Pod(
            "containerDefinitions",
            tuple(
                Container(f"containerDefinitions[{index}]", mapping(item, "a container definition"))
                for index, item in found
            ),
        )
    elif resource.type in types.MACHINES:
        yield from _scripts(resource)
    elif resource.package == "kubernetes":
        yield from _templates(resource.props, "")


def _scripts(machine: Resource) -> Iterator[Pod]:
    """What a machine runs when it starts, as one container; rules about hosts also ask what is unknown."""
    for path in ("userData", "userDataBase64"):
        for script in _plain(machine.props.get(path)):
            yield Pod(path, (Container(path, {"name": machine.name, "command": ["sh", "-c", script]}),))


def _plain(value: Any) -> Iterator[str]:
    """A script that is given as it is or in base64."""
    if isinstance(value, str):
        *_, last = texts(value, "userData")  # the decoded one, where there is one
        yield last.value


def _templates(value: Any, path: str) -> Iterator[Pod]:
    if isinstance(value, Unknown):
        if path.rpartition(".")[2] in POD_KEYS:
            raise UnknownValueError(value)
        return
    if isinstance(value, list):
        for index, item in enumerate(value):
            if isinstance(item, Mapping):
                yield from _templates(item, f"{path}[{index}]")
        return
    if not isinstance(value, Mapping):
        return
    if _is_pod(value.get("containers")):
        yield Pod(
            path,
            tuple(
                Container(f"{path}.{key}[{index}]", mapping(item, f"{path}.{key}[{index}]"))
                for key in CONTAINER_LISTS
                for index, item in enumerate(known(value.get(key)) or [])
            ),
            host_network=get(value, "hostNetwork", False) is True,
        )
        return
    for key, item in value.items():
        if isinstance(item, Mapping | list | Unknown):
            yield from _templates(item, f"{path}.{key}" if path else str(key))


def _is_pod(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(item, Mapping) for item in value)


def namespace(resource: Resource) -> str:
    """The namespace of a Kubernetes object."""
    return str(get(resource.props, "metadata.namespace", "default"))
