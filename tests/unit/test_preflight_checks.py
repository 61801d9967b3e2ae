"""What each question of `inferplan preflight` makes of an answer: as it has to be, and every way it is not.

Area of concern: an account that lacks something and is called ready, a fix that does not fix, a secret that
is read. Requests and answers are judged by botocore's models. Numbers are those of the findings that a test
is about: pitfall_T_N, row N of table T of known traps, and note_N, notes from the field.
"""

from __future__ import annotations

import shlex
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from typing import Any

import botocore.session
import pytest
from botocore import xform_name
from msgspec import structs

from inferplan import catalog
from inferplan.cli.preflight_checks import questioning
from inferplan.cli.preflight_checks.account_question import Wanted
from inferplan.cli.preflight_checks.tls_certificate import covers
from inferplan.plan.given import given_cluster, given_network
from inferplan.plan.system_nodes import LARGE_TO_XLARGE
from inferplan.report.preflight_contracts import PreflightFinding
from inferplan.spec.declaration import Declaration
from inferplan.spec.environment import Gateway as SpecGateway
from inferplan.spec.loading import load
from tests.account import BYTES, ROOT, Account, asked_of, finding, findings, gpu_image, wanted
from tests.unit.plan_edits import declared, spec_of, with_backend, with_spec
from tests.unit.recorded import BEDROCK_ONLY, HYBRID, MANAGED, OUTSIDE, SELF_HOSTED, STACKS, declaration_of

RESERVATION = "cr-0123456789abcdef0"
STACKS_OF_TESTS = ROOT / "tests/fixtures/stacks"


@cache
def want(stack: str) -> Wanted:
    return wanted(declaration_of(stack))


def account(stack: str = SELF_HOSTED) -> Account:
    return Account(want(stack))


def edited(declaration: Declaration) -> Account:
    return Account(wanted(declaration))


def with_capacity(**said: Any) -> Declaration:
    """The clinic with another capacity."""
    return with_backend(declared(SELF_HOSTED), "qwen", capacity=said)


@pytest.mark.parametrize("stack", STACKS)
def test_an_account_that_has_all_of_it_lacks_nothing(stack: str) -> None:
    """What is to do is what the lock leaves open, and that is no question to the account."""
    found, _ = asked_of(account(stack))
    pending = want(stack).supply.pending

    assert {one.check for one in found.findings if one.status != "ok"} == ({"pins"} if pending else set())
    assert found.decision == ("blocked" if pending else "ready")


@pytest.mark.parametrize("stack", STACKS)
def test_every_fix_is_one_line_that_its_program_takes(stack: str) -> None:
    """Of an account that has nothing: every command of the AWS CLI is an operation with these parameters."""
    empty = account(stack)
    empty.roles, empty.images, empty.bucket, empty.certificate = set(), {}, None, None
    empty.quotas = {row.code: 0 for row in catalog.account_quotas().values()}
    empty.quotas |= {pool.quota_code: 0 for pool in want(stack).plan.pools if pool.quota_code}
    empty.services, empty.secrets, empty.models = {}, {}, {}
    empty.offers = {pool.instance_type: [] for pool in want(stack).plan.pools}
    found, _ = asked_of(empty)
    fixes = [str(one.fix) for one in found.findings if one.status == "to_do"]

    assert len(fixes) > len(want(stack).plan.gateway.secrets)
    for fix in fixes:
        assert "\n" not in fix
        match fix.split()[0]:
            case "aws":
                assert unknown_words(fix) == []
            case "inferplan":
                assert fix.split()[2] == "spec.yaml"
            case "pulumi":
                assert fix.split()[1:3] == ["up", "--stack"]
            case first:
                assert (first, fix.split()[1]) == ("in", "spec.yaml:")


def unknown_words(command: str) -> list[str]:
    """What botocore does not know of a command line of the AWS CLI, which is made from its models."""
    words = shlex.split(command)
    service, operation = words[1], words[2]
    model = botocore.session.get_session().get_service_model(service)
    names = {xform_name(name).replace("_", "-"): name for name in model.operation_names}
    if operation not in names:
        return [f"{service} {operation}"]
    shape = model.operation_model(names[operation]).input_shape
    known = {xform_name(name).replace("_", "-") for name in (shape.members if shape is not None else ())}
    flags = {word.removeprefix("--") for word in words[3:] if word.startswith("--")}
    return sorted(flags - known - {"region", "query", "output"})


def test_the_judge_of_fixes_bites() -> None:
    """An operation and a parameter that do not exist."""
    assert unknown_words("aws ec2 describe-vpcs --region x") == []
    assert unknown_words("aws ec2 describe-clouds") == ["ec2 describe-clouds"]
    assert unknown_words("aws ec2 describe-vpcs --vpc x") == ["vpc"]


# -- who asks


def test_another_account_is_not_asked_anything() -> None:
    """Its quotas and secrets are nobody's business here."""
    other = account()
    other.number = "999999999999"
    found, aws = asked_of(other)

    assert found.decision == "blocked"
    assert [one.check for one in found.findings] == ["identity"]
    assert "999999999999" in found.findings[0].message
    assert aws.actions == {"sts:GetCallerIdentity"}


