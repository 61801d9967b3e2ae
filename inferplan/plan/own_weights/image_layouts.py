"""How a backend that makes images can be served: whether all parts of its model fit one GPU.

Not here: its server (image_server) and models that read or write text (layouts). No source gives images per
second, so nothing here is sized for the load.
"""

from __future__ import annotations

from inferplan import catalog
from inferplan.plan.own_weights.layouts import NoLayout
from inferplan.records.plan import Record

COMPUTE_CAPABILITY = 8.0  # the server computes in bfloat16


class ImageDemand(Record, frozen=True, kw_only=True):
    """What one backend has to serve and to survive."""

    backend: str
    model: catalog.ImageModel
    availability_percent: float


class ImageLayout(Record, frozen=True, kw_only=True):
    """One server on one GPU; a replica makes one image at a time."""

    gpu: str
    total_gib: float
    model: catalog.ImageModel
    tensor_parallel: int = 1
    pipeline_parallel: int = 1
    replicas: int = 1
    failure_replicas: int = 1

    @property
    def stored_gib(self) -> float:
        """GiB of the weights in their bucket."""
        return self.model.weights_gib

    @property
    def host_gib(self) -> float:
        """GiB of host memory that the weights pass through on their way to the GPU."""
        return self.model.weights_gib


def image_layout(demand: ImageDemand, gpu: str) -> ImageLayout | NoLayout:
    """The model on one GPU, or why it does not fit."""
    card, needs = catalog.gpu(gpu), demand.model.gpu_gib
    if float(card.cc) < COMPUTE_CAPABILITY:
        return NoLayout(reason=f"compute capability {card.cc}; bfloat16 needs {COMPUTE_CAPABILITY:g}")
    if card.usable_gib < needs:
        return NoLayout(
            reason=f"needs {needs:g} GiB on one GPU, which has {card.usable_gib:g}; its parts are not split"
        )
    return ImageLayout(gpu=card.name, total_gib=card.usable_gib, model=demand.model)
