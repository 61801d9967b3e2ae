"""The organization's own prices and discounts: they win, they are told, and no spec can write one.

Area of concern: a price that nobody can trace, or a discount that somebody gives himself.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pytest
from priced_stacks import AS_OF, ROOT, declared, draft, line, with_load
from spec_texts import GOOD, changed, refused

from inferplan.cost import price
from inferplan.decision import Question
from inferplan.plan.make import make_plan
from inferplan.plan.search import cheapest
from inferplan.records.plan import Cost, Plan
from inferplan.spec.declaration import Declaration
from inferplan.spec.discounts import Discount
from inferplan.spec.faults import SpecErrors
from inferplan.spec.loading import load, load_organization
from inferplan.spec.price_book import PriceBook
from inferplan.spec.price_file import Prices
from inferplan.spec.price_reading import read_prices
from policies.gates import gates
from tests.command_line import inferplan

READ = {"source": "a price list", "as_of": "2026-11-19"}
CLINIC, MINIMAL, BOTH = "de-clinic-notes", "minimal", "eu-both-ways"
G7E = {"instance": "g7e.2xlarge", "region": "eu-central-1"}


def prices(**sections: list[dict[str, Any]]) -> Prices:
    """A price file in memory; rows are dated and sourced."""
    rows = {section: [READ | row for row in listed] for section, listed in sections.items()}
    return msgspec.convert({"apiVersion": "inferplan/v1beta1", "kind": "Prices", **rows}, Prices)


def discount(percent: float = 10, **fields: Any) -> Discount:
    """A discount that holds on the day of the tests."""
    given = {"name": "edp", "reason": "EDP-7", "approved_by": "cfo", "valid_until": "2028-12-31"} | fields
    return msgspec.convert(given | {"percent": percent}, Discount)


def under(name: str, own: Prices | None = None, *discounts: Discount) -> Declaration:
    """An example under the example organization with prices and discounts of its own."""
    given = declared(name)
    organization = msgspec.structs.replace(given.organization, discounts=discounts)
    return replace(given, prices=own, organization=organization)


def planned(name: str, own: Prices | None = None, *discounts: Discount, day: date = AS_OF) -> Plan:
    return make_plan(under(name, own, *discounts), day, gates)


def bill(name: str, own: Prices | None = None, *discounts: Discount, mode: str | None = None) -> Cost:
    given = under(name, own, *discounts)
    spec = msgspec.structs.replace(given.spec, **({"mode": mode} if mode else {}))
    return cheapest(Question.of(replace(given, spec=spec), AS_OF, gates)).cost


# -- prices


def test_an_own_price_wins_and_is_told() -> None:
    """The rough price of the catalog becomes the exact one; every other line stays the catalog's."""
    own = planned(CLINIC, prices(on_demand=[{**G7E, "usd_hour": 4.1}]))
    without = planned(CLINIC)

    found = line(own.cost, "GPU nodes gpu-qwen")
    assert (found.expected_usd, found.low_usd, found.high_usd) == (round(4.1 * 730 * 4, 2),) * 3
    assert (found.origin, found.estimated, found.source) == ("organization", False, "a price list")
    assert found.as_of == "2026-11-19"
    others = [one for one in own.cost.lines if one.name != found.name]
    assert others == [one for one in without.cost.lines if one.name != found.name]
    assert {one.origin for one in others} <= {"catalog", "spec", None}
    assert "1 of" in own.cost.wording
    assert "the organization's own, of 2026-11-19" in own.cost.wording
    assert "organization" not in without.cost.wording
    told = own.derivations["cost.lines[0]"]
    assert told.inputs["whose_price"] == "the organization's own"
    assert [one.source for one in told.sources] == ["a price list"]


