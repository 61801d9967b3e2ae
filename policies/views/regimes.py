"""Data-protection regimes by the countries they hold in, and the rules that serve the laws of a declaration.

Not here: which laws a declaration stands under (inferplan.spec.laws) and what they ask for (the packs).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from msgspec.structs import replace

from inferplan import catalog
from inferplan.spec.laws import Law, holds_in, laws_of

if TYPE_CHECKING:
    from inferplan.spec.declaration import Declaration
    from policies.rule import Rule


def implied_regimes(countries: tuple[str, ...]) -> list[str]:
    """The general data-protection regimes of some countries; sector regimes come on top where they apply."""
    return sorted(
        regime.id
        for regime in catalog.regimes().values()
        if regime.sector is None and covers(regime.jurisdictions, countries)
    )


def covers(jurisdictions: tuple[str, ...], countries: tuple[str, ...]) -> bool:
    """Whether a regime holds in one of the countries."""
    return bool(holds_in(jurisdictions, countries))


def served(declaration: Declaration, rules: Iterable[Rule]) -> tuple[Law, ...]:
    """The laws of a declaration, each with the rules that name it or its sector."""
    chosen = tuple(rules)
    return tuple(
        replace(
            law,
            rules=tuple(rule.id for rule in chosen if law.id in rule.regimes or law.sector in rule.sectors),
        )
        for law in laws_of(declaration)
    )
