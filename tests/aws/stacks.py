"""What each variant declares on AWS, planned and recorded by the product's own road, once per process.

Not here: the declarations (tests/aws/variants.py).
"""

from __future__ import annotations

from functools import cache

from inferplan.plan.make import make_plan
from inferplan.resource import Resource
from policies.gates import gates
from stacks.record import record_plan
from tests.aws.variants import VARIANTS
from tests.unit.plan_edits import AS_OF


@cache
def resources(variant: str) -> tuple[Resource, ...]:
    """The AWS resources of both layers of a variant."""
    declaration = VARIANTS[variant]()
    recorded = record_plan(make_plan(declaration, AS_OF, gates), declaration)
    return tuple(resource for resource in recorded if resource.package == "aws")
