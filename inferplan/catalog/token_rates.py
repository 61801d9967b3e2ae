"""What vendors ask for tokens, per model id and, for Bedrock, per Region; and what one request costs.

Not here: the months and the notes of a bill (inferplan.cost.tokens) and list prices of AWS parts (prices).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from functools import cache
from typing import Any, NamedTuple

from msgspec import Struct, field, structs

from inferplan.catalog.bedrock import bedrock_base
from inferplan.catalog.managed_apis import BEDROCK
from inferplan.catalog.table import Row, rows

# Provider id of the vendor facts -> the seller of genai-prices whose `match` rows name its models.
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


class Sides(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """USD per million tokens; None: no source states it.

    `cached_usd`: input that the vendor reads from its prompt cache; `cache_write_usd`: that it puts there.
    """

    input_usd: float | None = None
    cached_usd: float | None = None
    cache_write_usd: float | None = None
    output_usd: float | None = None


class Tier(Sides, frozen=True, kw_only=True):
    """What holds for the whole request once its input is longer than `above` tokens."""

    above: int


class Rates(Sides, frozen=True, kw_only=True):
    """Prices of one way of calling, the longest tier last."""

    tiers: tuple[Tier, ...] = ()

    def at(self, input_tokens: int) -> Sides:
        """The prices of a request of this length."""
        found = {side: getattr(self, side) for side in Sides.__struct_fields__}
        for tier in self.tiers:
            if input_tokens > tier.above:
                stated = ((side, getattr(tier, side)) for side in found)
                found |= {side: usd for side, usd in stated if usd is not None}
        return Sides(**found)


class TokenRate(Rates, frozen=True, kw_only=True):
    """Prices of one model from a day, at some hours (UTC) or always.

    `batch`: for requests that may wait for hours; None where no source states such a price.
    """

    start: str | None = None  # ISO date; None: from the beginning
    hours: tuple[str, str] | None = None  # None: around the clock
    request_usd: float | None = None  # per request, on top
    batch: Rates | None = None


class TokenPriceRow(Row, frozen=True, kw_only=True):
    """One price of one provider: for the ids that it lists, or those that `match` fits as in genai-prices.

    Ids are those of the vendor facts' provider, `ID@REGION` where a Region of Bedrock has its own price.
    Where two sources differ by more than 5 %, `unverified_parts` says how and `other` has what is not taken.
    """

    provider: str
    model: str
    ids: tuple[str, ...] = ()
    match: dict[str, Any] = field(default_factory=dict)
    also: dict[str, int] = field(
        default_factory=dict
    )  # sellers at this price where they state none, with their order
    rates: tuple[TokenRate, ...]  # the last that is active counts
    other: Rates | None = None
    reason: str | None = None  # why tokens have no price


class Asked(NamedTuple):
    """One typical request: tokens, the share of the input that is cached, and of requests that may wait."""

    input_tokens: int
    output_tokens: int
    cached_input_share: float = 0.0
    batch_share: float = 0.0


class RequestPrice(NamedTuple):
    """USD of one request; low and high differ with the hour, the source, the Region and cache writes."""

    low: float
    expected: float
    high: float
    model: str  # as the price table names it
    source: str
    as_of: str
    exact: bool = True  # False: the table has no price of this Region or profile
    cached: bool = True  # whether cached input has a price of its own
    batched: bool = True  # whether requests that may wait have one
    writes: bool = False  # whether high counts input that is written to the cache
    differs: tuple[str, ...] = ()  # how two sources differ


class Found(NamedTuple):
    """The row of an id, by which name it was found, and whether that is the id in the Region itself."""

    row: TokenPriceRow
    name: str
    exact: bool = True
    borrowed: bool = False  # another seller's, whose batch prices do not come with it


@cache
def token_prices() -> tuple[TokenPriceRow, ...]:
    """Every priced model, in the order in which ids are matched."""
    return rows("token_prices", TokenPriceRow)


@cache
def _by_id() -> Mapping[tuple[str, str], TokenPriceRow]:
    return {(row.provider, one): row for row in token_prices() for one in row.ids}


@cache
def token_price(provider: str, model: str, region: str | None = None) -> Found | None:
    """The row that prices a model of a vendor (an id of the vendor facts), None where no row does."""
    if provider == BEDROCK:
        return _at_bedrock(model, region)
    row = _by_id().get((provider, model))
    return Found(row, model) if row is not None else matching(token_prices(), provider, model)


def _at_bedrock(model: str, region: str | None) -> Found | None:
    """The price of the Region, else of the id anywhere, else the dearest of the model around the Region."""
    kind, _, named = model.rpartition("/")
    if kind and not kind.endswith((":inference-profile", ":foundation-model")):
        return None  # the account's own: its id does not say which model it is
    listed, base = _by_id(), bedrock_base(named)
    around = _around(base, region)
    prices = {found.row.rates for found in around}
    alike = named != base or len(prices) == 1  # whether the id costs the same in every Region
    for one, exact in ((f"{named}@{region}", True), (named, alike)):
        if exact and (BEDROCK, one) in listed:
            return Found(listed[BEDROCK, one], one)
    return max(around, key=_weight, default=None)


@cache
def _around(base: str, region: str | None) -> tuple[Found, ...]:
    """The prices of a model in Regions of the same part of the world, or of its partition, and in none."""
    listed = {one: row for (seller, one), row in _by_id().items() if seller == BEDROCK}
    at = {one.partition("@")[2]: one for one in listed if one.startswith(f"{base}@")}
    government = (region or "").startswith("us-gov-")
    same = {place for place in at if place.startswith("us-gov-") == government}
    near = {place for place in same if region and place.partition("-")[0] == region.partition("-")[0]}
    names = [*([base] if base in listed else []), *(at[place] for place in sorted(near or same))]
    return tuple(Found(listed[one], one, exact=False) for one in names)


def _weight(found: Found) -> float:
    """What a row asks for a token on either side: enough to tell which of a model's is the dearest."""
    first = found.row.rates[0] if found.row.rates else TokenRate()
    return (first.input_usd or 0.0) + (first.output_usd or 0.0)


