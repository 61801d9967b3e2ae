"""The page of the catalog: every table with its size, its columns, its dates and what is not verified.

Not here: the tables (inferplan/catalog/data) and their rows.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import msgspec

from inferplan import catalog
from inferplan.catalog.refresh.sources import ORIGINS
from inferplan.catalog.reserved import reserved
from inferplan.catalog.table import raw, stated_date, table_names
from inferplan.sizing.shapes import missing, shapes_of
from tests.pages.markdown import GENERATED, code, page, prose, table

ROOT = Path(__file__).parents[2]
_READER = re.compile(r'rows\("(\w+)", (\w+)\)')
_EVERY_ROW = ("verified", "unverified_parts", "source", "as_of")

_NO_CONFIG = "no whole copy of its config.json was found in a package or a public repository"
_ABSENT = (
    ("Gemma 4 12B, Qwen3.5 0.8B and 2B, Qwen2.5-VL 3B, 32B and 72B, Mistral Medium 3.5", _NO_CONFIG),
    ("Granite 3.x, Granite 4.0 hybrids, Phi-4-multimodal, other Hunyuan models than Hy3", _NO_CONFIG),
    ("Nemotron Nano 12B v2 VL", _NO_CONFIG),
    ("base models other than Llama's", "they are rarely served; `--config` sizes them"),
    ("LTX, Wan, Qwen-Image, FLUX", "they make images and video on vLLM-Omni, whose memory is not modeled"),
)


@dataclass(frozen=True, slots=True)
class Table:
    """What the page says about one table."""

    name: str
    about: str
    rows: tuple[dict[str, Any], ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column that a row has beside those that all tables share, in order of appearance."""
        found = dict.fromkeys(key for row in self.rows for key in row)
        return tuple(key for key in found if key not in _EVERY_ROW)

    @property
    def dates(self) -> list[tuple[date, str]]:
        """What `as_of` states, oldest first; rows without a date are left out."""
        return sorted(
            {(day, row["as_of"]) for row in self.rows if (day := stated_date(row["as_of"])) is not None}
        )

    @property
    def undated(self) -> int:
        """Rows whose source states no date."""
        return sum(stated_date(row["as_of"]) is None for row in self.rows)

    def marked(self, verified: object) -> int:
        """Rows with this mark."""
        return Counter(str(row["verified"]) for row in self.rows)[str(verified)]


def text() -> str:
    """The whole page."""
    tables = [Table(name, about(name), msgspec.json.decode(raw(name), type=tuple)) for name in table_names()]
    return page(
        [
            "# The catalog",
            "",
            GENERATED,
            "",
            f"{len(tables)} tables with {sum(len(one.rows) for one in tables):,} rows "
            "in `inferplan/catalog/data/`.",
            "Each row states its `source` and `as_of`, and says whether the source carries the claim:",
            "`verified` is true, partial (`unverified_parts` names the rest) or false.",
            "A mandatory rule does not pass on an unverified fact, unless the organization vouches for it.",
            "Columns that no code reads are named with what they are kept for.",
            "`make refresh` makes the tables anew that come from pinned packages; people read the rest.",
            "",
            *table(
                ("table", "made from", "rows", "oldest", "newest", "no date", "partial", "unverified"),
                (
                    (
                        f"[{one.name}](#{one.name})",
                        made_from(one.name),
                        len(one.rows),
                        one.dates[0][1] if one.dates else "",
                        one.dates[-1][1] if one.dates else "",
                        one.undated or "",
                        one.marked("partial") or "",
                        one.marked(False) or "",
                    )
                    for one in tables
                ),
            ),
            *_publishers(),
            *(line for one in tables for line in _section(one)),
        ]
    )


def made_from(name: str) -> str:
    """The packages that a table is made from; "people" where somebody reads all or a part of it."""
    origin = ORIGINS[name]
    return ", ".join([*origin.reads, *(["people"] if origin.person else [])])


