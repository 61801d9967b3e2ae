"""What `pulumi up` would have met at AWS: each finding of the page on planned resources, with its number.

Not here: what judges that nobody here wrote find. Every test looks at all the stacks below: the examples, and
the variants that showed a finding.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from functools import cache, partial
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from moto.iam.aws_managed_policies import aws_managed_policies_data
from msgspec import structs

from inferplan.plan.make import make_plan
from inferplan.records.no_plan import NotBuilt
from inferplan.records.plan import Plan
from inferplan.resource import Resource
from inferplan.spec.declaration import Declaration
from inferplan.spec.environment import Attachment
from policies.gates import gates
from stacks.record import record_plan
from tests.unit.plan_edits import (
    AS_OF,
    EXAMPLES,
    declared,
    spec_of,
    with_backend,
    with_countries,
    with_environment,
    with_spec,
)
from tests.unit.recorded import BEDROCK_ONLY, OUTSIDE, declaration_of
from tests.unit.spec_texts import GOOD, refused

RESERVED = {"kind": "reservation", "id": "cr-0123456789abcdef0", "instance_type": "p4d.24xlarge"}
BLOCK = {"kind": "capacity-block", "id": "cr-0123456789abcdef0", "instance_type": "p5.48xlarge"}
LARGE, LARGEST = "hf://meta-llama/Llama-3.1-405B-Instruct", "hf://deepseek-ai/DeepSeek-R1"
PEERING = "pcx-0123456789abcdef0"
CLINIC, DESK = "de-clinic-notes", "eu-support-desk"


def lab(region: str, **backend: Any) -> Declaration:
    """The minimal spec in a Region, with another backend."""
    there = with_spec(declared("minimal"), budget=None, target={"region": region})
    return with_backend(there, "small", **backend)


def b300() -> Declaration:
    """Nodes of the type whose first network card carries IP only."""
    capacity = {"instance_type": "p6-b300.48xlarge", "efa": True}
    return with_countries(lab("us-west-2", weights=LARGEST, capacity=capacity), "US")


def peered(name: str) -> Declaration:
    """Clients behind a peering connection in place of a transit gateway."""
    return with_spec(declared(name), network={"attachments": (Attachment(id=PEERING),)})


def in_mode(mode: str) -> Declaration:
    """The example whose routes list both kinds of backend, in one mode."""
    return with_spec(declared("eu-both-ways"), mode=mode)


def without_state(declaration: Declaration) -> Declaration:
    """The account with no place for Pulumi's state on file."""
    organization, number = declaration.organization, spec_of(declaration).target.account or ""
    bare = structs.replace(organization.accounts[number], state_backend=None)
    accounts = organization.accounts | {number: bare}
    return replace(declaration, organization=structs.replace(organization, accounts=accounts))


VARIANTS: dict[str, Callable[[], Declaration]] = {
    **{name: partial(declared, name) for name in EXAMPLES},
    **{f"both ways, {mode}": partial(in_mode, mode) for mode in ("self-hosted", "managed-api", "hybrid")},
    "Bedrock only": lambda: declaration_of(BEDROCK_ONLY),
    "a vendor outside beside a cluster": lambda: declaration_of(OUTSIDE),
    "nodes that span": lambda: lab("eu-central-1", weights=LARGE, capacity={"instance_type": "p4d.24xlarge"}),
    "reserved nodes that span": lambda: lab("eu-central-1", weights=LARGE, capacity=RESERVED),
    "a block of nodes that span": lambda: lab("eu-north-1", weights=LARGEST, capacity=BLOCK),
    "IP on a card of its own": b300,
    "no addresses for alarms": lambda: with_spec(declared(DESK), budget={"alert_emails": ()}),
    "development": lambda: with_environment(declared(DESK), "development"),
    "through a tunnel": lambda: with_spec(declared(CLINIC), cluster={"deploy_from": "tunnel"}),
    "state of nobody": lambda: without_state(declared(CLINIC)),
    "clinic, peered": lambda: peered(CLINIC),
    "desk, peered": lambda: peered(DESK),
    "a long name": lambda: with_spec(declared(DESK), metadata={"name": "a" + "b" * 35 + "9"}),
}