def test_the_instance_type_follows_the_own_prices() -> None:
    """What is cheapest for the organization is taken, not what is cheapest in the catalog."""
    taken = planned(CLINIC).pools[0].instance_type
    other = next(
        one.instance_type
        for one in planned(CLINIC).candidates
        if one.nodes and one.instance_type != taken and one.region == "eu-central-1"
    )
    own = prices(on_demand=[{"instance": other, "region": "eu-central-1", "usd_hour": 0.01}])

    assert taken == "g7e.2xlarge"
    assert planned(CLINIC, own).pools[0].instance_type == other


def test_a_part_of_a_service_has_its_own_price_in_its_region_alone() -> None:
    """One row changes one line, and none of another Region."""
    own = {"id": "kms-key-month", "usd": 0.5}
    here = bill(CLINIC, prices(services=[{**own, "region": "eu-central-1"}]))
    elsewhere = bill(CLINIC, prices(services=[{**own, "region": "eu-west-1"}]))

    assert line(here, "KMS keys").expected_usd == 2.0
    assert line(here, "KMS keys").origin == "organization"
    assert line(elsewhere, "KMS keys").expected_usd == 4.0
    assert line(elsewhere, "KMS keys").origin == "catalog"


def test_a_region_without_any_price_gets_one() -> None:
    """An own price makes a Region priced that the catalog knows nothing of."""
    own = {"instance": "g6.xlarge", "region": "eu-central-2", "usd_hour": 1.1}
    book = PriceBook(prices(on_demand=[own]))

    assert not PriceBook().is_region_priced("eu-central-2")
    assert book.is_region_priced("eu-central-2")
    assert book.instance("g6.xlarge", "eu-central-2").usd == 1.1
    assert book.instance("g6.2xlarge", "eu-central-2").usd is None


def test_spot_is_what_the_organization_has_seen() -> None:
    """Low is the cheapest hour, expected the dearest, high on demand; else the catalog's snapshot."""
    row = {"instance": "p5.48xlarge", "region": "us-east-1", "low_usd_hour": 20.0, "high_usd_hour": 30.0}
    own = PriceBook(prices(spot=[{**row, "zones": 3, "days": 7}]))
    found, listed = own.instance("p5.48xlarge", "us-east-1", "spot"), own.instance("p5.48xlarge", "us-east-1")

    assert (found.low, found.usd, found.high) == (20.0, 30.0, listed.usd)
    assert (found.origin, found.estimated) == ("organization", True)
    catalog_ = PriceBook().instance("p5.48xlarge", "us-east-1", "spot")
    assert catalog_.origin == "catalog"
    assert catalog_.usd == listed.usd
    assert PriceBook().instance("g7e.2xlarge", "eu-central-1", "spot").usd is None


def test_a_capacity_block_has_a_price_where_offers_were_seen() -> None:
    """Its price is that of the offers, else the published rate; without either there is none, and why."""
    row = {"instance": "p5.48xlarge", "region": "us-east-1", "low_usd_hour": 31.5, "high_usd_hour": 40.0}
    own = PriceBook(prices(capacity_blocks=[{**row, "offers": 4}]))

    found = own.instance("p5.48xlarge", "us-east-1", "capacity-block")
    assert (found.low, found.usd, found.high) == (31.5, 40.0, 40.0)
    assert "4 offers" in found.basis
    published = PriceBook().instance("p5.48xlarge", "us-east-1", "capacity-block")
    assert (published.origin, published.estimated) == ("catalog", True)
    assert published.usd is not None
    lacking = PriceBook().instance("g6.xlarge", "us-east-1", "capacity-block")
    assert lacking.usd is None
    assert lacking.basis


def test_a_block_is_paid_whatever_the_load() -> None:
    """The bill of a pool in a block: its offers are the range, and its nodes are the same in every case."""
    given = draft("in-bank-assistant")
    (pool,) = given.pools
    row = {"instance": pool.instance_type, "region": given.target.region, "offers": 2}
    own = PriceBook(prices(capacity_blocks=[{**row, "low_usd_hour": 30.0, "high_usd_hour": 40.0}]))
    block = msgspec.structs.replace(pool, capacity="capacity-block")

    found = line(price(msgspec.structs.replace(given, pools=(block,), prices=own)), "GPU nodes gpu-llama")
    assert (found.low_usd, found.expected_usd, found.high_usd) == (43800.0, 58400.0, 58400.0)
    assert found.origin == "organization"
    listed = line(price(msgspec.structs.replace(given, pools=(block,), prices=PriceBook())), found.name)
    assert listed.origin == "catalog"
    assert listed.low_usd == listed.expected_usd == listed.high_usd