def test_who_signed_in_is_not_told() -> None:
    """A report may be read by others."""
    found, _ = asked_of(account())

    assert not any("somebody" in one.message for one in found.findings)


def opt_in(status: str) -> Account:
    """An account whose stack stands in a Region that has to be enabled."""
    of = want(SELF_HOSTED)
    place = structs.replace(of.plan.target, region="eu-central-2")
    made = account()
    made.wanted = replace(of, plan=structs.replace(of.plan, target=place))
    made.region_status = status
    return made


@pytest.mark.parametrize(
    ("status", "told", "fix"),
    [
        ("DISABLED", "not enabled", "aws account enable-region --region-name eu-central-2"),
        ("ENABLING", "is being enabled", "aws account get-region-opt-status --region-name eu-central-2"),
    ],
)
def test_a_region_that_is_not_enabled_is_told_once(status: str, told: str, fix: str) -> None:
    """In it every question would be refused, with words about credentials."""
    found, aws = asked_of(opt_in(status))
    *_, last = found.findings

    assert (last.check, last.status, last.fix) == ("region", "to_do", fix)
    assert told in last.message
    assert {where for _, where, _ in aws.calls} <= {"us-east-1", "aws-global"}


def test_a_region_that_is_enabled_is_asked() -> None:
    """And one that is always enabled is not asked about."""
    assert finding(opt_in("ENABLED"), "region").status == "ok"
    assert findings(account(), "region") == []


def test_where_the_account_may_not_be_asked_ec2_knows_the_region() -> None:
    """Many roles may describe Regions and nothing of the account."""
    for status, expected in (("ENABLED", "ok"), ("DISABLED", "to_do")):
        shy = opt_in(status)
        shy.refuses = {"GetRegionOptStatus": "AccessDeniedException"}
        assert finding(shy, "region").status == expected


# -- quotas


def test_pitfall_1_5_a_quota_of_zero_is_told_with_what_to_ask_for() -> None:
    """In vCPUs: needed at the planned load, at the ceiling of autoscaling, and granted."""
    new = account()
    (pool,) = want(SELF_HOSTED).plan.pools
    assert pool.quota_code is not None
    new.quotas = {pool.quota_code: 0}
    told = finding(new, "quota", pool.quota_code)

    assert told.status == "to_do"
    assert f"needs {pool.nodes * 8} (at the ceiling" in told.message
    assert f"{pool.quota_vcpus}), granted 0 vCPUs" in told.message
    assert told.fix == (
        "aws service-quotas request-service-quota-increase --service-code ec2 "
        f"--quota-code {pool.quota_code} --desired-value {pool.quota_vcpus} --region eu-central-1"
    )


def test_pitfall_1_5_spot_has_a_quota_of_its_own() -> None:
    """What is granted on demand helps no spot node."""
    (on_demand,), (spot,) = (want(SELF_HOSTED).plan.pools, wanted(with_capacity(kind="spot")).plan.pools)
    made = edited(with_capacity(kind="spot"))
    assert on_demand.quota_code != spot.quota_code
    assert spot.quota_code is not None
    made.quotas = {spot.quota_code: 0}
    told = finding(made, "quota", spot.quota_code)

    assert told.status == "to_do"
    assert "spot" in told.subject


@pytest.mark.parametrize(("granted", "status"), [(31, "to_do"), (32, "advice"), (47, "advice"), (48, "ok")])
def test_a_quota_below_the_ceiling_does_not_block(granted: int, status: str) -> None:
    """The stack starts; it cannot grow as planned."""
    made = account()
    made.quotas = {"L-DB2E81BA": granted}

    assert finding(made, "quota", "L-DB2E81BA").status == status


def test_an_increase_that_is_asked_for_is_not_asked_for_again() -> None:
    """One that was denied, or is for less than is needed, is."""
    for status, desired, follow in (
        ("PENDING", 48.0, True),
        ("CASE_OPENED", 48.0, True),
        ("DENIED", 48.0, False),
        ("PENDING", 16.0, False),
    ):
        made = account()
        made.quotas = {"L-DB2E81BA": 0}
        made.requests = {"L-DB2E81BA": [{"Id": "abc", "Status": status, "DesiredValue": desired}]}
        told = finding(made, "quota", "L-DB2E81BA")
        assert told.status == "to_do"
        assert ("--request-id abc" in str(told.fix)) == follow
        assert ("asked for and not granted yet" in told.message) == follow


def test_a_quota_that_was_never_changed_is_its_default() -> None:
    """Service Quotas then knows no value of the account's own."""
    made = account()
    made.defaults, made.quotas = {"L-DB2E81BA"}, {"L-DB2E81BA": 0}

    assert finding(made, "quota", "L-DB2E81BA").status == "to_do"


def test_a_quota_that_aws_does_not_know_cannot_be_told() -> None:
    """It is not zero, and not plenty."""
    made = account()
    made.unknown_quotas = {"L-DB2E81BA"}

    assert finding(made, "quota", "L-DB2E81BA").status == "cannot_tell"