@cache
def plan_of(stack: str) -> Plan:
    """The plan of one of the stacks above."""
    return make_plan(VARIANTS[stack](), AS_OF, gates)


@cache
def resources(stack: str) -> tuple[Resource, ...]:
    """Both layers of one of the stacks above."""
    return record_plan(plan_of(stack), VARIANTS[stack]())


def of(stack: str, ending: str) -> list[Resource]:
    """Its resources of a type, by the last part of the token; components are none."""
    return [found for found in resources(stack) if found.custom and found.type.endswith(f":{ending}")]


every_stack = pytest.mark.parametrize("stack", VARIANTS)

# -- what stopped `pulumi up`
# -------------------------------------------------------------------------------------------------------


@every_stack
def test_aws_1_no_two_dns_rules_share_a_list(stack: str) -> None:
    """The provider finds a rule again by group and list alone: two of one list are one to it."""
    rules = of(stack, "ResolverFirewallRule")
    lists = [rule.property_dependencies["firewallDomainListId"] for rule in rules]

    assert len(rules) == 3
    assert max(Counter(lists).values()) == 1


@every_stack
def test_aws_2_record_types_are_those_of_the_api(stack: str) -> None:
    """Route 53 Resolver knows HTTPS records by their number only."""
    known = re.compile(r"A|AAAA|CAA|CNAME|DS|MX|NAPTR|NS|PTR|SOA|SPF|SRV|TXT|TYPE[0-9]{1,5}")
    said = [rule.props["qType"] for rule in of(stack, "ResolverFirewallRule") if "qType" in rule.props]

    assert said == ["TYPE65"]
    assert all(known.fullmatch(kind) for kind in said)


@every_stack
def test_aws_3_ec2_takes_every_description_of_a_security_group(stack: str) -> None:
    """Letters, digits, spaces and a few signs; an apostrophe is none of them (CreateSecurityGroup)."""
    allowed = re.compile(r"[a-zA-Z0-9 ._\-:/()#,@\[\]+=&;{}!$*]{1,255}")
    kinds = ("SecurityGroup", "SecurityGroupEgressRule", "SecurityGroupIngressRule")
    said = [found.props["description"] for kind in kinds for found in of(stack, kind)]

    assert said
    assert [text for text in said if not allowed.fullmatch(text)] == []


def test_aws_4_an_own_image_is_refused_until_somebody_bootstraps_it() -> None:
    """EKS starts nothing by itself on an image that a launch template names."""
    with pytest.raises(NotBuilt) as caught:
        make_plan(lab("eu-central-1", capacity={"ami": "ami-0123456789abcdef0"}), AS_OF, gates)

    assert "backends.small.capacity.ami" in str(caught.value)
    assert "user data" in str(caught.value)


@every_stack
def test_aws_4_no_group_asks_for_an_image_that_its_template_lacks(stack: str) -> None:
    """The type CUSTOM needs an imageId in the template and takes no version."""
    assert all(group.props["amiType"] != "CUSTOM" for group in of(stack, "NodeGroup"))


@every_stack
def test_aws_5_budgets_have_what_aws_takes(stack: str) -> None:
    """Five notifications, ten addresses each, and somebody whom an action tells."""
    for budget in of(stack, "Budget"):
        assert len(budget.props["notifications"]) <= 5
        assert all(len(one["subscriberEmailAddresses"]) <= 10 for one in budget.props["notifications"])
        assert re.fullmatch(r"([0-9]*\.)?[0-9]+", budget.props["limitAmount"])
    for action in of(stack, "BudgetAction"):
        assert 1 <= len(action.props["subscribers"]) <= 11


