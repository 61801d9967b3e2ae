"""Area of concern: what the planner chooses: types, parallel sizes, formats, capacity, zones and quota."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
from msgspec import structs

from inferplan import catalog
from inferplan.plan.make import make_plan
from inferplan.records.no_plan import NoPlan, NotBuilt
from inferplan.records.plan import Plan, Pool, RunningHours, Server
from inferplan.spec.declaration import Declaration
from inferplan.spec.model import Objectives, Percentiles, Residency, Route, Scenarios, Schedule
from policies.gates import gates
from stacks.record import record_plan
from tests.unit.plan_edits import (
    AS_OF,
    declared,
    spec_of,
    with_backend,
    with_countries,
    with_environment,
    with_route,
    with_spec,
)

LLAMA_70B = "hf://meta-llama/Llama-3.3-70B-Instruct"
LLAMA_405B = "hf://meta-llama/Llama-3.1-405B-Instruct"
DEEPSEEK = "hf://deepseek-ai/DeepSeek-R1"
RESERVED = "cr-0123456789abcdef0"


def planned(declaration: Declaration, mode: str | None = None) -> tuple[Plan, Server, Pool]:
    plan = make_plan(declaration, AS_OF, gates, mode)
    (server,), (pool,) = plan.servers, plan.pools
    return plan, server, pool


def refused(declaration: Declaration) -> NoPlan:
    with pytest.raises(NoPlan) as caught:
        make_plan(declaration, AS_OF, gates)
    return caught.value


def lab(region: str | None = None, **backend: Any) -> Declaration:
    """The minimal spec without a budget, with its backend changed."""
    said = with_spec(declared("minimal"), budget=None, target={"region": region})
    return with_backend(said, "small", **backend) if backend else said


# -- parallel sizes and nodes
# -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("declaration", "tensor", "pipeline", "replicas"),
    [
        # 16-bit 70B: 141 GB = 131 GiB. Two H200 (2 x 139 GiB) hold it, one does not.
        pytest.param(
            lambda: lab("eu-north-1", weights=LLAMA_70B, capacity={"instance_type": "p5en.48xlarge"}),
            2, 1, 1, id="the smallest group that holds the weights",
        ),
        # 7B on eight L4: each card by itself; more groups, not larger ones.
        pytest.param(
            lambda: lab("eu-central-1", capacity={"instance_type": "g6.48xlarge"}),
            1, 1, 1, id="one GPU a replica where one is enough",
        ),
        # 16-bit 405B: 756 GiB. One p5en node has 8 x 139 = 1,112 GiB.
        pytest.param(
            lambda: lab("eu-north-1", weights=LLAMA_405B), 8, 1, 1, id="one node where one node can hold it"
        ),
        # p4de: 8 x 79 = 634 GiB, so two nodes: tensor parallel inside, pipeline parallel between.
        pytest.param(
            lambda: lab("eu-central-1", weights=LLAMA_405B, capacity={"instance_type": "p4de.24xlarge"}),
            8, 2, 1, id="two nodes for 405B in 16 bit on 80 GB",
        ),
        # DeepSeek-R1 in FP8 is 642 GiB: more than the 634 GiB of p4de.
        pytest.param(
            lambda: lab("eu-central-1", weights=DEEPSEEK, capacity={"instance_type": "p4de.24xlarge"}),
            8, 2, 1, id="two nodes for DeepSeek-R1 on 80 GB",
        ),
        # p4d: 8 x 39.4 = 315 GiB: four nodes hold 756 GiB, two do not.
        pytest.param(
            lambda: lab("eu-central-1", weights=LLAMA_405B, capacity={"instance_type": "p4d.24xlarge"}),
            8, 4, 1, id="four nodes for 405B in 16 bit on 40 GB",
        ),
    ],
)  # fmt: skip
def test_parallel_sizes(
    declaration: Callable[[], Declaration], tensor: int, pipeline: int, replicas: int
) -> None:
    """Tensor parallel inside a node, pipeline parallel between nodes only where no node holds the model."""
    _, server, pool = planned(declaration())

    assert (server.tensor_parallel, server.pipeline_parallel, server.replicas) == (tensor, pipeline, replicas)
    assert pool.nodes == pipeline * replicas
    assert pool.efa == pool.placement_group == (pipeline > 1)
    assert (pool.efa_interfaces > 0) == (pipeline > 1)


def test_the_nodes_of_a_replica_stand_in_one_zone() -> None:
    """A replica of several nodes keeps to one zone, however many the stack has."""
    said = with_spec(
        lab("eu-central-1", weights=DEEPSEEK, capacity={"instance_type": "p4de.24xlarge"}),
        target={"zones": 2},
    )

    plan, _, pool = planned(said)

    assert len(plan.target.zones) == 2
    assert len(pool.zones) == 1


def test_replicas_spread_over_zones_hold_whole_replicas_in_each() -> None:
    """In production two zones hold one replica of two nodes each, so that one survives."""
    said = with_environment(
        with_spec(
            lab("eu-central-1", weights=DEEPSEEK, capacity={"instance_type": "p4de.24xlarge"}),
            target={"zones": 2},
        ),
        "production",
    )

    _, server, pool = planned(said)

    assert (server.replicas, server.pipeline_parallel, pool.nodes) == (2, 2, 4)
    assert len(pool.zones) == 2


def test_replicas_carry_the_peak_and_max_num_seqs_the_concurrency() -> None:
    """Ten times the load needs more replicas; sequences and length follow the load, not vLLM's defaults."""
    little = planned(with_route(lab(), load={"peak_requests_per_second": 0.5}))[1]
    much = planned(
        with_route(lab(capacity={"instance_type": "g4dn.xlarge"}), load={"peak_requests_per_second": 5})
    )[1]

    assert little.replicas == 1
    assert much.replicas > 1
    assert little.throughput is not None
    assert little.throughput.concurrency <= little.max_num_seqs < 256
    assert little.max_model_len == 8192  # 4 x 1,300 tokens, the next power of two; the model could 40,960
    longer = planned(with_route(lab(), load={"input_tokens": 6000}))[1]
    assert longer.max_model_len == 32768


