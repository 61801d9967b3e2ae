"""Names that a spec uses, looked up in the catalog and in the organization: unknown ones are errors.

Not here: whether a known name may be used (policies) or is offered there (plan.placement); fields that
contradict each other (crossfield).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Any

import msgspec

from inferplan import catalog
from inferplan.catalog.table import raw
from inferplan.near import did_you_mean, listed, near
from inferplan.spec.model import PRIORITIES, Backend, InferenceStack
from inferplan.spec.organization import Organization
from inferplan.spec.position import Part
from inferplan.spec.problem import Problem

# Flags the planner sets, with the field that says the same; flags that a rule judges are not among them.
PLANNER_FLAGS = {
    "model": "weights", "served-model-name": "routes.*.name", "quantization": "quantization",
    "kv-cache-dtype": "engine.kv_cache_dtype", "max-model-len": "engine.max_model_len",
    "enable-lora": "adapters", "lora-modules": "adapters", "max-loras": "adapters",
    "max-lora-rank": "adapters.*.rank", "max-cpu-loras": "adapters",
    "tensor-parallel-size": "capacity.instance_type", "pipeline-parallel-size": "capacity.instance_type",
} | dict.fromkeys((
    "decode-context-parallel-size",
    "prefill-context-parallel-size", "data-parallel-size", "data-parallel-size-local",
    "data-parallel-address", "data-parallel-backend", "data-parallel-rank", "data-parallel-rpc-port",
    "data-parallel-start-rank", "distributed-executor-backend", "nnodes", "node-rank", "master-addr",
    "master-port", "headless", "gpu-memory-utilization", "device-memory-utilization",
    "kv-cache-memory-bytes", "num-gpu-blocks-override", "max-num-seqs", "max-num-batched-tokens", "dtype",
    "download-dir", "tokenizer", "config", "host", "port", "uds", "root-path", "grpc", "grpc-port",
), "")  # fmt: skip
HUB = "hf://"
DESCRIBE = "a model that the catalog does not know needs `inferplan lock SPEC` first, or `shapes`"
_OFF = ("no-", "disable-")
_ZONE_NAME = re.compile(r"[a-z]+(-[a-z]+)+-[0-9][a-z]")  # of a Region, different in each account
_ZONE_ID = re.compile(r"[a-z]{2,}[0-9]+-az[0-9]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """What the checks look at."""

    spec: InferenceStack
    organization: Organization
    organization_is_default: bool
    vllm_version: str
    described: frozenset[str] = frozenset()  # models whose config.json is in the lock


def unknown(
    parts: tuple[Part, ...], kind: str, name: str, close: Iterable[str] = (), otherwise: str = ""
) -> Problem:
    """A name that is in no table, with the names that come close, else with other advice."""
    return Problem(parts, f"unknown {kind} '{name}'", hint=did_you_mean(close) or otherwise)


def unknown_place(parts: tuple[Part, ...], code: str, *, groups: bool = True) -> Iterator[Problem]:
    """A code that is neither a country nor, where allowed, a group of countries."""
    if code in catalog.countries() or (groups and code in catalog.country_groups()):
        return
    close: tuple[str, ...] = ("GB",) if code == "UK" else ()
    if not groups and code in catalog.country_groups():
        yield Problem(parts, f"'{code}' is a group; name countries")
        return
    named = f"groups are {listed(catalog.country_groups(), 'and')}; countries are ISO 3166 codes"
    yield unknown(parts, "country or group" if groups else "country", code, close, named if groups else "")


def unknown_region(parts: tuple[Part, ...], name: str) -> Iterator[Problem]:
    """A Region that no partition has."""
    try:
        catalog.region(name)
    except catalog.UnknownName as error:
        yield unknown(parts, "Region", name, error.near)


def no_such_day(parts: tuple[Part, ...], text: str | None) -> Iterator[Problem]:
    """A date that the calendar does not have."""
    if text is None:
        return
    try:
        date.fromisoformat(text)
    except ValueError:
        yield Problem(parts, f"'{text}' is not a day of the calendar")


def places_known(inputs: Inputs) -> Iterator[Problem]:
    """Countries, groups of countries and regimes exist."""
    data, target = inputs.spec.data, inputs.spec.target
    for index, code in enumerate(data.subjects or ()):
        yield from unknown_place(("data", "subjects", index), code, groups=False)
    for index, code in enumerate(data.residency.countries if data.residency else ()):
        yield from unknown_place(("data", "residency", "countries", index), code)
    for index, transfer in enumerate(data.transfers):
        yield from unknown_place(("data", "transfers", index, "from"), transfer.source, groups=False)
        yield from unknown_place(("data", "transfers", index, "to"), transfer.destination, groups=False)
        yield from _unknown_regime(("data", "transfers", index, "regime"), transfer.regime)
    for index, regime in enumerate(data.regimes):
        yield from _unknown_regime(("data", "regimes", index), regime)
    if target.country is not None:
        yield from unknown_place(("target", "country"), target.country, groups=False)
    if target.region is not None:
        yield from unknown_region(("target", "region"), target.region)


def _unknown_regime(parts: tuple[Part, ...], regime: str) -> Iterator[Problem]:
    if regime not in catalog.regimes():
        yield unknown(parts, "regime", regime, near(regime, catalog.regimes(), 2))


def account_known(inputs: Inputs) -> Iterator[Problem]:
    """The account is registered; the built-in organization takes any."""
    account = inputs.spec.target.account
    if account is not None and account not in inputs.organization.accounts:
        close = near(account, inputs.organization.accounts)
        yield unknown(
            ("target", "account"), "account", account, close, "the platform team registers accounts"
        )


def callers_registered(inputs: Inputs) -> Iterator[Problem]:
    """Callers are in the application register."""
    applications = inputs.organization.applications
    for index, route in enumerate(inputs.spec.routes):
        for position, caller in enumerate(route.callers):
            if caller not in applications:
                advice = "the platform team registers applications with the class of data they send"
                parts = ("routes", index, "callers", position)
                yield unknown(parts, "caller", caller, near(caller, applications), advice)


def priorities_known(inputs: Inputs) -> Iterator[Problem]:
    """Priorities name criteria of the decision."""
    for name in inputs.spec.priorities:
        if name not in PRIORITIES:
            parts = ("priorities", name)
            yield unknown(parts, "criterion", name, near(name, PRIORITIES), f"known: {', '.join(PRIORITIES)}")


def vendors_known(inputs: Inputs) -> Iterator[Problem]:
    """Vendors are registered and offer an API for inference."""
    vendors = inputs.organization.vendors
    for name, backend in inputs.spec.backends.items():
        if backend.vendor is None:
            continue
        parts: tuple[Part, ...] = ("backends", name, "vendor")
        entry = vendors.get(backend.vendor)
        refused = _refused(backend.vendor, backend.model, entry.provider if entry else None)
        if refused is not None:
            yield _refusal(parts, refused, inputs)
        elif entry is None:
            advice = "the platform team registers vendors"
            if inputs.organization_is_default:
                advice = "without an organization folder no vendor is registered"
            yield unknown(parts, "vendor", backend.vendor, near(backend.vendor, vendors), advice)


def models_known(inputs: Inputs) -> Iterator[Problem]:
    """Own weights are a model of the catalog, or spec or lock give their shapes."""
    for name, backend in inputs.spec.backends.items():
        if backend.weights is None:
            continue
        model, parts = model_of(backend), ("backends", name, "weights")
        if model is None:
            if backend.shapes is None:
                advice = (
                    "name the catalog's model beside it (`model: org/name`), or describe it with `shapes`"
                )
                yield Problem(parts, "says where weights are, not which model they are", hint=advice)
            continue
        if not backend.weights.startswith(HUB):
            parts = ("backends", name, "model")
        refused = _refused(*model.split("/"), model)
        if refused is not None:
            yield _refusal(parts, refused, inputs)
        elif "@" in model:
            yield Problem(parts, f"'{model}' names a revision", hint="revisions belong into the lock")
        elif backend.shapes is None and model not in inputs.described:
            yield from _unknown_model(parts, model)
        for index, base in enumerate(backend.base_lineage):
            yield from _unknown_model(("backends", name, "base_lineage", index), base, shapes=False)


def model_of(backend: Backend) -> str | None:
    """The name of own weights: the hub's repository, or what `model` says of weights that lie elsewhere."""
    if backend.weights is not None and backend.weights.startswith(HUB):
        return backend.weights.removeprefix(HUB).rstrip("/")
    return backend.model


