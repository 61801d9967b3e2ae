"""What AWS would refuse or share by accident: long names, a second stack's names, paths that must be open.

Not here: what each stack declares (test_components_self_hosted, test_components_managed).
"""

from __future__ import annotations

import json
import re
from functools import cache
from typing import Any

import pytest

from inferplan.plan.make import make_plan
from inferplan.records.plan import fitting
from inferplan.resource import Resource, Unknown
from policies.gates import gates
from stacks import tags
from stacks.record import record_plan
from tests.unit.plan_edits import AS_OF, declared, spec_of, with_spec
from tests.unit.recorded import HYBRID, MANAGED, OUTSIDE, planned, recorded, with_blocks

# The AWS SDK warns about its own modules when one of its packages is first imported.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:pulumi_aws.*")

LONGEST = "a-name-that-uses-all-forty-characters-ok"
TWIN = LONGEST[:-1] + "l"
AWKWARD = "a--name-"  # allowed by the spec; RDS and ElastiCache want single hyphens, and none at the end
SPECS = ("de-clinic-notes", "eu-support-desk", "in-bank-assistant")
RANDOM_ENDING = 8  # Pulumi's own names: a hyphen and seven characters

# Documented maximum of each name, by resource type and property.
LIMITS = {
    ("aws:autoscaling/tag:Tag", "key"): 128,
    ("aws:bedrock/guardrail:Guardrail", "name"): 50,
    ("aws:budgets/budget:Budget", "name"): 100,
    ("aws:cloudwatch/logGroup:LogGroup", "name"): 512,
    ("aws:cloudwatch/metricAlarm:MetricAlarm", "name"): 255,
    ("aws:codebuild/project:Project", "name"): 150,
    ("aws:ec2/launchTemplate:LaunchTemplate", "name"): 128,
    ("aws:ec2/securityGroup:SecurityGroup", "name"): 255,
    ("aws:ecr/repository:Repository", "name"): 256,
    ("aws:ecs/cluster:Cluster", "name"): 255,
    ("aws:eks/cluster:Cluster", "name"): 100,
    ("aws:eks/nodeGroup:NodeGroup", "nodeGroupName"): 63,
    ("aws:elasticache/replicationGroup:ReplicationGroup", "replicationGroupId"): 40,
    ("aws:elasticache/subnetGroup:SubnetGroup", "name"): 255,
    ("aws:elasticache/user:User", "userId"): 40,
    ("aws:elasticache/userGroup:UserGroup", "userGroupId"): 40,
    ("aws:iam/policy:Policy", "name"): 128,
    ("aws:iam/role:Role", "name"): 64,
    ("aws:iam/rolePolicy:RolePolicy", "name"): 128,
    ("aws:kms/alias:Alias", "name"): 256,
    ("aws:lb/loadBalancer:LoadBalancer", "name"): 32,
    ("aws:lb/targetGroup:TargetGroup", "name"): 32,
    ("aws:networkfirewall/firewall:Firewall", "name"): 128,
    ("aws:networkfirewall/firewallPolicy:FirewallPolicy", "name"): 128,
    ("aws:networkfirewall/ruleGroup:RuleGroup", "name"): 128,
    ("aws:rds/instance:Instance", "identifier"): 63,
    ("aws:rds/parameterGroup:ParameterGroup", "name"): 255,
    ("aws:rds/subnetGroup:SubnetGroup", "name"): 255,
    ("aws:route53/resolverFirewallDomainList:ResolverFirewallDomainList", "name"): 64,
    ("aws:route53/resolverFirewallRuleGroup:ResolverFirewallRuleGroup", "name"): 64,
    ("aws:route53/resolverFirewallRuleGroupAssociation:ResolverFirewallRuleGroupAssociation", "name"): 64,
    ("aws:route53/resolverQueryLogConfig:ResolverQueryLogConfig", "name"): 64,
    ("aws:s3/bucket:Bucket", "bucket"): 63,
    ("aws:secretsmanager/secret:Secret", "name"): 512,
    ("aws:sns/topic:Topic", "name"): 256,
    ("kubernetes:core/v1:Service", "metadata"): 63,
}
# Unique in account and Region only within something that already carries the stack's name.
WITHIN = {
    "aws:autoscaling/tag:Tag",
    "aws:eks/nodeGroup:NodeGroup",
    "aws:iam/rolePolicy:RolePolicy",
    "kubernetes:core/v1:Service",
}
SINGLE_HYPHENS = {
    "aws:elasticache/replicationGroup:ReplicationGroup",
    "aws:elasticache/user:User",
    "aws:elasticache/userGroup:UserGroup",
    "aws:rds/instance:Instance",
    "aws:lb/loadBalancer:LoadBalancer",
    "aws:lb/targetGroup:TargetGroup",
}


