"""The search for a place: the whole stack in every Region that is allowed, and the cheapest of them.

Not here: the decision between modes and what surrounds a chosen stack (make).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from inferplan import catalog, cost, decision
from inferplan.catalog import BEDROCK
from inferplan.decision import Question
from inferplan.plan import placement
from inferplan.plan.case import Case
from inferplan.plan.cluster import plan_cluster
from inferplan.plan.gateway import plan_gateway
from inferplan.plan.given import given_network
from inferplan.plan.mirror_build import plan_mirror
from inferplan.plan.network import plan_network
from inferplan.plan.own_weights import Own, plan_own
from inferplan.plan.runner import plan_runner
from inferplan.plan.traffic import plan_routes, plan_traffic
from inferplan.plan.vendor_backends import plan_vendors
from inferplan.plan.watched_series import plan_watch
from inferplan.records.draft import Draft, Labor
from inferplan.records.no_plan import Conflict, NoPlan, NotBuilt
from inferplan.records.notes import Notes
from inferplan.records.plan import Candidate, Cost, Kind, Range

NOTHING_OWN = Own(servers=(), pools=(), candidates=(), zones=(), weights_gib=0.0)


@dataclass(frozen=True, kw_only=True)
class Built:
    """One Region's stack with its monthly bill; the whole cost is worked out when it is asked for."""

    draft: Draft
    monthly_usd: Range
    unpriced: tuple[str, ...]  # lines that are in no total
    candidates: tuple[Candidate, ...]

    @cached_property
    def cost(self) -> Cost:
        """The bill line by line over one, 12 and 36 months."""
        return cost.price(self.draft)


def cheapest(question: Question) -> Built:
    """The cheapest stack of a spec in its own mode, without decision and lead time; raises NoPlan."""
    spec = question.spec
    if spec.mode != "auto":
        return in_regions(*stack_case(question, spec.mode, Notes()))[0]
    left = question.about(decision.without_removed(spec, question.gates))
    found: list[Built] = []
    failure = NoPlan("no backend is left")
    for kind in decision.kinds_left(left.spec):
        try:
            found.append(in_regions(*stack_case(left, kind, Notes()))[0])
        except NoPlan as reason:
            failure = reason
    if not found:
        raise failure
    return min(found, key=_bill)


def stack_case(
    question: Question, kind: Kind, notes: Notes
) -> tuple[Case, tuple[catalog.Region, ...], Notes]:
    """What is planned, and the Regions it may stand in."""
    declaration, spec = question.declaration, question.spec
    routes = plan_routes(declaration, spec, kind, notes)
    traffic = plan_traffic(spec, routes, notes)
    case = Case(question=question, kind=kind, routes=routes, traffic=traffic)
    bedrock = any(route.guardrail for route in routes) or any(
        declaration.organization.vendors[backend.vendor].provider == BEDROCK
        for name, backend in spec.backends.items()
        if name in case.backends and backend.vendor is not None
    )
    regions = placement.candidate_regions(declaration, spec, cluster=case.has_cluster, bedrock=bedrock)
    return case, regions, notes


def in_regions(case: Case, regions: tuple[catalog.Region, ...], notes: Notes) -> tuple[Built, Notes]:
    """The Region with the lowest expected bill; among equals one in a subject's country, then by name."""
    built: list[tuple[Built, Notes]] = []
    failures: dict[str, NoPlan] = {}
    for region in regions:
        trial = notes.fork()
        try:
            built.append((_build(case, region, trial), trial))
        except NotBuilt:
            raise
        except NoPlan as reason:
            failures[region.region] = reason
    if not built:
        raise _nowhere(failures)
    subjects = case.spec.data.subjects or ()

    def rank(entry: tuple[Built, Notes]) -> tuple[tuple[bool, bool, float], bool, str]:
        target = entry[0].draft.target
        return (_bill(entry[0]), target.country not in subjects, target.region)

    built.sort(key=rank)
    best, chosen = built[0]
    if case.spec.target.region is None:
        taken = chosen.default(
            "target.region", best.draft.target.region, "cheapest Region inside the boundary"
        )
        bills = {
            entry.draft.target.region: None if _nodes_unpriced(entry) else entry.monthly_usd.expected
            for entry, _ in built
        }
        chosen.derive(
            "target.region",
            taken,
            "Region",
            "the lowest expected monthly bill among the Regions inside data.residency and the account's "
            "countries; "
            "among equals one in a subject's country, then by name",
            {
                "expected_usd_per_month": bills,
                "not_possible": {region: reason.summary for region, reason in failures.items()},
            },
        )
    return best, chosen


