"""Routes and security groups: inference nodes have no way to the internet.

Not here: names that may be resolved or passed (allowlists), pods (isolation), AWS services (endpoints).
"""

from __future__ import annotations

from collections.abc import Iterator

from inferplan.resource import Resource
from policies.context import Context
from policies.example import aws_arn, change, ref, resource
from policies.network import (
    EGRESS_RULES,
    FIREWALL,
    INSTANCES,
    INTERNET_GATEWAYS,
    LAUNCH_TEMPLATE,
    NAT,
    NODE_GROUP,
    PREFIX_LIST,
    ROUTE,
    ROUTE_TABLES,
    SCALING_GROUP,
    SECURITY_GROUPS,
    SUBNET,
    InferenceNodes,
    groups_of,
    inference_nodes,
    openings,
    tables_of,
    ways_out,
)
from policies.read import get
from policies.rule import DROP, Example, Outcome, fail, on_stack, rule, undecided

BLOCK = "aws:ec2/vpcBlockPublicAccessOptions:VpcBlockPublicAccessOptions"
EXCLUSION = "aws:ec2/vpcBlockPublicAccessExclusion:VpcBlockPublicAccessExclusion"
INSTEAD = "weights and images come from the mirror through VPC endpoints"


def _gateways(resources: tuple[Resource, ...], context: Context) -> Iterator[Outcome]:
    """Without a vendor outside AWS nothing in the stack needs the internet."""
    if context.declared and context.self_hosted and not context.approved_hosts:
        for item in resources:
            yield fail(f"leads to the internet, and no route of the spec needs it; {INSTEAD}", subject=item)


def _nodes(resources: tuple[Resource, ...], context: Context) -> Iterator[Outcome]:
    for nodes in inference_nodes(context.stack):
        yield from _subnets(nodes, context)
        if nodes.unseen_subnets:
            yield undecided(
                "runs in a subnet that this stack does not declare, so its routes cannot be seen",
                path="subnetIds",
                subject=nodes.resource,
            )


def _subnets(nodes: InferenceNodes, context: Context) -> Iterator[Outcome]:
    name = nodes.resource.name
    for subnet in nodes.subnets:
        if get(subnet.props, "mapPublicIpOnLaunch", False):
            yield fail(
                f"gives public addresses to nodes of {name}", path="mapPublicIpOnLaunch", subject=subnet
            )
        for table in tables_of(subnet, context.stack):
            for way in ways_out(table, context.stack):
                yield fail(
                    f"{way.destination} through a {way.kind} from {subnet.name}, where {name} serves "
                    f"models; {INSTEAD}",
                    path=way.path or way.hop,
                    subject=way.resource,
                )


_SUBNET = resource(SUBNET, "gpu-a", {"mapPublicIpOnLaunch": False})
_OTHER = resource(SUBNET, "gateway-a", {"mapPublicIpOnLaunch": False})
_TABLE = resource(ROUTE_TABLES[0], "gpu-routes", {})
_MAIN = resource(ROUTE_TABLES[1], "main-routes", {})
_GATEWAY_TABLE = resource(ROUTE_TABLES[0], "gateway-routes", {})
_GROUP = resource(SECURITY_GROUPS[0], "gpu-group", {})
_EKS_GROUP = resource(SECURITY_GROUPS[0], "gateway-group", {})
_TEMPLATE = resource(
    LAUNCH_TEMPLATE,
    "gpu-template",
    {
        "vpcSecurityGroupIds": [ref(_GROUP)],
        "blockDeviceMappings": [
            {"ebs": {"encrypted": "true", "kmsKeyId": aws_arn("kms:eu-central-1:111111111111:key/k")}}
        ],
    },
)
_NODES = resource(
    NODE_GROUP,
    "gpu",
    {"instanceTypes": ["g6e.xlarge"], "subnetIds": [ref(_SUBNET)], "launchTemplate": {"id": ref(_TEMPLATE)}},
)
_ASSOCIATION = resource(
    "aws:ec2/routeTableAssociation:RouteTableAssociation",
    "gpu-association",
    {"subnetId": ref(_SUBNET), "routeTableId": ref(_TABLE)},
)
_CLOSED = (
    _SUBNET,
    _OTHER,
    _TABLE,
    _MAIN,
    _GATEWAY_TABLE,
    _GROUP,
    _EKS_GROUP,
    _TEMPLATE,
    _NODES,
    _ASSOCIATION,
)
_ANYWHERE = resource(PREFIX_LIST, "anywhere", {"entries": [{"cidr": "0.0.0.0/0"}]})
_INTERNET = resource(INTERNET_GATEWAYS[0], "internet", {})
_NAT_GATEWAY = resource(NAT, "nat", {})
_OUTSIDE = {
    "backends.gpt": {"vendor": "openai-eu", "model": "gpt-4.1-2025-04-14"},
    "routes[1].backends": ["gpt"],
}


