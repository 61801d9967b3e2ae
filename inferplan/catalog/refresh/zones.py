"""The zones that offer each instance type, from the data files of an installed moto.

Not here: the tables that state them (instances, regions).
"""

from __future__ import annotations

import gzip
import json
import re
from functools import cache
from importlib.util import find_spec
from pathlib import Path

ZONE = re.compile(r"^[a-z]+\d+-az\d+$")  # a local zone has one more part: usw2-lax1-az1
OFFERINGS = "ec2/resources/instance_type_offerings/availability-zone-id"


def moto() -> Path:
    """The folder of the installed package."""
    spec = find_spec("moto")
    if spec is None or spec.origin is None:
        raise SystemExit("moto is not installed")
    return Path(spec.origin).parent


@cache
def offerings() -> dict[str, dict[str, tuple[str, ...]]]:
    """Per Region, per instance type, the zone ids that offer it."""
    found: dict[str, dict[str, tuple[str, ...]]] = {}
    for file in sorted((moto() / OFFERINGS).glob("*.json.gz")):
        zones: dict[str, set[str]] = {}
        for offer in json.loads(gzip.decompress(file.read_bytes())):
            if ZONE.match(offer["Location"]):
                zones.setdefault(offer["InstanceType"], set()).add(offer["Location"])
        found[file.name.removesuffix(".json.gz")] = {name: tuple(sorted(ids)) for name, ids in zones.items()}
    return found


def by_type() -> dict[str, dict[str, list[str]]]:
    """Per instance type the Regions that offer it, with the zone ids."""
    found: dict[str, dict[str, list[str]]] = {}
    for region, types in sorted(offerings().items()):
        for name, zones in types.items():
            found.setdefault(name, {})[region] = list(zones)
    return found


def by_region() -> dict[str, list[str]]:
    """Per Region the zone ids that offer any type."""
    return {
        region: sorted({zone for zones in types.values() for zone in zones})
        for region, types in offerings().items()
        if types
    }