def test_several_routes_share_one_server() -> None:
    """Two routes on one backend are one server that carries both peaks and keeps the tightest objective."""
    said = lab("eu-central-1")
    first = spec_of(said).routes[0]
    second = Route(
        name="second", api="chat", classes=("public",), backends=("small",), load=first.load,
        objectives=Objectives(availability_percent=99.5),
    )  # fmt: skip

    _, server, pool = planned(with_spec(said, routes=(first, second)))

    assert server.routes == ("chat", "second")
    single = planned(said)
    assert server.replicas >= single[1].replicas
    assert pool.nodes >= single[2].nodes


# -- the format of the weights
# -------------------------------------------------------------------------------------------------------


def test_weights_are_served_as_published_unless_the_spec_says_otherwise() -> None:
    """Without `quantization`, 16-bit weights stay 16-bit, although FP8 would be cheaper."""
    both = declared("eu-both-ways")

    published = planned(with_backend(both, "mistral-own", quantization=None), "self-hosted")
    chosen = planned(with_backend(both, "mistral-own", quantization="auto"), "self-hosted")
    said = planned(both, "self-hosted")

    assert published[1].quantization is None
    assert "--quantization" not in published[1].flags
    assert chosen[1].quantization == said[1].quantization == "fp8"
    assert chosen[0].cost.monthly_usd == said[0].cost.monthly_usd
    assert published[0].cost.monthly_usd.expected > 1.5 * chosen[0].cost.monthly_usd.expected
    assert chosen[0].derivations["servers[0].quantization"].value == "fp8"


def test_auto_keeps_the_published_format_where_it_costs_no_more() -> None:
    """A 4B model fits the cheapest card in 16 bit: quantizing would save no node."""
    plan, server, _ = planned(lab(quantization="auto"))

    assert server.quantization is None
    assert "--quantization" not in server.flags
    assert plan.cost.monthly_usd == planned(lab())[0].cost.monthly_usd


def test_a_published_quantized_repository_is_left_alone_by_auto() -> None:
    """Weights published in FP8 have nothing to choose."""
    plan, server, _ = planned(with_backend(declared("de-clinic-notes"), "qwen", quantization="auto"))

    assert server.quantization is None
    assert plan.cost.monthly_usd == make_plan(declared("de-clinic-notes"), AS_OF, gates).cost.monthly_usd


