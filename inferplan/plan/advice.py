"""What the planner advises beside a finished plan: what has no price, what else would cost less or need less.

Every figure is computed from the plan. Not here: the plan itself, and what rules say of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from inferplan import catalog
from inferplan.cost.lines import HOURS_PER_MONTH, holes, total
from inferplan.plan.case import DEVELOPMENT
from inferplan.records.plan import Alternative, Plan, Pool
from inferplan.spec.model import InferenceStack
from inferplan.spec.price_book import PriceBook

OFFICE_DAYS, OFFICE_HOURS = 5, 10  # the schedule that is proposed: working days, ten hours each
WEEK_HOURS = 7 * 24


def advice(spec: InferenceStack, plan: Plan, prices: PriceBook) -> tuple[str, ...]:
    """Advice as warnings, in the order of the bill."""
    found = [*_unpriced(plan, prices)]
    for pool in plan.pools:
        if pool.running is not None:
            found.append(
                f"{pool.name} may run {pool.running.hours_per_month:g} hours a month, as schedule says: "
                "outside them requests fail and a deployment of the workload waits for nodes in vain"
            )
    if plan.target.environment == DEVELOPMENT:
        found += _development(spec, plan, prices)
    elif plan.servers and (lacking := _lacking(spec)):
        found += _thin_team(plan, lacking)
    return tuple(found)


def _lacking(spec: InferenceStack) -> str:
    """What the declared team lacks to run models of its own; nothing where it has every skill."""
    staff, needed = spec.operations.staff, catalog.criteria()["expertise"].skills
    if staff is None:
        return "operations.staff is not stated"
    missing = [skill for skill in needed if skill not in staff.skills]
    return f"operations.staff lacks {', '.join(missing)}" if missing else ""


def _thin_team(plan: Plan, lacking: str) -> Iterator[str]:
    """What a vendor would cost instead, or why none may serve: the documents send thin teams to vendors."""
    labor = f" and {plan.cost.labor_usd:,.0f} of labor" if plan.cost.labor_usd else ""
    least = "more than " if holes(plan.cost.lines) else ""
    own = f"{least}{plan.cost.monthly_usd.expected:,.0f} USD a month{labor}"
    offers = _offers(plan)
    if priced := _priced(offers):
        usd, name = priced[0]
        yield f"{lacking}: {name} would cost {usd:,.0f} USD a month for every route, own weights {own}"
    elif open_to := _open(plan, offers):
        yield f"{lacking}: {open_to}"
    elif offers:
        barred = "; ".join(f"{one.name}: {one.reason.partition(';')[0]}" for one in offers)
        yield f"{lacking}, and no registered vendor may serve every route ({barred})"


def _unpriced(plan: Plan, prices: PriceBook) -> Iterator[str]:
    if plan.cost.unpriced:
        yield (
            f"no list price, so not in the bill nor held against the budget: {', '.join(plan.cost.unpriced)}"
        )
    region = plan.target.region
    if plan.pools and not prices.is_region_priced(region):
        types = ", ".join(sorted({pool.instance_type for pool in plan.pools}))
        yield (
            f"what instances cost in {region} is unknown to the catalog, so the bill has a hole where its "
            f"largest part belongs: add the on-demand price of {types} there, with its source, to "
            "inferplan/catalog/data/region_prices.json; until then the instance type is the cheapest at the "
            f"prices of {catalog.BASE_REGION}"
        )


def _development(spec: InferenceStack, plan: Plan, prices: PriceBook) -> Iterator[str]:
    """Spot, a schedule and a cheaper vendor, for accounts whose work may be interrupted."""
    usd = {line.pool: line.expected_usd for line in plan.cost.lines if line.name.startswith("GPU nodes")}
    for pool in plan.pools:
        bill = usd.get(pool.name)
        if pool.capacity == "on-demand" and bill is not None:
            told = _spot(pool, plan.target.region, bill, prices)
            yield f"development: {pool.name} as capacity.kind spot: {told}"
        if spec.schedule is None and bill is not None:
            share = OFFICE_DAYS * OFFICE_HOURS / WEEK_HOURS
            yield (
                f"development: a schedule of {OFFICE_DAYS} days of {OFFICE_HOURS} hours would run "
                f"{pool.name} {share * HOURS_PER_MONTH:,.0f} of {HOURS_PER_MONTH} hours a month and save "
                f"{bill * (1 - share):,.0f} of {bill:,.0f} USD"
            )
    yield from _vendor(plan)


def _spot(pool: Pool, region: str, bill: float, prices: PriceBook) -> str:
    """What is known of spot for the type in the Region."""
    demand = prices.instance(pool.instance_type, region)
    spot = prices.instance(pool.instance_type, region, "spot")
    if spot.usd is None or spot.low is None or not demand.usd or not demand.low:
        family = pool.instance_type.partition(".")[0]
        return (
            f"no source states what {family} costs as spot in {region}; nodes may be taken away at any time"
        )
    least, most = 1 - spot.usd / demand.usd, 1 - spot.low / demand.low
    return (
        f"{least:.0%} to {most:.0%} off on demand in the snapshot of {spot.as_of}, so "
        f"{bill * least:,.0f} to {bill * most:,.0f} of {bill:,.0f} USD a month less; nodes may be "
        "taken away at any time"
    )


def _offers(plan: Plan) -> list[Alternative]:
    """Each registered vendor, alone for every route."""
    return [one for one in plan.cost.alternatives if one.mode == "managed-api" and one.name != "managed-api"]


def _priced(offers: Iterable[Alternative]) -> list[tuple[float, str]]:
    """Vendors that may serve and whose whole bill is known, cheapest first."""
    return sorted(
        (one.monthly_usd.expected, one.name)
        for one in offers
        if one.feasible and one.monthly_usd is not None and not one.unpriced
    )


def _vendor(plan: Plan) -> Iterator[str]:
    """A vendor that is cheaper, or the token price below which one would be."""
    if not plan.servers:
        return
    own = plan.cost.monthly_usd.expected
    offers = _offers(plan)
    if priced := _priced(offers):
        usd, name = priced[0]
        if usd < own:
            yield (
                f"development: {name} would be cheaper: {usd:,.0f} against {own:,.0f} USD a month "
                "at the stated volume"
            )
    elif open_to := _open(plan, offers):
        yield f"development: {open_to}"


def _open(plan: Plan, offers: Iterable[Alternative]) -> str:
    """The token price below which a vendor that may serve would cost less; empty where that is not known."""
    open_to = [one.name for one in offers if one.feasible]
    own_lines = [line for line in plan.cost.lines if line.name.startswith(("GPU nodes", "EKS control plane"))]
    if any(line.expected_usd is None for line in own_lines):
        return ""
    nodes = total(own_lines)
    tokens = sum(
        one.monthly_input_tokens + one.monthly_output_tokens
        for one in plan.cost.scenarios
        if one.name == "expected"
    )
    if not (open_to and tokens):
        return ""
    return (
        f"a vendor below {nodes / tokens * 1e6:,.2f} USD per million tokens would cost less "
        f"than the GPU nodes and the cluster ({nodes:,.0f} USD a month for {tokens / 1e6:,.0f} million "
        f"tokens); registered: {', '.join(open_to)}; name its model in a backend to have it priced"
    )
