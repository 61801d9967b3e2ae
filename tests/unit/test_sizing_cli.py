"""`inferplan size` and reading config.json: the contract, every flag, and bad input.

Not here: the arithmetic (test_sizing).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from size_verb import report, run

from inferplan import sizing
from inferplan.sizing import ShapesError, shapes_from_config, shapes_of

LLAMA = {
    "architectures": ["LlamaForCausalLM"],
    "hidden_size": 4096,
    "intermediate_size": 14336,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "vocab_size": 128256,
    "max_position_embeddings": 131072,
    "tie_word_embeddings": False,
    "torch_dtype": "bfloat16",
}
CONTRACT = {
    "fits",
    "weights_gib",
    "activation_gib",
    "non_torch_gib",
    "cuda_graphs_gib",
    "kv_cache_gib",
    "kv_cache_tokens",
    "max_concurrency",
    "margin_gib",
    "derivations",
}


class TestVerb:
    """The contract of the command line."""

    def test_contract(self) -> None:
        """Every agreed key is there, with derivations that carry sources."""
        found = report(
            "--model", "meta-llama/Llama-3.1-8B-Instruct", "--gpu", "H100", "--tensor-parallel", "1"
        )

        assert set(found) >= CONTRACT
        assert found["fits"] is True
        assert found["weights_gib"] == pytest.approx(14.957, abs=0.001)
        assert found["derivations"]["weights_gib"]["sources"][0].keys() == {"source", "as_of"}

    @pytest.mark.parametrize(
        "name",
        [
            "T4",
            "T4g",
            "A10G",
            "A100-40GB",
            "A100-80GB",
            "L4",
            "L40S",
            "H100",
            "H200",
            "B200",
            "B300",
            "RTX-PRO-6000",
            "RTX-PRO-4500",
        ],
    )
    def test_every_gpu_name(self, name: str) -> None:
        """Each name of the contract is known."""
        assert report("--model", "Qwen/Qwen3-0.6B", "--gpu", name, "--max-model-len", "4096")["fits"] is True

    def test_every_flag_arrives(self) -> None:
        """Flags show in the settings and change the figures."""
        found = report(
            "--model",
            "meta-llama/Llama-3.1-8B-Instruct",
            "--gpu",
            "any card",
            "--total-gib",
            "47.5",
            "--compute-capability",
            "8.9",
            "--tensor-parallel",
            "2",
            "--pipeline-parallel",
            "2",
            "--quantization",
            "fp8",
            "--kv-cache-dtype",
            "fp8",
            "--max-model-len",
            "8192",
            "--max-num-seqs",
            "64",
            "--max-num-batched-tokens",
            "4096",
            "--gpu-memory-utilization",
            "0.8",
            "--vllm-version",
            "0.30.1",
            "--enforce-eager",
            "--enable-expert-parallel",
            "--max-loras",
            "2",
            "--max-lora-rank",
            "32",
        )

        assert found["settings"] == {
            "tensor_parallel": 2,
            "pipeline_parallel": 2,
            "quantization": "fp8",
            "kv_cache_dtype": "fp8",
            "max_model_len": 8192,
            "max_num_seqs": 64,
            "max_num_batched_tokens": 4096,
            "gpu_memory_utilization": 0.8,
            "vllm_version": "0.30.1",
            "enforce_eager": True,
            "expert_parallel": True,
            "max_loras": 2,
            "max_lora_rank": 32,
        }
        assert found["total_gib"] == 47.5
        assert found["requested_gib"] == pytest.approx(38.0)
        assert found["cuda_graphs_gib"] == 0

    def test_no_is_an_answer(self) -> None:
        """The exit code is 0 whatever the verdict; reasons and remedies are given."""
        found = report("--model", "llama-3.1-8b-instruct", "--gpu", "l4")

        assert found["fits"] is False
        assert "the longest that fits is" in found["reasons"][0]
        assert found["remedies"]

    def test_undecided_is_null(self) -> None:
        """Unknown shapes are null, not 0 and not false."""
        found = report("--model", "Qwen/Qwen3.8-27B", "--gpu", "H100")

        assert found["fits"] is None
        assert found["weights_gib"] is None
        assert found["kv_cache_tokens"] is None
        assert "cannot be sized because" in found["reasons"][0]

    def test_text(self) -> None:
        """One line with the verdict, one per term, then what would help."""
        lines = run("--model", "openai/gpt-oss-120b", "--gpu", "H100").output.splitlines()

        assert lines[0] == "openai/gpt-oss-120b on H100 x 1, vLLM 0.33.0: does not fit"
        assert any(line.startswith("  weights") and "64.48 GiB" in line for line in lines)
        assert any("would fit with --max-num-seqs 256" in line for line in lines)

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (
                ("--model", "meta-llama/Llama-3.1-8B-Instuct", "--gpu", "H100"),
                "did you mean meta-llama/Llama-3.1-8B",
            ),
            (("--model", "zzz", "--gpu", "H100"), "needs --config with its config.json"),
            (("--model", "Qwen/Qwen3-8B", "--gpu", "H10"), "did you mean H100"),
            (("--model", "Qwen/Qwen3-8B", "--gpu", "GTX 9"), "needs --total-gib"),
            (("--model", "Qwen/Qwen3-8B", "--gpu", "H100", "--quantization", "fp9"), "did you mean fp8"),
            (("--model", "Qwen/Qwen3-8B", "--gpu", "H100", "--kv-cache-dtype", "fp9"), "did you mean fp8"),
            (("--model", "Qwen/Qwen3-8B", "--gpu", "H100", "--vllm-version", "new"), "not a vLLM version"),
            (
                ("--model", "Qwen/Qwen3-8B", "--gpu", "H100", "--compute-capability", "x"),
                "not a compute capability",
            ),
            (
                ("--model", "Qwen/Qwen3-8B", "--gpu", "H100", "--tensor-parallel", "0"),
                "0 is not in the range",
            ),
            (
                ("--model", "Qwen/Qwen3-8B", "--gpu", "H100", "--total-gib", "nan"),
                "GPU memory must be above 0",
            ),
            (
                ("--model", "Qwen/Qwen3-8B", "--gpu", "H100", "--gpu-memory-utilization", "nan"),
                "must be above 0",
            ),
            (("--gpu", "H100"), "give either --model or --config"),
            (("--model", "Qwen/Qwen3-8B"), "Missing option '--gpu'"),
        ],
    )
    def test_bad_input_is_2(self, arguments: tuple[str, ...], message: str) -> None:
        """Unknown names and nonsense end with exit code 2 and what to do."""
        result = run(*arguments)

        assert result.exit_code == 2
        assert message.lower() in result.output.lower()

    def test_config_file(self, tmp_path: Path) -> None:
        """A local config.json gives the same answer as the catalog's row."""
        path = tmp_path / "config.json"
        path.write_text(json.dumps(LLAMA))
        own = report("--config", str(path), "--gpu", "H100")
        known = report("--model", "meta-llama/Llama-3.1-8B-Instruct", "--gpu", "H100")

        assert own["weights_gib"] == pytest.approx(known["weights_gib"], rel=1e-3)
        assert own["kv_cache_tokens"] == pytest.approx(known["kv_cache_tokens"], rel=1e-3)

    @pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe", b"null", b"{}", b"[" * 10**5])
    def test_broken_config_file_is_2(self, tmp_path: Path, content: bytes) -> None:
        """Bytes that are no config end in one message."""
        path = tmp_path / "config.json"
        path.write_bytes(content)
        result = run("--config", str(path), "--gpu", "H100")

        assert result.exit_code == 2
        assert "Traceback" not in result.output


class TestConfig:
    """Shapes from a config.json."""

    def test_dense(self) -> None:
        """The parameter count follows from the shapes."""
        shapes = shapes_from_config(LLAMA)

        assert shapes.parameters == pytest.approx(8030261248, rel=1e-3)
        assert (shapes.attention, shapes.head_dim, shapes.serves) == ("gqa", 128, "generate")

    def test_mixture_with_mla(self) -> None:
        """Kimi K2: a trillion parameters, 32 billion of them active, latent cache."""
        shapes = shapes_from_config(
            {
                "architectures": ["DeepseekV3ForCausalLM"],
                "num_hidden_layers": 61,
                "hidden_size": 7168,
                "num_attention_heads": 64,
                "num_key_value_heads": 64,
                "intermediate_size": 18432,
                "vocab_size": 163840,
                "max_position_embeddings": 262144,
                "n_routed_experts": 384,
                "n_shared_experts": 1,
                "num_experts_per_tok": 8,
                "moe_intermediate_size": 2048,
                "first_k_dense_replace": 1,
                "kv_lora_rank": 512,
                "q_lora_rank": 1536,
                "qk_nope_head_dim": 128,
                "qk_rope_head_dim": 64,
                "v_head_dim": 128,
            }
        )

        assert shapes.attention == "mla"
        assert shapes.parameters == pytest.approx(1.026e12, rel=0.01)
        assert shapes.active_parameters == pytest.approx(32e9, rel=0.05)

    def test_nested_hybrid(self) -> None:
        """A text_config with layer types: Qwen3.5 counts its full layers."""
        text = {
            **LLAMA,
            "layer_types": (["linear_attention"] * 3 + ["full_attention"]) * 8,
            "linear_num_value_heads": 48,
            "linear_num_key_heads": 16,
            "linear_key_head_dim": 128,
            "linear_value_head_dim": 128,
            "linear_conv_kernel_dim": 4,
            "num_parameters": 9_000_000_000,
        }
        shapes = shapes_from_config(
            {"architectures": ["Qwen3_5ForConditionalGeneration"], "text_config": text}
        )

        assert shapes.attention == "gqa+linear_attention"
        assert shapes.full_attention_layers == 8
        assert shapes.is_multimodal
        assert sizing.fit(shapes, 79.18, 1, max_model_len=8192, max_num_seqs=32).fits is True

    @pytest.mark.parametrize(
        ("extra", "attention", "window", "full"),
        [
            ({"sliding_window": 4096, "model_type": "mistral"}, "gqa", 4096, 0),
            ({"sliding_window": 4096, "model_type": "other"}, "gqa", None, None),
            ({"sliding_window": 1024, "sliding_window_pattern": 4}, "gqa+sliding", 1024, 8),
            (
                {"sliding_window": 128, "layer_types": ["sliding_attention", "full_attention"] * 16},
                "gqa+sliding",
                128,
                16,
            ),
            (
                {"attention_chunk_size": 8192, "layer_types": ["chunked_attention", "full_attention"] * 16},
                "gqa+chunked_local",
                8192,
                16,
            ),
            ({"num_key_value_heads": 32}, "mha", None, None),
            ({"mamba_num_heads": 128}, None, None, None),
            ({"architectures": ["BertModel"]}, "none", None, None),
        ],
    )
    def test_attention(
        self, extra: dict[str, Any], attention: str | None, window: int | None, full: int | None
    ) -> None:
        """Windows of known layers count; windows of unknown layers are left out, the upper bound."""
        shapes = shapes_from_config({**LLAMA, **extra})

        assert (shapes.attention, shapes.window, shapes.full_attention_layers) == (attention, window, full)

    def test_state_space_models_are_not_guessed(self) -> None:
        """A kind of layer that we cannot size gives no verdict."""
        found = sizing.fit(shapes_from_config({**LLAMA, "hybrid_override_pattern": "M-M*"}), 79.18, 1)

        assert found.fits is None

    @pytest.mark.parametrize(
        ("quantization", "dtype"),
        [
            ({"quant_method": "fp8"}, "fp8"),
            ({"quant_method": "awq", "bits": 4}, "awq"),
            (
                {"quant_method": "compressed-tensors", "config_groups": {"0": {"weights": {"num_bits": 4}}}},
                "w4a16",
            ),
            (
                {"quant_method": "compressed-tensors", "config_groups": {"0": {"weights": {"num_bits": 8}}}},
                "fp8",
            ),
        ],
    )
    def test_published_quantization(self, quantization: dict[str, Any], dtype: str) -> None:
        """The config says how the repository is quantized."""
        assert shapes_from_config({**LLAMA, "quantization_config": quantization}).dtype == dtype

    def test_gpt2_names(self) -> None:
        """GPT-2's own names and its unstated width."""
        shapes = shapes_from_config(
            {
                "architectures": ["GPT2LMHeadModel"],
                "n_layer": 12,
                "n_embd": 768,
                "n_head": 12,
                "vocab_size": 50257,
                "n_positions": 1024,
                "tie_word_embeddings": True,
            }
        )

        assert shapes.parameters == pytest.approx(124439808, rel=0.01)
        assert shapes.attention == "mha"

    @pytest.mark.parametrize(
        ("change", "problem"),
        [
            ({"hidden_size": None}, "hidden_size is missing"),
            ({"num_hidden_layers": "32"}, "num_hidden_layers must be a whole number"),
            ({"num_attention_heads": True}, "num_attention_heads must be a whole number"),
            ({"vocab_size": 0}, "vocab_size must be a whole number"),
            ({"vocab_size": 10**400}, "vocab_size must be a whole number"),
            ({"num_attention_heads": 5000}, "more attention heads than hidden elements"),
            ({"quantization_config": {"quant_method": "exl2"}}, "unknown quantization 'exl2'"),
            ({"num_local_experts": 4, "num_experts_per_tok": 8}, "exceeds the number of experts"),
            ({"full_attention_layers": 40}, "more full-attention or dense layers than layers"),
        ],
    )
    def test_problems_are_named(self, change: dict[str, Any], problem: str) -> None:
        """Each missing or impossible field gives its own sentence."""
        with pytest.raises(ShapesError) as error:
            shapes_from_config({**LLAMA, **change})

        assert any(problem in text for text in error.value.problems)

    def test_all_problems_at_once(self) -> None:
        """An empty config names every required field."""
        with pytest.raises(ShapesError) as error:
            shapes_from_config({})

        assert len(error.value.problems) == 5

    @settings(max_examples=200, deadline=None)
    @given(
        st.dictionaries(
            st.sampled_from(
                [*LLAMA, "layer_types", "sliding_window", "quantization_config", "text_config", "num_experts"]
            ),
            st.one_of(
                st.none(),
                st.booleans(),
                st.integers(-5, 10**20),
                st.floats(),
                st.text(max_size=5),
                st.lists(st.text(max_size=3), max_size=3),
                st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
            ),
        )
    )
    def test_any_values(self, change: dict[str, Any]) -> None:
        """Whatever a config holds, the answer is shapes that can be judged, or ShapesError."""
        try:
            shapes = shapes_from_config({**LLAMA, **change})
        except ShapesError:
            return

        assert sizing.fit(shapes, 79.18, 1).fits in {True, False, None}

    def test_catalog_and_config_agree_on_gpt_oss(self) -> None:
        """The config of gpt-oss gives the catalog's weights."""
        shapes = shapes_from_config(
            {
                "architectures": ["GptOssForCausalLM"],
                "hidden_size": 2880,
                "intermediate_size": 2880,
                "num_hidden_layers": 24,
                "num_attention_heads": 64,
                "num_key_value_heads": 8,
                "head_dim": 64,
                "num_local_experts": 32,
                "num_experts_per_tok": 4,
                "vocab_size": 201088,
                "sliding_window": 128,
                "layer_types": ["sliding_attention", "full_attention"] * 12,
                "max_position_embeddings": 131072,
                "tie_word_embeddings": False,
                "quantization_config": {"quant_method": "mxfp4"},
            }
        )
        known = shapes_of("openai/gpt-oss-20b")

        assert sizing.weights(shapes).per_gpu_gib == pytest.approx(
            sizing.weights(known).per_gpu_gib, rel=1e-3
        )
