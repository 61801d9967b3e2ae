"""The CodeBuild project inside the VPC that deploys the workload layer, with a role that may do this alone.

Not here: its security group (runner_access), who may start it, and what its image holds (docs/how-to).
"""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components import build_project, cluster_admin, iam
from components.names import Names
from components.runner_access import ROLE
from inferplan.records.plan import Runner

PROJECT = "inferplan"  # the name in Pulumi.yaml, by which the state is kept
ENVIRONMENT = "/opt/inferplan/.venv"  # in the image: what requirements.txt lists
QUEUED_MINUTES = 60  # CodeBuild gives up on a build that no machine takes
# What a build does is what its caller says; without a word it changes nothing.
BUILDSPEC = f"""version: 0.2
env:
  shell: bash
phases:
  build:
    commands:
      - export PYTHONPATH="$PWD${{PYTHONPATH:+:$PYTHONPATH}}"
      - ln -sfn {ENVIRONMENT} .venv
      - pulumi login --non-interactive "$INFERPLAN_STATE"
      - >-
        pulumi stack select --non-interactive --create --secrets-provider "$INFERPLAN_SECRETS"
        "$INFERPLAN_STACK"
      - pulumi config set inferplan:layer workload
      - pulumi config set inferplan:spec "$INFERPLAN_SPEC"
      - packs="--policy-pack policies/sovereignty --policy-pack policies/governance"
      - >-
        case "$INFERPLAN_DO" in
        preview) pulumi preview --non-interactive $packs ;;
        up) pulumi up --non-interactive --yes $packs ;;
        destroy) pulumi destroy --non-interactive --yes ;;
        *) echo "INFERPLAN_DO is preview, up or destroy, not $INFERPLAN_DO" >&2; exit 2 ;;
        esac
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class RunnerBuildArgs:
    """`state_bucket` holds the state and the source; `after` has the cluster, which admits the role."""

    names: Names
    runner: Runner
    state_bucket: str
    cluster_name: str
    vpc_id: pulumi.Input[str]
    subnet_ids: list[pulumi.Output[str]]
    security_group_id: pulumi.Input[str]
    log_group: aws.cloudwatch.LogGroup
    log_group_name: str
    data_key_arn: pulumi.Input[str]
    after: tuple[pulumi.Resource, ...]


class RunnerBuild(pulumi.ComponentResource):
    """One build at a time: two would wait for each other's lock on the state."""

    def __init__(self, name: str, args: RunnerBuildArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("inferplan:index:RunnerBuild", name, None, opts)
        names, runner = args.names, args.runner
        role = build_project.role(name, names, ROLE, policy(args), self)
        # The workload has roles of its own for the cluster, which only an administrator may make.
        cluster_admin.admit(
            f"{name}-access",
            cluster_name=args.cluster_name,
            principal_arn=names.role_arn(ROLE),
            partition=names.target.partition,
            parent=self,
            after=[role, *args.after],
        )
        said = {
            "INFERPLAN_DO": "preview",
            "INFERPLAN_SECRETS": runner.secrets_provider,
            "INFERPLAN_SPEC": f"specs/{names.stack}.yaml",
            "INFERPLAN_STACK": f"{names.stack}.workload",
            "INFERPLAN_STATE": runner.state_url,
        }
        aws.codebuild.Project(
            f"{name}-project",
            name=runner.project,
            description=f"Deploys the workload of {names.stack} from inside its VPC",
            service_role=role.arn,
            build_timeout=runner.timeout_minutes,
            queued_timeout=QUEUED_MINUTES,
            concurrent_build_limit=1,
            encryption_key=args.data_key_arn,
            source=aws.codebuild.ProjectSourceArgs(
                type="S3", location=f"{args.state_bucket}/{runner.source_key}", buildspec=BUILDSPEC
            ),
            artifacts=build_project.NO_ARTIFACTS,
            environment=build_project.environment(
                runner.image.reference(names.registry()), runner.compute_type, said, pulled_by="SERVICE_ROLE"
            ),
            vpc_config=aws.codebuild.ProjectVpcConfigArgs(
                vpc_id=args.vpc_id, subnets=args.subnet_ids, security_group_ids=[args.security_group_id]
            ),
            logs_config=build_project.logs(args.log_group_name),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[role, args.log_group]),
        )
        self.register_outputs({"project": runner.project})


