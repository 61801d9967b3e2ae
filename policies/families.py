"""Every rule id that is published, implemented or not: families.json says how many rules a family has.

Not here: the rules (packs) and the page that lists them.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import msgspec

from inferplan.spec.registers import RuleIds
from policies.packs import all_rules

FAMILIES = Path(__file__).with_name("families.json")


class Family(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One family of rule ids: they run from 001 to `rules`; `reason` says why some are not there yet."""

    family: str
    title: str
    rules: int
    reason: str

    @property
    def ids(self) -> tuple[str, ...]:
        """Every id of the family, implemented or not."""
        return tuple(f"{self.family}-{number:03}" for number in range(1, self.rules + 1))


@cache
def families() -> tuple[Family, ...]:
    """Every family, in the order of the page."""
    return msgspec.json.decode(FAMILIES.read_bytes(), type=tuple[Family, ...])


@cache
def rule_ids() -> RuleIds:
    """What an organization may name: the ids and aliases of rules, and those that are only published."""
    built = frozenset(id_ for rule in all_rules() for id_ in (rule.id, *rule.aliases))
    return RuleIds(built=built, published=frozenset(id_ for family in families() for id_ in family.ids))
