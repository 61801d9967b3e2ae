"""A network or cluster that exists already, as the platform team has registered it: zones, subnets, services.

Nothing that concerns the whole VPC is planned: routes, endpoints, resolver and its logs are its owner's.
Not here: what a stack makes itself (network, cluster) and whether the account agrees (cli, verb `preflight`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import msgspec

from inferplan import catalog
from inferplan.near import listed
from inferplan.records.no_plan import Conflict, NoPlan, NotBuilt
from inferplan.records.plan import Endpoint, Subnet, Tier
from inferplan.spec.declaration import Declaration
from inferplan.spec.environment import ExistingNetwork
from inferplan.spec.model import InferenceStack
from inferplan.spec.organization import RegisteredCluster, RegisteredNetwork, RegisteredSubnet

PATH = "network.existing"
SPREAD = 2  # zones that EKS, RDS and a balancer want


@dataclass(frozen=True, kw_only=True)
class GivenNetwork:
    """What the spec names of a registered network."""

    vpc: str
    registered: RegisteredNetwork
    subnets: dict[str, RegisteredSubnet]

    def zones(self, tier: Tier) -> tuple[str, ...]:
        """Zone ids with a subnet of a tier, sorted."""
        return tuple(sorted({entry.zone for entry in self.subnets.values() if tier in entry.tiers}))

    def within(self, region: catalog.Region, *, cluster: bool) -> catalog.Region:
        """The Region as if it had no other zones than those in which nodes or tasks can stand here."""
        offered = self.zones("gpu" if cluster else "gateway")
        return msgspec.structs.replace(region, zones=tuple(zone for zone in region.zones if zone in offered))

    def spread(self, zones: tuple[str, ...], *, cluster: bool) -> tuple[str, ...]:
        """The nodes' zones and as many others as two need, in which everything shared has a subnet."""
        shared = set(self.zones("database")) & set(self.zones("balancer"))
        if cluster:
            shared &= set(self.zones("system"))
        others = [zone for zone in sorted(shared) if zone not in zones]
        return tuple(sorted((*zones, *others[: max(0, SPREAD - len(zones))])))


def given_network(declaration: Declaration) -> GivenNetwork | None:
    """The network that a spec builds into; None where it makes its own."""
    spec = declaration.spec
    said: ExistingNetwork | None = spec.network.existing if isinstance(spec, InferenceStack) else None
    if said is None:
        return None
    registered = declaration.organization.networks[said.vpc]
    named = {subnet: registered.subnets[subnet] for subnet in dict.fromkeys(said.subnets)}
    return GivenNetwork(vpc=said.vpc, registered=registered, subnets=named)


def given_cluster(declaration: Declaration) -> RegisteredCluster | None:
    """The registered cluster that a spec builds into; None where it makes its own."""
    spec = declaration.spec
    said = spec.cluster.existing if isinstance(spec, InferenceStack) else None
    return declaration.organization.clusters[said.name] if said is not None else None


def given_subnets(given: GivenNetwork, tiers: Iterable[tuple[Tier, tuple[str, ...]]]) -> tuple[Subnet, ...]:
    """One subnet for each tier and zone; raises NoPlan with everything that is missing."""
    found: list[Subnet] = []
    missing: list[Conflict] = []
    for tier, zones in tiers:
        for zone in zones:
            held = _of(given, tier, zone)
            if held is None:
                missing.append(
                    Conflict(
                        path=f"{PATH}.subnets",
                        value=f"no {tier} subnet in {zone}",
                        reason=f"name one that is registered for tier {tier} there, or have one registered",
                    )
                )
                continue
            subnet, entry = held
            found.append(Subnet(name=f"{tier}-{zone}", tier=tier, zone=zone, cidr=entry.cidr, id=subnet))
    if missing:
        raise NoPlan(f"{given.vpc} has no room for every part of the stack", tuple(missing))
    return tuple(found)


def _of(given: GivenNetwork, tier: Tier, zone: str) -> tuple[str, RegisteredSubnet] | None:
    for subnet, entry in given.subnets.items():
        if entry.zone == zone and tier in entry.tiers:
            return subnet, entry
    return None


def check_given(given: GivenNetwork, endpoints: Iterable[Endpoint], hosts: tuple[str, ...]) -> None:
    """Refuse what the stack needs of the network and its owner has not registered."""
    if hosts:
        raise NotBuilt(
            f"{given.vpc} is given, and a way to {listed(hosts, 'and')} through it cannot be planned",
            (
                Conflict(
                    path=PATH,
                    value=given.vpc,
                    reason="vendors outside AWS need a firewall between gateway and internet, whose routes "
                    "are those of the whole network; leave network.existing out, or reach them from a stack "
                    "of their own",
                ),
            ),
        )
    missing = [*_missing(given, endpoints)]
    if missing:
        raise NoPlan(f"{given.vpc} lacks what the stack needs", tuple(missing))


def _missing(given: GivenNetwork, endpoints: Iterable[Endpoint]) -> Iterator[Conflict]:
    registered = given.registered
    for endpoint in endpoints:
        if endpoint.service not in registered.endpoints:
            yield Conflict(
                path=PATH,
                value=f"no endpoint of {endpoint.service}",
                reason=f"{endpoint.why}: its owner makes it, and organization.networks.{given.vpc}.endpoints "
                "names it",
            )
    for field, value in (
        ("endpoint_group", registered.endpoint_group),
        ("s3_prefix_list", registered.s3_prefix_list),
    ):
        if value is None:
            yield Conflict(
                path=PATH,
                value=f"no {field}",
                reason="security groups of nodes name it: it is registered under "
                f"organization.networks.{given.vpc}.{field}",
            )
