"""Area of concern: the open-weight models of the catalog: what they are made of, and what judges them.

Not here: that references resolve (test_catalog_facts) and how shapes become memory (test_sizing).
"""

from __future__ import annotations

import json
import re
from typing import Any

import msgspec
import pytest
from plan_edits import AS_OF, declared, with_backend, with_route

from inferplan import catalog
from inferplan.catalog import table
from inferplan.catalog.refresh import model_sources, models, wheels
from inferplan.plan.make import make_plan
from inferplan.records.no_plan import NoPlan
from inferplan.sizing.shapes import missing, shapes_of
from inferplan.sizing.weights import weights
from inferplan.spec.declaration import Declaration
from policies.gates import gates
from tests import how_to_rows

READ = models.read()
MISSING = [package for package in model_sources.PACKAGES if wheels.fetched(package) is None]
needs_wheels = pytest.mark.skipif(bool(MISSING), reason=f"not fetched: {', '.join(MISSING)}: make wheels")


@pytest.mark.parametrize("row", READ, ids=lambda row: row["id"])
def test_a_row_says_where_it_comes_from(row: dict[str, Any]) -> None:
    """A model has a source for its shapes or for what a person read, and a day."""
    assert row.get("shapes") or row["source"]
    assert row["as_of"] == "unknown" or table.stated_date(row["as_of"]) is not None
    assert catalog.models()[row["id"]].source


@needs_wheels
def test_the_row_of_the_how_to_is_one_that_the_generator_reads() -> None:
    """Shapes come from the wheel that it names, and its own configuration wins."""
    shown = json.loads(how_to_rows.shown()["models"])
    made, _ = models.row_of(shown, {})
    model = msgspec.convert(made, catalog.Model)

    assert (model.layers, model.hidden, model.kv_heads, model.ctx) == (32, 4096, 8, 131072)
    assert model.unverified_parts == ("license", "gated")
    assert any("litgpt" in source for source in model.source)


@needs_wheels
def test_licenses_agree_with_a_catalog_that_others_maintain() -> None:
    """Whatever gpustack says of a repository is what the row says; nobody's reading contradicts it."""
    tags = {name: tag for name, tag in model_sources.license_tags().items() if name in catalog.models()}

    assert len(tags) > 80
    assert {name: catalog.models()[name].license for name in tags} == tags


UNREAD: dict[str, Any] = {"license": None, "license_id": None, "license_verified": False}
TAGS = [
    ("Qwen/Qwen3.6-27B", UNREAD, ("apache-2.0", "apache-2.0", True)),
    ("Qwen/Qwen3.6-27B", UNREAD | {"license": "mit", "license_id": "mit"}, ("mit", "mit", False)),
    ("moonshotai/Kimi-K2.7-Code", UNREAD, ("modified-mit", None, False)),
    ("nvidia/NVIDIA-Nemotron-3-Nano-30B-A3B-NVFP4", UNREAD, ("nvidia-open-model-license", None, True)),
    ("somebody/else", UNREAD, (None, None, False)),
]


@needs_wheels
@pytest.mark.parametrize(("name", "read", "expected"), TAGS)
def test_a_license_is_read_where_a_catalog_states_it(
    name: str, read: dict[str, Any], expected: tuple[str | None, str | None, bool]
) -> None:
    """A tag that differs from what was read verifies nothing, one that many texts share names none."""
    row = {"id": name} | read
    made = row | models.licensed(row)

    assert (made["license"], made["license_id"], made["license_verified"]) == expected


# -- judged by vLLM's registry ---------------------------------------------------------------------
SERVED = [one for one in catalog.models().values() if one.vllm in {"generate", "pooling"} and one.arch]


@needs_wheels
@pytest.mark.parametrize("model", SERVED, ids=lambda model: model.id)
def test_the_architecture_is_one_that_vllm_serves(model: catalog.Model) -> None:
    """Every model that the catalog says vLLM serves is in the registry of the pinned version.

    A head that scores pairs is put on the architecture that generates.
    """
    served = model_sources.served()
    stem = str(model.arch).removesuffix("ForSequenceClassification")
    bodies = {f"{stem}For{task}" for task in ("CausalLM", "ConditionalGeneration")}

    assert model.arch in served or (stem != model.arch and bodies & set(served))


# -- judged by who published or ran it ---------------------------------------------------------------
RECIPES = [row for row in READ if "recipe_gb" in row]


@pytest.mark.parametrize("row", RECIPES, ids=lambda row: row["id"])
def test_weights_agree_with_the_recipe(row: dict[str, Any]) -> None:
    """vLLM's recipes ask for 1.2 times the bytes of the weights, rounded or estimated before the release."""
    held = weights(shapes_of(row["id"]))

    assert 1.2 * held.repository_gib * 2**30 / 1e9 == pytest.approx(row["recipe_gb"], rel=0.16)


