"""The whole plan for a person: routes, servers, pools, network, cost, flows, defaults, warnings.

Not here: JSON (json_format), the short review (text), one value explained (inferplan explain).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from inferplan.report import cost_text
from inferplan.report.law_text import rows as law_rows
from inferplan.report.money import columns, counted, plain, usd

if TYPE_CHECKING:
    from inferplan.records.plan import Memory, Plan, Server, Throughput
    from inferplan.spec.declaration import Bar


SIZED = {
    "slow end": "carries the peak at the slow end of that range too, also while a zone is lost",
    "expected": "carries the peak at the predicted speed, not at the slow end of its range",
}
RESULT = ("Routes", "Servers", "Pools", "Vendors", "Cost")


def plan(plan: Plan, *, bar: Bar | None = None, verbose: int = 0, quiet: bool = False) -> str:
    """Sections in the order of the road; `-v` adds flags, candidates, endpoints, defaults, all costs; `-q`
    leaves what serves and the total."""
    target = plan.target
    lines = [
        click.style(plan.name, bold=True)
        + f"  {plan.mode} in {target.region} ({target.country}), zones {', '.join(target.zones)}, "
        f"account {target.account} ({target.environment})",
        *([f"  bar  {bar}"] if bar else []),
    ]
    for title, rows in (
        ("Decision", _decision(plan)),
        ("Routes", _routes(plan)),
        ("Servers", _servers(plan, verbose)),
        ("Pools", _pools(plan)),
        ("Instance types looked at", _candidates(plan) if verbose else []),
        ("Vendors", _vendors(plan)),
        ("Network", _network(plan, verbose)),
        ("Cost", cost_text.totals(plan.cost) if quiet else cost_text.section(plan.cost, verbose)),
        ("Flows", _flows(plan)),
        ("Law", law_rows(plan.laws)),
        ("Lead time", _lead_time(plan)),
        (
            "Defaults taken",
            _defaults(plan) if verbose else [],
        ),
        ("Warnings", [click.style(f"  {warning}", fg="yellow") for warning in plan.warnings]),
    ):
        if rows and (title in RESULT or not quiet):
            lines += ["", click.style(title, bold=True), *rows]
    if quiet:
        return "\n".join(lines)
    hidden = "" if verbose else f"; {counted(len(plan.defaults), 'default')} taken, -v lists all"
    lines += ["", f"`inferplan explain SPEC PATH` derives any number, such as servers[0].replicas{hidden}."]
    return "\n".join(lines)


def _decision(plan: Plan) -> list[str]:
    decision = plan.decision
    rows = [f"  asked for {decision.asked}, planned {decision.mode}"]
    rows += [f"  {reason}" for reason in decision.reasons]
    if decision.totals:
        totals = ", ".join(f"{mode} {total:g}" for mode, total in decision.totals.items())
        rows.append(f"  scores: {totals}")
    return rows


def _routes(plan: Plan) -> list[str]:
    return columns(
        [
            [
                r.name,
                r.api,
                ", ".join(r.classes),
                f"{r.backend}" + "".join(f" > {b}" for b in r.fallback),
                r.reason,
            ]
            for r in plan.routes
        ]
    )


def _servers(plan: Plan, verbose: int) -> list[str]:
    lines: list[str] = []
    for index, server in enumerate(plan.servers):
        lines.append(
            f"  {server.name}: {server.model} ({server.quantization or 'as published'}), "
            f"{server.replicas} replicas, TP{server.tensor_parallel} PP{server.pipeline_parallel}, "
            f"pool {server.pool}"
        )
        lines.append(f"    memory per GPU: {_memory(server.memory)}")
        if server.throughput:
            lines.append(f"    at {server.throughput.concurrency} concurrent: {_speed(server.throughput)}")
            lines += [f"    {SIZED[server.sized_at]}"] if server.sized_at else []
        else:
            lines.append(f"    not sized: {plan.derivations[f'servers[{index}].throughput'].formula}")
        s = server.startup
        lines.append(f"    starts in {s.seconds_expected} s ({s.seconds_low} to {s.seconds_high})")
        told = plan.derivations.get(f"servers[{index}].scaling")
        lines.append(f"    {scaling(server) or (told.formula if told else 'does not scale')}")
        if verbose:
            lines.append(f"    {' '.join(server.flags)}")
    return lines


def scaling(server: Server) -> str | None:
    """Between which numbers a server moves, how far ahead, and what is said of the time without any pod."""
    found = server.scaling
    if found is None:
        return None
    between, lead = f"{found.least_replicas} to {found.most_replicas} replicas", found.lead_seconds
    told = f"scales from {between}, {lead} s ahead: so long takes one with its node"
    if found.to_zero:
        told += f"; none outside the schedule, whose first start takes about {lead} s"
    return told


def _memory(memory: Memory) -> str:
    """The parts that are known apart, of what a GPU has."""
    parts = [f"weights {memory.weights_gib:.1f}", f"activation {memory.activation_gib:.1f}"]
    if memory.non_torch_gib is not None and memory.cuda_graphs_gib is not None:
        parts.append(f"other {memory.non_torch_gib + memory.cuda_graphs_gib:.1f}")
    if memory.kv_cache_gib is not None:
        parts.append(f"KV {memory.kv_cache_gib:.1f}")
    return f"{' + '.join(parts)} of {memory.total_gib:.1f} GiB"


def _speed(speed: Throughput) -> str:
    """Tokens a second with their range, and latencies; a pooling model has its whole answer at once."""
    if speed.output_tokens_per_second is None:
        return f"answers in {speed.ttft_ms:,.0f} ms, no tokens are generated, confidence {speed.confidence}"
    return (
        f"{speed.output_tokens_per_second:,.0f} tokens/s a replica "
        f"({speed.output_tokens_per_second_low:,.0f} to {speed.output_tokens_per_second_high:,.0f}), "
        f"TTFT {speed.ttft_ms:,.0f} ms, TPOT {speed.tpot_ms:,.0f} ms, confidence {speed.confidence}"
    )


def _pools(plan: Plan) -> list[str]:
    return columns(
        [
            [
                pool.name,
                f"{pool.nodes} x {pool.instance_type}",
                f"{pool.gpus} x {pool.gpu}",
                pool.capacity,
                ", ".join(pool.zones),
                f"quota {pool.quota_vcpus} vCPUs of {pool.quota_code or 'an unknown code'}",
            ]
            for pool in plan.pools
        ]
    )


def _candidates(plan: Plan) -> list[str]:
    """What was chosen first, then what was not, each with its reason."""
    return columns(
        [
            [
                "taken" if c.chosen else "",
                c.backend,
                c.instance_type,
                c.gpu,
                c.region,
                f"{c.nodes} nodes, TP{c.tensor_parallel} PP{c.pipeline_parallel}" if c.nodes else "",
                usd(c.monthly_usd, unknown="") + (" USD" if c.monthly_usd is not None else ""),
                c.reason,
            ]
            for c in sorted(plan.candidates, key=lambda c: not c.chosen)
        ],
        right=frozenset({6}),
    )


def _vendors(plan: Plan) -> list[str]:
    return columns(
        [
            [
                v.backend,
                v.model,
                v.host,
                v.path,
                f"limit {usd(v.monthly_limit_usd, unknown='none')} USD a month",
            ]
            for v in plan.vendors
        ]
    )


def _network(plan: Plan, verbose: int) -> list[str]:
    network = plan.network
    hosts = ", ".join(network.allowed_hosts) or "none: there is no internet path"
    rows = [f"  {network.cidr}, {len(network.subnets)} subnets, {len(network.endpoints)} endpoints"]
    rows.append(f"  hosts outside AWS: {hosts}")
    if verbose:
        rows += columns([[e.service, e.type, e.why] for e in network.endpoints], indent="    ")
    return rows


def _flows(plan: Plan) -> list[str]:
    return columns([[f.data, f"{f.source} -> {f.destination}", f.place, f.country] for f in plan.flows])


def _defaults(plan: Plan) -> list[str]:
    return [f"  {default.path} = {plain(default.value)}: {default.why}" for default in plan.defaults]


def _lead_time(plan: Plan) -> list[str]:
    lead = plan.lead_time
    rows = [f"  about {lead.days} days: " + ", ".join(f"{name} {days}" for name, days in lead.items.items())]
    rows += [f"  misses the deadline {lead.deadline}: {item}" for item in lead.misses]
    return rows
