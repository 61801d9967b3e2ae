"""Whose law reaches those who run the machines and the models.

Not here: where resources are (regions_are_allowed) and where vendors process (vendors_process_inside).
"""

from __future__ import annotations

from collections.abc import Iterator

from inferplan import catalog
from inferplan.resource import Resource
from inferplan.spec.organization import AccountEntry
from policies import types
from policies.context import Context, NamedBackend, Serving
from policies.levels import absolute_sovereignty
from policies.read import get
from policies.rule import DROP, Outcome, Rule, fail, undecided
from policies.views.partitions import own_partition
from policies.world.bases import ORGANIZATION
from policies.world.things import ACCOUNT, REGION, aws_provider

operators_answer_to_own_law = Rule(
    id="SOV-008",
    title="Where absolute control is asked, no operator under foreign law takes part",
    why="The law of an operator's home reaches the operator wherever its machines stand.",
    fix="Run on own nodes (target.platform: kubernetes), in a sovereign partition, or lower "
    "data.sovereignty.",
    source=("000:186",),
    level=absolute_sovereignty,
)


@operators_answer_to_own_law.check("account")
def _region(_account: AccountEntry, context: Context) -> Iterator[Outcome]:
    target = context.spec.target
    if context.absolute and target.platform == "aws" and target.region in catalog.regions():
        home = catalog.region(str(target.region)).operator_home
        if home not in context.allowed_countries:
            yield fail(
                f"AWS in {target.region} is at home in {home} and can be compelled there", path="region"
            )


@operators_answer_to_own_law.check("serving")
def _serving(serving: Serving, context: Context) -> Iterator[Outcome]:
    if not context.asks_absolute(serving.data_class):
        return
    if serving.backend.kind == "managed-api":
        yield from _vendor(serving.backend, context)
    elif context.spec.target.platform == "aws":
        partition = own_partition(context)
        home = catalog.partition(partition).home
        if home not in context.allowed_countries:
            yield fail(
                f"absolute sovereignty, and the operator of partition {partition} is under the law of {home}"
            )


def _vendor(backend: NamedBackend, context: Context) -> Iterator[Outcome]:
    fact = backend.fact
    if fact is None or fact.home_country not in context.allowed_countries:
        home = fact.home_country if fact else "a place that no fact names"
        yield fail(f"the vendor {backend.backend.vendor} is at home in {home} and can be compelled there")
    elif doubt := context.doubt(f"vendors/{fact.id}", fact, "home"):
        yield undecided(doubt)


@operators_answer_to_own_law.check(types.AWS_PROVIDER)
def _provider(provider: Resource, context: Context) -> Iterator[Outcome]:
    region = get(provider.props, "region")
    if context.absolute and region in catalog.regions():
        home = catalog.region(str(region)).operator_home
        if home not in context.allowed_countries:
            yield fail(
                f"the operator of {region} is at home in {home} and can be compelled there; take a "
                "partition, a national provider or own nodes under the law of an allowed country",
                path="region",
            )


_NODES = [{"gpu": "L4", "count": 1}]
_OWN_NODES = {"platform": "kubernetes", "country": "DE", "account": ACCOUNT, "nodes": _NODES}
_ON_AWS = {"platform": "aws", "account": ACCOUNT}
_OF_RESTRICTED = "organization:classes.restricted.sovereignty"
_OF_INTERNAL = "organization:classes.internal.sovereignty"

operators_answer_to_own_law.passes(
    "absolute control on own nodes in the country",
    given={"spec:data.sovereignty": "absolute", "spec:target": _OWN_NODES},
)
operators_answer_to_own_law.fails(
    "absolute control in a commercial Region", {"spec:target": {**_ON_AWS, "region": REGION}}
)
operators_answer_to_own_law.fails("a commercial Region beside the own nodes", add=(aws_provider(),))

operators_answer_to_own_law.passes(
    "absolute control in a sovereign partition of the country",
    given={"spec:data.sovereignty": "absolute", "spec:target.region": "eusc-de-east-1"},
)
operators_answer_to_own_law.fails("the same in a commercial one", {"spec:target.region": REGION})

operators_answer_to_own_law.passes(
    "no absolute control asked", aws_provider(), given={"spec:target.region": DROP}
)
operators_answer_to_own_law.fails("the organization asks it for the class", {_OF_RESTRICTED: "absolute"})

operators_answer_to_own_law.passes(
    "absolute control for one class on own nodes, and a vendor abroad for the other",
    world="both",
    given={_OF_RESTRICTED: "absolute", "spec:target": _OWN_NODES},
)
operators_answer_to_own_law.fails("own weights on AWS, in whatever Region", {"spec:target": _ON_AWS})
operators_answer_to_own_law.fails("it is asked for the other class", {_OF_INTERNAL: "absolute"})

_ASSESSED = ORGANIZATION["vendors"]["openai-eu"]
_HERE = ["EEA", "CH", "GB"]
_PROVIDER = "organization:vendors.paris.provider"

operators_answer_to_own_law.passes(
    "a vendor at home in an allowed country",
    world="vendor",
    given={
        "spec:data.sovereignty": "absolute",
        "spec:data.residency.countries": _HERE,
        "organization:accounts.222222222222.countries": _HERE,
        "organization:vendors.paris": {**_ASSESSED, "provider": "mistral", "host": "api.eu.mistral.ai"},
        "spec:backends.paris": {"vendor": "paris", "model": "mistral-large-2411"},
        "spec:routes[0].backends": ["paris"],
        "spec:target.region": DROP,
    },
)
operators_answer_to_own_law.fails("a commercial Region around it", {"spec:target.region": REGION})
operators_answer_to_own_law.fails("a vendor at home abroad", {"spec:routes[0].backends": ["gpt"]})
operators_answer_to_own_law.fails(
    "a vendor that no fact knows", {_PROVIDER: "unheard-of"}, also=("SOV-007", "SOV-014")
)
operators_answer_to_own_law.is_undecided(
    "a home that no source proves", {_PROVIDER: "stability"}, also=("SOV-007", "SOV-014")
)
