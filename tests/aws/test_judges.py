"""Area of concern: each judge catches a value that AWS would refuse, and says nothing about a sound one."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from inferplan.resource import Provider, Resource
from tests.aws import documents, judge, prose, relations
from tests.aws.stacks import resources

DESK, CLINIC = "eu-support-desk", "de-clinic-notes"


def one(stack: str, type_: str, name: str = "") -> Resource:
    """The first resource of a type whose name ends so."""
    return next(r for r in resources(stack) if r.type.endswith(f":{type_}") and r.name.endswith(name))


def changed(resource: Resource, **props: Any) -> Resource:
    """One change: other values of some properties; None leaves a property out."""
    said = {**resource.props, **props}
    return replace(resource, props={name: value for name, value in said.items() if value is not None})


Edit = Callable[[Resource], Resource]


def sets(**props: Any) -> Edit:
    """An edit that sets properties."""
    return lambda resource: changed(resource, **props)


def container(**fields: Any) -> Edit:
    """An edit that sets fields of a task's first container."""

    def edit(task: Resource) -> Resource:
        first, *others = json.loads(task.props["containerDefinitions"])
        return changed(task, containerDefinitions=json.dumps([{**first, **fields}, *others]))

    return edit


@pytest.mark.parametrize(
    ("by", "type_", "edit", "says"),
    [
        ("cloudformation", "LogGroup", sets(retentionInDays=100), "is none of 1, 3, 5"),
        ("cloudformation", "Key", sets(deletionWindowInDays=31), "31 is above 30"),
        ("cloudformation", "Guardrail", sets(description="d" * 201), "201 long, at most 200"),
        ("cloudformation", "Alias", sets(name="inferplan"), "does not match"),
        ("cloudformation", "LogGroup", sets(name="a b"), "does not match"),
        ("cloudformation", "TargetGroup", sets(healthCheck={"interval": "soon"}), "'soon' is no number"),
        ("cloudformation", "LogGroup", sets(**{"class": "BASIC"}), "unknown by that name"),
        ("cloudformation", "Listener", sets(loadBalancerArn=None), "required and not set: LoadBalancerArn"),
        ("cloudformation", "Subnet", sets(mapPublicIpOnLaunch="perhaps"), "is no boolean"),
        ("api", "LogGroup", sets(name="n" * 513), "513 long, at most 512"),
        ("api", "TaskDefinition", sets(networkMode="vpc"), "'vpc' is none of"),
        ("api", "TaskDefinition", sets(containerDefinitions=None), "not set: containerDefinitions"),
        ("api", "TaskDefinition", container(cpu="all"), "'all' is no number"),
        ("api", "TaskDefinition", container(nmae="x"), "unknown by that name"),
        ("api", "Role", sets(description="an em dash \u2014"), "does not match"),
        ("api", "RuleGroup", sets(capacity=True), "a boolean where a integer"),
        ("api", "Budget", sets(notifications=[{"threshold": -1}]), "-1 is below 0"),
        ("api", "Guardrail", sets(blockedInputMessaging=""), "shorter than 1"),
    ],
)  # fmt: skip
def test_published_models_refuse_a_broken_value(by: str, type_: str, edit: Edit, says: str) -> None:
    """Pattern, enum, length, range, number of items, what is required, and names, also inside documents."""
    sound = one(DESK, type_)
    before, after = set(judge.judged(sound)), set(judge.judged(edit(sound)))

    assert before == set()
    assert [str(found) for found in after - before if found.judge == by and says in found.text]


def test_a_type_that_a_region_does_not_have_is_refused() -> None:
    """CloudFormation lists what each Region offers."""
    guardrail = one(DESK, "Guardrail")
    there = Provider(urn="urn", package="aws", config={"region": "ca-west-1"})

    found = [found.text for found in judge.judged(replace(guardrail, provider=there))]

    assert found == ["not offered in the Region"]


@pytest.mark.parametrize("row", prose.TEXTS, ids=lambda row: f"{row.type.rpartition(':')[2]}.{row.property}")
def test_prose_refuses_a_broken_value(row: prose.Text) -> None:
    """Each row refuses its own broken value."""
    resource = Resource(urn="urn", type=row.type, name="broken", props={row.property: row.refused})

    assert [found.path for found in prose.judged(resource)] == [row.property]


@pytest.mark.parametrize("tags", [{"aws:stack": "x"}, {"stack": "a; b"}, {str(n): "x" for n in range(51)}])
def test_prose_refuses_broken_tags(tags: dict[str, str]) -> None:
    """Tags have reserved names, few characters, and a limit."""
    resource = Resource(urn="urn", type="aws:ec2/vpc:Vpc", name="broken", props={"tags": tags})

    assert list(prose.judged(resource))


def tls_without_hello(group: Resource) -> Resource:
    rules = [{"action": "DROP", "header": {"protocol": "TLS"}, "ruleOptions": [{"keyword": "flow"}]}]
    return changed(group, ruleGroup={"rulesSource": {"statefulRules": rules * 9}})


def in_one_zone(balancer: Resource) -> Resource:
    subnets = {"subnets": (one(DESK, "Subnet").urn,)}
    return replace(balancer, property_dependencies={**balancer.property_dependencies, **subnets})


def listed_twice(rule: Resource) -> Resource:
    return replace(
        rule, property_dependencies=one(CLINIC, "ResolverFirewallRule", "block-rest").property_dependencies
    )


def interfaces_of_p6_b300(template: Resource) -> Resource:
    said = [{"networkCardIndex": 0, "interfaceType": "efa-only"}]
    return changed(template, instanceType="p6-b300.48xlarge", networkInterfaces=said)


