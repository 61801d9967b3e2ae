"""The AWS resource types without a `region` input, from the source of the installed pulumi_aws.

Not here: where such a service keeps its data; people review `home_region` and `holds` of each module.
"""

from __future__ import annotations

import re
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from inferplan.catalog.refresh import rows

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


def main() -> None:
    """Rewrite `types` of the table; new modules come with an unknown home."""
    types = resource_types()
    known = {row["module"]: row for row in rows.read("global_services")}
    updated = []
    for module in sorted({module_of(token) for token, regional in types.items() if not regional}):
        row = known.get(module) or {
            "module": module,
            "home_region": None,
            "holds": None,
            "verified": "partial",
            "source": [],
        }
        row["types"] = sorted(
            token for token, regional in types.items() if module_of(token) == module and not regional
        )
        row["source"] = [
            f"pulumi-aws {version('pulumi_aws')}",
            *(text for text in row["source"] if "pulumi-aws" not in text),
        ]
        updated.append({"as_of": "unknown"} | row)
    rows.write("global_services", updated)


if __name__ == "__main__":
    main()
