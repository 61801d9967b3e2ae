"""Images that no publisher has, and somebody has to build: redaction in further languages.

Not here: building them (docs/how-to/build-a-redaction-image.md), what a language needs (gateway.redaction).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from msgspec import structs

from inferplan import catalog
from inferplan.plan.gateway.redaction import ANALYZER, PUBLISHED_MODELS, redaction_languages
from inferplan.plan.images import UPSTREAM
from inferplan.records.base import Record
from inferplan.records.notes import Notes
from inferplan.spec.declaration import Declaration
from inferplan.spec.lock import Lock
from inferplan.spec.model import InferenceStack


class BuiltImage(Record, frozen=True, kw_only=True):
    """One image that has to be built: its name in the lock, its tag, and the recognition models in it."""

    name: str
    tag: str
    models: tuple[str, ...]


def built_image(spec: InferenceStack, lock: Lock | None) -> BuiltImage | None:
    """The analyzer that a spec's languages need and neither its publisher nor the lock has.

    Raises NoPlan for a language without a model.
    """
    needed: set[str] = set()
    for index, route in enumerate(spec.routes):
        if route.redaction is None:
            continue
        path = f"routes[{index}].redaction_languages"
        languages = redaction_languages(spec, route.redaction_languages, path, Notes())
        needed |= {model for one in languages if (model := catalog.redaction_models()[one]) is not None}
    pinned = lock.images.get(ANALYZER) if lock else None
    held = (pinned.models or PUBLISHED_MODELS) if pinned else PUBLISHED_MODELS
    if needed <= {*held}:
        return None
    models = tuple(sorted(needed))
    return BuiltImage(name=ANALYZER, tag=built_tag(UPSTREAM[ANALYZER][1], models), models=models)


def built_tag(version: str, models: Iterable[str]) -> str:
    """The tag of an analyzer by what is in it: 2.2.362-de-en for German and English."""
    return "-".join((version, *sorted({model.partition("_")[0] for model in models})))


def without_image(declaration: Declaration, name: str) -> Declaration:
    """The declaration whose lock leaves an image open that has to be built: a plan refuses the old one."""
    lock = declaration.lock
    if lock is None:
        return declaration
    images = {key: held for key, held in lock.images.items() if key != name}
    return replace(declaration, lock=structs.replace(lock, images=images))
