"""Area of concern: what no rule reads is never allowed: every type has an answer, and unread ones deny.

Not here: reading state files (test_state) and the rules' own examples (test_rules).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from inferplan import catalog
from inferplan.catalog.refresh.type_registry import registered
from inferplan.catalog.resource_types import module_of
from policies.evaluate import evaluate
from policies.packs import all_rules
from policies.rule import Example, Rule
from policies.state import parse_state
from policies.unread import is_read
from policies.world.cases import passing_case
from policies.world.things import model_arn
from tests.unit.exports import AS_OF, blocking, hidden, judged, pod, state

CONTENT_RULES = [rule for rule in all_rules() if rule.reads_content]
GOLDENS = Path(__file__).parents[1] / "golden"


def test_every_module_of_the_sdks_has_a_row() -> None:
    """A module that comes with a new version is looked at before its types are judged."""
    missing = {module_of(token) for token in registered()} - set(catalog.resource_modules())

    assert missing == set(), "make refresh, then judge the new modules in hand_read/resource_types.json"


def test_every_exception_is_a_type_of_its_module() -> None:
    """A misspelt exception would leave its type with the answer of the module."""
    for row in catalog.resource_modules().values():
        for exception in row.exceptions:
            assert set(exception.types) <= registered()
            assert {module_of(token) for token in exception.types} == {row.module}
            assert exception.reading != row.reading


def test_the_table_names_rules_that_exist() -> None:
    """A type is harmless because rules read the rest of it; those rules are there."""
    ids = {rule.id for rule in all_rules()}
    said = [row.because for row in catalog.resource_modules().values()]
    said += [item.because for row in catalog.resource_modules().values() for item in row.exceptions]

    assert {name for text in said for name in re.findall(r"\b[A-Z]+-\d{3}\b", text)} <= ids


def test_what_the_examples_plan_is_read() -> None:
    """The five example stacks hold nothing that the rules cannot judge."""
    planned = {token for path in GOLDENS.glob("*.resources.json") for token in types_in(path)}

    assert {token for token in planned if not is_read(token)} == set()
    assert len(planned) > 70


def types_in(path: Path) -> Iterator[str]:
    def walk(value: Any) -> Iterator[str]:
        if isinstance(value, dict):
            if isinstance(value.get("type"), str) and value["type"].startswith(("aws:", "kubernetes:")):
                yield value["type"]
            for item in value.values():
                yield from walk(item)
        elif isinstance(value, list):
            for item in value:
                yield from walk(item)

    yield from walk(json.loads(path.read_text("utf-8")))


UNREAD = [
    "aws:lambda/function:Function",
    "aws:apprunner/service:Service",
    "aws:apigatewayv2/integration:Integration",
    "aws:batch/jobDefinition:JobDefinition",
    "aws:sagemaker/endpoint:Endpoint",
    "aws:sagemaker/endpointConfiguration:EndpointConfiguration",
    "aws:sfn/stateMachine:StateMachine",
    "aws:cloudwatch/eventApiDestination:EventApiDestination",
    "aws:cloudwatch/eventTarget:EventTarget",
    "aws:vpclattice/targetGroup:TargetGroup",
    "aws:bedrock/agentAgent:AgentAgent",
    "aws:s3/bucketNotification:BucketNotification",
    "aws:mq/configuration:Configuration",
    "aws:fsx/fileCache:FileCache",
    "aws:kms/customKeyStore:CustomKeyStore",
    "kubernetes:core/v1:ServiceList",
    "kubernetes:networking.k8s.io/v1:IngressList",
    "kubernetes:helm.sh/v3:Release",
    "kubernetes:opentelemetry.io/v1beta1:OpenTelemetryCollector",
    "kubernetes:core/v1:Endpoints",
    "azure-native:cognitiveservices:Deployment",
    "gcp:cloudrunv2/service:Service",
    "command:local:Command",
    "pulumi-python:dynamic:Resource",
]


@pytest.mark.parametrize("type_", UNREAD)
def test_tried_1_what_computes_integrates_or_carries_data_is_not_allowed(type_: str) -> None:
    """Tried as a user, finding 1: each content rule is undecided and names the type."""
    report = judged(state(type_, "x"))
    undecided = {
        finding.rule
        for finding in report.findings
        if finding.verdict == "undecided" and type_ in finding.message
    }

    assert report.decision == "deny"
    assert undecided == {rule.id for rule in CONTENT_RULES} == {"EGR-007", "SOV-005", "SOV-010"}


@pytest.mark.parametrize("rule", CONTENT_RULES, ids=lambda rule: rule.id)
def test_tried_1_each_content_rule_denies_by_itself(rule: Rule) -> None:
    """Waiving or lowering one of them does not open the others."""
    case = passing_case(Example(note="state"))
    (lonely,) = parse_state(
        json.dumps({"version": 3, "deployment": {"resources": [state(UNREAD[0], "x")]}}).encode()
    )

    assert evaluate(case.declaration, (lonely,), AS_OF, rules=(rule,)).decision == "deny"


@pytest.mark.parametrize("type_", ["aws:kms/alias:Alias", "random:index/randomPassword:RandomPassword"])
def test_what_is_harmless_is_allowed(type_: str) -> None:
    """The table says why; such a type alone changes no verdict."""
    assert judged(state(type_, "x")).decision == "allow"


@pytest.mark.parametrize("resources", [(), (state("pulumi:pulumi:Stack", "s"),)], ids=["nothing", "stack"])
def test_tried_1_an_empty_state_is_not_allowed(resources: tuple[dict[str, Any], ...]) -> None:
    """Nothing shows that nothing keeps the rules; the finding says that the state is empty."""
    report = judged(*resources)

    assert report.decision == "deny"
    assert "STATE-EMPTY" in blocking(report)


PROXY = {
    "model_list": [
        {"model_name": "desk", "litellm_params": {"model": "bedrock/mistral.mistral-large-2402-v1:0"}}
    ]
}


@pytest.mark.parametrize(
    ("settings", "rule"),
    [
        ({"litellm_settings": {"success_callback": ["langfuse"]}}, "SOV-005"),
        ({"litellm_settings": {"default_team_settings": [{"success_callback": ["langfuse"]}]}}, "SOV-005"),
        ({"general_settings": {"alerting": ["slack"]}}, "SOV-005"),
        ({"general_settings": {"store_prompts_in_spend_logs": True}}, "PRIV-007"),
        ({"litellm_settings": {"cache": True, "cache_params": {"type": "redis-semantic"}}}, "PRIV-007"),
        ({"litellm_settings": {"cache_params": {"qdrant_api_base": "https://q.example.com"}}}, "EGR-007"),
    ],
)  # fmt: skip
def test_tried_11_report_13_report_15_a_setting_of_the_proxy_is_read_in_all_its_homes(
    settings: dict[str, Any], rule: str
) -> None:
    """Cases 13 and 15, tried as a user 11: callbacks, alerts, tables and caches, wherever they are named."""
    config = state("kubernetes:core/v1:ConfigMap", "proxy", data={"c": json.dumps(PROXY | settings)})

    assert rule in blocking(judged(config, world="both"))


ACCELERATED, PUBLIC = {"instanceType": "g5.xlarge"}, {"associatePublicIpAddress": True}
NODES = {"vpcZoneIdentifiers": ["subnet-1"], "launchConfiguration": "older-1"}
CONFIGURATION = "aws:ec2/launchConfiguration:LaunchConfiguration"
INSTANCE, TEMPLATE = "aws:ec2/instance:Instance", "aws:ec2/launchTemplate:LaunchTemplate"
CARD = {"networkInterfaces": [{"associatePublicIpAddress": "true", "securityGroups": ["sg-1"]}]}
GROUP_OF_NODES = state(
    "aws:eks/nodeGroup:NodeGroup", "n", instanceTypes=["g6.xlarge"], subnetIds=["subnet-1"],
    launchTemplate={"id": "lt-1"},
)  # fmt: skip
GROUP_OF_MACHINES = state("aws:autoscaling/group:Group", "g", **NODES)


def own_groups(**said: Any) -> dict[str, Any]:
    """A launch configuration that names a security group of somebody else's stack."""
    return state(CONFIGURATION, "c", securityGroups=["sg-1"], **ACCELERATED, **said) | {"id": "older-1"}


