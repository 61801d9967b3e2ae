"""What leaves and what is refused is written down.

Not here: where those logs land (logs_stay_inside) and audit trails.
"""

from __future__ import annotations

from collections.abc import Iterator

from inferplan.resource import Resource
from inferplan.spec.organization import RegisteredNetwork
from policies import types
from policies.context import Context
from policies.levels import regulated_sectors
from policies.read import get
from policies.rule import DROP, Outcome, Rule, fail
from policies.world.bases import GIVEN_NETWORK, of_network
from policies.world.things import log_group_arn, ref, resource, vpc

SINKS = (types.LOG_GROUP, *types.BUCKETS)

egress_is_observed = Rule(
    id="EGR-009",
    title="Allowed and refused egress is logged inside the boundary",
    why="Without a record nobody can show what did not leave.",
    fix="Add VPC flow logs, resolver query logs and the firewall's logs, each into a log group of the "
    "Region.",
    source=("000:114",),
    level=regulated_sectors,
)


@egress_is_observed.check_stack(types.VPC)
def _networks(vpcs: tuple[Resource, ...], context: Context) -> Iterator[Outcome]:
    stack = context.stack
    for network in vpcs:
        logs = stack.pointing_at(network, "vpcId", types.FLOW_LOG)
        if not logs:
            yield fail("the network has no flow log", subject=network)
        elif not _both({get(log.props, "trafficType", "ALL") for log in logs}):
            yield fail("no flow log has both what was allowed and what was refused", subject=network)
        for target in (found for log in logs for found in stack.targets(log, "logDestination", *SINKS)):
            place = context.destination(target)
            if place and place.region and (wrong := context.outside(place.region)):
                yield fail(f"the network's flow log is written outside: {wrong}", subject=network)
        associated = stack.pointing_at(network, "resourceId", types.QUERY_LOG_ASSOCIATION)
        if not stack.of(types.QUERY_LOG) or not associated:
            yield fail("the names that the network asks for are not logged", subject=network)


@egress_is_observed.check("network")
def _given(network: RegisteredNetwork, _context: Context) -> Iterator[Outcome]:
    for logs, what in ((network.flow_logs, "its flows"), (network.query_logs, "the names it asks for")):
        if logs is None:
            yield fail(f"is registered without a place where {what} are logged")


def _both(kinds: set[str]) -> bool:
    """Whether logs of these kinds hold what was allowed and what was refused."""
    return "ALL" in kinds or {"ACCEPT", "REJECT"} <= kinds


@egress_is_observed.check_stack(types.FIREWALL)
def _firewalls(firewalls: tuple[Resource, ...], context: Context) -> Iterator[Outcome]:
    for firewall in firewalls:
        if not context.stack.pointing_at(firewall, "firewallArn", types.FIREWALL_LOG):
            yield fail(
                "the firewall writes nothing down: add ALERT, FLOW and TLS logs in the Region",
                subject=firewall,
            )


egress_is_observed.passes(
    "flow, query and firewall logs",
    vpc(),
    resource(types.FIREWALL, "firewall", {"name": "fw"}),
    resource(types.FLOW_LOG, "flows", {"vpcId": ref("vpc"), "logDestination": log_group_arn()}),
    resource(types.QUERY_LOG, "queries", {"destinationArn": log_group_arn()}),
    resource(types.QUERY_LOG_ASSOCIATION, "queries-of-vpc", {"resourceId": ref("vpc")}),
    resource(types.FIREWALL_LOG, "firewall-log", {"firewallArn": ref("firewall")}),
)
egress_is_observed.fails("no flow log", remove=("flows",))
egress_is_observed.fails("refused traffic is left out", {"flows:trafficType": "ACCEPT"})
egress_is_observed.fails(
    "flow logs are written abroad",
    {"flows:logDestination": log_group_arn(region="us-east-1")},
    also=("SOV-001", "SOV-005"),
)
egress_is_observed.fails("no query log", remove=("queries",))
egress_is_observed.fails("queries of another network are logged", remove=("queries-of-vpc",))
egress_is_observed.fails("no firewall log", remove=("firewall-log",))

egress_is_observed.passes(
    "one log of what is allowed and one of what is refused",
    vpc(),
    resource(types.FLOW_LOG, "allowed", {"vpcId": ref("vpc"), "trafficType": "ACCEPT"}),
    resource(types.FLOW_LOG, "refused", {"vpcId": ref("vpc"), "trafficType": "REJECT"}),
    resource(types.QUERY_LOG, "queries", {"destinationArn": log_group_arn()}),
    resource(types.QUERY_LOG_ASSOCIATION, "queries-of-vpc", {"resourceId": ref("vpc")}),
)
egress_is_observed.fails("only what is allowed", remove=("refused",))
egress_is_observed.fails("only what is refused", remove=("allowed",))

egress_is_observed.passes("a registered network with both logs", given=GIVEN_NETWORK)
egress_is_observed.fails("a registered network without flow logs", {of_network("flow_logs"): DROP})
egress_is_observed.fails("a registered network without query logs", {of_network("query_logs"): DROP})
