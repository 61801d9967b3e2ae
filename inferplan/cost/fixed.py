"""The part of the bill that is due without a single request: GPUs, cluster, network, gateway, keys, storage.

Not here: what grows with requests (usage, tokens).
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from inferplan import catalog
from inferplan.cost.growth import nodes_for, scenario_factor
from inferplan.cost.lines import HOURS_PER_MONTH, assumed, instances, notes, pool_hours, service, unpriced
from inferplan.cost.watching import watching_lines
from inferplan.records.draft import Draft
from inferplan.records.plan import CostLine, Pool

KEYS = ("data", "logs", "secrets")  # and ebs where there are nodes
GP3_MIB_S = 125  # of throughput that the price of a gp3 volume includes
TOKEN_ALARMS_PER_MODEL = 2  # input and output tokens of every Bedrock model
ROTATION = "each of the first two yearly rotations adds the price of a key once more"


def fixed_lines(draft: Draft) -> tuple[CostLine, ...]:
    """Every fixed line, the largest part first as a rule."""
    return (
        *_gpus(draft),
        *_cluster(draft),
        *_network(draft),
        *_gateway(draft),
        *_keys(draft),
        *watching_lines(draft),
        _mirror(draft),
        *_runner(draft),
    )


def _gpus(draft: Draft) -> Iterator[CostLine]:
    for pool in draft.pools:
        yield _pool(draft, pool)


def pool_volume_gib(pool: Pool) -> int:
    """GiB of the volumes of one node: Bottlerocket has two, other images have the root alone."""
    data = pool.data_volume_gib
    return pool.root_volume_gib if data is None else pool.root_volume_gib + data


def _pool(draft: Draft, pool: Pool) -> CostLine:
    # a block is paid ahead for all of its hours, so another load or a schedule makes it no cheaper
    is_block = pool.capacity == "capacity-block"
    hours = HOURS_PER_MONTH if is_block else pool_hours(pool)
    when = (
        "around the clock"
        if is_block or pool.running is None
        else f"for the {hours:g} hours a month of schedule"
    )
    name, note = f"GPU nodes {pool.name}", f"{pool.nodes} x {pool.instance_type} {when}"
    low, high = (pool.nodes, pool.nodes) if is_block else _nodes(draft, pool)
    if {low, high} != {pool.nodes}:
        note += f"; {low} in the low case, {high} in the high case"
    line = instances(
        draft,
        name,
        pool.instance_type,
        pool.nodes,
        group="gpus",
        note=note,
        pool=pool.name,
        low=low,
        high=high,
        hours=hours,
        capacity=pool.capacity,
    )
    if pool.capacity != "reservation":
        return line
    # paid whether it is used or not, so the low case saves nothing
    at_low = _at_low_price(draft, pool)
    floor = None if line.expected_usd is None or at_low is None else min(line.expected_usd, at_low)
    billed = "a reservation is billed at the on-demand price whether it is used or not"
    return replace(line, low_usd=floor, note=notes(line.note, billed))


def _nodes(draft: Draft, pool: Pool) -> tuple[int, int]:
    """Nodes in the low and in the high case."""
    low, high = scenario_factor(draft, "low"), scenario_factor(draft, "high")
    return nodes_for(draft, pool, low), nodes_for(draft, pool, high)


def _at_low_price(draft: Draft, pool: Pool) -> float | None:
    low = draft.prices.instance(pool.instance_type, draft.target.region).low
    return None if low is None else round(low * HOURS_PER_MONTH * pool.nodes, 2)


def _cluster(draft: Draft) -> Iterator[CostLine]:
    cluster = draft.cluster
    if cluster is None:
        return
    if cluster.existing is None:
        yield service(
            draft, "eks-cluster-hour", "EKS control plane", HOURS_PER_MONTH, "hours", group="cluster"
        )
    yield instances(
        draft, "system nodes", cluster.system_instance_type, cluster.system_nodes, group="cluster"
    )
    per_node = assumed("root-volume-gib") + cluster.system_data_volume_gib
    nodes = cluster.system_nodes
    if draft.network.firewall:
        yield instances(
            draft,
            "gateway nodes",
            cluster.system_instance_type,
            draft.gateway.replicas,
            group="gateway",
            note="nodes of their own, the only ones with a way to vendors outside AWS",
        )
        nodes += draft.gateway.replicas
    yield service(
        draft,
        "ebs-gp3-gb-month",
        "volumes of system nodes",
        nodes * per_node,
        "GB-months",
        group="cluster",
    )
    for pool in draft.pools:
        yield from _volumes(draft, pool)
    yield service(
        draft, "s3-standard-gb-month", "weights bucket", draft.weights_gib, "GB-months", group="storage"
    )
    yield service(
        draft,
        "vended-logs-cloudwatch-gb",
        "control plane logs",
        assumed("control-plane-log-gb"),
        "GB",
        group="logs",
        note="working estimate",
        estimated=True,
    )


def _volumes(draft: Draft, pool: Pool) -> Iterator[CostLine]:
    """Size and throughput of the volumes of a pool's nodes, for the hours in which there are nodes."""
    gib, mib_s, (low, high) = pool_volume_gib(pool), pool.volume_mib_s or GP3_MIB_S, _nodes(draft, pool)
    share = pool_hours(pool) / HOURS_PER_MONTH
    included = f"{mib_s} MiB/s a node, {GP3_MIB_S} of which the volume includes"
    for part, name, unit, each, note in (
        ("ebs-gp3-gb-month", "volumes", "GB-months", gib, f"{gib} GiB a node"),
        ("ebs-gp3-throughput-month", "volume throughput", "MiB/s-months", mib_s - GP3_MIB_S, included),
    ):
        if each > 0:
            yield service(
                draft,
                part,
                f"{name} of {pool.name}",
                pool.nodes * each * share,
                unit,
                group="storage",
                pool=pool.name,
                note=note,
                low=low * each * share,
                high=high * each * share,
            )


