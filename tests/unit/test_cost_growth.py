"""Area of concern: growth: requests smoothly, GPU nodes in steps as planning the grown load would give."""

from __future__ import annotations

import msgspec
import pytest
from priced_stacks import AS_OF, EXAMPLES, built, declared, draft, line, stack, times, with_load, with_spec

from inferplan import cost
from inferplan.cost.growth import courses, nodes_for, pool_growth
from inferplan.decision import Question
from inferplan.plan.search import cheapest
from inferplan.records.draft import Draft
from inferplan.spec.model import Scenarios
from policies.gates import gates


def growing(given: Draft, percent: float) -> Draft:
    """The draft with another growth of every route."""
    traffic = [msgspec.structs.replace(one, growth_percent_per_month=percent) for one in given.traffic]
    return msgspec.structs.replace(given, traffic=tuple(traffic))


WITH_GPUS = [
    ("de-clinic-notes", None),
    ("in-bank-assistant", None),
    ("minimal", None),
    ("eu-both-ways", "self-hosted"),
    ("eu-both-ways", "hybrid"),
]


@pytest.mark.parametrize(("name", "mode"), WITH_GPUS)
def test_growth_starts_from_the_plan(name: str, mode: str | None) -> None:
    """The arithmetic of growth gives the planned nodes for the planned load."""
    given = draft(name, mode)
    hardly_more = {one.route: 1 + 1e-12 for one in given.traffic}

    for pool in given.pools:
        assert nodes_for(given, pool, hardly_more) == pool.nodes


@pytest.mark.parametrize("factor", [0.3, 1.4, 1.9, 3.1, 6.0])
@pytest.mark.parametrize(("name", "mode"), WITH_GPUS)
def test_grown_nodes_are_what_planning_the_grown_load_gives(
    name: str, mode: str | None, factor: float
) -> None:
    """On the same instance type, a plan of the grown load has the nodes that growth predicts."""
    given = draft(name, mode)
    declaration = declared(name)
    spec = stack(declaration)
    types = {server.backend: given.pools[0].instance_type for server in given.servers}
    backends = {
        key: msgspec.structs.replace(
            backend, capacity=msgspec.structs.replace(backend.capacity, instance_type=types[key])
        )
        if key in types
        else backend
        for key, backend in spec.backends.items()
    }
    # a load that the spec leaves open is the planned one, so that it can be scaled
    loads = {one.route: one for one in given.traffic}
    routes = tuple(
        msgspec.structs.replace(
            route,
            load=times(
                msgspec.structs.replace(
                    route.load, peak_requests_per_second=loads[route.name].peak_requests_per_second
                ),
                factor,
            ),
        )
        for route in spec.routes
    )
    target = msgspec.structs.replace(spec.target, region=given.target.region)
    again = cheapest(
        Question.of(
            with_spec(
                declaration,
                mode=mode or spec.mode,
                backends=backends,
                routes=routes,
                target=target,
                budget=None,
            ),
            AS_OF,
            gates,
        )
    ).draft

    factors = {one.route: factor for one in given.traffic}
    assert [nodes_for(given, pool, factors) for pool in given.pools] == [pool.nodes for pool in again.pools]


def test_tokens_grow_with_their_route() -> None:
    """5 % a month over a year: 396 x (1.05^12 - 1) / 0.05 = 396 x 15.917127 = 6,303.18 USD of tokens."""
    given = draft("eu-support-desk")
    without = msgspec.structs.replace(
        given,
        traffic=tuple(msgspec.structs.replace(one, growth_percent_per_month=0) for one in given.traffic),
    )
    grown, flat = cost.price(given), cost.price(without)

    usage = sum(one.expected_usd or 0 for one in grown.lines if one.kind == "usage")
    assert line(grown, "tokens openai for support-chat").expected_usd == 396
    assert flat.months_12_usd.expected == pytest.approx(12 * flat.monthly_usd.expected, abs=0.1)
    more = usage * (15.917127 - 12)
    assert grown.months_12_usd.expected - flat.months_12_usd.expected == pytest.approx(more, abs=0.1)


def test_gpu_nodes_grow_in_steps_and_the_ceiling_is_named() -> None:
    """The clinic's 3 % a month: steps up only, each in its month, and the month that passes the ceiling."""
    priced = built("de-clinic-notes").cost
    (pool,) = draft("de-clinic-notes").pools
    (grown,) = priced.growth

    assert grown.steps[0] == (1, pool.nodes)
    assert list(grown.steps) == sorted(grown.steps)
    assert len({nodes for _, nodes in grown.steps}) == len(grown.steps)
    passed = next((month for month, nodes in grown.steps if nodes > pool.max_nodes), None)
    assert grown.exceeds_max_in_month == passed
    assert passed is None or f"month {passed}" in grown.note
    assert grown.nodes_at_slow_speed is not None
    assert grown.nodes_at_slow_speed >= pool.nodes


