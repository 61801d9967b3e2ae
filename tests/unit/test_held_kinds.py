"""Area of concern: kinds of foreign state that rules missed: each is told, its nearest neighbor let be.

The number in a name is that of the kind; from 13 on they are hosts and services. Not here: those
(test_held_hosts), types that no rule reads (test_unread) and the rules' own examples (test_rules).
"""

from __future__ import annotations

from typing import Any

import pytest

from policies.rule import DROP
from policies.world.things import arn as address
from policies.world.things import aws_host, bucket_arn, document, key_arn, log_group_arn, model_arn
from tests.unit.exports import (
    ABROAD,
    ACCOUNT,
    ENCRYPTED,
    REGION,
    STRANGER,
    State,
    allow,
    at,
    became,
    blocking,
    judged,
    pod,
    state,
    task,
    told,
)

SILENT = [
    {"name": name, "value": value}
    for name, value in {
        "VLLM_NO_USAGE_STATS": "1",
        "HF_HUB_OFFLINE": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "VLLM_MEDIA_URL_ALLOW_REDIRECTS": "0",
    }.items()
]
IMAGE = f"{aws_host(f'{ACCOUNT}.dkr.ecr.{REGION}')}/vllm@sha256:1"


# -- a resource that is itself the copy ------------------------------------------------------------
DATABASE, GRAPH = "aws:rds/instance:Instance", "aws:neptune/cluster:Cluster"
SOURCE = address("rds", "db:main")
COPIES = [
    (DATABASE, ENCRYPTED | {"replicateSourceDb": SOURCE}),
    (GRAPH, {"replicationSourceIdentifier": address("rds", "cluster:main")}),
    ("aws:ebs/snapshotCopy:SnapshotCopy", {"sourceRegion": REGION, "sourceSnapshotId": "snap-1"}),
    ("aws:dynamodb/tableReplica:TableReplica", {"globalTableArn": address("dynamodb", "table/t")}),
    ("aws:mq/broker:Broker", {"dataReplicationPrimaryBrokerArn": address("mq", "broker:b")}),
    (
        "aws:rds/instanceAutomatedBackupsReplication:InstanceAutomatedBackupsReplication",
        {"sourceDbInstanceArn": SOURCE},
    ),
]


@pytest.mark.parametrize(("type_", "said"), COPIES)
def test_what_is_itself_the_copy_lies_inside_held_1(type_: str, said: dict[str, Any]) -> None:
    """Its own Region says where the copy is."""
    told("SOV-003", "region", state(type_, "c", region=ABROAD, **said), kept=(state(type_, "c", **said),))


MEMBERS = [
    ("aws:rds/cluster:Cluster", "globalClusterIdentifier"),
    ("aws:docdb/cluster:Cluster", "globalClusterIdentifier"),
    (GRAPH, "globalClusterIdentifier"),
    ("aws:elasticache/replicationGroup:ReplicationGroup", "globalReplicationGroupId"),
    ("aws:memorydb/cluster:Cluster", "multiRegionClusterName"),
]


@pytest.mark.parametrize(("type_", "key"), MEMBERS)
def test_a_member_of_a_global_database_is_not_alone_held_1(type_: str, key: str) -> None:
    """The members elsewhere are the copies, and a state of one Region does not show them."""
    said = ENCRYPTED | {"atRestEncryptionEnabled": True}

    assert blocking(judged(state(type_, "m", **said, **{key: "all"}))) == {"SOV-003"}
    assert blocking(judged(state(type_, "m", **said))) == set()


TARGETS = [
    ("aws:keyspaces/keyspace:Keyspace", "replicationSpecification.regionLists[0]", ABROAD, REGION),
    ("aws:dsql/clusterPeering:ClusterPeering", "clusters[0]",
     address("dsql", "cluster/c", region=ABROAD), address("dsql", "cluster/c")),
    ("aws:fsx/dataRepositoryAssociation:DataRepositoryAssociation", "dataRepositoryPath",
     "s3://elsewhere/x", "s3://kept/x"),
    ("aws:ecr/replicationConfiguration:ReplicationConfiguration",
     "replicationConfiguration.rules[0].destinations[0].region", ABROAD, REGION),
    ("aws:backup/plan:Plan", "rules[0].copyActions[0].destinationVaultArn",
     address("backup", "backup-vault:v", region=ABROAD), address("backup", "backup-vault:v")),
]  # fmt: skip


