"""Names as an egress path: a DNS Firewall that fails closed and ends in a block.

Not here: which names may be on its list (firewall).
"""

from __future__ import annotations

from collections.abc import Iterator

from inferplan.resource import Resource
from policies.context import Context
from policies.example import change, ref, resource
from policies.hosts import (
    DNS_RULE,
    DOMAIN_LIST,
)
from policies.network import (
    EGRESS_RULES,
    SECURITY_GROUPS,
    openings,
)
from policies.read import each, get, known
from policies.rule import DROP, Example, Outcome, fail, on_resource, on_stack, rule, undecided

POLICY = "aws:networkfirewall/firewallPolicy:FirewallPolicy"
FORWARD = "aws:forward_to_sfe"
ROUTE = "aws:ec2/route:Route"


CONFIG = "aws:route53/resolverFirewallConfig:ResolverFirewallConfig"
ASSOCIATION = "aws:route53/resolverFirewallRuleGroupAssociation:ResolverFirewallRuleGroupAssociation"
DNS_GROUP = "aws:route53/resolverFirewallRuleGroup:ResolverFirewallRuleGroup"
VPC = "aws:ec2/vpc:Vpc"
DNS_PORTS = (53, 853)


def _dns_rule(item: Resource, _context: Context) -> Iterator[Outcome]:
    if get(item.props, "action") == "ALERT":
        yield fail("an alert still answers the query", path="action")


def _unseen(resources: tuple[Resource, ...], context: Context) -> Iterator[Outcome]:
    """A list or group that the stack does not declare may let any name through."""
    for item in resources:
        path, kind = (
            ("firewallRuleGroupId", DNS_GROUP)
            if item.type == ASSOCIATION
            else ("firewallDomainListId", DOMAIN_LIST)
        )
        if item.type == DNS_RULE and get(item.props, "action") == "BLOCK":
            continue
        if not context.stack.named(item, path, kind):
            yield undecided(
                "names a list that this stack does not declare, so what it lets through cannot be seen",
                path=path,
                subject=item,
            )


def _guarded(vpcs: tuple[Resource, ...], context: Context) -> Iterator[Outcome]:
    stack = context.stack
    for vpc in vpcs:
        if not stack.pointing_at(vpc, "resourceId", CONFIG):
            yield fail(
                "does not say that DNS fails closed when the DNS Firewall is out of order", subject=vpc
            )
        groups = [
            group
            for found in stack.pointing_at(vpc, "vpcId", ASSOCIATION)
            for group in stack.named(found, "firewallRuleGroupId", DNS_GROUP)
        ]
        if not groups:
            yield fail("has no DNS Firewall: names are an egress path", subject=vpc)
        elif not any(_ends_in_block(group, context) for group in groups):
            yield fail("its DNS Firewall does not end in a block of every name", subject=vpc)


def _ends_in_block(group: Resource, context: Context) -> bool:
    stack = context.stack
    rules = stack.pointing_at(group, "firewallRuleGroupId", DNS_RULE)
    last = max(rules, key=lambda item: int(get(item.props, "priority", 0)), default=None)
    if last is None or get(last.props, "action") != "BLOCK" or get(last.props, "qType"):
        return False
    lists = stack.named(last, "firewallDomainListId", DOMAIN_LIST)
    return any(known(domain) == "*" for found in lists for _, domain in each(found.props, "domains[]"))


def _dns_outside(item: Resource, context: Context) -> Iterator[Outcome]:
    for opening in openings(item, context.stack):
        ports = [str(port) for port in DNS_PORTS if opening.opens(port)]
        if ports:
            yield fail(f"public resolvers can be asked on port {' and '.join(ports)}", path=opening.path)


_DVPC = resource(VPC, "vpc", {"cidrBlock": "10.0.0.0/16"})
_ALLOW, _EVERY = (
    resource(DOMAIN_LIST, "allowed", {"domains": ["*.in-addr.arpa"]}),
    resource(DOMAIN_LIST, "everything", {"domains": ["*"]}),
)
_DGROUP = resource(DNS_GROUP, "dns-group", {})


