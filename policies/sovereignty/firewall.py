"""The vendor path: exact hosts over TLS through a firewall that drops the rest, and no way past it.

Not here: how names resolve (resolver), hubs (serving), where vendors process (vendors), GPU nodes (egress).
"""

from __future__ import annotations

from collections.abc import Iterator

from inferplan.resource import Resource
from policies.context import Context
from policies.example import aws_arn, aws_host, change, ref, resource
from policies.hosts import (
    DOMAIN_LIST,
    LIST_TYPES,
    RULE_GROUP,
    Listed,
    allowlist,
    aws_regions,
    private,
)
from policies.network import (
    FIREWALL,
    NAT,
    ROUTE_TABLES,
    SUBNET,
    Way,
    tables_of,
    ways_out,
)
from policies.read import each, get, known
from policies.rule import DROP, Example, Outcome, fail, on_resource, on_stack, rule, undecided
from policies.sovereignty.vendors import stateful
from policies.suricata import passes

POLICY = "aws:networkfirewall/firewallPolicy:FirewallPolicy"
FORWARD = "aws:forward_to_sfe"
_T = "ruleGroup.rulesSource"
ROUTE = "aws:ec2/route:Route"


def _entry_problem(entry: Listed, context: Context) -> str | None:
    """Why an entry of an allowlist may not be there."""
    if private(entry.host, context):
        return None
    regions = aws_regions(entry.host)
    if regions and entry.resource.type == RULE_GROUP:
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


def _lists(resources: tuple[Resource, ...], context: Context) -> Iterator[Outcome]:
    for item in resources:
        for entry in allowlist(item, context):
            if problem := _entry_problem(entry, context):
                yield fail(problem, path=entry.path, subject=item)


def _policy(item: Resource, _context: Context) -> Iterator[Outcome]:
    policy = get(item.props, "firewallPolicy", {})
    for key in ("statelessDefaultActions", "statelessFragmentDefaultActions"):
        if get(policy, key, []) != [FORWARD]:
            yield fail("packets pass before a rule has seen them", path=f"firewallPolicy.{key}")
    if get(policy, "statefulEngineOptions.ruleOrder") != "STRICT_ORDER":
        yield fail(
            "rules are not in strict order: pass rules win over drop rules",
            path="firewallPolicy.statefulEngineOptions.ruleOrder",
        )
    if not any(str(action).startswith("aws:drop") for action in get(policy, "statefulDefaultActions", [])):
        yield fail("what no rule names is let through", path="firewallPolicy.statefulDefaultActions")


def _unseen(resources: tuple[Resource, ...], context: Context) -> Iterator[Outcome]:
    """A policy or rule group that the stack does not declare may pass anything."""
    stack = context.stack
    for item in resources:
        path, kind = (
            ("firewallPolicyArn", POLICY)
            if item.type == FIREWALL
            else ("firewallPolicy.statefulRuleGroupReferences[].resourceArn", RULE_GROUP)
        )
        stateless = "firewallPolicy.statelessRuleGroupReferences[].resourceArn"
        for target in (*stack.targets(item, path, kind), *stack.targets(item, stateless, RULE_GROUP)):
            if not target.resources:
                yield undecided(
                    "names rules that this stack does not declare, so what they pass cannot be seen",
                    path=target.path,
                    subject=item,
                )


def _stateless(group: Resource) -> Iterator[Outcome]:
    base = f"{_T}.statelessRulesAndCustomActions.statelessRules[].ruleDefinition.actions[]"
    for path, action in each(group.props, base):
        if known(action) == "aws:pass":
            yield fail("a stateless rule passes packets before the server name is seen", path=path)


def _firewall_subnets(context: Context) -> set[str]:
    stack = context.stack
    return {
        subnet.urn
        for firewall in stack.of(FIREWALL)
        for subnet in stack.named(firewall, "subnetMappings[].subnetId", SUBNET)
    }


def _ways(tables: tuple[Resource, ...], context: Context) -> Iterator[Outcome]:
    """Only firewall subnets may use NAT, only NAT subnets the internet gateway; others go to the firewall."""
    stack = context.stack
    firewalled = _firewall_subnets(context)
    translating = {subnet.urn for nat in stack.of(NAT) for subnet in stack.named(nat, "subnetId", SUBNET)}
    by_table: dict[str, set[str]] = {}
    for subnet in stack.of(SUBNET):
        for table in tables_of(subnet, stack):
            by_table.setdefault(table.urn, set()).add(subnet.urn)
    for table in tables:
        subnets = by_table.get(table.urn, set())
        for way in ways_out(table, stack):
            if problem := _way_problem(way, subnets, firewalled, translating):
                yield fail(problem, path=way.path or way.hop, subject=way.resource)


def _way_problem(way: Way, subnets: set[str], firewalled: set[str], translating: set[str]) -> str | None:
    if way.hop == "natGatewayId" and not (subnets and subnets <= firewalled):
        return "leads to the NAT gateway past the firewall"
    if way.hop in {"gatewayId", "egressOnlyGatewayId"} and not (subnets and subnets <= translating):
        return "leads to the internet past the firewall"
    return None


