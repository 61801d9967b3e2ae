"""From a load and its objectives to concurrency per replica, replicas, max_num_seqs and max_model_len.

Not here: the speed at one concurrency (throughput) and the choice between instance types (inferplan.plan).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

from inferplan.catalog import Gpu
from inferplan.records.plan import Derivation, Record
from inferplan.sizing.constants import constant, constants
from inferplan.sizing.memory import VLLM_VERSION, Fit, fit
from inferplan.sizing.shapes import ModelShapes
from inferplan.sizing.throughput import Performance, throughput

Held = Literal["all of the range", "expected", "missed"]
SEQUENCES = (8, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024)  # candidates for max_num_seqs
FAILURE_UTILIZATION = 0.95  # what the rest may be loaded to while a zone or another backend is down


class Objectives(Record, frozen=True):
    """Latency limits in ms at the 95th percentile; None: no limit."""

    ttft_p95_ms: float | None = None
    tpot_p95_ms: float | None = None


class OperatingPoint(Record, frozen=True):
    """How one kind of replica serves a load. `held` says how the objectives are met at this concurrency.

    `all of the range`: also at the slow end of the error range; `expected`: by the expected value only;
    `missed`: not even for one request at a time, and `misses` says which objective.
    """

    fit: Fit
    performance: Performance
    concurrency: int  # at most, per replica
    concurrency_at_peak: int  # what the peak puts on each replica
    max_num_seqs: int
    max_model_len: int
    replicas: int
    spare_replicas: int  # of them, for the loss of a zone
    peak_requests_per_second: float
    held: Held
    misses: tuple[str, ...]

    @property
    def derivations(self) -> dict[str, Derivation]:
        """Replicas and engine settings with their formulas and sources."""
        return _derivations(self)


def planned_model_len(input_tokens: int, output_tokens: int, context: int) -> int:
    """max_model_len for a load known by its means: four times that, a power of two, within the context."""
    wanted = max(constant("least_model_len"), constant("length_factor") * (input_tokens + output_tokens))
    power: int = 2 ** math.ceil(math.log2(wanted))
    return min(context, power)


def replicas(
    needed_per_second: float,
    per_replica_per_second: float,
    survive_zone: bool = False,
    utilization: float | None = None,
) -> int:
    """Replicas for a peak of requests or tokens per second, used to 65 %; one more to survive a zone."""
    share = constant("planning_utilization") if utilization is None else utilization
    if per_replica_per_second <= 0:
        raise ValueError("a replica must do more than nothing")
    # 1e-9: a load that fills n replicas exactly must not need n + 1 through rounding
    return max(1, math.ceil(needed_per_second / (per_replica_per_second * share) - 1e-9)) + int(survive_zone)


def operating_point(
    model: ModelShapes,
    gpu: Gpu,
    tensor_parallel: int,
    peak_requests_per_second: float,
    input_tokens: int,
    output_tokens: int,
    objectives: Objectives | None = None,
    *,
    pipeline_parallel: int = 1,
    quantization: str | None = None,
    kv_cache_dtype: str = "auto",
    max_model_len: int | None = None,
    max_num_seqs: int | None = None,
    max_num_batched_tokens: int | None = None,
    gpu_memory_utilization: float | None = None,
    vllm_version: str = VLLM_VERSION,
    enforce_eager: bool = False,
    survive_zone: bool = False,
    expert_parallel: bool = False,
    max_loras: int = 0,
    max_lora_rank: int = 16,
) -> OperatingPoint | Fit:
    """The largest concurrency that memory and objectives allow, and the replicas that the peak needs then.

    Concurrency does not depend on the load, so that more load never needs fewer replicas. Returns the Fit
    with its reasons where nothing fits; raises NoThroughput where the speed cannot be predicted.
    """
    goals = objectives or Objectives()
    length = max_model_len
    if length is None:
        length = planned_model_len(input_tokens, output_tokens, model.context or input_tokens + output_tokens)

    def fit_with(sequences: int) -> Fit:
        return fit(
            model,
            gpu.usable_gib,
            tensor_parallel,
            pipeline_parallel,
            quantization,
            kv_cache_dtype,
            length,
            sequences,
            max_num_batched_tokens,
            gpu_memory_utilization,
            vllm_version,
            enforce_eager,
            gpu=gpu.name,
            compute_capability=gpu.cc,
            expert_parallel=expert_parallel,
            max_loras=max_loras,
            max_lora_rank=max_lora_rank,
        )

    def speed(concurrency: int) -> Performance:
        return throughput(
            model,
            gpu,
            tensor_parallel,
            concurrency,
            input_tokens,
            output_tokens,
            quantization,
            kv_cache_dtype,
            pipeline_parallel,
            next(iter(fits.values())).max_num_batched_tokens,
        )

    fits: dict[int, Fit] = {}
    for count in SEQUENCES if max_num_seqs is None else (max_num_seqs,):
        fits[count] = fit_with(count)
        if not fits[count].fits:  # more sequences take more memory
            break
    room = {
        count: found.concurrency_at(input_tokens, output_tokens)
        for count, found in fits.items()
        if found.fits and not found.is_tight and found.concurrency_at(input_tokens, output_tokens) > 0
    }
    if not room:
        return _best(fits)
    most = max(room.values())
    concurrency, held, misses = _largest_within(goals, speed, most)
    # the smallest table of sequences that holds this concurrency leaves the most memory for the cache
    sequences = min(
        (count for count in room if room[count] >= concurrency), default=max(room, key=lambda c: room[c])
    )
    performance = speed(concurrency)
    count = replicas(peak_requests_per_second, performance.requests_per_second)
    return OperatingPoint(
        fit=fits[sequences],
        performance=performance,
        concurrency=concurrency,
        concurrency_at_peak=_concurrency_at(peak_requests_per_second / count, speed, concurrency),
        max_num_seqs=sequences,
        max_model_len=length,
        replicas=count + int(survive_zone),
        spare_replicas=int(survive_zone),
        peak_requests_per_second=peak_requests_per_second,
        held=held,
        misses=misses,
    )


def _best(fits: dict[int, Fit]) -> Fit:
    """The Fit that says most about why nothing works: the one with the largest margin."""
    return max(fits.values(), key=lambda found: -math.inf if found.margin_gib is None else found.margin_gib)


def _misses(goals: Objectives, found: Performance, *, slow_end: bool) -> tuple[str, ...]:
    ttft = found.ttft_ms_high if slow_end else found.ttft_ms
    tpot = found.tpot_ms_high if slow_end else found.tpot_ms
    missed = []
    if goals.ttft_p95_ms is not None and ttft > goals.ttft_p95_ms:
        missed.append(f"time to first token {ttft:.0f} ms, asked for {goals.ttft_p95_ms:.0f} ms")
    if goals.tpot_p95_ms is not None and tpot is not None and tpot > goals.tpot_p95_ms:
        missed.append(f"time per token {tpot:.1f} ms, asked for {goals.tpot_p95_ms:.1f} ms")
    return tuple(missed)


def _largest_within(
    goals: Objectives, speed: Callable[[int], Performance], most: int
) -> tuple[int, Held, tuple[str, ...]]:
    """The largest concurrency up to `most` that keeps the objectives; latency grows with concurrency."""
    stages: tuple[tuple[bool, Held], ...] = ((True, "all of the range"), (False, "expected"))
    for slow_end, name in stages:
        low, high = 0, most
        while low < high:
            middle = (low + high + 1) // 2
            if _misses(goals, speed(middle), slow_end=slow_end):
                high = middle - 1
            else:
                low = middle
        if low:
            return low, name, ()
    return 1, "missed", _misses(goals, speed(1), slow_end=False)


def _concurrency_at(requests_per_second: float, speed: Callable[[int], Performance], most: int) -> int:
    """The concurrency at which a replica just keeps up with its share of the peak."""
    low, high = 1, most
    while low < high:
        middle = (low + high) // 2
        if speed(middle).requests_per_second >= requests_per_second:
            high = middle
        else:
            low = middle + 1
    return low


def _derivations(point: OperatingPoint) -> dict[str, Derivation]:
    utilization = constants()["planning_utilization"]
    lengths = constants()["length_factor"]
    confidence = "low" if point.performance.confidence == "low" else "medium"
    return {
        "replicas": Derivation(
            value=point.replicas,
            unit="replicas",
            formula="peak requests per second / (requests per second of a replica x planning utilization), "
            "rounded up, plus one where a zone may be lost",
            inputs={
                "peak_requests_per_second": point.peak_requests_per_second,
                "requests_per_second_of_a_replica": point.performance.requests_per_second,
                "planning_utilization": utilization.value,
                "spare_replicas": point.spare_replicas,
            },
            sources=utilization.sources,
            confidence=confidence,  # type: ignore[arg-type]
        ),
        "max_num_seqs": Derivation(
            value=point.max_num_seqs,
            unit="sequences",
            formula="the smallest candidate that holds the concurrency within memory and objectives; "
            "the sampler's share of memory grows with it",
            inputs={
                "concurrency": point.concurrency,
                "candidates": list(SEQUENCES),
                "objectives_held": point.held,
            },
            sources=constants()["sampler_bytes"].sources,
            confidence=confidence,  # type: ignore[arg-type]
        ),
        "max_model_len": Derivation(
            value=point.max_model_len,
            unit="tokens",
            formula="as the spec says, else four times the mean request, a power of two of at least 4,096, "
            "within the context of the model",
            inputs={
                "input_tokens": point.performance.input_tokens,
                "output_tokens": point.performance.output_tokens,
                "context": point.fit.shapes.context,
            },
            sources=lengths.sources,
        ),
    }
