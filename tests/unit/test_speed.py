"""Speed: the formulas by hand and by properties, the constants and their range against published runs.

Not here: memory (test_sizing), operating points and start-up (test_sizing_load).
"""

from __future__ import annotations

import math
from collections import defaultdict
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inferplan import catalog, sizing
from inferplan.catalog.refresh import speed_constants, throughput_points
from inferplan.sizing import NoThroughput, shapes_of
from inferplan.sizing.accuracy import PAGE, page
from inferplan.sizing.constants import GIB, constant
from inferplan.sizing.reference import throughput_points as points
from inferplan.sizing.speed_accuracy import (
    GOALS,
    OTHER,
    best_rate,
    compare_speed,
    group_of,
    inside,
    median_error,
)
from inferplan.sizing.speed_cells import Pace, cell_of, family_of, pace_of, speed_cells
from inferplan.sizing.weights import format_of

ROOT = Path(__file__).parents[2]
SPEEDS = {name: compare_speed(point) for name, point in points().items()}
PREDICTED = {name: row for name, row in SPEEDS.items() if row.predicted is not None}
TESTED = [row for row in PREDICTED.values() if row.point.set == "test"]
LLAMA_8B = "meta-llama/Llama-3.1-8B-Instruct"
LLAMA_70B = "meta-llama/Llama-3.3-70B-Instruct"
ROUNDED = 1.01  # a range is written with few digits, and ends at a run


def pace(model: str, gpu: str, quantization: str | None = None) -> Pace:
    """The constants for a model of the catalog on a GPU."""
    shapes = shapes_of(model)
    return pace_of(cell_of(shapes, catalog.gpu(gpu), format_of(shapes, quantization)[0]))


class TestData:
    """Published runs and the two sets."""

    def test_no_configuration_is_in_both_sets(self) -> None:
        """Model, GPU, tensor parallel size and weights decide, whatever the load."""
        sets = defaultdict(set)
        for point in points().values():
            sets[point.model, point.gpu, point.tensor_parallel, point.weights].add(point.set)

        assert all(len(found - {None}) <= 1 for found in sets.values())
        assert {"fit", "test"} <= {one for found in sets.values() for one in found}

    def test_the_split_takes_turns_in_each_cell_and_the_fit_comes_first(self) -> None:
        """The order of the rows changes nothing; other engines and unknown GPUs have no set."""
        runs = [
            {"model": LLAMA_8B, "gpu": gpu, "tensor_parallel": size, "weights": "bf16", "engine": engine}
            for gpu, size, engine in (
                ("H100", 1, "vllm"), ("H100", 2, "vllm"), ("H200", 1, "vllm"), ("H200", 2, "vllm"),
                ("L4", 1, "vllm"), ("H100", 4, "TensorRT-LLM"), ("RTX-5090", 1, "vllm"),
            )
        ]  # fmt: skip
        sets = throughput_points.split(runs)

        assert sets == throughput_points.split(runs[::-1])
        assert sorted(part for name, part in sets.items() if "|H" in name) == ["fit", "fit", "test", "test"]
        assert [part for name, part in sets.items() if "|L4|" in name] == ["fit"]
        assert len(sets) == 5

    def test_every_run_is_compared_or_says_why(self) -> None:
        """No row is dropped silently, and those of a set are mostly compared."""
        assert all(row.why_not for row in SPEEDS.values() if row.predicted is None)
        assert len(PREDICTED) >= 600
        assert sum(row.point.set is not None for row in SPEEDS.values()) - len(PREDICTED) <= 110
        assert not any(row.point.set for row in SPEEDS.values() if row.why_not == OTHER)


