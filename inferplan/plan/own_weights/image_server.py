"""The server of a backend that makes images: vLLM-Omni around a diffusers pipeline, one GPU a replica.

Only safetensors are loaded, and attention is PyTorch's own: the server's default would fetch compiled kernels
from a model hub. Not here: whether the model fits (image_layouts) and the instance type (instance_choice).
"""

from __future__ import annotations

import json

from inferplan.plan.case import Case
from inferplan.plan.images import VLLM_OMNI_VERSION, image
from inferplan.plan.own_weights import flags as vllm
from inferplan.plan.own_weights.endings import explain_end, shutdown
from inferplan.plan.own_weights.explanations import explain_pod, explain_start
from inferplan.plan.own_weights.image_layouts import ImageLayout
from inferplan.plan.own_weights.instance_choice import BASE_MEMORY_GIB, Choice, node_memory_gib, shm_gib
from inferplan.plan.own_weights.pools import CACHE_GIB, most_replicas, startup, zones_of
from inferplan.records.no_plan import Conflict, NoPlan
from inferplan.records.notes import Notes
from inferplan.records.plan import Memory, Pool, Server, Source

LOADING = {"local_files_only": True, "use_safetensors": True}
_NO_SPEED = "no source says how many images a second"
_NOT_SIZED = f"{_NO_SPEED}: not sized for the load"


def image_flags(served_name: str, shutdown_seconds: int) -> tuple[str, ...]:
    """Everything after `vllm serve <path>` of a diffusion server."""
    return (
        "--omni",
        "--served-model-name", served_name,
        "--port", str(vllm.PORT),
        # Edits by URL do not look at this list: there the namespace's default-deny egress stands in.
        "--allowed-media-domains", vllm.NO_MEDIA_DOMAIN,
        "--diffusion-load-format", "diffusers",
        "--diffusers-load-kwargs", json.dumps(LOADING, sort_keys=True),
        "--diffusion-attention-backend", "TORCH_SDPA",
        "--shutdown-timeout", str(shutdown_seconds),
    )  # fmt: skip


