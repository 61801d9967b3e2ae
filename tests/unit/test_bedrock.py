"""Area of concern: what Bedrock and other vendors offer: tables, ids, profiles, ends and retention."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import date

import pytest
from msgspec import structs
from plan_edits import AS_OF, ROOT, declared, spec_of, with_backend, with_route, with_spec

from inferplan import catalog
from inferplan.catalog import BEDROCK, table
from inferplan.catalog.refresh import rows as refresh_rows
from inferplan.plan.make import make_plan
from inferplan.records.no_plan import NoPlan
from inferplan.spec.declaration import Declaration
from inferplan.spec.organization import ConfirmedFact
from policies.evaluate import evaluate
from policies.gates import gates
from policies.sovereignty.profiles_stay_inside import _profiles_in

SONNET = "anthropic.claude-sonnet-4-5-20250929-v1:0"
EU = {"DE", "ES", "FR", "IE", "IT", "SE"}


# -- the generated tables --------------------------------------------------------------------------
LAZY = """
from datetime import date
from inferplan.catalog import bedrock, lifetimes
from inferplan.plan.make import make_plan
from inferplan.spec.loading import load
from policies.evaluate import evaluate
from policies.gates import gates
said = load({spec!r}, {organization!r})
make_plan(said, date(2026, 11, 20), gates)
evaluate(said, (), date(2026, 11, 20))
print(bedrock.bedrock_models.cache_info().currsize + lifetimes.vendor_models.cache_info().currsize)
"""


@pytest.mark.parametrize(("example", "tables"), [("de-clinic-notes", "0"), ("in-bank-assistant", "2")])
def test_the_tables_are_read_only_where_a_vendors_model_is_named(example: str, tables: str) -> None:
    """A spec of own weights alone pays nothing for them."""
    paths = {"spec": str(ROOT / "specs" / f"{example}.yaml"), "organization": str(ROOT / "organization")}
    code = LAZY.format(**paths)
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)

    assert done.stdout.strip() == tables


def test_a_refresh_says_what_changed() -> None:
    """New, gone and changed rows by their keys; a new source or date alone is no change."""
    before = [{"model": "a", "on_demand": ["x"], "as_of": "2026-01-01"}, {"model": "b"}, {"model": "d"}]
    after = [
        {"model": "a", "on_demand": [], "as_of": "2026-02-01"},
        {"model": "c"},
        {"model": "d", "as_of": "1"},
    ]

    told = list(refresh_rows.changes(before, after, "model"))

    assert told == ["changed (on_demand): a", "gone: b", "new: c"]


def test_a_difference_between_the_sources_stands_in_the_row() -> None:
    """One package alone lists Claude 3 Haiku in Paris on demand, and another alone an Asian profile of it."""
    row = catalog.bedrock_models()["anthropic.claude-3-haiku-20240307-v1:0"]

    assert row.verified == "partial"
    assert "on demand in eu-west-3: only bedrock-models lists it" in row.unverified_parts
    assert any(part.endswith("only bedrock-usage-analyzer lists it") for part in row.unverified_parts)
    assert all(
        one.unverified_parts == () for one in catalog.bedrock_models().values() if one.verified is True
    )


def test_the_tables_stay_small() -> None:
    """What is read for one model id is no burden, and nothing of it is read where no such id is named."""
    assert len(table.raw("bedrock_models")) < 150_000
    assert len(table.raw("vendor_models")) < 200_000


def test_what_only_the_other_endpoint_has_is_not_offered() -> None:
    """bedrock-models calls both endpoints on demand; the second witness has seen bedrock-runtime only."""
    row = catalog.bedrock_models()["openai.gpt-oss-120b"]

    assert row.on_demand == ()
    assert "eu-central-1" in row.mantle_only
    assert "eu-north-1" in catalog.bedrock_models()["openai.gpt-oss-120b-1:0"].on_demand


# -- profiles by caller ----------------------------------------------------------------------------
def test_no_european_profile_leaves_the_union_when_called_from_it() -> None:
    """Over every model and every source Region inside; London, Zurich and Tel Aviv add themselves."""
    union = [name for name, region in catalog.regions().items() if region.country in EU]
    seen = 0
    for model in catalog.bedrock_models():
        for region in union:
            if f"eu.{model}" in catalog.bedrock_ids(model, region):
                profile = catalog.bedrock_profile(f"eu.{model}", region)
                assert profile is not None
                assert set(profile.countries or ()) <= EU
                seen += 1

    assert seen > 100
    for region, country in (("eu-west-2", "GB"), ("eu-central-2", "CH"), ("il-central-1", "IL")):
        profile = catalog.bedrock_profile("eu.*", region)
        assert profile is not None
        assert set(profile.countries or ()) - EU == {country}


@pytest.mark.parametrize(
    ("model_id", "region", "countries"),
    [
        ("us.anthropic.claude-sonnet-4-6", "us-east-1", {"US"}),
        ("us.anthropic.claude-sonnet-4-6", "ca-central-1", {"CA", "US"}),
        ("in.anthropic.claude-sonnet-5", "ap-south-1", {"IN"}),
        ("ca.amazon.nova-lite-v1:0", "ca-west-1", {"CA"}),
        ("jp.anthropic.claude-sonnet-4-6", "ap-northeast-1", {"JP"}),
        ("us-gov.anthropic.claude-3-haiku-20240307-v1:0", "us-gov-west-1", {"US"}),
    ],
)  # fmt: skip
def test_a_profile_reaches_what_it_may_from_the_callers_region(
    model_id: str, region: str, countries: set[str]
) -> None:
    """Prefixes of countries exist, Canada joins the United States when it calls."""
    profile = catalog.bedrock_profile(model_id, region)

    assert profile is not None
    assert set(profile.countries or ()) == countries


def test_the_emirates_serve_no_other_asian_caller() -> None:
    """A list that once held me-central-1 has it for callers there only, for whom no list is stated."""
    for region in catalog.bedrock_callers("apac.*") - {"me-central-1"}:
        profile = catalog.bedrock_profile("apac.*", region)
        assert profile is not None
        assert "AE" not in (profile.countries or ())


# -- the planner -----------------------------------------------------------------------------------
def desk(model: str, region: str | None = "eu-west-1") -> Declaration:
    """The support desk with one backend at Bedrock."""
    said = with_spec(declared("eu-support-desk"), target={"region": region})
    return with_route(with_backend(said, "mistral", model=model), backends=("mistral",))


def at_openai(model: str) -> Declaration:
    return with_route(with_backend(declared("eu-support-desk"), "openai", model=model), backends=("openai",))


def refused(said: Declaration) -> NoPlan:
    with pytest.raises(NoPlan) as caught:
        make_plan(said, AS_OF, gates)
    return caught.value


def refusal(said: Declaration) -> str:
    return str(refused(said))


def test_public_case_21_a_model_that_is_offered_through_profiles_only() -> None:
    """Its bare id is no plan and is never the way out; the profile of the caller's Region is."""
    told = refusal(desk(SONNET))

    assert f"eu-west-1 offers it as eu.{SONNET} or global.{SONNET}, and not by this id" in told
    assert f"; use eu.{SONNET}; works with eu.{SONNET}, at " in told
    plan = make_plan(desk(f"eu.{SONNET}"), AS_OF, gates)
    (vendor,) = plan.vendors
    assert {arn.split(":")[3] for arn in vendor.model_arns} == {
        "eu-central-1", "eu-north-1", "eu-south-1", "eu-south-2", "eu-west-1", "eu-west-3",
    }  # fmt: skip
    assert {flow.country for flow in plan.flows if flow.destination == "mistral"} == EU


