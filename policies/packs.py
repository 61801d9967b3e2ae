"""The packs and their rules as one list, for listing, looking up and running.

Not here: the rules, and the adapter to CrossGuard.
"""

from __future__ import annotations

from policies.rule import Rule
from policies.sovereignty import RULES as SOVEREIGNTY


def all_rules() -> tuple[Rule, ...]:
    """Every rule of every pack, by id."""
    return tuple(sorted(SOVEREIGNTY, key=lambda rule: rule.id))


def find_rule(rule_id: str) -> Rule | None:
    """The rule with this id or alias, however it is cased."""
    wanted = rule_id.upper()
    return next((rule for rule in all_rules() if wanted in (rule.id, *rule.aliases)), None)
