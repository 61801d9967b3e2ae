"""Area of concern: what vLLM would not start is refused, and only that: by its own source and answers.

`vllm_attention_answers.json` holds what the selector of vLLM 0.33.0 (`get_valid_backends` of its CUDA
platform, told a compute capability in place of a GPU) answered on 2026-11-28: the backend that it would
take, or null.
Not here: the tables by release (test_engine_limits), and public reports (test_public_reports).
"""

from __future__ import annotations

import ast
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
from msgspec.structs import replace

from inferplan.catalog.refresh import wheels
from inferplan.sizing.cache_types import cache_problems
from inferplan.sizing.config_json import shapes_from_config
from inferplan.sizing.constraints import check
from inferplan.sizing.engine_limits import CONVERTED
from inferplan.sizing.formats import kv_format, weight_format
from inferplan.sizing.memory import Fit, fit
from inferplan.sizing.shapes import ModelShapes, shapes_of
from inferplan.sizing.split_widths import DEGREES

ANSWERS = Path(__file__).parents[1] / "fixtures" / "vllm_attention_answers.json"
VERSION = "0.33.0"
PLAIN: dict[str, Any] = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "hidden_size": 4096,
    "intermediate_size": 14336,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "num_hidden_layers": 32,
    "vocab_size": 128256,
    "max_position_embeddings": 8192,
    "torch_dtype": "bfloat16",
}
GENERAL: dict[str, Any] = {
    "id": "m", "dtype": "bfloat16", "parameters": 10**9, "layers": 2, "hidden": 1024, "heads": 16,
    "kv_heads": 16, "vocab": 1024, "context": 4096, "intermediate": 4096,
}  # fmt: skip
MODELS = {
    "dense128": ModelShapes(architecture="LlamaForCausalLM", head_dim=128, attention="gqa", **GENERAL),
    "dense96": ModelShapes(architecture="Phi3ForCausalLM", head_dim=96, attention="gqa", **GENERAL),
    "sink64": ModelShapes(architecture="GptOssForCausalLM", head_dim=64, attention="gqa+sliding", **GENERAL),
    "mm256": ModelShapes(
        architecture="Gemma3ForConditionalGeneration", head_dim=256, attention="gqa+sliding", **GENERAL
    ),
    "mla": ModelShapes(
        architecture="DeepseekV3ForCausalLM",
        attention="mla",
        kv_lora_rank=512,
        qk_rope_head_dim=64,
        **GENERAL,
    ),
    "sparse": ModelShapes(
        architecture="DeepseekV32ForCausalLM",
        attention="mla+sparse_indexer",
        kv_lora_rank=512,
        qk_rope_head_dim=64,
        **GENERAL,
    ),
}


# -- by the engine's own answers -------------------------------------------------------------------
@pytest.mark.parametrize(
    "answer", json.loads(ANSWERS.read_text()), ids=lambda row: f"{row['model']}-{row['cache']}"
)
def test_a_type_of_cache_is_refused_where_the_engine_finds_no_backend_for_it(answer: dict[str, Any]) -> None:
    """Or where the one it would take fails: Triton's cannot do FP8 below 8.9 (triton_attn.py)."""
    name = answer["cache"]
    for has, first in answer["first"].items():
        dtype = "float16" if has == "7.5" else "bfloat16"
        fails = str(first).startswith("TRITON") and name.startswith("fp8") and float(has) < 8.9
        starts = first is not None and not fails and name in names_of(dtype)
        form = replace(kv_format(name), offered=True)
        said = list(
            cache_problems(
                MODELS[answer["model"]], weight_format("bf16"), "16-bit", form,
                compute_capability=has, model_dtype=dtype, version=VERSION,
            )
        )  # fmt: skip

        assert (said == []) is starts, (has, first, said)


def names_of(dtype: str) -> set[str]:
    """Types of cache that do not contradict the type of the model."""
    return {"auto", dtype, "fp8", "fp8_e5m2", "fp8_ds_mla", "nvfp4_ds_mla", "fp8_inc"}


# -- by the engine's own functions -----------------------------------------------------------------
@pytest.fixture(scope="module")
def engine() -> Callable[..., dict[str, Any]]:
    """Functions of the pinned wheel's source by name, run as they stand; names they use are given."""
    path = wheels.fetched("vllm")
    if path is None:
        pytest.skip("the pinned wheel is not fetched: make wheels")

    def load(file: str, *names: str, **given: Any) -> dict[str, Any]:
        with ZipFile(path) as archive:
            tree = ast.parse(archive.read(file))
        found = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name in names]
        for node in found:
            node.decorator_list = []
            node.body = [part for part in node.body if not isinstance(part, ast.ImportFrom)]
        assert {node.name for node in found} >= set(names)
        space = dict(given)
        future = ast.parse("from __future__ import annotations").body
        exec(compile(ast.Module([*future, *found], []), file, "exec"), space)
        return space

    return load


