"""The calls by which a mirror is started and followed: which there are, and the policy that they need.

Not here: their order (building, following), and what the build itself may do (components.mirror_build).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from inferplan.cli.aws.connection import Connection, Refused
from inferplan.plan.mirror_order import ORDERS_PREFIX
from inferplan.plan.supply import RECORDS_PREFIX
from inferplan.records.plan import Plan

# Every call, as IAM names it; a test compares the list with the calls that are made.
ACTIONS = (
    "codebuild:BatchGetBuilds",
    "codebuild:BatchGetProjects",
    "codebuild:ListBuildsForProject",
    "codebuild:StartBuild",
    "ecr:DescribeImages",
    "logs:GetLogEvents",
    "s3:GetObject",
    "s3:ListBucket",
    "s3:PutObject",
    "sts:GetCallerIdentity",
)
READ = "models"  # prefix of the bucket that is listed beside orders and records
LATEST_BUILDS = 20
NOTHING = ("NoSuchKey", "404")


class NoBucket(Refused):
    """There is no bucket yet."""


class MirrorCalls:
    """What AWS is asked about one stack's mirror."""

    def __init__(self, plan: Plan) -> None:
        self._connection = Connection("mirror SPEC", ACTIONS)
        self._mirror, self._region = plan.mirror, plan.target.region

    def account(self) -> str:
        """The account of the credentials."""
        found: str = self._connection.call("sts", self._region, "get_caller_identity")["Account"]
        return found

    def has_project(self) -> bool:
        answer = self._connection.call(
            "codebuild", self._region, "batch_get_projects", names=[self._mirror.project]
        )
        return bool(answer.get("projects"))

    def sizes(self, prefix: str) -> dict[str, int]:
        """Bytes of every object below a prefix of the bucket; raises NoBucket."""
        pages = self._connection.pages(
            "s3", self._region, "list_objects_v2", Bucket=self._mirror.bucket, Prefix=f"{prefix}/"
        )
        try:
            return {one["Key"]: one["Size"] for page in pages for one in page.get("Contents", ())}
        except Refused as problem:
            raise (
                NoBucket(str(problem), problem.code) if problem.code == "NoSuchBucket" else problem
            ) from None

    def digests(self, repository: str) -> frozenset[str]:
        """Digests of every image in a repository of the stack; none where it does not exist."""
        pages = self._connection.pages("ecr", self._region, "describe_images", repositoryName=repository)
        try:
            return frozenset(one["imageDigest"] for page in pages for one in page.get("imageDetails", ()))
        except Refused as problem:
            if problem.code == "RepositoryNotFoundException":
                return frozenset()
            raise

    def put(self, key: str, content: bytes) -> None:
        self._connection.call(
            "s3", self._region, "put_object", Bucket=self._mirror.bucket, Key=key, Body=content
        )

    def record(self, order: str) -> dict[str, Any] | None:
        """What the last build of an order left, None where none has ended."""
        key = f"{RECORDS_PREFIX}/{order}.json"
        try:
            found = self._connection.call(
                "s3", self._region, "get_object", Bucket=self._mirror.bucket, Key=key
            )
        except Refused as problem:
            if problem.code in NOTHING:
                return None
            raise
        record: dict[str, Any] = json.loads(found["Body"].read())
        return record

    def builds(self) -> list[dict[str, Any]]:
        """The latest builds of the project, the newest first."""
        found = self._connection.call(
            "codebuild",
            self._region,
            "list_builds_for_project",
            projectName=self._mirror.project,
            sortOrder="DESCENDING",
        )
        ids = found.get("ids", [])[:LATEST_BUILDS]
        return self._builds(ids) if ids else []

    def build(self, build_id: str) -> dict[str, Any]:
        """One build as it stands."""
        (found,) = self._builds([build_id])
        return found

    def _builds(self, ids: list[str]) -> list[dict[str, Any]]:
        answer = self._connection.call("codebuild", self._region, "batch_get_builds", ids=ids)
        builds: list[dict[str, Any]] = answer.get("builds", [])
        return sorted(builds, key=lambda one: ids.index(one["id"]))

    def start(self, variables: dict[str, str], token: str) -> dict[str, Any]:
        """Start a build; the same token gives the same build, so that two who start at once share it."""
        said = [{"name": name, "value": value, "type": "PLAINTEXT"} for name, value in variables.items()]
        answer = self._connection.call(
            "codebuild",
            self._region,
            "start_build",
            projectName=self._mirror.project,
            environmentVariablesOverride=said,
            idempotencyToken=token,
        )
        build: dict[str, Any] = answer["build"]
        return build

    def lines(self, group: str, stream: str, after: str | None) -> tuple[list[str], str | None]:
        """New lines of a build's log, and the place after them."""
        more: dict[str, Any] = {"nextToken": after} if after else {"startFromHead": True}
        try:
            answer = self._connection.call(
                "logs", self._region, "get_log_events", logGroupName=group, logStreamName=stream, **more
            )
        except Refused as problem:
            if problem.code == "ResourceNotFoundException":  # the build has not said anything yet
                return [], after
            raise
        return [one["message"] for one in answer.get("events", ())], answer.get("nextForwardToken")


def policy(plan: Plan) -> dict[str, Any]:
    """The IAM policy that a mirror of this stack needs: its own project, bucket, repositories and log."""
    target, mirror = plan.target, plan.mirror
    head = f"arn:{target.partition}"
    here = f"{target.region}:{target.account}"
    bucket = f"{head}:s3:::{mirror.bucket}"
    group = f"{head}:logs:{here}:log-group:/inferplan/{plan.name}/mirror"
    return {"Version": "2012-10-17", "Statement": list(_statements(plan, head, here, bucket, group))}


def _statements(plan: Plan, head: str, here: str, bucket: str, group: str) -> Iterator[dict[str, Any]]:
    def allow(sid: str, actions: tuple[str, ...], *resources: str, **more: Any) -> dict[str, Any]:
        return {"Sid": sid, "Effect": "Allow", "Action": list(actions), "Resource": list(resources), **more}

    builds = tuple(one for one in ACTIONS if one.startswith("codebuild:"))
    yield allow("Build", builds, f"{head}:codebuild:{here}:project/{plan.mirror.project}")
    yield allow("Follow", ("logs:GetLogEvents",), f"{group}:log-stream:*")
    yield allow("Find", ("s3:ListBucket",), bucket)
    yield allow("Order", ("s3:PutObject",), f"{bucket}/{ORDERS_PREFIX}/*")
    yield allow("ReadRecords", ("s3:GetObject",), f"{bucket}/{RECORDS_PREFIX}/*")
    repositories = sorted(f"{head}:ecr:{here}:repository/{image.repository}" for image in plan.pulled_images)
    yield allow("SeeImages", ("ecr:DescribeImages",), *repositories)
    yield allow(
        "BucketKey",  # S3 uses it for who writes orders and reads records
        ("kms:Decrypt", "kms:GenerateDataKey"),
        f"{head}:kms:{here}:key/*",
        Condition={
            "StringEquals": {"kms:ViaService": f"s3.{plan.target.region}.{plan.target.dns_suffix}"},
            "ForAnyValue:StringEquals": {"kms:ResourceAliases": f"alias/inferplan/{plan.name}/data"},
        },
    )
    yield allow("WhoAmI", ("sts:GetCallerIdentity",), "*")  # the action has no resource
