"""What a spec requires of one backend with own weights: model, precision, context, capacity.

Not here: requirements of the whole stack (requirements).
"""

from __future__ import annotations

import math

from msgspec.structs import replace

from inferplan import catalog, sizing
from inferplan.plan.infeasible.loosening import (
    Change,
    Edit,
    Requirement,
    always,
    edit_backend,
    edit_capacity,
    edit_engine,
    spec_of,
)
from inferplan.plan.own_weights.demand import model_name, shapes
from inferplan.plan.traffic import typical_tokens
from inferplan.records.draft import Draft
from inferplan.records.no_plan import FieldEdit
from inferplan.sizing.memory import cannot_be_sized
from inferplan.sizing.weights import format_of
from inferplan.spec.declaration import Declaration
from inferplan.spec.model import Backend, Capacity, InferenceStack

MODELS_TRIED = 6


def model(declaration: Declaration, name: str) -> list[Requirement]:
    """Smaller models of the catalog, the publisher's own first, from the largest down."""
    spec = spec_of(declaration)
    backend = spec.backends[name]
    current = model_name(name, backend)
    known = catalog.models().get(current) or _catalogued(current)
    size = known.params if known is not None else math.inf
    kind = known.vllm if known is not None else _kind(spec, name)
    listens = any(route.api == "transcription" for route in spec.routes if name in route.backends)
    longest = backend.engine.max_model_len or 1
    smaller = [
        model
        for model in sorted(catalog.models().values(), key=lambda model: (-model.params, model.id))
        if model.vllm == kind
        and (model.transcribes is not None if listens else model.transcribes != "only")
        and model.params < size
        and model.params_verified
        and model.shapes_verified
        and (model.ctx or 0) >= longest
        and _may_be_proposed(model)
        and cannot_be_sized(sizing.shapes_of(model.id)) is None
    ]
    publisher = current.partition("/")[0]
    theirs = [model for model in smaller if model.id.partition("/")[0] == publisher]
    every = max(1, math.ceil(len(theirs) / MODELS_TRIED))
    tried = dict.fromkeys((*theirs[::every], *smaller[-1:]))  # the smallest of all admits most

    def take(model: str) -> Edit:
        return edit_backend(name, lambda one: replace(one, weights=f"hf://{model}", model=None, shapes=None))

    changes = tuple(Change(edit=take(model.id), say=always(model.id)) for model in tried)
    if not changes:
        return []
    return [
        Requirement(
            path=f"backends.{name}.weights",
            value=current,
            short=current,
            changes=changes,
            in_steps=True,
            is_wider=False,  # a smaller model fits wherever this one does, but rules may remove it
        )
    ]


def _may_be_proposed(model: catalog.Model) -> bool:
    """Commercial use is known to be permitted, and nothing better is named for it."""
    terms = catalog.licenses().get(model.license_id or "")
    outdated = any(row.use_instead and model.id in row.models for row in catalog.named_systems().values())
    return model.license_verified and terms is not None and terms.commercial is True and not outdated


def _catalogued(name: str) -> catalog.Model | None:
    try:
        return catalog.model(name)
    except catalog.UnknownName:
        return None


def _kind(spec: InferenceStack, name: str) -> str:
    apis = {route.api for route in spec.routes if name in route.backends}
    return "generate" if apis & {"chat"} else "pooling"


def precision(name: str, backend: Backend) -> list[Requirement]:
    """16-bit weights could be fp8 from loading on, the KV cache fp8; a format that is not there, dropped."""
    said, changes = backend.quantization, []
    try:
        model = shapes(name, backend)
    except (catalog.UnknownName, sizing.ShapesError):  # a backend that the gates have left out
        return []
    form, origin = format_of(model, said)
    cache_open = backend.engine.kv_cache_dtype in {None, "auto"} and model.attention != "none"
    path, value = f"backends.{name}.quantization", said or f"as published ({model.dtype})"

    def quantized(text: str | None) -> Edit:
        return edit_backend(name, lambda one: replace(one, quantization=text))

    def another(repository: str) -> Edit:
        return edit_backend(name, lambda one: replace(one, weights=f"hf://{repository}", quantization=None))

    def small_cache(declaration: Declaration) -> Declaration:
        return edit_engine(name, lambda one: replace(one, kv_cache_dtype="fp8"))(declaration)

    if origin == "16-bit" and said != "auto":  # with auto, fp8 was tried already
        weights = quantized("fp8")
        changes.append(Change(edit=weights, say=always("fp8 (quantized by the engine at load)")))
        if cache_open:
            changes.append(
                Change(
                    edit=lambda one: small_cache(weights(one)),
                    say=always("fp8 at load and engine.kv_cache_dtype fp8"),
                )
            )
    elif origin == "other_repository":
        for repository in catalog.published_as(model.id, form.id):
            changes.append(Change(edit=another(repository), say=always(f"the weights of {repository}")))
        changes.append(Change(edit=quantized(None), say=always(f"as published ({model.dtype})")))
    elif cache_open:
        changes.append(Change(edit=small_cache, say=always("engine.kv_cache_dtype fp8")))
    if not changes:
        return []
    return [
        Requirement(path=path, value=value, short=f"precision {value}", changes=tuple(changes), in_steps=True)
    ]


