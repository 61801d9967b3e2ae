"""Area of concern: the planner takes no layout that `size` would refuse, and sizes it as `size` does.

Not here: what is refused (test_refusals) and which layout is the best (test_choice).
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator

import pytest
from msgspec import structs
from plan_edits import AS_OF, declared, spec_of, with_backend, with_spec

from inferplan import catalog, sizing
from inferplan.plan.make import make_plan
from inferplan.plan.own_weights.engine_options import EngineOptions
from inferplan.plan.own_weights.instance_choice import TENSOR_PARALLEL
from inferplan.plan.own_weights.layouts import Demand, Layout, layout
from inferplan.records.plan import Server
from inferplan.sizing.memory import cannot_be_sized, fit
from inferplan.sizing.weights import weights
from policies.gates import gates
from tests.command_line import inferplan

GPUS = ("T4", "A10G", "A100-80GB", "L4", "H100", "B200", "RTX-PRO-6000")
SIZED = [name for name in catalog.models() if cannot_be_sized(sizing.shapes_of(name)) is None]


def demand(
    model: str, kv_cache_dtype: str = "auto", quantization: str | None = None, loras: int = 0
) -> Demand:
    shapes = sizing.shapes_of(model)
    return Demand(
        backend="m",
        shapes=shapes,
        quantization=quantization,
        kv_cache_dtype=kv_cache_dtype,
        max_model_len=min(4096, shapes.context or 4096),
        input_tokens=100,
        output_tokens=100 if shapes.serves == "generate" else 0,
        requests_per_second=0.1,
        fallback_requests_per_second=0.0,
        objectives=sizing.Objectives(),
        availability_percent=99.0,
        at_slow_end=False,
        options=EngineOptions(max_loras=loras),
    )


def wishes(model: str) -> Iterator[Demand]:
    """A model as published, with an FP8 cache, in another format, and with adapters."""
    yield demand(model)
    yield demand(model, kv_cache_dtype="fp8")
    yield demand(model, quantization="fp8")
    yield demand(model, loras=2)


@pytest.mark.parametrize("model", SIZED)
def test_a_layout_that_is_taken_starts(model: str) -> None:
    """On each GPU and size of group: what is refused is no layout, and a layout was found to fit."""
    taken = 0
    for gpu in GPUS:
        card = catalog.gpu(gpu)
        for wish in wishes(model):
            for tensor in TENSOR_PARALLEL:
                found = layout(wish, gpu, tensor, 1)
                asked = fit(
                    wish.shapes, card.usable_gib, tensor, quantization=wish.quantization,
                    kv_cache_dtype=wish.kv_cache_dtype, max_model_len=wish.max_model_len, max_num_seqs=8,
                    gpu=card.name, compute_capability=card.cc, max_loras=wish.options.max_loras,
                )  # fmt: skip
                if not asked.fits:
                    assert not isinstance(found, Layout), (gpu, tensor, asked.reasons)
                elif isinstance(found, Layout):
                    assert found.point.fit.fits
                    assert found.point.fit.reasons == ()
                    taken += 1
    largest = 8 * catalog.gpu("B200").usable_gib
    shapes = sizing.shapes_of(model)
    assert taken or shapes.attention == "hybrid_compressed" or weights(shapes).repository_gib > largest


def answer(server: Server, gpu: str) -> dict[str, object]:
    """What `size` says on the command line to the server of a plan."""
    options = {
        "--model": server.model,
        "--gpu": gpu,
        "--tensor-parallel": server.tensor_parallel,
        "--pipeline-parallel": server.pipeline_parallel,
        "--max-model-len": server.max_model_len,
        "--max-num-seqs": server.max_num_seqs,
        "--max-num-batched-tokens": server.max_num_batched_tokens,
        "--gpu-memory-utilization": server.gpu_memory_utilization,
        **({"--quantization": server.quantization} if server.quantization else {}),
        **{flag: value for flag, value in pairs(server.flags) if flag in {"--kv-cache-dtype", "--max-loras"}},
    }
    said = inferplan("size", "--format", "json", *(str(part) for pair in options.items() for part in pair))
    found: dict[str, object] = json.loads(said.out)
    return found


def pairs(flags: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    return itertools.pairwise(flags)


@pytest.mark.parametrize(
    ("model", "region"),
    [
        ("microsoft/phi-4", "eu-central-1"),
        ("Qwen/Qwen2.5-7B-Instruct", "eu-central-1"),
        ("openai/gpt-oss-20b", "eu-north-1"),
        ("google/gemma-3-4b-it", "eu-central-1"),
        ("Qwen/Qwen3-30B-A3B", "eu-north-1"),
        ("meta-llama/Llama-3.3-70B-Instruct", "eu-north-1"),
        ("Qwen/Qwen3.5-27B", "eu-central-1"),
        ("BAAI/bge-m3", "eu-central-1"),
    ],
)
def test_size_agrees_with_the_plan_on_the_command_line(model: str, region: str) -> None:
    """The same verdict and the same memory."""
    example = declared("minimal")
    routes = spec_of(example).routes
    said = with_spec(
        with_backend(example, "small", weights=f"hf://{model}"),
        target={"region": region},
        budget={"monthly_usd": 10**6},
    )
    if sizing.shapes_of(model).serves == "pooling":
        said = with_spec(said, routes=(structs.replace(routes[0], api="embeddings"),))
    plan = make_plan(said, AS_OF, gates)
    for server in plan.servers:
        gpu = next(pool.gpu for pool in plan.pools if pool.name == server.pool)
        found = answer(server, gpu)
        assert found["fits"] is True, found["reasons"]
        for term in ("weights_gib", "activation_gib", "kv_cache_gib", "margin_gib"):
            assert found[term] == pytest.approx(getattr(server.memory, term), abs=0.01), term
