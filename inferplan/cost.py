"""What a drafted stack costs in a month and over one and three years, line by line, in list prices.

Not here: which draft to take (placement, decision) and prices themselves (catalog, genai-prices).
"""

from __future__ import annotations

from collections.abc import Iterable

from inferplan import catalog
from inferplan.plan.draft import Draft, Traffic
from inferplan.plan.model import Cost, CostLine, Pool, Range, Vendor
from inferplan.token_price import price_source, request_usd

HOURS_PER_MONTH = 730
LABOR_HOURS_PER_FTE = 160
BASE_REGION = "us-east-1"
SYSTEM_VOLUME_GIB = 50
LOG_KIB_PER_REQUEST = (
    4  # working estimate: access line of balancer and proxy, spend row, firewall and query logs
)
BYTES_PER_TOKEN = 4  # working estimate for what passes firewall and endpoints


def price(draft: Draft) -> Cost:
    """Price a draft. A part without a price is a line of None with the reason, and is not in the totals."""
    lines = (*_gpu_lines(draft), *_cluster_lines(draft), *_network_lines(draft), *_gateway_lines(draft))
    lines += (*_usage_lines(draft), *_token_lines(draft))
    counted = [line for line in lines if line.expected_usd is not None]
    monthly = _total(counted)
    labor = _labor_line(draft)
    unknown = [line.name for line in lines if line.expected_usd is None]
    return Cost(
        monthly_usd=monthly,
        fixed_usd=round(sum(line.expected_usd or 0.0 for line in counted if line.kind == "fixed"), 2),
        labor_usd=labor.expected_usd if labor else None,
        months_12_usd=_over_months(draft, counted, 12),
        months_36_usd=_over_months(draft, counted, 36),
        sovereignty_usd=_sovereignty(draft, counted),
        lines=(*lines, *((labor,) if labor else ())),
        alternatives=(),
        break_even=None,
        wording=_wording(draft, counted, unknown),
    )


def _total(lines: Iterable[CostLine]) -> Range:
    listed = list(lines)
    return Range(
        low=round(sum(line.low_usd or 0.0 for line in listed), 2),
        expected=round(sum(line.expected_usd or 0.0 for line in listed), 2),
        high=round(sum(line.high_usd or 0.0 for line in listed), 2),
    )


def _service(
    draft: Draft, service: str, name: str, quantity: float, unit: str, *, note: str = "", usage: bool = False
) -> CostLine:
    """A line from the service price table; `quantity` counts the unit of the price (hours, GB, keys)."""
    found = catalog.service_price(service, draft.target.region)
    usd = None if found.usd is None else round(found.usd * quantity, 2)
    return CostLine(
        name=name,
        kind="usage" if usage else "fixed",
        low_usd=usd,
        expected_usd=usd,
        high_usd=usd,
        quantity=round(quantity, 4),
        unit=unit,
        unit_usd=found.usd,
        estimated=found.estimated or found.verified is not True,
        source="; ".join(found.source),
        as_of=found.as_of,
        note="; ".join(
            text for text in (note, found.basis if found.estimated or usd is None else "") if text
        ),
    )


def _instances(
    draft: Draft, name: str, instance_type: str, count: int, note: str = "", *, listed: bool = True
) -> CostLine:
    """A line of instances; `listed` False: they are not bought at the on-demand list price."""
    found = catalog.instance_price(instance_type, draft.target.region)
    hours = count * HOURS_PER_MONTH
    known = found.usd_hour is not None and listed

    def usd(hourly: float | None) -> float | None:
        return round(hourly * hours, 2) if known and hourly is not None else None

    return CostLine(
        name=name,
        kind="fixed",
        low_usd=usd(found.low),
        expected_usd=usd(found.usd_hour),
        high_usd=usd(found.high),
        quantity=hours,
        unit="instance hours",
        unit_usd=found.usd_hour if listed else None,
        estimated=found.estimated,
        source="; ".join(found.source),
        as_of=found.as_of,
        note="; ".join(
            text for text in (note, "" if found.basis.startswith("list price") else found.basis) if text
        ),
    )


def gpu_monthly_usd(instance_type: str, region: str, nodes: int) -> float | None:
    """On-demand USD a month of `nodes` instances around the clock, None where no source gives a price."""
    found = catalog.instance_price(instance_type, region)
    return None if found.usd_hour is None else round(found.usd_hour * HOURS_PER_MONTH * nodes, 2)


def _gpu_line(draft: Draft, pool: Pool) -> CostLine:
    note = f"{pool.nodes} x {pool.instance_type} around the clock"
    if pool.capacity in {"spot", "capacity-block"}:
        return _instances(
            draft,
            f"GPU nodes {pool.name}",
            pool.instance_type,
            pool.nodes,
            f"{note}; {pool.capacity} has no list price, so this line is not in the totals",
            listed=False,
        )
    if pool.capacity == "reservation":
        note += "; a reservation is billed at the on-demand price whether it is used or not"
    return _instances(draft, f"GPU nodes {pool.name}", pool.instance_type, pool.nodes, note)


