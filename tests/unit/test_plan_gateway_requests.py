"""What the gateway's plan says about a request: redaction's languages and models, and the most output.

Not here: whether proxy and Presidio keep it (tests/gateway); where rows are named, they are those of the list
of what broke when the proxy was first started.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
from msgspec import structs

from inferplan.plan.make import make_plan
from inferplan.records.no_plan import NoPlan
from inferplan.records.plan import Plan
from inferplan.spec.declaration import Declaration
from policies.gates import gates
from tests.unit.plan_edits import AS_OF, declared, planned, with_route

DESK, BANK = "eu-support-desk", "in-bank-assistant"


def _plan(declaration: Declaration) -> Plan:
    return make_plan(declaration, AS_OF, gates)


def _with_models(*models: str) -> Declaration:
    """The desk with an analyzer image that holds other models."""
    declaration = declared(DESK)
    assert declaration.lock is not None
    images = declaration.lock.images
    pinned = structs.replace(images["presidio-analyzer"], models=models)
    lock = structs.replace(declaration.lock, images=images | {"presidio-analyzer": pinned})
    return replace(declaration, lock=lock)


def test_analyzer_is_told_every_planned_language_row_4() -> None:
    """One configuration: a model per language, numbers of the subjects' countries, and their phones."""
    for name, languages, own in ((DESK, ["de", "en", "fr"], None), (BANK, ["en"], "InAadhaarRecognizer")):
        (config,) = [sidecar.config for sidecar in planned(name).gateway.sidecars if sidecar.config]
        models = config["nlp_configuration"]["models"]
        recognizers = {one["name"]: one for one in config["recognizer_registry"]["recognizers"]}

        assert config["supported_languages"] == languages == [model["lang_code"] for model in models]
        assert own is None or own in recognizers
        assert recognizers["PhoneRecognizer"]["supported_regions"]


def test_one_redaction_for_all_languages_row_9() -> None:
    """A second one would mask the first one's tokens."""
    guardrails = [
        entry["litellm_params"]["guardrail"] for entry in planned(DESK).gateway.config["guardrails"]
    ]

    assert guardrails.count("presidio") == 1


@pytest.mark.parametrize("models", [(), ("en_core_web_lg", "fr_core_news_lg")])
def test_language_whose_model_the_image_lacks_is_refused_row_4(models: tuple[str, ...]) -> None:
    """Also for an image that says nothing, which is the publisher's: the answer names model and remedy."""
    with pytest.raises(NoPlan) as refused:
        _plan(_with_models(*models))
    (conflict,) = refused.value.conflicts

    assert (conflict.path, conflict.value) == ("routes[0].redaction_languages", "de, en, fr")
    assert "de_core_news_lg" in conflict.reason
    assert "images.presidio-analyzer.models" in conflict.reason


def test_remedy_for_a_missing_model_helps_row_4() -> None:
    """Fewer languages plan with the publisher's image."""
    plan = _plan(with_route(_with_models(), redaction_languages=("en",)))

    assert plan.routes[0].redaction_languages == ("en",)


def test_unpinned_image_is_told_what_it_has_to_hold_row_4() -> None:
    """Without a pin nobody knows what is in it: a warning names the models."""
    plan = _plan(replace(declared(DESK), lock=None))

    assert [warning for warning in plan.warnings if "has to hold de_core_news_lg" in warning]


def test_redaction_of_what_the_proxy_does_not_mask_is_refused_row_4() -> None:
    """It masks messages of a chat; what is embedded would leave as it is."""
    with pytest.raises(NoPlan, match="recognized") as refused:
        _plan(with_route(declared(DESK), api="embeddings"))

    assert refused.value.conflicts[0].path == "routes[0].redaction"


@pytest.mark.parametrize(
    ("said", "typical", "most"), [(500, 250, 500), (None, 250, 1024), (None, 400, 1600), (None, None, 4096)]
)
def test_every_chat_has_a_most_of_output_row_16(said: int | None, typical: int | None, most: int) -> None:
    """What the route says, else four times a typical answer within reason."""
    declaration = with_route(declared(DESK), max_output_tokens=said, load={"output_tokens": typical})
    plan = _plan(declaration)

    assert plan.routes[0].max_output_tokens == most
    assert plan.gateway.limits == {"support-chat": {"output_tokens": most, "redacted": True}}


def test_adapters_have_their_routes_limit_row_16() -> None:
    """Every name that a caller may use has one."""
    gateway = planned(BANK).gateway

    assert set(gateway.limits) == {entry["model_name"] for entry in gateway.config["model_list"]}
    assert gateway.limits["customer-desk-kyc"] == gateway.limits["customer-desk"]


def test_guarded_routes_are_said_not_to_stream_row_14() -> None:
    """Who measures the first token should know before."""
    assert [text for text in planned(DESK).warnings if "support-chat does not stream" in text]
    plan = _plan(with_route(declared(DESK), guardrail=None))
    assert [text for text in plan.warnings if "in one piece" in text and "restored" in text]


def test_every_key_has_a_rate_row_8() -> None:
    """Without one a spent budget passes while the cache is down."""
    for name in (DESK, BANK):
        assert all(caller.requests_per_minute > 0 for caller in planned(name).gateway.callers)


def test_input_alone_is_guarded_where_the_class_allows_row_14() -> None:
    """Answers stream then; what is restricted is checked both ways."""
    plan = _plan(with_route(declared(DESK), guardrail="bedrock-input", redaction=None))
    entries = {entry["guardrail_name"]: entry for entry in plan.gateway.config["guardrails"]}

    assert entries["bedrock-input"]["litellm_params"]["mode"] == ["pre_call"]
    assert plan.gateway.config["model_list"][0]["litellm_params"]["guardrails"] == ["bedrock-input"]
    assert not [text for text in plan.warnings if "in one piece" in text]
    with pytest.raises(NoPlan) as refused:
        _plan(with_route(declared(BANK), guardrail="bedrock-input"))
    assert refused.value.conflicts[0].path == "routes[0].guardrail"
