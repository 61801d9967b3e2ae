"""Area of concern: the public road, spec file in, verdicts out: examples allowed, each change denied."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from inferplan.cli.app import run
from tests.denied import DENIED, apply

ROOT = Path(__file__).parents[2]
AS_OF = "2026-11-20"
EXAMPLES = ("de-clinic-notes", "eu-support-desk", "in-bank-assistant", "minimal", "eu-both-ways")


@pytest.fixture
def checked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[int, dict[str, Any]]]:
    """Check an example after text replacements in its files; gives exit code and the stack."""
    monkeypatch.chdir(tmp_path)  # its organization is the one of the run
    shutil.copytree(ROOT / "specs", tmp_path / "specs")
    shutil.copytree(ROOT / "organization", tmp_path / "organization")

    def check(name: str, *changes: tuple[str, str, str]) -> tuple[int, dict[str, Any]]:
        apply(tmp_path, changes)
        capsys.readouterr()
        code = run(["check", str(tmp_path / f"specs/{name}.yaml"), "--as-of", AS_OF, "--format", "json"])
        out = json.loads(capsys.readouterr().out)
        assert out["schema"] == "inferplan.check/v1beta1"
        return code, out["stacks"][0]

    return check


def denying(stack: dict[str, Any]) -> set[str]:
    return {finding["rule"] for finding in stack["findings"] if finding["blocks"]}


@pytest.mark.parametrize("name", EXAMPLES)
def test_examples_are_allowed(checked: Callable[..., tuple[int, dict[str, Any]]], name: str) -> None:
    """Every example is allowed, with nothing failed that is mandatory and nothing undecided but pins."""
    code, stack = checked(name)

    assert (code, stack["decision"]) == (0, "allow")
    assert stack["summary"]["undecided"] == 0
    assert stack["summary"]["pass"] > 15
    assert not [f for f in stack["findings"] if f["level"] == "mandatory"]


@pytest.mark.parametrize("case", DENIED)
def test_a_change_is_denied_by_its_rule(
    checked: Callable[..., tuple[int, dict[str, Any]]], case: str
) -> None:
    """One change makes the decision deny, exit 1, and the named rule is among those that block."""
    name, rule, changes = DENIED[case]

    code, stack = checked(name, *changes)

    assert (code, stack["decision"]) == (1, "deny")
    assert rule in denying(stack)


def test_findings_of_the_spec_point_into_the_file(
    checked: Callable[..., tuple[int, dict[str, Any]]],
) -> None:
    """A finding about a declared thing carries file, line, column and path."""
    name, rule, changes = DENIED["a caller that sends restricted data to a vendor"]

    _, stack = checked(name, *changes)

    found = next(f for f in stack["findings"] if f["rule"] == rule)
    assert found["file"].endswith("specs/eu-support-desk.yaml")
    assert found["line"] > 0
    assert found["path"]
    assert found["fix"]
    assert found["source"]


def test_the_waiver_of_minimal_is_not_called_unused(
    checked: Callable[..., tuple[int, dict[str, Any]]],
) -> None:
    """A waiver of a rule that does not exist yet is neither used nor unused."""
    _, stack = checked("minimal")

    assert not [f for f in stack["findings"] if f["rule"].startswith("WAIVER")]


def test_pins_without_a_lock_are_pending_and_refused_when_locked(
    checked: Callable[..., tuple[int, dict[str, Any]]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without a lock the answer stays what it was; `--locked` is for pipelines that want pins."""
    (tmp_path / "specs/de-clinic-notes.lock.yaml").unlink()

    code, stack = checked("de-clinic-notes")
    assert (code, stack["decision"], stack["pending"]) == (0, "allow", 1)
    assert denying(stack) == set()

    spec = str(tmp_path / "specs/de-clinic-notes.yaml")
    assert run(["check", spec, "--as-of", AS_OF, "--format", "json", "--locked"]) == 1
    (stack,) = json.loads(capsys.readouterr().out)["stacks"]
    assert stack["decision"] == "deny"
    assert denying(stack) == {"LOCK-MISSING"}
