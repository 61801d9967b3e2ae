"""Area of concern: the examples at three depths: plan, resources, report. `make golden` rewrites them."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import click
import msgspec
import pytest

from inferplan import json_rows
from inferplan.cli.review import Review, review
from inferplan.report import json_format, text
from inferplan.resource import Unknown
from inferplan.spec.loading import load
from tests import picture
from tests.unit.plan_edits import planned, recorded

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "tests" / "golden"
AS_OF = date(2026, 11, 20)
EXAMPLES = ("de-clinic-notes", "eu-support-desk", "in-bank-assistant", "minimal", "eu-both-ways")


@pytest.fixture(autouse=True)
def at_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def compare(name: str, found: str, rewrite: bool) -> None:
    path = GOLDEN / name
    if rewrite:
        path.write_text(found)
        return
    assert path.exists(), f"{path} is missing: run `make golden` and read the diff"
    assert found == path.read_text(), f"{path.name} differs: run `make golden` and read the diff"


def walked(name: str) -> Review:
    declaration = load(Path(f"specs/{name}.yaml"), Path("organization"))
    return review(declaration, AS_OF, state=None, locked=False)


def without_unknowns(value: Any) -> Any:
    """What was recorded, with an unknown value as goldens show it."""
    if isinstance(value, Unknown):
        return {"unknown": [urn.rpartition("::")[2] for urn in value.urns]}
    if isinstance(value, dict):
        return {key: without_unknowns(item) for key, item in value.items()}
    return [without_unknowns(item) for item in value] if isinstance(value, list | tuple) else value


@pytest.mark.parametrize("name", EXAMPLES)
def test_plan(name: str, rewrite_golden: bool) -> None:
    """The plan of each example is the reviewed one."""
    compare(f"{name}.plan.json", json_format.plan(planned(name)) + "\n", rewrite_golden)


@pytest.mark.parametrize("name", EXAMPLES)
def test_resources(name: str, rewrite_golden: bool) -> None:
    """The resources of each example, in the order of registration, are the reviewed ones."""
    resources = recorded(name)
    pictures = [picture.resource(resource) for resource in resources]

    for shown, resource in zip(pictures, resources, strict=True):
        assert picture.restored(shown["props"]) == without_unknowns(resource.props)
    compare(f"{name}.resources.json", json_rows.text(pictures, parts=picture.PARTS) + "\n", rewrite_golden)


@pytest.mark.parametrize("name", EXAMPLES)
def test_report(name: str, rewrite_golden: bool) -> None:
    """The review of each example is the reviewed one, and it is allowed with nothing undecided but pins."""
    done = walked(name)

    summary = msgspec.to_builtins(done.report.summary)
    assert done.report.decision == "allow"
    assert summary["undecided"] == 0
    assert not [finding for finding in done.report.findings if finding.blocks]
    report = click.unstyle(text.review(done.plan, done.report, declaration=done.declaration, verbose=1))
    compare(f"{name}.report.txt", report, rewrite_golden)


def test_every_golden_belongs_to_an_example() -> None:
    """No golden outlives its example."""
    kinds = ("plan.json", "resources.json", "report.txt")

    assert {path.name for path in GOLDEN.iterdir()} == {
        f"{name}.{kind}" for name in EXAMPLES for kind in kinds
    }
