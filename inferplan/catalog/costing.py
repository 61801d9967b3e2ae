"""What a bill is reckoned with besides list prices: token prices per model, and working estimates of usage.

Not here: list prices of AWS parts (prices) and the bill itself (inferplan.cost).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from functools import cache
from typing import Any, NamedTuple

from msgspec import Struct, field

from inferplan.catalog.managed_apis import BEDROCK
from inferplan.catalog.table import Row, pick, rows

# Provider id of the vendor facts -> provider id of the token price table, which is that of genai-prices.
TOKEN_PROVIDERS = {
    BEDROCK: "aws",
    "anthropic": "anthropic",
    "azure-openai": "azure",
    "deepseek": "deepseek",
    "google-gemini-api": "google",
    "google-vertex": "google",
    "mistral": "mistral",
    "openai": "openai",
    "perplexity": "perplexity",
}
MILLION = 1_000_000
COMPACT_DATE = re.compile(r"-(20\d{2})(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])(?=-|:|$)")


class CostAssumption(Row, frozen=True, kw_only=True):
    """One working estimate that no price list states."""

    id: str
    value: float
    unit: str
    meaning: str


class Tier(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """USD per million tokens for the whole request once its input is longer than `above` tokens."""

    above: int
    usd: float


class TokenRate(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Prices of one model from a day, at some hours (UTC) or always; USD per million tokens."""

    start: str | None = None  # ISO date; None: from the beginning
    hours: tuple[str, str] | None = None  # None: around the clock
    input_usd: float | None = None
    input_tiers: tuple[Tier, ...] = ()
    output_usd: float | None = None
    output_tiers: tuple[Tier, ...] = ()
    request_usd: float | None = None  # per request, on top


class TokenPriceRow(Row, frozen=True, kw_only=True):
    """One model of one provider; `match` says which model ids it stands for, as genai-prices does."""

    provider: str
    model: str
    match: dict[str, Any]
    also: dict[str, int] = field(
        default_factory=dict
    )  # providers that sell it at this price where they state none, with their order
    rates: tuple[TokenRate, ...]  # the last that is active counts


class RequestPrice(NamedTuple):
    """USD of one request; low and high differ where the price depends on the hour."""

    low: float
    expected: float
    high: float
    model: str  # as the price table names it
    source: str
    as_of: str


@cache
def cost_assumptions() -> Mapping[str, CostAssumption]:
    """Every working estimate by id."""
    return {row.id: row for row in rows("cost_assumptions", CostAssumption)}


def cost_assumption(id: str) -> CostAssumption:  # noqa: A002 - the name of the field it selects by
    """One working estimate; raises UnknownName with near matches."""
    return pick(cost_assumptions(), "cost assumption", id)


@cache
def token_prices() -> tuple[TokenPriceRow, ...]:
    """Every priced model, in the order in which ids are matched."""
    return rows("token_prices", TokenPriceRow)


@cache
def token_price(provider: str, model: str) -> TokenPriceRow | None:
    """The row that prices a model of a vendor (an id of the vendor facts), None where no row does."""
    seller = TOKEN_PROVIDERS.get(provider)
    if seller is None:
        return None
    own = [row for row in token_prices() if row.provider == seller]
    borrowed = [row for row in token_prices() if seller in row.also]
    listed = (*own, *sorted(borrowed, key=lambda row: row.also[seller]))
    wanted = model.lower()
    dashed = COMPACT_DATE.sub(r"-\1-\2-\3", wanted)  # gpt-5.2-20251211 is gpt-5.2-2025-12-11
    return next(
        (row for name in dict.fromkeys((wanted, dashed)) for row in listed if _matches(row.match, name)), None
    )


def _matches(clause: Mapping[str, Any], text: str) -> bool:
    ((kind, wanted),) = clause.items()
    match kind:
        case "or":
            return any(_matches(one, text) for one in wanted)
        case "and":
            return all(_matches(one, text) for one in wanted)
        case "equals":
            return bool(text == wanted)
        case "starts_with":
            return text.startswith(wanted)
        case "ends_with":
            return text.endswith(wanted)
        case "contains":
            return wanted in text
        case "regex":
            return re.search(wanted, text) is not None
    raise ValueError(f"unknown clause {kind} in the token price table")


def request_price(
    provider: str, model: str, input_tokens: int, output_tokens: int, as_of: str
) -> RequestPrice | None:
    """The price of one typical request on a day (ISO date); None where no row prices the model by tokens.

    Prices are tiered per request, so one request is priced and multiplied; a monthly total would be wrong.
    Expected is the price outside special hours; low and high are over the whole day. No cached tokens.
    """
    row = token_price(provider, model)
    if row is None:
        return None
    day = date.fromisoformat(as_of)
    active = [rate for rate in row.rates if rate.start is None or date.fromisoformat(rate.start) <= day]
    started = [rate for rate in active if rate.hours is None] or list(row.rates[:1])
    usual = started[-1]
    later = active[active.index(usual) + 1 :] if usual in active else active
    known = [usd for rate in (usual, *later) if (usd := _usd(rate, input_tokens, output_tokens)) is not None]
    expected = _usd(usual, input_tokens, output_tokens)
    if expected is None:
        return None
    return RequestPrice(min(known), expected, max(known), row.model, "; ".join(row.source), row.as_of)


def _usd(rate: TokenRate, input_tokens: int, output_tokens: int) -> float | None:
    """USD of one request; None where tokens that the request has carry no price."""
    total = rate.request_usd or 0.0
    for tokens, usd, tiers in (
        (input_tokens, rate.input_usd, rate.input_tiers),
        (output_tokens, rate.output_usd, rate.output_tiers),
    ):
        if tokens == 0:
            continue
        if usd is None:
            return None
        reached = [tier.usd for tier in tiers if input_tokens > tier.above]
        total += (reached[-1] if reached else usd) * tokens / MILLION
    return total
