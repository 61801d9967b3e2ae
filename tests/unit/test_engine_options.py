"""Area of concern: engine flags that change memory are sized or refused, and adapters are counted.

Not here: which flags exist (test_declaration, test_catalog_serving), what the engine refuses (test_refusals).
"""

from __future__ import annotations

from typing import Any

import pytest
from plan_edits import AS_OF, declared, spec_of, with_backend

from inferplan import catalog
from inferplan.plan.make import make_plan
from inferplan.plan.own_weights.engine_options import EngineOptions, engine_options, memory_flags
from inferplan.plan.own_weights.flags import PLANNED
from inferplan.records.no_plan import NoPlan
from inferplan.records.notes import Notes
from inferplan.records.plan import Server
from inferplan.sizing.adapters import adapters_gib
from inferplan.sizing.memory import fit
from inferplan.sizing.shapes import shapes_of
from inferplan.spec.backends import Adapter, Engine
from inferplan.spec.names import PLANNER_FLAGS
from policies.gates import gates

LLAMA = "meta-llama/Llama-3.1-8B-Instruct"
MEMORY_WORDS = (
    "offload", "mamba", "cudagraph", "compilation", "block-size", "spec", "lora", "gpu-memory", "kv-cache",
    "mm-encoder", "mm-ipc", "eplb", "replayssm", "chunked-prefill", "dbo", "ubatch", "sliding-window",
)  # fmt: skip
WITHOUT_MEMORY = (
    "config", "attn", "fp8-scale", "threshold", "mm-encoder-only", "stochastic", "philox", "metrics", "algo",
    "mamba-backend", "ssu", "sampling", "per-request-spec", "mm-input", "checkpoint", "safetensors",
    "kv-sharing", "interleave", "default-mm-loras", "max-lora-cls-labels", "mixed-moe-lora",
    "moe-shared-loras", "sleep-mode", "spec-tokens",
)  # fmt: skip
# Words of the second list that a flag with memory bears too.
CONFIGS = {
    "compilation-config",
    "speculative-config",
    "eplb-config",
    "quantization-config",
    "kv-transfer-config",
}


def server(**fields: Any) -> Server:
    """The server of the smallest example with these fields of its backend."""
    return make_plan(with_backend(declared("minimal"), "small", **fields), AS_OF, gates).servers[0]


def options(flag: str, value: Any) -> EngineOptions:
    """What a flag of the smallest example's backend changes."""
    said = with_backend(declared("minimal"), "small", engine=Engine(args={flag: value}))
    return engine_options("small", spec_of(said).backends["small"], Notes())


def test_every_flag_that_could_change_memory_is_the_planners_or_has_an_effect() -> None:
    """By the words in its name; what is left over is listed as having none."""
    for text in catalog.vllm_flags("0.33.0"):
        flag = text.removeprefix("--").removeprefix("no-")
        if not text.startswith("--") or not any(word in flag for word in MEMORY_WORDS):
            continue
        listed = flag in memory_flags() or flag in PLANNER_FLAGS or flag in PLANNED
        assert listed or (any(word in flag for word in WITHOUT_MEMORY) and flag not in CONFIGS), flag


def test_flags_with_an_effect_exist() -> None:
    """And none of them is the planner's own."""
    known = catalog.vllm_flags("0.33.0")
    for flag in memory_flags():
        assert f"--{flag}" in known
        assert flag not in PLANNER_FLAGS
        assert flag not in PLANNED


@pytest.mark.parametrize("flag", [flag for flag, row in memory_flags().items() if row.effect == "refused"])
def test_a_flag_that_is_not_counted_is_refused_with_what_to_do(flag: str) -> None:
    """Where its value changes something; a value that changes nothing passes."""
    with pytest.raises(NoPlan) as refusal:
        options(flag, 7)

    conflict = refusal.value.conflicts[0]
    assert conflict.path.endswith(f"engine.args.{flag}")
    assert conflict.reason == memory_flags()[flag].says


@pytest.mark.parametrize(
    ("flag", "value", "passes"),
    [
        ("cpu-offload-gb", 0, True),
        ("block-size", 16, True),
        ("enable-chunked-prefill", True, True),
        ("enable-chunked-prefill", False, False),
        ("no-enable-chunked-prefill", True, False),
        ("speculative-config", '{"method": "ngram", "num_speculative_tokens": 3}', True),
        ("speculative-config", '{"method": "mtp", "num_speculative_tokens": 1}', False),
        ("spec-method", "eagle3", False),
        ("limit-mm-per-prompt", '{"image": 2}', True),
    ],
)
def test_a_value_decides(flag: str, value: object, passes: bool) -> None:
    """What the flag is said to be, its negation included."""
    if passes:
        assert options(flag, value) == EngineOptions()
        return
    with pytest.raises(NoPlan):
        options(flag, value)


