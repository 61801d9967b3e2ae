"""The whole bill of a draft: its lines, their totals over one, 12 and 36 months, and what goes with them.

Not here: how a line comes about (fixed, usage, tokens), and other ways of serving (inferplan.plan).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from inferplan.cost.commitment import commitments
from inferplan.cost.contracted_tokens import token_lines
from inferplan.cost.fixed import fixed_lines
from inferplan.cost.growth import HORIZON_MONTHS, Course, courses, pool_growth, requests_of
from inferplan.cost.lines import Case, assumed, total
from inferplan.cost.premium import premiums
from inferplan.cost.usage import Usage, usage_lines
from inferplan.cost.wording import wording
from inferplan.records.draft import Draft
from inferplan.records.plan import Cost, CostLine, Range, Scenario

CASES: tuple[Case, ...] = ("low", "expected", "high")


def price(draft: Draft) -> Cost:
    """Price a draft. A part without a price is a line of None with the reason, and is in no total."""
    parts = parts_of(draft)
    lines = [part.line for part in parts]
    labor, grown = labor_line(draft), courses(draft)
    monthly = _total(lines)
    bought = premiums(draft, lines)
    known = [premium.usd for premium in bought if premium.usd is not None]
    return Cost(
        monthly_usd=monthly,
        fixed_usd=round(total(line for line in lines if line.kind == "fixed"), 2),
        labor_usd=labor.expected_usd if labor else None,
        months_12_usd=over_months(grown, parts, 12),
        months_36_usd=over_months(grown, parts, HORIZON_MONTHS),
        sovereignty_usd=round(sum(known), 2) if known else None,
        lines=(*lines, *((labor,) if labor else ())),
        alternatives=(),
        break_even=None,
        wording=wording(draft, lines),
        labor_hours=labor.quantity if labor else None,
        scenarios=tuple(_scenario(draft, case, monthly) for case in CASES),
        sovereignty=bought,
        commitments=commitments(draft, lines),
        growth=tuple(pool_growth(draft, pool, grown["expected"]) for pool in draft.pools),
        unpriced=tuple(line.name for line in lines if line.expected_usd is None),
    )


def parts_of(draft: Draft) -> tuple[Usage, ...]:
    """Every line of the bill, with what each route's requests make of it."""
    fixed = (Usage(line, {}) for line in fixed_lines(draft))
    return (*fixed, *usage_lines(draft), *token_lines(draft))


def monthly(draft: Draft) -> tuple[Range, tuple[str, ...]]:
    """The monthly total as `price` gives it, and the lines that have no price: enough to rank drafts by."""
    lines = [part.line for part in parts_of(draft)]
    return _total(lines), tuple(line.name for line in lines if line.expected_usd is None)


def _total(lines: Iterable[CostLine]) -> Range:
    listed = list(lines)
    return Range(
        low=round(total(listed, "low"), 2),
        expected=round(total(listed, "expected"), 2),
        high=round(total(listed, "high"), 2),
    )


def _scenario(draft: Draft, case: Case, monthly: Range) -> Scenario:
    requests = {one.route: requests_of(one, case) for one in draft.traffic}
    expected = {one.route: requests_of(one, "expected") for one in draft.traffic}
    return Scenario(
        name=case,
        monthly_requests=sum(requests.values()),
        monthly_input_tokens=sum(requests[one.route] * one.input_tokens for one in draft.traffic),
        monthly_output_tokens=sum(requests[one.route] * one.output_tokens for one in draft.traffic),
        monthly_usd=getattr(monthly, case),
        stated=case == "expected" or requests != expected,
    )


def over_months(courses: Mapping[Case, Course], parts: Iterable[Usage], months: int) -> Range:
    """The sum over some months from today: requests grow, GPU nodes follow in steps, the rest stays.

    Nodes are counted beyond the ceiling of the plan too; `growth` says when that is passed.
    """
    listed, totals = list(parts), {}
    for case in CASES:
        times = multiples(courses[case], listed, months)
        usd = {part.line.name: getattr(part.line, f"{case}_usd") for part in listed}
        priced = [(usd[name], count) for name, count in times.items() if usd[name] is not None]
        totals[case] = round(sum(each * count for each, count in priced), 2)
    return Range(**totals)


def multiples(course: Course, parts: Iterable[Usage], months: int) -> dict[str, float]:
    """How many times today's month each line comes to over some months of one case."""
    routes = {route: sum(factor[route] for factor in course.factors[:months]) for route in course.factors[0]}
    nodes = {pool: sum(counts[:months]) / counts[0] for pool, counts in course.nodes.items()}
    return {
        line.name: nodes[line.pool]
        if line.pool is not None
        else _grown(weights, course.factors[0], routes, months)
        for line, weights in parts
    }


def _grown(
    weights: Mapping[str, float], today: Mapping[str, float], routes: Mapping[str, float], months: int
) -> float:
    """How many times today's month a line comes to over all months."""
    now = sum(weight * today[route] for route, weight in weights.items())
    return sum(weight * routes[route] for route, weight in weights.items()) / now if now else float(months)


def labor_line(draft: Draft) -> CostLine | None:
    """People as the spec states them, beside the bill; None where it states no number or no cost."""
    labor = draft.labor
    if labor.fte is None or labor.hourly_usd is None:
        return None
    per_fte = assumed("labor-hours-per-fte-month")
    hours = labor.fte * per_fte
    usd = round(hours * labor.hourly_usd, 2)
    return CostLine(
        name="engineering labor",
        kind="labor",
        low_usd=usd,
        expected_usd=usd,
        high_usd=usd,
        quantity=hours,
        unit="hours",
        unit_usd=labor.hourly_usd,
        estimated=False,
        source="operations.staff of the spec",
        as_of=draft.as_of,
        note=f"{labor.fte:g} FTE at {per_fte:g} hours a month; printed beside, not counted",
        group="labor",
        origin="spec",
    )
