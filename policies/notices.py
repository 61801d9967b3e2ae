"""Findings that belong to no rule: about pins, waivers, the organization, facts and an empty state.

Not here: pins themselves (pins), what makes a waiver void (register), and rules.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from msgspec.structs import replace

from inferplan.near import did_you_mean, near
from inferplan.records.verdicts import Finding, SubjectRef
from inferplan.spec.organization import Waiver
from policies import register
from policies.context import FACT_AGE_DAYS, Context

if TYPE_CHECKING:
    from policies.rule import Rule

RENEW = "renew it with a reason and a different approver, or withdraw it"


@dataclass(frozen=True, slots=True)
class Notice:
    """A finding that no rule makes: its id, what it says, what to do, and the lines that it rests on."""

    id: str
    title: str
    fix: str
    source: tuple[str, ...] = ()


LOCK_MISSING = Notice(
    "LOCK-MISSING",
    "There is no lock, so nothing is pinned; refused by `--locked` and under Pulumi",
    "`inferplan lock SPEC` writes the pins into the .lock.yaml file beside the spec.",
    ("002:44",),
)
PIN_MISSING = Notice(
    "PIN-MISSING",
    "The lock lacks a pin that the spec needs; refused by `--locked` and under Pulumi",
    "`inferplan lock SPEC` adds it to the lock beside the spec.",
    ("002:44",),
)
STATE_EMPTY = Notice(
    "STATE-EMPTY",
    "The state file holds no resource, so there is nothing to judge",
    "Export the stack that was deployed, or judge the plan without `--state`.",
)
ORGANIZATION_DEFAULT = Notice(
    "ORGANIZATION-DEFAULT",
    "No organization was given, so the built-in strict one applies",
    "name the platform team's folder",
)
WAIVER_NOT_WAIVABLE = Notice("WAIVER-NOT-WAIVABLE", "A waiver of a rule that nobody may waive", RENEW)
WAIVER_SELF_APPROVED = Notice("WAIVER-SELF-APPROVED", "Owner and approver of a waiver are one person", RENEW)
WAIVER_NOT_YET = Notice("WAIVER-NOT-YET", "A waiver that was created after the day of the run", RENEW)
WAIVER_EXPIRED = Notice("WAIVER-EXPIRED", "A waiver that has ended", RENEW)
WAIVER_UNUSED = Notice("WAIVER-UNUSED", "A waiver that covers nothing", RENEW)
RULE_UNBUILT = Notice(
    "RULE-UNBUILT",
    "A waiver of a rule that is published, and that nothing checks yet",
    "withdraw it, or keep it for the version that checks the rule",
)
RULE_KEEPS_LEVEL = Notice(
    "RULE-KEEPS-LEVEL",
    "The organization lowers a rule that it lets nobody waive; the lower level is ignored",
    "take the rule out of `rules`, or out of `not_waivable`",
)
FACTS_AGE = Notice(
    "FACTS-AGE",
    f"Facts that the verdicts rest on are older than {FACT_AGE_DAYS} days",
    "read their sources again and renew the dates in the catalog",
)
NOTICES = (
    LOCK_MISSING,
    PIN_MISSING,
    STATE_EMPTY,
    ORGANIZATION_DEFAULT,
    WAIVER_NOT_WAIVABLE,
    WAIVER_SELF_APPROVED,
    WAIVER_NOT_YET,
    WAIVER_EXPIRED,
    WAIVER_UNUSED,
    RULE_UNBUILT,
    RULE_KEEPS_LEVEL,
    FACTS_AGE,
)
_BY_ID = {notice.id: notice for notice in NOTICES}


def find_notice(notice_id: str) -> Notice | None:
    """The notice with this id, however it is cased."""
    return _BY_ID.get(notice_id.upper())


def notices(context: Context, used: Collection[int], rules: Collection[Rule]) -> Iterator[Finding]:
    """What is wrong with waivers that aim at this spec (`used` are those that cover something), one line
    about old facts, and packages that nobody reads."""
    if context.declared:
        if context.declaration.organization_is_default:
            yield _finding(ORGANIZATION_DEFAULT, "no organization was given: the built-in strict bar applies")
        implemented = {id_ for rule in rules for id_ in (rule.id, *rule.aliases)}
        yield from _waivers(context, used, implemented)
        yield from _kept_levels(context)
    yield from _old_facts(context)


def _waivers(context: Context, used: Collection[int], implemented: Collection[str]) -> Iterator[Finding]:
    for waiver in context.declaration.waivers:
        if not register.covers(waiver, None, context):
            continue
        found = register.flaw(waiver, context)
        here = waiver.scope.spec is not None and waiver.rule in implemented
        if found is None and here and id(waiver) not in used:
            found = WAIVER_UNUSED.id, _unused(waiver, context)
        if found is None and waiver.rule not in implemented:
            found = RULE_UNBUILT.id, f"waiver {waiver.ticket} lifts {waiver.rule}, which nothing checks yet"
        if found is not None:
            yield _finding(_BY_ID[found[0]], found[1])


def _unused(waiver: Waiver, context: Context) -> str:
    title, subject = f"waiver {waiver.ticket} of {waiver.rule}", waiver.scope.subject
    names = set(_names(context))
    if subject is None or any(fnmatchcase(name, subject) for name in names):
        return f"{title} covers nothing: withdraw it"
    hint = did_you_mean(near(subject, sorted(names)))
    return f"{title} covers nothing: nothing is called '{subject}'" + (f"; {hint}" if hint else "")


def _names(context: Context) -> Iterator[str]:
    """What a waiver may name here, as `register.covers` compares it."""
    yield context.spec.metadata.name
    for serving in context.listed:
        yield from (serving.name, *serving.pair, *filter(None, [serving.backend.backend.vendor]))
    for resource in context.stack.resources:
        yield from (resource.name, resource.urn)
    yield str(context.spec.target.account)


def _kept_levels(context: Context) -> Iterator[Finding]:
    """What `register.level_now` ignores is said, with its place."""
    fixed = context.organization.not_waivable
    for rule, setting in context.organization.rules.items():
        if rule in fixed and setting.level != "mandatory":
            message = f"rules sets {rule} to {setting.level}, which counts for nothing: it is not_waivable"
            path = f"organization.rules.{rule}"
            file, line, column = context.declaration.locate(path)
            found = _finding(RULE_KEEPS_LEVEL, message)
            yield replace(found, file=file, line=line, column=column, path=path)


def _old_facts(context: Context) -> Iterator[Finding]:
    old = sorted(
        (day, fact)
        for fact, day in context.facts_used.items()
        if day is not None and (context.as_of - day).days > FACT_AGE_DAYS
    )
    if old:
        message = (
            f"{len(old)} facts are older than {FACT_AGE_DAYS} days; the oldest is {old[0][1]} of {old[0][0]}"
        )
        yield _finding(FACTS_AGE, message)


def state_empty(message: str) -> Finding:
    """The one notice that blocks: there is nothing to judge."""
    found = _finding(STATE_EMPTY, message)
    about = SubjectRef(kind="state", name="state")
    return replace(found, level="mandatory", verdict="undecided", subject=about, blocks=True)


def _finding(notice: Notice, message: str) -> Finding:
    return Finding(
        rule=notice.id,
        level="advisory",
        verdict="fail",
        subject=SubjectRef(kind="organization", name="organization"),
        file=None,
        line=None,
        column=None,
        path=None,
        message=message,
        fix=notice.fix,
        source=notice.source,
        waiver=None,
        valid_until=None,
        blocks=False,
    )