_FW, _NATS = resource(SUBNET, "firewall-a", {}), resource(SUBNET, "nat-a", {})
_GW = resource(SUBNET, "gateway-a", {})
_TABLES = {name: resource(ROUTE_TABLES[0], f"{name}-routes", {}) for name in ("gateway", "firewall", "nat")}
_IGW = resource("aws:ec2/internetGateway:InternetGateway", "internet", {})
_NAT = resource(NAT, "nat", {"subnetId": ref(_NATS)})
_RULES = {
    "ruleGroup": {
        "rulesSource": {
            "statefulRules": [
                {
                    "action": "DROP",
                    "header": {"protocol": "UDP", "destination": "ANY", "destinationPort": "ANY"},
                    "ruleOptions": [{"keyword": "sid", "settings": ["1"]}],
                },
                {
                    "action": "PASS",
                    "header": {"protocol": "TLS", "destination": "ANY", "destinationPort": "443"},
                    "ruleOptions": [
                        {"keyword": "tls.sni"},
                        {"keyword": "content", "settings": ['"eu.api.openai.com"']},
                        {"keyword": "startswith"},
                        {"keyword": "endswith"},
                        {"keyword": "sid", "settings": ["2"]},
                    ],
                },
            ]
        }
    }
}
_LINE = (
    'pass tls $HOME_NET any -> any 443 (tls.sni; content:"eu.api.openai.com"; startswith; endswith; sid:2;)'
)
_TEXT = {
    "ruleGroup": {
        "rulesSource": {"rulesString": f"# vendors\ndrop udp any any -> any any (sid:1;)\n{_LINE}\n"}
    }
}
_FW_POLICY = resource(
    POLICY,
    "policy",
    {
        "firewallPolicy": {
            "statelessDefaultActions": [FORWARD],
            "statelessFragmentDefaultActions": [FORWARD],
            "statefulDefaultActions": ["aws:drop_established_app_layer", "aws:alert_established_app_layer"],
            "statefulEngineOptions": {"ruleOrder": "STRICT_ORDER"},
        }
    },
)
_FIREWALL = resource(
    FIREWALL, "firewall", {"firewallPolicyArn": ref(_FW_POLICY), "subnetMappings": [{"subnetId": ref(_FW)}]}
)


def _joined(name: str, subnet: Resource) -> Resource:
    return resource(
        "aws:ec2/routeTableAssociation:RouteTableAssociation",
        f"{name}-association",
        {"subnetId": ref(subnet), "routeTableId": ref(_TABLES[name])},
    )


def _out(name: str, **hop: object) -> Resource:
    return resource(
        ROUTE, f"{name}-out", {"routeTableId": ref(_TABLES[name]), "destinationCidrBlock": "0.0.0.0/0", **hop}
    )


_PATH = (
    _FW,
    _NATS,
    _GW,
    *_TABLES.values(),
    _IGW,
    _NAT,
    _FW_POLICY,
    _FIREWALL,
    _joined("gateway", _GW),
    _joined("firewall", _FW),
    _joined("nat", _NATS),
    _out("gateway", vpcEndpointId=ref(_FIREWALL)),
    _out("firewall", natGatewayId=ref(_NAT)),
    _out("nat", gatewayId=ref(_IGW)),
)


