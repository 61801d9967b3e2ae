"""Zones by id: which the account has, and which of them offer the planned instance types.

Names of zones differ from account to account, so everything is compared by id. Not here: whether an offered
type is to be had today, which only starting one tells.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

from inferplan.cli.preflight_checks.question import (
    EVERYTHING,
    Answer,
    Asking,
    Question,
    Said,
    Wanted,
    ok,
    to_do,
)

ZONES = {"ec2:DescribeAvailabilityZones": EVERYTHING}


def questions(wanted: Wanted) -> Iterator[Question[Any]]:
    """The zones of the network, then each type in the zones of its nodes."""
    if wanted.zones():
        yield Question(
            check="zones",
            layer="foundation",
            subject=", ".join(wanted.zones()),
            asks=ZONES,
            ask=zones_of_account,
            judge=partial(zones, wanted),
        )
    for instance, where, field in _planned_types(wanted):
        yield Question(
            check="instance-type",
            layer="foundation",
            subject=f"{instance} in {', '.join(where)}",
            asks={"ec2:DescribeInstanceTypeOfferings": EVERYTHING},
            ask=partial(_offers, instance),
            judge=partial(offered, instance, where, field),
        )


def zones_of_account(asking: Asking) -> list[Answer]:
    """Zones of the Region as this account has them, with id, name and state."""
    listed = asking.call("ec2", "describe_availability_zones")["AvailabilityZones"]
    return [one for one in listed if one.get("ZoneType", "availability-zone") == "availability-zone"]


def zones(wanted: Wanted, listed: list[Answer]) -> Iterable[Said]:
    """Some accounts lack zones that others have; a zone may be impaired or closed to new accounts."""
    states = {one["ZoneId"]: one.get("State", "available") for one in listed}
    bad = [zone for zone in wanted.zones() if states.get(zone) != "available"]
    if not bad:
        return [ok("the account has them")]
    why = ", ".join(f"{zone} is {states.get(zone, 'not among its zones')}" for zone in bad)
    left = sorted(zone for zone, state in states.items() if state == "available")
    return [to_do(f"{why}; the account has {', '.join(left) or 'none'}", _zone_edit(wanted, left))]


def _zone_edit(wanted: Wanted, left: list[str]) -> str:
    backends = [server.backend for server in wanted.plan.servers]
    zone = left[0] if left else "ZONE"
    if backends:
        return f"in {wanted.spec}: backends.{backends[0]}.capacity.zone: {zone}"
    return f"in {wanted.spec}: target.region: REGION"


def _planned_types(wanted: Wanted) -> Iterator[tuple[str, tuple[str, ...], str]]:
    plan = wanted.plan
    for pool in plan.pools:
        backend = next(server.backend for server in plan.servers if server.pool == pool.name)
        yield pool.instance_type, pool.zones, f"in {wanted.spec}: backends.{backend}.capacity"
    if plan.cluster is not None and plan.cluster.existing is None:
        field = f"in {wanted.spec}: target.region: REGION"
        yield plan.cluster.system_instance_type, wanted.zones("system"), field


def _offers(instance: str, asking: Asking) -> tuple[str, ...]:
    """Zone ids of the Region that offer a type."""
    listed = asking.rows(
        "ec2",
        "describe_instance_type_offerings",
        "InstanceTypeOfferings",
        LocationType="availability-zone-id",
        Filters=[{"Name": "instance-type", "Values": [instance]}],
    )
    return tuple(sorted(str(one["Location"]) for one in listed))


def offered(instance: str, where: tuple[str, ...], field: str, offers: tuple[str, ...]) -> Iterable[Said]:
    """Every zone of a pool, since each has a node group of its own."""
    missing = [zone for zone in where if zone not in offers]
    if not missing:
        return [ok("offered")]
    told = f"not offered in {', '.join(missing)}; offered in {', '.join(offers) or 'no zone of the Region'}"
    if not field.endswith(".capacity"):
        return [to_do(told, field)]
    left = next((zone for zone in offers if zone in where), offers[0] if offers else None)
    edit = f".zone: {left}" if left else ".instance_type: ANOTHER"
    return [to_do(told, field + edit)]
