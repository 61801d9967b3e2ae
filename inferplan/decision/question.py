"""What every part of the decision looks at: a declaration on a day, its boundary, and the gates found in it.

Not here: any gate (vendor_gates, weights_gates) or criterion (criteria).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Literal

from inferplan import catalog
from inferplan.records.base import Record
from inferplan.spec.declaration import Declaration, allowed_countries, backend_kind, route_class
from inferplan.spec.model import Backend, DataClass, InferenceStack, Route
from inferplan.spec.organization import VendorEntry

BEDROCK = "amazon-bedrock"


class Gate(Record, frozen=True, kw_only=True):
    """One rule that keeps a backend from serving a route; undecided keeps it out like fail does."""

    rule: str
    backend: str
    kind: Literal["self-hosted", "managed-api"]  # of the backend
    route: str
    verdict: Literal["fail", "undecided"]
    reason: str

    @property
    def modes(self) -> tuple[str, str]:
        """The modes in which the backend would serve."""
        return (self.kind, "hybrid")


@dataclass(frozen=True, kw_only=True)
class Question:
    """A declaration as the decision reads it."""

    declaration: Declaration
    spec: InferenceStack
    as_of: date

    @cached_property
    def allowed(self) -> frozenset[str]:
        """Countries in which data may be."""
        return allowed_countries(self.declaration, self.spec)

    @property
    def allowed_text(self) -> str:
        """The allowed countries for a message."""
        return ", ".join(sorted(self.allowed)) or "none"

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

    def pairs(self) -> Iterator[tuple[Route, str, Backend]]:
        """Every route with each of its backends."""
        for route in self.spec.routes:
            for name in route.backends:
                yield route, name, self.spec.backends[name]

    def confirmed(self, *fact_ids: str) -> bool:
        """Whether a named person vouches for one of these facts by the day of the plan."""
        return any(
            fact.id in fact_ids and date.fromisoformat(fact.date) <= self.as_of
            for fact in self.declaration.organization.facts.confirmed
        )

    def doubtful(self, fact_id: str, row: catalog.Row, part: str = "") -> bool:
        """Whether a fact cannot carry a mandatory rule: unverified, or doubted in the part that matters."""
        if self.confirmed(fact_id):
            return False
        return row.verified is False or bool(
            part and any(part.lower() in text.lower() for text in row.unverified_parts)
        )