def test_a_savings_plan_is_the_rate_that_was_read() -> None:
    """The cheapest of the plans, exactly; without a rate the range of the catalog, or nothing."""
    rate = {**G7E, "years": 1}
    compute, family = ("compute", 3.0), ("ec2-instance", 2.5)
    rates = [{**rate, "plan": plan, "usd_hour": usd} for plan, usd in (compute, family)]
    own = prices(savings_plans=rates)
    one, three = bill(CLINIC, own).commitments[:2]
    before = bill(CLINIC).commitments[0]

    assert (one.line, one.years) == ("GPU nodes gpu-qwen", 1)
    assert one.monthly_usd is not None
    assert one.monthly_usd.expected == round(2.5 * 730 * 4, 2)
    assert "compute 3 USD" in one.note
    assert three.monthly_usd is None
    assert before.monthly_usd is None


def test_tokens_cost_what_the_organization_has_read() -> None:
    """Its own Bedrock price in the Region; that of the global profile only where there is no other."""
    row = {"model": "mistral.mistral-large-2402-v1:0", "input_usd": 2.0, "output_usd": 6.0}
    name = "tokens mistral-api for drafting"
    region = {"region": "eu-west-3"}
    regional = bill(BOTH, prices(tokens=[{**row, **region, "reach": "regional"}]), mode="managed-api")
    borrowed = bill(BOTH, prices(tokens=[{**row, **region, "reach": "global"}]), mode="managed-api")
    listed = bill(BOTH, mode="managed-api")

    each = (800 * 2.0 + 300 * 6.0) / 1e6
    assert line(regional, name).expected_usd == round(300_000 * each, 2)
    assert (line(regional, name).origin, line(regional, name).estimated) == ("organization", False)
    assert line(borrowed, name).estimated
    assert "since no other is known" in line(borrowed, name).note
    assert line(listed, name).origin == "catalog"


def shared(own: Prices) -> Cost:
    """The bill of an example of which some input is cached and some requests may wait."""
    given = with_load(declared(BOTH), cached_input_share=0.6, batch_share=0.25)
    spec = msgspec.structs.replace(given.spec, mode="managed-api")
    return cheapest(Question.of(replace(given, spec=spec, prices=own), AS_OF, gates)).cost


def test_contracted_rates_of_cached_input_and_of_batches_count() -> None:
    """Each share at its own rate; what has none costs what others do, and the line says so."""
    row: dict[str, Any] = {"model": "mistral.mistral-large-2402-v1:0", "region": "eu-west-3"}
    row |= {"reach": "regional", "input_usd": 2.0, "output_usd": 6.0}
    of_its_own = {"cached_usd": 0.2, "cache_write_usd": 2.5, "batch_input_usd": 1.0, "batch_output_usd": 3.0}
    name = "tokens mistral-api for drafting"
    full = line(shared(prices(tokens=[row])), name)
    each = line(shared(prices(tokens=[{**row, **of_its_own}])), name)

    at_once = 800 * (0.4 * 2.0 + 0.6 * 0.2) + 300 * 6.0
    waiting = 800 * 1.0 + 300 * 3.0
    written = 800 * (0.4 * 2.5 + 0.6 * 0.2) + 300 * 6.0
    assert each.expected_usd == pytest.approx(300_000 * (0.75 * at_once + 0.25 * waiting) / 1e6, abs=0.01)
    assert each.high_usd == pytest.approx(300_000 * (0.75 * written + 0.25 * waiting) / 1e6, abs=0.01)
    assert full.expected_usd == round(300_000 * (800 * 2.0 + 300 * 6.0) / 1e6, 2)
    assert "0.6 of the input cached, 0.25 of the requests as batches" in each.note
    assert "no cached rate" in full.note
    assert "no batch rate" in full.note
    assert "no cached rate" not in each.note
    assert "writing to the cache is counted in high" in each.note