REFUSED = [
    ("amazon.titan-text-express-v1", "no Region offers it; use "),
    ("meta.llama3-2-11b-instruct-v1:0", "it ended on 2026-07-07; "),
    ("mistral.mistral-large-3-675b-instruct", "eu-west-1 does not offer it; "),
    ("mistral.magistral-small-2507", "no Region offers it; use mistral.magistral-small-2509"),
    ("openai.gpt-oss-120b", "only at the endpoint bedrock-mantle"),
    ("jp.anthropic.claude-sonnet-4-6", "use eu.anthropic.claude-sonnet-4-6"),
    ("xai.grok-4.6", "none of them keeps its calls in the allowed countries"),
]  # fmt: skip


@pytest.mark.parametrize(("model", "words"), REFUSED, ids=[row[0] for row in REFUSED])
def test_a_model_that_the_region_lacks_is_refused_with_what_it_has(model: str, words: str) -> None:
    """Every id that is offered instead can be called there."""
    answer = refused(desk(model))

    assert words in str(answer)
    (conflict,) = [one for one in answer.conflicts if one.path == "backends.mistral.model"]
    advised = [word.strip(",;") for word in str(conflict.change).split() if "." in word]
    offered = {one for base in catalog.bedrock_models() for one in catalog.bedrock_ids(base, "eu-west-1")}
    assert set(advised) <= offered


