"""JSON with one row per line, so that what changed is a short diff and what is there can be searched by line.

Not here: what the rows mean (inferplan.report.json_format, inferplan.catalog.refresh.rows).
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import msgspec

ROW = 350  # characters; a value without records in lists stays whole up to here


def text(value: Any, *, tables: Collection[str] = (), parts: Collection[str] = ()) -> str:
    """Plain data as JSON: a value opens where it is long or holds a list of records, each of which is a row.

    A row is never broken: an item of a list, or of a map whose name is among `tables`. The records of a
    list whose name is among `parts` (`""`: the value itself) are no rows but open like everything else.
    """
    return _text(value, "", "", frozenset(tables), frozenset(parts))


def _text(value: Any, name: str, indent: str, tables: frozenset[str], parts: frozenset[str]) -> str:
    line = whole(value)
    if not isinstance(value, dict | list | tuple) or (len(line) <= ROW and not _has_records(value)):
        return line
    is_map, inner = isinstance(value, dict), f"{indent} "
    are_rows = name in tables if is_map else name not in parts
    members = value.items() if isinstance(value, dict) else (("", item) for item in value)
    lines = (
        (f"{inner}{whole(key)}: " if is_map else inner)
        + (whole(item) if are_rows else _text(item, key, inner, tables, parts))
        for key, item in members
    )
    opening, closing = "{}" if is_map else "[]"
    return "\n".join((opening, ",\n".join(lines), f"{indent}{closing}"))


def whole(value: Any) -> str:
    """Plain data as JSON on one line."""
    return msgspec.json.format(msgspec.json.encode(value), indent=0).decode()


def _has_records(value: Any) -> bool:
    """Whether there is a list of records in it at any depth."""
    if isinstance(value, dict):
        return any(_has_records(item) for item in value.values())
    return isinstance(value, list | tuple) and any(
        isinstance(item, dict) or _has_records(item) for item in value
    )
