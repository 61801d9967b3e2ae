"""Area of concern: every amount that a reader sees can be recomputed from its derivation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from inferplan.cost.growth import Need
from inferplan.plan.make import make_plan
from inferplan.records.no_plan import NoPlan
from inferplan.records.plan import Derivation, Plan
from policies.gates import gates
from tests.unit.plan_edits import AS_OF, EXAMPLES, declared, planned, with_backend, with_route, with_spec

MODES = ("self-hosted", "managed-api", "hybrid", "auto")
PARTS = ("servers", "pools", "cost", "candidates", "decision", "lead_time.days")


def plans() -> Iterator[tuple[str, Plan]]:
    for name in EXAMPLES:
        for mode in MODES:
            try:
                yield f"{name} {mode}", planned(name, mode)
            except NoPlan:
                continue


PLANS = dict(plans())
BOTH = planned("eu-both-ways", "self-hosted")


def numbers(value: Any, path: str) -> Iterator[str]:
    if isinstance(value, int | float) and not isinstance(value, bool):
        yield path
    elif isinstance(value, dict):
        for name, item in value.items():
            yield from numbers(item, f"{path}.{name}")
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from numbers(item, f"{path}[{index}]")


def at(plan: Plan, path: str) -> Derivation:
    return plan.derivations[path]


@pytest.mark.parametrize("name", PLANS)
def test_every_number_of_bill_and_decision_has_a_derivation(name: str) -> None:
    """At its own path or at a parent's."""
    plan = msgspec.to_builtins(PLANS[name])
    known = tuple(plan["derivations"])

    missing = [
        path
        for part in PARTS
        if part in plan
        for path in numbers(plan[part], part)
        if not any(path == one or path.startswith((f"{one}.", f"{one}[")) for one in known)
    ]

    assert missing == []


@pytest.mark.parametrize("name", PLANS)
def test_a_line_is_quantity_times_price(name: str) -> None:
    """To the cent, but for hours that are waived; the source of the price stands beside it."""
    plan = PLANS[name]
    for index, line in enumerate(plan.cost.lines):
        told = at(plan, f"cost.lines[{index}]")
        assert told.value == line.expected_usd
        assert told.sources[0].source == line.source
        if "waived" in told.formula:
            assert line.expected_usd == 0
        elif line.expected_usd is None:
            assert "no price is known" in told.formula
        else:
            product = told.inputs["quantity"] * told.inputs["unit_usd"]
            assert product == pytest.approx(line.expected_usd, abs=0.011, rel=1e-5), line.name


@pytest.mark.parametrize("name", PLANS)
def test_totals_are_sums_of_their_inputs(name: str) -> None:
    """A month, its fixed part, the premium of sovereignty, points of the decision."""
    plan = PLANS[name]
    for path in ("cost.monthly_usd", "cost.monthly_usd.low", "cost.monthly_usd.high", "cost.fixed_usd"):
        told = at(plan, path)
        assert told.value == pytest.approx(sum(usd or 0.0 for usd in told.inputs.values()), abs=0.006)
    premium = at(plan, "cost.sovereignty_usd")
    assert premium.value == pytest.approx(sum(usd or 0.0 for usd in premium.inputs.values()), abs=0.006)
    totals = at(plan, "decision.totals")
    for side, points in totals.value.items():
        assert points == pytest.approx(sum(row.get(side, 0.0) for row in totals.inputs.values()), abs=0.01)


@pytest.mark.parametrize("name", PLANS)
@pytest.mark.parametrize("months", [12, 36])
@pytest.mark.parametrize("case", ["low", "expected", "high"])
def test_years_are_multiples_of_the_lines(name: str, months: int, case: str) -> None:
    """Every line times the months of today that it comes to."""
    plan = PLANS[name]
    told = at(plan, f"cost.months_{months}_usd" + ("" if case == "expected" else f".{case}"))
    lines = {line.name: getattr(line, f"{case}_usd") or 0.0 for line in plan.cost.lines}
    times = told.inputs["months_of_today"]

    assert told.value == getattr(getattr(plan.cost, f"months_{months}_usd"), case)
    assert told.value == pytest.approx(sum(lines[line] * count for line, count in times.items()), rel=1e-5)
    assert set(times) == {line.name for line in plan.cost.lines if line.kind != "labor"}


def test_growth_follows_from_its_inputs() -> None:
    """8 % a month: the nodes of every month, from the speed of a replica."""
    told = at(BOTH, "cost.growth[0]")
    (server,) = told.inputs["servers"]
    need = Need(
        per_second=server["requests_per_second_of_a_replica"],
        sure_per_second=server["requests_per_second_at_failure_utilization"],
        first=tuple(server["peaks"].items()),
        fallback=tuple(server["stands_in_for"].items()),
        pods_per_node=server["pods_per_node"],
        zones=server["zones"],
        stages=server["nodes_of_a_replica"],
    )
    rate = told.inputs["growth_percent_per_month"]["drafting"]
    steps = dict(told.inputs["steps"])
    nodes = 0

    for month in range(36):
        nodes = steps.get(month + 1, nodes)
        assert need.nodes({"drafting": (1 + rate / 100) ** month}) == nodes
    assert told.value == nodes


def test_break_even_follows_from_its_inputs() -> None:
    """Both bills at the volume where they meet: fixed + usage in proportion + nodes."""
    told = at(BOTH, "cost.break_even")
    basis = told.inputs["basis"]
    share = told.value / basis["planned_monthly_requests"]
    own, vendor = basis["own"], basis["vendor"]
    (node,) = own["usd_per_node"].values()

    mine = own["fixed_usd"] + own["usage_usd"] * share + node * BOTH.pools[0].nodes
    theirs = vendor["fixed_usd"] + vendor["usage_usd"] * share
    assert mine == pytest.approx(theirs, abs=0.1)
    row = at(BOTH, "cost.break_even.utilization[0]")
    full = row.inputs["own_usd_per_million_tokens_when_full"]
    assert row.value == pytest.approx(full / row.inputs["vendor_usd_per_million_tokens"], rel=0.01)


def test_no_requests_have_no_break_even() -> None:
    """Nothing to scale: no curve of zeros, and the reason is said."""
    idle = with_route(declared("eu-both-ways"), load={"monthly_requests": 0})
    found = make_plan(idle, AS_OF, gates, "self-hosted").cost.break_even

    assert found is not None
    assert found["monthly_requests"] is None
    assert found["curve"] == []
    assert "no requests" in found["reason"]


@pytest.mark.parametrize("kind", ["spot", "capacity-block"])
def test_no_alternative_mixes_list_prices_with_prices_of_the_day(kind: str) -> None:
    """Another type is not shown at the on-demand price beside a pool that is not bought so."""
    said = with_spec(declared("minimal"), budget={"monthly_usd": 9000})
    said = with_backend(said, "small", capacity={"kind": kind})
    plan = make_plan(said, AS_OF, gates)
    types = [one for one in plan.cost.alternatives if one.name.startswith("small on ")]
    chosen, *others = types

    assert chosen.monthly_usd == plan.cost.monthly_usd
    assert others
    assert all(one.monthly_usd is None for one in others)