# -- capacity
# -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "instance_type", "reservation", "quota", "priced"),
    [
        ("on-demand", "g4dn.xlarge", None, "L-DB2E81BA", True),
        ("spot", "g4dn.xlarge", None, "L-3819A6DF", True),
        ("spot", "g7e.2xlarge", None, "L-3819A6DF", False),
        ("reservation", "g4dn.xlarge", RESERVED, "L-DB2E81BA", True),
        ("capacity-block", "p4d.24xlarge", RESERVED, "L-417A185B", True),
    ],
)
def test_capacity_kinds(
    kind: str, instance_type: str, reservation: str | None, quota: str, priced: bool
) -> None:
    """Each kind has its quota and its bill; where no source states a price, the plan says so."""
    said = lab("eu-central-1", capacity={"kind": kind, "id": reservation, "instance_type": instance_type})

    plan, _, pool = planned(said)

    assert (pool.capacity, pool.capacity_id, pool.quota_code) == (kind, reservation, quota)
    line = next(line for line in plan.cost.lines if line.name == f"GPU nodes {pool.name}")
    assert (line.expected_usd is not None) == priced
    assert any("no list price" in warning for warning in plan.warnings) != priced


@pytest.mark.parametrize(("kind", "hourly_usd"), [("reservation", None), ("capacity-block", 54.928)])
def test_p5e_is_planned_where_it_is_reserved(kind: str, hourly_usd: float | None) -> None:
    """p5e has no on-demand price: a reservation is unpriced, never at 0, and a block has its own rate."""
    said = lab(
        "eu-north-1",
        weights=LLAMA_70B,
        capacity={"kind": kind, "id": RESERVED, "instance_type": "p5e.48xlarge"},
    )

    plan, _, pool = planned(said)

    assert pool.instance_type == "p5e.48xlarge"
    assert plan.cost.unpriced == ((f"GPU nodes {pool.name}",) if hourly_usd is None else ())
    (line,) = (line for line in plan.cost.lines if line.name.startswith("GPU nodes"))
    assert line.unit_usd == hourly_usd
    assert line.expected_usd != 0


def test_a_region_whose_nodes_have_no_price_is_not_the_cheapest() -> None:
    """What is not bought on demand is compared by its list price, so that unpriced is not free."""
    named = {"instance_type": "g7e.2xlarge"}  # no source states its spot price in Germany or Sweden
    spot, on_demand = (
        make_plan(with_countries(lab(capacity=said), "DE", "SE"), AS_OF, gates)
        for said in ({"kind": "spot", **named}, named)
    )

    assert spot.cost.unpriced == (f"GPU nodes {spot.pools[0].name}",)
    assert spot.target.region == on_demand.target.region == "eu-north-1"


def test_the_quota_counts_vcpus_of_the_ceiling() -> None:
    """Two p5.48xlarge that may become four need 4 x 192 vCPUs of the quota for P instances."""
    plan = make_plan(declared("in-bank-assistant"), AS_OF, gates)
    (pool,) = plan.pools

    assert (pool.nodes, pool.max_nodes) == (2, 4)
    assert (pool.quota_code, pool.quota_vcpus) == ("L-417A185B", 4 * 192)


@pytest.mark.parametrize(
    ("instance_type", "ami", "has_plugin", "architecture"),
    [
        ("g6.xlarge", "BOTTLEROCKET_x86_64_NVIDIA", True, "x86_64"),
        ("p4d.24xlarge", "BOTTLEROCKET_x86_64_NVIDIA", True, "x86_64"),
    ],
)
def test_the_image_fits_the_architecture(
    instance_type: str, ami: str, has_plugin: bool, architecture: str
) -> None:
    """The AMI type follows the processor, and says whether it brings the device plugin."""
    _, _, pool = planned(lab("eu-central-1", capacity={"instance_type": instance_type}))

    assert (pool.ami_type, pool.ami_has_device_plugin, pool.architecture) == (ami, has_plugin, architecture)


