"""The gateway itself: its role, its tasks and pods, and the programs that run inside the containers.

Not here: what surrounds it in AWS (test_components_managed).
"""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pulumi
import pytest

from components.gateway import keys, process
from components.gateway.logins import logins
from components.gateway.service import env_file
from inferplan.resource import Unknown, walk_unknowns
from tests.unit.recorded import (
    HYBRID,
    MANAGED,
    OUTSIDE,
    Recorded,
    component,
    gateway,
    planned,
    recorded,
)

# The AWS SDK warns about its own modules when one of its packages is first imported.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:pulumi_aws")


ACCOUNT, REGION = "222222222222", "eu-west-1"
MODEL_ARN = f"arn:aws:bedrock:{REGION}::foundation-model/mistral.mistral-large-2402-v1:0"


@pytest.fixture
def desk() -> Recorded:
    return recorded(MANAGED)


def test_gateway_role_names_its_secrets_and_models(desk: Recorded) -> None:
    """Least privilege over plain ARNs: its secrets, one login, one cache, one model, no star."""
    policy = json.loads(desk.named("desk-gateway-policy").props["policy"])
    statements = {statement["Sid"]: statement for statement in policy["Statement"]}
    models = json.loads(desk.named("desk-bedrock-policy").props["policy"])["Statement"][0]

    assert statements["Secrets"]["Resource"] == [
        f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:inferplan/{MANAGED}/{secret}-??????"
        for secret in ("caller-help-center", "gateway-master-key", "gateway-salt-key", "openai")
    ]
    assert statements["Database"]["Resource"].endswith(":dbuser:*/litellm")
    assert statements["Cache"]["Resource"] == [
        f"arn:aws:elasticache:{REGION}:{ACCOUNT}:replicationgroup:inferplan-{MANAGED}",
        f"arn:aws:elasticache:{REGION}:{ACCOUNT}:user:inferplan-{MANAGED}",
    ]
    assert models["Resource"] == [MODEL_ARN]
    assert "*" not in [statement["Resource"] for statement in policy["Statement"]]


def test_task_is_locked_down_and_plain(desk: Recorded) -> None:
    """Images by digest, no root, read-only root, migration first, a check that calls no model."""
    definitions = json.loads(desk.named("desk-gateway-task").props["containerDefinitions"])
    by_name = {definition["name"]: definition for definition in definitions}
    proxy = by_name["gateway"]

    assert list(by_name) == ["migrate", "presidio-analyzer", "presidio-anonymizer", "gateway"]
    for definition in definitions:
        assert definition["image"].startswith(f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/inferplan/")
        assert "@sha256:" in definition["image"]
        assert definition["readonlyRootFilesystem"] is True
        assert definition["user"] == str(process.USER_ID)
        assert definition["logConfiguration"]["options"]["awslogs-region"] == REGION
    assert by_name["migrate"]["essential"] is False
    assert {"name": "DISABLE_SCHEMA_UPDATE", "value": "false"} in by_name["migrate"]["environment"]
    assert {"containerName": "migrate", "condition": "SUCCESS"} in proxy["dependsOn"]
    assert "/health/liveliness" in proxy["healthCheck"]["command"][-1]
    assert "environmentFiles" not in by_name["presidio-analyzer"]


def test_task_environment_names_secrets_and_holds_none(desk: Recorded) -> None:
    """The container is told where its secrets are; no variable of a key has a value."""
    proxy = json.loads(desk.named("desk-gateway-task").props["containerDefinitions"])[-1]
    environment = {entry["name"]: entry["value"] for entry in proxy["environment"]}

    assert json.loads(environment[process.SECRETS]) == gateway().secret_env
    assert not environment.keys() & gateway().secret_env.keys()


def test_service_waits_and_rolls_back(desk: Recorded) -> None:
    """`up` is green only when tasks are healthy (field-notes 4); no task has a public address."""
    service = desk.one("aws:ecs/service:Service").props

    assert service["waitForSteadyState"] is True
    assert service["deploymentCircuitBreaker"] == {"enable": True, "rollback": True}
    assert service["networkConfiguration"]["assignPublicIp"] is False
    assert service["enableExecuteCommand"] is False
    assert ".workload::" in desk.of("aws:ecs/service:Service")[0].urn


def test_configuration_goes_to_the_bucket_as_the_plan_wrote_it(desk: Recorded) -> None:
    """The proxy's file is plain; only the file of addresses waits for the deployment."""
    config = desk.named("desk-gateway-configuration").props
    addresses = desk.named("desk-gateway-addresses").props

    assert config["key"] == f"gateway/{MANAGED}.yaml"
    assert json.loads(config["content"]) == gateway().config
    assert isinstance(addresses["content"], Unknown)
    assert config["serverSideEncryption"] == "aws:kms"


def test_gateway_pods_pass_the_strictest_admission() -> None:
    """Non-root, read-only, no privilege, no service account token, images by digest."""
    stack = recorded(HYBRID)
    pod = stack.named("assistant-gateway-deployment").props["spec"]["template"]["spec"]

    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["automountServiceAccountToken"] is False
    assert pod["enableServiceLinks"] is False
    for container in [*pod["initContainers"], *pod["containers"]]:
        assert "@sha256:" in container["image"]
        assert container["securityContext"]["readOnlyRootFilesystem"] is True
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}


