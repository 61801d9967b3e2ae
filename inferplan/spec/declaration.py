"""What was declared: spec and lock under the bar of the organization; plans and rules start from this.

Not here: reading files (loading) and judging what they say (policies).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property, lru_cache
from pathlib import Path
from typing import Any, Literal

import msgspec
from msgspec import NODEFAULT, Struct
from msgspec.structs import fields as fields_of
from msgspec.structs import replace

from inferplan import catalog
from inferplan.spec.model import DATA_CLASSES, Backend, DataClass, InferenceStack, Route, Spec
from inferplan.spec.organization import (
    AccountEntry,
    Application,
    Entity,
    Lock,
    Organization,
    Waiver,
)
from inferplan.spec.position import Place, place, split
from inferplan.spec.price_book import PriceBook, price_book
from inferplan.spec.price_file import Prices
from inferplan.spec.yaml12 import Node

ANY_ACCOUNT = "000000000000"  # the entry of the built-in organization that stands for every account
UNREGISTERED = "not registered"


@dataclass(frozen=True, slots=True, kw_only=True)
class Digests:
    """SHA-256 of the canonical bytes; the organization's covers its waivers and its own prices."""

    spec: str
    lock: str | None
    organization: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """Which organization judged: its folder (None: the built-in strict one), its name, its digest."""

    path: str | None
    name: str
    digest: str

    def __str__(self) -> str:
        return f"{self.path or 'built-in'} ({self.name}, sha256 {self.digest[:12]})"


@dataclass(frozen=True, kw_only=True)
class Declaration:
    """A valid spec with its lock, and the organization that it is held to.

    `organization_is_default` says that the built-in strict bar applies because no folder was given.
    """

    spec: Spec
    lock: Lock | None
    organization: Organization
    organization_is_default: bool
    waivers: tuple[Waiver, ...] = ()
    spec_path: Path | None = None
    organization_path: Path | None = None
    prices: Prices | None = None  # the organization's own
    sources: Mapping[str, Node] = field(default_factory=dict, repr=False, compare=False)

    @cached_property
    def digests(self) -> Digests:
        """What identifies the inputs."""
        return Digests(
            spec=_sha256(self.spec),
            lock=_sha256(self.lock) if self.lock else None,
            organization=organization_digest(self.organization, self.waivers, self.prices),
        )

    @cached_property
    def digest(self) -> str:
        """SHA-256 of `to_json()`."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()

    @property
    def bar(self) -> Bar:
        """What every output says about the organization."""
        path = str(self.organization_path) if self.organization_path is not None else None
        return Bar(path=path, name=self.organization.metadata.name, digest=self.digests.organization)

    def price_book(self, day: str) -> PriceBook:
        """The prices that count for the organization on a day (ISO date)."""
        return price_book(self.prices, self.organization.discounts, day)

    @property
    def account(self) -> AccountEntry:
        """The account's entry; own nodes outside AWS have no account and get the strictest one."""
        account = self.spec.target.account
        if account is not None:
            return self.organization.accounts[account]
        return strictest_account(self.spec)

    @property
    def entity(self) -> Entity:
        """The legal entity of the account; every field unknown where nobody registered one."""
        return self.organization.entities.get(self.account.entity, Entity())

    def locate(self, path: str) -> Place:
        """File, line and column of a field, or of its nearest parent.

        Paths start in the spec (`routes[0].load`), or with `lock.`, `organization.` or `waivers[0].`.
        """
        parts = split(path)
        head = str(parts[0]) if parts else ""
        if head == "waivers" and len(parts) > 1 and f"waivers[{parts[1]}]" in self.sources:
            return place(self.sources[f"waivers[{parts[1]}]"], parts[2:])
        if head in {"lock", "organization"} and head in self.sources:
            return place(self.sources[head], parts[1:])
        if "spec" in self.sources:
            return place(self.sources["spec"], parts)
        return (str(self.spec_path or "declaration"), 1, 1)

    def to_json(self) -> str:
        """Spec and lock as canonical JSON; never the organization, which the reader brings himself."""
        return canonical({"spec": self.spec, "lock": self.lock}).decode()

    @staticmethod
    def from_json(
        text: str,
        organization: Organization | None = None,
        waivers: tuple[Waiver, ...] = (),
        prices: Prices | None = None,
    ) -> Declaration:
        """The declaration that `to_json` wrote, checked again under the reader's own organization.

        Without an organization the built-in strict one applies. Raises SpecErrors.
        """
        from inferplan.spec.loading import from_json

        return from_json(text, organization, waivers, prices)


