"""Fields of a spec that contradict each other, one named function per rule of the language.

Not here: single fields (structure), names (names), and what has a rule id: that is denied, not misunderstood.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Sequence
from typing import cast

from inferplan import catalog
from inferplan.near import did_you_mean, listed, near
from inferplan.spec import aws_limits, existing, names
from inferplan.spec.declaration import Declaration, backend_kind
from inferplan.spec.engine_args import engine_args_sound
from inferplan.spec.faults import SpecError, SpecErrors
from inferplan.spec.model import InferenceAccount, InferenceStack, Mode, Spec
from inferplan.spec.names import Inputs, no_such_day, unknown, unknown_place, unknown_region
from inferplan.spec.organization import Lock, Organization
from inferplan.spec.position import Part, joined
from inferplan.spec.problem import Problem

_NOTIFYING = ("alert_emails", "actual_percent")
URI_SCHEMES = ("hf://", "s3://", "oci://")


def problems(
    spec: Spec,
    lock: Lock | None,
    organization: Organization,
    organization_is_default: bool,
    *,
    locking: bool = False,
) -> Iterator[Problem]:
    """Everything in a well-formed spec that cannot be understood, under an organization.

    `locking`: the lock is about to be made, and describes every model then.
    """
    if isinstance(spec, InferenceAccount):
        yield from account_baseline(spec, organization)
        return
    inputs = Inputs(
        spec=spec,
        organization=organization,
        organization_is_default=organization_is_default,
        vllm_version=engine_version(lock),
        described=_described(spec, lock, locking=locking),
    )
    for check in (*CHECKS, *aws_limits.CHECKS, *names.CHECKS, *existing.CHECKS, engine_args_sound):
        yield from check(inputs)


def _described(spec: InferenceStack, lock: Lock | None, *, locking: bool) -> frozenset[str]:
    if locking:
        return frozenset(name for one in spec.backends.values() if (name := names.model_of(one)) is not None)
    return frozenset(name for name, one in lock.models.items() if one.config) if lock else frozenset()


def engine_version(lock: Lock | None) -> str:
    """The vLLM version that the lock pins, where the catalog knows its flags; else the newest known one."""
    locked = lock.images.get("vllm") if lock else None
    version = locked.tag.removeprefix("v") if locked else ""
    return version if version in catalog.vllm_versions() else catalog.vllm_versions()[-1]


def target_complete(inputs: Inputs) -> Iterator[Problem]:
    """AWS needs an account; own nodes need nodes and the country they stand in."""
    target = inputs.spec.target
    if target.platform == "aws":
        if target.account is None:
            yield Problem(
                ("target", "account"), "missing", hint="the account selects the bar in organization.yaml"
            )
        for field, given in (("nodes", target.nodes), ("country", target.country)):
            if given:
                yield Problem(
                    ("target", field), "is for platform kubernetes", hint="remove it, or change platform"
                )
        return
    for field, value in (("region", target.region), ("zones", target.zones)):
        if value is not None:
            yield Problem(("target", field), "is for platform aws", hint="remove it, or change platform")
    if target.country is None:
        yield Problem(("target", "country"), "missing", hint="say where your nodes stand")
    own = any(backend_kind(backend) == "self-hosted" for backend in inputs.spec.backends.values())
    if own and not target.nodes:
        yield Problem(("target", "nodes"), "missing", hint="own weights need nodes: [{gpu: H100, count: 8}]")


def backends_are_one_kind(inputs: Inputs) -> Iterator[Problem]:
    """A backend is own weights or a vendor's model, with the fields of its kind only."""
    for name, backend in inputs.spec.backends.items():
        at: tuple[Part, ...] = ("backends", name)
        if (backend.weights is None) == (backend.vendor is None):
            both = "weights and vendor" if backend.weights else "neither weights nor vendor"
            yield Problem(
                at, f"has {both}", hint="give `weights` (own GPUs) or `vendor` and `model`, not both"
            )
            continue
        if backend.vendor is not None:
            if backend.model is None:
                yield Problem((*at, "model"), "missing", hint=f"name the model of vendor {backend.vendor}")
            defaults = type(backend)()
            for field in ("quantization", "engine", "capacity", "adapters", "shapes"):
                if getattr(backend, field) != getattr(defaults, field):
                    yield Problem((*at, field), "is for own weights", hint="a vendor decides this himself")
        elif backend.model is not None and backend.weights.startswith("hf://"):  # type: ignore[union-attr]
            yield Problem((*at, "model"), "the weights name the model already", hint="remove `model`")


def routes_unique(inputs: Inputs) -> Iterator[Problem]:
    """Applications call routes and adapters by name, so no two share one."""
    taken: dict[str, str] = {}
    for index, route in enumerate(inputs.spec.routes):
        parts: tuple[Part, ...] = ("routes", index, "name")
        yield from _taken(parts, route.name, f"routes[{index}]", taken)
    for name, backend in inputs.spec.backends.items():
        for index, adapter in enumerate(backend.adapters):
            parts = ("backends", name, "adapters", index, "name")
            yield from _taken(parts, adapter.name, f"an adapter of {name}", taken)


