"""Asking the account: images in its ECR, versions of EKS add-ons, and the calls that need permission.

Not here: credentials (inferplan.cli.aws), buckets (bucket_weights) and other registries (oci_registries).
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from typing import Any, TypeVar

from inferplan.cli.aws.connection import Connection, NotAsked, Refused
from inferplan.cli.locking.image_manifests import MEDIA_TYPES, Pinned, digest_of, pinned
from inferplan.cli.locking.patience import Unanswered, Unknown, Waiting
from inferplan.near import did_you_mean, near

T = TypeVar("T")

# Every call, as IAM names it; a test compares the list with the calls that are made.
ACTIONS = (
    "ecr:BatchGetImage",
    "ecr:GetAuthorizationToken",
    "ecr:GetDownloadUrlForLayer",  # of weights that lie in ECR, where its registry asks for it
    "ecr:ListImages",
    "eks:DescribeAddonVersions",
    "s3:GetObject",
    "s3:ListBucket",
)
_ECR = re.compile(r"([0-9]{12})\.dkr\.ecr(?:-fips)?\.([a-z0-9-]+)\.")
MAX_TAGS = 10_000
ABSENT = frozenset({"RepositoryNotFoundException", "ImageNotFoundException", "NoSuchBucket", "NoSuchKey"})


def policy() -> dict[str, Any]:
    """The IAM policy that a lock needs: reading alone; what it may read can be narrowed to names."""
    statement = {"Sid": "ReadPins", "Effect": "Allow", "Action": list(ACTIONS), "Resource": "*"}
    return {"Version": "2012-10-17", "Statement": [statement]}


def is_ecr(repository: str) -> bool:
    """Whether a repository lies in the ECR of an account."""
    return _ECR.match(repository) is not None


class Account:
    """One connection for all questions; without credentials every answer says that they are missing."""

    def __init__(self) -> None:
        self._connection: Connection | None = None

    def asked(self, question: Callable[[Connection], T]) -> T:
        """What a question is answered; raises Waiting without credentials, Unanswered where AWS refuses."""
        try:
            if self._connection is None:
                self._connection = Connection("lock", ACTIONS)
            return question(self._connection)
        except NotAsked as problem:
            raise Waiting(str(problem)) from None
        except Refused as problem:
            if problem.code in ABSENT:
                raise Unknown("the account has no such thing") from None
            raise Unanswered(str(problem)) from None

    def image(self, repository: str, reference: str) -> Pinned:
        """Digest and size of an image in ECR; raises Unanswered."""
        account, region, name = _parts(repository)

        def manifest(wanted: str) -> bytes:
            key = "imageDigest" if wanted.startswith("sha256:") else "imageTag"
            answer = self.asked(
                lambda aws: aws.call(
                    "ecr",
                    region,
                    "batch_get_image",
                    registryId=account,
                    repositoryName=name,
                    imageIds=[{key: wanted}],
                    acceptedMediaTypes=list(MEDIA_TYPES),
                )
            )
            if not answer.get("images"):
                raise Unknown(f"{repository} has no image '{wanted}'")
            body = str(answer["images"][0]["imageManifest"]).encode()
            stated = answer["images"][0]["imageId"].get("imageDigest")
            if stated not in {None, digest_of(body)}:
                raise Unanswered(f"{repository}: ECR's answer is not what its digest says")
            return body

        try:
            return pinned(manifest, reference)
        except Unknown as problem:
            hint = did_you_mean(near(reference, self._tags(account, region, name), 3))
            raise Unknown(f"{problem}{'; ' if hint else ''}{hint}") from None

    def login(self, host: str) -> tuple[str, str] | None:
        """Name and password for a host that is an ECR, for its registry's own protocol."""
        found = _ECR.match(host)
        if found is None:
            return None
        answer = self.asked(lambda aws: aws.call("ecr", found[2], "get_authorization_token"))
        kept = base64.b64decode(answer["authorizationData"][0]["authorizationToken"]).decode()
        name, _, password = kept.partition(":")
        return name, password

    def _tags(self, account: str, region: str, name: str) -> list[str]:
        def listed(aws: Connection) -> list[str]:
            found: list[str] = []
            asked = {"registryId": account, "repositoryName": name, "filter": {"tagStatus": "TAGGED"}}
            for page in aws.pages("ecr", region, "list_images", **asked):
                found += [one["imageTag"] for one in page["imageIds"] if "imageTag" in one]
                if len(found) >= MAX_TAGS:
                    break
            return found

        try:
            return self.asked(listed)
        except Unanswered:
            return []

    def addon(self, name: str, kubernetes_version: str, region: str) -> str:
        """The version of an add-on that EKS takes by default with a version of Kubernetes."""
        found: list[dict[str, Any]] = []
        for page in self.asked(
            lambda aws: [
                *aws.pages(
                    "eks",
                    region,
                    "describe_addon_versions",
                    addonName=name,
                    kubernetesVersion=kubernetes_version,
                )
            ]
        ):
            found += [one for addon in page["addons"] for one in addon["addonVersions"]]
        for only_default in (True, False):  # listed from the newest on
            for one in found:
                for compatible in one["compatibilities"]:
                    if compatible["clusterVersion"] == kubernetes_version and (
                        compatible.get("defaultVersion") or not only_default
                    ):
                        return str(one["addonVersion"])
        raise Unknown(f"EKS has no version of it for Kubernetes {kubernetes_version}")


def _parts(repository: str) -> tuple[str, str, str]:
    found = _ECR.match(repository)
    assert found is not None
    return found[1], found[2], repository.partition("/")[2]