def test_an_own_image_is_refused() -> None:
    """capacity.ami would need user data that nobody writes yet (aws-real 4)."""
    said = lab("eu-central-1", capacity={"instance_type": "g6.xlarge", "ami": "ami-0123456789abcdef0"})

    with pytest.raises(NotBuilt) as refused:
        planned(said)
    (conflict,) = refused.value.conflicts
    assert conflict.path == "backends.small.capacity.ami"
    assert "user data" in conflict.reason


# -- what the spec says is obeyed or refused
# -------------------------------------------------------------------------------------------------------


def test_a_named_type_is_obeyed() -> None:
    """A dearer type that the spec names is planned."""
    plan, _, pool = planned(lab(capacity={"instance_type": "g6e.12xlarge"}))

    assert pool.instance_type == "g6e.12xlarge"
    assert [candidate.instance_type for candidate in plan.candidates] == ["g6e.12xlarge"]


def test_a_named_zone_is_obeyed() -> None:
    """Nodes stand in the zone that the spec names, by id."""
    plan, _, pool = planned(lab("eu-central-1", capacity={"zone": "euc1-az3"}))

    assert pool.zones == ("euc1-az3",)
    assert plan.target.zones == ("euc1-az3",)


@pytest.mark.parametrize(
    ("declaration", "paths", "why"),
    [
        (
            lambda: lab("eu-central-1", capacity={"instance_type": "p5.48xlarge"}),
            {"target.region", "backends.small.capacity.instance_type"},
            "not offered in eu-central-1",
        ),
        (
            lambda: lab("eu-central-1", capacity={"zone": "euw3-az1"}),
            {"target.region", "backends.small.capacity.zone"},
            "not offered in zone euw3-az1",
        ),
        (
            lambda: lab("eu-west-1", capacity={"instance_type": "p3dn.24xlarge"}),
            {"backends.small.capacity.instance_type"},
            "no kernels",
        ),
        (
            lambda: lab("eu-central-1", capacity={"instance_type": "g5g.2xlarge"}),
            {"backends.small.capacity.instance_type"},
            "no kernels",
        ),
        (
            lambda: lab("eu-central-1", capacity={"instance_type": "inf2.xlarge"}),
            {"backends.small.capacity.instance_type"},
            "another engine",
        ),
    ],
)
def test_what_cannot_be_obeyed_is_refused_by_name(
    declaration: Callable[[], Declaration], paths: set[str], why: str
) -> None:
    """A type or zone that is not there has no plan; the fields that say so are named, with another way."""
    answer = refused(declaration())

    assert {conflict.path for conflict in answer.conflicts} == paths
    assert why in str(answer)
    assert all(conflict.monthly_usd is not None for conflict in answer.conflicts)


# -- the search
# -------------------------------------------------------------------------------------------------------


def test_every_region_of_the_boundary_is_searched() -> None:
    """The cheapest Region of the boundary is taken; the bills of the others are recorded."""
    said = with_spec(
        declared("minimal"), data={"residency": Residency(countries=("DE", "ES", "FR", "IE", "SE"))}
    )
    plan = make_plan(said, AS_OF, gates)
    searched = plan.derivations["target.region"].inputs

    bills, lacking = searched["expected_usd_per_month"], searched["not_possible"]
    countries = {catalog.region(region).country for region in (*bills, *lacking)}
    assert countries == {"DE", "ES", "FR", "IE", "SE"}
    assert min(bills, key=lambda region: (bills[region], region)) == plan.target.region
    assert bills[plan.target.region] == plan.cost.monthly_usd.expected


def test_regions_that_cannot_hold_the_stack_say_why() -> None:
    """A model that fits in one Region of two is planned there; the other is listed with its reason."""
    said = lab(weights=LLAMA_405B)
    said = with_spec(said, data={"residency": Residency(countries=("IT", "SE"))})

    plan = make_plan(said, AS_OF, gates)

    assert plan.target.region == "eu-north-1"
    lacking = plan.derivations["target.region"].inputs["not_possible"]
    assert "cannot be served" in lacking["eu-south-1"]


