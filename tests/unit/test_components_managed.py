"""The resources of the managed-api and hybrid stacks, as a first preview declares them.

Not here: verdicts about them (test of the rules) and agreement with the real engine (tests/engine).
"""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from types import SimpleNamespace

import pytest
from msgspec.structs import replace

from components.egress_firewall import endpoint_in
from inferplan.plan.make import make_plan
from inferplan.resource import Unknown
from inferplan.spec.loading import load
from stacks import build
from stacks.record import record, record_plan
from tests.unit.managed_plans import (
    ACCOUNT,
    CERTIFICATE,
    PLANS,
    VENDOR_HOST,
    ZONES,
    Declared,
    Stack,
    managed,
    recorded,
)

# The AWS SDK warns about its own modules when one of its packages is first imported.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:pulumi_aws")

ROOT = Path(__file__).parents[2]
DOCUMENTS = {"policy", "assumeRolePolicy", "containerDefinitions"}


@pytest.fixture
def desk() -> Stack:
    return recorded("managed")


@pytest.mark.parametrize("name", PLANS)
def test_policy_documents_are_plain_at_first_preview(name: str) -> None:
    """Every JSON document is whole before anything exists, so that rules can read it (field-notes 5)."""
    documents = [
        (resource.name, key, resource.props[key])
        for resource in recorded(name).resources
        for key in DOCUMENTS & resource.props.keys()
        if resource.custom
    ]

    assert len(documents) > 15
    for where, key, text in documents:
        assert isinstance(text, str), (where, key)
        json.loads(text)


@pytest.mark.parametrize("name", PLANS)
def test_everything_descends_from_the_deployment(name: str) -> None:
    """Each AWS and Kubernetes resource has the root among its ancestors, and an explicit provider."""
    for resource in recorded(name).resources:
        if resource.package in {"aws", "kubernetes"}:
            assert "inferplan:index:Deployment$" in resource.urn, resource.urn
            assert resource.provider is not None
            assert not resource.provider.urn.endswith("::default"), resource.urn


@pytest.mark.parametrize("name", PLANS)
def test_secrets_have_no_value_and_no_replica(name: str) -> None:
    """Values are set out of band: there is no SecretVersion, and every secret uses the stack's key."""
    stack = recorded(name)
    secrets = stack.of("aws:secretsmanager/secret:Secret")

    assert {secret.props["name"] for secret in secrets} == set(PLANS[name].gateway.secrets)
    assert not stack.of("aws:secretsmanager/secretVersion:SecretVersion")
    for secret in secrets:
        assert "replicas" not in secret.props
        assert isinstance(secret.props["kmsKeyId"], Unknown)


def test_bedrock_only_has_no_way_to_the_internet() -> None:
    """Without an outside vendor: no gateway, NAT, firewall or route out, and no rule to any address."""
    stack = recorded("managed, Bedrock only")
    types = {resource.type for resource in stack.resources}

    assert not types & {
        "aws:ec2/internetGateway:InternetGateway",
        "aws:ec2/natGateway:NatGateway",
        "aws:ec2/route:Route",
        "aws:networkfirewall/firewall:Firewall",
    }
    assert "0.0.0.0/0" not in json.dumps([str(dict(resource.props)) for resource in stack.resources])


def test_routes_to_the_vendor_are_symmetric_in_each_zone(desk: Stack) -> None:
    """Gateway, firewall, NAT, internet gateway, and back to the exact gateway subnet (field-notes 30)."""
    routes = {resource.name: resource.props for resource in desk.of("aws:ec2/route:Route")}

    assert len(routes) == 4 * len(ZONES)
    for zone in ZONES:
        cidr = next(
            s.cidr for s in PLANS["managed"].network.subnets if s.tier == "gateway" and s.zone == zone
        )
        out = {tier: routes[f"desk-egress-{zone}-{tier}-out"] for tier in ("gateway", "firewall", "nat")}
        assert {route["destinationCidrBlock"] for route in out.values()} == {"0.0.0.0/0"}
        assert "vpcEndpointId" in out["gateway"]
        assert "natGatewayId" in out["firewall"]
        assert "gatewayId" in out["nat"]
        back = routes[f"desk-egress-{zone}-nat-back"]
        assert back["destinationCidrBlock"] == cidr
        assert "vpcEndpointId" in back


