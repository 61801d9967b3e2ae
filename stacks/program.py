"""The Pulumi program: from the stack's configuration to its resources, on the same road as the CLI.

Not here: planning (inferplan.plan) and building (stacks); pulumi itself is driven by its own commands.

Configuration, all optional: `inferplan:spec` (default specs/<stack without its layer>.yaml),
`inferplan:organization` (default organization), `inferplan:layer` (default the stack's suffix),
`inferplan:as-of` (default today), `inferplan:foundation` (the other layer's stack, default by name).
"""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pulumi

from inferplan.errors import InferplanError
from inferplan.plan.make import make_plan
from inferplan.spec.bar import organization_of
from inferplan.spec.faults import SpecErrors
from inferplan.spec.loading import load
from policies.gates import gates
from stacks import LAYERS, Layer, build


def run() -> None:
    """Declare the resources of this stack's layer; what is wrong is said without a traceback."""
    config = pulumi.Config("inferplan")
    name, _, suffix = pulumi.get_stack().rpartition(".")
    layer = _layer(config.get("layer") or suffix)
    spec = Path(config.get("spec") or f"specs/{name or pulumi.get_stack()}.yaml")
    try:
        declaration = load(spec, _organization(config.get("organization"), spec))
        plan = make_plan(declaration, _as_of(config.get("as-of")), gates)
        build(plan, layer, declaration)
    except (InferplanError, SpecErrors) as error:
        raise pulumi.RunError(str(error)) from error


def _layer(said: str) -> Layer:
    for layer in LAYERS:
        if layer == said:
            return layer
    raise pulumi.RunError(
        f"stack {pulumi.get_stack()}: the layer {said!r} is not one of {', '.join(LAYERS)}; "
        f"call the stack <name>.<layer> or set inferplan:layer"
    )


def _organization(said: str | None, spec: Path) -> Path | None:
    """The folder that was named, the usual one where it exists, else the built-in strict bar."""
    found = organization_of(spec, Path(said) if said else None, Path())
    if found is None:
        pulumi.warn(
            "no organization folder: the built-in strict organization applies (inferplan:organization)"
        )
    return found


def _as_of(said: str | None) -> date:
    if said is None:
        return date.today()
    try:
        return date.fromisoformat(said)
    except ValueError as error:
        raise pulumi.RunError(f"inferplan:as-of: {said!r} is not a date, YYYY-MM-DD") from error
