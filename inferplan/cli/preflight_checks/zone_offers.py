"""Zones by id: which the account has, and which of them offer the planned instance types.

Names of zones differ from account to account, so everything is compared by id. Not here: whether an offered
type is to be had today, which only starting one tells.
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
    ok,
    to_do,
)
from inferplan.records.plan import Pool

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
    for instance, where, pool in _planned_types(wanted):
        yield Question(
            check="instance-type",
            layer="foundation",
            subject=f"{instance} in {', '.join(where)}",
            asks={"ec2:DescribeInstanceTypeOfferings": EVERYTHING},
            ask=partial(_offers, instance),
            judge=partial(offered, wanted, instance, where, pool),
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
    words = f"{why}; the account has {', '.join(left) or 'none'}"
    pool = next((pool for pool in wanted.plan.pools if {*bad} & {*pool.zones}), None)
    return [to_do(words, wanted.field((pool and wanted.one_zone(pool, left)) or "target.region: REGION"))]


def _planned_types(wanted: Wanted) -> Iterator[tuple[str, tuple[str, ...], Pool | None]]:
    """Each type with the zones of its nodes; None: nodes without a GPU."""
    for pool in wanted.plan.pools:
        yield pool.instance_type, pool.zones, pool
    cluster = wanted.plan.cluster
    if cluster is not None:
        yield cluster.system_instance_type, wanted.zones("system"), None


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


def offered(
    wanted: Wanted, instance: str, where: tuple[str, ...], pool: Pool | None, offers: tuple[str, ...]
) -> Iterable[Said]:
    """Every zone of a pool, since each has a node group of its own."""
    missing = [zone for zone in where if zone not in offers]
    if not missing:
        return [ok("offered")]
    words = f"not offered in {', '.join(missing)}; offered in {', '.join(offers) or 'no zone of the Region'}"
    if pool is None:
        return [to_do(words, wanted.field("target.region: REGION"))]
    planned_first = sorted(offers, key=lambda zone: zone not in where)
    another = f"backends.{wanted.backend_of(pool)}.capacity.instance_type: TYPE"
    return [to_do(words, wanted.field(wanted.one_zone(pool, planned_first) or another))]
