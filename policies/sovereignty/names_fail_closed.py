"""Names as an egress path: a DNS Firewall that fails closed and ends in a block.

Not here: which names may be on its list (vendors_are_behind_a_firewall).
"""

from __future__ import annotations

from collections.abc import Iterator

from inferplan.resource import Resource
from inferplan.spec.organization import RegisteredNetwork
from policies import types
from policies.context import Context
from policies.read import each, get, known, number
from policies.rule import DROP, Outcome, Rule, fail, undecided
from policies.views.network import openings
from policies.world.bases import GIVEN_NETWORK, of_network
from policies.world.things import domain_list, egress, ref, resource, vpc

DNS_PORTS = (53, 853)
# What a rule or an association rests on: the property that names it, and its type.
RESTS_ON = {
    types.DNS_RULE: ("firewallDomainListId", types.DOMAIN_LIST),
    types.DNS_ASSOCIATION: ("firewallRuleGroupId", types.DNS_RULE_GROUP),
}

names_fail_closed = Rule(
    id="EGR-006",
    title="The DNS Firewall fails closed and ends in a block",
    why="The resolver answers public names even without an internet route, so data can leave inside queries.",
    fix="Set firewallFailOpen to DISABLED, end the rules with a block of *, associate the group with the "
    "network, and close ports 53 and 853 to the outside.",
    source=("000:124",),
    level="mandatory",
)


@names_fail_closed.check(types.DNS_CONFIG)
def _closed_on_failure(config: Resource, _context: Context) -> Iterator[Outcome]:
    if get(config.props, "firewallFailOpen") != "DISABLED":
        yield fail("answers every name while the DNS Firewall is out of order", path="firewallFailOpen")


@names_fail_closed.check(types.DNS_RULE)
def _no_mere_alert(item: Resource, _context: Context) -> Iterator[Outcome]:
    if get(item.props, "action") == "ALERT":
        yield fail("an alert still answers the query", path="action")


@names_fail_closed.check_stack(types.VPC)
def _guarded(vpcs: tuple[Resource, ...], context: Context) -> Iterator[Outcome]:
    stack = context.stack
    for item in vpcs:
        if not stack.pointing_at(item, "resourceId", types.DNS_CONFIG):
            yield fail(
                "does not say that DNS fails closed when the DNS Firewall is out of order", subject=item
            )
        groups = [
            group
            for found in stack.pointing_at(item, "vpcId", types.DNS_ASSOCIATION)
            for group in stack.named(found, "firewallRuleGroupId", types.DNS_RULE_GROUP)
        ]
        if not groups:
            yield fail("has no DNS Firewall: names are an egress path", subject=item)
        elif not any(_ends_in_block(group, context) for group in groups):
            yield fail("its DNS Firewall does not end in a block of every name", subject=item)


@names_fail_closed.check("network")
def _given(network: RegisteredNetwork, _context: Context) -> Iterator[Outcome]:
    if network.names != "closed":
        yield fail("is not registered as a network whose resolver fails closed and knows no other names")


def _ends_in_block(group: Resource, context: Context) -> bool:
    stack = context.stack
    rules = stack.pointing_at(group, "firewallRuleGroupId", types.DNS_RULE)
    last = max(rules, key=_priority, default=None)
    if last is None or get(last.props, "action") != "BLOCK" or get(last.props, "qType"):
        return False
    lists = stack.named(last, "firewallDomainListId", types.DOMAIN_LIST)
    return any(known(domain) == "*" for found in lists for _, domain in each(found.props, "domains[]"))


def _priority(rule: Resource) -> int:
    return number(get(rule.props, "priority"), "the priority of a DNS Firewall rule") or 0