def _dns(name: str, priority: int, action: str, domains: Resource, **more: object) -> Resource:
    return resource(
        DNS_RULE,
        name,
        {
            "priority": priority,
            "action": action,
            "firewallRuleGroupId": ref(_DGROUP),
            "firewallDomainListId": ref(domains),
            **more,
        },
    )


@rule(
    id="EGR-006",
    title="The DNS Firewall fails closed and ends in a block",
    why="The resolver answers public names even without an internet route, so data can leave inside queries.",
    fix="Set firewallFailOpen to DISABLED, end the rules with a block of *, associate the group with the "
    "network, "
    "and close ports 53 and 853 to the outside.",
    source=("000:124",),
    level="mandatory",
    on=(CONFIG,),
    more=(
        on_resource(_dns_rule, DNS_RULE),
        on_stack(_guarded, VPC),
        on_stack(_unseen, DNS_RULE, ASSOCIATION),
        on_resource(_dns_outside, *SECURITY_GROUPS, *EGRESS_RULES),
    ),
    passing=(
        Example(
            note="allow what is listed, block the rest, fail closed",
            resources=(
                _DVPC,
                _ALLOW,
                _EVERY,
                _DGROUP,
                resource(CONFIG, "config", {"resourceId": ref(_DVPC), "firewallFailOpen": "DISABLED"}),
                _dns("allow", 100, "ALLOW", _ALLOW),
                _dns("https", 200, "BLOCK", _EVERY, qType="HTTPS"),
                _dns("rest", 900, "BLOCK", _EVERY),
                resource(
                    ASSOCIATION, "association", {"vpcId": ref(_DVPC), "firewallRuleGroupId": ref(_DGROUP)}
                ),
                resource(
                    EGRESS_RULES[0],
                    "rule",
                    {"cidrIpv4": "10.0.0.0/16", "ipProtocol": "udp", "fromPort": 53, "toPort": 53},
                ),
            ),
        ),
    ),
    failing=(
        change("open on failure", {"config:firewallFailOpen": "ENABLED"}),
        change("failure is not spoken of", {"config:firewallFailOpen": DROP}),
        change("no configuration", remove=("config",)),
        change("no association", remove=("association",)),
        change("no final block", remove=("rest",)),
        change(
            "names of a list that nobody declares are allowed",
            {"allow:firewallDomainListId": "rslvr-fdl-0123"},
            verdict="undecided",
        ),
        change(
            "rules of a group that nobody declares come first",
            add=(
                resource(
                    ASSOCIATION, "other", {"vpcId": ref(_DVPC), "firewallRuleGroupId": "rslvr-frg-0123"}
                ),
            ),
            verdict="undecided",
        ),
        change("the final rule allows", {"rest:action": "ALLOW"}, also=("EGR-005",)),
        change("a rule only alerts", {"https:action": "ALERT"}, also=("EGR-005",)),
        change("the final block is about one kind of query", {"rest:qType": "A"}),
        change("the final block is about some names", {"rest:firewallDomainListId": ref(_ALLOW)}),
        change("public resolvers by UDP", {"rule:cidrIpv4": "0.0.0.0/0"}, also=("EGR-002",)),
        change(
            "public resolvers by TLS",
            {
                "rule:cidrIpv4": "0.0.0.0/0",
                "rule:ipProtocol": "tcp",
                "rule:fromPort": 853,
                "rule:toPort": 853,
            },
            also=("EGR-002",),
        ),
    ),
)
def egr_006(config: Resource, _context: Context) -> Iterator[Outcome]:
    if get(config.props, "firewallFailOpen") != "DISABLED":
        yield fail("answers every name while the DNS Firewall is out of order", path="firewallFailOpen")
