"""What each backend with own weights has to carry and to keep: its model, its load, its objectives.

Not here: what that needs (layouts, instance_choice).
"""

from __future__ import annotations

import math

from inferplan import catalog, sizing
from inferplan.plan.apis import check_api, note_speech, note_systems
from inferplan.plan.case import Case
from inferplan.plan.own_weights.engine_options import engine_options
from inferplan.plan.own_weights.image_layouts import ImageDemand
from inferplan.plan.own_weights.layouts import Demand, must_hold
from inferplan.plan.traffic import GENERATES
from inferplan.records.draft import Traffic
from inferplan.records.no_plan import Conflict, NoPlan
from inferplan.records.notes import Notes
from inferplan.sizing.locked_shapes import differences
from inferplan.spec.model import Backend, Objectives, Percentiles, Route
from inferplan.spec.names import model_of

DEFAULT_AVAILABILITY = 99.0


def model_name(name: str, backend: Backend) -> str:
    """The catalog name of own weights: the hub repository, or what `model` says of weights kept elsewhere."""
    known = model_of(backend)
    if known is not None:
        return known
    assert backend.weights is not None
    scheme = backend.weights.partition("://")[0]
    raise NoPlan(
        f"backend {name}: which model {backend.weights} holds is not said",
        (
            Conflict(
                path=f"backends.{name}.model",
                value="not said",
                reason=f"{scheme}:// names a place, not a model; name the catalog model these weights are",
            ),
        ),
    )


def shapes(name: str, backend: Backend) -> sizing.ModelShapes:
    """The shapes of a backend's model: given in the spec, else the catalog's."""
    model = model_name(name, backend)
    if backend.shapes is not None:
        return sizing.shapes_from_config(backend.shapes, model)
    return sizing.shapes_of(model)


def demands(case: Case, notes: Notes) -> dict[str, Demand | ImageDemand]:
    """What every own backend that takes part has to carry, by backend in the order of the spec."""
    found: dict[str, Demand | ImageDemand] = {}
    for name, backend in case.spec.backends.items():
        first = [load for load in case.traffic if load.backend == name]
        standing_in = {route.name for route in case.routes if name in route.fallback}
        fallback = [load for load in case.traffic if load.route in standing_in]
        if backend.weights is None or not (first or fallback):
            continue
        shape = shapes(name, backend)
        for index, route in enumerate(case.spec.routes):
            if name in route.backends:
                check_api(name, route.api, shape, f"routes[{index}]")
        note_systems(name, shape.id, notes)
        _note_differences(case, name, notes)
        note_speech(name, [route.api for route in case.spec.routes if name in route.backends], notes)
        found[name] = (
            _image_demand(case, name, shape.id)
            if shape.id in catalog.image_models()
            else _demand(case, name, shape, first, fallback, notes)
        )
    return found


def _note_differences(case: Case, name: str, notes: Notes) -> None:
    """Say where the spec describes another model than the one that its lock pins."""
    lock, backend = case.declaration.lock, case.spec.backends[name]
    if found := "; ".join(differences(backend, lock)):
        notes.warn(f"backends.{name}.shapes counts, and the config.json in the lock says otherwise: {found}")
    ranks = (
        {one.name: lock.adapters[one.name].rank for one in backend.adapters if one.name in lock.adapters}
        if lock
        else {}
    )
    for adapter in backend.adapters:
        read = ranks.get(adapter.name)
        if read is not None and adapter.rank is not None and adapter.rank < read:
            notes.warn(
                f"backends.{name}.adapters.{adapter.name}: rank {adapter.rank} is said, and the "
                f"adapter_config.json in the lock says {read}: it does not load"
            )


def _image_demand(case: Case, name: str, model: str) -> ImageDemand:
    said = [route.objectives.availability_percent for route in case.spec.routes if name in route.backends]
    return ImageDemand(
        backend=name,
        model=catalog.image_models()[model],
        availability_percent=max(percent or DEFAULT_AVAILABILITY for percent in said),
    )


