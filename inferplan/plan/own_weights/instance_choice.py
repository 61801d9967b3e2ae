"""Which instance type serves a backend in a Region: every offered type judged, the cheapest that keeps the
objectives.

Not here: what fits on a GPU (layouts) and what the chosen one becomes in the plan (servers).
"""

from __future__ import annotations

import math

from msgspec.structs import replace

from inferplan import catalog
from inferplan.cost import gpu_monthly_usd
from inferplan.plan.images import VLLM_VERSION
from inferplan.plan.own_weights.image_layouts import ImageDemand, ImageLayout, image_layout
from inferplan.plan.own_weights.layouts import Demand, Layout, NoLayout, layout, must_hold
from inferplan.records.plan import Candidate, Record
from inferplan.sizing.weights import format_of
from inferplan.spec.model import Capacity
from inferplan.spec.price_book import PriceBook

TENSOR_PARALLEL = (1, 2, 4, 8)
PIPELINE_PARALLEL = (2, 4)
# Host memory and vCPUs of a pod beside its GPUs: working estimates for the API server, one worker per GPU,
# and IPC.
BASE_MEMORY_GIB = 6
MEMORY_GIB_PER_GPU = 2
NODE_RESERVE_GIB = 3
NODE_USABLE_SHARE = 0.92
NODE_RESERVE_VCPU = 1
NEARLY = 0.8  # of what the best parallel size carries on a node: less than the speed model's own error
AT_LOAD = "fp8"  # the format to which the engine quantizes 16-bit weights where the planner may choose


class Choice(Record, frozen=True, kw_only=True):
    """A backend on instances of one type: pods of `replicas`, on nodes spread over `zones` zones."""

    backend: str
    region: str
    instance: catalog.Instance
    offered: tuple[str, ...]  # zone ids that can hold its nodes
    layout: Layout | ImageLayout
    zones: int
    replicas: int
    replicas_per_zone: int | None  # None: not spread to survive a zone
    pods_per_node: int
    nodes: int
    monthly_usd: float | None


class Wish(Record, frozen=True, kw_only=True):
    """What is looked for: a demand in a Region, how GPUs are bought, and what must be survived."""

    demand: Demand | ImageDemand
    region: str
    capacity: Capacity
    zones: int
    survive: bool  # the loss of a zone
    prices: PriceBook
    within: tuple[str, ...] | None = None  # zone ids of a given network's subnets; None: the whole Region

    def offers(self, instance: catalog.Instance) -> tuple[str, ...]:
        """Zone ids that offer a type and that nodes may stand in."""
        offered = instance.offers(self.region)
        return offered if self.within is None else tuple(zone for zone in offered if zone in self.within)

    @property
    def place(self) -> str:
        """Where types have to be offered, in words."""
        return self.region if self.within is None else f"{', '.join(self.within)} of the given network"


def shm_gib(tensor_parallel: int) -> int:
    """GiB of the memory-backed /dev/shm: workers of a group pass tensors through it."""
    return 1 if tensor_parallel == 1 else 2 * tensor_parallel


def pod_memory_gib(tensor_parallel: int) -> int:
    """GiB of host memory a pod needs, /dev/shm included; weights stream past it to the GPUs."""
    return BASE_MEMORY_GIB + MEMORY_GIB_PER_GPU * tensor_parallel + shm_gib(tensor_parallel)


def node_memory_gib(instance: catalog.Instance) -> int:
    """GiB of a node that pods may use."""
    return int(instance.ram_gib * NODE_USABLE_SHARE) - NODE_RESERVE_GIB


def must_survive(environment: str, availability_percent: float, zones: int) -> bool:
    """Whether the loss of a zone must be survived: production or 99.9 percent, where there are two zones."""
    return zones >= 2 and must_hold(environment, availability_percent)


def spread(layout_: Layout | ImageLayout, zones: int) -> int:
    """Replicas per zone: all together carry the peak, and so do those left after losing one zone."""
    return max(math.ceil(layout_.replicas / zones), math.ceil(layout_.failure_replicas / (zones - 1)))


