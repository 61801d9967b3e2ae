"""Rates of GPUs from the system files of aiconfigurator-core, joined to what people read of each card.

People read names, the memory that a driver reports and the rates of cards that the package does not have.
Not here: the instance types that carry them (instances).
"""

from __future__ import annotations

from typing import Any
from zipfile import ZipFile

from inferplan.catalog.hardware import Gpu
from inferplan.catalog.refresh import rows, wheels

SYSTEMS = "aiconfigurator_core/systems"
SPECIFICATIONS = "sol"  # the package has the card's figures and no measurements of it


def rates(system: str) -> dict[str, Any]:
    """What a system file states, in the units of the table."""
    import yaml

    with ZipFile(wheels.wheel("aiconfigurator-core")) as archive:
        stated = yaml.safe_load(archive.read(f"{SYSTEMS}/{system}.yaml"))
    card = stated["gpu"]
    tera = {
        name: card.get(f"{key}_tc_flops")
        for name, key in (("bf16", "bfloat16"), ("fp8", "fp8"), ("fp4", "fp4"))
    }
    return {
        "cc": f"{card['sm_version'] // 10}.{card['sm_version'] % 10}",
        "bandwidth_gb_s": round(card["mem_bw"] / 1e9),
        **{f"{name}_tflops": round(value / 1e12) if value else None for name, value in tera.items()},
        "link_gb_s": round(stated["node"]["intra_node_bw"] / 1e9),
    }


def tables() -> dict[str, list[dict[str, Any]]]:
    """The table as it should read."""
    found = []
    for row in rows.hand_read("gpus"):
        if row["aic"]:
            system = row["name"].lower() if row["aic"] == SPECIFICATIONS else row["aic"]
            package = f"aiconfigurator-core {wheels.version('aiconfigurator-core')} wheel"
            source = f"{package}, {SYSTEMS}/{system}.yaml"
            row |= {**rates(system), "source": [source, *row["source"]]}
        found.append(rows.in_order(row, Gpu))
    return {"gpus": found}


def main() -> None:
    """Rewrite the table and say what changed."""
    rows.replace(tables())


if __name__ == "__main__":
    main()
