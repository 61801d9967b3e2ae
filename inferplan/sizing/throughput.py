"""How fast: latency and rate of one replica from the work of its steps, with the measured range.

Not here: the work and its duration (work), the constants (speed_cells), the derivations
(speed_derivations), how many replicas a load needs (operating_point) and whether the model fits (memory).
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from inferplan.catalog import Gpu
from inferplan.records.plan import Derivation, Record, Throughput
from inferplan.sizing.constants import GIB, engine_default
from inferplan.sizing.formats import WeightFormat
from inferplan.sizing.memory import VLLM_VERSION, cannot_be_sized
from inferplan.sizing.shapes import ModelShapes
from inferplan.sizing.speed_cells import KIND_WORDS, Pace, SpeedCell, cell_of, pace_of
from inferplan.sizing.weights import format_of
from inferplan.sizing.work import TERA, Durations, NoThroughput, Work, arithmetic_share, durations, work_of


class Performance(Record, frozen=True):
    """One replica at one concurrency; tokens are output tokens, nine of ten measured runs are in the range.

    What counts tokens is None for a pooling model, which generates none.
    """

    model: str
    gpu: str
    tensor_parallel: int
    pipeline_parallel: int
    concurrency: int
    input_tokens: int
    output_tokens: int
    prefill_ms: float  # one request alone
    step_ms: float  # one decoding step of the batch
    ttft_ms: float
    ttft_ms_high: float
    tpot_ms: float | None
    tpot_ms_low: float | None
    tpot_ms_high: float | None
    request_seconds: float
    requests_per_second: float
    requests_per_second_low: float
    output_tokens_per_second: float | None
    output_tokens_per_second_low: float | None
    output_tokens_per_second_high: float | None
    bound: str  # memory bandwidth or arithmetic
    confidence: str
    low_confidence_because: tuple[str, ...]
    cell: SpeedCell  # whose constants and range these are
    terms: dict[str, float]  # what the formulas of the derivations are computed from

    @property
    def gpus(self) -> int:
        """GPUs of the replica."""
        return self.tensor_parallel * self.pipeline_parallel

    def throughput(self) -> Throughput:
        """The figures as the plan records them."""
        return Throughput(
            concurrency=self.concurrency,
            output_tokens_per_second=self.output_tokens_per_second,
            output_tokens_per_second_low=self.output_tokens_per_second_low,
            output_tokens_per_second_high=self.output_tokens_per_second_high,
            ttft_ms=self.ttft_ms,
            ttft_ms_high=self.ttft_ms_high,
            tpot_ms=self.tpot_ms,
            tpot_ms_low=self.tpot_ms_low,
            tpot_ms_high=self.tpot_ms_high,
            confidence=self.confidence,  # type: ignore[arg-type]
        )

    @property
    def derivations(self) -> dict[str, Derivation]:
        """Latency and throughput with their formulas and sources."""
        from inferplan.sizing.speed_derivations import speed_derivations

        return speed_derivations(self)


class Pass(NamedTuple):
    """Seconds of a request among `concurrency` others, all of the same size."""

    step: float
    first: float  # until its first token
    token: float  # between its tokens
    request: float  # from its arrival to the next one's in its place
    wait: float
    together: float  # prompts that share a prefill


def passed(
    spent: Durations, concurrency: float, stages: int, input_tokens: int, output_tokens: int, batched: float
) -> Pass:
    """What a full queue makes of steps and prompts: during a request every other has its prompt done.

    Prompts are computed in the steps of the others' decoding, so their time adds up: a request takes its own
    steps and one prompt of each request that is in flight.
    """
    prefill = spent.prefill / stages  # pipeline stages share the prompts
    request = concurrency * prefill + output_tokens * spent.step
    # prompts that arrive together share a prefill batch and wait for half of it on average
    together = max(1.0, min(concurrency, batched / input_tokens))
    wait = _queue_seconds(concurrency, prefill, request)
    first = spent.request + spent.prefill * (1 + together) / 2 + spent.step + wait
    token = spent.step + (concurrency - 1) * prefill / output_tokens
    return Pass(spent.step, first, token, request + spent.prefill - prefill, wait, together)


@cache
def throughput(
    model: ModelShapes,
    gpu: Gpu,
    tensor_parallel: int,
    concurrency: int,
    input_tokens: int,
    output_tokens: int,
    quantization: str | None = None,
    kv_cache_dtype: str = "auto",
    pipeline_parallel: int = 1,
    max_num_batched_tokens: int | None = None,
) -> Performance:
    """Latency and rate of one replica that works on `concurrency` requests at once.

    `output_tokens` 0 means a pooling model: one forward pass per request. Raises NoThroughput where a figure
    of the GPU or a shape of the model is not known.
    """
    if min(tensor_parallel, pipeline_parallel, concurrency, input_tokens) < 1 or output_tokens < 0:
        raise ValueError("parallel sizes, concurrency and input tokens start at 1")
    reason = cannot_be_sized(model)
    if reason is not None:
        raise NoThroughput(reason)
    form, _ = format_of(model, quantization)
    cell = cell_of(model, gpu, form)
    pace = pace_of(cell)
    # pipeline stages work on slices of the batch in turn; one slice passes all layers for one token each
    batch = concurrency / pipeline_parallel
    work = work_of(
        model, gpu, tensor_parallel, batch, input_tokens, output_tokens, quantization, kv_cache_dtype
    )
    spent = durations(work, pace)
    if output_tokens == 0:
        batch_seconds = concurrency * spent.prefill / pipeline_parallel + spent.overhead
        found = Pass(batch_seconds, batch_seconds, 0.0, batch_seconds, 0.0, 1.0)
    else:
        batched = (
            max_num_batched_tokens
            or engine_default("max_num_batched_tokens", VLLM_VERSION, gpu.usable_gib, gpu.name).value
        )
        found = passed(spent, concurrency, pipeline_parallel, input_tokens, output_tokens, batched)
    generates = output_tokens > 0
    token_ms = found.token * 1e3 if generates else None
    rate = concurrency * output_tokens / found.request if generates else None
    doubts = doubts_about(model, gpu, form, pipeline_parallel)
    if not generates:
        doubts += ("pooling requests: the range is that of generation",)
    return Performance(
        model=model.id,
        gpu=gpu.name,
        tensor_parallel=tensor_parallel,
        pipeline_parallel=pipeline_parallel,
        concurrency=concurrency,
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        prefill_ms=spent.prefill * 1e3,
        step_ms=found.step * 1e3,
        ttft_ms=found.first * 1e3,
        ttft_ms_high=found.first * 1e3 * (cell.ttft_high if generates else 1 / cell.low),
        tpot_ms=token_ms,
        tpot_ms_low=None if token_ms is None else token_ms / cell.high,
        tpot_ms_high=None if token_ms is None else token_ms / cell.low,
        request_seconds=found.request,
        requests_per_second=concurrency / found.request,
        requests_per_second_low=concurrency / found.request * cell.low,
        output_tokens_per_second=rate,
        output_tokens_per_second_low=None if rate is None else rate * cell.low,
        output_tokens_per_second_high=None if rate is None else rate * cell.high,
        bound="memory bandwidth" if generates and spent.reading >= spent.arithmetic else "arithmetic",
        confidence="low" if doubts else "medium",
        low_confidence_because=doubts,
        cell=cell,
        terms=_terms(work, pace, spent, found) if generates else {"overhead_ms": spent.overhead * 1e3},
    )


def _terms(work: Work, pace: Pace, spent: Durations, found: Pass) -> dict[str, float]:
    return {
        "gib_read_a_step": work.read_bytes / GIB,
        "bandwidth_gb_per_second": work.bandwidth / 1e9,
        "bandwidth_share": pace.bandwidth_share,
        "tera_operations_a_step": work.step_operations / TERA,
        "tera_operations_a_prompt": work.prompt_operations / TERA,
        "tera_operations_per_second": work.rate / TERA,
        "arithmetic_share": arithmetic_share(work, pace),
        "attention_ms_a_prompt": work.attention_operations / (work.wide_rate * pace.flops_share) * 1e3,
        "exchange_ms_a_prompt": work.prompt_exchanged / (work.link * pace.link_share) * 1e3,
        "exchange_ms": spent.exchange * 1e3,
        "overhead_ms": spent.overhead * 1e3,
        "prompts_in_a_prefill": found.together,
        "wait_ms": found.wait * 1e3,
        "request_ms": spent.request * 1e3,
    }


def doubts_about(model: ModelShapes, gpu: Gpu, form: WeightFormat, pipeline_parallel: int) -> tuple[str, ...]:
    """Why a prediction deserves less trust than the published error range says."""
    cell = cell_of(model, gpu, form)
    found = []
    if not cell.range_measured:
        found.append(
            f"{gpu.name}: {_runs(cell)} of a model of this kind ({KIND_WORDS[cell.kind]}) on such a GPU, "
            "so the constants lean on its neighbors' and the range is wider"
        )
    if gpu.verified is False:
        found.append(f"{gpu.name}: its figures are not verified")
    if pipeline_parallel > 1:
        found.append("pipeline parallel is modelled, not validated")
    if not model.verified:
        found.append(f"{model.id}: rounded parameter count")
    return tuple(found)


def _runs(cell: SpeedCell) -> str:
    count = cell.fit_runs + cell.test_runs
    return "no published run" if not count else f"only {count} published run{'s' if count > 1 else ''}"


def _queue_seconds(concurrency: float, prefill: float, request: float) -> float:
    """Mean wait for other requests' prefills (one server, fixed service time), at most all in a row."""
    others = concurrency - 1
    if others == 0:
        return 0.0
    busy = min(0.99, others * prefill / request)
    return min(others * prefill, prefill * busy / (2 * (1 - busy)))