def test_pitfall_1_6_a_capacity_block_below_its_quota_is_advice() -> None:
    """No source says whether it counts."""
    made = Account(in_one_zone("capacity-block"))
    made.quotas = {"L-417A185B": 0}

    assert finding(made, "quota", "L-417A185B").status == "advice"


def test_nodes_without_gpus_and_tasks_have_quotas_too() -> None:
    """Five standard vCPUs are what a new account has."""
    new = account()
    new.quotas = {catalog.account_quotas()["standard-vcpus"].code: 5}
    assert finding(new, "quota", "Standard").status == "to_do"
    assert {one.name for one in LARGE_TO_XLARGE} >= {
        cluster.system_instance_type for stack in STACKS if (cluster := want(stack).plan.cluster)
    }

    managed = account(MANAGED)
    managed.quotas = {catalog.account_quotas()["fargate-vcpus"].code: 1}
    assert finding(managed, "quota", "Fargate").status == "to_do"


def test_vpcs_and_addresses_are_counted_without_the_stacks_own() -> None:
    """A second preflight of a stack that stands is fine."""
    own = [{"Key": "inferplan:stack", "Value": want(MANAGED).plan.name}]
    others = [{"VpcId": f"vpc-{number}"} for number in range(5)]
    for vpcs, status in ((others, "to_do"), ([*others[:4], {"VpcId": "vpc-9", "Tags": own}], "ok")):
        made = account(MANAGED)
        made.quotas = {catalog.account_quotas()["vpcs"].code: 5}
        made.vpcs = vpcs
        told = finding(made, "quota", "VPCs")
        assert told.status == status
        assert ("beside 5 in use" in told.message) == (status == "to_do")

    made = account(OUTSIDE)
    made.quotas = {catalog.account_quotas()["elastic-addresses"].code: 5}
    made.addresses = [{"PublicIp": f"192.0.2.{number}"} for number in range(4)]
    assert finding(made, "quota", "Elastic").status == "to_do"
    made.addresses = made.addresses[:3]
    assert finding(made, "quota", "Elastic").status == "ok"


# -- zones, types, images, endpoints


def test_note_39_zones_are_compared_by_id() -> None:
    """The account's letters run the other way, and that changes nothing."""
    made = account()
    names = [name for name, _ in made.zones.values()]

    assert names == sorted(names, reverse=True)
    assert finding(made, "zones").status == "ok"


def test_note_39_a_zone_that_the_account_lacks_is_told() -> None:
    """Some zones are closed to newer accounts; what is left is told."""
    made = account()
    made.zones.pop("euc1-az2")
    told = finding(made, "zones")

    assert told.status == "to_do"
    assert "euc1-az2 is not among its zones; the account has euc1-az1, euc1-az3" in told.message
    assert told.fix == "in spec.yaml: target.zones: 1, backends.qwen.capacity.zone: euc1-az3"
    assert [pool.zones for pool in moved(told).plan.pools] == [("euc1-az3",)]


def moved(told: PreflightFinding) -> Wanted:
    """The clinic with what a fix says to write into its spec, planned again."""
    declaration = declared(SELF_HOSTED)
    for words in str(told.fix).removeprefix("in spec.yaml: ").split(", "):
        path, _, value = words.partition(": ")
        match path.split("."):
            case ["target", field]:
                declaration = with_spec(declaration, target={field: int(value)})
            case ["backends", backend, "capacity", field]:
                declaration = with_backend(declaration, backend, capacity={field: value})
            case _:
                raise AssertionError(path)
    return wanted(declaration)


def test_a_zone_that_is_impaired_is_told() -> None:
    made = account()
    made.zones["euc1-az2"] = ("eu-central-1b", "impaired")

    assert "euc1-az2 is impaired" in finding(made, "zones").message


def test_pitfall_1_31_types_are_asked_about_in_each_zone_of_their_nodes() -> None:
    """A pool has a node group in every zone, and one zone without the type is enough to fail."""
    (pool,) = want(SELF_HOSTED).plan.pools
    made = account()
    made.offers = {pool.instance_type: ["euc1-az3"]}
    told = finding(made, "instance-type", pool.instance_type)

    assert told.status == "to_do"
    assert told.message == "not offered in euc1-az2; offered in euc1-az3"
    assert told.fix == "in spec.yaml: target.zones: 1, backends.qwen.capacity.zone: euc1-az3"
    assert [pool.zones for pool in moved(told).plan.pools] == [("euc1-az3",)]


def test_a_type_that_no_zone_offers_needs_another_type() -> None:
    (pool,) = want(SELF_HOSTED).plan.pools
    made = account()
    made.offers = {pool.instance_type: []}
    told = finding(made, "instance-type", pool.instance_type)

    assert "offered in no zone of the Region" in told.message
    assert told.fix == "in spec.yaml: backends.qwen.capacity.instance_type: TYPE"


def test_a_node_image_that_is_not_published_is_told() -> None:
    """Of the kind and the cluster's version."""
    made = account()
    made.no_image = {gpu_image(made.wanted)}
    told = finding(made, "node-image", "NVIDIA")

    assert (told.status, finding(account(), "node-image", "NVIDIA").status) == ("to_do", "ok")
    assert "/aws/service/bottlerocket/aws-k8s-1.36-nvidia/x86_64/latest/image_id" in told.message


