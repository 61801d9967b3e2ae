"""Hosts that a stack lets out, and what the facts say about them.

Not here: whether a host is allowed (the packs) and routes (network).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from inferplan import catalog
from inferplan.resource import Resource
from policies import types
from policies.context import Context
from policies.read import each, get, regions_named, text
from policies.rule import Problem, fail, undecided
from policies.views.network import public
from policies.views.suricata import passes

# Names that never leave the VPC.
PRIVATE_SUFFIXES = (".internal", ".in-addr.arpa", ".ip6.arpa", ".local")

# With these a name of two labels is public; with any other second label it is a Service in a namespace.
TOP_LEVEL = frozenset(
    {"academy", "agency", "app", "art", "asia", "bio", "biz", "blog", "care", "center", "chat", "click",
     "cloud", "codes", "com", "company", "computer", "consulting", "design", "dev", "digital", "edu",
     "email", "engineering", "finance", "fund", "fyi", "global", "gov", "group", "guru", "health", "host",
     "house", "info", "ink", "int", "land", "legal", "life", "link", "live", "media", "mil", "money", "name",
     "net", "network", "news", "one", "online", "org", "page", "place", "plus", "press", "pro", "run",
     "school", "services", "shop", "site", "social", "software", "solutions", "space", "store", "studio",
     "systems", "team", "tech", "tel", "today", "tools", "top", "website", "wiki", "work", "works", "world",
     "xyz", "zone"}
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Listed:
    """One entry of an allowlist and where it stands; `*.x` and `.x` cover every name below `x`."""

    resource: Resource
    path: str
    host: str

    @property
    def wide(self) -> bool:
        """Whether it covers more than one name."""
        return self.host.startswith(".") or "*" in self.host

    def covers(self, host: str) -> bool:
        """Whether this entry lets `host` out."""
        if not self.wide:
            return self.host == host
        return self.host == "*" or host.endswith(self.host.lstrip("*")) or host == self.host.lstrip("*.")


def allowlist(resource: Resource, context: Context) -> Iterator[Listed]:
    """What a firewall rule group or a DNS Firewall domain list lets out; what only blocks gives nothing."""
    if resource.type == types.DOMAIN_LIST:
        if not _only_blocks(resource, context):
            yield from _entries(resource, "domains[]")
        return
    source = get(resource.props, "ruleGroup.rulesSource", {})
    if get(source, "rulesSourceList.generatedRulesType") == "ALLOWLIST":
        yield from _entries(resource, "ruleGroup.rulesSource.rulesSourceList.targets[]")
    yield from (Listed(resource, item.path, item.host) for item in passes(resource) if item.host)


def _entries(resource: Resource, path: str) -> Iterator[Listed]:
    for place, value in each(resource.props, path):
        yield Listed(resource, place, text(value, "an entry of an allowlist").lower().rstrip("."))


def _only_blocks(domain_list: Resource, context: Context) -> bool:
    rules = context.stack.pointing_at(domain_list, "firewallDomainListId", types.DNS_RULE)
    return bool(rules) and all(get(rule.props, "action") == "BLOCK" for rule in rules)


@cache
def vendor_hosts() -> frozenset[str]:
    """Every vendor host that has no placeholder."""
    hosts = (host.host for vendor in catalog.vendors().values() for host in vendor.hosts)
    return frozenset(host for host in hosts if "{" not in host)


def processing_problem(
    fact: catalog.KnownHost, context: Context, *, path: str | None = None
) -> Problem | None:
    """Why processing at this host cannot be shown to stay inside the boundary, None when it can."""
    host, name = fact.host, fact.name
    if host.processing_in_region is False:
        why = f" ({host.note})" if host.note else ""
        return fail(
            f"{name} does not promise to process in its region{why}; {_others(fact, context)}", path=path
        )
    if anywhere := _anywhere(fact, context):
        return fail(f"{name} {anywhere}; {_others(fact, context)}", path=path)
    if context.confirmed(fact.fact_id):
        context.use(fact.fact_id, fact.vendor)
    elif host.processing_in_region is None:
        return undecided(
            f"no source settles where {name} processes: {_confirmation(fact, context)}; "
            f"{_others(fact, context)}",
            path=path,
        )
    elif doubt := context.doubt(f"vendors/{fact.vendor.id}", fact.vendor, host.host):
        return undecided(doubt, path=path)
    countries = _countries(fact) or _confirmed_countries(fact, context)
    if not countries:
        return undecided(
            f"no source says in which countries {name} processes: {_confirmation(fact, context)}", path=path
        )
    outside = sorted(countries - context.allowed_countries)
    if not outside:
        return None
    shown = ", ".join(outside[:6]) + (" and others" if len(outside) > 6 else "")
    return fail(f"{name} may process in {shown}; allowed: {context.allowed_text}", path=path)


def _countries(fact: catalog.KnownHost) -> frozenset[str] | None:
    host = fact.host
    if host.scope_kind == "countries" and host.scope_countries:
        return catalog.expand_places(host.scope_countries)
    if host.scope_kind == "location" and fact.place in catalog.regions():
        return frozenset({catalog.region(str(fact.place)).country})
    return None


def _confirmed_countries(fact: catalog.KnownHost, context: Context) -> frozenset[str]:
    """Where a named person says that this host processes; of a global one that nobody limits, anywhere."""
    said = [code for one in context.confirmations(fact.fact_id) for code in one.countries]
    if not said and fact.host.scope_kind == "global":
        return frozenset(region.country for region in catalog.regions().values())
    return catalog.expand_places(tuple(said))


def _confirmation(fact: catalog.KnownHost, context: Context) -> str:
    """What a named person has to register so that the host is judged."""
    wanted = "" if _countries(fact) else " and its countries"
    pattern = f"vendors/{fact.vendor.id}/{fact.host.host}"
    other = f" ({pattern} is no one host)" if wanted and context.confirmed(pattern) else ""
    return f"a named person has to confirm fact {fact.fact_id}{wanted} in facts.confirmed{other}"


def _anywhere(fact: catalog.KnownHost, context: Context) -> str | None:
    """How the organization's entry of this host says it is deployed, where that keeps no place."""
    for vendor in context.organization.vendors.values():
        deployed = fact.deployed(vendor.tier) if vendor.host == fact.name else None
        if deployed is not None and deployed.is_anywhere:
            return f"is deployed as {vendor.tier}, which may process in {deployed.processing}"
    return None