# -- discounts

FITS = [
    ({"service": "AWS"}, {}, True),
    ({"service": "EC2"}, {}, True),
    ({"family": "g7e"}, {}, True),
    ({"service": "RDS"}, {}, False),
    ({"family": "p5"}, {}, False),
    ({"service": "AWS"}, {"regions": ["eu-central-1"]}, True),
    ({"service": "AWS"}, {"regions": ["us-east-1"]}, False),
    ({"family": "g7e"}, {"purchase": ["spot"]}, False),
    ({"service": "AWS"}, {"valid_from": "2026-11-20"}, True),
    ({"service": "AWS"}, {"valid_from": "2026-11-21"}, False),
    ({"service": "AWS"}, {"valid_until": "2026-11-20"}, True),
    ({"service": "AWS"}, {"valid_until": "2026-11-19"}, False),
]


@pytest.mark.parametrize(("subject", "limits", "fits"), FITS)
def test_a_discount_is_taken_off_what_it_is_for(
    subject: dict[str, Any], limits: dict[str, Any], fits: bool
) -> None:
    """By service, family, Region, way of buying and day; else the price is as it was."""
    before = PriceBook(day="2026-11-20").instance("g7e.2xlarge", "eu-central-1")
    after = PriceBook(None, [discount(10, **subject, **limits)], "2026-11-20").instance(
        "g7e.2xlarge", "eu-central-1"
    )

    assert before.usd is not None
    assert after.usd == (pytest.approx(before.usd * 0.9) if fits else before.usd)
    assert (after.reduction is not None) == fits


def test_of_several_discounts_the_largest_counts_alone() -> None:
    """They are not multiplied: nobody has said that they may be."""
    two = [discount(10, service="AWS"), discount(25, name="ppa", family="g7e")]
    found = PriceBook(None, two, "2026-11-20").instance("g7e.2xlarge", "eu-central-1")
    plain = PriceBook().instance("g7e.2xlarge", "eu-central-1")

    assert plain.usd is not None
    assert found.usd == pytest.approx(plain.usd * 0.75)
    assert found.reduction is not None
    assert found.reduction.name == "ppa"


def test_a_discount_is_told_line_by_line() -> None:
    """JSON, derivation and wording say what was taken off, why, and who answers for it."""
    plan = planned(CLINIC, None, discount(12, service="AWS"))
    before, found = line(planned(CLINIC).cost, "KMS keys"), line(plan.cost, "KMS keys")

    assert before.expected_usd is not None
    assert found.expected_usd == round(before.expected_usd * 0.88, 2)
    assert found.reduction is not None
    assert (found.reduction.list_usd, found.reduction.percent) == (1.0, 12)
    assert "12 % off 1 (edp, until 2028-12-31)" in found.note
    index = plan.cost.lines.index(found)
    told = plan.derivations[f"cost.lines[{index}]"].inputs
    assert "EDP-7, approved by cfo" in told["discount_reason"]
    assert "less a discount (edp)" in plan.cost.wording


def test_a_vendor_discount_is_of_its_tokens_alone() -> None:
    """The contract with a vendor, and that with AWS for Bedrock."""
    name = "tokens mistral-api for drafting"
    listed = line(bill(BOTH, mode="managed-api"), name).expected_usd
    assert listed is not None
    for subject in ({"vendor": "bedrock"}, {"service": "Bedrock"}, {"service": "AWS"}):
        found = line(bill(BOTH, None, discount(20, **subject), mode="managed-api"), name)
        assert found.expected_usd == pytest.approx(listed * 0.8, abs=0.01)
    for subject in ({"vendor": "openai-eu"}, {"service": "EC2"}):
        found = line(bill(BOTH, None, discount(20, **subject), mode="managed-api"), name)
        assert (found.expected_usd, found.reduction) == (listed, None)


