"""Area of concern: a name that nobody knows is answered with what was probably meant, in one way for all."""

from __future__ import annotations

from pathlib import Path

import pytest

from inferplan.near import did_you_mean, near

INFERPLAN = Path(__file__).parents[2] / "inferplan"


@pytest.mark.parametrize(
    ("name", "known", "found"),
    [
        ("weigths", ["weights", "vendor"], ("weights",)),
        ("MAX-Model_len", ["max_model_len", "max_num_seqs"], ("max_model_len",)),
        ("a100", ["H100", "A100-80GB", "A100-40GB"], ("A100-40GB", "A100-80GB", "H100")),
        ("id", ["identity", "valid_until"], ()),  # too short to be a part of anything
        ("q" * 1_000_000, ["q" * 90, "quantization"], ("q" * 90,)),
        ("zzz", ["region", "zone"], ()),
    ],
)
def test_what_was_probably_meant(name: str, known: list[str], found: tuple[str, ...]) -> None:
    """Names that contain it come first, then those written alike; case, dashes, underscores count nowhere."""
    assert near(name, known, 3) == found
    assert near(name, known) == found[:1]


def test_the_hint() -> None:
    """One sentence for all, and none where nothing is near."""
    assert did_you_mean(("a", "b", "c")) == "did you mean a, b or c?"
    assert did_you_mean(()) == ""


def test_nobody_else_looks_for_likeness() -> None:
    """One way to be near."""
    users = [path.name for path in INFERPLAN.rglob("*.py") if "difflib" in path.read_text("utf-8")]

    assert users == ["near.py"]