class TestPublishedRuns:
    """The prediction against the runs that no constant was fitted on."""

    @pytest.mark.parametrize("group", GOALS)
    def test_median_error_and_range(self, group: str) -> None:
        """The goals, and for latent attention what is reached: its miss is told on the page."""
        found = [row for row in TESTED if group_of(row) == group]
        error, share = median_error(found), inside(found)
        reached = error <= GOALS[group] and share >= 0.9
        (told,) = [line for line in page().splitlines() if line.startswith(f"| {group} | {GOALS[group]:.0%}")]

        assert len(found) >= 20
        assert error <= (0.30 if group == "latent attention" else GOALS[group])
        assert share >= 0.9
        assert told.endswith("| reached |" if reached else "| **missed** |")

    def test_nine_of_ten_runs_of_a_measured_cell_are_in_its_range(self) -> None:
        """Of the test runs of each cell whose range is measured, and counts are those of the data."""
        for cell in speed_cells().values():
            own = [row for row in PREDICTED.values() if row.predicted.cell == cell]
            tested = [row for row in own if row.point.set == "test"]

            assert (cell.fit_runs, cell.test_runs) == (len(own) - len(tested), len(tested))
            assert cell.range_measured is (len(tested) >= 8)
            if cell.range_measured:
                assert inside(tested) >= 0.9

    def test_a_cell_with_few_runs_is_no_surer_than_a_measured_one(self) -> None:
        """Its range is at least as wide as that of every measured cell of its like."""
        for dense in (True, False):
            cells = [cell for cell in speed_cells().values() if (cell.kind == "dense") is dense]
            measured = [cell for cell in cells if cell.range_measured]
            others = [cell for cell in cells if not cell.range_measured]

            assert max(cell.low for cell in others) <= min(cell.low for cell in measured)
            assert min(cell.high for cell in others) >= max(cell.high for cell in measured)

    def test_time_to_first_token_stays_below_its_high_end(self) -> None:
        """Nine of ten runs of each measured cell with up to 64 requests in flight."""
        cells = defaultdict(list)
        for row in PREDICTED.values():
            if row.ttft_ratio is not None and (row.point.in_flight or 0) <= 64:
                cell = row.predicted.cell
                cells[cell.family, cell.kind].append(row.ttft_ratio / cell.ttft_high)
        measured = [ratios for ratios in cells.values() if len(ratios) >= speed_constants.ENOUGH]

        assert len(measured) >= 5
        assert all(sum(ratio <= ROUNDED for ratio in ratios) / len(ratios) >= 0.9 for ratios in measured)

    @pytest.mark.parametrize("name", [n for n, row in SPEEDS.items() if "max load" in row.point.engine])
    def test_vendor_maxima_have_the_right_magnitude(self, name: str) -> None:
        """TensorRT-LLM at its best: never much less than what is predicted of vLLM."""
        rate = best_rate(SPEEDS[name].point)

        assert rate is not None
        assert 1 / 3.5 < rate / SPEEDS[name].point.output_tokens_per_second_per_gpu < 1.5

    def test_the_page_is_current(self) -> None:
        """docs/sizing-accuracy.md is what the code says now."""
        assert (ROOT / PAGE).read_text(encoding="utf-8") == page()


class TestConstants:
    """The committed constants are those of the fit set."""

    def test_every_gpu_and_kind_has_a_cell(self) -> None:
        """Nothing is looked up in vain, and shares are of the peak."""
        families = {family_of(gpu) for gpu in catalog.gpus().values()}

        assert set(speed_cells()) == {(family, kind) for family in families for kind in speed_constants.KINDS}
        assert all(0 < cell.bandwidth_share < 1 for cell in speed_cells().values())
        assert all(0 < cell.flops_share < 1 for cell in speed_cells().values())

    def test_other_shares_explain_the_fit_set_worse(self) -> None:
        """A quarter more or less of both shares in a cell makes the error of its fit runs larger.

        More only where that is not more than the peak.
        """
        runs = speed_constants.measured()
        tried = 0
        for cell in speed_cells().values():
            own = [one for one in runs if (one.family, one.kind, one.point.set) == (*key(cell), "fit")]
            if len(own) < 10:
                continue
            at = pace_of(cell)
            errors = []
            for factor in (0.75, 1, 1.25):
                other = at._replace(
                    bandwidth_share=at.bandwidth_share * factor, flops_share=at.flops_share * factor
                )
                # a configuration counts once and large errors are damped, as in the fit
                off = [one.weight * math.log(speed_constants.ratios(one, other)[0]) / 0.15 for one in own]
                errors.append(sum(math.sqrt(1 + one**2) for one in off))
            assert errors[1] < errors[0], cell
            assert errors[1] < errors[2] or at.bandwidth_share * 1.25 > 1, cell
            tried += 1

        assert tried >= 6


