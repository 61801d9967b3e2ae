"""Every system that the source documents name has an answer: a plan, or what to use instead."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from inferplan import catalog
from inferplan.plan.images import VLLM_OMNI_VERSION, VLLM_VERSION
from inferplan.plan.make import make_plan
from inferplan.plan.own_weights.image_server import LOADING, image_flags
from inferplan.records.no_plan import NoPlan
from inferplan.records.plan import Plan
from inferplan.spec import load
from inferplan.spec.faults import SpecErrors
from policies.gates import gates

AS_OF = date(2026, 11, 20)
ACCOUNT = "123456789012"
VENDORS = {
    "openai": ("openai", "us.api.openai.com"), "azure": ("azure-openai", "desk.openai.azure.com"),
    "anthropic": ("anthropic", "api.anthropic.com"), "vertex": ("google-vertex",
     "aiplatform.us.rep.googleapis.com"),
    "gemini": ("google-gemini-api", "generativelanguage.googleapis.com"),
    "perplexity": ("perplexity", "api.perplexity.ai"), "mistral": ("mistral", "api.us.mistral.ai"),
    "deepseek": ("deepseek", "api.deepseek.com"), "hub-router": ("huggingface-providers",
     "router.huggingface.co"),
    "bedrock": ("amazon-bedrock", None), "copilot": ("microsoft-365-copilot", "graph.microsoft.com"),
    "alexa": ("amazon-alexa", None), "midjourney": ("midjourney", None),
}  # fmt: skip


def organization() -> dict[str, Any]:
    """An organization that has every named vendor under contract."""

    def entry(provider: str, host: str | None) -> dict[str, Any]:
        assessed = {
            "reference": "PIA-1",
            "date": "2026-01-01",
            "approver": "dpo@lab.example",
            "classes": ["public"],
        }
        found = {"provider": provider, "max_class": "public", "contract": "C-1", "trains_on_data": False,
                 "assessment": assessed, "monthly_limit_usd": 100}  # fmt: skip
        return found | ({"host": host} if host else {})

    return {
        "apiVersion": "inferplan/v1beta1", "kind": "Organization",
        "metadata": {"name": "lab", "owner": "platform@lab.example"},
        "entities": {"lab": {"domicile": "US", "sector": "none", "monthly_active_users": 10,
         "annual_revenue_usd": 1}},
        "accounts": {ACCOUNT: {"entity": "lab", "environment": "staging", "criticality": "experimental",
                               "max_class": "public", "countries": ["US"]}},
        "classes": {name: {"backends": ["self-hosted", "managed-api"]} for name in
                    ("public", "internal", "confidential", "restricted")},
        "vendors": {name: entry(*known) for name, known in VENDORS.items()},
    }  # fmt: skip


def plan(folder: Path, backend: dict[str, Any], api: str = "chat", **route: Any) -> Plan:
    """A small spec with one route and one backend, read from files and planned."""
    spec = {
        "apiVersion": "inferplan/v1beta1", "kind": "InferenceStack",
        "metadata": {"name": "asked", "owner": "me@lab.example"},
        "mode": "managed-api" if "vendor" in backend else "self-hosted",
        "target": {"platform": "aws", "account": ACCOUNT, "region": "us-east-1"},
        "data": {"subjects": ["US"], "personal": False, "residency": {"countries": ["US"]}},
        "backends": {"asked": backend},
        "routes": [{"name": "route", "api": api, "classes": ["public"], "backends": ["asked"],
                    "load": {"peak_requests_per_second": 0.2, "input_tokens": 200,
                     "output_tokens": 100}} | route],
        "budget": {"monthly_usd": 100000, "alert_emails": ["me@lab.example"]},
    }  # fmt: skip
    (folder / "organization").mkdir()
    (folder / "organization" / "organization.yaml").write_text(json.dumps(organization()))
    (folder / "asked.yaml").write_text(json.dumps(spec))
    return make_plan(load(folder / "asked.yaml", folder / "organization"), AS_OF, gates)


def weights(model: str) -> dict[str, Any]:
    return {"weights": f"hf://{model}"}


def vendor(name: str, model: str) -> dict[str, Any]:
    return {"vendor": name, "model": model}


# One row per system: its main name in the catalog, how a spec names it, the API, and what the plan serves.
PLANNED: list[tuple[str, dict[str, Any], str, str]] = [
    ("Llama", weights("meta-llama/Llama-2-7b-hf"), "chat", "meta-llama/Llama-2-7b-hf"),
    ("Llama", weights("llama-2-70b"), "chat", "meta-llama/Llama-2-70b-hf"),
    ("Llama", weights("meta-llama/Meta-Llama-3-8B-Instruct"), "chat", "meta-llama/Meta-Llama-3-8B-Instruct"),
    ("Llama", weights("llama-4-scout"), "chat", "meta-llama/Llama-4-Scout-17B-16E-Instruct"),
    ("Mistral", weights("mistral-7b"), "chat", "mistralai/Mistral-7B-Instruct-v0.3"),
    ("Mistral", vendor("mistral", "mistral-large-2512"), "chat", "mistral api.us.mistral.ai"),
    ("Mixtral", weights("mixtral-8x7b"), "chat", "mistralai/Mixtral-8x7B-Instruct-v0.1"),
    ("DeepSeek", weights("deepseek-ai/DeepSeek-R1"), "chat", "deepseek-ai/DeepSeek-R1"),
    ("DeepSeek", vendor("bedrock", "deepseek.v3.2"), "chat", "amazon-bedrock bedrock-runtime."),
    ("DeepSeek", vendor("deepseek", "deepseek-chat"), "chat", "deepseek api.deepseek.com"),
    ("BLOOM", weights("bigscience/bloom"), "chat", "bigscience/bloom"),
    ("GPT-2", weights("gpt-2"), "chat", "openai-community/gpt2"),
    ("BERT", weights("bert"), "embeddings", "google-bert/bert-base-uncased"),
    ("Stable Diffusion", weights("stable-diffusion"), "images",
     "stable-diffusion-v1-5/stable-diffusion-v1-5"),
    ("Stable Diffusion", weights("sdxl"), "images", "stabilityai/stable-diffusion-xl-base-1.0"),
    ("Stable Diffusion", weights("sd-3.5-medium"), "images", "stabilityai/stable-diffusion-3.5-medium"),
    ("Stable Diffusion", vendor("bedrock", "us.stability.stable-image-inpaint-v1:0"), "images",
     "amazon-bedrock bedrock-runtime."),
    ("GPT", vendor("openai", "gpt-4.1-2025-04-14"), "chat", "openai us.api.openai.com"),
    ("GPT", vendor("azure", "gpt-4o"), "chat", "azure-openai desk.openai.azure.com"),
    ("gpt-oss", weights("openai/gpt-oss-20b"), "chat", "openai/gpt-oss-20b"),
    ("ChatGPT", vendor("openai", "gpt-4o"), "chat", "openai us.api.openai.com"),
    ("Claude", vendor("anthropic", "claude-sonnet-4-5"), "chat", "anthropic api.anthropic.com"),
    ("Claude", vendor("bedrock", "us.anthropic.claude-haiku-4-5-20251001-v1:0"), "chat",
     "amazon-bedrock bedrock-runtime."),
    ("Gemini", vendor("vertex", "gemini-2.5-pro"), "chat", "google-vertex aiplatform.us.rep.googleapis.com"),
    ("Gemini", vendor("gemini", "gemini-2.5-pro"), "chat",
     "google-gemini-api generativelanguage.googleapis.com"),
    ("Perplexity AI", vendor("perplexity", "sonar"), "chat", "perplexity api.perplexity.ai"),
    ("Hugging Face", weights("Qwen/Qwen3-4B"), "chat", "Qwen/Qwen3-4B"),
    ("Hugging Face", vendor("hub-router", "Qwen/Qwen3-4B"), "chat",
     "huggingface-providers router.huggingface.co"),
]  # fmt: skip

# How a spec names it, and words of the refusal that say what to use instead.
REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("Google Bard", vendor("bard", "bard"), "google-vertex"),
    ("Google Bard", vendor("vertex", "Bard"), "google-vertex"),
    ("Microsoft Copilot", vendor("copilot", "copilot"), "azure-openai"),
    ("Microsoft Copilot", vendor("Microsoft 365 Copilot", "gpt"), "azure-openai"),
    ("Amazon Alexa", vendor("alexa", "alexa"), "amazon-bedrock"),
    ("Midjourney", vendor("midjourney", "v7"), "stabilityai/stable-diffusion-3.5-medium"),
    ("Midjourney", weights("midjourney/v7"), "stabilityai/stable-diffusion-3.5-medium"),
    ("PyTorch", weights("pytorch/pytorch"), "a model id"),
    ("TensorFlow", weights("tensorflow/tensorflow"), "a model id"),
    ("Linux", weights("linux/linux"), "the EKS image of the instance type"),
    ("Python", weights("python/python"), "a model id"),
]  # fmt: skip


def test_no_system_of_the_documents_is_left_out() -> None:
    """The rows below name exactly the systems of the catalog, each on the side that it says."""
    treated = {row.system: row.treatment for row in catalog.named_systems().values()}

    assert {row[0] for row in PLANNED} == {name for name, said in treated.items() if said == "plan"}
    assert {row[0] for row in REFUSED} == {name for name, said in treated.items() if said == "refuse"}


@pytest.mark.parametrize(
    ("backend", "api", "serves"),
    [row[1:] for row in PLANNED],
    ids=[f"{r[0]}-{i}" for i, r in enumerate(PLANNED)],
)
def test_a_named_system_plans(tmp_path: Path, backend: dict[str, Any], api: str, serves: str) -> None:
    """By product alias or model id, as weights or as a vendor's model, the plan serves what was named."""
    made = plan(tmp_path, backend, api)
    servers = [server.model for server in made.servers]
    vendors = [f"{one.provider} {one.host}" for one in made.vendors]

    assert len([*servers, *vendors]) == 1
    assert [*servers, *vendors][0].startswith(serves)
    assert made.cost.monthly_usd.expected > 0


