"""The resources of the managed-api and hybrid stacks, as a first preview declares them.

Not here: verdicts about them (test of the rules) and agreement with the real engine (tests/engine).
"""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest

from components.egress_firewall import endpoint_in
from components.gateway.guardrail import Guardrail, GuardrailArgs
from components.gateway.logins import logins
from inferplan.resource import Unknown
from tests.unit.recorded import (
    BEDROCK_ONLY,
    MANAGED,
    Recorded,
    changed,
    component,
    gateway,
    planned,
    recorded,
)

# The AWS SDK warns about its own modules when one of its packages is first imported.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:pulumi_aws")

ACCOUNT = "222222222222"
VENDOR_HOST = "eu.api.openai.com"


@pytest.fixture
def desk() -> Recorded:
    return recorded(MANAGED)


def test_bedrock_only_has_no_way_to_the_internet() -> None:
    """Without an outside vendor: no gateway, NAT, firewall or route out, and no rule to any address."""
    stack = recorded(BEDROCK_ONLY)
    types = {resource.type for resource in stack.resources}

    assert not types & {
        "aws:ec2/internetGateway:InternetGateway",
        "aws:ec2/natGateway:NatGateway",
        "aws:networkfirewall/firewall:Firewall",
    }
    routes = stack.of("aws:ec2/route:Route")
    assert {route.props["destinationCidrBlock"] for route in routes} == set(
        planned(BEDROCK_ONLY).gateway.clients
    )
    assert "0.0.0.0/0" not in json.dumps([str(dict(resource.props)) for resource in stack.resources])


def test_routes_to_the_vendor_are_symmetric_in_each_zone(desk: Recorded) -> None:
    """Gateway, firewall, NAT, internet gateway, and back to the exact gateway subnet (field-notes 30)."""
    routes = {resource.name: resource.props for resource in desk.of("aws:ec2/route:Route")}
    routes = {name: props for name, props in routes.items() if "-egress-" in name}
    zones = planned(MANAGED).target.zones

    assert len(routes) == 4 * len(zones)
    for zone in zones:
        cidr = next(
            s.cidr for s in planned(MANAGED).network.subnets if s.tier == "gateway" and s.zone == zone
        )
        out = {tier: routes[f"{MANAGED}-egress-{zone}-{tier}-out"] for tier in ("gateway", "firewall", "nat")}
        assert {route["destinationCidrBlock"] for route in out.values()} == {"0.0.0.0/0"}
        assert "vpcEndpointId" in out["gateway"]
        assert "natGatewayId" in out["firewall"]
        assert "gatewayId" in out["nat"]
        back = routes[f"{MANAGED}-egress-{zone}-nat-back"]
        assert back["destinationCidrBlock"] == cidr
        assert "vpcEndpointId" in back


def test_firewall_passes_exact_names_on_443_and_drops_the_rest(desk: Recorded) -> None:
    """Strict order, one pass rule per host, and defaults that survive split handshakes (field-notes 15)."""
    policy = desk.one("aws:networkfirewall/firewallPolicy:FirewallPolicy").props["firewallPolicy"]
    group = desk.one("aws:networkfirewall/ruleGroup:RuleGroup").props["ruleGroup"]
    rules = group["rulesSource"]["statefulRules"]
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


def test_firewall_logs_three_kinds_with_the_own_key(desk: Recorded) -> None:
    """ALERT, FLOW and TLS go to encrypted groups with the plan's retention."""
    logging = desk.one("aws:networkfirewall/loggingConfiguration:LoggingConfiguration").props[
        "loggingConfiguration"
    ]
    kinds = {
        entry["logType"]: entry["logDestination"]["logGroup"] for entry in logging["logDestinationConfigs"]
    }

    assert set(kinds) == {"ALERT", "FLOW"}
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


def test_database_is_private_encrypted_and_without_a_password(desk: Recorded) -> None:
    """PostgreSQL with IAM login, managed master secret, forced TLS, and protection in production."""
    props = desk.one("aws:rds/instance:Instance").props
    parameters = desk.one("aws:rds/parameterGroup:ParameterGroup").props["parameters"]

    assert props["publiclyAccessible"] is False
    assert props["storageEncrypted"] is True
    assert isinstance(props["kmsKeyId"], Unknown)
    assert props["manageMasterUserPassword"] is True
    assert props["iamDatabaseAuthenticationEnabled"] is True
    assert props["multiAz"] is True
    assert props["deletionProtection"] is True
    assert "password" not in props
    assert ("rds.force_ssl", "1") in [(entry["name"], entry["value"]) for entry in parameters]


def test_cache_is_encrypted_both_ways_and_knows_one_iam_user(desk: Recorded) -> None:
    """Valkey with TLS, the own key, and a user whose id and name agree, as IAM login demands."""
    props = desk.one("aws:elasticache/replicationGroup:ReplicationGroup").props
    user = desk.one("aws:elasticache/user:User").props

    assert props["engine"] == "valkey"
    assert props["transitEncryptionEnabled"] is True
    assert props["atRestEncryptionEnabled"] is True
    assert "authToken" not in props
    assert user["userId"] == user["userName"] == logins(gateway()).cache_user
    assert user["authenticationMode"] == {"type": "iam"}


