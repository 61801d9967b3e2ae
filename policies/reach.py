"""Whether anything deployed leads from a route to a backend that mode auto leaves out.

Not here: which backends those are (gates), and what the network lets out otherwise (the packs).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from inferplan import catalog
from inferplan.resource import Resource, UnknownValueError
from policies import types
from policies.context import Context, NamedBackend, Serving, Undecidable
from policies.read import Misshapen, arns
from policies.views.gateway import Entry, answering, configurations
from policies.views.hosts import allowlist

# What carries the documents that say whom Bedrock may be called for.
CALLS = (*types.IAM_POLICIES, types.ROLE, types.VPC_ENDPOINT, types.VPC_ENDPOINT_POLICY)


def reached(serving: Serving, context: Context) -> Iterator[str]:
    """Each way from the route to the backend, in words; what cannot be read yet counts as one."""
    backend = serving.backend
    yield from _by_proxy(serving, context)
    if any(_same(backend, other.backend) for other in context.servings):
        return  # for another route it may serve, so the network and the roles have to let it
    if backend.kind == "self-hosted":
        yield from _mentions(context, types.KUBERNETES, repository(backend))
    elif backend.on_bedrock:
        yield from _by_model(context, backend)
    elif backend.vendor is not None and backend.vendor.host:
        yield from _by_host(context, backend.vendor.host)


def _by_proxy(serving: Serving, context: Context) -> Iterator[str]:
    spec = context.inference
    assert spec is not None
    others = [other.backend for other in context.servings if other.route.name == serving.route.name]
    for item in context.stack.of(*types.CONFIGURATION_CARRIERS):
        try:
            for place, config in configurations(item, context):
                for entry in answering(config, serving.route, spec.routes):
                    if calls(entry, serving.backend, context) and not any(
                        calls(entry, other, context) for other in others
                    ):
                        yield f"{_named(item)} sends {serving.route.name} there ({place}, {entry.path})"
        except (UnknownValueError, Undecidable, Misshapen):
            yield f"{_named(item)} can only be read after deployment"


def calls(entry: Entry, backend: NamedBackend, context: Context) -> bool:
    """Whether an entry of the proxy may call a backend; an own server of unknown name may be any."""
    name = entry.model.rpartition("/")[2]
    if backend.kind == "self-hosted":
        declared = context.inference.backends if context.inference else {}
        return entry.own and (name == backend.name or name not in declared)
    if entry.own:
        return False
    if backend.on_bedrock:
        return entry.provider.startswith("bedrock") and name in {backend.backend.model, _behind(backend)}
    host = backend.vendor.host if backend.vendor else None
    return entry.default_host or (host is not None and entry.host == host)


def repository(backend: NamedBackend) -> str:
    """The model of own weights as `org/name`, or the whole address where they are the organization's own."""
    weights = backend.backend.weights or ""
    return weights.removeprefix("hf://").partition("@")[0]


def _behind(backend: NamedBackend) -> str:
    """The model id behind a cross-Region profile, which calls the model itself in each Region."""
    model = str(backend.backend.model)
    first, _, rest = model.partition(".")
    return model if first in catalog.bedrock_providers() else rest


def _same(one: NamedBackend, other: NamedBackend) -> bool:
    if one.kind == "self-hosted" or one.on_bedrock:
        return one.backend.weights == other.backend.weights and one.backend.model == other.backend.model
    return one.backend.vendor == other.backend.vendor


def _by_host(context: Context, host: str) -> Iterator[str]:
    for item in context.stack.of(*types.ALLOWLISTS):
        try:
            if any(entry.covers(host) for entry in allowlist(item, context)):
                yield f"{_named(item)} lets {host} through"
        except UnknownValueError:
            yield f"{_named(item)} can only be read after deployment"


def _by_model(context: Context, backend: NamedBackend) -> Iterator[str]:
    models = {str(backend.backend.model), _behind(backend)}
    for item in context.stack.of(*CALLS):
        for text in context.stack.texts(item):
            named = {found.resource.partition("/")[2] for found in arns(text.value)}
            if named & models:
                yield f"{_named(item)} allows the model ({text.path})"
                break


def _mentions(context: Context, types_: str, words: str) -> Iterator[str]:
    for item in context.stack.of(types_):
        if any(words in text.value for text in context.stack.texts(item)):
            yield f"{_named(item)} names {words}"


def _named(item: Resource) -> str:
    return f"{item.type.rpartition(':')[2]} {item.name}"


def shown(ways: Iterable[str], limit: int = 3) -> str:
    """The first ways, and how many more there are."""
    told = list(dict.fromkeys(ways))
    more = f" and {len(told) - limit} more" if len(told) > limit else ""
    return "; ".join(told[:limit]) + more
