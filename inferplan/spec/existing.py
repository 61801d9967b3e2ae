"""What exists already: a spec names it, the platform team has registered it, and both must fit together.

Not here: what the planner makes of it (plan.given) and whether the account agrees (verb `preflight`).
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Network

from inferplan import catalog
from inferplan.near import listed, near
from inferplan.spec.names import Inputs, no_such_day, unknown, unknown_region
from inferplan.spec.organization import Organization, RegisteredNetwork
from inferplan.spec.position import Part
from inferplan.spec.problem import Problem

_TOLD = "the platform team registers"


def network_registered(inputs: Inputs) -> Iterator[Problem]:
    """An existing network is registered for account and Region of the spec, with the subnets it names."""
    said, target = inputs.spec.network.existing, inputs.spec.target
    if said is None:
        return
    at: tuple[Part, ...] = ("network", "existing")
    networks = inputs.organization.networks
    if said.vpc not in networks:
        advice = f"{_TOLD} networks: zones, ranges and what they keep inside are not the spec's to say"
        yield unknown((*at, "vpc"), "network", said.vpc, near(said.vpc, networks), advice)
        return
    registered = networks[said.vpc]
    for field, wanted, given in (
        ("account", target.account, registered.account),
        ("region", target.region, registered.region),
    ):
        if wanted is not None and wanted != given:
            yield Problem((*at, "vpc"), f"is registered for {field} {given}, not for {wanted}")
    for index, subnet in enumerate(said.subnets):
        if subnet not in registered.subnets:
            advice = f"registered are {listed(registered.subnets, 'and')}"
            close = near(subnet, registered.subnets)
            yield unknown((*at, "subnets", index), "subnet", subnet, close, advice)
    if inputs.spec.network.cidr is not None and inputs.spec.network.cidr != registered.cidr:
        hint = f"remove it: {said.vpc} is registered with {registered.cidr}"
        yield Problem(("network", "cidr"), "is for a network that is made here", hint=hint)


def cluster_registered(inputs: Inputs) -> Iterator[Problem]:
    """An existing cluster is registered, and the spec builds into the network that it lies in."""
    said, network = inputs.spec.cluster.existing, inputs.spec.network.existing
    if said is None:
        return
    at: tuple[Part, ...] = ("cluster", "existing", "name")
    clusters = inputs.organization.clusters
    if said.name not in clusters:
        yield unknown(at, "cluster", said.name, near(said.name, clusters), f"{_TOLD} clusters")
    elif network is None or network.vpc != clusters[said.name].network:
        hint = f"network: {{existing: {{vpc: {clusters[said.name].network}, subnets: [...]}}}}"
        yield Problem(at, f"lies in {clusters[said.name].network}; its nodes have to stand there", hint=hint)


def places_registered(organization: Organization) -> Iterator[Problem]:
    """Registered networks and clusters make sense by themselves."""
    for vpc, network in organization.networks.items():
        at: tuple[Part, ...] = ("networks", vpc)
        yield from _network_sound(at, network)
        if network.account not in organization.accounts:
            close = near(network.account, organization.accounts)
            yield unknown((*at, "account"), "account", network.account, close)
    for name, cluster in organization.clusters.items():
        at = ("clusters", name)
        yield from no_such_day((*at, "date"), cluster.date)
        if cluster.network not in organization.networks:
            close = near(cluster.network, organization.networks)
            yield unknown((*at, "network"), "network", cluster.network, close, "register it under networks")


def _network_sound(at: tuple[Part, ...], network: RegisteredNetwork) -> Iterator[Problem]:
    yield from no_such_day((*at, "date"), network.date)
    wrong = [*unknown_region((*at, "region"), network.region)]
    yield from wrong
    zones = () if wrong else catalog.region(network.region).zones
    whole = _range(network.cidr)
    if whole is None:
        yield Problem((*at, "cidr"), f"{network.cidr} is no address range")
    taken: dict[str, IPv4Network] = {}
    for subnet, entry in network.subnets.items():
        place: tuple[Part, ...] = (*at, "subnets", subnet)
        if zones and entry.zone not in zones:
            advice = f"zone ids of {network.region} are {listed(zones, 'and')}"
            yield unknown((*place, "zone"), "zone", entry.zone, near(entry.zone, zones), advice)
        part = _range(entry.cidr)
        if part is None or (whole is not None and not part.subnet_of(whole)):
            yield Problem((*place, "cidr"), f"{entry.cidr} is no range inside {network.cidr}")
            continue
        for other, cidr in taken.items():
            if part.overlaps(cidr):
                yield Problem((*place, "cidr"), f"{entry.cidr} overlaps {cidr} of {other}")
        taken[subnet] = part


def _range(text: str) -> IPv4Network | None:
    try:
        return IPv4Network(text)
    except ValueError:
        return None


CHECKS = (network_registered, cluster_registered)