def test_spot_takes_off_only_what_was_negotiated_for_spot() -> None:
    """A discount on demand lowers the high end, which is on demand, and nothing else of spot."""
    plain = PriceBook().instance("p5.48xlarge", "us-east-2", "spot")
    demand = PriceBook(None, [discount(10, service="EC2")], "2026-11-20").instance(
        "p5.48xlarge", "us-east-2", "spot"
    )
    spot = PriceBook(None, [discount(10, service="EC2", purchase=["spot"])], "2026-11-20").instance(
        "p5.48xlarge", "us-east-2", "spot"
    )

    assert plain.usd is not None
    assert plain.high is not None
    assert (demand.usd, demand.low) == (plain.usd, plain.low)
    assert demand.high == pytest.approx(plain.high * 0.9)
    assert spot.usd == pytest.approx(plain.usd * 0.9)
    assert spot.high == plain.high


def test_no_spec_gives_itself_a_discount(tmp_path: Path) -> None:
    """There is no field for it, wherever it is tried."""
    for addition in ("discounts: []", "prices: {}"):
        assert "unknown field" in refused(f"{GOOD}{addition}\n", tmp_path)
    assert "unknown field" in refused(
        changed("small: {weights: hf://Qwen/Qwen3-4B}", "small: {weights: hf://Qwen/Qwen3-4B, discount: 5}"),
        tmp_path,
    )


# -- cautions


@pytest.mark.parametrize(("day", "is_old"), [(date(2026, 12, 19), False), (date(2026, 12, 20), True)])
def test_old_prices_are_told(day: date, is_old: bool) -> None:
    """On the 31st day after they were read, seen from the day of the run."""
    region = planned(MINIMAL).target.region
    own = prices(services=[{"id": "kms-key-month", "region": region, "usd": 1.0}])
    told = [text for text in planned(MINIMAL, own, day=day).warnings if "prices.json" in text]

    assert bool(told) == is_old
    assert all("31 days old" in text and "inferplan prices refresh" in text for text in told)


def test_a_discount_that_ends_is_told() -> None:
    """One that has ended is counted nowhere; one that ends within the year is counted, with a warning."""
    ended = planned(MINIMAL, None, discount(10, service="AWS", valid_until="2026-11-19"))
    ending = planned(MINIMAL, None, discount(10, service="AWS", valid_until="2027-06-30"))
    lasting = planned(MINIMAL, None, discount(10, service="AWS"))

    assert ended.cost.lines == planned(MINIMAL).cost.lines
    assert [text for text in ended.warnings if "ended on 2026-11-19" in text]
    assert [text for text in ending.warnings if "ends on 2027-06-30" in text]
    assert not [text for text in lasting.warnings if "discount" in text]


# -- files


def folder(tmp_path: Path, own: Prices | None, discounts: str = "") -> Path:
    """The example organization with prices and discounts of its own, beside the example specs."""
    for name in ("specs", "organization"):
        shutil.copytree(ROOT / name, tmp_path / name)
    organization = tmp_path / "organization"
    if own is not None:
        (organization / "prices.json").write_bytes(msgspec.json.encode(own))
    register = organization / "organization.yaml"
    register.write_text(register.read_text() + discounts)
    return tmp_path