def hosts_inside(vendor: catalog.Vendor, context: Context) -> list[str]:
    """The hosts of a vendor that process inside the boundary."""
    return [
        host.host
        for host in vendor.hosts
        if host.processing_in_region
        and host.scope_countries
        and catalog.expand_places(host.scope_countries) <= context.allowed_countries
    ]


def _others(fact: catalog.KnownHost, context: Context) -> str:
    """What to use instead."""
    good = hosts_inside(fact.vendor, context)
    own = "a Bedrock model id of an allowed Region, or own weights"
    return f"use {' or '.join(good)}, or {own}" if good else f"use {own}"


@cache
def _aws_suffixes() -> tuple[str, ...]:
    found = {row.dns_suffix for row in catalog.partitions().values()}
    return tuple(
        sorted(
            found | {row.dual_stack_suffix for row in catalog.partitions().values() if row.dual_stack_suffix}
        )
    )


def aws_regions(host: str) -> list[str] | None:
    """The Regions that an AWS host names (none for a global one), None when it is no AWS host."""
    if not any(host.endswith(f".{suffix}") for suffix in _aws_suffixes()):
        return None
    return list(regions_named(host)) or _by_short_code(host)


def _by_short_code(host: str) -> list[str]:
    """ElastiCache names carry the short code of zone ids (`euw1`) in place of the Region."""
    labels = set(host.split("."))
    return [
        name
        for name, region in catalog.regions().items()
        if any(zone.partition("-")[0] in labels for zone in region.zones[:1])
    ]


def private(host: str, context: Context) -> bool:
    """Whether a name only resolves inside the VPC: private suffixes, own zones, the gateway's own host."""
    bare = host.lstrip("*.")
    if f".{bare}".endswith(PRIVATE_SUFFIXES):
        return True
    spec = context.inference if context.declared else None
    own = {spec.gateway.host} if spec and spec.gateway and spec.gateway.host else set()
    zones = context.stack.of("aws:route53/zone:Zone")
    own |= {str(get(zone.props, "name", "")).rstrip(".") for zone in zones if zone.props.get("vpcs")}
    return any(bare == name or bare.endswith(f".{name}") for name in own if name)


def inside(host: str, context: Context) -> bool:
    """Whether a host is inside: no dots, a Service, served by an Ingress of the state, a private address."""
    if re.fullmatch(r"[0-9.]+", host):
        return host == "0.0.0.0" or not public(host)
    rest = host.partition(".")[2]
    namespace = rest in context.stack.namespaces or (
        "." not in rest and len(rest) > 2 and rest not in TOP_LEVEL
    )
    served = host.endswith(".svc") or host in context.stack.served_hosts
    return not rest or namespace or served or private(host, context)


def value_of(item: Any) -> str:
    """A host out of a URL or a host name with a port."""
    address = re.sub(r"^(?:jdbc:)?[a-z0-9+]+://", "", str(item).lower()).partition("/")[0]
    return address.rpartition("@")[2].partition(":")[0].rstrip(".")
