"""What stacks and single components declare, recorded from the planner's own plans of the example specs.

Not here: tests, and plans written out by hand. Whoever needs another value changes a block in a line:
`changed(SELF_HOSTED, pools=(pool(capacity="spot"),))`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from msgspec import structs

from components.names import Names
from inferplan.plan.make import make_plan
from inferplan.records.plan import GatewayService, Image, Plan, Pool, Server
from inferplan.resource import Resource
from inferplan.spec.declaration import Declaration
from policies.gates import gates
from stacks.record import record, record_plan
from tests.unit.plan_edits import AS_OF, declared, spec_of, with_route, with_spec

SELF_HOSTED, MANAGED, HYBRID = "de-clinic-notes", "eu-support-desk", "in-bank-assistant"
BEDROCK_ONLY = "managed-api, Bedrock only"
OUTSIDE = "hybrid with an outside vendor"
STACKS = (SELF_HOSTED, MANAGED, HYBRID, BEDROCK_ONLY, OUTSIDE)


class Recorded:
    """Recorded resources with a few questions to them."""

    def __init__(self, resources: tuple[Resource, ...]) -> None:
        self.resources = resources
        self.by_urn = {resource.urn: resource for resource in resources}

    def of(self, type_: str) -> list[Resource]:
        """Every resource of a type."""
        return [resource for resource in self.resources if resource.type == type_]

    def one(self, type_: str, ending: str = "") -> Resource:
        """The only resource of a type whose name ends so."""
        found = [resource for resource in self.of(type_) if resource.name.endswith(ending)]
        assert len(found) == 1, (type_, ending, [resource.name for resource in found])
        return found[0]

    def named(self, ending: str) -> Resource:
        """The only resource that is no component and whose name ends so."""
        (found,) = [r for r in self.resources if r.custom and r.name.endswith(ending)]
        return found

    def ancestors(self, resource: Resource) -> list[Resource]:
        """Parent, grandparent and so on, as far as they were recorded."""
        above = []
        while resource.parent in self.by_urn:
            resource = self.by_urn[resource.parent]
            above.append(resource)
        return above


@cache
def declaration_of(stack: str) -> Declaration:
    """An example's declaration, or that of the support desk with fewer or more backends."""
    if stack not in (BEDROCK_ONLY, OUTSIDE):
        return declared(stack)
    desk = declared(MANAGED)
    if stack == BEDROCK_ONLY:
        return with_route(desk, backends=("mistral",))
    own = spec_of(declared("eu-both-ways")).backends["mistral-own"]
    both = spec_of(desk).backends | {"own": own}
    mixed = with_spec(desk, mode="hybrid", backends=both, budget={"monthly_usd": 22000})
    return with_route(mixed, backends=("openai", "mistral", "own"))


@cache
def planned(stack: str) -> Plan:
    """The planner's plan of one of `STACKS` or of another example."""
    return make_plan(declaration_of(stack), AS_OF, gates)


@cache
def recorded(stack: str) -> Recorded:
    """Both layers of one of `STACKS` or of another example."""
    return Recorded(record_plan(planned(stack), declaration_of(stack)))


def with_blocks(plan: Plan, **blocks: Any) -> Plan:
    """Some blocks of a plan changed: a dict changes fields of a block, anything else replaces it."""
    changes = {
        name: structs.replace(getattr(plan, name), **said) if isinstance(said, dict) else said
        for name, said in blocks.items()
    }
    return structs.replace(plan, **changes)


def changed(stack: str, **blocks: Any) -> Recorded:
    """Both layers of one of `STACKS` with some blocks of its plan changed."""
    return Recorded(record_plan(with_blocks(planned(stack), **blocks), declaration_of(stack)))


def component(make: Callable[[], object]) -> Recorded:
    """What a single component declares, outside any stack."""
    return Recorded(record(make, stack="desk.foundation"))


# -- args in a line: names, and blocks of the examples' plans with some fields changed
def names(stack: str = MANAGED, **target: Any) -> Names:
    """The names of one of `STACKS`."""
    plan = planned(stack)
    return Names(plan.name, structs.replace(plan.target, **target))


def server(**fields: Any) -> Server:
    """The clinic's model server."""
    return structs.replace(planned(SELF_HOSTED).servers[0], **fields)


def pool(**fields: Any) -> Pool:
    """The clinic's GPU nodes."""
    return structs.replace(planned(SELF_HOSTED).pools[0], **fields)


def image(name: str) -> Image:
    """An image of that name in the account's registry."""
    known = planned(SELF_HOSTED).images[0]
    return structs.replace(known, name=name, upstream=f"example/{name}", repository=f"inferplan/{name}")


def gateway(**fields: Any) -> GatewayService:
    """The support desk's gateway, on Fargate."""
    return structs.replace(planned(MANAGED).gateway, **fields)
