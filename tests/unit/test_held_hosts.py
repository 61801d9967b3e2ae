"""Area of concern: hosts, secrets and services in foreign states: each kind is told, its neighbor let be.

The number in a name is that of the kind. Not here: the kinds before 13 (test_held_kinds), types that no rule
reads (test_unread) and the rules' own examples (test_rules).
"""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from policies.world.things import arn as address
from policies.world.things import aws_host, bucket_arn, document, key_arn, model_arn
from tests.unit.exports import (
    ABROAD,
    ACCOUNT,
    ENCRYPTED,
    REGION,
    STRANGER,
    State,
    allow,
    at,
    became,
    blocking,
    config_map,
    failing,
    hidden,
    judged,
    pod,
    state,
    task,
    told,
)

# -- hosts and destinations -----------------------------------------------------------------------------
ENV, ARGS = "spec.template.spec.containers[0].env[0].value", "spec.template.spec.containers[0].args[0]"
HOSTS = [
    (ENV, "https://llm.example.com/v1", "http://proxy.gateway:4000"),
    (ENV, "https://x.openai.azure.com", "https://kubernetes.default.svc"),
    (ENV, "http://8.8.8.8:1234", "http://10.1.2.3:1234"),
    (ENV, "postgresql://u@db.example.com/x", f"postgresql://u@{aws_host(f'db.x.{REGION}.rds')}/x"),
    (ARGS, "--upstream=https://llm.example.com", "--upstream=http://localhost:8000"),
]


@pytest.mark.parametrize(("path", "outside", "inside"), HOSTS)
def test_a_workload_calls_only_who_is_registered_held_13(path: str, outside: str, inside: str) -> None:
    """Whole addresses in variables and arguments, whatever they are called."""

    def calling(address_: str) -> State:
        return pod(env=[{"name": "X", "value": address_}]) if path == ENV else pod(args=[address_])

    told("EGR-007", path, calling(outside), kept=(calling(inside),))


SERVICE, RECORD = "kubernetes:core/v1:Service", "aws:route53/record:Record"
NAMED = [
    (SERVICE, "spec.externalName", "llm.example.com", "llm.inference.svc.cluster.local"),
    (RECORD, "records[0]", "llm.example.com", aws_host(f"x.{REGION}.elb")),
    ("kubernetes:core/v1:PersistentVolume", "spec.nfs.server", "files.example.com", "10.0.0.8"),
    ("aws:lb/listener:Listener", "defaultActions[0].redirect.host", "llm.example.com", "#{host}"),
]


@pytest.mark.parametrize(("type_", "path", "outside", "inside"), NAMED)
def test_a_name_leads_nowhere_else_held_13(type_: str, path: str, outside: str, inside: str) -> None:
    """Services, records, volumes and listeners that stand for a host."""

    def leading(host: str) -> State:
        return state(type_, "x", **at(path, host) | ({"type": "CNAME"} if type_ == RECORD else {}))

    told("EGR-007", path, leading(outside), kept=(leading(inside),))


def test_annotations_that_controllers_obey_are_read_held_13() -> None:
    """A mirror of traffic and a bucket for logs; other annotations are words of people."""
    ours = {"alb.ingress.kubernetes.io/scheme": "internal", "example.com/docs": "https://docs.example.com"}

    def ingress(**more: str) -> State:
        notes = {"annotations": ours | more}
        return state("kubernetes:networking.k8s.io/v1:Ingress", "i", metadata=notes, spec={})

    mirror = "nginx.ingress.kubernetes.io/mirror-target"
    logs = "alb.ingress.kubernetes.io/load-balancer-attributes"
    told(
        "EGR-007",
        f"metadata.annotations.{mirror}",
        ingress(**{mirror: "https://m.example.com"}),
        kept=(ingress(),),
    )
    told(
        "SOV-005",
        f"metadata.annotations.{logs}",
        ingress(**{logs: "access_logs.s3.bucket=elsewhere"}),
        kept=(ingress(),),
    )


def test_a_vendor_s_key_without_an_address_held_13() -> None:
    """A client that is told no host calls the vendor's own; with the own proxy's address it does not."""
    key = {"name": "OPENAI_API_KEY", "value": "sk-1"}
    base = {"name": "OPENAI_BASE_URL", "value": "http://proxy.gateway:4000"}
    place = "spec.template.spec.containers[0].env"

    told("EGR-007", place, pod(env=[key]), kept=(pod(env=[key, base]),))
    assert "EGR-007" in blocking(judged(task(secrets=[{"name": "OPENAI_API_KEY", "valueFrom": "s"}])))


