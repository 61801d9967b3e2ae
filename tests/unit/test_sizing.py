"""Memory fit: published start-up logs, identities, and the traps that planners fall into.

Not here: throughput, operating points and start-up (test_sizing_load), and the `size` verb (test_sizing_cli).
"""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inferplan import catalog, sizing
from inferplan.catalog import UnknownName
from inferplan.sizing.accuracy import KV_GIB, KV_SHARE, WEIGHTS_SHARE, compare
from inferplan.sizing.constants import constants, removed_architectures, version_key
from inferplan.sizing.kv_cache import kv_layout
from inferplan.sizing.memory import GIB
from inferplan.sizing.reference import reference_points
from inferplan.sizing.remedies import remedies
from inferplan.sizing.shapes import ModelShapes, count_parameters, feed_forward_width, shapes_of, supplements
from inferplan.sizing.weights import weights

POINTS = reference_points()
COUNTABLE = [name for name in sorted(catalog.models()) if count_parameters(shapes_of(name)) is not None]
LLAMA_8B = "meta-llama/Llama-3.1-8B-Instruct"
LLAMA_70B = "meta-llama/Llama-3.3-70B-Instruct"


def fit_on(model: str, gpu: str, tensor_parallel: int = 1, **more: object) -> sizing.Fit:
    """The fit of a catalog model on a catalog GPU."""
    card = catalog.gpu(gpu)
    return sizing.fit(
        shapes_of(model),
        card.usable_gib,
        tensor_parallel,
        gpu=card.name,
        compute_capability=card.cc,
        **more,  # type: ignore[arg-type]
    )