def _route(name: str, table: Resource, **props: object) -> Resource:
    return resource(ROUTE, name, {"routeTableId": ref(table), **props})


@rule(
    id="EGR-001",
    title="Nodes that serve own weights have no route to the internet",
    why="A network that cannot reach the internet cannot leak to it, whatever runs inside.",
    fix="Take the route or gateway out; use VPC endpoints, and mirror weights and images once.",
    source=("004:73",),
    level="mandatory",
    on=(BLOCK, EXCLUSION),
    more=(
        on_stack(_gateways, *INTERNET_GATEWAYS, NAT),
        on_stack(_nodes, NODE_GROUP, SCALING_GROUP, *INSTANCES),
    ),
    passing=(
        Example(
            note="GPU nodes in a subnet without routes",
            resources=(
                *_CLOSED,
                resource(BLOCK, "block", {"internetGatewayBlockMode": "block-bidirectional"}),
            ),
        ),
        Example(
            note="a vendor's way out that GPU nodes do not share",
            base="both",
            spec=_OUTSIDE,
            resources=(*_CLOSED, _INTERNET, _NAT_GATEWAY),
        ),
        Example(
            note="a GPU machine of its own",
            resources=(
                *_CLOSED,
                resource(
                    INSTANCES[0],
                    "machine",
                    {
                        "instanceType": "p5.48xlarge",
                        "subnetId": ref(_SUBNET),
                        "vpcSecurityGroupIds": [ref(_GROUP)],
                    },
                ),
            ),
        ),
    ),
    failing=(
        change("an internet gateway without a vendor that needs it", add=(_INTERNET,)),
        change("a NAT gateway without a vendor that needs it", add=(_NAT_GATEWAY,)),
        change("an egress-only gateway", add=(resource(INTERNET_GATEWAYS[1], "six", {}),)),
        change(
            "a route to the NAT gateway",
            of=1,
            add=(_route("out", _TABLE, destinationCidrBlock="0.0.0.0/0", natGatewayId=ref(_NAT_GATEWAY)),),
            also=("EGR-005",),
        ),
        change(
            "an IPv6 route",
            of=1,
            add=(_route("out", _TABLE, destinationIpv6CidrBlock="::/0", gatewayId=ref(_INTERNET)),),
            also=("EGR-005",),
        ),
        change(
            "half of the internet",
            of=1,
            add=(_route("out", _TABLE, destinationCidrBlock="128.0.0.0/1", transitGatewayId="tgw-1"),),
        ),
        change(
            "the internet as a prefix list",
            of=1,
            add=(
                _ANYWHERE,
                _route("out", _TABLE, destinationPrefixListId=ref(_ANYWHERE), transitGatewayId="tgw-1"),
            ),
        ),
        change(
            "a prefix list of somebody else",
            of=1,
            add=(_route("out", _TABLE, destinationPrefixListId="pl-0123", transitGatewayId="tgw-1"),),
        ),
        change(
            "machines of a scaling group in a network that nobody declares",
            of=1,
            add=(resource(SCALING_GROUP, "machines", {"vpcZoneIdentifiers": ["subnet-0123"]}),),
            also=("EGR-002",),
            verdict="undecided",
        ),
        change(
            "an inline route",
            {"gpu-routes:routes": [{"cidrBlock": "0.0.0.0/0", "gatewayId": ref(_INTERNET)}]},
            of=1,
            also=("EGR-005",),
        ),
        change(
            "the main route table leads out",
            {"main-routes:routes": [{"cidrBlock": "0.0.0.0/0", "gatewayId": ref(_INTERNET)}]},
            of=1,
            remove=("gpu-association",),
            also=("EGR-005",),
        ),
        change("public addresses", {"gpu-a:mapPublicIpOnLaunch": True}),
        change("the block of public access is off", {"block:internetGatewayBlockMode": "off"}),
        change("a network is excluded from the block", add=(resource(EXCLUSION, "hole", {}),)),
        change(
            "a subnet that the stack does not declare",
            {"gpu:subnetIds": ["subnet-0123"]},
            verdict="undecided",
        ),
        change(
            "a machine in a subnet nobody declares",
            {"machine:subnetId": "subnet-0123"},
            of=2,
            verdict="undecided",
        ),
    ),
)
def egr_001(item: Resource, _context: Context) -> Iterator[Outcome]:
    if item.type == EXCLUSION:
        yield fail("takes a network out of the account's block of public access")
    elif get(item.props, "internetGatewayBlockMode") == "off":
        yield fail("turns the account's block of public access off", path="internetGatewayBlockMode")


def _eks_groups(_resources: tuple[Resource, ...], context: Context) -> Iterator[Outcome]:
    for nodes in inference_nodes(context.stack):
        if not nodes.own_groups:
            yield fail(
                "carries the group that EKS makes itself, which lets everything out; give its launch "
                "template a group",
                path="launchTemplate",
                subject=nodes.resource,
            )
        elif nodes.unseen_groups:
            yield undecided(
                "carries a security group that this stack does not declare, so its egress cannot be seen",
                path="vpcSecurityGroupIds",
                subject=nodes.resource,
            )