@pytest.mark.parametrize(("type_", "path", "outside", "inside"), TARGETS)
def test_what_is_copied_stays_inside_held_1(type_: str, path: str, outside: str, inside: str) -> None:
    """Also where files are exported to, and where a keyspace or its peers lie."""
    kept = state(type_, "c", **at(path, inside))
    own = became(
        state(
            "aws:s3/bucket:Bucket", "kept", bucket="kept",
            serverSideEncryptionConfiguration={"rule": {"applyServerSideEncryptionByDefault": {
                "sseAlgorithm": "aws:kms", "kmsMasterKeyId": key_arn()}}},
        ),
        "kept",
    )  # fmt: skip

    told("SOV-003", path, state(type_, "c", **at(path, outside)), kept=(own, kept))


# -- log drivers and their Region -----------------------------------------------------------------------
DRIVERS = [
    ("awslogs", {"awslogs-region": ABROAD}, {"awslogs-region": REGION}),
    ("awslogs", {"awslogs-endpoint": "https://l.example.com"}, {"awslogs-endpoint": "http://logs.corp.internal"}),
    ("awsfirelens", {"Name": "datadog"}, {"Name": "cloudwatch_logs", "region": REGION}),
    ("awsfirelens", {"Name": "firehose", "region": ABROAD}, {"Name": "firehose", "region": REGION}),
]  # fmt: skip


@pytest.mark.parametrize(("driver", "outside", "inside"), DRIVERS)
def test_a_log_driver_stays_inside_held_2(
    driver: str, outside: dict[str, str], inside: dict[str, str]
) -> None:
    """The driver, its Region and an address of its own, inside the text of container definitions."""

    def through(options: dict[str, str]) -> State:
        return task(logConfiguration={"logDriver": driver, "options": options})

    place = "containerDefinitions[0].logConfiguration"
    told("SOV-005", place, through(outside), kept=(through(inside),))


# -- outputs ------------------------------------------------------------------------------------------
QUEUE, TOPIC = "aws:sqs/queue:Queue", "aws:sns/topic:Topic"
ANSWERS = [
    (TOPIC, "id", address("sns", "t", region=ABROAD), address("sns", "t")),
    (QUEUE, "url", f"https://{aws_host(f'sqs.{ABROAD}')}/1/q", f"https://{aws_host(f'sqs.{REGION}')}/1/q"),
    ("aws:lb/loadBalancer:LoadBalancer", "dnsName", aws_host(f"x.{ABROAD}.elb"), aws_host(f"x.{REGION}.elb")),
    ("aws:ebs/snapshot:Snapshot", "availabilityZone", f"{ABROAD}a", f"{REGION}a"),
]


@pytest.mark.parametrize(("type_", "key", "outside", "inside"), ANSWERS)
def test_outputs_say_where_a_thing_is_held_3(type_: str, key: str, outside: str, inside: str) -> None:
    """Against the inputs, which say nothing of it or something else."""
    asked = state(type_, "x", internal=True)

    def answered(value: str) -> State:
        return became(asked, value) if key == "id" else became(asked, "x", **{key: value})

    told("SOV-001", key, answered(outside), kept=(answered(inside),))


def test_outputs_say_whose_a_thing_is_held_3() -> None:
    """An ARN among the outputs names the account."""
    topic = state(TOPIC, "t", name="t")

    told(
        "SOV-017",
        "arn",
        became(topic, "t", arn=address("sns", "t", account=STRANGER)),
        kept=(became(topic, "t", arn=address("sns", "t")),),
    )


