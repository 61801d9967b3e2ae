"""Reading and writing tables as one JSON row per line, so that a change is a readable diff.

Not here: validation (the readers of the catalog do it).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

DATA = Path(__file__).parent.parent / "data"
TAIL = ("verified", "unverified_parts", "source", "as_of")  # at the end of every row


def read(table: str) -> list[dict[str, Any]]:
    """The rows of a table as plain dicts."""
    rows: list[dict[str, Any]] = json.loads((DATA / f"{table}.json").read_text())
    return rows


def render(rows: Iterable[Mapping[str, Any]]) -> str:
    """The text of a table: one row per line, provenance last."""
    ordered = (
        {key: value for key, value in row.items() if key not in TAIL}
        | {key: row[key] for key in TAIL if key in row}
        for row in rows
    )
    return "[\n" + ",\n".join(json.dumps(row, ensure_ascii=False) for row in ordered) + "\n]\n"


def write(table: str, rows: Iterable[Mapping[str, Any]]) -> None:
    """Replace a table."""
    (DATA / f"{table}.json").write_text(render(rows))
