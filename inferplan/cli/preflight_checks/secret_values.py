"""Secrets: whether each has a current value. The value itself is never read, nor is the permission asked for.

Not here: making values (whoever owns the key) and writing them (the fix of each finding).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

from inferplan.cli.preflight_checks.account_question import Answer, Question, Said, Wanted, lookup, ok, to_do

CURRENT = "AWSCURRENT"
ABSENT = ("ResourceNotFoundException",)


def questions(wanted: Wanted) -> Iterator[Question[Any]]:
    """A task whose secret has no value ends at once, again and again."""
    if wanted.plan.gateway.existing_url is not None:
        return
    for name in dict.fromkeys(wanted.plan.gateway.secrets):
        yield Question(
            check="secret",
            layer="workload",
            subject=name,
            # Secrets Manager appends a hyphen and six characters to the name.
            asks={"secretsmanager:DescribeSecret": (wanted.arn("secretsmanager", f"secret:{name}-??????"),)},
            ask=lookup(ABSENT, "secretsmanager", "describe_secret", SecretId=name),
            judge=partial(has_value, wanted, name),
        )


def has_value(wanted: Wanted, name: str, answer: Answer | None) -> Iterable[Said]:
    """`file://` keeps the value out of the shell's history."""
    if answer is None:
        return [to_do("does not exist: the foundation makes it", wanted.pulumi_up("foundation"))]
    if answer.get("DeletedDate") is not None:
        fix = wanted.aws(f"secretsmanager restore-secret --secret-id {name}")
        return [to_do("is marked for deletion", fix)]
    if any(CURRENT in stages for stages in answer.get("VersionIdsToStages", {}).values()):
        return [ok("has a current value")]
    fix = wanted.aws(f"secretsmanager put-secret-value --secret-id {name} --secret-string file://value.txt")
    return [to_do("has no value yet", fix)]
