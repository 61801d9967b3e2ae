"""Drafts of the example specs and their bills, for the tests of cost."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from functools import cache
from pathlib import Path

import msgspec

from inferplan.decision import Question
from inferplan.plan.search import Built, cheapest
from inferplan.records.draft import Draft
from inferplan.records.plan import Cost, CostLine
from inferplan.spec.declaration import Declaration
from inferplan.spec.loading import load
from inferplan.spec.model import InferenceStack, Load
from policies.gates import gates

ROOT = Path(__file__).parents[2]
AS_OF = date(2026, 11, 20)
EXAMPLES = ("de-clinic-notes", "eu-both-ways", "eu-support-desk", "in-bank-assistant", "minimal")


@cache
def declared(name: str) -> Declaration:
    """An example with its lock and the example organization."""
    return load(ROOT / "specs" / f"{name}.yaml", ROOT / "organization")


def stack(declaration: Declaration) -> InferenceStack:
    """The spec of a declaration, which is a stack's here."""
    assert isinstance(declaration.spec, InferenceStack)
    return declaration.spec


def with_spec(declaration: Declaration, **changes: object) -> Declaration:
    """The declaration with top-level fields of its spec replaced."""
    return replace(declaration, spec=msgspec.structs.replace(stack(declaration), **changes))


def with_load(declaration: Declaration, **changes: object) -> Declaration:
    """The declaration with the load of every route changed."""
    routes = tuple(
        msgspec.structs.replace(route, load=msgspec.structs.replace(route.load, **changes))
        for route in stack(declaration).routes
    )
    return with_spec(declaration, routes=routes)


def times(load_: Load, factor: float) -> Load:
    """A load so many times as large."""
    peak, monthly = load_.peak_requests_per_second, load_.monthly_requests
    return msgspec.structs.replace(
        load_,
        peak_requests_per_second=None if peak is None else peak * factor,
        monthly_requests=None if monthly is None else round(monthly * factor),
    )


@cache
def built(name: str, mode: str | None = None) -> Built:
    """The cheapest stack of an example, in its own mode or another."""
    declaration = declared(name)
    return cheapest(Question.of(with_spec(declaration, mode=mode) if mode else declaration, AS_OF, gates))


def draft(name: str, mode: str | None = None) -> Draft:
    """Its draft."""
    return built(name, mode).draft


def line(cost: Cost, name: str) -> CostLine:
    """One line of a bill."""
    (found,) = [one for one in cost.lines if one.name == name]
    return found