def choose(wish: Wish) -> tuple[Choice | None, tuple[Candidate, ...]]:
    """The cheapest way of serving a backend in a Region, and every offered type with why it was not taken."""
    choices: list[Choice] = []
    refused: list[Candidate] = []
    named = wish.capacity.instance_type
    for instance in catalog.instances().values():
        if instance.type == named or (named is None and wish.offers(instance)):
            reason = _unusable(wish, instance)
            found, why = (None, reason) if reason else _best(wish, instance)
            if found is not None:
                choices.append(found)
            else:
                refused.append(_refused(wish, instance, why or ""))
    choices.sort(key=lambda choice: _rank(choice, wish.prices))
    taken = choices[0] if choices else None
    listed = [_listed(choice, taken, wish.prices) for choice in choices]
    return taken, (*listed, *sorted(refused, key=lambda candidate: candidate.instance_type))


def _rank(choice: Choice, prices: PriceBook) -> tuple[bool, float, int, str]:
    """Known prices first, then cheapest, then fewest nodes, then by name.

    Without a price in the Region those of the base Region say what is cheaper.
    """
    usd = choice.monthly_usd
    known = usd is not None
    if usd is None:
        usd = gpu_monthly_usd(prices, choice.instance.type, catalog.BASE_REGION, choice.nodes)
    return (not known, math.inf if usd is None else usd, choice.nodes, choice.instance.type)


def _unusable(wish: Wish, instance: catalog.Instance) -> str | None:
    """Why a type cannot be taken whatever the model, or None."""
    capacity, offers = wish.capacity, wish.offers(instance)
    if not offers:
        return f"not offered in {wish.place}"
    if instance.vllm != "ok":
        wheel = f"the {instance.arch} wheel and image of vLLM {VLLM_VERSION} have no kernels for its GPU"
        reasons = {"no": wheel, "neuron": "needs another engine (Neuron)"}
        return reasons.get(instance.vllm, "a fraction of a GPU: not planned")
    if not instance.ami_verified and capacity.instance_type is None:
        return "no EKS image is known to carry its driver; capacity.instance_type takes it all the same"
    if capacity.zone is not None and capacity.zone not in offers:
        return f"not offered in zone {capacity.zone} (offered in {', '.join(offers)})"
    if capacity.efa and not instance.efa:
        return "has no Elastic Fabric Adapter (capacity.efa)"
    if capacity.kind == "capacity-block" and not instance.is_sold_in_blocks:
        zone = "" if capacity.zone else ", which capacity.zone has to name,"
        return (
            "no Capacity Blocks are sold of it: they are sold of P4, P5, P6 and Trn types in some Regions; "
            f"a block lies in one zone{zone} and ends"
        )
    if wish.survive and (len(offers) < 2 or capacity.zone is not None):
        return f"in one zone only ({capacity.zone or offers[0]}), and the loss of a zone must be survived"
    price = wish.prices.instance(instance.type, wish.region)
    if (capacity.kind or "on-demand") != "on-demand" or price.usd is not None:
        return None
    sold = wish.prices.instance(instance.type, catalog.BASE_REGION)
    if wish.prices.is_region_priced(wish.region) or sold.usd is None:
        return price.basis
    return None  # what a whole Region costs is a gap of the catalog, not of the Region


def _best(wish: Wish, instance: catalog.Instance) -> tuple[Choice | None, str]:
    """The smallest parallel size with which a node carries nearly the most, whatever the load.

    So more load never changes the size, and with it never needs fewer replicas. Several nodes a replica only
    when one cannot. Where the spec leaves the format of the weights to the planner, another one than
    published needs to save nodes.
    """
    best: Choice | None = None
    reason = ""
    for demand in formats(wish.demand):
        sized: list[tuple[float, Choice]] = []
        for tensor, pipeline in _sizes(wish, instance):
            if pipeline > 1 and (sized or best is not None):
                continue
            found = (
                image_layout(demand, instance.gpu)
                if isinstance(demand, ImageDemand)
                else layout(demand, instance.gpu, tensor, pipeline)
            )
            if isinstance(found, NoLayout):
                reason = found.reason if pipeline == 1 else reason  # the most GPUs of one node say most
                continue
            pods = _pods_per_node(instance, found)
            if pods < 1:
                reason = (
                    f"{instance.ram_gib} GiB of host memory or {instance.vcpu} vCPUs are too few for a pod"
                )
                continue
            sized.append((pods * _requests_per_second(found), _sized(wish, instance, found, pods)))
        if not sized:
            continue
        enough = NEARLY * max(carried for carried, _ in sized)
        choice = next(choice for carried, choice in sized if carried >= enough)
        if best is None or choice.nodes < best.nodes:
            best = choice
    return best, reason


