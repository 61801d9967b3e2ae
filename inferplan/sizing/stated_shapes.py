"""Shapes that spec or lock state, read before anything is planned: what is wrong there is an error of theirs.

Not here: reading one description (config_json), and whether the model fits (memory).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from inferplan.near import did_you_mean, near
from inferplan.sizing.config_fields import counted_architectures
from inferplan.sizing.config_json import shapes_from_config
from inferplan.sizing.constants import removed_architectures
from inferplan.sizing.locked_shapes import described_by_lock
from inferplan.sizing.shapes import ShapesError
from inferplan.spec.declaration import Declaration
from inferplan.spec.faults import SpecError, SpecErrors
from inferplan.spec.model import InferenceStack
from inferplan.spec.position import joined


def refuse_shapes(declaration: Declaration) -> None:
    """Raise SpecErrors with everything in `shapes`, or what the lock has instead, that describes no model."""
    spec = declaration.spec
    if not isinstance(spec, InferenceStack):
        return
    stated = [
        (("backends", name, "shapes"), backend.shapes)
        for name, backend in spec.backends.items()
        if backend.weights is not None and backend.shapes is not None
    ]
    locked = [(("lock", "models", model, "config"), said) for model, said in described_by_lock(declaration)]
    found = [
        _error(declaration, parts, said, problem, hint)
        for parts, said in (*stated, *locked)
        for problem, hint in _problems(said)
    ]
    if found:
        raise SpecErrors(found)


def _problems(said: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Each problem, which begins with the field it is about, and its hint."""
    try:
        shapes = shapes_from_config(said)
    except ShapesError as refused:
        for problem in refused.problems:
            close = near(problem.partition(" ")[0], said) if problem.endswith(" is missing") else ()
            yield problem, f"is {close[0]} meant for it?" if close else ""
        return
    known = counted_architectures() | set(removed_architectures())
    if shapes.architecture is not None and shapes.architecture not in known:
        close = near(shapes.architecture, sorted(known))
        yield (
            f"architectures '{shapes.architecture}' is unknown to the catalog",
            did_you_mean(close) or "leave it out where the engine is known to serve the model",
        )


def _error(
    declaration: Declaration, at: tuple[str, ...], said: dict[str, Any], problem: str, hint: str
) -> SpecError:
    field, _, rest = problem.partition(" ")
    parts = (*at, field) if field in said else at
    file, line, column = declaration.locate(joined(parts))
    text = rest if field in said else problem
    return SpecError(file=file, line=line, column=column, path=joined(parts), problem=text, hint=hint)
