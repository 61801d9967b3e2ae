"""Area of concern: the workload layer reaches the API server from inside the VPC, by a tunnel, or by others.

Not here: manifests (test_render), and what a real engine does with the build's commands (tests/engine).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Any

import pulumi
import pytest
import yaml
from msgspec import structs

from components.runner_build import BUILDSPEC, ENVIRONMENT
from inferplan.plan.images import UPSTREAM
from inferplan.plan.make import make_plan
from inferplan.records.plan import Plan
from inferplan.report.manifests import manifests, values_files
from inferplan.spec.declaration import Declaration
from policies.gates import gates
from stacks import build
from stacks import record as recorder
from stacks.record import record, record_plan
from stacks.shared import kubeconfig, use_cluster
from tests.unit.plan_edits import AS_OF, ROOT, declared, planned, recorded, spec_of, with_spec
from tests.unit.recorded import Recorded

CLINIC = "de-clinic-notes"
BUCKET = "clinic-pulumi-state"
ENDPOINT = "https://0123456789ABCDEF.gr7.eu-central-1.eks.amazonaws.com"
PROJECT, GROUP = "aws:codebuild/project:Project", "aws:ec2/securityGroup:SecurityGroup"


def with_account(declaration: Declaration, **fields: Any) -> Declaration:
    """The spec's account as the organization might have registered it."""
    organization, number = declaration.organization, spec_of(declaration).target.account or ""
    accounts = organization.accounts | {number: structs.replace(organization.accounts[number], **fields)}
    return replace(declaration, organization=structs.replace(organization, accounts=accounts))


def plan_and_stack(declaration: Declaration) -> tuple[Plan, Recorded]:
    plan = make_plan(declaration, AS_OF, gates)
    return plan, Recorded(record_plan(plan, declaration))


@pytest.fixture
def clinic() -> Recorded:
    """A stack with the default way."""
    return Recorded(recorded(CLINIC))


def builder(stack: Recorded) -> Any:
    """The runner's project, not the mirror's."""
    (found,) = [one for one in stack.of(PROJECT) if one.name.endswith("-runner-build-project")]
    return found


def statements(stack: Recorded) -> dict[str, dict[str, Any]]:
    """What the runner's role may do, by Sid."""
    document = json.loads(stack.named("-runner-build-role-policy").props["policy"])
    return {one["Sid"]: one for one in document["Statement"]}


# -- the runner inside the VPC
def test_aws_10_note_2_the_runner_stands_where_the_control_plane_admits_it(clinic: Recorded) -> None:
    """In the system subnets with the group from which port 443 of the control plane is open."""
    origins = [clinic.by_urn[urn] for urn in builder(clinic).property_dependencies["vpcConfig"]]
    subnets = [one for one in origins if one.type == "aws:ec2/subnet:Subnet"]
    (group,) = [one for one in origins if one.type == GROUP]

    assert {one.props["tags"]["inferplan:tier"] for one in subnets} == {"system"}
    assert len(subnets) == len(builder(clinic).props["vpcConfig"]["subnets"]) == 2
    assert group == clinic.named("-runner-group")
    opened = clinic.named("-runner-api-in")
    assert clinic.by_urn[opened.property_dependencies["securityGroupId"][0]].name.endswith("-control-plane")
    assert clinic.by_urn[opened.property_dependencies["referencedSecurityGroupId"][0]].urn == group.urn
    assert opened.props["fromPort"] == opened.props["toPort"] == 443


def test_aws_10_note_2_the_cluster_admits_the_runner(clinic: Recorded) -> None:
    """Its role is an administrator, because the workload has cluster roles; nobody else is new."""
    role = clinic.named("-runner-build-role-role")
    arn = f"arn:aws:iam::111111111111:role/{role.props['name']}"
    entry = clinic.named("-runner-build-access")
    policy = clinic.named("-runner-build-access-policy")

    assert entry.props["principalArn"] == policy.props["principalArn"] == arn
    assert role.urn in entry.dependencies
    assert entry.urn in policy.dependencies
    trust = json.loads(role.props["assumeRolePolicy"])["Statement"]
    assert [one["Principal"] for one in trust] == [{"Service": "codebuild.amazonaws.com"}]
    assert trust[0]["Condition"] == {"StringEquals": {"aws:SourceAccount": "111111111111"}}


