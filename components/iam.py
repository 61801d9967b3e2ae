"""IAM policy documents as plain strings, so that rules can read them at the first preview.

Not here: names and ARNs (names) and what a role or resource may do (the component that owns it says so).
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from components.names import Names

Statement = dict[str, Any]

# Services that say for which account they take a role (their user guides recommend to ask for it).
_SAY_THE_ACCOUNT = ("budgets", "codebuild", "ecs-tasks", "vpc-flow-logs")


def policy(statements: Iterable[Statement]) -> str:
    """A policy document, of an identity or of a resource."""
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def trust(
    names: Names, service: str, *, sid: str = "Service", actions: tuple[str, ...] = ("sts:AssumeRole",)
) -> str:
    """A trust policy for one service principal, limited to the own account where the service says so."""
    limit = {"Condition": {"StringEquals": {"aws:SourceAccount": names.target.account}}}
    return policy(
        [
            {
                "Sid": sid,
                "Effect": "Allow",
                "Principal": {"Service": names.principal(service)},
                "Action": list(actions),
                **(limit if service in _SAY_THE_ACCOUNT else {}),
            }
        ]
    )


def pod_identity_trust(names: Names) -> str:
    """What EKS Pod Identity needs to hand a role to pods."""
    return trust(names, "pods.eks", sid="PodIdentity", actions=("sts:AssumeRole", "sts:TagSession"))


def key_use(names: Names, purpose: str, actions: tuple[str, ...] = ("kms:Decrypt",)) -> Statement:
    """Use of one key of the stack, named by its alias because key ids only exist after deployment."""
    return {
        "Sid": f"Key{purpose.capitalize()}",
        "Effect": "Allow",
        "Action": list(actions),
        "Resource": names.arn("kms", "key/*"),
        "Condition": {"ForAnyValue:StringEquals": {"kms:ResourceAliases": names.key_alias(purpose)}},
    }
