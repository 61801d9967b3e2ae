"""Own weights in the plan: the servers, the pools they run on, and the zones both stand in.

Not here: the search among instance types (instance_choice, layouts), nodes (pools), the command line (flags).
"""

from __future__ import annotations

from inferplan import catalog
from inferplan.plan import placement
from inferplan.plan.case import Case
from inferplan.plan.images import image
from inferplan.plan.own_weights import flags as vllm
from inferplan.plan.own_weights.demand import demands
from inferplan.plan.own_weights.endings import explain_end, shutdown
from inferplan.plan.own_weights.explanations import explain, explain_pod, explain_start, nothing_fits
from inferplan.plan.own_weights.image_layouts import ImageLayout
from inferplan.plan.own_weights.image_server import plan_image_server
from inferplan.plan.own_weights.instance_choice import (
    NODE_RESERVE_VCPU,
    Choice,
    Wish,
    choose,
    must_survive,
    node_memory_gib,
    pod_memory_gib,
    shm_gib,
)
from inferplan.plan.own_weights.layouts import Layout
from inferplan.plan.own_weights.pools import (
    CACHE_GIB,
    most_replicas,
    plan_pool,
    startup,
    warn_capacity,
    zones_of,
)
from inferplan.plan.own_weights.scaling import with_scaling
from inferplan.plan.own_weights.weight_loading import loading
from inferplan.records.no_plan import Conflict, NotBuilt
from inferplan.records.notes import Notes
from inferplan.records.plan import Adapter, Candidate, Pool, Record, Server
from inferplan.sizing.formats import method_at_load


class Own(Record, frozen=True, kw_only=True):
    """Everything own weights add to a plan."""

    servers: tuple[Server, ...]
    pools: tuple[Pool, ...]
    candidates: tuple[Candidate, ...]
    zones: tuple[str, ...]
    weights_gib: float


def plan_own(case: Case, region: catalog.Region, wanted_zones: int, notes: Notes) -> Own:
    """Servers and pools in one Region; raises NoPlan with every judged type where a backend fits nowhere."""
    choices: list[Choice] = []
    candidates: list[Candidate] = []
    within = region.zones if case.spec.network.existing is not None else None
    for name, demand in demands(case, notes).items():
        survive = must_survive(case.environment, demand.availability_percent, wanted_zones)
        wish = Wish(
            demand=demand,
            region=region.region,
            capacity=case.spec.backends[name].capacity,
            zones=wanted_zones,
            survive=survive,
            prices=case.question.prices,
            within=within,
        )
        taken, listed = choose(wish)
        candidates += listed
        if taken is None:
            raise nothing_fits(wish, listed)
        choices.append(taken)
        if isinstance(taken.layout, Layout):
            explain(len(choices) - 1, wish, taken, notes)
    offered = [choice.offered for choice in choices]
    zones = placement.choose_zones(region, offered, wanted_zones)
    for choice, offer in zip(choices, offered, strict=True):
        lacking = choice.zones - sum(zone in offer for zone in zones)
        zones = tuple(sorted((*zones, *[zone for zone in offer if zone not in zones][: max(0, lacking)])))
    servers, pools = [], []
    for index, choice in enumerate(choices):
        pool = plan_pool(case, index, choice, zones, notes)
        pools.append(pool)
        build = plan_image_server if isinstance(choice.layout, ImageLayout) else _server
        servers.append(with_scaling(index, build(case, index, choice, pool, notes), pool, notes))
    warn_capacity(case, pools, notes)
    stored = sum(choice.layout.stored_gib for choice in choices)
    return Own(
        servers=tuple(servers),
        pools=tuple(pools),
        candidates=tuple(candidates),
        zones=zones,
        weights_gib=round(stored, 2),
    )


