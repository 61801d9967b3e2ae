"""What every part of the decision looks at: a declaration on a day, its boundary, and the gates found in it.

Not here: any rule that a gate comes from (policies, which the caller brings) or criterion (criteria).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property
from typing import Literal

from inferplan.records.gate import Gate, Gates
from inferplan.spec.declaration import Declaration, allowed_countries, backend_kind, route_class
from inferplan.spec.model import DataClass, InferenceStack
from inferplan.spec.organization import VendorEntry
from inferplan.spec.price_book import PriceBook


@dataclass(frozen=True, kw_only=True)
class Question:
    """A declaration as the decision reads it; `judge` says which backends may not serve which routes."""

    declaration: Declaration
    spec: InferenceStack
    as_of: date
    judge: Gates

    @classmethod
    def of(cls, declaration: Declaration, as_of: date, judge: Gates) -> Question:
        """The question that a declaration itself asks."""
        spec = declaration.spec
        assert isinstance(spec, InferenceStack)
        return cls(declaration=declaration, spec=spec, as_of=as_of, judge=judge)

    def about(self, spec: InferenceStack) -> Question:
        """The same question about another spec."""
        return replace(self, spec=spec)

    @cached_property
    def gates(self) -> tuple[Gate, ...]:
        """Every gate, in the order of routes and their backends, whatever the mode."""
        return self.judge(replace(self.declaration, spec=self.spec), self.as_of)

    @property
    def prices(self) -> PriceBook:
        """The prices that count for the organization on the day."""
        return self.declaration.price_book(self.as_of.isoformat())

    @cached_property
    def allowed(self) -> frozenset[str]:
        """Countries in which data may be."""
        return allowed_countries(self.declaration, self.spec)

    @cached_property
    def classes(self) -> dict[str, DataClass]:
        """The strictest class that each route may carry, by route."""
        return {route.name: route_class(self.declaration, route) for route in self.spec.routes}

    @cached_property
    def absolute(self) -> frozenset[str]:
        """Routes for which no operator under foreign law may be involved."""
        ceilings = self.declaration.organization.classes
        everywhere = self.spec.data.sovereignty == "absolute"
        return frozenset(
            name
            for name, data_class in self.classes.items()
            if everywhere or (data_class in ceilings and ceilings[data_class].sovereignty == "absolute")
        )

    @property
    def sector(self) -> str | None:
        """The sector of the account's entity, None where nobody registered it."""
        return self.declaration.entity.sector

    def kind(self, name: str) -> Literal["self-hosted", "managed-api"]:
        """Who runs a backend's model."""
        return backend_kind(self.spec.backends[name])

    def entry(self, name: str) -> VendorEntry | None:
        """The organization's entry of a backend's vendor."""
        vendor = self.spec.backends[name].vendor
        return self.declaration.organization.vendors.get(vendor) if vendor else None

    def vendors(self) -> dict[str, VendorEntry]:
        """Entries of the vendors on any route, by name."""
        used = (self.spec.backends[name] for route in self.spec.routes for name in route.backends)
        names = dict.fromkeys(backend.vendor for backend in used if backend.vendor)
        registered = self.declaration.organization.vendors
        return {name: registered[name] for name in names if name in registered}