def _taken(parts: tuple[Part, ...], name: str, owner: str, taken: dict[str, str]) -> Iterator[Problem]:
    if name in taken:
        yield Problem(
            parts, f"'{name}' is taken by {taken[name]}", hint="names that applications call are unique"
        )
    taken.setdefault(name, owner)


def route_backends_exist(inputs: Inputs) -> Iterator[Problem]:
    """A route names backends of this spec, each once: a fallback to itself would loop."""
    backends = inputs.spec.backends
    for index, route in enumerate(inputs.spec.routes):
        for position, name in enumerate(route.backends):
            parts = ("routes", index, "backends", position)
            if name not in backends:
                advice = f"this spec has {listed(backends, 'and')}"
                yield unknown(parts, "backend", name, near(name, backends), advice)
            elif name in route.backends[:position]:
                yield Problem(
                    parts, f"'{name}' is in this list already", hint="a fallback must be another backend"
                )


def mode_and_backends_agree(inputs: Inputs) -> Iterator[Problem]:
    """The mode leaves every route at least one backend; hybrid needs both kinds."""
    yield from mode_problems(inputs.spec, inputs.spec.mode)


def mode_problems(spec: InferenceStack, mode: Mode) -> Iterator[Problem]:
    """What stands against planning `spec` in `mode`."""
    kinds = {
        name: backend_kind(backend)
        for name, backend in spec.backends.items()
        if (backend.weights is None) != (backend.vendor is None)
    }
    of_route = [{kinds[name] for name in route.backends if name in kinds} for route in spec.routes]
    wanted = {"self-hosted": "own weights", "managed-api": "a vendor"}
    if mode in wanted:
        for index, found in enumerate(of_route):
            if found and mode not in found:
                hint = f"mode {mode} serves from {wanted[mode]} only"
                yield Problem(("routes", index, "backends"), f"has no backend with {wanted[mode]}", hint=hint)
    elif mode == "hybrid":
        for kind, words in wanted.items():
            if all(of_route) and not any(kind in found for found in of_route):
                yield Problem(
                    ("mode",), f"hybrid needs a route with a backend with {words}", hint="none has one"
                )


def capacity_complete(inputs: Inputs) -> Iterator[Problem]:
    """A reservation or capacity block has an id, and an id has one of these kinds."""
    for name, backend in inputs.spec.backends.items():
        capacity, at = backend.capacity, ("backends", name, "capacity")
        reserved = capacity.kind in {"reservation", "capacity-block"}
        if reserved and capacity.id is None:
            yield Problem((*at, "id"), "missing", hint=f"which {capacity.kind} is used?")
        if capacity.id is not None and not reserved:
            yield Problem((*at, "id"), "is for reservation and capacity-block", hint="say which with `kind`")


def stores_registered(inputs: Inputs) -> Iterator[Problem]:
    """A bucket that weights or adapters come from is a registered store, whose place is known."""
    stores = inputs.organization.stores
    for name, backend in inputs.spec.backends.items():
        uris: list[tuple[tuple[Part, ...], str | None]] = [(("backends", name, "weights"), backend.weights)]
        uris += [
            (("backends", name, "adapters", index, "weights"), adapter.weights)
            for index, adapter in enumerate(backend.adapters)
        ]
        for parts, uri in uris:
            store = uri.removeprefix("s3://").partition("/")[0] if uri and uri.startswith("s3://") else None
            if store is not None and store not in stores:
                rest = uri.removeprefix(f"s3://{store}") if uri else ""
                close = [f"s3://{name}{rest}" for name in near(store, stores)]
                yield unknown(parts, "store", store, close, "the platform team registers stores")


def exit_fallback_exists(inputs: Inputs) -> Iterator[Problem]:
    """The exit plan falls back to a backend of this spec or to weights by URI."""
    plan, backends = inputs.spec.exit, inputs.spec.backends
    if plan is None or plan.fallback is None or plan.fallback in backends:
        return
    if not plan.fallback.startswith(URI_SCHEMES):
        hint = did_you_mean(near(plan.fallback, backends)) or f"backends are {listed(backends, 'and')}"
        problem = f"'{plan.fallback}' is neither a backend nor a weights URI"
        yield Problem(("exit", "fallback"), problem, hint=hint)


