"""The derivations of a chosen way of serving, and what stands in the way when there is none.

Not here: the choice (choice).
"""

from __future__ import annotations

from inferplan import catalog
from inferplan.plan.choice import Choice
from inferplan.plan.errors import Conflict, NoPlan
from inferplan.plan.layouts import FAILURE_UTILIZATION, Demand
from inferplan.plan.model import Candidate, Source
from inferplan.plan.notes import Notes


def nothing_fits(
    name: str, demand: Demand, region: catalog.Region, listed: tuple[Candidate, ...], survive: bool
) -> NoPlan:
    """Every instance type of the Region with what it lacks."""
    reasons = tuple(
        Conflict(path=candidate.instance_type, value=candidate.gpu, reason=candidate.reason)
        for candidate in listed
    )
    survival = ", surviving the loss of a zone" if survive else ""
    if not listed:
        return NoPlan(
            f"{name} cannot be served in {region.region}",
            (
                Conflict(
                    path="target.region", value=region.region, reason="no GPU instance type is offered there"
                ),
            ),
        )
    return NoPlan(
        f"{demand.shapes.id} with {demand.max_model_len} tokens of context fits no instance type of {region.region}"
        f"{survival}; what each lacks:",
        reasons,
    )


def explain(index: int, demand: Demand, choice: Choice, survive: bool, notes: Notes) -> None:
    """Record how memory, speed, replicas and nodes of one server came about."""
    path, found = f"servers[{index}]", choice.layout
    point, speed = found.point, found.point.performance
    for name, derivation in point.fit.derivations.items():
        notes.derivations[f"{path}.memory.{name}"] = derivation
    for name, derivation in speed.derivations.items():
        notes.derivations[f"{path}.throughput.{name}"] = derivation
    for name, derivation in point.derivations.items():
        notes.derivations[f"{path}.{name}"] = derivation
    sized = point.derivations["replicas"]
    inputs = {
        **sized.inputs,
        "peak_requests_per_second": demand.requests_per_second,
        "fallback_requests_per_second": demand.fallback_requests_per_second,
        "failure_utilization": FAILURE_UTILIZATION,
    }
    formula = (
        "peak requests per second over what a replica does at the planning utilization, and together with the load it "
        "stands in for at the failure utilization; the larger, at least one"
    )
    if choice.replicas_per_zone is not None:
        inputs |= {"zones": choice.zones, "replicas_per_zone": choice.replicas_per_zone}
        formula += "; the same number in every zone, so that the rest carries the peak when one zone is lost"
    elif not survive:
        inputs["zone_loss"] = "not survived: one zone, or neither production nor 99.9 percent"
    notes.derive(
        f"{path}.replicas",
        choice.replicas,
        "replicas",
        formula,
        inputs,
        sized.sources,
        confidence=sized.confidence,
    )
    notes.derive(
        f"{path}.tensor_parallel",
        found.tensor_parallel,
        "GPUs",
        "the parallel size that needs the fewest nodes of the cheapest instance type",
        {"instance_type": choice.instance.type, "pipeline_parallel": found.pipeline_parallel},
    )
    price = catalog.instance_price(choice.instance.type, choice.region)
    notes.derive(
        f"pools[{index}].nodes",
        choice.nodes,
        "nodes",
        "replicas over the pods that one node holds, rounded up per zone",
        {
            "replicas": choice.replicas,
            "pods_per_node": choice.pods_per_node,
            "zones": choice.zones,
            "usd_per_node_hour": price.usd_hour,
            "price_basis": price.basis,
        },
        tuple(Source(source=text, as_of=price.as_of) for text in price.source),
    )
    if point.held == "expected":
        notes.warn(
            f"{demand.backend}: the objectives hold for the expected speed, not for the slow end of its error range: "
            "load-test before production"
        )
    for caution in point.fit.cautions:
        if "--dtype half" not in caution:  # the plan passes it
            notes.warn(f"{demand.backend}: {caution}")
