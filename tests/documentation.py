"""Writes every generated page, schema and shown output (`make docs`); `--check` says what is out of date.

Not here: the pages, one module each in tests.pages.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from inferplan.report import contract_schemas
from inferplan.sizing import accuracy
from inferplan.spec import schema
from tests.pages import bedrock, catalog, cli, outputs, public_configs, retention, rules, spec
from tests.pages.commands import HAND_WRITTEN, filled, has_commands

ROOT = Path(__file__).parents[1]
GENERATED: dict[str, Callable[[], str]] = {
    "docs/rules.md": rules.text,
    "docs/spec.md": spec.text,
    "docs/cli.md": cli.text,
    "docs/outputs.md": outputs.text,
    "docs/catalog.md": catalog.text,
    "docs/bedrock.md": bedrock.text,
    "docs/retention.md": retention.text,
    "docs/sizing-accuracy.md": accuracy.page,
    "docs/public-configs.md": public_configs.text,
}


def hand_written() -> list[Path]:
    """Every page that people write, in which commands are run and outputs filled in."""
    found = sorted(path for pattern in HAND_WRITTEN for path in ROOT.glob(pattern))
    return [path for path in found if str(path.relative_to(ROOT)) not in GENERATED]


def files() -> dict[Path, Callable[[], str]]:
    """Every file that is generated in whole or in part, with the function that gives its text."""
    schemas = {path: partial(_schema, path) for path in _schemas()}
    pages = {ROOT / name: text for name, text in GENERATED.items()}
    return schemas | pages | {path: partial(filled, path) for path in hand_written() if has_commands(path)}


def _schemas() -> dict[Path, str]:
    return schema.generate() | contract_schemas.generate()


def _schema(path: Path) -> str:
    return _schemas()[path]


def main(arguments: list[str]) -> int:
    """Write what changed, or with `--check` name what would; 1 when something is out of date or fails."""
    parser = argparse.ArgumentParser(prog="python -m tests.documentation", description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare only")
    check = parser.parse_args(arguments).check
    code = 0
    for path, text in files().items():
        name = path.relative_to(ROOT)
        try:
            now = text()
        except ValueError as problem:
            tell(f"{name}: {problem}")
            code = 1
            continue
        if path.exists() and path.read_text("utf-8") == now:
            continue
        if check:
            tell(f"{name} is out of date: run `make docs`")
            code = 1
        else:
            path.write_text(now, "utf-8")
            tell(f"wrote {name}")
    return code


def tell(text: str) -> None:
    """Talk goes to standard error."""
    sys.stderr.write(f"{text}\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
