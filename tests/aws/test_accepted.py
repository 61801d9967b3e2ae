"""Area of concern: AWS would take every resource of the examples and of their variants.

Not here: specs that are refused because AWS would refuse what they lead to (tests/unit/test_aws_findings.py).
"""

from __future__ import annotations

import pytest

from tests.aws import counterparts
from tests.aws.court import findings
from tests.aws.judge import API, CLOUDFORMATION
from tests.aws.stacks import resources
from tests.aws.variants import VARIANTS
from tests.unit.plan_edits import EXAMPLES


def marks(variant: str) -> tuple[pytest.MarkDecorator, ...]:
    """What is recorded for these tests alone belongs to `make test-aws`."""
    return () if variant in EXAMPLES else (pytest.mark.aws,)


@pytest.mark.parametrize(
    "variant", [pytest.param(variant, id=variant, marks=marks(variant)) for variant in VARIANTS]
)
def test_aws_takes_it(variant: str) -> None:
    """No judge refuses a value, and none is silent about a property without a reason."""
    assert sorted(str(found) for found in findings(resources(variant))) == []


def test_what_has_no_counterpart_says_why() -> None:
    """A silence has a reason: for a type that no judge knows, for a property that one does not know."""
    for type_, row in counterparts.rows().items():
        if type_ != "*" and not row.get(CLOUDFORMATION) and not row.get(API):
            assert row.get("why"), type_
        for name, said in row.get("properties", {}).items():
            assert (None in said.values()) == bool(said.get("why")), (type_, name)


@pytest.mark.aws
def test_every_row_is_used() -> None:
    """A row for a type or property that nothing declares any more is gone."""
    recorded = [resource for variant in VARIANTS for resource in resources(variant)]
    types = {resource.type for resource in recorded}
    findings(recorded)
    properties = {
        (type_, name) for type_, row in counterparts.rows().items() for name in row.get("properties", {})
    }

    assert set(counterparts.rows()) - {"*"} == types
    assert properties - counterparts.used == set()
