"""Calls from one partition of AWS into another.

Not here: Regions of the own partition (regions_are_allowed) and other accounts (links_stay_inside).
"""

from __future__ import annotations

from collections.abc import Iterator

from inferplan.resource import Resource
from policies import types
from policies.context import Context
from policies.read import arns, regions_named
from policies.rule import Outcome, Rule, fail
from policies.views.hosts import aws_regions, value_of
from policies.views.partitions import own_partition, partition_of
from policies.world.things import (
    ACCOUNT,
    FIRST_VARIABLE,
    REGION,
    arn,
    aws_host,
    container,
    deployment,
    resource,
)

partitions_stay_apart = Rule(
    id="SOV-018",
    title="Nothing calls from one partition into another",
    why="A sovereign or government partition protects only what stays inside it.",
    fix="Use models and services of the own partition, or own weights.",
    source=("004:73",),
    level="mandatory",
)


@partitions_stay_apart.check(types.AWS, types.KUBERNETES)
def _reaches(item: Resource, context: Context) -> Iterator[Outcome]:
    own = own_partition(context)
    for text in context.texts(item):
        if "." not in text.value and "arn:" not in text.value:
            continue
        foreign = {found.partition for found in arns(text.value) if found.partition.startswith("aws")}
        if aws_regions(value_of(text.value)) is not None:
            foreign |= {partition_of(name) for name in regions_named(text.value)}
        for partition in sorted(foreign - {own}):
            yield fail(f"reaches into the partition {partition} from {own}", path=text.path)


def _runtime(region: str) -> str:
    return f"https://{aws_host(f'bedrock-runtime.{region}')}"


partitions_stay_apart.passes(
    "ARNs and hosts of the own partition",
    resource(types.TOPIC_SUBSCRIPTION, "alarms", {"topic": arn("sns", "alarms")}),
    deployment("app", container("app", env={"URL": _runtime(REGION)})),
)
partitions_stay_apart.fails(
    "an ARN of GovCloud",
    {"alarms:topic": f"arn:aws-us-gov:sns:us-gov-west-1:{ACCOUNT}:alarms"},
    also=("SOV-001",),
)
partitions_stay_apart.fails(
    "a host of GovCloud", {f"app:{FIRST_VARIABLE}": _runtime("us-gov-west-1")}, also=("SOV-001",)
)
partitions_stay_apart.fails(
    "an ARN of a partition without Region", {"alarms:topic": f"arn:aws-cn:iam::{ACCOUNT}:role/r"}
)
