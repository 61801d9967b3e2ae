"""The network of a stack as plain values: address ranges, subnet tiers, endpoints, and the names that may
be resolved.

Not here: resources (components), where vendors are reached (vendor_backends).
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Network

from inferplan import catalog
from inferplan.plan.case import Case
from inferplan.plan.given import check_given, given_network, given_subnets
from inferplan.plan.ways_in import check_certificate, client_routes, state_bucket
from inferplan.records.no_plan import Conflict, NoPlan
from inferplan.records.notes import Notes
from inferplan.records.plan import Endpoint, Kind, Network, Subnet, Target, Tier, Vendor
from inferplan.spec.model import InferenceStack

# Every tier has its own slots, so that a tier or a zone added later moves no existing subnet: of 16 blocks
# of the VPC, six hold GPU nodes and six system nodes (one per zone); the small tiers share the rest.
LARGE_TIERS: tuple[Tier, ...] = ("gpu", "system")
SMALL_TIERS: tuple[Tier, ...] = ("endpoint", "database", "balancer", "gateway", "firewall", "nat")
ZONES_PER_TIER = 6
SMALL_SLOTS_PER_TIER = 8
SMALLEST_VPC_PREFIX = 19  # a small subnet is 1/256 of the VPC; a balancer's needs a /27 (ELB user guide)
LARGEST_VPC_PREFIX = 16
DEFAULT_RANGE = "10.128.0.0/9"
PRIVATE_RANGES = ("10.0.0.0/9", "172.16.0.0/12", "192.168.0.0/16")  # the rest of RFC 1918

# Field notes, "Sets to ship": what each kind of stack cannot work without, and why.
_CLUSTER_ENDPOINTS = (
    ("ec2", "node names, the VPC CNI and volumes"),
    ("ecr.api", "image manifests"),
    ("ecr.dkr", "image layers"),
    ("eks", "nodes join the cluster; the node autoscaler reads node groups"),
    ("eks-auth", "pod identity"),
    ("sts", "credentials of pods and add-ons"),
    ("logs", "logs stay in the Region"),
    ("monitoring", "metrics and alarms"),
    ("autoscaling", "node autoscaler"),
    ("secretsmanager", "keys of the gateway"),
)
_MANAGED_ENDPOINTS = (
    ("ecr.api", "image manifests"),
    ("ecr.dkr", "image layers"),
    ("logs", "logs stay in the Region"),
    ("secretsmanager", "keys of the gateway and of vendors"),
)


def reverse_dns(dns_suffix: str) -> str:
    """The prefix of endpoint service names in a partition: `com.amazonaws` for the commercial one."""
    return ".".join(reversed(dns_suffix.split(".")))


def choose_cidr(spec: InferenceStack, notes: Notes) -> IPv4Network:
    """The address range of the VPC: the spec's, or the first free /16 of 10.128.0.0/9."""
    clients = _clients(spec)
    if spec.network.cidr is not None:
        return _checked(spec.network.cidr, clients, notes)
    block = _free(clients, DEFAULT_RANGE)
    if block is not None:
        why = f"the first /16 of {DEFAULT_RANGE} that no gateway client range overlaps"
        return IPv4Network(notes.default("network.cidr", str(block), why))
    raise NoPlan(
        "no address range is free for the VPC",
        (
            Conflict(
                path="gateway.clients", value=", ".join(map(str, clients)), reason="they cover 10.128.0.0/9"
            ),
        ),
    )


def free_range(spec: InferenceStack) -> str | None:
    """The first /16 for private use that no gateway client range overlaps, where the default has none too."""
    block = _free(_clients(spec), DEFAULT_RANGE, *PRIVATE_RANGES)
    return str(block) if block is not None else None


def has_default(spec: InferenceStack) -> bool:
    """Whether a range is found where none is said."""
    return _free(_clients(spec), DEFAULT_RANGE) is not None


def _clients(spec: InferenceStack) -> list[IPv4Network]:
    return [IPv4Network(cidr, strict=False) for cidr in (spec.gateway.clients if spec.gateway else ())]


