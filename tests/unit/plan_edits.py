"""Example declarations and small edits of them, shared by the planner's tests.

Not here: tests.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

from msgspec import structs

from inferplan.plan.make import make_plan
from inferplan.records.plan import Plan
from inferplan.resource import Resource
from inferplan.spec.declaration import Declaration
from inferplan.spec.loading import load
from inferplan.spec.model import InferenceStack
from policies.gates import gates
from stacks.record import record_plan

ROOT = Path(__file__).parents[2]
AS_OF = date(2026, 11, 20)
OTHER = ROOT / "tests/fixtures/stacks"  # shapes of stack that no example has, with an organization of theirs
OTHERS = ("adapter", "embedding", "given-cluster", "images", "many-nodes")
EXAMPLES = ("de-clinic-notes", "eu-support-desk", "in-bank-assistant", "minimal", "eu-both-ways")


@cache
def declared(name: str) -> Declaration:
    """An example of specs/ with the example organization, or one of the other shapes with theirs."""
    folder, bar = (OTHER, OTHER) if name in OTHERS else (ROOT / "specs", ROOT)
    return load(folder / f"{name}.yaml", bar / "organization")


@cache
def planned(name: str, mode: str | None = None) -> Plan:
    """The plan of an example, made once per process; raises NoPlan where a mode has none."""
    return make_plan(declared(name), AS_OF, gates, mode)


@cache
def recorded(name: str, mode: str | None = None) -> tuple[Resource, ...]:
    """Both layers of an example, recorded once per process."""
    return record_plan(planned(name, mode), declared(name))


def spec_of(declaration: Declaration) -> InferenceStack:
    """The spec of a stack."""
    assert isinstance(declaration.spec, InferenceStack)
    return declaration.spec


def with_spec(declaration: Declaration, **blocks: Any) -> Declaration:
    """Some top-level blocks changed: a dict changes fields of a block, anything else replaces it."""
    spec = spec_of(declaration)
    for block, said in blocks.items():
        fields = isinstance(said, dict) and block != "backends"
        value = structs.replace(getattr(spec, block), **said) if fields else said
        spec = structs.replace(spec, **{block: value})
    return replace(declaration, spec=spec)


def with_backend(declaration: Declaration, name: str, **fields: Any) -> Declaration:
    """Some fields of one backend changed; dicts change fields of its engine and capacity."""
    backends = spec_of(declaration).backends
    changed = {
        field: structs.replace(getattr(backends[name], field), **said) if isinstance(said, dict) else said
        for field, said in fields.items()
    }
    return with_spec(declaration, backends=backends | {name: structs.replace(backends[name], **changed)})


def with_route(declaration: Declaration, index: int = 0, **fields: Any) -> Declaration:
    """Some fields of one route changed; dicts change fields of its load and objectives."""
    routes = list(spec_of(declaration).routes)
    changed = {
        field: structs.replace(getattr(routes[index], field), **said) if isinstance(said, dict) else said
        for field, said in fields.items()
    }
    routes[index] = structs.replace(routes[index], **changed)
    return with_spec(declaration, routes=tuple(routes))


def with_countries(declaration: Declaration, *countries: str) -> Declaration:
    """The account registered for, and the spec's residency limited to, some countries."""
    account = spec_of(declaration).target.account or ""
    accounts = declaration.organization.accounts
    wide = structs.replace(accounts[account], countries=countries)
    organization = structs.replace(declaration.organization, accounts=accounts | {account: wide})
    residency = spec_of(declaration).data.residency
    assert residency is not None
    narrow = structs.replace(residency, countries=countries)
    return replace(with_spec(declaration, data={"residency": narrow}), organization=organization)


def with_environment(declaration: Declaration, environment: str) -> Declaration:
    """The account registered for another environment."""
    account = spec_of(declaration).target.account or ""
    accounts = declaration.organization.accounts
    entry = structs.replace(accounts[account], environment=environment)
    organization = structs.replace(declaration.organization, accounts=accounts | {account: entry})
    return replace(declaration, organization=organization)