def test_a_plan_that_cannot_count_says_which_line() -> None:
    """Through the whole of planning, with the reason that says what to do."""
    with pytest.raises(NoPlan) as refusal:
        server(engine=Engine(args={"cpu-offload-gb": 10}))

    told = [conflict for conflict in refusal.value.conflicts if conflict.path.endswith("cpu-offload-gb")]
    assert told
    assert "more GPUs" in told[0].reason


def test_eager_execution_is_sized() -> None:
    """It takes no memory for CUDA graphs."""
    assert server(engine=Engine(args={"enforce-eager": True})).memory.cuda_graphs_gib == 0.0
    assert server(engine=Engine(args={})).memory.cuda_graphs_gib == 1.0


def test_the_flag_bears_the_engines_name_of_a_type_of_cache() -> None:
    """`bf16` is a word of the spec, not one of vLLM."""
    flags = server(engine=Engine(kv_cache_dtype="bf16")).flags

    assert flags[flags.index("--kv-cache-dtype") + 1] == "bfloat16"


# -- adapters --------------------------------------------------------------------------------------
def test_adapters_of_a_dense_model_take_what_the_layers_say() -> None:
    """Llama 3.1 8B, one slot of rank 16: 41.9 M values in the layers, and the tables of the vocabulary."""
    hidden, width, keys, vocabulary = 4096, 14336, 1024, 128256
    attention = (3 * hidden + hidden + 2 * keys) + (hidden + hidden)
    feed_forward = (2 * hidden + 2 * width) + (width + hidden)
    values = 32 * (attention + feed_forward) + 2 * (hidden + vocabulary)

    found = adapters_gib(shapes_of(LLAMA), 1, 1, 1, 16, experts_spread=False)

    assert found == pytest.approx(16 * values * 2 / 2**30)
    assert 32 * 16 * (attention + feed_forward) == 41_943_040  # as PEFT counts r=16 on all linear layers


@pytest.mark.parametrize(
    ("loras", "rank", "factor"), [(0, 16, 0), (1, 16, 1), (4, 16, 4), (1, 64, 4), (2, 8, 1)]
)
def test_adapters_grow_with_slots_and_rank(loras: int, rank: int, factor: float) -> None:
    """Every slot is as large as the largest rank."""
    one = adapters_gib(shapes_of(LLAMA), 1, 1, 1, 16, experts_spread=False)

    assert adapters_gib(shapes_of(LLAMA), 1, 1, loras, rank, experts_spread=False) == pytest.approx(
        factor * one
    )


def test_experts_have_a_pair_of_matrices_each() -> None:
    """128 experts take far more than the rest; over eight ranks, spread or cut, an eighth and more."""
    shapes = shapes_of("Qwen/Qwen3-30B-A3B")
    alone, cut, spread = (
        adapters_gib(shapes, tensor, 1, 1, 16, experts_spread=apart)
        for tensor, apart in ((1, False), (8, False), (8, True))
    )

    assert alone > 1.5
    assert alone / 8 < spread < cut < alone


def test_the_room_for_adapters_comes_off_the_cache() -> None:
    """And counts with the weights, as vLLM logs it."""
    plain, with_adapters = (
        fit(shapes_of(LLAMA), 22.1, 1, max_model_len=4096, max_loras=loras, max_lora_rank=64)
        for loras in (0, 4)
    )
    assert with_adapters.weights_gib is not None
    assert plain.weights_gib is not None
    assert plain.kv_cache_gib is not None
    assert with_adapters.kv_cache_gib is not None
    more = with_adapters.weights_gib - plain.weights_gib

    assert more == pytest.approx(with_adapters.adapters_gib)
    assert plain.kv_cache_gib - with_adapters.kv_cache_gib == pytest.approx(more)
    assert with_adapters.derivations["weights_gib"].inputs["max_lora_rank"] == 64
    assert "max_loras" not in plain.derivations["weights_gib"].inputs


def test_a_plan_counts_its_adapters() -> None:
    """Rank 64 takes four times the room of rank 16, which is taken where no rank is said."""
    weights = "s3://models/adapters/one"
    plain = server(adapters=())
    small, large = (
        server(adapters=(Adapter(name="one", weights=weights, class_="public", rank=rank),))
        for rank in (16, 64)
    )
    added = [one.memory.weights_gib - plain.memory.weights_gib for one in (small, large)]

    assert added[0] > 0
    assert added[1] == pytest.approx(4 * added[0])
    assert large.flags[large.flags.index("--max-lora-rank") + 1] == "64"


def test_a_model_that_takes_no_adapters_gets_none() -> None:
    """BLOOM's class in vLLM does not support LoRA."""
    found = fit(shapes_of("bigscience/bloom-7b1"), 79.18, 1, max_loras=1)

    assert any("no LoRA adapters" in text for text in found.reasons)
    with pytest.raises(ValueError, match="max_lora_rank is one of"):
        fit(shapes_of(LLAMA), 79.18, 1, max_loras=1, max_lora_rank=17)
