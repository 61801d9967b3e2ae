"""Networks and clusters that exist: registered, named, not made again; judged as they are registered."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.command_line import AS_OF, ROOT, Answer, inferplan

PAGE = ROOT / "docs/how-to/build-into-what-exists.md"
REGISTERED, NAMED = re.findall(r"```yaml\n(.*?)```", PAGE.read_text("utf-8"), re.S)
NETWORK = NAMED.splitlines()[0]
VPC_WIDE = (
    "aws:ec2/vpc:Vpc",
    "aws:ec2/subnet:Subnet",
    "aws:ec2/vpcEndpoint:VpcEndpoint",
    "aws:ec2/routeTable:RouteTable",
    "aws:ec2/flowLog:FlowLog",
)
Run = Callable[..., Answer]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """One verb on an example that builds into the page's network, after replacements in both files."""

    def call(
        verb: str,
        *options: str,
        spec: dict[str, str] | None = None,
        organization: dict[str, str] | None = None,
        example: str = "de-clinic-notes",
        cluster: bool = False,
    ) -> Answer:
        shutil.copytree(ROOT / "organization", tmp_path / "organization", dirs_exist_ok=True)
        registered = REGISTERED
        for old, new in (organization or {}).items():
            assert old in registered, old
            registered = registered.replace(old, new)
        path = tmp_path / "organization/organization.yaml"
        path.write_text(path.read_text("utf-8") + registered, "utf-8")
        text = re.sub(r"^network:.*\n", "", (ROOT / f"specs/{example}.yaml").read_text("utf-8"), flags=re.M)
        text += NETWORK + "\n"
        if cluster:
            text = text.replace("cluster:\n", "cluster:\n  existing: {name: shared}\n", 1)
        for old, new in (spec or {}).items():
            assert old in text, old
            text = text.replace(old, new)
        (tmp_path / "spec.yaml").write_text(text, "utf-8")
        shutil.copy(ROOT / f"specs/{example}.lock.yaml", tmp_path / "spec.lock.yaml")
        return inferplan(verb, "spec.yaml", *AS_OF, *options, cwd=tmp_path)

    return call


def resources(answer: Answer) -> list[dict[str, Any]]:
    assert answer.code == 0, answer.err
    return json.loads(answer.out)["layers"]["foundation"]


@pytest.mark.parametrize("cluster", [False, True])
def test_what_is_given_is_not_made_and_the_rest_is_allowed(run: Run, cluster: bool) -> None:
    answer = run("check", "--format", "json", cluster=cluster)
    (stack,) = json.loads(answer.out)["stacks"]
    assert (answer.code, stack["decision"], stack["summary"]["undecided"]) == (0, "allow", 0)
    made = resources(run("resources", "--layer", "foundation", "--format", "json", cluster=cluster))
    types = {one["type"] for one in made}
    assert not types & {*VPC_WIDE}
    assert not any(token.startswith("aws:route53/") for token in types)
    assert ("aws:eks/cluster:Cluster" in types) is not cluster
    addons = {one["inputs"]["addonName"] for one in made if one["type"] == "aws:eks/addon:Addon"}
    assert ("coredns" in addons) is not cluster
    assert "aws-mountpoint-s3-csi-driver" in addons


def test_nodes_stand_in_the_subnets_of_their_tier(run: Run) -> None:
    made = resources(run("resources", "--layer", "foundation", "--format", "json"))
    groups = [one["inputs"] for one in made if one["type"] == "aws:eks/nodeGroup:NodeGroup"]
    subnets = {group["nodeGroupName"]: group["subnetIds"] for group in groups}
    assert subnets["gpu-qwen-euc1-az2"] == ["subnet-0d0d0d0d0d0d0d0a1"]
    assert subnets["gpu-qwen-euc1-az3"] == ["subnet-0d0d0d0d0d0d0d0a2"]
    (databases,) = [one["inputs"] for one in made if one["type"] == "aws:rds/subnetGroup:SubnetGroup"]
    assert databases["subnetIds"] == ["subnet-0d0d0d0d0d0d0d0b1", "subnet-0d0d0d0d0d0d0d0b2"]


def test_nodes_of_a_given_cluster_reach_its_services_and_its_control_plane(run: Run) -> None:
    made = resources(run("resources", "--layer", "foundation", "--format", "json", cluster=True))
    rules = [
        one["inputs"]
        for one in made
        if one["type"] == "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule"
    ]
    reached = {(rule.get("referencedSecurityGroupId"), rule.get("fromPort")) for rule in map(_plain, rules)}
    assert {("sg-0d0d0d0d0d0d0d0c2", 443), ("sg-0d0d0d0d0d0d0d0c3", 53)} <= reached


def _plain(rule: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in rule.items() if isinstance(value, str | int)}


