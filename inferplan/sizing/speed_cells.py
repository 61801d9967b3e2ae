"""Which constants hold for a model on a GPU: cells of GPU family and kind of model.

Not here: the formulas that use the constants (throughput) and how they are fitted (catalog.refresh).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Literal, NamedTuple

from inferplan.catalog import Gpu
from inferplan.catalog.table import Row, rows
from inferplan.records.plan import Source
from inferplan.sizing.constants import constant
from inferplan.sizing.formats import WeightFormat, capability
from inferplan.sizing.shapes import ModelShapes

Kind = Literal["dense", "mixture", "mxfp4", "linear", "mla", "sparse-mla"]
KIND_WORDS: dict[Kind, str] = {
    "dense": "dense",
    "mixture": "mixture of experts",
    "mxfp4": "mixture in MXFP4",
    "linear": "with linear attention",
    "mla": "latent attention",
    "sparse-mla": "sparse latent attention",
}
GENERATIONS = ((10, 0, "blackwell"), (9, 0, "hopper"), (8, 9, "ada"), (8, 0, "ampere"), (0, 0, "turing"))


def kind_of(model: ModelShapes, form: WeightFormat) -> Kind:
    """The kind of a model in a format, by what its steps spend their time on."""
    if model.attention == "mla+sparse_indexer":
        return "sparse-mla"
    if model.attention == "mla":
        return "mla"
    if model.attention == "gqa+linear_attention":
        return "linear"
    if not model.is_moe:
        return "dense"
    return "mxfp4" if form.id == "mxfp4" else "mixture"


def family_of(gpu: Gpu) -> str:
    """Generation and link of a GPU, such as `hopper` and `blackwell-pcie`."""
    known = capability(gpu.cc)
    generation = next(name for major, minor, name in GENERATIONS if known >= (major, minor))
    return generation if gpu.nvlink else f"{generation}-pcie"


class SpeedCell(Row, frozen=True):
    """What is fitted for one kind of model on one GPU family, and how far off it was on runs kept apart.

    `low` and `high` are factors on the predicted rate: nine of ten measured runs lie between them.
    """

    family: str
    kind: Kind
    bandwidth_share: float  # of the peak, while weights and cache are read
    flops_share: float  # of the 16-bit peak
    low: float
    high: float
    ttft_high: float  # factor on the time to first token
    fit_runs: int
    test_runs: int
    range_measured: bool  # else it leans on other cells, for want of test runs

    @property
    def sources(self) -> tuple[Source, ...]:
        """Where the cell comes from, for derivations."""
        return tuple(Source(source=text, as_of=self.as_of) for text in self.source)


class Pace(NamedTuple):
    """Every constant that a prediction uses; shares are of the peak."""

    bandwidth_share: float
    flops_share: float
    eight_bit: float  # factors on the share of arithmetic: 8-bit and 4-bit arithmetic, weights unpacked first
    four_bit: float
    unpacked: float
    slice_width: float  # width of an expert's slice at which half of the rate is reached
    step_ms: float
    layer_ms: float
    mixture_layer_ms: float
    sequence_us: float
    request_ms: float  # once: to receive a request, split it into tokens, schedule it and answer
    exchange_us: float  # a collective of the GPUs' link
    link_share: float


SHARED = (
    "eight_bit",
    "four_bit",
    "unpacked",
    "slice_width",
    "step_ms",
    "layer_ms",
    "mixture_layer_ms",
    "sequence_us",
    "request_ms",
)


@cache
def speed_cells() -> Mapping[tuple[str, str], SpeedCell]:
    """Every cell by family and kind."""
    return {(row.family, row.kind): row for row in rows("speed_cells", SpeedCell)}


@cache
def cell_of(model: ModelShapes, gpu: Gpu, form: WeightFormat) -> SpeedCell:
    """The cell of a model in a format on a GPU."""
    return speed_cells()[family_of(gpu), kind_of(model, form)]


@cache
def pace_of(cell: SpeedCell) -> Pace:
    """The constants of a cell, with those that all cells share and those of its link."""
    link = "pcie" if cell.family.endswith("-pcie") else "nvlink"
    shared = {name: constant(f"speed_{name}") for name in SHARED}
    return Pace(
        bandwidth_share=cell.bandwidth_share,
        flops_share=cell.flops_share,
        exchange_us=constant(f"speed_exchange_us_{link}"),
        link_share=constant(f"speed_link_share_{link}"),
        **shared,
    )