COLLECTOR = "exporters:\n  {}:\n    endpoint: {}\n"
FORWARD = "[OUTPUT]\n  Name {}\n"
EXPORTS = {
    "data.c.exporters.otlp.endpoint": (
        COLLECTOR.format("otlp", "otlp.example.com:4317"),
        COLLECTOR.format("otlp", "${env:TEMPO}") + "    auth: {authenticator: a.example.com}\n",
    ),
    "data.c.exporters.datadog.api.key": (
        "exporters:\n  datadog:\n    api: {key: x}\n",
        f"exporters:\n  awsxray:\n    region: {REGION}\n",
    ),
    "data.c.remote_write[0].url": (
        "remote_write:\n- url: https://p.example.com/push\n",
        "remote_write:\n- url: http://mimir.monitoring/push\n",
    ),
}
FORWARDED = [
    (FORWARD.format("http\n  Host l.example.com"), FORWARD.format(f"cloudwatch_logs\n  region {REGION}")),
    (FORWARD.format("datadog"), FORWARD.format("datadog\n  Host agent.monitoring")),
    (
        "<match **>\n  @type http\n  endpoint https://l.example.com\n</match>\n",
        "<match **>\n  @type http\n  endpoint http://loki.logging:3100\n</match>\n",
    ),
]


@pytest.mark.parametrize(
    ("place", "outside", "inside"),
    [(place, *texts) for place, texts in EXPORTS.items()] + [("data.c", *texts) for texts in FORWARDED],
)
def test_a_collector_exports_inside_held_13(place: str, outside: str, inside: str) -> None:
    """Collectors and agents say in files where telemetry goes, and prompts are in it."""
    told("SOV-005", place, config_map(c=outside), kept=(config_map(c=inside),))


def test_a_program_reports_inside_held_13() -> None:
    """Variables, flags and an add-on's values."""
    env = "OTEL_EXPORTER_OTLP_ENDPOINT"

    def addon(host: str) -> State:
        said = json.dumps({"config": {"exporters": {"otlphttp": {"endpoint": host}}}})
        return state("aws:eks/addon:Addon", "adot", configurationValues=said)

    told(
        "SOV-005",
        "spec.template.spec.containers[0].env",
        pod(env=[{"name": env, "value": "otlp.example.com:4317"}]),
        kept=(pod(env=[{"name": env, "value": "otel.monitoring:4317"}]),),
    )
    told(
        "SOV-005",
        "spec.template.spec.containers[0].args",
        pod(args=["--otlp-traces-endpoint", "otlp.example.com:4317"]),
        kept=(pod(args=["--otlp-traces-endpoint", "otel.monitoring:4317"]),),
    )
    place = "configurationValues.config.exporters.otlphttp.endpoint"
    told("SOV-005", place, addon("https://o.example.com"), kept=(addon("http://otel.monitoring:4318"),))


FIREHOSE = "aws:kinesis/firehoseDeliveryStream:FirehoseDeliveryStream"
SINKS = [
    ("aws:ecs/cluster:Cluster", "configuration.executeCommandConfiguration.logConfiguration.s3BucketName"),
    ("aws:s3/bucketLoggingV2:BucketLoggingV2", "targetBucket"),
    ("aws:elb/loadBalancer:LoadBalancer", "accessLogs.bucket"),
    ("aws:msk/cluster:Cluster", "loggingInfo.brokerLogs.s3.bucket"),
    (FIREHOSE, "opensearchConfiguration.s3Configuration.bucketArn"),
    (FIREHOSE, "extendedS3Configuration.s3BackupConfiguration.bucketArn"),
    (FIREHOSE, "opensearchConfiguration.clusterEndpoint"),
]


@pytest.mark.parametrize(("type_", "path"), SINKS)
def test_every_home_of_a_sink_is_read_held_13(type_: str, path: str) -> None:
    """Sessions of tasks, older types, balancers, brokers, and what a stream keeps beside its destination."""
    assert ("SOV-005", path) in failing(
        judged(state(type_, "x", internal=True, **at(path, "elsewhere.example.com")))
    )
    assert blocking(judged(state(type_, "x", internal=True))) == set()


