"""Area of concern: the bill of a draft, worked by hand and sourced line by line; unknown is never 0."""

from __future__ import annotations

import subprocess
import sys

import msgspec
import pytest
from priced_stacks import EXAMPLES, ROOT, built, declared, draft, line, stack

from inferplan import catalog, cost
from inferplan.catalog.table import stated_date
from inferplan.records.draft import Draft

MODES = {"eu-both-ways": ("self-hosted", "managed-api", "hybrid")}
STACKS = [(name, mode) for name in EXAMPLES for mode in MODES.get(name, (None,))]


def with_pool(given: Draft, **changes: object) -> Draft:
    (pool,) = given.pools
    return msgspec.structs.replace(given, pools=(msgspec.structs.replace(pool, **changes),))


@pytest.mark.parametrize(
    ("name", "mode", "lines"),
    [
        (
            "in-bank-assistant",
            None,
            {
                # 2 x p5.48xlarge in ap-south-1 at 66.048 USD an hour: 66.048 x 730 x 2
                "GPU nodes gpu-llama": 96430.08,
                # 0.10 x 730
                "EKS control plane": 73.00,
                # 3 x m6i.xlarge at 0.202: 0.202 x 730 x 3
                "system nodes": 442.38,
                # 3 nodes x (4 GiB root + 50 GiB data) x 0.0912
                "volumes of system nodes": 14.77,
                # 11 endpoints x 2 zones x 730 h x 0.013
                "interface endpoints": 208.78,
                # 0.0225 x 730
                "internal load balancer": 16.43,
                # db.t4g.medium in two zones at 0.13 x 730
                "gateway database": 94.90,
                # two cache.t4g.small at 0.0256 x 730 x 2
                "gateway cache": 37.38,
                # data, logs, secrets and ebs at 1 USD each
                "KMS keys": 4.00,
                # 6,250,000 requests x 4 KiB = 25.6 GB x 0.50
                "log ingestion": 12.80,
                # 25.6 GB x 731 days / (365/12) = 615.24 GB-months x 0.03
                "log storage": 18.46,
                # 12.5 million queries x 0.60
                "DNS Firewall queries": 7.50,
                # 250,000 x (900 x 5.2 USD + 400 x 15.6 USD) / 1,000,000 = 250,000 x 0.01092: no source states
                # Mumbai, so the dearest of what is stated
                "tokens mistral for office-writing": 2730.00,
                # 900 x 4 characters make 4 units, 400 x 4 make 2: 250,000 x 6 / 1000 x 0.15
                "guardrail content filters": 225.00,
                # 1,500 thousand units x 0.10
                "guardrail personal-data filters": 150.00,
            },
        ),
        (
            "eu-support-desk",
            None,
            {
                # 5 endpoints x 2 zones x 730 h x 0.011
                "interface endpoints": 80.30,
                # 2 zones x 730 h x 0.395
                "Network Firewall": 576.70,
                # 2 zones x 730 h x 0.048, waived against the firewall's hours
                "NAT gateways": 0.00,
                # 2 x 730 x 0.005
                "public addresses of NAT gateways": 7.30,
                # 2 tasks x 2 vCPU x 730 h x 0.04048
                "gateway vCPUs": 118.20,
                # 90,000 x (1,200 x 2 + 250 x 8) / 1,000,000; a model of 2025-04-14 has no uplift
                "tokens openai for support-chat": 396.00,
                # 90,000 x 1,200 x 4 bytes = 0.432 GB x 0.09
                "traffic to vendors": 0.04,
                # 90,000 x 1,450 x 4 bytes = 0.522 GB x 0.065
                "Network Firewall traffic": 0.03,
            },
        ),
        (
            "de-clinic-notes",
            None,
            {
                # m6i.xlarge at 0.23 x 730 x 2
                "system nodes": 335.80,
                # 11 endpoints x 2 zones x 730 h x 0.012
                "interface endpoints": 192.72,
                # 1.5 x 160 h x 95 USD, beside the bill
                "engineering labor": 22800.00,
            },
        ),
    ],
)
def test_lines_worked_by_hand(name: str, mode: str | None, lines: dict[str, float]) -> None:
    """Lines come to what the price table and the spec give with pencil and paper."""
    priced = built(name, mode).cost

    assert {part: line(priced, part).expected_usd for part in lines} == lines


