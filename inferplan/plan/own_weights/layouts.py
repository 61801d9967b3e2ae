"""How one backend can be served on one GPU and parallel size: the operating point, and replicas with reserve.

Not here: instance types, zones and prices (instance_choice), the arithmetic itself (inferplan.sizing).
"""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

from inferplan import catalog, sizing
from inferplan.plan.own_weights.engine_options import EngineOptions
from inferplan.records.plan import Record
from inferplan.sizing import FAILURE_UTILIZATION

SURVIVE_FROM_PERCENT = 99.9


class Demand(Record, frozen=True, kw_only=True):
    """What one backend has to carry and to keep; rates are per second, at the stated peak."""

    backend: str
    shapes: sizing.ModelShapes
    quantization: str | None
    kv_cache_dtype: str
    max_model_len: int | None
    input_tokens: int  # of a typical request
    output_tokens: int  # 0 for pooling models
    requests_per_second: float  # of the routes it serves first
    fallback_requests_per_second: float  # of the routes it stands in for
    objectives: sizing.Objectives
    availability_percent: float
    options: EngineOptions
    at_slow_end: bool  # the peak is carried at the slow end of the speed's range too


class Layout(Record, frozen=True, kw_only=True):
    """One way of serving: what fits, how fast it is, and how many replicas the load needs on it."""

    gpu: str
    tensor_parallel: int
    pipeline_parallel: int
    point: sizing.OperatingPoint
    replicas: int  # for the planned peak
    failure_replicas: int  # that must be left while a zone is down, for the routes it serves first

    sized_at: Literal["expected", "slow end"]  # end of the speed's range that the peak is carried at

    @property
    def stored_gib(self) -> float:
        """GiB of the weights in their bucket."""
        weights = self.point.fit.weights
        assert weights is not None  # what cannot be sized is laid out nowhere
        return weights.repository_gib

    @property
    def host_gib(self) -> float:
        """GiB of host memory for weights: they stream past it to the GPUs."""
        return 0.0


def must_hold(environment: str, availability_percent: float) -> bool:
    """Whether neither a slow prediction nor a lost zone may break it: production, or 99.9 percent."""
    return environment == "production" or availability_percent >= SURVIVE_FROM_PERCENT


class NoLayout(Record, frozen=True, kw_only=True):
    """Why a GPU and parallel size cannot serve."""

    reason: str


@lru_cache(maxsize=4096)
def layout(demand: Demand, gpu: str, tensor_parallel: int, pipeline_parallel: int) -> Layout | NoLayout:
    """The operating point on a GPU and parallel size, or why there is none."""
    card = catalog.gpu(gpu)
    try:
        point = sizing.operating_point(
            demand.shapes,
            card,
            tensor_parallel,
            demand.requests_per_second or demand.fallback_requests_per_second,
            demand.input_tokens,
            demand.output_tokens,
            demand.objectives,
            pipeline_parallel=pipeline_parallel,
            quantization=demand.quantization,
            kv_cache_dtype=demand.kv_cache_dtype,
            max_model_len=demand.max_model_len,
            enforce_eager=demand.options.enforce_eager,
            expert_parallel=demand.options.expert_parallel,
            max_loras=demand.options.max_loras,
            max_lora_rank=demand.options.max_lora_rank,
        )
    except sizing.NoThroughput as reason:
        return NoLayout(reason=str(reason))
    if isinstance(point, sizing.Fit):
        return NoLayout(reason=_why_not(point))
    if point.held == "missed":
        return NoLayout(reason="; ".join(point.misses))
    stored = point.fit.weights
    if stored is not None and stored.origin == "other_repository":
        known = catalog.published_as(demand.shapes.id, stored.format)
        return NoLayout(
            reason=f"{demand.shapes.id} is not published as {stored.format}: name the repository that is"
            + (f", such as {known[0]}" if known else "")
        )
    rate = point.performance.requests_per_second
    # what is counted on when there is no reserve left
    sure = point.performance.requests_per_second_low if demand.at_slow_end else rate
    both = demand.requests_per_second + demand.fallback_requests_per_second
    standing_in = sizing.replicas(both, sure, utilization=FAILURE_UTILIZATION)
    usual = sizing.replicas(demand.requests_per_second, rate) if demand.requests_per_second else 1
    return Layout(
        gpu=card.name,
        tensor_parallel=tensor_parallel,
        pipeline_parallel=pipeline_parallel,
        point=point,
        replicas=max(usual, standing_in),
        sized_at="slow end" if demand.at_slow_end else "expected",
        # a zone and another backend are not taken to be lost at once
        failure_replicas=sizing.replicas(demand.requests_per_second, sure, utilization=FAILURE_UTILIZATION),
    )


def _why_not(fit: sizing.Fit) -> str:
    if fit.fits and fit.is_tight:
        return f"only {fit.margin_gib:.2f} GiB would be left, which is inside the error of the arithmetic"
    return "; ".join(fit.reasons) or "not one request of the stated size fits the KV cache"
