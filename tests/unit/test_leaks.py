"""Ways out of the boundary that hide from a rule's plain reading: each is caught, each harmless twin passes.

Not here: the examples of every rule (test_rules) and edits of specs (test_trust).
"""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from datetime import date

import msgspec
import pytest

from inferplan.resource import Resource
from inferplan.spec.organization import Waiver
from policies.evaluate import evaluate
from policies.example import Case, aws_arn, aws_host, failing_case, passing_case, ref, resource
from policies.packs import all_rules
from policies.rule import Example, Rule
from policies.sovereignty.egress import egr_001

AS_OF = date(2026, 11, 20)
EUROPE = {"data.residency.countries": ["EEA", "CH"]}
ACCOUNT = {"accounts.111111111111.countries": ["EEA", "CH"]}
OUTSIDE = egr_001.passing[1]  # a vendor's way out that GPU nodes do not share
NETWORK = {item.name: item for item in OUTSIDE.resources}
PROFILE = "bedrock/eu.mistral.mistral-large-2402-v1:0"
MODELS = {"model_list": [{"model_name": "desk", "litellm_params": {"model": PROFILE}}]}
ENCODED = base64.b64encode(json.dumps(MODELS).encode()).decode()

SUBNET = resource("aws:ec2/subnet:Subnet", "open", {})
TABLE = resource(
    "aws:ec2/routeTable:RouteTable",
    "open-routes",
    {"routes": [{"cidrBlock": "0.0.0.0/0", "gatewayId": ref(NETWORK["internet"])}]},
)
JOINED = resource(
    "aws:ec2/routeTableAssociation:RouteTableAssociation",
    "open-association",
    {"subnetId": ref(SUBNET), "routeTableId": ref(TABLE)},
)
TRANSLATOR = resource("aws:ec2/natGateway:NatGateway", "open-nat", {"subnetId": ref(SUBNET)})
OPEN = (SUBNET, TABLE, JOINED, TRANSLATOR)
MIXED = {
    "launchTemplateSpecification": {"launchTemplateId": ref(NETWORK["gpu-template"])},
    "overrides": [{"instanceType": "p5.48xlarge"}],
}
LIST = resource("aws:ec2/managedPrefixList:ManagedPrefixList", "list", {})
ENTRY = resource(
    "aws:ec2/managedPrefixListEntry:ManagedPrefixListEntry",
    "entry",
    {"prefixListId": ref(LIST), "cidr": "::/0"},
)
OWN_BUCKET = resource("aws:s3/bucket:Bucket", "own", {"bucket": "example-own"})
COPY = resource(
    "aws:s3/bucketReplicationConfig:BucketReplicationConfig",
    "copy",
    {
        "rules": [
            {"destination": {"bucket": ref(OWN_BUCKET)}},
            {"destination": {"bucket": aws_arn("s3:::elsewhere")}},
        ]
    },
)


def _group(**props: object) -> Resource:
    return resource("aws:autoscaling/group:Group", "machines", {"vpcZoneIdentifiers": [ref(SUBNET)], **props})


def _workload(kind: str, **pod: object) -> Resource:
    props = {"metadata": {"namespace": "kube-system"}, "spec": {"template": {"spec": pod}}}
    return resource(f"kubernetes:{kind}", "workload", props)


def _everybody(**more: object) -> str:
    statement = {"Effect": "Allow", "Principal": "*", "Action": "kms:*", "Resource": "*", **more}
    return json.dumps({"Statement": [statement]})


