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
from policies import types
from policies.evaluate import evaluate
from policies.packs import all_rules
from policies.rule import Example, Rule
from policies.sovereignty.nodes_have_no_way_out import nodes_have_no_way_out
from policies.world.cases import Case, failing_case, passing_case
from policies.world.things import (
    STRANGER,
    allow,
    arn,
    association,
    aws_host,
    bucket,
    bucket_arn,
    container,
    document,
    endpoint,
    key,
    ref,
    resource,
    route_table,
    subnet,
    workload,
)

AS_OF = date(2026, 11, 20)
EUROPE = {
    "spec:data.residency.countries": ["EEA", "CH"],
    "organization:accounts.111111111111.countries": ["EEA", "CH"],
}
OUTSIDE = nodes_have_no_way_out.passing[1]  # a vendor's way out that GPU nodes do not share
PROFILE = "bedrock/apac.mistral.mistral-large-2402-v1:0"
MODELS = {"model_list": [{"model_name": "desk", "litellm_params": {"model": PROFILE}}]}
ENCODED = base64.b64encode(json.dumps(MODELS).encode()).decode()

OPEN = (
    subnet("open"),
    route_table("open-routes", routes=[{"cidrBlock": "0.0.0.0/0", "gatewayId": ref("internet")}]),
    association("open", "open-routes"),
    resource(types.NAT_GATEWAY, "open-nat", {"subnetId": ref("open")}),
)
MIXED = {
    "launchTemplateSpecification": {"launchTemplateId": ref("gpu-template")},
    "overrides": [{"instanceType": "p5.48xlarge"}],
}
ANY_MACHINE = resource(types.LAUNCH_TEMPLATE, "any", {"instanceRequirements": {"vcpuCount": 8}})
FILLED_LIST = (
    resource(types.PREFIX_LIST, "list"),
    resource(types.PREFIX_LIST_ENTRY, "entry", {"prefixListId": ref("list"), "cidr": "::/0"}),
)
OWN_BUCKET = bucket("own")
COPY = resource(
    types.REPLICATION,
    "copy",
    {
        "rules": [
            {"destination": {"bucket": ref("own")}},
            {"destination": {"bucket": bucket_arn("elsewhere")}},
        ]
    },
)


def _machines(**props: object) -> Resource:
    return resource(types.SCALING_GROUP, "machines", {"vpcZoneIdentifiers": [ref("open")], **props})


def _job(one: dict[str, object]) -> Resource:
    return workload(types.JOB, "workload", one)


def _everybody(**more: object) -> str:
    return document(allow("kms:*", "*", Principal="*", **more))


