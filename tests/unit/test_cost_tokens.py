"""Area of concern: what tokens cost: the table against genai-prices, tiers, hours, regional uplifts."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from genai_prices import Usage, calc_price
from priced_stacks import AS_OF, ROOT, draft, line

from inferplan import catalog, cost
from inferplan.catalog import BEDROCK, Asked, table
from inferplan.catalog.token_rates import TOKEN_PROVIDERS, RequestPrice
from inferplan.cost.tokens import uplift
from inferplan.plan.make import make_plan
from inferplan.records.plan import CostLine, Plan
from inferplan.spec.declaration import Declaration
from inferplan.spec.faults import SpecErrors
from inferplan.spec.loading import load
from policies.gates import gates

DAY = "2026-11-20"
QUIET = datetime(2026, 11, 20, 20, tzinfo=UTC)  # outside every hour that has its own price
SELLER = {
    theirs: ours for ours, theirs in TOKEN_PROVIDERS.items() if ours not in {"google-gemini-api", BEDROCK}
}
PRICED = [(row.provider, row.model) for row in catalog.token_prices() if row.match and row.provider in SELLER]


# -- the table -------------------------------------------------------------------------------------
def test_the_table_stays_small() -> None:
    """It is read whole where a vendor's model is named."""
    assert len(table.raw("token_prices")) < 500_000


def test_every_text_model_of_bedrock_has_a_price_or_a_reason() -> None:
    """Finding of the catalog check: 36 of 117 text models were in no total, for want of a price."""
    none = {}
    for model, row in catalog.bedrock_models().items():
        if {"chat", "embeddings"} & set(row.apis):
            ids = [model] * bool(row.on_demand) + [f"{route.prefix}{model}" for route in row.profiles]
            for one in ids or [model]:
                price = catalog.request_price(BEDROCK, one, Asked(1000, 300 * ("chat" in row.apis)), DAY)
                if price is None:
                    found = catalog.token_price(BEDROCK, one)
                    none[model] = found.row.reason if found is not None else None

    assert set(none) == {
        "openai.gpt-5.4-2026-03-05",
        "openai.gpt-5.5-2026-04-23",
        "twelvelabs.marengo-embed-2-7-v1:0",
        "twelvelabs.marengo-embed-3-0-v1:0",
        "twelvelabs.pegasus-1-2-v1:0",
        "twelvelabs.pegasus-1-5-v1:0",
        "zai.glm-4.6",
    }
    assert all(none.values())


@pytest.mark.parametrize(
    "model",
    [
        "amazon.titan-text-express-v1", "amazon.nova-premier-v1:0", "amazon.nova-sonic-v1:0",
        "us.meta.llama3-2-1b-instruct-v1:0", "us.meta.llama3-2-11b-instruct-v1:0",
        "us.anthropic.claude-3-5-haiku-20241022-v1:0", "anthropic.claude-3-opus-20240229-v1:0",
        "us.anthropic.claude-opus-4-20250514-v1:0",
    ],
)  # fmt: skip
def test_what_no_region_offers_has_no_price(model: str) -> None:
    """Models that neither witness lists were priced all the same."""
    assert catalog.token_price(BEDROCK, model) is None


def test_rows_state_no_zero_for_what_is_not_known() -> None:
    """A price of 0 stands only where a query is paid instead, or answers cost nothing."""
    for row in catalog.token_prices():
        for rate in row.rates:
            paid_for = rate.request_usd or rate.output_usd or "-online" in row.model
            assert rate.input_usd != 0 or paid_for or row.match, row.model
        assert bool(row.rates) or row.reason, row.model