def test_gateway_in_the_cluster_is_reached_from_the_balancer_only() -> None:
    """Ingress from the balancer tier, egress to the store tier, and no Kubernetes Secret at all."""
    stack = recorded(HYBRID)
    subnets = planned(HYBRID).network.subnets
    ingress = stack.named("-gateway-from-balancer").props["spec"]["ingress"]
    egress = stack.named("-gateway-egress").props["spec"]["egress"]

    assert [peer["ipBlock"]["cidr"] for peer in ingress[0]["from"]] == [
        s.cidr for s in subnets if s.tier == "balancer"
    ]
    assert "0.0.0.0/0" not in json.dumps(egress)
    assert not stack.of("kubernetes:core/v1:Secret")
    assert stack.one("aws:autoscaling/attachment:Attachment")


def test_hybrid_runs_the_gateway_on_nodes_of_its_own_only_for_outside_vendors() -> None:
    """Bedrock needs no way out; an outside vendor gets nodes in the tier that leads to the firewall."""
    inside, outside = recorded(HYBRID), recorded(OUTSIDE)

    assert not inside.of("inferplan:index:GatewayNodes")
    assert not inside.of("aws:ec2/internetGateway:InternetGateway")
    assert outside.of("inferplan:index:GatewayNodes")
    assert len(outside.of("aws:networkfirewall/firewall:Firewall")) == 1
    pod = outside.named("desk-gateway-deployment").props["spec"]["template"]["spec"]
    assert pod["nodeSelector"] == {"inferplan/pool": "gateway"}


def test_kubernetes_objects_wait_only_for_addresses() -> None:
    """Of all Kubernetes objects only the two maps of addresses are unknown before deployment."""
    unknown = {
        resource.name
        for resource in recorded(HYBRID).resources
        if resource.package == "kubernetes" and list(walk_unknowns(resource.props))
    }

    assert unknown == {f"{HYBRID}-gateway-gateway-{part}" for part in ("addresses", "bootstrap")}