@pytest.mark.parametrize(
    ("image", "status", "told"),
    [
        ({"State": "available", "Architecture": "x86_64"}, "ok", "available to the account"),
        ({"State": "pending", "Architecture": "x86_64"}, "to_do", "it is pending"),
        ({"State": "available", "Architecture": "arm64"}, "to_do", "it is for arm64"),
        (None, "to_do", "not shared with the account"),
    ],
)
def test_an_image_of_ones_own_has_to_be_shared(image: dict[str, Any] | None, status: str, told: str) -> None:
    """No plan starts one yet, so the spec names it here after it was planned."""
    of = want(SELF_HOSTED)
    named = with_backend(of.declaration, "qwen", capacity={"ami": "ami-0123456789abcdef0"})
    made = Account(replace(of, declaration=named))
    made.own_image = image
    said = finding(made, "node-image", "ami-0123456789abcdef0")

    assert said.status == status
    assert told in said.message
    assert unknown_words(said.fix or "aws ec2 describe-images") == []
    assert [one.subject for one in findings(made, "node-image")][1:] == [
        "BOTTLEROCKET_x86_64 for Kubernetes 1.36"
    ]


@pytest.mark.parametrize("names", [False, True])
def test_an_endpoint_service_is_needed_in_every_zone_of_its_endpoint(names: bool) -> None:
    """Whether AWS gives ids of zones or names, which are this account's own."""
    made = account()
    made.names_zones = names
    assert finding(made, "endpoint-services").status == "ok"

    made.services["com.amazonaws.eu-central-1.eks-auth"] = {"euc1-az1", "euc1-az3"}  # the first has no g7e
    told = finding(made, "endpoint-services")
    assert told.status == "to_do"
    assert "eks-auth is not offered in euc1-az2 (pod identity)" in told.message
    assert told.fix == "in spec.yaml: target.zones: 1, backends.qwen.capacity.zone: euc1-az3"


def test_an_endpoint_service_that_the_region_lacks_is_told() -> None:
    """Gateway and interface services of one name are two."""
    made = account()
    del made.services["com.amazonaws.eu-central-1.s3"]
    told = finding(made, "endpoint-services")

    assert "com.amazonaws.eu-central-1.s3 is not offered in the Region" in told.message


# -- roles


def test_note_8_the_role_that_a_key_policy_names_has_to_exist() -> None:
    """In a new account it does not, and the foundation's key is refused."""
    made = account()
    made.roles.discard("AWSServiceRoleForAutoScaling")
    told = finding(made, "service-linked-role", "AutoScaling")

    assert (told.status, told.layer) == ("to_do", "foundation")
    assert told.fix == "aws iam create-service-linked-role --aws-service-name autoscaling.amazonaws.com"


def test_note_46_each_part_of_a_stack_has_its_service_linked_role() -> None:
    """And no stack needs that of a part which it does not have."""

    def roles(made: Account) -> set[str]:
        made.roles = set()
        return {
            str(one.fix).rpartition(" ")[2].partition(".")[0] for one in findings(made, "service-linked-role")
        }

    stores = {"rds", "elasticache", "elasticloadbalancing"}
    assert roles(account()) == {"autoscaling", "eks", "eks-nodegroup", *stores}
    assert roles(edited(with_capacity(kind="spot"))) >= {"spot"}
    assert roles(account(MANAGED)) >= {"ecs", "network-firewall", *stores}
    assert roles(account(BEDROCK_ONLY)) == {"ecs", *stores}


# -- reserved capacity


@cache
def in_one_zone(kind: str) -> Wanted:
    """The bank with reserved nodes in one zone."""
    capacity = {"kind": kind, "id": RESERVATION, "zone": "aps1-az1"}
    reserving = with_backend(declared(HYBRID), "llama", capacity=capacity)
    return wanted(with_spec(reserving, target={"zones": 1}))


def reserved(**found: Any) -> Account:
    """A reservation in one zone, as AWS describes it."""
    kind = found.get("ReservationType", "default")
    said = "capacity-block" if kind == "capacity-block" else "reservation"
    made = Account(in_one_zone(said))
    (pool,) = made.wanted.plan.pools
    made.reservation = {
        "CapacityReservationId": RESERVATION,
        "InstanceType": pool.instance_type,
        "AvailabilityZoneId": "aps1-az1",
        "TotalInstanceCount": pool.nodes,
        "State": "active",
        "ReservationType": "default",
        **found,
    }
    return made


def test_a_reservation_that_fits_and_lasts_is_fine() -> None:
    for end in ({}, {"EndDate": datetime(2026, 11, 22, tzinfo=UTC)}):
        made = reserved(**end)
        assert finding(made, "reservation").status == "ok"
        assert finding(made, "reservation-time").status == "ok"


