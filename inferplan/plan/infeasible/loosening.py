"""A requirement of a spec and the changes that loosen it, as edits of the declaration.

Not here: which requirements a spec has (requirements, backend_requirements).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from dataclasses import replace as with_fields

from msgspec.structs import replace

from inferplan.records.draft import Draft
from inferplan.records.no_plan import FieldEdit
from inferplan.spec.declaration import Declaration
from inferplan.spec.model import Backend, Capacity, Engine, InferenceStack

Edit = Callable[[Declaration], Declaration]
Say = Callable[[Draft], str]


@dataclass(frozen=True, kw_only=True)
class Change:
    """One way of saying a requirement otherwise; `say` words it, given the stack that it makes possible.

    `settled` gives, for that stack, the same change in exact values, best first: what a person is told to
    write. `asks` are fields that only a person can fill in.
    """

    edit: Edit
    say: Say
    settled: Callable[[Draft], tuple[Change, ...]] | None = None
    asks: tuple[FieldEdit, ...] = ()

    def written(self, draft: Draft) -> tuple[Change, ...]:
        """The change as it is proposed, given the stack that it makes possible."""
        return self.settled(draft) if self.settled is not None else (self,)


@dataclass(frozen=True, kw_only=True)
class Requirement:
    """Something the spec requires. Any of `changes` loosens it.

    `in_steps`: the changes go from the smallest step to the largest, and the smallest that works is proposed.
    `is_wider`: the last change admits whatever the spec admits as it stands.
    `is_choice`: each change is tried, the best first, as none admits what the others do.
    """

    path: str
    value: str
    short: str  # for the summary line
    changes: tuple[Change, ...]
    in_steps: bool = False
    is_wider: bool = True
    is_choice: bool = False

    @property
    def loosest(self) -> tuple[int | None, ...]:
        """The changes that together admit most; None is the requirement as it stands."""
        if self.is_choice:
            return (*range(len(self.changes)), None)
        last = len(self.changes) - 1
        return (last,) if self.is_wider else (last, None)


def spec_of(declaration: Declaration) -> InferenceStack:
    """The spec of a stack."""
    assert isinstance(declaration.spec, InferenceStack)
    return declaration.spec


def edit_spec(change: Callable[[InferenceStack], InferenceStack]) -> Edit:
    """An edit of the spec."""
    return lambda declaration: with_fields(declaration, spec=change(spec_of(declaration)))


def edit_backend(name: str, change: Callable[[Backend], Backend]) -> Edit:
    """An edit of one backend."""
    return edit_spec(lambda spec: replace(spec, backends=spec.backends | {name: change(spec.backends[name])}))


def edit_engine(name: str, change: Callable[[Engine], Engine]) -> Edit:
    """An edit of one backend's engine."""
    return edit_backend(name, lambda backend: replace(backend, engine=change(backend.engine)))


def edit_capacity(name: str, change: Callable[[Capacity], Capacity]) -> Edit:
    """An edit of one backend's capacity."""
    return edit_backend(name, lambda backend: replace(backend, capacity=change(backend.capacity)))


def always(text: str) -> Say:
    """The same words whatever the stack."""
    return lambda draft: text
