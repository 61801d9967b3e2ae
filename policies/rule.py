"""What a rule is: one object that explains itself, its checks, and its examples, in the order they are read.

Not here: who runs rules (evaluate), what they may ask (context), or any rule (sovereignty, governance).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any, Literal

from inferplan.records.verdicts import Level, Verdict
from inferplan.resource import Resource
from policies.matcher import matches

if TYPE_CHECKING:
    from policies.context import Context, Serving

VERDICTS: tuple[Verdict, ...] = ("not_applicable", "pass", "undecided", "fail")  # mildest first
Scope = Literal["declaration", "resource", "stack"]
SCOPES: tuple[Scope, ...] = ("declaration", "resource", "stack")
# A backend on a route: of any kind, or of one.
SERVING_KINDS = ("serving", "managed-api", "self-hosted")
# A network or cluster that exists and that the spec builds into, as the platform team has registered it.
GIVEN_KINDS = ("network", "cluster")
# What a declaration check is called with.
DECLARED_KINDS = ("spec", "account", "route", *SERVING_KINDS, *GIVEN_KINDS)


def worst(verdicts: list[Verdict]) -> Verdict:
    """The verdict of a whole from the verdicts of its parts: fail, undecided, pass, not_applicable."""
    return max(verdicts, key=VERDICTS.index, default="not_applicable")


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What a verdict is about: a declared thing (`path` is its place in the spec) or a resource (`urn`).

    `parts` are further names by which a waiver may mean it.
    """

    kind: str
    name: str
    value: Any
    path: str | None = None
    type: str | None = None
    urn: str | None = None
    parts: tuple[str, ...] = ()

    @classmethod
    def of(cls, resource: Resource) -> Subject:
        """The subject that a resource is."""
        return cls(kind="resource", name=resource.name, value=resource, type=resource.type, urn=resource.urn)


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """What a check found wrong, or could not decide; `path` is relative to the subject."""

    verdict: Literal["fail", "undecided"]
    message: str
    path: str | None = None
    subject: Resource | None = None  # stack checks name the resource; None means the subject that was checked
    pending: bool = False  # only `inferplan lock` can settle it


@dataclass(frozen=True, slots=True)
class Lapse:
    """A pass that ends by itself: the last day it holds, and what ends it."""

    until: date
    what: str


Outcome = Problem | Lapse


def fail(message: str, *, path: str | None = None, subject: Resource | None = None) -> Problem:
    """The subject breaks the rule; the message never holds property values that may be secret."""
    return Problem(verdict="fail", message=message, path=path, subject=subject)


def undecided(
    message: str, *, path: str | None = None, subject: Resource | None = None, pending: bool = False
) -> Problem:
    """The rule cannot be decided: the message says which value is unknown or which fact unverified."""
    return Problem(verdict="undecided", message=message, path=path, subject=subject, pending=pending)


