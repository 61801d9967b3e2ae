"""The modules of resource types that the installed AWS and Kubernetes SDKs register, from their text.

People say whether a rule reads a type. Not here: types without a Region (global_services).
"""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from inferplan.catalog.refresh import rows
from inferplan.catalog.resource_types import module_of

PACKAGES = ("pulumi_aws", "pulumi_kubernetes")


@cache
def registered() -> frozenset[str]:
    """Every type that the installed SDKs register, read from their text, as loading all classes is slow."""
    return frozenset(token for package in PACKAGES for token in _types_of(package))


def _types_of(package: str) -> Iterator[str]:
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise SystemExit(f"{package} is not installed")
    for node in ast.walk(ast.parse(Path(spec.origin).read_text("utf-8"))):
        if isinstance(node, ast.keyword) and node.arg == "resource_modules":
            for module in json.loads(ast.literal_eval(node.value)):
                yield from module["classes"]


def tables() -> dict[str, list[dict[str, Any]]]:
    """The table as it should read: a module that nobody has judged comes as unread."""
    judged = {row["module"]: row for row in rows.hand_read("resource_types")}
    unread = {
        "reading": "unread",
        "because": "is new to the rules",
        "verified": "partial",
        "unverified_parts": ["because"],
        "source": [],
        "as_of": "unknown",
    }
    packages = ", ".join(f"{package.replace('_', '-')} {version(package)}" for package in PACKAGES)
    found = []
    for module in sorted({module_of(token) for token in registered()} | set(judged)):
        row = {"module": module} | judged.get(module, unread)
        found.append(row | {"source": [f"{packages}: the registered types", *row["source"]]})
    return {"resource_types": found}


def main() -> None:
    """Rewrite the table and say what changed."""
    rows.replace(tables())


if __name__ == "__main__":
    main()