def test_firewall_passes_exact_names_on_443_and_drops_the_rest(desk: Stack) -> None:
    """Strict order, one pass rule per host, and defaults that survive split handshakes (field-notes 15)."""
    policy = desk.one("aws:networkfirewall/firewallPolicy:FirewallPolicy")["firewallPolicy"]
    rules = desk.one("aws:networkfirewall/ruleGroup:RuleGroup")["ruleGroup"]["rulesSource"]["statefulRules"]
    brief = [(r["action"], r["header"]["protocol"], r["header"]["destinationPort"]) for r in rules]
    passing = [r for r in rules if r["action"] == "PASS"]

    assert policy["statelessDefaultActions"] == ["aws:forward_to_sfe"]
    assert policy["statefulDefaultActions"] == [
        "aws:drop_established_app_layer",
        "aws:alert_established_app_layer",
    ]
    assert policy["statefulEngineOptions"]["ruleOrder"] == "STRICT_ORDER"
    assert policy["statefulEngineOptions"]["streamExceptionPolicy"] == "REJECT"
    assert brief == [
        ("DROP", "UDP", "ANY"),
        ("DROP", "ICMP", "ANY"),
        ("DROP", "TCP", "1:442"),
        ("DROP", "TCP", "444:65535"),
        ("PASS", "TLS", "443"),
        ("REJECT", "TLS", "ANY"),
    ]
    keywords = [(option["keyword"], option.get("settings")) for option in passing[0]["ruleOptions"]]
    assert keywords[:4] == [
        ("tls.sni", None),
        ("content", [f'"{VENDOR_HOST}"']),
        ("startswith", None),
        ("endswith", None),
    ]


def test_firewall_logs_three_kinds_with_the_own_key(desk: Stack) -> None:
    """ALERT, FLOW and TLS go to encrypted groups with the plan's retention."""
    logging = desk.one("aws:networkfirewall/loggingConfiguration:LoggingConfiguration")[
        "loggingConfiguration"
    ]
    kinds = {
        entry["logType"]: entry["logDestination"]["logGroup"] for entry in logging["logDestinationConfigs"]
    }

    assert set(kinds) == {"ALERT", "FLOW", "TLS"}
    for kind in kinds:
        group = desk.named(f"-egress-{kind.lower()}-log").props
        assert group["retentionInDays"] == 180
        assert isinstance(group["kmsKeyId"], Unknown)


def test_firewall_endpoint_is_found_by_subnet_not_by_order() -> None:
    """The states come in any order; the subnet decides, and a missing one is an error."""
    states = [
        SimpleNamespace(attachments=[SimpleNamespace(subnet_id=f"subnet-{n}", endpoint_id=f"vpce-{n}")])
        for n in (2, 1)
    ]
    statuses = [SimpleNamespace(sync_states=states)]

    assert endpoint_in(statuses, "subnet-1") == "vpce-1"
    with pytest.raises(ValueError, match="no endpoint in subnet subnet-3"):
        endpoint_in(statuses, "subnet-3")


def test_database_is_private_encrypted_and_without_a_password(desk: Stack) -> None:
    """PostgreSQL with IAM login, managed master secret, forced TLS, and protection in production."""
    props = desk.one("aws:rds/instance:Instance")
    parameters = desk.one("aws:rds/parameterGroup:ParameterGroup")["parameters"]

    assert props["publiclyAccessible"] is False
    assert props["storageEncrypted"] is True
    assert isinstance(props["kmsKeyId"], Unknown)
    assert props["manageMasterUserPassword"] is True
    assert props["iamDatabaseAuthenticationEnabled"] is True
    assert props["multiAz"] is True
    assert props["deletionProtection"] is True
    assert "password" not in props
    assert ("rds.force_ssl", "1") in [(entry["name"], entry["value"]) for entry in parameters]


def test_cache_is_encrypted_both_ways_and_knows_one_iam_user(desk: Stack) -> None:
    """Valkey with TLS, the own key, and a user whose id and name agree, as IAM login demands."""
    props = desk.one("aws:elasticache/replicationGroup:ReplicationGroup")
    user = desk.one("aws:elasticache/user:User")

    assert props["engine"] == "valkey"
    assert props["transitEncryptionEnabled"] is True
    assert props["atRestEncryptionEnabled"] is True
    assert "authToken" not in props
    assert user["userId"] == user["userName"] == "desk-gateway"
    assert user["authenticationMode"] == {"type": "iam"}


def test_groups_open_one_port_to_one_peer(desk: Stack) -> None:
    """Only the way to the firewall names every address; all else is a group, a prefix list or the clients."""
    rules = desk.of("aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule")
    wide = [rule for rule in rules if rule.props.get("cidrIpv4") == "0.0.0.0/0"]
    clients = [
        rule.props
        for rule in desk.of("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule")
        if rule.props.get("cidrIpv4") == "10.40.0.0/16"
    ]

    assert [rule.props["fromPort"] for rule in wide] == [443]
    assert all(rule.props["fromPort"] == rule.props["toPort"] for rule in rules)
    assert [rule["fromPort"] for rule in clients] == [443]


def test_balancer_is_internal_with_tls_and_the_plans_idle_time(desk: Stack) -> None:
    """Clients reach it on 443 with the declared certificate; long answers are not cut (field-notes 29)."""
    balancer, listener = desk.one("aws:lb/loadBalancer:LoadBalancer"), desk.one("aws:lb/listener:Listener")

    assert balancer["internal"] is True
    assert balancer["idleTimeout"] == 900
    assert (listener["protocol"], listener["port"]) == ("HTTPS", 443)
    assert listener["certificateArn"] == CERTIFICATE
    assert "TLS13" in listener["sslPolicy"]