# -- declarations, Regions and guards -------------------------------------------------------------------
@pytest.mark.parametrize(("personal", "denied"), [(True, True), (False, False)])
def test_personal_data_is_of_somebody_held_4(personal: bool, denied: bool) -> None:
    """An empty list of subjects is an answer only where nothing is personal."""
    given = {"spec:data.subjects": [], "spec:data.personal": personal}

    assert ("SOV-002" in blocking(judged(state(TOPIC, "t"), given=given))) is denied


def verdict(rule: str, *states: State, world: str = "own") -> str:
    return next(result.verdict for result in judged(*states, world=world).rules if result.id == rule)


@pytest.mark.parametrize("enabled", [True, False])
def test_a_region_in_use_is_switched_on_held_5(enabled: bool) -> None:
    """Zurich must be enabled; a resource there beside a switch that is off is told."""
    switch = state("aws:account/region:Region", "z", regionName="eu-central-2", enabled=enabled)
    used = state(TOPIC, "t", region="eu-central-2")

    assert verdict("SOV-013", switch, used, world="vendor") == ("pass" if enabled else "fail")


GUARDS = [
    ("Deny", "StringNotEquals", [REGION], "pass"),
    ("Deny", "StringNotEqualsIfExists", [REGION], "pass"),
    ("Allow", "StringNotEquals", [REGION], "fail"),
    ("Deny", "StringEquals", [REGION], "fail"),
    ("Deny", "StringNotEquals", [REGION, ABROAD], "fail"),
    ("Deny", "StringNotLike", ["*"], "fail"),
]


@pytest.mark.parametrize(("effect", "operator", "regions", "wanted"), GUARDS)
def test_a_guard_denies_all_but_allowed_regions_held_6(
    effect: str, operator: str, regions: list[str], wanted: str
) -> None:
    """Naming the right condition is not enough."""
    said = {"Effect": effect, "Condition": {operator: {"aws:RequestedRegion": regions}}}
    guard = state("aws:organizations/policy:Policy", "g", content=document(said))

    assert verdict("SOV-016", guard) == wanted


@pytest.mark.parametrize("partition", ["aws-cn", "aws-us-gov", "aws-eusc"])
def test_a_policy_names_its_own_partition_held_7(partition: str) -> None:
    """What it denies may name any partition."""
    objects = bucket_arn("b/*").replace("aws", partition, 1)

    def policy(effect: str) -> State:
        said = document(allow("s3:GetObject", objects) | {"Effect": effect})
        return state("aws:iam/policy:Policy", "p", name="p", policy=said)

    told("SOV-018", "policy.Statement[0].Resource", policy("Allow"), kept=(policy("Deny"),))


VPC = became(state("aws:ec2/vpc:Vpc", "v", cidrBlock="10.0.0.0/16"), "vpc-1")


@pytest.mark.parametrize(("region", "denied"), [(REGION, False), ("eu-west-1", True)])
def test_a_door_of_another_region_is_none_held_8(region: str, denied: bool) -> None:
    """An endpoint for Bedrock elsewhere does not lead to the Bedrock that is needed."""
    bound = {"Principal": "*", "Condition": {"StringEquals": {"aws:PrincipalAccount": ACCOUNT}}}
    model = model_arn("mistral.mistral-large-2402-v1:0")
    door = state(
        "aws:ec2/vpcEndpoint:VpcEndpoint", "door", vpcId="vpc-1", privateDnsEnabled=True,
        serviceName=f"com.amazonaws.{region}.bedrock-runtime",
        policy=document(allow("bedrock:InvokeModel", model, **bound)),
    )  # fmt: skip

    assert ("EGR-011" in blocking(judged(VPC, door, world="both"))) is denied


FLOWS = [
    (["ALL"], REGION, set()),
    (["ACCEPT", "REJECT"], REGION, set()),
    (["ACCEPT"], REGION, {"EGR-009"}),
    (["REJECT"], REGION, {"EGR-009"}),
    (["ALL"], ABROAD, {"EGR-009", "SOV-005"}),
]


