"""Routes and security groups: inference nodes have no way to the internet.

Not here: names that may be resolved (names_fail_closed) or passed (vendors_are_behind_a_firewall), pods
(pods_are_isolated), AWS services (aws_is_reached_through_endpoints).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from inferplan.resource import Resource
from inferplan.spec.organization import RegisteredNetwork
from policies import types
from policies.context import Context
from policies.read import get
from policies.rule import DROP, Outcome, Rule, fail, undecided
from policies.views.network import (
    InferenceNodes,
    groups_of,
    inference_nodes,
    openings,
    public_addresses,
    tables_of,
    ways_out,
)
from policies.world.bases import GIVEN_NETWORK, GIVEN_SUBNET, of_network
from policies.world.things import (
    association,
    egress,
    firewall,
    firewall_policy,
    key_arn,
    ref,
    resource,
    route_table,
    security_group,
    subnet,
)

BLOCK = "aws:ec2/vpcBlockPublicAccessOptions:VpcBlockPublicAccessOptions"
EXCLUSION = "aws:ec2/vpcBlockPublicAccessExclusion:VpcBlockPublicAccessExclusion"
MACHINES = (types.NODE_GROUP, types.SCALING_GROUP, *types.INSTANCES)
INSTEAD = "weights and images come from the mirror through VPC endpoints"

nodes_have_no_way_out = Rule(
    id="EGR-001",
    title="Nodes that serve own weights have no route to the internet",
    why="A network that cannot reach the internet cannot leak to it, whatever runs inside.",
    fix="Take the route or gateway out; use VPC endpoints, and mirror weights and images once.",
    source=("004:73",),
    level="mandatory",
)


@nodes_have_no_way_out.check(BLOCK, EXCLUSION)
def _public_access_stays_blocked(item: Resource, _context: Context) -> Iterator[Outcome]:
    if item.type == EXCLUSION:
        yield fail("takes a network out of the account's block of public access")
    elif get(item.props, "internetGatewayBlockMode") == "off":
        yield fail("turns the account's block of public access off", path="internetGatewayBlockMode")


@nodes_have_no_way_out.check_stack(*types.INTERNET_GATEWAYS, types.NAT_GATEWAY)
def _no_gateway_without_a_vendor(gateways: tuple[Resource, ...], context: Context) -> Iterator[Outcome]:
    if context.declared and context.self_hosted and not context.approved_hosts:
        for item in gateways:
            yield fail(f"leads to the internet, and no route of the spec needs it; {INSTEAD}", subject=item)


@nodes_have_no_way_out.check_stack(*MACHINES)
def _no_way_from_the_nodes(_machines: tuple[Resource, ...], context: Context) -> Iterator[Outcome]:
    for nodes in inference_nodes(context.stack):
        yield from _subnets(nodes, context)
        if not all(_registered(unseen, context) for unseen in nodes.unseen_subnets):
            yield undecided(
                "runs in a subnet that this stack does not declare, so its routes cannot be seen",
                path="subnetIds",
                subject=nodes.resource,
            )


@nodes_have_no_way_out.check("network")
def _given(network: RegisteredNetwork, _context: Context) -> Iterator[Outcome]:
    if network.internet != "none":
        yield fail("is not registered as a network without a way to the internet")


def _registered(unseen: Any, context: Context) -> bool:
    """Whether it belongs to the network that the spec builds into, which is judged as registered."""
    given = context.given_network
    return given is not None and isinstance(unseen, str) and unseen in given[1].subnets


def _subnets(nodes: InferenceNodes, context: Context) -> Iterator[Outcome]:
    name = nodes.resource.name
    for item, path in public_addresses(nodes, context.stack):
        yield fail(f"gives public addresses to nodes of {name}", path=path, subject=item)
    for item in nodes.subnets:
        for table in tables_of(item, context.stack):
            for way in ways_out(table, context.stack):
                yield fail(
                    f"{way.destination} through a {way.kind} from {item.name}, where {name} serves "
                    f"models; {INSTEAD}",
                    path=way.path or way.hop,
                    subject=way.resource,
                )


_DISK = {"ebs": {"encrypted": "true", "kmsKeyId": key_arn()}}
_CLOSED = (
    subnet("gpu-a", mapPublicIpOnLaunch=False),
    subnet("gateway-a", mapPublicIpOnLaunch=False),
    route_table("gpu-routes"),
    resource(types.MAIN_ROUTE_TABLE, "main-routes"),
    route_table("gateway-routes"),
    security_group("gpu-group"),
    security_group("gateway-group"),
    resource(
        types.LAUNCH_TEMPLATE,
        "gpu-template",
        {"vpcSecurityGroupIds": [ref("gpu-group")], "blockDeviceMappings": [_DISK]},
    ),
    resource(
        types.NODE_GROUP,
        "gpu",
        {
            "instanceTypes": ["g6e.xlarge"],
            "subnetIds": [ref("gpu-a")],
            "launchTemplate": {"id": ref("gpu-template")},
        },
    ),
    association("gpu-a", "gpu-routes"),
)
_INTERNET = resource(types.INTERNET_GATEWAY, "internet")
_NAT = resource(types.NAT_GATEWAY, "nat")
_ANYWHERE = resource(types.PREFIX_LIST, "anywhere", {"entries": [{"cidr": "0.0.0.0/0"}]})
_TO_INTERNET = [{"cidrBlock": "0.0.0.0/0", "gatewayId": ref("internet")}]
_TRANSIT = {"transitGatewayId": "tgw-1"}
_OUTSIDE = {
    "spec:backends.gpt": {"vendor": "openai-eu", "model": "gpt-4.1-2025-04-14"},
    "spec:routes[1].backends": ["gpt"],
}
_PAST_THE_FIREWALL = ("EGR-005",)


def _out(**props: object) -> Resource:
    return resource(types.ROUTE, "out", {"routeTableId": ref("gpu-routes"), **props})


nodes_have_no_way_out.passes(
    "GPU nodes in a subnet without routes",
    *_CLOSED,
    resource(BLOCK, "block", {"internetGatewayBlockMode": "block-bidirectional"}),
)
nodes_have_no_way_out.fails("an internet gateway without a vendor that needs it", add=(_INTERNET,))
nodes_have_no_way_out.fails("a NAT gateway without a vendor that needs it", add=(_NAT,))
nodes_have_no_way_out.fails("an egress-only gateway", add=(resource(types.EGRESS_ONLY_GATEWAY, "six"),))
nodes_have_no_way_out.fails("public addresses", {"gpu-a:mapPublicIpOnLaunch": True})
nodes_have_no_way_out.fails(
    "public addresses from the template",
    {"gpu-template:networkInterfaces": [{"associatePublicIpAddress": "true"}]},
)
nodes_have_no_way_out.fails("the block of public access is off", {"block:internetGatewayBlockMode": "off"})
nodes_have_no_way_out.fails("a network is excluded from the block", add=(resource(EXCLUSION, "hole"),))
nodes_have_no_way_out.is_undecided(
    "a subnet that the stack does not declare", {"gpu:subnetIds": ["subnet-0123"]}
)

nodes_have_no_way_out.passes(
    "a vendor's way out that GPU nodes do not share", *_CLOSED, _INTERNET, _NAT, world="both", given=_OUTSIDE
)
nodes_have_no_way_out.fails(
    "a route to the NAT gateway",
    add=(_out(destinationCidrBlock="0.0.0.0/0", natGatewayId=ref("nat")),),
    also=_PAST_THE_FIREWALL,
)
nodes_have_no_way_out.fails(
    "an IPv6 route",
    add=(_out(destinationIpv6CidrBlock="::/0", gatewayId=ref("internet")),),
    also=_PAST_THE_FIREWALL,
)
nodes_have_no_way_out.fails(
    "half of the internet", add=(_out(destinationCidrBlock="128.0.0.0/1", **_TRANSIT),)
)
nodes_have_no_way_out.fails(
    "the internet as a prefix list",
    add=(_ANYWHERE, _out(destinationPrefixListId=ref("anywhere"), **_TRANSIT)),
)
nodes_have_no_way_out.fails(
    "a prefix list of somebody else", add=(_out(destinationPrefixListId="pl-0123", **_TRANSIT),)
)
nodes_have_no_way_out.fails("an inline route", {"gpu-routes:routes": _TO_INTERNET}, also=_PAST_THE_FIREWALL)
nodes_have_no_way_out.fails(
    "the main route table leads out",
    {"main-routes:routes": _TO_INTERNET},
    remove=("gpu-a-association",),
    also=_PAST_THE_FIREWALL,
)
nodes_have_no_way_out.is_undecided(
    "machines of a scaling group in a network that nobody declares",
    add=(resource(types.SCALING_GROUP, "machines", {"vpcZoneIdentifiers": ["subnet-0123"]}),),
    also=("EGR-002",),
)

nodes_have_no_way_out.passes(
    "a GPU machine of its own",
    *_CLOSED,
    resource(
        types.INSTANCE,
        "machine",
        {
            "instanceType": "p5.48xlarge",
            "subnetId": ref("gpu-a"),
            "vpcSecurityGroupIds": [ref("gpu-group")],
        },
    ),
)
nodes_have_no_way_out.is_undecided(
    "a machine in a subnet nobody declares", {"machine:subnetId": "subnet-0123"}
)
nodes_have_no_way_out.fails("a public address of its own", {"machine:associatePublicIpAddress": True})
_PUBLIC_CARD = {"instanceType": "g6.xlarge", "networkInterfaces": [{"associatePublicIpAddress": "true"}]}
nodes_have_no_way_out.fails(
    "a public address from the template of a machine that says no type itself",
    {"machine:launchTemplate": {"id": ref("card")}, "machine:instanceType": DROP},
    add=(resource(types.LAUNCH_TEMPLATE, "card", _PUBLIC_CARD),),
    also=("SOV-011",),
)
nodes_have_no_way_out.fails(
    "an address that is given to it",
    add=(resource(types.ADDRESS, "address", {"instance": ref("machine")}),),
)

nodes_have_no_way_out.passes(
    "GPU machines of a scaling group, described the older way",
    *_CLOSED,
    resource(
        types.LAUNCH_CONFIGURATION,
        "older",
        {"name": "older", "instanceType": "g5.xlarge", "securityGroups": [ref("gpu-group")]},
    ),
    resource(
        types.SCALING_GROUP,
        "machines",
        {"launchConfiguration": "older", "vpcZoneIdentifiers": [ref("gpu-a")]},
    ),
)
nodes_have_no_way_out.fails(
    "public addresses from the launch configuration", {"older:associatePublicIpAddress": True}
)

nodes_have_no_way_out.passes(
    "GPU nodes in a subnet of a registered network without a way out",
    resource(
        types.LAUNCH_TEMPLATE,
        "given-template",
        {"vpcSecurityGroupIds": [ref("given-group")], "blockDeviceMappings": [_DISK]},
    ),
    security_group("given-group"),
    resource(
        types.NODE_GROUP,
        "given",
        {
            "instanceTypes": ["g6e.xlarge"],
            "subnetIds": [GIVEN_SUBNET],
            "launchTemplate": {"id": ref("given-template")},
        },
    ),
    given=GIVEN_NETWORK,
)
nodes_have_no_way_out.fails("the registered network is open", {of_network("internet"): "open"})
nodes_have_no_way_out.is_undecided("a subnet that is not registered", {"given:subnetIds": ["subnet-0999"]})


groups_keep_nodes_inside = Rule(
    id="EGR-002",
    title="No security group opens inference nodes to any address",
    why="The group is the last door of a machine; open to the world it makes every other control the "
    "only one.",
    fix="Name a prefix list, an endpoint's group or the VPC's range; give node groups their own groups.",
    source=("000:124",),
    level="mandatory",
)


_GIVEN = {  # to node groups by EKS, to other machines by EC2
    True: (
        "carries the group that EKS makes itself, which lets everything out; give its launch "
        "template a group",
        "launchTemplate",
    ),
    False: (
        "carries the default group of its network, which lets everything out; give it a group of its own",
        "vpcSecurityGroupIds",
    ),
}


@groups_keep_nodes_inside.check_stack(*types.SECURITY_GROUPS, *types.EGRESS_RULES)
def _no_opening(resources: tuple[Resource, ...], context: Context) -> Iterator[Outcome]:
    stack = context.stack
    inference = {group.urn for nodes in inference_nodes(stack) for group in nodes.groups}
    guarded = bool(stack.of(types.FIREWALL))
    for item in resources:
        for opening in openings(item, stack):
            groups = {group.urn for group in groups_of(opening, stack)}
            if opening.only_https and guarded and groups and not inference & groups:
                continue  # the gateway towards the firewall, which judges the name
            who = "inference nodes" if inference & groups else "its members"
            yield fail(
                f"lets {who} out to {opening.cidr}; name the VPC's range, a group or a prefix list",
                path=opening.path,
                subject=item,
            )


@groups_keep_nodes_inside.check_stack(*MACHINES)
def _own_groups(_machines: tuple[Resource, ...], context: Context) -> Iterator[Outcome]:
    for nodes in inference_nodes(context.stack):
        if not nodes.own_groups:
            problem, path = _GIVEN[nodes.resource.type == types.NODE_GROUP]
            yield fail(problem, path=path, subject=nodes.resource)
        elif nodes.unseen_groups:
            yield undecided(
                "carries a security group that this stack does not declare, so its egress cannot be seen",
                path="vpcSecurityGroupIds",
                subject=nodes.resource,
            )


_OLD_RULE = {
    "type": "egress",
    "securityGroupId": ref("gpu-group"),
    "protocol": "tcp",
    "fromPort": 443,
    "toPort": 443,
    "cidrBlocks": ["10.0.0.0/16"],
}
_ALL_OUT = [{"protocol": "-1", "fromPort": 0, "toPort": 0, "cidrBlocks": ["0.0.0.0/0"]}]
_ALL_HTTPS = [{"protocol": "tcp", "fromPort": 443, "toPort": 443, "ipv6CidrBlocks": ["::/0"]}]
_NAMES_TOO = ("EGR-006",)

groups_keep_nodes_inside.passes(
    "egress to the VPC only; the gateway towards its firewall",
    *_CLOSED,
    egress("rule", port=443, securityGroupId=ref("gpu-group")),
    egress("gateway-rule", port=443, to="0.0.0.0/0", securityGroupId=ref("gateway-group")),
    firewall_policy("policy"),
    firewall("firewall", "policy"),
    resource(types.DEFAULT_SECURITY_GROUP, "default-group", {"egress": []}),
    resource(types.SECURITY_GROUP_RULE, "old-rule", _OLD_RULE),
    world="both",
    given=_OUTSIDE,
)
groups_keep_nodes_inside.fails("any IPv4 address", {"rule:cidrIpv4": "0.0.0.0/0"})
groups_keep_nodes_inside.fails("any IPv6 address", {"rule:cidrIpv6": "::/0"})
groups_keep_nodes_inside.fails("half of the internet", {"rule:cidrIpv4": "128.0.0.0/1"})
groups_keep_nodes_inside.fails("inline egress", {"gpu-group:egress": _ALL_OUT}, also=_NAMES_TOO)
groups_keep_nodes_inside.fails("inline IPv6 egress", {"gpu-group:egress": _ALL_HTTPS})
groups_keep_nodes_inside.fails("a rule of the older kind", {"old-rule:cidrBlocks[0]": "0.0.0.0/0"})
groups_keep_nodes_inside.fails("an IPv6 rule of the older kind", {"old-rule:ipv6CidrBlocks": ["::/0"]})
groups_keep_nodes_inside.fails(
    "the default group lets everything out", {"default-group:egress": _ALL_OUT}, also=_NAMES_TOO
)
groups_keep_nodes_inside.fails(
    "the internet as a prefix list", {"rule:prefixListId": ref("anywhere")}, add=(_ANYWHERE,)
)
groups_keep_nodes_inside.fails("the gateway opens more than 443", {"gateway-rule:fromPort": 440})
groups_keep_nodes_inside.fails("the gateway without a firewall", remove=("firewall",))
_MACHINE = resource(types.INSTANCE, "machine", {"instanceType": "g5.xlarge", "subnetId": ref("gpu-a")})
groups_keep_nodes_inside.fails(
    "a machine in the default group that nobody declares", add=(_MACHINE,), remove=("default-group",)
)
groups_keep_nodes_inside.fails("the group that EKS makes", {"gpu-template:vpcSecurityGroupIds": DROP})
