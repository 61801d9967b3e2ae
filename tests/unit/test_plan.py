"""Area of concern: the planner on the example specs, and what must hold for every plan."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pytest

from inferplan import catalog
from inferplan.plan.images import VLLM_VERSION
from inferplan.plan.make import make_plan
from inferplan.records.no_plan import NoPlan, NotBuilt
from inferplan.records.plan import Plan
from inferplan.spec.declaration import Declaration
from inferplan.spec.loading import load
from inferplan.spec.model import Percentiles
from policies.gates import gates

ROOT = Path(__file__).parents[2]
AS_OF = date(2026, 11, 20)
ACCOUNT = ROOT / "accounts" / "account-desk.yaml"
EXAMPLES = ("de-clinic-notes", "eu-support-desk", "in-bank-assistant", "minimal", "eu-both-ways")
MODES = ("self-hosted", "managed-api", "hybrid", "auto")


def declared(name: str) -> Declaration:
    return load(ROOT / "specs" / f"{name}.yaml", ROOT / "organization")


def edited(name: str, **changes: Any) -> Declaration:
    """An example with some top-level blocks of its spec changed field by field."""
    declaration = declared(name)
    spec = declaration.spec
    for block, said in changes.items():
        value = msgspec.structs.replace(getattr(spec, block), **said) if isinstance(said, dict) else said
        spec = msgspec.structs.replace(spec, **{block: value})
    return replace(declaration, spec=spec)


def route_load(declaration: Declaration, **fields: Any) -> Declaration:
    """The declaration with the load of its first route changed."""
    first, *rest = declaration.spec.routes
    load_ = msgspec.structs.replace(first.load, **fields)
    routes = (msgspec.structs.replace(first, load=load_), *rest)
    return replace(declaration, spec=msgspec.structs.replace(declaration.spec, routes=routes))


@pytest.fixture(scope="module")
def plans() -> dict[str, Plan]:
    return {name: make_plan(declared(name), AS_OF, gates) for name in EXAMPLES}


@pytest.mark.parametrize(
    ("name", "mode", "region", "gpus"),
    [
        ("de-clinic-notes", "self-hosted", "eu-central-1", range(2, 17)),
        ("eu-support-desk", "managed-api", "eu-west-1", range(1)),
        ("in-bank-assistant", "hybrid", "ap-south-1", range(8, 65)),
        ("minimal", "self-hosted", None, range(1, 2)),
        ("eu-both-ways", "managed-api", None, range(1)),
    ],
)
def test_examples_plan_in_their_mode_and_budget(
    plans: dict[str, Plan], name: str, mode: str, region: str | None, gpus: range
) -> None:
    """Each example is planned in its mode and Region, with a sane number of GPUs, within its own budget."""
    plan = plans[name]

    assert plan.mode == mode
    assert region in {None, plan.target.region}
    assert sum(pool.nodes * pool.gpus for pool in plan.pools) in gpus
    assert plan.budget is not None
    assert 0 < plan.cost.monthly_usd.expected <= plan.budget.monthly_usd


def test_the_search_stays_inside_the_boundary(plans: dict[str, Plan]) -> None:
    """A Region that the spec leaves open lies in an allowed country and really offers what is planned."""
    plan = plans["minimal"]

    assert plan.target.country in catalog.expand_places(["EU"])
    for pool in plan.pools:
        assert set(pool.zones) <= set(catalog.instance(pool.instance_type).offers(plan.target.region))
    assert plan.derivations["target.region"].inputs["expected_usd_per_month"][plan.target.region] == (
        plan.cost.monthly_usd.expected
    )


def test_a_named_region_is_planned_even_outside_the_boundary() -> None:
    """What the spec names is planned as said: the rules deny it, not the planner."""
    plan = make_plan(edited("de-clinic-notes", target={"region": "us-east-1"}), AS_OF, gates)

    assert plan.target.region == "us-east-1"
    assert plan.target.country == "US"


@pytest.mark.parametrize("mode", MODES)
def test_one_spec_flips_between_all_modes(mode: str) -> None:
    """The same spec gives each kind of stack, and only that kind's parts."""
    plan = make_plan(declared("eu-both-ways"), AS_OF, gates, mode)

    kind = plan.mode
    assert mode in {kind, "auto"}
    assert bool(plan.servers) == (kind != "managed-api") == (plan.cluster is not None)
    assert bool(plan.vendors) == (kind != "self-hosted")
    assert plan.gateway.host_kind == ("ecs" if kind == "managed-api" else "kubernetes")
    assert plan.decision.asked == mode


