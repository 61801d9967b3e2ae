"""The derivations of a chosen way of serving, and what stands in the way when there is none.

Not here: the choice (instance_choice).
"""

from __future__ import annotations

import msgspec

from inferplan import catalog
from inferplan.plan.own_weights.image_layouts import ImageDemand
from inferplan.plan.own_weights.instance_choice import AT_LOAD, Choice, Wish
from inferplan.plan.own_weights.layouts import Demand, Layout
from inferplan.records.no_plan import NoPlan
from inferplan.records.notes import Notes
from inferplan.records.plan import Candidate, Server, Source
from inferplan.sizing import FAILURE_UTILIZATION, StartupEstimate

_RANGES = {"output_tokens_per_second": ("low", "high"), "tpot_ms": ("low", "high"), "ttft_ms": ("high",)}


def nothing_fits(wish: Wish, listed: tuple[Candidate, ...]) -> NoPlan:
    """Why a backend cannot be served in a Region, with what every instance type there lacks."""
    if not listed:
        return NoPlan(f"no GPU instance type is offered in {wish.place} for {wish.demand.backend}")
    named = wish.capacity.instance_type
    types = named or "any instance type"
    survival = " so that the loss of a zone is survived" if wish.survive else ""
    demand = wish.demand
    what = (
        demand.model.model
        if isinstance(demand, ImageDemand)
        else f"{demand.shapes.id} with {demand.max_model_len} tokens of context"
    )
    return NoPlan(
        f"{what} cannot be served on {types} in {wish.region}{survival}",
        candidates=tuple(sorted(listed, key=_memory_gib, reverse=True)),
    )


def _memory_gib(candidate: Candidate) -> float:
    """GPU memory of one node; 0 for accelerators that are no GPUs."""
    card = catalog.gpus().get(candidate.gpu)
    return catalog.instance(candidate.instance_type).count * card.usable_gib if card else 0.0


def explain(index: int, wish: Wish, choice: Choice, notes: Notes) -> None:
    """Record how memory, speed, replicas and nodes of one server came about."""
    path, found, demand = f"servers[{index}]", choice.layout, wish.demand
    assert isinstance(found, Layout)
    assert isinstance(demand, Demand)
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
        "requests_per_second_of_a_replica_at_the_slow_end": speed.requests_per_second_low,
        "speed_counted_on_without_reserve": found.sized_at,
    }
    formula = (
        "peak requests per second over what a replica does at the planning utilization, and together with "
        "the load it stands in for at the failure utilization"
        + (", at the slow end of the speed's range" if demand.at_slow_end else "")
        + "; the larger, at least one"
    )
    if choice.replicas_per_zone is not None:
        inputs |= {"zones": choice.zones, "replicas_per_zone": choice.replicas_per_zone}
        formula += "; the same number in every zone, so that the rest carries the peak when one zone is lost"
    elif not wish.survive:
        inputs["zone_loss"] = "not survived: one zone, or neither production nor 99.9 percent"
    notes.derive(
        f"{path}.replicas",
        choice.replicas,
        "replicas",
        formula,
        inputs,
        sources=sized.sources,
        confidence=sized.confidence,
    )
    notes.derive(
        f"{path}.sized_at",
        found.sized_at,
        "end of the speed's range",
        "the slow end in production or from 99.9 percent of availability, else the expected speed",
        {"availability_percent": demand.availability_percent},
    )
    notes.derive(
        f"{path}.tensor_parallel",
        found.tensor_parallel,
        "GPUs",
        "the smallest with which a node of the cheapest instance type carries nearly the most requests",
        {"instance_type": choice.instance.type, "pipeline_parallel": found.pipeline_parallel},
    )
    if demand.quantization == "auto":
        notes.derive(
            f"{path}.quantization",
            point.fit.quantization,
            "format",
            f"left open by the spec: as published, unless {AT_LOAD} at load takes fewer nodes",
            {"published": demand.shapes.dtype, "instance_type": choice.instance.type},
        )
    fit, vllm = point.fit, f"vLLM {point.fit.vllm_version}"
    gpu = {"gpu": found.gpu, "total_gib": fit.total_gib}
    notes.derive(
        f"{path}.gpu_memory_utilization", fit.gpu_memory_utilization, "share", f"the default of {vllm}", gpu
    )
    notes.derive(
        f"{path}.max_num_batched_tokens",
        fit.max_num_batched_tokens,
        "tokens",
        f"the default of {vllm} by GPU, at least a whole text where the model pools",
        gpu | {"max_model_len": fit.max_model_len, "model_serves": fit.shapes.serves},
    )
    price = wish.prices.instance(choice.instance.type, choice.region)
    notes.derive(
        f"pools[{index}].nodes",
        choice.nodes,
        "nodes",
        "replicas over the pods that one node holds, rounded up per zone",
        {
            "replicas": choice.replicas,
            "pods_per_node": choice.pods_per_node,
            "zones": choice.zones,
            "usd_per_node_hour": price.usd,
            "price_basis": price.basis,
        },
        sources=tuple(Source(source=text, as_of=price.as_of) for text in price.source),
    )
    if point.held == "expected":
        notes.warn(
            f"{demand.backend}: the objectives hold for the expected speed, not for the slow end of its "
            "error range: "
            "load-test before production"
        )
    for caution in point.fit.cautions:
        if "--dtype half" not in caution:  # the plan passes it
            notes.warn(f"{demand.backend}: {caution}")


