"""Limits of a request: how much output a caller can ask for, whatever it is called.

Not here: budgets and rates, which keys hold (test_gateway, test_when_parts_fail).
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.gateway.proxy import Gateway


def _output_tokens(body: dict[str, Any]) -> int:
    """What a vendor was told, for all answers together."""
    said = [body[name] for name in ("max_tokens", "max_completion_tokens") if name in body]
    said += [body["inferenceConfig"]["maxTokens"]] if "inferenceConfig" in body else []
    return max(said) * int(body.get("n", 1))


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"max_tokens": 32000},
        {"max_completion_tokens": 32000},
        {"max_tokens": 5, "max_completion_tokens": 32000},
        {"max_tokens": None},
        {"n": 3},
        {"n": 3, "max_tokens": 32000},
        {"stream": True, "max_tokens": 32000},
    ],
)
def test_output_is_capped_row_16(gateway: Gateway, more: dict[str, Any]) -> None:
    """Every route's cap reaches the vendor in place of a larger number or of none."""
    for model, limit in gateway.plan.limits.items():
        gateway.forget()
        status, answer = gateway.chat("hello", model, **more)

        assert status == 200, answer
        for call in gateway.asked():
            assert _output_tokens(call.body) <= limit["output_tokens"]


def test_smaller_number_is_kept_row_16(gateway: Gateway) -> None:
    """A caller who wants less gets less."""
    for model in gateway.plan.limits:
        gateway.forget()
        gateway.chat("hello", model, max_tokens=7)

        assert [_output_tokens(call.body) for call in gateway.asked()] == [7]


@pytest.mark.parametrize(
    "more",
    [
        {"max_tokens": -1},
        {"max_tokens": "32000"},
        {"max_tokens": 0.5},
        {"max_output_tokens": 32000},
        {"maxTokens": 32000},
        {"min_tokens": 32000},
        {"best_of": 9},
        {"extra_body": {"max_tokens": 32000}},
        {"inferenceConfig": {"maxTokens": 32000}},
        {"n": "9"},
        {"n": 32000},
    ],
)
def test_other_ways_to_ask_for_more_are_refused_row_16(gateway: Gateway, more: dict[str, Any]) -> None:
    """No other name or form of a number passes the cap."""
    for model in gateway.plan.limits:
        gateway.forget()

        assert gateway.chat("hello", model, **more)[0] == 400, more
        assert gateway.asked() == []