def matching(listed: Sequence[TokenPriceRow], provider: str, model: str) -> Found | None:
    """The row whose clause fits an id: the seller's own first, then those that it also sells."""
    seller = TOKEN_PROVIDERS.get(provider)
    if seller is None:
        return None
    own = [row for row in listed if row.match and row.provider == seller]
    borrowed = [row for row in listed if seller in row.also]
    ordered = (*own, *sorted(borrowed, key=lambda row: row.also[seller]))
    wanted = model.lower()
    dashed = COMPACT_DATE.sub(r"-\1-\2-\3", wanted)  # gpt-5.2-20251211 is gpt-5.2-2025-12-11
    names = dict.fromkeys((wanted, dashed))
    row = next((row for name in names for row in ordered if _matches(row.match, name)), None)
    return None if row is None else Found(row, row.model, borrowed=seller in row.also)


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


def active_rates(listed: Sequence[TokenRate], day: date) -> tuple[TokenRate, ...]:
    """The rates of a day: the one outside special hours first, then those of hours."""
    active = [rate for rate in listed if rate.start is None or date.fromisoformat(rate.start) <= day]
    started = [rate for rate in active if rate.hours is None] or list(listed[:1])
    if not started:
        return ()
    usual = started[-1]
    return (usual, *(active[active.index(usual) + 1 :] if usual in active else active))


def request_price(
    provider: str, model: str, asked: Asked, as_of: str, region: str | None = None
) -> RequestPrice | None:
    """The price of one typical request on a day (ISO date); None where no row prices the model by tokens.

    Prices are tiered per request, so one request is priced and multiplied; a monthly total would be wrong.
    Expected is the price outside special hours. High counts what is not cached as written to the cache where
    that costs more, since no request says how often its prefix is new; low and high cover both sources where
    they differ, and the Regions around where the table has not this one: of them the dearest is expected.
    """
    found = token_price(provider, model, region)
    if found is None:
        return None
    row, day = found.row, date.fromisoformat(as_of)
    rates = active_rates(row.rates, day)
    if not rates:
        return None
    batched = rates[0].batch is not None and not found.borrowed

    def both(rate: TokenRate) -> Iterable[float | None]:
        called = rate if batched else structs.replace(rate, batch=None)
        return request_usd(called, asked), request_usd(called, asked, writes=True)

    expected = next(iter(both(rates[0])))
    if expected is None:
        return None
    known = [one for rate in rates for one in both(rate)]
    if row.other is not None:
        known.append(_usd(row.other, rates[0].request_usd, asked))
    if not found.exact:
        places = _around(bedrock_base(model.rpartition("/")[2]), region)
        elsewhere = (active_rates(one.row.rates, day) for one in places)
        known += [one for listed in elsewhere for one in both(listed[0])]
    amounts = [one for one in known if one is not None]
    sides = rates[0].at(asked.input_tokens)
    return RequestPrice(
        min(amounts),
        expected,
        max(amounts),
        found.name,
        "; ".join(row.source),
        row.as_of,
        exact=found.exact,
        cached=sides.cached_usd is not None,
        batched=batched,
        writes=asked.cached_input_share > 0 and (sides.cache_write_usd or 0.0) > (sides.input_usd or 0.0),
        differs=row.unverified_parts,
    )


def request_usd(rate: TokenRate, asked: Asked, *, writes: bool = False) -> float | None:
    """USD of one request at one rate; with `writes`, all that is not cached is written to the cache.

    None where tokens that the request has carry no price.
    """
    full = _usd(rate, rate.request_usd, asked, writes=writes)
    waiting = _usd(rate.batch, rate.request_usd, asked, writes=writes) if rate.batch is not None else full
    if full is None or waiting is None:
        return None
    return (1 - asked.batch_share) * full + asked.batch_share * waiting


def _usd(rates: Rates, on_top: float | None, asked: Asked, *, writes: bool = False) -> float | None:
    """USD of one request; None where tokens that the request has carry no price.

    Cached input without a price of its own costs what other input does.
    """
    sides = rates.at(asked.input_tokens)
    fresh = sides.input_usd
    if writes and asked.cached_input_share and fresh is not None:
        fresh = max(fresh, sides.cache_write_usd or 0.0)
    cached = sides.input_usd if sides.cached_usd is None else sides.cached_usd
    total = on_top or 0.0
    for tokens, usd in (
        (asked.input_tokens * (1 - asked.cached_input_share), fresh),
        (asked.input_tokens * asked.cached_input_share, cached),
        (asked.output_tokens, sides.output_usd),
    ):
        if tokens == 0:
            continue
        if usd is None:
            return None
        total += usd * tokens / MILLION
    return total
