"""Area of concern: what a newcomer to sizing gets wrong, seen in whole plans; tests carry its number."""

from __future__ import annotations

from typing import Any

import pytest

from inferplan import catalog
from inferplan.plan.make import make_plan
from inferplan.records.no_plan import NoPlan
from inferplan.records.plan import Candidate, Plan, Server
from inferplan.spec.declaration import Declaration
from policies.gates import gates
from tests.unit.plan_edits import AS_OF, EXAMPLES, declared, with_backend, with_route, with_spec

GIB = 2**30
GB = 10**9


def lab(region: str | None, **backend: Any) -> Declaration:
    """The minimal spec without a budget, with its backend changed."""
    said = with_spec(declared("minimal"), budget=None, target={"region": region})
    return with_backend(said, "small", **backend)


def server_of(declaration: Declaration, mode: str | None = None) -> Server:
    (server,) = make_plan(declaration, AS_OF, gates, mode).servers
    return server


def candidate(plan: Plan, instance_type: str) -> Candidate:
    return next(one for one in plan.candidates if one.instance_type == instance_type)


@pytest.mark.parametrize(
    ("name", "gpu", "nominal", "usable"),
    [
        ("in-bank-assistant", "H100", 80, 79.18),
        ("de-clinic-notes", "RTX-PRO-6000", 96, 94.8),
        ("minimal", "T4", 16, 14.6),
    ],
)
def test_trap_01_nominal_memory_is_not_usable_memory(
    name: str, gpu: str, nominal: float, usable: float
) -> None:
    """A card is planned with what its driver reports, in GiB, not with what it is sold as."""
    plan = make_plan(declared(name), AS_OF, gates)

    memory = plan.servers[0].memory
    assert plan.pools[0].gpu == gpu
    assert memory.total_gib == usable < nominal
    assert memory.requested_gib == pytest.approx(0.92 * usable, abs=0.001)


def test_trap_01_weights_are_counted_in_gib() -> None:
    """Qwen3-4B has 4,022,468,096 parameters of 2 bytes: 8.04 GB are 7.49 GiB, 7 % less."""
    weights = server_of(declared("minimal")).memory.weights_gib

    assert weights == pytest.approx(4_022_468_096 * 2 / GIB, rel=0.01)
    assert weights < 0.94 * 4_022_468_096 * 2 / GB


def test_trap_02_sequences_times_vocabulary_take_memory() -> None:
    """max_num_seqs follows the load: at vLLM's 1,024 on an H100 the sampler alone would take 4.7 GiB."""
    server = server_of(declared("in-bank-assistant"))

    at_default = 38.5 * 1024 * 128_256 / GIB
    assert at_default == pytest.approx(4.71, abs=0.01)
    assert server.max_num_seqs < 256
    assert server.memory.activation_gib < at_default / 4
    assert f"--max-num-seqs {server.max_num_seqs}" in " ".join(server.flags)


def test_trap_03_the_mla_cache_is_not_divided_by_tensor_parallel() -> None:
    """DeepSeek-R1 keeps 576 values of 2 bytes a token and layer on every rank of a TP8 group."""
    server = server_of(
        lab(
            "eu-central-1",
            weights="hf://deepseek-ai/DeepSeek-R1",
            capacity={"instance_type": "p4de.24xlarge"},
        )
    )

    memory = server.memory
    assert (server.tensor_parallel, server.pipeline_parallel) == (8, 2)
    assert memory.kv_cache_tokens is not None
    layers = 31  # of 61, on the fuller of two stages
    assert memory.kv_cache_gib * GIB / memory.kv_cache_tokens == pytest.approx(layers * 576 * 2, rel=0.01)


def test_trap_04_a_gqa_cache_is_not_divided_below_one_head() -> None:
    """Qwen3-235B has 4 KV heads: on 8 ranks each keeps a whole one, 2 x 128 values in 94 layers."""
    server = server_of(
        lab(
            "eu-north-1",
            weights="hf://Qwen/Qwen3-235B-A22B-Instruct-2507",
            capacity={"instance_type": "p5.48xlarge"},
        )
    )

    memory = server.memory
    assert server.tensor_parallel == 8
    assert memory.kv_cache_tokens is not None
    assert memory.kv_cache_gib * GIB / memory.kv_cache_tokens == pytest.approx(94 * 2 * 128 * 2, rel=0.01)