def _unknown_model(parts: tuple[Part, ...], model: str, *, shapes: bool = True) -> Iterator[Problem]:
    try:
        catalog.model(model)
    except catalog.UnknownName as error:
        system = catalog.named_system(model)
        close = system.models[:3] if system is not None else error.near
        if parts[-1] == "weights":
            close = tuple(f"{HUB}{name}" for name in close)
        advice = DESCRIBE if shapes else ""
        hint = " ".join(text for text in (did_you_mean(close), advice) if text)
        yield unknown(parts, "model", model, otherwise=hint)


def _refused(*names: str | None) -> catalog.NamedSystem | None:
    """The system behind one of the names, where it can be no target at all."""
    for name in names:
        if name is None:
            continue
        system = catalog.named_system(name.replace("-", " ")) or catalog.named_system(name)
        if system is not None and system.treatment == "refuse":
            return system
        for row in catalog.named_systems().values():
            if row.treatment == "refuse" and name in row.vendors and name not in row.use_instead:
                return row
    return None


def _refusal(parts: tuple[Part, ...], system: catalog.NamedSystem, inputs: Inputs) -> Problem:
    problem = f"{system.system} cannot be a backend: {system.says}"
    instead = [text for name in system.use_instead for text in _instead(name, inputs.organization)]
    return Problem(parts, problem, hint=f"use {listed(instead)} instead")


