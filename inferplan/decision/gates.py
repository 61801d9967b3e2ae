"""What the gates leave of a spec: routes without the removed backends, and the modes that remain.

Not here: the rules that gates come from (policies), and the choice among what is left (mode_choice).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec.structs import replace

from inferplan.records.base import Kind
from inferplan.records.gate import Gate
from inferplan.records.no_plan import Conflict, NoPlan
from inferplan.spec.declaration import backend_kind
from inferplan.spec.model import InferenceStack


def without_removed(spec: InferenceStack, removed: Sequence[Gate]) -> InferenceStack:
    """The spec with only the backends that no gate removed; raises NoPlan when a route has none left."""
    routes, conflicts = [], []
    for index, route in enumerate(spec.routes):
        out = {gate.backend for gate in removed if gate.route == route.name}
        left = tuple(name for name in route.backends if name not in out)
        if not left:
            conflicts += _conflicts(index, [gate for gate in removed if gate.route == route.name])
        routes.append(replace(route, backends=left or route.backends))
    if conflicts:
        raise NoPlan("the rules leave a route without any backend", tuple(conflicts))
    return replace(spec, routes=tuple(routes))


def _conflicts(index: int, gates_: Iterable[Gate]) -> list[Conflict]:
    return [
        Conflict(path=f"routes[{index}].backends", value=gate.backend, reason=f"{gate.rule}: {gate.reason}")
        for gate in gates_
    ]


def kinds_left(spec: InferenceStack) -> tuple[Kind, ...]:
    """Modes in which every route has a backend; hybrid needs both kinds somewhere."""
    kinds = [{backend_kind(spec.backends[name]) for name in route.backends} for route in spec.routes]
    found: dict[Kind, bool] = {
        "self-hosted": all("self-hosted" in one for one in kinds),
        "managed-api": all("managed-api" in one for one in kinds),
        "hybrid": {"self-hosted", "managed-api"} <= set().union(*kinds),
    }
    return tuple(kind for kind, possible in found.items() if possible)