BESIDE_THE_GRID = json.dumps(
    {"widgets": [{"type": "metric", "x": 20, "y": 0, "width": 12, "properties": {"period": 7}}]}
)
BROKEN: tuple[tuple[relations.Check, str, str, str, Edit], ...] = (
    (relations.one_list_per_dns_rule, CLINIC, "ResolverFirewallRule", "allow", listed_twice),
    (relations.few_budget_notifications, DESK, "Budget", "", sets(notifications=[{}] * 6)),
    (relations.hello_is_complete, DESK, "RuleGroup", "", tls_without_hello),
    (relations.rules_are_told_apart, DESK, "RuleGroup", "", sets(capacity=1)),
    (relations.fargate_sizes, DESK, "TaskDefinition", "", sets(memory="1000")),
    (relations.health_check_ranges, DESK, "TaskDefinition", "",
     sets(containerDefinitions='[{"name": "a", "healthCheck": {"interval": 1}}]')),
    (relations.containers_of_a_task, DESK, "TaskDefinition", "",
     sets(containerDefinitions='[{"name": "a", "dependsOn": [{"containerName": "b"}]}]')),
    (relations.subnets_lie_apart, DESK, "Subnet", "", sets(cidrBlock="10.0.0.0/8")),
    (relations.clients_have_a_way_back, CLINIC, "SecurityGroupIngressRule", "balancer-client-0",
     sets(cidrIpv4="192.0.2.0/24")),
    (relations.templates_of_node_groups, CLINIC, "NodeGroup", "", sets(amiType="CUSTOM")),
    (relations.network_cards, CLINIC, "LaunchTemplate", "", interfaces_of_p6_b300),
    (relations.reservations_have_their_place, CLINIC, "LaunchTemplate", "",
     sets(capacityReservationSpecification={"x": 1}, placement={"x": 1})),
    (relations.names_are_taken_once, CLINIC, "Role", "system-nodes-role",
     sets(name="INFERPLAN-de-clinic-notes-cluster")),
    (relations.dashboards_are_drawn, CLINIC, "Dashboard", "",
     sets(dashboardBody=BESIDE_THE_GRID)),
    (relations.two_zones, DESK, "LoadBalancer", "", in_one_zone),
    (relations.few_rules_per_group, DESK, "SecurityGroupEgressRule", "", sets(fromPort=9, toPort=8)),
)  # fmt: skip


@pytest.mark.parametrize(
    ("check", "stack", "type_", "name", "edit"), BROKEN, ids=[check.__name__ for check, *_ in BROKEN]
)
def test_relations_refuse_a_broken_stack(
    check: relations.Check, stack: str, type_: str, name: str, edit: Edit
) -> None:
    """One change to a stack, and the rule says something that it did not say before."""
    broken = one(stack, type_, name)
    after = [edit(resource) if resource is broken else resource for resource in resources(stack)]

    assert Counter(check(after)) - Counter(check(resources(stack)))


def test_every_relation_is_shown_to_fail() -> None:
    """No rule about several resources is without its change."""
    assert {check for check, *_ in BROKEN} == set(relations.CHECKS)


ROLE, KEY = "aws:iam/rolePolicy:RolePolicy", "aws:kms/key:Key"


def statement(**fields: Any) -> dict[str, Any]:
    return {
        "Sid": "One",
        "Effect": "Allow",
        "Action": "s3:GetObject",
        "Resource": "arn:aws:s3:::a/*",
    } | fields


@pytest.mark.parametrize(
    ("type_", "statements", "says"),
    [
        (ROLE, [statement(Action="s3:GetObjekt")], "unknown action s3:GetObjekt"),
        (KEY, [statement(Action="kms:Encript*")], "unknown action kms:Encript*"),
        (KEY, [statement(Action="keys:Encrypt")], "unknown action keys:Encrypt"),
        (KEY, [statement(Action="kms:Encrypt", Condition={"StringEquals": {"kms:ViaServise": "x"}})],
         "condition key kms:ViaServise is unknown to kms:Encrypt"),
        (ROLE, [statement(Condition={"StringEquals": {"s3:prefixe": "x"}})], "parliament: UNKNOWN_CONDITION"),
        (ROLE, [statement(Resource="arn:aws:s3:::a")], "parliament: RESOURCE_MISMATCH"),
        (ROLE, [statement(Effect="Permit")], "parliament: MALFORMED"),
        (ROLE, [statement(), statement()], "Sid One twice"),
        (KEY, [statement(Sid="not-so")], "Sid 'not-so' is not alphanumeric"),
        (KEY, [statement(Resource="a" * 33000)], "at most 32768"),
        (ROLE, [statement(Resource="arn:aws:s3:::" + "a" * 10300)], "at most 10240"),
    ],
)  # fmt: skip
def test_policies_are_refused(type_: str, statements: list[dict[str, Any]], says: str) -> None:
    """Actions, condition keys, resource types, grammar and sizes."""
    text = json.dumps({"Version": "2012-10-17", "Statement": statements})
    resource = Resource(urn="urn", type=type_, name="broken", props={"policy": text, "role": "r"})

    assert [found for found in documents.judged(resource) if says in found.text]


def test_inline_policies_have_one_limit_together() -> None:
    """Two documents that fit by themselves do not fit one role."""
    text = json.dumps({"Version": "2012-10-17", "Statement": [statement(Resource="a" * 6000)]})
    half = Resource(urn="urn", type=ROLE, name="half", props={"policy": text, "role": "r"})

    assert list(documents.inline_together([half])) == []
    assert len(list(documents.inline_together([half, half]))) == 1