def test_without_a_region_the_search_takes_one_that_has_the_model() -> None:
    """An example was once planned in Stockholm, where its model is not."""
    plan = make_plan(desk("mistral.mistral-large-2402-v1:0", None), AS_OF, gates)

    row = catalog.bedrock_models()["mistral.mistral-large-2402-v1:0"]
    assert plan.target.region in row.on_demand
    assert refusal(desk(SONNET, None)).count("\n") == 1


def test_no_warning_says_that_no_source_lists_models() -> None:
    """A model that both sources have on demand needs no further question."""
    warnings = make_plan(desk("mistral.mistral-large-2402-v1:0"), AS_OF, gates).warnings

    assert [text for text in warnings if text.startswith("mistral:")] == []


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (lambda: at_openai("gpt-99"), "openai has no model of this id; use "),
        (lambda: at_openai(SONNET), f"it is an id of {BEDROCK}"),
        (lambda: at_openai("claude-opus-5"), "it is an id of anthropic"),
        (lambda: at_openai("ChatGPT"), "the app is a product, not an API"),
        (lambda: at_openai("text-embedding-3-large"), "it serves embeddings only"),
        (
            lambda: with_route(at_openai("gpt-5.6"), api="embeddings", redaction=None),
            "gpt-5.6 cannot serve embeddings",
        ),
        (lambda: desk("amazon.titan-embed-text-v2:0"), "it serves embeddings only"),
        (lambda: desk("gpt-4.1"), "no Region offers it"),
    ],
)
def test_an_id_that_a_vendor_has_not_is_an_error(said: Callable[[], Declaration], words: str) -> None:
    """Never a warning about a price."""
    assert words in refusal(said())


@pytest.mark.parametrize(
    ("said", "paths"),
    [
        (lambda: desk(f"jp.{SONNET}"), ["backends.mistral.model"]),
        (lambda: desk("amazon.titan-embed-text-v2:0"), ["backends.mistral.model"]),
        (lambda: at_openai("gpt-99"), ["backends.openai.model"]),
        (lambda: at_openai("text-embedding-3-large"), ["backends.openai.model"]),
        (
            lambda: with_route(at_openai("gpt-5.6"), api="embeddings", redaction=None),
            ["backends.openai.model", "routes[0].api"],
        ),
        (
            lambda: with_route(desk("mistral.mistral-large-2402-v1:0"), api="classify", redaction=None),
            ["routes[0].api"],
        ),
    ],
)
def test_another_model_or_api_is_offered_as_a_planned_edit(
    said: Callable[[], Declaration], paths: list[str]
) -> None:
    """Each by itself, with its bill; test_remedies writes them into specs."""
    cured = [one for one in refused(said()).conflicts if one.change]

    assert [[edit.path for edit in one.edits] for one in cured] == [[path] for path in paths]
    assert [one.path for one in cured] == paths
    assert all(one.monthly_usd for one in cured)


def test_a_person_may_vouch_for_what_is_newer_than_the_catalog() -> None:
    """An offer of a Region, a model of a vendor; a Region or vendor that does not exist has none."""
    said = desk(SONNET)
    fact = ConfirmedFact(id=f"bedrock_models/{SONNET}@eu-west-1", by="me@desk.example", date="2026-11-01")
    facts = structs.replace(said.organization.facts, confirmed=(fact,))
    vouched = replace(said, organization=structs.replace(said.organization, facts=facts))

    assert make_plan(vouched, AS_OF, gates).vendors[0].model == SONNET
    assert catalog.may_be_vouched_for("vendor_models/openai/gpt-99")
    assert not catalog.may_be_vouched_for("vendor_models/opnai/gpt-99")
    assert not catalog.may_be_vouched_for(f"bedrock_models/{SONNET}@eu-west-9")


# -- ends ------------------------------------------------------------------------------------------
def test_what_rests_on_a_model_lapses_with_it() -> None:
    """A verdict holds until the day before, is denied on the day, and the plan names the successor."""
    said = at_openai("gpt-4.1-2025-04-14")
    end = catalog.model_end("openai", "gpt-4.1-2025-04-14")
    assert end is not None

    (warning,) = [text for text in make_plan(said, AS_OF, gates).warnings if "ends on" in text]
    assert warning == f"openai: gpt-4.1-2025-04-14 ends on {end.day}, in 55 days; its successor is gpt-6-luna"
    assert _lock_005(said, date(2027, 1, 13)) == ("pass", "2027-01-13")
    assert _lock_005(said, end.day) == ("fail", None)


