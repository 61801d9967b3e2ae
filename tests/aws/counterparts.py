"""What CloudFormation and the API call a type and its properties: counterparts.json, one row each.

Not here: the judges that use the names (judge).

A property without a row has the same name there, whatever its case; `null` says that there is none, and why.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

FILE = Path(__file__).parent / "counterparts.json"
SAME_PLACE = "."  # the members of this property lie beside the others there
used: set[tuple[str, str]] = set()  # rows of properties that were looked up


@cache
def rows() -> dict[str, dict[str, Any]]:
    """Every row by its type; `*` is for all of them."""
    return {row["type"]: row for row in json.loads(FILE.read_text("utf-8"))}


def named(type_: str, judge: str) -> str:
    """What the judge calls a type; empty where it does not know it."""
    said: str | None = rows()[type_].get(judge)
    return said or ""


def within(type_: str, judge: str) -> str:
    """Where in the judge's model the properties lie; empty at the top."""
    said: str = rows()[type_].get("within", {}).get(judge, "")
    return said


def is_global(type_: str) -> bool:
    """Whether the service is the same in every Region."""
    return bool(rows()[type_].get("global"))


def filled(type_: str, judge: str) -> tuple[str, ...]:
    """What the provider sets by itself where it is left out."""
    return tuple(rows()[type_].get("provider_sets", {}).get(judge, ()))


def name(type_: str, path: str, judge: str, default: str) -> str | None:
    """What the judge calls a property, dotted where it lies deeper; None where it has no counterpart."""
    for owner in (type_, "*"):
        row = rows()[owner].get("properties", {}).get(path)
        if row is not None:
            used.add((owner, path))
            said: str | None = row.get(judge, default)
            return said
    return default