@pytest.mark.parametrize("name", ["de-clinic-notes", "in-bank-assistant", "minimal"])
def test_every_offered_type_is_judged(name: str) -> None:
    """Each type that the Region offers is a candidate: one is chosen, the rest have a reason."""
    plan = make_plan(declared(name), AS_OF, gates)

    offered = {one.type for one in catalog.instances().values() if one.offers(plan.target.region)}
    assert {candidate.instance_type for candidate in plan.candidates} == offered
    (chosen,) = [candidate for candidate in plan.candidates if candidate.chosen]
    priced = [candidate for candidate in plan.candidates if candidate.monthly_usd is not None]
    assert min(priced, key=lambda one: one.monthly_usd or 0.0).monthly_usd == chosen.monthly_usd
    assert all(candidate.reason for candidate in plan.candidates)
    assert any("short" in candidate.reason or "GiB" in candidate.reason for candidate in plan.candidates) or (
        name == "minimal"
    )


# -- development accounts
# -------------------------------------------------------------------------------------------------------


def test_development_gets_one_zone_and_small_nodes() -> None:
    """Nodes stand in one zone, EKS and the database keep subnets in two; system nodes are small."""
    plan, _, pool = planned(declared("minimal"))

    assert len(plan.target.zones) == len(pool.zones) == 1
    for tier in ("system", "database"):
        zones = {subnet.zone for subnet in plan.network.subnets if subnet.tier == tier}
        assert len(zones) == 2, tier
    assert {subnet.zone for subnet in plan.network.subnets if subnet.tier == "gpu"} == set(plan.target.zones)
    assert plan.cluster is not None
    assert plan.cluster.system_instance_type == "m6i.large"
    assert not plan.gateway.database_multi_az
    production = make_plan(with_environment(declared("minimal"), "production"), AS_OF, gates)
    assert len(production.target.zones) == 2
    assert production.cost.monthly_usd.expected > plan.cost.monthly_usd.expected


def advice(plan: Plan, word: str) -> list[str]:
    return [text for text in plan.warnings if text.startswith("development:") and word in text]


def test_development_is_offered_spot_and_a_schedule() -> None:
    """Savings are computed from the bill: 50 of 168 hours a week leave 29.8 % of it."""
    plan, _, pool = planned(lab("ap-south-1", capacity={"instance_type": "g6.xlarge"}))
    line = next(line for line in plan.cost.lines if line.name == f"GPU nodes {pool.name}")
    assert line.expected_usd == pytest.approx(730 * 0.9664, abs=0.01)  # 705.47

    (schedule,) = advice(plan, "schedule")
    (spot,) = advice(plan, "spot")

    assert "save 496 of 705 USD" in schedule  # 705.47 x (1 - 50 / 168) = 495.5
    assert "42% to 47% off" in spot  # spot-g6 in ap-south-1
    assert "296 to 332 of 705 USD" in spot


def test_what_is_not_offered_twice() -> None:
    """Spot that is taken is not proposed, nor a schedule that is stated; what it means for users is said."""
    plan = make_plan(
        with_spec(
            lab("eu-central-1", capacity={"kind": "spot"}),
            schedule=Schedule(timezone="Europe/Paris", start="08:00", stop="18:00"),
        ),
        AS_OF,
        gates,
    )

    assert not advice(plan, "spot")
    assert not advice(plan, "a schedule of")
    assert any("outside them requests fail" in text for text in plan.warnings)


def test_a_schedule_lowers_hours_and_bill_of_gpu_nodes() -> None:
    """Five days of ten hours are 50 of 168 hours a week: 217.26 of 730 hours a month."""
    said = with_spec(
        declared("minimal"), schedule=Schedule(timezone="Europe/Paris", start="08:00", stop="18:00")
    )
    plan, usual = make_plan(said, AS_OF, gates), make_plan(declared("minimal"), AS_OF, gates)
    (pool,) = plan.pools
    nodes, before = plan.cost.lines[0], usual.cost.lines[0]

    assert pool.running == RunningHours(
        timezone="Europe/Paris", start="0 8 * * 1,2,3,4,5", stop="0 18 * * 1,2,3,4,5", hours_per_month=217.26
    )
    assert plan.derivations["pools[0].running.hours_per_month"].value == 217.26
    assert before.expected_usd == pytest.approx(730 * 0.558, abs=0.01)  # g4dn.xlarge in eu-north-1
    assert nodes.expected_usd == pytest.approx(217.26 * 0.558, abs=0.01)
    rest = usual.cost.monthly_usd.expected - plan.cost.monthly_usd.expected
    volumes = (0.0952 * 130 + 0.04 * (500 - 125)) * (1 - 217.26 / 730)
    assert rest == pytest.approx((730 - 217.26) * 0.558, abs=volumes)
    assert "GPU nodes paid 217.26 hours a month" in plan.cost.wording
    assert not any(one.line.startswith("GPU nodes") for one in plan.cost.commitments)  # paid all hours