@rule(
    id="EGR-005",
    title="Vendors are reached only through a firewall that passes exact hosts and drops the rest",
    why="One wildcard, one rule that passes by default, one route past the firewall, and any host can be "
    "reached.",
    fix="Pass TLS to 443 by exact server name (TLS_SNI), drop by default in strict order, and route "
    "every subnet "
    "but the firewall's and the NAT's through the firewall.",
    source=("000:145",),
    level="mandatory",
    on=(RULE_GROUP,),
    more=(
        on_resource(_policy, POLICY),
        on_stack(_lists, *LIST_TYPES),
        on_stack(_ways, *ROUTE_TABLES),
        on_stack(_unseen, FIREWALL, POLICY),
    ),
    passing=(
        Example(
            note="a list of server names, a symmetric path",
            base="vendor",
            resources=(
                *_PATH,
                resource(RULE_GROUP, "hosts", stateful(["eu.api.openai.com"])),
                resource(
                    DOMAIN_LIST,
                    "names",
                    {
                        "domains": [
                            "eu.api.openai.com",
                            aws_host("*.dkr.ecr.eu-central-1"),
                            aws_host("*.euc1.cache"),
                            "*.eu-central-1.compute.internal",
                            "*.in-addr.arpa",
                        ]
                    },
                ),
            ),
        ),
        Example(
            note="exact rules as blocks",
            base="vendor",
            resources=(*_PATH, resource(RULE_GROUP, "hosts", _RULES)),
        ),
        Example(
            note="exact rules as text",
            base="vendor",
            resources=(*_PATH, resource(RULE_GROUP, "hosts", _TEXT)),
        ),
    ),
    failing=(
        change("a host of no vendor entry", {f"hosts:{_T}.rulesSourceList.targets[1]": "llm.example.com"}),
        change("a wildcard", {f"hosts:{_T}.rulesSourceList.targets[0]": ".openai.com"}),
        change("a list that denies instead", {f"hosts:{_T}.rulesSourceList.generatedRulesType": "DENYLIST"}),
        change("a list that alerts instead", {f"hosts:{_T}.rulesSourceList.generatedRulesType": "ALERTLIST"}),
        change(
            "matching by HTTP Host", {f"hosts:{_T}.rulesSourceList.targetTypes": ["TLS_SNI", "HTTP_HOST"]}
        ),
        change(
            "an AWS host on the way out, where everybody's interfaces answer",
            {f"hosts:{_T}.rulesSourceList.targets[1]": aws_host("x.execute-api.eu-central-1")},
        ),
        change("rules in the older property", {"hosts:rules": "pass ip any any -> any any (sid:1;)"}),
        change("a name too wide", {"names:domains[0]": "*.openai.com"}),
        change("every name", {"names:domains[0]": "*"}),
        change("an AWS host without Region", {"names:domains[0]": aws_host("sts")}),
        change(
            "an AWS host of another Region",
            {"names:domains[0]": aws_host("s3.us-east-1")},
            also=("SOV-001",),
        ),
        change("a rule that passes HTTP", {f"hosts:{_T}.statefulRules[1].header.protocol": "HTTP"}, of=1),
        change(
            "a rule that passes another port",
            {f"hosts:{_T}.statefulRules[1].header.destinationPort": "ANY"},
            of=1,
        ),
        change(
            "a rule that matches part of the name",
            {f"hosts:{_T}.statefulRules[1].ruleOptions[2].keyword": "nocase"},
            of=1,
        ),
        change(
            "a rule without a name",
            {f"hosts:{_T}.statefulRules[1].ruleOptions": [{"keyword": "sid", "settings": ["2"]}]},
            of=1,
        ),
        change(
            "text that passes everything",
            {f"hosts:{_T}.rulesString": "pass ip any any -> any any (sid:1;)"},
            of=2,
        ),
        change(
            "text that passes by pattern",
            {f"hosts:{_T}.rulesString": _LINE.replace("startswith;", 'pcre:"/.*/";')},
            of=2,
        ),
        change(
            "text with an action that is not known",
            {f"hosts:{_T}.rulesString": "bypass tcp any any -> any 443 (sid:1;)"},
            of=2,
        ),
        change(
            "text that looks for the name anywhere",
            {f"hosts:{_T}.rulesString": _LINE.replace("tls.sni; ", "").replace("sid:2", "tls.sni; sid:2")},
            of=2,
        ),
        change("text that cannot be read", {f"hosts:{_T}.rulesString": "config vlan on"}, of=2),
        change(
            "text for a host of no vendor",
            {f"hosts:{_T}.rulesString": _LINE.replace("eu.api.openai.com", "llm.example.com")},
            of=2,
        ),
        change(
            "a stateless rule passes packets",
            {
                f"hosts:{_T}.statelessRulesAndCustomActions": {
                    "statelessRules": [{"ruleDefinition": {"actions": ["aws:pass"]}}]
                }
            },
        ),
        change(
            "a rule group of somebody else",
            {
                "policy:firewallPolicy.statefulRuleGroupReferences": [
                    {"resourceArn": aws_arn("network-firewall:eu-central-1:aws-managed:stateful-rulegroup/x")}
                ]
            },
            verdict="undecided",
        ),
        change(
            "a policy of somebody else",
            {"firewall:firewallPolicyArn": aws_arn("network-firewall:eu-central-1:222222222222:policy/x")},
            verdict="undecided",
        ),
        change("packets pass unseen", {"policy:firewallPolicy.statelessDefaultActions": ["aws:pass"]}),
        change(
            "fragments pass unseen", {"policy:firewallPolicy.statelessFragmentDefaultActions": ["aws:pass"]}
        ),
        change("the default order", {"policy:firewallPolicy.statefulEngineOptions": DROP}),
        change("no default drop", {"policy:firewallPolicy.statefulDefaultActions": []}),
        change(
            "the gateway goes past the firewall",
            {"gateway-out:natGatewayId": ref(_NAT), "gateway-out:vpcEndpointId": DROP},
        ),
        change(
            "the gateway has the internet gateway",
            {"gateway-out:gatewayId": ref(_IGW), "gateway-out:vpcEndpointId": DROP},
        ),
        change("the firewall stands beside the path", {"firewall:subnetMappings": []}),
    ),
)
def egr_005(group: Resource, _context: Context) -> Iterator[Outcome]:
    listing = get(group.props, f"{_T}.rulesSourceList")
    if listing is not None and get(listing, "generatedRulesType") != "ALLOWLIST":
        yield fail(
            "the list does not allow but deny or alert", path=f"{_T}.rulesSourceList.generatedRulesType"
        )
    if listing is not None and get(listing, "targetTypes", []) != ["TLS_SNI"]:
        yield fail(
            "HTTP_HOST lets plain text out to any address under a forged Host header",
            path=f"{_T}.rulesSourceList.targetTypes",
        )
    yield from _stateless(group)
    for item in passes(group):
        if item.problem:
            yield fail(f"a rule {item.problem}", path=item.path)
