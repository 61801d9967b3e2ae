"""The catalog rows that the how-to page shows, so that the tests of the tables meet them too.

Not here: the tests of the tables and of the page (tests/unit).
"""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path
from typing import Any

import msgspec

from tests.pages.catalog import readers

PAGE = Path(__file__).parents[1] / "docs/how-to/add-a-model-or-instance.md"


def shown() -> dict[str, str]:
    """Each row as the page has it, by the table that the line before it names."""
    found = re.findall(
        r"`inferplan/catalog/(?:data|refresh/hand_read)/(\w+)\.json`[^`]*?```json\n(.*?)^```$",
        PAGE.read_text("utf-8"),
        re.M | re.S,
    )
    return dict(found)


def record(table: str) -> Any:
    """The row of one table as its readers get it."""
    module, name = readers()[table]
    return msgspec.json.decode(shown()[table], type=getattr(import_module(module), name))