def test_a_schedule_over_midnight_stops_on_the_next_day() -> None:
    """22:00 to 06:00 from Monday to Saturday ends on Tuesday to Sunday: 48 of 168 hours a week."""
    schedule = Schedule(
        timezone="UTC", start="22:00", stop="06:00", days=("mon", "tue", "wed", "thu", "fri", "sat")
    )
    (pool,) = make_plan(with_spec(declared("minimal"), schedule=schedule), AS_OF, gates).pools

    assert pool.running is not None
    assert pool.running.start == "0 22 * * 1,2,3,4,5,6"
    assert pool.running.stop == "0 6 * * 0,2,3,4,5,6"
    assert pool.running.hours_per_month == pytest.approx(730 * 48 / 168, abs=0.01)


@pytest.mark.parametrize(
    ("environment", "kind", "why"),
    [
        ("production", "on-demand", "the account is for production"),
        ("development", "reservation", "paid whether it is used or not"),
    ],
)
def test_a_schedule_that_is_not_applied_is_told(environment: str, kind: str, why: str) -> None:
    """Production is never taken down by it, and what is paid all the time is not billed by the hour."""
    schedule = Schedule(timezone="UTC", start="08:00", stop="18:00")
    said = with_backend(with_spec(declared("minimal"), schedule=schedule), "small", capacity={"kind": kind})
    plan = make_plan(with_environment(said, environment), AS_OF, gates)

    assert plan.pools[0].running is None
    (told,) = [text for text in plan.warnings if "schedule is not applied" in text]
    assert why in told


def test_a_cheaper_vendor_is_told() -> None:
    """A vendor that costs less than own GPUs is named to a development account, with both bills."""
    said = with_route(declared("eu-both-ways"), load={"monthly_requests": 30000})
    plan = make_plan(with_environment(said, "development"), AS_OF, gates, "self-hosted")
    managed = make_plan(with_environment(said, "development"), AS_OF, gates, "managed-api")

    (told,) = advice(plan, "cheaper")

    assert f"{managed.cost.monthly_usd.expected:,.0f} against {plan.cost.monthly_usd.expected:,.0f}" in told
    assert not advice(managed, "cheaper")


def test_without_a_named_vendor_the_price_that_would_be_cheaper_is_told() -> None:
    """407 of GPU and 73 of cluster for 262,800 requests of 1,300 tokens: 480 / 341.64 million = 1.41 USD."""
    plan = make_plan(declared("minimal"), AS_OF, gates)

    (told,) = advice(plan, "per million tokens")

    assert "below 1.41 USD per million tokens" in told
    assert "bedrock" in told


@pytest.mark.parametrize("name", ["de-clinic-notes", "in-bank-assistant", "eu-support-desk", "eu-both-ways"])
def test_production_is_not_advised_like_development(name: str) -> None:
    """Spot and schedules are no advice for production."""
    assert not advice(make_plan(declared(name), AS_OF, gates), "")


def test_a_schedule_takes_the_nodes_away_by_their_groups() -> None:
    """One action restores the ceiling and leaves the count to the autoscaler, the other sets both to 0."""
    schedule = Schedule(timezone="UTC", start="08:00", stop="18:00")
    said = with_spec(declared("minimal"), schedule=schedule)
    plan = make_plan(said, AS_OF, gates)
    actions = {
        one.props["scheduledActionName"].rpartition("-")[2]: one.props
        for one in record_plan(plan, said)
        if one.type == "aws:autoscaling/schedule:Schedule"
    }

    assert set(actions) == {"start", "stop"}
    assert actions["start"]["recurrence"] == "0 8 * * 1,2,3,4,5"
    assert actions["stop"]["timeZone"] == "UTC"
    most = [(one["minSize"], one["maxSize"], one["desiredCapacity"]) for one in actions.values()]
    assert sorted(most) == [(0, 0, 0), (0, plan.pools[0].max_nodes, -1)]


