"""What a spec needs pinned: weights by its backends, images and add-ons by its plans.

Not here: pinning it (pinning).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Literal

from inferplan import catalog
from inferplan.cli.locking.pinning import Pinning
from inferplan.decision import kinds_left
from inferplan.plan.built_images import BuiltImage, built_image, without_image
from inferplan.plan.make import make_plan
from inferplan.records.no_plan import NoPlan
from inferplan.records.plan import Plan
from inferplan.sizing.formats import weight_format
from inferplan.sizing.locked_shapes import config_of
from inferplan.sizing.stated_shapes import refuse_shapes
from inferplan.spec.declaration import Declaration
from inferplan.spec.faults import SpecErrors
from inferplan.spec.lock import Lock
from inferplan.spec.model import InferenceStack
from inferplan.spec.names import model_of
from policies.gates import gates


def pin_weights(pinning: Pinning, declaration: Declaration, only: Sequence[str]) -> None:
    """Models and adapters of every own backend: they need no plan, and a plan may need them."""
    own = [backend for backend in _spec(declaration).backends.values() if backend.weights is not None]
    if "models" in only:
        models = {name: str(one.weights) for one in own if (name := model_of(one)) is not None}
        for name, uri in models.items():
            pinning.model(name, uri, catalog.models())
        pinning.drop("models", models)
    if "adapters" in only:
        adapters = {one.name: (one.weights, backend) for backend in own for one in backend.adapters}
        for name, (uri, backend) in adapters.items():
            bases = (model_of(backend), *backend.base_lineage)
            pinning.adapter(name, uri, [base for base in bases if base is not None])
        pinning.drop("adapters", adapters)


def pin_the_rest(
    pinning: Pinning, declaration: Declaration, only: Sequence[str], registry: str | None, as_of: date
) -> NoPlan | None:
    """Images and add-ons of every mode that the spec can be planned in; what refuses the one it asks for."""
    if undescribed := [*_undescribed(declaration, pinning.lock)]:
        told = {one.path for one in pinning.open}
        for path in (f"models.{name}" for name in undescribed):
            if path not in told:
                pinning.fail(
                    path, "neither catalog nor lock describes it, so nothing is planned; lock it first"
                )
        return None
    try:
        built = built_image(_spec(declaration), pinning.lock)
        plans = [*_plans(_as_pinned(pinning, declaration, built), as_of, pinning)]
    except SpecErrors as wrong:
        for error in wrong.errors:
            pinning.fail(error.path.removeprefix("lock."), error.problem)
        return None
    except NoPlan as refused:
        return refused
    pinning.quantized(_quantized(pinning, plans))
    if "images" in only:
        names = dict.fromkeys(image.name for plan in plans for image in plan.pulled_images)
        for name in names:
            is_built = built is not None and built.name == name
            pinning.image(name, built if is_built else None, registry or _registry(plans[0]))
        pinning.drop("images", names)
    if "addons" in only:
        clusters = {plan.cluster.version: plan for plan in plans if plan.cluster is not None}
        addons = dict.fromkeys(name for plan in clusters.values() for name in plan.cluster.addons)  # type: ignore[union-attr]
        for version, plan in clusters.items():
            pinning.addons(addons, version, plan.target.region)
        pinning.drop("addons", addons)
    return None


def _spec(declaration: Declaration) -> InferenceStack:
    assert isinstance(declaration.spec, InferenceStack)
    return declaration.spec


def _undescribed(declaration: Declaration, lock: Lock) -> Iterator[str]:
    """Models that cannot be planned, as nobody says what they are."""
    for backend in _spec(declaration).backends.values():
        model = model_of(backend)
        if backend.weights is None or backend.shapes is not None or model is None:
            continue
        if model not in lock.models or lock.models[model].config is None:
            try:
                catalog.model(model)
            except catalog.UnknownName:
                yield model


def _as_pinned(pinning: Pinning, declaration: Declaration, built: BuiltImage | None) -> Declaration:
    """The declaration with the new lock, less an image that has to be built."""
    locked = replace(declaration, lock=pinning.lock)
    return without_image(locked, built.name) if built is not None else locked


def _plans(declaration: Declaration, as_of: date, pinning: Pinning) -> Iterator[Plan]:
    """The plan that the spec asks for, then those of other modes that exist: a lock serves them all."""
    refuse_shapes(declaration)
    pinning.say("planning")
    asked = make_plan(declaration, as_of, gates)
    yield asked
    for mode in kinds_left(_spec(declaration)):
        if mode != asked.mode:
            try:
                yield make_plan(declaration, as_of, gates, mode)
            except NoPlan:
                continue


def _quantized(
    pinning: Pinning, plans: Sequence[Plan]
) -> Mapping[str, Literal["at_load", "published"] | None]:
    """By model: published where its configuration says so, at load where a plan asks for a format."""
    asked = {
        server.model: server.quantization
        for plan in plans
        for server in plan.servers
        if server.quantization is not None and weight_format(server.quantization).id != "bf16"
    }
    return {
        name: "published"
        if (config_of(held) or {}).get("quantization_config")
        else "at_load"
        if name in asked
        else None
        for name, held in pinning.lock.models.items()
        if held.config is not None
    }


def _registry(plan: Plan) -> str:
    """Where the stack keeps its images, in the account's own registry."""
    target = plan.target
    return f"{target.account}.dkr.ecr.{target.region}.{target.dns_suffix}/inferplan/{plan.name}"