def _publishers() -> list[str]:
    """Open-weight models by publisher: those that can be sized, and those that cannot, with the reason."""
    lines = ["", "## Models by publisher"]
    every = catalog.models().values()
    sized = {one.id for one in every if not missing(shapes_of(one.id)) or one.id in catalog.image_models()}
    lines += ["", f"{len(every)} models, {len(sized)} of which can be sized."]
    for publisher in sorted({one.id.partition("/")[0] for one in every}, key=str.lower):
        names = [one.id.partition("/")[2] for one in every if one.id in sized and _of(publisher, one)]
        if names:
            lines += ["", f"**{publisher}**: {', '.join(names)}"]
    lines += ["", "Not sized, for want of what no source states or the reader does not model:", ""]
    for one in every:
        if one.id not in sized:
            lines.append(f"- {one.id}: {one.note if one.layers else ', '.join(missing(shapes_of(one.id)))}")
    bent = [one.id for one in every if one.kv_type == "hybrid_compressed"]
    lines += [
        "",
        "Weights are counted and whether it fits is not decided, because no public source says how "
        f"the cache grows: {', '.join(bent)}.",
        "",
        "Asked for and not in the catalog:",
        "",
        *(f"- {models}: {why}" for models, why in _ABSENT),
        "",
        *_licenses(),
    ]
    return lines


def _licenses() -> list[str]:
    """The models of whose license no source was read that LIC-001 may rest on, by the tag that is known."""
    every = catalog.models().values()
    standings = {one.id: catalog.license_of(one) for one in every}
    open_ones = [one for one in every if not ((found := standings[one.id]) and found.verified)]
    known = len(every) - len(open_ones)
    lines = [
        f"The license of {known} models was read. LIC-001 is undecided on the others, until",
        "a publisher's page or a maintained catalog states it of the repository and its text is in",
        "[licenses](#licenses); the organization may vouch for what is known. By the tag:",
        "",
    ]
    for tag in sorted({one.license or "" for one in open_ones}):
        names = ", ".join(one.id for one in open_ones if (one.license or "") == tag)
        lines.append(f"- {f'`{tag}`' if tag else 'none'}: {names}")
    return lines


def _of(publisher: str, one: catalog.Model) -> bool:
    return one.id.partition("/")[0] == publisher


def _section(one: Table) -> list[str]:
    lines = [
        "",
        f"## {one.name}",
        "",
        prose(one.about),
        "",
        f"Columns: {code(one.columns)}",
        "",
        _origin(one.name),
    ]
    kept: dict[str, list[str]] = {}
    for field, purpose in reserved(readers()[one.name][1]).items():
        kept.setdefault(purpose, []).append(field)
    unread = "; ".join(f"{code(fields)} ({purpose})" for purpose, fields in kept.items())
    return [*lines, "", f"Not read by code: {unread}"] if unread else lines


def _origin(name: str) -> str:
    origin = ORIGINS[name]
    inputs = ", ".join(origin.reads or ("what a person has read",))
    made = f"Made by `refresh/{origin.generator}.py` from {inputs}." if origin.generator else ""
    read = f"Read by a person: {origin.person}." if origin.person else ""
    return f"{made} {read}".strip()


def about(name: str) -> str:
    """The first sentence of the record that the table's rows become."""
    module, record = readers()[name]
    doc = getattr(import_module(module), record).__doc__
    if not doc:
        raise ValueError(f"{module}.{record} has no docstring, and the catalog page shows it")
    return str(doc).strip().split("\n\n")[0]


@cache
def readers() -> dict[str, tuple[str, str]]:
    """Module and record that each table is read with."""
    return {
        name: (".".join(path.relative_to(ROOT).with_suffix("").parts), record)
        for path in sorted((ROOT / "inferplan").rglob("*.py"))
        for name, record in _READER.findall(path.read_text("utf-8"))
    }
