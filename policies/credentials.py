"""Which secret inputs are credentials: they open doors, and name no host, model or place that rules look for.

Not here: what is unknown without being secret, and secrets that may be a configuration; both stay unread.
"""

from __future__ import annotations

import re
from typing import Any

from inferplan.resource import Resource, Unknown
from policies import types
from policies.read import DATA_KEYS, credential_name
from policies.stack import Stack


def is_credential(resource: Resource, path: str, stack: Stack) -> bool:
    """Whether the value at a path is a secret that only opens doors."""
    if path not in (resource.secret_paths or ()):
        return False
    if resource.type == types.KUBERNETES_SECRET and path in DATA_KEYS:
        return not _mounted(resource, stack)
    parent, _, key = path.rpartition(".")
    if key == "value":
        key = str(_at(resource.props, parent).get("name", "")) if parent or "name" in resource.props else ""
    return credential_name(re.split(r"[/.]", key)[-1])


def _mounted(secret: Resource, stack: Stack) -> bool:
    """Whether a pod may read it as files: then it may be a program's configuration."""
    name = _at(secret.props, "metadata").get("name")
    for resource in stack.of(types.KUBERNETES):
        found: list[tuple[str, str | None]] = [(text.path, text.value) for text in stack.texts(resource)]
        found += [(path, None) for path, _ in stack.unknowns(resource)]
        for path, value in found:
            volume = path.endswith("secret.secretName") or re.search(r"sources\[\d+\]\.secret\.name$", path)
            if volume and (value is None or not isinstance(name, str) or value == name):
                return True
    return False


def _at(value: Any, path: str) -> dict[str, Any]:
    """The mapping at a path such as `spec.containers[0].env[1]`; empty where there is none."""
    for key, index in re.findall(r"([^.\[\]]+)|\[(\d+)\]", path):
        if isinstance(value, Unknown) or value is None:
            return {}
        if key:
            value = value.get(key) if hasattr(value, "get") else None
        else:
            value = value[int(index)] if isinstance(value, list) and int(index) < len(value) else None
    return dict(value) if hasattr(value, "get") else {}