def key(cell: object) -> tuple[str, str]:
    """Family and kind."""
    return cell.family, cell.kind  # type: ignore[attr-defined]


class TestThroughput:
    """The formulas themselves."""

    def test_one_request_by_hand(self) -> None:
        """Llama-3.1-8B alone on an H100: weights but the embedding, and cache, over a share of 3,350 GB/s."""
        found = sizing.throughput(shapes_of(LLAMA_8B), catalog.gpu("H100"), 1, 1, 1000, 100)
        at = pace(LLAMA_8B, "H100")
        weight_bytes = (8030261248 - 128256 * 4096) * 2
        cache_bytes = (1000 + 50) * 131072
        step = (
            (weight_bytes + cache_bytes) / (at.bandwidth_share * 3350e9)
            + 2 * 8030261248 / (at.flops_share * 989e12)
            + (constant("speed_step_ms") + 32 * constant("speed_layer_ms")) / 1e3
            + constant("speed_sequence_us") / 1e6
        )
        prefill = (2 * 8030261248 * 1000 + 2 * 32 * 4096 * 1000**2) / (at.flops_share * 989e12)
        cell = found.cell

        assert (cell.family, cell.kind) == ("hopper", "dense")
        assert found.step_ms == pytest.approx(step * 1e3)
        assert found.tpot_ms == pytest.approx(step * 1e3)
        assert found.prefill_ms == pytest.approx(prefill * 1e3)
        assert found.request_seconds == pytest.approx(prefill + 100 * step)
        assert found.ttft_ms == pytest.approx((prefill + step) * 1e3 + constant("speed_request_ms"))
        assert found.output_tokens_per_second == pytest.approx(100 / found.request_seconds)
        assert found.requests_per_second_low == pytest.approx(found.requests_per_second * cell.low)
        assert found.bound == "memory bandwidth"
        assert (found.tpot_ms_low, found.tpot_ms_high) == (
            pytest.approx(found.tpot_ms / cell.high),
            pytest.approx(found.tpot_ms / cell.low),
        )

    def test_prompts_and_steps_share_the_time(self) -> None:
        """Of 32 requests each takes its own steps and waits for one prompt of every other."""
        found = sizing.throughput(shapes_of(LLAMA_8B), catalog.gpu("H100"), 1, 32, 1000, 100)

        assert found.request_seconds * 1e3 == pytest.approx(32 * found.prefill_ms + 100 * found.step_ms)
        assert found.tpot_ms == pytest.approx(found.step_ms + 31 * found.prefill_ms / 100)

    @pytest.mark.parametrize(
        ("model", "gpu", "cell"),
        [
            (LLAMA_8B, "H100", ("hopper", "dense")),
            (LLAMA_8B, "A100-80GB", ("ampere", "dense")),
            (LLAMA_8B, "A10G", ("ampere-pcie", "dense")),
            (LLAMA_8B, "L4", ("ada-pcie", "dense")),
            (LLAMA_8B, "T4", ("turing-pcie", "dense")),
            ("openai/gpt-oss-120b", "RTX-PRO-6000", ("blackwell-pcie", "mxfp4")),
            ("Qwen/Qwen3-30B-A3B", "H200", ("hopper", "mixture")),
            ("deepseek-ai/DeepSeek-R1", "B200", ("blackwell", "mla")),
            ("deepseek-ai/DeepSeek-V3.2", "H200", ("hopper", "sparse-mla")),
            ("Qwen/Qwen3.5-27B", "H200", ("hopper", "linear")),
        ],
    )
    def test_what_a_model_and_a_gpu_are(self, model: str, gpu: str, cell: tuple[str, str]) -> None:
        """Family of the GPU and kind of the model."""
        assert key(sizing.throughput(shapes_of(model), catalog.gpu(gpu), 1, 1, 100, 100).cell) == cell

    @pytest.mark.parametrize(
        ("model", "gpu", "few"),
        [
            (LLAMA_8B, "H100", False),
            (LLAMA_8B, "H200", False),
            (LLAMA_8B, "B200", False),
            ("openai/gpt-oss-120b", "H100", False),
            (LLAMA_8B, "A100-80GB", True),
            (LLAMA_8B, "A10G", True),
            (LLAMA_8B, "L40S", True),
            (LLAMA_8B, "L4", True),
            (LLAMA_8B, "RTX-PRO-6000", True),
            (LLAMA_8B, "T4", True),
            ("openai/gpt-oss-120b", "RTX-PRO-6000", True),
            ("deepseek-ai/DeepSeek-V3.2", "H200", True),
        ],
    )
    def test_few_runs_are_low_confidence(self, model: str, gpu: str, few: bool) -> None:
        """Cells without test runs enough say how many there are."""
        found = sizing.throughput(shapes_of(model), catalog.gpu(gpu), 1, 1, 100, 100)

        assert any("published run" in why for why in found.low_confidence_because) is few
        assert (found.confidence == "low") is bool(found.low_confidence_because)

    def test_fp8_is_no_faster_to_compute_on_ampere(self) -> None:
        """Prefill on an A100 is no faster in FP8, which it has to unpack; on an H100 it is."""
        times = {
            (gpu, kind): sizing.throughput(
                shapes_of(LLAMA_8B), catalog.gpu(gpu), 1, 1, 1000, 100, kind
            ).prefill_ms
            for gpu in ("A100-80GB", "H100")
            for kind in (None, "fp8")
        }

        assert times["A100-80GB", "fp8"] > times["A100-80GB", None]
        assert times["H100", "fp8"] < times["H100", None] * 0.6

    def test_unknown_rate_gives_no_prediction(self) -> None:
        """The RTX PRO 4500's arithmetic rate is not known, so nothing is predicted."""
        assert catalog.gpu("RTX-PRO-4500").bf16_tflops is None
        with pytest.raises(NoThroughput, match="arithmetic rate of RTX-PRO-4500 is not known"):
            sizing.throughput(shapes_of("Qwen/Qwen3-1.7B"), catalog.gpu("RTX-PRO-4500"), 1, 1, 100, 100)

    def test_unknown_shapes_give_no_prediction(self) -> None:
        """What cannot be sized cannot be timed."""
        with pytest.raises(NoThroughput, match="cannot be sized"):
            sizing.throughput(shapes_of("Qwen/Qwen3.8-27B"), catalog.gpu("H100"), 1, 1, 100, 100)

    def test_pipeline_stages_work_on_slices(self) -> None:
        """Two stages pass half of the batch each: a step costs what half of the batch costs on one stage."""
        shapes, card = shapes_of(LLAMA_70B), catalog.gpu("H100")
        one = sizing.throughput(shapes, card, 8, 8, 1000, 100)
        two = sizing.throughput(shapes, card, 8, 16, 1000, 100, pipeline_parallel=2)

        assert two.step_ms == pytest.approx(one.step_ms)
        assert two.gpus == 16
        assert two.confidence == "low"

    def test_pooling_counts_requests(self) -> None:
        """An embedding request has no output tokens and a rate all the same."""
        found = sizing.throughput(shapes_of("BAAI/bge-m3"), catalog.gpu("L4"), 1, 16, 400, 0)

        assert found.requests_per_second > 10
        assert found.output_tokens_per_second is None
        assert found.tpot_ms is None
        assert found.confidence == "low"

    @settings(max_examples=60, deadline=None)
    @given(
        model=st.sampled_from(
            [LLAMA_8B, LLAMA_70B, "openai/gpt-oss-120b", "deepseek-ai/DeepSeek-R1", "Qwen/Qwen3.5-27B"]
        ),
        gpu=st.sampled_from(["A100-80GB", "H100", "H200", "L40S"]),
        tensor=st.sampled_from([1, 2, 4, 8]),
        concurrency=st.integers(1, 500),
        tokens=st.tuples(st.integers(1, 8000), st.integers(1, 2000)),
    )
    def test_more_requests_at_once_are_slower_each_and_faster_together(
        self, model: str, gpu: str, tensor: int, concurrency: int, tokens: tuple[int, int]
    ) -> None:
        """Latency and rate grow with concurrency: the search for an operating point rests on it."""
        one, more = (
            sizing.throughput(shapes_of(model), catalog.gpu(gpu), tensor, count, *tokens)
            for count in (concurrency, concurrency + 1)
        )

        assert more.tpot_ms >= one.tpot_ms
        assert more.ttft_ms >= one.ttft_ms * (1 - 1e-9)
        assert more.requests_per_second >= one.requests_per_second * (1 - 1e-9)

    def test_speed_can_be_recomputed_from_the_derivations(self) -> None:
        """The formula texts with their inputs give the values, on two GPUs and two stages too."""
        for tensor, stages in ((1, 1), (2, 1), (8, 2)):
            told = sizing.throughput(
                shapes_of(LLAMA_70B if tensor > 1 else LLAMA_8B),
                catalog.gpu("H100"), tensor, 24, 1000, 100, None, "auto", stages,
            ).derivations  # fmt: skip
            known = told["tpot_ms"].inputs
            memory = known["gib_read_a_step"] * GIB / 1e9
            rate = known["arithmetic_share"] * known["tera_operations_per_second"]
            step = (
                1e3 * memory / (known["bandwidth_share"] * known["bandwidth_gb_per_second"])
                + 1e3 * known["tera_operations_a_step"] / rate
                + known["exchange_ms"]
                + known["overhead_ms"]
            )
            prefill = (
                1e3 * known["tera_operations_a_prompt"] / rate
                + known["attention_ms_a_prompt"]
                + known["exchange_ms_a_prompt"]
            )
            ttft = prefill * (1 + known["prompts_in_a_prefill"]) / 2 + step + known["wait_ms"]
            ttft += known["request_ms"]

            assert known["step_ms"] == pytest.approx(step)
            assert known["prefill_ms"] == pytest.approx(prefill)
            assert told["tpot_ms"].value == pytest.approx(step + 23 * prefill / stages / 100)
            assert told["ttft_ms"].value == pytest.approx(ttft)
            seconds = (prefill + 23 * prefill / stages + 100 * step) / 1e3
            assert told["output_tokens_per_second"].value == pytest.approx(24 * 100 / seconds)

    def test_a_pooling_model_says_that_it_generates_nothing(self) -> None:
        """Its time is that of one forward pass, and the formula says so."""
        told = sizing.throughput(shapes_of("BAAI/bge-m3"), catalog.gpu("L4"), 1, 16, 400, 0).derivations
        known = told["ttft_ms"].inputs

        assert told["ttft_ms"].value == pytest.approx(16 * known["prefill_ms"] + known["overhead_ms"])
        assert "generates no tokens" in told["output_tokens_per_second"].formula

    def test_derivations(self) -> None:
        """The figures explain themselves, with the cell of their constants and how many runs it rests on."""
        told = sizing.throughput(shapes_of(LLAMA_8B), catalog.gpu("H100"), 1, 8, 1000, 100).derivations

        assert {"tpot_ms", "ttft_ms", "output_tokens_per_second"} == set(told)
        assert all(one.formula and one.sources and one.inputs for one in told.values())
        assert told["tpot_ms"].inputs["constants_of"] == "hopper, dense"
        assert told["tpot_ms"].inputs["runs_fitted_on"] > 10