@pytest.mark.parametrize(
    ("found", "told", "fix"),
    [
        ({"AvailabilityZoneId": "aps1-az2"}, "it lies in aps1-az2", "llama.capacity.zone: aps1-az2"),
        ({"InstanceType": "p4d.24xlarge"}, "it is of p4d.24xlarge", "capacity.instance_type: p4d.24xlarge"),
        ({"TotalInstanceCount": 0}, "it holds 0 instances", "modify-capacity-reservation"),
    ],
)
def test_pitfall_1_8_a_reservation_that_does_not_fit_is_told(
    found: dict[str, Any], told: str, fix: str
) -> None:
    """Zone, type and number; nodes elsewhere would not be in it."""
    said = finding(reserved(**found), "reservation")

    assert said.status == "to_do"
    assert told in said.message
    assert fix in str(said.fix)


def test_pitfall_1_8_nodes_in_two_zones_do_not_fit_one_reservation() -> None:
    """It lies in one, whatever the spec leaves open."""
    made = edited(
        with_backend(declared(HYBRID), "llama", capacity={"kind": "reservation", "id": RESERVATION})
    )
    made.reservation = reserved().reservation
    (zones,) = {pool.zones for pool in made.wanted.plan.pools}
    said = findings(made, "reservation")

    assert len(zones) > 1
    assert any("it lies in aps1-az1, and the nodes in" in one.message for one in said)


def test_a_reservation_of_another_kind_is_told() -> None:
    """A block is asked for with another market type."""
    made = reserved()
    assert made.reservation is not None
    made.reservation["ReservationType"] = "capacity-block"

    assert "it is a capacity-block, not a reservation" in finding(made, "reservation").message


def test_a_reservation_that_is_not_there_is_told() -> None:
    made = reserved()
    made.reservation = None

    assert finding(made, "reservation").status == "to_do"
    assert finding(made, "reservation-time").status == "to_do"
    assert "describe-capacity-reservations" in str(finding(made, "reservation").fix)


def test_a_reservation_without_an_id_is_told_without_asking() -> None:
    made = edited(with_capacity(kind="reservation"))
    _, aws = asked_of(made)

    assert finding(made, "reservation").fix == "in spec.yaml: backends.qwen.capacity.id: cr-ID"
    assert "ec2:DescribeCapacityReservations" not in aws.actions


@pytest.mark.parametrize(
    ("found", "told"),
    [
        ({"State": "scheduled", "StartDate": datetime(2026, 12, 1, tzinfo=UTC)}, "it begins on 2026-12-01"),
        ({"State": "expired"}, "expired, not active"),
        ({"EndDate": datetime(2026, 11, 21, 11, 30, tzinfo=UTC)}, "ends on 2026-11-21"),
    ],
)
def test_pitfall_1_7_a_block_that_is_not_there_yet_or_soon_gone_stops_the_workload(
    found: dict[str, Any], told: str
) -> None:
    """The foundation can be made meanwhile: its nodes begin at none."""
    made = reserved(ReservationType="capacity-block", **found)
    said = finding(made, "reservation-time")

    assert (said.status, said.layer) == ("to_do", "workload")
    assert told in said.message
    assert finding(made, "reservation").status == "ok"


# -- what is supplied


def test_pins_that_nobody_has_looked_up_are_refused() -> None:
    """And nothing is looked for by them, while the permissions for later are in the policy."""
    of = wanted(declaration_of(SELF_HOSTED), looked_up=False)
    found, aws = asked_of(Account(of))
    (pins,) = [one for one in found.findings if one.check == "pins"]

    assert (pins.status, pins.layer, pins.fix) == ("to_do", None, "inferplan lock spec.yaml")
    assert "documentation values" in pins.message
    assert not aws.actions & {"ecr:DescribeImages", "s3:ListObjectsV2", "s3:HeadObject"}
    assert {"ecr:DescribeImages", "s3:ListBucket", "s3:GetObject"} <= {
        *questioning.actions(questioning.questions(of))
    }


def test_what_is_not_pinned_is_named() -> None:
    """Pulumi refuses it in either layer."""
    pins = finding(account(HYBRID), "pins")

    assert (pins.status, pins.message) == ("to_do", "not pinned yet: adapters.kyc")


def test_an_image_is_looked_for_by_its_digest() -> None:
    """A copy with another digest is not it."""
    made = account()
    repository = next(iter(made.images))
    made.images[repository] = {"sha256:" + "0" * 64}
    told = finding(made, "image", repository)
    assert (told.status, told.fix) == ("to_do", "inferplan mirror spec.yaml")

    del made.images[repository]
    assert finding(made, "image", repository).fix == f"pulumi up --stack {SELF_HOSTED}.foundation"


def test_weights_are_compared_by_size_and_verified_hash() -> None:
    """Each way in which a half-filled bucket is half-filled."""
    (first, second, third) = account().files
    for change, told in (
        ({first: None}, "1 file of 3 missing: config.json"),
        ({second: (BYTES, "0" * 64)}, "1 file of 3 of another hash than the lock says"),
        ({third: (BYTES, None)}, "1 file of 3 without a verified hash"),
        ({first: None, second: None, third: None}, "3 files of 3 missing"),
    ):
        made = account()
        for key, value in change.items():
            made.files.pop(key)
            if value is not None:
                made.files[key] = value
        said = finding(made, "weights")
        assert (said.status, said.fix) == ("to_do", "inferplan mirror spec.yaml")
        assert told in said.message