@pytest.mark.parametrize("name", EXAMPLES)
def test_examples_stay_within_their_budgets(name: str) -> None:
    """Cloud and vendor bills stay below the budget, in the high case too; labor is not counted."""
    budget = stack(declared(name)).budget
    priced = built(name).cost

    assert budget is not None
    assert priced.monthly_usd.high <= budget.monthly_usd


@pytest.mark.parametrize(("name", "mode"), STACKS)
def test_every_line_says_where_it_comes_from(name: str, mode: str | None) -> None:
    """Each line has source, date, unit and group; an unknown price is None with a reason and in no total."""
    priced = built(name, mode).cost

    assert len({one.name for one in priced.lines}) == len(priced.lines)
    for one in priced.lines:
        assert one.source, one
        assert one.as_of == "unknown" or stated_date(one.as_of), one
        assert one.unit, one
        assert one.group, one
        if one.expected_usd is None:
            assert one.low_usd is None, one
            assert one.high_usd is None, one
            assert one.note, one
            assert one.name in priced.unpriced
            assert one.name in priced.wording
        else:
            assert one.low_usd is not None, one
            assert one.high_usd is not None, one
            assert one.low_usd <= one.expected_usd <= one.high_usd, one
            assert one.expected_usd > 0 or one.unit_usd, one
    counted = [one for one in priced.lines if one.kind != "labor"]
    assert priced.monthly_usd.expected == pytest.approx(sum(one.expected_usd or 0 for one in counted))
    assert priced.fixed_usd == pytest.approx(
        sum(one.expected_usd or 0 for one in counted if one.kind == "fixed")
    )


@pytest.mark.parametrize(("name", "mode"), STACKS)
def test_the_fixed_part_comes_first(name: str, mode: str | None) -> None:
    """Fixed lines, then usage, then labor."""
    kinds = [one.kind for one in built(name, mode).cost.lines]

    assert kinds == sorted(kinds, key=["fixed", "usage", "labor"].index)


def test_labor_is_beside_the_bill() -> None:
    """160 hours a full-time equivalent, printed and not counted; unknown where the spec says nothing."""
    clinic, minimal = built("de-clinic-notes").cost, built("minimal").cost

    assert clinic.labor_hours == 1.5 * 160
    assert clinic.labor_usd == 22800
    assert minimal.labor_usd is None
    assert minimal.labor_hours is None


def test_the_price_of_another_region_is_not_taken() -> None:
    """Trap 9: g7e has no row for eu-central-1, so its price has the factor of g6e there and is marked."""
    priced = built("de-clinic-notes").cost
    gpus = line(priced, "GPU nodes gpu-qwen")
    here = catalog.instance_price("g7e.2xlarge", "eu-central-1")
    there = catalog.instance_price("g7e.2xlarge", "us-east-1")

    assert gpus.estimated
    assert gpus.unit_usd == here.usd_hour
    assert here.usd_hour != there.usd_hour
    assert "the ratio of g6e.48xlarge in eu-central-1" in gpus.note
    assert gpus.low_usd == gpus.expected_usd == gpus.high_usd


def test_no_on_demand_price_is_not_zero() -> None:
    """Trap 10: a type without an on-demand price makes a line of None and a total that says so."""
    priced = cost.price(with_pool(draft("in-bank-assistant"), instance_type="p5e.48xlarge"))

    gpus = line(priced, "GPU nodes gpu-llama")
    assert (gpus.low_usd, gpus.expected_usd, gpus.high_usd) == (None, None, None)
    assert "GPU nodes gpu-llama" in priced.unpriced
    assert "in no total: GPU nodes gpu-llama" in priced.wording
    assert priced.monthly_usd.expected < 5000


def test_spot_is_priced_from_the_snapshot_of_the_region() -> None:
    """p5 in ap-south-1 was 0 to 64 % below on demand: 96,430.08 x 0.36 and x 1, high on demand."""
    gpus = line(cost.price(with_pool(draft("in-bank-assistant"), capacity="spot")), "GPU nodes gpu-llama")

    assert gpus.low_usd == round(96430.08 * (1 - 0.64), 2)
    assert gpus.expected_usd == 96430.08
    assert gpus.high_usd == 96430.08
    assert gpus.estimated
    assert "snapshot" in gpus.note


def test_spot_without_a_snapshot_is_unknown() -> None:
    """No snapshot of g7e in eu-central-1: the us-east-1 discount of another family is not taken."""
    gpus = line(cost.price(with_pool(draft("de-clinic-notes"), capacity="spot")), "GPU nodes gpu-qwen")

    assert gpus.expected_usd is None
    assert "no spot snapshot of g7e in eu-central-1" in gpus.note