def test_aws_10_the_state_is_reached_by_bucket_policy_name_and_key(clinic: Recorded) -> None:
    """Role, endpoint policy and DNS agree about the bucket; both keys are named by what they are for."""
    may = statements(clinic)
    assert may["FindState"]["Resource"] == f"arn:aws:s3:::{BUCKET}"
    assert may["StateKey"]["Condition"] == {
        "ForAnyValue:StringEquals": {"kms:ResourceAliases": "alias/pulumi-state"}
    }
    assert may["BucketKey"]["Condition"]["StringEquals"] == {
        "kms:ViaService": "s3.eu-central-1.amazonaws.com"
    }
    endpoint = json.loads(clinic.named("-endpoints-s3-gateway").props["policy"])["Statement"]
    (state,) = [one for one in endpoint if one["Sid"] == "PulumiState"]
    role = f"arn:aws:iam::111111111111:role/{clinic.named('-runner-build-role-role').props['name']}"
    assert state["Condition"]["ArnEquals"]["aws:PrincipalArn"] == [planned(CLINIC).deploy_role, role]
    wanted = {
        action
        for sid in ("FindState", "ReadSourceAndFoundation", "KeepOwnState")
        for action in actions(may[sid])
    }
    assert wanted <= set(state["Action"])


def actions(statement: dict[str, Any]) -> list[str]:
    said = statement["Action"]
    return [said] if isinstance(said, str) else said


def resources(statement: dict[str, Any]) -> list[str]:
    said = statement["Resource"]
    return [said] if isinstance(said, str) else said


STATE_OBJECTS = {  # of two stacks of the project, as Pulumi's backends in buckets lay them out
    ".pulumi/stacks/inferplan/de-clinic-notes.workload.json": "write",
    ".pulumi/stacks/inferplan/de-clinic-notes.workload.json.bak": "write",
    ".pulumi/history/inferplan/de-clinic-notes.workload/de-clinic-notes.workload-1.history.json": "write",
    ".pulumi/backups/inferplan/de-clinic-notes.workload/de-clinic-notes.workload.1.json": "write",
    ".pulumi/locks/organization/inferplan/de-clinic-notes.workload/0.json": "write",
    ".pulumi/meta.yaml": "read",
    ".pulumi/stacks/inferplan/de-clinic-notes.foundation.json": "read",
    "inferplan/de-clinic-notes/source.zip": "read",
    ".pulumi/stacks/inferplan/other.workload.json": "none",
    ".pulumi/stacks/other/de-clinic-notes.workload.json": "none",
    ".pulumi/history/inferplan/de-clinic-notes.foundation/x.json": "none",
    "inferplan/other/source.zip": "none",
}


@pytest.mark.parametrize(("key", "wanted"), STATE_OBJECTS.items())
def test_the_runner_writes_its_own_layer_only(clinic: Recorded, key: str, wanted: str) -> None:
    """It reads source and foundation, keeps the workload's state, and sees nothing of other stacks."""

    def may(action: str) -> bool:
        return any(
            action in actions(one)
            and any(fnmatchcase(f"arn:aws:s3:::{BUCKET}/{key}", item) for item in resources(one))
            for one in statements(clinic).values()
        )

    assert may("s3:GetObject") is (wanted != "none")
    assert may("s3:PutObject") is may("s3:DeleteObject") is (wanted == "write")