LEAKS: dict[str, tuple[str, tuple[Resource, ...]]] = {
    "a scaling group of mixed machines": (
        "EGR-001",
        (*OPEN, _group(mixedInstancesPolicy={"launchTemplate": MIXED})),
    ),
    "a scaling group whose machines AWS chooses": (
        "EGR-001",
        (
            *OPEN,
            resource(
                "aws:ec2/launchTemplate:LaunchTemplate", "any", {"instanceRequirements": {"vcpuCount": 8}}
            ),
            _group(launchTemplate={"name": aws_arn("ec2:eu-central-1:111111111111:launch-template/any")}),
        ),
    ),
    "a node group on a template that the stack lacks": (
        "EGR-001",
        (
            *OPEN,
            resource(
                "aws:eks/nodeGroup:NodeGroup",
                "hidden",
                {"subnetIds": [ref(SUBNET)], "launchTemplate": {"id": "lt-0123"}},
            ),
        ),
    ),
    "a prefix list filled by entries": (
        "EGR-001",
        (
            LIST,
            ENTRY,
            resource(
                "aws:ec2/route:Route",
                "out",
                {
                    "routeTableId": ref(NETWORK["gpu-routes"]),
                    "destinationPrefixListId": ref(LIST),
                    "transitGatewayId": "tgw-1",
                },
            ),
        ),
    ),
    "an older rule by prefix list": (
        "EGR-002",
        (
            LIST,
            ENTRY,
            resource(
                "aws:ec2/securityGroupRule:SecurityGroupRule",
                "out",
                {
                    "type": "egress",
                    "securityGroupId": ref(NETWORK["gpu-group"]),
                    "protocol": "tcp",
                    "fromPort": 443,
                    "toPort": 443,
                    "prefixListIds": [ref(LIST)],
                },
            ),
        ),
    ),
    "a second copy behind the first one's reference": (
        "SOV-003",
        (OWN_BUCKET, replace(COPY, property_dependencies={"rules": (OWN_BUCKET.urn,)})),
    ),
    "a proxy configuration that looks like a Deny statement": (
        "SOV-006",
        (
            resource(
                "kubernetes:core/v1:ConfigMap",
                "proxy",
                {"data": {"config.yaml": json.dumps({"Effect": "Deny", **MODELS})}},
            ),
        ),
    ),
    "a proxy configuration encoded in a Secret": (
        "SOV-006",
        (resource("kubernetes:core/v1:Secret", "proxy", {"data": {"config.yaml": ENCODED}}),),
    ),
    "a proxy configuration encoded in an object": (
        "SOV-006",
        (resource("aws:s3/bucketObjectv2:BucketObjectv2", "proxy", {"key": "k", "contentBase64": ENCODED}),),
    ),
    "a server whose pod is only known later": (
        "EGR-008",
        (
            SUBNET,
            resource(
                "kubernetes:apps/v1:DaemonSet",
                "server",
                {"metadata": {"namespace": "kube-system"}, "spec": ref(SUBNET)},
            ),
        ),
    ),
    "a server with a claimed device": (
        "EGR-008",
        (_workload("batch/v1:Job", containers=[{"name": "s", "resources": {"claims": [{"name": "gpu"}]}}]),),
    ),
    "a server behind a wrapper": (
        "EGR-008",
        (
            _workload(
                "apps/v1:StatefulSet", containers=[{"name": "s", "command": ["env", "A=1", "B=2", "vllm"]}]
            ),
        ),
    ),
    "a bucket in S3's older kind of host name": (
        "SOV-001",
        (
            _workload(
                "batch/v1:Job", containers=[{"name": "s", "args": [f"https://{aws_host('s3-us-west-2')}/b"]}]
            ),
        ),
    ),
    "a machine asked for at the spot price": (
        "EGR-001",
        (
            resource(
                "aws:ec2/spotInstanceRequest:SpotInstanceRequest",
                "spot",
                {"instanceType": "g6.xlarge", "subnetId": "subnet-0123"},
            ),
        ),
    ),
    "Bedrock's other endpoint": (
        "EGR-011",
        (
            resource(
                "aws:ec2/vpcEndpoint:VpcEndpoint",
                "door",
                {"serviceName": "com.amazonaws.eu-central-1.bedrock-runtime-fips", "privateDnsEnabled": True},
            ),
        ),
    ),
    "a chart that nobody has rendered": (
        "EGR-003",
        (resource("kubernetes:helm.sh/v4:Chart", "chart", {"chart": "vllm"}),),
    ),
    "a key for anybody": ("SOV-017", (resource("aws:kms/key:Key", "key", {"policy": _everybody()}),)),
    "a share with an account by its bare number": (
        "SOV-017",
        (
            resource(
                "aws:ram/principalAssociation:PrincipalAssociation", "share", {"principal": "999999999999"}
            ),
        ),
    ),
    "an endpoint service for everybody": (
        "SOV-017",
        (resource("aws:ec2/vpcEndpointService:VpcEndpointService", "offer", {"allowedPrincipals": ["*"]}),),
    ),
}
HARMLESS: dict[str, tuple[Resource, ...]] = {
    "the network as it was": (),
    "machines without accelerators beside the firewall": (
        *OPEN,
        resource("aws:eks/nodeGroup:NodeGroup", "small", {"subnetIds": [ref(SUBNET)]}),
    ),
    "a prefix list of AWS for its own endpoint": (
        resource(
            "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule",
            "out",
            {
                "securityGroupId": ref(NETWORK["gpu-group"]),
                "ipProtocol": "tcp",
                "fromPort": 443,
                "toPort": 443,
                "prefixListId": "pl-6ea54007",
            },
        ),
    ),
    "a key for anybody of the account": (
        resource(
            "aws:kms/key:Key",
            "key",
            {"policy": _everybody(Condition={"StringEquals": {"kms:CallerAccount": "111111111111"}})},
        ),
    ),
    "twelve digits that are no account": (
        resource("aws:ssm/parameter:Parameter", "bytes", {"insecureValue": "137438953472"}),
    ),
    "a yaml component whose objects are seen": (
        resource("kubernetes:yaml/v2:ConfigGroup", "objects", {}),
        resource(
            "kubernetes:core/v1:ConfigMap",
            "object",
            {"data": {"a": "b"}},
            parent="urn:pulumi:example::inferplan::kubernetes:yaml/v2:ConfigGroup::objects",
        ),
    ),
}


