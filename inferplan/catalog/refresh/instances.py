"""Accelerator instance types and the zones that offer them, from the data files of the installed moto.

People read what AWS's API does not say of a family (EKS images, quotas, whether vLLM runs) and correct types.
Not here: prices (a table that people read) and what a driver reports of a GPU (gpus).
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from typing import Any

from inferplan.catalog.hardware import Instance
from inferplan.catalog.refresh import rows, zones

AS_OF = "2026-10-27"  # of the data files of the pinned moto
TYPES = "ec2/resources/instance_types.json.gz"


def listed() -> dict[str, dict[str, Any]]:
    """Every type with an accelerator, as DescribeInstanceTypes gives it."""
    text = gzip.decompress((zones.moto() / TYPES).read_bytes())
    found: dict[str, dict[str, Any]] = json.loads(text)
    return {name: facts for name, facts in found.items() if "GpuInfo" in facts or "NeuronInfo" in facts}


def table() -> Iterator[dict[str, Any]]:
    """One row per type of the families that people know, in their order; then types that moto lacks."""
    types, offers = listed(), zones.by_type()
    said = {row["type"]: row for row in rows.hand_read("instances")}
    for family in rows.hand_read("instance_families"):
        names = [name for name in types if name.partition(".")[0] == family["family"]]
        for name in sorted(names, key=lambda name: (types[name]["VCpuInfo"]["DefaultVCpus"], name)):
            yield _row(name, types[name], offers.get(name, {}), family, said.get(name, {}))
    yield from (row for name, row in said.items() if name not in types)


def left_out() -> list[str]:
    """Types of families that nobody has read about."""
    families = {row["family"] for row in rows.hand_read("instance_families")}
    return sorted(name for name in listed() if name.partition(".")[0] not in families)


def _row(
    name: str,
    facts: Mapping[str, Any],
    offered: Mapping[str, list[str]],
    family: Mapping[str, Any],
    corrected: Mapping[str, Any],
) -> dict[str, Any]:
    (device,) = facts["GpuInfo"]["Gpus"] if "GpuInfo" in facts else facts["NeuronInfo"]["NeuronDevices"]
    memory_gib = round(device["MemoryInfo"]["SizeInMiB"] / 1024, 2)
    network = facts["NetworkInfo"]
    cards = [card.get("InterfaceTypes", []) for card in network["NetworkCards"]]
    efa = network.get("EfaInfo", {}).get("MaximumEfaInterfaces", 0)
    fraction = device.get("GpuPartitionSize", 1)
    row = {
        "type": name,
        "gpu": _gpu(device["Name"], memory_gib),
        "count": device["Count"] or device["LogicalGpuCount"],
        "mem_gib": memory_gib,
        "vcpu": facts["VCpuInfo"]["DefaultVCpus"],
        "ram_gib": facts["MemoryInfo"]["SizeInMiB"] // 1024,
        "nvme_gb": facts.get("InstanceStorageInfo", {}).get("TotalSizeInGB", 0),
        "efa": efa,
        "ena_only_cards": sum("efa" not in " ".join(kinds) for kinds in cards) if efa else 0,
        "arch": facts["ProcessorInfo"]["SupportedArchitectures"][0],
        "offered": dict(offered),
        "fraction": fraction if fraction != 1 else None,
    } | {column: value for column, value in family.items() if column not in {"family", "source", "as_of"}}
    optional = {column for column in ("ena_only_cards", "fraction") if not row[column]}
    row = {column: value for column, value in row.items() if column not in optional}
    row |= {column: value for column, value in corrected.items() if column not in {"source", "as_of"}}
    return {
        **rows.in_order(row, Instance),
        "source": [_source(), *family["source"], *corrected.get("source", [])],
        "as_of": min(AS_OF, family["as_of"], corrected.get("as_of", AS_OF)),
    }


def _source() -> str:
    files = "moto/ec2/resources/instance_types.json.gz + instance_type_offerings/"
    return f"moto {version('moto')} wheel, {files}, as of {AS_OF}"


def _gpu(name: str, memory_gib: float) -> str:
    """Our name of a GPU; AWS calls both kinds of A100 alike."""
    known = rows.hand_read("gpus")
    names: dict[str, str] = {alias: row["name"] for row in known for alias in row.get("aliases", ())}
    return names.get(name) or names.get(f"{name} {memory_gib:.0f}GB", name)


def tables() -> dict[str, list[dict[str, Any]]]:
    """The table as it should read."""
    return {"instances": list(table())}


def main() -> None:
    """Rewrite the table and say what changed."""
    for name in left_out():
        rows.tell(f"instances: left out, as nobody has read about its family: {name}")
    rows.replace(tables())


if __name__ == "__main__":
    main()
