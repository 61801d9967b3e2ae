"""Area of concern: what vendors keep of prompts, per model and endpoint; the stricter word counts."""

from __future__ import annotations

from dataclasses import replace
from fnmatch import fnmatchcase

import pytest
from msgspec import structs
from plan_edits import AS_OF, declared, with_backend, with_route, with_spec

from inferplan import catalog
from inferplan.catalog import BEDROCK
from inferplan.spec.declaration import Declaration
from inferplan.spec.model import Data, Load, Retention
from policies.evaluate import evaluate

APIS = {"chat", "embeddings", "transcription"}
KNOWN = {
    provider: {
        row.model
        for row in catalog.vendor_models().values()
        if row.provider == provider and APIS & set(row.apis)
    }
    for provider in catalog.vendors()
    if provider != BEDROCK
}


# -- the table -------------------------------------------------------------------------------------
def test_every_row_is_of_a_vendor_and_says_where_it_was_read() -> None:
    """A table that people read: an address in every row, and a day."""
    for key, row in catalog.model_retentions().items():
        assert row.provider in catalog.vendors(), key
        assert all(source.startswith("https://") for source in row.source), key
        assert catalog.stated_date(row.as_of) is not None, key
        assert row.default_days is None or row.default_days >= (row.least_days or 0), key
        assert not row.until_deleted or row.endpoints, key


def test_every_pattern_means_a_model() -> None:
    """What fits none is a slip of the pen, or of a model that is gone."""
    for key, row in catalog.model_retentions().items():
        listed = catalog.bedrock_models() if row.provider == BEDROCK else catalog.vendor_models()
        names = [name.removeprefix(f"{row.provider}/") for name in listed]
        for pattern in row.models:
            assert any(fnmatchcase(name, pattern) for name in names), (key, pattern)


def test_every_model_that_a_vendor_serves_has_a_row() -> None:
    """But for those of which nothing was found: they are undecided where prompts may not be kept."""
    silent = {
        f"{provider}/{model}"
        for provider, models in KNOWN.items()
        for model in models
        if catalog.model_retention(provider, model) is None
    }

    assert {one for one in silent if not one.startswith("perplexity/")} == SILENT
    assert catalog.model_retention("perplexity", "sonar-pro") is not None


SILENT = {
    "azure-openai/gpt-audio", "azure-openai/gpt-audio-1.5", "azure-openai/gpt-audio-1.5-2026-02-23",
    "azure-openai/gpt-audio-2025-08-28", "azure-openai/gpt-audio-mini",
    "azure-openai/gpt-audio-mini-2025-10-06", "azure-openai/mistral-large-2402",
    "azure-openai/mistral-large-latest", "azure-openai/model-router",
    "google-vertex/chirp_2", "google-vertex/chirp_3",
    "google-vertex/deep-research-pro-preview-12-2025", "google-vertex/medlm-large",
    "google-vertex/medlm-medium", "google-vertex/text-unicorn", "google-vertex/text-unicorn@001",
}  # fmt: skip


@pytest.mark.parametrize(
    ("provider", "model", "endpoint", "default", "least"),
    [
        ("openai", "gpt-4.1-2025-04-14", None, 30, 0),
        ("openai", "gpt-5.4-2026-03-05", None, 30, 0),
        ("openai", "gpt-5.5", None, 30, 1),
        ("openai", "gpt-6-sol", None, 30, 1),
        ("openai", "text-embedding-3-large", None, 30, 0),
        ("openai", "gpt-4o-search-preview", None, None, None),
        ("openai", "gpt-6-sol", "batches", None, None),
        ("openai", "gpt-6-sol", "responses", 30, 0),
        ("azure-openai", "gpt-4.1", None, None, 0),
        ("azure-openai", "gpt-6-sol", None, None, None),
        ("anthropic", "claude-fable-5-1", None, 30, 30),
        ("anthropic", "claude-opus-5-5", None, 30, 0),
        ("anthropic", "claude-opus-5-5", "batches", 29, 29),
        ("google-vertex", "claude-fable-5@default", None, 30, 30),
        ("google-vertex", "gemini-3.8-flash", None, 90, 0),
        ("google-vertex", "gemini-4-argon", None, None, None),
        ("google-vertex", "gemini-3.8-flash", "grounding", 30, 30),
        ("google-gemini-api", "gemini-3.8-flash", None, 55, None),
        ("mistral", "mistral-large-latest", None, 30, 0),
        ("mistral", "labs-leanstral-1-5", None, 30, 30),
        ("perplexity", "sonar-pro", None, 0, 0),
        ("deepseek", "deepseek-v4-pro", None, None, None),
        (BEDROCK, "global.anthropic.claude-fable-5", None, 30, 30),
        (BEDROCK, "eu.anthropic.claude-sonnet-5-5", None, 0, 0),
        (BEDROCK, "openai.gpt-oss-120b-1:0", "batches", 0, 0),
    ],
)  # fmt: skip
def test_what_is_kept_is_told_per_model_and_endpoint(
    provider: str, model: str, endpoint: str | None, default: int | None, least: int | None
) -> None:
    """With and without an agreement; null is not known, or until it is deleted."""
    row = catalog.model_retention(provider, model, endpoint)

    assert row is not None
    assert (row.default_days, row.least_days) == (default, least)