def test_the_digest_of_the_organization_covers_its_prices(tmp_path: Path) -> None:
    """Any other price is another bar; the layout of the file is not."""
    own = prices(on_demand=[{**G7E, "usd_hour": 4.1}])
    here = folder(tmp_path, own) / "organization"
    without = load(ROOT / "specs" / f"{CLINIC}.yaml", ROOT / "organization").digests.organization

    def digest() -> str:
        found = load(here.parent / "specs" / f"{CLINIC}.yaml", here)
        assert load_organization(here).bar(here).digest == found.digests.organization
        said = Declaration.from_json(found.to_json(), *load_organization(here))
        assert (said.prices, said.digests) == (found.prices, found.digests)
        return found.digests.organization

    first = digest()
    (here / "prices.json").write_bytes(msgspec.json.format(msgspec.json.encode(own), indent=4))
    again = digest()
    changed_ = prices(on_demand=[{**G7E, "usd_hour": 4.2}])
    (here / "prices.json").write_bytes(msgspec.json.encode(changed_))

    assert first == again
    assert len({without, first, digest()}) == 3


def test_outputs_say_whose_prices_they_show(tmp_path: Path) -> None:
    """Plan, check and explain, as text and as JSON."""
    said = (
        "\ndiscounts:\n  - {name: edp, percent: 5, service: AWS, reason: EDP-7, approved_by: cfo, "
        "valid_until: 2028-12-31}\n"
    )
    here = folder(tmp_path, prices(on_demand=[{**G7E, "usd_hour": 4.1}]), said)
    spec = ("specs/de-clinic-notes.yaml", "--as-of", "2026-11-20")
    text = inferplan("plan", *spec, cwd=here).out
    told = json.loads(inferplan("plan", *spec, "--format", "json", cwd=here).out)
    checked = inferplan("check", *spec, cwd=here).out
    explained = inferplan("explain", spec[0], "cost.lines[0]", *spec[1:], cwd=here).out

    assert "own price, 5 % off" in text
    assert "prices the organization's own, of 2026-11-19" in checked
    assert "less a discount (edp)" in checked
    first = told["cost"]["lines"][0]
    assert (first["origin"], first["reduction"]["name"]) == ("organization", "edp")
    assert first["unit_usd"] == pytest.approx(4.1 * 0.95)
    assert "the organization's own" in explained
    assert "EDP-7, approved by cfo" in explained


def test_validate_counts_what_the_folder_holds(tmp_path: Path) -> None:
    """Discounts and prices of its own, where there are any."""
    one = "{name: edp, percent: 5, service: AWS, reason: E, approved_by: c, valid_until: 2028-12-31}"
    said = f"\ndiscounts: [{one}]\n"
    here = folder(tmp_path, prices(on_demand=[{**G7E, "usd_hour": 4.1}]), said)
    told = inferplan("validate", "--organization", "organization", cwd=here).out
    plain = inferplan("validate", "--organization", "organization").out

    assert ", 1 discount, 1 own price; bar:" in told
    assert "discount" not in plain
    assert "own price" not in plain


BAD_FILES = [
    ("{", "not JSON"),
    ("[]", "must hold a mapping"),
    ("{}", "apiVersion: missing"),
    ('{"apiVersion": "inferplan/v1beta1", "kind": "Price"}', "did you mean Prices?"),
    ('{"on_demnd": [], %s}', "on_demnd: unknown field; did you mean on_demand?"),
    ('{"on_demand": [{"region": "eu-west-1"}], %s}', "on_demand[0].instance: missing"),
    ('{"services": [{"id": "kms-key-month", "region": "eu-west-1", "usd": -1, %r}], %s}', "at least 0"),
    (
        '{"services": [{"id": "kms-key", "region": "eu-west-1", "usd": 1, %r}], %s}',
        "did you mean kms-key-month",
    ),
    ('{"services": [{"id": "kms-key-month", "region": "eu-wst-1", "usd": 1, %r}], %s}', "unknown Region"),
    (
        '{"on_demand": [{"instance": "g6.xlrge", "region": "eu-west-1", "usd_hour": 1, %r}], %s}',
        "unknown instance type 'g6.xlrge'; did you mean",
    ),
    (
        '{"spot": [{"instance": "g6.xlarge", "region": "eu-west-1", "low_usd_hour": 2, "high_usd_hour": 1, '
        '"zones": 1, "days": 7, %r}], %s}',
        "low_usd_hour: 2 is more than high_usd_hour, 1",
    ),
    (
        '{"services": [{"id": "kms-key-month", "region": "eu-west-1", "usd": 1, %r}, '
        '{"id": "kms-key-month", "region": "eu-west-1", "usd": 2, %r}], %s}',
        "services[1]: a second row of eu-west-1 kms-key-month",
    ),
]


