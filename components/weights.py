"""A private bucket that is written once: versions, governance lock, own key, TLS only. It holds the weights.

Not here: filling it (the mirror verb, which checks every file's hash) and who may read it (the roles).
"""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components import naming
from inferplan.plan.model import Target


@dataclass(frozen=True, kw_only=True, slots=True)
class WeightsArgs:
    target: Target
    bucket: str
    kms_key_arn: pulumi.Input[str]
    lock_days: int  # how long a mirrored file cannot be replaced or deleted without the bypass permission
    keep: bool  # production: destroy leaves bucket and files


class Weights(pulumi.ComponentResource):
    """`bucket` is the fixed name as a plain string; depend on `ready` to write."""

    bucket: str
    ready: pulumi.Resource

    def __init__(self, name: str, args: WeightsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("inferplan:index:Weights", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        self.bucket = args.bucket
        bucket = aws.s3.Bucket(
            f"{name}-bucket",
            bucket=args.bucket,
            object_lock_enabled=True,
            force_destroy=not args.keep,
            opts=pulumi.ResourceOptions(parent=self, retain_on_delete=args.keep),
        )
        aws.s3.BucketOwnershipControls(
            f"{name}-ownership",
            bucket=bucket.id,
            rule=aws.s3.BucketOwnershipControlsRuleArgs(object_ownership="BucketOwnerEnforced"),
            opts=child,
        )
        aws.s3.BucketPublicAccessBlock(
            f"{name}-public-access",
            bucket=bucket.id,
            block_public_acls=True,
            block_public_policy=True,
            ignore_public_acls=True,
            restrict_public_buckets=True,
            opts=child,
        )
        aws.s3.BucketServerSideEncryptionConfiguration(
            f"{name}-encryption",
            bucket=bucket.id,
            rules=[
                aws.s3.BucketServerSideEncryptionConfigurationRuleArgs(
                    apply_server_side_encryption_by_default=aws.s3.BucketServerSideEncryptionConfigurationRuleApplyServerSideEncryptionByDefaultArgs(
                        sse_algorithm="aws:kms", kms_master_key_id=args.kms_key_arn
                    ),
                    bucket_key_enabled=True,
                )
            ],
            opts=child,
        )
        versions = aws.s3.BucketVersioning(
            f"{name}-versions",
            bucket=bucket.id,
            versioning_configuration=aws.s3.BucketVersioningVersioningConfigurationArgs(status="Enabled"),
            opts=child,
        )
        self.ready = aws.s3.BucketObjectLockConfiguration(
            f"{name}-lock",
            bucket=bucket.id,
            object_lock_enabled="Enabled",
            rule=aws.s3.BucketObjectLockConfigurationRuleArgs(
                default_retention=aws.s3.BucketObjectLockConfigurationRuleDefaultRetentionArgs(
                    mode="GOVERNANCE", days=args.lock_days
                )
            ),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[versions]),
        )
        aws.s3.BucketLifecycleConfiguration(
            f"{name}-lifecycle",
            bucket=bucket.id,
            rules=[
                aws.s3.BucketLifecycleConfigurationRuleArgs(
                    id="unfinished-uploads",
                    status="Enabled",
                    filter=aws.s3.BucketLifecycleConfigurationRuleFilterArgs(prefix=""),
                    abort_incomplete_multipart_upload=aws.s3.BucketLifecycleConfigurationRuleAbortIncompleteMultipartUploadArgs(
                        days_after_initiation=7
                    ),
                )
            ],
            opts=pulumi.ResourceOptions(parent=self, depends_on=[versions]),
        )
        aws.s3.BucketPolicy(
            f"{name}-policy", bucket=bucket.id, policy=_tls_only(args.target, args.bucket), opts=child
        )
        self.register_outputs({"bucket": args.bucket})


def _tls_only(target: Target, bucket: str) -> str:
    arn = naming.bucket_arn(target, bucket)
    return naming.policy(
        [
            {
                "Sid": "TlsOnly",
                "Effect": "Deny",
                "Principal": "*",
                "Action": "s3:*",
                "Resource": [arn, f"{arn}/*"],
                "Condition": {"Bool": {"aws:SecureTransport": "false"}},
            },
            {
                "Sid": "OwnAccountOnly",
                "Effect": "Deny",
                "Principal": "*",
                "Action": "s3:*",
                "Resource": [arn, f"{arn}/*"],
                "Condition": {
                    "StringNotEquals": {"aws:PrincipalAccount": target.account},
                    "Bool": {"aws:PrincipalIsAWSService": "false"},
                },
            },
        ]
    )
