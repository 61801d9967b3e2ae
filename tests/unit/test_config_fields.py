"""Area of concern: what a config.json says that is not plain: fields nobody knows, mixtures, layers, formats.

Not here: public files (test_public_configs) and the plain fields (test_sizing_cli).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from inferplan.catalog.open_weights import CacheLayers, Tensors
from inferplan.sizing import ModelShapes, fit, shapes_from_config, shapes_of, weights
from inferplan.sizing.config_fields import config_fields, known_architectures
from inferplan.sizing.kv_cache import kv_layout
from tests.command_line import inferplan

GIB = 2**30
LLAMA: dict[str, Any] = {
    "architectures": ["LlamaForCausalLM"],
    "hidden_size": 4096,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "intermediate_size": 14336,
    "vocab_size": 128256,
    "max_position_embeddings": 131072,
    "tie_word_embeddings": False,
}
MIXTURE: dict[str, Any] = LLAMA | {
    "architectures": ["Qwen3MoeForCausalLM"],
    "num_experts": 64,
    "num_experts_per_tok": 8,
    "moe_intermediate_size": 1024,
}
EXPERT = 3 * 4096 * 1024


def of(shapes: ModelShapes, name: str) -> int:
    """Parameters of the tensors of that name."""
    return sum(one.parameters for one in shapes.tensors if one.name == name)


# -- fields that nobody knows
@pytest.mark.parametrize(
    ("extra", "named"),
    [
        ({"num_memory_layers": 4}, "num_memory_layers 4 is not understood"),
        ({"cache_compression": {"rank": 8}}, "cache_compression"),
        ({"sparse_expert_groups": [1, 2]}, "sparse_expert_groups"),
        ({"is_encoder_decoder": True}, "is_encoder_decoder True is not modelled"),
        ({"attn_layer_period": 8}, "attn_layer_period 8 is not modelled"),
        (
            {"layer_types": ["full_attention"] * 31 + ["spiral_attention"]},
            "spiral_attention is not understood",
        ),
        ({"layer_types": ["full_attention"] * 30}, "layer_types describes 30 layers"),
        ({"quantization_config": {"quant_method": "gptq", "bits": 4, "dynamic": {"x": {}}}}, "dynamic"),
        ({"quantization_config": {"quant_method": "modelopt", "quant_algo": "INT3"}}, "quant_algo 'INT3'"),
        ({"quantization_config": {"quant_method": "modelopt", "quant_algo": "NVFP4"}}, "exclude_modules"),
        ({"expert_dtype": "fp3", "quantization_config": {"quant_method": "fp8"}}, "expert_dtype 'fp3'"),
        ({"num_experts": 64}, "64 experts"),
        ({"expert_dtype": {"a": 1}, "quantization_config": {"quant_method": "fp8"}}, "expert_dtype {'a': 1}"),
        ({"quantization_config": {"quant_method": "awq", "bits": [4]}}, "[4] bits are not understood"),
    ],
)
def test_check_1_what_is_not_understood_is_undecided_and_named(extra: dict[str, Any], named: str) -> None:
    """Experts, layers, formats and caches that no rule reads give no verdict."""
    found = fit(shapes_from_config(LLAMA | extra), 79.18, 1)

    assert found.fits is None
    assert any(named in reason for reason in found.reasons)


@pytest.mark.parametrize(
    "extra",
    [
        {"unsloth_version": "2026.1"},
        {"bos_token_id": 1, "use_cache": True, "transformers_version": "5.24.0"},
        {"rope_scaling": {"rope_type": "llama3", "factor": 8.0}},
        {"num_memory_layers": 0, "cache_compression": None, "is_encoder_decoder": False},
        {"favourite_color": 7},
        {"expert_temperature": 0.75},
    ],
)
def test_check_1_harmless_fields_decide_nothing(extra: dict[str, Any]) -> None:
    """What is off, a fraction, or about something else leaves the verdict and the bytes alone."""
    plain, found = fit(shapes_from_config(LLAMA), 79.18, 1), fit(shapes_from_config(LLAMA | extra), 79.18, 1)

    assert found.fits is plain.fits is not None
    assert found.weights_gib == plain.weights_gib
    assert found.confidence == plain.confidence == "high"


def test_no_field_has_two_effects() -> None:
    """A field stands in one row of the table."""
    fields = [name for row in config_fields().values() if row.effect != "marks" for name in row.fields]
    assert len(fields) == len(set(fields))
    assert sum(len(row.architectures) for row in set(known_architectures().values())) == len(
        known_architectures()
    )


@pytest.mark.parametrize(
    ("architectures", "confidence"),
    [(["LlamaForCausalLM"], "high"), (["LlamaLikeForCausalLM"], "low"), (None, "low")],
)
def test_check_1_a_guess_is_never_of_high_confidence(architectures: Any, confidence: str) -> None:
    """An architecture that nobody counted is taken for a kin of Llama, and said so."""
    found = fit(shapes_from_config(LLAMA | {"architectures": architectures}), 79.18, 1)

    assert found.fits is True
    assert found.confidence == confidence
    assert (found.cautions == ()) is (confidence == "high")


# -- mixtures
@pytest.mark.parametrize(
    ("extra", "sparse"),
    [
        ({}, 32),
        ({"interleave_moe_layer_step": 2}, 16),
        ({"decoder_sparse_step": 2, "mlp_only_layers": [1, 3]}, 14),
        ({"first_k_dense_replace": 3}, 29),
        ({"moe_layer_freq": [0, 0, *[1] * 30]}, 30),
        ({"mlp_layer_types": ["dense", *["sparse"] * 31]}, 31),
        ({"moe_layers_enum": "4,5,6"}, 3),
    ],
)
def test_check_1_experts_stand_in_the_layers_that_the_file_says(extra: dict[str, Any], sparse: int) -> None:
    """Each convention names the layers that have experts."""
    shapes = shapes_from_config(MIXTURE | extra)

    assert of(shapes, "experts") == sparse * 64 * EXPERT
    assert of(shapes, "feed-forward") == (32 - sparse) * 3 * 4096 * 14336
    assert shapes.dense_layers == 32 - sparse
    assert shapes.parameters == sum(one.parameters for one in shapes.tensors)
    assert shapes.active_parameters == shapes.parameters - of(shapes, "experts") * 56 // 64


def test_check_1_latent_experts_take_a_narrow_input() -> None:
    """Kimi K3, Nemotron 3: two projections around experts of another width."""
    shapes = shapes_from_config(MIXTURE | {"moe_latent_size": 1024, "n_shared_experts": 2})

    assert of(shapes, "experts") == 32 * 64 * 3 * 1024 * 1024
    assert of(shapes, "latent projections") == 32 * 2 * 4096 * 1024
    assert of(shapes, "shared experts") == 32 * 2 * EXPERT


# -- formats
def test_check_1_experts_have_a_type_of_their_own() -> None:
    """DeepSeek V4: FP4 experts in a repository that says fp8."""
    said = {"expert_dtype": "fp4", "quantization_config": {"quant_method": "fp8"}}
    stored = {one.name: one.format for one in shapes_from_config(MIXTURE | said).tensors}

    assert stored["experts"] == "mxfp4"
    assert stored["attention"] == "fp8"
    assert stored["embedding"] == stored["router"] == "bf16"


@pytest.mark.parametrize(
    ("excluded", "left"),
    [
        (["lm_head"], 0),
        (["model.layers.0.self_attn*", "lm_head"], 1),
        (["model.layers.0*", "model.layers.1.*"], 2),
        (["*.self_attn.*"], 32),
        (["language_model.model.layers.7.self_attn.q_proj"], 0.5),
        (["model.layers.1"], 1),
    ],
)
def test_check_1_lists_of_exceptions_hold_for_modules_and_all_below(excluded: list[str], left: float) -> None:
    """Shell patterns, prefixes and whole names; layer 1 is not layer 10."""
    quantization = {"quant_method": "modelopt", "quant_algo": "NVFP4", "exclude_modules": excluded}
    shapes = shapes_from_config(LLAMA | {"quantization_config": quantization})
    kept = sum(one.parameters for one in shapes.tensors if one.name == "attention" and one.format == "bf16")

    assert kept == left * 2 * 4096 * 4096


def test_check_1_mixed_precision_is_read_module_by_module() -> None:
    """What the list does not name stays at 16 bit."""
    listed = {
        **{f"model.layers.{index}.mlp.{part}": {"quant_algo": "W4A16_NVFP4"} for index in range(32)
           for part in ("gate_proj", "up_proj", "down_proj")},
        **{f"model.layers.{index}.self_attn.{part}_proj": {"quant_algo": "FP8"} for index in range(32)
           for part in "qkvo"},
    }  # fmt: skip
    said = {"quant_method": "modelopt", "quant_algo": "MIXED_PRECISION", "quantized_layers": listed}
    stored = {
        one.name: one.format for one in shapes_from_config(LLAMA | {"quantization_config": said}).tensors
    }

    assert stored == {
        "embedding": "bf16",
        "attention": "fp8",
        "keys and values": "fp8",
        "feed-forward": "nvfp4",
        "output head": "bf16",
    }


def test_check_1_groups_of_compressed_tensors_have_formats_of_their_own() -> None:
    """Several groups, expressions among the targets, and an `ignore` list."""
    said = {
        "quant_method": "compressed-tensors",
        "ignore": ["lm_head", "re:.*layers\\.0\\..*"],
        "config_groups": {
            "experts": {
                "targets": ["re:.*experts.*"],
                "weights": {"num_bits": 4, "type": "float", "group_size": 32},
            },
            "rest": {"targets": ["Linear"], "weights": {"num_bits": 8, "type": "float"}},
        },
    }
    shapes = shapes_from_config(MIXTURE | {"quantization_config": said})
    experts = {one.format: one.parameters for one in shapes.tensors if one.name == "experts"}
    attention = {one.format: one.parameters for one in shapes.tensors if one.name == "attention"}

    assert experts == {"mxfp4": 31 * 64 * EXPERT, "bf16": 64 * EXPERT}
    assert attention == {"fp8": 31 * 2 * 4096 * 4096, "bf16": 2 * 4096 * 4096}


@pytest.mark.parametrize(
    ("beside", "gib"),
    [
        (None, 14.96),
        ({"quant_algo": "FP8", "kv_cache_quant_algo": "FP8", "exclude_modules": ["lm_head"]}, 8.46),
    ],
)
def test_check_1_hf_quant_config_is_read_beside_the_file(
    tmp_path: Path, beside: dict[str, Any] | None, gib: float
) -> None:
    """As the engine does, where config.json is silent; the cache follows it too."""
    (tmp_path / "config.json").write_text(json.dumps(LLAMA), encoding="utf-8")
    if beside is not None:
        text = json.dumps({"producer": {"name": "modelopt"}, "quantization": beside})
        (tmp_path / "hf_quant_config.json").write_text(text, encoding="utf-8")
    said = inferplan("size", "--config", str(tmp_path / "config.json"), "--gpu", "H100", "--format", "json")
    report = json.loads(said.out)

    assert report["weights_gib"] == pytest.approx(gib, abs=0.01)
    assert report["derivations"]["kv_bytes_per_token"]["value"] == (131072 if beside is None else 65536)
    assert any("KV cache in fp8" in caution for caution in report["cautions"]) is (beside is not None)


# -- layers and caches
def test_check_1_patterns_of_layers_are_counted() -> None:
    """Nemotron-H: 2 Mamba layers, an attention and a feed-forward; only the attention grows."""
    hybrid = LLAMA | {
        "architectures": ["NemotronHForCausalLM"], "num_hidden_layers": 4, "hybrid_override_pattern": "MM*-",
        "mamba_num_heads": 128, "mamba_head_dim": 64, "n_groups": 8, "ssm_state_size": 128, "conv_kernel": 4,
        "mamba_ssm_cache_dtype": "float32",
    }  # fmt: skip
    shapes = shapes_from_config(hybrid)
    layout = kv_layout(shapes)
    assert layout is not None

    assert of(shapes, "feed-forward") == 2 * 4096 * 14336  # without a gate
    assert layout.growing_bytes_per_token == 2 * 8 * 128 * 2
    assert layout.state_bytes == 2 * (128 * 64 * 128 * 4 + (128 * 64 + 2 * 8 * 128) * 3 * 2)


def test_check_1_blocks_of_their_own_width_are_counted() -> None:
    """Nemotron's searched architectures: a layer without attention caches nothing."""
    block = {"attention": {"n_heads_in_group": 4}, "ffn": {"ffn_mult": 5.25}}
    empty = {"attention": {"no_op": True}, "ffn": {"ffn_mult": 1.3125}}
    said = {
        "architectures": ["DeciLMForCausalLM"],
        "num_hidden_layers": 4,
        "block_configs": [block, empty] * 2,
    }
    shapes = shapes_from_config(LLAMA | said)
    layout = kv_layout(shapes)
    assert layout is not None

    assert of(shapes, "feed-forward") == 2 * 3 * 4096 * (14336 + 3584)
    assert layout.bytes_per_token == 2 * 2 * 8 * 128 * 2


