"""The embedded engine: what it keeps of a program, and that it behaves like a first preview.

Not here: agreement with the real engine (tests/engine).
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import threading
from collections.abc import Callable
from typing import Any

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as k8s
import pytest
from pulumi.runtime import resource as runtime_resource
from pulumi.runtime import rpc, settings

from inferplan.resource import Resource, Unknown
from stacks import record as recorder
from stacks.record import RecordError, record

# The AWS SDK warns about its own modules when one of its packages is first imported.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:pulumi_aws")

STACK = "desk.foundation"
PREFIX = f"urn:pulumi:{STACK}::inferplan::"


class Component(pulumi.ComponentResource):
    """A component with the given inputs."""

    def __init__(self, kind: str, name: str, inputs: Any = None, **options: Any) -> None:
        super().__init__(f"tests:index:{kind}", name, inputs, pulumi.ResourceOptions(**options))


def run(build: Callable[[], Any]) -> dict[str, Resource]:
    """Recorded resources by name."""
    return {resource.name: resource for resource in record(build, stack=STACK)}


def network() -> None:
    """A root with an AWS provider, a component below it, and resources that refer to each other."""
    root = Component("Root", "root", {"snake_case": 1, "nested": {"keepCase": 2.5}})
    provider = aws.Provider(
        "aws",
        region="eu-central-1",
        allowed_account_ids=["111122223333"],
        default_tags=aws.ProviderDefaultTagsArgs(tags={"owner": "desk"}),
        opts=pulumi.ResourceOptions(parent=root),
    )
    net = Component("Net", "net", parent=root, providers=[provider])
    child = pulumi.ResourceOptions(parent=net)
    vpc = aws.ec2.Vpc("vpc", cidr_block="10.0.0.0/16", opts=child)
    aws.ec2.Subnet("subnet", vpc_id=vpc.id, cidr_block=vpc.cidr_block, region="eu-west-1", opts=child)
    aws.eks.NodeGroup(
        "nodes",
        cluster_name="desk",
        node_role_arn="role",
        subnet_ids=["plain", vpc.default_security_group_id],
        scaling_config={"desired_size": 0, "min_size": 0, "max_size": 4.0},
        opts=child,
    )


def test_urns_chain_the_types_of_all_parents() -> None:
    """A URN names the types of all components above, without the stack itself."""
    found = run(network)

    assert found["vpc"].urn == f"{PREFIX}tests:index:Root$tests:index:Net$aws:ec2/vpc:Vpc::vpc"
    assert found["vpc"].parent == found["net"].urn == f"{PREFIX}tests:index:Root$tests:index:Net::net"
    assert found["root"].parent == f"{PREFIX}pulumi:pulumi:Stack::inferplan-{STACK}"


def test_inputs_are_plain_json_with_the_provider_s_names() -> None:
    """Whole numbers are integers, provider names are camelCase, component names keep their case."""
    found = run(network)

    assert found["root"].props == {"snake_case": 1, "nested": {"keepCase": 2.5}}
    assert found["root"].custom is False
    assert found["nodes"].props["scalingConfig"] == {"desiredSize": 0, "minSize": 0, "maxSize": 4}
    assert isinstance(found["nodes"].props["scalingConfig"]["maxSize"], int)
    assert found["nodes"].type == "aws:eks/nodeGroup:NodeGroup"
    assert found["nodes"].package == "aws"


def test_provider_configuration_is_decoded_and_inherited() -> None:
    """A resource carries the configuration of the provider it inherits; its own Region stays a property."""
    found = run(network)
    provider = found["subnet"].provider

    assert provider is not None
    assert provider.urn == found["aws"].urn
    assert provider.package == "aws"
    assert provider.config["region"] == "eu-central-1"
    assert provider.config["allowedAccountIds"] == ["111122223333"]
    assert provider.config["defaultTags"] == {"tags": {"owner": "desk"}}
    assert provider.config["skipRegionValidation"] is True
    assert found["aws"].props == provider.config
    assert found["subnet"].props["region"] == "eu-west-1"


def test_unknown_inputs_name_the_resources_they_come_from() -> None:
    """Computed outputs are unknown and symbolic; inputs of AWS resources are known outputs."""
    found = run(network)
    vpc = found["vpc"].urn

    assert found["subnet"].props["vpcId"] == Unknown((vpc,))
    assert found["subnet"].props["cidrBlock"] == "10.0.0.0/16"
    assert found["subnet"].property_dependencies == {"vpcId": (vpc,), "cidrBlock": (vpc,)}
    assert found["subnet"].dependencies == (vpc,)
    assert found["nodes"].props["subnetIds"] == ["plain", Unknown((vpc,))]


def test_a_resource_without_explicit_provider_has_an_unconfigured_one() -> None:
    """The default provider is visible, so that a rule can refuse it; components have none."""
    found = run(lambda: (aws.s3.Bucket("bucket"), Component("Root", "root")))

    provider = found["bucket"].provider
    assert provider is not None
    assert (provider.package, provider.config) == ("aws", {})
    assert found["root"].provider is None


def test_kubernetes_outputs_are_unknown() -> None:
    """No API server has answered, so even what was said in the inputs is no known output."""

    def build() -> None:
        api = k8s.Provider("api", kubeconfig="plain", cluster_identifier="desk")
        options = pulumi.ResourceOptions(provider=api)
        namespace = k8s.core.v1.Namespace("namespace", metadata={"name": "desk"}, opts=options)
        k8s.core.v1.ConfigMap("settings", metadata={"namespace": namespace.metadata.name}, opts=options)

    found = run(build)

    assert found["namespace"].props == {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "desk"}}
    assert found["settings"].props["metadata"] == {"namespace": Unknown((found["namespace"].urn,))}


def test_a_provider_with_unknown_configuration_gives_no_outputs() -> None:
    """As the engine does, which does not even ask such a provider."""

    def build() -> None:
        role = aws.iam.Role("role", assume_role_policy="{}")
        other = aws.Provider("other", region="eu-central-1", profile=role.arn)
        bucket = aws.s3.Bucket("bucket", bucket="plain", opts=pulumi.ResourceOptions(provider=other))
        aws.s3.BucketPolicy("policy", bucket=bucket.bucket, policy="{}")

    found = run(build)

    assert found["other"].props["profile"] == Unknown((found["role"].urn,))
    assert found["policy"].props["bucket"] == Unknown((found["bucket"].urn,))


def test_stack_references_are_unknown() -> None:
    """Outputs of another stack are unknown and lead back to the reference, which is no resource of ours."""

    def build() -> None:
        foundation = pulumi.StackReference("foundation", stack_name="organization/inferplan/desk.foundation")
        aws.s3.Bucket(
            "bucket", bucket=foundation.get_output("name"), tags={"a": foundation.require_output("b")}
        )

    found = run(build)
    reference = Unknown((f"{PREFIX}pulumi:pulumi:StackReference::foundation",))

    assert set(found) == {"bucket"}
    assert found["bucket"].props["bucket"] == reference
    assert found["bucket"].props["tags"] == {"a": reference}


def test_outputs_that_are_given_are_known() -> None:
    """What the other stack is said to have is a plain value; a resource that is read stays unknown."""

    def build() -> None:
        foundation = pulumi.StackReference("foundation", stack_name="organization/inferplan/desk.foundation")
        read = aws.s3.Bucket.get("theirs", "theirs")
        aws.s3.Bucket(
            "bucket",
            bucket=foundation.require_output("name"),
            tags={"a": foundation.require_output("more")["inner"], "b": read.arn},
        )

    found = {
        resource.name: resource
        for resource in record(build, stack="x.workload", referenced={"name": "n", "more": {"inner": "i"}})
    }

    assert set(found) == {"bucket"}
    assert found["bucket"].props["bucket"] == "n"
    assert found["bucket"].props["tags"]["a"] == "i"
    assert isinstance(found["bucket"].props["tags"]["b"], Unknown)


def test_secrets_keep_their_value_and_are_named() -> None:
    """`secret_paths` tells where secrets are, also where their value is unknown."""

    def build() -> None:
        role = aws.iam.Role("role", assume_role_policy=pulumi.Output.secret("{}"))
        aws.ssm.Parameter("parameter", type="String", value=pulumi.Output.secret(role.arn))
        aws.s3.Bucket("bucket", tags={"a": pulumi.Output.secret("b"), "c": "d"})

    found = run(build)

    assert found["role"].secret_paths == frozenset({"assumeRolePolicy"})
    assert found["role"].props["assumeRolePolicy"] == "{}"
    assert found["parameter"].secret_paths == frozenset({"value"})
    assert found["parameter"].props["value"] == Unknown((found["role"].urn,))
    assert found["bucket"].secret_paths == frozenset({"tags.a"})


def test_assets_are_plain_objects() -> None:
    """An asset shows what it holds, an archive what is in it."""

    def build() -> None:
        content = pulumi.AssetArchive({"a.txt": pulumi.StringAsset("text")})
        aws.s3.BucketObject("text", bucket="b", source=pulumi.StringAsset("hello"))
        aws.lambda_.Function("function", role="r", code=content)

    found = run(build)

    assert found["text"].props["source"] == {"text": "hello"}
    assert found["function"].props["code"] == {"assets": {"a.txt": {"text": "text"}}}


@pytest.mark.parametrize(
    ("build", "error", "message"),
    [
        (lambda: (Component("A", "one"), Component("A", "one")), RecordError, "two resources have the URN"),
        (aws.get_caller_identity, RecordError, "aws:index/getCallerIdentity:getCallerIdentity"),
        (lambda: aws.s3.Bucket("b", bucket=aws.get_region_output().name), RecordError, "asks the cloud"),
        (lambda: 1 / 0, ZeroDivisionError, "division by zero"),
        (lambda: pulumi.export("a", pulumi.Output.from_input(1).apply(lambda _: {}["k"])), KeyError, "k"),
        (lambda: aws.s3.Bucket("b", bucket=pulumi.Output.from_input(0).apply(lambda n: 1 / n)),
         ZeroDivisionError, "division by zero"),
        (lambda: aws.s3.Bucket("b", bucket=asyncio.get_running_loop().create_future()), RecordError, "waits"),
    ],
    ids=["duplicate", "invoke", "invoke-output", "program", "apply", "input", "deadlock"],
)  # fmt: skip
def test_errors_come_out_as_they_are(build: Callable[[], Any], error: type[Exception], message: str) -> None:
    """The program's own exception, or one that says what cannot be answered; the next run is clean."""
    with pytest.raises(error, match=message):
        record(build, stack=STACK)

    assert set(run(lambda: Component("A", "one"))) == {"one"}