def test_a_capacity_block_has_the_rate_published_last() -> None:
    """2 x p5.48xlarge at 8 x 5.970 USD an hour from 2026-10-07; the offer states what is paid."""
    gpus = line(
        cost.price(with_pool(draft("in-bank-assistant"), capacity="capacity-block")), "GPU nodes gpu-llama"
    )

    assert gpus.unit_usd == 47.76
    assert gpus.low_usd == gpus.expected_usd == gpus.high_usd == round(2 * 730 * 47.76, 2)
    assert gpus.estimated
    assert gpus.as_of == "2026-10-07"
    assert "published on 2026-10-07" in gpus.note
    assert "the offer states" in gpus.note


def test_a_capacity_block_prices_what_has_no_on_demand_price() -> None:
    """p5e is sold in blocks at 8 x 6.866 USD an hour, not on demand; no source states a rate of trn1n."""
    blocks = with_pool(draft("in-bank-assistant"), capacity="capacity-block", instance_type="p5e.48xlarge")
    unknown = with_pool(draft("in-bank-assistant"), capacity="capacity-block", instance_type="trn1n.32xlarge")

    assert line(cost.price(blocks), "GPU nodes gpu-llama").expected_usd == round(2 * 730 * 54.928, 2)
    gpus = line(cost.price(unknown), "GPU nodes gpu-llama")
    assert gpus.expected_usd is None
    assert "no source states the rate of its capacity block" in gpus.note


def test_a_reservation_is_paid_whether_used_or_not() -> None:
    """On-demand price, the same in the low case."""
    gpus = line(
        cost.price(with_pool(draft("in-bank-assistant"), capacity="reservation")), "GPU nodes gpu-llama"
    )

    assert gpus.low_usd == gpus.expected_usd == 96430.08
    assert "whether it is used or not" in gpus.note


def test_an_unknown_database_class_is_a_line_without_a_price() -> None:
    """A class that the price table lacks is said so, not guessed from another."""
    given = draft("eu-support-desk")
    gateway = msgspec.structs.replace(given.gateway, database_instance_class="db.m7g.large")

    found = line(cost.price(msgspec.structs.replace(given, gateway=gateway)), "gateway database")

    assert found.expected_usd is None
    assert "rds-pg-m7g-large" in found.note


def test_own_network_and_gateway_cost_nothing_here() -> None:
    """What exists already is not on this bill."""
    given = draft("in-bank-assistant")
    network = msgspec.structs.replace(given.network, existing_vpc="vpc-0123456789abcdef0")
    gateway = msgspec.structs.replace(given.gateway, existing_url="https://llm.example")

    names = {
        one.name for one in cost.price(msgspec.structs.replace(given, network=network, gateway=gateway)).lines
    }

    assert not names & {
        "interface endpoints",
        "DNS Firewall list",
        "gateway database",
        "internal load balancer",
    }
    assert "GPU nodes gpu-llama" in names


def test_gateway_nodes_of_a_hybrid_behind_the_firewall_are_counted() -> None:
    """A cluster's gateway that calls vendors outside AWS runs on nodes of its own: one per replica."""
    given = draft("in-bank-assistant")
    assert given.cluster is not None
    closed = cost.price(given)
    network = msgspec.structs.replace(given.network, firewall=True)

    opened = cost.price(msgspec.structs.replace(given, network=network))

    assert "gateway nodes" not in {one.name for one in closed.lines}
    hours = given.gateway.replicas * 730
    assert line(opened, "gateway nodes").expected_usd == round(0.202 * hours, 2)


@pytest.mark.parametrize(
    ("name", "family", "one_year", "three_years"),
    [
        # sp-gpu-1y-typical is 20 to 40 % off, 3y 40 to 60 %: 96,430.08 x 0.7 and x 0.5 in the middle
        ("in-bank-assistant", "p5", 67501.06, 48215.04),
        ("de-clinic-notes", "g7e", None, None),
    ],
)
def test_commitments_are_beside_the_bill(
    name: str, family: str, one_year: float | None, three_years: float | None
) -> None:
    """One and three years per line of instances; a family without a stated discount is null, with why."""
    priced = built(name).cost
    found = {one.years: one for one in priced.commitments if one.line.startswith("GPU nodes")}

    for years, usd in ((1, one_year), (3, three_years)):
        if usd is None:
            assert found[years].monthly_usd is None
            assert f"no source states a discount of {family}" in found[years].note
        else:
            amount = found[years].monthly_usd
            assert amount is not None
            assert amount.expected == usd
            assert amount.low < usd < amount.high
        assert found[years].verified is False
    assert {one.line for one in priced.commitments if "GPU" not in one.line} == {"system nodes"}
    assert not {one.line for one in priced.commitments} - {one.name for one in priced.lines}


