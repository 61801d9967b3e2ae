"""Resources that no rule can read: what computes, integrates or carries data, and an empty state.

Not here: the table that says it of each type (inferplan.catalog.resource_types) and the rules that it leaves
undecided (those with `reads_content`).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from inferplan import catalog
from inferplan.records.verdicts import Finding
from inferplan.resource import Resource
from policies import types
from policies.matcher import matches
from policies.notices import state_empty
from policies.packs import all_rules
from policies.rule import Problem, Rule, undecided
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
    return tuple(rule.id for rule, tokens in _named() if tokens and matches(tokens, type_token))


@cache
def _named() -> tuple[tuple[Rule, tuple[str, ...]], ...]:
    """Every rule with the type tokens that it names itself."""
    return tuple((rule, tuple(filter(_is_own_name, rule.applies_to))) for rule in all_rules())


def _is_own_name(token: str) -> bool:
    return ":" in token and token not in WHOLE_PACKAGES  # a declared kind has no colon


def empty_state(stack: Stack) -> Iterator[Finding]:
    """One finding that blocks where a state file holds nothing that could be judged."""
    if not any(resource.custom and not resource.type.startswith("pulumi:") for resource in stack.resources):
        yield state_empty("the state holds no resource, so nothing shows that it keeps the rules")
