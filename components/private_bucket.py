"""What every bucket of a stack has: one owner, no public access, an own key, versions, TLS, own account only.

Not here: the buckets (weights, gateway.config_bucket) and what only one of them needs.
"""

from __future__ import annotations

from typing import NamedTuple

import pulumi
import pulumi_aws as aws

from components import iam
from components.names import Names


class Closed(NamedTuple):
    """Depend on `encryption` to write, and on `versions` for what needs versioning."""

    encryption: pulumi.Resource
    versions: pulumi.Resource


def close(
    name: str,
    bucket: aws.s3.Bucket,
    *,
    names: Names,
    bucket_name: str,
    kms_key_arn: pulumi.Input[str],
    opts: pulumi.ResourceOptions,
) -> Closed:
    """Close a bucket; `bucket_name` is its fixed name, so that the policy is plain text at preview."""
    aws.s3.BucketOwnershipControls(
        f"{name}-ownership",
        bucket=bucket.id,
        rule=aws.s3.BucketOwnershipControlsRuleArgs(object_ownership="BucketOwnerEnforced"),
        opts=opts,
    )
    aws.s3.BucketPublicAccessBlock(
        f"{name}-public-access",
        bucket=bucket.id,
        block_public_acls=True,
        block_public_policy=True,
        ignore_public_acls=True,
        restrict_public_buckets=True,
        opts=opts,
    )
    by_default = aws.s3.BucketServerSideEncryptionConfigurationRuleApplyServerSideEncryptionByDefaultArgs(
        sse_algorithm="aws:kms", kms_master_key_id=kms_key_arn
    )
    rule = aws.s3.BucketServerSideEncryptionConfigurationRuleArgs(
        apply_server_side_encryption_by_default=by_default, bucket_key_enabled=True
    )
    encryption = aws.s3.BucketServerSideEncryptionConfiguration(
        f"{name}-encryption", bucket=bucket.id, rules=[rule], opts=opts
    )
    versions = aws.s3.BucketVersioning(
        f"{name}-versions",
        bucket=bucket.id,
        versioning_configuration=aws.s3.BucketVersioningVersioningConfigurationArgs(status="Enabled"),
        opts=opts,
    )
    aws.s3.BucketPolicy(f"{name}-policy", bucket=bucket.id, policy=_policy(names, bucket_name), opts=opts)
    return Closed(encryption, versions)


def _policy(names: Names, bucket: str) -> str:
    arn = names.bucket_arn(bucket)
    everyone = {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": [arn, f"{arn}/*"]}
    not_ours = {
        "StringNotEquals": {"aws:PrincipalAccount": names.target.account},
        "Bool": {"aws:PrincipalIsAWSService": "false"},
    }
    return iam.policy(
        [
            {"Sid": "TlsOnly", **everyone, "Condition": {"Bool": {"aws:SecureTransport": "false"}}},
            {"Sid": "OwnAccountOnly", **everyone, "Condition": not_ours},
        ]
    )