def _free(clients: list[IPv4Network], *ranges: str) -> IPv4Network | None:
    blocks = (block for text in ranges for block in IPv4Network(text).subnets(new_prefix=LARGEST_VPC_PREFIX))
    return next((block for block in blocks if not any(map(block.overlaps, clients))), None)


def _checked(text: str, clients: list[IPv4Network], notes: Notes) -> IPv4Network:
    try:
        network = IPv4Network(text)
    except ValueError as error:
        raise NoPlan(
            "the VPC's address range is no network",
            (Conflict(path="network.cidr", value=text, reason=str(error)),),
        ) from error
    if not LARGEST_VPC_PREFIX <= network.prefixlen <= SMALLEST_VPC_PREFIX:
        raise NoPlan(
            "the VPC's address range has the wrong size",
            (
                Conflict(
                    path="network.cidr",
                    value=text,
                    reason=f"between /{LARGEST_VPC_PREFIX} and /{SMALLEST_VPC_PREFIX} is needed",
                ),
            ),
        )
    for client in clients:
        if network.overlaps(client):
            notes.warn(
                f"network.cidr {network} overlaps the gateway client range {client}: answers will not be "
                "routed"
            )
    return network


def subnet_cidr(network: IPv4Network, tier: Tier, index: int) -> str:
    """The range of the `index`-th zone's subnet of a tier, at most six zones."""
    if index >= ZONES_PER_TIER:
        raise ValueError(f"at most {ZONES_PER_TIER} zones have subnets")
    base = int(network.network_address)
    if tier in LARGE_TIERS:
        prefix = network.prefixlen + 4
        slot = LARGE_TIERS.index(tier) * ZONES_PER_TIER + index
    else:
        prefix = network.prefixlen + 8
        first = len(LARGE_TIERS) * ZONES_PER_TIER * 16
        slot = first + SMALL_TIERS.index(tier) * SMALL_SLOTS_PER_TIER + index
    return str(IPv4Network((base + slot * 2 ** (32 - prefix), prefix)))


def tiers(
    target: Target, kind: Kind, outside: bool, spread: tuple[str, ...]
) -> tuple[tuple[Tier, tuple[str, ...]], ...]:
    """Every tier with its zones: the target's hold nodes, `spread` are the two or more of EKS and RDS."""
    zones = target.zones
    found: list[tuple[Tier, tuple[str, ...]]] = []
    if kind != "managed-api":
        found += [("gpu", zones), ("system", spread)]
    found += [("endpoint", zones), ("database", spread), ("balancer", spread)]
    if kind == "managed-api" or outside:
        found.append(("gateway", zones))
    if outside:
        found += [("firewall", zones), ("nat", zones)]
    return tuple(found)


def subnets(
    network: IPv4Network, target: Target, wanted: Iterable[tuple[Tier, tuple[str, ...]]]
) -> tuple[Subnet, ...]:
    """A subnet of its own for each tier and zone."""
    slots = catalog.region(target.region).zones  # a zone keeps its slot whichever zones are chosen
    return tuple(
        Subnet(
            name=f"{tier}-{zone}", tier=tier, zone=zone, cidr=subnet_cidr(network, tier, slots.index(zone))
        )
        for tier, names in wanted
        for zone in names
    )


def endpoints(target: Target, kind: Kind, *, bedrock: bool, deploy_from: str) -> tuple[Endpoint, ...]:
    """The minimal endpoint set of the stack, each with the reason it is there."""
    prefix = f"{reverse_dns(target.dns_suffix)}.{target.region}"
    wanted = list(_MANAGED_ENDPOINTS if kind == "managed-api" else _CLUSTER_ENDPOINTS)
    if kind != "managed-api":
        if deploy_from == "tunnel":
            wanted += [
                ("ssm", "the tunnel to the private API"),
                ("ssmmessages", "the tunnel to the private API"),
            ]
        if deploy_from == "vpc-runner":
            wanted.append(("kms", "the runner inside the VPC decrypts the state"))
    if bedrock:
        wanted.append(("bedrock-runtime", "models and guardrails without an internet path"))
    planned = [
        Endpoint(service=service, service_name=f"{prefix}.{service}", type="Interface", why=why)
        for service, why in wanted
    ]
    planned.append(
        Endpoint(
            service="s3",
            service_name=f"{prefix}.s3",
            type="Gateway",
            why="image layers, weights, configuration",
        )
    )
    return tuple(sorted(planned, key=lambda endpoint: endpoint.service))


