"""The laws that a declaration stands under: data-protection regimes, and what the sector adds.

Not here: whether they are kept (policies). What no row of the catalog names is not told; it is no advice.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from msgspec import Struct

from inferplan import catalog
from inferplan.spec.declaration import Declaration
from inferplan.spec.model import InferenceStack


class Law(Struct, frozen=True, kw_only=True):
    """One law; `id` is a regime's, or the fact id of a sector's addition.

    `rules` are those of the packs that serve it, where somebody has looked: the planner knows none.
    """

    id: str
    name: str
    why: str
    asks: tuple[str, ...]
    sector: str | None
    verified: catalog.Verified
    source: tuple[str, ...]
    as_of: str
    rules: tuple[str, ...] = ()


def laws_of(declaration: Declaration) -> tuple[Law, ...]:
    """Every law of the catalog that subjects, seat and sector bring, regimes first."""
    spec, entity = declaration.spec, declaration.entity
    if not isinstance(spec, InferenceStack):
        return ()
    subjects = spec.data.subjects or ()
    seat = (entity.domicile,) if entity.domicile else ()
    return (*_regimes(spec, subjects, seat, entity.sector), *_extras(subjects, seat, entity.sector))


def holds_in(jurisdictions: Collection[str], countries: Collection[str]) -> list[str]:
    """The countries, in order, in which a law of these jurisdictions holds."""
    known = [
        place for place in jurisdictions if place in catalog.country_groups() or place in catalog.countries()
    ]
    covered = catalog.expand_places(known)
    return [country for country in dict.fromkeys(countries) if country in covered]


def _regimes(
    spec: InferenceStack, subjects: tuple[str, ...], seat: tuple[str, ...], sector: str | None
) -> Iterator[Law]:
    """Those of the sector always; general ones where data may be of persons, or the spec names them."""
    for regime in catalog.regimes().values():
        why = _why(regime.jurisdictions, subjects, seat)
        general = regime.sector is None and spec.data.personal is not False
        applies = bool(why) and (general or (sector is not None and regime.sector == sector))
        if not applies and regime.id not in spec.data.regimes:
            continue
        named = [*why, *(["the spec names it"] if regime.id in spec.data.regimes else [])]
        yield Law(
            id=regime.id,
            name=regime.name,
            why=", ".join(([f"sector {sector}"] if regime.sector else []) + named),
            asks=regime.bases,
            sector=regime.sector,
            verified=regime.verified,
            source=regime.source,
            as_of=regime.as_of,
        )


def _extras(subjects: tuple[str, ...], seat: tuple[str, ...], sector: str | None) -> Iterator[Law]:
    for extra in catalog.sector_extras():
        why = _why(extra.places, subjects, seat)
        if extra.sector != sector or not why:
            continue
        yield Law(
            id=extra.fact_id,
            name=f"{extra.sector} in {', '.join(extra.places)}",
            why=", ".join([f"sector {sector}", *why]),
            asks=(extra.fact,),
            sector=sector,
            verified=extra.verified,
            source=extra.source,
            as_of=extra.as_of,
        )


def _why(jurisdictions: Collection[str], subjects: tuple[str, ...], seat: tuple[str, ...]) -> list[str]:
    told = []
    if people := holds_in(jurisdictions, subjects):
        told.append(f"subjects in {', '.join(people)}")
    if holds_in(jurisdictions, seat):
        told.append(f"seat in {seat[0]}")
    return told