def test_the_months_follow_the_steps() -> None:
    """12 months of the clinic: nodes and their volumes month by month, the rest twelve times."""
    given, priced = draft("de-clinic-notes"), built("de-clinic-notes").cost
    (pool,) = given.pools
    steps = dict(priced.growth[0].steps)
    nodes = [max(count for start, count in steps.items() if start <= month) for month in range(1, 13)]
    gpus = line(priced, f"GPU nodes {pool.name}").expected_usd or 0
    volumes = sum(
        line(priced, f"{what} of {pool.name}").expected_usd or 0 for what in ("volumes", "volume throughput")
    )
    fixed = priced.fixed_usd - gpus - volumes
    usage = sum(one.expected_usd or 0 for one in priced.lines if one.kind == "usage")

    # 1.03^0 + ... + 1.03^11 = 14.192030
    expected = sum(nodes) / pool.nodes * (gpus + volumes) + 12 * fixed + 14.192030 * usage
    assert priced.months_12_usd.expected == pytest.approx(expected, abs=0.5)


def test_a_passed_ceiling_is_said() -> None:
    """Growth that needs more nodes than the plan's ceiling names the month and the number."""
    given = draft("in-bank-assistant")
    fast = msgspec.structs.replace(
        given,
        traffic=tuple(msgspec.structs.replace(one, growth_percent_per_month=30) for one in given.traffic),
    )
    (pool,) = fast.pools

    grown = pool_growth(fast, pool, courses(fast)["expected"])

    assert grown.exceeds_max_in_month is not None
    assert f"the plan's ceiling is {pool.max_nodes}" in grown.note
    assert dict(grown.steps)[grown.exceeds_max_in_month] > pool.max_nodes


def test_shrinking_load_needs_no_more_nodes() -> None:
    """A load that falls by a tenth each month never raises the bill."""
    given = draft("de-clinic-notes")
    falling = msgspec.structs.replace(
        given,
        traffic=tuple(msgspec.structs.replace(one, growth_percent_per_month=-10) for one in given.traffic),
    )

    priced = cost.price(falling)
    steps = [nodes for _, nodes in priced.growth[0].steps]

    assert steps == sorted(steps, reverse=True)
    assert priced.months_36_usd.expected < 36 * priced.monthly_usd.expected


def test_scenarios_are_low_expected_and_high_volumes() -> None:
    """Stated scenarios price each case: 30,000, 90,000 and 300,000 requests of 0.0044 USD."""
    scenarios = {"low": 30_000, "expected": 90_000, "high": 300_000}

    declaration = with_load(declared("eu-support-desk"), scenarios=Scenarios(**scenarios))
    priced = cheapest(Question.of(declaration, AS_OF, gates)).cost

    tokens = line(priced, "tokens openai for support-chat")
    assert (tokens.low_usd, tokens.expected_usd, tokens.high_usd) == (132.0, 396.0, 1320.0)
    assert [one.monthly_requests for one in priced.scenarios] == [30_000, 90_000, 300_000]
    assert all(one.stated for one in priced.scenarios)
    assert priced.scenarios[2].monthly_input_tokens == 300_000 * 1200
    assert [one.monthly_usd for one in priced.scenarios] == [
        priced.monthly_usd.low,
        priced.monthly_usd.expected,
        priced.monthly_usd.high,
    ]


def test_unstated_scenarios_are_marked() -> None:
    """Without scenarios the three volumes are one, and low and high say that nobody stated them."""
    found = {one.name: one for one in built("de-clinic-notes").cost.scenarios}

    assert len({one.monthly_requests for one in found.values()}) == 1
    assert [found[name].stated for name in ("low", "expected", "high")] == [False, True, False]


def test_a_high_scenario_needs_more_nodes() -> None:
    """Four times the requests are taken as four times the peak, and the high case has the nodes for it."""
    declaration = with_load(
        declared("de-clinic-notes"), scenarios=Scenarios(low=100_000, expected=400_000, high=1_600_000)
    )
    priced = cheapest(Question.of(declaration, AS_OF, gates))
    (pool,) = priced.draft.pools
    gpus = line(priced.cost, f"GPU nodes {pool.name}")
    most = nodes_for(priced.draft, pool, {"clinical-notes": 4.0})

    assert most > pool.nodes
    assert f"{most} in the high case" in gpus.note
    assert gpus.high_usd == pytest.approx((gpus.unit_usd or 0) * 730 * most, rel=1e-4)


@pytest.mark.parametrize("name", EXAMPLES)
def test_bills_are_the_same_every_time(name: str) -> None:
    """Pricing twice gives the same bytes."""
    given = draft(name)

    assert msgspec.json.encode(cost.price(given)) == msgspec.json.encode(cost.price(given))
