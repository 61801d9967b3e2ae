"""What a check may ask beyond its subject: declaration, the organization's bar, facts, places and relations.

Not here: how verdicts are counted (evaluate); nothing in here knows the planner.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from inferplan import catalog
from inferplan.resource import Resource, UnknownValueError
from inferplan.spec.declaration import allowed_countries, backend_kind, data_class, route_class
from inferplan.spec.model import DATA_CLASSES, Backend, DataClass, InferenceStack, Route, Spec
from inferplan.spec.organization import (
    AccountEntry,
    ConfirmedFact,
    Organization,
    RegisteredCluster,
    RegisteredNetwork,
    VendorEntry,
)
from policies import types
from policies.credentials import is_credential
from policies.read import Text, arn, get, known
from policies.stack import Stack, Target

if TYPE_CHECKING:
    from inferplan.spec.declaration import Declaration

FACT_AGE_DAYS = 180
DOCUMENT_KEYS = frozenset({"policy", "assumeRolePolicy", "containerDefinitions"})
_NAME = re.compile(r"[a-z0-9-]{1,40}")
REGULATED_SECTORS = frozenset({"finance", "healthcare", "government", "defense"})


class Undecidable(Exception):  # noqa: N818 - not an error of the rule: it ends a check as undecided
    """The check cannot go on; the text says what is missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedBackend:
    """A backend of the spec under its name, with the vendor's entry and facts where a vendor serves it."""

    name: str
    backend: Backend
    vendor: VendorEntry | None
    fact: catalog.Vendor | None

    @property
    def kind(self) -> Literal["self-hosted", "managed-api"]:
        """`managed-api` or `self-hosted`, in the words of the organization's class ceilings."""
        return backend_kind(self.backend)

    @property
    def on_bedrock(self) -> bool:
        """Whether AWS itself serves the model."""
        return self.vendor is not None and self.vendor.provider == "amazon-bedrock"


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """One backend on one route: what the rules about who may serve what are asked about."""

    route: Route
    backend: NamedBackend
    data_class: DataClass  # the strictest that the route may carry
    path: str  # its place in the spec

    @property
    def name(self) -> str:
        """`route/backend`."""
        return f"{self.route.name}/{self.backend.name}"

    @property
    def vendor(self) -> VendorEntry:
        """The vendor's entry, for a backend that a vendor serves."""
        if self.backend.vendor is None:
            raise Undecidable(f"{self.backend.name} names no vendor that is registered")
        return self.backend.vendor

    @property
    def pair(self) -> tuple[str, str]:
        """Route and backend by name."""
        return self.route.name, self.backend.name

    @property
    def classes(self) -> tuple[DataClass, ...]:
        """Every class of data that may go this way, mildest first."""
        found = {*self.route.classes, self.data_class}
        return tuple(sorted(found, key=DATA_CLASSES.index))

    @property
    def whose(self) -> str:
        """Why a class counts that the route does not admit, as the end of a message; else nothing."""
        if self.data_class in self.route.classes:
            return ""
        if self.route.callers:
            return ": a registered caller of the route sends it"
        return (
            f": route {self.route.name} names no callers, so it may get all that the account may hold; name "
            "its callers, and their registered classes count"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a destination lies; `account` is empty where the address does not say."""

    region: str
    account: str = ""


class Context:
    """Read-only; it remembers which facts were read, so that the report can say how old they are.

    `complete` is False when a single resource is judged: what only a reference can settle is then left to the
    stack check of the same rule. `removed` are the pairs of route and backend that mode auto leaves out.
    """

    def __init__(
        self,
        declaration: Declaration | None,
        stack: Stack,
        as_of: date,
        *,
        complete: bool = True,
        removed: frozenset[tuple[str, str]] = frozenset(),
    ) -> None:
        self._declaration = declaration
        self.stack = stack
        self.as_of = as_of
        self.complete = complete
        self.removed = removed
        self.facts_used: dict[str, date | None] = {}

    # -- declaration -------------------------------------------------------------------------------
    @property
    def declared(self) -> bool:
        return self._declaration is not None

    @property
    def declaration(self) -> Declaration:
        if self._declaration is None:
            raise Undecidable("no declaration: name the spec that these resources belong to")
        return self._declaration

    @property
    def spec(self) -> Spec:
        return self.declaration.spec

    @property
    def inference(self) -> InferenceStack | None:
        """The spec when it deploys inference, None for an account baseline."""
        return self.spec if isinstance(self.spec, InferenceStack) else None

    @property
    def organization(self) -> Organization:
        return self.declaration.organization

    @property
    def account(self) -> AccountEntry:
        return self.declaration.account

    @property
    def regulated(self) -> bool:
        """Whether the entity's sector is regulated; a sector that nobody registered counts as one that is."""
        return self.declaration.entity.sector in REGULATED_SECTORS | {None}

    @property
    def given_network(self) -> tuple[str, RegisteredNetwork] | None:
        """The registered network that the spec builds into, under its id; None where it makes its own."""
        said = self.inference.network.existing if self._declaration and self.inference else None
        return (said.vpc, self.organization.networks[said.vpc]) if said is not None else None

    @property
    def given_cluster(self) -> tuple[str, RegisteredCluster] | None:
        """The registered cluster that the spec builds into, under its name; None where it makes its own."""
        said = self.inference.cluster.existing if self._declaration and self.inference else None
        return (said.name, self.organization.clusters[said.name]) if said is not None else None

    # -- classes of data ---------------------------------------------------------------------------
    def route_class(self, route: Route) -> DataClass:
        """The strictest class a route may carry: what it admits and what its registered callers send."""
        return route_class(self.declaration, route)

    @cached_property
    def data_class(self) -> DataClass:
        """The strictest class in the deployment; restricted when nothing is declared."""
        return "restricted" if self._declaration is None else data_class(self._declaration)

    def at_least(self, data_class: DataClass) -> bool:
        """Whether the deployment carries data of this class or a stricter one."""
        return DATA_CLASSES.index(self.data_class) >= DATA_CLASSES.index(data_class)

    @cached_property
    def absolute(self) -> bool:
        """Whether spec or organization ask that no operator under foreign law is involved."""
        spec = self.inference
        return spec is not None and any(self.asks_absolute(self.route_class(route)) for route in spec.routes)

    def asks_absolute(self, data_class: DataClass) -> bool:
        """The same for one class of data."""
        spec, ceiling = self.inference, self.organization.classes.get(data_class)
        everywhere = spec is not None and spec.data.sovereignty == "absolute"
        return everywhere or (ceiling is not None and ceiling.sovereignty == "absolute")

    # -- backends ----------------------------------------------------------------------------------
    def backend(self, name: str) -> NamedBackend:
        """One backend of the spec with what organization and facts say about its vendor."""
        assert self.inference is not None
        backend = self.inference.backends[name]
        entry = self.organization.vendors.get(backend.vendor) if backend.vendor else None
        fact = catalog.vendors().get(entry.provider) if entry else None
        return NamedBackend(name=name, backend=backend, vendor=entry, fact=fact)

    @cached_property
    def listed(self) -> tuple[Serving, ...]:
        """Every backend of every route, whatever the mode."""
        spec = self.inference
        return tuple(
            Serving(
                route=route,
                backend=self.backend(name),
                data_class=self.route_class(route),
                path=f"routes[{at}].backends[{place}]",
            )
            for at, route in enumerate(spec.routes if spec else ())
            for place, name in enumerate(route.backends)
        )

    @cached_property
    def servings(self) -> tuple[Serving, ...]:
        """The backends that may serve a route: those that `mode` admits and that auto has not removed."""
        mode = self.inference.mode if self.inference else None
        return tuple(
            serving
            for serving in self.listed
            if mode in {"hybrid", "auto", serving.backend.kind} and serving.pair not in self.removed
        )

    @cached_property
    def self_hosted(self) -> bool:
        """Whether own weights may serve."""
        return any(serving.backend.kind == "self-hosted" for serving in self.servings)

    @cached_property
    def approved_hosts(self) -> frozenset[str]:
        """Exact hosts outside AWS that this spec may call: those of the vendor entries it uses."""
        used = (serving.backend for serving in self.servings if not serving.backend.on_bedrock)
        return frozenset(backend.vendor.host for backend in used if backend.vendor and backend.vendor.host)

    # -- places ------------------------------------------------------------------------------------
    @cached_property
    def allowed_countries(self) -> frozenset[str]:
        """What spec and account both allow; a spec can tighten, never widen."""
        return allowed_countries(self.declaration)

    def region_of(self, resource: Resource) -> str | None:
        """The Region a resource lies in, None for a global service; raises when it is not known.

        The resource's own `region` (pulumi-aws v7) comes before the provider's.
        """
        if catalog.global_service(resource.type) is not None:
            return None
        said = get(resource.props, "region")
        if said is None and resource.provider is not None:
            said = get(resource.provider.config, "region")
        if said is None:
            raise Undecidable("neither the resource nor its provider names a Region")
        if not isinstance(said, str):
            raise Undecidable("the Region is not text")
        return said

    def country_of(self, region: str) -> str:
        """The country of a Region; raises when the catalog does not know it."""
        if region not in catalog.regions():
            shown = region if _NAME.fullmatch(region) else "what stands for a Region"  # values may be secret
            raise Undecidable(f"{shown} is no Region that the catalog knows")
        fact = catalog.region(region)
        self.use(f"regions/{region}", fact)
        return fact.country

    def outside(self, region: str) -> str | None:
        """What is wrong with a Region, None when its country is allowed."""
        country = self.country_of(region)
        if country in self.allowed_countries:
            if doubt := self.doubt(f"regions/{region}", catalog.region(region), "country"):
                raise Undecidable(doubt)
            return None
        return f"{region} lies in {country}; allowed: {self.allowed_text}"

    @property
    def allowed_text(self) -> str:
        """The allowed countries for a message."""
        return (
            ", ".join(sorted(self.allowed_countries)) or "none (spec and account have no country in common)"
        )

    def allowed_regions(self) -> list[str]:
        """Commercial Regions inside the boundary."""
        return sorted(
            name
            for name, fact in catalog.regions().items()
            if fact.country in self.allowed_countries and fact.partition == "aws"
        )

    def destination(self, target: Target) -> Place | None:
        """Where the destination that a property names lies, None when neither it nor the stack says.

        Raises UnknownValueError for a value of unknown origin. Bucket ARNs carry no Region, so the bucket
        must be a resource of the stack.
        """
        address = arn(target.value) if isinstance(target.value, str) else None
        if address is not None and address.region:
            return Place(region=address.region, account=address.account)
        if target.resources:
            return Place(region=self.region_of(target.resources[0]) or "")
        known(target.value)
        return None

    def texts(self, resource: Resource) -> Iterator[Text]:
        """Every machine-read string among a resource's inputs; ends by raising where something stays unseen.

        An unknown that comes from resources of this stack is judged there, and again when its value is known;
        but a document with an unknown part is unknown as a whole, so it must be given as plain text. A secret
        that only opens doors names nothing that a rule looks for.
        """
        yield from self.stack.texts(resource)
        for path, value in self.stack.unknowns(resource):
            if is_credential(resource, path, self.stack):
                continue
            document = path.rpartition(".")[2] in DOCUMENT_KEYS
            if document or not value.urns or not all(map(self._judged, value.urns)):
                raise UnknownValueError(value)

    def _judged(self, urn: str) -> bool:
        """Whether a resource is judged in this stack, or lies in one that a StackReference reads."""
        type_ = urn.split("::")[2].rpartition("$")[2] if urn.count("::") >= 3 else ""
        return type_ == types.STACK_REFERENCE or self.stack.get(urn) is not None

    # -- facts -------------------------------------------------------------------------------------
    def confirmed(self, fact_id: str) -> bool:
        """Whether a named person vouches for a fact by its id."""
        return bool(self.confirmations(fact_id))

    def confirmations(self, fact_id: str) -> list[ConfirmedFact]:
        """The entries by which named persons vouch for a fact."""
        return [
            fact
            for fact in self.organization.facts.confirmed
            if fact.id == fact_id and date.fromisoformat(fact.date) <= self.as_of
        ]

    def use(self, fact_id: str, row: catalog.Row) -> None:
        """Remember that the decision rests on a fact."""
        self.facts_used[fact_id] = catalog.stated_date(row.as_of)

    def doubt(self, fact_id: str, row: catalog.Row, *parts: str) -> str | None:
        """Why a fact cannot carry a mandatory pass, None when it can (settled 23).

        Verified facts can; partial ones outside their unverified parts (`parts` are the words that the check
        relies on); others once the organization confirms them.
        """
        self.use(fact_id, row)
        if self.confirmed(fact_id):
            return None
        doubtful = [
            text for text in row.unverified_parts if any(part.lower() in text.lower() for part in parts)
        ]
        if row.verified is False:
            return f"the fact {fact_id} is unverified"
        return f"{fact_id} is unverified where it says: {doubtful[0]}" if doubtful else None