DESK = {  # the page's network as one of the desk's account and Region
    'account: "111111111111"': 'account: "222222222222"',
    "region: eu-central-1": "region: eu-west-1",
    "zone: euc1": "zone: euw1",
    "az3": "az1",
    "kms, logs": "bedrock-runtime, kms, logs",
}


def test_a_managed_stack_stands_in_it_too(run: Run) -> None:
    made = resources(
        run(
            "resources",
            "--layer",
            "foundation",
            "--format",
            "json",
            example="eu-support-desk",
            organization=DESK,
            spec={"backends: [openai, mistral]": "backends: [mistral]"},
        )
    )
    assert not {one["type"] for one in made} & {*VPC_WIDE}
    assert "aws:ecs/cluster:Cluster" in {one["type"] for one in made}


def test_a_vendor_outside_aws_cannot_be_reached_through_it(run: Run) -> None:
    answer = run("plan", example="eu-support-desk", organization=DESK)
    assert answer.code == 3
    assert "a way to eu.api.openai.com through it cannot be planned" in answer.out + answer.err


@pytest.mark.parametrize(
    ("registered", "rule"),
    [
        ({"internet: none  ": "internet: open  "}, "EGR-001"),
        ({"names: closed  ": "names: open  "}, "EGR-006"),
        ({"    flow_logs": "    # flow_logs"}, "EGR-009"),
        ({"    query_logs": "    # query_logs"}, "EGR-009"),
        ({"    provides": "    access: public\n    provides"}, "EGR-010"),
    ],
)
def test_what_its_owner_does_not_keep_is_denied(run: Run, registered: dict[str, str], rule: str) -> None:
    answer = run("check", "--format", "json", organization=registered, cluster=rule == "EGR-010")
    (stack,) = json.loads(answer.out)["stacks"]
    assert (answer.code, stack["decision"]) == (1, "deny")
    assert {found["rule"] for found in stack["findings"] if found["blocks"]} == {rule}


@pytest.mark.parametrize(
    ("registered", "said"),
    [
        ({"ecr.api, ": ""}, "no endpoint of ecr.api"),
        ({"    endpoint_group": "    # endpoint_group"}, "no endpoint_group"),
        ({"tiers: [endpoint, database, balancer]": "tiers: [endpoint, balancer]"}, "no database subnet in"),
        ({"tiers: [gpu, system, gateway]": "tiers: [system, gateway]"}, "of the given network"),
    ],
)
def test_what_the_stack_needs_and_nobody_registered_is_refused(
    run: Run, registered: dict[str, str], said: str
) -> None:
    answer = run("plan", organization=registered)
    assert answer.code == 3
    assert said in answer.out + answer.err


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"vpc-0d0d0d0d0d0d0d0d1": "vpc-0d0d0d0d0d0d0d0d2"}, "unknown network 'vpc-0d0d0d0d0d0d0d0d2'"),
        ({"subnet-0d0d0d0d0d0d0d0a1,": "subnet-0d0d0d0d0d0d0d0a9,"}, "unknown subnet"),
        ({"region: eu-central-1": "region: eu-west-1"}, "is registered for region eu-central-1"),
        ({"network: {": "network: {cidr: 10.9.0.0/16, "}, "is for a network that is made here"),
        ({"name: shared": "name: shard"}, "unknown cluster 'shard'; did you mean shared?"),
    ],
)
def test_what_is_not_registered_so_is_an_error(run: Run, spec: dict[str, str], said: str) -> None:
    answer = run("validate", spec=spec, cluster="name: shared" in spec)
    assert answer.code == 2
    assert said in answer.out + answer.err


def test_a_cluster_is_in_the_network_that_the_spec_names(run: Run) -> None:
    answer = run("validate", spec={NETWORK: ""}, cluster=True)
    assert answer.code == 2
    assert "lies in vpc-0d0d0d0d0d0d0d0d1; its nodes have to stand there" in answer.out + answer.err


@pytest.mark.parametrize(
    ("registered", "said"),
    [
        ({"cidr: 10.40.16.0/20": "cidr: 10.41.16.0/20"}, "is no range inside 10.40.0.0/16"),
        ({"cidr: 10.40.16.0/20": "cidr: 10.40.0.0/21"}, "overlaps"),
        ({"zone: euc1-az3, cidr: 10.40.16": "zone: euc1-az9, cidr: 10.40.16"}, "unknown zone 'euc1-az9'"),
        ({'account: "111111111111"': 'account: "111111111112"'}, "unknown account"),
        ({"network: vpc-0d0d0d0d0d0d0d0d1": "network: vpc-0d0d0d0d0d0d0d0d3"}, "unknown network"),
        ({"date: 2026-09-01": "date: 2026-09-31"}, "is not a day of the calendar"),
    ],
)
def test_a_register_that_contradicts_itself_is_an_error(
    run: Run, registered: dict[str, str], said: str
) -> None:
    answer = run("validate", organization=registered)
    assert answer.code == 2
    assert said in answer.out + answer.err
