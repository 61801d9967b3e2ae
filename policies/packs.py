"""The packs and their rules as the tree holds them: a folder with PulumiPolicy.yaml, and every Rule in it.

Not here: the rules, and the adapter to CrossGuard.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

from policies.rule import Rule

ROOT = Path(__file__).parent


@cache
def pack_names() -> tuple[str, ...]:
    """Every pack, by name."""
    return tuple(sorted(found.parent.name for found in ROOT.glob("*/PulumiPolicy.yaml")))


@cache
def rules_of(pack: str) -> tuple[Rule, ...]:
    """The rules of one pack, by id; what its `__main__` starts is left alone."""
    modules = (
        import_module(f"policies.{pack}.{found.name}")
        for found in iter_modules([str(ROOT / pack)])
        if not found.name.startswith("_")
    )
    rules = (value for module in modules for value in vars(module).values() if isinstance(value, Rule))
    return tuple(sorted(rules, key=lambda rule: rule.id))


@cache
def all_rules() -> tuple[Rule, ...]:
    """Every rule of every pack, by id."""
    return tuple(sorted((rule for pack in pack_names() for rule in rules_of(pack)), key=lambda rule: rule.id))


def find_rule(rule_id: str) -> Rule | None:
    """The rule with this id or alias, however it is cased."""
    wanted = rule_id.upper()
    return next((rule for rule in all_rules() if wanted in (rule.id, *rule.aliases)), None)
