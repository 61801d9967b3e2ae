"""Vendors at their regional hosts: in register, allowlists, environments and the proxy's configuration.

Not here: where a host processes (vendors_process_inside) and the way there (vendors_are_behind_a_firewall).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from inferplan import catalog
from inferplan.resource import Resource
from policies import types
from policies.context import Context, Serving
from policies.rule import Outcome, Rule, fail
from policies.views.gateway import addresses, configurations, entries, guardrails_without_address
from policies.views.hosts import allowlist, aws_regions, hosts_inside, private, vendor_hosts
from policies.views.network import public
from policies.world.things import (
    FIRST_VARIABLE,
    NEXT_TARGET,
    container,
    deployment,
    firewall_list,
    group,
    proxy,
    proxy_data,
    resource,
)

vendors_are_called_regionally = Rule(
    id="EGR-007",
    title="Vendors are called at their regional host, never at the global one",
    why="The global host may process anywhere, even when the account's data is stored in a region.",
    fix="Name the regional host in the organization's vendor entry, the allowlist and every api_base.",
    source=("000:146",),
    level="mandatory",
    reads_content=True,
)


@vendors_are_called_regionally.check("managed-api")
def _registered(serving: Serving, context: Context) -> Iterator[Outcome]:
    host = serving.vendor.host
    if host is not None and _is_global(host):
        yield fail(_regional(host, context))


@vendors_are_called_regionally.check_stack(*types.ALLOWLISTS)
def _listed(lists: tuple[Resource, ...], context: Context) -> Iterator[Outcome]:
    for item in lists:
        for entry in allowlist(item, context):
            if _is_global(entry.host):
                yield fail(_regional(entry.host, context), path=entry.path, subject=item)


@vendors_are_called_regionally.check(types.KUBERNETES, types.AWS)
def _called(item: Resource, context: Context) -> Iterator[Outcome]:
    """Hosts in environments, integrations and configurations, and calls that leave the host to the proxy."""
    if item.type in types.ALLOWLISTS:
        return
    for text in context.texts(item):
        for host in dict.fromkeys(_known_hosts().findall(text.value.lower())):
            if _is_global(host):
                yield fail(_regional(host, context), path=text.path)
            elif host not in context.approved_hosts:
                yield fail(f"{host} is in no vendor entry that this spec uses", path=text.path)
    if item.type in types.CONFIGURATION_CARRIERS:
        yield from _configured(item, context)


def _configured(item: Resource, context: Context) -> Iterator[Outcome]:
    for path, config in configurations(item, context):
        for entry in entries(config):
            if entry.default_host:
                yield fail(
                    f"{entry.path} names no api_base: the proxy calls the vendor's global host", path=path
                )
            elif entry.host and not (entry.own or _approved(entry.host, context)):
                yield fail(
                    f"{entry.path} calls {entry.host}, which is in no vendor entry that this spec uses",
                    path=path,
                )
        for place, host in addresses(config):
            if not (_approved(host, context) or _here(host)):
                yield fail(
                    f"{place} names {host}, which is in no vendor entry that this spec uses", path=path
                )
        for place, kind in guardrails_without_address(config):
            yield fail(f"{place} ({kind}) names no api_base: it calls the vendor's global host", path=path)


@cache
def _known_hosts() -> re.Pattern[str]:
    named = "|".join(sorted(map(re.escape, vendor_hosts())))
    return re.compile(rf"(?<![a-z0-9.-])({named})(?![a-z0-9-]|\.[a-z])")


def _is_global(host: str) -> bool:
    fact = catalog.known_host(host)
    return fact is not None and fact.host.scope_kind == "global"


def _regional(host: str, context: Context) -> str:
    fact = catalog.known_host(host)
    hosts = hosts_inside(fact.vendor, context) if fact else []
    setup = fact.vendor.residency_setup[:1] if fact else ()
    use = f"use {' or '.join(hosts)}" if hosts else f"use a vendor with a host in {context.allowed_text}"
    return f"{host} is the vendor's global host; {use}" + (f" ({setup[0]})" if hosts and setup else "")


def _here(host: str) -> bool:
    """Whether a name only means something inside: no dots, a service, a private address."""
    numeric = re.fullmatch(r"[0-9.]+", host) is not None
    return not public(host) if numeric else "." not in host or host.endswith(".svc")


def _approved(host: str, context: Context) -> bool:
    """Whether the register or the network names a host; AWS hosts are judged by their Region (SOV-001)."""
    return host in context.approved_hosts or private(host, context) or bool(aws_regions(host))


vendors_are_called_regionally.passes("the European host in the register", world="vendor")
vendors_are_called_regionally.fails(
    "the organization names the global host",
    {"organization:vendors.openai-eu.host": "api.openai.com"},
    also=("SOV-007",),
)

_URL, _EUROPEAN = f"app:{FIRST_VARIABLE}", "https://eu.api.openai.com/v1"
_MODEL = "openai/gpt-4.1-2025-04-14"


def _hook(**address: str) -> list[dict[str, object]]:
    params = {"guardrail": "openai_moderation", **address}
    return [{"guardrail_name": "moderation", "litellm_params": params}]


def _calling(address: str | None) -> dict[str, object]:
    return {"proxy:data": proxy_data(group("desk", _MODEL, address), guardrails=_hook(api_base=_EUROPEAN))}


vendors_are_called_regionally.passes(
    "the European host everywhere",
    firewall_list("hosts", "eu.api.openai.com"),
    proxy(group("desk", _MODEL, _EUROPEAN), guardrails=_hook(api_base=_EUROPEAN)),
    deployment("app", container("app", env={"URL": _EUROPEAN})),
    world="vendor",
)
vendors_are_called_regionally.fails(
    "the firewall passes the global host",
    {f"hosts:{NEXT_TARGET}": "api.openai.com"},
    also=("SOV-007", "EGR-005"),
)
vendors_are_called_regionally.fails("a pod calls the global host", {_URL: "https://api.openai.com/v1"})
vendors_are_called_regionally.fails("a pod shouts the global host", {_URL: "https://API.OPENAI.COM/v1"})
vendors_are_called_regionally.fails("a pod calls another place", {_URL: "https://us.api.openai.com/v1"})
vendors_are_called_regionally.fails(
    "the proxy calls an unregistered host", _calling("https://llm.example.com")
)
vendors_are_called_regionally.fails("the proxy calls the global host", _calling("https://api.openai.com/v1"))
vendors_are_called_regionally.fails(
    "the proxy's cache is elsewhere",
    {
        "proxy:data": proxy_data(
            litellm_settings={"cache_params": {"qdrant_api_base": "https://q.example.com"}}
        )
    },
)
vendors_are_called_regionally.fails("the proxy is told no host", _calling(None))
vendors_are_called_regionally.fails(
    "a moderation hook is told no host",
    {"proxy:data": proxy_data(group("desk", _MODEL, _EUROPEAN), guardrails=_hook())},
)

_FUNCTION = resource("aws:lambda/function:Function", "relay", {"runtime": "python3.13"})
_FOREIGN = resource("azure-native:cognitiveservices:Deployment", "gpt", region=None)
for _note, _added in (
    ("a function that runs what no rule reads", _FUNCTION),
    ("a resource of another cloud", _FOREIGN),
):
    vendors_are_called_regionally.is_undecided(_note, add=(_added,), also=("SOV-005", "SOV-010"))