@pytest.mark.parametrize(
    ("machines", "place"),
    [
        (
            (
                state("aws:ec2/subnet:Subnet", "s", mapPublicIpOnLaunch=True) | {"id": "subnet-1"},
                GROUP_OF_NODES,
            ),
            "mapPublicIpOnLaunch",
        ),
        ((state(INSTANCE, "m", **ACCELERATED, **PUBLIC),), "associatePublicIpAddress"),
        ((GROUP_OF_MACHINES, own_groups(**PUBLIC)), "associatePublicIpAddress"),
        (
            (GROUP_OF_NODES, state(TEMPLATE, "t", **CARD) | {"id": "lt-1"}),
            "networkInterfaces[0].associatePublicIpAddress",
        ),
        (
            (
                state(INSTANCE, "m", launchTemplate={"id": "lt-1"}),
                state(TEMPLATE, "t", **ACCELERATED, **CARD) | {"id": "lt-1"},
            ),
            "networkInterfaces[0].associatePublicIpAddress",
        ),
    ],
    ids=["subnet", "instance", "configuration", "template", "template of an instance"],
)
def test_tried_11_report_16_public_addresses_are_read_in_all_their_homes(
    machines: tuple[dict[str, Any], ...], place: str
) -> None:
    """Also a machine in a private subnet may be given a public address."""
    report = judged(*machines)

    assert [
        finding.path for finding in report.findings if finding.rule == "EGR-001" and finding.verdict == "fail"
    ] == [place]


