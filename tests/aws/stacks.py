"""What each variant declares on AWS, checked, planned and recorded by the product, once per process.

Not here: the declarations (tests/aws/variants.py).
"""

from __future__ import annotations

from functools import cache

from inferplan.plan.make import make_plan
from inferplan.resource import Resource
from inferplan.spec.declaration import Declaration
from policies.gates import gates
from stacks.record import record_plan
from tests.aws.variants import VARIANTS
from tests.unit.plan_edits import AS_OF


@cache
def resources(variant: str) -> tuple[Resource, ...]:
    """The AWS resources of both layers of a variant; raises as `validate` and `plan` do."""
    said = VARIANTS[variant]()
    declaration = Declaration.from_json(said.to_json(), said.organization, said.waivers)
    recorded = record_plan(make_plan(declaration, AS_OF, gates), declaration)
    return tuple(resource for resource in recorded if resource.package == "aws")