PROXY = {"model_list": [{"model_name": "notes", "litellm_params": {"model": "openai/gpt-4o"}}]}
WRITTEN = [
    json.dumps(PROXY),
    "model_list:\n- model_name: notes\n  litellm_params: {model: openai/gpt-4o}\n",
    base64.b64encode(json.dumps(PROXY).encode()).decode(),
]


@pytest.mark.parametrize("text", WRITTEN)
def test_a_proxy_s_configuration_may_be_a_variable_held_13(text: str) -> None:
    """In JSON, in YAML, in base64; a task's like a pod's."""
    for carrier in (
        task(environment=[{"name": "CONFIG", "value": text}]),
        pod(env=[{"name": "CONFIG", "value": text}]),
    ):
        assert "SOV-010" in {rule for rule, _ in failing(judged(carrier))}
    assert blocking(judged(task(environment=[{"name": "CONFIG", "value": "model: notes"}]))) == set()


def test_a_script_that_writes_a_configuration_is_not_let_through_held_13() -> None:
    """What cannot be read is undecided."""
    script = "cat > c.yaml <<E\nmodel_list:\n- {model_name: notes}\nE\nexec litellm 'c.yaml"

    assert "SOV-010" in blocking(judged(pod(command=["sh", "-c"], args=[script])))


@pytest.mark.parametrize("encoded", [False, True])
def test_what_a_machine_runs_is_read_held_13(encoded: bool) -> None:
    """A start script names a vendor's model like an argument does."""

    def machine(script: str) -> State:
        text = base64.b64encode(script.encode()).decode() if encoded else script
        return state("aws:ec2/launchTemplate:LaunchTemplate", "m", userData=text, blockDeviceMappings=DISK)

    told(
        "SOV-010",
        "userData.args",
        machine("#!/bin/sh\ndocker run litellm --model openai/gpt-4o\n"),
        kept=(machine("#!/bin/sh\n/etc/eks/bootstrap.sh c\n"),),
    )


DISK = [{"ebs": {"encrypted": "true", "kmsKeyId": key_arn()}}]
ENDPOINT = "aws:ec2/vpcEndpoint:VpcEndpoint"


@pytest.mark.parametrize("key", ["resourceConfigurationArn", "serviceNetworkArn"])
def test_what_is_shared_under_a_name_is_not_shown_held_13(key: str) -> None:
    """A lattice's resource or network may be anybody's."""
    narrow = document(allow("s3:GetObject", bucket_arn("b/*")))
    plain = state(ENDPOINT, "e", serviceName=f"com.amazonaws.{REGION}.s3", policy=narrow)
    shared = state(ENDPOINT, "e", policy=narrow, **{key: address("vpc-lattice", "x/y")})

    assert "SOV-017" in blocking(judged(shared))
    assert blocking(judged(plain)) == set()


GRANTS = [
    ("aws:rds/snapshot:Snapshot", "sharedAccounts[0]", "all", ACCOUNT),
    ("aws:s3/bucketAclV2:BucketAclV2", "acl", "public-read", "private"),
    ("aws:opensearch/domain:Domain", "accessPolicies",
     document(allow("es:*", Principal="*")), document(allow("es:*", Principal={"Service": "es"}))),
    ("aws:cloudwatch/logDestinationPolicy:LogDestinationPolicy", "accessPolicy",
     document(allow("logs:*", Principal={"AWS": "*"})),
     document(allow("logs:*", Principal={"AWS": ACCOUNT}))),
]  # fmt: skip


@pytest.mark.parametrize(("type_", "path", "anybody", "own"), GRANTS)
def test_grants_are_read_under_every_name_held_13(type_: str, path: str, anybody: str, own: str) -> None:
    """Policies, shares and lists of rights that let everybody in."""
    told("SOV-017", path, state(type_, "x", **at(path, anybody)), kept=(state(type_, "x", **at(path, own)),))


ACCEPTER = "aws:ec2/vpcPeeringConnectionAccepter:VpcPeeringConnectionAccepter"


def test_who_accepts_a_link_names_the_far_end_held_13() -> None:
    """Only the outputs say whose network it is; without them nobody knows."""
    accepter = state(ACCEPTER, "a", vpcPeeringConnectionId="pcx-1")

    def of(account: str, region: str) -> State:
        return became(accepter, "pcx-1", peerOwnerId=account, peerRegion=region)

    told("SOV-017", "peerOwnerId", of(STRANGER, REGION), kept=(of(ACCOUNT, REGION),))
    told("SOV-017", "peerRegion", of(ACCOUNT, ABROAD), kept=(of(ACCOUNT, REGION),))
    assert "SOV-017" in blocking(judged(accepter))


