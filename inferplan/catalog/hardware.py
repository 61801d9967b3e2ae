"""Accelerators and the instance types that carry them, with the zones that offer each type.

Not here: prices (prices) and which model fits (inferplan.sizing).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Literal

from inferplan.catalog.table import Row, UnknownName, pick, rows
from inferplan.near import near

# EC2 Capacity Blocks for ML are sold for P4d and later and for Trainium:
# docs.aws.amazon.com/AWSEC2/latest/UserGuide/capacity-blocks-prerequisites.html (2026-11-28)
BLOCK_FAMILIES = ("p4", "p5", "p6", "trn")


class Gpu(Row, frozen=True, kw_only=True):
    """One GPU as vLLM sees it. Rates are dense (no sparsity); None: the figure is unknown or unsupported."""

    name: str  # as in `size --gpu`
    aliases: tuple[str, ...] = ()
    cc: str  # compute capability, such as "8.9"
    usable_gib: float  # what vLLM multiplies by gpu_memory_utilization
    basis: Literal["torch", "smi", "api", "guess"]  # how usable_gib is known
    bandwidth_gb_s: float
    bf16_tflops: float | None
    fp16_tflops: float | None  # stated only where it differs from bf16
    fp8_tflops: float | None
    fp4_tflops: float | None
    link_gb_s: float  # one direction, per GPU, inside the node
    nvlink: bool
    aic: str | None  # system name in aiconfigurator-core; "sol": specifications only
    note: str | None = None


class Instance(Row, frozen=True, kw_only=True):
    """One accelerator instance type; units are in the names, `mem_gib` per accelerator is what AWS states."""

    type: str
    gpu: str  # a name of gpus(), or a Neuron accelerator
    count: int
    mem_gib: float
    vcpu: int
    ram_gib: int
    nvme_gb: int
    efa: int  # interfaces, one a network card
    arch: Literal["x86_64", "arm64"]
    vllm: Literal["ok", "no", "neuron", "partition"]
    ami: tuple[str, ...]  # EKS AMI types, preferred first
    ami_verified: bool
    quota_od: str  # Service Quotas code; the unit is vCPU
    quota_spot: str
    offered: dict[str, tuple[str, ...]]  # Region -> zone ids
    ena_only_cards: int = 0  # network cards in front of those that carry EFA
    fraction: float | None = None  # of a GPU, for partitioned types
    corrected: str | None = None  # what of the source was wrong and is corrected here

    @property
    def family(self) -> str:
        """The part before the dot: `p5en` of `p5en.48xlarge`."""
        return self.type.partition(".")[0]

    @property
    def is_sold_in_blocks(self) -> bool:
        """Whether Capacity Blocks exist for the type, in some Regions at least."""
        return self.family.startswith(BLOCK_FAMILIES)

    def offers(self, region: str) -> tuple[str, ...]:
        """Zone ids of `region` that offer the type; empty where none does."""
        return self.offered.get(region, ())


@cache
def gpus() -> Mapping[str, Gpu]:
    """Every GPU by its name."""
    return {row.name: row for row in rows("gpus", Gpu)}


@cache
def _gpu_names() -> Mapping[str, str]:
    return {spelling.lower(): row.name for row in gpus().values() for spelling in (row.name, *row.aliases)}


def gpu(name: str) -> Gpu:
    """One GPU by name or alias, any case; raises UnknownName."""
    found = _gpu_names().get(name.lower())
    if found is None:
        raise UnknownName("GPU", name, near(name, gpus(), 3))
    return gpus()[found]


@cache
def instances() -> Mapping[str, Instance]:
    """Every accelerator instance type by its name."""
    return {row.type: row for row in rows("instances", Instance)}


def instance(name: str) -> Instance:
    """One instance type; raises UnknownName."""
    return pick(instances(), "instance type", name)
