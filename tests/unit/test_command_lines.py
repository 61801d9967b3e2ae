"""Area of concern: every planned command line is one that the pinned vLLM takes, by its own argument list.

Not here: which flags a spec may set (test_engine_options) and what only a GPU can show.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import Phase, assume, given, settings
from hypothesis import strategies as st

from components.model_server_pod import _across_nodes
from inferplan import catalog
from inferplan.plan.images import VLLM_VERSION
from inferplan.plan.make import make_plan
from inferplan.plan.own_weights.image_server import image_flags
from inferplan.records.no_plan import NoPlan
from inferplan.records.plan import Server
from inferplan.sizing import fit, shapes_of
from inferplan.spec.declaration import Declaration
from policies.gates import gates
from tests.unit.plan_edits import AS_OF, EXAMPLES, declared, with_backend, with_route, with_spec
from tests.unit.recorded import STACKS, planned, server
from tests.vllm_judge.asking import Judge, judge

WITH_SERVERS = tuple(name for name in dict.fromkeys((*STACKS, *EXAMPLES)) if planned(name).servers)
REGION = "us-east-1"
ENCODERS = ("BAAI/bge-m3", "Alibaba-NLP/gte-modernbert-base", "BAAI/bge-reranker-v2-m3")
POOLED = (
    *ENCODERS, "Qwen/Qwen3-Embedding-4B", "intfloat/e5-mistral-7b-instruct", "google/embeddinggemma-300m"
)  # fmt: skip
CHAT = (
    "meta-llama/Llama-3.1-8B-Instruct", "mistralai/Mistral-Small-3.2-24B-Instruct-2506", "Qwen/Qwen3-4B",
    "Qwen/Qwen3-235B-A22B-Instruct-2507", "deepseek-ai/DeepSeek-R1", "google/gemma-3-27b-it",
    "openai/gpt-oss-120b",
)  # fmt: skip
TYPES = (
    "g4dn.xlarge", "g5.12xlarge", "g6.xlarge", "g6e.12xlarge", "p4d.24xlarge", "p5.48xlarge", "p5en.48xlarge"
)  # fmt: skip


@pytest.fixture(scope="module")
def vllm() -> Iterator[Judge]:
    """vLLM, where the wheels are fetched."""
    found = judge()
    if found is None:
        pytest.skip("the pinned wheels are not fetched: make wheels")
    yield found
    judge.cache_clear()
    found.process.communicate(timeout=20)


def lab(model: str, api: str = "chat", **backend: Any) -> Declaration:
    """The minimal spec around one model, without a budget."""
    said = with_spec(declared("minimal"), budget=None, target={"region": REGION})
    said = with_route(said, api=api, objectives={"ttft_ms": None, "tpot_ms": None})
    return with_backend(said, "small", weights=f"hf://{model}", **backend)


def served(declaration: Declaration) -> Server:
    """The server of its plan."""
    (found,) = make_plan(declaration, AS_OF, gates).servers
    return found


@pytest.mark.parametrize("stack", WITH_SERVERS)
def test_vllm_takes_the_command_of_every_example(vllm: Judge, stack: str) -> None:
    """Each flag, each value and all of them together."""
    for one in planned(stack).servers:
        assert vllm.refuses_server(one) is None


@pytest.mark.parametrize("model", catalog.image_models())
def test_vllm_omni_takes_the_command_of_every_image_model(vllm: Judge, model: str) -> None:
    """Its parser is vLLM's with flags of its own."""
    said = with_spec(declared("minimal"), budget=None, target={"region": REGION})
    said = with_route(said, api="images", objectives={"ttft_ms": None, "tpot_ms": None})
    one = served(with_backend(said, "small", weights=f"hf://{model}", engine={"max_model_len": None}))

    assert "--omni" in one.flags
    assert vllm.refuses_server(one) is None


@pytest.mark.parametrize("node", ["leader", "worker"])
def test_vllm_takes_the_command_of_every_node_of_a_group(vllm: Judge, node: Any) -> None:
    """With the places that the LeaderWorkerSet fills in."""
    one = server(pipeline_parallel=2)
    across = _across_nodes(one, node)

    assert ("--headless" in across) is (node == "worker")
    assert {"--nnodes", "--node-rank"} <= {*across}
    assert vllm.refuses_server(one, *across) is None