# -- one request -----------------------------------------------------------------------------------
@pytest.mark.parametrize("share", [0.0, 0.4])
@pytest.mark.parametrize("waiting", [False, True])
@pytest.mark.parametrize("size", [(1200, 250), (200_005, 800), (900_000, 4000)])
def test_requests_cost_what_the_library_says(size: tuple[int, int], waiting: bool, share: float) -> None:
    """Small, just above a tier and huge; fresh or partly cached; at once or as a batch, for every model."""
    compared = 0
    for seller, model in PRICED:
        ours = catalog.request_price(SELLER[seller], model, Asked(*size, share, float(waiting)), DAY)
        try:
            theirs = calc_price(
                Usage(input_tokens=size[0], cache_read_tokens=round(size[0] * share), output_tokens=size[1]),
                model_ref=model,
                provider_id=seller,
                genai_request_timestamp=QUIET,
                price_context={"processing": "batch"} if waiting else None,
            )
        except LookupError:  # a row for other ids than its own name
            continue
        found = catalog.token_price(SELLER[seller], model)
        if ours is None and found is not None and found.row.reason is not None:
            assert found.row.reason.startswith("sound is paid"), (seller, model)
        elif ours is None:
            price = theirs.model_price
            assert price.input_mtok is None or price.output_mtok is None, (seller, model)
        elif found is not None and found.row.other is not None:
            if not waiting and found.row.other.output_usd is not None:
                assert ours.low <= float(theirs.total_price) * 1.000001, (seller, model)
                assert ours.high >= float(theirs.total_price) * 0.999999, (seller, model)
        elif found is not None and not found.row.ids:
            assert ours.expected == pytest.approx(float(theirs.total_price)), (seller, model)
            compared += 1

    assert compared > 200


@pytest.mark.parametrize(
    ("provider", "model"),
    [
        ("azure-openai", "gpt-4.1"),
        ("azure-openai", "claude-sonnet-4-5"),
        ("google-vertex", "claude-sonnet-4-5"),
        ("openai", "gpt-4.1-20250414"),
        ("amazon-bedrock", "eu.anthropic.claude-sonnet-4-5-20250929-v1:0"),
        ("amazon-bedrock", "anthropic.claude-3-haiku-20240307-v1:0"),
        ("mistral", "mistral-small-latest"),
    ],
)
def test_names_find_the_model_that_the_library_finds(provider: str, model: str) -> None:
    """Aliases, dates, profiles, and models that one vendor sells for another."""
    ours = catalog.request_price(provider, model, Asked(1000, 300), DAY)
    theirs = calc_price(
        Usage(input_tokens=1000, output_tokens=300),
        model_ref=model,
        provider_id=TOKEN_PROVIDERS[provider],
        genai_request_timestamp=QUIET,
    )

    assert ours is not None
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
    assert catalog.request_price(provider, model, Asked(1000, 300), DAY) is None


def test_a_month_of_tokens_is_not_one_request() -> None:
    """Trap 11: 1,000 requests of 1,000 tokens cost 1,000 x 0.003 USD; one of a million costs 6."""
    one = catalog.request_price("anthropic", "claude-sonnet-4-5", Asked(1000, 0), DAY)
    huge = catalog.request_price("anthropic", "claude-sonnet-4-5", Asked(1_000_000, 0), DAY)

    assert one is not None
    assert huge is not None
    assert one.expected * 1000 == pytest.approx(3.0)
    assert huge.expected == pytest.approx(6.0)


def test_prices_change_with_their_day() -> None:
    """A price that starts later is not taken before its day: o3 fell from 10 to 2 USD on 2025-06-10."""
    before = catalog.request_price("openai", "o3", Asked(1_000_000, 0), "2025-06-09")
    after = catalog.request_price("openai", "o3", Asked(1_000_000, 0), "2025-06-10")

    assert before is not None
    assert after is not None
    assert (before.expected, after.expected) == (10.0, 2.0)


def test_hours_of_the_day_make_a_range() -> None:
    """DeepSeek has dearer hours: expected is outside of them, high inside."""
    found = catalog.request_price("deepseek", "deepseek-v4-pro", Asked(1_000_000, 0), DAY)

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
    listed = catalog.request_price("openai", model, Asked(1200, 250), DAY)

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


# -- Bedrock, per Region ---------------------------------------------------------------------------
DEEPSEEK, SONNET = "deepseek.v3.2", "anthropic.claude-sonnet-4-6"


