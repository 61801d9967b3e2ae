"""Published measurements that sizing is tested against: vLLM start-up logs and throughput tables.

Not here: the comparison (accuracy) and the constants fitted on some of the rows (constants).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, Literal

from inferplan.catalog.table import Row, rows
from inferplan.sizing.config_json import shapes_from_config
from inferplan.sizing.memory import Fit, fit
from inferplan.sizing.shapes import ModelShapes, shapes_of

Check = Literal["kv_tokens", "concurrency", "budget", "weights", "fits", "tier"]


class ReferencePoint(Row, frozen=True):
    """One published start-up. Memory in GiB per GPU; None: the source does not print it."""

    id: str
    model: str
    dtype: str
    fits: bool
    check: tuple[Check, ...]
    gpu: str | None = None
    gpu_name: str | None = None  # in the catalog
    compute_capability: str | None = None  # of GPUs outside the catalog
    instance: str | None = None
    tp: int = 1
    total_gib: float | None = None
    utilization: float | None = None
    max_model_len: int | None = None
    max_num_seqs: int | None = None
    max_num_batched_tokens: int | None = None
    vllm: str | None = None
    engine: Literal["V0", "V1"] | None = None
    block_size: int = 16
    kv_dtype: str | None = None
    weights_gib: float | None = None
    activation_gib: float | None = None
    non_torch_gib: float | None = None
    cudagraph_gib: float | None = None
    kv_gib: float | None = None
    kv_tokens: int | None = None
    max_concurrency: float | None = None
    vram_min_gb: float | None = None
    batch_hint: str | None = None
    catalog_model: str | None = None  # the row with the same shapes, where the id differs
    quantization: str | None = None
    shapes: dict[str, Any] | None = None  # for models outside the catalog
    shapes_source: str | None = None
    fitted: tuple[str, ...] = ()  # constants that were fitted on this row
    inferred: tuple[str, ...] = ()  # inputs that the source does not print
    circular: tuple[str, ...] = ()  # outputs that were computed from the others
    note: str | None = None

    def model_shapes(self) -> ModelShapes:
        """The shapes of the measured model."""
        if self.shapes is not None:
            return shapes_from_config(self.shapes, self.model, self.as_of)
        return shapes_of(self.catalog_model or self.model)

    def usable_gib(self) -> float | None:
        """GiB that vLLM saw: printed, else of the catalog's GPU, else unknown."""
        if self.total_gib is not None or self.gpu_name is None:
            return self.total_gib
        from inferplan import catalog

        return catalog.gpu(self.gpu_name).usable_gib

    def predict(self) -> Fit | None:
        """The end-to-end prediction from what the row gives; None where the GPU is not known."""
        total = self.usable_gib()
        if total is None:
            return None
        capability = self.compute_capability
        if capability is None and self.gpu_name is not None:
            from inferplan import catalog

            capability = catalog.gpu(self.gpu_name).cc
        shapes = self.model_shapes()
        version = {} if self.vllm is None else {"vllm_version": self.vllm}
        return fit(
            shapes,
            total,
            self.tp,
            quantization=self.quantization,
            max_model_len=self.max_model_len,
            max_num_seqs=self.max_num_seqs,
            max_num_batched_tokens=self.max_num_batched_tokens,
            gpu_memory_utilization=self.utilization,
            gpu=self.gpu_name,
            compute_capability=capability,
            engine=self.engine,
            **version,
        )


class ThroughputPoint(Row, frozen=True):
    """One published throughput measurement; tokens per second are output tokens per GPU."""

    id: str
    set: Literal["fit", "test"] | None  # None: another engine, or a GPU that is not in the catalog
    model: str  # of the catalog
    gpu: str
    gpus: int  # of all replicas
    tensor_parallel: int
    weights: str
    engine: str
    output_tokens_per_second_per_gpu: float
    input_tokens: int | None = None
    output_tokens: int | None = None
    concurrency: int | None = None  # over all replicas
    all_at_once: bool = False
    prompts: int | None = None  # sent at once
    input_tokens_per_second_per_gpu: float | None = None
    ttft_ms: float | None = None
    tpot_ms: float | None = None
    quantization: str | None = None
    kv_cache_dtype: str | None = "auto"  # None: not stated
    max_model_len: int | None = None
    max_num_seqs: int | None = None
    max_num_batched_tokens: int | None = None
    gpu_memory_utilization: float | None = None
    mixed_lengths: bool = False  # the token counts are means of a mix
    note: str | None = None

    @property
    def repository(self) -> str:
        """The model of the catalog whose weights ran: the repository published in the format, if any."""
        from inferplan import catalog

        known = catalog.published_as(self.model, self.quantization or "")
        return known[0] if known else self.model

    @property
    def vllm(self) -> str | None:
        """The version of vLLM where it is stated."""
        word = self.engine.removeprefix("vllm ").split(" ")[0]
        return word if self.engine.startswith("vllm ") and word[:1].isdigit() else None

    @property
    def in_flight(self) -> int | None:
        """Requests that each replica is asked for at once; None where the source does not say."""
        asked = self.concurrency or self.prompts
        return None if asked is None else max(1, round(asked * self.tensor_parallel / self.gpus))


class SecondOpinion(Row, frozen=True):
    """What another model of speed predicts for one replica at one load; nothing was measured."""

    id: str
    model: str  # of the catalog
    gpu: str
    tensor_parallel: int
    quantization: str | None  # None: as the model is published
    input_tokens: int
    output_tokens: int
    concurrency: int
    engine: str  # the version whose measured parts it adds up
    output_tokens_per_second: float  # of the replica
    ttft_ms: float
    tpot_ms: float


@cache
def reference_points() -> Mapping[str, ReferencePoint]:
    """Every start-up row by id."""
    return {row.id: row for row in rows("reference_points", ReferencePoint)}


@cache
def throughput_points() -> Mapping[str, ThroughputPoint]:
    """Every throughput row by id."""
    return {row.id: row for row in rows("throughput_points", ThroughputPoint)}


@cache
def second_opinions() -> Mapping[str, SecondOpinion]:
    """Every prediction of another model of speed by id."""
    return {row.id: row for row in rows("second_opinions", SecondOpinion)}
