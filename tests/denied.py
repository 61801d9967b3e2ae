"""Changes of the examples that must be denied, each with its rule, on the command line and on the engine.

Not here: the tests (tests/unit/test_road.py, tests/engine/test_pack.py).
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

LARGE = "mistral.mistral-large-2402-v1:0"
ORGANIZATION = "organization/organization.yaml"

Change = tuple[str, str, str]  # file, text, what it becomes

DENIED: dict[str, tuple[str, str, list[Change]]] = {
    "a Region abroad": (
        "de-clinic-notes",
        "SOV-001",
        [("specs/de-clinic-notes.yaml", "region: eu-central-1             #", "region: us-east-1 #"),
         ("specs/de-clinic-notes.yaml", "acm:eu-central-1", "acm:us-east-1")],
    ),
    "an apac. profile": (
        "in-bank-assistant",
        "SOV-006",
        [("specs/in-bank-assistant.yaml", LARGE, "apac.amazon.nova-lite-v1:0")],
    ),
    "a global profile": (
        "eu-support-desk",
        "SOV-006",
        [("specs/eu-support-desk.yaml", LARGE, "global.anthropic.claude-sonnet-4-6")],
    ),
    "a vendor's global host": (
        "eu-support-desk",
        "EGR-007",
        [(ORGANIZATION, "host: eu.api.openai.com", "host: api.openai.com")],
    ),
    "a caller that sends restricted data to a vendor": (
        "eu-support-desk",
        "SOV-010",
        [(ORGANIZATION, "help-center: {class: internal", "help-center: {class: restricted")],
    ),
}  # fmt: skip


def apply(folder: Path, changes: Iterable[Change]) -> None:
    """Replace text in copies of specs/ and organization/ below `folder`; a missing text is an error."""
    for file, old, new in changes:
        path = folder / file
        text = path.read_text(encoding="utf-8")
        assert old in text, f"{old!r} is not in {file}"
        path.write_text(text.replace(old, new), encoding="utf-8")