def _blocking(resources: tuple[Resource, ...]) -> set[str]:
    """The rules that stop a network with a vendor path and these resources."""
    example = replace(
        OUTSIDE,
        spec={**OUTSIDE.spec, **EUROPE},
        organization=ACCOUNT,
        resources=(*OUTSIDE.resources, *resources),
    )
    case = passing_case(example)
    report = evaluate(case.declaration, case.resources, AS_OF)
    return {finding.rule for finding in report.findings if finding.blocks}


@pytest.mark.parametrize(("rule", "resources"), LEAKS.values(), ids=LEAKS)
def test_hidden_way_out_is_caught(rule: str, resources: tuple[Resource, ...]) -> None:
    """The rule that promises to see the leak stops it."""
    assert rule in _blocking(resources)


@pytest.mark.parametrize("resources", HARMLESS.values(), ids=HARMLESS)
def test_harmless_twin_passes(resources: tuple[Resource, ...]) -> None:
    """What only looks like a leak stops nothing."""
    assert _blocking(resources) == set()


def _waiver(**fields: object) -> Waiver:
    """A waiver in force, with some fields changed."""
    text = {
        "apiVersion": "inferplan/v1beta1",
        "kind": "Waiver",
        "rule": "SOV-015",
        "scope": {},
        "reason": "r",
        "ticket": "T-1",
        "owner": "a@example.com",
        "approver": "b@example.com",
        "created": "2026-10-01",
        "expires": "2027-01-01",
    }
    return msgspec.convert({**text, **fields}, Waiver)


def _waived(waiver: Waiver, rule: Rule, not_waivable: tuple[str, ...] = ()) -> tuple[str, set[str]]:
    """Decision and findings about waivers over a failing case of a rule."""
    case: Case = failing_case(rule, rule.failing[0])
    organization = msgspec.structs.replace(case.declaration.organization, not_waivable=not_waivable)
    declaration = replace(case.declaration, organization=organization, waivers=(waiver,))
    report = evaluate(declaration, case.resources, AS_OF, rules=(rule,))
    return report.decision, {item.rule for item in report.findings if item.rule.startswith("WAIVER")}


def test_waiver_counts_only_in_order() -> None:
    """An alias does not get around not_waivable, a blank does not make an approver, an old one is named."""
    rule = next(rule for rule in all_rules() if rule.id == "SOV-015")
    named_before = replace(rule, aliases=("SOV-915",))

    assert _waived(_waiver(), rule) == ("allow", set())
    assert _waived(_waiver(rule="SOV-915"), named_before) == ("allow", set())
    assert _waived(_waiver(rule="SOV-915"), named_before, ("SOV-015",))[0] == "deny"
    assert _waived(_waiver(approver=" A@example.com"), rule) == ("deny", {"WAIVER-SELF-APPROVED"})
    assert _waived(_waiver(expires="2026-11-19"), rule) == ("deny", {"WAIVER-EXPIRED"})


def test_resources_that_no_rule_reads_are_counted() -> None:
    """A resource of another cloud is named in the report: no rule has judged it."""
    store = resource("gcp:storage/bucket:Bucket", "store", {"location": "US"})
    case = passing_case(Example(note="another cloud", resources=(store,)))
    report = evaluate(case.declaration, case.resources, AS_OF)

    assert [item.message for item in report.findings if item.rule == "TYPES-UNREAD"] == [
        "no rule reads the resources of gcp (1)"
    ]
