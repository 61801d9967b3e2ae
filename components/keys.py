"""The customer-managed keys of a stack: data, logs, secrets and, where nodes run, ebs.

Not here: use of the keys by roles (their own policies name the keys by alias, see iam.key_use).
"""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components import iam
from components.names import Names

_ENVELOPE = ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"]


@dataclass(frozen=True, kw_only=True, slots=True)
class KeysArgs:
    names: Names
    purposes: tuple[str, ...]  # of data, logs, secrets, ebs
    keep: bool  # production: keys outlive the stack because retained logs and snapshots need them


class Keys(pulumi.ComponentResource):
    """`arns[purpose]` are outputs; policies use the aliases, which are plain strings."""

    arns: dict[str, pulumi.Output[str]]
    aliases: dict[str, aws.kms.Alias]

    def __init__(self, name: str, args: KeysArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("inferplan:index:Keys", name, None, opts)
        self.arns, self.aliases = {}, {}
        for purpose in args.purposes:
            key = aws.kms.Key(
                f"{name}-{purpose}",
                description=f"inferplan {args.names.stack}: {purpose}",
                policy=key_policy(args.names, purpose),
                enable_key_rotation=True,
                multi_region=False,
                deletion_window_in_days=30,
                opts=pulumi.ResourceOptions(parent=self, retain_on_delete=args.keep),
            )
            self.aliases[purpose] = aws.kms.Alias(
                f"{name}-{purpose}-alias",
                name=args.names.key_alias(purpose),
                target_key_id=key.key_id,
                opts=pulumi.ResourceOptions(parent=self),
            )
            self.arns[purpose] = key.arn
        self.register_outputs({"arns": self.arns})


def key_policy(names: Names, purpose: str) -> str:
    """The resource policy of one key; `Resource: *` means this key."""
    return iam.policy([_administration(names), *_USES.get(purpose, lambda _: [])(names)])


def _administration(names: Names) -> iam.Statement:
    """Without the account's root IAM policies would not count, and nobody could repair the key."""
    return {
        "Sid": "Account",
        "Effect": "Allow",
        "Principal": {"AWS": names.account_root_arn()},
        "Action": "kms:*",
        "Resource": "*",
    }


def _logs(names: Names) -> list[iam.Statement]:
    """Log groups, and the alarms' topic: the AWS-managed SNS key would drop them silently (field-notes 8)."""
    return [
        {
            "Sid": "LogGroups",
            "Effect": "Allow",
            "Principal": {"Service": names.principal(f"logs.{names.target.region}")},
            "Action": _ENVELOPE,
            "Resource": "*",
            "Condition": {"ArnLike": {"kms:EncryptionContext:aws:logs:arn": names.log_group_arn("*")}},
        },
        {
            "Sid": "AlarmTopics",
            "Effect": "Allow",
            "Principal": {
                "Service": [names.principal(service) for service in ("budgets", "cloudwatch", "costalerts")]
            },
            "Action": ["kms:Decrypt", "kms:GenerateDataKey*"],
            "Resource": "*",
            "Condition": {"StringEquals": {"aws:SourceAccount": names.target.account}},
        },
    ]


def _ebs(names: Names) -> list[iam.Statement]:
    """Node volumes are made by the Auto Scaling service-linked role, which may not exist yet.

    A policy that names a missing principal is refused, so the role is matched by condition (field-notes 8).
    """
    role = names.arn(
        "iam",
        f"role/aws-service-role/{names.principal('autoscaling')}/AWSServiceRoleForAutoScaling",
        regional=False,
    )
    same_role = {"kms:CallerAccount": names.target.account, "aws:PrincipalArn": role}
    return [
        {
            "Sid": "NodeVolumes",
            "Effect": "Allow",
            "Principal": {"AWS": "*"},
            "Action": _ENVELOPE,
            "Resource": "*",
            "Condition": {"StringEquals": same_role},
        },
        {
            "Sid": "NodeVolumeGrants",
            "Effect": "Allow",
            "Principal": {"AWS": "*"},
            "Action": "kms:CreateGrant",
            "Resource": "*",
            "Condition": {"StringEquals": same_role, "Bool": {"kms:GrantIsForAWSResource": "true"}},
        },
    ]


_USES = {"logs": _logs, "ebs": _ebs}
