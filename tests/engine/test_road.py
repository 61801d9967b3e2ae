"""The road by itself: engine, host, stand-ins and pack with a small program that is not ours.

Not here: our own stacks (test_stacks).
"""

from __future__ import annotations

import json
import pickle
import runpy
from dataclasses import fields
from pathlib import Path

import pytest

from inferplan.properties import is_known
from inferplan.resource import Resource
from stacks.record import record
from tests.engine.provider import StandIn
from tests.engine.workspace import HERE, Workspace

TINY = HERE / "programs" / "tiny" / "__main__.py"
SPY = HERE / "packs" / "spy"
CANARY = "canary-3141592653"


@pytest.fixture
def tiny(workspace: Workspace) -> Workspace:
    """A stack of the tiny program."""
    workspace.project(TINY)
    workspace.stack("dev")
    return workspace


def test_up_is_idempotent_and_destroy_leaves_nothing(tiny: Workspace, stand_ins: dict[str, StandIn]) -> None:
    """A second `up` changes nothing, and every created resource is deleted."""
    tiny.run("up", "--yes", check=True)
    created = [*stand_ins["aws"].created, *stand_ins["kubernetes"].created]
    tiny.run("up", "--yes", "--expect-no-changes", check=True)
    tiny.run("destroy", "--yes", check=True)
    deleted = [*stand_ins["aws"].deleted, *stand_ins["kubernetes"].deleted]

    assert len(created) == 5
    assert sorted(deleted) == sorted(created)
    assert tiny.export("dev")["deployment"].get("resources", []) == []


def test_state_holds_no_secret_in_clear(tiny: Workspace) -> None:
    """What the program marks secret is ciphertext in inputs, outputs and stack outputs."""
    tiny.run("up", "--yes", check=True)
    text = json.dumps(tiny.export("dev"))

    assert CANARY not in text
    assert text.count("ciphertext") >= 2


def test_recorder_and_engine_see_the_same(tiny: Workspace, tmp_path: Path) -> None:
    """Types, names, inputs, parents, dependencies and provider configuration of a first preview are equal."""
    seen = spied(tiny, tmp_path)
    recorded = record(lambda: runpy.run_path(str(TINY), run_name="__main__"), stack="dev")

    assert differences(seen, recorded) == []
    assert not all(is_known(resource.props) for resource in seen)


def spied(workspace: Workspace, folder: Path, *arguments: str) -> tuple[Resource, ...]:
    """The resources of a preview as the adapter hands them to the evaluator."""
    file = folder / "spied"
    workspace.env["SPY_FILE"] = str(file)
    workspace.run("preview", "--policy-pack", str(SPY), *arguments, check=True)
    resources: tuple[Resource, ...] = pickle.loads(file.read_bytes())
    return resources


RECORDER_ONLY = {"secret_paths", "retained"}


def differences(engine: tuple[Resource, ...], recorder: tuple[Resource, ...]) -> list[str]:
    """What differs, one line each; only the recorder knows which inputs are secret and what is kept."""
    left, right = ({resource.urn: resource for resource in side} for side in (engine, recorder))
    found = [f"only one side has {urn}" for urn in sorted(left.keys() ^ right.keys())]
    for urn in sorted(left.keys() & right.keys()):
        for name in (field.name for field in fields(Resource) if field.name not in RECORDER_ONLY):
            one, other = getattr(left[urn], name), getattr(right[urn], name)
            if one != other:
                found.append(f"{urn} {name}\n  engine   {one}\n  recorder {other}")
    return found
