"""The Pulumi program: from the stack's configuration to its resources, on the same road as the CLI.

It judges itself before it registers anything; the packs are the second gate, on what the engine really does.
Not here: planning (inferplan.plan), rules (policies) and building (stacks); nothing here drives pulumi.

Configuration, all optional: `inferplan:spec` (default specs/<stack without its layer>.yaml),
`inferplan:organization` (default organization), `inferplan:layer` (default the stack's suffix),
`inferplan:as-of` (default today), `inferplan:foundation` (the other layer's stack, default by name),
`inferplan:tunnel-port` (the local port of a tunnel to the API server, default none).
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import pulumi

from inferplan.errors import InferplanError
from inferplan.plan.make import make_plan
from inferplan.report.refusal_text import refusal
from inferplan.spec.bar import organization_of
from inferplan.spec.faults import SpecErrors
from inferplan.spec.loading import load
from policies.evaluate import evaluate
from policies.families import rule_ids
from policies.gates import gates
from stacks import LAYERS, Layer, build
from stacks.record import record_plan

if TYPE_CHECKING:
    from inferplan.records.plan import Plan
    from inferplan.resource import Resource
    from inferplan.spec.declaration import Declaration


def run() -> None:
    """Declare the resources of this stack's layer; what is wrong is said without a traceback."""
    config = pulumi.Config("inferplan")
    name, _, suffix = pulumi.get_stack().rpartition(".")
    layer = _layer(config.get("layer") or suffix)
    spec = Path(config.get("spec") or f"specs/{name or pulumi.get_stack()}.yaml")
    try:
        declaration = load(spec, _organization(config.get("organization"), spec), rules=rule_ids())
        as_of = _as_of(config.get("as-of"))
        plan = make_plan(declaration, as_of, gates)
        _judge(plan, declaration, as_of)
        build(plan, layer, declaration)
    except (InferplanError, SpecErrors) as error:
        raise pulumi.RunError(str(error)) from error


def _judge(plan: Plan, declaration: Declaration, as_of: date) -> None:
    """Refuse what `check --locked` denies before anything is registered; no flag of a command turns it off.

    Only the organization's `warn_only` does, by environment, and then the packs still refuse.
    """
    report = evaluate(declaration, recorded(plan, declaration), as_of, locked=True)
    if report.decision == "allow":
        return
    if declaration.account.environment in declaration.organization.warn_only:
        pulumi.warn(refusal(report))
    else:
        raise pulumi.RunError(refusal(report))


def recorded(plan: Plan, declaration: Declaration) -> tuple[Resource, ...]:
    """Both layers as `check` records them, in another thread: in this one the engine's loop runs."""
    with ThreadPoolExecutor(max_workers=1) as thread:
        return thread.submit(record_plan, plan, declaration).result()


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