# -- secrets ------------------------------------------------------------------------------------------
def test_hosts_are_read_beside_secrets_held_14() -> None:
    """The same finding with the secret encrypted and in clear; neither hides it, neither makes it."""
    for secret in (hidden(), "sk-clear"):
        beside = {"name": "APP_TOKEN", "value": secret}
        told(
            "EGR-007",
            "spec.template.spec.containers[0].env[1].value",
            pod(env=[beside, {"name": "U", "value": "https://api.openai.com/v1"}]),
            kept=(pod(env=[beside, {"name": "U", "value": "http://vllm:8000"}]),),
        )


CREDENTIALS = [
    ("aws:secretsmanager/secretVersion:SecretVersion", {"secretString": hidden()}),
    ("aws:rds/cluster:Cluster", ENCRYPTED | {"masterPassword": hidden()}),
    ("aws:mq/broker:Broker", {"users": [{"username": "u", "password": hidden()}]}),
    ("aws:ssm/parameter:Parameter", {"name": "/app/api-key", "value": hidden()}),
    ("kubernetes:core/v1:Secret", {"metadata": {"name": "s"}, "data": {"password": hidden()}}),
]


@pytest.mark.parametrize(("type_", "said"), CREDENTIALS)
def test_a_secret_input_denies_nothing_held_15(type_: str, said: dict[str, Any]) -> None:
    """A credential opens doors and names none; a hidden address or configuration may name one."""
    hosting = pod(env=[{"name": "BASE_URL", "value": hidden()}])

    assert blocking(judged(state(type_, "x", **said))) == set()
    assert "EGR-007" in blocking(judged(state(type_, "x", **said), hosting))


# -- profiles, agents, other clouds ------------------------------------------------------------------------
MODEL = "mistral.mistral-large-2402-v1:0"
PROFILE = address("bedrock", "application-inference-profile/abc123")


def profile(source: str) -> State:
    made = state(
        "aws:bedrock/inferenceProfile:InferenceProfile", "p", name="p", modelSource={"copyFrom": source}
    )
    return became(made, PROFILE, arn=PROFILE)


def test_an_application_profile_is_what_it_copies_held_16() -> None:
    """Of the spec's model it may be named by roles, pods and the proxy; of another model it may not exist."""
    role = state(
        "aws:iam/policy:Policy", "i", name="i", policy=document(allow("bedrock:InvokeModel", PROFILE))
    )
    group = {"model_name": "desk", "litellm_params": {"model": f"bedrock/{PROFILE}"}}
    proxy = config_map(c=json.dumps({"model_list": [group]}))
    users = (role, proxy, pod(env=[{"name": "MODEL", "value": PROFILE}]))
    other, copied = model_arn("amazon.nova-pro-v1:0"), "modelSource.copyFrom"

    own = (profile(model_arn(MODEL)), *users)
    told("EGR-011", copied, profile(other), kept=own, world="both")
    told("EGR-011", "policy", profile(other), role, kept=own, world="both")
    assert "SOV-006" in blocking(judged(*users, world="both"))


AGENT = address("bedrock", "agent-alias/a/b")
ASKED = [
    "bedrock:InvokeAgent",
    "bedrock:Retrieve*",
    "kendra:Query",
    "qbusiness:*",
    "sagemaker:InvokeEndpoint",
]


@pytest.mark.parametrize("action", ASKED)
def test_a_service_behind_a_role_takes_data_from_its_class_held_17(action: str) -> None:
    """Said as data that leaves its class, not only as a policy that is too wide."""

    def role(said: str) -> State:
        return state("aws:iam/policy:Policy", "i", name="i", policy=document(allow(said, AGENT)))

    told("SOV-010", "policy", role(action), kept=(role("logs:PutLogEvents"),))


def test_an_agent_s_address_takes_data_from_its_class_held_17() -> None:
    """Where data of the class may go to a vendor, the address alone is no fault of this rule."""
    named = pod(env=[{"name": "AGENT", "value": AGENT}])

    told("SOV-010", ENV, named, kept=(pod(env=[{"name": "AGENT", "value": "desk"}]),))
    assert "SOV-010" not in blocking(judged(named, world="vendor"))