def test_the_runner_may_nothing_else(clinic: Recorded) -> None:
    """Image, log and network interface; no action on everything but those that know no resource."""
    may = statements(clinic)
    assert {sid for sid, one in may.items() if one["Resource"] == "*"} == {"SignIn", "SeeNetwork"}
    assert not any("*" in action for one in may.values() for action in actions(one))
    services = {action.partition(":")[0] for one in may.values() for action in actions(one)}
    assert services == {"ec2", "ecr", "kms", "logs", "s3"}
    assert may["PullOwnImage"]["Resource"].endswith(":repository/inferplan/de-clinic-notes/runner")
    assert may["StandInOwnNetwork"]["Condition"] == {
        "StringEquals": {"aws:ResourceTag/inferplan:stack": CLINIC}
    }
    assert not [
        one for one in clinic.of("aws:iam/rolePolicyAttachment:RolePolicyAttachment") if "runner" in one.name
    ]


def test_note_3_the_image_comes_from_the_own_registry_by_digest(clinic: Recorded) -> None:
    """With the role's own rights: CodeBuild pulls it over its own network, never through the VPC."""
    environment = builder(clinic).props["environment"]
    digest = planned(CLINIC).cluster.runner.image.digest  # type: ignore[union-attr]
    registry = "111111111111.dkr.ecr.eu-central-1.amazonaws.com"

    assert environment["image"] == f"{registry}/inferplan/{CLINIC}/runner@{digest}"
    assert environment["imagePullCredentialsType"] == "SERVICE_ROLE"
    assert environment["privilegedMode"] is False
    assert "runner" in {image.name for image in planned(CLINIC).pulled_images}
    assert clinic.named("-registry-runner").props["name"] == f"inferplan/{CLINIC}/runner"


def test_a_build_changes_nothing_unless_told(clinic: Recorded) -> None:
    """It previews; one build at a time, with the time that the slowest server may take."""
    said = builder(clinic).props
    runner = planned(CLINIC).cluster.runner  # type: ignore[union-attr]
    told = {one["name"]: one["value"] for one in said["environment"]["environmentVariables"]}

    assert told == {
        "INFERPLAN_DO": "preview",
        "INFERPLAN_SECRETS": "awskms://alias/pulumi-state?region=eu-central-1",
        "INFERPLAN_SPEC": f"specs/{CLINIC}.yaml",
        "INFERPLAN_STACK": f"{CLINIC}.workload",
        "INFERPLAN_STATE": f"s3://{BUCKET}?region=eu-central-1",
    }
    assert said["source"]["location"] == f"{BUCKET}/inferplan/{CLINIC}/source.zip"
    assert said["concurrentBuildLimit"] == 1
    assert runner is not None
    assert said["buildTimeout"] == runner.timeout_minutes
    longest = max(int(server.startup.pulumi_timeout[:-1]) for server in planned(CLINIC).servers)
    assert longest < runner.timeout_minutes <= 2160


def test_the_buildspec_is_whole(clinic: Recorded) -> None:
    """YAML whose commands name only variables that the project sets, and update with both packs."""
    said = yaml.safe_load(BUILDSPEC)
    told = {one["name"] for one in builder(clinic).props["environment"]["environmentVariables"]}
    commands = said["phases"]["build"]["commands"]
    text = "\n".join(commands)

    assert set(re.findall(r"\$(INFERPLAN_\w+)", text)) == told
    assert f"ln -sfn {ENVIRONMENT} .venv" in commands
    assert "--policy-pack policies/sovereignty --policy-pack policies/governance" in text
    assert "--skip-preview" not in text


def test_a_runner_without_a_key_of_the_state_is_not_planned() -> None:
    """It could not decrypt what the foundation says, so the plan says why there is none."""
    plan, stack = plan_and_stack(with_account(declared(CLINIC), state_key=None))

    assert plan.cluster is not None
    assert plan.cluster.runner is None
    assert any("registers no state_key" in text for text in plan.warnings)
    assert not [one for one in stack.of(PROJECT) if "runner" in one.name]
    assert stack.named("-runner-group")  # for a machine of one's own


