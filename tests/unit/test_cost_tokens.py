"""Area of concern: what tokens cost: the table against genai-prices, tiers, hours, regional uplifts."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from importlib.metadata import version

import msgspec
import pytest
from genai_prices import Usage, calc_price
from genai_prices.data import providers
from priced_stacks import draft, line

from inferplan import catalog, cost
from inferplan.catalog import table
from inferplan.catalog.costing import TOKEN_PROVIDERS
from inferplan.catalog.refresh import rows as refresh_rows
from inferplan.catalog.refresh import token_prices as refresh
from inferplan.cost.tokens import uplift

DAY = "2026-11-20"
QUIET = datetime(2026, 11, 20, 20, tzinfo=UTC)  # outside every hour that has its own price
SELLER = {theirs: ours for ours, theirs in TOKEN_PROVIDERS.items() if ours != "google-gemini-api"}
PRICED = [(row.provider, row.model) for row in catalog.token_prices() if row.provider in SELLER]


def test_the_table_is_what_the_library_states() -> None:
    """The table is the installed genai-prices, row by row: regenerate it when the library is raised."""
    rows = json.loads(table.raw("token_prices"))
    as_of = rows[0]["as_of"]

    fresh = refresh_rows.render(refresh.table(providers, f"genai-prices {version('genai-prices')}", as_of))

    assert fresh == table.raw("token_prices").decode()


@pytest.mark.parametrize("size", [(1200, 250), (200_001, 800), (900_000, 4000)])
def test_requests_cost_what_the_library_says(size: tuple[int, int]) -> None:
    """A small request, one just above a tier and a huge one, for every model that has a token price."""
    compared = 0
    for seller, model in PRICED:
        ours = catalog.request_price(SELLER[seller], model, *size, DAY)
        try:
            theirs = calc_price(
                Usage(input_tokens=size[0], output_tokens=size[1]),
                model_ref=model,
                provider_id=seller,
                genai_request_timestamp=QUIET,
            )
        except LookupError:  # a row for other ids than its own name
            assert ours is None, (seller, model)
            continue
        if ours is None:
            price = theirs.model_price
            assert price.input_mtok is None or price.output_mtok is None, (seller, model)
        else:
            assert ours.expected == pytest.approx(float(theirs.total_price)), (seller, model)
            compared += 1

    assert compared > 330


@pytest.mark.parametrize(
    ("provider", "model"),
    [
        ("azure-openai", "gpt-4.1"),
        ("azure-openai", "claude-sonnet-4-5"),
        ("google-vertex", "claude-sonnet-4-5"),
        ("openai", "gpt-4.1-20250414"),
        ("amazon-bedrock", "eu.anthropic.claude-sonnet-4-5-20250929-v1:0"),
        ("amazon-bedrock", "anthropic.claude-3-haiku-20240307-v1:0"),
        ("mistral", "mistral-large-latest"),
    ],
)
def test_names_find_the_model_that_the_library_finds(provider: str, model: str) -> None:
    """Aliases, dates, profiles, and models that one vendor sells for another."""
    ours = catalog.request_price(provider, model, 1000, 300, DAY)
    theirs = calc_price(
        Usage(input_tokens=1000, output_tokens=300),
        model_ref=model,
        provider_id=TOKEN_PROVIDERS[provider],
        genai_request_timestamp=QUIET,
    )

    assert ours is not None
    assert ours.model == theirs.model.id
    assert ours.expected == pytest.approx(float(theirs.total_price))


@pytest.mark.parametrize(
    ("provider", "model"),
    [
        ("openai", "gpt-0"),
        ("stability", "sd3.5-large"),
        ("huggingface-providers", "any"),
        ("openai", "whisper-1"),
    ],
)
def test_an_unknown_token_price_is_none(provider: str, model: str) -> None:
    """A model or vendor that the table does not price by tokens has no price, not 0."""
    assert catalog.request_price(provider, model, 1000, 300, DAY) is None


def test_a_month_of_tokens_is_not_one_request() -> None:
    """Trap 11: 1,000 requests of 1,000 tokens cost 1,000 x 0.003 USD; one of a million costs 6."""
    one = catalog.request_price("anthropic", "claude-sonnet-4-5", 1000, 0, DAY)
    huge = catalog.request_price("anthropic", "claude-sonnet-4-5", 1_000_000, 0, DAY)

    assert one is not None
    assert huge is not None
    assert one.expected * 1000 == pytest.approx(3.0)
    assert huge.expected == pytest.approx(6.0)


def test_prices_change_with_their_day() -> None:
    """A price that starts later is not taken before its day: o3 fell from 10 to 2 USD on 2025-06-10."""
    before = catalog.request_price("openai", "o3", 1_000_000, 0, "2025-06-09")
    after = catalog.request_price("openai", "o3", 1_000_000, 0, "2025-06-10")

    assert before is not None
    assert after is not None
    assert (before.expected, after.expected) == (10.0, 2.0)


def test_hours_of_the_day_make_a_range() -> None:
    """DeepSeek has dearer hours: expected is outside of them, high inside."""
    found = catalog.request_price("deepseek", "deepseek-v4-pro", 1_000_000, 0, DAY)

    assert found is not None
    assert found.low <= found.expected < found.high
    assert found.high == pytest.approx(1.32)


@pytest.mark.parametrize(
    ("provider", "host", "model", "factors", "words"),
    [
        ("openai", "eu.api.openai.com", "gpt-4.1-2025-04-14", (1.0, 1.0, 1.0), "released 2025-04-14"),
        ("openai", "eu.api.openai.com", "gpt-9-2026-04-01", (1.1, 1.1, 1.1), "with 10 %"),
        ("openai", "eu.api.openai.com", "gpt-9-2026-03-05", (1.1, 1.1, 1.1), "with 10 %"),
        ("openai", "eu.api.openai.com", "gpt-9", (1.0, 1.1, 1.1), "does not say its day"),
        ("openai", "api.openai.com", "gpt-9-2026-04-01", (1.0, 1.0, 1.0), "global host"),
        ("mistral", "api.eu.mistral.ai", "mistral-large-latest", (1.1, 1.1, 1.1), "with 10 %"),
        ("mistral", "api.mistral.ai", "mistral-large-latest", (1.0, 1.0, 1.0), "global host"),
        ("anthropic", "api.anthropic.com", "claude-sonnet-4-5", (1.0, 1.0, 1.0), "global host"),
        ("openai", "nowhere.example", "gpt-4.1", (1.0, 1.1, 1.1), "no fact says"),
        ("deepseek", "api.deepseek.com", "deepseek-chat", (1.0, 1.0, 1.0), ""),
    ],
)
def test_regional_uplift(
    provider: str, host: str, model: str, factors: tuple[float, float, float], words: str
) -> None:
    """The uplift counts at regional hosts for models from its day on; what is unknown counts, but in low."""
    (vendor, *_) = draft("eu-support-desk").vendors

    found = uplift(msgspec.structs.replace(vendor, provider=provider, host=host, model=model))

    assert (found.low, found.expected, found.high) == factors
    assert words in found.note


def test_the_uplift_is_in_the_expected_bill_and_in_the_premium() -> None:
    """A newer model at the regional host: 10 % on its list price, shown in the premium."""
    given = draft("eu-support-desk")
    first, *others = given.vendors
    model = next(model for seller, model in PRICED if seller == "openai" and model == "gpt-6-sol")
    newer = msgspec.structs.replace(first, model=model)
    listed = catalog.request_price("openai", model, 1200, 250, DAY)

    priced = cost.price(msgspec.structs.replace(given, vendors=(newer, *others)))

    assert listed is not None
    tokens = line(priced, "tokens openai for support-chat")
    assert tokens.expected_usd == pytest.approx(90_000 * listed.expected * 1.1, abs=0.01)
    assert tokens.low_usd == pytest.approx(90_000 * listed.expected, abs=0.01)
    (premium,) = [part for part in priced.sovereignty if part.name == "regional uplift of openai-eu"]
    assert premium.usd == pytest.approx(90_000 * listed.expected * 0.1, abs=0.02)


def test_a_model_without_a_price_leaves_the_bill_open() -> None:
    """Tokens that no table prices are a line of None, named in the wording."""
    given = draft("eu-support-desk")
    first, *others = given.vendors
    odd = msgspec.structs.replace(first, model="gpt-0")

    priced = cost.price(msgspec.structs.replace(given, vendors=(odd, *others)))

    assert line(priced, "tokens openai for support-chat").expected_usd is None
    assert "tokens openai for support-chat" in priced.unpriced
