"""How every amount of a bill came about, so that a reader can recompute it.

Not here: the amounts (bill, break_even).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from inferplan.cost.bill import CASES, multiples, parts_of
from inferplan.cost.growth import HORIZON_MONTHS, courses, needs
from inferplan.cost.lines import HOURS_PER_MONTH, assumed
from inferplan.cost.wording import confidence
from inferplan.records.draft import Draft
from inferplan.records.notes import Confidence, Notes
from inferplan.records.plan import Candidate, Cost, CostLine, Range, Source

UNIT = "USD a month"
CENT = 0.01


def derive_bill(draft: Draft, cost: Cost, notes: Notes) -> None:
    """Lines, totals, months to come, growth, premiums and commitments of one stack."""
    bill = [line for line in cost.lines if line.kind != "labor"]
    sure = confidence(draft, [line for line in bill if line.expected_usd is not None])
    for index, line in enumerate(cost.lines):
        _line(f"cost.lines[{index}]", line, notes)
    for case in CASES:
        path = "cost.monthly_usd" if case == "expected" else f"cost.monthly_usd.{case}"
        notes.derive(
            path,
            getattr(cost.monthly_usd, case),
            UNIT,
            f"the sum of {case}_usd of all lines with a price; labor is printed beside and not counted",
            _amounts(bill, case),
            confidence=sure,
        )
    notes.derive(
        "cost.fixed_usd",
        cost.fixed_usd,
        UNIT,
        "the sum of the lines that are due without a single request",
        _amounts([line for line in bill if line.kind == "fixed"], "expected"),
        confidence=sure,
    )
    _labor(draft, cost, notes)
    _over_months(draft, cost, sure, notes)
    _growth(draft, cost, notes)
    for index, scenario in enumerate(cost.scenarios):
        notes.derive(
            f"cost.scenarios[{index}]",
            scenario.monthly_usd,
            UNIT,
            f"cost.monthly_usd.{scenario.name}; tokens are requests times those of a typical one",
            {
                "requests": scenario.monthly_requests,
                "tokens_per_request": {
                    one.route: [one.input_tokens, one.output_tokens] for one in draft.traffic
                },
                "stated_by_the_spec": scenario.stated,
            },
        )
    known = {one.name: one.usd for one in cost.sovereignty}
    notes.derive(
        "cost.sovereignty_usd", cost.sovereignty_usd, UNIT, "the sum of the parts with a price", known
    )
    for index, premium in enumerate(cost.sovereignty):
        notes.derive(
            f"cost.sovereignty[{index}]",
            premium.usd,
            UNIT,
            "a surcharge is the same lines at this Region's prices less those of us-east-1, an uplift its "
            "share of the tokens, anything else the lines themselves",
            {"part": premium.name, "how": premium.note},
        )
    lines = {line.name: line for line in bill}
    for index, one in enumerate(cost.commitments):
        notes.derive(
            f"cost.commitments[{index}]",
            one.monthly_usd.expected if one.monthly_usd else None,
            UNIT,
            "the line less the middle of the discount's range; low takes the largest discount, high the "
            "smallest",
            {
                "line": one.line,
                "expected_usd": lines[one.line].expected_usd,
                "years": one.years,
                "discount": one.note,
            },
            sources=(Source(source=one.source, as_of=one.as_of),),
            confidence="low",
        )


def derive_candidates(candidates: tuple[Candidate, ...], notes: Notes) -> None:
    """What the nodes of every instance type that was looked at would cost."""
    for index, one in enumerate(candidates):
        notes.derive(
            f"candidates[{index}]",
            one.monthly_usd,
            UNIT,
            f"nodes x on-demand list price of an hour x {HOURS_PER_MONTH} hours, where the type can serve",
            {"instance_type": one.instance_type, "region": one.region, "nodes": one.nodes}
            | {"replicas": one.replicas, "gpus_a_replica": one.tensor_parallel * one.pipeline_parallel}
            | {"why": one.reason},
        )


def derive_comparison(cost: Cost, notes: Notes) -> None:
    """The other ways beside the plan, and where both cost the same."""
    for index, one in enumerate(cost.alternatives):
        notes.derive(
            f"cost.alternatives[{index}]",
            one.monthly_usd.expected if one.monthly_usd else None,
            UNIT,
            "the whole bill of the stack planned that way; for another instance type the bill of the mode "
            "with the pool's nodes and their volumes replaced",
            {"name": one.name, "mode": one.mode, "feasible": one.feasible, "reason": one.reason}
            | (_range(one.monthly_usd) if one.monthly_usd else {}),
        )
    found = cost.break_even
    if found is None:
        return
    notes.derive(
        "cost.break_even",
        found["monthly_requests"],
        "requests a month",
        "the smallest volume at which own weights cost no more: fixed + usage x volume / planned volume + "
        "nodes x USD of a node, for both ways; nodes follow the peak as cost.growth counts them",
        {name: found[name] for name in ("basis", "monthly_requests_for_good", "reason") if name in found},
        confidence="low",
    )
    for index, row in enumerate(found["utilization"]):
        notes.derive(
            f"cost.break_even.utilization[{index}]",
            row["utilization"],
            "share of the speed of all replicas",
            "USD per million tokens of full own GPUs (nodes x USD of an hour / 3600 / tokens per second x "
            "10^6) over what the vendor asks for a million tokens in the same ratio",
            row,
            confidence="low",
        )


def _line(path: str, line: CostLine, notes: Notes) -> None:
    inputs: dict[str, Any] = {
        "unit_usd": line.unit_usd,
        "quantity": line.quantity,
        "low_usd": line.low_usd,
        "high_usd": line.high_usd,
        "estimated": line.estimated,
        "note": line.note,
    }
    if line.origin == "organization":
        inputs["whose_price"] = "the organization's own"
    if line.reduction is not None:
        inputs["discount"] = str(line.reduction)
        inputs["discount_reason"] = f"{line.reduction.reason}, approved by {line.reduction.approved_by}"
    formula = f"{line.name}: {line.quantity:g} {line.unit} times the price of one"
    if line.expected_usd == 0 and line.unit_usd is not None and line.unit_usd * line.quantity >= CENT:
        formula = f"{line.name}: {line.quantity:g} {line.unit}, waived as the note says"
    if line.expected_usd is None:
        formula = f"{line.name}: no price is known, so it is in no total"
    notes.derive(
        path,
        line.expected_usd,
        UNIT,
        formula,
        inputs,
        sources=(Source(source=line.source, as_of=line.as_of),),
        confidence="low" if line.estimated else "high",
    )


def _labor(draft: Draft, cost: Cost, notes: Notes) -> None:
    if cost.labor_hours is None:
        return
    inputs = {
        "fte": draft.labor.fte,
        "hours_per_fte_month": assumed("labor-hours-per-fte-month"),
        "usd_per_hour": draft.labor.hourly_usd,
    }
    notes.derive("cost.labor_hours", cost.labor_hours, "hours a month", "FTE x hours of one", inputs)
    formula = "FTE x hours of one x USD of an hour; printed beside the bill, not counted"
    notes.derive("cost.labor_usd", cost.labor_usd, UNIT, formula, inputs)


def _over_months(draft: Draft, cost: Cost, sure: Confidence, notes: Notes) -> None:
    parts, grown = parts_of(draft), courses(draft)
    growth = {one.route: one.growth_percent_per_month for one in draft.traffic}
    for months, totals in ((12, cost.months_12_usd), (HORIZON_MONTHS, cost.months_36_usd)):
        for case in CASES:
            end = "" if case == "expected" else f".{case}"
            times = multiples(grown[case], parts, months)
            notes.derive(
                f"cost.months_{months}_usd{end}",
                getattr(totals, case),
                f"USD in {months} months",
                f"the sum over the lines of {case}_usd x how many of today's months it comes to: usage grows "
                "with its routes, nodes as cost.growth counts them, the rest stays",
                {
                    "growth_percent_per_month": growth,
                    "months_of_today": {name: round(count, 6) for name, count in times.items()},
                },
                confidence="low" if any(growth.values()) or sure == "low" else "medium",
            )


def _growth(draft: Draft, cost: Cost, notes: Notes) -> None:
    pools = {pool.name: pool for pool in draft.pools}
    for index, one in enumerate(cost.growth):
        notes.derive(
            f"cost.growth[{index}]",
            one.steps[-1][1],
            f"nodes in month {HORIZON_MONTHS}",
            "per month: peak x (1 + growth) ^ months / (requests per second of a replica x planning "
            "utilization), rounded up, or all load at the failure utilization if that needs more; spread "
            "over the zones, over pods per node, x nodes of a replica",
            {
                "growth_percent_per_month": {
                    load.route: load.growth_percent_per_month for load in draft.traffic
                },
                "servers": [
                    {
                        "requests_per_second_of_a_replica": need.per_second,
                        "requests_per_second_at_failure_utilization": need.sure_per_second,
                        "peaks": dict(need.first),
                        "stands_in_for": dict(need.fallback),
                        "pods_per_node": need.pods_per_node,
                        "zones": need.zones,
                        "nodes_of_a_replica": need.stages,
                    }
                    for need in needs(draft, pools[one.pool])
                ],
                "steps": [list(step) for step in one.steps],
                "note": one.note,
            },
            confidence="low",
        )


def _amounts(lines: list[CostLine], case: str) -> Mapping[str, float | None]:
    return {line.name: getattr(line, f"{case}_usd") for line in lines}


def _range(usd: Range) -> dict[str, float]:
    return {"low_usd": usd.low, "high_usd": usd.high}