def test_runs_leave_nothing_behind() -> None:
    """No thread, no Pulumi state, no event loop, no disabled collector, no replaced SDK function."""
    kept = rpc.transfer_properties, runtime_resource._get_stack_trace
    threads = threading.active_count()

    first, second = record(network, stack=STACK), record(network, stack=STACK)

    assert first == second
    assert threading.active_count() == threads
    assert settings.get_root_resource() is None
    assert not settings.SETTINGS.outputs
    assert gc.isenabled()
    assert (rpc.transfer_properties, runtime_resource._get_stack_trace) == kept
    with pytest.raises(RuntimeError):
        asyncio.get_running_loop()


def test_lean_sdk_changes_nothing_that_is_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same resources with the SDK's own functions."""
    lean = record(network, stack=STACK)
    monkeypatch.setattr(recorder, "lean_sdk", contextlib.nullcontext)

    assert record(network, stack=STACK) == lean


def test_coroutines_and_exports_are_awaited() -> None:
    """A program may be a coroutine; what it exports is computed before the run ends."""
    seen: list[int] = []

    async def build() -> None:
        await asyncio.sleep(0)
        pulumi.export("a", pulumi.Output.from_input(1).apply(seen.append))

    record(build, stack=STACK)

    assert seen == [1]


def test_warnings_of_the_program_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    """`pulumi.warn` reaches the log, `pulumi.info` and debug lines do not."""
    with caplog.at_level(logging.INFO):
        record(lambda: (pulumi.warn("beware"), pulumi.info("by the way")), stack=STACK)

    assert caplog.messages == ["beware"]


def test_the_program_sees_stack_and_project() -> None:
    """Names are those given, and a run is a preview."""
    seen: list[object] = []

    record(
        lambda: seen.extend((pulumi.get_stack(), pulumi.get_project(), pulumi.runtime.is_dry_run())),
        project="other",
        stack=STACK,
    )

    assert seen == [STACK, "other", True]
