"""What leaves and what is refused is written down, inside the boundary.

Not here: where those logs land (copies) and audit trails.
"""

from __future__ import annotations

from collections.abc import Iterator

from inferplan.resource import Resource
from policies.context import Context
from policies.example import aws_arn, change, ref, resource
from policies.levels import regulated_sectors
from policies.network import FIREWALL
from policies.rule import Example, Outcome, fail, on_stack, rule
from policies.sovereignty.sinks import FIREWALL_LOG, FLOW_LOG, QUERY_LOG

VPC = "aws:ec2/vpc:Vpc"
QUERY_ASSOCIATION = "aws:route53/resolverQueryLogConfigAssociation:ResolverQueryLogConfigAssociation"


def _firewalls(firewalls: tuple[Resource, ...], context: Context) -> Iterator[Outcome]:
    for firewall in firewalls:
        if not context.stack.pointing_at(firewall, "firewallArn", FIREWALL_LOG):
            yield fail(
                "the firewall writes nothing down: add ALERT, FLOW and TLS logs in the Region",
                subject=firewall,
            )


_VPC = resource(VPC, "vpc", {"cidrBlock": "10.0.0.0/16"})
_FIREWALL = resource(FIREWALL, "firewall", {"name": "fw"})
_GROUP = aws_arn("logs:eu-central-1:111111111111:log-group:/x")


@rule(
    id="EGR-009",
    title="Allowed and refused egress is logged inside the boundary",
    why="Without a record nobody can show what did not leave.",
    fix="Add VPC flow logs, resolver query logs and the firewall's logs, each into a log group of the "
    "Region.",
    source=("000:114",),
    level=regulated_sectors,
    scope="stack",
    on=(VPC,),
    more=(on_stack(_firewalls, FIREWALL),),
    passing=(
        Example(
            note="flow, query and firewall logs",
            resources=(
                _VPC,
                _FIREWALL,
                resource(FLOW_LOG, "flows", {"vpcId": ref(_VPC), "logDestination": _GROUP}),
                resource(QUERY_LOG, "queries", {"destinationArn": _GROUP}),
                resource(QUERY_ASSOCIATION, "queries-of-vpc", {"resourceId": ref(_VPC)}),
                resource(FIREWALL_LOG, "firewall-log", {"firewallArn": ref(_FIREWALL)}),
            ),
        ),
    ),
    failing=(
        change("no flow log", remove=("flows",)),
        change("no query log", remove=("queries",)),
        change("queries of another network are logged", remove=("queries-of-vpc",)),
        change("no firewall log", remove=("firewall-log",)),
    ),
)
def egr_009(vpcs: tuple[Resource, ...], context: Context) -> Iterator[Outcome]:
    stack = context.stack
    for vpc in vpcs:
        if not stack.pointing_at(vpc, "vpcId", FLOW_LOG):
            yield fail("the network has no flow log", subject=vpc)
        if not stack.of(QUERY_LOG) or not stack.pointing_at(vpc, "resourceId", QUERY_ASSOCIATION):
            yield fail("the names that the network asks for are not logged", subject=vpc)