def test_aws_5_an_action_exists_without_any_address() -> None:
    """The variant that showed it really has one."""
    assert len(of("no addresses for alarms", "BudgetAction")) == 1


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("actual_percent: [10, 25, 50, 60, 70]", "budget.actual_percent"),
        (
            f"alert_emails: [{', '.join(f'a{number}@x.example' for number in range(11))}]",
            "budget.alert_emails",
        ),
        ("actual_percent: [50, 50]", "budget.actual_percent[1]"),
        ("actual_percent: [0]", "budget.actual_percent[0]"),
        ("alert_emails: [a@x.example, a@x.example]", "budget.alert_emails[1]"),
    ],
)
def test_aws_5_more_than_aws_takes_is_refused(line: str, told: str, tmp_path: Path) -> None:
    """By validate, at the field."""
    assert told in refused(f"{GOOD}budget: {{monthly_usd: 500, {line}}}\n", tmp_path)


# -- what deployed and did not work
# -------------------------------------------------------------------------------------------------------


@every_stack
def test_aws_6_half_a_client_hello_is_not_rejected(stack: str) -> None:
    """Only a complete ClientHello has a name that can be on no list."""
    for group in of(stack, "RuleGroup"):
        rules = group.props["ruleGroup"]["rulesSource"]["statefulRules"]
        stops = [rule for rule in rules if rule["header"]["protocol"] == "TLS" and rule["action"] != "PASS"]
        assert stops
        for rule in stops:
            options = {option["keyword"]: option.get("settings") for option in rule["ruleOptions"]}
            assert options["ssl_state"] == ["client_hello"]
            assert options["flow"] == ["to_server"]


@every_stack
def test_aws_6_no_firewall_log_stays_empty(stack: str) -> None:
    """The TLS log is written by TLS inspection, which nothing here does."""
    for logging in of(stack, "LoggingConfiguration"):
        kinds = logging.props["loggingConfiguration"]["logDestinationConfigs"]
        assert {kind["logType"] for kind in kinds} == {"ALERT", "FLOW"}


@every_stack
def test_aws_7_the_autoscaler_asks_for_instance_types(stack: str) -> None:
    """Its own list lacks p5e, p6-b300 and g7; the role may ask, and the endpoint is there."""
    for pods in [found for found in of(stack, "Deployment") if found.name.endswith("autoscaler-deployment")]:
        (container,) = pods.props["spec"]["template"]["spec"]["containers"]
        assert not any("static-instance-list" in text for text in container["args"])
        (policy,) = [p for p in of(stack, "RolePolicy") if p.name.endswith("autoscaler-access-policy")]
        assert "ec2:DescribeInstanceTypes" in policy.props["policy"]
        assert any(found.props["serviceName"].endswith(".ec2") for found in of(stack, "VpcEndpoint"))


@every_stack
def test_aws_8_reserved_capacity_stands_in_no_placement_group(stack: str) -> None:
    """A reservation matches no instance of a group that was made later, and a block none of any group."""
    for template in of(stack, "LaunchTemplate"):
        reserved = {"capacityReservationSpecification", "instanceMarketOptions"} & template.props.keys()
        assert not (reserved and "placement" in template.props), template.name


@pytest.mark.parametrize(
    ("stack", "groups"),
    [("nodes that span", 1), ("reserved nodes that span", 0), ("a block of nodes that span", 0)],
)
def test_aws_8_nodes_on_demand_still_stand_together(stack: str, groups: int) -> None:
    """What is not reserved keeps its placement group."""
    assert len(of(stack, "PlacementGroup")) == groups


@every_stack
def test_aws_9_network_cards_are_laid_out_as_aws_recommends(stack: str) -> None:
    """IP on card 0 as device 0, EFA as device 1 there where the card carries it, as device 0 elsewhere."""
    for template in of(stack, "LaunchTemplate"):
        cards = template.props.get("networkInterfaces", [])
        places = [(card["networkCardIndex"], card["deviceIndex"], card["interfaceType"]) for card in cards]
        if not places:
            continue
        assert places[0] == (0, 0, "interface")
        assert all(kind == "efa-only" for _, _, kind in places[1:])
        assert all(device == (1 if card == 0 else 0) for card, device, _ in places[1:])
        assert len(set(places)) == len(places)