def policy(args: RunnerBuildArgs) -> str:
    """The own layer's state and key, the own image and log, and a network interface to stand in the VPC."""
    names = args.names
    bucket, group = names.bucket_arn(args.state_bucket), names.log_group_arn(args.log_group_name)
    prefix = _prefix(args.runner.state_url)
    kept = [f"{bucket}/{prefix}.pulumi/{path}" for path in _own_state(names.stack)]
    interfaces = names.arn("ec2", "network-interface/*")
    statements: list[iam.Statement] = [
        {
            "Sid": "FindState",
            "Effect": "Allow",
            "Action": ["s3:GetBucketLocation", "s3:ListBucket"],
            "Resource": bucket,
        },
        {
            "Sid": "ReadSourceAndFoundation",
            "Effect": "Allow",
            "Action": ["s3:GetObject", "s3:GetObjectVersion"],
            "Resource": [
                f"{bucket}/{args.runner.source_key}",
                f"{bucket}/{prefix}.pulumi/meta.yaml",
                f"{bucket}/{prefix}.pulumi/stacks/{PROJECT}/{names.stack}.foundation.*",
            ],
        },
        {
            "Sid": "KeepOwnState",
            "Effect": "Allow",
            "Action": ["s3:DeleteObject", "s3:GetObject", "s3:PutObject"],
            "Resource": kept,
        },
        {
            "Sid": "StateKey",
            "Effect": "Allow",
            "Action": ["kms:Decrypt", "kms:Encrypt"],
            "Resource": names.arn("kms", "key/*"),
            "Condition": {"ForAnyValue:StringEquals": {"kms:ResourceAliases": args.runner.state_key}},
        },
        {
            # Whichever key the bucket is encrypted with: only through S3, and only for this bucket.
            "Sid": "BucketKey",
            "Effect": "Allow",
            "Action": ["kms:Decrypt", "kms:GenerateDataKey"],
            "Resource": names.arn("kms", "key/*"),
            "Condition": {
                "StringEquals": {"kms:ViaService": names.principal(f"s3.{names.target.region}")},
                "StringLike": {"kms:EncryptionContext:aws:s3:arn": [bucket, f"{bucket}/*"]},
            },
        },
        build_project.SIGN_IN,
        {
            "Sid": "PullOwnImage",
            "Effect": "Allow",
            "Action": ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
            "Resource": names.arn("ecr", f"repository/{args.runner.image.repository}"),
        },
        build_project.tell(group),
        {
            "Sid": "SeeNetwork",
            "Effect": "Allow",
            "Action": [
                "ec2:DescribeDhcpOptions",
                "ec2:DescribeNetworkInterfaces",
                "ec2:DescribeSecurityGroups",
                "ec2:DescribeSubnets",
                "ec2:DescribeVpcs",
            ],
            "Resource": "*",  # none of them has a resource
        },
        {
            "Sid": "StandInOwnNetwork",
            "Effect": "Allow",
            "Action": "ec2:CreateNetworkInterface",
            "Resource": [names.arn("ec2", "subnet/*"), names.arn("ec2", "security-group/*")],
            "Condition": {"StringEquals": {"aws:ResourceTag/inferplan:stack": names.stack}},
        },
        {
            "Sid": "Interface",
            "Effect": "Allow",
            "Action": ["ec2:CreateNetworkInterface", "ec2:DeleteNetworkInterface"],
            "Resource": interfaces,
        },
        {
            "Sid": "LendInterface",
            "Effect": "Allow",
            "Action": "ec2:CreateNetworkInterfacePermission",
            "Resource": interfaces,
            "Condition": {"StringEquals": {"ec2:AuthorizedService": names.principal("codebuild")}},
        },
    ]
    return iam.policy(statements)


def _own_state(stack: str) -> tuple[str, ...]:
    """Where Pulumi keeps what it knows of the workload layer, below `.pulumi/`."""
    own = f"{PROJECT}/{stack}.workload"
    return (
        f"stacks/{own}.*",
        f"history/{own}/*",
        f"backups/{own}/*",
        f"locks/organization/{own}/*",
    )


def _prefix(url: str) -> str:
    """The folder in the bucket that a state's address names, with its closing slash, or nothing."""
    path = url.partition("://")[2].partition("?")[0].partition("/")[2].strip("/")
    return f"{path}/" if path else ""