@cache
def stack_called(name: str, spec: str) -> tuple[Resource, ...]:
    declaration = declared(spec)
    metadata = spec_of(declaration).metadata
    renamed = with_spec(declaration, metadata=type(metadata)(name=name, owner=metadata.owner))
    return record_plan(make_plan(renamed, AS_OF, gates), renamed)


def names(resources: tuple[Resource, ...]) -> list[tuple[str, str]]:
    """Type and name of everything in `LIMITS`, the name as long as Pulumi would make it where none is set."""
    found = []
    for resource in resources:
        for (type_, key), _ in LIMITS.items():
            if resource.type == type_:
                value: Any = resource.props.get(key)
                if isinstance(value, dict):
                    value = value["name"]
                found.append((type_, value or f"{resource.name}{'x' * RANDOM_ENDING}"))
    return found


@pytest.mark.parametrize("spec", SPECS)
def test_the_longest_name_fits_everywhere(spec: str) -> None:
    """Names of 40 characters are allowed, so nothing made of one may be longer than AWS takes."""
    limits = {type_: limit for (type_, _), limit in LIMITS.items()}
    assert len(LONGEST) == 40

    found = names(stack_called(LONGEST, spec))

    assert {type_ for type_, _ in found} > {"aws:iam/role:Role", "aws:rds/instance:Instance"}
    assert [(type_, name) for type_, name in found if len(name) > limits[type_]] == []


@pytest.mark.parametrize("spec", SPECS)
def test_every_named_type_has_a_known_limit(spec: str) -> None:
    """A new resource with a name of its own needs its limit in the table above."""
    within_its_parent = {
        "aws:cloudwatch/logMetricFilter:LogMetricFilter",
        "aws:ec2/placementGroup:PlacementGroup",
        "aws:ecs/service:Service",
        "aws:route53/resolverFirewallRule:ResolverFirewallRule",
        "aws:rds/parameterGroup:ParameterGroup",
    }
    known = {type_ for type_, _ in LIMITS} | within_its_parent
    named = {r.type for r in stack_called(LONGEST, spec) if r.package == "aws" and "name" in r.props}

    assert named - known == set()


@pytest.mark.parametrize("spec", SPECS)
def test_a_second_stack_collides_with_nothing(spec: str) -> None:
    """Two stacks of one account and Region share no name, even when only their last letter differs."""
    first, second = (
        {found for found in names(stack_called(name, spec)) if found[0] not in WITHIN}
        for name in (LONGEST, TWIN)
    )

    assert first & second == set()
    assert len(first) == len(second) > 20


