"""The state fixtures of the unit tests are what the engine still writes.

Not here: what is read from them (tests/unit/test_state.py).
"""

from __future__ import annotations

import pytest

from policies.state import parse_state
from tests.engine.state_fixtures import FOLDER, PROGRAMS, written
from tests.engine.workspace import Workspace

CANARY = "canary-3141592653"


@pytest.mark.parametrize("program", PROGRAMS)
def test_fixtures_are_current(workspace: Workspace, program: str) -> None:
    """Read as resources they are equal, ciphertext and times aside; no secret stands in them."""
    for name, text in written(workspace, program):
        committed = (FOLDER / name).read_bytes()

        assert parse_state(text.encode()) == parse_state(committed), name
        assert CANARY not in text