def _images(draft: Draft) -> Iterator[CostLine]:
    engines = {server.image.repository for server in draft.servers}
    others = {draft.gateway.image.repository, *(one.image.repository for one in draft.gateway.sidecars)}
    gib = len(engines) * assumed("engine-image-gib") + len(others - engines) * assumed("other-image-gib")
    yield service(
        draft,
        "ecr-gb-month",
        "image registry",
        gib,
        "GB-months",
        group="storage",
        note=f"{len(engines | others)} images, working estimate of their sizes",
        estimated=True,
    )


def _network(draft: Draft) -> Iterator[CostLine]:
    network, zones = draft.network, len(draft.target.zones)
    if network.existing_vpc is None:
        interface = sum(1 for endpoint in network.endpoints if endpoint.type == "Interface")
        yield service(
            draft,
            "vpc-interface-endpoint-az-hour",
            "interface endpoints",
            interface * zones * HOURS_PER_MONTH,
            "endpoint-zone hours",
            group="network",
            note=f"{interface} endpoints in {zones} {'zone' if zones == 1 else 'zones'}",
        )
        yield service(
            draft,
            "dns-firewall-domain-month",
            "DNS Firewall list",
            len(network.dns_allow),
            "domain-months",
            group="network",
        )
    if transit := {route.via for route in network.client_routes if route.via.startswith("tgw-")}:
        yield unpriced(
            "transit gateway attachments",
            "fixed",
            "every hour of an attachment and every GB through it are billed",
            group="network",
            quantity=len(transit) * HOURS_PER_MONTH,
            unit="attachment hours",
        )
    if network.firewall and network.existing_vpc is None:
        yield from _firewall(draft, zones)
    if draft.gateway.host is not None and draft.gateway.existing_url is None:
        yield service(draft, "nlb-hour", "internal load balancer", HOURS_PER_MONTH, "hours", group="network")