@pytest.mark.parametrize(
    ("backend", "instead"), [row[1:] for row in REFUSED], ids=[f"{r[0]}-{i}" for i, r in enumerate(REFUSED)]
)
def test_what_is_no_backend_is_refused_with_what_to_use(
    tmp_path: Path, backend: dict[str, Any], instead: str
) -> None:
    """Consumer products, frameworks and systems without an API name what to use instead."""
    with pytest.raises(SpecErrors) as refused:
        plan(tmp_path, backend)

    assert instead in str(refused.value)
    assert "cannot be a backend" in str(refused.value)


WRONG_API = [
    (weights("bert"), "chat", "api: embeddings"), (weights("bert"), "classify", "api: embeddings"),
    (weights("Qwen/Qwen3-4B"), "images", "stable-diffusion"), (weights("sdxl"), "chat", "api: images"),
    (weights("sd-3.5-large"), "embeddings", "api: images"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("backend", "api", "change"), WRONG_API, ids=[f"{row[0]['weights']} as {row[1]}" for row in WRONG_API]
)
def test_an_api_that_the_model_cannot_serve_is_refused(
    tmp_path: Path, backend: dict[str, Any], api: str, change: str
) -> None:
    """An encoder does not chat, a text model makes no images, an image model makes nothing else."""
    with pytest.raises(NoPlan) as refused:
        plan(tmp_path, backend, api)

    assert refused.value.conflicts[0].path == "routes[0].api"
    assert change in str(refused.value.conflicts[0].change)


@pytest.mark.parametrize(
    ("backend", "words"),
    [
        (weights("bigscience/bloom-7b1"), "BLOOM: RAIL use limits"),
        (weights("gpt-2"), "GPT-2: runs, not fit for production chat"),
        (vendor("perplexity", "sonar"), "Perplexity AI: Pro is a product"),
    ],
)
def test_a_plan_says_what_should_be_known(tmp_path: Path, backend: dict[str, Any], words: str) -> None:
    """Old, limited and misnamed systems plan with a warning that names something better where there is."""
    assert any(words in warning for warning in plan(tmp_path, backend).warnings)


# -- Stable Diffusion ------------------------------------------------------------------------------
def test_images_are_made_by_the_diffusion_server(tmp_path: Path) -> None:
    """Its own image, one GPU, no token settings, and a warning that it is not sized for the load."""
    made = plan(tmp_path, weights("sdxl"), "images")
    (server,) = made.servers

    assert server.engine == "diffusion"
    assert (server.image.name, server.image.upstream) == ("diffusion", "docker.io/vllm/vllm-omni")
    assert server.image.tag == f"v{VLLM_OMNI_VERSION}"
    assert (server.gpus_per_pod, server.tensor_parallel) == (1, 1)
    assert (server.max_model_len, server.max_num_batched_tokens) == (None, None)
    assert server.throughput is None
    assert server.memory.weights_gib + server.memory.activation_gib == pytest.approx(
        server.memory.requested_gib
    )
    assert server.memory.margin_gib >= 0
    assert any("not sized for the load" in warning for warning in made.warnings)
    assert [entry["model_info"]["mode"] for entry in made.gateway.config["model_list"]] == [
        "image_generation"
    ]


def test_every_flag_of_the_diffusion_server_exists() -> None:
    """Flags are vLLM-Omni's or vLLM's own; only safetensors are loaded, and nothing is fetched."""
    flags = [flag for flag in image_flags("asked", 600) if flag.startswith("--")]

    assert set(flags) <= catalog.vllm_omni_flags(VLLM_OMNI_VERSION) | catalog.vllm_flags(VLLM_VERSION)
    assert {"--omni", "--diffusion-load-format", "--diffusers-load-kwargs"} <= set(flags)
    assert LOADING == {"local_files_only": True, "use_safetensors": True}


@pytest.mark.parametrize(
    ("model", "gpu_gib", "gpu"),
    [
        ("stable-diffusion-v1-5/stable-diffusion-v1-5", 7.5, "L4"),
        ("stabilityai/stable-diffusion-xl-base-1.0", 14.9, "L4"),
        ("stabilityai/stable-diffusion-3.5-medium", 41.0, "L40S"),
        ("stabilityai/stable-diffusion-3.5-large", 51.4, "RTX-PRO-6000"),
    ],
)
def test_an_image_model_gets_a_gpu_that_holds_it(
    tmp_path: Path, model: str, gpu_gib: float, gpu: str
) -> None:
    """The cheapest card of us-east-1 with bfloat16 and enough memory: 22 GiB, 44 GiB or 94 GiB."""
    made = plan(tmp_path, weights(model), "images")

    assert catalog.image_models()[model].gpu_gib == gpu_gib
    assert made.pools[0].gpu == gpu
    assert catalog.gpu(gpu).usable_gib >= gpu_gib


@pytest.mark.parametrize(
    ("backend", "route", "path"),
    [
        ({"quantization": "fp8"}, {}, "backends.asked.quantization"),
        ({"engine": {"max_model_len": 4096}}, {}, "backends.asked.engine.max_model_len"),
        ({}, {"objectives": {"ttft_ms": {"p95": 500}}}, "routes[0].objectives.ttft_ms"),
    ],
    ids=["quantization", "context", "time to first token"],
)
def test_token_settings_on_an_image_model_are_refused(
    tmp_path: Path, backend: dict[str, Any], route: dict[str, Any], path: str
) -> None:
    """What only a text model has is refused by its field, not ignored."""
    with pytest.raises(NoPlan) as refused:
        plan(tmp_path, weights("sdxl") | backend, "images", **route)

    assert path in {conflict.path for conflict in refused.value.conflicts}


def test_every_number_of_a_diffusion_server_is_derived(tmp_path: Path) -> None:
    """No figure of the server stands without how it came about."""
    made = plan(tmp_path, weights("sdxl"), "images")
    numbers = [
        name for name in made.servers[0].__struct_fields__
        if isinstance(getattr(made.servers[0], name), int | float)
    ]  # fmt: skip

    assert numbers
    assert not [name for name in numbers if f"servers[0].{name}" not in made.derivations]