def at_bedrock(model: str, region: str, *shares: float) -> RequestPrice:
    found = catalog.request_price(BEDROCK, model, Asked(1_000_000, 1_000_000, *shares), DAY, region)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("model", "region", "expected", "exact"),
    [
        (DEEPSEEK, "us-east-1", 0.62 + 1.85, True),
        (DEEPSEEK, "eu-north-1", 0.74 + 2.22, True),
        (DEEPSEEK, "eu-west-2", 0.74 + 2.22, False),
        ("mistral.mistral-large-2402-v1:0", "eu-west-3", 5.2 + 15.6, True),
        ("mistral.mistral-large-2402-v1:0", "eu-west-1", 5.2 + 15.6, False),
        ("amazon.nova-lite-v1:0", "us-gov-west-1", 0.072 + 0.288, True),
        (f"eu.{SONNET}", "eu-west-1", 3.3 + 16.5, True),
        (f"global.{SONNET}", "eu-west-1", 3.0 + 15.0, True),
        (f"arn:aws:bedrock:eu-west-1:1:inference-profile/eu.{SONNET}", "eu-west-1", 3.3 + 16.5, True),
        ("eu.cohere.embed-v4:0", "eu-west-1", 0.12, False),
    ],
)  # fmt: skip
def test_bedrock_costs_what_its_region_and_profile_cost(
    model: str, region: str, expected: float, exact: bool
) -> None:
    """A Region without a price of its own is planned at the dearest of those around it, never below."""
    found = at_bedrock(model, region)

    assert found.expected == pytest.approx(expected)
    assert found.exact is exact


def test_a_region_that_no_source_prices_is_no_cheaper_than_one_that_is() -> None:
    """Else the search would take it for its missing price; the range still says what the list starts at."""
    known, unknown = (
        at_bedrock("mistral.mistral-large-2402-v1:0", name) for name in ("eu-west-3", "eu-west-1")
    )

    assert unknown.expected >= known.expected
    assert unknown.low == pytest.approx(4.0 + 12.0)
    assert known.low == known.high == known.expected


def test_a_models_own_name_hides_its_price() -> None:
    """Of the account's own models and profiles no list says which model they are."""
    arn = "arn:aws:bedrock:eu-west-1:111111111111:application-inference-profile/abc"

    assert catalog.token_price(BEDROCK, arn, "eu-west-1") is None


def bill_of(model: str, provider: str = "openai", **load: float) -> CostLine:
    """The token line of the support desk's first vendor with another model and load."""
    given = draft("eu-support-desk")
    first, *others = given.vendors
    vendor = msgspec.structs.replace(first, model=model, provider=provider)
    traffic = tuple(msgspec.structs.replace(one, **load) for one in given.traffic)
    changed = msgspec.structs.replace(given, vendors=(vendor, *others), traffic=traffic)
    return line(cost.price(changed), "tokens openai for support-chat")


def test_two_sources_that_differ_are_both_told() -> None:
    """The row, the line and its range have both figures; of two that agree nothing is said."""
    told = bill_of("mistral-large-latest", "mistral")

    assert "input 0.5 in litellm and 2 in genai-prices" in told.note
    assert "planned with litellm" in told.note
    assert "low and high: the sources differ" in told.note
    assert told.estimated
    assert told.expected_usd is not None
    assert told.high_usd == pytest.approx(4 * told.expected_usd, rel=0.001)
    assert "genai-prices" not in bill_of("gpt-6-sol").note


def test_a_region_without_a_price_and_a_model_without_one_say_so() -> None:
    """The line names what no source states."""
    assert f"no source states the price of {DEEPSEEK} in eu-" in bill_of(DEEPSEEK, BEDROCK).note
    none = bill_of("zai.glm-4.6", BEDROCK)

    assert none.expected_usd is None
    assert "neither litellm nor genai-prices states a price" in none.note


# -- what is cached, what may wait -----------------------------------------------------------------
def test_a_cached_share_lowers_the_bill_by_its_arithmetic() -> None:
    """Half of the input at 0.20 USD instead of 2.00: nothing else of the line moves."""
    none, half = bill_of("gpt-6-sol"), bill_of("gpt-6-sol", cached_input_share=0.5)

    saved = 90_000 * 1200 * 0.5 * (2.0 - 0.2) / 1e6 * 1.1
    assert none.expected_usd is not None
    assert half.expected_usd == pytest.approx(none.expected_usd - saved, abs=0.02)
    assert "0.5 of the input cached" in half.note
    assert "none cached" in none.note


