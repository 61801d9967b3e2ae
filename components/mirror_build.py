"""The CodeBuild project that fills registry and bucket, with a role that may do this and nothing else.

Not here: starting it and what it runs (the verb mirror), and how large it is (the plan).
"""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components import build_project, iam
from components.names import Names
from inferplan.records.plan import Image, Mirror

# Its Go and Python: al/x86_64/standard/6.0/runtimes.yml of aws/aws-codebuild-docker-images.
BUILD_IMAGE = "aws/codebuild/amazonlinux-x86_64-standard:6.0"
QUEUED_MINUTES = 60  # CodeBuild gives up on a build that no machine takes
ROLE = "mirror"
WRITTEN = ("models", "records")  # prefixes of the bucket; adapters lie below models
# A build is told the digests of its order and of the program; it runs neither before it has checked them.
BUILDSPEC = """version: 0.2
env:
  shell: bash
phases:
  install:
    runtime-versions:
      golang: 1.26
      python: 3.13
    commands:
      - aws s3 cp --only-show-errors "s3://$INFERPLAN_BUCKET/orders/$INFERPLAN_WORKER.zip" worker.zip
      - echo "$INFERPLAN_WORKER  worker.zip" | sha256sum --check --quiet
      - python -m zipfile -e worker.zip worker
      - python -m pip install --quiet --require-hashes --requirement worker/requirements.txt
      - (cd worker && go build -mod=readonly -o crane github.com/google/go-containerregistry/cmd/crane)
  build:
    commands:
      - python worker
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class MirrorBuildArgs:
    names: Names
    mirror: Mirror
    images: tuple[Image, ...]
    log_group: aws.cloudwatch.LogGroup
    log_group_name: str
    data_key_arn: pulumi.Input[str]


class MirrorBuild(pulumi.ComponentResource):
    """Outside every VPC, because it is what reads from the internet; nothing of the stack can reach it."""

    def __init__(self, name: str, args: MirrorBuildArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("inferplan:index:MirrorBuild", name, None, opts)
        names, mirror = args.names, args.mirror
        role = build_project.role(name, names, ROLE, policy(args), self)
        aws.codebuild.Project(
            f"{name}-project",
            name=mirror.project,
            description=f"Brings images and weights for {names.stack}; started by inferplan mirror",
            service_role=role.arn,
            build_timeout=mirror.timeout_minutes,
            queued_timeout=QUEUED_MINUTES,
            encryption_key=args.data_key_arn,
            source=aws.codebuild.ProjectSourceArgs(type="NO_SOURCE", buildspec=BUILDSPEC),
            artifacts=build_project.NO_ARTIFACTS,
            environment=build_project.environment(
                BUILD_IMAGE, mirror.compute_type, {"INFERPLAN_BUCKET": mirror.bucket}, pulled_by="CODEBUILD"
            ),
            logs_config=build_project.logs(args.log_group_name),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[role, args.log_group]),
        )
        self.register_outputs({"project": mirror.project})


def policy(args: MirrorBuildArgs) -> str:
    """Write what it brings, read what it is told to, and nothing that the stack keeps."""
    names, mirror = args.names, args.mirror
    bucket, group = names.bucket_arn(mirror.bucket), names.log_group_arn(args.log_group_name)
    repositories = [names.arn("ecr", f"repository/{image.repository}") for image in args.images]
    stores = [f"{names.bucket_arn(store)}*" for store in mirror.stores]
    secrets = [names.secret_arn(secret) for secret in mirror.token_secrets.values()]
    statements: list[iam.Statement] = [
        {
            "Sid": "Write",
            "Effect": "Allow",
            "Action": ["s3:AbortMultipartUpload", "s3:PutObject"],
            "Resource": [f"{bucket}/{prefix}/*" for prefix in WRITTEN],
        },
        {
            "Sid": "ReadOrdersAndOwnWork",
            "Effect": "Allow",
            "Action": "s3:GetObject",
            "Resource": [f"{bucket}/{prefix}/*" for prefix in ("models", "orders")],
        },
        {"Sid": "Find", "Effect": "Allow", "Action": "s3:ListBucket", "Resource": bucket},
        iam.key_use(names, "data", ("kms:Decrypt", "kms:GenerateDataKey")),
        build_project.SIGN_IN,
        {
            "Sid": "Push",
            "Effect": "Allow",
            "Action": [
                "ecr:BatchCheckLayerAvailability",
                "ecr:BatchGetImage",
                "ecr:CompleteLayerUpload",
                "ecr:InitiateLayerUpload",
                "ecr:PutImage",
                "ecr:UploadLayerPart",
            ],
            "Resource": repositories,
        },
        build_project.tell(group),
        {
            "Sid": "Tokens",
            "Effect": "Allow",
            "Action": "secretsmanager:GetSecretValue",
            "Resource": secrets,
        },
        iam.key_use(names, "secrets"),
    ]
    if stores:
        statements.append({"Sid": "Stores", "Effect": "Allow", "Action": "s3:GetObject", "Resource": stores})
    return iam.policy(statements)