def _gpu_lines(draft: Draft) -> tuple[CostLine, ...]:
    return tuple(_gpu_line(draft, pool) for pool in draft.pools)


def _cluster_lines(draft: Draft) -> tuple[CostLine, ...]:
    cluster = draft.cluster
    if cluster is None:
        return ()
    gib = cluster.system_nodes * SYSTEM_VOLUME_GIB + sum(
        pool.nodes * (pool.root_volume_gib + pool.data_volume_gib) for pool in draft.pools
    )
    lines = [
        _instances(draft, "system nodes", cluster.system_instance_type, cluster.system_nodes),
        _service(draft, "ebs-gp3-gb-month", "node volumes", gib, "GB-months"),
        _service(draft, "s3-standard-gb-month", "weights bucket", draft.weights_gib, "GB-months"),
    ]
    if cluster.existing is None:
        lines.insert(0, _service(draft, "eks-cluster-hour", "EKS control plane", HOURS_PER_MONTH, "hours"))
    return tuple(lines)


def _network_lines(draft: Draft) -> tuple[CostLine, ...]:
    network, zones = draft.network, len(draft.target.zones)
    if network.existing_vpc is not None:
        return ()
    interface = sum(1 for endpoint in network.endpoints if endpoint.type == "Interface")
    lines = [
        _service(
            draft,
            "vpc-interface-endpoint-az-hour",
            "interface endpoints",
            interface * zones * HOURS_PER_MONTH,
            "endpoint-zone hours",
            note=f"{interface} endpoints in {zones} zones",
        ),
        _service(
            draft, "dns-firewall-domain-month", "DNS Firewall list", len(network.dns_allow), "domain-months"
        ),
    ]
    if network.firewall:
        lines += [
            _service(
                draft,
                "network-firewall-endpoint-hour",
                "Network Firewall",
                zones * HOURS_PER_MONTH,
                "endpoint hours",
                note="NAT gateway hours and GB are waived against it",
            ),
            _service(
                draft,
                "public-ipv4-hour",
                "public addresses of NAT gateways",
                zones * HOURS_PER_MONTH,
                "hours",
            ),
        ]
    if draft.gateway.host is not None and draft.gateway.existing_url is None:
        lines.append(_service(draft, "nlb-hour", "internal load balancer", HOURS_PER_MONTH, "hours"))
    return tuple(lines)


def _gateway_lines(draft: Draft) -> tuple[CostLine, ...]:
    gateway = draft.gateway
    if gateway.existing_url is not None:
        return ()
    hours = gateway.replicas * HOURS_PER_MONTH
    multi = "-multiaz" if gateway.database_multi_az else ""
    size = gateway.database_instance_class.removeprefix("db.").replace(".", "-")
    cache_size = gateway.cache_node_type.removeprefix("cache.").replace(".", "-")
    lines = [
        _service(draft, f"rds-pg-{size}{multi}-hour", "gateway database", HOURS_PER_MONTH, "hours"),
        _service(
            draft,
            f"rds-gp3{multi}-gb-month",
            "gateway database storage",
            gateway.database_storage_gib,
            "GB-months",
        ),
        _service(
            draft,
            f"elasticache-valkey-{cache_size}-hour",
            "gateway cache",
            gateway.cache_nodes * HOURS_PER_MONTH,
            "node hours",
        ),
        _service(draft, "secret-month", "secrets", len(gateway.secrets), "secrets"),
    ]
    if gateway.host_kind == "ecs":
        vcpu, gib = gateway.cpu / 1024, gateway.memory_mib / 1024
        lines += [
            _service(draft, "fargate-vcpu-hour", "gateway vCPUs", vcpu * hours, "vCPU-hours"),
            _service(draft, "fargate-gb-hour", "gateway memory", gib * hours, "GB-hours"),
        ]
    return tuple(lines)


def _usage_lines(draft: Draft) -> tuple[CostLine, ...]:
    requests = sum(traffic.monthly_requests for traffic in draft.traffic)
    log_gb = requests * LOG_KIB_PER_REQUEST / 1024**2
    lines = [
        _service(
            draft,
            "cw-logs-ingest-gb",
            "log ingestion",
            log_gb,
            "GB",
            note=f"working estimate of {LOG_KIB_PER_REQUEST} KiB a request",
            usage=True,
        ),
        _service(
            draft,
            "cw-logs-storage-gb-month",
            "log storage",
            log_gb * draft.log_retention_days / 30,
            "GB-months",
            note=f"kept {draft.log_retention_days} days",
            usage=True,
        ),
    ]
    if draft.network.firewall:
        outside = {vendor.backend for vendor in draft.vendors if vendor.path == "firewall"}
        gb = sum(
            traffic.monthly_requests * (traffic.input_tokens + traffic.output_tokens) * BYTES_PER_TOKEN / 1e9
            for traffic in draft.traffic
            if traffic.backend in outside
        )
        lines.append(
            _service(
                draft,
                "network-firewall-gb",
                "Network Firewall traffic",
                gb,
                "GB",
                note="working estimate",
                usage=True,
            )
        )
    return tuple(lines)