def test_no_certificate_no_balancer() -> None:
    """A gateway without host and certificate stays inside: no balancer, and no target for the service."""
    plan = managed(outside=False)
    plan = replace(plan, gateway=replace(plan.gateway, host=None, certificate=None))
    stack = Stack(record_plan(plan, Declared()))

    assert not stack.of("aws:lb/loadBalancer:LoadBalancer")
    assert "loadBalancers" not in stack.one("aws:ecs/service:Service")


def test_budget_tells_people_and_takes_bedrock_away(desk: Stack) -> None:
    """Each share and the forecast are told; the action may touch one policy of one role (field-notes 28)."""
    budget = desk.one("aws:budgets/budget:Budget")
    action = desk.one("aws:budgets/budgetAction:BudgetAction")
    executor = json.loads(desk.named("desk-budget-stop-permission").props["policy"])["Statement"]
    trust = json.loads(desk.named("desk-budget-stop-role").props["assumeRolePolicy"])["Statement"][0]
    deny = json.loads(desk.named("desk-budget-stop-policy").props["policy"])["Statement"][0]

    told = [(entry["notificationType"], entry["threshold"]) for entry in budget["notifications"]]
    assert told == [("ACTUAL", 50), ("ACTUAL", 80), ("ACTUAL", 100), ("FORECASTED", 100)]
    assert budget["costTypes"]["includeCredit"] is False
    assert budget["costFilters"] == [{"name": "TagKeyValue", "values": ["user:inferplan:stack$desk"]}]
    assert action["approvalModel"] == "AUTOMATIC"
    assert trust["Principal"] == {"Service": "budgets.amazonaws.com"}
    assert (deny["Effect"], deny["Action"]) == ("Deny", "bedrock:Invoke*")
    assert [statement["Resource"] for statement in executor] == [
        f"arn:aws:iam::{ACCOUNT}:role/inferplan-desk-gateway"
    ]
    assert desk.named("desk-gateway-role").props["forceDetachPolicies"] is True


def test_token_alarms_reach_an_encrypted_topic(desk: Stack) -> None:
    """Tokens of each Bedrock model and the gateway's errors are watched every five minutes."""
    alarms = desk.of("aws:cloudwatch/metricAlarm:MetricAlarm")
    metrics = {
        query["metric"]["metricName"]
        for alarm in alarms
        for query in alarm.props.get("metricQueries", [])
        if "metric" in query
    }

    assert metrics == {"InputTokenCount", "OutputTokenCount"}
    assert any(alarm.props.get("metricName") == "GatewayErrors" for alarm in alarms)
    assert all(len(alarm.props["alarmActions"]) == 1 for alarm in alarms)
    assert isinstance(desk.one("aws:sns/topic:Topic")["kmsMasterKeyId"], Unknown)


def test_guardrail_stays_in_the_region(desk: Stack) -> None:
    """No cross-Region profile, the own key, and personal data filtered (SAFE-004, PRIV-005)."""
    guardrail = desk.one("aws:bedrock/guardrail:Guardrail")

    assert "crossRegionConfig" not in guardrail
    assert isinstance(guardrail["kmsKeyArn"], Unknown)
    assert guardrail["contentPolicyConfig"]["tierConfigs"] == [{"tierName": "CLASSIC"}]
    assert guardrail["sensitiveInformationPolicyConfig"]["piiEntitiesConfigs"]


def test_development_can_be_destroyed_without_traces() -> None:
    """Outside production: no deletion protection, no final snapshot, secrets deleted at once."""
    plan = managed(outside=False)
    plan = replace(plan, target=replace(plan.target, environment="development"))
    stack = Stack(record(lambda: build(plan, "foundation", Declared()), stack="desk.foundation"))
    database = stack.one("aws:rds/instance:Instance")

    assert database["deletionProtection"] is False
    assert database["skipFinalSnapshot"] is True
    assert {s.props["recoveryWindowInDays"] for s in stack.of("aws:secretsmanager/secret:Secret")} == {0}


@pytest.mark.parametrize("spec", ["eu-support-desk", "in-bank-assistant"])
def test_the_planners_own_plans_build(spec: str) -> None:
    """The examples' plans become both layers, with every JSON document whole at first preview."""
    declaration = load(ROOT / "specs" / f"{spec}.yaml", ROOT / "organization")
    stack = Stack(record_plan(make_plan(declaration, date(2026, 11, 20)), declaration))

    assert len(stack.resources) > 150
    assert stack.of("aws:bedrock/guardrail:Guardrail")
    for resource in stack.resources:
        if resource.custom:
            for key in DOCUMENTS & resource.props.keys():
                assert isinstance(resource.props[key], str), (resource.name, key)
