"""Reading and writing tables in one canonical form, so that a hand and a generator give the same bytes.

Run as a program it rewrites every table in that form: a short row is a line, of a long one every field is.
Not here: validation (the readers of the catalog do it).
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct

from inferplan import json_rows

DATA = Path(__file__).parent.parent / "data"
HAND_READ = Path(__file__).parent / "hand_read"  # what no package states, joined to what one does
TAIL = ("verified", "unverified_parts", "source", "as_of")  # at the end of every row


def read(table: str) -> list[dict[str, Any]]:
    """The rows of a table as plain dicts."""
    rows: list[dict[str, Any]] = json.loads((DATA / f"{table}.json").read_text())
    return rows


def hand_read(table: str) -> list[dict[str, Any]]:
    """The part of a table that a person reads, where a generator makes the rest."""
    rows: list[dict[str, Any]] = json.loads((HAND_READ / f"{table}.json").read_text("utf-8"))
    return rows


def in_order(row: Mapping[str, Any], record: type[Struct]) -> dict[str, Any]:
    """A row with its columns in the order of the record that it becomes."""
    return {column: row[column] for column in record.__struct_fields__ if column in row}


def render(rows: Iterable[Mapping[str, Any]]) -> str:
    """The text of a table: provenance last in every row."""
    return "[\n" + ",\n".join(map(_row, rows)) + "\n]\n"


def _row(row: Mapping[str, Any]) -> str:
    ordered = {key: value for key, value in row.items() if key not in TAIL}
    ordered |= {key: row[key] for key in TAIL if key in row}
    line = json_rows.whole(ordered)
    return line if len(line) <= json_rows.ROW else json_rows.text(ordered)


def write(table: str, rows: Iterable[Mapping[str, Any]]) -> None:
    """Replace a table."""
    (DATA / f"{table}.json").write_text(render(rows))


def changes(
    before: Iterable[Mapping[str, Any]], after: Iterable[Mapping[str, Any]], *key: str
) -> Iterator[str]:
    """What a refresh changes: a line per row that is new, gone or says something else."""
    old, new = (
        {tuple(str(row.get(part)) for part in key): row for row in table} for table in (before, after)
    )
    for name in sorted(old.keys() | new.keys()):
        was, now = old.get(name, {}), new.get(name, {})
        told = [part for part in {**was, **now} if part not in TAIL and was.get(part) != now.get(part)]
        if told:
            what = "new" if not was else "gone" if not now else f"changed ({', '.join(told)})"
            yield f"{what}: {' '.join(name)}"


def key(table: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """The columns that tell the rows of a table apart: the first, with one other where it takes two."""
    columns = [part for part in table[0] if part not in TAIL] if table else []
    pairs = (tuple(dict.fromkeys((columns[0], part))) for part in columns)
    return next((pair for pair in pairs if _is_unique(table, pair)), tuple(columns))


def _is_unique(table: Sequence[Mapping[str, Any]], columns: tuple[str, ...]) -> bool:
    return len({tuple(str(row.get(part)) for part in columns) for row in table}) == len(table)


def replace(tables: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
    """Write tables anew and say what changed in each."""
    for table, made in tables.items():
        fresh = json.loads(render(made))  # as it is read back: a tuple is a list
        before = read(table) if (DATA / f"{table}.json").exists() else []
        for line in changes(before, fresh, *max(key(before), key(fresh), key=len)):
            tell(f"{table}: {line}")
        write(table, fresh)


def tell(line: str) -> None:
    """Say on standard error what a refresh changes."""
    sys.stderr.write(f"{line}\n")


def main() -> None:
    """Rewrite every table in canonical form."""
    for path in sorted((*DATA.glob("*.json"), *HAND_READ.glob("*.json"))):
        path.write_text(render(json.loads(path.read_text("utf-8"))), "utf-8")


if __name__ == "__main__":
    main()
