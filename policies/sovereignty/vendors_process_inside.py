"""Where a managed endpoint processes what it is sent: inside the boundary, by a fact or by a confirmation.

Not here: Bedrock profiles (profiles_stay_inside) and global hosts (vendors_are_called_regionally).
"""

from __future__ import annotations

from collections.abc import Iterator

from inferplan import catalog
from inferplan.resource import Resource
from policies import types
from policies.context import Context, Serving
from policies.rule import DROP, Outcome, Rule, fail, undecided
from policies.views.hosts import allowlist, processing_problem
from policies.world.things import NEXT_TARGET, domain_list, firewall_list

vendors_process_inside = Rule(
    id="SOV-007",
    title="A managed endpoint promises to process inside the boundary, not only to store there",
    why="Vendors sell storage residency without processing residency; the prompt is read where it is "
    "processed.",
    fix="Use a host of the vendor that processes in an allowed country, Bedrock in an allowed Region, or own "
    "weights.",
    source=("000:77",),
    level="mandatory",
)


@vendors_process_inside.check("managed-api")
def _registered_host(serving: Serving, context: Context) -> Iterator[Outcome]:
    entry, vendor = serving.vendor, serving.backend.fact
    region = context.spec.target.region
    if serving.backend.on_bedrock:
        if region is not None and (wrong := context.outside(region)):
            yield fail(f"Bedrock processes in its Region: {wrong}")
    elif vendor is None:
        yield fail(f"no fact describes the provider {entry.provider}")
    elif entry.host is None:
        yield fail("the organization names no host, so the vendor's default (anywhere) would serve")
    else:
        fact = catalog.known_host(entry.host)
        if fact is None or fact.vendor.id != vendor.id:
            yield fail(f"no fact of {vendor.name} names the host {entry.host}")
        elif problem := processing_problem(fact, context):
            yield problem


@vendors_process_inside.check_stack(*types.ALLOWLISTS)
def _listed_hosts(lists: tuple[Resource, ...], context: Context) -> Iterator[Outcome]:
    for item in lists:
        for entry in allowlist(item, context):
            fact = None if entry.wide else catalog.known_host(entry.host)
            problem = processing_problem(fact, context, path=entry.path) if fact else None
            if problem:
                make = fail if problem.verdict == "fail" else undecided
                yield make(problem.message, path=entry.path, subject=item)


_HOST = "organization:vendors.openai-eu.host"

vendors_process_inside.passes("the European host for a European boundary", world="vendor")
vendors_process_inside.fails("a host that only stores in its region", {_HOST: "ca.api.openai.com"})
vendors_process_inside.fails("a host outside the boundary", {_HOST: "us.api.openai.com"})
vendors_process_inside.fails("a boundary without Switzerland", {"spec:data.residency.countries": ["EEA"]})
vendors_process_inside.fails("no fact knows the host", {_HOST: "llm.example.com"})
vendors_process_inside.fails("no host named", {_HOST: DROP})
vendors_process_inside.fails("Bedrock in Virginia", {"spec:target.region": "us-east-1"}, also=("SOV-001",))

vendors_process_inside.passes(
    "a host that no source settles, confirmed by a person",
    world="vendor",
    given={
        "spec:data.residency.countries": ["AU"],
        "spec:target.region": "ap-southeast-2",
        "organization:accounts.222222222222.countries": ["AU"],
        _HOST: "au.api.openai.com",
        "organization:facts": {
            "confirmed": [
                {"id": "vendors/openai/au.api.openai.com", "by": "dpo@example.com", "date": "2026-10-01"}
            ]
        },
    },
)
vendors_process_inside.is_undecided(
    "nobody confirmed the unsettled host", {"organization:facts": {"confirmed": []}}
)

_AZURE = "vendors/azure-openai/desk-we.openai.azure.com"
_CONFIRMED = {"id": _AZURE, "by": "dpo@example.com", "date": "2026-10-01", "countries": ["NL"]}
_TIER = "organization:vendors.openai-eu.tier"

vendors_process_inside.passes(
    "a resource whose name tells no place, and a person who knows it",
    world="vendor",
    given={
        "organization:vendors.openai-eu.provider": "azure-openai",
        _HOST: "desk-we.openai.azure.com",
        _TIER: "Standard",
        "organization:facts": {"confirmed": [_CONFIRMED]},
    },
)
vendors_process_inside.is_undecided(
    "another resource of the same vendor is confirmed", {_HOST: "desk-us.openai.azure.com"}
)
vendors_process_inside.is_undecided(
    "the pattern of all its hosts is confirmed",
    {"organization:facts.confirmed[0].id": "vendors/azure-openai/{resource}.openai.azure.com"},
)
vendors_process_inside.is_undecided(
    "a person vouches and says no place", {"organization:facts.confirmed[0].countries": []}
)
vendors_process_inside.fails(
    "the resource is in Virginia", {"organization:facts.confirmed[0].countries": ["US"]}
)
vendors_process_inside.fails("the deployment may process anywhere", {_TIER: "GlobalStandard"})

vendors_process_inside.passes(
    "lists with the European host",
    firewall_list("out", "eu.api.openai.com"),
    domain_list("names", "eu.api.openai.com"),
    world="vendor",
)
vendors_process_inside.fails(
    "the firewall lets a storage-only host through",
    {f"out:{NEXT_TARGET}": "gb.api.openai.com"},
    also=("EGR-005",),
)
vendors_process_inside.fails(
    "names of a storage-only host resolve", {"names:domains[1]": "kr.api.openai.com"}, also=("EGR-005",)
)
