"""Vendors at their regional hosts: in register, allowlists, environments and the proxy's configuration.

Not here: where a host processes (vendors) and how it is reached (firewall).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from inferplan.resource import Resource
from policies.context import Context, NamedVendor
from policies.example import change, resource
from policies.gateway import CARRIERS, configurations, entries, guardrails_without_address
from policies.hosts import (
    LIST_TYPES,
    RULE_GROUP,
    allowlist,
    aws_regions,
    facts_of,
    private,
    vendor_hosts,
)
from policies.rule import Example, Outcome, fail, on_resource, on_stack, rule
from policies.sovereignty.vendors import stateful

POLICY = "aws:networkfirewall/firewallPolicy:FirewallPolicy"
FORWARD = "aws:forward_to_sfe"
ROUTE = "aws:ec2/route:Route"


@cache
def _known_hosts() -> re.Pattern[str]:
    named = "|".join(sorted(map(re.escape, vendor_hosts())))
    return re.compile(rf"(?<![a-z0-9.-])({named})(?![a-z0-9-]|\.[a-z])")


def _is_global(host: str) -> bool:
    fact = facts_of(host)
    return fact is not None and fact.host.scope_kind == "global"


def _regional(host: str, context: Context) -> str:
    fact = facts_of(host)
    hosts = [item.host for item in fact.vendor.hosts if item.processing_in_region] if fact else []
    setup = fact.vendor.residency_setup[:1] if fact else ()
    use = f"use {' or '.join(hosts)}" if hosts else f"use a vendor with a host in {context.allowed_text}"
    return f"{host} is the vendor's global host; {use}" + (f" ({setup[0]})" if hosts and setup else "")


def _listed_global(resources: tuple[Resource, ...], context: Context) -> Iterator[Outcome]:
    for item in resources:
        for entry in allowlist(item, context):
            if _is_global(entry.host):
                yield fail(_regional(entry.host, context), path=entry.path, subject=item)


def _approved(host: str, context: Context) -> bool:
    """Whether the register or the network names a host; AWS hosts are judged by their Region (SOV-001)."""
    return host in context.approved_hosts or private(host, context) or bool(aws_regions(host))


def _called(item: Resource, context: Context) -> Iterator[Outcome]:
    """Global hosts in environments and configurations, and calls that leave the host to the proxy."""
    for text in context.texts(item):
        for host in dict.fromkeys(_known_hosts().findall(text.value.lower())):
            if _is_global(host):
                yield fail(_regional(host, context), path=text.path)
            elif host not in context.approved_hosts:
                yield fail(f"{host} is in no vendor entry that this spec uses", path=text.path)
    if item.type in CARRIERS:
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
            for place, kind in guardrails_without_address(config):
                yield fail(
                    f"{place} ({kind}) names no api_base: it calls the vendor's global host", path=path
                )


_PROXY = """
model_list:
- model_name: desk
  litellm_params: {model: openai/gpt-4.1-2025-04-14, api_base: "https://eu.api.openai.com/v1"}
guardrails:
- guardrail_name: moderation
  litellm_params: {guardrail: openai_moderation, api_base: "https://eu.api.openai.com/v1"}
"""


@rule(
    id="EGR-007",
    title="Vendors are called at their regional host, never at the global one",
    why="The global host may process anywhere, even when the account's data is stored in a region.",
    fix="Name the regional host in the organization's vendor entry, the allowlist and every api_base.",
    source=("000:146",),
    level="mandatory",
    on=("vendor",),
    more=(
        on_stack(_listed_global, *LIST_TYPES),
        on_resource(_called, "kubernetes:*", "aws:ecs/taskDefinition:TaskDefinition", *CARRIERS[2:]),
    ),
    passing=(
        Example(
            note="the European host everywhere",
            base="vendor",
            resources=(
                resource(RULE_GROUP, "hosts", stateful(["eu.api.openai.com"])),
                resource("kubernetes:core/v1:ConfigMap", "proxy", {"data": {"config.yaml": _PROXY}}),
                resource(
                    "kubernetes:apps/v1:Deployment",
                    "app",
                    {
                        "metadata": {"namespace": "kube-system"},
                        "spec": {
                            "template": {
                                "spec": {
                                    "containers": [
                                        {
                                            "name": "app",
                                            "env": [{"name": "URL", "value": "https://eu.api.openai.com/v1"}],
                                        }
                                    ]
                                }
                            }
                        },
                    },
                ),
            ),
        ),
        Example(note="the European host in the register", base="vendor"),
    ),
    failing=(
        change(
            "the organization names the global host",
            of=1,
            organization={"vendors.openai-eu.host": "api.openai.com"},
            also=("SOV-007",),
        ),
        change(
            "the firewall passes the global host",
            {"hosts:ruleGroup.rulesSource.rulesSourceList.targets[1]": "api.openai.com"},
            also=("SOV-007", "EGR-005"),
        ),
        change(
            "a pod calls the global host",
            {"app:spec.template.spec.containers[0].env[0].value": "https://api.openai.com/v1"},
        ),
        change(
            "a pod shouts the global host",
            {"app:spec.template.spec.containers[0].env[0].value": "https://API.OPENAI.COM/v1"},
        ),
        change(
            "a pod calls another place of the vendor",
            {"app:spec.template.spec.containers[0].env[0].value": "https://us.api.openai.com/v1"},
        ),
        change(
            "the proxy calls a host that nobody registered",
            {"proxy:data": {"config.yaml": _PROXY.replace("eu.api.openai.com", "llm.example.com", 1)}},
        ),
        change(
            "the proxy calls the global host",
            {"proxy:data": {"config.yaml": _PROXY.replace("eu.api", "api")}},
        ),
        change(
            "the proxy is told no host",
            {"proxy:data": {"config.yaml": _PROXY.replace("api_base", "timeout", 1)}},
        ),
        change(
            "a moderation hook is told no host",
            {"proxy:data": {"config.yaml": "timeout".join(_PROXY.rsplit("api_base", 1))}},
        ),
    ),
)
def egr_007(vendor: NamedVendor, context: Context) -> Iterator[Outcome]:
    host = vendor.entry.host
    if host is not None and _is_global(host):
        yield fail(_regional(host, context))
