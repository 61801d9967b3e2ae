"""Area of concern: a plan beside the other ways, and where own weights and a vendor cost the same."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import msgspec
import pytest
from priced_stacks import AS_OF, EXAMPLES, built, declared, draft, stack, times, with_spec

from inferplan import cost
from inferplan.cost.break_even import curve
from inferplan.decision import Question
from inferplan.plan.search import cheapest
from inferplan.records.plan import Alternative, Plan
from inferplan.spec.declaration import Declaration
from policies.gates import gates
from tests.unit.plan_edits import planned as plan

MODES = ("self-hosted", "managed-api", "hybrid")


def by_name(planned: Plan) -> dict[str, Alternative]:
    return {one.name: one for one in planned.cost.alternatives}


def even(planned: Plan) -> dict[str, Any]:
    found = planned.cost.break_even
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("usd_per_hour", "tokens_per_second", "vendor_usd", "share"),
    [
        # 55.04 x 1e6 / 3600 / (35,300 x 0.72) = 15,288.9 / 25,416 = 0.6015
        (55.04, 35_300, 0.72, 0.60),
        # 55.04 x 1e6 / 3600 / (75,000 x 0.375) = 15,288.9 / 28,125 = 0.5436
        (55.04, 75_000, 0.375, 0.54),
        # 63.30 x 1e6 / 3600 / (26,000 x 3.38) = 17,583.3 / 87,880 = 0.2001
        (63.30, 26_000, 3.38, 0.20),
    ],
)
def test_break_even_utilization_of_published_examples(
    usd_per_hour: float, tokens_per_second: float, vendor_usd: float, share: float
) -> None:
    """Llama-3.3-70B and gpt-oss-120b on p5.48xlarge, DeepSeek-R1 on p5en.48xlarge, at vendor maxima."""
    found = cost.break_even_utilization(usd_per_hour, tokens_per_second, vendor_usd)

    assert round(found, 2) == share


def test_utilization_of_a_spec_that_names_both_kinds() -> None:
    """2 x g6.12xlarge at 5.841 against 0.00884 USD a request: 11.682 / 3600 / (requests/s x 0.00884)."""
    (found,) = even(plan("eu-both-ways"))["utilization"]
    own = draft("eu-both-ways", "hybrid")
    (server,) = own.servers
    assert server.throughput is not None
    requests = server.throughput.output_tokens_per_second / 300 * server.replicas

    assert found["utilization"] == pytest.approx(2 * 5.841 / 3600 / (requests * 0.00884), abs=1e-4)
    assert found["vendor_usd_per_million_tokens"] == pytest.approx(0.00884 / 1100 * 1e6, abs=1e-4)
    assert found["input_to_output_tokens"] == "800:300"
    assert found["confidence"] in {"low", "medium"}
    assert "GPUs 20" in found["price_dates"]


def test_a_route_with_both_kinds_has_a_utilization_in_a_mixed_spec() -> None:
    """The bank's office-writing names both, customer-desk does not: a utilization, but no volume."""
    found = even(plan("in-bank-assistant"))

    assert [one["route"] for one in found["utilization"]] == ["office-writing"]
    assert found["monthly_requests"] is None
    assert "customer-desk" in found["reason"]


@pytest.mark.parametrize("name", ["minimal", "de-clinic-notes", "eu-support-desk"])
def test_one_kind_alone_has_no_break_even(name: str) -> None:
    """Null with the reason."""
    found = even(plan(name))

    assert found["monthly_requests"] is None
    assert found["utilization"] == []
    assert found["curve"] == []
    assert "no route names" in found["reason"]


def test_the_volume_is_where_the_curves_meet() -> None:
    """At the break-even volume both bills are equal, just below it the vendor is cheaper."""
    found = even(plan("eu-both-ways"))
    own, vendor = built("eu-both-ways", "self-hosted"), built("eu-both-ways", "managed-api")
    own_usd, vendor_usd = curve(own.draft, own.cost), curve(vendor.draft, vendor.cost)
    planned = own.draft.traffic[0].monthly_requests

    at = found["monthly_requests"] / planned
    assert own_usd(at) == pytest.approx(vendor_usd(at), rel=1e-4)
    assert own_usd(at * 0.99) > vendor_usd(at * 0.99)
    assert found["monthly_requests_for_good"] >= found["monthly_requests"]
    for times_more in (1.01, 2, 10, 50):
        beyond = found["monthly_requests_for_good"] / planned * times_more
        assert own_usd(beyond) <= vendor_usd(beyond)
    for point in found["curve"]:
        volume = point["monthly_requests"] / planned
        assert point["own_usd"] == pytest.approx(own_usd(volume), abs=0.01)
        assert point["vendor_usd"] == pytest.approx(vendor_usd(volume), abs=0.01)


def test_curves_pass_through_the_bills_and_rise() -> None:
    """One times the planned load costs the planned bill, and more load never costs less."""
    for mode in ("self-hosted", "managed-api"):
        side = built("eu-both-ways", mode)
        usd = curve(side.draft, side.cost)
        assert usd(1.0) == pytest.approx(side.cost.monthly_usd.expected, abs=0.01)
        points = [usd(volume / 10) for volume in range(1, 200)]
        assert all(later >= earlier for earlier, later in pairwise(points))