def _token_line(draft: Draft, vendor: Vendor, traffic: Traffic) -> CostLine:
    unit_usd = request_usd(
        vendor.provider, vendor.model, traffic.input_tokens, traffic.output_tokens, draft.as_of
    )
    facts = catalog.vendors().get(vendor.provider)
    uplift = 1 + (facts.price_uplift_percent or 0) / 100 if facts else 1.0
    notes = [f"{traffic.input_tokens} tokens in and {traffic.output_tokens} out a request, no cached tokens"]
    if uplift > 1 and facts:
        notes.append(f"high: the regional uplift of {facts.price_uplift_percent:g} % ({facts.price_note})")
    if vendor.provider == "amazon-bedrock":
        notes.append("the list has no price per Region; regional prices differ")
    if unit_usd is None:
        notes.append(f"genai-prices has no price of {vendor.model}")

    def usd(requests: int, factor: float = 1.0) -> float | None:
        return None if unit_usd is None else round(unit_usd * requests * factor, 2)

    return CostLine(
        name=f"tokens {vendor.backend} for {traffic.route}",
        kind="usage",
        low_usd=usd(traffic.monthly_requests_low),
        expected_usd=usd(traffic.monthly_requests),
        high_usd=usd(traffic.monthly_requests_high, uplift),
        quantity=traffic.monthly_requests,
        unit="requests",
        unit_usd=unit_usd,
        estimated=vendor.provider == "amazon-bedrock",
        source=price_source(),
        as_of=draft.as_of,
        note="; ".join(notes),
    )


def _token_lines(draft: Draft) -> tuple[CostLine, ...]:
    by_backend = {vendor.backend: vendor for vendor in draft.vendors}
    return tuple(
        _token_line(draft, by_backend[traffic.backend], traffic)
        for traffic in draft.traffic
        if traffic.backend in by_backend
    )


def _labor_line(draft: Draft) -> CostLine | None:
    labor = draft.labor
    if labor.fte is None or labor.hourly_usd is None:
        return None
    hours = labor.fte * LABOR_HOURS_PER_FTE
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
        note=f"{labor.fte:g} FTE at {LABOR_HOURS_PER_FTE} hours a month; printed beside, not counted",
    )


def _over_months(draft: Draft, lines: list[CostLine], months: int) -> Range:
    """The sum over some months: token lines grow with their route, everything else stays as planned."""
    grown = {
        f" for {traffic.route}": sum(
            (1 + traffic.growth_percent_per_month / 100) ** month for month in range(months)
        )
        for traffic in draft.traffic
    }

    def factor(line: CostLine) -> float:
        tail = next((tail for tail in grown if line.kind == "usage" and line.name.endswith(tail)), None)
        return float(months) if tail is None else grown[tail]

    weighed = [(line, factor(line)) for line in lines]
    return Range(
        low=round(sum((line.low_usd or 0.0) * times for line, times in weighed), 2),
        expected=round(sum((line.expected_usd or 0.0) * times for line, times in weighed), 2),
        high=round(sum((line.high_usd or 0.0) * times for line, times in weighed), 2),
    )


def _sovereignty(draft: Draft, lines: list[CostLine]) -> float | None:
    """What the boundary costs here: instances above their us-east-1 price, endpoints and firewall."""
    extra = sum(
        line.expected_usd or 0.0
        for line in lines
        if line.name
        in {"interface endpoints", "Network Firewall", "DNS Firewall list", "Network Firewall traffic"}
    )
    types = [(pool.instance_type, pool.nodes) for pool in draft.pools]
    if draft.cluster is not None:
        types.append((draft.cluster.system_instance_type, draft.cluster.system_nodes))
    for instance_type, nodes in types:
        here = gpu_monthly_usd(instance_type, draft.target.region, nodes)
        base = gpu_monthly_usd(instance_type, BASE_REGION, nodes)
        if here is None or base is None:
            return None
        extra += max(0.0, here - base)
    return round(extra, 2)


def _wording(draft: Draft, lines: list[CostLine], unknown: list[str]) -> str:
    ratios = sorted({f"{traffic.input_tokens}:{traffic.output_tokens}" for traffic in draft.traffic})
    dates = sorted({line.as_of for line in lines if line.kind == "fixed" and line.as_of[:2] == "20"})
    estimated = sum(1 for line in lines if line.estimated)
    text = (
        f"List prices of {dates[0] if dates else 'unknown date'} to "
        f"{dates[-1] if dates else 'unknown date'}, "
        f"tokens as of {draft.as_of}; input to output tokens {', '.join(ratios)}; "
        f"GPU nodes around the clock at the planned count; {estimated} of {len(lines)} lines estimated"
    )
    return text + (f"; without a price and not counted: {', '.join(unknown)}." if unknown else ".")
