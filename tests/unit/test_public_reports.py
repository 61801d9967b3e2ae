"""Area of concern: public bug reports as small inputs; what stopped them is refused here, and only that."""

from __future__ import annotations

import pytest

from inferplan.sizing.config_json import shapes_from_config
from inferplan.sizing.memory import Fit, fit
from inferplan.sizing.shapes import shapes_of

QWEN_MOE = {
    "architectures": ["Qwen3MoeForCausalLM"],
    "model_type": "qwen3_moe",
    "hidden_size": 4096,
    "intermediate_size": 12288,
    "moe_intermediate_size": 1536,
    "num_attention_heads": 64,
    "num_key_value_heads": 4,
    "head_dim": 128,
    "num_hidden_layers": 94,
    "num_experts": 128,
    "num_experts_per_tok": 8,
    "vocab_size": 151936,
    "max_position_embeddings": 40960,
    "torch_dtype": "bfloat16",
    "quantization_config": {"quant_method": "fp8", "weight_block_size": [128, 128]},
}
H100_GIB, L4_GIB, T4_GIB, A10G_GIB = 79.18, 22.1, 14.6, 22.06
VERSION = "0.33.0"


def sized(model: str, total_gib: float, capability: str, tensor: int = 1, **more: object) -> Fit:
    said = {"vllm_version": VERSION, **more}
    return fit(shapes_of(model), total_gib, tensor_parallel=tensor, compute_capability=capability, **said)  # type: ignore[arg-type]


@pytest.mark.parametrize(("tensor", "whole"), [(1, True), (2, True), (4, True), (8, False), (16, False)])
def test_report_01_a_rank_takes_whole_blocks_of_quantized_experts(tensor: int, whole: bool) -> None:
    """1536 wide experts in blocks of 128: eight ranks would get 192 columns each."""
    shapes = shapes_from_config(QWEN_MOE, "moe", "2026-11-28")
    found = fit(
        shapes, H100_GIB, tensor_parallel=tensor, compute_capability="9.0", max_model_len=8192,
        vllm_version=VERSION,
    )  # fmt: skip
    said = [text for text in found.reasons if "blocks of 128" in text]

    assert (said == []) is whole
    assert all("(possible: 1, 2, 4)" in text for text in said)


def test_report_01_weights_that_are_not_stored_in_blocks_are_left_alone() -> None:
    """The same model with one scale a tensor may be cut anywhere."""
    shapes = shapes_from_config({**QWEN_MOE, "quantization_config": {"quant_method": "fp8"}})
    found = fit(
        shapes, H100_GIB, tensor_parallel=8, compute_capability="9.0", max_model_len=8192,
        vllm_version=VERSION,
    )  # fmt: skip

    assert not [text for text in found.reasons if "blocks" in text]


@pytest.mark.parametrize(("tensor", "possible"), [(1, True), (2, True), (4, False), (5, True), (8, False)])
def test_report_03_ten_kv_heads_are_shared_out_evenly(tensor: int, possible: bool) -> None:
    """Phi-4 has 40 heads and 10 KV heads: four ranks divide the first and not the second."""
    found = sized("microsoft/phi-4", L4_GIB, "8.9", tensor)
    said = [text for text in found.reasons if "KV heads cannot be divided" in text]

    assert (said == []) is possible
    assert all("(possible: 1, 2, 5, 10)" in text for text in said)


@pytest.mark.parametrize(("capability", "starts"), [("7.5", False), ("8.9", True)])
def test_report_04_gemma_needs_bfloat16(capability: str, starts: bool) -> None:
    """vLLM refuses float16 for it, and a card below 8.0 has nothing else of 16 bit."""
    found = sized("google/gemma-3-4b-it", T4_GIB, capability, max_model_len=8192)

    assert (not [text for text in found.reasons if "refuses float16" in text]) is starts
    assert not [text for text in found.cautions if "--dtype half" in text]


def test_report_07_heads_are_divided_among_ranks() -> None:
    """28 heads on eight cards do not start."""
    found = sized("deepseek-ai/DeepSeek-R1-Distill-Qwen-7B", A10G_GIB, "8.6", 8, max_model_len=16384)

    assert not found.fits
    assert "28 attention heads cannot be divided by tensor parallel 8" in found.reasons[0]


@pytest.mark.parametrize(
    ("length", "fits", "cache_gib"), [(20000, True, 3.81), (29000, False, 2.89), (35000, True, None)]
)
def test_report_08_a_longer_context_starts_where_a_shorter_did_not(
    length: int, fits: bool, cache_gib: float | None
) -> None:
    """V0 turns chunked prefill on above 32,768 tokens and then profiles with one chunk."""
    found = sized(
        "meta-llama/Llama-3.1-8B-Instruct", 23.58, "8.6", max_model_len=length, vllm_version="0.6.4",
        gpu_memory_utilization=0.9,
    )  # fmt: skip

    assert found.fits is fits
    if cache_gib is not None:
        assert found.kv_cache_gib == pytest.approx(cache_gib, rel=0.1)
