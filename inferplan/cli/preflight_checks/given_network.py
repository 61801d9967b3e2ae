"""A network that exists already: whether the account has it as the platform team has registered it.

Nothing of it is changed. Not here: what the register has to say (spec.existing, inferplan.plan.given), logs,
the resolver's rules, and a network that the foundation makes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

from inferplan.cli.preflight_checks.account_question import (
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
from inferplan.plan.given import GivenNetwork, given_network

ABSENT = ("InvalidSubnetID.NotFound", "InvalidSubnetId.Malformed")
# EKS puts its interfaces into the subnets and advises 16 free addresses for them:
# docs.aws.amazon.com/eks/latest/userguide/network-reqs.html (2026-11-28)
LEAST_FREE = 16
DNS = {"enableDnsSupport": "EnableDnsSupport", "enableDnsHostnames": "EnableDnsHostnames"}
WAYS_OUT = ("igw-", "nat-", "eigw-")


def questions(wanted: Wanted) -> Iterator[Question[Any]]:
    """Subnets, routes, names and endpoints."""
    given = given_network(wanted.declaration)
    if given is None:
        return
    vpc, used = given.vpc, _used(wanted)
    yield Question(
        check="existing-network",
        layer="foundation",
        subject=f"subnets of {vpc}",
        asks={"ec2:DescribeSubnets": EVERYTHING},
        ask=lookup(ABSENT, "ec2", "describe_subnets", SubnetIds=[*used]),
        judge=partial(as_registered, wanted, given),
    )
    if given.registered.internet == "none":
        yield Question(
            check="existing-network",
            layer="foundation",
            subject=f"routes of {vpc}",
            asks={"ec2:DescribeRouteTables": EVERYTHING},
            ask=partial(_leading_out, vpc, used),
            judge=partial(closed, given),
        )
    yield Question(
        check="existing-network",
        layer="foundation",
        subject=f"names in {vpc}",
        asks={"ec2:DescribeVpcAttribute": (wanted.arn("ec2", f"vpc/{vpc}", owner="*"),)},  # it may be shared
        ask=partial(_names_off, vpc),
        judge=partial(resolving, wanted, vpc),
    )
    yield Question(
        check="existing-network",
        layer="foundation",
        subject=f"endpoints of {vpc}",
        asks={"ec2:DescribeVpcEndpoints": EVERYTHING},
        ask=partial(_endpoints, vpc),
        judge=partial(reachable, wanted, given),
    )


def _used(wanted: Wanted) -> tuple[str, ...]:
    return tuple(dict.fromkeys(subnet.id for subnet in wanted.subnets() if subnet.id is not None))


def registered(vpc: str, words: str) -> str:
    """What to write into the register, for whoever answers for the network."""
    return f"in organization.yaml: networks.{vpc}.{words}"


def as_registered(wanted: Wanted, given: GivenNetwork, answer: Answer | None) -> Iterable[Said]:
    """In the VPC, in the zones and with the ranges that the plan rests on, and with room."""
    vpc = given.vpc
    listing = wanted.aws(
        f"ec2 describe-subnets --filters Name=vpc-id,Values={vpc} "
        "--query 'Subnets[].[SubnetId,AvailabilityZoneId,CidrBlock,AvailableIpAddressCount]'"
    )
    if answer is None:
        return [to_do("one of network.existing.subnets does not exist", listing)]
    said: list[Said] = []
    for one in answer["Subnets"]:
        name, entry = one["SubnetId"], given.subnets[one["SubnetId"]]
        if one["VpcId"] != vpc:
            said.append(to_do(f"{name} lies in {one['VpcId']}", listing))
        for field, is_, expected in (
            ("zone", one["AvailabilityZoneId"], entry.zone),
            ("cidr", one["CidrBlock"], entry.cidr),
        ):
            if is_ != expected:
                words = f"{name} has {field} {is_}, and is registered with {expected}"
                said.append(to_do(words, registered(vpc, f"subnets.{name}.{field}: {is_}")))
        free = one["AvailableIpAddressCount"]
        if free < LEAST_FREE:
            said.append(to_do(f"{name} has {free} free addresses, below {LEAST_FREE}", listing))
    return said or [ok(f"{len(answer['Subnets'])} as registered, with room")]


def _leading_out(vpc: str, subnets: tuple[str, ...], asking: Asking) -> tuple[str, ...]:
    """Subnets with a route to the internet: by their own table, or the main one where they have none."""
    tables = asking.rows(
        "ec2", "describe_route_tables", "RouteTables", Filters=[{"Name": "vpc-id", "Values": [vpc]}]
    )
    main = [table for table in tables if any(one.get("Main") for one in table.get("Associations", ()))]
    found = []
    for subnet in subnets:
        own = [
            table
            for table in tables
            if any(one.get("SubnetId") == subnet for one in table.get("Associations", ()))
        ]
        if any(_leads_out(table) for table in own or main):
            found.append(subnet)
    return tuple(found)


def _leads_out(table: Answer) -> bool:
    fields = ("GatewayId", "NatGatewayId", "EgressOnlyInternetGatewayId")
    targets = [str(route.get(field, "")) for route in table.get("Routes", ()) for field in fields]
    return any(target.startswith(WAYS_OUT) for target in targets)


def closed(given: GivenNetwork, leading_out: tuple[str, ...]) -> Iterable[Said]:
    """What is registered as without a way to the internet has no route to it."""
    if not leading_out:
        return [ok("no route leads to the internet, as registered")]
    words = f"{', '.join(leading_out)} have a route to the internet, and none is registered"
    return [to_do(words, registered(given.vpc, "internet: open"))]


def _names_off(vpc: str, asking: Asking) -> tuple[str, ...]:
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


def _endpoints(vpc: str, asking: Asking) -> dict[str, Answer]:
    """Endpoints that are up, by service."""
    listed = asking.rows(
        "ec2", "describe_vpc_endpoints", "VpcEndpoints", Filters=[{"Name": "vpc-id", "Values": [vpc]}]
    )
    return {one["ServiceName"]: one for one in listed if str(one.get("State", "")).lower() == "available"}


def reachable(wanted: Wanted, given: GivenNetwork, there: dict[str, Answer]) -> Iterable[Said]:
    """Each planned endpoint, with private names and the registered group: there is no other way to AWS."""
    vpc, group = given.vpc, given.registered.endpoint_group
    subnets = " ".join(dict.fromkeys(str(subnet.id) for subnet in wanted.subnets("endpoint")))
    said = []
    for endpoint in wanted.plan.network.endpoints:
        found, private = there.get(endpoint.service_name), endpoint.type == "Interface"
        if found is None:
            words = f"ec2 create-vpc-endpoint --vpc-id {vpc} --service-name {endpoint.service_name} "
            words += (
                f"--vpc-endpoint-type Interface --private-dns-enabled --subnet-ids {subnets} "
                f"--security-group-ids {group}"
                if private
                else "--vpc-endpoint-type Gateway --route-table-ids IDS"
            )
            said.append(to_do(f"no endpoint for {endpoint.service} ({endpoint.why})", wanted.aws(words)))
            continue
        change = f"ec2 modify-vpc-endpoint --vpc-endpoint-id {found['VpcEndpointId']}"
        if private and not found.get("PrivateDnsEnabled"):
            said.append(
                to_do(
                    f"{endpoint.service}: its names lead outside",
                    wanted.aws(f"{change} --private-dns-enabled"),
                )
            )
        if private and group not in {one["GroupId"] for one in found.get("Groups", ())}:
            fix = wanted.aws(f"{change} --add-security-group-ids {group}")
            said.append(to_do(f"{endpoint.service}: not of the registered group {group}", fix))
    return said or [ok(f"all {len(wanted.plan.network.endpoints)} are there")]
