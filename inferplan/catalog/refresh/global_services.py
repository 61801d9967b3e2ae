"""The AWS resource types without a `region` input, from the source of the installed pulumi_aws.

People read where such a service is at home and what it holds.
Not here: which types rules read (type_registry).
"""

from __future__ import annotations

import re
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from inferplan.catalog.refresh import rows
from inferplan.catalog.serving import GlobalService

TOKEN = re.compile(r"super\(\w+, __self__\)\.__init__\(\s*'(aws:[^']+)'")
REGION = re.compile(r"^\s+region:", re.MULTILINE)


def resource_types() -> dict[str, bool]:
    """Every resource type token and whether it takes a `region`."""
    spec = find_spec("pulumi_aws")
    if spec is None or spec.origin is None:
        raise SystemExit("pulumi_aws is not installed")
    found: dict[str, bool] = {}
    for file in sorted(Path(spec.origin).parent.rglob("*.py")):
        text = file.read_text()
        token = TOKEN.search(text)
        if token is not None:
            start = text.index("def _internal_init(__self__")
            found[token[1]] = REGION.search(text, start, text.index("):", start)) is not None
    return found


def module_of(token: str) -> str:
    """`iam` of `aws:iam/role:Role`."""
    return token.split(":")[1].partition("/")[0]


def tables() -> dict[str, list[dict[str, Any]]]:
    """The table as it should read; a new module comes with an unknown home until a person reads it."""
    types = resource_types()
    known = {row["module"]: row for row in rows.hand_read("global_services")}
    unread: dict[str, Any] = {"home_region": None, "holds": None, "verified": "partial", "source": []}
    unread["as_of"] = "unknown"
    found = []
    for module in sorted({module_of(token) for token, regional in types.items() if not regional}):
        row = {"module": module} | known.get(module, unread)
        row["types"] = sorted(
            token for token, regional in types.items() if module_of(token) == module and not regional
        )
        row["source"] = [f"pulumi-aws {version('pulumi_aws')}", *row["source"]]
        found.append(rows.in_order(row, GlobalService))
    return {"global_services": found}


def main() -> None:
    """Rewrite the table and say what changed."""
    rows.replace(tables())


if __name__ == "__main__":
    main()
