"""The organization's say over verdicts: levels in time, waivers, and what is wrong with the register itself.

Not here: rules and their verdicts (rule, evaluate).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from fnmatch import fnmatchcase
from typing import Literal

from inferplan.records.verdicts import Level, WaiverRef
from inferplan.spec.organization import Waiver
from policies.context import Context, Serving, Undecidable
from policies.rule import Rule, Subject


@dataclass(frozen=True, slots=True)
class LevelNow:
    """The level a rule has on the day, and the day from which it is mandatory where that is announced."""

    level: Level | Literal["disabled"]
    mandatory_from: date | None = None


def level_now(rule: Rule, context: Context, *, existing: bool, serving: Serving | None = None) -> LevelNow:
    """The rule's own level (for one backend on a route where one is named), unless the organization raises,
    announces or disables it.

    An announced rule is advisory until its day; rules that cannot be waived keep at least their own level.
    """
    own = _own_level(rule, context, serving)
    if not context.declared:
        return LevelNow(own)
    organization = context.organization
    setting = next(
        (organization.rules[id_] for id_ in (rule.id, *rule.aliases) if id_ in organization.rules), None
    )
    fixed = rule.id in organization.not_waivable
    if setting is None or (fixed and setting.level != "mandatory"):
        return LevelNow(own)
    day = (setting.existing_stacks_from if existing else None) or setting.from_
    starts = date.fromisoformat(day) if day else None
    if starts is None or starts <= context.as_of:
        return LevelNow(setting.level)
    if setting.level != "mandatory":
        return LevelNow(own)
    return LevelNow(own if fixed else "advisory", mandatory_from=starts)


def _own_level(rule: Rule, context: Context, serving: Serving | None) -> Level:
    if isinstance(rule.level, str):
        return rule.level
    try:
        return rule.level(context, serving)
    except Undecidable:
        return "mandatory"


def waiver_for(rule: Rule, subject: Subject, waivers: Iterable[Waiver], context: Context) -> Waiver | None:
    """The waiver in force that covers this rule and subject; the one that lasts longest where several do."""
    covering = [
        waiver
        for waiver in waivers
        if waiver.rule in {rule.id, *rule.aliases}
        and covers(waiver, subject, context)
        and flaw(waiver, context, rule) is None
    ]
    return max(covering, key=lambda waiver: waiver.expires, default=None)


def covers(waiver: Waiver, subject: Subject | None, context: Context) -> bool:
    """Whether the waiver's scope holds this spec and subject (shell patterns; what is left out is any)."""
    if waiver.scope.spec is not None and not fnmatchcase(context.spec.metadata.name, waiver.scope.spec):
        return False
    if subject is None or waiver.scope.subject is None:
        return True
    names = (subject.name, subject.urn, *subject.parts)
    return any(fnmatchcase(name, waiver.scope.subject) for name in names if name)


def flaw(waiver: Waiver, context: Context, rule: Rule | None = None) -> tuple[str, str] | None:
    """Why a waiver does not count, as the id and message of its own finding; `rule` adds its aliases."""
    title = f"waiver {waiver.ticket} of {waiver.rule}"
    names = {waiver.rule, *((rule.id, *rule.aliases) if rule else ())}
    if names & set(context.organization.not_waivable):
        return "WAIVER-NOT-WAIVABLE", f"{title} does not count: the organization lets nobody waive this rule"
    if waiver.owner.strip().casefold() == waiver.approver.strip().casefold():
        return "WAIVER-SELF-APPROVED", f"{title} does not count: {waiver.owner} approved it himself"
    if date.fromisoformat(waiver.created) > context.as_of:
        return "WAIVER-NOT-YET", f"{title} does not count before {waiver.created}"
    if date.fromisoformat(waiver.expires) < context.as_of:
        return "WAIVER-EXPIRED", f"{title} ended on {waiver.expires}"
    return None


def reference(waiver: Waiver) -> WaiverRef:
    """What a report says about a waiver."""
    return WaiverRef(
        ticket=waiver.ticket,
        reason=waiver.reason,
        owner=waiver.owner,
        approver=waiver.approver,
        expires=waiver.expires,
    )


def day_before(day: date) -> date:
    """The last day before a change."""
    return day - timedelta(days=1)
