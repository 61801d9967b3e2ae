"""The vendor path: exact hosts over TLS through a firewall that drops the rest, and no way past it.

Not here: how names resolve (names_fail_closed), where vendors process (vendors_process_inside), GPU nodes
(nodes_have_no_way_out).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from inferplan.resource import Resource
from policies import types
from policies.context import Context
from policies.read import each, get, known
from policies.rule import DROP, Outcome, Rule, fail, undecided
from policies.views.hosts import Listed, allowlist, aws_regions, private
from policies.views.network import Way, tables_of, ways_out
from policies.views.suricata import passes
from policies.world.things import (
    FIRST_TARGET,
    NEXT_TARGET,
    arn,
    association,
    aws_host,
    domain_list,
    firewall,
    firewall_list,
    firewall_policy,
    ref,
    resource,
    route,
    route_table,
    subnet,
)

SOURCE = "ruleGroup.rulesSource"
# What a firewall and its policy rest on: the property that names it, and its type.
RESTS_ON = {
    types.FIREWALL: (("firewallPolicyArn", types.FIREWALL_POLICY),),
    types.FIREWALL_POLICY: tuple(
        (f"firewallPolicy.{kind}RuleGroupReferences[].resourceArn", types.FIREWALL_RULE_GROUP)
        for kind in ("stateful", "stateless")
    ),
}

vendors_are_behind_a_firewall = Rule(
    id="EGR-005",
    title="Vendors are reached only through a firewall that passes exact hosts and drops the rest",
    why="One wildcard, one rule that passes by default, one route past the firewall, and any host can be "
    "reached.",
    fix="Pass TLS to 443 by exact server name (TLS_SNI), drop by default in strict order, and route every "
    "subnet but the firewall's and the NAT's through the firewall.",
    source=("000:145",),
    level="mandatory",
)


@vendors_are_behind_a_firewall.check(types.FIREWALL_RULE_GROUP)
def _exact_rules(group: Resource, _context: Context) -> Iterator[Outcome]:
    listing = get(group.props, f"{SOURCE}.rulesSourceList")
    if listing is not None and get(listing, "generatedRulesType") != "ALLOWLIST":
        yield fail(
            "the list does not allow but deny or alert", path=f"{SOURCE}.rulesSourceList.generatedRulesType"
        )
    if listing is not None and get(listing, "targetTypes", []) != ["TLS_SNI"]:
        yield fail(
            "HTTP_HOST lets plain text out to any address under a forged Host header",
            path=f"{SOURCE}.rulesSourceList.targetTypes",
        )
    stateless = f"{SOURCE}.statelessRulesAndCustomActions.statelessRules[].ruleDefinition.actions[]"
    for path, action in each(group.props, stateless):
        if known(action) == "aws:pass":
            yield fail("a stateless rule passes packets before the server name is seen", path=path)
    for item in passes(group):
        if item.problem:
            yield fail(f"a rule {item.problem}", path=item.path)


@vendors_are_behind_a_firewall.check(types.FIREWALL_POLICY)
def _drops_the_rest(item: Resource, _context: Context) -> Iterator[Outcome]:
    policy = get(item.props, "firewallPolicy", {})
    for key in ("statelessDefaultActions", "statelessFragmentDefaultActions"):
        if get(policy, key, []) != ["aws:forward_to_sfe"]:
            yield fail("packets pass before a rule has seen them", path=f"firewallPolicy.{key}")
    if get(policy, "statefulEngineOptions.ruleOrder") != "STRICT_ORDER":
        yield fail(
            "rules are not in strict order: pass rules win over drop rules",
            path="firewallPolicy.statefulEngineOptions.ruleOrder",
        )
    if not any(str(action).startswith("aws:drop") for action in get(policy, "statefulDefaultActions", [])):
        yield fail("what no rule names is let through", path="firewallPolicy.statefulDefaultActions")


@vendors_are_behind_a_firewall.check_stack(*types.ALLOWLISTS)
def _only_hosts_in_use(lists: tuple[Resource, ...], context: Context) -> Iterator[Outcome]:
    for item in lists:
        for entry in allowlist(item, context):
            if problem := _entry_problem(entry, context):
                yield fail(problem, path=entry.path, subject=item)


def _entry_problem(entry: Listed, context: Context) -> str | None:
    """Why an entry of an allowlist may not be there."""
    if private(entry.host, context):
        return None
    regions = aws_regions(entry.host)
    if regions and entry.resource.type == types.FIREWALL_RULE_GROUP:
        return f"{entry.host} is no vendor's host: AWS is reached through VPC endpoints"
    if regions:
        wrong = next((text for text in map(context.outside, regions) if text), None)
        return f"{entry.host} leads to a Region outside: {wrong}" if wrong else None
    if entry.wide:
        return f"{entry.host} covers more than one host; name each exactly"
    if regions == []:
        return f"{entry.host} is an AWS host without a Region: it may answer from anywhere"
    if entry.host not in context.approved_hosts:
        return f"{entry.host} is in no vendor entry that this spec uses"
    return None


@vendors_are_behind_a_firewall.check_stack(*types.ROUTE_TABLES)
def _no_way_past(tables: tuple[Resource, ...], context: Context) -> Iterator[Outcome]:
    """Only firewall subnets may use NAT, only NAT subnets the internet gateway; others go to the firewall."""
    stack = context.stack
    firewalled = _subnets_of(types.FIREWALL, "subnetMappings[].subnetId", context)
    translating = _subnets_of(types.NAT_GATEWAY, "subnetId", context)
    by_table: dict[str, set[str]] = {}
    for item in stack.of(types.SUBNET):
        for table in tables_of(item, stack):
            by_table.setdefault(table.urn, set()).add(item.urn)
    for table in tables:
        subnets = by_table.get(table.urn, set())
        for way in ways_out(table, stack):
            if problem := _way_problem(way, subnets, firewalled, translating):
                yield fail(problem, path=way.path or way.hop, subject=way.resource)


def _subnets_of(kind: str, path: str, context: Context) -> set[str]:
    stack = context.stack
    return {found.urn for item in stack.of(kind) for found in stack.named(item, path, types.SUBNET)}


def _way_problem(way: Way, subnets: set[str], firewalled: set[str], translating: set[str]) -> str | None:
    if way.hop == "natGatewayId" and not (subnets and subnets <= firewalled):
        return "leads to the NAT gateway past the firewall"
    if way.hop in {"gatewayId", "egressOnlyGatewayId"} and not (subnets and subnets <= translating):
        return "leads to the internet past the firewall"
    return None


@vendors_are_behind_a_firewall.check_stack(*RESTS_ON)
def _seen(resources: tuple[Resource, ...], context: Context) -> Iterator[Outcome]:
    """A policy or rule group that the stack does not declare may pass anything."""
    for item in resources:
        for path, kind in RESTS_ON[item.type]:
            for target in context.stack.targets(item, path, kind):
                if not target.resources:
                    yield undecided(
                        "names rules that this stack does not declare, so what they pass cannot be seen",
                        path=target.path,
                        subject=item,
                    )


_VENDOR = "eu.api.openai.com"
_TIERS = ("gateway", "firewall", "nat")
_PATH = (
    *(subnet(f"{tier}-a") for tier in _TIERS),
    *(route_table(f"{tier}-routes") for tier in _TIERS),
    *(association(f"{tier}-a", f"{tier}-routes") for tier in _TIERS),
    resource(types.INTERNET_GATEWAY, "internet"),
    resource(types.NAT_GATEWAY, "nat", {"subnetId": ref("nat-a")}),
    firewall_policy("policy"),
    firewall("firewall", "policy", subnetMappings=[{"subnetId": ref("firewall-a")}]),
    route("gateway-out", "gateway-routes", vpcEndpointId=ref("firewall")),
    route("firewall-out", "firewall-routes", natGatewayId=ref("nat")),
    route("nat-out", "nat-routes", gatewayId=ref("internet")),
)


def _hosts(**source: object) -> Resource:
    return resource(types.FIREWALL_RULE_GROUP, "hosts", {"ruleGroup": {"rulesSource": source}})


_LIST, _NEXT, _NAME = f"hosts:{SOURCE}.rulesSourceList", f"hosts:{NEXT_TARGET}", "names:domains[0]"
_KIND = f"{_LIST}.generatedRulesType"
_POLICY, _TO_FIREWALL = "policy:firewallPolicy", "gateway-out:vpcEndpointId"
_PASS_ALL, _PASSED = "pass ip any any -> any any (sid:1;)", ["aws:pass"]
_STATELESS = {"statelessRules": [{"ruleDefinition": {"actions": _PASSED}}]}
_MANAGED = {"resourceArn": arn("network-firewall", "stateful-rulegroup/x", account="aws-managed")}
_STRANGE_POLICY = arn("network-firewall", "policy/x", account="222222222222")

vendors_are_behind_a_firewall.passes(
    "a list of server names, a symmetric path",
    *_PATH,
    firewall_list("hosts", _VENDOR),
    domain_list(
        "names",
        _VENDOR,
        aws_host("*.dkr.ecr.eu-central-1"),
        aws_host("*.euc1.cache"),
        "*.eu-central-1.compute.internal",
        "*.in-addr.arpa",
    ),
    world="vendor",
)
vendors_are_behind_a_firewall.fails("a host of no vendor entry", {_NEXT: "llm.example.com"})
vendors_are_behind_a_firewall.fails("a wildcard", {f"hosts:{FIRST_TARGET}": ".openai.com"})
vendors_are_behind_a_firewall.fails("a list that denies instead", {_KIND: "DENYLIST"})
vendors_are_behind_a_firewall.fails("a list that alerts instead", {_KIND: "ALERTLIST"})
vendors_are_behind_a_firewall.fails(
    "matching by HTTP Host", {f"{_LIST}.targetTypes": ["TLS_SNI", "HTTP_HOST"]}
)
vendors_are_behind_a_firewall.fails(
    "an AWS host on the way out, where everybody's interfaces answer",
    {_NEXT: aws_host("x.execute-api.eu-central-1")},
)
vendors_are_behind_a_firewall.fails("rules in the older property", {"hosts:rules": _PASS_ALL})
vendors_are_behind_a_firewall.fails(
    "a stateless rule passes packets", {f"hosts:{SOURCE}.statelessRulesAndCustomActions": _STATELESS}
)
vendors_are_behind_a_firewall.fails("a name too wide", {_NAME: "*.openai.com"})
vendors_are_behind_a_firewall.fails("every name", {_NAME: "*"})
vendors_are_behind_a_firewall.fails("an AWS host without Region", {_NAME: aws_host("sts")})
vendors_are_behind_a_firewall.fails(
    "an AWS host of another Region", {_NAME: aws_host("s3.us-east-1")}, also=("SOV-001",)
)
vendors_are_behind_a_firewall.fails("packets pass unseen", {f"{_POLICY}.statelessDefaultActions": _PASSED})
vendors_are_behind_a_firewall.fails(
    "fragments pass unseen", {f"{_POLICY}.statelessFragmentDefaultActions": _PASSED}
)
vendors_are_behind_a_firewall.fails("the default order", {f"{_POLICY}.statefulEngineOptions": DROP})
vendors_are_behind_a_firewall.fails("no default drop", {f"{_POLICY}.statefulDefaultActions": []})
vendors_are_behind_a_firewall.fails(
    "the gateway goes past the firewall", {"gateway-out:natGatewayId": ref("nat"), _TO_FIREWALL: DROP}
)
vendors_are_behind_a_firewall.fails(
    "the gateway has the internet gateway", {"gateway-out:gatewayId": ref("internet"), _TO_FIREWALL: DROP}
)
vendors_are_behind_a_firewall.fails("the firewall stands beside the path", {"firewall:subnetMappings": []})
vendors_are_behind_a_firewall.is_undecided(
    "a rule group of somebody else", {f"{_POLICY}.statefulRuleGroupReferences": [_MANAGED]}
)
vendors_are_behind_a_firewall.is_undecided(
    "a policy of somebody else", {"firewall:firewallPolicyArn": _STRANGE_POLICY}
)


def _stateful(sid: str, action: str, protocol: str, port: str, *options: dict[str, Any]) -> dict[str, Any]:
    header = {"protocol": protocol, "destination": "ANY", "destinationPort": port}
    last = {"keyword": "sid", "settings": [sid]}
    return {"action": action, "header": header, "ruleOptions": [*options, last]}


_EXACT_NAME: tuple[dict[str, Any], ...] = (
    {"keyword": "tls.sni"},
    {"keyword": "content", "settings": [f'"{_VENDOR}"']},
    {"keyword": "startswith"},
    {"keyword": "endswith"},
)
_RULE = f"hosts:{SOURCE}.statefulRules[1]"

vendors_are_behind_a_firewall.passes(
    "exact rules as blocks",
    *_PATH,
    _hosts(
        statefulRules=[
            _stateful("1", "DROP", "UDP", "ANY"),
            _stateful("2", "PASS", "TLS", "443", *_EXACT_NAME),
        ]
    ),
    world="vendor",
)
vendors_are_behind_a_firewall.fails("a rule that passes HTTP", {f"{_RULE}.header.protocol": "HTTP"})
vendors_are_behind_a_firewall.fails(
    "a rule that passes another port", {f"{_RULE}.header.destinationPort": "ANY"}
)
vendors_are_behind_a_firewall.fails(
    "a rule that matches part of the name", {f"{_RULE}.ruleOptions[2].keyword": "nocase"}
)
vendors_are_behind_a_firewall.fails("a rule without a name", {_RULE: _stateful("2", "PASS", "TLS", "443")})

_LINE = f'pass tls $HOME_NET any -> any 443 (tls.sni; content:"{_VENDOR}"; startswith; endswith; sid:2;)'

vendors_are_behind_a_firewall.passes(
    "exact rules as text",
    *_PATH,
    _hosts(rulesString=f"# vendors\ndrop udp any any -> any any (sid:1;)\n{_LINE}\n"),
    world="vendor",
)
for _note, _text in {
    "text that passes everything": _PASS_ALL,
    "text that passes by pattern": _LINE.replace("startswith;", 'pcre:"/.*/";'),
    "text with an action that is not known": "bypass tcp any any -> any 443 (sid:1;)",
    "text that looks for the name anywhere": _LINE.replace("tls.sni; ", "").replace("sid:", "tls.sni; sid:"),
    "text that cannot be read": "config vlan on",
    "text for a host of no vendor": _LINE.replace(_VENDOR, "llm.example.com"),
}.items():
    vendors_are_behind_a_firewall.fails(_note, {f"hosts:{SOURCE}.rulesString": _text})