def test_trap_05_fp8_does_not_make_every_tensor_one_byte() -> None:
    """Embedding and head of Llama-3.3-70B stay at 2 bytes: 67.7 GiB over two GPUs, not 65.7."""
    server = server_of(with_backend(declared("in-bank-assistant"), "llama", adapters=()))

    assert server.tensor_parallel == 2
    assert 2 * server.memory.weights_gib == pytest.approx(67.7, abs=0.2)
    assert 2 * server.memory.weights_gib > 70_553_706_496 / GIB + 1.5


@pytest.mark.parametrize("model", ["Qwen/Qwen2.5-7B-Instruct", "microsoft/Phi-4-mini-instruct"])
def test_trap_06_heads_must_divide(model: str) -> None:
    """28 or 24 attention heads on 8-GPU nodes: no candidate takes a group that does not divide them."""
    heads = catalog.model(model).heads
    assert heads is not None

    plan = make_plan(
        lab("eu-central-1", weights=f"hf://{model}", engine={"max_model_len": 32768}), AS_OF, gates
    )

    sizes = {one.tensor_parallel for one in plan.candidates if one.nodes}
    assert sizes
    assert all(heads % size == 0 for size in sizes)
    if heads == 28:
        assert 8 not in sizes


def test_trap_07_fp8_on_older_cards_is_no_speed_up() -> None:
    """On A100, FP8 weights compute in 16 bit: prefill is as slow as without, and the plan says so."""
    said = with_backend(declared("in-bank-assistant"), "llama", capacity={"instance_type": "p4d.24xlarge"})
    said = with_spec(said, budget=None)

    plan = make_plan(said, AS_OF, gates)
    (server,) = plan.servers

    assert any("weight-only on compute capability 8.0" in warning for warning in plan.warnings)
    assert server.throughput is not None
    arithmetic = 2 * 70.55e9 * 1380 / (0.45 * 312e12 * server.tensor_parallel)
    assert server.throughput.ttft_ms / 1e3 > arithmetic  # half of that, were it computed in FP8
    assert server.throughput.confidence == "low"


@pytest.mark.parametrize("instance_type", ["p5.48xlarge", "p5en.48xlarge", "p6-b200.48xlarge"])
def test_trap_08_there_is_no_p5_in_eu_central_1(instance_type: str) -> None:
    """H100, H200 and B200 are not offered in Frankfurt: no candidates, and refused where they are named."""
    plan = make_plan(declared("de-clinic-notes"), AS_OF, gates)
    named = with_backend(declared("de-clinic-notes"), "qwen", capacity={"instance_type": instance_type})

    assert instance_type not in {one.instance_type for one in plan.candidates}
    with pytest.raises(NoPlan, match="not offered in eu-central-1"):
        make_plan(named, AS_OF, gates)


@pytest.mark.parametrize(
    ("region", "here", "us_east_1"),
    [("eu-central-1", 1.0064, 0.8048), ("ap-south-1", 0.9664, 0.8048), ("ap-northeast-1", None, 0.8048)],
)
def test_trap_09_the_price_is_that_of_the_region(region: str, here: float | None, us_east_1: float) -> None:
    """A g6.xlarge is billed at the Region's own price, which is up to 45 % above that of us-east-1."""
    plan = make_plan(lab(region, capacity={"instance_type": "g6.xlarge"}), AS_OF, gates)

    (line,) = [line for line in plan.cost.lines if line.name.startswith("GPU nodes")]
    assert line.unit_usd is not None
    assert line.unit_usd > 1.15 * us_east_1
    if here is not None:
        assert line.unit_usd == here
        assert line.expected_usd == pytest.approx(730 * here, abs=0.01)


def test_trap_10_p5e_is_never_free() -> None:
    """p5e has no on-demand price: on demand it has no plan, and reserved its bill is unknown, not 0."""
    p5e = {"instance_type": "p5e.48xlarge"}
    reserved = p5e | {"kind": "reservation", "id": "cr-0123456789abcdef0"}

    with pytest.raises(NoPlan, match="no on-demand list price"):
        make_plan(lab("eu-north-1", capacity=p5e), AS_OF, gates)
    plan = make_plan(lab("eu-north-1", capacity=reserved), AS_OF, gates)

    (line,) = [line for line in plan.cost.lines if line.name.startswith("GPU nodes")]
    assert line.expected_usd is None
    assert line.name in plan.cost.unpriced
    assert candidate(plan, "p5e.48xlarge").monthly_usd is None


