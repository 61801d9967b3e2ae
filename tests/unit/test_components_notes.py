"""Field notes and pitfalls that the stacks encode by construction, one row for each, by number.

Not here: those with a test of their own (it names the number) and those that only a rule or a verb meets.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import pytest

from components.model_server_pod import CONTAINERS
from inferplan.resource import Resource
from tests.unit.recorded import planned, recorded

# The AWS SDK warns about its own modules when one of its packages is first imported.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:pulumi_aws.*")

SPECS = ("de-clinic-notes", "eu-support-desk", "in-bank-assistant", "minimal", "eu-both-ways")


class Example:
    """Plan and both layers of an example, by type."""

    def __init__(self, spec: str) -> None:
        self.plan, self.resources = planned(spec), recorded(spec).resources

    def of(self, type_: str) -> list[dict[str, Any]]:
        return [dict(resource.props) for resource in self.resources if resource.type == type_]

    def types(self) -> set[str]:
        return {resource.type for resource in self.resources}

    def pods(self) -> Iterator[dict[str, Any]]:
        for resource in self.resources:
            if resource.package == "kubernetes" and "template" in (resource.props.get("spec") or {}):
                yield resource.props["spec"]["template"]["spec"]

    def servers(self) -> list[dict[str, Any]]:
        return [pod for pod in self.pods() if pod["containers"][0]["name"] in CONTAINERS.values()]

    def variables(self) -> list[dict[str, str]]:
        """Of every gateway container that runs the proxy, on either host."""
        definitions = [
            container
            for task in self.of("aws:ecs/taskDefinition:TaskDefinition")
            for container in json.loads(task["containerDefinitions"])
        ]
        found = [c for c in definitions if c["name"] == "gateway"]
        found += [c for pod in self.pods() for c in pod["containers"] if c["name"] == "gateway"]
        return [
            {
                entry["name"]: entry["value"]
                for entry in container["env" if "env" in container else "environment"]
            }
            for container in found
        ]


example = cache(Example)


def groups(stack: Example, *, gpu: bool) -> list[dict[str, Any]]:
    return [
        group
        for group in stack.of("aws:eks/nodeGroup:NodeGroup")
        if any(taint["key"] == "nvidia.com/gpu" for taint in group.get("taints") or ()) == gpu
    ]


def no_account_singletons(stack: Example) -> bool:
    singletons = (
        "aws:bedrockmodel/invocationLoggingConfiguration:InvocationLoggingConfiguration",
        "aws:cloudtrail/trail:Trail",
        "aws:costexplorer/anomalyMonitor:AnomalyMonitor",
        "aws:ebs/encryptionByDefault:EncryptionByDefault",
        "aws:vpc/blockPublicAccessOptions:BlockPublicAccessOptions",
    )
    return not stack.types() & set(singletons)


def pod_identity_is_open(stack: Example) -> bool:
    blocks = {
        peer["ipBlock"]["cidr"]
        for policy in stack.of("kubernetes:networking.k8s.io/v1:NetworkPolicy")
        for rule in policy["spec"].get("egress") or ()
        for peer in rule["to"]
        if "ipBlock" in peer
    }
    endpoints = {s.cidr for s in stack.plan.network.subnets if s.tier == "endpoint"}
    return {"169.254.170.23/32", *endpoints} <= blocks


def general_settings(stack: Example) -> dict[str, Any]:
    settings: dict[str, Any] = stack.plan.gateway.config["general_settings"]
    return settings


def nothing_opens_to_the_world(stack: Example) -> bool:
    rules = stack.of("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule")
    return bool(rules) and all(rule.get("cidrIpv4") != "0.0.0.0/0" for rule in rules)


SELF, MANAGED, HYBRID, MINIMAL, BOTH = SPECS
ROWS: list[tuple[str, tuple[str, ...], Callable[[Example], bool]]] = [
    ("field-notes 9 and 10: account singletons belong to no stack", SPECS, no_account_singletons),
    (
        "field-notes 14: redaction runs beside the proxy",
        SPECS,
        lambda s: all(
            entry["litellm_params"]["presidio_analyzer_api_base"].startswith("http://127.0.0.1:")
            for entry in s.plan.gateway.config["guardrails"]
            if entry["litellm_params"]["guardrail"] == "presidio"
        ),
    ),
    (
        "field-notes 16: no HTTP host matching and no free-form rules",
        SPECS,
        lambda s: (
            not any(
                "rulesString" in g["ruleGroup"]["rulesSource"]
                or "rulesSourceList" in g["ruleGroup"]["rulesSource"]
                for g in s.of("aws:networkfirewall/ruleGroup:RuleGroup")
            )
        ),
    ),
    (
        "field-notes 18: the control plane's egress stays in the VPC",
        (SELF, HYBRID, MINIMAL),
        lambda s: all(
            c["vpcConfig"]["controlPlaneEgressMode"] == "CUSTOMER_ROUTED"
            for c in s.of("aws:eks/cluster:Cluster")
        ),
    ),
    (
        "field-notes 19: pod identity and endpoint tier are open",
        (SELF, HYBRID, MINIMAL),
        pod_identity_is_open,
    ),
    (
        "field-notes 20: nodes have groups of their own, never the one EKS makes",
        (SELF, HYBRID, MINIMAL),
        lambda s: all(
            bool(t.get("vpcSecurityGroupIds")) != bool(t.get("networkInterfaces"))
            for t in s.of("aws:ec2/launchTemplate:LaunchTemplate")
        ),
    ),
    (
        "field-notes 22: no access log bucket, which a key of our own would break",
        SPECS,
        lambda s: not any("accessLogs" in b for b in s.of("aws:lb/loadBalancer:LoadBalancer")),
    ),
    (
        "field-notes 23: budgets fail closed",
        SPECS,
        lambda s: (
            general_settings(s)["allow_requests_on_db_unavailable"] is False
            and general_settings(s)["fail_closed_rate_limit_enforcement"] is True
        ),
    ),
    (
        "field-notes 24: the proxy fetches nothing at start",
        SPECS,
        lambda s: (
            bool(s.variables())
            and all(
                v["PRISMA_OFFLINE_MODE"] == "true" and v["LITELLM_LOCAL_MODEL_COST_MAP"] == "True"
                for v in s.variables()
            )
        ),
    ),
    (
        "field-notes 26: database and cache by IAM, no rotating password in an environment",
        SPECS,
        lambda s: (
            all(v["IAM_TOKEN_DB_AUTH"] == "true" for v in s.variables())
            and not any("authToken" in c for c in s.of("aws:elasticache/replicationGroup:ReplicationGroup"))
            and all("password" not in d for d in s.of("aws:rds/instance:Instance"))
        ),
    ),
    (
        "field-notes 33: managed groups choose and bootstrap the AMI",
        (SELF, HYBRID, MINIMAL),
        lambda s: (
            not any(
                {"imageId", "iamInstanceProfile", "keyName"} & t.keys()
                # what EKS merges with its own, and no word about the cluster
                or any(w in base64.b64decode(t.get("userData", "")) for w in (b"kubernetes", b"cluster"))
                for t in s.of("aws:ec2/launchTemplate:LaunchTemplate")
            )
        ),
    ),
    (
        "field-notes 34, autoscaler#1949: GPU nodes carry the label that stops a second node",
        (SELF, HYBRID, MINIMAL),
        lambda s: all(g["labels"]["k8s.amazonaws.com/accelerator"] for g in groups(s, gpu=True)),
    ),
    (
        "field-notes 36, 37: no charts, no controller for balancers",
        SPECS,
        lambda s: not [t for t in s.types() if "helm" in t or "elbv2.k8s.aws" in t],
    ),
    (
        "field-notes 36: sick nodes are found and repaired",
        (SELF, HYBRID, MINIMAL),
        lambda s: (
            all(g["nodeRepairConfig"]["enabled"] for g in s.of("aws:eks/nodeGroup:NodeGroup"))
            and "eks-node-monitoring-agent" in {a["addonName"] for a in s.of("aws:eks/addon:Addon")}
        ),
    ),
    (
        "field-notes 40, pitfalls 1.27: no surge where no GPU is spare, no extended support",
        (SELF, HYBRID, MINIMAL),
        lambda s: (
            all(g["updateConfig"]["updateStrategy"] == "MINIMAL" for g in groups(s, gpu=True))
            and all(c["upgradePolicy"]["supportType"] == "STANDARD" for c in s.of("aws:eks/cluster:Cluster"))
        ),
    ),
    (
        "field-notes 41: one gateway with its stores in every mode",
        SPECS,
        lambda s: (
            len(s.of("aws:rds/instance:Instance"))
            == len(s.of("aws:elasticache/replicationGroup:ReplicationGroup"))
            == 1
        ),
    ),
    (
        "pitfalls 1.1 and 1.2: GPU types get an NVIDIA AMI, none gets AL2",
        (SELF, HYBRID, MINIMAL),
        lambda s: (
            all("NVIDIA" in g["amiType"] for g in groups(s, gpu=True))
            and not any(g["amiType"].startswith("AL2_") for g in s.of("aws:eks/nodeGroup:NodeGroup"))
        ),
    ),
    (
        "pitfalls 1.9: one GPU group per zone",
        (SELF, HYBRID, MINIMAL),
        lambda s: bool(groups(s, gpu=True)) and all(len(g["subnetIds"]) == 1 for g in groups(s, gpu=True)),
    ),
    (
        "pitfalls 1.14: shared memory is memory, sized and counted in the pod's limit",
        (SELF, HYBRID, MINIMAL),
        lambda s: (
            bool(s.servers())
            and all(
                volume["emptyDir"]["medium"] == "Memory" and volume["emptyDir"]["sizeLimit"]
                for pod in s.servers()
                for volume in pod["volumes"]
                if volume["name"] == "shm"
            )
        ),
    ),
    (
        "pitfalls 1.15: nothing shares the host's namespaces",
        (SELF, HYBRID, MINIMAL),
        lambda s: not any(pod.keys() & {"hostIPC", "hostPID", "hostNetwork"} for pod in s.pods()),
    ),
    (
        "pitfalls 1.16 and 1.17: the start is probed as long as predicted, readiness asks for the model",
        (SELF, HYBRID, MINIMAL),
        lambda s: all(
            pod["containers"][0]["startupProbe"]["failureThreshold"] > 1
            and pod["containers"][0]["readinessProbe"]["httpGet"]["path"] == "/v1/models"
            for pod in s.servers()
        ),
    ),
    (
        "pitfalls 1.19: every server says how much disk it takes",
        (SELF, HYBRID, MINIMAL),
        lambda s: all(
            pod["containers"][0]["resources"]["requests"]["ephemeral-storage"] for pod in s.servers()
        ),
    ),
    (
        "pitfalls 1.21 to 1.23: offline and without telemetry",
        (SELF, HYBRID, MINIMAL),
        lambda s: all(
            {"HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "VLLM_NO_USAGE_STATS", "DO_NOT_TRACK"}
            <= {entry["name"] for entry in pod["containers"][0]["env"]}
            for pod in s.servers()
        ),
    ),
    (
        "pitfalls 1.26: metadata for the node alone",
        (SELF, HYBRID, MINIMAL),
        lambda s: all(
            t["metadataOptions"]["httpPutResponseHopLimit"] == 1
            for t in s.of("aws:ec2/launchTemplate:LaunchTemplate")
        ),
    ),
    (
        "pitfalls 2.17: no IAM user, so no long-lived Bedrock key",
        SPECS,
        lambda s: not any(t.startswith(("aws:iam/user", "aws:iam/accessKey")) for t in s.types()),
    ),
    ("pitfalls 2.23: private by default, nothing admits the world", SPECS, nothing_opens_to_the_world),
]


@pytest.mark.parametrize(
    ("spec", "holds"),
    [pytest.param(spec, holds, id=f"{row} [{spec}]") for row, specs, holds in ROWS for spec in specs],
)
def test_note_is_encoded(spec: str, holds: Callable[[Example], bool]) -> None:
    """What the note asks for is so in both layers of the example as the planner plans it."""
    assert holds(example(spec))


def test_a_gateway_without_balancer_is_for_labeled_namespaces() -> None:
    """Without host and certificate the default deny would lock out everybody; a label admits callers."""
    found: list[Resource] = [
        r
        for r in example(MINIMAL).resources
        if r.name.endswith("-from-callers") and r.package == "kubernetes"
    ]

    assert not example(MINIMAL).of("aws:lb/loadBalancer:LoadBalancer")
    rule = found[0].props["spec"]["ingress"][0]
    assert rule["from"] == [{"namespaceSelector": {"matchLabels": {"inferplan/caller": "true"}}}]
    assert [port["port"] for port in rule["ports"]] == [example(MINIMAL).plan.gateway.port]
