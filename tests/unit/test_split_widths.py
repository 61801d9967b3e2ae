"""Area of concern: what a rank gets of a model's widths, and what a config.json says of how they are stored.

Not here: whether the bytes fit (test_sizing), and the reports of test_public_reports.
"""

from __future__ import annotations

from typing import Any

import pytest

from inferplan.sizing.config_json import shapes_from_config
from inferplan.sizing.memory import Fit, fit
from inferplan.sizing.shapes import ShapesError, shapes_of

DENSE: dict[str, Any] = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "hidden_size": 8192,
    "intermediate_size": 29568,
    "num_attention_heads": 64,
    "num_key_value_heads": 8,
    "num_hidden_layers": 80,
    "vocab_size": 152064,
    "max_position_embeddings": 32768,
    "torch_dtype": "bfloat16",
}
MLA = {
    "architectures": ["DeepseekV3ForCausalLM"],
    "model_type": "deepseek_v3",
    "hidden_size": 7168,
    "intermediate_size": 18432,
    "moe_intermediate_size": 2048,
    "num_attention_heads": 128,
    "num_key_value_heads": 128,
    "num_hidden_layers": 61,
    "n_routed_experts": 256,
    "num_experts_per_tok": 8,
    "n_shared_experts": 1,
    "first_k_dense_replace": 3,
    "kv_lora_rank": 512,
    "q_lora_rank": 1536,
    "qk_rope_head_dim": 64,
    "qk_nope_head_dim": 128,
    "v_head_dim": 128,
    "vocab_size": 129280,
    "max_position_embeddings": 163840,
    "quantization_config": {"quant_method": "fp8", "weight_block_size": [128, 128]},
}
AWQ = {"quant_method": "awq", "bits": 4, "group_size": 128}
GPTQ = {"quant_method": "gptq", "bits": 4, "group_size": 128, "desc_act": False}


def packed(**weights: object) -> dict[str, Any]:
    return {"quant_method": "compressed-tensors", "config_groups": {"group_0": {"weights": weights}}}


def sized(config: dict[str, Any], tensor: int) -> Fit:
    return fit(
        shapes_from_config(config), 79.18, tensor_parallel=tensor, compute_capability="9.0",
        max_model_len=8192, vllm_version="0.33.0",
    )  # fmt: skip


def ragged(found: Fit) -> list[str]:
    return [text for text in found.reasons if "no whole number" in text]


@pytest.mark.parametrize(
    ("quantization", "whole"),
    [
        (AWQ, False),
        (GPTQ, False),
        (GPTQ | {"bits": 8}, False),
        (GPTQ | {"group_size": 32}, True),
        (GPTQ | {"group_size": -1}, True),
        (GPTQ | {"desc_act": True}, True),
        (packed(num_bits=4, type="int", strategy="group", group_size=128), False),
        (packed(num_bits=8, type="float", strategy="block", block_structure=[128, 128]), False),
        (packed(num_bits=8, type="int", strategy="channel"), True),
        (None, True),
    ],
)
def test_a_rank_takes_whole_groups(quantization: dict[str, Any] | None, whole: bool) -> None:
    """29568 columns are 231 groups of 128, which four ranks cannot share; without groups they can."""
    assert (ragged(sized(DENSE | {"quantization_config": quantization}, 4)) == []) is whole


def test_a_padded_repository_can_be_cut() -> None:
    """As published: 29696 columns are 232 groups."""
    assert not ragged(sized(DENSE | {"intermediate_size": 29696, "quantization_config": AWQ}, 8))


def test_a_format_that_is_only_assumed_is_a_note() -> None:
    """The catalog has the shapes of the original; a repository in groups may pad them."""
    found = fit(
        shapes_of("Qwen/Qwen2.5-72B-Instruct"), 79.18, tensor_parallel=8, compute_capability="9.0",
        quantization="awq", max_model_len=8192, vllm_version="0.33.0",
    )  # fmt: skip

    assert not ragged(found)
    assert [text for text in found.cautions if "unless that repository pads them" in text]


@pytest.mark.parametrize(("tensor", "whole"), [(4, True), (5, False)])
def test_a_rank_takes_whole_columns(tensor: int, whole: bool) -> None:
    """13824 columns and 40 heads: five ranks divide the heads only."""
    config = DENSE | {"intermediate_size": 13824, "num_attention_heads": 40, "hidden_size": 5120}
    assert (ragged(sized(config | {"num_key_value_heads": 40}, tensor)) == []) is whole


@pytest.mark.parametrize("tensor", [8, 16])
def test_latent_attention_is_as_wide_as_its_values(tensor: int) -> None:
    """128 heads of 128 values each; the hidden size over the heads is no width of this model."""
    assert not ragged(sized(MLA, tensor))


@pytest.mark.parametrize(
    ("quantization", "named"),
    [
        (GPTQ | {"bits": 8}, "int8"),
        (GPTQ, "gptq"),
        ({"quant_method": "modelopt", "quant_algo": "NVFP4"}, "nvfp4"),
        ({"quant_method": "modelopt", "quant_algo": "FP8"}, "modelopt"),
        (packed(num_bits=4, type="float"), "nvfp4"),
        (packed(num_bits=8, type="int"), "int8"),
        (packed(num_bits=8, type="float"), "fp8"),
    ],
)
def test_bits_say_what_a_method_does_not(quantization: dict[str, Any], named: str) -> None:
    """Eight bits of GPTQ are twice the bytes of four."""
    assert shapes_from_config(DENSE | {"quantization_config": quantization}).dtype == named


@pytest.mark.parametrize(
    ("rope", "context"),
    [
        ({"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32768}, 32768),
        ({"type": "yarn", "factor": 2, "original_max_position_embeddings": 4096}, 32768),
        ({"type": "linear", "factor": 2}, 65536),
        ({"rope_type": "llama3", "factor": 8.0, "original_max_position_embeddings": 8192}, 32768),
        ({"rope_type": "longrope", "factor": 32.0}, 32768),
        ({"type": "yarn", "factor": "many"}, 32768),
        (None, 32768),
    ],
)
def test_stretched_positions_lengthen_the_context(rope: dict[str, Any] | None, context: int) -> None:
    """Where the file asks for it in a kind that does not state the result."""
    assert shapes_from_config(DENSE | {"rope_scaling": rope}).context == context


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"quantization_config": ["fp8"]}, "quantization_config must be a mapping"),
        ({"num_key_value_heads": 7}, "num_key_value_heads does not divide the attention heads"),
    ],
)
def test_tried_4_what_describes_no_model_is_said(wrong: dict[str, Any], says: str) -> None:
    """It was taken as if it were not there."""
    with pytest.raises(ShapesError) as refusal:
        shapes_from_config(DENSE | wrong)

    assert says in refusal.value.problems
