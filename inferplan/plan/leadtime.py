"""How long until the stack may serve: what has to be asked for first, and what the deadline leaves of it.

Not here: whether a missing contract is allowed at all (policies).
"""

from __future__ import annotations

from datetime import date, timedelta

from inferplan.plan.case import Case
from inferplan.plan.model import LeadTime, Pool, Vendor
from inferplan.plan.notes import Notes

# Working estimates in days; nobody publishes them. They are shown as low confidence and are meant to be argued with.
BUILD_DAYS = {"managed-api": 10, "self-hosted": 30, "hybrid": 35}
QUOTA_DAYS = {"G": 3, "P": 14}
CONTRACT_DAYS = 30
ASSESSMENT_DAYS = 20
REGION_DAYS = 1


def plan_lead_time(
    case: Case, pools: tuple[Pool, ...], vendors: tuple[Vendor, ...], opt_in: bool, notes: Notes
) -> LeadTime:
    """Days from the plan's date: what can be asked for in parallel counts once, then the build."""
    waiting: dict[str, int] = {}
    for pool in pools:
        family = "P" if pool.instance_type.startswith("p") else "G"
        key = f"quota of {pool.quota_vcpus} vCPUs ({pool.quota_code})"
        waiting[key] = max(waiting.get(key, 0), QUOTA_DAYS[family])
    for vendor in vendors:
        entry = case.declaration.organization.vendors[vendor.vendor]
        if entry.contract is None:
            waiting[f"contract with {vendor.vendor}"] = CONTRACT_DAYS
        if entry.assessment is None:
            waiting[f"privacy assessment of {vendor.vendor}"] = ASSESSMENT_DAYS
    if opt_in:
        waiting["enabling the opt-in Region"] = REGION_DAYS
    items = {**dict(sorted(waiting.items())), "build": BUILD_DAYS[case.kind]}
    days = notes.derive(
        "lead_time.days",
        max(waiting.values(), default=0) + BUILD_DAYS[case.kind],
        "days",
        "the longest of what is asked for in parallel, then building and testing the stack; working estimates",
        dict(items),
        confidence="low",
    )
    misses: tuple[str, ...] = ()
    spec = case.spec
    if spec.deadline is not None:
        ready = case.as_of + timedelta(days=days)
        if ready > date.fromisoformat(spec.deadline):
            left = (date.fromisoformat(spec.deadline) - case.as_of).days
            misses = tuple(f"{name}: {need} days" for name, need in items.items() if need > left) or (
                f"all of it together: {days} days, {left} are left",
            )
            notes.warn(f"deadline {spec.deadline} is missed: ready about {ready.isoformat()}")
    return LeadTime(days=days, items=items, deadline=case.spec.deadline, misses=misses)
