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
from policies.views.suricata import passes

# Names that never leave the VPC.
PRIVATE_SUFFIXES = (".internal", ".in-addr.arpa", ".ip6.arpa", ".local")


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
    host, name = fact.host, fact.host.host.replace("{region}", fact.place or "{region}")
    if host.processing_in_region is False:
        why = f" ({host.note})" if host.note else ""
        return fail(
            f"{name} does not promise to process in its region{why}; {_others(fact, context)}", path=path
        )
    if context.confirmed(fact.fact_id):
        context.use(fact.fact_id, fact.vendor)
    elif host.processing_in_region is None:
        return undecided(
            f"no source settles where {name} processes: fact {fact.fact_id} needs a person's confirmation; "
            f"{_others(fact, context)}",
            path=path,
        )
    elif doubt := context.doubt(f"vendors/{fact.vendor.id}", fact.vendor, host.host):
        return undecided(doubt, path=path)
    countries = _countries(fact)
    if countries is None:
        return undecided(
            f"no source says in which countries {name} processes (fact {fact.fact_id})", path=path
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
    if host.scope_kind == "global":
        return frozenset(region.country for region in catalog.regions().values())
    return None


def _others(fact: catalog.KnownHost, context: Context) -> str:
    """What to use instead."""
    good = [
        host.host
        for host in fact.vendor.hosts
        if host.processing_in_region
        and host.scope_countries
        and catalog.expand_places(host.scope_countries) <= context.allowed_countries
    ]
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


def value_of(item: Any) -> str:
    """A host out of a URL or a host name with a port."""
    return re.sub(r"^[a-z+]+://", "", str(item).lower()).partition("/")[0].partition(":")[0].rstrip(".")