@pytest.mark.parametrize(
    ("model", "gib"),
    [("deepseek-ai/DeepSeek-V4-Flash", 148.66), ("moonshotai/Kimi-K3", 1453.66),
     ("Qwen/Qwen3.6-27B", 51.8), ("Qwen/Qwen3-30B-A3B", 56.9), ("deepseek-ai/DeepSeek-V3", 641.3),
     ("moonshotai/Kimi-Linear-48B-A3B-Instruct", 91.5)],
)  # fmt: skip
def test_repositories_have_their_published_size(model: str, gib: float) -> None:
    """Bytes of safetensors that the hub states, as public measurements quote them."""
    assert weights(shapes_of(model)).repository_gib == pytest.approx(gib, rel=0.03)


def test_many_models_can_be_sized() -> None:
    """A model of the catalog is sized, or says why not."""
    sized = [one for one in catalog.models() if not missing(shapes_of(one))]

    assert len(sized) >= 250


@pytest.mark.parametrize("row", [row for row in READ if "quantizes" in row], ids=lambda row: row["id"])
def test_what_is_quantized_is_smaller(row: dict[str, Any]) -> None:
    """A repository in another format names a row with the same parameters, and stores fewer bytes."""
    one, plain = shapes_of(row["id"]), shapes_of(row["quantizes"])
    assert one.parameters == pytest.approx(plain.parameters, rel=0.01)
    assert row["id"] in catalog.published_as(plain.id, catalog.models()[row["id"]].dtype)

    # what is published at 4 bit by its maker is not made smaller by NVFP4 with its 8-bit attention
    grows = plain.dtype in {"w4a16", "mxfp4"}
    share = weights(one).repository_gib / weights(plain).repository_gib
    assert share < (1.2 if grows else 0.95)


# -- speech ----------------------------------------------------------------------------------------
WHISPER = "openai/whisper-large-v3-turbo"


def serving(api: str, model: str) -> Declaration:
    """The smallest example with another model behind another API."""
    said = with_backend(declared("minimal"), "small", weights=f"hf://{model}", quantization=None)
    return with_route(said, api=api, redaction=None, load={"input_tokens": None, "output_tokens": None})


def test_speech_is_an_api_of_its_own() -> None:
    """Callers reach the path of transcriptions, and the gateway and vLLM know the kind."""
    plan = make_plan(serving("transcription", WHISPER), AS_OF, gates)
    (server,), (entry,) = plan.servers, plan.gateway.config["model_list"]

    assert "/v1/audio/transcriptions" in plan.gateway.paths
    assert entry["model_info"]["mode"] == "audio_transcription"
    assert "--runner" not in server.flags
    assert server.max_model_len <= 448
    assert any("vllm[audio]" in said for said in plan.warnings)


@pytest.mark.parametrize(
    ("api", "model", "reason"),
    [
        ("chat", WHISPER, "it writes down speech only"),
        ("embeddings", WHISPER, "it writes down speech only"),
        ("transcription", "Qwen/Qwen3-4B", "cannot serve transcription|whisper"),
        ("transcription", "BAAI/bge-m3", "cannot serve transcription|whisper"),
    ],
)
def test_speech_needs_a_model_that_listens(api: str, model: str, reason: str) -> None:
    """Both ways: a model of speech serves nothing else, and no other model serves speech."""
    with pytest.raises(NoPlan) as caught:
        make_plan(serving(api, model), AS_OF, gates)

    assert re.search(reason, f"{caught.value} {caught.value.conflicts}")


def test_some_models_chat_and_listen() -> None:
    """vLLM serves Voxtral on both paths."""
    for api in ("chat", "transcription"):
        assert make_plan(serving(api, "mistralai/Voxtral-Mini-3B-2507"), AS_OF, gates).servers


@pytest.mark.parametrize(
    ("api", "model"),
    [("rerank", "BAAI/bge-reranker-v2-m3"), ("rerank", "Qwen/Qwen3-Reranker-0.6B"),
     ("embeddings", "Qwen/Qwen3-Embedding-4B"), ("embeddings", "Snowflake/snowflake-arctic-embed-l-v2.0")],
)  # fmt: skip
def test_models_that_embed_and_score_are_planned(api: str, model: str) -> None:
    """The API kinds have models of their own."""
    (server,) = make_plan(serving(api, model), AS_OF, gates).servers

    assert server.model == model
    assert "pooling" in server.flags
