"""Whose law reaches the operator, and countries that keep data at home where AWS has no Region.

Not here: where resources are (residency) and what vendors promise (vendors).
"""

from __future__ import annotations

from collections.abc import Iterator

from inferplan import catalog
from inferplan.resource import Resource
from inferplan.spec.organization import AccountEntry
from policies.context import Context
from policies.example import change, resource
from policies.levels import absolute_sovereignty
from policies.read import get
from policies.rule import DROP, Example, Outcome, fail, on_resource, on_stack, rule, undecided
from policies.sovereignty.residency import CLUSTER, PROVIDER, covers


def _operator(item: Resource, context: Context) -> Iterator[Outcome]:
    region = get(item.props, "region")
    if context.absolute and region in catalog.regions():
        home = catalog.region(str(region)).operator_home
        if home not in context.allowed_countries:
            yield fail(
                f"the operator of {region} is at home in {home} and can be compelled there; take a "
                f"partition, "
                "a national provider or own nodes under the law of an allowed country",
                path="region",
            )


@rule(
    id="SOV-008",
    title="Where absolute control is asked, no operator under foreign law takes part",
    why="The law of an operator's home reaches the operator wherever its machines stand.",
    fix="Run on own nodes (target.platform: kubernetes), in a sovereign partition, or lower "
    "data.sovereignty.",
    source=("000:186",),
    level=absolute_sovereignty,
    on=("account",),
    more=(on_resource(_operator, PROVIDER),),
    passing=(
        Example(
            note="absolute control on own nodes in the country",
            spec={
                "data.sovereignty": "absolute",
                "target": {
                    "platform": "kubernetes",
                    "country": "DE",
                    "account": "111111111111",
                    "nodes": [{"gpu": "L4", "count": 1}],
                },
            },
        ),
        Example(
            note="no absolute control asked",
            spec={"target.region": DROP},
            resources=(resource(PROVIDER, "aws", {"region": "eu-central-1"}),),
        ),
    ),
    failing=(
        change(
            "absolute control in a commercial Region",
            spec={"target": {"platform": "aws", "account": "111111111111", "region": "eu-central-1"}},
        ),
        change(
            "the organization asks it for the class",
            of=1,
            organization={"classes.restricted.sovereignty": "absolute"},
        ),
    ),
)
def sov_008(_account: AccountEntry, context: Context) -> Iterator[Outcome]:
    if not context.absolute:
        return
    target = context.spec.target
    if target.platform == "aws" and target.region in catalog.regions():
        home = catalog.region(str(target.region)).operator_home
        if home not in context.allowed_countries:
            yield fail(
                f"AWS in {target.region} is at home in {home} and can be compelled there", path="region"
            )
    for vendor in context.vendors:
        if vendor.fact is None or vendor.fact.home_country not in context.allowed_countries:
            home = vendor.fact.home_country if vendor.fact else "a place that no fact names"
            yield fail(f"the vendor {vendor.name} is at home in {home} and can be compelled there")
        elif doubt := context.doubt(f"vendors/{vendor.fact.id}", vendor.fact, "home"):
            yield undecided(doubt)


def localizing(context: Context) -> list[str]:
    """Subject countries that keep some data at home and that no AWS Region lies in."""
    spec = context.inference
    if spec is None or spec.data.personal is False:
        return []
    served = {region.country for region in catalog.regions().values()}
    regimes = [
        regime for regime in catalog.regimes().values() if regime.transfer == "conditional_plus_localization"
    ]
    return sorted(
        country
        for country in spec.data.subjects or ()
        if country not in served and any(covers(regime.jurisdictions, (country,)) for regime in regimes)
    )


def _hybrid_nodes(clusters: tuple[Resource, ...], context: Context) -> Iterator[Outcome]:
    for country in localizing(context):
        for cluster in clusters:
            if not get(cluster.props, "remoteNetworkConfig"):
                yield fail(
                    f"{country} keeps data at home and has no AWS Region: no hybrid nodes are declared",
                    path="remoteNetworkConfig",
                    subject=cluster,
                )


@rule(
    id="SOV-009",
    title="Data that a country keeps at home stays on premises where AWS has no Region",
    why="A Local Zone hangs on a Region abroad: its control plane and most of its data services are there.",
    fix="Run on own nodes in the country (target.platform: kubernetes), as EKS hybrid nodes, or at a "
    "national provider.",
    source=("000:116",),
    level="mandatory",
    on=("account",),
    more=(on_stack(_hybrid_nodes, CLUSTER),),
    passing=(
        Example(note="the boundary has a Region"),
        Example(
            note="a cluster with hybrid nodes for subjects in Vietnam",
            spec={
                "data.subjects": ["VN"],
                "data.residency.countries": ["VN", "SG"],
                "target.region": "ap-southeast-1",
            },
            organization={"accounts.111111111111.countries": ["VN", "SG"]},
            resources=(
                resource(
                    CLUSTER,
                    "cluster",
                    {
                        "remoteNetworkConfig": {"remoteNodeNetworks": {"cidrs": ["10.9.0.0/16"]}},
                        "vpcConfig": {"endpointPublicAccess": False, "endpointPrivateAccess": True},
                    },
                    region="ap-southeast-1",
                ),
            ),
        ),
    ),
    failing=(
        change(
            "a boundary without any Region",
            spec={"data.residency.countries": ["PL"], "target.region": DROP},
            organization={"accounts.111111111111.countries": ["PL"]},
        ),
        change("no hybrid nodes", {"cluster:remoteNetworkConfig": DROP}, of=1),
    ),
)
def sov_009(_account: AccountEntry, context: Context) -> Iterator[Outcome]:
    if context.spec.target.platform == "aws" and not context.allowed_regions():
        without = catalog.countries_without_region()
        plans = {without[name].plan for name in context.allowed_countries if name in without} or {
            without["other"].plan
        }
        yield fail(f"no AWS Region lies in {context.allowed_text}: {'; '.join(sorted(plans))}")