@pytest.mark.parametrize(
    ("stack", "cards"),
    [("IP on a card of its own", range(1, 17)), ("nodes that span", range(4)),
     ("a block of nodes that span", range(32))],
)  # fmt: skip
def test_aws_9_efa_is_on_the_cards_that_carry_it(stack: str, cards: range) -> None:
    """Card 0 of p6-b300 carries IP only (aws-parallelcluster#7143)."""
    (template,) = [found for found in of(stack, "LaunchTemplate") if "networkInterfaces" in found.props]
    said = template.props["networkInterfaces"]
    assert [card["networkCardIndex"] for card in said if card["interfaceType"] == "efa-only"] == list(cards)


RUNNERS = [name for name in VARIANTS if name in (CLINIC, "clinic, peered")]


@pytest.mark.parametrize("stack", RUNNERS)
def test_aws_10_a_runner_inside_the_vpc_reaches_its_state(stack: str) -> None:
    """The endpoint admits the state's bucket to the role that deploys, and its name may be resolved."""
    bucket = "clinic-pulumi-state"
    (endpoint,) = [found for found in of(stack, "VpcEndpoint") if found.props["serviceName"].endswith(".s3")]
    statements = {one["Sid"]: one for one in json.loads(endpoint.props["policy"])["Statement"]}
    state = statements["PulumiState"]

    assert {"s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:ListBucket"} <= set(state["Action"])
    assert state["Resource"] == [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"]
    runner = "arn:aws:iam::111111111111:role/inferplan-de-clinic-notes-runner"
    assert state["Condition"]["ArnEquals"] == {"aws:PrincipalArn": [plan_of(stack).deploy_role, runner]}
    (allowed,) = [
        found for found in of(stack, "ResolverFirewallDomainList") if found.name.endswith("allowed")
    ]
    assert f"{bucket}.s3.eu-central-1.amazonaws.com" in allowed.props["domains"]


@pytest.mark.parametrize("stack", RUNNERS)
def test_aws_10_a_runner_inside_the_vpc_reaches_the_api_server(stack: str) -> None:
    """Both rules of port 443 exist: out of the runner's group, and into that of the control plane."""
    kinds = ("SecurityGroup", "SecurityGroupEgressRule", "SecurityGroupIngressRule")
    found = [one for kind in kinds for one in of(stack, kind) if "-runner-" in one.name]
    rules = {one.name: one.props for one in found}
    assert {name.partition("-runner-")[2] for name in rules} == {
        "group", "api-out", "api-in", "endpoints-out", "endpoints-in", "s3",
    }  # fmt: skip
    assert all(rule["fromPort"] == 443 for name, rule in rules.items() if not name.endswith("group"))


def test_aws_10_without_a_state_in_reach_the_plan_says_so() -> None:
    """No state on file, and one in another Region."""
    assert any("runner cannot read its state" in text for text in plan_of("state of nobody").warnings)
    elsewhere = make_plan(lab("eu-central-1"), AS_OF, gates)
    assert any("the VPC's endpoint serves eu-central-1 only" in text for text in elsewhere.warnings)
    assert elsewhere.network.state_bucket is None


def test_aws_10_a_tunnel_may_be_used() -> None:
    """System nodes answer to Session Manager; without a tunnel they do not, and a tunnel needs no runner."""

    def managed(stack: str) -> list[str]:
        found = of(stack, "RolePolicyAttachment")
        return [
            one.name for one in found if str(one.props["policyArn"]).endswith("AmazonSSMManagedInstanceCore")
        ]

    assert managed("through a tunnel") == ["de-clinic-notes-system-nodes-tunnel"]
    assert managed(CLINIC) == []
    assert not [found for found in resources("through a tunnel") if "-runner" in found.name]


@every_stack
def test_aws_11_declared_clients_get_answers(stack: str) -> None:
    """Every table of the balancer tier has a route for exactly the declared ranges, and no other tier has."""
    plan = plan_of(stack)
    outside = [c for c in plan.gateway.clients if not ip_network(c).subnet_of(ip_network(plan.network.cidr))]
    entrance = of(stack, "LoadBalancer")
    tables = [t for t in of(stack, "RouteTable") if t.props["tags"]["inferplan:tier"] == "balancer"]
    found: dict[str, list[str]] = {}
    for route in of(stack, "Route"):
        if {"transitGatewayId", "vpcPeeringConnectionId"} & route.props.keys():
            (table,) = route.property_dependencies["routeTableId"]
            found.setdefault(table, []).append(route.props["destinationCidrBlock"])

    wanted = {table.urn: outside for table in tables} if entrance and outside else {}
    assert found == wanted


@pytest.mark.parametrize(("stack", "peered"), [(CLINIC, False), (DESK, False), ("desk, peered", True)])
def test_aws_11_routes_wait_for_the_attachment(stack: str, peered: bool) -> None:
    """EC2 knows no route to a transit gateway before the VPC is attached; a peering exists already."""
    attachments = of(stack, "VpcAttachment")
    routes = [found for found in of(stack, "Route") if "-clients-" in found.name]

    assert len(attachments) == (0 if peered else 1)
    assert routes
    for route in routes:
        assert ("vpcPeeringConnectionId" in route.props) is peered
        assert {one.urn for one in attachments} <= set(route.dependencies)


def test_aws_11_clients_without_a_way_back_are_said() -> None:
    """The plan does not pass over them in silence."""
    plan = make_plan(with_spec(declared(DESK), network={"attachments": ()}), AS_OF, gates)
    assert any("get no answer" in text and "network.attachments" in text for text in plan.warnings)


def test_aws_11_an_attachment_to_nobody_is_said_and_not_made() -> None:
    """It would link networks for no caller."""
    plan = make_plan(with_spec(declared(DESK), gateway={"clients": ()}), AS_OF, gates)
    assert plan.network.client_routes == ()
    assert any("network.attachments lead to nobody" in text for text in plan.warnings)


CLIENTS = "gateway: {clients: [10.1.0.0/16, 10.2.0.0/16]}\n"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "network: {attachments: [{id: tgw-0123456789abcdef0, clients: [10.3.0.0/16]}]}",
            "'10.3.0.0/16' is none of gateway.clients; there are none",
        ),
        (CLIENTS + "network: {attachments: [{id: tgw-0123456789abcdef0, clients: [10.3.0.0/16]}]}",
         "'10.3.0.0/16' is none of gateway.clients"),
        (CLIENTS + "network: {attachments: [{id: tgw-0123456789abcdef0}, {id: pcx-0123456789abcdef0}]}",
         "10.1.0.0/16 is behind tgw-0123456789abcdef0 already"),
        (CLIENTS + "network: {attachments: [{id: vpc-0123456789abcdef0}]}", "network.attachments[0].id"),
        ("gateway: {clients: [10.1.0.0/16, 10.1.0.0/16]}", "gateway.clients[1]"),
        ("gateway: {certificate: 'arn:aws:iam::444444444444:server-certificate/x'}", "no certificate of acm"),
        ("cluster: {admins: ['arn:aws:s3:::bucket']}", "no IAM role or user"),
        ("cluster: {admins: ['arn:aws:iam::444444444444:role/a', 'arn:aws:iam::444444444444:role/a']}",
         "cluster.admins[1]"),
    ],
)  # fmt: skip
def test_what_aws_would_refuse_is_refused_by_validate(text: str, told: str, tmp_path: Path) -> None:
    """With the field and the reason."""
    assert told in refused(f"{GOOD}{text}\n", tmp_path)


# -- the small ones
# -------------------------------------------------------------------------------------------------------


@cache
def aws_policies() -> dict[str, str]:
    """Path and name of every policy of AWS's own, as moto copied them from AWS."""
    found: dict[str, Any] = json.loads(aws_managed_policies_data)
    return {name: f"policy{row['Path']}{name}" for name, row in found.items()}


@every_stack
def test_aws_small_attached_policies_of_aws_exist(stack: str) -> None:
    """Under their very paths, and the driver of volumes has the one that AWS recommends."""
    said = [str(one.props["policyArn"]) for one in of(stack, "RolePolicyAttachment")]
    own = [text.partition("::aws:")[2] for text in said if "::aws:policy" in text]

    assert [text for text in own if aws_policies().get(text.rpartition("/")[2]) != text] == []
    assert "policy/service-role/AmazonEBSCSIDriverPolicy" not in own