def _bill(built: Built) -> tuple[bool, bool, float]:
    """Complete bills before those with a line that no source prices, then the cheapest.

    Nodes that are not bought on demand count with their on-demand list price; where there is none, last.
    """
    region = built.draft.target.region
    listed = [
        cost.gpu_monthly_usd(built.draft.prices, pool.instance_type, region, pool.nodes)
        for pool in built.draft.pools
        if f"GPU nodes {pool.name}" in _nodes_unpriced(built)
    ]
    known = [usd for usd in listed if usd is not None]
    return (bool(built.unpriced), len(known) < len(listed), built.monthly_usd.expected + sum(known))


def _nodes_unpriced(built: Built) -> list[str]:
    return [name for name in built.unpriced if name.startswith("GPU nodes")]


def _nowhere(failures: Mapping[str, NoPlan]) -> NoPlan:
    found = tuple(failures.values())
    if len({(failure.summary, failure.conflicts) for failure in found}) == 1:
        return found[0]
    return NoPlan(
        f"none of {', '.join(failures)} can hold this stack",
        tuple(dict.fromkeys(conflict for failure in found for conflict in failure.conflicts)),
        tuple(candidate for failure in found for candidate in failure.candidates),
    )


def _build(case: Case, region: catalog.Region, notes: Notes) -> Built:
    """The whole structure in one Region, and its price."""
    given = given_network(case.declaration)
    if given is not None:
        region = given.within(region, cluster=case.has_cluster)
    count = placement.zones_wanted(case.spec, case.environment, notes)
    own = plan_own(case, region, count, notes) if case.has_cluster else NOTHING_OWN
    zones = own.zones or placement.choose_zones(region, (), count)
    if not zones:
        raise NoPlan(
            f"the zones of {region.region} are not known",
            (
                Conflict(
                    path="target.region", value=region.region, reason="the catalog lists no zone ids for it"
                ),
            ),
        )
    if len(zones) < count:
        notes.warn(f"target.zones asks for {count} zones; {region.region} has {len(zones)}")
    target = placement.make_target(case.declaration, case.spec, region, zones)
    vendors = plan_vendors(case, target, notes)
    gateway = plan_gateway(case, target, own.servers, vendors, notes)
    spread = given.spread(zones, cluster=case.has_cluster) if given else placement.spread_zones(region, zones)
    network = plan_network(case, target, vendors, spread, notes)
    runner = plan_runner(case, target, own.servers, network, notes)
    mirror = plan_mirror(case, own, gateway, runner, notes)
    staff = case.spec.operations.staff
    draft = Draft(
        as_of=case.as_of.isoformat(),
        kind=case.kind,
        target=target,
        routes=case.routes,
        traffic=case.traffic,
        pools=own.pools,
        servers=own.servers,
        vendors=vendors,
        network=network,
        cluster=plan_cluster(case, gateway, runner, notes, gateway_apart=network.firewall)
        if case.has_cluster
        else None,
        gateway=gateway,
        mirror=mirror,
        labor=Labor(fte=staff.fte if staff else None, hourly_usd=staff.hourly_usd if staff else None),
        log_retention_days=case.log_retention_days,
        weights_gib=own.weights_gib,
        prices=case.question.prices,
        watch=plan_watch(case, own.servers, notes),
    )
    monthly_usd, unpriced = cost.monthly(draft)
    return Built(draft=draft, monthly_usd=monthly_usd, unpriced=unpriced, candidates=own.candidates)
