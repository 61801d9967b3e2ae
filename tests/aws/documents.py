"""Policy documents before parliament and policy_sentry: actions, condition keys, resource types, and sizes.

Not here: whether a policy gives too much (policies/), and other properties (judge, prose).
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatch
from functools import cache
from importlib import import_module
from importlib.resources import files
from types import ModuleType
from typing import Any, NamedTuple
from warnings import catch_warnings

from policy_sentry.querying.actions import get_action_data, get_actions_for_service

from inferplan.resource import Resource
from tests.aws.judge import Finding
from tests.aws.prose import API

IDENTITY = ("aws:iam/rolePolicy:RolePolicy", "aws:iam/policy:Policy")
QUOTAS = f"{API}IAM/latest/UserGuide/reference_iam-quotas.html"  # white space is not counted


class Size(NamedTuple):
    """How many characters a document of a type may have."""

    characters: int
    address: str


SIZES = {
    "aws:iam/role:Role": Size(2048, QUOTAS),
    "aws:iam/rolePolicy:RolePolicy": Size(10240, QUOTAS),
    "aws:iam/policy:Policy": Size(6144, QUOTAS),
    "aws:kms/key:Key": Size(32768, f"{API}kms/latest/developerguide/resource-limits.html"),
    "aws:ec2/vpcEndpoint:VpcEndpoint": Size(20480, f"{API}vpc/latest/privatelink/vpc-limits-endpoints.html"),
    "aws:s3/bucketPolicy:BucketPolicy": Size(20480, f"{API}AmazonS3/latest/userguide/add-bucket-policy.html"),
    "aws:sns/topicPolicy:TopicPolicy": Size(30720, f"{API}sns/latest/api/API_SetTopicAttributes.html"),
}
KEYS_OF_ALL = (  # global keys that every service sets; policy_sentry lists a service's own
    *("aws:sourceaccount", "aws:sourcearn", "aws:sourceorgid", "aws:sourcevpce", "aws:sourcevpc"),
    *("aws:principalaccount", "aws:principalarn", "aws:principalisawsservice", "aws:principalorgid"),
    *("aws:resourceaccount", "aws:securetransport", "aws:requestedregion", "aws:principaltag/*"),
)
OUTDATED = {  # what parliament says and newer data of AWS do not: issue and words -> why it is no finding
    ("RESOURCE_MISMATCH", "bedrock:"): "parliament wants every resource type of an action at once",
    ("RESOURCE_MISMATCH", "ec2:CreateNetworkInterface"): "the same: each statement names types of its own",
    ("RESOURCE_MISMATCH", "logs:DescribeLogGroups"): "log groups are resources of it since 2020",
    ("UNKNOWN_CONDITION_FOR_ACTION", "kms:ResourceAliases"): "policy_sentry lists the key for these actions",
}
AS_AWS_WRITES_IT = {  # a condition key that an action does not have, in a statement that AWS's own pages show
    ("kms:DescribeKey", "kms:EncryptionContext:aws:logs:arn"): (
        f"{API}AmazonCloudWatchLogs/latest/logs/encrypt-log-data-kms.html"
    ),
}


def documents(resource: Resource) -> Iterator[tuple[str, str]]:
    """The policy documents of a resource, each with its property."""
    for name in ("policy", "assumeRolePolicy"):
        text = resource.props.get(name)
        if isinstance(text, str) and '"Statement"' in text:
            yield name, text


def judged(resource: Resource) -> Iterator[Finding]:
    """What is wrong with the policy documents of one resource."""
    for name, text in documents(resource):
        for said in (*_size(resource.type, text), *_grammar(text), *_judged(text, resource.type in IDENTITY)):
            yield Finding("policies", resource.type, name, said)


def inline_together(resources: Sequence[Resource]) -> Iterator[Finding]:
    """The inline policies of a role have one limit together."""
    total: Counter[str] = Counter()
    for resource in resources:
        if resource.type == "aws:iam/rolePolicy:RolePolicy":
            total[resource.props["role"]] += sum(map(_characters, dict(documents(resource)).values()))
    limit = SIZES["aws:iam/rolePolicy:RolePolicy"]
    for role, count in total.items():
        if count > limit.characters:
            yield Finding(
                "policies", "aws:iam/rolePolicy:RolePolicy", "", f"{role}: {count} characters together"
            )


def _characters(text: str) -> int:
    return len("".join(text.split()))


def _size(type_: str, text: str) -> Iterator[str]:
    limit = SIZES[type_]
    count = _characters(text) if limit.address == QUOTAS else len(text)
    if count > limit.characters:
        yield f"{count} characters, at most {limit.characters} ({limit.address})"


def _grammar(text: str) -> Iterator[str]:
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_sid.html."""
    sids = [statement["Sid"] for statement in json.loads(text)["Statement"] if "Sid" in statement]
    yield from (f"Sid {sid} twice" for sid, count in Counter(sids).items() if count > 1)
    yield from (f"Sid {sid!r} is not alphanumeric" for sid in sids if not sid.isalnum())


@cache
def _judged(text: str, is_identity: bool) -> tuple[str, ...]:
    found = [*_parliament(text)] if is_identity else []
    for statement in json.loads(text)["Statement"]:
        for action in _list(statement.get("Action", statement.get("NotAction", ()))):
            found += _action(action, statement.get("Condition", {}))
    return tuple(found)


@cache
def _parliament_module() -> Any:
    """It asks pkg_resources, which setuptools no longer has, where two files of its own lie."""
    stand_in = ModuleType("pkg_resources")
    stand_in.resource_filename = lambda package, name: str(files(package) / name)  # type: ignore[attr-defined]
    sys.modules[stand_in.__name__] = stand_in
    try:
        with catch_warnings(action="ignore", category=ResourceWarning):  # it leaves both files open
            return import_module("parliament")
    finally:
        del sys.modules[stand_in.__name__]


def _parliament(text: str) -> Iterator[str]:
    for said in _parliament_module().analyze_policy_string(text).findings:
        where = json.dumps(said.location.get("string", ""))
        words = f"{said.detail} {where}"
        if not any(said.issue == issue and part in words for issue, part in OUTDATED):
            yield f"parliament: {said.issue} {words}"


def _action(action: str, conditions: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    if action == "*":
        return
    service = action.partition(":")[0]
    if not any(fnmatch(known, action.lower()) for known in _actions(service)):
        yield f"unknown action {action}"
    elif "*" not in action:
        keys = _condition_keys(action)
        for key in (key for table in conditions.values() for key in table):
            known_here = any(fnmatch(key.lower(), known) for known in (*keys, *KEYS_OF_ALL))
            if not known_here and (action, key) not in AS_AWS_WRITES_IT:
                yield f"condition key {key} is unknown to {action}"


@cache
def _actions(service: str) -> tuple[str, ...]:
    return tuple(action.lower() for action in get_actions_for_service(service))


@cache
def _condition_keys(action: str) -> frozenset[str]:
    service, _, name = action.partition(":")
    rows: Iterable[Mapping[str, Any]] = (get_action_data(service, name) or {}).get(service, ())
    return frozenset(_pattern(key.lower()) for row in rows for key in row.get("condition_keys") or ())


def _pattern(key: str) -> str:
    return key.partition("${")[0] + "*" if "${" in key else key


def _list(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list) else [value] if isinstance(value, str) else tuple(value)