def explain_start(path: str, estimate: StartupEstimate, notes: Notes) -> None:
    """Record the predicted start and what is set from it."""
    known = estimate.derivations
    for field in (
        "seconds_expected",
        "probe_failure_threshold",
        "progress_deadline_seconds",
        "pulumi_timeout",
    ):
        notes.derivations[f"{path}.startup.{field}"] = known[field]
    phases = known["seconds_expected"]
    for field in ("seconds_low", "seconds_high", "probe_period_seconds"):
        notes.derivations[f"{path}.startup.{field}"] = msgspec.structs.replace(
            phases, value=getattr(estimate.startup, field)
        )


def explain_pod(path: str, server: Server, choice: Choice, notes: Notes) -> None:
    """Record what one pod asks for, and the figures that stand beside a predicted one."""
    node = {
        "instance_type": choice.instance.type,
        "vcpu": choice.instance.vcpu,
        "ram_gib": choice.instance.ram_gib,
        "pods_per_node": choice.pods_per_node,
    }
    for field, unit, formula in (
        ("pipeline_parallel", "nodes", "1, unless no single node of the Region can hold the model"),
        ("pods_per_node", "pods", "the least of GPUs, memory and vCPUs of a node over those of a pod"),
        (
            "replicas_per_zone",
            "replicas",
            "the same in every zone where a zone may be lost, else all of them",
        ),
        ("min_replicas", "replicas", "one in every zone where a zone may be lost, else one"),
        ("max_replicas", "replicas", "what the pool's ceiling of nodes holds"),
        ("gpus_per_pod", "GPUs", "the tensor parallel size"),
        (
            "cpu_per_pod",
            "vCPUs",
            "four for each GPU where the node has them, at least two; a working estimate",
        ),
        (
            "memory_gib_per_pod",
            "GiB",
            "twice the need of API server, workers and /dev/shm, and the loader's buffers, within the pod's "
            "share",
        ),
        (
            "shm_gib",
            "GiB",
            "1 for one GPU, else 2 for each: workers pass tensors through it; a working estimate",
        ),
        ("ephemeral_gib", "GiB", "compile cache and logs; weights stay on their mount"),
        ("port", "TCP port", "vLLM's default"),
    ):
        notes.derive(f"{path}.{field}", getattr(server, field), unit, formula, node)
    gpu = catalog.gpu(choice.layout.gpu)
    notes.derive(
        f"{path}.memory.total_gib",
        server.memory.total_gib,
        "GiB",
        f"what the driver reports of {gpu.name} ({gpu.basis})",
        sources=tuple(Source(source=text, as_of=gpu.as_of) for text in gpu.source),
    )
    if server.throughput is None or not isinstance(choice.layout, Layout):
        return
    for name, ends in _RANGES.items():
        derivation = notes.derivations[f"{path}.throughput.{name}"]
        for end in ends:
            value = getattr(server.throughput, f"{name}_{end}")
            notes.derivations[f"{path}.throughput.{name}_{end}"] = msgspec.structs.replace(
                derivation, value=value
            )
    notes.derive(
        f"{path}.throughput.concurrency",
        choice.layout.point.concurrency,
        "requests at once",
        "the largest that memory and objectives allow",
        {"objectives_held": choice.layout.point.held},
    )
