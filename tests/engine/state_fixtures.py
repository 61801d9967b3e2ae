"""Writes tests/fixtures/state: what the real engine exports for the programs of this folder.

Not here: reading them (policies.state). Run as `python -m tests.engine.state_fixtures` after a change.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.engine.provider import attached
from tests.engine.workspace import HERE, ROOT, Engine, Workspace, find_engine

FOLDER = ROOT / "tests" / "fixtures" / "state"
PROGRAMS = ("tiny", "rogue")
CONFIG = {"aws:region": "us-east-1"}
PLACES = frozenset({"sourcePosition", "stackTrace", "diagnostics"})
VERSIONS = {"aws": "7.51.1", "kubernetes": "4.34.2"}


def written(workspace: Workspace, program: str) -> Iterator[tuple[str, str]]:
    """File names and contents of one program: its first preview, and its state after an update."""
    workspace.project(HERE / "programs" / program / "__main__.py")
    workspace.stack("dev", CONFIG)
    yield f"{program}.preview.json", _tidied(workspace.run("preview", "--json", check=True).stdout)
    workspace.run("up", "--yes", check=True)
    yield f"{program}.export.json", _tidied(workspace.run("stack", "export", check=True).stdout)


def _tidied(text: str) -> str:
    """The same document without what names files of this machine."""

    def without_places(item: dict[str, Any]) -> dict[str, Any]:
        return {key: value for key, value in item.items() if key not in PLACES}

    return json.dumps(json.loads(text, object_hook=without_places), indent=1) + "\n"


def main() -> None:
    """Write all fixtures."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with attached(VERSIONS) as (address, _), tempfile.TemporaryDirectory() as folder:
        engine = find_engine(Path(folder))
        if not isinstance(engine, Engine):
            raise SystemExit(engine)
        for program in PROGRAMS:
            project = Path(folder) / program
            project.mkdir()
            for name, text in written(
                Workspace(engine, project, {"PULUMI_DEBUG_PROVIDERS": address}), program
            ):
                (FOLDER / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