def test_auto_keeps_every_mode_as_an_alternative() -> None:
    """Auto says which mode it took and why, and prices the others beside it."""
    plan = make_plan(declared("eu-both-ways"), AS_OF, gates)

    priced = {one.mode: one.monthly_usd for one in plan.cost.alternatives if one.name == one.mode}
    assert set(priced) == {"self-hosted", "managed-api", "hybrid"}
    assert priced[plan.mode] == plan.cost.monthly_usd
    assert plan.decision.mode == plan.mode
    assert plan.decision.reasons


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_emitted_flag_exists_in_the_pinned_engine(plans: dict[str, Plan], name: str) -> None:
    """No flag is emitted that vLLM's pinned version does not know."""
    known = catalog.vllm_flags(VLLM_VERSION)
    flags = [flag for server in plans[name].servers for flag in server.flags if flag.startswith("--")]

    assert bool(flags) == bool(plans[name].servers)
    assert set(flags) <= known


def test_an_unknown_engine_argument_is_refused() -> None:
    """An argument that the pinned engine lacks, and one that the plan decides, end in a clear answer."""
    declaration = declared("de-clinic-notes")
    for argument in ("enable-teleportation", "max-num-seqs"):
        backend = declaration.spec.backends["qwen"]
        engine = msgspec.structs.replace(backend.engine, args={argument: 4})
        spec = msgspec.structs.replace(
            declaration.spec, backends={"qwen": msgspec.structs.replace(backend, engine=engine)}
        )

        with pytest.raises(NoPlan, match=argument):
            make_plan(replace(declaration, spec=spec), AS_OF, gates)


def test_production_survives_the_loss_of_a_zone(plans: dict[str, Plan]) -> None:
    """Two zones in production hold the same number of replicas, and the derivation says why."""
    plan = plans["in-bank-assistant"]
    (server,) = plan.servers
    (pool,) = plan.pools

    assert len(pool.zones) == 2
    assert server.replicas % 2 == 0
    assert pool.nodes % 2 == 0
    assert plan.derivations["servers[0].replicas"].inputs["replicas_per_zone"] * 2 == server.replicas


def test_a_one_zone_offering_is_not_taken_where_a_zone_may_be_lost() -> None:
    """p6-b200 stands in one zone of ap-south-1: it is listed as passed over, with that reason."""
    plan = make_plan(declared("in-bank-assistant"), AS_OF, gates)

    found = {candidate.instance_type: candidate for candidate in plan.candidates}
    assert "one zone only" in found["p6-b200.48xlarge"].reason
    assert sum(candidate.chosen for candidate in plan.candidates) == 1


def test_a_type_without_on_demand_price_is_not_planned_on_demand() -> None:
    """p5e has no on-demand price anywhere: asking for it on demand has no plan, and says why."""
    declaration = declared("in-bank-assistant")
    backend = declaration.spec.backends["llama"]
    capacity = msgspec.structs.replace(backend.capacity, instance_type="p5e.48xlarge")
    spec = msgspec.structs.replace(
        declaration.spec,
        target=msgspec.structs.replace(declaration.spec.target, region="eu-north-1", zones=1),
        backends=declaration.spec.backends | {"llama": msgspec.structs.replace(backend, capacity=capacity)},
    )

    with pytest.raises(NoPlan, match="no on-demand list price"):
        make_plan(replace(declaration, spec=spec), AS_OF, gates)


def test_no_plan_names_what_every_type_lacks() -> None:
    """A model that fits nowhere in the Region is answered with the reason of each instance type."""
    declaration = declared("de-clinic-notes")
    backend = msgspec.structs.replace(
        declaration.spec.backends["qwen"],
        weights="hf://meta-llama/Llama-3.1-405B-Instruct",
        engine=msgspec.structs.replace(declaration.spec.backends["qwen"].engine, max_model_len=131072),
    )
    route = declaration.spec.routes[0]
    fast = msgspec.structs.replace(route.objectives, tpot_ms=Percentiles(p95=30.0))
    routes = (msgspec.structs.replace(route, objectives=fast),)
    spec = msgspec.structs.replace(declaration.spec, backends={"qwen": backend}, routes=routes)

    with pytest.raises(NoPlan) as caught:
        make_plan(replace(declaration, spec=spec), AS_OF, gates)

    assert "eu-central-1" in caught.value.summary
    assert {one.instance_type for one in caught.value.candidates} >= {"g6.48xlarge", "p4de.24xlarge"}
    assert all(one.reason for one in caught.value.candidates)


