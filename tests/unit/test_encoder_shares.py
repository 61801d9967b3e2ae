"""Area of concern: encoders of images and sound, and Mamba layers, among the ranks of tensor parallelism.

The source of the pinned vLLM wheel judges. Not here: attention heads and widths (test_refusals).
"""

from __future__ import annotations

from typing import Any
from zipfile import ZipFile

import pytest
from msgspec.structs import replace

from inferplan.catalog.refresh import rows, vllm_encoders, wheels
from inferplan.sizing.config_json import shapes_from_config
from inferplan.sizing.constraints import check
from inferplan.sizing.engine_limits import encoder_cut
from inferplan.sizing.formats import kv_format, weight_format
from inferplan.sizing.shapes import ModelShapes, shapes_of
from inferplan.sizing.weights import weights

VERSION = "0.33.0"
SEEING: dict[str, Any] = {
    "architectures": ["Qwen3VLForConditionalGeneration"],
    "model_type": "qwen3_vl",
    "text_config": {
        "hidden_size": 4096, "intermediate_size": 12288, "num_attention_heads": 32, "num_key_value_heads": 8,
        "num_hidden_layers": 36, "vocab_size": 151936, "max_position_embeddings": 8192, "head_dim": 128,
    },
    "vision_config": {"hidden_size": 1152, "depth": 27, "intermediate_size": 4304, "num_heads": 12},
    "torch_dtype": "bfloat16",
}  # fmt: skip


def refusals(shapes: ModelShapes, tensor: int) -> list[str]:
    """What is said of what cannot be shared out."""
    verdicts = check(
        shapes,
        weight_format("bf16"),
        "16-bit",
        kv_format("auto"),
        tensor_parallel=tensor,
        pipeline_parallel=1,
        decode_context_parallel=1,
        compute_capability="9.0",
        max_model_len=4096,
        vllm_version=VERSION,
    )
    return [text for text in verdicts.violations if "divided" in text]


def test_the_table_is_what_the_pinned_wheel_says() -> None:
    """Every encoder of every architecture that is served, with the file that says how it is cut."""
    if wheels.fetched("vllm") is None:
        pytest.skip("the pinned wheels are not fetched: make wheels")
    (made,) = vllm_encoders.tables().values()

    assert rows.render(made) == rows.render(rows.read("vllm_encoders"))


# Read in the source by a person: file, words that decide, and what they mean.
READ = [
    ("Gemma3", "siglip.py", "divide(self.num_heads, self.tp_size)", "split"),
    ("Mistral3", "pixtral.py", "divide(config.num_attention_heads, self.tp_size)", "split"),
    ("Llama4", "mllama4.py", "assert self.num_heads % self.tp_size == 0", "split"),
    ("KimiK25", "kimi_k25_vit.py", "is_vit_use_data_parallel(num_heads)", "split or whole"),
    ("Gemma4", "gemma4_mm.py", "AutoModel.from_config(config=config.vision_config)", "whole"),
]  # fmt: skip


@pytest.mark.parametrize(("architecture", "file", "words", "cut"), READ)
def test_an_encoder_is_cut_as_its_source_says(architecture: str, file: str, words: str, cut: str) -> None:
    """The words are in the file, and the table draws the same from them."""
    assert encoder_cut(f"{architecture}ForConditionalGeneration", "vision") == cut
    found = wheels.fetched("vllm")
    if found is None:
        pytest.skip("the pinned wheels are not fetched: make wheels")
    with ZipFile(found) as archive:
        assert words in archive.read(f"vllm/model_executor/models/{file}").decode()


def test_heads_of_an_encoder_are_shared_out_or_refused() -> None:
    """Twelve heads go to four ranks and not to eight, unless the engine then keeps the encoder whole."""
    split = shapes_from_config(SEEING)
    assert split.vision_heads == 12
    assert refusals(split, 4) == []
    assert refusals(split, 8) == [
        "12 heads of the vision encoder cannot be divided by tensor parallel 8 (possible: 1, 2, 4)"
    ]
    for lenient in ("KimiK25", "Gemma4"):
        named = replace(split, architecture=f"{lenient}ForConditionalGeneration")
        assert refusals(named, 8) == [], lenient
    assert refusals(replace(split, vision_heads=16), 8) == []
    unknown = replace(split, architecture="NobodyHasReadThisForConditionalGeneration")
    assert refusals(unknown, 8) == []


def test_the_encoder_of_voxtral_has_twenty_heads() -> None:
    """The text model would go to eight ranks, its encoder, which is Whisper's, does not."""
    voxtral = shapes_of("mistralai/Voxtral-Mini-3B-2507")
    assert refusals(voxtral, 4) == []
    assert "20 heads of the audio encoder" in refusals(voxtral, 8)[0]


def test_groups_of_mamba_layers_are_whole_or_single() -> None:
    """Eight groups on eight ranks, not on sixteen; one group is on every rank; heads are divided."""
    nemotron = shapes_of("nvidia/NVIDIA-Nemotron-3-Nano-30B-A3B-BF16")
    assert (nemotron.mamba_heads, nemotron.mamba_groups) == (64, 8)
    assert refusals(nemotron, 8) == []
    assert refusals(nemotron, 16) == [
        "8 groups of the Mamba layers cannot be divided by tensor parallel 16 (possible: 1, 2, 4, 8)"
    ]
    assert refusals(replace(nemotron, mamba_groups=1), 16) == []
    assert "60 heads of the Mamba layers" in refusals(replace(nemotron, mamba_heads=60), 8)[0]


def test_an_encoder_that_every_rank_holds_is_counted_whole() -> None:
    """Gemma 4's encoder on each of eight ranks; one that is shared out by heads is an eighth."""
    whole, shared = shapes_of("google/gemma-4-31B-it"), shapes_from_config(SEEING)
    part = next(one for one in whole.tensors if one.name == "vision encoder")
    assert weights(whole, None, 8).replicated_gib >= part.parameters * 2 * (7 / 8) / 2**30
    assert weights(shared, None, 8).replicated_gib == 0.0
