"""Area of concern: a pin that is not there is pending, and refused where pins are asked for."""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path

import pytest

from inferplan.records.verdicts import Report
from inferplan.spec.declaration import Declaration
from inferplan.spec.loading import load
from policies.evaluate import evaluate

ROOT = Path(__file__).parents[2]
AS_OF = date(2026, 11, 20)


def declared(tmp_path: Path, name: str, *, lock: tuple[str, str] | None = ("", "")) -> Declaration:
    """An example with one replacement in its lock; None takes the lock away."""
    shutil.copy(ROOT / f"specs/{name}.yaml", tmp_path)
    if lock is not None:
        text = (ROOT / f"specs/{name}.lock.yaml").read_text(encoding="utf-8")
        assert lock[0] in text
        (tmp_path / f"{name}.lock.yaml").write_text(text.replace(*lock), encoding="utf-8")
    return load(tmp_path / f"{name}.yaml", ROOT / "organization")


def pending(declaration: Declaration, *, locked: bool) -> tuple[Report, list[str]]:
    report = evaluate(declaration, (), AS_OF, locked=locked, scopes=("declaration",))
    return report, [finding.message for finding in report.findings if finding.pending]


@pytest.mark.parametrize("name", ["de-clinic-notes", "eu-support-desk", "in-bank-assistant", "minimal"])
def test_the_examples_lack_no_pin(tmp_path: Path, name: str) -> None:
    """Every example pins what its spec asks for."""
    report, messages = pending(declared(tmp_path, name), locked=True)

    assert (report.pending, messages) == (0, [])


@pytest.mark.parametrize(
    ("name", "lock", "message"),
    [
        (
            "minimal",
            ("Qwen/Qwen3-4B:", "Qwen/Qwen3-8B:"),
            "Qwen/Qwen3-4B is not pinned under models of the lock",
        ),
        ("minimal", ("  vllm:", "  vllm-old:"), "vllm is not pinned under images of the lock"),
        (
            "eu-support-desk",
            ("  litellm:", "  litellm-old:"),
            "litellm is not pinned under images of the lock",
        ),
        (
            "eu-support-desk",
            ("  presidio-analyzer:", "  presidio:"),
            "presidio-analyzer is not pinned under images of the lock",
        ),
    ],
)
def test_a_missing_pin_is_pending_until_pins_are_asked_for(
    tmp_path: Path, name: str, lock: tuple[str, str], message: str
) -> None:
    """`check` counts it, `check --locked` and the pack refuse it; both say where in the spec it is needed."""
    declaration = declared(tmp_path, name, lock=lock)

    report, messages = pending(declaration, locked=False)
    refused, _ = pending(declaration, locked=True)

    assert messages == [message]
    assert (report.decision, report.pending) == ("allow", 1)
    assert refused.decision == "deny"
    assert report.findings[0].line is not None


def test_without_a_lock_one_finding_speaks_for_all(tmp_path: Path) -> None:
    """No lock is one pending finding, not one per pin."""
    report, messages = pending(declared(tmp_path, "minimal", lock=None), locked=False)

    assert report.pending == 1
    assert messages == ["there is no lock: images, model revisions and add-on versions are not pinned"]
