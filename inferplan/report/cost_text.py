"""The cost section of a plan: the bill, what it becomes with time, and what else it could be.

Not here: how it is computed (inferplan.cost).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from inferplan.report.money import columns, counted, usd, usd_range

if TYPE_CHECKING:
    from inferplan.records.plan import Alternative, Cost, CostLine, Range

MAX_ALTERNATIVES = 5
SMALL_USD = 1  # a month
KINDS = ("fixed", "usage", "labor")


def section(cost: Cost, verbose: int = 0) -> list[str]:
    """Lines, totals, growth, premium, commitments, break-even, alternatives; `-v` leaves nothing out."""
    lines = _bill(cost, verbose) + totals(cost)
    if cost.labor_usd is not None:
        lines.append(f"  labor {usd(cost.labor_usd)} USD a month, not counted against the budget")
    lines += _growth(cost)
    if cost.sovereignty_usd is not None or cost.sovereignty:
        lines.append(
            f"  of it for sovereignty: {usd(cost.sovereignty_usd, unknown='not fully known')} USD a month"
        )
        if verbose:
            lines += columns(
                [[part.name, usd(part.usd), part.note] for part in cost.sovereignty], indent="    "
            )
    if verbose:
        lines += _commitments(cost)
    lines += _break_even(cost.break_even, verbose)
    lines.append(f"  {cost.wording}")
    return lines + _alternatives(cost, verbose)


def totals(cost: Cost) -> list[str]:
    """What it costs a month and in years, and what these sums lack."""
    year, three = cost.months_12_usd, cost.months_36_usd
    lacking = [f"  in no total, for want of a price: {', '.join(cost.unpriced)}"] if cost.unpriced else []
    what = "total of what has a price" if cost.unpriced else "total"
    return [
        f"  {what} {_range(cost.monthly_usd)} a month, {usd(cost.fixed_usd)} of it fixed",
        f"  12 months {_range(year)}, 36 months {_range(three)}",
        *lacking,
    ]


def _bill(cost: Cost, verbose: int) -> list[str]:
    shown = [
        line
        for line in sorted(cost.lines, key=lambda line: KINDS.index(line.kind))
        if verbose or line.kind == "labor" or line.expected_usd is None or line.expected_usd >= SMALL_USD
    ]
    rows = [
        [
            line.name,
            usd(line.expected_usd),
            line.kind,
            _standing(line),
            line.note if verbose else "",
        ]
        for line in shown
    ]
    small = len(cost.lines) - len(shown)
    hidden = [f"  {counted(small, 'line')} below {SMALL_USD} USD, -v lists all"] if small else []
    return columns(rows, right=frozenset({1})) + hidden


def _standing(line: CostLine) -> str:
    """What kind of price a line rests on, where that is not a list price of the catalog."""
    marks = ["estimated"] if line.estimated else []
    marks += ["own price"] if line.origin == "organization" else []
    marks += [f"{line.reduction.percent:g} % off"] if line.reduction is not None else []
    return ", ".join(marks)


def _growth(cost: Cost) -> list[str]:
    lines = []
    for pool in cost.growth:
        if len(pool.steps) > 1:
            steps = ", ".join(f"{nodes} from month {month}" for month, nodes in pool.steps[1:])
            lines.append(f"  {pool.pool} grows to {steps}")
        if pool.exceeds_max_in_month is not None:
            lines.append(
                f"  {pool.pool} passes its ceiling of {pool.max_nodes} in month {pool.exceeds_max_in_month}"
            )
    return lines


def _commitments(cost: Cost) -> list[str]:
    return columns(
        [
            [f"{c.line} for {c.years} y", _range(c.monthly_usd) if c.monthly_usd else "unknown", c.note]
            for c in cost.commitments
        ],
        indent="    ",
    )


def _break_even(found: dict[str, Any] | None, verbose: int) -> list[str]:
    if not found:
        return []
    lines = [
        f"  {entry['own']}, nodes against tokens alone: pays for {entry['route']} "
        f"from {entry['utilization']:.0%} load on ({entry['reason']})"
        for entry in found.get("utilization", ())
        if entry.get("utilization") is not None
    ]
    if found.get("monthly_requests") is not None:
        lines.append(f"  break-even at {found['monthly_requests']:,} requests a month")
    elif found.get("reason"):
        lines.append(f"  no break-even volume: {found['reason']}")
    if verbose:
        lines += columns(
            [["a month", "own", "vendor"]] * bool(found.get("curve"))
            + [
                [f"{point['monthly_requests']:,} requests", usd(point["own_usd"]), usd(point["vendor_usd"])]
                for point in found.get("curve") or ()
            ],
            indent="    ",
            right=frozenset({0, 1, 2}),
        )
    return lines


def _alternatives(cost: Cost, verbose: int) -> list[str]:
    feasible = sorted(
        (a for a in cost.alternatives if a.feasible and a.monthly_usd),
        key=lambda a: (bool(a.unpriced), _expected(a.monthly_usd)),  # a lower bound wins no comparison
    )
    shown = list(cost.alternatives) if verbose else feasible[:MAX_ALTERNATIVES]
    if not shown:
        return []
    hidden = len(cost.alternatives) - len(shown)
    more = f"; {hidden} more with -v" if hidden else ""
    lines = [f"  alternatives, cheapest first{more}:" if not verbose else "  alternatives:"]
    return lines + columns([_row(alternative) for alternative in shown], indent="    ")


def _row(alternative: Alternative) -> list[str]:
    price = _range(alternative.monthly_usd) if alternative.monthly_usd else "-"
    price = f"more than {price}" if alternative.unpriced else price
    mark = "" if alternative.feasible else "not possible: "
    return [alternative.name, price, mark + alternative.reason]


def _expected(value: Range | None) -> float:
    return value.expected if value else float("inf")


def _range(value: Range) -> str:
    return usd_range(value.low, value.expected, value.high)