def plan_image_server(case: Case, index: int, choice: Choice, pool: Pool, notes: Notes) -> Server:
    """One server of a backend that makes images; raises NoPlan for what only a text model has."""
    found, name = choice.layout, choice.backend
    assert isinstance(found, ImageLayout)
    backend = case.spec.backends[name]
    assert backend.weights is not None
    _refuse_text_settings(case, name)
    model, path = found.model, f"servers[{index}]"
    locked = case.declaration.lock.models.get(model.model) if case.declaration.lock else None
    revision = locked.revision if locked else None
    estimate = startup(case, choice, bottlerocket=pool.ami_has_device_plugin)
    explain_start(path, estimate, notes)
    end = shutdown(case, name)
    explain_end(path, end, notes)
    per_pod = BASE_MEMORY_GIB + shm_gib(1) + round(found.host_gib)
    server = Server(
        name=f"llm-{name}",
        backend=name,
        routes=tuple(route.name for route in case.routes if name in (route.backend, *route.fallback)),
        model=model.model,
        served_name=name,
        weights_source=backend.weights,
        weights_key=vllm.weights_key(model.model, revision),
        revision=revision,
        quantization=None,
        api="images",
        image=image(case.declaration, "diffusion"),
        pool=pool.name,
        tensor_parallel=1,
        pipeline_parallel=1,
        sized_at=None,
        replicas=choice.replicas,
        pods_per_node=choice.pods_per_node,
        replicas_per_zone=choice.replicas_per_zone or choice.replicas,
        min_replicas=choice.zones if choice.replicas_per_zone is not None else 1,
        max_replicas=most_replicas(pool, choice),
        max_model_len=None,
        max_num_seqs=1,
        max_num_batched_tokens=None,
        gpu_memory_utilization=1.0,
        flags=image_flags(name, end.request_seconds),
        env=dict(vllm.ENVIRONMENT),
        gpus_per_pod=1,
        cpu_per_pod=max(2, min(4, (choice.instance.vcpu - 1) // choice.pods_per_node)),
        memory_gib_per_pod=min(node_memory_gib(choice.instance) // choice.pods_per_node, 2 * per_pod),
        shm_gib=shm_gib(1),
        ephemeral_gib=CACHE_GIB,
        port=vllm.PORT,
        memory=_memory(found),
        throughput=None,
        startup=estimate.startup,
        shutdown=end,
        zones=zones_of(choice, pool),
        engine="diffusion",
    )
    _explain(path, server, choice, found, notes)
    return server


def _memory(found: ImageLayout) -> Memory:
    """Weights, and everything else under activation: no source splits it further."""
    needs = found.model.gpu_gib
    return Memory(
        total_gib=found.total_gib,
        requested_gib=needs,
        weights_gib=found.model.weights_gib,
        activation_gib=round(needs - found.model.weights_gib, 2),
        non_torch_gib=None,
        cuda_graphs_gib=None,
        kv_cache_gib=None,
        kv_cache_tokens=None,
        max_concurrency=None,
        margin_gib=round(found.total_gib - needs, 2),
        fits=True,
    )


def _refuse_text_settings(case: Case, name: str) -> None:
    backend, path = case.spec.backends[name], f"backends.{name}"
    said: dict[str, str | int | None] = {
        f"{path}.quantization": backend.quantization,
        f"{path}.engine.max_model_len": backend.engine.max_model_len,
        f"{path}.engine.kv_cache_dtype": backend.engine.kv_cache_dtype,
        f"{path}.engine.args": ", ".join(sorted(backend.engine.args)) or None,
        f"{path}.adapters": ", ".join(adapter.name for adapter in backend.adapters) or None,
    }
    for index, route in enumerate(case.spec.routes):
        if name in route.backends:
            said[f"routes[{index}].objectives.ttft_ms"] = "stated" if route.objectives.ttft_ms else None
            said[f"routes[{index}].objectives.tpot_ms"] = "stated" if route.objectives.tpot_ms else None
    conflicts = tuple(
        Conflict(
            path=field,
            value=str(value),
            reason="the plan of a diffusion server has no such setting: it makes whole images, not tokens",
        )
        for field, value in said.items()
        if value is not None
    )
    if conflicts:
        raise NoPlan(f"backend {name} makes images", conflicts)


def _explain(path: str, server: Server, choice: Choice, found: ImageLayout, notes: Notes) -> None:
    sources = tuple(Source(source=text, as_of=found.model.as_of) for text in found.model.source)
    facts = {"model": found.model.model, "pixels": found.model.pixels, "gpu": found.gpu}
    for field in ("weights_gib", "activation_gib", "requested_gib", "margin_gib"):
        notes.derive(
            f"{path}.memory.{field}",
            getattr(server.memory, field),
            "GiB",
            f"{found.model.note}; what is not weights counts as activation",
            facts,
            sources=sources,
            confidence="low",
        )
    within, no_cache = "inside the activation: no source splits it off", "an image model has no KV cache"
    for field, unit, why in (
        ("memory.non_torch_gib", "GiB", within),
        ("memory.cuda_graphs_gib", "GiB", within),
        ("memory.kv_cache_gib", "GiB", no_cache),
        ("memory.kv_cache_tokens", "tokens", no_cache),
        ("memory.max_concurrency", "requests", no_cache),
        ("max_model_len", "tokens", "an image model has no context"),
        ("max_num_batched_tokens", "tokens", "an image model has no tokens to batch"),
        ("throughput", "images per second", _NO_SPEED),
    ):
        notes.derive(f"{path}.{field}", None, unit, why, facts, confidence="low")
    for field, unit, formula in (
        ("replicas", "replicas", f"one, in every zone where a zone may be lost; {_NOT_SIZED}"),
        ("tensor_parallel", "GPUs", "the diffusers adapter uses one GPU"),
        ("max_num_seqs", "images", "the adapter makes one request's images at a time"),
        ("gpu_memory_utilization", "share", "the GPU is not shared, and nothing is reserved on it"),
    ):
        notes.derive(f"{path}.{field}", getattr(server, field), unit, formula, facts, confidence="low")
    notes.derive(
        f"pools[{path.partition('[')[2]}.nodes",
        choice.nodes,
        "nodes",
        "replicas over the pods that one node holds, rounded up per zone",
        {"replicas": choice.replicas, "pods_per_node": choice.pods_per_node, "zones": choice.zones},
    )
    explain_pod(path, server, choice, notes)
    notes.warn(
        f"{server.backend}: {_NOT_SIZED}, and its memory is a working figure; load-test "
        f"vLLM-Omni {VLLM_OMNI_VERSION} with it before production"
    )
