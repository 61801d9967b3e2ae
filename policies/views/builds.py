"""What a build that reaches the internet may read: it may bring in, and take nothing out that a stack keeps.

Not here: what a build may read that stands in subnets of the stack without a way out.
"""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Any

from inferplan.resource import Resource
from policies import types
from policies.read import get, json_document, known, listed
from policies.rule import Problem, fail, undecided
from policies.stack import Stack
from policies.views.iam import allowing, documents
from policies.views.network import tables_of, ways_out

BROUGHT = ("models", "orders")  # what lies below these prefixes came from outside, or says what is to come
READ_OBJECT, READ_SECRET = "s3:getobject", "secretsmanager:getsecretvalue"
# Each lets a build read what a stack keeps, or become somebody who may.
TAKING = (
    "athena:getqueryresults",
    "bedrock:invokemodel",
    "dynamodb:getitem",
    "dynamodb:query",
    "dynamodb:scan",
    "ec2:createsnapshot",
    "ecs:executecommand",
    "eks:accesskubernetesapi",
    "elasticache:connect",
    "iam:passrole",
    "kinesis:getrecords",
    "logs:filterlogevents",
    "logs:getlogevents",
    "logs:startquery",
    "rds-data:executestatement",
    "rds-db:connect",
    "sqs:receivemessage",
    "ssm:getparameter",
    "ssm:startsession",
    "sts:assumerole",
)


def confined(build: Resource, stack: Stack) -> bool:
    """Whether every subnet that a build stands in is one of the stack's, without a route to the internet."""
    subnets = list(stack.targets(build, "vpcConfig.subnets", types.SUBNET))
    return bool(subnets) and all(
        target.resources and not any(_leads_out(subnet, stack) for subnet in target.resources)
        for target in subnets
    )


def _leads_out(subnet: Resource, stack: Stack) -> bool:
    tables = tables_of(subnet, stack)
    return any(any(ways_out(table, stack)) for table in tables)


def taken_out(build: Resource, stack: Stack) -> Iterator[Problem]:
    """Each permission by which a build could read what the stack keeps."""
    roles = stack.named(build, "serviceRole", types.ROLE)
    if not roles:
        yield undecided(
            "reaches the internet under a role that this stack does not declare, so it may read anything",
            path="serviceRole",
            subject=build,
        )
    for role in roles:
        for path, document in _documents(role, stack):
            for what in _reads(document, stack):
                yield fail(f"reaches the internet, and its role may {what} ({path})", subject=build)
        yield from _attached(build, role, stack)


def _documents(role: Resource, stack: Stack) -> Iterator[tuple[str, Any]]:
    yield from documents(role)
    for item in stack.pointing_at(role, "role", types.ROLE_POLICY):
        yield from ((f"{item.name}: {path}", document) for path, document in documents(item))


def _attached(build: Resource, role: Resource, stack: Stack) -> Iterator[Problem]:
    """Policies beside the role: one of the stack is read, any other is not known here."""
    attachments = stack.pointing_at(role, "role", types.ROLE_POLICY_ATTACHMENT)
    places = [(item, "policyArn") for item in attachments] + [(role, "managedPolicyArns[]")]
    for item, path in places:
        for target in stack.targets(item, path, types.IAM_POLICY):
            for policy in target.resources:
                for what in _reads(json_document(policy.props.get("policy")) or {}, stack):
                    yield fail(
                        f"reaches the internet, and its role may {what} ({policy.name})", subject=build
                    )
            if not target.resources:
                yield undecided(
                    "reaches the internet, and its role has a policy that this stack does not declare",
                    path="serviceRole",
                    subject=build,
                )


def _reads(document: Any, stack: Stack) -> Iterator[str]:
    if any(allowing(document, TAKING)):
        yield "read what the stack keeps, or act as another"
    for statement in allowing(document, (READ_OBJECT,)):
        if "NotResource" in statement or any(map(_of_stack(stack), listed(statement.get("Resource")))):
            yield "read objects that nobody has brought"
    names = [str(known(get(item.props, "name", "*"))) for item in stack.of(types.SECRET)]
    for statement in allowing(document, (READ_SECRET,)):
        named = [str(item).rpartition("secret:")[2] for item in listed(statement.get("Resource"))]
        if "NotResource" in statement or any(_covers(pattern, name) for pattern in named for name in names):
            yield "read a secret of the stack"


def _of_stack(stack: Stack) -> Any:
    """Whether an ARN covers objects in a bucket of the stack other than what was brought."""
    buckets = [str(known(get(item.props, "bucket", "*"))) for item in stack.of(*types.BUCKETS)]

    def covers(said: Any) -> bool:
        bucket, _, key = str(said).rpartition(":")[2].partition("/")
        is_brought = any(key.startswith(f"{prefix}/") for prefix in BROUGHT)
        return not is_brought and any(fnmatchcase(name, bucket) or name == "*" for name in buckets)

    return covers


def _covers(pattern: str, name: str) -> bool:
    return name == "*" or fnmatchcase(f"{name}-abcdef", pattern)
