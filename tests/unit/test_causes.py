"""Area of concern: one wrong word in a spec is said once, with what follows from it, and nothing is lost."""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path

import click
import pytest

from inferplan.cli.review import Review, review
from inferplan.records.verdicts import Finding, SubjectRef
from inferplan.report import text
from inferplan.spec.loading import load
from policies.causes import with_causes
from tests.denied import DENIED, apply

ROOT = Path(__file__).parents[2]
AS_OF = date(2026, 11, 20)


def walked(folder: Path, case: str) -> Review:
    name, _, changes = DENIED[case]
    for part in ("specs", "organization"):
        shutil.copytree(ROOT / part, folder / part)
    apply(folder, changes)
    declaration = load(folder / "specs" / f"{name}.yaml", folder / "organization")
    return review(declaration, AS_OF, state=None, locked=False)


def shown(done: Review, verbose: int = 0) -> str:
    return click.unstyle(text.review(done.plan, done.report, declaration=done.declaration, verbose=verbose))


@pytest.mark.parametrize("case", DENIED)
def test_a_denied_spec_fits_a_screen_and_opens_with_its_cause(tmp_path: Path, case: str) -> None:
    """The rule that the spec breaks comes first, with file and line; what follows is counted."""
    done = walked(tmp_path, case)
    _, rule, _ = DENIED[case]
    printed = shown(done)
    findings = [line for line in printed.splitlines() if line.startswith("  FAIL")]

    assert len(printed.splitlines()) < 60
    assert findings[0].split()[1] == rule
    assert ".yaml:" in printed.split(findings[0])[1].split("fix:")[0]


@pytest.mark.parametrize("case", DENIED)
def test_nothing_that_follows_is_lost(tmp_path: Path, case: str) -> None:
    """What is folded names a finding that is shown, blocks as before, and -v lists every message."""
    done = walked(tmp_path, case)
    causes = {f"{one.rule} {one.path}" for one in done.report.findings if one.subject.urn is None}
    folded = [one for one in done.report.findings if one.follows]
    listed = shown(done, verbose=1)

    assert {one.follows for one in folded} <= causes
    assert all(one.blocks for one in folded)
    assert all(one.message in listed for one in done.report.findings)


def finding(rule: str, message: str, urn: str | None = "urn:x") -> Finding:
    return Finding(
        rule=rule, level="mandatory", verdict="fail", subject=SubjectRef(kind="resource", name="x", urn=urn),
        file=None, line=None, column=None, path="p", message=message, fix="", source=(), waiver=None,
        valid_until=None, blocks=True,
    )  # fmt: skip


CAUSES = {
    "region": finding("SOV-001", "us-east-1 lies in US; allowed: DE", None),
    "profile": finding("SOV-006", "profile eu. may route to eu-west-2 (GB); use x in the Region", None),
    "host": finding("EGR-007", "api.openai.com is the vendor's global host; use eu.api.openai.com", None),
    "class": finding("SOV-010", "restricted data may not go to a vendor", None),
}


@pytest.mark.parametrize(
    ("cause", "rule", "message", "follows"),
    [
        ("region", "SOV-011", "the key is elsewhere: us-east-1 lies in US; allowed: DE", True),
        ("region", "SOV-001", "ap-south-1 lies in IN; allowed: DE", False),
        ("region", "EGR-010", "a balancer that is not internal faces the internet", False),
        ("profile", "SOV-001", "names a Region outside the boundary: eu-west-2 lies in GB", True),
        ("profile", "SOV-006", "profile global. may route to us-east-1 (US); use x", False),
        ("host", "EGR-007", "us.api.openai.com is in no vendor entry that this spec uses", False),
        ("host", "SOV-007", "api.openai.com may process in US; allowed: DE", True),
        ("class", "SOV-010", "model_list[0]: restricted data of route a would go to a vendor", True),
    ],
)
def test_a_finding_follows_from_what_it_is_about(cause: str, rule: str, message: str, follows: bool) -> None:
    """The same thing, or the same rule where nothing is named; another thing is a finding of its own."""
    _, told = with_causes([CAUSES[cause], finding(rule, message)])

    assert told.follows == (f"{CAUSES[cause].rule} p" if follows else None)