# -- one road for the catalog and for files
def test_check_1_the_rows_of_deepseek_v4_have_the_published_bytes() -> None:
    """148.66 GiB and 864.7 GB of safetensors; it said 265 and 1,490."""
    flash, pro = (
        weights(shapes_of("deepseek-ai/DeepSeek-V4-Flash")),
        weights(shapes_of("deepseek-ai/DeepSeek-V4-Pro")),
    )

    assert flash.repository_gib == pytest.approx(148.66, rel=0.005)
    assert pro.repository_gib * GIB == pytest.approx(864_704_792_696, rel=0.005)


def test_tensors_of_a_row_win_over_what_follows_from_its_fields() -> None:
    """Unused ones are in the repository, not on the GPU; whole ones are on every rank; caches likewise."""
    parts = (
        Tensors(name="layers", parameters=GIB, format="fp8", bytes_per_parameter=1.0),
        Tensors(name="whole", parameters=GIB // 2, pieces=1),
        Tensors(name="prediction layers", parameters=GIB, kind="unused"),
    )
    caches = (CacheLayers(kind="full", layers=2, heads=4, values=256),)
    shapes = msgspec.structs.replace(
        shapes_of("meta-llama/Llama-3.1-8B-Instruct"), dtype="fp8", tensors=parts, caches=caches
    )
    held, layout = weights(shapes, tensor_parallel=4), kv_layout(shapes, 4)
    assert layout is not None

    assert held.per_gpu_gib == pytest.approx(0.25 + 1.0)
    assert held.replicated_gib == pytest.approx(0.75)
    assert held.repository_gib == pytest.approx(4.0)
    assert (held.parameters, held.quantized_parameters) == (GIB + GIB // 2, GIB)
    assert layout.bytes_per_token == 2 * 256 * 2