def raises(call: Callable[[], object]) -> bool:
    try:
        call()
    except (ValueError, AssertionError):
        return True
    return False


def shape(**changes: Any) -> ModelShapes:
    return shapes_from_config(PLAIN | changes)


def refused(shapes: ModelShapes, tensor: int, *words: str, version: str = VERSION, **more: Any) -> bool:
    found = sized(shapes, tensor, version=version, **more)
    return any(all(word in text for word in words) for text in found.reasons)


def sized(
    shapes: ModelShapes, tensor: int = 1, *, version: str = VERSION, cc: str = "9.0", **more: Any
) -> Fit:
    return fit(
        shapes, 79.18, tensor, compute_capability=cc, vllm_version=version, max_model_len=4096, **more
    )  # fmt: skip


@pytest.mark.parametrize("vocabulary", [128256, 151936, 32000, 50257, 100352, 128255])
def test_the_vocabulary_is_padded_and_then_divided(engine: Any, vocabulary: int) -> None:
    """By 64, which three, five or seven ranks seldom divide."""
    pad = engine(
        "vllm/model_executor/layers/vocab_parallel_embedding.py",
        "pad_vocab_size",
        DEFAULT_VOCAB_PADDING_SIZE=64,
    )["pad_vocab_size"]
    divide = engine("vllm/distributed/utils.py", "divide", "ensure_divisibility")["divide"]
    shapes = shape(
        vocab_size=vocabulary, num_attention_heads=840, num_key_value_heads=840, hidden_size=840 * 128
    )
    for tensor in DEGREES[:-1]:
        expected = 840 % tensor == 0 and raises(lambda n=tensor: divide(pad(vocabulary), n))  # type: ignore[misc]
        assert refused(shapes, tensor, "vocabulary") is expected, tensor


