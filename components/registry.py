"""The account's own container registry for one stack: immutable tags, scanned on push, own key.

Not here: filling it (the mirror verb copies images by digest between the two layers).
"""

from __future__ import annotations

import json
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from inferplan.records.plan import Image

# Pods pull by digest from tagged images; what has lost its tag is a replaced pin.
_LIFECYCLE = json.dumps(
    {
        "rules": [
            {
                "rulePriority": 1,
                "description": "Replaced images",
                "selection": {
                    "tagStatus": "untagged",
                    "countType": "sinceImagePushed",
                    "countUnit": "days",
                    "countNumber": 90,
                },
                "action": {"type": "expire"},
            }
        ]
    }
)


@dataclass(frozen=True, kw_only=True, slots=True)
class RegistryArgs:
    images: tuple[Image, ...]
    kms_key_arn: pulumi.Input[str]
    keep: bool  # production: destroy refuses to delete a repository that still holds images


class Registry(pulumi.ComponentResource):
    """`repositories` by image name."""

    repositories: dict[str, aws.ecr.Repository]

    def __init__(self, name: str, args: RegistryArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("inferplan:index:Registry", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        self.repositories = {}
        for image in args.images:
            repository = aws.ecr.Repository(
                f"{name}-{image.name}",
                name=image.repository,
                image_tag_mutability="IMMUTABLE",
                image_scanning_configuration=aws.ecr.RepositoryImageScanningConfigurationArgs(
                    scan_on_push=True
                ),
                encryption_configurations=[
                    aws.ecr.RepositoryEncryptionConfigurationArgs(
                        encryption_type="KMS", kms_key=args.kms_key_arn
                    )
                ],
                force_delete=not args.keep,
                opts=child,
            )
            aws.ecr.LifecyclePolicy(
                f"{name}-{image.name}-lifecycle",
                repository=image.repository,
                policy=_LIFECYCLE,
                opts=pulumi.ResourceOptions(parent=self, depends_on=[repository]),
            )
            self.repositories[image.name] = repository
        self.register_outputs({"urls": {key: made.repository_url for key, made in self.repositories.items()}})
