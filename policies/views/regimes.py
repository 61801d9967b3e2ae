"""Data-protection regimes by the countries they hold in.

Not here: what a regime asks for (the packs).
"""

from __future__ import annotations

from inferplan import catalog


def implied_regimes(countries: tuple[str, ...]) -> list[str]:
    """The general data-protection regimes of some countries; sector regimes come on top where they apply."""
    return sorted(
        regime.id
        for regime in catalog.regimes().values()
        if "US" not in regime.jurisdictions and covers(regime.jurisdictions, countries)
    )


def covers(jurisdictions: tuple[str, ...], countries: tuple[str, ...]) -> bool:
    """Whether a regime holds in one of the countries."""
    known = [
        place for place in jurisdictions if place in catalog.country_groups() or place in catalog.countries()
    ]
    return bool(catalog.expand_places(known) & set(countries))
