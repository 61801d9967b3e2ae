"""What a rule is: one object that explains itself, its examples, and one pure check per kind of subject.

Not here: who runs rules (evaluate), what they may ask (context), or any rule (sovereignty).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

from inferplan.resource import Resource

if TYPE_CHECKING:
    from policies.context import Context

Verdict = Literal["pass", "fail", "undecided", "not_applicable"]
VERDICTS: tuple[Verdict, ...] = ("not_applicable", "pass", "undecided", "fail")  # mildest first
Level = Literal["mandatory", "advisory"]
Scope = Literal["declaration", "resource", "stack"]
SCOPES: tuple[Scope, ...] = ("declaration", "resource", "stack")
DECLARED_KINDS = ("spec", "route", "backend", "vendor", "account")


def worst(verdicts: list[Verdict]) -> Verdict:
    """The verdict of a whole from the verdicts of its parts: fail, undecided, pass, not_applicable."""
    return max(verdicts, key=VERDICTS.index, default="not_applicable")


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What a verdict is about: a declared thing (`path` is its place in the spec) or a resource (`urn`)."""

    kind: str
    name: str
    value: Any
    path: str | None = None
    type: str | None = None
    urn: str | None = None

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One pure function of a rule and the subjects it judges.

    `applies_to` holds declared kinds (`route`) or type tokens with `*` (`aws:ec2/*`). A declaration check
    gets the declared record, a resource check the Resource, a stack check the matching resources as a tuple.
    """

    scope: Scope
    applies_to: tuple[str, ...]
    run: Callable[[Any, Context], Iterator[Outcome]]

    def matches(self, type_token: str) -> bool:
        """Whether a resource of this type is a subject of the check."""
        return bool(_pattern(self.applies_to).fullmatch(type_token))


@lru_cache(maxsize=512)
def _pattern(applies_to: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(re.escape(token).replace(r"\*", ".*") for token in applies_to))


DROP = object()  # as the value of a change: take the property or field out


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A small stack that keeps the rule: resources, and edits of the base declaration (policies.example)."""

    note: str
    resources: tuple[Resource, ...] = ()
    spec: Mapping[str, Any] = field(default_factory=dict)
    organization: Mapping[str, Any] = field(default_factory=dict)
    base: Literal["own", "vendor", "both"] = "own"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """The one change that makes a passing example break the rule; `props` keys are `resource name:path`.

    `also` names the other rules that the same change breaks, `verdict` what the rule then says.
    """

    note: str
    of: int = 0
    props: Mapping[str, Any] = field(default_factory=dict)
    add: tuple[Resource, ...] = ()
    remove: tuple[str, ...] = ()
    spec: Mapping[str, Any] = field(default_factory=dict)
    organization: Mapping[str, Any] = field(default_factory=dict)
    also: tuple[str, ...] = ()
    verdict: Literal["fail", "undecided"] = "fail"


LevelOf = Callable[["Context"], Level]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule: what it asks, why, how to mend it, where it comes from, and how it is checked."""

    id: str
    title: str
    why: str
    fix: str
    source: tuple[str, ...]
    level: Level | LevelOf
    checks: tuple[Check, ...]
    passing: tuple[Example, ...]
    failing: tuple[Change, ...]
    regimes: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    when: Callable[[Context], bool] | None = None  # False: not applicable to this declaration
    pack: str = "sovereignty"

    @property
    def applies_to(self) -> tuple[str, ...]:
        """Kinds and type tokens of all checks."""
        return tuple(dict.fromkeys(token for check in self.checks for token in check.applies_to))

    @property
    def scopes(self) -> frozenset[Scope]:
        """Where the rule runs."""
        return frozenset(check.scope for check in self.checks)

    @property
    def level_name(self) -> str:
        """`mandatory`, `advisory`, or both where the declaration decides."""
        return self.level if isinstance(self.level, str) else "mandatory/advisory"


CheckFunction = Callable[[Any, "Context"], Iterator[Outcome]]


def on_declaration(run: CheckFunction, *kinds: str) -> Check:
    """A check of declared things; under Pulumi it stops an update before anything exists."""
    return Check(scope="declaration", applies_to=kinds, run=run)


def on_resource(run: CheckFunction, *types: str) -> Check:
    """A check of what one resource shows by itself."""
    return Check(scope="resource", applies_to=types, run=run)


def on_stack(run: CheckFunction, *types: str) -> Check:
    """A check that needs several resources; it gets the matching ones, the others are in `context.stack`."""
    return Check(scope="stack", applies_to=types, run=run)


def rule(**fields: Any) -> Callable[[CheckFunction], Rule]:
    """Make a rule of the function below: `on` says what it is called with, `more` adds further checks."""
    kinds: tuple[str, ...] = fields.pop("on")
    scope: Scope | None = fields.pop("scope", None)
    more: tuple[Check, ...] = fields.pop("more", ())

    def make(run: CheckFunction) -> Rule:
        chosen = scope or ("declaration" if kinds[0] in DECLARED_KINDS else "resource")
        return Rule(checks=(Check(scope=chosen, applies_to=kinds, run=run), *more), **fields)

    return make