@pytest.mark.parametrize("spec", SPECS)
def test_awkward_hyphens_do_not_reach_services_that_refuse_them(spec: str) -> None:
    """RDS, ElastiCache and balancers take no double hyphen and none at the end."""
    found = [name for type_, name in names(stack_called(AWKWARD, spec)) if type_ in SINGLE_HYPHENS]

    assert found
    assert [name for name in found if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", name)] == []


@pytest.mark.parametrize(
    ("name", "limit", "pattern"),
    [
        ("short", 32, "short"),
        ("x" * 32, 32, "x{32}"),
        ("x" * 33, 32, "x{23}-[0-9a-f]{8}"),
        ("a--b", 32, "a-b-[0-9a-f]{8}"),
        ("ab-", 32, "ab-[0-9a-f]{8}"),
    ],
)
def test_names_that_do_not_fit_end_in_a_digest(name: str, limit: int, pattern: str) -> None:
    """What fits stays as it is; the rest keeps its beginning and stays unique."""
    assert re.fullmatch(pattern, fitting(name, limit))


def test_owner_becomes_a_tag_that_aws_takes() -> None:
    """An owner is free text; tag values have an alphabet and at most 256 characters."""
    plan = planned(MANAGED)
    owner = tags(with_blocks(plan, owner="A & (B)" * 99))

    assert re.fullmatch(r"[A-Z -]{256}", owner["inferplan:owner"])
    assert tags(plan)["inferplan:owner"] == plan.owner


def statements(document: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(document)["Statement"]
    return found


@pytest.mark.parametrize(
    ("name", "role"),
    [(MANAGED, "-tasks-bootstrap-policy"), (HYBRID, "-gateway-access-bootstrap-policy")],
)
def test_bootstrap_reaches_the_master_secret_through_the_endpoint(name: str, role: str) -> None:
    """RDS names that secret itself: role and endpoint have to admit the same name (field-notes 26)."""
    stack = recorded(name)
    asked = statements(stack.named(role).props["policy"])[0]["Resource"]
    endpoint = stack.named("-endpoints-secretsmanager-interface").props["policy"]

    assert asked.endswith("secret:rds!db-*")
    assert asked in statements(endpoint)[0]["Resource"]


def test_tasks_fetch_their_environment_file_through_the_endpoint() -> None:
    """Every S3 action of the role that starts tasks passes the gateway endpoint's policy (field-notes 21)."""
    stack = recorded(MANAGED)
    asked = {
        statement["Action"]
        for statement in statements(stack.named("desk-tasks-start-policy").props["policy"])
        if str(statement["Action"]).startswith("s3:")
    }
    admitted = statements(stack.named("desk-endpoints-s3-gateway").props["policy"])[0]["Action"]

    assert asked == {"s3:GetObject", "s3:GetBucketLocation"}
    assert asked <= set(admitted)


@pytest.mark.parametrize("name", [MANAGED, HYBRID])
def test_guardrail_with_an_own_key_can_be_applied(name: str) -> None:
    """Who applies an encrypted guardrail has to decrypt with its key, wherever the gateway runs."""
    stack = recorded(name)
    policy = statements(stack.named("-bedrock-policy").props["policy"])

    assert stack.of("aws:bedrock/guardrail:Guardrail")
    assert "kms:Decrypt" in next(s["Action"] for s in policy if s["Sid"] == "KeyData")


def test_only_the_gateway_runs_on_the_nodes_with_a_way_out() -> None:
    """The firewall's tier is for the gateway alone; cluster services stay where others expect them (20)."""
    stack = recorded(OUTSIDE)
    group = stack.named("desk-gateway-nodes-nodes-group").props
    taint = group["taints"][0]["key"]
    pods = {
        resource.name: resource.props["spec"]["template"]["spec"].get("tolerations", [])
        for resource in stack.resources
        if resource.package == "kubernetes" and "template" in (resource.props.get("spec") or {})
    }
    tolerating = {name for name, found in pods.items() if any(t["key"] == taint for t in found)}

    assert tolerating == {f"{MANAGED}-gateway-{part}" for part in ("deployment", "bootstrap")}
    assert group["version"] == planned(OUTSIDE).cluster.version


def test_production_keeps_the_logs_of_the_firewall_and_of_the_tasks() -> None:
    """Evidence outlives the stack with its key and retention (field-notes 43 and 44)."""
    groups = recorded(MANAGED).of("aws:cloudwatch/logGroup:LogGroup")
    named = {group.props["name"]: group.props for group in groups}

    assert "/aws/ecs/containerinsights/inferplan-eu-support-desk-gateway/performance" in named
    assert sum("firewall-" in name for name in named) == 2
    assert all(
        isinstance(props["kmsKeyId"], Unknown) and props["retentionInDays"] for props in named.values()
    )


def test_a_changed_configuration_restarts_the_tasks() -> None:
    """Tasks read the file at start: its digest is part of their definition (field-notes 25)."""
    definitions = json.loads(recorded(MANAGED).named("desk-gateway-task").props["containerDefinitions"])
    proxy = next(container for container in definitions if container["name"] == "gateway")
    value = next(e["value"] for e in proxy["environment"] if e["name"] == "GATEWAY_CONFIGURATION")

    assert re.fullmatch("[0-9a-f]{64}", value)


def test_services_take_roles_for_this_account_only() -> None:
    """Services that say for whom they act are asked for it; EC2 and EKS do not say."""
    roles = recorded(MANAGED).of("aws:iam/role:Role")

    assert roles
    for role in roles:
        trust = statements(role.props["assumeRolePolicy"])[0]
        assert "aws:SourceAccount" in trust["Condition"]["StringEquals"], role.name


def test_replicas_that_must_survive_a_zone_are_forced_apart() -> None:
    """A preference would let the autoscaler put both on its first node; a plan for one zone may (SLA-004)."""
    found = {}
    for resource in stack_called(LONGEST, "de-clinic-notes"):
        if resource.type == "kubernetes:apps/v1:Deployment":
            constraints = resource.props["spec"]["template"]["spec"].get("topologySpreadConstraints")
            if constraints is None:
                continue
            spec = constraints[0]
            found[resource.name] = (spec["whenUnsatisfiable"], spec.get("minDomains"), spec["maxSkew"])
    plan = make_plan(declared("de-clinic-notes"), AS_OF, gates)

    for server in plan.servers:
        apart = (
            ("DoNotSchedule", server.min_replicas, server.replicas_per_zone)
            if server.min_replicas > 1
            else ("ScheduleAnyway", None, 1)
        )
        assert found[f"{LONGEST}-{server.name}-deployment"] == apart
    assert any(server.min_replicas > 1 for server in plan.servers)


def test_a_balancer_stands_in_two_zones_even_where_nodes_stand_in_one() -> None:
    """An application balancer asks for subnets in two zones, as EKS and RDS do."""
    declaration = declared("de-clinic-notes")
    one_zone = with_spec(declaration, target={"zones": 1})
    plan = make_plan(one_zone, AS_OF, gates)
    zones = {tier: {s.zone for s in plan.network.subnets if s.tier == tier} for tier in ("gpu", "balancer")}

    assert len(zones["gpu"]) == 1
    assert len(zones["balancer"]) == 2
