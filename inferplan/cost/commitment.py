"""What one or three years of commitment would make of the instances: beside the bill, never in it.

Not here: the bill. Where the organization has read no rate of its own, the discounts are ranges from the
service price table.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

from inferplan import catalog
from inferplan.cost.lines import notes, reduced
from inferplan.records.draft import Draft
from inferplan.records.outcome import Commitment
from inferplan.records.plan import CostLine, Range

YEARS: tuple[Literal[1, 3], ...] = (1, 3)
# The families that the rows sp-gpu-*-typical name; no source states a discount of another GPU family.
GPU_FAMILIES = frozenset({"g5", "g6", "p4d", "p5"})


def commitments(draft: Draft, lines: Sequence[CostLine]) -> tuple[Commitment, ...]:
    """One and three years for every line of instances that is bought on demand."""
    return tuple(_commitments(draft, {line.name: line for line in lines}))


def _commitments(draft: Draft, lines: dict[str, CostLine]) -> Iterator[Commitment]:
    wanted = [
        (f"GPU nodes {pool.name}", pool.instance_type, True)
        for pool in draft.pools
        if pool.capacity == "on-demand" and pool.running is None  # a commitment is paid around the clock
    ]
    if draft.cluster is not None:
        wanted += [
            (name, draft.cluster.system_instance_type, False) for name in ("system nodes", "gateway nodes")
        ]
    for name, instance_type, gpu in wanted:
        if name in lines:
            for years in YEARS:
                yield (
                    _under_a_rate(draft, lines[name], instance_type, years)
                    or _commitment(lines[name], instance_type, years, gpu=gpu)
                )


def _under_a_rate(
    draft: Draft, line: CostLine, instance_type: str, years: Literal[1, 3]
) -> Commitment | None:
    """The same hours at the cheapest rate that the organization has read; None: it has read none."""
    region = draft.target.region
    rates = draft.prices.savings_plans(instance_type, region, years)
    demand = draft.prices.instance(instance_type, region)
    if not rates or not demand.usd or not demand.low or not demand.high:
        return None
    if line.expected_usd is None or line.low_usd is None or line.high_usd is None:
        return None
    hours = {"low": line.low_usd / demand.low, "high": line.high_usd / demand.high}
    price = draft.prices.savings_plan_hour(rates[0])
    assert price.usd is not None
    usd = Range(
        low=round(hours["low"] * price.usd, 2),
        expected=round(line.quantity * price.usd, 2),
        high=round(hours["high"] * price.usd, 2),
    )
    told = ", ".join(f"{rate.plan} {rate.usd_hour:g} USD an hour" for rate in rates)
    return Commitment(
        line=line.name,
        years=years,
        monthly_usd=usd,
        verified=True,
        source="; ".join(price.source),
        as_of=price.as_of,
        note=notes(
            f"the organization's own rates: {told}",
            reduced(price),
            f"paid for {years * 12} months whether it is used or not",
        ),
    )


def _commitment(line: CostLine, instance_type: str, years: Literal[1, 3], *, gpu: bool) -> Commitment:
    family = instance_type.partition(".")[0]
    row = catalog.service_prices()[(f"sp-{'gpu' if gpu else 'compute'}-{years}y-typical", "all")]
    reason, usd = "", None
    if gpu and family not in GPU_FAMILIES:
        most = catalog.service_prices()[("sp-ec2-instance-max", "all")]
        reason = f"no source states a discount of {family}; over all families it is at most {most.high:.0%}"
    elif line.expected_usd is None or line.low_usd is None or line.high_usd is None:
        reason = "there is no on-demand price to take it off"
    elif row.low is None or row.high is None:
        reason = "no source states a discount"
    else:
        middle = (row.low + row.high) / 2
        usd = Range(
            low=round(line.low_usd * (1 - row.high), 2),
            expected=round(line.expected_usd * (1 - middle), 2),
            high=round(line.high_usd * (1 - row.low), 2),
        )
    note = reason or f"{row.low:.0%} to {row.high:.0%} off on demand, {row.note}"
    return Commitment(
        line=line.name,
        years=years,
        monthly_usd=usd,
        verified=row.verified if usd is not None else False,
        source="; ".join(row.source),
        as_of=row.as_of,
        note=f"{note}; paid for {years * 12} months whether it is used or not",
    )