@pytest.mark.parametrize("way", ["tunnel", "gitops"])
def test_other_ways_have_no_runner(way: str) -> None:
    """Neither project nor role nor image nor cost."""
    plan, stack = plan_and_stack(with_spec(declared(CLINIC), cluster={"deploy_from": way}))

    assert plan.cluster is not None
    assert plan.cluster.runner is None
    assert not [one for one in stack.resources if "-runner" in one.name]
    assert "runner" not in {image.name for image in plan.images}
    assert not [line for line in plan.cost.lines if "runner" in line.name]


def test_the_publishers_image_is_told() -> None:
    """It has no plugins, so a lock without an own image gets a warning that names the page."""
    declaration = declared(CLINIC)
    assert declaration.lock is not None
    images = {name: image for name, image in declaration.lock.images.items() if name != "runner"}
    bare = replace(declaration, lock=structs.replace(declaration.lock, images=images))
    plan = make_plan(bare, AS_OF, gates)

    assert any(
        text.startswith("images.runner: docker.io/pulumi/pulumi has neither") for text in plan.warnings
    )
    assert not any(text.startswith("images.runner") for text in planned(CLINIC).warnings)


def test_the_plan_knows_what_the_runner_costs_and_where_state_flows() -> None:
    """A line by the minute, and a flow that stays in the Region."""
    plan = planned(CLINIC)
    (line,) = [one for one in plan.cost.lines if one.name == "deployments by the runner"]
    (flow,) = [one for one in plan.flows if one.source == "runner"]

    assert plan.cluster is not None
    assert plan.cluster.runner is not None
    assert line.quantity == 8 * plan.cluster.runner.minutes
    assert line.expected_usd
    assert line.low_usd == 0
    assert (flow.destination, flow.data, flow.country) == (BUCKET, "state", "DE")
    assert {"cluster.runner.minutes", "cluster.runner.timeout_minutes"} <= plan.derivations.keys()


def test_note_2_the_vpc_has_what_the_ways_need() -> None:
    """kms for the runner's state, Session Manager for the tunnel, neither for GitOps."""
    wanted = {"vpc-runner": {"kms"}, "tunnel": {"ssm", "ssmmessages"}, "gitops": set()}
    special = {"kms", "ssm", "ssmmessages"}
    for way, services in wanted.items():
        plan = make_plan(with_spec(declared(CLINIC), cluster={"deploy_from": way}), AS_OF, gates)
        found = {endpoint.service for endpoint in plan.network.endpoints}

        assert found & special == services
        assert {"sts", "eks", "logs", "s3"} <= found
        for service in services:
            assert f"{service}.eu-central-1.amazonaws.com" in plan.network.dns_allow


# -- the tunnel
def cluster_of(text: Any) -> dict[str, Any]:
    (one,) = (text if isinstance(text, dict) else json.loads(text))["clusters"]
    found: dict[str, Any] = one["cluster"]
    return found


def test_note_2_a_tunnel_still_checks_the_api_servers_name() -> None:
    """The server is this machine, and the certificate has to be of the endpoint that was deployed."""
    plan = planned(CLINIC)

    assert cluster_of(kubeconfig(plan, ENDPOINT, "Y2E=")) == {
        "server": ENDPOINT,
        "certificate-authority-data": "Y2E=",
    }
    assert cluster_of(kubeconfig(plan, ENDPOINT, "Y2E=", 8443)) == {
        "server": "https://localhost:8443",
        "certificate-authority-data": "Y2E=",
        "tls-server-name": ENDPOINT.removeprefix("https://"),
    }


