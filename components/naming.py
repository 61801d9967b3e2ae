"""Fixed names and ARNs as plain strings, so that policy documents are whole at the first preview.

Not here: which resources exist (the components) and what may refer to what (their policies).
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from inferplan.records.plan import Image, Plan, Target

Statement = dict[str, Any]

# Services that say for which account they take a role (their user guides recommend to ask for it).
_SAY_THE_ACCOUNT = ("budgets", "ecs-tasks", "vpc-flow-logs")


def arn(target: Target, service: str, resource: str, *, regional: bool = True, owned: bool = True) -> str:
    """An ARN in the target's partition; `regional` and `owned`: whether it holds Region and account."""
    region = target.region if regional else ""
    account = target.account if owned else ""
    return f"arn:{target.partition}:{service}:{region}:{account}:{resource}"


def aws_policy_arn(target: Target, name: str) -> str:
    """An AWS managed policy, such as `AmazonEKSClusterPolicy`."""
    return f"arn:{target.partition}:iam::aws:policy/{name}"


def principal(target: Target, service: str) -> str:
    """A service principal, such as `eks` or `logs.eu-central-1`."""
    return f"{service}.{target.dns_suffix}"


def role_name(plan: Plan, purpose: str) -> str:
    """An IAM role of the stack; `purpose` has at most 13 characters (IAM allows 64 in all)."""
    return f"inferplan-{plan.name}-{purpose}"


def role_arn(plan: Plan, purpose: str) -> str:
    return arn(plan.target, "iam", f"role/{role_name(plan, purpose)}", regional=False)


def root_arn(target: Target) -> str:
    return arn(target, "iam", "root", regional=False)


def key_alias(plan: Plan, purpose: str) -> str:
    """The alias of a key: data, logs, secrets or ebs."""
    return f"alias/inferplan/{plan.name}/{purpose}"


def bucket_arn(target: Target, bucket: str) -> str:
    return arn(target, "s3", bucket, regional=False, owned=False)


def secret_arn_pattern(plan: Plan) -> str:
    """All secrets of the stack; Secrets Manager appends six random characters to each ARN."""
    return arn(plan.target, "secretsmanager", f"secret:inferplan/{plan.name}/*")


def log_group(plan: Plan, purpose: str) -> str:
    return f"/inferplan/{plan.name}/{purpose}"


def delivered_log_group(plan: Plan, purpose: str) -> str:
    """A group that AWS services deliver to; the prefix keeps the account's log resource policy small."""
    return f"/aws/vendedlogs/inferplan/{plan.name}/{purpose}"


def log_group_arn(target: Target, name: str) -> str:
    return arn(target, "logs", f"log-group:{name}")


def cluster_arn(target: Target, cluster_name: str) -> str:
    return arn(target, "eks", f"cluster/{cluster_name}")


def registry(target: Target) -> str:
    """The account's own container registry in the Region."""
    return f"{target.account}.dkr.ecr.{target.region}.{target.dns_suffix}"


def gateway_namespace(namespace: str) -> str:
    """The namespace of the gateway when it runs in the cluster, beside the model servers' `namespace`."""
    return f"{namespace}-gateway"


def images(plan: Plan) -> tuple[Image, ...]:
    """Every image the stack pulls, once per repository."""
    gateway = (plan.gateway.image, *(sidecar.image for sidecar in plan.gateway.sidecars))
    every = (*(server.image for server in plan.servers), *gateway, *plan.images)
    return tuple({image.repository: image for image in every}.values())


def is_production(plan: Plan) -> bool:
    return plan.target.environment == "production"


def policy(statements: Iterable[Statement]) -> str:
    """An IAM policy document."""
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def trust(
    target: Target, service: str, *, sid: str = "Service", actions: tuple[str, ...] = ("sts:AssumeRole",)
) -> str:
    """A trust policy for one service principal, limited to the own account where the service says so."""
    limit = {"Condition": {"StringEquals": {"aws:SourceAccount": target.account}}}
    return policy(
        [
            {
                "Sid": sid,
                "Effect": "Allow",
                "Principal": {"Service": principal(target, service)},
                "Action": list(actions),
                **(limit if service in _SAY_THE_ACCOUNT else {}),
            }
        ]
    )


def pod_identity_trust(target: Target) -> str:
    """What EKS Pod Identity needs to hand a role to pods."""
    return trust(target, "pods.eks", sid="PodIdentity", actions=("sts:AssumeRole", "sts:TagSession"))


def key_use(plan: Plan, purpose: str, actions: tuple[str, ...] = ("kms:Decrypt",)) -> Statement:
    """Use of one key of the stack, named by its alias because key ids only exist after deployment."""
    return {
        "Sid": f"Key{purpose.capitalize()}",
        "Effect": "Allow",
        "Action": list(actions),
        "Resource": arn(plan.target, "kms", "key/*"),
        "Condition": {"ForAnyValue:StringEquals": {"kms:ResourceAliases": key_alias(plan, purpose)}},
    }