@pytest.mark.parametrize("width", [14336, 13824, 10944, 9728, 18432])
@pytest.mark.parametrize("tensor", [1, 2, 4, 8])
def test_blocks_of_fp8_are_cut_as_the_engine_checks_them(engine: Any, width: int, tensor: int) -> None:
    """What a rank sums over must be whole blocks; parts that are merged may end inside one."""
    validate = engine(
        "vllm/model_executor/layers/quantization/utils/fp8_utils.py", "validate_fp8_block_shape",
        get_tensor_model_parallel_world_size=lambda: tensor, logger=None,
    )["validate_fp8_block_shape"]  # fmt: skip
    down = raises(lambda: validate(object(), width, 4096, width // tensor, [4096], [128, 128]))
    fp8 = {"quant_method": "fp8", "weight_block_size": [128, 128]}
    shapes = shape(intermediate_size=width, quantization_config=fp8)

    assert refused(shapes, tensor, "feed-forward layers", "blocks of 128") is down


@pytest.mark.parametrize("heads", [32, 40, 28, 24])
@pytest.mark.parametrize("kv_heads", [1, 2, 4, 8, 10])
def test_heads_are_shared_out_as_the_engine_does_it(engine: Any, heads: int, kv_heads: int) -> None:
    """KV heads are copied where there are fewer than ranks, and must come out even either way."""
    if heads % kv_heads:
        return
    divide = engine("vllm/distributed/utils.py", "divide", "ensure_divisibility")["divide"]
    shapes = shape(num_attention_heads=heads, num_key_value_heads=kv_heads, head_dim=128)
    for tensor in DEGREES:
        share = (tensor, kv_heads) if tensor >= kv_heads else (kv_heads, tensor)
        expected = raises(lambda n=tensor: divide(heads, n)) or raises(lambda s=share: divide(*s))  # type: ignore[misc]
        assert refused(shapes, tensor, "heads cannot be divided") is expected, tensor


# -- weights, types and GPUs -----------------------------------------------------------------------
def test_e5m2_is_refused_with_weights_that_bring_scales() -> None:
    """`fp8_e5m2 kv-cache is not supported with fp8 checkpoints`; with 16-bit weights it starts."""
    fp8 = shape(quantization_config={"quant_method": "fp8"})

    assert refused(fp8, 1, "fp8_e5m2 is refused", kv_cache_dtype="fp8_e5m2")
    assert not refused(fp8, 1, "fp8_e5m2", kv_cache_dtype="fp8_e4m3")
    assert not refused(shape(), 1, "fp8_e5m2", kv_cache_dtype="fp8_e5m2")
    assert not refused(shape(), 1, "fp8_e5m2", kv_cache_dtype="fp8_e5m2", quantization="fp8")


@pytest.mark.parametrize(
    ("name", "version", "starts"),
    [
        ("bfloat16", "0.10.2", False),
        ("bfloat16", "0.11.0", True),
        ("float16", "0.33.0", False),
        ("float16", "0.32.0", True),
        ("fp8_ds_mla", "0.11.0", False),
        ("fp8_inc", "0.33.0", False),
        ("fp8", "0.6.0", True),
    ],
)
def test_a_version_knows_the_types_of_cache_that_it_knows(name: str, version: str, starts: bool) -> None:
    """Each name by itself, and a 16-bit one must be the model's own from 0.33.0 on."""
    assert refused(shape(), 1, "KV cache dtype", version=version, kv_cache_dtype=name) is not starts


@pytest.mark.parametrize(
    ("architecture", "version", "refuses"),
    [
        ("Gemma3ForConditionalGeneration", "0.33.0", True),
        ("Gemma3TextModel", "0.33.0", True),
        ("Gemma3ForCausalLM", "0.9.2", False),
        ("Gemma2ForCausalLM", "0.9.0", False),
        ("Gemma2ForCausalLM", "0.9.1", True),
        ("Plamo2ForCausalLM", "0.26.0", True),
        ("Gemma3nForConditionalGeneration", "0.33.0", False),
        ("LlamaForCausalLM", "0.33.0", False),
    ],
)
def test_float16_is_refused_for_the_models_that_a_version_lists(
    architecture: str, version: str, refuses: bool
) -> None:
    """A T4 has nothing else of 16 bit; and neither does a repository in float16."""
    shapes = shape(architectures=[architecture])
    half = shape(architectures=[architecture], torch_dtype="float16")

    assert refused(shapes, 1, "refuses float16", version=version, cc="7.5") is refuses
    assert refused(half, 1, "refuses float16", version=version, cc="9.0") is refuses
    assert not refused(shapes, 1, "refuses float16", version=version, cc="8.0")


@pytest.mark.parametrize(
    ("quantization", "cc", "version", "starts"),
    [
        ({"quant_method": "fp8"}, "7.5", "0.33.0", True),
        ({"quant_method": "fp8"}, "7.5", "0.13.0", False),
        ({"quant_method": "modelopt", "quant_algo": "FP8"}, "7.5", "0.33.0", False),
        ({"quant_method": "modelopt", "quant_algo": "FP8"}, "8.0", "0.26.0", False),
        (
            {"quant_method": "modelopt", "quant_algo": "NVFP4", "exclude_modules": ["lm_head"]},
            "9.0",
            "0.33.0",
            True,
        ),
        ({"quant_method": "modelopt", "quant_algo": "NVFP4"}, "9.0", "0.7.3", False),
        ({"quant_method": "awq", "bits": 4, "group_size": 128}, "7.5", "0.33.0", True),
        ({"quant_method": "fbgemm_fp8"}, "9.0", "0.33.0", False),
        ({"quant_method": "fbgemm_fp8"}, "9.0", "0.13.0", True),
        ({"quant_method": "gptq", "bits": 4, "group_size": 256, "desc_act": False}, "9.0", "0.33.0", False),
        ({"quant_method": "gptq", "bits": 4, "group_size": 128, "desc_act": False}, "9.0", "0.33.0", True),
    ],
)
def test_a_method_needs_its_gpu_and_its_version(
    quantization: dict[str, Any], cc: str, version: str, starts: bool
) -> None:
    """Both as the release states them."""
    found = sized(shape(quantization_config=quantization), version=version, cc=cc)

    assert (found.reasons == ()) is starts, found.reasons


def test_deepseek_needs_kernels_that_few_gpus_have() -> None:
    """Sparse latent attention runs on Hopper and Blackwell, the plain one anywhere."""
    plain, sparse = shapes_of("deepseek-ai/DeepSeek-R1"), shapes_of("deepseek-ai/DeepSeek-V3.2")
    newest = shapes_of("deepseek-ai/DeepSeek-V4-Flash")

    for cc, starts in (("8.0", False), ("8.9", False), ("9.0", True), ("10.0", True), ("12.0", True)):
        assert refused(sparse, 8, "kernels for the sparse attention", cc=cc) is not starts
        assert refused(newest, 8, "kernels for the attention", cc=cc) is not starts
        assert not refused(plain, 8, "kernels", cc=cc)
    assert refused(newest, 8, "keeps its cache in FP8 alone", kv_cache_dtype="bfloat16")
    assert refused(plain, 8, "nor", cc="9.0", kv_cache_dtype="fp8_ds_mla") is False
    assert refused(plain, 8, "keeps fp8_ds_mla", cc="9.0", kv_cache_dtype="fp8_ds_mla")


def test_rows_of_the_catalog_know_their_blocks() -> None:
    """A repository in FP8 blocks is cut as its config.json would be: 25600 columns are 200 blocks."""
    row = shapes_of("Qwen/Qwen3-32B-FP8")

    assert row.weight_block == 128
    assert not refused(row, 8, "blocks of 128")
    assert refused(row, 16, "feed-forward layers are 25600 wide and stored in blocks of 128")
    for name in ("deepseek-ai/DeepSeek-V3", "deepseek-ai/DeepSeek-R1", "deepseek-ai/DeepSeek-V3.2"):
        assert not refused(shapes_of(name), 16, "blocks of 128")
        assert refused(shapes_of(name), 32, "blocks of 128")


# -- layouts ---------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("architecture", "pipeline", "lora"),
    [
        ("LlamaForCausalLM", True, True),
        ("BloomForCausalLM", True, False),
        ("Gemma3nForCausalLM", False, False),
        ("BertModel", False, True),
    ],
)
def test_what_an_architecture_can_do_is_asked(architecture: str, pipeline: bool, lora: bool) -> None:
    """Pipeline parallel and adapters are for those whose class says so."""
    said = check(
        shape(architectures=[architecture]), weight_format("bf16"), "16-bit", kv_format("auto"),
        tensor_parallel=1, pipeline_parallel=2, decode_context_parallel=1, compute_capability="9.0",
        max_model_len=4096, vllm_version=VERSION, lora=True,
    ).violations  # fmt: skip

    assert any("pipeline parallel" in text for text in said) is not pipeline
    assert any("LoRA" in text for text in said) is not lora


@pytest.mark.parametrize(
    ("architecture", "version", "starts"),
    [
        ("Qwen3ForSequenceClassification", "0.33.0", True),
        ("Qwen3VLForSequenceClassification", "0.33.0", True),
        ("BaichuanForSequenceClassification", "0.33.0", True),  # not known to be refused
        ("BaichuanForCausalLM", "0.33.0", False),
        ("Qwen3ForCausalLM", "0.8.3", False),
        ("GptOssForCausalLM", "0.10.0", False),
    ],
)
def test_an_architecture_is_asked_for_by_its_version(architecture: str, version: str, starts: bool) -> None:
    """A classifier without a class of its own is made of the model that generates."""
    assert (sized(shape(architectures=[architecture]), version=version).reasons == ()) is starts


def test_names_are_converted_as_the_engine_does_it(engine: Any) -> None:
    """The ends of names, in the engine's order."""
    path = wheels.fetched("vllm")
    assert path is not None
    with ZipFile(path) as archive:
        tree = ast.parse(archive.read("vllm/config/model.py"))
    values = {
        node.target.id: node.value
        for node in tree.body
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
    }
    pairs = ast.literal_eval(values["_SUFFIX_TO_DEFAULTS"])  # type: ignore[arg-type]

    assert tuple(suffix for suffix, _ in pairs) == CONVERTED


def test_experts_that_are_spread_are_not_cut() -> None:
    """Expert parallel gives a rank whole experts; a dense model has none to spread."""
    fp8 = {"quant_method": "fp8", "weight_block_size": [128, 128]}
    experts = {"num_experts": 128, "num_experts_per_tok": 8, "moe_intermediate_size": 1536}
    mixture = shape(architectures=["Qwen3MoeForCausalLM"], quantization_config=fp8, **experts)

    assert refused(mixture, 8, "experts", "blocks of 128")
    assert not refused(mixture, 8, "experts", "blocks of 128", expert_parallel=True)
    assert refused(shape(), 8, "expert parallel needs experts", expert_parallel=True)


@pytest.mark.parametrize(("tensor", "even"), [(8, True), (16, True), (3, False)])
def test_heads_of_linear_attention_are_shared_out(tensor: int, even: bool) -> None:
    """48 value heads and 16 key heads: three ranks divide the first alone."""
    shapes = replace(shapes_of("Qwen/Qwen3.5-27B"), heads=48, kv_heads=48)

    assert refused(shapes, tensor, "heads of the linear attention") is not even


@pytest.mark.parametrize(
    ("method", "tensor", "starts"), [("awq", 8, True), ("awq", 16, False), ("compressed-tensors", 8, False)]
)
def test_experts_of_awq_take_scales_in_halves_of_a_group(method: str, tensor: int, starts: bool) -> None:
    """768 columns: 96 a rank are three groups of 32, which MoeWNA16 makes of 128; 48 are not."""
    said: dict[str, Any] = {"quant_method": "awq", "bits": 4, "group_size": 128}
    if method == "compressed-tensors":
        weights = {"num_bits": 4, "type": "int", "strategy": "group", "group_size": 128}
        said = {"quant_method": method, "config_groups": {"group_0": {"weights": weights}}}
    experts = {"num_experts": 128, "num_experts_per_tok": 8, "moe_intermediate_size": 768}
    shapes = shape(architectures=["Qwen3MoeForCausalLM"], quantization_config=said, **experts)

    assert refused(shapes, tensor, "the experts are") is not starts
