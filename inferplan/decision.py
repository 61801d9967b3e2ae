"""Why a mode was taken: what the spec asked for, what the organization's ceilings remove, and what is cheapest.

Not here yet: the weighted criteria; this version compares feasible modes on monthly cost and says so.
"""

from __future__ import annotations

from collections.abc import Mapping

from inferplan.plan.errors import NoPlan
from inferplan.plan.model import Alternative, Decision, Kind, Plan
from inferplan.spec.declaration import Declaration
from inferplan.spec.model import InferenceStack

MODES: tuple[Kind, ...] = ("self-hosted", "managed-api", "hybrid")


def gate(declaration: Declaration, spec: InferenceStack, kind: Kind) -> tuple[str, str] | None:
    """The rule that removes a mode and why, or None: a class of data may only go where the organization admits it."""
    ceilings = declaration.organization.classes
    for route in spec.routes:
        for backend in route.backends:
            own = spec.backends[backend].weights is not None
            needs = "self-hosted" if own else "managed-api"
            if kind not in {needs, "hybrid"}:
                continue
            for name in route.classes:
                ceiling = ceilings.get(name)
                if ceiling is not None and needs not in ceiling.backends:
                    return (
                        "SOV-010",
                        f"route {route.name} admits {name} data, which may not go to {backend} ({needs})",
                    )
    return None


def asked(kind: Kind) -> Decision:
    """The record of a mode that the spec names."""
    return Decision(mode=kind, asked=kind, reasons=(f"the spec asks for {kind}",))


def decide(
    declaration: Declaration, spec: InferenceStack, options: Mapping[Kind, Plan | NoPlan]
) -> tuple[Kind, Decision, tuple[Alternative, ...]]:
    """The cheapest feasible mode with the record and every other one beside it; raises NoPlan when none is left."""
    alternatives: list[Alternative] = []
    gates = []
    feasible: dict[Kind, Plan] = {}
    for kind in MODES:
        option = options.get(kind)
        barred = gate(declaration, spec, kind)
        if barred is not None:
            gates.append({"mode": kind, "rule": barred[0], "reason": barred[1]})
        if isinstance(option, NoPlan) or option is None:
            reason = option.summary if option is not None else "not possible with the backends of the spec"
            alternatives.append(
                Alternative(name=kind, mode=kind, monthly_usd=None, feasible=False, reason=reason)
            )
            continue
        cost = option.cost.monthly_usd
        if barred is None:
            feasible[kind] = option
        alternatives.append(
            Alternative(
                name=kind,
                mode=kind,
                monthly_usd=cost,
                feasible=barred is None,
                reason=f"{barred[0]}: {barred[1]}"
                if barred
                else f"{cost.expected:,.0f} USD a month as planned",
            )
        )
    if not feasible:
        failures = [option for option in options.values() if isinstance(option, NoPlan)]
        raise NoPlan(
            "no mode can serve this spec: "
            + "; ".join(f"{alternative.name}: {alternative.reason}" for alternative in alternatives),
            tuple(conflict for failure in failures for conflict in failure.conflicts),
        )
    best = min(feasible, key=lambda kind: (feasible[kind].cost.monthly_usd.expected, MODES.index(kind)))
    totals = {kind: feasible[kind].cost.monthly_usd.expected for kind in MODES if kind in feasible}
    reasons = (
        f"{best} is the cheapest of {len(feasible)} feasible modes: "
        + ", ".join(f"{kind} {usd:,.0f} USD a month" for kind, usd in totals.items()),
        "compared on the expected monthly bill only: the weighted criteria and the spec's priorities are not counted yet",
    )
    return best, Decision(mode=best, asked="auto", gates=tuple(gates), reasons=reasons), tuple(alternatives)