class TestReferencePoints:
    """Every row of the published start-ups."""

    @pytest.mark.parametrize("name", POINTS)
    def test_verdict(self, name: str) -> None:
        """The verdict is right wherever the row can be predicted and the margin is at least 1.5 GiB."""
        row = compare(POINTS[name])
        unpredictable = {"lmcache1739-qwen3-14b", "recipe-llama33-70b-bf16", "recipe-qwen3-32b-fp8"}

        assert (row.predicted is None) == (name in unpredictable)
        if row.predicted is not None and not row.margin_is_open:
            assert row.predicted.fits == POINTS[name].fits

    @pytest.mark.parametrize("name", [name for name, point in POINTS.items() if "fits" in point.check])
    def test_verdict_of_rows_that_test_it(self, name: str) -> None:
        """The rows whose purpose is the verdict all have the right one, whatever the margin."""
        assert compare(POINTS[name]).fits_right is True

    @pytest.mark.parametrize(
        "name", [name for name, point in POINTS.items() if point.weights_gib is not None]
    )
    def test_weights(self, name: str) -> None:
        """Weights per GPU are within 3 % of what the log says."""
        error = compare(POINTS[name]).weights_error

        assert error is not None
        assert abs(error) <= WEIGHTS_SHARE

    @pytest.mark.parametrize(
        "name", [name for name, p in POINTS.items() if p.kv_gib is not None and p.usable_gib() is not None]
    )
    def test_kv_cache(self, name: str) -> None:
        """The KV cache is within 10 % or 1.5 GiB, end to end."""
        row = compare(POINTS[name])

        assert row.kv_error is not None
        assert row.kv_error_gib is not None
        assert abs(row.kv_error) <= KV_SHARE or abs(row.kv_error_gib) <= KV_GIB

    @pytest.mark.parametrize(
        ("name", "limit"),
        [
            (name, 0.0125 if name == "i21348-qwen3-235b-fp8" else 0.0015)
            for name, point in POINTS.items()
            if "kv_tokens" in point.check
        ],
    )
    def test_tokens_follow_from_bytes(self, name: str, limit: float) -> None:
        """Tokens from the printed KV GiB: 0.15 %, or 1.25 % where the pool is the smallest of four ranks."""
        error = compare(POINTS[name]).tokens_error

        assert error is not None
        assert abs(error) <= limit

    @pytest.mark.parametrize("name", [name for name, point in POINTS.items() if "concurrency" in point.check])
    def test_concurrency_follows_from_tokens(self, name: str) -> None:
        """Concurrency is tokens / max_model_len, to the digits that the log prints."""
        point = POINTS[name]

        assert point.kv_tokens is not None
        assert point.max_model_len is not None
        assert point.kv_tokens / point.max_model_len == pytest.approx(point.max_concurrency, abs=0.006)

    @pytest.mark.parametrize("name", [name for name, point in POINTS.items() if "budget" in point.check])
    def test_budget_closes(self, name: str) -> None:
        """The printed terms add up to the budget within 0.02 GiB, which checks the row itself."""
        error = compare(POINTS[name]).budget_error_gib

        assert error is not None
        assert abs(error) <= 0.02

    @pytest.mark.parametrize("name", [name for name, point in POINTS.items() if "tier" in point.check])
    def test_recommended_instances_are_not_refused(self, name: str) -> None:
        """What a vendor recommends must at least fit here."""
        found = POINTS[name].predict()

        assert found is not None
        assert found.fits is True

    def test_activation_of_the_fitted_rows(self) -> None:
        """The sampler term is within 1.1 % on the three rows that it was fitted on."""
        for name in ("llmd-gptoss20b", "llmd-llama31-8b", "llmd-qwen3-0.6b"):
            found = POINTS[name].predict()
            assert found is not None
            assert found.activation_gib == pytest.approx(POINTS[name].activation_gib, rel=0.011)

    def test_kv_tokens_of_an_own_fit_are_exact(self) -> None:
        """On a uniform model tokens are whole blocks and concurrency is blocks over blocks."""
        found = fit_on(LLAMA_8B, "H100", max_model_len=16000)

        assert found.kv_cache_gib is not None
        assert found.kv_cache_tokens == int(found.kv_cache_gib * GIB // (16 * 131072)) * 16
        assert found.max_concurrency == found.kv_cache_tokens / 16000
        assert found.kv_is_linear


class TestTraps:
    """The mistakes that the sizing reference lists, by its numbers."""

    def test_01_usable_memory_not_the_nominal_size(self) -> None:
        """An H100 offers 79.18 GiB to the engine, not 80."""
        assert catalog.gpu("H100").usable_gib == 79.18

    def test_02_max_num_seqs_times_vocabulary(self) -> None:
        """gpt-oss-120b fits one 80 GB card with 64 sequences and not with the default of 1,024."""
        default = fit_on("openai/gpt-oss-120b", "H100", max_model_len=16384)
        planned = fit_on("openai/gpt-oss-120b", "H100", max_model_len=16384, max_num_seqs=64)

        assert default.max_num_seqs == 1024
        assert default.fits is False
        assert planned.fits is True
        assert planned.activation_gib is not None
        assert default.activation_gib is not None
        assert 3 < default.activation_gib - planned.activation_gib < 7

    def test_03_mla_cache_is_not_divided_by_tensor_parallel(self) -> None:
        """A token of DeepSeek R1 takes 70,272 bytes on every rank; decode context parallel divides it."""
        shapes = shapes_of("deepseek-ai/DeepSeek-R1")
        sizes = []
        for tensor, context in ((1, 1), (8, 1), (8, 8)):
            layout = kv_layout(shapes, tensor, decode_context_parallel=context)
            assert layout is not None
            sizes.append(layout.bytes_per_token)

        assert sizes == [70272, 70272, 70272 / 8]

    def test_04_gqa_cache_is_not_divided_below_one_head(self) -> None:
        """Qwen3-235B has 4 KV heads: 8 ranks hold as much per token as 4."""
        shapes = shapes_of("Qwen/Qwen3-235B-A22B-Instruct-2507")
        sizes = [
            layout.bytes_per_token
            for tensor in (2, 4, 8)
            if (layout := kv_layout(shapes, tensor)) is not None
        ]

        assert sizes == [94 * 2 * 2 * 128 * 2, 94 * 2 * 128 * 2, 94 * 2 * 128 * 2]

    def test_05_fp8_keeps_embeddings_and_head_at_16_bit(self) -> None:
        """Llama-3.3-70B in FP8 takes 67.7 GiB, not 65.7; Qwen3-32B-FP8 takes 31.96 GiB."""
        assert weights(shapes_of(LLAMA_70B), "fp8").per_gpu_gib == pytest.approx(67.7, abs=0.05)
        assert weights(shapes_of("Qwen/Qwen3-32B-FP8")).per_gpu_gib == pytest.approx(31.96, abs=0.01)

    def test_05_meta_quantizes_the_feed_forward_only(self) -> None:
        """Meta's 405B FP8 takes 57.75 GiB per GPU at TP 8, about 22 % above one byte per parameter."""
        held = weights(shapes_of("meta-llama/Llama-3.1-405B-Instruct"), "fbgemm_fp8", 8)

        assert held.per_gpu_gib == pytest.approx(57.75, rel=WEIGHTS_SHARE)

    def test_06_heads_must_divide(self) -> None:
        """28 heads are refused on 8 GPUs and accepted on 4."""
        refused = fit_on("Qwen/Qwen2.5-7B-Instruct", "H100", 8)

        assert refused.fits is False
        assert "28 attention heads cannot be divided by tensor parallel 8" in refused.reasons[0]
        assert fit_on("Qwen/Qwen2.5-7B-Instruct", "H100", 4).fits is True

    @pytest.mark.parametrize(
        ("gpu", "weight_only"), [("A10G", True), ("A100-80GB", True), ("L4", False), ("H100", False)]
    )
    def test_07_fp8_below_8_9_is_weight_only(self, gpu: str, weight_only: bool) -> None:
        """FP8 on Ampere saves memory and says that it computes in 16 bit."""
        found = fit_on(LLAMA_8B, gpu, quantization="fp8", max_model_len=8192)

        assert found.fits is True
        assert any("weight-only" in caution for caution in found.cautions) is weight_only

    def test_13_v100_is_out_and_t4_needs_half(self) -> None:
        """Compute capability 7.0 has no kernels; 7.5 has no bfloat16."""
        shapes = shapes_of("Qwen/Qwen3-1.7B")
        v100 = sizing.fit(shapes, 31.7, 1, gpu="V100", compute_capability="7.0", max_model_len=4096)
        t4 = fit_on("Qwen/Qwen3-1.7B", "T4", max_model_len=4096)

        assert v100.fits is False
        assert "kernels from 7.5 up" in v100.reasons[0]
        assert t4.fits is True
        assert "no bfloat16 on this GPU: pass --dtype half" in t4.cautions

    def test_14_hybrid_tokens_are_derived(self) -> None:
        """The token figure of a hybrid is concurrency x length, so it changes with max_model_len."""
        short = fit_on("Qwen/Qwen3.5-27B", "H200", max_model_len=8192, max_num_seqs=64)
        long = fit_on("Qwen/Qwen3.5-27B", "H200", max_model_len=131072, max_num_seqs=64)

        assert not short.kv_is_linear
        assert short.kv_cache_gib == long.kv_cache_gib
        assert short.kv_cache_tokens != long.kv_cache_tokens

    def test_14_compressed_hybrids_are_undecided(self) -> None:
        """DeepSeek V4's cache is not linear: with room for the weights the answer is null, not yes."""
        found = fit_on("deepseek-ai/DeepSeek-V4-Flash", "H200", 4)

        assert found.fits is None
        assert found.kv_cache_tokens is None
        assert "not linear" in found.reasons[0]
        assert fit_on("deepseek-ai/DeepSeek-V4-Flash", "H200", 1).fits is False

    def test_15_the_default_context_does_not_fit_24_gb(self) -> None:
        """Llama-3.1-8B with its 131,072 tokens needs 16 GiB of cache; an L4 has room for a short context."""
        found = fit_on(LLAMA_8B, "L4")

        assert found.max_model_len == 131072
        assert found.request_gib == 16
        assert found.fits is False
        assert found.longest_request is not None
        assert fit_on(LLAMA_8B, "L4", max_model_len=found.longest_request).fits is True
        assert fit_on(LLAMA_8B, "L4", max_model_len=found.longest_request + 16).fits is False


class TestWeights:
    """Formats, layouts and what is mirrored."""

    def test_fp8_at_load_and_published_take_the_same_on_the_gpu(self) -> None:
        """Only the repository differs: twice the bytes where vLLM quantizes while loading."""
        at_load = weights(shapes_of("Qwen/Qwen3-32B"), "fp8")
        published = weights(shapes_of("Qwen/Qwen3-32B-FP8"))

        assert (at_load.origin, published.origin) == ("at_load", "published")
        assert at_load.per_gpu_gib == pytest.approx(published.per_gpu_gib, rel=1e-3)
        assert at_load.repository_gib == pytest.approx(61.02, abs=0.01)
        assert published.repository_gib == pytest.approx(31.96, abs=0.01)

    def test_quantization_is_read_off_the_published_repository(self) -> None:
        """Without a wish the format is the repository's own."""
        assert weights(shapes_of("Qwen/Qwen3-32B-FP8")).format == "fp8"
        assert weights(shapes_of("openai/gpt-oss-20b")).format == "mxfp4"
        assert weights(shapes_of(LLAMA_8B)).format == "bf16"

    def test_awq_needs_another_repository(self) -> None:
        """vLLM cannot make AWQ while loading: the fit says so."""
        found = fit_on(LLAMA_8B, "L4", quantization="awq", max_model_len=8192)

        assert found.weights is not None
        assert found.weights.origin == "other_repository"
        assert any("must be named" in caution for caution in found.cautions)

    @pytest.mark.parametrize(
        ("model", "gib"), [("openai/gpt-oss-20b", 13.43), ("openai/gpt-oss-120b", 64.48)]
    )
    def test_gpt_oss_is_padded(self, model: str, gib: float) -> None:
        """Experts at 4.25 bit padded by 3072/2880, the rest at 16 bit; the repository has no padding."""
        held = weights(shapes_of(model))

        assert held.per_gpu_gib == pytest.approx(gib, abs=0.01)
        assert held.repository_gib < held.per_gpu_gib

    def test_float32_repositories_are_halved_on_the_gpu(self) -> None:
        """GPT-2 is published at 4 bytes per parameter and served at 2."""
        held = weights(shapes_of("openai-community/gpt2"))

        assert held.repository_gib == pytest.approx(2 * held.per_gpu_gib)

    @pytest.mark.parametrize(
        ("model", "tied"),
        [("Qwen/Qwen3-0.6B", True), ("meta-llama/Llama-3.2-1B-Instruct", True), (LLAMA_8B, False)],
    )
    def test_ties_are_seen_in_the_parameter_count(self, model: str, tied: bool) -> None:
        """A published count without a second matrix shows that embeddings and head are one."""
        assert shapes_of(model).tied_embeddings is tied

    def test_tied_embeddings_are_kept_once(self) -> None:
        """FP8 keeps one 16-bit matrix of a tied model, two of an untied one."""
        shapes = shapes_of("Qwen/Qwen3-4B")
        table = (shapes.vocab or 0) * (shapes.hidden or 0)
        untied = msgspec.structs.replace(shapes, tied_embeddings=False)

        assert weights(shapes, "fp8").parameters - weights(shapes, "fp8").quantized_parameters == table
        assert weights(untied, "fp8").parameters - weights(untied, "fp8").quantized_parameters == 2 * table

    def test_kv_projections_are_replicated(self) -> None:
        """Beyond the KV heads each rank repeats a projection: 4 heads on 8 ranks."""
        shapes = shapes_of("Qwen/Qwen3-30B-A3B")

        assert weights(shapes, None, 4).replicated_gib == 0
        assert weights(shapes, None, 8).replicated_gib == pytest.approx(48 * 2 * 2048 * 128 * 2 / 2 / GIB)

    def test_pipeline_stages_divide_layers(self) -> None:
        """Two stages of 126 layers carry half of the layers and one of the two tables."""
        shapes = shapes_of("meta-llama/Llama-3.1-405B-Instruct")
        one, two = weights(shapes, None, 8).per_gpu_gib, weights(shapes, None, 8, 2).per_gpu_gib

        assert two == pytest.approx(one / 2)

    @pytest.mark.parametrize("model", COUNTABLE)
    def test_parameters_agree_with_the_shapes(self, model: str) -> None:
        """Shapes give the count within 1 %, an encoder's, which has positions, too, within 3 %.

        12 % where it is rounded; the published count may hold an encoder of images or sound, at most two
        billion, and of a model that embeds or scores the output head.
        """
        shapes = shapes_of(model)
        counted = count_parameters(shapes)
        assert counted is not None
        if shapes.tensors:
            loaded = sum(one.parameters for one in shapes.tensors if one.kind != "unused")
            assert loaded == pytest.approx(shapes.parameters, rel=0.01)
            return
        extra = 2.1e9 if shapes.is_multimodal else 0
        extra += (shapes.vocab or 0) * (shapes.hidden or 0) if shapes.serves == "pooling" else 0
        share = 0.12 if not shapes.verified else 0.03 if shapes.serves == "pooling" else 0.01

        assert counted * (1 - share) <= (shapes.parameters or 0) <= counted * (1 + share) + extra

    def test_most_models_can_be_counted(self) -> None:
        """The count is possible for every dense and plain mixture model with known widths."""
        assert len(COUNTABLE) >= 50


class TestKvCache:
    """Attention kinds."""

    def test_sliding_layers_are_bounded(self) -> None:
        """Half of gpt-oss's layers hold at most their window and the tokens in flight."""
        layout = kv_layout(shapes_of("openai/gpt-oss-20b"))
        assert layout is not None
        full, window = layout.kinds

        assert (full.layers, window.layers) == (12, 12)
        assert layout.held_tokens(window, 100_000, 2048) == 127 + 2048
        assert layout.held_tokens(window, 1000, 2048) == 1000
        assert layout.request_blocks(1000, 2048) == 2 * 63
        assert layout.request_blocks(100_000, 2048) == 6250 + 136 + 1  # a window may start inside a block
        assert layout.request_bytes(100_000, 2048) < 0.6 * layout.bytes_per_token * 100_000

    def test_many_tokens_in_flight_inflate_a_sliding_cache(self) -> None:
        """A larger max_num_batched_tokens costs KV cache in Gemma."""
        layout = kv_layout(shapes_of("google/gemma-3-27b-it"))
        assert layout is not None

        assert layout.request_bytes(100_000, 16384) > 1.3 * layout.request_bytes(100_000, 2048)

    def test_chunked_layers_are_bounded_by_chunk(self) -> None:
        """Llama 4 holds a chunk of 8,192 tokens in three of four layers."""
        layout = kv_layout(shapes_of("meta-llama/Llama-4-Scout-17B-16E-Instruct"))
        assert layout is not None

        assert layout.held_tokens(layout.kinds[1], 10**6, 2048) == 8192 + 2048

    def test_every_layer_of_mistral_v01_slides(self) -> None:
        """A request of full context costs no more than the window and what is in flight."""
        layout = kv_layout(shapes_of("mistralai/Mistral-7B-v0.1"))
        assert layout is not None

        assert [kind.kind for kind in layout.kinds] == ["window"]
        assert layout.growing_bytes_per_token == 0

    @pytest.mark.parametrize(
        ("model", "tokens"), [("Qwen/Qwen3.5-27B", 1568), ("Qwen/Qwen3.5-35B-A3B", 2096)]
    )
    def test_block_size_of_hybrids(self, model: str, tokens: int) -> None:
        """Attention blocks grow to the page of a recurrent state: 1,568 and 2,096 tokens in fp8."""
        layout = kv_layout(shapes_of(model), kv_cache_dtype="fp8")
        assert layout is not None

        assert layout.block_tokens == tokens

    def test_state_is_constant_per_sequence_and_divided(self) -> None:
        """48 value heads of 128 x 128 in float32 plus the convolution, over the ranks."""
        shapes = shapes_of("Qwen/Qwen3.5-27B")
        whole = 48 * 128 * 128 * 4 + (2 * 16 * 128 + 48 * 128) * 3 * 2

        one, four = kv_layout(shapes, 1), kv_layout(shapes, 4)
        assert one is not None
        assert four is not None

        assert one.state_bytes == 48 * whole
        assert four.state_bytes == 48 * whole / 4

    def test_state_blocks_cap_max_num_seqs(self) -> None:
        """The default of 1,024 sequences exceeds the state blocks of a hybrid: it would not boot."""
        found = fit_on("Qwen/Qwen3.5-27B", "H100", max_model_len=8192, max_num_batched_tokens=2048)
        capped = fit_on("Qwen/Qwen3.5-27B", "H100", max_model_len=8192, max_num_seqs=64)

        assert found.fits is False
        assert "blocks of recurrent state" in found.reasons[0]
        assert capped.fits is True
        assert capped.most_sequences is not None
        assert capped.concurrency_at(1000, 1000) <= 64

    def test_state_blocks_cap_only_what_is_captured(self) -> None:
        """vLLM 0.33 compares them for CUDA graphs alone; what Whisper keeps of the sound is no state."""
        eager = fit_on(
            "Qwen/Qwen3.5-27B",
            "H100",
            max_model_len=8192,
            max_num_batched_tokens=2048,
            enforce_eager=True,
        )

        assert eager.fits is True
        assert fit_on("openai/whisper-large-v3", "B200").fits is True

    def test_encoders_have_no_cache(self) -> None:
        """bge-m3 fits by weights and activations alone; the sampler does not run."""
        found = fit_on("BAAI/bge-m3", "T4")

        assert found.fits is True
        assert found.kv_cache_tokens is None
        assert found.activation_gib is not None
        assert found.activation_gib < 0.3

    def test_sparse_mla_in_its_packed_format(self) -> None:
        """fp8_ds_mla takes 656 bytes per token and layer, and the indexer 132."""
        layout = kv_layout(shapes_of("deepseek-ai/DeepSeek-V3.2"), 8, kv_cache_dtype="fp8_ds_mla")
        assert layout is not None

        assert layout.bytes_per_token == 61 * (656 + 132)

    def test_fp8_halves_the_cache(self) -> None:
        """One byte per value instead of two."""
        two, one = (
            fit_on(LLAMA_8B, "H100", kv_cache_dtype=kind, max_model_len=8192).kv_bytes_per_token
            for kind in ("auto", "fp8")
        )

        assert two == 131072
        assert one == 65536


class TestEngine:
    """Defaults by GPU and version, overheads and hard constraints."""

    @pytest.mark.parametrize(
        ("gpu", "batched", "sequences"),
        [
            ("H100", 8192, 1024),
            ("A100-80GB", 2048, 256),
            ("L40S", 2048, 256),
            ("RTX-PRO-6000", 8192, 1024),
            ("H200", 8192, 1024),
            ("B200", 16384, 1024),
        ],
    )
    def test_defaults_by_gpu(self, gpu: str, batched: int, sequences: int) -> None:
        """vLLM takes larger batches on large cards, except on every A100."""
        found = fit_on(LLAMA_8B, gpu, max_model_len=8192)

        assert (found.max_num_batched_tokens, found.max_num_seqs) == (batched, sequences)

    @pytest.mark.parametrize(
        ("version", "utilization", "graphs_gib"),
        [("0.33.0", 0.92, 1.0), ("0.21.0", 0.92, 1.0), ("0.19.1", 0.90, 0.0), ("0.11.x", 0.90, 0.0)],
    )
    def test_defaults_by_version(self, version: str, utilization: float, graphs_gib: float) -> None:
        """Utilization was 0.90 up to 0.19; graphs count inside the budget since 0.21."""
        found = fit_on(LLAMA_8B, "H100", vllm_version=version)

        assert found.gpu_memory_utilization == utilization
        assert found.cuda_graphs_gib == graphs_gib

    def test_v0_takes_the_whole_context_at_once(self) -> None:
        """Before 0.8 the batch is the context, so a long context costs activations."""
        old = fit_on(LLAMA_8B, "H100", vllm_version="0.6.6", max_model_len=29000)

        assert old.max_num_batched_tokens == 29000

    def test_eager_has_no_graphs(self) -> None:
        """enforce_eager gives the allowance to the cache."""
        eager = fit_on(LLAMA_8B, "L4", max_model_len=8192, enforce_eager=True)
        graphs = fit_on(LLAMA_8B, "L4", max_model_len=8192)

        assert eager.kv_cache_gib is not None
        assert graphs.kv_cache_gib is not None
        assert eager.kv_cache_gib - graphs.kv_cache_gib == pytest.approx(1.0)

    @pytest.mark.parametrize(("size", "gib"), [(1, 0.15), (2, 0.55), (4, 2.1), (8, 2.1)])
    def test_memory_outside_torch_by_group(self, size: int, gib: float) -> None:
        """NCCL and its buffers grow with the group."""
        assert fit_on(LLAMA_8B, "H100", size).non_torch_gib == gib

    @pytest.mark.parametrize("method", ["bitsandbytes", "gguf"])
    def test_formats_that_left_the_wheel(self, method: str) -> None:
        """bitsandbytes and GGUF are gone from 0.33 and were there before."""
        assert fit_on(LLAMA_8B, "H100", quantization=method, max_model_len=8192).fits is False
        assert (
            fit_on(LLAMA_8B, "H100", quantization=method, max_model_len=8192, vllm_version="0.20.0").fits
            is True
        )

    @pytest.mark.parametrize(("gpu", "native"), [("H100", False), ("B200", True), ("RTX-PRO-6000", True)])
    def test_nvfp4_is_native_on_blackwell_only(self, gpu: str, native: bool) -> None:
        """Elsewhere it is stored at 4 bit and computed in 16 bit."""
        found = fit_on(LLAMA_8B, gpu, quantization="nvfp4", max_model_len=8192)

        assert any("weight-only" in caution for caution in found.cautions) is not native

    def test_removed_architectures(self) -> None:
        """Llama 3.2 Vision ended with 0.10.2."""
        shapes = msgspec.structs.replace(
            shapes_of(LLAMA_8B), architecture="MllamaForConditionalGeneration", vllm_since=None
        )

        assert "0.10.2 was the last version" in sizing.fit(shapes, 80, 1).reasons[0]
        assert sizing.fit(shapes, 80, 1, vllm_version="0.10.2").reasons == ()
        assert removed_architectures()["MPTForCausalLM"].last == "0.28.0"

    def test_models_need_their_first_version(self) -> None:
        """gpt-oss needs 0.10.1."""
        found = fit_on("openai/gpt-oss-20b", "H100", vllm_version="0.9.2")

        assert found.fits is False
        assert any("needs vLLM 0.10.1 or newer" in reason for reason in found.reasons)

    def test_context_is_a_limit(self) -> None:
        """A longer max_model_len than the model's context is refused."""
        assert "exceeds the context" in fit_on("microsoft/phi-4", "H100", max_model_len=20000).reasons[0]

    def test_encoders_have_no_pipeline(self) -> None:
        """BERT cannot be split over stages."""
        assert fit_on("google-bert/bert-base-uncased", "T4", pipeline_parallel=2).fits is False

    @pytest.mark.parametrize(
        ("model", "gpu", "more", "reason"),
        [
            (LLAMA_8B, "H100", {"kv_cache_dtype": "fp8_ds_mla"}, "is for MLA models only"),
            (LLAMA_8B, "H100", {"kv_cache_dtype": "nvfp4"}, "is not offered"),
            (LLAMA_8B, "H100", {"quantization": "mxfp4"}, "stores experts"),
            ("openai/gpt-oss-20b", "T4", {}, "needs compute capability 8.0"),
            (LLAMA_8B, "H100", {"pipeline_parallel": 33}, "exceeds the 32 layers"),
            (
                "deepseek-ai/DeepSeek-R1",
                "H200",
                {"decode_context_parallel": 3},
                "cannot be divided by decode",
            ),
        ],
    )
    def test_refusals(self, model: str, gpu: str, more: dict[str, object], reason: str) -> None:
        """Each hard constraint refuses by itself and says why."""
        found = fit_on(model, gpu, 8 if "R1" in model else 1, max_model_len=4096, **more)

        assert found.fits is False
        assert any(reason in text for text in found.reasons)

    @pytest.mark.parametrize(
        ("model", "tensor", "caution"),
        [
            ("mistralai/Mistral-Small-3.2-24B-Instruct-2506", 1, "vision encoder"),
            ("mistralai/Mistral-Small-3.2-24B-Instruct-2506", 1, "not verified"),
            ("Qwen/Qwen3-30B-A3B", 8, "saves no KV cache"),
            ("deepseek-ai/DeepSeek-R1", 8, "does not divide it"),
        ],
    )
    def test_cautions(self, model: str, tensor: int, caution: str) -> None:
        """What does not stop a start is told all the same, and not where it does not apply."""
        assert any(caution in text for text in fit_on(model, "H200", tensor, max_model_len=8192).cautions)
        assert not any(caution in text for text in fit_on(LLAMA_8B, "H200", 8, max_model_len=8192).cautions)

    def test_decode_context_parallel_of_gqa(self) -> None:
        """It needs more ranks than KV heads, and at most their ratio."""
        shapes = shapes_of("Qwen/Qwen3-30B-A3B")

        assert sizing.fit(shapes, 79, 4, decode_context_parallel=2).fits is False
        assert sizing.fit(shapes, 79, 8, decode_context_parallel=2).fits is True
        assert sizing.fit(shapes, 79, 8, decode_context_parallel=4).fits is False

    @pytest.mark.parametrize(
        ("low", "high"), [("0.6.5-dev", "0.6.x"), ("0.5.3.post1", "0.5.4"), ("0.9.x", "0.10.1")]
    )
    def test_versions_are_ordered_by_number(self, low: str, high: str) -> None:
        """0.10 is newer than 0.9, and `.x` is the newest of its line."""
        assert version_key(low) < version_key(high)

    @pytest.mark.parametrize("text", ["", "latest", "x"])
    def test_no_version(self, text: str) -> None:
        """What is not a version is refused."""
        with pytest.raises(ValueError, match="not a vLLM version"):
            version_key(text)


class TestUnknown:
    """Refuse rather than guess."""

    @pytest.mark.parametrize(
        ("model", "reason"),
        [
            ("Qwen/Qwen3.8-27B", "its shapes are not known: layers, hidden"),
            ("mistralai/Mistral-Large-3-675B-Instruct-2512", "its shapes are not known"),
            ("stabilityai/stable-diffusion-3.5-large", "vllm-omni"),
            ("stable-diffusion-v1-5/stable-diffusion-v1-5", "diffusers"),
        ],
    )
    def test_what_cannot_be_sized_says_why(self, model: str, reason: str) -> None:
        """Unknown shapes give no verdict and no figures."""
        found = fit_on(model, "H100")

        assert found.fits is None
        assert found.weights_gib is None
        assert found.kv_cache_tokens is None
        assert f"{model} cannot be sized because" in found.reasons[0]
        assert reason in found.reasons[0]
        with pytest.raises(ValueError, match="cannot be sized"):
            found.memory()

    def test_unknown_names_have_near_matches(self) -> None:
        """Models, formats and cache types."""
        with pytest.raises(UnknownName, match=r"did you mean .*fp8"):
            fit_on(LLAMA_8B, "H100", quantization="fp9")
        with pytest.raises(UnknownName, match="did you mean fp8"):
            fit_on(LLAMA_8B, "H100", kv_cache_dtype="fp88")
        with pytest.raises(UnknownName, match="unknown model"):
            shapes_of("meta-llama/Llama-99")

    @pytest.mark.parametrize(
        "bad",
        [
            {"tensor_parallel": 0},
            {"gpu_total_gib": 0.0},
            {"gpu_total_gib": float("nan")},
            {"max_num_seqs": 0},
            {"gpu_memory_utilization": 1.5},
            {"max_model_len": -1},
        ],
    )
    def test_numbers_out_of_range(self, bad: dict[str, float]) -> None:
        """Nonsense is refused, not computed."""
        with pytest.raises(ValueError, match=r"not|start at 1"):
            sizing.fit(shapes_of(LLAMA_8B), **({"gpu_total_gib": 80.0, "tensor_parallel": 1} | bad))  # type: ignore[arg-type]

    def test_width_is_solved_where_it_is_not_published(self) -> None:
        """e5-mistral has Mistral's 14,336, found from its parameter count within 0.1 %."""
        width = feed_forward_width(
            msgspec.structs.replace(shapes_of("intfloat/e5-mistral-7b-instruct"), intermediate=None)
        )

        assert width is not None
        assert width[0] == pytest.approx(14336, rel=1e-3)
        assert "solved" in width[1]

    def test_supplements_belong_to_models(self) -> None:
        """Every additional shape is of a catalog model, and no field contradicts the catalog's row."""
        assert set(supplements()) <= set(catalog.models())


class TestExplaining:
    """Every number says where it comes from."""

    @pytest.mark.parametrize(
        "model", [LLAMA_8B, "openai/gpt-oss-120b", "deepseek-ai/DeepSeek-R1", "BAAI/bge-m3"]
    )
    def test_derivations_are_complete(self, model: str) -> None:
        """Each term has its value, a formula, inputs and dated sources."""
        found = fit_on(model, "H100", 8 if "R1" in model else 1)
        told = found.derivations

        for name in (
            "weights_gib",
            "activation_gib",
            "non_torch_gib",
            "cuda_graphs_gib",
            "kv_cache_gib",
            "requested_gib",
        ):
            assert told[name].value == getattr(found, name)
        for derivation in told.values():
            assert derivation.formula
            assert derivation.inputs
            assert all(source.source and source.as_of for source in derivation.sources)
            assert derivation.sources

    def test_memory_record_matches(self) -> None:
        """The plan's record carries the same terms."""
        found = fit_on(LLAMA_8B, "H100", max_model_len=8192)
        memory = found.memory()

        assert memory.fits is True
        assert memory.kv_cache_tokens == found.kv_cache_tokens
        parts = memory.weights_gib + memory.activation_gib + memory.non_torch_gib + memory.cuda_graphs_gib
        assert memory.requested_gib - parts == pytest.approx(memory.kv_cache_gib)

    def test_constants_have_their_rows(self) -> None:
        """What was fitted or chosen says so."""
        assert "fitted" in (constants()["sampler_bytes"].note or "")
        assert constants()["non_torch_gib_tp4"].verified is False

    def test_remedies_make_it_fit(self) -> None:
        """Each proposed change is one that works, and a fitting model needs none."""
        found = fit_on(LLAMA_8B, "L4")
        flags = [remedy.flag for remedy in remedies(found)]

        assert "--max-model-len 20480" in flags
        assert "--tensor-parallel-size 2" in flags
        assert remedies(fit_on(LLAMA_8B, "H100", max_model_len=8192)) == ()

    def test_tight_fits_are_marked(self) -> None:
        """A margin inside the known error is a fit to plan no further with."""
        longest = fit_on(LLAMA_8B, "L4").longest_request
        found = fit_on(LLAMA_8B, "L4", max_model_len=longest)

        assert found.fits is True
        assert found.is_tight
        assert found.confidence == "low"


SIZABLE = sorted(
    name
    for name in catalog.models()
    if sizing.fit(shapes_of(name), 10_000, 1, max_num_seqs=16).fits is not None
)


class TestProperties:
    """What must hold for every model and GPU."""

    @settings(max_examples=150, deadline=None)
    @given(
        model=st.sampled_from(SIZABLE),
        tensor=st.sampled_from([1, 2, 4, 8]),
        total=st.floats(4, 300),
        more=st.floats(0, 300),
        sequences=st.sampled_from([1, 64, 256, 1024]),
        batched=st.sampled_from([2048, 8192, 16384]),
    )
    def test_more_memory_never_unfits(
        self, model: str, tensor: int, total: float, more: float, sequences: int, batched: int
    ) -> None:
        """With max_num_seqs and max_num_batched_tokens fixed, a fitting model fits a larger GPU too."""
        small, large = (
            sizing.fit(shapes_of(model), gib, tensor, max_num_seqs=sequences, max_num_batched_tokens=batched)
            for gib in (total, total + more)
        )

        assert not small.fits or large.fits

    @settings(max_examples=100, deadline=None)
    @given(model=st.sampled_from(SIZABLE), factor=st.sampled_from([2, 4, 8]))
    def test_ranks_above_the_kv_heads_save_nothing(self, model: str, factor: int) -> None:
        """Bytes per token stop falling once every rank holds one head; MLA never falls."""
        shapes = shapes_of(model)
        heads = 1 if shapes.attention in {"mla", "mla+sparse_indexer"} else shapes.kv_heads or 1
        heads = max([heads, *(one.heads for one in shapes.caches)])  # layers may differ
        at, above = kv_layout(shapes, heads), kv_layout(shapes, heads * factor)
        if at is None or above is None:
            assert shapes.attention in {"none", "hybrid_compressed"}
            return

        assert above.bytes_per_token == at.bytes_per_token

    @settings(max_examples=100, deadline=None)
    @given(
        model=st.sampled_from(SIZABLE), tokens=st.integers(1, 200_000), flight=st.sampled_from([2048, 16384])
    )
    def test_longer_requests_never_take_less(self, model: str, tokens: int, flight: int) -> None:
        """Request bytes do not fall with length, which the search for the longest request rests on."""
        layout = kv_layout(shapes_of(model))
        if layout is None:
            return

        assert layout.request_bytes(tokens, flight) <= layout.request_bytes(tokens + 1, flight)

    def test_same_inputs_same_bytes(self) -> None:
        """Two computations encode to the same JSON."""
        shapes = shapes_of(LLAMA_70B)
        first = sizing.fit(shapes, 79.18, 4, quantization="fp8")
        again = sizing.fit.__wrapped__(
            ModelShapes(**msgspec.structs.asdict(shapes)), 79.18, 4, quantization="fp8"
        )

        assert first is not again
        assert msgspec.json.encode(first) == msgspec.json.encode(again)