@pytest.mark.parametrize("factor", [0.5, 3.0])
def test_the_curve_is_the_bill_of_that_load(factor: float) -> None:
    """Planning and pricing a load so many times as large gives the point on the curve."""
    for mode in ("self-hosted", "managed-api"):
        side = built("eu-both-ways", mode)
        declaration = declared("eu-both-ways")
        routes = tuple(
            msgspec.structs.replace(route, load=times(route.load, factor))
            for route in stack(declaration).routes
        )
        spec = stack(declaration)
        backends = dict(spec.backends)
        for server in side.draft.servers:
            said = backends[server.backend]
            capacity = msgspec.structs.replace(said.capacity, instance_type=side.draft.pools[0].instance_type)
            backends[server.backend] = msgspec.structs.replace(said, capacity=capacity)
        target = msgspec.structs.replace(spec.target, region=side.draft.target.region)
        again = cheapest(
            Question.of(
                with_spec(declaration, mode=mode, routes=routes, target=target, backends=backends),
                AS_OF,
                gates,
            )
        )

        usd = curve(side.draft, side.cost)(factor)
        assert usd == pytest.approx(again.cost.monthly_usd.expected, rel=1e-3)


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_mode_stands_beside_the_plan(name: str) -> None:
    """Self-hosted, managed-api and hybrid, each with a bill or the reason why there is none."""
    planned = plan(name)
    found = by_name(planned)

    assert set(MODES) <= set(found)
    assert found[planned.mode].monthly_usd == planned.cost.monthly_usd
    for one in planned.cost.alternatives:
        assert one.reason, one
        if one.feasible and one.monthly_usd is None:
            assert one.reason == "registered, no model named"
    assert len(found) == len(planned.cost.alternatives)


@pytest.mark.parametrize("mode", MODES)
def test_alternatives_are_the_bills_of_those_modes(mode: str) -> None:
    """What stands beside is what flipping the mode gives."""
    beside = {name: one for name, one in by_name(plan("eu-both-ways", mode)).items() if name in MODES}

    for other in MODES:
        assert beside[other].monthly_usd == built("eu-both-ways", other).cost.monthly_usd


def test_own_weights_stand_on_every_feasible_instance() -> None:
    """Every candidate that fits, with the whole bill: GPU nodes and their volumes change, nothing else."""
    planned = plan("in-bank-assistant")
    found = by_name(planned)
    own = built("in-bank-assistant", "self-hosted")
    fitting = [one for one in own.candidates if one.nodes]

    for one in fitting:
        assert f"{one.backend} on {one.nodes} x {one.instance_type}" in found
    p5, p5en = (found[f"llama on 2 x {name}.48xlarge"].monthly_usd for name in ("p5", "p5en"))
    assert p5 is not None
    assert p5en is not None
    gpus = {one.instance_type: one.monthly_usd or 0 for one in fitting}
    difference = gpus["p5en.48xlarge"] - gpus["p5.48xlarge"]
    assert p5en.expected - p5.expected == pytest.approx(difference, abs=0.02)
    assert p5 == own.cost.monthly_usd


def test_a_gate_removes_a_vendor_by_its_rule() -> None:
    """Restricted notes may not go to any vendor: infeasible, and the rules are named."""
    found = by_name(plan("de-clinic-notes"))

    for vendor in ("bedrock", "openai-eu"):
        assert not found[vendor].feasible
        assert found[vendor].monthly_usd is None
        assert "SOV-010 on clinical-notes" in found[vendor].reason


def test_a_registered_vendor_without_a_model_is_listed() -> None:
    """Bedrock may serve the prototype's public texts, but the spec names no model of it: no bill."""
    found = by_name(plan("minimal"))["bedrock"]

    assert found.feasible
    assert found.monthly_usd is None
    assert found.reason == "registered, no model named"


def test_a_vendor_outside_the_boundary_is_infeasible() -> None:
    """The regional host of openai-eu may process in Switzerland, which EEA does not hold: SOV-007."""
    found = by_name(plan("eu-both-ways"))["openai-eu"]

    assert not found.feasible
    assert "SOV-007" in found.reason


def test_each_vendor_alone_has_the_whole_bill() -> None:
    """The support desk on Bedrock alone needs no firewall: dearer tokens, lower bill."""
    found = by_name(plan("eu-support-desk"))
    bedrock = found["bedrock (mistral.mistral-large-2402-v1:0)"].monthly_usd
    openai = found["openai-eu (gpt-4.1-2025-04-14)"].monthly_usd
    assert bedrock is not None
    assert openai is not None
    # 1,200 x 5.2 / 1e6 + 250 x 15.6 / 1e6 = 0.01014 a request: no source states Dublin, so as in Paris;
    # the firewall path is 576.70 + 7.30 a month
    tokens = 90_000 * (0.01014 - 0.0044)

    assert openai.expected - bedrock.expected == pytest.approx(576.70 + 7.30 - tokens, abs=2)


def test_the_organization_decides_which_vendors_are_listed() -> None:
    """Nothing that is not registered stands beside the plan."""
    declaration: Declaration = declared("minimal")
    registered = set(declaration.organization.vendors)

    named = {one.name for one in plan("minimal").cost.alternatives if one.mode == "managed-api"} - set(MODES)

    assert named == registered