LEAKS: dict[str, tuple[str, tuple[Resource, ...]]] = {
    "a scaling group of mixed machines": (
        "EGR-001",
        (*OPEN, _machines(mixedInstancesPolicy={"launchTemplate": MIXED})),
    ),
    "a scaling group whose machines AWS chooses": (
        "EGR-001",
        (*OPEN, ANY_MACHINE, _machines(launchTemplate={"name": arn("ec2", "launch-template/any")})),
    ),
    "a node group on a template that the stack lacks": (
        "EGR-001",
        (
            *OPEN,
            resource(
                types.NODE_GROUP,
                "hidden",
                {"subnetIds": [ref("open")], "launchTemplate": {"id": "lt-0123"}},
            ),
        ),
    ),
    "a prefix list filled by entries": (
        "EGR-001",
        (
            *FILLED_LIST,
            resource(
                types.ROUTE,
                "out",
                {
                    "routeTableId": ref("gpu-routes"),
                    "destinationPrefixListId": ref("list"),
                    "transitGatewayId": "tgw-1",
                },
            ),
        ),
    ),
    "an older rule by prefix list": (
        "EGR-002",
        (
            *FILLED_LIST,
            resource(
                types.SECURITY_GROUP_RULE,
                "out",
                {
                    "type": "egress",
                    "securityGroupId": ref("gpu-group"),
                    "protocol": "tcp",
                    "fromPort": 443,
                    "toPort": 443,
                    "prefixListIds": [ref("list")],
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
                types.CONFIG_MAP,
                "proxy",
                {"data": {"config.yaml": json.dumps({"Effect": "Deny", **MODELS})}},
            ),
        ),
    ),
    "a proxy configuration encoded in a Secret": (
        "SOV-006",
        (resource(types.KUBERNETES_SECRET, "proxy", {"data": {"config.yaml": ENCODED}}),),
    ),
    "a proxy configuration encoded in an object": (
        "SOV-006",
        (resource(types.BUCKET_OBJECT_V2, "proxy", {"key": "k", "contentBase64": ENCODED}),),
    ),
    "a server whose pod is only known later": (
        "EGR-008",
        (
            subnet("open"),
            resource(
                "kubernetes:apps/v1:DaemonSet",
                "server",
                {"metadata": {"namespace": "kube-system"}, "spec": ref("open")},
            ),
        ),
    ),
    "a server with a claimed device": (
        "EGR-008",
        (_job({"name": "s", "resources": {"claims": [{"name": "gpu"}]}}),),
    ),
    "a server behind a wrapper": (
        "EGR-008",
        (workload(types.STATEFUL_SET, "workload", {"name": "s", "command": ["env", "A=1", "B=2", "vllm"]}),),
    ),
    "a bucket in S3's older kind of host name": (
        "SOV-001",
        (_job(container("s", args=[f"https://{aws_host('s3-us-west-2')}/b"])),),
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
        (endpoint("bedrock-runtime-fips", policy=None, privateDnsEnabled=True),),
    ),
    "a chart that nobody has rendered": (
        "EGR-003",
        (resource("kubernetes:helm.sh/v4:Chart", "chart", {"chart": "vllm"}),),
    ),
    "a key for anybody": ("SOV-017", (key(policy=_everybody()),)),
    "a share with an account by its bare number": (
        "SOV-017",
        (resource("aws:ram/principalAssociation:PrincipalAssociation", "share", {"principal": STRANGER}),),
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
        resource(types.NODE_GROUP, "small", {"subnetIds": [ref("open")]}),
    ),
    "a prefix list of AWS for its own endpoint": (
        resource(
            types.EGRESS_RULE,
            "out",
            {
                "securityGroupId": ref("gpu-group"),
                "ipProtocol": "tcp",
                "fromPort": 443,
                "toPort": 443,
                "prefixListId": "pl-6ea54007",
            },
        ),
    ),
    "a key for anybody of the account": (
        key(policy=_everybody(Condition={"StringEquals": {"kms:CallerAccount": "111111111111"}})),
    ),
    "twelve digits that are no account": (
        resource(types.PARAMETER, "bytes", {"insecureValue": "137438953472"}),
    ),
    "a yaml component whose objects are seen": (
        resource("kubernetes:yaml/v2:ConfigGroup", "objects"),
        replace(
            resource(types.CONFIG_MAP, "object", {"data": {"a": "b"}}),
            parent="urn:pulumi:example::inferplan::kubernetes:yaml/v2:ConfigGroup::objects",
        ),
    ),
}


def _blocking(resources: tuple[Resource, ...]) -> set[str]:
    """The rules that stop a network with a vendor path and these resources."""
    example = replace(OUTSIDE, given={**OUTSIDE.given, **EUROPE}, resources=(*OUTSIDE.resources, *resources))
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


def test_resources_that_no_rule_reads_deny() -> None:
    """A resource of another cloud leaves the rules about content undecided: no rule has judged it."""
    store = resource("gcp:storage/bucket:Bucket", "store", {"location": "US"})
    case = passing_case(Example(note="another cloud", resources=(store,)))
    report = evaluate(case.declaration, case.resources, AS_OF)

    assert report.decision == "deny"
    assert {(item.rule, item.verdict, item.message) for item in report.findings if item.blocks} == {
        (
            id_,
            "undecided",
            "gcp:storage/bucket:Bucket is of a kind that the rules do not know; no rule reads what it does",
        )
        for id_ in ("EGR-007", "SOV-005", "SOV-010")
    }
