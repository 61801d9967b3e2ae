"""Redaction with the real Presidio, started from the planned command lines and configuration.

Not here: how good spaCy's large models are: no index has them (models).
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.gateway.proxy import Gateway

# In each planned language a text and what nobody outside may see of it.
PERSONAL = {
    "de": (
        "Ich bin Jürgen Müller, meine IBAN ist DE89 3704 0044 0532 0130 00.",
        ("Müller", "DE89 3704", "0044 0532"),
    ),
    "en": ("My name is John Smith, write to john.smith@example.com.", ("Smith", "john.smith@example.com")),
    "fr": ("Je m'appelle Marie Dupont et mon adresse est marie@example.fr.", ("Dupont", "marie@example.fr")),
}


def _languages(gateway: Gateway) -> tuple[str, ...]:
    return next(sidecar.languages for sidecar in gateway.plan.sidecars if sidecar.languages)


def _sent(gateway: Gateway) -> str:
    """What vendors and models have got, as text."""
    return json.dumps([call.body for call in gateway.asked()], ensure_ascii=False)


def test_masked_outside_and_restored_inside_row_4_and_9(gateway: Gateway) -> None:
    """In every planned language: no model sees the person, and the caller gets each word back."""
    assert gateway.redacted()
    for route in gateway.redacted():
        for language in _languages(gateway):
            text, secrets = PERSONAL[language]
            gateway.forget()
            status, answer = gateway.chat(text, route)

            assert status == 200, answer
            assert gateway.asked()
            assert not [secret for secret in secrets if secret in _sent(gateway)], language
            echoed = json.loads(answer)["choices"][0]["message"]["content"]
            assert json.dumps(text)[1:-1] in echoed or text in echoed


def test_several_languages_in_one_message_row_4_and_9(gateway: Gateway) -> None:
    """One pass over all languages: no token is masked again, so everything is restored."""
    text = " ".join(PERSONAL[language][0] for language in _languages(gateway))
    gateway.forget()
    status, answer = gateway.chat(text, gateway.redacted()[0])
    echoed = json.loads(answer)["choices"][0]["message"]["content"]

    assert status == 200
    assert text in echoed
    secrets = [secret for language in _languages(gateway) for secret in PERSONAL[language][1]]
    assert not [secret for secret in secrets if secret in _sent(gateway)]


@pytest.mark.parametrize(
    "more",
    [
        {"guardrail_config": {"language": "es", "entities": ["IP_ADDRESS"]}},
        {"guardrails": []},
        {"guardrails": [{"redact": {"extra_body": {"text": "x"}}}]},
        {"metadata": {"disable_global_guardrails": True, "guardrails": [], "name": "John Smith"}},
        {"disable_global_guardrails": True},
        {"stream": True},
    ],
)
def test_request_cannot_turn_redaction_off_row_4(gateway: Gateway, more: dict[str, Any]) -> None:
    """Whatever a caller says about guardrails, his text goes out masked."""
    gateway.forget()
    assert gateway.chat(PERSONAL["en"][0], gateway.redacted()[0], **more)[0] == 200

    assert gateway.asked()
    assert "Smith" not in _sent(gateway)


CALL = {"id": "a", "type": "function", "function": {"name": "f", "arguments": '{"of": "John Smith"}'}}
UNREAD: list[dict[str, Any]] = [
    {"user": "John Smith"},
    {"stop": ["John Smith"]},
    {"unknown": "John Smith"},
    {"extra_body": {"of": "John Smith"}},
    {"tools": [{"type": "function", "function": {"name": "f", "description": "John Smith"}}]},
    {"response_format": {"type": "json_schema", "json_schema": {"name": "John Smith", "schema": {}}}},
    {"prediction": {"type": "content", "content": "John Smith"}},
    {"messages": [{"role": "user", "content": "hello", "name": "John Smith"}]},
    {"messages": [{"role": "assistant", "content": None, "tool_calls": [CALL]}]},
    {"messages": [{"role": "assistant", "content": "x", "reasoning_content": "John Smith"}]},
    {"messages": [{"role": "assistant", "content": [{"type": "refusal", "refusal": "John Smith"}]}]},
    {"messages": [{"role": "John Smith", "content": "hello"}]},
]


@pytest.mark.parametrize("more", UNREAD)
def test_what_redaction_does_not_read_is_refused_row_4(gateway: Gateway, more: dict[str, Any]) -> None:
    """The proxy masks texts of messages; a name in any other place goes nowhere."""
    gateway.forget()
    status, answer = gateway.chat(route=gateway.redacted()[0], **more)

    assert status == 400
    assert "John Smith" not in answer
    assert gateway.asked() == []


def test_guarded_answers_come_in_one_piece_row_14(gateway: Gateway) -> None:
    """What a guardrail reads as a whole is not streamed, which the plan says; other routes stream."""
    route = gateway.redacted()[0]
    whole = gateway.chat("hello", route, stream=True)[1]
    free = [model for model in gateway.plan.limits if model not in gateway.redacted()]

    assert whole.count("data:") <= 3
    assert any(route in warning and "one piece" in warning for warning in gateway.warnings)
    for model in free:
        assert gateway.chat("hello", model, stream=True)[1].count("data:") > 3


def test_helpers_ask_no_host_row_4_and_7(gateway: Gateway) -> None:
    """Neither a model nor a list of domains is fetched, and no text is logged."""
    for sidecar in gateway.plan.sidecars:
        log = (gateway.folder / f"{sidecar.name}.log").read_text()

        assert gateway.lookups(sidecar.name) == set()
        assert "Smith" not in log
        assert "Traceback" not in log
