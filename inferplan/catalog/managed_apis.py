"""Vendors of model APIs with their hosts, and where guardrail profiles of Bedrock route requests on.

Not here: what Bedrock offers (bedrock), contracts (the organization's files), token prices (genai-prices).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Literal

from msgspec import Struct, field

from inferplan.catalog.table import Row, Verified, pick, rows

BEDROCK = "amazon-bedrock"  # the vendor whose models are called through AWS itself


class Host(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One host of a vendor. `processing_in_region` None means that no source settles it.

    `scope_kind`: `countries` (fixed, in scope_countries: ISO codes or groups), `location` (the placeholder of
    the host name decides), `global` (anywhere), `unknown`.
    """

    host: str
    scope: str
    scope_kind: Literal["countries", "location", "global", "unknown"]
    scope_countries: tuple[str, ...] | None
    processing_in_region: bool | None
    note: str | None = None


class ZeroRetention(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whether a vendor can keep nothing and who grants it; what is kept all the same: retention."""

    available: bool | None
    by: str | None = None


class DeploymentType(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a vendor's resource is deployed, which decides where it processes whatever its host is called."""

    name: str
    processing: str
    is_anywhere: bool


class Vendor(Row, frozen=True, kw_only=True):
    """One vendor as public sources describe it; the organization's contracts come on top."""

    id: str
    name: str
    document_names: tuple[str, ...]
    kind: Literal["managed", "managed router", "product, no model endpoint", "not deployable"]
    home_country: str
    hosts: tuple[Host, ...]
    eea_entity: str | None = None
    residency_setup: tuple[str, ...] = ()
    price_uplift_percent: float | None = None
    price_note: str | None = None
    retention_days_default: int | None = None
    retention_days_worst_case: int | None = None
    retention_note: str | None = None
    retention_modes: tuple[str, ...] = ()
    trains_on_data: bool | Literal["conditional"] | None = None
    training_note: str | None = None
    zero_retention: ZeroRetention | None = None
    outside_residency: tuple[str, ...] = ()
    subprocessors: tuple[str, ...] = ()
    certifications: tuple[str, ...] = ()
    certifications_verified: Verified = False
    hold_history: str | None = None
    deployment_types: tuple[DeploymentType, ...] = ()
    private_endpoint_services: tuple[str, ...] = ()
    model_families: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    planner_message: str | None = None
    note: str | None = None


class KnownHost(Struct, frozen=True, kw_only=True):
    """A host name beside what its vendor's facts say of it; `place` is what their placeholder stands for."""

    name: str
    vendor: Vendor
    host: Host
    place: str | None

    @property
    def fact_id(self) -> str:
        """The id under which a named person may confirm the fact, of this host alone."""
        return f"vendors/{self.vendor.id}/{self.name}"

    def deployed(self, tier: str | None) -> DeploymentType | None:
        """The deployment type that a contract's tier names, such as Global of `GlobalStandard`."""
        said = (tier or "").lower().replace(" ", "")
        return next((one for one in self.vendor.deployment_types if said.startswith(one.name.lower())), None)


class GuardrailProfile(Row, frozen=True, kw_only=True):
    """A cross-Region profile of Bedrock guardrails."""

    id: str
    destinations: tuple[str, ...] | None
    extra_when_source_is: dict[str, tuple[str, ...]] = field(default_factory=dict)
    note: str | None = None


@cache
def vendors() -> Mapping[str, Vendor]:
    """Every vendor by id."""
    return {row.id: row for row in rows("vendors", Vendor)}


def vendor(name: str) -> Vendor:
    """One vendor; raises UnknownName."""
    return pick(vendors(), "vendor", name)


@cache
def _host_patterns() -> tuple[tuple[re.Pattern[str], Vendor, Host], ...]:
    return tuple(
        (re.compile(re.sub(r"\\\{\w+\\\}", "([a-z0-9-]+)", re.escape(host.host))), vendor, host)
        for vendor in vendors().values()
        for host in vendor.hosts
    )


@cache
def known_host(name: str, vendor: str | None = None) -> KnownHost | None:
    """What the facts of one vendor, or of all, say about a host: exact names before placeholders."""
    found = [
        KnownHost(name=name.lower(), vendor=facts, host=host, place=match[1] if match.groups() else None)
        for pattern, facts, host in _host_patterns()
        if vendor in {None, facts.id} and (match := pattern.fullmatch(name.lower()))
    ]
    return min(found, key=lambda known: known.place is not None, default=None)


@cache
def guardrail_profiles() -> Mapping[str, GuardrailProfile]:
    """Cross-Region guardrail profiles by id."""
    return {row.id: row for row in rows("guardrail_profiles", GuardrailProfile)}