def test_more_load_never_needs_fewer_replicas() -> None:
    """On a fixed instance type replicas grow with the load."""
    declaration = declared("de-clinic-notes")
    backend = declaration.spec.backends["qwen"]
    capacity = msgspec.structs.replace(backend.capacity, instance_type="g7e.2xlarge")
    backends = {"qwen": msgspec.structs.replace(backend, capacity=capacity)}
    spec = msgspec.structs.replace(declaration.spec, backends=backends, budget=None)
    fixed = replace(declaration, spec=spec)

    peaks = (0.1, 0.5, 1.0, 3.0, 10.0, 40.0)
    replicas = [
        make_plan(route_load(fixed, peak_requests_per_second=peak), AS_OF, gates).servers[0].replicas
        for peak in peaks
    ]

    assert replicas == sorted(replicas)
    assert replicas[0] < replicas[-1]


@pytest.mark.parametrize("mode", ["self-hosted", "managed-api", "hybrid"])
def test_a_wider_boundary_never_costs_more(mode: str) -> None:
    """With a fixed mode, adding countries to the boundary never raises the bill."""
    bills = []
    for countries in (("IE", "FR"), ("IE", "FR", "DE"), ("IE", "FR", "DE", "ES"), ("EEA",)):
        residency = msgspec.structs.replace(declared("eu-both-ways").spec.data.residency, countries=countries)
        try:
            plan = make_plan(edited("eu-both-ways", data={"residency": residency}), AS_OF, gates, mode)
        except NoPlan:
            assert not bills
            continue
        bills.append(plan.cost.monthly_usd.expected)

    assert len(bills) >= 2
    assert bills == sorted(bills, reverse=True)


def test_plans_are_byte_identical_across_processes(plans: dict[str, Plan]) -> None:
    """The same inputs give the same bytes in another process with another hash seed."""
    script = (
        "import sys, msgspec; from datetime import date; from pathlib import Path\n"
        "from inferplan.spec.loading import load; from inferplan.plan.make import make_plan\n"
        "from policies.gates import gates\n"
        "declaration = load(Path('specs/eu-both-ways.yaml'), Path('organization'))\n"
        "plan = make_plan(declaration, date(2026, 11, 20), gates)\n"
        "sys.stdout.buffer.write(msgspec.json.encode(plan))"
    )
    seen = {
        subprocess.run(
            [sys.executable, "-c", script],
            cwd=ROOT,
            env={"PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }

    assert seen == {msgspec.json.encode(plans["eu-both-ways"])}


def numbers(value: Any, path: str = "") -> Iterator[str]:
    """The plan path of every number inside a plan value."""
    if isinstance(value, bool):
        return
    if isinstance(value, int | float):
        yield path
    elif isinstance(value, dict):
        for name, item in value.items():
            yield from numbers(item, f"{path}.{name}")
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from numbers(item, f"{path}[{index}]")


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_number_of_servers_and_pools_has_a_derivation(plans: dict[str, Plan], name: str) -> None:
    """`explain` finds every number of servers and pools at its own path or at a parent's."""
    plan = msgspec.to_builtins(plans[name])
    known = set(plan["derivations"])

    missing = [
        path
        for part in ("servers", "pools")
        for path in numbers(plan[part], part)
        if not any(path == one or path.startswith((f"{one}.", f"{one}[")) for one in known)
    ]

    assert missing == []


def test_the_account_baseline_is_refused_honestly() -> None:
    """A spec of the account baseline ends in NoPlan that says it is not built yet."""
    with pytest.raises(NotBuilt, match="not plan yet"):
        make_plan(load(ACCOUNT, ROOT / "organization"), AS_OF, gates)


def test_mode_without_a_fitting_backend_has_no_plan() -> None:
    """A route whose backends are all vendors cannot be self-hosted; the route and the mode are named."""
    with pytest.raises(NoPlan, match="self-hosted") as caught:
        make_plan(declared("eu-support-desk"), AS_OF, gates, "self-hosted")

    assert caught.value.conflicts[0].path == "routes[0].backends"


def test_own_kubernetes_is_refused_honestly() -> None:
    """Own nodes are part of the language and not of this planner: it says so."""
    with pytest.raises(NotBuilt, match="own Kubernetes"):
        make_plan(edited("minimal", target={"platform": "kubernetes"}), AS_OF, gates)


def test_defaults_and_warnings_are_told(plans: dict[str, Plan]) -> None:
    """A minimal spec lists every default it took; a scarce GPU in a core account is warned about."""
    paths = {default.path for default in plans["minimal"].defaults}

    assert {"target.region", "target.zones", "network.cidr", "cluster.admins", "gateway"} <= paths
    assert any("seldom to be had" in warning for warning in plans["in-bank-assistant"].warnings)


def test_a_deadline_that_is_missed_is_named() -> None:
    """Lead time is compared with the deadline, item by item."""
    plan = make_plan(edited("de-clinic-notes", deadline="2026-12-01"), AS_OF, gates)

    assert any(miss.startswith("build: ") for miss in plan.lead_time.misses)
    assert plan.lead_time.days >= plan.lead_time.items["build"] > 11
