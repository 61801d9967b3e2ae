"""The criteria that compare bills: own GPUs against tokens at the stated volume, with and without labor.

A bill with a line that no source prices is a lower bound: it can lose a comparison, never win one.
Not here: prices.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from inferplan.decision.score import OWN, VENDOR, Score, neither, not_stated, speaks_for
from inferplan.records.base import Kind
from inferplan.records.no_plan import NoPlan
from inferplan.records.plan import Plan
from inferplan.spec.model import InferenceStack

Options = Mapping[Kind, Plan | NoPlan]


@dataclass(frozen=True, kw_only=True)
class Bill:
    """USD a month of one side; `complete` is False where a part of it has no price."""

    usd: float
    complete: bool

    def __str__(self) -> str:
        return f"{self.usd:,.0f} USD a month" + ("" if self.complete else " and what has no price")


def cheaper(own: Bill, vendor: Bill) -> bool | None:
    """Whether own weights cost no more than vendors; None where an unknown part could turn it round."""
    if own.usd <= vendor.usd and own.complete:
        return True
    if vendor.usd < own.usd and vendor.complete:
        return False
    return None


def bill(option: Plan | NoPlan | None) -> Bill | None:
    """The expected monthly bill of a planned mode, labor left out."""
    return _expected(option) if isinstance(option, Plan) else None


def _expected(plan: Plan) -> Bill:
    return Bill(usd=plan.cost.monthly_usd.expected, complete=_is_priced(plan))


def _low(plan: Plan) -> Bill:
    """The bill in the low case of the stated scenarios."""
    return Bill(usd=plan.cost.monthly_usd.low, complete=_is_priced(plan))


def _is_priced(plan: Plan) -> bool:
    return all(line.kind == "labor" or line.expected_usd is not None for line in plan.cost.lines)


def _both(options: Options) -> tuple[Plan, Plan] | str:
    """The plans of both sides, or why there are not two to compare."""
    own, vendor = options.get("self-hosted"), options.get("managed-api")
    if isinstance(own, Plan) and isinstance(vendor, Plan):
        return own, vendor
    missing = [kind for kind in ("self-hosted", "managed-api") if not isinstance(options.get(kind), Plan)]
    return f"a priced plan to compare with (no {' and no '.join(missing)} plan was made)"


def _volume_said(spec: InferenceStack) -> bool:
    loads = [route.load for route in spec.routes]
    return all(
        load.monthly_requests is not None
        or load.peak_requests_per_second is not None
        or (load.scenarios is not None and load.scenarios.expected is not None)
        for load in loads
    )


def volume(spec: InferenceStack, options: Options) -> Score:
    """High steady volume: at what the spec states, own GPUs cost no more than tokens."""
    plans = _both(options)
    if isinstance(plans, str) or not _volume_said(spec):
        return not_stated(plans if isinstance(plans, str) else "the load of every route")
    own, vendor = _expected(plans[0]), _expected(plans[1])
    text = f"at the stated volume own GPUs {own}, vendors {vendor}"
    verdict = cheaper(own, vendor)
    if verdict is None:
        return not_stated(f"a price that settles it: {text}")
    return speaks_for(OWN, evidence=text, standing="computed") if verdict else neither(text, "computed")


def pay_per_use(spec: InferenceStack, options: Options) -> Score:
    """Low or uncertain volume: tokens cost less at the stated volume, or at the low case of the scenarios."""
    plans = _both(options)
    if isinstance(plans, str) or not _volume_said(spec):
        return not_stated(plans if isinstance(plans, str) else "the load of every route")
    own, vendor = _expected(plans[0]), _expected(plans[1])
    text = f"at the stated volume vendors {vendor}, own GPUs {own}"
    verdict = cheaper(own, vendor)
    if verdict and any(
        route.load.scenarios and route.load.scenarios.low is not None for route in spec.routes
    ):
        text = f"in the low case vendors {_low(plans[1])}, own GPUs {_low(plans[0])}"
        verdict = cheaper(_low(plans[0]), _low(plans[1]))
    if verdict is None:
        return not_stated(f"a price that settles it: {text}")
    return neither(text, "computed") if verdict else speaks_for(VENDOR, evidence=text, standing="computed")


def cost(options: Options) -> Score:
    """The side that costs less once labor is added to own GPUs, which move cost from fees to people."""
    plans = _both(options)
    if isinstance(plans, str):
        return not_stated(plans)
    labor = plans[0].cost.labor_usd
    if not labor:
        return not_stated(
            "labor (operations.staff.fte and hourly_usd), so own GPUs cannot be counted in full"
        )
    own, vendor = _expected(plans[0]), _expected(plans[1])
    full = Bill(usd=own.usd + labor, complete=own.complete)
    text = f"own GPUs {full} with {labor:,.0f} of labor, vendors {vendor}"
    verdict = cheaper(full, vendor)
    if verdict is None:
        return not_stated(f"a price that settles it: {text}")
    return speaks_for(OWN if verdict else VENDOR, evidence=text, standing="computed")