def provider(monkeypatch: pytest.MonkeyPatch, port: str | None, way: str = "tunnel") -> Any:
    """The Kubernetes provider of the workload, with the foundation's outputs known."""
    declaration = with_spec(declared(CLINIC), cluster={"deploy_from": way})
    plan = make_plan(declaration, AS_OF, gates)
    monkeypatch.setattr(pulumi.Config, "get", lambda _self, key: port if key == "tunnel-port" else None)
    known = {
        "clusterEndpoint": ENDPOINT,
        "clusterCertificateAuthority": "Y2E=",
        "gatewayAddresses": {"DATABASE_HOST": "db", "REDIS_HOST": "cache"},
        "gatewayBootstrapAddresses": {"DATABASE_HOST": "db", "DATABASE_MASTER_SECRET_ARN": "arn"},
    }
    found = record(lambda: build(plan, "workload", declaration), stack="x.workload", referenced=known)
    (one,) = [resource for resource in found if resource.type == "pulumi:providers:kubernetes"]
    return one


def test_note_38_another_port_replaces_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The cluster is named by its ARN, so that a changed kubeconfig is the same cluster to the provider."""
    seen = [provider(monkeypatch, port) for port in (None, "8443", "9443")]

    servers = [cluster_of(one.props["kubeconfig"])["server"] for one in seen]
    assert servers == [ENDPOINT, "https://localhost:8443", "https://localhost:9443"]
    assert {one.props["clusterIdentifier"] for one in seen} == {
        "arn:aws:eks:eu-central-1:111111111111:cluster/de-clinic-notes"
    }


@pytest.mark.parametrize("port", ["", "0", "65536", "-1", "8443x", "eight"])
def test_a_port_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch, port: str) -> None:
    """With the setting's name."""
    with pytest.raises(pulumi.RunError, match="inferplan:tunnel-port"):
        provider(monkeypatch, port)


def test_a_port_without_a_tunnel_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stack that is deployed from inside needs none, and a forgotten setting is told."""
    with pytest.raises(pulumi.RunError, match="says vpc-runner"):
        provider(monkeypatch, "8443", "vpc-runner")


# -- what Pulumi's own pitfalls ask for
@pytest.mark.parametrize("name", [CLINIC, "in-bank-assistant", "minimal"])
def test_pitfall_3_4_every_resource_is_in_the_providers_region(name: str) -> None:
    """No resource overrides the Region of its provider, and the provider always says it."""
    for one in of_package(name, "aws"):
        assert one.provider is not None
        assert one.provider.config["region"] == planned(name).target.region
        assert one.props.get("region") in (None, planned(name).target.region)


@pytest.mark.parametrize("name", [CLINIC, "in-bank-assistant", "minimal"])
def test_pitfall_3_5_nothing_lands_in_another_cluster(name: str) -> None:
    """Every object has the explicit provider of the plan's cluster, named by its ARN."""
    for one in of_package(name, "kubernetes"):
        assert one.provider is not None
        assert not one.provider.urn.endswith("::default")
        assert one.provider.config["clusterIdentifier"].endswith(f":cluster/{planned(name).cluster.name}")  # type: ignore[union-attr]


@pytest.mark.parametrize("name", [CLINIC, "in-bank-assistant", "minimal"])
def test_pitfall_3_6_pitfall_3_7_a_preview_meets_no_cluster(name: str) -> None:
    """No chart, no remote file and no read of the cluster: plain objects, in a stack of their own.

    The recorder refuses whatever would ask the cloud (pitfall_3_6); the API server is up before the second
    stack begins (pitfall_3_7).
    """
    types = {one.type for one in of_package(name, "kubernetes")}
    assert not [one for one in types if "helm" in one or "yaml" in one or "kustomize" in one]
    layers = {one.urn.split("::")[0] for one in of_package(name, "kubernetes")}
    clusters = {one.urn.split("::")[0] for one in recorded(name) if one.type == "aws:eks/cluster:Cluster"}
    assert layers == {f"urn:pulumi:{name}.workload"}
    assert clusters == {f"urn:pulumi:{name}.foundation"}