def test_an_unknown_model_has_no_row() -> None:
    """Neither has the name of a deployment, which says nothing of its model."""
    assert catalog.model_retention("openai", "gpt-99") is None
    assert catalog.model_retention("azure-openai", "our-chat") is None
    assert catalog.model_retention(BEDROCK, "xai.grok-4.6") is None


# -- the rule --------------------------------------------------------------------------------------
def sov_014(said: Declaration) -> tuple[str, str]:
    """The verdict of the rule about retention, and what it says."""
    result = evaluate(said, (), AS_OF)
    (rule,) = [rule for rule in result.rules if rule.id == "SOV-014"]
    return rule.verdict, "; ".join(one.message for one in result.findings if one.rule == "SOV-014")


def at(provider: str, model: str, prompts: str = "none", days: int | None = 0) -> Declaration:
    """The support desk with one backend, at a vendor whose contract registers so many days."""
    said = with_route(with_backend(declared("eu-support-desk"), "openai", model=model), backends=("openai",))
    data = structs.replace(spec_data(said), retention=Retention(prompts=prompts))
    said = with_spec(said, data=data)
    entry = said.organization.vendors["openai-eu"]
    assert entry.retention is not None
    retention = None if days is None else structs.replace(entry.retention, days=days)
    entry = structs.replace(entry, provider=provider, retention=retention)
    vendors = {**said.organization.vendors, "openai-eu": entry}
    return replace(said, organization=structs.replace(said.organization, vendors=vendors))


def spec_data(said: Declaration) -> Data:
    data = said.spec.data  # type: ignore[union-attr]
    assert isinstance(data, Data)
    return data


@pytest.mark.parametrize(
    ("provider", "model", "prompts", "days", "verdict", "words"),
    [
        ("openai", "gpt-4.1-2025-04-14", "none", 0, "pass", ""),
        ("openai", "gpt-6-sol", "none", 0, "fail", "key and value tensors of the prompt cache"),
        ("openai", "gpt-6-sol", "1d", 0, "pass", ""),
        ("openai", "gpt-99", "none", 0, "undecided", "no source says what openai keeps"),
        ("openai", "gpt-99", "30d", 0, "pass", ""),
        ("anthropic", "claude-opus-5-5", "none", 0, "pass", ""),
        ("anthropic", "claude-fable-5-1", "none", 0, "fail", "for 30 days"),
        ("anthropic", "claude-fable-5-1", "30d", 0, "pass", ""),
        ("anthropic", "claude-opus-5-5", "none", None, "fail", "by default"),
        ("mistral", "labs-leanstral-1-5", "none", 0, "fail", "but those of Labs"),
        ("google-vertex", "gemini-4-argon", "none", 0, "undecided", "some advanced models"),
        ("google-gemini-api", "gemini-3.8-flash", "none", 0, "undecided", "use Vertex AI instead"),
        ("deepseek", "deepseek-v4-pro", "none", 0, "undecided", "no zero retention is offered"),
    ],
)  # fmt: skip
def test_the_stricter_of_contract_and_fact_counts(
    provider: str, model: str, prompts: str, days: int | None, verdict: str, words: str
) -> None:
    """A contract of zero days lowers the default, and never what is kept whatever is agreed."""
    found, said = sov_014(at(provider, model, prompts, days))

    assert found == verdict
    assert words in said


@pytest.mark.parametrize(
    ("provider", "model", "share", "verdict"),
    [
        ("openai", "gpt-4.1-2025-04-14", 0.0, "pass"),
        ("openai", "gpt-4.1-2025-04-14", 0.5, "fail"),
        ("anthropic", "claude-opus-5-5", 0.5, "fail"),
        ("perplexity", "sonar-pro", 0.5, "undecided"),
    ],
)
def test_batches_of_a_load_are_stored(provider: str, model: str, share: float, verdict: str) -> None:
    """What may wait lies at the vendor until it is fetched, contract or not."""
    said = with_route(at(provider, model), load=Load(monthly_requests=1000, batch_share=share))

    assert sov_014(said)[0] == verdict


@pytest.mark.parametrize(
    ("provider", "feature", "verdict"),
    [
        ("openai", "files", "fail"),
        ("openai", "responses", "pass"),
        ("mistral", "agents", "fail"),
        ("anthropic", "vector stores", "undecided"),
        ("anthropic", "no such thing", "pass"),
    ],
)
def test_a_feature_that_stores_counts_under_zero_retention(provider: str, feature: str, verdict: str) -> None:
    """Where the vendor says so; of a feature that others store for nothing is known, so undecided."""
    model = {"openai": "gpt-4.1", "mistral": "mistral-small-latest", "anthropic": "claude-opus-5-5"}[provider]
    said = at(provider, model)
    entry = structs.replace(said.organization.vendors["openai-eu"], features=(feature,))
    vendors = {**said.organization.vendors, "openai-eu": entry}
    said = replace(said, organization=structs.replace(said.organization, vendors=vendors))

    assert sov_014(said)[0] == verdict
