"""`inferplan preflight`: its answers, exit codes and policy, what it does without permissions, and moto.

Area of concern: a policy that permits too little or too much, a refusal that ends everything, a run that says
ready where it could not ask. What each question makes of an answer is in test_preflight_checks.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import boto3
import pytest
from moto import mock_aws
from moto.iam import aws_managed_policies as managed
from msgspec import structs
from policy_sentry.querying.actions import get_action_data

from inferplan import catalog
from inferplan.cli.aws.connection import ACTION_OF, Connection
from inferplan.cli.preflight_checks import linked_service_roles, questioning, supplied
from inferplan.cli.preflight_checks.account_question import Asking, Wanted
from inferplan.plan.supply import HASH_METADATA
from inferplan.resource import Resource
from tests.account import Account, asked_of
from tests.aws.documents import judged
from tests.aws_answers import SECRET, answered
from tests.command_line import AS_OF, ROOT, inferplan
from tests.command_line import Answer as Told
from tests.unit.recorded import SELF_HOSTED, STACKS
from tests.unit.test_preflight_checks import existing, in_one_zone, want

SPEC = f"specs/{SELF_HOSTED}.yaml"


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """The examples, as if their locks were no longer the documentation's."""
    for name in ("specs", "organization"):
        shutil.copytree(ROOT / name, tmp_path / name)
    for lock in tmp_path.glob("specs/*.lock.yaml"):
        lock.write_text(lock.read_text().replace("documentation_values: true", ""))
    return tmp_path


def preflight(account: Account, here: Path, *arguments: str) -> Told:
    with answered(account):
        return inferplan("preflight", SPEC, *AS_OF, *arguments, cwd=here)


def clinic() -> Account:
    return Account(want(SELF_HOSTED))


# -- what is told, and how it ends


def test_an_account_that_has_everything_is_ready(here: Path) -> None:
    done = preflight(clinic(), here)

    assert done.code == 0, done.err
    assert "decision  READY" in done.out
    assert [line for line in done.out.splitlines() if line.startswith("before")] == [
        "before either layer",
        "before the foundation",
        "before the workload",
    ]


def test_what_is_to_do_stands_first_with_its_fix_on_a_line_of_its_own(here: Path) -> None:
    """And ends with 1."""
    account = clinic()
    account.roles.discard("AWSServiceRoleForRDS")
    done = preflight(account, here)
    lines = done.out.splitlines()
    at = lines.index("before the foundation")

    assert done.code == 1
    assert lines[at + 1].startswith("  TO DO service-linked-role: AWSServiceRoleForRDS: does not exist")
    assert lines[at + 2] == "    aws iam create-service-linked-role --aws-service-name rds.amazonaws.com"
    assert "decision  BLOCKED" in lines[-1]


def test_quiet_leaves_out_what_is_fine(here: Path) -> None:
    account = clinic()
    account.roles.discard("AWSServiceRoleForRDS")
    done = preflight(account, here, "-q")

    assert "TO DO" in done.out
    assert not re.search(r"^  ok ", done.out, re.M)
    assert "before the workload" not in done.out


def test_a_layer_is_asked_about_alone(here: Path) -> None:
    """Who asks and what is pinned belong to both."""
    for layer, other in (("foundation", "workload"), ("workload", "foundation")):
        told = json.loads(preflight(clinic(), here, "--layer", layer, "--format", "json").out)
        assert told["layer"] == layer
        assert {one["layer"] for one in told["findings"]} == {None, layer}
        assert other not in {one["layer"] for one in told["findings"]}


def test_an_unknown_spec_is_understood_by_nobody(here: Path) -> None:
    """Before anything is asked."""
    with answered(clinic()) as aws:
        done = inferplan("preflight", "specs/none.yaml", cwd=here)

    assert (done.code, aws.calls) == (2, [])


def test_no_question_is_asked_twice() -> None:
    """Several judge the same answer."""
    _, aws = asked_of(clinic())
    calls = [json.dumps([operation, asked], sort_keys=True, default=str) for operation, _, asked in aws.calls]

    assert len(calls) == len(set(calls))


# -- permissions