@pytest.mark.parametrize(
    ("machines", "says"),
    [
        ((GROUP_OF_MACHINES, own_groups()), "this stack does not declare"),
        ((state(INSTANCE, "m", **ACCELERATED),), "the default group of its network"),
        ((GROUP_OF_NODES,), "the group that EKS makes"),
    ],
    ids=["named", "instance", "EKS"],
)
def test_report_16_the_group_that_counts_is_the_one_that_machines_carry(
    machines: tuple[dict[str, Any], ...], says: str
) -> None:
    """A configuration that names its group is not said to carry another one."""
    told = {finding.message for finding in judged(*machines).findings if finding.rule == "EGR-002"}

    assert len(told) == 1
    assert says in told.pop()


@pytest.mark.parametrize(
    ("settings", "denied"),
    [({}, True), ({"configurationValues": json.dumps({"enableNetworkPolicy": "true"})}, False)],
)
def test_report_18_a_policy_that_nothing_enforces_is_none(settings: dict[str, Any], denied: bool) -> None:
    """Default-deny is there in both; the network plugin has to be told."""
    spec = {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    found = judged(
        state("aws:eks/cluster:Cluster", "c", name="app"),
        state("aws:eks/addon:Addon", "a", clusterName="app", addonName="vpc-cni", **settings),
        state("kubernetes:networking.k8s.io/v1:NetworkPolicy", "p", metadata={"namespace": "x"}, spec=spec),
    )

    assert ("EGR-003" in blocking(found)) is denied


def test_where_a_thing_really_is_counts() -> None:
    """Held kinds: outputs say another Region than the inputs."""
    moved = state("aws:s3/bucket:Bucket", "b") | {"outputs": {"region": "us-east-1"}}

    assert "SOV-001" in blocking(judged(moved))


KUBERNETES_SECRET = state("kubernetes:core/v1:Secret", "keys", metadata={"name": "keys"}, stringData=hidden())


@pytest.mark.parametrize(
    "given",
    [
        state("aws:secretsmanager/secretVersion:SecretVersion", "v", secretId="s", secretString=hidden()),
        state("aws:elasticache/user:User", "u", userName="app", passwords=[hidden()]),
        pod(env=[{"name": "LITELLM_MASTER_KEY", "value": hidden()}]),
        KUBERNETES_SECRET,
    ],
    ids=["secret version", "user", "variable", "Kubernetes secret"],
)  # fmt: skip
def test_a_credential_does_not_deny_a_compliant_state(given: dict[str, Any]) -> None:
    """Held kinds: any secret input made a whole stack undecided, also `secretString` of a secret version."""
    assert judged(given).decision == "allow"


MOUNT = {"volumes": [{"name": "c", "secret": {"secretName": "keys"}}]}


@pytest.mark.parametrize(
    "given",
    [
        (pod(env=[{"name": "OPENAI_BASE_URL", "value": hidden()}]),),
        (
            KUBERNETES_SECRET,
            state(
                "kubernetes:apps/v1:Deployment", "app", metadata={"namespace": "kube-system"},
                spec={"template": {"spec": {"containers": [{"name": "app"}], **MOUNT}}},
            ),
        ),
        (state("aws:ssm/parameter:Parameter", "p", name="/proxy/config", value=hidden()),),
    ],
    ids=["address", "mounted", "parameter"],
)  # fmt: skip
def test_a_secret_that_may_name_a_host_is_not_let_through(given: tuple[dict[str, Any], ...]) -> None:
    """What is hidden and no credential may be an address or a configuration."""
    assert "EGR-007" in blocking(judged(*given))


def test_hosts_are_read_beside_secrets() -> None:
    """Held kinds: with the secret let through, the host beside it is still a finding of its own."""
    calling = pod(
        env=[
            {"name": "API_KEY", "value": hidden()},
            {"name": "URL", "value": "https://api.openai.com/v1"},
        ]
    )
    failed = [finding for finding in judged(calling).findings if finding.verdict == "fail" and finding.blocks]

    assert [finding.rule for finding in failed] == ["EGR-007"]


def test_the_state_s_own_profile_is_judged_by_what_it_copies() -> None:
    """Held kinds: a false alarm where an application profile copies from the spec's own model."""
    copied = {"modelSource": {"copyFrom": model_arn("mistral.mistral-large-2402-v1:0")}}
    profile = state("aws:bedrock/inferenceProfile:InferenceProfile", "p", **copied) | {"id": "abc123"}
    named = {"MODEL": "application-inference-profile/abc123"}
    calling = state("kubernetes:core/v1:ConfigMap", "c", data=named)

    assert judged(profile, calling, world="both").decision == "allow"
    assert "SOV-006" in blocking(judged(calling, world="both"))


@pytest.mark.parametrize("args", [["--model", "openai/gpt-4o"], ["--model=openai/gpt-4o"]])
def test_tried_1_a_model_among_the_arguments_is_read(args: list[str]) -> None:
    """Tried as a user, finding 1: a deployment with `--model openai/gpt-4o` passed."""
    assert "SOV-010" in blocking(judged(pod(args=args)))