def _server(case: Case, index: int, choice: Choice, pool: Pool, notes: Notes) -> Server:
    declaration, path = case.declaration, f"servers[{index}]"
    name, found = choice.backend, choice.layout
    assert isinstance(found, Layout)
    fit = found.point.fit
    backend = case.spec.backends[name]
    assert backend.weights is not None
    mine = tuple(route for route in case.routes if name in (route.backend, *route.fallback))
    apis = {route.api for route in mine}
    if len(apis) > 1:
        raise NotBuilt(
            f"backend {name} would serve {' and '.join(sorted(apis))}: one server has one kind of API",
            (
                Conflict(
                    path=f"backends.{name}",
                    value=", ".join(sorted(apis)),
                    reason="give each API its own backend",
                ),
            ),
        )
    api = mine[0].api
    locked = declaration.lock.models.get(fit.shapes.id) if declaration.lock else None
    revision = locked.revision if locked else None
    origin = fit.weights.origin if fit.weights else "published"
    at_load = None
    if origin == "at_load" and fit.quantization is not None:
        at_load = method_at_load(fit.quantization, fit.vllm_version)
    adapters = tuple(
        Adapter(
            name=adapter.name,
            source=adapter.weights,
            path=f"{vllm.MODELS_MOUNT}/adapters/{adapter.name}",
            data_class=adapter.class_,
        )
        for adapter in backend.adapters
    )
    if any(adapter.rank is None for adapter in backend.adapters):
        notes.default(
            f"backends.{name}.adapters.rank",
            vllm.DEFAULT_LORA_RANK,
            "vLLM's default max_lora_rank; a larger adapter is refused",
        )
        notes.warn(
            f"{name}: an adapter without rank does not load above rank {vllm.max_lora_rank(backend)}: say "
            f"backends.{name}.adapters.*.rank"
        )
    reading = loading(case, choice)
    if reading.reads == "mount-mapped":
        notes.warn(f"{name}: its weights load several times slower than they could: {reading.why}")
    estimate = startup(case, choice, bottlerocket=pool.ami_has_device_plugin)
    explain_start(path, estimate, notes)
    end = shutdown(case, name)
    explain_end(path, end, notes)
    server = Server(
        name=f"llm-{name}",
        backend=name,
        routes=tuple(route.name for route in mine),
        model=fit.shapes.id,
        served_name=name,
        weights_source=backend.weights,
        weights_key=vllm.weights_key(fit.shapes.id, revision),
        revision=revision,
        quantization=fit.quantization,
        api=api,
        image=image(declaration, "vllm"),
        pool=pool.name,
        tensor_parallel=found.tensor_parallel,
        pipeline_parallel=found.pipeline_parallel,
        replicas=choice.replicas,
        pods_per_node=choice.pods_per_node,
        replicas_per_zone=choice.replicas_per_zone or choice.replicas,
        sized_at=found.sized_at,
        min_replicas=choice.zones if choice.replicas_per_zone is not None else 1,
        max_replicas=most_replicas(pool, choice),
        max_model_len=fit.max_model_len,
        max_num_seqs=fit.max_num_seqs,
        max_num_batched_tokens=fit.max_num_batched_tokens,
        gpu_memory_utilization=fit.gpu_memory_utilization,
        flags=vllm.server_flags(
            backend_name=name,
            backend=backend,
            api=api,
            served_name=name,
            revision=revision,
            quantization=at_load,
            tensor_parallel=found.tensor_parallel,
            pipeline_parallel=found.pipeline_parallel,
            max_model_len=fit.max_model_len,
            max_num_seqs=fit.max_num_seqs,
            max_num_batched_tokens=fit.max_num_batched_tokens,
            gpu_memory_utilization=fit.gpu_memory_utilization,
            adapters=adapters,
            max_lora_rank=vllm.max_lora_rank(backend),
            dtype_half=float(catalog.gpu(found.gpu).cc) < 8,
            loading=reading.flags,
            shutdown_seconds=end.request_seconds,
        ),
        env=dict(vllm.ENVIRONMENT),
        gpus_per_pod=found.tensor_parallel,
        cpu_per_pod=pod_cpu(choice),
        memory_gib_per_pod=min(
            node_memory_gib(choice.instance) // choice.pods_per_node,
            2 * pod_memory_gib(found.tensor_parallel) + reading.buffers_gib,
        ),
        shm_gib=shm_gib(found.tensor_parallel),
        ephemeral_gib=CACHE_GIB,
        port=vllm.PORT,
        memory=fit.memory(),
        throughput=found.point.performance.throughput(),
        startup=estimate.startup,
        shutdown=end,
        zones=zones_of(choice, pool),
        adapters=adapters,
    )
    explain_pod(path, server, choice, notes)
    return server


def pod_cpu(choice: Choice) -> int:
    """vCPUs of a pod: four for each GPU where the node has them, at least two."""
    share = (choice.instance.vcpu - NODE_RESERVE_VCPU) // choice.pods_per_node
    return max(2, min(4 * choice.layout.tensor_parallel, share))