def test_the_premium_of_sovereignty_is_itemized() -> None:
    """Region surcharge against us-east-1: (66.048 - 55.04) x 730 x 2 = 16,071.68 for the bank's GPUs."""
    priced = built("in-bank-assistant").cost
    parts = {part.name: part for part in priced.sovereignty}

    assert parts["Region surcharge of GPU nodes"].usd == pytest.approx(16071.68)
    assert parts["private endpoints"].usd == pytest.approx(208.79, abs=0.01)
    assert parts["DNS Firewall"].usd == pytest.approx(7.51, abs=0.01)
    assert "egress firewall" not in parts
    assert priced.sovereignty_usd == pytest.approx(sum(part.usd or 0 for part in priced.sovereignty))
    assert all(part.note for part in priced.sovereignty)


def test_the_premium_of_a_vendor_path_holds_firewall_and_uplift() -> None:
    """A vendor outside AWS costs the firewall; the uplift of its regional host is shown, here none."""
    parts = {part.name: part for part in built("eu-support-desk").cost.sovereignty}

    assert parts["egress firewall"].usd == pytest.approx(576.73)
    assert parts["regional uplift of openai-eu"].usd == 0
    assert "released 2025-04-14" in parts["regional uplift of openai-eu"].note


def test_an_unknown_surcharge_is_null() -> None:
    """Nodes without a price have no surcharge to state."""
    priced = cost.price(with_pool(draft("in-bank-assistant"), instance_type="p5e.48xlarge"))
    parts = {part.name: part for part in priced.sovereignty}

    assert parts["Region surcharge of GPU nodes"].usd is None
    assert parts["Region surcharge of GPU nodes"].note


@pytest.mark.parametrize(("name", "mode"), STACKS)
def test_wording_says_what_the_amounts_rest_on(name: str, mode: str | None) -> None:
    """Ratio, utilization, price dates and confidence are always there."""
    given = draft(name, mode)
    text = built(name, mode).cost.wording

    for traffic in given.traffic:
        assert f"{traffic.input_tokens}:{traffic.output_tokens}" in text
    assert ("on average" in text) == bool(given.servers)
    assert "no GPUs" in text or given.servers
    assert "list prices of 20" in text
    assert "confidence " in text
    assert "no low and high volumes are stated" in text


def test_utilization_in_the_wording_is_worked_by_hand() -> None:
    """The bank's llama: 8 requests a second over 4 replicas x 2,285.78 / 320 tokens is 28 %."""
    given = draft("in-bank-assistant")
    (server,) = given.servers
    assert server.throughput is not None
    # mean answer: (300 x 8 + 400 x 2) / 10 = 320 tokens, since it stands in for office-writing
    capacity = server.throughput.output_tokens_per_second / 320 * server.replicas

    assert f"{8 / capacity:.0%} at the peak" in built("in-bank-assistant").cost.wording
    mean = 6_000_000 / (730 * 3600)
    assert f"{mean / capacity:.0%} on average" in built("in-bank-assistant").cost.wording


def test_months_without_growth_are_multiples() -> None:
    """No growth: 12 and 36 times the month."""
    priced = built("minimal").cost

    assert priced.months_12_usd.expected == pytest.approx(12 * priced.monthly_usd.expected, abs=0.1)
    assert priced.months_36_usd.expected == pytest.approx(36 * priced.monthly_usd.expected, abs=0.4)


def test_no_vendor_no_price_library() -> None:
    """Planning imports neither genai-prices nor pydantic, with and without vendors."""
    code = (
        "import sys\nfrom datetime import date\nfrom pathlib import Path\n"
        "from inferplan.spec.loading import load\nfrom inferplan.plan.make import make_plan\n"
        "from policies.gates import gates\n"
        "for name in ('in-bank-assistant', 'de-clinic-notes'):\n"
        "    make_plan(load(Path(f'specs/{name}.yaml'), Path('organization')), date(2026, 11, 20), gates)\n"
        "assert not {'genai_prices', 'pydantic'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