def networks_valid(inputs: Inputs) -> Iterator[Problem]:
    """Address ranges are networks: four bytes, a prefix of at most 32, no bits beyond it."""
    spec = inputs.spec
    ranges: list[tuple[tuple[Part, ...], str]] = []
    if spec.network.cidr is not None:
        ranges.append((("network", "cidr"), spec.network.cidr))
    if not isinstance(spec.cluster.access, str):
        ranges += [
            (("cluster", "access", "cidrs", i), cidr) for i, cidr in enumerate(spec.cluster.access.cidrs)
        ]
    if spec.gateway is not None:
        ranges += [(("gateway", "clients", i), cidr) for i, cidr in enumerate(spec.gateway.clients)]
    for parts, text in ranges:
        try:
            ipaddress.IPv4Network(text)
        except ValueError:
            try:
                hint = did_you_mean([str(ipaddress.IPv4Network(text, strict=False))])
            except ValueError:
                hint = "bytes go to 255, prefixes to 32"
            yield Problem(parts, f"'{text}' is not an IPv4 network", hint=hint)


def lists_without_repeats(inputs: Inputs) -> Iterator[Problem]:
    """What is named twice in a list is a slip, and AWS refuses the second rule, notification or entry."""
    spec = inputs.spec
    lists: list[tuple[tuple[Part, ...], Sequence[object]]] = [
        (("routes", index, field), getattr(route, field))
        for index, route in enumerate(spec.routes)
        for field in ("classes", "callers")
    ]
    lists.append((("cluster", "admins"), spec.cluster.admins))
    if spec.budget is not None:
        lists += [(("budget", field), getattr(spec.budget, field)) for field in _NOTIFYING]
    if spec.gateway is not None:
        lists.append((("gateway", "clients"), spec.gateway.clients))
    if not isinstance(spec.cluster.access, str):
        lists.append((("cluster", "access", "cidrs"), spec.cluster.access.cidrs))
    for parts, values in lists:
        for position, value in enumerate(values):
            if value in values[:position]:
                yield Problem((*parts, position), f"'{value}' is in this list already")


def deadline_exists(inputs: Inputs) -> Iterator[Problem]:
    """The deadline is a day of the calendar."""
    yield from no_such_day(("deadline",), inputs.spec.deadline)


def schedule_spans_time(inputs: Inputs) -> Iterator[Problem]:
    """A schedule that starts when it stops never runs."""
    schedule = inputs.spec.schedule
    if schedule is not None and schedule.start == schedule.stop:
        yield Problem(("schedule", "stop"), f"is the same time as start, '{schedule.start}'")


def batches_can_wait(inputs: Inputs) -> Iterator[Problem]:
    """What may wait is handed to a vendor, and no latency holds for it."""
    for index, route in enumerate(inputs.spec.routes):
        share = route.load.batch_share
        named = [inputs.spec.backends[name] for name in route.backends if name in inputs.spec.backends]
        if share and named and all(backend.vendor is None for backend in named):
            yield Problem(
                ("routes", index, "load", "batch_share"),
                "no backend of this route is a vendor's, and own GPUs answer every request at once",
                hint="remove it, or add a backend with `vendor` and `model`",
            )
        for field in ("ttft_ms", "tpot_ms"):
            if share == 1 and getattr(route.objectives, field) is not None:
                yield Problem(
                    ("routes", index, "objectives", field),
                    "cannot hold where every request may wait for hours (load.batch_share is 1)",
                    hint="remove it, or lower load.batch_share",
                )


def account_baseline(spec: InferenceAccount, organization: Organization) -> Iterator[Problem]:
    """A baseline belongs to one registered AWS account and one Region."""
    target = spec.target
    if target.platform != "aws":
        yield Problem(("target", "platform"), "an account baseline is for platform aws")
    if target.account is None:
        yield Problem(("target", "account"), "missing", hint="whose baseline is it?")
    elif target.account not in organization.accounts:
        close = near(target.account, organization.accounts)
        advice = "the platform team registers accounts"
        yield unknown(("target", "account"), "account", target.account, close, advice)
    if target.region is None:
        yield Problem(("target", "region"), "missing", hint="in which Region do its buckets and keys lie?")
    else:
        yield from unknown_region(("target", "region"), target.region)
    guard = spec.baseline.region_guard
    for index, code in enumerate(guard.countries if guard else ()):
        yield from unknown_place(("baseline", "region_guard", "countries", index), code)


CHECKS = (
    target_complete,
    backends_are_one_kind,
    routes_unique,
    route_backends_exist,
    mode_and_backends_agree,
    capacity_complete,
    stores_registered,
    exit_fallback_exists,
    networks_valid,
    lists_without_repeats,
    deadline_exists,
    schedule_spans_time,
    batches_can_wait,
)


def refuse_mode(declaration: Declaration, mode: str) -> None:
    """Raise SpecErrors where the declared backends cannot serve in `mode`, one asked for beside the spec."""
    if not isinstance(declaration.spec, InferenceStack):
        return
    found = []
    for problem in mode_problems(declaration.spec, cast(Mode, mode)):
        path = joined(problem.parts)
        file, line, column = declaration.locate(path)
        found.append(
            SpecError(
                file=file, line=line, column=column, path=path, problem=problem.problem,
                allowed=problem.allowed, hint=problem.hint,
            )
        )  # fmt: skip
    if found:
        raise SpecErrors(found)