@pytest.mark.parametrize(("kinds", "region", "wanted"), FLOWS)
def test_flow_logs_hold_both_and_land_inside_held_9(kinds: list[str], region: str, wanted: set[str]) -> None:
    """What was refused is what shows that the wall stands."""
    logs = [
        state("aws:ec2/flowLog:FlowLog", kind, vpcId="vpc-1", trafficType=kind,
              logDestination=log_group_arn(region=region))
        for kind in kinds
    ]  # fmt: skip
    names = "aws:route53/resolverQueryLogConfig"
    queries = (
        state(f"{names}:ResolverQueryLogConfig", "q", destinationArn=log_group_arn()),
        state(f"{names}Association:ResolverQueryLogConfigAssociation", "a", resourceId="vpc-1"),
    )

    assert blocking(judged(VPC, *logs, *queries)) & {"EGR-009", "SOV-005"} == wanted


TERMS = [
    ({"trains_on_data": DROP}, "undecided"),
    ({"contract": DROP}, "undecided"),
    ({}, None),
]


@pytest.mark.parametrize(("edits", "wanted"), TERMS)
def test_undocumented_terms_are_no_promise_held_10(edits: dict[str, Any], wanted: str | None) -> None:
    """A vendor that publishes no terms is undecided without a contract that says so."""
    told_of = {"provider": "deepseek", "host": "api.deepseek.com", **edits}
    given = {f"organization:vendors.openai-eu.{key}": value for key, value in told_of.items()}
    report = judged(state(TOPIC, "t"), world="vendor", given=given)

    assert {item.verdict for item in report.findings if item.rule == "SOV-015"} == ({wanted} - {None})


# -- commands -----------------------------------------------------------------------------------------
SERVE = ["vllm", "serve", "/m", "--allowed-media-domains", "none.invalid"]
SPOKEN = [
    {"command": SERVE},
    {"command": ["sh", "-c", " ".join(SERVE)]},
    {"command": ["/bin/sh", "-ec", "--"], "args": [" ".join(SERVE)]},
    {"command": ["bash", "-lc"], "args": ["set -e; exec " + " \\\n".join(SERVE) + "; true"]},
]


@pytest.mark.parametrize("command", SPOKEN)
def test_a_command_is_the_same_in_one_string_held_11(command: dict[str, Any]) -> None:
    """With the domains it is kept; without them it is told, however it is spoken."""

    def without(words: list[str]) -> list[str]:
        return [word.replace("--allowed-media-domains", "--other") for word in words]

    server = {"image": IMAGE, "env": SILENT}
    broken = {key: without(words) for key, words in command.items()}
    place = "spec.template.spec.containers[0].args"

    told("EGR-012", place, pod(**server, **broken), kept=(pod(**server, **command),))


def test_a_shell_s_own_variables_count_held_11() -> None:
    """What the string sets before the command is the command's environment."""
    said = " ".join(f"{item['name']}={item['value']}" for item in SILENT)
    loud = said.replace("STATS=1", "STATS=0")

    def spoken(variables: str) -> State:
        return pod(image=IMAGE, command=["sh", "-c", f"{variables} exec {' '.join(SERVE)}"])

    told("EGR-008", "spec.template.spec.containers[0].env", spoken(loud), kept=(spoken(said),))


# -- global services ------------------------------------------------------------------------------------
VIRGINIA = state("pulumi:providers:aws", "virginia", region=ABROAD)
GLOBAL = [
    ("aws:iam/user:User", {"name": "u"}),
    ("aws:route53/zone:Zone", {"name": "corp.internal", "vpcs": [{"vpcId": "vpc-1"}]}),
    ("aws:budgets/budget:Budget", {"budgetType": "COST"}),
]


@pytest.mark.parametrize(("type_", "said"), GLOBAL)
def test_a_global_service_has_no_provider_s_region_held_12(type_: str, said: dict[str, Any]) -> None:
    """Neither it nor the provider that only makes such things lies in Virginia; a topic does."""
    through = {"provider": f"{VIRGINIA['urn']}::1"}
    kept = (VIRGINIA, state(type_, "x", **said) | through)

    told("SOV-001", "region", *kept, state(TOPIC, "t") | through, kept=kept)
