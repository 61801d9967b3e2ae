"""What every CodeBuild project of a stack has in common: a plain container, logs in the Region, no artifacts.

Not here: what a build does, what it may do and where it stands (mirror_build, runner_build).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import pulumi
import pulumi_aws as aws

from components import iam
from components.names import Names
from components.role import Role, RoleArgs

# Both builds use images of the account's registry.
SIGN_IN: iam.Statement = {
    "Sid": "SignIn",
    "Effect": "Allow",
    "Action": "ecr:GetAuthorizationToken",
    "Resource": "*",  # the action has no resource
}
NO_ARTIFACTS = aws.codebuild.ProjectArtifactsArgs(type="NO_ARTIFACTS")


def environment(
    image: str,
    compute_type: str,
    variables: Mapping[str, str],
    *,
    pulled_by: Literal["CODEBUILD", "SERVICE_ROLE"],
) -> aws.codebuild.ProjectEnvironmentArgs:
    """An unprivileged Linux container; `pulled_by` says whose right it is to pull its image."""
    return aws.codebuild.ProjectEnvironmentArgs(
        type="LINUX_CONTAINER",
        image=image,
        image_pull_credentials_type=pulled_by,
        compute_type=compute_type,
        privileged_mode=False,
        environment_variables=[
            aws.codebuild.ProjectEnvironmentEnvironmentVariableArgs(name=key, value=value)
            for key, value in variables.items()
        ],
    )


def logs(group_name: str) -> aws.codebuild.ProjectLogsConfigArgs:
    """Into a log group of the stack's, and into no bucket."""
    return aws.codebuild.ProjectLogsConfigArgs(
        cloudwatch_logs=aws.codebuild.ProjectLogsConfigCloudwatchLogsArgs(
            status="ENABLED", group_name=group_name
        ),
        s3_logs=aws.codebuild.ProjectLogsConfigS3LogsArgs(status="DISABLED"),
    )


def tell(group_arn: str) -> iam.Statement:
    """To write into that log group."""
    return {
        "Sid": "Tell",
        "Effect": "Allow",
        "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
        "Resource": [group_arn, f"{group_arn}:*"],
    }


def role(name: str, names: Names, role_name: str, policy: str, parent: pulumi.Resource) -> Role:
    """What the build is as a caller of AWS."""
    return Role(
        f"{name}-role",
        RoleArgs(
            role_name=names.fixed(role_name), trust=iam.trust(names, "codebuild"), managed={}, policy=policy
        ),
        pulumi.ResourceOptions(parent=parent),
    )
