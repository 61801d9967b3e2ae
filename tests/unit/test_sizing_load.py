"""Operating points, replicas and start-up, by properties and by hand.

Not here: memory (test_sizing) and speed (test_speed).
"""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inferplan import catalog, sizing
from inferplan.catalog import Gpu
from inferplan.sizing import Fit, Objectives, OperatingPoint, shapes_of
from inferplan.sizing.constants import GB, GIB, constant
from inferplan.sizing.startup import startup_constants

LLAMA_8B = "meta-llama/Llama-3.1-8B-Instruct"
LLAMA_70B = "meta-llama/Llama-3.3-70B-Instruct"


def point(gpu: str = "H100", tensor: int = 4, rate: float = 8.0, **more: object) -> OperatingPoint:
    """An operating point of Llama-3.3-70B in FP8."""
    goals = more.pop("objectives", Objectives(ttft_p95_ms=1500, tpot_p95_ms=50))
    found = sizing.operating_point(
        shapes_of(LLAMA_70B),
        catalog.gpu(gpu),
        tensor,
        rate,
        1500,
        300,
        goals,
        quantization="fp8",
        **more,  # type: ignore[arg-type]
    )
    assert isinstance(found, OperatingPoint)
    return found


class TestOperatingPoint:
    """From load and objectives to concurrency, replicas and settings."""

    def test_it_keeps_the_objectives_and_one_more_would_not(self) -> None:
        """The chosen concurrency is the largest whose slow end is inside the objectives."""
        found = point()
        over = sizing.throughput(
            shapes_of(LLAMA_70B), catalog.gpu("H100"), 4, found.concurrency + 1, 1500, 300, "fp8"
        )

        assert found.held == "all of the range"
        assert found.performance.tpot_ms_high <= 50
        assert found.performance.ttft_ms_high <= 1500
        assert over.tpot_ms_high > 50 or over.ttft_ms_high > 1500

    def test_replicas_follow_from_the_rate(self) -> None:
        """8 requests per second over 65 % of what a replica does."""
        found = point()
        per_replica = found.performance.requests_per_second

        assert found.replicas == -(-8 // (per_replica * 0.65))
        assert found.spare_replicas == 0
        assert point(survive_zone=True).replicas == found.replicas + 1

    def test_the_settings_fit(self) -> None:
        """max_num_seqs and max_model_len are those of a fit with reserve."""
        found = point()

        assert found.fit.fits is True
        assert not found.fit.is_tight
        assert found.fit.max_num_seqs == found.max_num_seqs >= found.concurrency >= found.concurrency_at_peak
        assert found.fit.max_model_len == found.max_model_len == 8192
        assert found.fit.concurrency_at(1500, 300) >= found.concurrency

    def test_objectives_by_the_expected_value_only(self) -> None:
        """Where the slow end misses and the expected value does not, it says so."""
        alone = sizing.throughput(shapes_of(LLAMA_70B), catalog.gpu("H100"), 2, 1, 1500, 300, "fp8")
        goal = alone.tpot_ms * 1.05
        found = point(tensor=2, objectives=Objectives(tpot_p95_ms=goal))

        assert found.held == "expected"
        assert found.performance.tpot_ms <= goal < found.performance.tpot_ms_high

    def test_missed_objectives_say_which(self) -> None:
        """An impossible objective is named with what is possible."""
        found = point(tensor=2, objectives=Objectives(tpot_p95_ms=1))

        assert found.held == "missed"
        assert found.concurrency == 1
        assert "asked for 1.0 ms" in found.misses[0]

    def test_what_does_not_fit_is_a_fit_with_reasons(self) -> None:
        """70B at 16 bit on one card."""
        found = sizing.operating_point(shapes_of(LLAMA_70B), catalog.gpu("H100"), 1, 1, 1000, 100)

        assert isinstance(found, Fit)
        assert found.fits is False
        assert found.reasons

    @settings(max_examples=60, deadline=None)
    @given(
        gpu=st.sampled_from(["A100-80GB", "H100", "H200"]),
        rate=st.floats(0.01, 200),
        more=st.floats(0, 200),
        survive=st.booleans(),
    )
    def test_more_load_never_needs_fewer_replicas(
        self, gpu: str, rate: float, more: float, survive: bool
    ) -> None:
        """On a fixed GPU and layout."""
        assert (
            point(gpu, 4, rate, survive_zone=survive).replicas
            <= point(gpu, 4, rate + more, survive_zone=survive).replicas
        )

    @pytest.mark.parametrize(
        ("needed", "each", "expected"),
        [(0.0, 10, 1), (6.5, 10, 1), (6.51, 10, 2), (13.0, 10, 2), (65.0, 10, 10)],
    )
    def test_replicas(self, needed: float, each: float, expected: int) -> None:
        """ceil(needed / (each x 0.65)), at least one."""
        assert sizing.replicas(needed, each) == expected
        assert sizing.replicas(needed, each, survive_zone=True) == expected + 1

    @pytest.mark.parametrize(
        ("tokens", "context", "expected"),
        [
            ((100, 50), 131072, 4096),
            ((1500, 300), 131072, 8192),
            ((2500, 350), 131072, 16384),
            ((3000, 500), 8192, 8192),
        ],
    )
    def test_planned_length(self, tokens: tuple[int, int], context: int, expected: int) -> None:
        """Four times the mean request, a power of two, within the context."""
        assert sizing.planned_model_len(*tokens, context) == expected

    def test_derivations(self) -> None:
        """Replicas and settings explain themselves."""
        told = point().derivations

        assert told["replicas"].inputs["planning_utilization"] == 0.65
        assert {"replicas", "max_num_seqs", "max_model_len"} == set(told)
        assert all(one.sources for one in told.values())


class TestStartup:
    """Seconds, probes, deadlines and disks."""

    def test_phases_by_hand(self) -> None:
        """10 GiB of image at 58 MB/s and 67.7 GiB of weights at 1.5 GB/s, plus the fixed phases."""
        found = sizing.startup(10, 67.7, tensor_parallel=4)
        rows = startup_constants()
        expected = (
            10 * GIB / 58e6
            + 67.7 * GIB / 1.5e9
            + rows["process_start_s"].expected
            + 3 * rows["rank_start_s"].expected
            + rows["profile_s"].expected
            + rows["compile_s"].expected
            + rows["graphs_s"].expected
        )

        assert found.startup.seconds_expected == round(expected)
        assert found.startup.seconds_low < found.startup.seconds_expected < found.startup.seconds_high

    def test_probe_covers_the_slow_start_without_the_pull(self) -> None:
        """period x threshold exceeds the slow container start; the image is there by then."""
        found = sizing.startup(10, 67.7, tensor_parallel=4)
        container = sum(
            spread.slow for name, spread in found.phases.items() if name not in {"node_boot", "image_pull"}
        )
        covered = found.startup.probe_period_seconds * found.startup.probe_failure_threshold

        assert container * 1.25 <= covered <= container * 1.25 + 10

    def test_small_models_keep_a_floor(self) -> None:
        """A tiny model still gets five minutes."""
        found = sizing.startup(1, 0.1, enforce_eager=True).startup

        assert found.probe_period_seconds * found.probe_failure_threshold >= 300

    def test_deadlines_nest(self) -> None:
        """Pulumi waits longer than Kubernetes, and Kubernetes longer than the slow start on a new node."""
        found = sizing.startup(10, 626, tensor_parallel=8, nodes=2)
        minutes = int(found.startup.pulumi_timeout.removesuffix("m"))

        assert found.startup.seconds_high < found.scaling_lead_seconds.slow
        assert found.scaling_lead_seconds.slow < found.startup.progress_deadline_seconds
        assert found.startup.progress_deadline_seconds < minutes * 60
        assert "other_nodes" in found.phases

    @pytest.mark.parametrize(("bottlerocket", "root", "data"), [(False, 130, None), (True, 20, 110)])
    def test_volumes(self, bottlerocket: bool, root: int, data: int | None) -> None:
        """(2 x 10 + 60 + 10) x 1.2 = 108, on the root volume of AL2023 or the data volume of Bottlerocket."""
        found = sizing.startup(10, 60, cache_gib=10, bottlerocket=bottlerocket)

        assert (found.root_volume_gib, found.data_volume_gib) == (root, data)
        assert found.ephemeral_gib == 70

    def test_streamed_weights_need_no_disk(self) -> None:
        """Only the cache is requested where weights go from the bucket to the GPU."""
        found = sizing.startup(10, 600, weights_on_disk=False, bottlerocket=True)

        assert found.ephemeral_gib == 10
        assert found.data_volume_gib == 40

    def test_network_and_disk_cap_the_rates(self) -> None:
        """A 5 Gbit/s instance reads at most 0.625 GB/s; a slow disk slows the unpacking."""
        free, capped = sizing.startup(10, 100), sizing.startup(10, 100, network_gbps=5, disk_mb_s=60)

        assert capped.phases["weights"].fast == pytest.approx(100 * GIB / (5 * GB / 8))
        assert capped.phases["image_pull"].fast == pytest.approx(
            10 * GIB / 20e6
        )  # 10 GiB pulled and 20 unpacked
        assert capped.startup.seconds_expected > free.startup.seconds_expected

    def test_quantizing_at_load_reads_twice_the_bytes(self) -> None:
        """The repository counts, not the bytes on the GPU."""
        at_load = sizing.weights(shapes_of("Qwen/Qwen3-32B"), "fp8")
        published = sizing.weights(shapes_of("Qwen/Qwen3-32B-FP8"))
        slow, fast = (
            sizing.startup(10, held.repository_gib).phases["weights"].expected
            for held in (at_load, published)
        )

        assert slow / fast == pytest.approx(at_load.repository_gib / published.repository_gib)
        assert slow / fast > 1.9

    @pytest.mark.parametrize("bad", [{"image_gib": -1}, {"weights_gib": -1}, {"tensor_parallel": 0}])
    def test_nonsense_is_refused(self, bad: dict[str, int]) -> None:
        """Sizes below zero and empty groups."""
        with pytest.raises(ValueError, match="start at"):
            sizing.startup(**({"image_gib": 1, "weights_gib": 1} | bad))  # type: ignore[arg-type]

    def test_constants_are_ordered(self) -> None:
        """fast is never slower than expected, nor expected than slow."""
        for row in startup_constants().values():
            ends = (row.fast, row.expected, row.slow)
            assert list(ends) == sorted(ends, reverse="/s" in row.unit or row.unit.startswith("MB"))

    def test_derivations_are_low_confidence(self) -> None:
        """Nothing of it was measured by us."""
        told = sizing.startup(10, 60).derivations

        assert all(one.confidence == "low" and one.sources for one in told.values())


def test_reserve_is_not_part_of_the_verdict() -> None:
    """The reserve of 0.5 GiB decides what is planned with, not what fits."""
    card: Gpu = catalog.gpu("L4")
    exact = sizing.fit(shapes_of(LLAMA_8B), card.usable_gib, 1, gpu="L4", compute_capability=card.cc)
    assert exact.longest_request is not None
    tight = sizing.fit(
        shapes_of(LLAMA_8B),
        card.usable_gib,
        1,
        gpu="L4",
        compute_capability=card.cc,
        max_model_len=exact.longest_request,
    )

    assert constant("reserve_gib") == 0.5
    assert tight.fits is True
    assert tight.is_tight
