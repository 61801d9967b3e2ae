"""What `inferplan lock` asks of AWS, before moto's ECR and S3 and botocore's own model of EKS.

Not here: registries and the hub (tests/supply), and a real account, which nobody has asked.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber
from moto import mock_aws

from inferplan.cli.locking import bucket_weights, needs
from inferplan.cli.locking.account_registry import ACTIONS, Account, is_ecr, policy
from inferplan.cli.locking.image_manifests import digest_of
from inferplan.cli.locking.patience import Unanswered, Unknown, Waiting
from inferplan.cli.locking.pinning import Pinning
from inferplan.plan.built_images import built_image
from inferplan.plan.cluster import ADDONS, KUBERNETES_VERSION
from inferplan.plan.supply import HASH_METADATA
from inferplan.spec.loading import load
from inferplan.spec.lock import Lock
from tests.command_line import ROOT, inferplan

REGION = "eu-central-1"
ACCOUNT = "123456789012"  # moto's
OCI = "application/vnd.oci.image"
EMPTY = Lock(api_version="inferplan/v1beta1", kind="Lock")
# Where IAM has another name than the API: docs.aws.amazon.com/AmazonS3/latest/API.
IAM_NAMES = {"s3:HeadObject": "s3:GetObject", "s3:ListObjectsV2": "s3:ListBucket"}
WEIGHTS = {"model.safetensors": b"w" * 5000, "config.json": b'{"hidden_size": 8}', "README.md": b"hi"}


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [*os.environ]:
        if name.startswith("AWS_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("HOME", str(tmp_path))


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    """An account with credentials that only moto takes."""
    for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "SESSION_TOKEN"):
        monkeypatch.setenv(f"AWS_{name}", "testing")
    with mock_aws():
        yield Account()


def registry() -> str:
    host = boto3.client("ecr", REGION).describe_repositories()["repositories"][0]["repositoryUri"]
    return str(host).partition("/")[0]


def push(name: str, tag: str, size: int = 100) -> str:
    """An image in ECR; gives its digest."""
    ecr = boto3.client("ecr", REGION)
    ecr.create_repository(repositoryName=name)
    manifest = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": f"{OCI}.manifest.v1+json",
            "config": {"mediaType": f"{OCI}.config.v1+json", "digest": digest_of(b"c"), "size": 5},
            "layers": [{"mediaType": f"{OCI}.layer.v1.tar", "digest": digest_of(b"l"), "size": size}],
        }
    )
    digest = digest_of(manifest.encode())
    ecr.put_image(repositoryName=name, imageManifest=manifest, imageTag=tag, imageDigest=digest)
    return digest


def stubbed_addons(account: Account, version: str, *, default: bool = True, names: Any = ADDONS) -> Stubber:
    client = account.asked(lambda aws: aws.client("eks", REGION))
    stubber = Stubber(client)
    for name in names:
        compatible = [{"clusterVersion": KUBERNETES_VERSION, "defaultVersion": default}]
        older = [{"clusterVersion": "1.20", "defaultVersion": True}]
        listed = [
            {
                "addonVersion": "v9.9.9-eksbuild.1",
                "compatibilities": [{**compatible[0], "defaultVersion": False}],
            },
            {"addonVersion": version, "compatibilities": compatible},
            {"addonVersion": "v0.0.1-eksbuild.1", "compatibilities": older},
        ]
        stubber.add_response(
            "describe_addon_versions",
            {"addons": [{"addonName": name, "addonVersions": listed}]},
            {"addonName": name, "kubernetesVersion": KUBERNETES_VERSION},
        )
    return stubber


def pinning(account: Account, former: Lock = EMPTY, *, upgrade: bool = False) -> Pinning:
    return Pinning(former=former, upgrade=upgrade, say=lambda _: None, region=REGION, account=account)


def test_an_image_in_ecr_is_pinned_by_its_digest(account: Account) -> None:
    digest = push("team/proxy", "v1")
    repository = f"{registry()}/team/proxy"
    assert is_ecr(repository)
    assert account.image(repository, "v1") == (digest, 105)
    assert account.image(repository, digest) == (digest, 105)


def test_a_tag_that_ecr_does_not_have_is_answered_with_those_it_has(account: Account) -> None:
    push("team/proxy", "v1.2.3")
    with pytest.raises(Unknown, match=r"did you mean v1\.2\.3"):
        account.image(f"{registry()}/team/proxy", "v1.2.4")


def test_a_repository_that_ecr_does_not_have_is_unknown(account: Account) -> None:
    push("team/proxy", "v1")
    with pytest.raises(Unknown):
        account.image(f"{registry()}/team/none", "v1")


@pytest.mark.parametrize("how", ["checksum", "metadata", "neither"])
def test_objects_are_pinned_by_their_checksum_or_read(account: Account, how: str) -> None:
    s3 = boto3.client("s3", REGION)
    s3.create_bucket(Bucket="weights", CreateBucketConfiguration={"LocationConstraint": REGION})
    for name, content in WEIGHTS.items():
        said: dict[str, Any] = {}
        if how == "checksum":
            said = {"ChecksumAlgorithm": "SHA256"}
        elif how == "metadata":
            said = {"Metadata": {HASH_METADATA: hashlib.sha256(content).hexdigest()}}
        s3.put_object(Bucket="weights", Key=f"tiny/v1/{name}", Body=content, **said)
    s3.put_object(Bucket="weights", Key="tiny/v10/config.json", Body=b"{}")
    found = bucket_weights.weights(account, "s3://weights/tiny/v1", REGION, lambda _: None)
    assert found.files == {name: hashlib.sha256(held).hexdigest() for name, held in WEIGHTS.items()}
    assert found.sizes == {name: len(held) for name, held in WEIGHTS.items()}
    assert found.documents["config.json"] == {"hidden_size": 8}
    assert len(found.revision) == 40


def test_a_stated_checksum_is_believed_without_reading(account: Account) -> None:
    """Of an object of many gigabytes nothing is read; that of a multipart upload is not its SHA-256."""
    client = account.asked(lambda aws: aws.client("s3", REGION))
    checksum = base64.b64encode(hashlib.sha256(b"all of it").digest()).decode()
    with Stubber(client) as stubber:
        stubber.add_response("list_objects_v2", {"Contents": [{"Key": "m/model.safetensors", "Size": 9}]})
        stubber.add_response("head_object", {"ChecksumSHA256": checksum, "ChecksumType": "FULL_OBJECT"})
        found = bucket_weights.weights(account, "s3://weights/m", REGION, lambda _: None)
    assert found.files == {"model.safetensors": hashlib.sha256(b"all of it").hexdigest()}


def test_a_checksum_of_parts_is_not_taken_for_one_of_the_object(account: Account) -> None:
    from io import BytesIO

    from botocore.response import StreamingBody

    client = account.asked(lambda aws: aws.client("s3", REGION))
    body = StreamingBody(BytesIO(b"all of it"), 9)
    with Stubber(client) as stubber:
        stubber.add_response("list_objects_v2", {"Contents": [{"Key": "m/model.safetensors", "Size": 9}]})
        stubber.add_response("head_object", {"ChecksumSHA256": "AAAA-3", "ChecksumType": "COMPOSITE"})
        stubber.add_response("get_object", {"Body": body})
        found = bucket_weights.weights(account, "s3://weights/m", REGION, lambda _: None)
    assert found.files == {"model.safetensors": hashlib.sha256(b"all of it").hexdigest()}


def test_a_prefix_without_objects_is_unknown(account: Account) -> None:
    boto3.client("s3", REGION).create_bucket(
        Bucket="weights", CreateBucketConfiguration={"LocationConstraint": REGION}
    )
    with pytest.raises(Unknown, match="holds no objects"):
        bucket_weights.weights(account, "s3://weights/none", REGION, lambda _: None)


@pytest.mark.parametrize("default", [True, False])
def test_an_addon_is_pinned_to_the_default_of_the_planned_kubernetes(account: Account, default: bool) -> None:
    """Where EKS names no default, the newest that goes with the version."""
    run = pinning(account)
    with stubbed_addons(account, "v1.2.3-eksbuild.4", default=default):
        run.addons(ADDONS, KUBERNETES_VERSION, REGION)
    wanted = "v1.2.3-eksbuild.4" if default else "v9.9.9-eksbuild.1"
    assert run.lock.addons == dict.fromkeys(ADDONS, wanted)


@pytest.mark.parametrize(
    ("proxy", "upgrade", "is_asked"),
    [
        (f"v{KUBERNETES_VERSION}.0-eksbuild.1", False, False),
        (f"v{KUBERNETES_VERSION}.0-eksbuild.1", True, True),
        ("v1.20.0-eksbuild.1", False, True),
    ],
)
def test_addons_stay_while_they_go_with_the_planned_kubernetes(
    account: Account, proxy: str, upgrade: bool, is_asked: bool
) -> None:
    held = {**dict.fromkeys(ADDONS, "v0.1.0-eksbuild.1"), "kube-proxy": proxy}
    former = Lock(api_version="inferplan/v1beta1", kind="Lock", addons=held)
    run = pinning(account, former, upgrade=upgrade)
    with stubbed_addons(account, "v1.2.3-eksbuild.4"):
        run.addons(ADDONS, KUBERNETES_VERSION, REGION)
    assert (run.lock.addons != held) is is_asked


def test_without_credentials_what_is_pinned_stays_and_the_rest_is_pending() -> None:
    former = Lock(api_version="inferplan/v1beta1", kind="Lock", addons={"coredns": "v1"})
    run = pinning(Account(), former)
    run.addons(ADDONS, KUBERNETES_VERSION, REGION)
    assert run.lock.addons == {"coredns": "v1"}
    (left,) = run.open
    assert (left.path, left.state) == ("addons", "pending")
    assert "no AWS credentials" in left.reason
    with pytest.raises(Waiting):
        Account().image(f"{ACCOUNT}.dkr.ecr.{REGION}.example/x", "v1")


def test_what_is_not_permitted_is_told_and_loses_nothing(account: Account) -> None:
    client = account.asked(lambda aws: aws.client("ecr", REGION))
    with Stubber(client) as stubber:
        stubber.add_client_error(
            "batch_get_image", "AccessDeniedException", "User: arn:secret is not authorized"
        )
        with pytest.raises(Unanswered) as caught:
            account.image(f"{ACCOUNT}.dkr.ecr.{REGION}.example/team/x", "v1")
    assert str(caught.value) == "not permitted: ecr:BatchGetImage"


@pytest.mark.parametrize("is_built", [False, True])
def test_an_image_that_has_to_be_built_is_pinned_once_it_is_there_note_14(
    account: Account, is_built: bool
) -> None:
    """Redaction in German and French needs an analyzer that no publisher has."""
    declaration = load(ROOT / "specs" / "eu-support-desk.yaml", ROOT / "organization")
    built = built_image(declaration.spec, None)  # type: ignore[arg-type]
    assert built is not None
    assert built.tag.endswith("-de-en-fr")
    digest = push(f"desk/{built.name}" if is_built else "desk/other", built.tag)
    run = pinning(account)
    run.image(built.name, built, f"{registry()}/desk")
    if is_built:
        image = run.lock.images[built.name]
        assert (image.digest, image.models) == (digest, built.models)
        assert built_image(declaration.spec, run.lock) is None  # type: ignore[arg-type]
    else:
        assert built.name not in run.lock.images
        assert [(one.state, built.tag in one.reason) for one in run.open] == [("pending", True)]


def test_the_lock_of_a_managed_stack_asks_the_stacks_own_registry(account: Account) -> None:
    """By the account and Region of the plan, under the stack's own prefix."""
    declaration = load(ROOT / "specs" / "eu-support-desk.yaml", ROOT / "organization")
    assert declaration.lock is not None
    push("other", "v1")
    run = pinning(account, EMPTY)
    run.image = lambda name, built, where: asked.append((name, built is not None, where))  # type: ignore[method-assign]
    asked: list[tuple[str, bool, str]] = []
    assert needs.pin_the_rest(run, declaration, ("images",), None, date(2026, 11, 20)) is None
    (one,) = [entry for entry in asked if entry[1]]
    target = declaration.spec.target
    assert one[0] == "presidio-analyzer"
    assert one[2].startswith(f"{target.account}.dkr.ecr.")
    assert one[2].endswith(f"/inferplan/{declaration.spec.metadata.name}")