def canonical(value: Any) -> bytes:
    """The one JSON text of a record: defaults left out, keys sorted."""
    return msgspec.json.encode(_said(value), order="deterministic")


def _said(value: Any) -> Any:
    """A record as plain values without what equals its default (msgspec only leaves out simple defaults)."""
    if isinstance(value, Struct):
        fields = ((name, getattr(value, field), default) for field, name, default in _fields(type(value)))
        return {name: _said(held) for name, held, default in fields if held != default}
    if isinstance(value, Mapping):
        return {key: _said(held) for key, held in value.items()}
    return [_said(held) for held in value] if isinstance(value, list | tuple) else value


@cache
def _fields(type_: type[Struct]) -> tuple[tuple[str, str, Any], ...]:
    """Field, name in files, and default of each field of a record."""
    return tuple(
        (
            item.name,
            item.encode_name,
            item.default_factory() if item.default_factory is not NODEFAULT else item.default,
        )
        for item in fields_of(type_)
    )


def organization_digest(
    organization: Organization, waivers: tuple[Waiver, ...], prices: Prices | None = None
) -> str:
    """SHA-256 of an organization, its waivers and its own prices."""
    held = {"organization": organization, "waivers": waivers}
    return _sha256(held | ({"prices": _prices_digest(prices)} if prices is not None else {}))


@lru_cache(maxsize=8)
def _prices_digest(prices: Prices) -> str:
    """A fleet asks for the same thousands of rows a thousand times."""
    return _sha256(prices)


def _sha256(value: Any) -> str:
    return hashlib.sha256(canonical(value)).hexdigest()


def strictest_account(spec: Spec) -> AccountEntry:
    """The built-in entry for an account nobody registered, limited to the spec's own countries."""
    from inferplan.spec.loading import default_organization

    residency = spec.data.residency if isinstance(spec, InferenceStack) else None
    return replace(
        default_organization().accounts[ANY_ACCOUNT], countries=residency.countries if residency else ()
    )


def default_for(spec: Spec, default: Organization) -> Organization:
    """The built-in organization for one spec: its account, and its callers at the strictest class."""
    accounts = {spec.target.account: strictest_account(spec)} if spec.target.account else {}
    routes = spec.routes if isinstance(spec, InferenceStack) else ()
    callers = {caller for route in routes for caller in route.callers}
    return replace(
        default,
        accounts=accounts,
        applications={name: Application(class_="restricted", owner=UNREGISTERED) for name in sorted(callers)},
    )


# -- what follows from a declaration


def strictest(classes: Iterable[DataClass]) -> DataClass:
    """The strictest of some classes; public when there are none."""
    return max(classes, key=DATA_CLASSES.index, default="public")


def backend_kind(backend: Backend) -> Literal["self-hosted", "managed-api"]:
    """Who runs the model: own weights on own GPUs, or a vendor."""
    return "managed-api" if backend.vendor is not None else "self-hosted"


def allowed_countries(declaration: Declaration, spec: Spec | None = None) -> frozenset[str]:
    """Countries in which data may be: what spec and account both allow; a spec can tighten, never widen.

    `spec` stands in for the declaration's own where one is given.
    """
    said = declaration.spec if spec is None else spec
    account = catalog.expand_places(declaration.account.countries)
    residency = said.data.residency if isinstance(said, InferenceStack) else None
    return account if residency is None else account & catalog.expand_places(residency.countries)


def caller_classes(declaration: Declaration, route: Route) -> tuple[DataClass, ...]:
    """The classes that the callers of a route send, in the order of its callers.

    A route without callers may get anything the account may hold (settled 22).
    """
    applications = declaration.organization.applications
    return tuple(applications[name].class_ for name in route.callers) or (declaration.account.max_class,)


def route_class(declaration: Declaration, route: Route) -> DataClass:
    """The strictest class a route may carry: what it admits and what its callers send."""
    return strictest((*route.classes, *caller_classes(declaration, route)))


def data_class(declaration: Declaration) -> DataClass:
    """The strictest class of any route, caller or adapter; of the account for an account baseline."""
    spec = declaration.spec
    if not isinstance(spec, InferenceStack):
        return declaration.account.max_class
    adapters = [
        adapter.class_ or declaration.account.max_class
        for backend in spec.backends.values()
        for adapter in backend.adapters
    ]
    return strictest([*(route_class(declaration, route) for route in spec.routes), *adapters])