@pytest.mark.parametrize(
    ("wrong", "answer"),
    [
        (["--max-modl-len", "4096"], "unrecognized arguments"),
        (["--max-num-seqs", "many"], "invalid int value"),
        (["--kv-cache-dtype", "fp9"], "Invalid kv_cache_dtype"),
        (["--quantization", "int3"], "unknown quantization method"),
        (["--quantization", "fp_quant"], "is deprecated"),
        (["--gpu-memory-utilization", "1.5"], "less than or equal to 1"),
        (["--enable-lora", "--max-lora-rank", "20"], "invalid choice: 20"),
        (["--load-format", "none"], "not supported"),
        (["--model-loader-extra-config", '{"threads": 4}'], "extra config"),
        (["--enable-auto-tool-choice"], "requires --tool-call-parser"),
        (["--max-num-batched-tokens", "2", "--max-num-seqs", "4"], "greater than or equal to max_num_seqs"),
        (["--enable-lora", "--max-loras", "0"], "greater than or equal to 1"),
    ],
    ids=lambda one: one[0] if isinstance(one, list) else "",
)
def test_the_judge_refuses_what_vllm_refuses(vllm: Judge, wrong: list[str], answer: str) -> None:
    """A flag, a form of a value, a combination: the other direction of all tests here."""
    said = vllm.refuses([f"/{server().weights_key}", *server().flags, *wrong])

    assert said is not None
    assert answer in said


def test_the_judge_refuses_what_vllm_omni_refuses(vllm: Judge) -> None:
    """A value and a flag that its own parser does not know."""
    flags = list(image_flags("asked", 600))

    assert vllm.refuses(["/m", *flags]) is None
    assert "invalid choice" in str(vllm.refuses(["/m", *flags, "--diffusion-load-format", "difusers"]))
    assert "unrecognized" in str(vllm.refuses(["/m", *flags, "--difusers-load-kwargs", "{}"]))


@pytest.mark.parametrize("model", POOLED)
def test_a_pooled_text_is_read_in_one_step_k8s_1(vllm: Judge, model: str) -> None:
    """Encoders, and decoders that pool over all tokens, take no text in parts: vLLM refuses to start."""
    for length in (1024, 2048, 4096, 8192):
        if length > (catalog.model(model).ctx or length):
            continue
        one = served(lab(model, "embeddings", engine={"max_model_len": length}))
        assert one.max_num_batched_tokens is not None
        assert one.max_num_batched_tokens >= length
        assert vllm.refuses_server(one) is None


@pytest.mark.parametrize("model", ENCODERS)
def test_vllm_refuses_less_than_a_whole_text_k8s_1(vllm: Judge, model: str) -> None:
    """What was planned before: 2,048 tokens in a step for texts of 4,096."""
    one = served(lab(model, "embeddings", engine={"max_model_len": 4096}))
    less = vllm.refuses_server(one, "--max-num-batched-tokens", "2048")

    assert less is not None
    assert "smaller than max_model_len" in less


def test_a_size_that_vllm_refuses_does_not_fit_k8s_1() -> None:
    """The same numbers, asked of sizing alone: what an encoder and what every scheduler need."""
    bge, llama = shapes_of("BAAI/bge-m3"), shapes_of("meta-llama/Llama-3.1-8B-Instruct")

    assert fit(bge, 22.0, 1, max_model_len=4096).max_num_batched_tokens == 4096
    less = fit(bge, 22.0, 1, max_model_len=4096, max_num_batched_tokens=2048)
    few = fit(llama, 44.0, 1, max_model_len=4096, max_num_batched_tokens=64, max_num_seqs=128)
    assert less.fits is False
    assert "reads a text in one step" in less.reasons[0]
    assert few.fits is False
    assert "below max_num_seqs" in few.reasons[0]
    assert fit(llama, 44.0, 1, max_model_len=4096, max_num_batched_tokens=2048).fits