def _instead(name: str, organization: Organization) -> list[str]:
    """What a spec would say to use a model or the vendor of an API: entries, where some are registered."""
    if name not in catalog.vendors():
        return [f"weights: {HUB}{name}"] if name in catalog.models() else [name]
    entries = [entry for entry, vendor in organization.vendors.items() if vendor.provider == name]
    return [f"vendor: {entry} ({name})" for entry in entries] or [f"{name} (to be registered)"]


def hardware_known(inputs: Inputs) -> Iterator[Problem]:
    """Instance types, GPUs and zones exist somewhere."""
    for index, node in enumerate(inputs.spec.target.nodes):
        try:
            catalog.gpu(node.gpu)
        except catalog.UnknownName as error:
            advice = f"known: {', '.join(catalog.gpus())}"
            yield unknown(("target", "nodes", index, "gpu"), "GPU", node.gpu, error.near, advice)
    for name, backend in inputs.spec.backends.items():
        capacity, parts = backend.capacity, ("backends", name, "capacity")
        if capacity.instance_type is not None:
            try:
                catalog.instance(capacity.instance_type)
            except catalog.UnknownName as error:
                yield unknown((*parts, "instance_type"), "instance type", capacity.instance_type, error.near)
        if capacity.zone is not None:
            yield from _unknown_zone((*parts, "zone"), capacity.zone)


def _unknown_zone(parts: tuple[Part, ...], zone: str) -> Iterator[Problem]:
    zones = {zone for region in catalog.regions().values() for zone in region.zones}
    if not _ZONE_ID.fullmatch(zone):
        close = () if _ZONE_NAME.fullmatch(zone) else near(zone, sorted(zones))
        yield Problem(
            parts,
            f"'{zone}' is not a zone id such as euc1-az1",
            hint=did_you_mean(close) or "zone names differ per account, ids do not",
        )
        return
    if zone not in zones:
        yield unknown(parts, "zone", zone, near(zone, sorted(zones)))


