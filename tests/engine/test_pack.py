"""What the packs stop on the real engine, and that their verdicts are those of the command line.

Not here: the adapter without an engine (tests/unit/test_crossguard.py).
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from inferplan.spec.loading import load
from policies.evaluate import evaluate
from policies.state import read_state
from tests.denied import DENIED, apply
from tests.engine.provider import StandIn
from tests.engine.state_fixtures import CONFIG, FOLDER
from tests.engine.test_stacks import AS_OF, settings, with_packs
from tests.engine.workspace import HERE, ROOT, Result, Workspace

SPECS, ORGANIZATION = ROOT / "specs", ROOT / "organization"
CANARY = "canary-3141592653"
# A Region override, a way to the internet, telemetry left on, a secret replica abroad.
ROGUE = {"SOV-001", "EGR-001", "EGR-008", "SOV-004"}
VERDICT = re.compile(r"^\s*([A-Z]+-\d{3}) (?:fail|undecided): ", re.MULTILINE)


def blocked_by(result: Result) -> set[str]:
    """The mandatory rules that the engine names, advisory lines left out."""
    blocks = re.split(r"- \[(mandatory|advisory)\]", result.text)
    return {rule for level, text in zip(blocks[1::2], blocks[2::2], strict=True) if level == "mandatory"
            for rule in VERDICT.findall(text)}  # fmt: skip


def created(stand_ins: dict[str, StandIn]) -> list[str]:
    """Everything that was really created."""
    return [urn for stand_in in stand_ins.values() for urn in stand_in.created]


def warning_only(folder: Path) -> str:
    """The organization in `folder`, changed so that the program warns and the packs have to refuse."""
    if not folder.exists():
        shutil.copytree(ORGANIZATION, folder)
    with (folder / "organization.yaml").open("a", encoding="utf-8") as file:
        file.write("\nwarn_only: [production, staging, development]\n")
    return str(folder)


@pytest.fixture
def abroad(tmp_path: Path) -> Path:
    """The minimal spec, in a Region outside what it and its account allow."""
    text = (SPECS / "minimal.yaml").read_text(encoding="utf-8")
    account = 'account: "444444444444"'
    assert account in text
    file = tmp_path / "minimal.yaml"
    file.write_text(text.replace(account, f"{account}, region: us-east-1"), encoding="utf-8")
    shutil.copy(SPECS / "minimal.lock.yaml", tmp_path)
    return file


@pytest.mark.parametrize(
    "command", [["preview"], ["up", "--yes"], ["up", "--yes", "--skip-preview"]], ids=lambda words: words[-1]
)
def test_a_denied_declaration_stops_before_anything_exists(
    workspace: Workspace, stand_ins: dict[str, StandIn], tmp_path: Path, abroad: Path, command: list[str]
) -> None:
    """Also where nobody runs a preview, as the Automation API does, and where the program only warns."""
    workspace.project()
    named = {"inferplan:organization": warning_only(tmp_path / "platform")}
    workspace.stack("minimal.foundation", settings(abroad) | named)

    result = workspace.run(*command, *with_packs(workspace))

    assert result.code != 0
    assert "SOV-001" in blocked_by(result)
    assert str(abroad) in result.text
    assert created(stand_ins) == []


MOST_LINES = 60  # of what packs say about one wrong word


def told(result: Result) -> list[str]:
    """What the packs said, line by line."""
    _, _, said = result.text.partition("\nPolicies:\n")
    return [line for line in said.partition("\n\n")[0].splitlines() if line.strip()]


@pytest.mark.parametrize("case", DENIED)
def test_what_the_command_line_denies_the_pack_denies(
    workspace: Workspace, stand_ins: dict[str, StandIn], tmp_path: Path, case: str
) -> None:
    """The same change, the same rule; the packs take the organization from their own side."""
    name, rule, changes = DENIED[case]
    shutil.copytree(SPECS, tmp_path / "specs")
    shutil.copytree(ORGANIZATION, tmp_path / "organization")
    apply(tmp_path, changes)
    workspace.project()
    organization = warning_only(tmp_path / "organization")
    config = settings(tmp_path / "specs" / f"{name}.yaml") | {"inferplan:organization": organization}
    workspace.stack(f"{name}.foundation", config)

    result = workspace.run("preview", *with_packs(workspace, organization=organization))

    assert result.code != 0
    assert rule in blocked_by(result)
    assert 0 < len(told(result)) < MOST_LINES
    assert created(stand_ins) == []


def test_a_program_that_deploys_something_else_is_stopped(
    workspace: Workspace, stand_ins: dict[str, StandIn], tmp_path: Path
) -> None:
    """The digest of its declaration is not that of the spec its stack is configured with."""
    other = tmp_path / "other.yaml"
    text = (SPECS / "minimal.yaml").read_text(encoding="utf-8")
    other.write_text(text.replace("monthly_usd: 2000", "monthly_usd: 2001"), encoding="utf-8")
    shutil.copy(SPECS / "minimal.lock.yaml", tmp_path / "other.lock.yaml")
    workspace.env["TESTS_OTHER_SPEC"] = str(other)
    workspace.project(HERE / "programs" / "liar" / "__main__.py")
    workspace.stack("minimal.foundation", settings(SPECS / "minimal.yaml"))

    result = workspace.run("up", "--yes", "--skip-preview", *with_packs(workspace))

    assert result.code != 0
    assert "the program deploys something else than" in result.text
    assert created(stand_ins) == []


def test_a_resource_outside_the_root_component_is_not_created(
    workspace: Workspace, stand_ins: dict[str, StandIn]
) -> None:
    """It would be beyond the declaration, even without preview."""
    workspace.project(HERE / "programs" / "stray" / "__main__.py")
    workspace.stack("minimal.foundation", settings(SPECS / "minimal.yaml"))

    result = workspace.run("up", "--yes", "--skip-preview", *with_packs(workspace))

    assert result.code != 0
    assert "pulumi:providers:aws elsewhere descends from no inferplan:index:Deployment" in result.text
    assert not any("exfiltration" in urn for urn in created(stand_ins))


def test_a_foreign_program_is_judged_like_its_state(workspace: Workspace) -> None:
    """A stack that inferplan did not write: preview with the pack, its export, and the command line agree."""
    declaration = load(SPECS / "minimal.yaml", ORGANIZATION)
    report = evaluate(declaration, read_state(FOLDER / "rogue.preview.json"), AS_OF, locked=True)
    blocked = {finding.rule for finding in report.findings if finding.blocks}
    failed = {f.rule for f in report.findings if f.blocks and f.verdict == "fail"}
    workspace.project(HERE / "programs" / "rogue" / "__main__.py")
    workspace.stack("dev", CONFIG)

    result = workspace.run("preview", *with_packs(workspace, spec="specs/minimal.yaml"))

    assert result.code != 0
    assert report.decision == "deny"
    assert blocked_by(result) >= ROGUE
    # A state masks secrets, so what reads a whole resource is undecided there; the packs see the values.
    assert failed <= blocked_by(result) <= blocked
    assert CANARY not in result.text