def test_weights_of_another_size_are_told() -> None:
    """Where the lock says a size."""
    declaration = declaration_of(SELF_HOSTED)
    assert declaration.lock is not None
    ((name, model),) = declaration.lock.models.items()
    sizes = dict.fromkeys(model.files, BYTES + 1)
    lock = structs.replace(declaration.lock, models={name: structs.replace(model, sizes=sizes)})
    made = edited(replace(declaration, lock=lock))

    assert "3 files of 3 of another size" in finding(made, "weights").message


def test_a_bucket_that_does_not_exist_comes_with_the_foundation() -> None:
    made = account()
    made.bucket = None

    assert finding(made, "weights").fix == f"pulumi up --stack {SELF_HOSTED}.foundation"


def test_note_4_a_secret_without_a_value_is_told() -> None:
    """Each of them: vendors' keys and the gateway's."""
    names = want(MANAGED).plan.gateway.secrets
    made = account(MANAGED)
    made.secrets = {name: {"VersionIdsToStages": {}} for name in names}
    told = findings(made, "secret")

    assert {one.subject for one in told} == {*names}
    assert {one.status for one in told} == {"to_do"}
    assert all(
        f"put-secret-value --secret-id {one.subject} --secret-string file://" in str(one.fix) for one in told
    )


def test_a_secret_that_is_being_deleted_or_is_not_there_is_told() -> None:
    name = want(MANAGED).plan.gateway.secrets[0]
    made = account(MANAGED)
    made.secrets[name]["DeletedDate"] = datetime(2026, 11, 19, tzinfo=UTC)
    assert "restore-secret" in str(finding(made, "secret", name).fix)

    del made.secrets[name]
    assert finding(made, "secret", name).fix == f"pulumi up --stack {MANAGED}.foundation"


@pytest.mark.parametrize("stack", STACKS)
def test_no_secret_is_read(stack: str) -> None:
    """Neither called for nor permitted."""
    _, aws = asked_of(account(stack))

    assert not any("GetSecretValue" in action for action in aws.actions)
    assert "GetSecretValue" not in str(questioning.policy(questioning.questions(want(stack))))


# -- the gateway's certificate


def with_gateway(stack: str, **said: Any) -> Account:
    declaration = declaration_of(stack)
    gateway = spec_of(declaration).gateway or SpecGateway()
    return edited(with_spec(declaration, gateway=structs.replace(gateway, **said)))


@pytest.mark.parametrize(
    ("stack", "said", "told"),
    [
        (SELF_HOSTED, {"certificate": None}, "has no certificate"),
        (SELF_HOSTED, {"host": None}, "has no host"),
        (MANAGED, {"host": None, "certificate": None}, "nobody can call it"),
    ],
)
def test_note_11_a_host_without_a_certificate_blocks(stack: str, said: dict[str, Any], told: str) -> None:
    """The plan only warns."""
    found = finding(with_gateway(stack, **said), "certificate")

    assert (found.status, found.layer) == ("to_do", "foundation")
    assert told in found.message


def test_note_11_a_gateway_inside_its_cluster_needs_no_certificate() -> None:
    """Its callers are namespaces."""
    assert findings(with_gateway(SELF_HOSTED, host=None, certificate=None), "certificate") == []


@pytest.mark.parametrize(
    ("found", "status", "told"),
    [
        ({}, "ok", "issued, until 2027-11-20"),
        ({"DomainName": "*.clinic.example"}, "ok", "issued"),
        ({"DomainName": "x.example", "SubjectAlternativeNames": ["llm.clinic.example"]}, "ok", "issued"),
        ({"DomainName": "x.example"}, "to_do", "is for x.example, not for llm.clinic.example"),
        ({"Status": "PENDING_VALIDATION"}, "to_do", "waits for its validation"),
        ({"Status": "REVOKED"}, "to_do", "is REVOKED"),
        ({"NotAfter": datetime(2026, 11, 19, tzinfo=UTC)}, "to_do", "ended on 2026-11-19"),
        ({"NotAfter": datetime(2026, 12, 1, tzinfo=UTC)}, "advice", "ends on 2026-12-01"),
        (
            {"NotAfter": datetime(2026, 12, 1, tzinfo=UTC), "RenewalEligibility": "ELIGIBLE"},
            "ok",
            "issued, until 2026-12-01",
        ),
    ],
)
def test_a_certificate_has_to_be_issued_for_the_host_and_to_last(
    found: dict[str, Any], status: str, told: str
) -> None:
    made = account()
    made.certificate = {**(made.certificate or {}), **found}
    said = finding(made, "certificate")

    assert said.status == status
    assert told in said.message


def test_a_certificate_of_another_region_or_that_is_gone_is_told() -> None:
    """The first is known without asking."""
    elsewhere = "arn:aws:acm:eu-west-1:111111111111:certificate/0d0d0d0d-1111-2222-3333-444444444444"
    made = with_gateway(SELF_HOSTED, certificate=elsewhere)
    assert "lies in eu-west-1" in finding(made, "certificate").message
    assert "acm:DescribeCertificate" not in asked_of(made)[1].actions

    gone = account()
    gone.certificate = None
    assert "does not exist" in finding(gone, "certificate").message