CheckFunction = Callable[[Any, "Context"], Iterator[Outcome]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One pure function of a rule and the subjects it judges.

    `applies_to` holds declared kinds (`route`) or type tokens with `*` (`aws:ec2/*`). A declaration check
    gets the declared record, a resource check the Resource, a stack check the matching resources as a tuple.
    """

    scope: Scope
    applies_to: tuple[str, ...]
    run: CheckFunction

    def matches(self, type_token: str) -> bool:
        """Whether a resource of this type is a subject of the check."""
        return matches(self.applies_to, type_token)


DROP = object()  # as the value of an edit: take the property or field out


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A small stack that keeps the rule: resources, and edits of a base declaration (policies.world)."""

    note: str
    resources: tuple[Resource, ...] = ()
    world: str = "own"
    given: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """The one change that makes a passing example (`of` is its place) break the rule.

    Keys of `edits` are `resource name:path`, `spec:path` or `organization:path`. `also` names the other rules
    that the same change breaks, `verdict` what the rule then says.
    """

    note: str
    of: int
    edits: Mapping[str, Any] = field(default_factory=dict)
    add: tuple[Resource, ...] = ()
    remove: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    verdict: Literal["fail", "undecided"] = "fail"


LevelOf = Callable[["Context", "Serving | None"], Level]


@dataclass(slots=True, kw_only=True, eq=False)
class Rule:
    """One rule: what it asks, why, how to mend it, where it comes from; then its checks, then its examples.

    `level` may be a function of the declaration and, where one is judged, of one backend on one route.
    `reads_content` says that it asks where payload goes: what no rule reads then leaves it undecided.
    """

    id: str
    title: str
    why: str
    fix: str
    source: tuple[str, ...]
    level: Level | LevelOf
    regimes: tuple[str, ...] = ()
    sectors: tuple[str, ...] = ()  # whose laws it serves
    aliases: tuple[str, ...] = ()
    when: Callable[[Context], bool] | None = None  # False: not applicable to this declaration
    reads_content: bool = False
    checks: tuple[Check, ...] = ()
    passing: tuple[Example, ...] = ()
    failing: tuple[Change, ...] = ()

    # -- how a rule module is written --------------------------------------------------------------
    def check(self, *applies_to: str) -> Callable[[CheckFunction], CheckFunction]:
        """A check of one subject at a time: of declared kinds, or of resources by type token.

        Declaration checks stop an update before anything exists.
        """
        return self._checking("resource" if ":" in applies_to[0] else "declaration", applies_to)

    def check_stack(self, *types: str) -> Callable[[CheckFunction], CheckFunction]:
        """A check that needs several resources: it gets the matching ones; context.stack has the others."""
        return self._checking("stack", types)

    def _checking(
        self, scope: Scope, applies_to: tuple[str, ...]
    ) -> Callable[[CheckFunction], CheckFunction]:
        def add(run: CheckFunction) -> CheckFunction:
            self.checks += (Check(scope=scope, applies_to=applies_to, run=run),)
            return run

        return add

    def passes(
        self, note: str, *resources: Resource, world: str = "own", given: Mapping[str, Any] | None = None
    ) -> None:
        """An example that keeps the rule; `given` edits the base declaration of `world`."""
        self.passing += (Example(note=note, resources=resources, world=world, given=given or {}),)

    def fails(
        self,
        note: str,
        edits: Mapping[str, Any] | None = None,
        *,
        add: tuple[Resource, ...] = (),
        remove: tuple[str, ...] = (),
        also: tuple[str, ...] = (),
    ) -> None:
        """One change of the passing example above it that breaks the rule."""
        self._broken(note, edits, add, remove, also, "fail")

    def is_undecided(
        self,
        note: str,
        edits: Mapping[str, Any] | None = None,
        *,
        add: tuple[Resource, ...] = (),
        remove: tuple[str, ...] = (),
        also: tuple[str, ...] = (),
    ) -> None:
        """One change of the passing example above it that leaves the rule without an answer."""
        self._broken(note, edits, add, remove, also, "undecided")

    def _broken(
        self,
        note: str,
        edits: Mapping[str, Any] | None,
        add: tuple[Resource, ...],
        remove: tuple[str, ...],
        also: tuple[str, ...],
        verdict: Literal["fail", "undecided"],
    ) -> None:
        self.failing += (
            Change(
                note=note,
                of=len(self.passing) - 1,
                edits=edits or {},
                add=add,
                remove=remove,
                also=also,
                verdict=verdict,
            ),
        )

    # -- what is said of it ------------------------------------------------------------------------
    @property
    def applies_to(self) -> tuple[str, ...]:
        """Kinds and type tokens of all checks."""
        return tuple(dict.fromkeys(token for check in self.checks for token in check.applies_to))

    @property
    def scopes(self) -> frozenset[Scope]:
        """Where the rule runs."""
        return frozenset(check.scope for check in self.checks)

    @property
    def judges_servings(self) -> bool:
        """Whether it says which backend may serve which route."""
        return any(kind in check.applies_to for check in self.checks for kind in SERVING_KINDS)

    @property
    def pack(self) -> str:
        """The pack whose folder holds the rule's module."""
        return self.checks[0].run.__module__.split(".")[1]

    @property
    def level_name(self) -> str:
        """`mandatory`, `advisory`, or both where the declaration decides."""
        return self.level if isinstance(self.level, str) else "mandatory/advisory"
