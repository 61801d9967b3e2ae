"""The ISO country codes and names, from the list that the installed tzdata ships.

Not here: groups of countries (a table that people read) and the Regions in them (regions).
"""

from __future__ import annotations

from importlib.metadata import version
from importlib.resources import files
from typing import Any

from inferplan.catalog.refresh import rows

AS_OF = "2025-07-01"  # the day that the file itself states


def tables() -> dict[str, list[dict[str, Any]]]:
    """The table of countries as it should read."""
    source = f"tzdata {version('tzdata')}: IANA time zone database, iso3166.tab (ISO 3166-1 alpha-2)"
    lines = (files("tzdata") / "zoneinfo/iso3166.tab").read_text("utf-8").splitlines()
    pairs = [line.split("\t") for line in lines if not line.startswith("#")]
    listed = [
        {"country": code, "name": name, "verified": True, "source": [source], "as_of": AS_OF}
        for code, name in pairs
    ]
    return {"countries": listed}


def main() -> None:
    """Rewrite the table and say what changed."""
    rows.replace(tables())


if __name__ == "__main__":
    main()
