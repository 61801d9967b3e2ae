"""How long until the stack may serve: what has to be asked for first, and what the deadline leaves of it.

Not here: whether a missing contract is allowed at all (policies) and the days themselves (catalog).
"""

from __future__ import annotations

from datetime import date, timedelta

from inferplan import catalog, decision
from inferplan.plan.case import Case
from inferplan.records.no_plan import NoPlan
from inferplan.records.notes import Notes
from inferplan.records.plan import LeadTime, Pool, Source, Vendor


def plan_lead_time(
    case: Case, pools: tuple[Pool, ...], vendors: tuple[Vendor, ...], opt_in: bool, notes: Notes
) -> LeadTime:
    """Days from the plan's date: what can be asked for in parallel counts once, then the build.

    The days are working estimates of the catalog's table; the derivation carries its source and date.
    """
    used = {f"build-{case.kind}"}
    waiting: dict[str, int] = {}

    def wait(text: str, item: str) -> None:
        used.add(item)
        waiting[text] = max(waiting.get(text, 0), _days(item))

    for pool in pools:
        family = "quota-p" if pool.instance_type.startswith("p") else "quota-g"
        wait(f"quota of {pool.quota_vcpus} vCPUs ({pool.quota_code or 'code not known'})", family)
    for vendor in vendors:
        entry = case.declaration.organization.vendors[vendor.vendor]
        if entry.contract is None:
            wait(f"contract with {vendor.vendor}", "contract")
        if entry.assessment is None:
            wait(f"privacy assessment of {vendor.vendor}", "assessment")
        elif missing := sorted(_classes(case, vendor.routes) - set(entry.assessment.classes)):
            wait(f"privacy assessment of {vendor.vendor} for {', '.join(missing)} data", "assessment")
    if opt_in:
        wait("enabling the opt-in Region", "opt-in-region")
    items = {**dict(sorted(waiting.items())), "build": _days(f"build-{case.kind}")}
    days = notes.derive(
        "lead_time.days",
        max(waiting.values(), default=0) + items["build"],
        "days",
        "the longest of what is asked for in parallel, then building and testing the stack; working "
        "estimates",
        dict(items),
        sources=_sources(used),
        confidence="low",
    )
    return LeadTime(
        days=days, items=items, deadline=case.spec.deadline, misses=_misses(case, items, days, notes)
    )


def _days(item: str) -> int:
    return catalog.lead_times()[item].days


def _sources(items: set[str]) -> tuple[Source, ...]:
    table = catalog.lead_times()
    found = {(text, table[item].as_of) for item in sorted(items) for text in table[item].source}
    return tuple(Source(source=text, as_of=as_of) for text, as_of in sorted(found))


def _classes(case: Case, routes: tuple[str, ...]) -> set[str]:
    return {name for route in case.routes if route.name in routes for name in route.classes}


def _misses(case: Case, items: dict[str, int], days: int, notes: Notes) -> tuple[str, ...]:
    """What misses the deadline, and the faster mode inside the boundary where there is one (FIT-002)."""
    deadline = case.spec.deadline
    if deadline is None:
        return ()
    left = (date.fromisoformat(deadline) - case.as_of).days
    if days <= left:
        return ()
    misses = tuple(f"{name}: {need} days, {left} are left" for name, need in items.items() if need > left)
    misses = misses or (f"all of it together: {days} days, {left} are left",)
    faster = _faster(case, days)
    ready = (case.as_of + timedelta(days=days)).isoformat()
    notes.warn(f"deadline {deadline} is missed: ready about {ready}" + (f"; {faster}" if faster else ""))
    return (*misses, faster) if faster else misses


def _faster(case: Case, days: int) -> str | None:
    """Vendors instead, where no gate stands against them; everything they need is registered then."""
    try:
        left = decision.without_removed(case.spec, case.question.gates)
    except NoPlan:
        return None
    build = _days("build-managed-api")
    if case.kind == "managed-api" or "managed-api" not in decision.kinds_left(left) or build >= days:
        return None
    return f"mode managed-api would be ready in about {build} days"