@pytest.mark.parametrize(
    ("name", "host", "expected"),
    [
        ("*.a.example", "b.a.example", True),
        ("*.a.example", "c.b.a.example", False),
        ("*.a.example", "a.example", False),
        ("B.A.example", "b.a.example", True),
    ],
)
def test_a_star_stands_for_one_label(name: str, host: str, expected: bool) -> None:
    assert covers(name, host) is expected


# -- Bedrock


def test_note_46_a_model_has_to_be_offered_on_demand() -> None:
    """A model that is there only through profiles, or not at all."""
    made = account(BEDROCK_ONLY)
    assert finding(made, "bedrock-model").status == "ok"

    (model,) = made.models
    made.models = {model: ["INFERENCE_PROFILE"]}
    told = finding(made, "bedrock-model")
    assert told.status == "to_do"
    assert "not offered on demand in the Region, only as INFERENCE_PROFILE" in told.message

    made.models = {}
    assert "the Region has no such model" in finding(made, "bedrock-model").message


@pytest.mark.parametrize(
    ("change", "told", "fix"),
    [
        (
            {"regionAvailability": "NOT_AVAILABLE"},
            "not available in the Region",
            "get-foundation-model-avail",
        ),
        ({"authorizationStatus": "NOT_AUTHORIZED"}, "not authorized", "get-foundation-model-avail"),
        ({"agreementAvailability": {"status": "PENDING"}}, "is being made", "get-foundation-model-avail"),
        (
            {"agreementAvailability": {"status": "NOT_AVAILABLE"}},
            "not agreed to the terms",
            "create-foundation-model-agreement",
        ),
        ({"entitlementAvailability": "NOT_AVAILABLE"}, "not agreed", "create-foundation-model-agreement"),
    ],
)
def test_note_46_the_account_has_to_be_let_at_the_model(change: dict[str, Any], told: str, fix: str) -> None:
    """The gateway's role may call models and agree to nothing."""
    made = account(BEDROCK_ONLY)
    made.availability = {**(made.availability or {}), **change}
    said = finding(made, "bedrock-model")

    assert said.status == "to_do"
    assert told in said.message
    assert fix in str(said.fix)


def test_a_model_behind_a_profile_needs_the_profile() -> None:
    """It need not be offered on demand."""
    declaration = declaration_of(BEDROCK_ONLY)
    profile = "eu.amazon.nova-lite-v1:0"
    made = edited(with_backend(declaration, "mistral", model=profile))
    made.models = {"amazon.nova-lite-v1:0": []}
    assert finding(made, "bedrock-model").status == "ok"

    made.profiles = set()
    assert "no such inference profile" in finding(made, "bedrock-model").message


def test_a_model_that_is_legacy_is_advice() -> None:
    made = account(BEDROCK_ONLY)
    made.lifecycle = "LEGACY"

    assert [one.status for one in findings(made, "bedrock-model")] == ["ok", "advice"]


# -- what exists already


@cache
def given() -> Wanted:
    return wanted(load(STACKS_OF_TESTS / "given-cluster.yaml", STACKS_OF_TESTS / "organization"))


def existing() -> Account:
    made = Account(given())
    network = given_network(given().declaration)
    cluster = given_cluster(given().declaration)
    assert network is not None
    assert cluster is not None
    made.subnets = [
        {
            "SubnetId": name,
            "VpcId": network.vpc,
            "AvailabilityZoneId": entry.zone,
            "CidrBlock": entry.cidr,
            "AvailableIpAddressCount": 200,
        }
        for name, entry in network.subnets.items()
    ]
    made.route_tables = [
        {"RouteTableId": "rtb-1", "Associations": [{"Main": True}], "Routes": [{"GatewayId": "local"}]}
    ]
    made.vpc_endpoints = [
        {
            "VpcEndpointId": f"vpce-{number}",
            "ServiceName": endpoint.service_name,
            "State": "available",
            "PrivateDnsEnabled": True,
            "Groups": [{"GroupId": network.registered.endpoint_group, "GroupName": "endpoints"}],
        }
        for number, endpoint in enumerate(given().plan.network.endpoints)
    ]
    made.cluster = {
        "name": "shared",
        "status": "ACTIVE",
        "version": cluster.version,
        "endpoint": cluster.endpoint,
        "accessConfig": {"authenticationMode": "API"},
        "resourcesVpcConfig": {
            "endpointPrivateAccess": True,
            "endpointPublicAccess": False,
            "vpcId": network.vpc,
            "securityGroupIds": [cluster.control_plane_group],
        },
    }
    made.addons = [*cluster.addons]
    return made


def test_what_exists_as_it_is_registered_is_fine() -> None:
    """And what would be made otherwise is not asked about."""
    found, aws = asked_of(existing())
    named = {one.subject for one in found.findings if one.check == "existing-network"}

    assert found.decision == "ready"
    assert {name.partition(" ")[0] for name in named} == {"subnets", "routes", "names", "endpoints"}
    assert finding(existing(), "existing-cluster").status == "ok"
    assert not aws.actions & {"ec2:DescribeVpcs", "ec2:DescribeVpcEndpointServices"}
    assert any("Standard" in one.subject for one in found.findings), "the stack brings its own nodes"


