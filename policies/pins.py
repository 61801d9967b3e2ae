"""Pins that a spec needs and its lock lacks: pending for `check`, refused when locked and under Pulumi.

Not here: whether the resources use the pins, which the supply-chain rules will judge.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from inferplan.records.verdicts import Finding, SubjectRef
from inferplan.spec.model import InferenceStack
from inferplan.spec.names import model_of
from policies.notices import LOCK_MISSING, PIN_MISSING, Notice

if TYPE_CHECKING:
    from inferplan.spec.declaration import Declaration

HUB = "hf://"


def missing(declaration: Declaration, *, locked: bool) -> Iterator[Finding]:
    """One finding per missing pin, or one for all without a lock; they block where pins are asked for."""
    spec, lock = declaration.spec, declaration.lock
    if not isinstance(spec, InferenceStack):
        return
    if lock is None:
        message = "there is no lock: images, model revisions and add-on versions are not pinned"
        yield _pending(declaration, LOCK_MISSING, "metadata.name", message, locked=locked)
        return
    for path, kind, name in _needed(spec):
        if name not in (lock.models if kind == "models" else lock.images):
            message = f"{name} is not pinned under {kind} of the lock"
            yield _pending(declaration, PIN_MISSING, path, message, locked=locked)


def _needed(spec: InferenceStack) -> Iterator[tuple[str, str, str]]:
    """Place in the spec, part of the lock and name of every pin that the declaration itself asks for."""
    yield "metadata.name", "images", "litellm"
    own = {name: backend for name, backend in spec.backends.items() if backend.weights is not None}
    if spec.mode == "managed-api":
        own = {}
    for name, backend in own.items():
        weights = backend.weights or ""
        if weights.startswith(HUB):
            yield f"backends.{name}.weights", "models", model_of(backend) or weights
    apis = {route.api for route in spec.routes if own.keys() & set(route.backends)}
    if apis - {"images"}:
        yield "backends", "images", "vllm"
    if "images" in apis:
        yield "backends", "images", "diffusion"
    for index, route in enumerate(spec.routes):
        if route.redaction == "presidio":
            for image in ("presidio-analyzer", "presidio-anonymizer"):
                yield f"routes[{index}].redaction", "images", image


def _pending(declaration: Declaration, notice: Notice, path: str, message: str, *, locked: bool) -> Finding:
    file, line, column = declaration.locate(path)
    return Finding(
        rule=notice.id,
        level="mandatory",
        verdict="undecided",
        subject=SubjectRef(kind="spec", name=declaration.spec.metadata.name),
        file=file,
        line=line,
        column=column,
        path=path,
        message=message,
        fix=notice.fix,
        source=notice.source,
        waiver=None,
        valid_until=None,
        blocks=locked,
        pending=True,
    )
