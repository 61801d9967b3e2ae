"""A plan beside the other ways: every mode, own weights on each feasible instance, each registered vendor.

Not here: which one is taken (decision) and how each is planned (the caller plans what it is asked for).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from inferplan import catalog
from inferplan.cost.break_even import break_even, none, utilization_of
from inferplan.cost.lines import Case, holes, pool_hours, total
from inferplan.decision import MODES, Question
from inferplan.plan.search import Built
from inferplan.records.draft import Draft
from inferplan.records.gate import Gate
from inferplan.records.no_plan import NoPlan
from inferplan.records.plan import Alternative, Candidate, Cost, Kind, Pool, Range, Server
from inferplan.spec.declaration import backend_kind
from inferplan.spec.model import Backend, InferenceStack

NO_LIST_PRICE = frozenset({"spot", "capacity-block"})  # each type has its own price of the day

Planner = Callable[[InferenceStack, Kind], Built | NoPlan]


def compare(question: Question, taken: Built, plan: Planner, modes: Sequence[Alternative] = ()) -> Cost:
    """The bill of `taken` with its alternatives and the break-even of own weights and vendors.

    `plan` plans the spec, or a variant of it, in a mode. `modes` are the modes as the decision has put them
    side by side, where it did; else they are planned here.
    """
    found: dict[Kind, Built | NoPlan] = {taken.draft.kind: taken}

    def planned(kind: Kind) -> Built | NoPlan:
        if kind not in found:
            found[kind] = plan(question.spec, kind)
        return found[kind]

    possible = _possible(question.spec)
    removed = question.gates
    rows = [*modes] or [_mode(kind, taken, planned, removed, possible) for kind in MODES]
    rows += _own(planned, possible, removed)
    rows += _vendors(question, plan)
    return replace(taken.cost, alternatives=tuple(rows), break_even=_break_even(question, planned, possible))


def _possible(spec: InferenceStack) -> Mapping[Kind, str]:
    """Modes that the spec's backends allow, with "" or the reason why not."""
    kinds = {backend_kind(spec.backends[name]) for route in spec.routes for name in route.backends}
    lacking: dict[Kind, str] = dict.fromkeys(MODES, "")
    for kind in MODES:
        needed = {"self-hosted", "managed-api"} if kind == "hybrid" else {kind}
        without = [
            route.name
            for route in spec.routes
            if kind != "hybrid"
            and not any(backend_kind(spec.backends[name]) == kind for name in route.backends)
        ]
        words = {"self-hosted": "own weights", "managed-api": "a vendor"}
        if not needed <= kinds:
            names = " and ".join(words[one] for one in sorted(needed - kinds))
            lacking[kind] = f"no route names {names}"
        elif without:
            lacking[kind] = f"{', '.join(without)} names no backend with {words[kind]}"
    return lacking


def _mode(
    kind: Kind,
    taken: Built,
    planned: Callable[[Kind], Built | NoPlan],
    removed: Sequence[Gate],
    possible: Mapping[Kind, str],
) -> Alternative:
    if kind == taken.draft.kind:
        usd = taken.cost.monthly_usd
        reason = f"as planned: {usd.expected:,.0f} USD a month{_incomplete(taken.cost)}"
        return _row(kind, kind, usd, reason, [], holes(taken.cost.lines))
    if possible[kind]:
        return Alternative(name=kind, mode=kind, monthly_usd=None, feasible=False, reason=possible[kind])
    other = planned(kind)
    if isinstance(other, NoPlan):
        return Alternative(name=kind, mode=kind, monthly_usd=None, feasible=False, reason=other.summary)
    first = {(route.name, route.backend) for route in other.draft.routes}
    barred = [gate for gate in removed if (gate.route, gate.backend) in first]
    usd = other.cost.monthly_usd
    reason = f"{usd.expected:,.0f} USD a month{_incomplete(other.cost)}"
    return _row(kind, kind, usd, reason, barred, holes(other.cost.lines))


def _row(
    name: str,
    mode: Kind,
    usd: Range | None,
    reason: str,
    barred: Sequence[Gate],
    unpriced: tuple[str, ...] = (),
) -> Alternative:
    if barred:
        reason = "; ".join(dict.fromkeys(f"{gate.rule} on {gate.route}: {gate.reason}" for gate in barred))
    return Alternative(
        name=name, mode=mode, monthly_usd=usd, feasible=not barred, reason=reason, unpriced=unpriced
    )


def _incomplete(cost: Cost) -> str:
    return f", without {', '.join(cost.unpriced)}" if cost.unpriced else ""


def _own(
    planned: Callable[[Kind], Built | NoPlan], possible: Mapping[Kind, str], removed: Sequence[Gate]
) -> Iterator[Alternative]:
    """The stack with one backend on every instance type that fits and keeps the objectives."""
    kind: Kind = "hybrid" if possible["self-hosted"] else "self-hosted"
    if possible[kind]:
        return
    base = planned(kind)
    if isinstance(base, NoPlan):
        return
    pools = {pool.name: pool for pool in base.draft.pools}
    for server in base.draft.servers:
        barred = [
            gate for gate in removed if gate.backend == server.backend and gate.route in _first(base, server)
        ]
        for candidate in base.candidates:
            if candidate.backend == server.backend and candidate.nodes:
                usd = _with(base, pools[server.pool], candidate)
                name = f"{server.backend} on {candidate.nodes} x {candidate.instance_type}"
                reason = _reason(candidate, base) if usd else "no list price to compare"
                yield _row(
                    name, kind, usd, reason, barred, holes(base.cost.lines) if candidate.chosen else ()
                )