@settings(max_examples=60, deadline=None, phases=(Phase.generate,))
@given(
    model=st.sampled_from([*((one, "chat") for one in CHAT), *((one, "embeddings") for one in POOLED)]),
    instance=st.sampled_from(TYPES),
    length=st.sampled_from((None, 2048, 8192, 32768)),
    cache=st.sampled_from((None, "fp8")),
    quantization=st.sampled_from((None, "fp8")),
    args=st.dictionaries(
        st.sampled_from(("enable-prefix-caching", "disable-log-requests", "enforce-eager")), st.booleans()
    ),
    peak=st.floats(0.01, 20),
)
def test_vllm_takes_the_command_of_any_plan(
    vllm: Judge,
    model: tuple[str, str],
    instance: str,
    length: int | None,
    cache: str | None,
    quantization: str | None,
    args: dict[str, bool],
    peak: float,
) -> None:
    """Models, cards and options in any combination that has a plan."""
    engine = {"max_model_len": length, "kv_cache_dtype": cache, "args": args}
    said = lab(*model, capacity={"instance_type": instance}, engine=engine, quantization=quantization)
    try:
        one = served(with_route(said, load={"peak_requests_per_second": peak}))
    except NoPlan:
        assume(False)

    node = "leader" if (one.pipeline_parallel or 1) > 1 else "only"
    assert vllm.refuses_server(one, *_across_nodes(one, node)) is None, one.flags


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("fp8", "fp8_per_tensor"),
        ("fp8_per_block", "fp8_per_block"),
        ("int8", "int8_per_channel_weight_only"),
        ("mxfp8", "mxfp8"),
    ],
)
def test_weights_are_quantized_at_load_by_a_method_for_it_k8s_10(vllm: Judge, said: str, told: str) -> None:
    """`fp8` is deprecated there since 0.33, and some names of a format are no methods."""
    one = served(lab("Qwen/Qwen3-4B", quantization=said, capacity={"instance_type": "g6.xlarge"}))

    assert catalog.vllm_methods(VLLM_VERSION)[told].at_load
    assert one.flags[one.flags.index("--quantization") + 1] == told
    assert vllm.refuses_server(one) is None


URLS = (
    "http://169.254.169.254/latest/meta-data/", "http://169.254.170.23/v1/credentials", "https://example.org/cat.png",
    "http://llm-qwen.inference.svc/v1/models", "HTTPS://EXAMPLE.ORG/cat.png", "http://none.invalid@169.254.169.254/x",
    "http://none.invalid.example.org/x", "file:///var/run/secrets/x", "file:///models/config.json", "ftp://example.org/x",
    "s3://bucket/key", "gs://bucket/key",
)  # fmt: skip


@pytest.mark.parametrize("url", URLS)
def test_no_request_makes_a_server_fetch(vllm: Judge, url: str) -> None:
    """vLLM's own reader of media, with the flags of every planned server, asks no host and opens no file."""
    for stack in WITH_SERVERS:
        for one in planned(stack).servers:
            said = vllm.fetches(["/m", *one.flags], url)
            assert said is not None, one.flags


def test_without_the_list_it_would_fetch(vllm: Judge) -> None:
    """The other direction: an empty list is no list."""
    flags = list(server().flags)
    place = flags.index("--allowed-media-domains")
    open_ = ["/m", *flags[:place], *flags[place + 2 :]]

    assert vllm.fetches(open_, "http://169.254.169.254/x") is None
    assert (
        vllm.fetches(["/m", *flags, "--allowed-media-domains", "example.org"], "https://example.org/x")
        is None
    )


def test_redirects_are_not_followed_and_nothing_else_is_opened() -> None:
    """Variables of the pinned version that would open a way, and that no server is given."""
    opens = {
        "VLLM_ALLOW_RUNTIME_LORA_UPDATING",
        "VLLM_SERVER_DEV_MODE",
        "VLLM_MEDIA_CONNECTOR",
        "VLLM_MEDIA_CACHE",
    }
    known = catalog.vllm_env(VLLM_VERSION)

    assert {*opens, "VLLM_MEDIA_URL_ALLOW_REDIRECTS"} <= known
    for stack in WITH_SERVERS:
        for one in planned(stack).servers:
            assert one.env["VLLM_MEDIA_URL_ALLOW_REDIRECTS"] == "0"
            assert not opens & one.env.keys()
