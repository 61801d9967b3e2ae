"""Where a stack may stand: Regions inside the boundary, and the zones that really offer what it needs.

Not here: which instance type is taken (own_weights) and what it costs (cost).
"""

from __future__ import annotations

from collections.abc import Sequence

from inferplan import catalog
from inferplan.records.no_plan import Conflict, NoPlan
from inferplan.records.notes import Notes
from inferplan.records.plan import Target
from inferplan.spec.declaration import Declaration, allowed_countries
from inferplan.spec.model import InferenceStack

PLANNED_PARTITION = "aws"
DEFAULT_ZONES = {"production": 2, "staging": 2, "development": 1}


def candidate_regions(
    declaration: Declaration, spec: InferenceStack, *, cluster: bool, bedrock: bool
) -> tuple[catalog.Region, ...]:
    """The Region as said, even outside the boundary (rules judge that), or every Region the search may take.

    Raises NoPlan for a partition whose offerings are not in the catalog, and when the boundary holds no
    Region.
    """
    named = spec.target.region
    if named is None and spec.network.existing is not None:
        named = declaration.organization.networks[spec.network.existing.vpc].region
    if named is not None:
        region = catalog.region(named)
        if region.partition != PLANNED_PARTITION:
            raise NoPlan(
                f"{region.region} cannot be planned yet",
                (
                    Conflict(
                        path="target.region",
                        value=region.region,
                        reason=f"what partition {region.partition} offers is not in the catalog, and a "
                        "Region of another partition is under another law",
                    ),
                ),
            )
        return (region,)
    allowed = allowed_countries(declaration, spec)
    found = tuple(
        region
        for _, region in sorted(catalog.regions().items())
        if region.partition == PLANNED_PARTITION
        and region.country in allowed
        and (region.eks or not cluster)
        and (region.bedrock_runtime or not bedrock)
        and len(region.zones) >= 2
    )
    if not found:
        needed = [name for name, wanted in (("EKS", cluster), ("Bedrock", bedrock)) if wanted]
        raise NoPlan(
            "no AWS Region lies inside the boundary",
            (
                Conflict(
                    path="data.residency.countries",
                    value=", ".join(sorted(allowed)) or "nothing that the account allows too",
                    reason=f"no commercial Region there{' with ' + ' and '.join(needed) if needed else ''}, "
                    "and own nodes are not planned yet",
                ),
            ),
        )
    return found


def zones_wanted(spec: InferenceStack, environment: str, notes: Notes) -> int:
    """How many zones the stack's nodes stand in."""
    if spec.target.zones is not None:
        return spec.target.zones
    return notes.default(
        "target.zones",
        DEFAULT_ZONES[environment],
        "one zone is enough for development; two survive the loss of one"
        if environment == "development"
        else "two zones survive the loss of one",
    )


def choose_zones(region: catalog.Region, offers: Sequence[tuple[str, ...]], count: int) -> tuple[str, ...]:
    """`count` zone ids of a Region, those first that offer most of the chosen instance types, then by
    name.
    """
    ranked = sorted(region.zones, key=lambda zone: (-sum(zone in offer for offer in offers), zone))
    return tuple(sorted(ranked[:count]))


def spread_zones(region: catalog.Region, zones: tuple[str, ...]) -> tuple[str, ...]:
    """At least two zones for what AWS wants in two (EKS, RDS): the nodes' zones, then others by name."""
    others = [zone for zone in region.zones if zone not in zones]
    return tuple(sorted((*zones, *others[: max(0, 2 - len(zones))])))


def make_target(
    declaration: Declaration, spec: InferenceStack, region: catalog.Region, zones: tuple[str, ...]
) -> Target:
    """The place of the stack with the names of its partition."""
    partition, account = catalog.partition(region.partition), spec.target.account
    assert account is not None  # a spec for AWS without one is not understandable
    return Target(
        platform=spec.target.platform,
        account=account,
        region=region.region,
        country=region.country,
        partition=region.partition,
        dns_suffix=region.dns_suffix,
        dual_stack_suffix=partition.dual_stack_suffix or region.dns_suffix,
        zones=zones,
        environment=declaration.account.environment,
    )