@pytest.mark.parametrize("operation", ["GetServiceQuota", "DescribeImages", "HeadObject", "GetRole"])
def test_what_is_not_permitted_is_told_and_stops_nothing(here: Path, operation: str) -> None:
    """It is no failure, and no success: --strict makes it one."""
    account = clinic()
    refused = {"HeadObject": "403", "GetRole": "AccessDenied"}.get(operation, "AccessDeniedException")
    account.refuses = {operation: refused}
    done = preflight(account, here)
    told = json.loads(preflight(account, here, "--format", "json").out)
    action = ACTION_OF.get(operation, operation)

    assert done.code == 0
    assert "decision  NOTHING BLOCKS, and" in done.out
    assert re.search(rf"CANNOT TELL .*: not asked: not permitted, needs [a-z0-9]+:{action}$", done.out, re.M)
    assert told["decision"] == "unknown"
    assert told["summary"]["ok"] > 5
    assert preflight(account, here, "--strict").code == 1


def test_nothing_permitted_is_not_ready(here: Path) -> None:
    """Only who asks needs no permission."""
    account = clinic()
    operations = {
        action.partition(":")[2] for action in questioning.actions(questioning.questions(want(SELF_HOSTED)))
    }
    account.refuses = dict.fromkeys(operations - {"GetCallerIdentity"}, "AccessDeniedException")
    account.refuses["ListObjectsV2"] = "AccessDenied"
    told = json.loads(preflight(account, here, "--format", "json").out)

    assert told["decision"] == "unknown"
    assert {one["check"] for one in told["findings"] if one["status"] == "ok"} == {"identity", "pins"}


def test_what_is_to_do_counts_beside_what_cannot_be_told(here: Path) -> None:
    account = clinic()
    account.refuses = {"GetRole": "AccessDenied"}
    account.images = {}

    assert preflight(account, here).code == 1


def test_other_refusals_are_told_too(here: Path) -> None:
    account = clinic()
    account.refuses = {"GetParameters": "InternalServerError"}
    with patch("time.sleep", lambda _: None):  # botocore waits between its own tries
        done = preflight(account, here)

    assert done.code == 0
    assert "not asked: AWS answers InternalServerError to GetParameters" in done.out


def test_no_principal_is_told_to_anybody(here: Path) -> None:
    """Whatever AWS puts into its messages."""
    account = clinic()
    account.refuses = {"GetRole": "AccessDenied", "DescribeImages": "AccessDeniedException"}
    done = preflight(account, here, "-v")

    assert SECRET not in done.out + done.err
    assert "somebody" not in done.out


@pytest.mark.parametrize("code", ["ExpiredToken", "InvalidClientTokenId"])
def test_bad_credentials_are_one_error(here: Path, code: str) -> None:
    account = clinic()
    account.refuses = {"GetCallerIdentity": code}
    done = preflight(account, here)

    assert (done.code, done.out) == (2, "")
    assert f"AWS does not take the credentials ({code})" in done.err