SUBNET_PROBLEMS = [
    ({"VpcId": "vpc-9"}, "lies in vpc-9", "aws ec2 describe-subnets"),
    (
        {"AvailabilityZoneId": "euc1-az1"},
        "has zone euc1-az1, and is registered with euc1-az2",
        "in organization.yaml: networks.vpc-0d0d0d0d0d0d0d0d1.subnets.subnet-0d0d0d0d0d0d0d0a1.zone: euc1",
    ),
    ({"CidrBlock": "10.40.64.0/20"}, "has cidr 10.40.64.0/20", ".cidr: 10.40.64.0/20"),
    ({"AvailableIpAddressCount": 3}, "has 3 free addresses, below 16", "aws ec2 describe-subnets"),
]


@pytest.mark.parametrize(("change", "told", "fix"), SUBNET_PROBLEMS)
def test_subnets_have_to_be_as_registered(change: dict[str, Any], told: str, fix: str) -> None:
    """The plan took zones and ranges from the register."""
    made = existing()
    made.subnets[0] |= change
    said = finding(made, "existing-network", "subnets")

    assert said.status == "to_do"
    assert told in said.message
    assert fix in str(said.fix)


def test_subnets_that_are_not_there_are_told() -> None:
    made = existing()
    made.subnets = []

    assert "does not exist" in finding(made, "existing-network", "subnets").message


def test_a_route_to_the_internet_is_told_where_none_is_registered() -> None:
    """By the subnet's own table where it has one, else by the main one."""
    names = tuple(subnet["SubnetId"] for subnet in existing().subnets)
    out = {"RouteTableId": "rtb-2", "Routes": [{"NatGatewayId": "nat-1"}]}
    for tables, subnets in (
        ([{**out, "Associations": [{"Main": True}]}], names),
        ([*existing().route_tables, {**out, "Associations": [{"SubnetId": names[0]}]}], names[:1]),
        ([*existing().route_tables, {**out, "Associations": [{"SubnetId": "subnet-9"}]}], ()),
    ):
        made = existing()
        made.route_tables = tables
        said = finding(made, "existing-network", "routes")
        assert said.status == ("to_do" if subnets else "ok")
        assert all(subnet in said.message for subnet in subnets)


def test_names_of_a_network_have_to_lead_to_its_endpoints() -> None:
    made = existing()
    made.dns_off = {"enableDnsHostnames"}

    assert "--enable-dns-hostnames" in str(finding(made, "existing-network", "names").fix)


@pytest.mark.parametrize(
    ("change", "told", "option"),
    [
        ({"State": "pending"}, "no endpoint for autoscaling", "--service-name com.amazonaws."),
        ({"PrivateDnsEnabled": False}, "its names lead outside", "--private-dns-enabled"),
        ({"Groups": []}, "not of the registered group", "--add-security-group-ids sg-0d0d0d0d0d0d0d0c1"),
    ],
)
def test_endpoints_have_to_be_as_registered(change: dict[str, Any], told: str, option: str) -> None:
    made = existing()
    made.vpc_endpoints[0] |= change
    said = finding(made, "existing-network", "endpoints")

    assert told in said.message
    assert option in str(said.fix)
    assert unknown_words(str(said.fix)) == []


CLUSTER_PROBLEMS = [
    ({"status": "UPDATING"}, "it is UPDATING"),
    ({"version": "1.35"}, "its version is 1.35, and 1.36 is registered"),
    ({"endpoint": "https://other.example"}, "its endpoint is https://other.example"),
    ({"accessConfig": {"authenticationMode": "CONFIG_MAP"}}, "it knows no access entries"),
    ({"resourcesVpcConfig": {"endpointPrivateAccess": False}}, "no private address"),
    ({"resourcesVpcConfig": {"vpcId": "vpc-9"}}, "its network is vpc-9"),
    ({"resourcesVpcConfig": {"endpointPublicAccess": True}}, "its access is public, and private is"),
    ({"resourcesVpcConfig": {"securityGroupIds": ["sg-9"]}}, "its control_plane_group is"),
]


@pytest.mark.parametrize(("change", "told"), CLUSTER_PROBLEMS)
def test_a_cluster_has_to_be_as_registered(change: dict[str, Any], told: str) -> None:
    made = existing()
    assert made.cluster is not None
    for field, value in change.items():
        nested = field == "resourcesVpcConfig"
        made.cluster[field] = {**made.cluster[field], **value} if nested else value
    said = finding(made, "existing-cluster")

    assert said.status == "to_do"
    assert told in said.message


def test_a_cluster_lacks_add_ons_or_is_not_there() -> None:
    made = existing()
    made.addons.remove("eks-pod-identity-agent")
    assert "create-addon --cluster-name shared --addon-name eks-pod-identity-agent" in str(
        finding(made, "existing-cluster").fix
    )

    made.cluster = None
    assert "no such cluster" in finding(made, "existing-cluster").message