def dns_allow(
    target: Target, kind: Kind, planned: Iterable[Endpoint], buckets: Iterable[str], hosts: Iterable[str]
) -> tuple[str, ...]:
    """The names the VPC may resolve, `hosts` among them; everything else is answered with NXDOMAIN."""
    region, suffix = target.region, target.dns_suffix
    cache_code = target.zones[0].partition("-")[0]  # ElastiCache names its Regions as zone ids do: euc1, aps1
    names = {
        f"prod-{region}-starport-layer-bucket.s3.{region}.{suffix}",
        f"s3.{region}.{suffix}",
        f"*.{region}.compute.internal",
        "*.in-addr.arpa",
        f"*.{region}.rds.{suffix}",
        f"*.{cache_code}.cache.{suffix}",
        *(f"{bucket}.s3.{region}.{suffix}" for bucket in buckets),
        *hosts,
    }
    for endpoint in planned:
        match endpoint.service:
            case "s3":
                pass
            case "ecr.api":
                names.add(f"api.ecr.{region}.{suffix}")
            case "ecr.dkr":
                names.add(f"*.dkr.ecr.{region}.{suffix}")
            case "eks-auth":
                names.add(f"eks-auth.{region}.{target.dual_stack_suffix}")
            case service:
                names.add(f"{service}.{region}.{suffix}")
    if kind != "managed-api":
        names.add(f"*.{region}.eks.{suffix}")
    return tuple(sorted(names))


def plan_network(
    case: Case, target: Target, vendors: tuple[Vendor, ...], spread: tuple[str, ...], notes: Notes
) -> Network:
    """The whole network; `spread` are the zones of subnets that must lie in two (EKS, RDS)."""
    spec, kind = case.spec, case.kind
    guardrail = any(route.guardrail for route in case.routes)
    hosts = tuple(sorted({vendor.host for vendor in vendors if vendor.path == "firewall"}))
    bedrock = guardrail or any(vendor.path == "privatelink" for vendor in vendors)
    planned = endpoints(
        target,
        kind,
        bedrock=bedrock,
        deploy_from=spec.cluster.deploy_from,
    )
    wanted = tiers(target, kind, bool(hosts), spread)
    given = given_network(case.declaration)
    if given is not None:
        check_given(given, planned, hosts)
        cidr, held = IPv4Network(given.registered.cidr), given_subnets(given, wanted)
    else:
        cidr = choose_cidr(spec, notes)
        held = subnets(cidr, target, wanted)
    host = spec.gateway.host if spec.gateway else None
    check_certificate(case, target, notes)
    state = state_bucket(case, target, notes)
    buckets = (*case.buckets, *([state] if state else []))
    network = Network(
        cidr=str(cidr),
        subnets=held,
        endpoints=planned,
        dns_allow=dns_allow(target, kind, planned, buckets, (*hosts, *([host] if host else []))),
        allowed_hosts=hosts,
        firewall=bool(hosts),
        existing_vpc=given.vpc if given else None,
        endpoint_group=given.registered.endpoint_group if given else None,
        s3_prefix_list=given.registered.s3_prefix_list if given else None,
        state_bucket=state,
        client_routes=client_routes(case, cidr, notes),
    )
    notes.derive(
        "network.endpoints",
        len(planned),
        "VPC endpoints",
        "the smallest set this kind of stack works with; one network interface per zone for each interface "
        "endpoint",
        {endpoint.service: endpoint.why for endpoint in planned},
    )
    notes.derive(
        "network.firewall",
        network.firewall,
        "planned or not",
        "only a vendor outside AWS needs an internet path, through Network Firewall with exact host names",
        {"allowed_hosts": list(hosts)},
    )
    return network
