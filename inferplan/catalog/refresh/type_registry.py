"""The modules of resource types that the installed AWS and Kubernetes SDKs register, from their text.

Not here: whether a rule reads a type; people say it in the table, and a new module comes as unread.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

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


def main() -> None:
    """Add a row for every module that has none."""
    known = {row["module"]: row for row in rows.read("resource_types")}
    for module in {module_of(token) for token in registered()} - set(known):
        known[module] = {
            "module": module,
            "reading": "unread",
            "because": "is new to the rules",
            "verified": "partial",
            "unverified_parts": ["because"],
            "source": [f"{package} {version(package)}" for package in PACKAGES],
            "as_of": "unknown",
        }
    rows.write("resource_types", [known[module] for module in sorted(known)])


if __name__ == "__main__":
    main()