def test_no_credentials_are_one_error_that_names_the_policy(here: Path) -> None:
    """Of a process that finds none."""
    environment = {"PATH": "/usr/bin", "HOME": str(here), "AWS_EC2_METADATA_DISABLED": "true"}
    done = subprocess.run(
        [Path(sys.executable).parent / "inferplan", "preflight", SPEC, *AS_OF],
        cwd=here,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 2
    assert f"`inferplan preflight {SPEC} --print-policy` prints the policy" in done.stderr
    assert "Traceback" not in done.stderr


# -- the policy


def accounts() -> Iterator[tuple[str, Account]]:
    """Between them every question is asked and every call made that a judge may want."""
    for stack in STACKS:
        yield stack, Account(want(stack))
    yield "existing", existing()
    yield "reservation", Account(in_one_zone("reservation"))


def without_quotas(account: Account) -> Account:
    """None was ever changed, and none is granted, so increases are asked about."""
    codes = {pool.quota_code for pool in account.wanted.plan.pools if pool.quota_code}
    account.defaults = codes | {row.code for row in catalog.account_quotas().values()}
    account.quotas = dict.fromkeys(account.defaults, 0)
    return account


ACCOUNTS = {name: without_quotas(account) for name, account in accounts()}


@pytest.mark.parametrize("account", ACCOUNTS.values(), ids=ACCOUNTS)
def test_the_policy_permits_the_calls_that_are_made_and_no_other(account: Account) -> None:
    """Each call has its action, and each action its call, save what the lock leaves to ask for later."""
    _, aws = asked_of(account)
    calls = {in_iam(action) for action in aws.actions}
    permitted = {*questioning.actions(questioning.questions(account.wanted))}
    later = LATER if account.wanted.supply.pending else set()

    assert calls <= permitted
    assert permitted - calls <= later


LATER = {"ecr:DescribeImages", "s3:GetObject", "s3:ListBucket"}


def in_iam(operation: str) -> str:
    """An operation as IAM calls it."""
    service, _, name = operation.partition(":")
    return f"{service}:{ACTION_OF.get(name, name)}"


@pytest.mark.parametrize("account", ACCOUNTS.values(), ids=ACCOUNTS)
def test_the_policy_only_reads_and_names_what_it_reads(account: Account) -> None:
    """By what AWS publishes of its actions, and two judges of policies."""
    policy = questioning.policy(questioning.questions(account.wanted))
    text = json.dumps(policy)
    resource = Resource(
        urn="urn", type="aws:iam/policy:Policy", name="preflight", props={"policy": text}, custom=True
    )

    assert [*judged(resource)] == []
    for statement in policy["Statement"]:
        for action in statement["Action"]:
            service, _, name = action.partition(":")
            rows = get_action_data(service, name)[service]
            assert {row["access_level"] for row in rows} <= {"Read", "List"}
            limited = any(row["resource_arn_format"] != "*" for row in rows)
            assert statement["Resource"] != "*" or not limited or action in NOT_LIMITED


# IAM can limit these, and there is nothing narrower to name than the account itself.
NOT_LIMITED = {
    "account:GetRegionOptStatus",
    "servicequotas:GetServiceQuota",
    "servicequotas:ListRequestedServiceQuotaChangeHistoryByQuota",
}


def test_the_policy_is_printed_without_credentials(here: Path) -> None:
    """Of one layer, what that takes."""
    whole = json.loads(inferplan("preflight", SPEC, *AS_OF, "--print-policy", cwd=here).out)
    part = inferplan("preflight", SPEC, *AS_OF, "--print-policy", "--layer", "workload", cwd=here)

    assert whole == questioning.policy(questioning.questions(want(SELF_HOSTED)))
    assert "secretsmanager:DescribeSecret" in part.out
    assert "ec2:" not in part.out


# -- moto, where it has the API


KNOWN_TO_MOTO = (
    "identity",
    "zones",
    "instance-type",
    "service-linked-role",
    "image",
    "weights",
    "secret",
    "certificate",
    "existing-network",
    "existing-cluster",
)


@pytest.fixture
def moto() -> Iterator[None]:
    """An account that nobody has touched."""
    with pytest.MonkeyPatch.context() as environment:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            environment.setenv(name, "testing")
        environment.setenv("MOTO_ACCOUNT_ID", want(SELF_HOSTED).account)
        with mock_aws():
            yield


def statuses(of: Wanted) -> dict[str, set[str]]:
    """What each check finds, of those that moto can answer."""
    asked = [one for one in questioning.questions(of) if one.check in KNOWN_TO_MOTO]
    told: dict[str, set[str]] = {}
    for one in questioning.findings(asked, of_moto(of), lambda _: None):
        told.setdefault(one.check, set()).add(one.status)
    return told


def of_moto(of: Wanted) -> Asking:
    return Asking(Connection("preflight", ()), of.region)


@pytest.mark.usefixtures("moto")
def test_moto_an_empty_account_lacks_what_the_foundation_and_the_mirror_make() -> None:
    """Its answers are not ours, nor are its codes for what is not there."""
    told = statuses(want(SELF_HOSTED))

    assert told["identity"] == told["zones"] == told["instance-type"] == {"ok"}
    missing = ("service-linked-role", "image", "weights", "secret", "certificate")
    assert {check: told[check] for check in missing} == {check: {"to_do"} for check in missing}


@pytest.mark.usefixtures("moto")
def test_moto_what_is_made_is_found() -> None:
    """A role by the command that is its fix; a bucket with the metadata that the mirror writes."""
    of = want(SELF_HOSTED)
    iam, s3 = boto3.client("iam"), boto3.client("s3", region_name=of.region)
    secrets = boto3.client("secretsmanager", region_name=of.region)
    iam.create_service_linked_role(AWSServiceName="autoscaling.amazonaws.com")
    for row in linked_service_roles.needed(of)[1:]:  # moto makes up the names of the others
        iam.create_role(RoleName=row.role, AssumeRolePolicyDocument="{}")
    place = {"LocationConstraint": of.region}
    s3.create_bucket(Bucket=str(of.plan.weights_bucket), CreateBucketConfiguration=place)
    for name in of.plan.gateway.secrets:
        secrets.create_secret(Name=name, SecretString="x")
    for file in of.supply.files:
        s3.put_object(
            Bucket=str(of.plan.weights_bucket),
            Key=file.key,
            Body=b"x",
            Metadata={HASH_METADATA: file.sha256},
        )
    told = statuses(of)

    assert told["service-linked-role"] == told["secret"] == told["weights"] == {"ok"}


@pytest.mark.usefixtures("moto")
def test_moto_a_secret_without_a_value_and_half_a_bucket_are_found() -> None:
    """As the foundation leaves the one, and an interrupted mirror the other."""
    of = want(SELF_HOSTED)
    s3 = boto3.client("s3", region_name=of.region)
    place = {"LocationConstraint": of.region}
    s3.create_bucket(Bucket=str(of.plan.weights_bucket), CreateBucketConfiguration=place)
    s3.put_object(Bucket=str(of.plan.weights_bucket), Key=of.supply.files[0].key, Body=b"x")
    secrets = boto3.client("secretsmanager", region_name=of.region)
    for name in of.plan.gateway.secrets:
        secrets.create_secret(Name=name)
    found = questioning.preflight(of, "workload", lambda _: None).findings
    words = [one.message for one in found]

    assert [one.message for one in found if one.check == "secret"] == ["has no value yet"] * 3
    assert "1 file of 3 without a verified hash: config.json" in words
    assert any(word.startswith("2 files of 3 missing") for word in words)


@pytest.mark.usefixtures("moto")
def test_moto_an_image_is_found_by_its_digest() -> None:
    """moto computes the digest itself, so the lock is given moto's."""
    of = want(SELF_HOSTED)
    ecr = boto3.client("ecr", region_name=of.region)
    (first, *_) = of.plan.pulled_images
    ecr.create_repository(repositoryName=first.repository)
    manifest = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json"}
    manifest |= {"config": {"digest": "sha256:" + "0" * 64}, "layers": []}
    put = ecr.put_image(repositoryName=first.repository, imageManifest=json.dumps(manifest), imageTag="x")
    digest = put["image"]["imageId"]["imageDigest"]
    asking = of_moto(of)

    assert supplied._image(structs.replace(first, digest=digest), asking) == ""
    assert supplied._image(first, asking) == supplied.NO_IMAGE


@pytest.mark.usefixtures("moto")
def test_moto_knows_the_quota_of_vpcs_and_counts_them() -> None:
    """By the code and the service of the table."""
    of = want(SELF_HOSTED)
    (question,) = [one for one in questioning.questions(of) if "VPCs per Region" in one.subject]
    (found,) = questioning.findings([question], of_moto(of), lambda _: None)

    assert (found.status, found.message) == ("ok", "needs 1 beside 1 in use, granted 5 VPCs")


def test_roles_are_called_as_in_policies_that_aws_writes() -> None:
    """moto carries AWS's managed policies; of one role they name only the name."""
    policies = Path(str(managed.__file__)).read_text("utf-8")

    for row in catalog.linked_roles().values():
        place = "" if row.service == "eks-nodegroup" else f"/aws-service-role/{row.service}.amazonaws.com/"
        assert f"{place}{row.role}" in policies, row.role
