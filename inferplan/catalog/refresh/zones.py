"""Zone ids of Regions, and the zones that offer each instance type, from the data files of an installed moto.

Not here: which Regions and types the catalog knows; a new one is a reviewed row.
"""

from __future__ import annotations

import gzip
import json
import re
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from inferplan.catalog.refresh import rows

ZONE = re.compile(r"^[a-z]+\d+-az\d+$")  # a local zone has one more part: usw2-lax1-az1
OFFERINGS = "ec2/resources/instance_type_offerings/availability-zone-id"


def offerings() -> dict[str, dict[str, tuple[str, ...]]]:
    """Per Region, per instance type, the zone ids that offer it."""
    spec = find_spec("moto")
    if spec is None or spec.origin is None:
        raise SystemExit("moto is not installed")
    found: dict[str, dict[str, tuple[str, ...]]] = {}
    for file in sorted((Path(spec.origin).parent / OFFERINGS).glob("*.json.gz")):
        zones: dict[str, set[str]] = {}
        for offer in json.loads(gzip.decompress(file.read_bytes())):
            if ZONE.match(offer["Location"]):
                zones.setdefault(offer["InstanceType"], set()).add(offer["Location"])
        found[file.name.removesuffix(".json.gz")] = {name: tuple(sorted(ids)) for name, ids in zones.items()}
    return found


def update_regions(
    table: list[dict[str, Any]], found: dict[str, dict[str, tuple[str, ...]]], source: str
) -> None:
    """Set the zones of every Region that has offerings."""
    for row in table:
        offers = found.get(row["region"])
        if offers:
            row["zones"] = sorted({zone for zones in offers.values() for zone in zones})
            row["zones_verified"], row["zones_source"] = True, source


def update_instances(table: list[dict[str, Any]], found: dict[str, dict[str, tuple[str, ...]]]) -> None:
    """Set the zones that offer each type, per Region; a type that moto does not know keeps its row's."""
    known = {name for types in found.values() for name in types}
    for row in (row for row in table if row["type"] in known):
        row["offered"] = {
            region: list(types[row["type"]])
            for region, types in sorted(found.items())
            if row["type"] in types
        }


def main() -> None:
    """Rewrite the zones of the tables regions and instances."""
    found = offerings()
    regions, instances = rows.read("regions"), rows.read("instances")
    update_regions(regions, found, f"moto {version('moto')} {OFFERINGS}")
    update_instances(instances, found)
    rows.write("regions", regions)
    rows.write("instances", instances)


if __name__ == "__main__":
    main()
