"""A network that exists already: whether it has what the stack needs, and no way out that it must not have.

Nothing of it is changed. Not here: a network that the foundation makes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any, NamedTuple

from inferplan.cli.preflight_checks.question import (
    EVERYTHING,
    Answer,
    Asking,
    Question,
    Said,
    Wanted,
    lookup,
    ok,
    to_do,
)

ABSENT = ("InvalidSubnetID.NotFound", "InvalidSubnetId.Malformed")
NO_VPC = ("InvalidVpcID.NotFound", "InvalidVpcId.Malformed")
# EKS puts its interfaces into the subnets and advises 16 free addresses for them:
# docs.aws.amazon.com/eks/latest/userguide/network-reqs.html (2026-11-28)
LEAST_FREE = 16
LEAST_ZONES = 2
DNS = {"enableDnsSupport": "EnableDnsSupport", "enableDnsHostnames": "EnableDnsHostnames"}


class Routes(NamedTuple):
    """Subnets with a route to an internet gateway."""

    public: tuple[str, ...]


def questions(wanted: Wanted) -> Iterator[Question[Any]]:
    """Subnets, routes, names and endpoints."""
    vpc, subnets = wanted.plan.network.existing_vpc, wanted.plan.network.existing_subnets
    if vpc is None:
        return
    yield Question(
        check="existing-network",
        layer="foundation",
        subject=f"subnets of {vpc}",
        asks={"ec2:DescribeSubnets": EVERYTHING},
        ask=lookup(ABSENT, "ec2", "describe_subnets", SubnetIds=[*subnets]),
        judge=partial(fitting_subnets, wanted, vpc),
    )
    yield Question(
        check="existing-network",
        layer="foundation",
        subject=f"routes of {vpc}",
        asks={"ec2:DescribeRouteTables": EVERYTHING},
        ask=partial(_routes, vpc, subnets),
        judge=partial(closed, wanted),
    )
    yield Question(
        check="existing-network",
        layer="foundation",
        subject=f"names in {vpc}",
        asks={"ec2:DescribeVpcAttribute": (wanted.arn("ec2", f"vpc/{vpc}", owner="*"),)},  # it may be shared
        ask=partial(_names, vpc),
        judge=partial(resolving, wanted, vpc),
    )
    yield Question(
        check="existing-network",
        layer="foundation",
        subject=f"endpoints of {vpc}",
        asks={"ec2:DescribeVpcEndpoints": EVERYTHING},
        ask=partial(_endpoints, vpc),
        judge=partial(reachable, wanted, vpc),
    )


def fitting_subnets(wanted: Wanted, vpc: str, answer: Answer | None) -> Iterable[Said]:
    """In the VPC, in the zones of the nodes, in two zones at least, and with room."""
    listing = wanted.aws(
        f"ec2 describe-subnets --filters Name=vpc-id,Values={vpc} "
        "--query 'Subnets[].[SubnetId,AvailabilityZoneId,AvailableIpAddressCount]'"
    )
    if answer is None:
        return [to_do("one of network.existing.subnets does not exist", listing)]
    said: list[Said] = []
    found = answer["Subnets"]
    elsewhere = [one["SubnetId"] for one in found if one["VpcId"] != vpc]
    if elsewhere:
        said.append(to_do(f"{', '.join(elsewhere)} lie in another VPC", listing))
    zones = {one["AvailabilityZoneId"] for one in found}
    wanting = sorted({zone for pool in wanted.plan.pools for zone in pool.zones} - zones)
    if wanting:
        said.append(to_do(f"no subnet lies in {', '.join(wanting)}, where nodes are planned", listing))
    if len(zones) < LEAST_ZONES:
        said.append(to_do(f"all lie in {', '.join(sorted(zones))}: two zones are needed", listing))
    for one in found:
        if one["AvailableIpAddressCount"] < LEAST_FREE:
            told = (
                f"{one['SubnetId']} has {one['AvailableIpAddressCount']} free addresses, below {LEAST_FREE}"
            )
            said.append(to_do(told, listing))
    return said or [ok(f"{len(found)} in {', '.join(sorted(zones))}")]


def _routes(vpc: str, subnets: tuple[str, ...], asking: Asking) -> Routes:
    tables = asking.rows(
        "ec2", "describe_route_tables", "RouteTables", Filters=[{"Name": "vpc-id", "Values": [vpc]}]
    )
    main = [table for table in tables if any(one.get("Main") for one in table.get("Associations", ()))]
    public = []
    for subnet in subnets:
        own = [
            table
            for table in tables
            if any(one.get("SubnetId") == subnet for one in table.get("Associations", ()))
        ]
        if any(_leads_out(table) for table in own or main):
            public.append(subnet)
    return Routes(tuple(public))


def _leads_out(table: Answer) -> bool:
    return any(str(route.get("GatewayId", "")).startswith("igw-") for route in table.get("Routes", ()))


def closed(wanted: Wanted, routes: Routes) -> Iterable[Said]:
    """Nodes of own weights have no route to the internet."""
    if not routes.public:
        return [ok("no subnet has a route to an internet gateway")]
    told = f"{', '.join(routes.public)} have a route to an internet gateway"
    return [to_do(told, wanted.field("network.existing.subnets: private ones"))]


def _names(vpc: str, asking: Asking) -> tuple[str, ...]:
    """Attributes that are off; the API answers one at a time."""
    return tuple(
        attribute
        for attribute, key in DNS.items()
        if not asking.call("ec2", "describe_vpc_attribute", VpcId=vpc, Attribute=attribute)[key]["Value"]
    )


def resolving(wanted: Wanted, vpc: str, off: tuple[str, ...]) -> Iterable[Said]:
    """Without both, the names of services do not lead to the endpoints."""
    options = {"enableDnsSupport": "--enable-dns-support", "enableDnsHostnames": "--enable-dns-hostnames"}
    said = [
        to_do(
            f"{attribute} is off",
            wanted.aws(f"ec2 modify-vpc-attribute --vpc-id {vpc} {options[attribute]} Value=true"),
        )
        for attribute in off
    ]
    return said or [ok("support and host names are on")]


def _endpoints(vpc: str, asking: Asking) -> frozenset[str]:
    """Services with an endpoint that is up."""
    listed = asking.rows(
        "ec2", "describe_vpc_endpoints", "VpcEndpoints", Filters=[{"Name": "vpc-id", "Values": [vpc]}]
    )
    return frozenset(one["ServiceName"] for one in listed if str(one.get("State", "")).lower() == "available")


def reachable(wanted: Wanted, vpc: str, services: frozenset[str]) -> Iterable[Said]:
    """Each planned endpoint; there is no other way to a service of AWS."""
    subnets = " ".join(wanted.plan.network.existing_subnets)
    said = []
    for endpoint in wanted.plan.network.endpoints:
        if endpoint.service_name in services:
            continue
        words = f"ec2 create-vpc-endpoint --vpc-id {vpc} --service-name {endpoint.service_name} "
        words += (
            "--vpc-endpoint-type Gateway --route-table-ids IDS"
            if endpoint.type == "Gateway"
            else f"--vpc-endpoint-type Interface --private-dns-enabled --subnet-ids {subnets}"
        )
        said.append(to_do(f"no endpoint for {endpoint.service} ({endpoint.why})", wanted.aws(words)))
    return said or [ok(f"all {len(wanted.plan.network.endpoints)} are there")]
