"""Resources that no rule can read: what computes, integrates or carries data, and an empty state.

Not here: the table that says it of each type (inferplan.catalog.resource_types) and the rules that it leaves
undecided (those with `reads_content`).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from inferplan import catalog
from inferplan.records.verdicts import Finding, SubjectRef
from inferplan.resource import Resource
from policies import types
from policies.matcher import matches
from policies.notices import STATE_EMPTY
from policies.packs import all_rules
from policies.rule import Problem, undecided
from policies.stack import Stack

WHOLE_PACKAGES = frozenset({types.AWS, types.KUBERNETES})


def unread_resources(stack: Stack) -> Iterator[tuple[Resource, Problem]]:
    """Every resource of a type that no rule reads, with what to say of it; components declare nothing."""
    for resource in stack.resources:
        if resource.custom and not is_read(resource.type):
            yield (
                resource,
                undecided(f"{resource.type} {catalog.doing(resource.type)}; no rule reads what it does"),
            )


@cache
def is_read(type_token: str) -> bool:
    """Whether a rule names the type, or nothing of this type needs reading."""
    return bool(readers(type_token)) or catalog.harmless(type_token)


@cache
def readers(type_token: str) -> tuple[str, ...]:
    """The rules that name a type; those for all of a package read what its resources have in common."""
    return tuple(rule.id for rule in all_rules() if matches(_named(rule.id), type_token))


@cache
def _named(rule_id: str) -> tuple[str, ...]:
    rule = next(rule for rule in all_rules() if rule.id == rule_id)
    return tuple(
        token
        for check in rule.checks
        if check.scope != "declaration"
        for token in check.applies_to
        if token not in WHOLE_PACKAGES
    ) or ("-",)


def empty_state(stack: Stack) -> Iterator[Finding]:
    """One finding that blocks where a state file holds nothing that could be judged."""
    if any(resource.custom and not resource.type.startswith("pulumi:") for resource in stack.resources):
        return
    yield Finding(
        rule=STATE_EMPTY.id,
        level="mandatory",
        verdict="undecided",
        subject=SubjectRef(kind="state", name="state"),
        file=None,
        line=None,
        column=None,
        path=None,
        message="the state holds no resource, so nothing shows that it keeps the rules",
        fix=STATE_EMPTY.fix,
        source=(),
        waiver=None,
        valid_until=None,
        blocks=True,
        pending=False,
    )
