"""Plans side by side: one row per fact, one column per plan, rows that agree left out.

Not here: planning them (inferplan.plan) and reviewing one (text).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click
import msgspec

from inferplan.report.money import columns, usd, usd_range
from inferplan.report.resource_tree import component, short_type

if TYPE_CHECKING:
    from inferplan.records.plan import Plan
    from inferplan.resource import Resource
    from inferplan.spec.declaration import Bar

NONE = "-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One column: a plan with its resources, or why there is none."""

    label: str
    plan: Plan | None = None
    resources: tuple[Resource, ...] = ()
    refusal: str | None = None


Facts = dict[str, dict[str, str]]  # section -> fact -> value


def facts(side: Side) -> Facts:
    """What is compared of one side, as text by section and name."""
    plan = side.plan
    if plan is None:
        return {"plan": {"mode": f"no plan: {side.refusal}"}}
    target, cost = plan.target, plan.cost
    types = Counter(resource.type for resource in side.resources if resource.package in ("aws", "kubernetes"))
    return {
        "plan": {
            "mode": plan.mode,
            "place": f"{target.region} ({target.country}), {', '.join(target.zones)}",
            "ways out": ", ".join(plan.network.allowed_hosts) or "no internet path",
            "lead time": f"{plan.lead_time.days} days",
        },
        "routes": {route.name: " > ".join((route.backend, *route.fallback)) for route in plan.routes},
        "servers and pools": {
            **{
                server.name: f"{server.model} x{server.replicas} TP{server.tensor_parallel} "
                f"PP{server.pipeline_parallel}"
                for server in plan.servers
            },
            **{pool.name: f"{pool.nodes} x {pool.instance_type} ({pool.capacity})" for pool in plan.pools},
        },
        "vendors": {vendor.backend: f"{vendor.model} at {vendor.host}" for vendor in plan.vendors},
        "USD a month": {
            "total": usd_range(cost.monthly_usd.low, cost.monthly_usd.expected, cost.monthly_usd.high),
            "fixed": usd(cost.fixed_usd),
            "36 months": usd(cost.months_36_usd.expected),
            "labor, beside": usd(cost.labor_usd),
            **{line.name: usd(line.expected_usd) for line in cost.lines if line.kind != "labor"},
        },
        "places data reaches": _places(plan),
        "resources": {
            "total": str(sum(types.values())),
            **{name: str(count) for name, count in sorted(types.items())},
        },
    }


def _places(plan: Plan) -> dict[str, str]:
    """Where each flow ends; one that may end in several countries names them all."""
    places: dict[str, list[str]] = {}
    for flow in plan.flows:
        name = f"{flow.data} {flow.source} -> {flow.destination}"
        places.setdefault(name, []).append(f"{flow.place} ({flow.country})")
    return {name: ", ".join(dict.fromkeys(found)) for name, found in places.items()}


def come_and_go(sides: Sequence[Side]) -> dict[tuple[str, str, str, str], list[bool]]:
    """Layer, component, type and name of each resource that not every side has, and which sides have it.

    Names are compared without the stack's own at their front, so that two specs can be compared too.
    """
    found = [_resources(side) for side in sides if side.plan is not None]
    every = sorted(frozenset().union(*found)) if len(found) == len(sides) else []
    holders = {resource: [resource in side for side in found] for resource in every}
    return {resource: has for resource, has in holders.items() if not all(has)}


def _resources(side: Side) -> frozenset[tuple[str, str, str, str]]:
    """What `come_and_go` compares of one side."""
    by_urn = {resource.urn: resource for resource in side.resources}
    return frozenset(
        (
            resource.urn.split("::")[0].rpartition(".")[2],
            component(by_urn[resource.parent]),
            resource.type,
            resource.name.removeprefix(f"{side.plan.name if side.plan else ''}-"),
        )
        for resource in side.resources
        if resource.package in ("aws", "kubernetes") and resource.parent in by_urn
    )


def _changes(sides: Sequence[Side], *, verbose: bool) -> dict[str, list[list[str]]]:
    """Resources that come and go as sections: how many per component, or each by name."""
    changes = come_and_go(sides)
    named: dict[str, list[list[str]]] = {}
    counts: dict[str, list[int]] = {}
    for (layer, owner, type_, name), has in changes.items():
        row = [f"{short_type(type_)} {name}", *("yes" if there else NONE for there in has)]
        named.setdefault(f"{layer}, {owner}", []).append(row)
        counts[owner] = [sum(pair) for pair in zip(counts.get(owner, [0] * len(sides)), has, strict=True)]
    if verbose or not changes:
        return named
    return {
        "resources that come and go": [
            [owner, *(str(count or NONE) for count in row)] for owner, row in sorted(counts.items())
        ]
    }


def rows(sides: Sequence[Side]) -> dict[str, list[list[str]]]:
    """Per section the facts on which the sides differ; totals and modes always."""
    found = [facts(side) for side in sides]
    sections: dict[str, list[list[str]]] = {}
    for section in dict.fromkeys(name for side in found for name in side):
        names = dict.fromkeys(name for side in found for name in side.get(section, {}))
        table = [[name, *(side.get(section, {}).get(name, NONE) for side in found)] for name in names]
        sections[section] = [row for row in table if len(set(row[1:])) > 1 or row[0] in ("mode", "total")]
    return {section: table for section, table in sections.items() if table}


def table(sides: Sequence[Side], *, verbose: bool = False) -> str:
    """The whole comparison for a person; `verbose` names each resource that comes or goes."""
    lines: list[str] = []
    for section, body in (rows(sides) | _changes(sides, verbose=verbose)).items():
        header = [section, *(side.label for side in sides)]
        head, *rest = columns([header, *body])
        lines += [click.style(head, bold=True), *rest, ""]
    return "\n".join(lines)


def as_json(sides: Sequence[Side], bar: Bar) -> str:
    """`diff --format json`: every section with one value per side, None where a side lacks it.

    `resources` are those that not every side has, by name, with one yes or no per side.
    """
    found = {
        section: {row[0]: [None if value == NONE else value for value in row[1:]] for row in body}
        for section, body in rows(sides).items()
    }
    value = {
        "schema": "inferplan.diff/v1beta1",
        "organization": bar,
        "sides": [side.label for side in sides],
        "differences": found,
        "resources": [
            {"layer": layer, "component": owner, "type": type_, "name": name, "sides": has}
            for (layer, owner, type_, name), has in come_and_go(sides).items()
        ],
    }
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