def test_the_printed_policy_is_what_the_calls_need(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every call that this module makes above, and no more."""
    made: set[str] = set()

    def note(model: Any, **_: Any) -> None:
        action = f"{model.service_model.service_name}:{model.name}"
        made.add(IAM_NAMES.get(action, action))

    account.asked(lambda aws: aws._session.events.register("before-parameter-build", note))
    push("team/proxy", "v1")
    for tag in ("v1", "v2"):
        with pytest.raises(Unknown) if tag == "v2" else pytest.MonkeyPatch.context():
            account.image(f"{registry()}/team/proxy", tag)
    boto3.client("s3", REGION).create_bucket(
        Bucket="weights", CreateBucketConfiguration={"LocationConstraint": REGION}
    )
    boto3.client("s3", REGION).put_object(Bucket="weights", Key="m/config.json", Body=b"{}")
    bucket_weights.weights(account, "s3://weights/m", REGION, lambda _: None)
    with stubbed_addons(account, "v1", names=("coredns",)):
        account.addon("coredns", KUBERNETES_VERSION, REGION)
    assert account.login(registry()) == ("AWS", f"{ACCOUNT}-auth-token")
    assert account.login("docker.io") is None
    assert made == {*ACTIONS} - {"ecr:GetDownloadUrlForLayer"}  # the registry's own protocol needs it
    assert policy()["Statement"][0]["Action"] == [*ACTIONS]


def test_the_policy_is_printed_without_asking_anybody() -> None:
    answer = inferplan("lock", "--print-policy")
    assert answer.code == 0
    assert json.loads(answer.out) == policy()
