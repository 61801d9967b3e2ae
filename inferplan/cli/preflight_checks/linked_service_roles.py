"""Service-linked roles: a service makes its own at first use, too late for what names it or races with it.

The key of nodes' volumes names the role of Auto Scaling, and a key policy that names a role which does not
exist is refused. Not here: the roles of the stack, which the foundation makes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

from inferplan import catalog
from inferplan.catalog.account_needs import LinkedRole
from inferplan.cli.preflight_checks.account_question import Answer, Question, Said, Wanted, lookup, ok, to_do

ABSENT = ("NoSuchEntity", "NoSuchEntityException")


def questions(wanted: Wanted) -> Iterator[Question[Any]]:
    """IAM is asked at its only endpoint."""
    for row in needed(wanted):
        principal = f"{row.service}.{wanted.plan.target.dns_suffix}"
        arn = wanted.arn("iam", f"role/aws-service-role/{principal}/{row.role}", regional=False)
        yield Question(
            check="service-linked-role",
            layer="foundation",
            subject=row.role,
            asks={"iam:GetRole": (arn,)},
            ask=lookup(ABSENT, "iam", "get_role", RoleName=row.role),
            judge=partial(exists, wanted, row, principal),
        )


def needed(wanted: Wanted) -> list[LinkedRole]:
    """Those of the parts that the plan has."""
    plan, rows = wanted.plan, catalog.linked_roles()
    services: list[str] = []
    if plan.cluster is not None:
        own = [] if plan.cluster.existing else ["eks"]
        services += ["autoscaling", *own, "eks-nodegroup"]
    if any(pool.capacity == "spot" for pool in plan.pools):
        services.append("spot")
    if plan.gateway.existing_url is None:
        services += ["ecs"] if plan.gateway.host_kind == "ecs" else []
        services += ["rds", "elasticache"]
        if plan.gateway.host is not None and plan.gateway.certificate is not None:
            services.append("elasticloadbalancing")
    if plan.network.firewall:
        services.append("network-firewall")
    return [rows[service] for service in services]


def exists(wanted: Wanted, row: LinkedRole, principal: str, answer: Answer | None) -> Iterable[Said]:
    """Made by hand, the role is there before anything needs it."""
    if answer is not None:
        return [ok("exists")]
    fix = wanted.aws(f"iam create-service-linked-role --aws-service-name {principal}", regional=False)
    return [to_do(f"does not exist; needed by {row.needed_by}", fix)]