def _requests_per_second(found: Layout | ImageLayout) -> float:
    return found.point.performance.requests_per_second if isinstance(found, Layout) else 0.0


def formats(demand: Demand | ImageDemand) -> tuple[Demand | ImageDemand, ...]:
    """A demand in every format of weights that may be taken: one, unless the spec says `auto`."""
    if isinstance(demand, ImageDemand) or demand.quantization != "auto":
        return (demand,)
    published = replace(demand, quantization=None)
    _, origin = format_of(demand.shapes, None)
    return (published, replace(demand, quantization=AT_LOAD)) if origin == "16-bit" else (published,)


def _sizes(wish: Wish, instance: catalog.Instance) -> list[tuple[int, int]]:
    """Tensor and pipeline parallel sizes to try, smallest first; images are made on one GPU."""
    if isinstance(wish.demand, ImageDemand):
        return [(1, 1)]
    singles = [(size, 1) for size in TENSOR_PARALLEL if size <= instance.count and instance.count % size == 0]
    if instance.efa and instance.count == 8:
        return [*singles, *((instance.count, stages) for stages in PIPELINE_PARALLEL)]
    return singles


def _pods_per_node(instance: catalog.Instance, found: Layout | ImageLayout) -> int:
    if found.pipeline_parallel > 1:
        return 1
    tensor = found.tensor_parallel
    by_memory = int(node_memory_gib(instance) // (pod_memory_gib(tensor) + found.host_gib))
    by_cpu = (instance.vcpu - NODE_RESERVE_VCPU) // max(2, tensor)
    return min(instance.count // tensor, by_memory, by_cpu)


def _sized(wish: Wish, instance: catalog.Instance, found: Layout | ImageLayout, pods: int) -> Choice:
    zones = 1 if wish.capacity.zone is not None else min(wish.zones, len(wish.offers(instance)))
    if found.pipeline_parallel > 1 and not wish.survive:
        zones = 1  # the nodes of a replica stand in one placement group, and so in one zone
    per_zone = spread(found, zones) if wish.survive else None
    replicas = per_zone * zones if per_zone is not None else found.replicas
    groups = [per_zone] * zones if per_zone is not None else [replicas]
    nodes = sum(math.ceil(group / pods) for group in groups) * found.pipeline_parallel
    return Choice(
        backend=wish.demand.backend,
        region=wish.region,
        instance=instance,
        offered=wish.offers(instance) if wish.capacity.zone is None else (wish.capacity.zone,),
        layout=found,
        zones=zones,
        replicas=replicas,
        replicas_per_zone=per_zone,
        pods_per_node=pods,
        nodes=nodes,
        monthly_usd=gpu_monthly_usd(wish.prices, instance.type, wish.region, nodes),
    )


def _listed(choice: Choice, taken: Choice | None, prices: PriceBook) -> Candidate:
    chosen = choice is taken
    usd = "without a list price" if choice.monthly_usd is None else f"{choice.monthly_usd:,.0f} USD a month"
    if choice.monthly_usd is None and not prices.is_region_priced(choice.region):
        order = "cheapest" if chosen else "dearer"
        reason = f"{order} at the prices of {catalog.BASE_REGION}: none is known in {choice.region}"
    elif chosen:
        reason = f"cheapest that fits and keeps the objectives: {usd}"
    elif choice.monthly_usd is None:
        reason = "no list price to compare"
    else:
        reason = f"dearer: {usd}"
    return Candidate(
        backend=choice.backend,
        region=choice.region,
        instance_type=choice.instance.type,
        gpu=choice.instance.gpu,
        tensor_parallel=choice.layout.tensor_parallel,
        pipeline_parallel=choice.layout.pipeline_parallel,
        replicas=choice.replicas,
        nodes=choice.nodes,
        monthly_usd=choice.monthly_usd,
        chosen=chosen,
        reason=reason,
    )


def _refused(wish: Wish, instance: catalog.Instance, reason: str) -> Candidate:
    return Candidate(
        backend=wish.demand.backend,
        region=wish.region,
        instance_type=instance.type,
        gpu=instance.gpu,
        tensor_parallel=instance.count,
        pipeline_parallel=1,
        replicas=None,
        nodes=None,
        monthly_usd=None,
        chosen=False,
        reason=reason,
    )
