"""Prices of instances by Region, and how far below them spot lies, from rows that a person copied.

The source is a large public file that no package ships; its rows lie in hand_read/instance_prices.json.
Not here: prices of other parts and of capacity blocks (tables that people read as a whole).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from inferplan.catalog.refresh import rows

SOURCE = "skypilot-org/skypilot-catalog catalogs/v9/aws/vms.csv@2c3d7ea"  # read on 2026-11-28
# The file states no day. It is newer than v8 of the first quarter, and has none of the g7 rows of 2026-07-20.
AS_OF = "2026-Q2-inferred"
BASE_REGION = "us-east-1"  # karpenter's file is newer there
# A size whose spot price has nothing to do with that of its family.
APART = frozenset({"p5.4xlarge"})
SPOT = "spot-"


def region_prices() -> Iterator[dict[str, Any]]:
    """What people read elsewhere, then what the copied rows add or bring up to date."""
    copied = {
        (row["instance"], row["region"]): row
        for row in rows.hand_read("instance_prices")
        if row["region"] != BASE_REGION
    }
    for row in rows.hand_read("region_prices"):
        yield _price(copied.pop((row["instance"], row["region"]), row))
    yield from map(_price, copied.values())


def _price(row: Mapping[str, Any]) -> dict[str, Any]:
    if "source" in row:
        return dict(row)
    priced = {column: row[column] for column in ("instance", "region", "od_usd_h")}
    return priced | {"verified": True, "source": [SOURCE], "as_of": AS_OF}


def spot_prices() -> Iterator[dict[str, Any]]:
    """Per family and Region the smallest and the largest fraction off, over the sizes and zones copied."""
    found: dict[tuple[str, str], dict[str, list[float]]] = {}
    for row in rows.hand_read("instance_prices"):
        name = row["instance"] if row["instance"] in APART else row["instance"].partition(".")[0]
        off = [max(0.0, round(1 - spot / row["od_usd_h"], 2)) for spot in row["spot_usd_h"]]
        if off:
            found.setdefault((name, row["region"]), {})[row["instance"]] = off
    for (name, region), sizes in sorted(found.items()):
        off = [fraction for fractions in sizes.values() for fraction in fractions]
        yield {
            "id": f"{SPOT}{name}",
            "service": "EC2 Spot",
            "unit": "fraction off on demand",
            "usd": None,
            "low": min(off),
            "high": max(off),
            "region": region,
            "note": f"{', '.join(sizes)}: {len(off)} prices by size and zone",
            "verified": True,
            "source": [SOURCE],
            "as_of": AS_OF,
        }


def tables() -> dict[str, list[dict[str, Any]]]:
    """Both tables as they should read; of the service prices only the spot rows are made here."""
    others = [row for row in rows.read("service_prices") if not row["id"].startswith(SPOT)]
    return {"region_prices": list(region_prices()), "service_prices": [*others, *spot_prices()]}


def main() -> None:
    """Rewrite the tables and say what changed."""
    rows.replace(tables())


if __name__ == "__main__":
    main()