def _firewall(draft: Draft, zones: int) -> Iterator[CostLine]:
    hours = zones * HOURS_PER_MONTH
    yield service(
        draft,
        "network-firewall-endpoint-hour",
        "Network Firewall",
        hours,
        "endpoint hours",
        group="network",
        note=f"one endpoint in each of {zones} zones",
    )
    waiver = catalog.service_price("network-firewall-nat-waiver", draft.target.region)
    yield replace(
        service(draft, "nat-gateway-hour", "NAT gateways", hours, "hours", group="network"),
        low_usd=0.0,
        expected_usd=0.0,
        high_usd=0.0,
        estimated=False,
        source="; ".join(waiver.source),
        as_of=waiver.as_of,
        note=f"{hours} hours waived against as many firewall endpoint hours, and their GB likewise",
    )
    yield service(
        draft, "public-ipv4-hour", "public addresses of NAT gateways", hours, "hours", group="network"
    )


def _gateway(draft: Draft) -> Iterator[CostLine]:
    gateway = draft.gateway
    if gateway.existing_url is not None:
        return
    hours = gateway.replicas * HOURS_PER_MONTH
    multi = "-multiaz" if gateway.database_multi_az else ""
    size = gateway.database_instance_class.removeprefix("db.").replace(".", "-")
    cache_size = gateway.cache_node_type.removeprefix("cache.").replace(".", "-")
    if gateway.host_kind == "ecs":
        vcpu, gib = gateway.cpu / 1024, gateway.memory_mib / 1024
        yield service(
            draft, "fargate-vcpu-hour", "gateway vCPUs", vcpu * hours, "vCPU-hours", group="gateway"
        )
        yield service(draft, "fargate-gb-hour", "gateway memory", gib * hours, "GB-hours", group="gateway")
    yield service(
        draft, f"rds-pg-{size}{multi}-hour", "gateway database", HOURS_PER_MONTH, "hours", group="gateway"
    )
    yield service(
        draft,
        f"rds-gp3{multi}-gb-month",
        "gateway database storage",
        gateway.database_storage_gib,
        "GB-months",
        group="gateway",
    )
    yield service(
        draft,
        f"elasticache-valkey-{cache_size}-hour",
        "gateway cache",
        gateway.cache_nodes * HOURS_PER_MONTH,
        "node hours",
        group="gateway",
    )
    yield from _images(draft)


def _keys(draft: Draft) -> Iterator[CostLine]:
    keys = (*KEYS, "ebs") if draft.cluster is not None else KEYS
    yield service(
        draft,
        "kms-key-month",
        "KMS keys",
        len(keys),
        "keys",
        group="keys",
        note=f"{', '.join(keys)}; {ROTATION}",
    )
    yield service(draft, "secret-month", "secrets", len(draft.gateway.secrets), "secrets", group="keys")
    models = {vendor.model for vendor in draft.vendors if vendor.model_arns}
    yield service(
        draft,
        "cw-alarm-month",
        "alarms",
        1 + TOKEN_ALARMS_PER_MODEL * len(models),
        "alarms",
        group="logs",
        note="errors of the gateway, tokens of each Bedrock model",
    )


def _mirror(draft: Draft) -> CostLine:
    fills, minutes = assumed("mirror-fills-per-month"), draft.mirror.minutes
    return service(
        draft,
        catalog.build_machines()[draft.mirror.compute_type].price,
        "mirror builds",
        fills * minutes,
        "minutes",
        group="storage",
        note=f"{minutes} minutes to bring everything, {fills:g} time a month; what has not changed is not "
        "brought again, so a month without a changed lock has none",
        low=0.0,
        estimated=True,
    )


def _runner(draft: Draft) -> Iterator[CostLine]:
    runner = draft.cluster.runner if draft.cluster else None
    if runner is None:
        return
    runs = assumed("runner-deployments-per-month")
    yield service(
        draft,
        catalog.build_machines()[runner.compute_type].price,
        "deployments by the runner",
        runs * runner.minutes,
        "minutes",
        group="cluster",
        note=f"{runs:g} a month of {runner.minutes} minutes; a month without a change has none",
        low=0.0,
        estimated=True,
    )
