"""Endpoint services: whether AWS offers each planned one in the Region and in its zones.

Not here: endpoints of a network that exists already (given_network).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any, NamedTuple

from inferplan.cli.preflight_checks.account_question import (
    EVERYTHING,
    Answer,
    Asking,
    Question,
    Said,
    Wanted,
    ok,
    to_do,
)
from inferplan.cli.preflight_checks.zone_offers import ZONES, zones_of_account
from inferplan.records.plan import Endpoint


class Offer(NamedTuple):
    """Endpoint services by name, and the account's zones, as some answers name zones and give no ids."""

    services: dict[str, Answer]
    zone_ids: dict[str, str]


def questions(wanted: Wanted) -> Iterator[Question[Any]]:
    """One for all services."""
    if wanted.plan.network.existing_vpc is not None or not wanted.plan.network.endpoints:
        return
    yield Question(
        check="endpoint-services",
        layer="foundation",
        subject=f"{len(wanted.plan.network.endpoints)} planned VPC endpoints",
        asks={"ec2:DescribeVpcEndpointServices": EVERYTHING, **ZONES},
        ask=partial(_offer, wanted),
        judge=partial(offered, wanted),
    )


def _offer(wanted: Wanted, asking: Asking) -> Offer:
    names = [endpoint.service_name for endpoint in wanted.plan.network.endpoints]
    listed = asking.call(
        "ec2", "describe_vpc_endpoint_services", Filters=[{"Name": "service-name", "Values": names}]
    )
    zone_ids = {one["ZoneName"]: one["ZoneId"] for one in zones_of_account(asking)}
    services: dict[str, Answer] = {}
    for one in listed.get("ServiceDetails", ()):  # S3 has a gateway and an interface service of one name
        services.setdefault(f"{one['ServiceName']} {one['ServiceType'][0]['ServiceType']}", one)
    return Offer(services, zone_ids)


def offered(wanted: Wanted, offer: Offer) -> Iterable[Said]:
    """An endpoint in a zone without its service is not created (field-notes 39: compared by id)."""
    zones = wanted.zones("endpoint")
    problems = [
        problem
        for endpoint in wanted.plan.network.endpoints
        if (problem := _missing(endpoint, zones, offer)) is not None
    ]
    if not problems:
        return [ok(f"offered in {', '.join(zones)}")]
    return [to_do(problem, _edit(wanted, offer)) for problem in problems]


def _missing(endpoint: Endpoint, zones: tuple[str, ...], offer: Offer) -> str | None:
    service = offer.services.get(f"{endpoint.service_name} {endpoint.type}")
    if service is None:
        return f"{endpoint.service_name} is not offered in the Region ({endpoint.why})"
    if endpoint.type == "Gateway":
        return None
    lacking = sorted(set(zones) - _zones(service, offer))
    if not lacking:
        return None
    return f"{endpoint.service_name} is not offered in {', '.join(lacking)} ({endpoint.why})"


def _zones(service: Answer, offer: Offer) -> set[str]:
    named = {offer.zone_ids.get(name, name) for name in service.get("AvailabilityZones", ())}
    return {*service.get("AvailabilityZoneIds", ()), *named}


def _edit(wanted: Wanted, offer: Offer) -> str:
    """A zone that has every service, where there is one."""
    planned = wanted.plan.network.endpoints
    full = [
        zone
        for zone in sorted(offer.zone_ids.values())
        if all(_missing(endpoint, (zone,), offer) is None for endpoint in planned)
    ]
    moved = wanted.one_zone(wanted.plan.pools[0], full) if wanted.plan.pools else None
    return wanted.field(moved or "target.region: REGION")