def length(name: str, backend: Backend, spec: InferenceStack) -> list[Requirement]:
    """Halves of the stated context, down to what a typical request needs; that much, where it is less."""
    said = backend.engine.max_model_len
    needed = max(typical_tokens(route) for route in spec.routes if name in route.backends)
    if said is None or needed <= said < 2 * needed:
        return []
    lengths = [said >> step for step in range(1, 12) if said >> step >= needed] or [needed]

    def cut(length: int) -> Edit:
        return edit_engine(name, lambda engine: replace(engine, max_model_len=length))

    return [
        Requirement(
            path=f"backends.{name}.engine.max_model_len",
            value=f"{said} tokens",
            short=f"{said} tokens of context",
            changes=tuple(Change(edit=cut(length), say=always(f"{length} tokens")) for length in lengths),
            in_steps=True,
            is_wider=needed <= said,  # a longer context may not fit where a shorter one does
        )
    ]


def capacity(name: str, said: Capacity) -> list[Requirement]:
    found, at = [], f"backends.{name}.capacity"
    if said.instance_type is not None:
        other = Change(
            edit=edit_capacity(name, lambda one: replace(one, instance_type=None)),
            say=always("another type"),
            settled=lambda draft: (_of_type(name, _pool_type(draft, name)),),
        )
        found.append(
            Requirement(
                path=f"{at}.instance_type",
                value=said.instance_type,
                short=said.instance_type,
                changes=(other,),
            )
        )
    if said.zone is not None:
        other = Change(
            edit=edit_capacity(name, lambda one: replace(one, zone=None)),
            say=lambda draft: f"no zone said ({', '.join(draft.target.zones)})",
        )
        found.append(
            Requirement(path=f"{at}.zone", value=said.zone, short=f"zone {said.zone}", changes=(other,))
        )
    if said.ami is not None:
        without = Change(
            edit=edit_capacity(name, lambda one: replace(one, ami=None)),
            say=always("none said: nodes then run the EKS image of their type"),
        )
        found.append(
            Requirement(path=f"{at}.ami", value=said.ami, short=f"image {said.ami}", changes=(without,))
        )
    if said.efa:
        without = Change(
            edit=edit_capacity(name, lambda one: replace(one, efa=False)),
            say=lambda draft: f"false, on {_pool_type(draft, name)}",
        )
        found.append(Requirement(path=f"{at}.efa", value="true", short="EFA", changes=(without,)))
    if said.kind == "capacity-block":
        on_demand = Change(
            edit=edit_capacity(name, lambda one: replace(one, kind="on-demand", id=None)),
            say=lambda draft: f"on-demand {_pool_type(draft, name)} and no capacity.id",
        )
        found.append(
            Requirement(
                path=f"{at}.kind",
                value=said.kind,
                short="capacity block",
                changes=(on_demand,),
                is_wider=False,  # a type may be sold in blocks only
            )
        )
    if said.kind in {None, "on-demand"}:
        reserved = Change(
            edit=edit_capacity(name, lambda one: replace(one, kind="reservation")),
            say=lambda draft: f"{_reserved(_pool_type(draft, name))} and its capacity.id",
            settled=lambda draft: (_reservation(name, at, _pool_type(draft, name)),),
        )
        found.append(
            Requirement(path=f"{at}.kind", value="on-demand", short="on demand", changes=(reserved,))
        )
    return found


def _pool_type(draft: Draft, name: str) -> str:
    return next((pool.instance_type for pool in draft.pools if pool.name == f"gpu-{name}"), "another type")


def _of_type(name: str, instance_type: str) -> Change:
    return Change(
        edit=edit_capacity(name, lambda one: replace(one, instance_type=instance_type)),
        say=always(instance_type),
    )


def _reservation(name: str, path: str, instance_type: str) -> Change:
    """A reservation is one of a type, and has an id that nobody knows before it is bought."""
    return Change(
        edit=edit_capacity(name, lambda one: replace(one, kind="reservation", instance_type=instance_type)),
        say=always(f"{_reserved(instance_type)} and its capacity.id"),
        asks=(FieldEdit(path=f"{path}.id", value=None, ask="the id of the reservation"),),
    )


def _reserved(instance_type: str) -> str:
    known = catalog.instances().get(instance_type)
    block = " or capacity block" if known is not None and known.is_sold_in_blocks else ""
    return f"a reservation{block} of {instance_type}"
