"""How a server reads its weights from their mount: by a loader that streams, or by mapping the files.

Streaming needs room in the pod's memory for the largest tensor, and one layout of the weights in their
folder: the streamer takes every safetensors file there (vllm-project/vllm#40765). Not here: how long it takes
(inferplan.sizing.startup) and the mount itself (components.weights_volume).
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from typing import Literal

from inferplan.plan.case import Case
from inferplan.plan.own_weights.image_layouts import ImageLayout
from inferplan.plan.own_weights.instance_choice import Choice, node_memory_gib, pod_memory_gib
from inferplan.records.plan import Record
from inferplan.sizing import ModelShapes
from inferplan.sizing.constants import GIB
from inferplan.sizing.tensors import tensors_of

CONSOLIDATED = "consolidated"  # how Mistral AI's own layout is named, beside the one that vLLM's index lists
_TWO_LAYOUTS = ("mistralai/",)  # publishers whose repositories hold both, where no lock lists the files
_BUFFERS = 2  # a tensor as it is read, and its copy on the way to the GPU


class Loading(Record, frozen=True, kw_only=True):
    """A loader with its flags; `buffers_gib` is what it needs of the pod's memory."""

    reads: Literal["mount-streamed", "mount-mapped"]
    flags: tuple[str, ...]
    buffers_gib: int
    why: str


def loading(case: Case, choice: Choice) -> Loading:
    """How the server of a choice reads its weights."""
    found = choice.layout
    if isinstance(found, ImageLayout):
        return _mapped("the diffusers pipeline has a loader of its own")
    model, tensor = found.point.fit.shapes, found.tensor_parallel
    locked = case.declaration.lock.models.get(model.id) if case.declaration.lock else None
    if has_two_layouts(model.id, locked.files if locked else ()):
        return _mapped("its folder holds the weights in two layouts, and the streamer would read both")
    buffers = math.ceil(_BUFFERS * tensor * largest_tensor_gib(model))
    share = node_memory_gib(choice.instance) // choice.pods_per_node
    if pod_memory_gib(tensor) + buffers > share:
        return _mapped(
            f"the pod's {share} GiB of memory do not hold {buffers} GiB of buffers for the streamer"
        )
    # 0: a buffer of the largest tensor, whatever that is; the streamer's own default is 40 GB.
    extra: dict[str, object] = {"memory_limit": 0}
    if tensor > 1:
        extra["distributed"] = True  # each worker reads its part once and sends it to the others
    return Loading(
        reads="mount-streamed",
        flags=(
            "--load-format",
            "runai_streamer",
            "--model-loader-extra-config",
            json.dumps(extra, sort_keys=True),
        ),
        buffers_gib=buffers,
        why="read ahead by several threads; every worker reads its own part once",
    )


def has_two_layouts(model: str, files: Iterable[str]) -> bool:
    """Whether a folder holds the weights twice: as its files say, else as its publisher's usually do."""
    weights = [name for name in files if name.endswith(".safetensors") and "/" not in name]
    if not weights:
        return model.startswith(_TWO_LAYOUTS)
    own = [name for name in weights if name.startswith(CONSOLIDATED)]
    return 0 < len(own) < len(weights)


def largest_tensor_gib(model: ModelShapes) -> float:
    """GiB of the largest tensor of a repository: an embedding, or the experts of a layer, if stacked."""
    sizes = [0.0]
    for one in tensors_of(model):
        stored = one.parameters * one.bytes_per_parameter
        if one.place != "layers":
            sizes.append(stored)
        elif one.kind == "expert":
            # gate and up may be one tensor: two of the three matrices of a feed-forward block
            sizes.append(stored / max(1, (model.layers or 1) - model.dense_layers) * 2 / 3)
    return max(sizes) / GIB


def _mapped(why: str) -> Loading:
    return Loading(reads="mount-mapped", flags=("--load-format", "safetensors"), buffers_gib=0, why=why)
