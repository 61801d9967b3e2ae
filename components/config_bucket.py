"""A private, versioned, encrypted bucket for the gateway's configuration; it holds no secret and no payload.

Not here: the objects (gateway_service).
"""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components import naming
from inferplan.plan.model import Target


@dataclass(frozen=True, kw_only=True, slots=True)
class ConfigBucketArgs:
    target: Target
    bucket: str
    kms_key_arn: pulumi.Input[str]


class ConfigBucket(pulumi.ComponentResource):
    """`bucket` is the fixed name; depend on `ready` to write."""

    bucket: str
    ready: pulumi.Resource

    def __init__(self, name: str, args: ConfigBucketArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("inferplan:index:ConfigBucket", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        self.bucket = args.bucket
        # Everything in it is written by this program, so a destroy may empty it.
        bucket = aws.s3.Bucket(f"{name}-bucket", bucket=args.bucket, force_destroy=True, opts=child)
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
        default_key = (
            aws.s3.BucketServerSideEncryptionConfigurationRuleApplyServerSideEncryptionByDefaultArgs(
                sse_algorithm="aws:kms", kms_master_key_id=args.kms_key_arn
            )
        )
        self.ready = aws.s3.BucketServerSideEncryptionConfiguration(
            f"{name}-encryption",
            bucket=bucket.id,
            rules=[
                aws.s3.BucketServerSideEncryptionConfigurationRuleArgs(
                    apply_server_side_encryption_by_default=default_key, bucket_key_enabled=True
                )
            ],
            opts=child,
        )
        aws.s3.BucketVersioning(
            f"{name}-versions",
            bucket=bucket.id,
            versioning_configuration=aws.s3.BucketVersioningVersioningConfigurationArgs(status="Enabled"),
            opts=child,
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
            }
        ]
    )
