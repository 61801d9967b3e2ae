"""What no plan takes whatever else a spec says, each with what it could say instead.

Each is a requirement that conflicts by itself. Not here: requirements that only conflict with others
(requirements, backend_requirements).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace as with_fields
from typing import get_args

from msgspec.structs import replace

from inferplan import catalog
from inferplan.plan import network
from inferplan.plan.apis import check_api
from inferplan.plan.gateway.redaction import models_held, redaction_languages, refuse_missing_models
from inferplan.plan.infeasible.loosening import Change, Edit, Requirement, always, edit_spec, spec_of
from inferplan.plan.offered_models import can_be_called, instead, serves
from inferplan.plan.own_weights.demand import model_name, shapes
from inferplan.plan.traffic import CHATS, leaves_answers_unchecked, typical_tokens
from inferplan.records.no_plan import NoPlan
from inferplan.records.notes import Notes
from inferplan.sizing import ShapesError
from inferplan.spec.declaration import Declaration, allowed_countries
from inferplan.spec.model import Api, Backend, Engine, InferenceStack, Route

IMAGES: Api = "images"
MODELS_OFFERED = 2  # ids that are tried instead of one that cannot be called


def defects(declaration: Declaration) -> Iterator[Requirement]:
    """Every such requirement of a spec."""
    spec = spec_of(declaration)
    yield from _range(spec)
    yield from _contracts(declaration)
    yield from _hosts(declaration)
    yield from _models(declaration)
    for index, route in enumerate(spec.routes):
        yield from _redaction(declaration, index, route)
        yield from _guardrail(index, route)
        yield from _api(declaration, index, route)
        yield from _tokens(spec, index, route)
    yield from _images(spec)


def _range(spec: InferenceStack) -> Iterator[Requirement]:
    """The address range of the VPC."""
    try:
        network.choose_cidr(spec, Notes())
    except NoPlan:
        free = network.free_range(spec)
        said = spec.network.cidr
        if free is None:
            return
        taken, words = (None, "none said") if said is not None else (free, free)
        if said is not None and not network.has_default(spec):
            taken, words = free, free
        change = Change(
            edit=edit_spec(lambda one: replace(one, network=replace(one.network, cidr=taken))),
            say=always(words),
        )
        yield Requirement(
            path="network.cidr",
            value=said or "not said",
            short=f"VPC {said or ''}".strip(),
            changes=(change,),
        )


def _contracts(declaration: Declaration) -> Iterator[Requirement]:
    """Two contracts with one provider behind one gateway."""
    spec, registered = spec_of(declaration), declaration.organization.vendors
    first: dict[str, str] = {}
    for name in dict.fromkeys(name for route in spec.routes for name in route.backends):
        vendor = spec.backends[name].vendor
        if vendor is None or vendor not in registered:
            continue
        other = first.setdefault(registered[vendor].provider, vendor)
        if other != vendor:
            yield Requirement(
                path=f"backends.{name}.vendor",
                value=vendor,
                short=f"{vendor} beside {other}",
                changes=(Change(edit=_backend(name, vendor=other), say=always(other)),),
            )


def _hosts(declaration: Declaration) -> Iterator[Requirement]:
    """A vendor that is registered without a host: those of its hosts that process inside the boundary."""
    spec, registered = spec_of(declaration), declaration.organization.vendors
    allowed = allowed_countries(declaration, spec)
    used = (spec.backends[name].vendor for route in spec.routes for name in route.backends)
    for vendor in dict.fromkeys(vendor for vendor in used if vendor in registered):
        assert vendor is not None
        entry = registered[vendor]
        if entry.host is not None or entry.provider == catalog.BEDROCK:
            continue
        inside = [
            host.host
            for host in catalog.vendor(entry.provider).hosts
            if host.processing_in_region
            and host.scope_kind == "countries"
            and catalog.expand_places(host.scope_countries or ()) <= allowed
        ]
        if inside:
            yield Requirement(
                path=f"organization.vendors.{vendor}.host",
                value="not said",
                short=f"{vendor} without a host",
                changes=tuple(
                    Change(edit=_host(vendor, host), say=always(f"{host} (the platform team registers it)"))
                    for host in inside[:1]
                ),
            )


def _host(vendor: str, host: str) -> Edit:
    def change(one: Declaration) -> Declaration:
        vendors = one.organization.vendors
        named = vendors | {vendor: replace(vendors[vendor], host=host)}
        return with_fields(one, organization=replace(one.organization, vendors=named))

    return change


def _models(declaration: Declaration) -> Iterator[Requirement]:
    """A vendor's model that cannot be called, or not for the API of its routes: others of the vendor."""
    spec = spec_of(declaration)
    for name, provider in _vendors(declaration, [name for route in spec.routes for name in route.backends]):
        model = spec.backends[name].model
        assert model is not None
        asked = [route.api for route in spec.routes if name in route.backends]
        if can_be_called(declaration, spec, provider, model) and all(
            serves(provider, model, api) for api in asked
        ):
            continue
        others = instead(declaration, spec, name, provider)[:MODELS_OFFERED]
        if others:
            yield Requirement(
                path=f"backends.{name}.model",
                value=model,
                short=model,
                changes=tuple(Change(edit=_backend(name, model=one), say=always(one)) for one in others),
                is_choice=True,
            )