def test_launcher_fetches_secrets_and_becomes_the_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Run as in the container, with a stand-in client: values reach the environment, the proxy starts."""
    named = {"MASTER_KEY": "inferplan/desk/master-key", "OPENAI_API_KEY": "inferplan/desk/openai"}
    _python, _flag, program, *command = process.proxy_command(gateway(port=4000))
    environment = process.environment(gateway(secret_env=named), LITELLM_MIGRATION_DIR="/tmp")
    asked: list[str] = []
    started: list[list[str]] = []
    beside: list[list[str]] = []

    def get_secret_value(*, SecretId: str) -> dict[str, str]:  # noqa: N803 (the client's name)
        asked.append(SecretId)
        return {"SecretString": f"value of {SecretId}"}

    client = SimpleNamespace(get_secret_value=get_secret_value)
    monkeypatch.setitem(__import__("sys").modules, "boto3", SimpleNamespace(client=lambda *_a, **_k: client))
    monkeypatch.setattr("sys.argv", ["-c", *command])
    monkeypatch.setattr("os.environ", dict(environment))
    monkeypatch.setattr("os.execvp", lambda _file, argv: started.append(list(argv)))
    monkeypatch.setattr("subprocess.Popen", lambda argv: beside.append(list(argv)))
    exec(compile(program, "launcher", "exec"), {})

    import os

    assert [argv[1:4] for argv in beside] == [["-c", keys.PROGRAM, "4000"]]
    assert asked == list(named.values())
    assert os.environ["OPENAI_API_KEY"] == "value of inferplan/desk/openai"
    assert process.SECRETS not in os.environ
    assert started == [["litellm", "--host", "0.0.0.0", "--port", "4000"]]


def test_bootstrap_grants_iam_login_and_quotes_the_password(monkeypatch: pytest.MonkeyPatch) -> None:
    """The managed password may hold any character; the login gets rds_iam and no password."""
    master = {"username": "postgres_admin", "password": "a/b:c@d"}
    calls: list[tuple[list[str], str, str]] = []
    client = SimpleNamespace(get_secret_value=lambda **_k: {"SecretString": json.dumps(master)})
    monkeypatch.setitem(__import__("sys").modules, "boto3", SimpleNamespace(client=lambda *_a, **_k: client))

    def run(command: list[str], **options: Any) -> SimpleNamespace:
        calls.append((command, options["input"], options["env"]["DATABASE_URL"]))
        return SimpleNamespace(returncode=0)

    monkeypatch.setattr("subprocess.run", run)
    monkeypatch.setattr(
        "os.environ",
        {
            **gateway().env,
            "DATABASE_HOST": "db.example",
            "DATABASE_USER": "desk_gateway",
            "DATABASE_MASTER_SECRET_ARN": "arn",
        },
    )
    with pytest.raises(SystemExit, match="0"):
        exec(compile(process.bootstrap_command()[-1], "bootstrap", "exec"), {})

    ((command, sql, url),) = calls
    assert "a%2Fb" not in " ".join(command)
    assert url == "postgresql://postgres_admin:a%2Fb%3Ac%40d@db.example:5432/litellm?sslmode=require"
    assert 'GRANT rds_iam TO "desk_gateway"' in sql
    assert "PASSWORD" not in sql


def test_addresses_are_lines_of_an_environment_file() -> None:
    """ECS reads NAME=value per line; the order does not depend on the caller's."""
    seen: list[str] = []

    def program() -> None:
        values = {
            "REDIS_HOST": pulumi.Output.from_input("cache"),
            "DATABASE_HOST": pulumi.Output.from_input("db"),
        }
        env_file(values).apply(seen.append)

    component(program)

    assert seen == ["DATABASE_HOST=db\nREDIS_HOST=cache\n"]


def test_logins_come_from_the_plans_configuration(desk: Recorded) -> None:
    """The process signs in with the names of its file, so the resources carry those and no others."""
    redis = {"aws_iam_cache_name": "stores", "aws_iam_user_name": "signs-in"}
    made = logins(gateway(config={"general_settings": {"coordination_redis": redis}}))
    planned_ones = logins(gateway())

    assert (made.cache, made.cache_user) == ("stores", "signs-in")
    assert desk.one("aws:elasticache/user:User").props["userId"] == planned_ones.cache_user
    assert desk.one("aws:rds/instance:Instance").props["dbName"] == planned_ones.database_name
    with pytest.raises(KeyError):
        logins(gateway(config={"general_settings": {}}))