def _lock_005(said: Declaration, day: date) -> tuple[str, str | None]:
    (rule,) = [rule for rule in evaluate(said, (), day).rules if rule.id == "LOCK-005"]
    return rule.verdict, rule.valid_until


def test_a_successor_is_told_by_an_id_that_can_be_called() -> None:
    """From Dublin the successor of a European profile is a European profile."""
    warnings = make_plan(desk(f"eu.{SONNET}"), AS_OF, gates).warnings

    assert any("its successor is eu.anthropic.claude-sonnet-5-5" in text for text in warnings)
    assert any("is a legacy model" in text for text in warnings)


def test_of_two_sources_the_one_that_saw_it_alive_is_believed() -> None:
    """One source says that a profile ended, another lists it after that day: told, not denied."""
    model = "eu.anthropic.claude-haiku-4-5-20251001-v1:0"
    end = catalog.model_end(BEDROCK, model)

    assert end is not None
    assert end.doubt
    assert any(
        "ended on 2026-10-15 by one source" in text for text in make_plan(desk(model), AS_OF, gates).warnings
    )
    assert _lock_005(desk(model), AS_OF)[0] == "pass"


def test_mode_auto_leaves_out_what_has_ended() -> None:
    """The rule keeps a model that is gone from being chosen."""
    said = with_backend(
        declared("eu-both-ways"), "mistral-api", model="eu.anthropic.claude-sonnet-4-20250514-v1:0"
    )

    assert make_plan(said, AS_OF, gates).mode == "self-hosted"


@pytest.mark.parametrize(
    ("model", "names", "later"),
    [
        ("gpt-4.1-2025-04-14", ["gpt-5.6", "gpt-5.6-sol", "gpt-4", "gpt-5"], ("gpt-5.6", "gpt-5")),
        ("anthropic.claude-3-haiku-20240307-v1:0", ["anthropic.claude-haiku-5-5", "anthropic.claude-opus-5"],
         ("anthropic.claude-haiku-5-5",)),
        ("meta.llama3-3-70b-instruct-v1:0", ["meta.llama3-70b-instruct-v1:0"], ()),
    ],
)  # fmt: skip
def test_later_versions_are_of_the_same_family(model: str, names: list[str], later: tuple[str, ...]) -> None:
    """The words of an id are its family; its day, its size and the build are no version."""
    assert catalog.kin(model, names) == later


def test_ends_are_days_and_models_of_their_vendors() -> None:
    """Every end is a day, of a vendor that has facts."""
    for row in json.loads(table.raw("vendor_models")):
        assert row["provider"] in catalog.vendors()
        assert "ends" not in row or date.fromisoformat(row["ends"])


# -- retention -------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("model", "days"),
    [
        ("anthropic.claude-fable-5-1", 30), ("global.openai.gpt-6-sol", 30), ("openai.gpt-oss-120b-1:0", 0),
        ("eu.anthropic.claude-sonnet-4-6", 0), ("mistral.mistral-large-2402-v1:0", 0),
        ("anthropic.claude-sonnet-5-5", 0), ("xai.grok-4.6", None),
    ],
)  # fmt: skip
def test_what_is_kept_is_told_per_model(model: str, days: int | None) -> None:
    """Some keep every prompt, some those that are flagged, and of some no source says."""
    kept = catalog.model_retention(BEDROCK, model)

    assert (kept.least_days if kept is not None else None) == days


def test_every_example_names_models_that_live() -> None:
    """At least one of them ends within the horizon, so that the warning is shown."""
    ends = [
        catalog.model_end(organization.vendors[backend.vendor].provider, str(backend.model))
        for name in ("eu-support-desk", "in-bank-assistant", "eu-both-ways")
        for organization in (declared(name).organization,)
        for backend in spec_of(declared(name)).backends.values()
        if backend.vendor is not None
    ]

    assert [end.day for end in ends if end is not None] == [date(2027, 1, 14)]


def test_profiles_in_one_text_are_each_found() -> None:
    """Whatever stands between them, and with the Region that each address names."""
    arn = "arn:aws:bedrock:eu-west-2:111111111111:inference-profile/eu.anthropic.claude-sonnet-4-6"
    found = _profiles_in(f"{arn};us.amazon.nova-lite-v1:0|inference-profile/x")

    named = {(one.model_id, one.region) for one in found}
    assert {("eu.anthropic.claude-sonnet-4-6", "eu-west-2"), ("us.amazon.nova-lite-v1:0", None)} <= named
