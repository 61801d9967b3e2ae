"""Reserved capacity: whether each reservation or capacity block is there, fits the nodes, and lasts.

Not here: buying one, and spot or on-demand capacity, which cannot be asked about.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any

from inferplan.cli.preflight_checks.account_question import (
    EVERYTHING,
    Answer,
    Asking,
    Question,
    Said,
    Wanted,
    advice,
    ok,
    to_do,
    told,
)
from inferplan.records.plan import Pool

RESERVED = ("reservation", "capacity-block")
NOT_THERE = ("InvalidCapacityReservationId.NotFound", "InvalidCapacityReservationId.Malformed")
COMING = frozenset({"scheduled", "pending", "payment-pending", "assessing", "delayed"})
SHORT = timedelta(days=1)  # nodes of a block are taken away half an hour before its end


def questions(wanted: Wanted) -> Iterator[Question[Any]]:
    """That it exists and fits is needed first; that it is active, only when pods come."""
    for pool in wanted.plan.pools:
        if pool.capacity not in RESERVED:
            continue
        field = wanted.field(f"backends.{wanted.backend_of(pool)}.capacity")
        subject = f"{pool.capacity} {pool.capacity_id or 'without an id'} for {pool.name}"
        if pool.capacity_id is None:
            unnamed = to_do(f"no {pool.capacity} is named, so no node starts", f"{field}.id: cr-ID")
            yield told("reservation", "foundation", subject, unnamed)
            continue
        ask = partial(_reservation, pool.capacity_id)
        asks = {"ec2:DescribeCapacityReservations": EVERYTHING}
        yield Question(
            check="reservation",
            layer="foundation",
            subject=subject,
            asks=asks,
            ask=ask,
            judge=partial(fits, wanted, pool, field),
        )
        yield Question(
            check="reservation-time",
            layer="workload",
            subject=subject,
            asks=asks,
            ask=ask,
            judge=partial(lasts, wanted, pool, field),
        )


def _reservation(identifier: str, asking: Asking) -> Answer | None:
    listed = asking.found(
        NOT_THERE, "ec2", "describe_capacity_reservations", CapacityReservationIds=[identifier]
    )
    found = (listed or {}).get("CapacityReservations", ())
    return found[0] if found else None


def fits(wanted: Wanted, pool: Pool, field: str, found: Answer | None) -> Iterable[Said]:
    """Type, zone, kind and number of nodes; everything that does not fit is told."""
    if found is None:
        listed = wanted.aws(
            "ec2 describe-capacity-reservations --query "
            "'CapacityReservations[].[CapacityReservationId,InstanceType,AvailabilityZoneId,State,EndDate]'"
        )
        return [to_do("the account has none of this id in the Region", listed)]
    said: list[Said] = []
    kind = "capacity-block" if found.get("ReservationType") == "capacity-block" else "reservation"
    if kind != pool.capacity:
        said.append(to_do(f"it is a {kind}, not a {pool.capacity}", f"{field}.kind: {kind}"))
    if found["InstanceType"] != pool.instance_type:
        words = f"it is of {found['InstanceType']}, and the nodes are {pool.instance_type}"
        said.append(to_do(words, f"{field}.instance_type: {found['InstanceType']}"))
    zone = found.get("AvailabilityZoneId")
    if (zone,) != pool.zones:
        words = f"it lies in {zone}, and the nodes in {', '.join(pool.zones)}"
        moved = wanted.one_zone(pool, [str(zone)])
        said.append(to_do(words, wanted.field(moved) if moved else f"{field}.id: one in its zone"))
    total = int(found["TotalInstanceCount"])
    if total < pool.nodes:
        fix = f"{field}.id: another reservation of {pool.nodes}"
        if kind == "reservation":
            fix = wanted.aws(
                f"ec2 modify-capacity-reservation --capacity-reservation-id {pool.capacity_id} "
                f"--instance-count {pool.nodes}"
            )
        said.append(to_do(f"it holds {total} instances, and {pool.nodes} are planned", fix))
    return said or [ok(f"{total} x {pool.instance_type} in {zone}")]


def lasts(wanted: Wanted, pool: Pool, field: str, found: Answer | None) -> Iterable[Said]:
    """Active now, and with more than a day to go."""
    state = found["State"] if found is not None else "not there"
    show = wanted.aws(f"ec2 describe-capacity-reservations --capacity-reservation-ids {pool.capacity_id}")
    if found is not None and state in COMING:
        start = _day(found.get("StartDate"))
        return [to_do(f"{state}, not active" + (f"; it begins on {start}" if start else ""), show)]
    if found is None or state != "active":
        return [to_do(f"{state}, not active", f"{field}.id: one that is")]
    end = _day(found.get("EndDate"))
    if end is None:
        return [ok("active, without an end")]
    if end - wanted.day <= SHORT:
        return [to_do(f"active, and ends on {end}: nodes are taken away before", f"{field}.id: a later one")]
    deadline = wanted.plan.lead_time.deadline
    if deadline is not None and end < date.fromisoformat(deadline):
        return [advice(f"active, and ends on {end}, before the deadline {deadline}")]
    return [ok(f"active until {end}")]


def _day(at: datetime | None) -> date | None:
    return at.date() if at is not None else None