@pytest.mark.parametrize("name", [CLINIC, "in-bank-assistant", "minimal"])
def test_pitfall_3_8_the_cluster_outlives_its_objects(name: str) -> None:
    """Objects and cluster are in two stacks, of which the page destroys the workload first."""
    text = (ROOT / "docs/how-to/deploy-with-pulumi.md").read_text("utf-8")
    workload, foundation = (
        text.index(f"pulumi destroy --stack in-bank-assistant.{layer}")
        for layer in ("workload", "foundation")
    )
    assert workload < foundation
    assert not [one for one in recorded(name) if one.package == "kubernetes" and ".foundation::" in one.urn]


def of_package(name: str, package: str) -> Iterator[Any]:
    found = [one for one in recorded(name) if one.package == package and one.custom]
    assert found
    return iter(found)


def test_pitfall_3_9_a_server_is_waited_for_as_long_as_it_may_take() -> None:
    """Ten minutes are replaced by the predicted start, and the Service comes after the Deployment."""
    declaration, plan = declared(CLINIC), planned(CLINIC)
    seen: dict[str, Any] = {}
    real = recorder._Monitor._keep

    def spy(self: Any, urn: str, request: Any) -> Any:
        seen[request.name] = request.customTimeouts
        return real(self, urn, request)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recorder._Monitor, "_keep", spy)
        found = Recorded(recorder.record_layer(plan, declaration, "workload"))

    (server,) = plan.servers
    deployment = found.named("-llm-qwen-deployment")
    assert seen[deployment.name].create == seen[deployment.name].update == server.startup.pulumi_timeout
    assert deployment.urn in found.named("-llm-qwen-service").dependencies


def test_the_provider_is_only_made_for_a_cluster() -> None:
    """A plan without one has nothing to reach."""
    plan = structs.replace(planned(CLINIC), cluster=None)
    with pytest.raises(ValueError, match="needs a cluster"):
        use_cluster(None, plan, None)  # type: ignore[arg-type]


# -- the pages say what the plan says
def test_the_page_of_the_runner_names_what_is_planned() -> None:
    """Project, archive, log group, key and versions on the page are those of the plan and of the pins."""
    page = (ROOT / "docs/how-to/deploy-from-inside-the-vpc.md").read_text("utf-8")
    cluster = planned(CLINIC).cluster
    assert cluster is not None
    assert cluster.runner is not None
    pins = (ROOT / "requirements.txt").read_text("utf-8")
    versions = {
        name: re.search(rf"^{name}==(\S+)", pins, re.M)[1]  # type: ignore[index]
        for name in ("pulumi-aws", "pulumi-kubernetes")
    }

    assert f"--project-name {cluster.runner.project}" in page
    assert f"s3://{BUCKET}/{cluster.runner.source_key}" in page
    assert f"aws logs tail /inferplan/{CLINIC}/runner" in page
    assert f"--secrets-provider '{cluster.runner.secrets_provider}'" in page
    assert f"pulumi login '{cluster.runner.state_url}'" in page
    assert f"FROM {UPSTREAM['runner'][0]}:{UPSTREAM['runner'][1]}" in page
    for name, version in versions.items():
        assert f"plugin install resource {name.removeprefix('pulumi-')} {version}" in page
    assert f"arn:aws:eks:eu-central-1:111111111111:cluster/{cluster.name}" in page


def test_the_page_of_gitops_asks_for_the_values_that_are_missing() -> None:
    """The files and keys that it names are those that the kustomization of its example wants."""
    page = (ROOT / "docs/how-to/deploy-with-gitops.md").read_text("utf-8")
    wanted = values_files(manifests(recorded("in-bank-assistant")))

    assert set(wanted) == {"gateway-addresses.env", "gateway-bootstrap.env"}
    for name, one in wanted.items():
        assert name in page
        assert all(key in page for key in one.missing)
    blocks = [
        yaml.safe_load(text) for text in re.findall(r"^```yaml\n(apiVersion.+?)^```$", page, re.M | re.S)
    ]
    assert [block["kind"] for block in blocks] == ["Application", "Kustomization"]