# -- what a load leaves open
# -------------------------------------------------------------------------------------------------------


def test_the_expected_case_is_the_volume_and_gives_the_peak() -> None:
    """200,000 requests over 730 hours, five times the mean: 0.381 a second; nothing else is assumed."""
    plan = make_plan(
        with_route(
            declared("eu-both-ways"),
            load={
                "monthly_requests": None,
                "peak_requests_per_second": None,
                "scenarios": Scenarios(low=100_000, expected=200_000, high=900_000),
            },
        ),
        AS_OF,
        gates,
        "self-hosted",
    )
    assumed = {one.path: one.value for one in plan.defaults if ".load." in one.path}

    assert assumed == {"routes[0].load.peak_requests_per_second": 0.381}
    nodes, volumes = (
        next(one for one in plan.cost.lines if one.name == name)
        for name in ("GPU nodes gpu-mistral-own", "volumes of gpu-mistral-own")
    )
    for line in (nodes, volumes):
        assert line.low_usd == line.expected_usd
    assert nodes.high_usd is not None
    assert volumes.high_usd is not None
    assert nodes.high_usd / nodes.expected_usd == pytest.approx(  # type: ignore[operator]
        volumes.high_usd / volumes.expected_usd  # type: ignore[operator]
    )


def test_embeddings_have_no_answer_tokens() -> None:
    """No default of a few paragraphs is invented for an API that returns vectors."""
    said = declared("eu-both-ways")
    backends = spec_of(said).backends
    own = structs.replace(backends["mistral-own"], weights="hf://BAAI/bge-m3", quantization=None)
    said = with_spec(said, backends={**backends, "vectors": own})
    said = with_route(said, api="embeddings", backends=("vectors",), load={"output_tokens": None})
    plan = make_plan(said, AS_OF, gates, "self-hosted")

    assert not [one for one in plan.defaults if one.path.endswith("output_tokens")]
    assert plan.cost.scenarios[1].monthly_output_tokens == 0


def test_a_zone_and_another_backend_are_not_lost_at_once() -> None:
    """Two zones hold the load of both backends together, each alone that of the routes served first."""
    said = declared("eu-both-ways")
    spec = spec_of(said)
    route = spec.routes[0]
    own = spec.backends["mistral-own"]
    heavy = structs.replace(route, load=structs.replace(route.load, peak_requests_per_second=30.0))
    said = with_spec(
        said,
        budget=None,
        backends={**spec.backends, "second": own},
        routes=(
            structs.replace(route, backends=("mistral-own", "second")),
            structs.replace(heavy, name="heavy", backends=("second", "mistral-own")),
        ),
    )
    plan = make_plan(said, AS_OF, gates, "self-hosted")
    server = next(one for one in plan.servers if one.backend == "mistral-own")
    inputs = plan.derivations[f"servers[{plan.servers.index(server)}].replicas"].inputs
    rate = inputs["requests_per_second_of_a_replica_at_the_slow_end"]

    together = math.ceil(31 / (rate * 0.95))
    alone = math.ceil(1 / (rate * 0.95))
    assert inputs["replicas_per_zone"] == max(math.ceil(together / 2), alone)
    assert server.replicas < 2 * together


def test_percentiles_that_are_held_otherwise_are_told() -> None:
    """The speed model has one limit: a stated p99 is held as if it were p95, and the plan says so."""
    said = with_route(declared("eu-both-ways"), objectives={"ttft_ms": Percentiles(p99=3000.0)})
    plan = make_plan(said, AS_OF, gates, "self-hosted")

    assert any("p99 limits are held as if they were p95" in text for text in plan.warnings)
    usual = make_plan(declared("eu-both-ways"), AS_OF, gates, "self-hosted")
    assert not any("held as if" in text for text in usual.warnings)
