"""The program judges itself: what is denied is refused before anything exists, without any pack.

Not here: what the packs stop when it lets something through (test_pack).
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.engine.provider import StandIn
from tests.engine.test_pack import SPECS, abroad, created, warning_only
from tests.engine.test_stacks import settings
from tests.engine.workspace import Workspace

__all__ = ["abroad"]  # a fixture

COMMANDS = [["preview"], ["up", "--yes"], ["up", "--yes", "--skip-preview"]]
LINES = 45  # the engine says everything twice, and adds about fifteen of its own


@pytest.mark.parametrize("command", COMMANDS, ids=lambda words: words[-1])
def test_up_without_a_pack_is_stopped_before_anything_exists(
    workspace: Workspace, stand_ins: dict[str, StandIn], abroad: Path, command: list[str]
) -> None:
    """The rule, the spec's line and the organization are said in few lines, without a traceback."""
    workspace.project()
    workspace.stack("minimal.foundation", settings(abroad))

    result = workspace.run(*command)

    assert result.code != 0
    assert "minimal is denied under " in result.text
    assert "SOV-001 fail: " in result.text
    assert f"({abroad}:" in result.text
    assert "Traceback" not in result.text
    assert len(result.text.splitlines()) <= LINES, result.text
    assert created(stand_ins) == []


def test_pins_are_asked_for_as_by_the_packs(
    workspace: Workspace, stand_ins: dict[str, StandIn], tmp_path: Path
) -> None:
    """What `check` calls pending is refused."""
    spec = tmp_path / "minimal.yaml"
    spec.write_bytes((SPECS / "minimal.yaml").read_bytes())
    workspace.project()
    workspace.stack("minimal.foundation", settings(spec))

    result = workspace.run("up", "--yes", "--skip-preview")

    assert result.code != 0
    assert "LOCK-MISSING" in result.text
    assert created(stand_ins) == []


def test_the_organization_may_let_an_environment_pass_with_a_warning(
    workspace: Workspace, abroad: Path, tmp_path: Path
) -> None:
    """Then the same words are a warning, and the resources are declared."""
    workspace.project()
    named = {"inferplan:organization": warning_only(tmp_path / "platform")}
    workspace.stack("minimal.foundation", settings(abroad) | named)

    result = workspace.run("preview", check=True)

    assert "minimal is denied under " in result.text
    assert "aws:eks:Cluster" in result.text


def test_what_is_allowed_comes_up_without_a_pack(workspace: Workspace, stand_ins: dict[str, StandIn]) -> None:
    """Judging leaves nothing behind in the engine's own run."""
    workspace.project()
    workspace.stack("minimal.foundation", settings(SPECS / "minimal.yaml"))

    workspace.run("up", "--yes", "--skip-preview", check=True)
    workspace.run("up", "--yes", "--expect-no-changes", check=True)

    assert created(stand_ins)