CLOUDS = [
    "azure-native:cognitiveservices:Account",
    "azure:cognitive/account:Account",
    "gcp:vertex/aiEndpoint:AiEndpoint",
    "oci:GenerativeAi/endpoint:Endpoint",
    "snowflake:index/database:Database",
]


@pytest.mark.parametrize("type_", CLOUDS)
def test_another_cloud_is_not_let_through_held_18(type_: str) -> None:
    """Its resources deny; values that nothing runs do not."""
    assert blocking(judged(state(type_, "x"))) == {"EGR-007", "SOV-005", "SOV-010"}
    harmless = (state("random:index/randomId:RandomId", "r"), state("aws:sns/topic:Topic", "t"))
    assert blocking(judged(*harmless)) == set()


KEY = {"name": "OPENAI_API_KEY", "value": "sk-1"}
IMAGE = "aws:ec2/amiLaunchPermission:AmiLaunchPermission"
TO_ALL = allow("sns:Publish", Principal="*", Condition={"StringEquals": {"aws:SourceAccount": ACCOUNT}})
NEIGHBORS = [
    task(
        logConfiguration={
            "logDriver": "awslogs",
            "options": {"awslogs-endpoint": aws_host(f"logs.{REGION}")},
        }
    ),
    task(image="x/litellm", command=["--config", "/c.yaml"], secrets=[KEY]),
    pod(env=[KEY], envFrom=[{"configMapRef": {"name": "address"}}]),
    config_map(c=COLLECTOR.format("prometheus", "0.0.0.0:8889")),
    config_map(c=COLLECTOR.format("otlphttp", f"https://{aws_host(f'xray.{REGION}')}")),
    config_map(c=FORWARD.format("stdout")),
    state(RECORD, "x", type="TXT", records=["mail.example.com"]),
    state(FIREHOSE, "x", **at("opensearchConfiguration.clusterEndpoint", "https://search.corp.internal")),
    state(IMAGE, "x", imageId="ami-1", accountId=ACCOUNT),
    state("aws:sns/topicPolicy:TopicPolicy", "x", policy=document(TO_ALL)),
    became(state("aws:iam/user:User", "x", group="all"), "x", arn="arn:aws:iam::aws:user/x"),
]


@pytest.mark.parametrize("kept", NEIGHBORS)
def test_the_nearest_neighbor_is_let_be_held_13(kept: State) -> None:
    """What looks like the kind and is none of it."""
    assert blocking(judged(kept)) == set()


@pytest.mark.parametrize("host", ["llm.example", "x.de", "evil.com"])
def test_a_public_name_of_two_labels_is_no_service_held_13(host: str) -> None:
    """A Service in a namespace has two labels too; the state or the second label says so."""
    calling = pod(env=[{"name": "U", "value": f"http://{host}:8000"}])
    space = state("kubernetes:core/v1:Namespace", "n", metadata={"name": host.partition(".")[2]})

    assert ("EGR-007" in blocking(judged(calling))) is (host != "llm.example")
    assert "EGR-007" not in blocking(judged(calling, space))


def test_a_name_of_an_output_does_not_make_a_driver_s_place_held_13() -> None:
    """Only the router of logs knows outputs by name."""
    splunk = {"logDriver": "splunk", "options": {"Name": "firehose"}}

    assert "SOV-005" in blocking(judged(task(logConfiguration=splunk)))


def test_a_class_that_may_leave_may_be_asked_about_held_17() -> None:
    """SOV-010 speaks of classes that go to own weights only."""
    role = state("aws:iam/policy:Policy", "i", policy=document(allow("bedrock:InvokeAgent", AGENT)))

    assert "SOV-010" not in blocking(judged(role, world="vendor"))


def test_the_invocation_log_follows_the_declaration_held_13() -> None:
    """Tried as a user 11: with declared days it may hold prompts, without them it may not."""
    log = state(
        "aws:bedrockmodel/invocationLoggingConfiguration:InvocationLoggingConfiguration", "l",
        loggingConfig={"cloudwatchConfig": {"logGroupName": "g"}},
    )  # fmt: skip

    assert "PRIV-007" in blocking(judged(log))
    assert "PRIV-007" not in blocking(judged(log, given={"spec:data.retention": {"prompts": "30d"}}))