def _reason(candidate: Candidate, base: Built) -> str:
    usd = "no known price" if candidate.monthly_usd is None else f"{candidate.monthly_usd:,.0f} USD a month"
    gpus = f"GPU nodes alone, around the clock and on demand, {usd}"
    if not candidate.chosen:
        return f"dearer; {gpus}"
    price = (
        ""
        if base.draft.prices.is_region_priced(candidate.region)
        else f" at the prices of {catalog.BASE_REGION}"
    )
    return f"the cheapest{price} that fits and keeps the objectives; {gpus}{_incomplete(base.cost)}"


def _first(base: Built, server: Server) -> frozenset[str]:
    return frozenset(route.name for route in base.draft.routes if route.backend == server.backend)


def _with(base: Built, pool: Pool, candidate: Candidate) -> Range | None:
    """The whole bill with the pool's nodes replaced; volumes keep their size a node."""
    whole = base.cost.monthly_usd
    if candidate.chosen:
        return whole
    price = base.draft.prices.instance(candidate.instance_type, candidate.region)
    mine = [line for line in base.cost.lines if line.pool == pool.name]
    if price.usd is None or price.low is None or price.high is None:
        return None
    if candidate.nodes is None or pool.capacity in NO_LIST_PRICE:
        return None
    hours = candidate.nodes * pool_hours(pool)
    volumes = total([line for line in mine if line.group == "storage"]) / pool.nodes * candidate.nodes

    def usd(case: Case, hourly: float) -> float:
        rest: float = getattr(whole, case) - total(mine, case)
        return round(rest + hourly * hours + volumes, 2)

    return Range(low=usd("low", price.low), expected=usd("expected", price.usd), high=usd("high", price.high))


def _vendors(question: Question, plan: Planner) -> Iterator[Alternative]:
    """Every vendor of the organization, alone for all routes: if no gate bars it and its model is named."""
    spec = question.spec
    for name in sorted(question.declaration.organization.vendors):
        named = [backend for backend, said in spec.backends.items() if said.vendor == name]
        for backend in named or [f"vendor-{name}"]:
            said = spec.backends.get(backend) or Backend(vendor=name)
            routes = tuple(replace(route, backends=(backend,)) for route in spec.routes)
            alone = replace(spec, backends={**spec.backends, backend: said}, routes=routes)
            barred = question.about(alone).gates
            title = f"{name} ({said.model})" if said.model else name
            if barred or said.model is None:
                yield _row(title, "managed-api", None, "registered, no model named", barred)
                continue
            other = plan(alone, "managed-api")
            if isinstance(other, NoPlan):
                yield Alternative(
                    name=title, mode="managed-api", monthly_usd=None, feasible=False, reason=other.summary
                )
                continue
            usd, reason = _at_vendor(other.cost)
            yield _row(title, "managed-api", usd, reason, [], holes(other.cost.lines))


def _at_vendor(cost: Cost) -> tuple[Range | None, str]:
    """A bill that lacks tokens is no bill: it would be the cheapest of all."""
    lacking = [line.name for line in cost.lines if line.group == "tokens" and line.expected_usd is None]
    if lacking:
        return None, f"every route at this vendor: no price of {', '.join(lacking)}, so not compared"
    usd = cost.monthly_usd
    return usd, f"every route at this vendor: {usd.expected:,.0f} USD a month{_incomplete(cost)}"


def _break_even(
    question: Question, planned: Callable[[Kind], Built | NoPlan], possible: Mapping[Kind, str]
) -> dict[str, Any]:
    """Own weights against vendors for the same routes, or why there is nothing to compare."""
    both = None if possible["hybrid"] else planned("hybrid")
    shares = [] if both is None or isinstance(both, NoPlan) else [*_pairs(question.spec, both.draft)]
    sides: tuple[tuple[Kind, str], ...] = (("self-hosted", "own weights"), ("managed-api", "vendors"))
    for kind, words in sides:
        if possible[kind]:
            return none(f"{words} alone cannot serve this spec: {possible[kind]}", shares)
    own, vendor = planned("self-hosted"), planned("managed-api")
    if isinstance(own, NoPlan):
        return none(own.summary, shares)
    if isinstance(vendor, NoPlan):
        return none(vendor.summary, shares)
    return break_even((own.draft, own.cost), (vendor.draft, vendor.cost), shares)


def _pairs(spec: InferenceStack, draft: Draft) -> Iterator[dict[str, Any]]:
    """The break-even utilization of every route that names both kinds, first own against first vendor."""
    servers = {server.backend: server for server in draft.servers}
    vendors = {vendor.backend: vendor for vendor in draft.vendors}
    traffic = {one.route: one for one in draft.traffic}
    for route in spec.routes:
        own = next((servers[name] for name in route.backends if name in servers), None)
        vendor = next((vendors[name] for name in route.backends if name in vendors), None)
        if own is not None and vendor is not None:
            yield utilization_of(draft, own, traffic[route.name], vendor)
