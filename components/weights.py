"""A private bucket that is written once: versions, governance lock, own key, TLS only. It holds the weights.

Not here: filling it (the mirror verb, which checks every file's hash) and who may read it (the roles).
"""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.names import Names
from components.private_bucket import close


@dataclass(frozen=True, kw_only=True, slots=True)
class WeightsArgs:
    names: Names
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
        versions = close(
            name,
            bucket,
            names=args.names,
            bucket_name=args.bucket,
            kms_key_arn=args.kms_key_arn,
            opts=child,
        ).versions
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
        self.register_outputs({"bucket": args.bucket})