def test_trap_10_p5e_is_no_candidate_on_demand() -> None:
    """Where p5e is offered, it is listed as passed over for its missing price, not as the cheapest."""
    plan = make_plan(lab("eu-north-1"), AS_OF, gates)

    assert "no on-demand list price" in candidate(plan, "p5e.48xlarge").reason
    assert not candidate(plan, "p5e.48xlarge").chosen


@pytest.mark.parametrize("month", [1_000, 1_000_000, 50_000_000])
def test_trap_11_tokens_are_priced_by_the_request(month: int) -> None:
    """claude-sonnet-4-5 costs more above 200,000 tokens in one request; a month's tokens are not one.

    800 x 3 + 300 x 15 USD per million tokens = 0.0069 USD a request, 10 % more in a Region of Europe, however
    many there are. In the upper tier 300 output tokens alone would cost 0.0068.
    """
    said = with_spec(declared("eu-both-ways"), budget=None)
    said = with_backend(said, "mistral-api", model="eu.anthropic.claude-sonnet-4-5-20250929-v1:0")
    plan = make_plan(with_route(said, load={"monthly_requests": month}), AS_OF, gates, "managed-api")

    (line,) = [line for line in plan.cost.lines if line.name.startswith("tokens")]
    assert line.expected_usd == pytest.approx(month * 0.0069 * 1.1, rel=1e-6, abs=0.01)


@pytest.mark.parametrize("name", EXAMPLES)
def test_trap_12_the_quota_counts_vcpus(name: str) -> None:
    """A quota of GPU instances is asked for in vCPUs of the whole ceiling, with its code."""
    for pool in make_plan(declared(name), AS_OF, gates, "hybrid" if name == "eu-both-ways" else None).pools:
        instance = catalog.instance(pool.instance_type)
        assert pool.quota_vcpus == pool.max_nodes * instance.vcpu > pool.max_nodes
        assert pool.quota_code == instance.quota_od


def test_trap_13_old_cards_have_no_bfloat16() -> None:
    """T4 serves with --dtype half; newer cards keep the published type; V100 is refused."""
    t4 = server_of(lab("eu-central-1", capacity={"instance_type": "g4dn.xlarge"}))
    l4 = server_of(lab("eu-central-1", capacity={"instance_type": "g6.xlarge"}))

    assert "--dtype half" in " ".join(t4.flags)
    assert "--dtype" not in l4.flags
    with pytest.raises(NoPlan, match="no kernels"):
        make_plan(lab("eu-west-1", capacity={"instance_type": "p3dn.24xlarge"}), AS_OF, gates)


def test_trap_14_tokens_of_hybrid_models_are_derived() -> None:
    """Linear-attention layers keep a state, not tokens: the token count is concurrency times length."""
    hybrid = next(
        model.id
        for model in catalog.models().values()
        if model.kv_type == "gqa+linear_attention" and model.params < 40e9 and model.vllm == "generate"
    )

    memory = (server := server_of(lab("eu-north-1", weights=f"hf://{hybrid}"))).memory

    assert memory.kv_cache_tokens is not None
    assert memory.max_concurrency is not None
    assert memory.kv_cache_tokens == pytest.approx(memory.max_concurrency * server.max_model_len, rel=0.001)


def test_trap_15_the_whole_context_does_not_fit_a_24_gb_card() -> None:
    """131,072 tokens of Llama-3.1-8B need 16 GiB of KV cache beside 15 GiB of weights; 8,192 are needed."""
    llama = "hf://meta-llama/Llama-3.1-8B-Instruct"
    g6 = {"instance_type": "g6.xlarge"}

    with pytest.raises(NoPlan, match=r"one request of 131072 tokens needs 16\.00 GiB"):
        make_plan(
            lab("eu-central-1", weights=llama, capacity=g6, engine={"max_model_len": 131072}), AS_OF, gates
        )
    server = server_of(lab("eu-central-1", weights=llama, capacity=g6))

    assert server.max_model_len == 8192
    assert "--max-model-len 8192" in " ".join(server.flags)
