"""Under which license own weights stand, and those of the models that they were made from.

Not here: what the license then allows (the packs) and what it says (the catalog).
"""

from __future__ import annotations

from collections.abc import Iterator

from inferplan import catalog
from inferplan.spec import names
from inferplan.spec.model import Backend

HUB = "hf://"


def model_of(backend: Backend) -> catalog.Model | None:
    """The model that own weights are, None for one that the catalog does not know."""
    name = names.model_of(backend)
    return _known(name) if name else None


def license_of(backend: Backend) -> catalog.LicenseStanding | None:
    """The license of own weights, None where it is not known."""
    model = model_of(backend)
    return catalog.license_of(model) if model is not None else None


def lineage_of(backend: Backend) -> Iterator[tuple[str, catalog.License | None]]:
    """Every base model, by the catalog's row or named in the spec, with its license where that is known."""
    standing = license_of(backend)
    for terms in standing.base if standing is not None else ():
        yield terms.name, terms
    for name in backend.base_lineage:
        base = _known(name)
        known = catalog.license_of(base) if base is not None else None
        yield name, known.license if known is not None else None


def _known(name: str) -> catalog.Model | None:
    try:
        return catalog.model(name)
    except catalog.UnknownName:
        return None