def test_what_is_written_to_the_cache_is_counted_in_high() -> None:
    """No load says how often its prefix is new: fresh input may all be written, at 2.50 USD."""
    half = bill_of("gpt-6-sol", cached_input_share=0.5)

    assert half.high_usd == pytest.approx(
        90_000 * (1200 * (0.5 * 0.2 + 0.5 * 2.5) + 250 * 10) / 1e6 * 1.1, abs=0.02
    )
    assert "writing to the cache is counted in high" in half.note
    assert "low and high" not in bill_of("gpt-6-sol", batch_share=0.5).note.replace("low and high of", "")


def test_a_batch_share_lowers_the_bill_by_its_arithmetic() -> None:
    """A quarter of the requests at half the price is an eighth less."""
    none, some = bill_of("gpt-6-sol"), bill_of("gpt-6-sol", batch_share=0.25)

    assert none.expected_usd is not None
    assert some.expected_usd == pytest.approx(none.expected_usd * 0.875, abs=0.02)
    assert "0.25 of the requests as batches" in some.note


@pytest.mark.parametrize(
    ("share", "model", "words"),
    [
        ("cached_input_share", "mistral.mistral-large-2402-v1:0", "no cached rate is stated"),
        ("batch_share", "mistral.mistral-large-2402-v1:0", "no batch rate is stated"),
    ],
)
def test_a_share_without_a_rate_is_priced_in_full_and_said(share: str, model: str, words: str) -> None:
    """Never 0, never a usual discount."""
    with_share = bill_of(model, BEDROCK, **{share: 0.5})

    assert with_share.expected_usd == bill_of(model, BEDROCK).expected_usd
    assert words in with_share.note


def test_a_batch_price_does_not_come_with_a_borrowed_row() -> None:
    """genai-prices lets Azure sell what Anthropic prices; whether it takes batches is not said by that."""
    ours = catalog.request_price("azure-openai", "claude-opus-4-8", Asked(1000, 300, 0, 1), DAY)
    maker = catalog.request_price("anthropic", "claude-opus-4-8", Asked(1000, 300, 0, 1), DAY)

    assert ours is not None
    assert maker is not None
    assert (ours.batched, maker.batched) == (False, True)
    assert ours.expected == pytest.approx(2 * maker.expected)


def test_own_gpus_are_not_made_cheaper_by_either_share() -> None:
    """Their bill is that of nodes, which the peak of all requests decides."""
    given = draft("de-clinic-notes")
    traffic = tuple(
        msgspec.structs.replace(one, cached_input_share=0.9, batch_share=0.5) for one in given.traffic
    )

    assert cost.price(msgspec.structs.replace(given, traffic=traffic)) == cost.price(given)


# -- the two shares in a spec ----------------------------------------------------------------------
LOAD = "{peak_requests_per_second: 1, monthly_requests: 300000, input_tokens: 800, output_tokens: 300,"


def written(tmp_path: Path, *edits: tuple[str, str], name: str = "eu-both-ways") -> Declaration:
    """An example with parts of its text replaced."""
    text = (ROOT / "specs" / f"{name}.yaml").read_text("utf-8")
    for old, new in edits:
        assert old in text
        text = text.replace(old, new)
    file = tmp_path / f"{name}.yaml"
    file.write_text(text, "utf-8")
    return load(file, ROOT / "organization")


def with_shares(tmp_path: Path, shares: str, *edits: tuple[str, str]) -> Declaration:
    return written(tmp_path, (LOAD, f"{LOAD} {shares},"), *edits)


NO_LATENCY = ("ttft_ms: {p95: 2000}, ", "")
OWN_ONLY = ("backends: [mistral-api, mistral-own]", "backends: [mistral-own]")