_RULE = resource(
    EGRESS_RULES[0],
    "rule",
    {
        "securityGroupId": ref(_GROUP),
        "cidrIpv4": "10.0.0.0/16",
        "ipProtocol": "tcp",
        "fromPort": 443,
        "toPort": 443,
    },
)
_GATEWAY_RULE = resource(
    EGRESS_RULES[0],
    "gateway-rule",
    {
        "securityGroupId": ref(_EKS_GROUP),
        "cidrIpv4": "0.0.0.0/0",
        "ipProtocol": "tcp",
        "fromPort": 443,
        "toPort": 443,
    },
)
_POLICY = resource(
    "aws:networkfirewall/firewallPolicy:FirewallPolicy",
    "fw-policy",
    {
        "firewallPolicy": {
            "statelessDefaultActions": ["aws:forward_to_sfe"],
            "statelessFragmentDefaultActions": ["aws:forward_to_sfe"],
            "statefulDefaultActions": ["aws:drop_established_app_layer"],
            "statefulEngineOptions": {"ruleOrder": "STRICT_ORDER", "streamExceptionPolicy": "REJECT"},
        }
    },
)


@rule(
    id="EGR-002",
    title="No security group opens inference nodes to any address",
    why="The group is the last door of a machine; open to the world it makes every other control the "
    "only one.",
    fix="Name a prefix list, an endpoint's group or the VPC's range; give node groups their own groups.",
    source=("000:124",),
    level="mandatory",
    scope="stack",
    on=(*SECURITY_GROUPS, *EGRESS_RULES),
    more=(on_stack(_eks_groups, NODE_GROUP, SCALING_GROUP, *INSTANCES),),
    passing=(
        Example(
            note="egress to the VPC only; the gateway towards its firewall",
            base="both",
            spec=_OUTSIDE,
            resources=(
                *_CLOSED,
                _RULE,
                _GATEWAY_RULE,
                _POLICY,
                resource(FIREWALL, "firewall", {"firewallPolicyArn": ref(_POLICY)}),
                resource(SECURITY_GROUPS[1], "default-group", {"egress": []}),
                resource(
                    EGRESS_RULES[1],
                    "old-rule",
                    {
                        "type": "egress",
                        "securityGroupId": ref(_GROUP),
                        "protocol": "tcp",
                        "fromPort": 443,
                        "toPort": 443,
                        "cidrBlocks": ["10.0.0.0/16"],
                    },
                ),
            ),
        ),
    ),
    failing=(
        change("any IPv4 address", {"rule:cidrIpv4": "0.0.0.0/0"}),
        change("any IPv6 address", {"rule:cidrIpv6": "::/0"}),
        change("half of the internet", {"rule:cidrIpv4": "128.0.0.0/1"}),
        change(
            "inline egress",
            {
                "gpu-group:egress": [
                    {"protocol": "-1", "fromPort": 0, "toPort": 0, "cidrBlocks": ["0.0.0.0/0"]}
                ]
            },
            also=("EGR-006",),
        ),
        change(
            "inline IPv6 egress",
            {
                "gpu-group:egress": [
                    {"protocol": "tcp", "fromPort": 443, "toPort": 443, "ipv6CidrBlocks": ["::/0"]}
                ]
            },
        ),
        change("a rule of the older kind", {"old-rule:cidrBlocks[0]": "0.0.0.0/0"}),
        change("an IPv6 rule of the older kind", {"old-rule:ipv6CidrBlocks": ["::/0"]}),
        change(
            "the default group lets everything out",
            {
                "default-group:egress": [
                    {"protocol": "-1", "fromPort": 0, "toPort": 0, "cidrBlocks": ["0.0.0.0/0"]}
                ]
            },
            also=("EGR-006",),
        ),
        change("the internet as a prefix list", {"rule:prefixListId": ref(_ANYWHERE)}, add=(_ANYWHERE,)),
        change("the gateway opens more than 443", {"gateway-rule:fromPort": 440}),
        change("the gateway without a firewall", remove=("firewall",)),
        change("the group that EKS makes", {"gpu-template:vpcSecurityGroupIds": DROP}),
    ),
)
def egr_002(resources: tuple[Resource, ...], context: Context) -> Iterator[Outcome]:
    stack = context.stack
    inference = {group.urn for nodes in inference_nodes(stack) for group in nodes.groups}
    guarded = bool(stack.of(FIREWALL))
    for item in resources:
        for opening in openings(item, stack):
            groups = groups_of(opening, stack)
            if opening.only_https and guarded and groups and not inference & {group.urn for group in groups}:
                continue  # the gateway towards the firewall, which judges the name
            who = "inference nodes" if inference & {group.urn for group in groups} else "its members"
            yield fail(
                f"lets {who} out to {opening.cidr}; name the VPC's range, a group or a prefix list",
                path=opening.path,
                subject=item,
            )
