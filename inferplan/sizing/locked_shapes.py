"""What the lock says of own weights where spec and catalog are silent: config.json, and the rank of adapters.

Not here: reading such a file (config_json), and asking the hub for it (inferplan.cli, verb `lock`).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

from msgspec.structs import replace

from inferplan import catalog
from inferplan.sizing.config_json import shapes_from_config
from inferplan.sizing.shapes import ModelShapes, ShapesError
from inferplan.spec.declaration import Declaration
from inferplan.spec.lock import Lock, LockedModel
from inferplan.spec.model import Backend, InferenceStack
from inferplan.spec.names import model_of

# What two descriptions of one model may say differently, and a plan would be another one for.
COMPARED = (
    "architecture", "dtype", "layers", "hidden", "heads", "kv_heads", "head_dim", "intermediate", "vocab",
    "experts", "experts_per_token", "context",
)  # fmt: skip


def as_locked(declaration: Declaration) -> Declaration:
    """The declaration with what its lock knows: shapes of models that nobody else describes, and ranks."""
    spec, lock = declaration.spec, declaration.lock
    if not isinstance(spec, InferenceStack) or lock is None:
        return declaration
    backends = {name: _filled(backend, lock) for name, backend in spec.backends.items()}
    if all(backends[name] is backend for name, backend in spec.backends.items()):
        return declaration
    return dataclasses.replace(declaration, spec=replace(spec, backends=backends))


def config_of(locked: LockedModel) -> dict[str, Any] | None:
    """A locked model's config.json; hf_quant_config.json counts where that says nothing, as in the engine."""
    beside = locked.quantization_config
    if locked.config is None or beside is None or locked.config.get("quantization_config"):
        return locked.config
    return {**locked.config, "quantization_config": beside.get("quantization", beside)}


def described_by_lock(declaration: Declaration) -> Iterator[tuple[str, dict[str, Any]]]:
    """Model and config.json of each backend that only the lock describes."""
    spec, lock = declaration.spec, declaration.lock
    if not isinstance(spec, InferenceStack) or lock is None:
        return
    for backend in spec.backends.values():
        if (found := _only_locked(backend, lock)) is not None:
            yield found


def differences(backend: Backend, lock: Lock | None) -> Iterator[str]:
    """Where a spec's `shapes` and the config.json in the lock describe two models."""
    locked = lock.models.get(model_of(backend) or "") if lock else None
    config = config_of(locked) if locked is not None else None
    said, read = _shapes(backend.shapes), _shapes(config)
    if said is None or read is None:
        return
    for field in COMPARED:
        ours, theirs = getattr(said, field), getattr(read, field)
        if ours != theirs and ours is not None and theirs is not None:
            yield f"{field} {ours}, there {theirs}"


def _filled(backend: Backend, lock: Lock) -> Backend:
    described = _only_locked(backend, lock)
    if described is not None:
        backend = replace(backend, shapes=described[1])
    ranks = {name: one.rank for name, one in lock.adapters.items() if one.rank is not None}
    if any(one.rank is None and one.name in ranks for one in backend.adapters):
        adapters = tuple(replace(one, rank=one.rank or ranks.get(one.name)) for one in backend.adapters)
        backend = replace(backend, adapters=adapters)
    return backend


def _only_locked(backend: Backend, lock: Lock) -> tuple[str, dict[str, Any]] | None:
    model = model_of(backend)
    if backend.weights is None or backend.shapes is not None or model is None or model not in lock.models:
        return None
    config = config_of(lock.models[model])
    try:
        catalog.model(model)
    except catalog.UnknownName:
        return None if config is None else (model, config)
    return None


def _shapes(config: Mapping[str, Any] | None) -> ModelShapes | None:
    try:
        return shapes_from_config(config) if config is not None else None
    except ShapesError:
        return None