def formats_known(inputs: Inputs) -> Iterator[Problem]:
    """Formats of weights and KV cache are ones that the pinned engine has and a plan can size."""
    for name, backend in inputs.spec.backends.items():
        parts: tuple[Part, ...] = ("backends", name)
        asked = (
            ("weight_formats", "quantization", backend.quantization, (*parts, "quantization")),
            (
                "kv_formats",
                "KV-cache type",
                backend.engine.kv_cache_dtype,
                (*parts, "engine", "kv_cache_dtype"),
            ),
        )
        for table, what, value, at in asked:
            if value in {None, "auto"}:
                continue
            rows = {method: row for row in _formats(table) for method in (row["id"], *row["methods"])}
            usable = [method for method, row in rows.items() if _usable(row)]
            if value in rows and not _usable(rows[value]):
                why = f"vLLM {inputs.vllm_version} is not planned with {what} '{value}'"
                yield Problem(at, why, hint=rows[value].get("note", ""))
            elif value not in rows:
                yield unknown(at, what, value, near(value, usable), f"known: {', '.join(usable)}")


def _usable(row: Mapping[str, Any]) -> bool:
    return bool(row.get("supported", True) and row.get("offered", True))


@cache
def _formats(table: str) -> tuple[dict[str, Any], ...]:
    return msgspec.json.decode(raw(table), type=tuple[dict[str, Any], ...])


def engine_args_known(inputs: Inputs) -> Iterator[Problem]:
    """Flags exist in the pinned engine and are not those that the planner sets."""
    flags = catalog.vllm_flags(inputs.vllm_version)
    known = sorted(flag.removeprefix("--") for flag in flags if flag.startswith("--"))
    for name, backend in inputs.spec.backends.items():
        for arg in backend.engine.args:
            parts = ("backends", name, "engine", "args", arg)
            plain = arg.removeprefix("no-")
            if arg in PLANNER_FLAGS or plain in PLANNER_FLAGS:
                field = PLANNER_FLAGS.get(arg) or PLANNER_FLAGS.get(plain)
                yield Problem(
                    parts, "the planner sets this flag", hint=f"say it with `{field}`" if field else ""
                )
            elif f"--{arg}" not in flags:
                plain = arg.lstrip("-").replace("_", "-")
                gone = catalog.vllm_gone_flags().get(plain)
                close = _said_otherwise(_flags_alike(plain, known)) if gone is None else ((), gone)
                yield unknown(parts, f"flag of vLLM {inputs.vllm_version}", arg, *close)


def _said_otherwise(close: tuple[str, ...]) -> tuple[tuple[str, ...], str]:
    """What is offered for an unknown flag: those alike, or the field that the planner sets one from."""
    for flag in close:
        plain = flag.removeprefix("no-")
        if flag in PLANNER_FLAGS or plain in PLANNER_FLAGS:
            field = PLANNER_FLAGS.get(flag) or PLANNER_FLAGS.get(plain)
            return (), f"the planner sets {flag}" + (f"; say it with `{field}`" if field else "")
    return close, ""


def _flags_alike(arg: str, known: list[str]) -> tuple[str, ...]:
    """The flag that was meant; never one that switches on what was to be off, or the other way around."""
    is_off = arg.startswith(_OFF)
    stem = arg.removeprefix("no-").removeprefix("disable-").removeprefix("enable-")
    spelled = (f"no-enable-{stem}", f"no-{stem}", f"disable-{stem}") if is_off else (f"enable-{stem}", stem)
    exact = tuple(flag for flag in (arg, *spelled) if flag in known)[:1]
    return exact or near(arg, [flag for flag in known if flag.startswith(_OFF) == is_off])


CHECKS = (
    places_known,
    account_known,
    callers_registered,
    priorities_known,
    vendors_known,
    models_known,
    hardware_known,
    formats_known,
    engine_args_known,
)
