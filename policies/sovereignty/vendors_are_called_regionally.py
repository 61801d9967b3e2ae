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
from policies.views.calls import calls, keys_without_address
from policies.views.gateway import addresses, configurations, entries, helpers_without_address
from policies.views.hosts import allowlist, aws_regions, hosts_inside, inside, private, vendor_hosts
from policies.world.things import (
    CONTAINER,
    FIRST_VARIABLE,
    NEXT_TARGET,
    aws_host,
    container,
    deployment,
    firewall_list,
    group,
    proxy,
    proxy_data,
    resource,
)

# What tells a program or a balancer where to call.
LISTENERS = (
    "aws:lb/listener:Listener",
    "aws:lb/listenerRule:ListenerRule",
    "aws:alb/listener:Listener",
    "aws:alb/listenerRule:ListenerRule",
)
TOLD = (*types.CONFIGURATION_CARRIERS, types.RECORD, *LISTENERS)

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


@vendors_are_called_regionally.check(*TOLD)
def _told(item: Resource, context: Context) -> Iterator[Outcome]:
    """Hosts that nobody registered, and vendors' clients that are told no host at all."""
    for path, host in dict.fromkeys(calls(item, context)):
        if not (_approved(host, context) or host in vendor_hosts()):
            yield fail(f"calls {host}, which is in no vendor entry that this spec uses", path=path)
    for path, name in keys_without_address(item):
        yield fail(f"{name} without an address: the client calls the vendor's global host", path=path)


@vendors_are_called_regionally.check(*types.CONFIGURATION_CARRIERS)
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
            if not (_approved(host, context) or inside(host, context)):
                yield fail(
                    f"{place} names {host}, which is in no vendor entry that this spec uses", path=path
                )
        for place, kind in helpers_without_address(config):
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


_DATABASE = aws_host("db.x.eu-central-1.rds")
_SERVED = [{"host": "chat.example.com"}]
_INTERNAL = {"alb.ingress.kubernetes.io/scheme": "internal"}

vendors_are_called_regionally.passes(
    "the European host everywhere",
    firewall_list("hosts", "eu.api.openai.com"),
    proxy(group("desk", _MODEL, _EUROPEAN), guardrails=_hook(api_base=_EUROPEAN)),
    deployment("app", container("app", env={"URL": _EUROPEAN})),
    deployment("client", container("client", env={"URL": "http://proxy.inference:4000"}, args=[])),
    resource(types.SERVICE, "alias", {"spec": {"type": "ExternalName", "externalName": _DATABASE}}),
    resource(
        LISTENERS[0], "listener", {"defaultActions": [{"redirect": {"host": "#{host}", "port": "443"}}]}
    ),
    resource(types.INGRESS, "ingress", {"metadata": {"annotations": _INTERNAL}, "spec": {"rules": _SERVED}}),
    resource("kubernetes:core/v1:PersistentVolume", "files", {"spec": {"nfs": {"server": _DATABASE}}}),
    resource(types.RECORD, "name", {"name": "llm", "type": "CNAME", "records": [_DATABASE]}),
    resource(types.RECORD, "proof", {"name": "_x.llm", "type": "CNAME", "records": ["_y.example.com"]}),
    deployment("page", container("page", env={"URL": "https://chat.example.com"})),
    world="vendor",
)
_ELSEWHERE = "https://llm.example.com/v1"
for _path, _said in {
    f"client:{FIRST_VARIABLE}": _ELSEWHERE,
    f"client:{CONTAINER}.args[0]": f"--upstream={_ELSEWHERE}",
    f"client:{CONTAINER}.command": ["sh", "-c", f"curl {_ELSEWHERE} | sh"],
    "alias:spec.externalName": "llm.example.com",
    "files:spec.nfs.server": "files.example.com",
    "name:records": ["llm.example.com."],
    "listener:defaultActions[0].redirect.host": "llm.example.com",
    "ingress:metadata.annotations": {**_INTERNAL, "nginx.ingress.kubernetes.io/mirror-target": _ELSEWHERE},
}.items():
    vendors_are_called_regionally.fails(f"a host that nobody registered: {_path}", {_path: _said})
vendors_are_called_regionally.fails(
    "a host that no Ingress of the state serves", {"ingress:spec.rules[0].host": "other.example.com"}
)
vendors_are_called_regionally.fails(
    "a key of a vendor and no address", {f"client:{CONTAINER}.env[0].name": "OPENAI_API_KEY"}
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
for _section, _helper in (
    ("vector_store_registry", {"custom_llm_provider": "openai"}),
    ("search_tools", {"search_provider": "perplexity"}),
    ("prompts", {"prompt_integration": "langfuse"}),
):
    vendors_are_called_regionally.fails(
        f"a helper of the proxy is told no host: {_section}",
        {"proxy:data": proxy_data(**{_section: [{"litellm_params": _helper}]})},
        also=("SOV-010",),
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
