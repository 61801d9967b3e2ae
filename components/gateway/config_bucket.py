"""A private, versioned, encrypted bucket for the gateway's configuration; it holds no secret and no payload.

Not here: the objects (service).
"""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.names import Names
from components.private_bucket import close


@dataclass(frozen=True, kw_only=True, slots=True)
class ConfigBucketArgs:
    names: Names
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
        self.ready = close(
            name,
            bucket,
            names=args.names,
            bucket_name=args.bucket,
            kms_key_arn=args.kms_key_arn,
            opts=child,
        ).encryption
        self.register_outputs({"bucket": args.bucket})