@pytest.mark.parametrize(
    ("shares", "edits", "words"),
    [
        ("cached_input_share: 1.5", (), "must be at most 1, not 1.5"),
        ("cached_input_share: -0.1", (), "must be at least 0"),
        ("batch_share: 40", (), "must be at most 1, not 40"),
        ("batch_share: half", (), "batch_share"),
        ("batch_share: 1", (), "cannot hold where every request may wait for hours"),
        ("batch_share: 0.5", (OWN_ONLY,), "no backend of this route is a vendor's"),
    ],
)
def test_shares_that_cannot_be_are_errors(
    tmp_path: Path, shares: str, edits: tuple[tuple[str, str], ...], words: str
) -> None:
    """Each by its path; a percentage is none."""
    with pytest.raises(SpecErrors) as caught:
        with_shares(tmp_path, shares, *edits)

    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("shares", "edits"),
    [
        ("cached_input_share: 1", ()),
        ("batch_share: 0.99", ()),
        ("batch_share: 1", (NO_LATENCY,)),
        ("cached_input_share: 0.5", (OWN_ONLY,)),
    ],
)
def test_shares_that_can_be_are_planned(
    tmp_path: Path, shares: str, edits: tuple[tuple[str, str], ...]
) -> None:
    """The same, with the one thing right."""
    make_plan(with_shares(tmp_path, shares, *edits), AS_OF, gates)


SONNET_EU = ("mistral.mistral-large-2402-v1:0", "eu.anthropic.claude-sonnet-4-6")


def test_every_part_of_a_plan_reads_the_same_price(tmp_path: Path) -> None:
    """Line, alternatives, both break-evens, the months to come and the decision follow the cached share."""
    none = make_plan(written(tmp_path, SONNET_EU), AS_OF, gates)
    most = make_plan(with_shares(tmp_path, "cached_input_share: 0.9", SONNET_EU), AS_OF, gates)

    def vendors(plan: Plan) -> float:
        return next(
            one.monthly_usd.expected
            for one in plan.cost.alternatives
            if one.name == "managed-api" and one.monthly_usd is not None
        )

    saved = 300_000 * 800 * 0.9 * (3.3 - 0.33) / 1e6
    assert vendors(none) - vendors(most) == pytest.approx(saved, abs=0.02)
    assert none.cost.break_even is not None
    assert most.cost.break_even is not None
    for dear, cheap in zip(none.cost.break_even["curve"], most.cost.break_even["curve"], strict=True):
        assert cheap["vendor_usd"] < dear["vendor_usd"]
        assert cheap["own_usd"] == dear["own_usd"]
    (before,), (after,) = (plan.cost.break_even["utilization"] for plan in (none, most))
    assert after["vendor_usd_per_million_tokens"] < before["vendor_usd_per_million_tokens"]
    assert after["own_usd_per_million_tokens_when_full"] == before["own_usd_per_million_tokens_when_full"]
    evidence = [
        next(row["evidence"] for row in plan.decision.criteria if row["id"] == "pay_per_use")
        for plan in (none, most)
    ]
    assert evidence[0] != evidence[1]


@pytest.mark.parametrize(
    ("mode", "words"),
    [
        ("managed-api", ("the gateway passes no batches",)),
        ("self-hosted", ("sized and priced as if no prefix were cached", "sized for all requests")),
    ],
)
def test_what_a_plan_makes_of_the_shares_is_said(tmp_path: Path, mode: str, words: tuple[str, ...]) -> None:
    """Own GPUs count neither, and the gateway carries no batches."""
    shares = "cached_input_share: 0.5, batch_share: 0.5"
    plan = make_plan(with_shares(tmp_path, shares, ("mode: auto", f"mode: {mode}")), AS_OF, gates)
    told = [text for text in plan.warnings if "_share: " in text]

    assert len(told) == len(words)
    assert all(any(word in text for text in told) for word in words)
    plain = make_plan(written(tmp_path, ("mode: auto", f"mode: {mode}")), AS_OF, gates)
    assert not any("_share: " in text for text in plain.warnings)


def test_sound_is_not_priced_as_text() -> None:
    """What transcribes is paid by the second or by tokens of sound; a load states neither."""
    told = bill_of("gpt-4o-transcribe")

    assert told.expected_usd is None
    assert "sound is paid by the second" in told.note
    assert bill_of("gpt-4o").expected_usd is not None
