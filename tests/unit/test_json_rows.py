"""Area of concern: JSON with one row per line holds what it was given; a changed row is a changed line."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from inferplan.json_rows import ROW, text
from tests import picture

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=8), inner, max_size=5),
    max_leaves=40,
)


@given(VALUES)
def test_nothing_is_lost(value: Any) -> None:
    """Any value comes back from its text, whichever of its lists are opened."""
    assert json.loads(text(value)) == value
    assert json.loads(text(value, tables=("a",), parts=("", "b"))) == value


def test_a_row_is_a_line() -> None:
    """Lists of records open, what is short stays whole, and an item of a list is never broken."""
    plan = {
        "name": "desk",
        "zones": ["a", "b"],
        "lines": [{"name": "nodes", "usd": {"low": 1.0}}, {"name": "x" * ROW, "usd": None}],
        "hosts": ["h" * ROW, "i"],
    }

    assert text(plan).splitlines() == [
        "{",
        ' "name": "desk",',
        ' "zones": ["a", "b"],',
        ' "lines": [',
        '  {"name": "nodes", "usd": {"low": 1.0}},',
        f'  {{"name": "{"x" * ROW}", "usd": null}}',
        " ],",
        ' "hosts": [',
        f'  "{"h" * ROW}",',
        '  "i"',
        " ]",
        "}",
    ]


def test_tables_and_parts() -> None:
    """The members of a map that is a table are rows; the records of a list of parts are opened."""
    long = {"why": "w" * ROW, "flags": ["f" * ROW]}
    found = text(
        {"table": {"one": long}, "map": {"one": long}, "part": [long]}, tables=["table"], parts=["part"]
    )

    assert found.count(json.dumps(long)) == 1
    assert found.count(f'"why": "{"w" * ROW}",\n') == 2


def test_a_changed_figure_is_a_changed_line() -> None:
    """Two texts of plans that differ in one figure differ in one line."""
    before = {"derivations": {f"cost.lines[{n}]": {"value": n, "formula": "f" * 90} for n in range(9)}}
    after = {"derivations": before["derivations"] | {"cost.lines[3]": {"value": 33, "formula": "f" * 90}}}
    pairs = zip(*(text(plan, tables=["derivations"]).splitlines() for plan in (before, after)), strict=True)

    assert [a != b for a, b in pairs].count(True) == 1


@given(VALUES | st.text('{}[]\n" a1').map(lambda inside: {"policy": inside}) | VALUES.map(json.dumps))
def test_a_picture_of_a_resource_loses_nothing(value: Any) -> None:
    """Documents and lines that goldens show opened can be put together again, byte for byte."""
    assert picture.restored(picture.pictured(value)) == value
