"""What a spec requires that could be said otherwise, each with the changes that loosen it.

Not here: which of them conflict (conflict) and what a change costs (infeasible).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from dataclasses import replace as with_fields

from msgspec.structs import replace

from inferplan import catalog, decision, placement, sizing
from inferplan.plan.demand import model_name
from inferplan.plan.draft import Draft
from inferplan.plan.notes import Notes
from inferplan.sizing.memory import cannot_be_sized
from inferplan.sizing.weights import format_of
from inferplan.spec.declaration import Declaration
from inferplan.spec.model import Backend, Capacity, Engine, InferenceStack, Objectives, Percentiles

Edit = Callable[[Declaration], Declaration]
Say = Callable[[Draft], str]

LOAD_SHARES = (0.9, 0.75, 0.5, 0.35, 0.25, 0.15, 0.1, 0.05, 0.02, 0.01)
MODELS_TRIED = 6


@dataclass(frozen=True, kw_only=True)
class Change:
    """One way of saying a requirement otherwise; `say` words it, given the stack that it makes possible."""

    edit: Edit
    say: Say


@dataclass(frozen=True, kw_only=True)
class Requirement:
    """Something the spec requires. Any of `changes` loosens it.

    `in_steps`: the changes go from the smallest step to the largest, and the first that works is proposed;
    otherwise the cheapest is. `is_wider`: the last change admits whatever the spec admits as it stands.
    `exact` gives, for a stack without the requirement, the change that it keeps.
    """

    path: str
    value: str
    short: str  # for the summary line; empty: the value
    changes: tuple[Change, ...]
    in_steps: bool = False
    is_wider: bool = True
    exact: Callable[[Draft], Change | None] | None = None

    @property
    def loosest(self) -> tuple[int | None, ...]:
        """The changes that together admit most; None is the requirement as it stands."""
        last = len(self.changes) - 1
        return (last,) if self.is_wider else (last, None)


def requirements(declaration: Declaration) -> tuple[Requirement, ...]:
    """What the spec requires, in the order in which conflicts are told: load and budget last.

    Its residency is among them although the account may allow no more: then it is loosened with the account.
    """
    spec = spec_of(declaration)
    own = [
        name
        for name in dict.fromkeys(name for route in spec.routes for name in route.backends)
        if spec.backends[name].weights is not None
    ]
    wants_own = spec.mode != "managed-api"
    found = [*_mode(spec), *_place(spec)]
    for name in own if wants_own else ():
        if model_name(name, spec.backends[name]) not in catalog.image_models():
            found += [*_model(declaration, name), *_precision(name, spec.backends[name])]
        found += [*_length(name, spec.backends[name], spec), *_capacity(name, spec.backends[name].capacity)]
    found += [*_objectives(spec, own if wants_own else []), *_zones(declaration, spec)]
    return (*found, *_load(spec), *_budget(spec))


def account_ceiling(declaration: Declaration) -> Requirement:
    """The account's countries: registered by the platform team, so no change of the spec loosens them."""
    places = declaration.account.countries

    def anywhere(one: Declaration) -> Declaration:
        account = spec_of(one).target.account or ""
        accounts = dict(one.organization.accounts)
        wide = tuple(sorted({region.country for region in catalog.regions().values()}))
        accounts[account] = replace(accounts[account], countries=wide)
        return with_fields(one, organization=replace(one.organization, accounts=accounts))

    return Requirement(
        path=f"organization.accounts.{spec_of(declaration).target.account}.countries",
        value=", ".join(places),
        short=f"an account for {', '.join(places)} only",
        changes=(
            Change(
                edit=anywhere,
                say=lambda draft: (
                    f"an account for {draft.target.country} too (the platform team registers it)"
                ),
            ),
        ),
    )


def spec_of(declaration: Declaration) -> InferenceStack:
    """The spec of a stack."""
    assert isinstance(declaration.spec, InferenceStack)
    return declaration.spec


def _edit(change: Callable[[InferenceStack], InferenceStack]) -> Edit:
    return lambda declaration: with_fields(declaration, spec=change(spec_of(declaration)))


def _edit_backend(name: str, change: Callable[[Backend], Backend]) -> Edit:
    return _edit(lambda spec: replace(spec, backends=spec.backends | {name: change(spec.backends[name])}))


def _edit_engine(name: str, change: Callable[[Engine], Engine]) -> Edit:
    return _edit_backend(name, lambda backend: replace(backend, engine=change(backend.engine)))


def _edit_capacity(name: str, change: Callable[[Capacity], Capacity]) -> Edit:
    return _edit_backend(name, lambda backend: replace(backend, capacity=change(backend.capacity)))


def _always(text: str) -> Say:
    return lambda draft: text