def _demand(
    case: Case,
    name: str,
    shape: sizing.ModelShapes,
    first: list[Traffic],
    fallback: list[Traffic],
    notes: Notes,
) -> Demand:
    backend = case.spec.backends[name]
    every = [*first, *fallback]
    rate = sum(load.peak_requests_per_second for load in every)
    served = {load.route for load in first} or {load.route for load in fallback}
    serving = [route for route in case.spec.routes if route.name in served]
    pooling = serving[0].api not in GENERATES
    tokens_in = math.ceil(sum(load.input_tokens * load.peak_requests_per_second for load in every) / rate)
    tokens_out = math.ceil(sum(load.output_tokens * load.peak_requests_per_second for load in every) / rate)
    length = backend.engine.max_model_len
    longest = max(load.input_tokens + load.output_tokens for load in every)
    if length is None:
        length = notes.default(
            f"backends.{name}.engine.max_model_len",
            sizing.planned_model_len(longest, 0, shape.context or longest),
            "four times the longest typical request, a power of two, within the model's context",
        )
    routes = {route.name: route for route in case.spec.routes}
    _check_length(name, backend, length, [(load, routes[load.route]) for load in every])
    objectives = [route.objectives for route in serving]
    _warn_percentiles(name, objectives, notes)
    availability = max(objective.availability_percent or DEFAULT_AVAILABILITY for objective in objectives)
    return Demand(
        backend=name,
        shapes=shape,
        quantization=backend.quantization,
        kv_cache_dtype=backend.engine.kv_cache_dtype or "auto",
        max_model_len=length,
        input_tokens=tokens_in,
        output_tokens=0 if pooling else tokens_out,
        requests_per_second=sum(load.peak_requests_per_second for load in first),
        fallback_requests_per_second=sum(load.peak_requests_per_second for load in fallback),
        objectives=sizing.Objectives(
            ttft_p95_ms=_tightest([objective.ttft_ms for objective in objectives]),
            tpot_p95_ms=None if pooling else _tightest([objective.tpot_ms for objective in objectives]),
        ),
        availability_percent=availability,
        at_slow_end=must_hold(case.environment, availability),
        options=engine_options(name, backend, notes),
    )


def _check_length(name: str, backend: Backend, length: int, every: list[tuple[Traffic, Route]]) -> None:
    """Refuse a context that the typical request of a route does not fit, whether it comes first or stands in.

    The engine would answer each of these requests with an error.
    """
    said = backend.engine.max_model_len is not None
    for load, route in every:
        needed = load.input_tokens + load.output_tokens
        is_guess = not said and route.load.input_tokens is None and route.load.output_tokens is None
        if needed > length and not is_guess:
            raise NoPlan(
                f"route {load.route}: a typical request has {load.input_tokens} + {load.output_tokens} = "
                f"{needed} tokens, more than the {length} of backend {name}",
                (
                    Conflict(
                        path=f"backends.{name}.engine.max_model_len" if said else f"backends.{name}.weights",
                        value=f"{length} tokens" if said else f"a context of {length} tokens",
                        reason=f"{needed} tokens are needed: the engine answers each of these requests "
                        "with an error",
                    ),
                ),
            )


def _warn_percentiles(name: str, objectives: list[Objectives], notes: Notes) -> None:
    """Say which limits are held at another percentile than the stated one."""
    limits = [one for said in objectives for one in (said.ttft_ms, said.tpot_ms) if one is not None]
    others = [p for p in ("p50", "p99") if any(getattr(one, p) is not None for one in limits)]
    if others:
        notes.warn(
            f"{name}: {' and '.join(others)} limits are held as if they were p95, the smallest counts: the "
            "speed model knows no distribution"
        )


def _tightest(said: list[Percentiles | None]) -> float | None:
    """The smallest limit that is stated, whatever its percentile: the sizing holds one limit at the 95th."""
    limits = [
        limit for one in said if one is not None for limit in (one.p50, one.p95, one.p99) if limit is not None
    ]
    return min(limits, default=None)