def test_groups_open_one_port_to_one_peer(desk: Recorded) -> None:
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


def test_balancer_is_internal_with_tls_and_the_plans_idle_time(desk: Recorded) -> None:
    """Clients reach it on 443 with the declared certificate; long answers are not cut (field-notes 29)."""
    balancer = desk.one("aws:lb/loadBalancer:LoadBalancer").props
    listener = desk.one("aws:lb/listener:Listener").props

    assert balancer["internal"] is True
    assert balancer["idleTimeout"] == 900
    assert (listener["protocol"], listener["port"]) == ("HTTPS", 443)
    assert listener["certificateArn"] == planned(MANAGED).gateway.certificate
    assert "TLS13" in listener["sslPolicy"]


def test_no_certificate_no_balancer() -> None:
    """A gateway without host and certificate stays inside: no balancer, and no target for the service."""
    stack = changed(BEDROCK_ONLY, gateway={"host": None, "certificate": None})

    assert not stack.of("aws:lb/loadBalancer:LoadBalancer")
    assert "loadBalancers" not in stack.one("aws:ecs/service:Service").props


def test_budget_tells_people_and_takes_bedrock_away(desk: Recorded) -> None:
    """Each share and the forecast are told; the action may touch one policy of one role (field-notes 28)."""
    budget = desk.one("aws:budgets/budget:Budget").props
    action = desk.one("aws:budgets/budgetAction:BudgetAction").props
    executor = json.loads(desk.named("desk-budget-stop-permission").props["policy"])["Statement"]
    trust = json.loads(desk.named("desk-budget-stop-role").props["assumeRolePolicy"])["Statement"][0]
    deny = json.loads(desk.named("desk-budget-stop-policy").props["policy"])["Statement"][0]

    told = [(entry["notificationType"], entry["threshold"]) for entry in budget["notifications"]]
    assert told == [("ACTUAL", 50), ("ACTUAL", 80), ("ACTUAL", 100), ("FORECASTED", 100)]
    assert budget["costTypes"]["includeCredit"] is False
    assert budget["costFilters"] == [{"name": "TagKeyValue", "values": [f"user:inferplan:stack${MANAGED}"]}]
    assert action["approvalModel"] == "AUTOMATIC"
    assert trust["Principal"] == {"Service": "budgets.amazonaws.com"}
    assert (deny["Effect"], deny["Action"]) == ("Deny", "bedrock:Invoke*")
    assert [statement["Resource"] for statement in executor] == [
        f"arn:aws:iam::{ACCOUNT}:role/inferplan-{MANAGED}-gateway"
    ]
    assert desk.named("desk-gateway-role").props["forceDetachPolicies"] is True


def test_without_a_budget_only_the_alarms_remain() -> None:
    """A plan without a budget has nothing to compare with and nobody's address."""
    stack = changed(BEDROCK_ONLY, budget=None)

    for forbidden in ("budgets/budget:Budget", "sns/topicSubscription:TopicSubscription"):
        assert not stack.of(f"aws:{forbidden}")
    assert stack.of("aws:cloudwatch/metricAlarm:MetricAlarm")


def test_token_alarms_reach_an_encrypted_topic(desk: Recorded) -> None:
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
    assert isinstance(desk.one("aws:sns/topic:Topic", "-alarms-topic").props["kmsMasterKeyId"], Unknown)


def test_guardrail_stays_in_the_region(desk: Recorded) -> None:
    """No cross-Region profile, the own key, and personal data filtered (SAFE-004, PRIV-005)."""
    made = component(lambda: Guardrail("desk", GuardrailArgs(guardrail_name="desk", kms_key_arn="own")))
    guardrail = made.one("aws:bedrock/guardrail:Guardrail").props

    assert isinstance(desk.one("aws:bedrock/guardrail:Guardrail").props["kmsKeyArn"], Unknown)
    assert "crossRegionConfig" not in guardrail
    assert guardrail["kmsKeyArn"] == "own"
    assert guardrail["contentPolicyConfig"]["tierConfigs"] == [{"tierName": "CLASSIC"}]
    assert guardrail["sensitiveInformationPolicyConfig"]["piiEntitiesConfigs"]


def test_development_can_be_destroyed_without_traces() -> None:
    """Outside production: no deletion protection, no final snapshot, secrets deleted at once."""
    stack = changed(BEDROCK_ONLY, target={"environment": "development"})
    database = stack.one("aws:rds/instance:Instance").props

    assert database["deletionProtection"] is False
    assert database["skipFinalSnapshot"] is True
    assert {s.props["recoveryWindowInDays"] for s in stack.of("aws:secretsmanager/secret:Secret")} == {0}