@names_fail_closed.check_stack(*RESTS_ON)
def _seen(resources: tuple[Resource, ...], context: Context) -> Iterator[Outcome]:
    """A list or group that the stack does not declare may let any name through."""
    for item in resources:
        path, kind = RESTS_ON[item.type]
        if item.type == types.DNS_RULE and get(item.props, "action") == "BLOCK":
            continue
        if not context.stack.named(item, path, kind):
            yield undecided(
                "names a list that this stack does not declare, so what it lets through cannot be seen",
                path=path,
                subject=item,
            )


@names_fail_closed.check(*types.SECURITY_GROUPS, *types.EGRESS_RULES)
def _no_public_resolver(item: Resource, context: Context) -> Iterator[Outcome]:
    for opening in openings(item, context.stack):
        ports = [str(port) for port in DNS_PORTS if opening.opens(port)]
        if ports:
            yield fail(f"public resolvers can be asked on port {' and '.join(ports)}", path=opening.path)


def _rule(name: str, priority: int, action: str, domains: str, **more: object) -> Resource:
    said = {"priority": priority, "action": action, "firewallRuleGroupId": ref("rules")}
    return resource(types.DNS_RULE, name, {**said, "firewallDomainListId": ref(domains), **more})


def _associated(name: str, group: object) -> Resource:
    return resource(types.DNS_ASSOCIATION, name, {"vpcId": ref("vpc"), "firewallRuleGroupId": group})


_PUBLIC = {"rule:cidrIpv4": "0.0.0.0/0"}
_OVER_TLS = {"rule:ipProtocol": "tcp", "rule:fromPort": 853, "rule:toPort": 853}
_LIST_TOO, _GROUP_TOO = ("EGR-005",), ("EGR-002",)

names_fail_closed.passes(
    "allow what is listed, block the rest, fail closed",
    vpc("vpc"),
    domain_list("allowed", "*.in-addr.arpa"),
    domain_list("https-records", "*"),
    domain_list("everything", "*"),
    resource(types.DNS_RULE_GROUP, "rules"),
    resource(types.DNS_CONFIG, "config", {"resourceId": ref("vpc"), "firewallFailOpen": "DISABLED"}),
    _rule("allow", 100, "ALLOW", "allowed"),
    _rule("https", 200, "BLOCK", "https-records", qType="TYPE65"),
    _rule("rest", 900, "BLOCK", "everything"),
    _associated("association", ref("rules")),
    egress("rule", port=53, protocol="udp"),
)
names_fail_closed.fails("open on failure", {"config:firewallFailOpen": "ENABLED"})
names_fail_closed.fails("failure is not spoken of", {"config:firewallFailOpen": DROP})
names_fail_closed.fails("no configuration", remove=("config",))
names_fail_closed.fails("no association", remove=("association",))
names_fail_closed.fails("no final block", remove=("rest",), also=_LIST_TOO)
names_fail_closed.fails("the final rule allows", {"rest:action": "ALLOW"}, also=_LIST_TOO)
names_fail_closed.fails("a rule only alerts", {"https:action": "ALERT"}, also=_LIST_TOO)
names_fail_closed.fails("the final block is about one kind of query", {"rest:qType": "A"})
names_fail_closed.fails(
    "the final block is about some names", {"rest:firewallDomainListId": ref("allowed")}, also=_LIST_TOO
)
names_fail_closed.fails("public resolvers by UDP", _PUBLIC, also=_GROUP_TOO)
names_fail_closed.fails("public resolvers by TLS", _PUBLIC | _OVER_TLS, also=_GROUP_TOO)
names_fail_closed.is_undecided(
    "names of a list that nobody declares are allowed", {"allow:firewallDomainListId": "rslvr-fdl-0123"}
)
names_fail_closed.is_undecided(
    "rules of a group that nobody declares come first", add=(_associated("other", "rslvr-frg-0123"),)
)

names_fail_closed.passes("a network that is registered as one that fails closed", given=GIVEN_NETWORK)
names_fail_closed.fails("a registered network whose resolver knows all names", {of_network("names"): "open"})
