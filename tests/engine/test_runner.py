"""The build inside the VPC as its buildspec says it: the real engine, with a folder in place of the bucket.

Not here: the project around it (tests/unit/test_ways_to_deploy.py).
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from fnmatch import fnmatchcase
from pathlib import Path

import pytest
import yaml

from components.runner_build import BUILDSPEC, ENVIRONMENT
from tests.engine.provider import StandIn
from tests.engine.test_stacks import AS_OF, settings, with_packs
from tests.engine.workspace import ROOT, TIME_LIMIT_SECONDS, Result, Workspace
from tests.unit.recorded import SELF_HOSTED, recorded

SOURCE = (
    "Pulumi.yaml",
    "__main__.py",
    "components",
    "inferplan",
    "organization",
    "policies",
    "specs",
    "stacks",
)
NAME = SELF_HOSTED


@pytest.fixture
def ours(workspace: Workspace) -> Workspace:
    """The program of this repository as a project, for the foundation."""
    workspace.project()
    return workspace


def unpacked(folder: Path) -> Path:
    """The archive as a build finds it."""
    source = folder / "source"
    source.mkdir()
    for name in SOURCE:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, source / name)
    said = {"config": {"inferplan:as-of": AS_OF.isoformat()}}
    (source / f"Pulumi.{NAME}.workload.yaml").write_text(yaml.safe_dump(said))
    return source


def command(workspace: Workspace) -> str:
    """`pulumi` as the image has it; only the day of the packs is told, which a build leaves to the clock."""
    _, _, _, packs = with_packs(workspace)[:4]
    folder = workspace.folder / "bin"
    folder.mkdir(exist_ok=True)
    wrapper = folder / "pulumi"
    day = f"--policy-pack-config {packs}"
    wrapper.write_text(
        f'#!/bin/bash\ncase "$1" in preview|up) day="{day} {day}";; esac\n'
        f'exec "{workspace.engine.pulumi}" "$@" $day\n'
    )
    wrapper.chmod(0o755)
    return str(folder)


def build(workspace: Workspace, source: Path, do: str) -> Result:
    """Every command of the buildspec in one shell until one fails, as CodeBuild runs them."""
    project = recorded(NAME).named("-runner-build-project")
    told = {one["name"]: one["value"] for one in project.props["environment"]["environmentVariables"]}
    told |= {
        "INFERPLAN_DO": do,
        "INFERPLAN_SECRETS": "passphrase",
        "INFERPLAN_STATE": f"file://{workspace.folder / 'state'}",
    }
    said = yaml.safe_load(BUILDSPEC.replace(ENVIRONMENT, sys.prefix))
    env = workspace._environment() | told
    env.pop("PULUMI_BACKEND_URL")
    env["PATH"] = os.pathsep.join((command(workspace), env["PATH"]))
    done = subprocess.run(
        ["bash", "-e", "-c", "\n".join(said["phases"]["build"]["commands"])],
        cwd=source,
        env=env,
        capture_output=True,
        text=True,
        timeout=3 * TIME_LIMIT_SECONDS,
        check=False,
    )
    return Result(done.returncode, done.stdout, done.stderr)


def test_aws_10_note_2_a_build_deploys_the_workload(
    ours: Workspace, stand_ins: dict[str, StandIn], tmp_path: Path
) -> None:
    """It previews unless told, updates under both packs, destroys, and writes what its role may."""
    foundation = f"{NAME}.foundation"
    ours.stack(foundation, settings(ROOT / "specs" / f"{NAME}.yaml"))
    ours.run("up", "--yes", "--stack", foundation, check=True)
    before = state_files(ours)
    made = len(stand_ins["kubernetes"].created)
    source = unpacked(tmp_path)

    previewed = build(ours, source, "preview")
    assert previewed.code == 0, previewed.text
    assert len(stand_ins["kubernetes"].created) == made

    updated = build(ours, source, "up")
    assert updated.code == 0, updated.text
    assert len(stand_ins["kubernetes"].created) > made + 25
    written = state_files(ours) - before
    assert f".pulumi/stacks/inferplan/{NAME}.workload.json" in written
    assert [path for path in written if not covered(path)] == []

    destroyed = build(ours, source, "destroy")
    assert destroyed.code == 0, destroyed.text
    assert set(stand_ins["kubernetes"].created) <= set(stand_ins["kubernetes"].deleted)
    assert [path for path in state_files(ours) - before if not covered(path)] == []


def test_a_build_does_nothing_else(ours: Workspace, tmp_path: Path) -> None:
    """A word that it does not know ends it before anything is asked of the cluster."""
    done = build(ours, unpacked(tmp_path), "refresh")

    assert done.code == 2
    assert "INFERPLAN_DO is preview, up or destroy, not refresh" in done.text


def state_files(workspace: Workspace) -> set[str]:
    """Everything in the folder that stands for the bucket."""
    state = workspace.folder / "state"
    return {str(path.relative_to(state)) for path in state.rglob("*") if path.is_file()}


def covered(path: str) -> bool:
    """Whether the runner's role may write it; the local backend's sidecar files have no part in a bucket."""
    document = json.loads(recorded(NAME).named("-runner-build-role-policy").props["policy"])
    (own,) = [one for one in document["Statement"] if one["Sid"] == "KeepOwnState"]
    arn = f"arn:aws:s3:::clinic-pulumi-state/{path.removesuffix('.attrs')}"
    return any(fnmatchcase(arn, pattern) for pattern in own["Resource"])