@pytest.mark.parametrize(("text", "message"), BAD_FILES)
def test_a_broken_price_file_is_an_error(text: str, message: str, tmp_path: Path) -> None:
    """Every plan stops at it, as at any other slip of the platform team."""
    said = text.replace("%s", '"apiVersion": "inferplan/v1beta1", "kind": "Prices"')
    said = said.replace("%r", '"source": "a list", "as_of": "2026-11-19"')
    here = folder(tmp_path, None) / "organization"
    (here / "prices.json").write_text(said)

    with pytest.raises(SpecErrors) as caught:
        load(ROOT / "specs" / "minimal.yaml", here)
    assert message in str(caught.value)
    assert "prices.json" in str(caught.value)


BAD_DISCOUNTS = [
    ("service: AWS, family: p5", "discounts[0]: says service and family; name one of service, family"),
    ("regions: [eu-west-1]", "says what it is for nowhere"),
    ("service: EC3", "unknown service 'EC3'; did you mean"),
    ("family: p55", "unknown family 'p55'"),
    ("vendor: openai", "unknown vendor 'openai'; did you mean openai-eu?"),
    ("service: AWS, regions: [eu-wst-1]", "unknown Region 'eu-wst-1'"),
    ("service: AWS, valid_from: 2029-01-01", "'2028-12-31' is before valid_from"),
    ("service: AWS, percent: 100", "must be less than 100"),
]


@pytest.mark.parametrize(("said", "message"), BAD_DISCOUNTS)
def test_a_broken_discount_is_an_error(said: str, message: str, tmp_path: Path) -> None:
    """What it names has to exist, and it is for one thing."""
    percent = "" if "percent" in said else "percent: 5, "
    fixed = "name: edp, reason: EDP-7, approved_by: cfo, valid_until: 2028-12-31"
    here = folder(tmp_path, None, f"\ndiscounts:\n  - {{{percent}{said}, {fixed}}}\n") / "organization"

    with pytest.raises(SpecErrors) as caught:
        load(ROOT / "specs" / "minimal.yaml", here)
    assert message in str(caught.value)


def test_a_folder_with_other_prices_is_another_organization(tmp_path: Path) -> None:
    """Two folders that differ by prices alone would give two bills: which one is meant has to be said."""
    here = folder(tmp_path, prices(on_demand=[{**G7E, "usd_hour": 4.1}]))
    shutil.copytree(here / "organization", here / "specs" / "organization")
    assert inferplan("validate", "specs/minimal.yaml", cwd=here).code == 0

    (here / "specs" / "organization" / "prices.json").unlink()

    done = inferplan("validate", "specs/minimal.yaml", cwd=here)
    assert done.code == 2
    assert "two organizations" in done.err


def test_a_good_file_is_read_whole(tmp_path: Path) -> None:
    """Every section comes back as it was written."""
    own = prices(
        on_demand=[{**G7E, "usd_hour": 4.1}],
        spot=[{**G7E, "low_usd_hour": 1, "high_usd_hour": 2, "zones": 2, "days": 7}],
        savings_plans=[{**G7E, "plan": "compute", "years": 3, "usd_hour": 2}],
        capacity_blocks=[{**G7E, "low_usd_hour": 1, "high_usd_hour": 2, "offers": 3}],
        services=[{"id": "kms-key-month", "region": "eu-central-1", "usd": 1}],
        tokens=[{"model": "m", "region": "eu-central-1", "reach": "global", "input_usd": 1, "output_usd": 2}],
    )
    (tmp_path / "prices.json").write_bytes(msgspec.json.encode(own))

    assert read_prices(tmp_path / "prices.json") == own
