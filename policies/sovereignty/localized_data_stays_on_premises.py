"""Countries that keep data at home where AWS has no Region.

Not here: where resources are (regions_are_allowed) and whose law reaches an operator
(operators_answer_to_own_law).
"""

from __future__ import annotations

from collections.abc import Iterator

from inferplan import catalog
from inferplan.resource import Resource
from inferplan.spec.organization import AccountEntry
from policies import types
from policies.context import Context
from policies.read import get
from policies.rule import DROP, Outcome, Rule, fail
from policies.views.regimes import covers
from policies.world.things import ACCOUNT, resource

localized_data_stays_on_premises = Rule(
    id="SOV-009",
    title="Data that a country keeps at home stays on premises where AWS has no Region",
    why="A Local Zone hangs on a Region abroad: its control plane and most of its data services are there.",
    fix="Run on own nodes in the country (target.platform: kubernetes), as EKS hybrid nodes, or at a "
    "national provider.",
    source=("000:116",),
    level="mandatory",
)


@localized_data_stays_on_premises.check("account")
def _some_region(_account: AccountEntry, context: Context) -> Iterator[Outcome]:
    if context.spec.target.platform == "aws" and not context.allowed_regions():
        without = catalog.countries_without_region()
        plans = {without[name].plan for name in context.allowed_countries if name in without} or {
            without["other"].plan
        }
        yield fail(f"no AWS Region lies in {context.allowed_text}: {'; '.join(sorted(plans))}")


@localized_data_stays_on_premises.check_stack(types.CLUSTER)
def _hybrid_nodes(clusters: tuple[Resource, ...], context: Context) -> Iterator[Outcome]:
    for country in _localizing(context):
        for cluster in clusters:
            if not get(cluster.props, "remoteNetworkConfig"):
                yield fail(
                    f"{country} keeps data at home and has no AWS Region: no hybrid nodes are declared",
                    path="remoteNetworkConfig",
                    subject=cluster,
                )


def _localizing(context: Context) -> list[str]:
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


_RESIDENCY, _REGION = "spec:data.residency.countries", "spec:target.region"
_ALLOWED = f"organization:accounts.{ACCOUNT}.countries"
_NEAR_VIETNAM = {
    "spec:data.subjects": ["VN"],
    _RESIDENCY: ["VN", "SG"],
    _ALLOWED: ["VN", "SG"],
    _REGION: "ap-southeast-1",
}
_HYBRID = {"remoteNetworkConfig": {"remoteNodeNetworks": {"cidrs": ["10.9.0.0/16"]}}}

localized_data_stays_on_premises.passes("the boundary has a Region")
localized_data_stays_on_premises.fails(
    "a boundary without any Region", {_RESIDENCY: ["PL"], _ALLOWED: ["PL"], _REGION: DROP}
)

localized_data_stays_on_premises.passes(
    "a cluster with hybrid nodes for subjects in Vietnam",
    resource(types.CLUSTER, "cluster", _HYBRID, region="ap-southeast-1"),
    given=_NEAR_VIETNAM,
)
localized_data_stays_on_premises.fails("no hybrid nodes", {"cluster:remoteNetworkConfig": DROP})
