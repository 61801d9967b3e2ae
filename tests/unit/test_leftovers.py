"""What a destroy leaves: nothing is kept without a word, and a stack for development goes away whole."""

from __future__ import annotations

import json

import pytest

from inferplan.report.leftovers import Leftover, leftovers
from tests.command_line import AS_OF, inferplan
from tests.unit.plan_edits import recorded


def left(example: str) -> tuple[Leftover, ...]:
    return leftovers(recorded(example))


def names(found: tuple[Leftover, ...], what: str) -> set[str]:
    return {one.type.rpartition(":")[2] for one in found if one.what == what}


@pytest.mark.parametrize("example", ["de-clinic-notes", "in-bank-assistant", "eu-support-desk"])
def test_production_keeps_evidence_and_says_so_note_43(example: str) -> None:
    """Keys, logs and a last snapshot stay; what is protected stops a destroy, and its property is named."""
    found = left(example)
    assert {"Key", "LogGroup", "Instance"} <= names(found, "stays")
    assert {"Instance", "LoadBalancer", "Repository"} <= names(found, "stops destroy")
    assert {one.name for one in found if one.what == "stays"} >= {
        one.name for one in recorded(example) if one.retained
    }
    assert all("off first" in one.why for one in found if "protected" in one.why)


def test_locked_weights_are_named_with_their_days_note_43() -> None:
    (locked,) = [one for one in left("de-clinic-notes") if "object lock" in one.why]
    assert locked.days == 365
    assert "governance" in locked.why
    assert locked.name == "de-clinic-notes-weights-lock"


def test_development_goes_away_but_for_what_aws_keeps_a_while_note_43() -> None:
    found = left("minimal")
    assert {one.what for one in found} == {"goes later"}
    assert names(found, "goes later") <= {"Key", "Secret", "BucketObjectLockConfiguration"}
    assert all(one.days for one in found)


def test_the_verb_says_it() -> None:
    told = inferplan("explain", "specs/de-clinic-notes.yaml", "destroy", *AS_OF)
    assert told.code == 0
    assert "de-clinic-notes: destroy" in told.out
    assert "turn deletionProtection off first" in told.out
    answer = inferplan("explain", "specs/minimal.yaml", "destroy", *AS_OF, "--format", "json")
    assert {one["what"] for one in json.loads(answer.out)["leftovers"]} == {"goes later"}