def _mode(spec: InferenceStack) -> list[Requirement]:
    if spec.mode == "auto" or not set(decision.kinds_left(spec)) - {spec.mode}:
        return []
    auto = Change(edit=_edit(lambda one: replace(one, mode="auto")), say=lambda draft: f"mode {draft.kind}")
    return [
        Requirement(path="mode", value=spec.mode, short=f"mode {spec.mode}", changes=(auto,), is_wider=False)
    ]


def _place(spec: InferenceStack) -> list[Requirement]:
    found = []
    said = spec.target.region
    if said is not None:
        anywhere = Change(
            edit=_edit(lambda one: replace(one, target=replace(one.target, region=None))),
            say=lambda draft: f"{draft.target.region} ({draft.target.country})",
        )
        found.append(
            Requirement(path="target.region", value=said, short=said, changes=(anywhere,), is_wider=False)
        )
    if spec.data.residency is not None:
        wider = Change(
            edit=_edit(lambda one: replace(one, data=replace(one.data, residency=None))),
            say=lambda draft: f"{draft.target.country} allowed too",
        )
        places = ", ".join(spec.data.residency.countries)
        found.append(
            Requirement(
                path="data.residency.countries", value=places, short=f"data in {places}", changes=(wider,)
            )
        )
    return found


def _model(declaration: Declaration, name: str) -> list[Requirement]:
    """Smaller models of the catalog, the publisher's own first, from the largest down."""
    spec = spec_of(declaration)
    backend = spec.backends[name]
    current = model_name(name, backend)
    known = catalog.models().get(current) or _catalogued(current)
    size = known.params if known is not None else math.inf
    kind = known.vllm if known is not None else _kind(spec, name)
    longest = backend.engine.max_model_len or 1
    smaller = [
        model
        for model in sorted(catalog.models().values(), key=lambda model: (-model.params, model.id))
        if model.vllm == kind
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
        return _edit_backend(name, lambda one: replace(one, weights=f"hf://{model}", model=None, shapes=None))

    changes = tuple(Change(edit=take(model.id), say=_always(model.id)) for model in tried)
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


def _precision(name: str, backend: Backend) -> list[Requirement]:
    """16-bit weights could be fp8 from loading on, the KV cache fp8; a format that is not there, dropped."""
    said, changes = backend.quantization, []
    shapes = sizing.shapes_from_config(backend.shapes, name) if backend.shapes else None
    model = shapes or sizing.shapes_of(model_name(name, backend))
    _, origin = format_of(model, said)
    cache_open = backend.engine.kv_cache_dtype in {None, "auto"} and model.attention != "none"
    path, value = f"backends.{name}.quantization", said or f"as published ({model.dtype})"

    def quantized(text: str | None) -> Edit:
        return _edit_backend(name, lambda one: replace(one, quantization=text))

    def small_cache(declaration: Declaration) -> Declaration:
        return _edit_engine(name, lambda one: replace(one, kv_cache_dtype="fp8"))(declaration)

    if origin == "16-bit" and said != "auto":  # with auto, fp8 was tried already
        weights = quantized("fp8")
        changes.append(Change(edit=weights, say=_always("fp8 (quantized by the engine at load)")))
        if cache_open:
            changes.append(
                Change(
                    edit=lambda one: small_cache(weights(one)),
                    say=_always("fp8 at load and engine.kv_cache_dtype fp8"),
                )
            )
    elif origin == "other_repository":
        changes.append(Change(edit=quantized(None), say=_always(f"as published ({model.dtype})")))
    elif cache_open:
        changes.append(Change(edit=small_cache, say=_always("engine.kv_cache_dtype fp8")))
    if not changes:
        return []
    return [
        Requirement(path=path, value=value, short=f"precision {value}", changes=tuple(changes), in_steps=True)
    ]


def _length(name: str, backend: Backend, spec: InferenceStack) -> list[Requirement]:
    """Halves of the stated context, down to what a typical request needs."""
    said = backend.engine.max_model_len
    needed = max(
        (route.load.input_tokens or 1) + (route.load.output_tokens or 1)
        for route in spec.routes
        if name in route.backends
    )
    if said is None or said // 2 < needed:
        return []
    lengths = [said >> step for step in range(1, 12) if said >> step >= needed]

    def cut(length: int) -> Edit:
        return _edit_engine(name, lambda engine: replace(engine, max_model_len=length))

    return [
        Requirement(
            path=f"backends.{name}.engine.max_model_len",
            value=f"{said} tokens",
            short=f"{said} tokens of context",
            changes=tuple(Change(edit=cut(length), say=_always(f"{length} tokens")) for length in lengths),
            in_steps=True,
        )
    ]


def _capacity(name: str, said: Capacity) -> list[Requirement]:
    found, at = [], f"backends.{name}.capacity"
    if said.instance_type is not None:
        other = Change(
            edit=_edit_capacity(name, lambda one: replace(one, instance_type=None)),
            say=lambda draft: _pool_type(draft, name),
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
            edit=_edit_capacity(name, lambda one: replace(one, zone=None)),
            say=lambda draft: f"zones {', '.join(draft.target.zones)}",
        )
        found.append(
            Requirement(path=f"{at}.zone", value=said.zone, short=f"zone {said.zone}", changes=(other,))
        )
    if said.kind in {None, "on-demand"}:
        reserved = Change(
            edit=_edit_capacity(name, lambda one: replace(one, kind="reservation")),
            say=lambda draft: f"a reservation or capacity block of {_pool_type(draft, name)}",
        )
        found.append(
            Requirement(path=f"{at}.kind", value="on-demand", short="on demand", changes=(reserved,))
        )
    return found


def _pool_type(draft: Draft, name: str) -> str:
    return next((pool.instance_type for pool in draft.pools if pool.name == f"gpu-{name}"), "another type")


def _objectives(spec: InferenceStack, own: list[str]) -> list[Requirement]:
    """Latency limits of routes that own weights serve."""
    found = []
    for index, route in enumerate(spec.routes):
        if not set(route.backends) & set(own):
            continue
        for field in ("ttft_ms", "tpot_ms"):
            limits: Percentiles | None = getattr(route.objectives, field)
            named = {p: getattr(limits, p) for p in ("p50", "p95", "p99")} if limits else {}
            said = {p: value for p, value in named.items() if value is not None}
            if said:
                value = ", ".join(f"{p} {limit:g} ms" for p, limit in said.items())
                found.append(
                    Requirement(
                        path=f"routes[{index}].objectives.{field}",
                        value=value,
                        short=f"{field.removesuffix('_ms').upper()} {value}",
                        changes=(Change(edit=_limit(index, field, None), say=_always("no limit")),),
                        exact=_exact_limit(index, route.name, field, min(said)),
                    )
                )
    return found


def _limit(index: int, field: str, limits: Percentiles | None) -> Edit:
    def change(spec: InferenceStack) -> InferenceStack:
        routes = list(spec.routes)
        objectives: Objectives = replace(routes[index].objectives, **{field: limits})
        routes[index] = replace(routes[index], objectives=objectives)
        return replace(spec, routes=tuple(routes))

    return _edit(change)


def _exact_limit(index: int, route: str, field: str, percentile: str) -> Callable[[Draft], Change | None]:
    """The limit that a stack without one keeps, rounded up to two digits."""

    def exact(draft: Draft) -> Change | None:
        speeds = [server.throughput for server in draft.servers if route in server.routes]
        if not speeds or speeds[0] is None:
            return None
        value = getattr(speeds[0], field)
        unit = 10 ** max(0, math.floor(math.log10(value)) - 1)
        limit = float(math.ceil(value / unit) * unit)
        return Change(
            edit=_limit(index, field, Percentiles(**{percentile: limit})),
            say=_always(f"{percentile} {limit:g} ms"),
        )

    return exact


def _zones(declaration: Declaration, spec: InferenceStack) -> list[Requirement]:
    count = placement.zones_wanted(spec, declaration.account.environment, Notes())
    if count < 2:
        return []
    one_zone = Change(
        edit=_edit(lambda one: replace(one, target=replace(one.target, zones=1))),
        say=_always("1 zone (its loss stops the service)"),
    )
    return [
        Requirement(path="target.zones", value=f"{count} zones", short=f"{count} zones", changes=(one_zone,))
    ]


def _load(spec: InferenceStack) -> list[Requirement]:
    """Shares of the stated load."""
    peaks = [route.load.peak_requests_per_second for route in spec.routes]
    said = [f"{peak:g}" for peak in peaks if peak is not None]
    volumes = [
        route.load.monthly_requests for route in spec.routes if route.load.monthly_requests is not None
    ]
    if not said and not any(volumes):
        return []
    value = f"peaks of {', '.join(said)} requests a second" if said else f"{sum(volumes):,} requests a month"

    def scaled(share: float) -> Edit:
        def change(one: InferenceStack) -> InferenceStack:
            routes = []
            for route in one.routes:
                load = route.load
                peak, month = load.peak_requests_per_second, load.monthly_requests
                load = replace(
                    load,
                    peak_requests_per_second=None if peak is None else peak * share,
                    monthly_requests=None if month is None else math.ceil(month * share),
                    scenarios=None,
                )
                routes.append(replace(route, load=load))
            return replace(one, routes=tuple(routes))

        return _edit(change)

    steps = tuple(Change(edit=scaled(share), say=_always(f"{share:.0%} of it")) for share in LOAD_SHARES)
    return [Requirement(path="routes[*].load", value=value, short=value, changes=steps, in_steps=True)]


def _budget(spec: InferenceStack) -> list[Requirement]:
    if spec.budget is None:
        return []
    value = f"{spec.budget.monthly_usd:,.0f} USD a month"
    open_ended = Change(edit=_edit(lambda one: replace(one, budget=None)), say=_always("a higher budget"))
    return [Requirement(path="budget.monthly_usd", value=value, short=value, changes=(open_ended,))]