def _vendors(declaration: Declaration, names: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Backends among some that name a vendor's model, with the provider of each."""
    spec, registered = spec_of(declaration), declaration.organization.vendors
    for name in dict.fromkeys(names):
        backend = spec.backends[name]
        if backend.vendor in registered and backend.model is not None:
            yield name, registered[backend.vendor].provider


def _redaction(declaration: Declaration, index: int, route: Route) -> Iterator[Requirement]:
    """What cannot be redacted: an API other than chat, or a language; then fewer of them, or no redaction."""
    if route.redaction is None:
        return
    without = Change(
        edit=_route(index, redaction=None, redaction_languages=()), say=always("none, and no redaction")
    )
    if route.api not in CHATS:
        short = f"redaction of {route.api}"
        path = f"routes[{index}].redaction"
        yield Requirement(path=path, value=route.api, short=short, changes=(without,), in_steps=True)
        return
    path = f"routes[{index}].redaction_languages"
    languages = route.redaction_languages
    try:
        languages = redaction_languages(spec_of(declaration), languages, path, Notes())
        refuse_missing_models(declaration, languages, path, Notes())
    except NoPlan:
        known = tuple(one for one in languages if _is_recognized(one, declaration))
        fewer = Change(edit=_route(index, redaction_languages=known), say=always(", ".join(known)))
        said = ", ".join(languages) or "none"
        yield Requirement(
            path=path,
            value=said,
            short=f"redaction in {said}",
            changes=(fewer, without) if known else (without,),
            in_steps=True,
        )


def _guardrail(index: int, route: Route) -> Iterator[Requirement]:
    """Answers that have to be checked and would not be."""
    if leaves_answers_unchecked(route):
        both = Change(edit=_route(index, guardrail="bedrock"), say=always("bedrock, without streaming"))
        path = f"routes[{index}].guardrail"
        yield Requirement(
            path=path, value=str(route.guardrail), short="a guard of input alone", changes=(both,)
        )


def _is_recognized(language: str, declaration: Declaration) -> bool:
    """Whether there is a recognition model of a language, and the pinned image holds it."""
    model, held = catalog.redaction_models().get(language), models_held(declaration)
    return model is not None and (held is None or model in held)


def _api(declaration: Declaration, index: int, route: Route) -> Iterator[Requirement]:
    """An API that a backend of the route cannot serve: another one, or for images a model that makes them."""
    own = _own(spec_of(declaration), route)
    sold = [
        (provider, spec_of(declaration).backends[name].model or "")
        for name, provider in _vendors(declaration, route.backends)
    ]

    def served(api: Api) -> bool:
        mine = all(_serves(name, backend, api) for name, backend in own.items())
        return mine and all(serves(provider, model, api) for provider, model in sold)

    if served(route.api):
        return
    changes = [
        Change(edit=_route(index, api=api), say=always(f"api: {api}"))
        for api in get_args(Api)
        if api != IMAGES and served(api)
    ][:1]
    if own and route.api == IMAGES:
        for model in reversed(tuple(catalog.image_models())):
            changes.append(Change(edit=_making_images(index, own, model), say=always(f"images from {model}")))
    elif own and all(_serves(name, backend, IMAGES) for name, backend in own.items()):
        changes.append(Change(edit=_making_images(index, own, None), say=always(f"api: {IMAGES}")))
    if changes:
        yield Requirement(
            path=f"routes[{index}].api",
            value=route.api,
            short=f"API {route.api}",
            changes=tuple(changes),
            is_wider=not sold,  # another model may serve the API as it stands
        )


def _tokens(spec: InferenceStack, index: int, route: Route) -> Iterator[Requirement]:
    """A typical request that is longer than a model can read."""
    limits = [_context(name, backend) for name, backend in _own(spec, route).items()]
    limit = min((one for one in limits if one is not None), default=None)
    said, needed = route.load.input_tokens, typical_tokens(route)
    if said is None or limit is None or needed <= limit or needed - said >= limit:
        return
    lengths = [backend.engine.max_model_len for backend in _own(spec, route).values()]
    left = min([limit, *(length for length in lengths if length is not None)]) - (needed - said)
    if left < 1:
        return
    shorter = Change(
        edit=_route(index, load=replace(route.load, input_tokens=left)), say=always(f"{left} tokens")
    )
    yield Requirement(
        path=f"routes[{index}].load.input_tokens",
        value=f"{said} tokens",
        short=f"requests of {needed} tokens",
        changes=(shorter,),
    )


def _images(spec: InferenceStack) -> Iterator[Requirement]:
    """Settings of a server that writes text, on one that makes images."""
    for name, backend in spec.backends.items():
        routes = [route for route in spec.routes if name in route.backends]
        if not routes or any(route.api != IMAGES for route in routes) or backend.weights is None:
            continue
        plain = edit_spec(lambda one, name=name: _plain(one, (name,)))  # type: ignore[misc]
        if _plain(spec, (name,)) != spec:
            yield Requirement(
                path=f"backends.{name}",
                value="settings of a server that writes text",
                short=f"text settings of {name}",
                changes=(Change(edit=plain, say=always("none of them")),),
            )


# -- what a spec says, and how it is said otherwise


def _own(spec: InferenceStack, route: Route) -> dict[str, Backend]:
    found = {name: spec.backends[name] for name in route.backends}
    return {name: backend for name, backend in found.items() if backend.weights is not None}


def _serves(name: str, backend: Backend, api: Api) -> bool:
    try:
        check_api(name, api, shapes(name, backend), "")
    except NoPlan:
        return False
    except (catalog.UnknownName, ShapesError):
        return True  # another cause, told by itself
    return True


def _context(name: str, backend: Backend) -> int | None:
    if model_name(name, backend) in catalog.image_models():
        return None
    try:
        return shapes(name, backend).context
    except (catalog.UnknownName, ShapesError):
        return None


def _route(index: int, **fields: object) -> Edit:
    return edit_spec(lambda one: _with_route(one, index, **fields))


def _with_route(spec: InferenceStack, index: int, **fields: object) -> InferenceStack:
    routes = list(spec.routes)
    routes[index] = replace(routes[index], **fields)
    return replace(spec, routes=tuple(routes))


def _backend(name: str, **fields: object) -> Edit:
    return edit_spec(lambda one: _with_backend(one, name, **fields))


def _with_backend(spec: InferenceStack, name: str, **fields: object) -> InferenceStack:
    return replace(spec, backends=spec.backends | {name: replace(spec.backends[name], **fields)})


def _making_images(index: int, own: dict[str, Backend], model: str | None) -> Edit:
    """The route as one of images, its backends without what only a server of text is told."""

    def change(spec: InferenceStack) -> InferenceStack:
        spec = _with_route(spec, index, api=IMAGES)
        for name in own if model is not None else ():
            spec = _with_backend(spec, name, weights=f"hf://{model}", model=None, shapes=None)
        return _plain(spec, own)

    return edit_spec(change)


def _plain(spec: InferenceStack, names: Iterable[str]) -> InferenceStack:
    """Backends and their routes without settings of a server that writes text."""
    mine = set(names)
    for name in mine:
        spec = _with_backend(spec, name, quantization=None, engine=Engine(), adapters=())
    for index, route in enumerate(spec.routes):
        if mine & set(route.backends):
            objectives = replace(route.objectives, ttft_ms=None, tpot_ms=None)
            spec = _with_route(spec, index, objectives=objectives)
    return spec
