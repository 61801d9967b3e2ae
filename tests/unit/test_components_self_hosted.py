"""The self-hosted stack as resources: what is declared, in which order, and what must never be there."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from typing import Any

import msgspec
import pulumi
import pytest

from components.endpoints import endpoint_policy
from components.keys import key_policy
from components.names import Names
from inferplan.records import plan as model
from inferplan.records.errors import NotBuilt
from inferplan.resource import Resource, walk_unknowns
from stacks import build, plan_digest
from stacks.program import run
from stacks.record import record

# pulumi-aws warns about types of its own when a package is first imported.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:pulumi_aws.*")

ZONES = ("euc1-az1", "euc1-az2")
REGION = "eu-central-1"
ACCOUNT = "111111111111"
SUFFIX = ".".join(("amazonaws", "com"))
DIGEST = "sha256:" + "a" * 64
REVISION = "b" * 40


class Canonical:
    """Stands in for the declaration: the stacks only take its canonical text."""

    def to_json(self) -> str:
        return '{"lock":null,"spec":{}}'


def image(name: str) -> model.Image:
    return model.Image(
        name=name, upstream=f"x/{name}", repository=f"inferplan/{name}", tag="v1", digest=DIGEST
    )


def range_usd() -> model.Range:
    return model.Range(low=1, expected=2, high=3)


def server(**changes: Any) -> model.Server:
    made = model.Server(
        name="qwen",
        backend="qwen",
        routes=("clinical-notes",),
        model="Qwen/Qwen3-32B-FP8",
        served_name="qwen",
        weights_source="hf://Qwen/Qwen3-32B-FP8",
        weights_key=f"models/Qwen/Qwen3-32B-FP8/{REVISION}",
        revision=REVISION,
        quantization="fp8",
        api="chat",
        image=image("vllm"),
        pool="g6e-12xlarge",
        tensor_parallel=4,
        pipeline_parallel=1,
        replicas=2,
        min_replicas=2,
        max_replicas=3,
        max_model_len=16384,
        max_num_seqs=32,
        max_num_batched_tokens=8192,
        gpu_memory_utilization=0.9,
        flags=("--served-model-name", "qwen", "--load-format", "safetensors"),
        env={"HF_HUB_OFFLINE": "1", "VLLM_NO_USAGE_STATS": "1"},
        gpus_per_pod=4,
        cpu_per_pod=40,
        memory_gib_per_pod=300,
        shm_gib=16,
        ephemeral_gib=60,
        port=8000,
        memory=model.Memory(
            total_gib=44.4,
            requested_gib=40,
            weights_gib=8,
            activation_gib=2,
            non_torch_gib=1,
            cuda_graphs_gib=1,
            kv_cache_gib=28,
            kv_cache_tokens=400000,
            max_concurrency=24,
            margin_gib=26,
            fits=True,
        ),
        throughput=None,
        startup=model.Startup(
            seconds_low=200,
            seconds_expected=400,
            seconds_high=900,
            probe_period_seconds=10,
            probe_failure_threshold=90,
            progress_deadline_seconds=1200,
            pulumi_timeout="25m",
        ),
    )
    return msgspec.structs.replace(made, **changes)


def pool(**changes: Any) -> model.Pool:
    made = model.Pool(
        name="g6e-12xlarge",
        instance_type="g6e.12xlarge",
        gpu="L40S",
        gpus=4,
        nodes=2,
        max_nodes=3,
        zones=ZONES,
        capacity="on-demand",
        capacity_id=None,
        ami_type="BOTTLEROCKET_x86_64_NVIDIA",
        ami_has_device_plugin=True,
        architecture="x86_64",
        root_volume_gib=8,
        data_volume_gib=120,
        quota_code="L-DB2E81BA",
        quota_vcpus=96,
    )
    return msgspec.structs.replace(made, **changes)


def network() -> model.Network:
    tiers: tuple[Any, ...] = ("gpu", "system", "endpoint", "database", "balancer")
    interface = (
        "ec2",
        "ecr.api",
        "ecr.dkr",
        "eks",
        "eks-auth",
        "sts",
        "logs",
        "monitoring",
        "secretsmanager",
    )
    prefix = f"{'.'.join(reversed(SUFFIX.split('.')))}.{REGION}"
    return model.Network(
        cidr="10.128.0.0/16",
        subnets=tuple(
            model.Subnet(name=f"{tier}-{zone}", tier=tier, zone=zone, cidr=f"10.128.{16 * i + n}.0/24")
            for i, tier in enumerate(tiers)
            for n, zone in enumerate(ZONES)
        ),
        endpoints=(
            *(
                model.Endpoint(service=name, service_name=f"{prefix}.{name}", type="Interface", why="needed")
                for name in interface
            ),
            model.Endpoint(service="s3", service_name=f"{prefix}.s3", type="Gateway", why="needed"),
        ),
        dns_allow=(f"s3.{REGION}.{SUFFIX}",),
        allowed_hosts=(),
        firewall=False,
    )


def gateway() -> model.GatewayService:
    redis = {"aws_iam_cache_name": "inferplan-clinic", "aws_iam_user_name": "litellm"}
    return model.GatewayService(
        host_kind="kubernetes",
        image=image("litellm"),
        replicas=2,
        cpu=1000,
        memory_mib=3072,
        port=4000,
        config={
            "general_settings": {"coordination_redis": redis},
            "litellm_settings": {},
            "router_settings": {},
        },
        env={
            "AWS_REGION": REGION,
            "DATABASE_NAME": "litellm",
            "DATABASE_PORT": "5432",
            "DATABASE_USER": "litellm",
            "LITELLM_MIGRATION_DIR": "/tmp/migrations",
            "REDIS_PORT": "6379",
        },
        callers=(),
        database_instance_class="db.t4g.medium",
        database_storage_gib=20,
        cache_node_type="cache.t4g.small",
        host="llm.clinic.example",
        certificate=f"arn:aws:acm:{REGION}:{ACCOUNT}:certificate/0d0d0d0d-1111-2222-3333-444444444444",
        clients=("10.20.0.0/16",),
        idle_timeout_seconds=900,
        secrets=("inferplan/clinic/gateway-master-key",),
        secret_env={"LITELLM_MASTER_KEY": "inferplan/clinic/gateway-master-key"},
    )


def plan(**changes: Any) -> model.Plan:
    made = model.Plan(
        schema="inferplan.plan/v1beta1",
        name="clinic",
        owner="ml@clinic.example",
        group=None,
        mode="self-hosted",
        target=model.Target(
            platform="aws",
            account=ACCOUNT,
            region=REGION,
            country="DE",
            partition="aws",
            dns_suffix=SUFFIX,
            dual_stack_suffix="api.aws",
            zones=ZONES,
            environment="production",
        ),
        data_class="restricted",
        log_retention_days=365,
        prompt_retention_days=0,
        routes=(
            model.Route(
                name="clinical-notes",
                api="chat",
                backend="qwen",
                fallback=(),
                reason="stays",
                classes=("restricted",),
                callers=(),
                timeout_seconds=600,
            ),
        ),
        pools=(pool(),),
        servers=(server(),),
        vendors=(),
        network=network(),
        cluster=model.Cluster(
            name="inferplan-clinic",
            version="1.34",
            public_cidrs=(),
            admins=(f"arn:aws:iam::{ACCOUNT}:role/platform-admin",),
            deploy_from="vpc-runner",
            addons={
                "vpc-cni": "v1",
                "kube-proxy": "v1",
                "eks-pod-identity-agent": "v1",
                "coredns": "v1",
                "metrics-server": "v1",
                "aws-ebs-csi-driver": "v1",
                "aws-mountpoint-s3-csi-driver": "v2",
                "eks-node-monitoring-agent": None,
            },
            system_instance_type="m7i.xlarge",
            system_nodes=2,
            namespace="inference",
            control_plane_egress="CUSTOMER_ROUTED",
        ),
        gateway=gateway(),
        budget=None,
        cost=model.Cost(
            monthly_usd=range_usd(),
            fixed_usd=1,
            labor_usd=None,
            months_12_usd=range_usd(),
            months_36_usd=range_usd(),
            sovereignty_usd=None,
            lines=(),
            alternatives=(),
            break_even=None,
            wording="",
        ),
        flows=(),
        decision=model.Decision(mode="self-hosted", asked="self-hosted"),
        lead_time=model.LeadTime(days=1, items={}),
        derivations={},
        defaults=(),
        warnings=(),
        deploy_role=f"arn:aws:iam::{ACCOUNT}:role/deploy",
        weights_bucket=f"inferplan-clinic-{ACCOUNT}-weights",
        config_bucket=None,
        images=(image("cluster-autoscaler"),),
    )
    return msgspec.structs.replace(made, **changes)


def names() -> Names:
    return Names("clinic", plan().target)


class Recorded:
    """Both layers of a plan, by type."""

    def __init__(self, planned: model.Plan) -> None:
        self.plan = planned
        self.resources: list[Resource] = []
        for layer in ("foundation", "workload"):
            self.resources += record(
                lambda layer=layer: build(planned, layer, Canonical()), stack=f"{planned.name}.{layer}"
            )
        self.by_urn = {resource.urn: resource for resource in self.resources}

    def of(self, type_: str) -> list[Resource]:
        return [resource for resource in self.resources if resource.type == type_]

    def one(self, type_: str, name: str = "") -> Resource:
        found = [resource for resource in self.of(type_) if resource.name.endswith(name)]
        assert len(found) == 1, (type_, name, [resource.name for resource in found])
        return found[0]

    def ancestors(self, resource: Resource) -> list[Resource]:
        above = []
        while resource.parent in self.by_urn:
            resource = self.by_urn[resource.parent]
            above.append(resource)
        return above


@pytest.fixture(scope="module")
def stack() -> Recorded:
    return Recorded(plan())


def test_everything_descends_from_the_root_component(stack: Recorded) -> None:
    """Declaration rules run on the root, so nothing may exist beside it (pulumi-facts 6)."""
    roots = stack.of("inferplan:index:Deployment")
    assert len(roots) == 2
    for resource in stack.resources:
        if resource not in roots:
            assert stack.ancestors(resource)[-1] in roots, resource.urn


def test_root_carries_declaration_digest_and_claims(stack: Recorded) -> None:
    """The pack takes the declaration from the root's inputs and compares the digest."""
    props = stack.of("inferplan:index:Deployment")[0].props
    assert props["declaration"] == Canonical().to_json()
    assert props["digest"] == hashlib.sha256(Canonical().to_json().encode()).hexdigest()
    claims = json.loads(props["claims"])
    assert claims["servers"][0]["model"] == "Qwen/Qwen3-32B-FP8"
    assert {"cost", "flows", "decision", "lead_time", "pools"} <= claims.keys()


def test_every_resource_uses_an_explicit_provider(stack: Recorded) -> None:
    """Default providers are disabled: an AWS provider knows Region, account and tags."""
    for resource in stack.resources:
        if resource.package in {"aws", "kubernetes"}:
            assert resource.provider is not None
            assert "default" not in resource.provider.urn, resource.urn
            if resource.package == "aws":
                assert resource.provider.config["region"] == REGION
                assert resource.provider.config["allowedAccountIds"] == [ACCOUNT]
                tags = resource.provider.config["defaultTags"]["tags"]
                assert tags["inferplan:data-class"] == "restricted"


def test_no_resource_overrides_the_region(stack: Recorded) -> None:
    """A per-resource `region` would bypass every check of the provider (pitfalls 3.4)."""
    assert [
        resource.urn
        for resource in stack.resources
        if resource.package == "aws" and "region" in resource.props
    ] == []


def policy_documents(resource: Resource) -> dict[str, Any]:
    fields = ("policy", "assumeRolePolicy")
    return {field: resource.props[field] for field in fields if field in resource.props}


def test_policy_documents_are_whole_at_first_preview(stack: Recorded) -> None:
    """One unknown ARN makes a document unknown, and a mandatory rule undecided for ever (pulumi-facts 5)."""
    seen = 0
    for resource in stack.resources:
        for field, document in policy_documents(resource).items():
            assert isinstance(document, str), (resource.urn, field)
            assert json.loads(document)
            seen += 1
    assert seen > 20


def test_no_internet_route_and_no_open_egress(stack: Recorded) -> None:
    """GPU nodes have no way out: no gateway, no route at all, no rule to any address."""
    for forbidden in ("internetGateway:InternetGateway", "natGateway:NatGateway", "route:Route"):
        assert stack.of(f"aws:ec2/{forbidden}") == []
    for rule in stack.of("aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule"):
        assert "cidrIpv4" not in rule.props or rule.props["cidrIpv4"] != "0.0.0.0/0"
        assert "cidrIpv6" not in rule.props
    assert stack.one("aws:ec2/defaultSecurityGroup:DefaultSecurityGroup").props["egress"] == []


def test_subnets_are_placed_by_zone_id_and_private(stack: Recorded) -> None:
    """Zone names differ per account; offerings are by id (field-notes 39)."""
    subnets = stack.of("aws:ec2/subnet:Subnet")
    assert {subnet.props["availabilityZoneId"] for subnet in subnets} == set(ZONES)
    assert all(subnet.props["mapPublicIpOnLaunch"] is False for subnet in subnets)
    assert len(stack.of("aws:ec2/routeTable:RouteTable")) == len(subnets)


def test_dns_firewall_fails_closed_and_ends_in_block(stack: Recorded) -> None:
    """Names are an egress path: allow list first, everything else does not exist (field-notes 12)."""
    assert (
        stack.one("aws:route53/resolverFirewallConfig:ResolverFirewallConfig").props["firewallFailOpen"]
        == "DISABLED"
    )
    rules = sorted(
        stack.of("aws:route53/resolverFirewallRule:ResolverFirewallRule"),
        key=lambda rule: rule.props["priority"],
    )
    assert [(rule.props["priority"], rule.props["action"]) for rule in rules] == [
        (100, "BLOCK"),
        (200, "ALLOW"),
        (900, "BLOCK"),
    ]
    assert rules[0].props["qType"] == "HTTPS"
    assert rules[1].props["firewallDomainRedirectionAction"] == "TRUST_REDIRECTION_DOMAIN"
    assert rules[2].props["blockResponse"] == "NXDOMAIN"
    association = stack.one(
        "aws:route53/resolverFirewallRuleGroupAssociation:ResolverFirewallRuleGroupAssociation"
    )
    assert {rule.urn for rule in rules} <= set(association.dependencies)


def test_endpoint_policies_admit_only_the_account(stack: Recorded) -> None:
    """No endpoint carries the allow-all default; layers of images are the one exception (field-notes 21)."""
    endpoints = stack.of("aws:ec2/vpcEndpoint:VpcEndpoint")
    assert len(endpoints) == len(stack.plan.network.endpoints)
    for endpoint in endpoints:
        for statement in json.loads(endpoint.props["policy"])["Statement"]:
            own = (
                statement.get("Condition", {}).get("StringEquals", {}).get("aws:PrincipalAccount") == ACCOUNT
            )
            layers = str(statement["Resource"]).endswith(f"prod-{REGION}-starport-layer-bucket/*")
            assert own or layers, endpoint.name


@pytest.mark.parametrize(
    ("service", "resources"),
    [
        (
            "secretsmanager",
            [
                f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:{name}"
                for name in ("inferplan/clinic/*", "rds!db-*")
            ],
        ),
        ("bedrock-runtime", ["arn:aws:bedrock:eu-central-1::foundation-model/mistral"]),
    ],
)
def test_endpoint_policy_names_resources_where_it_can(service: str, resources: list[str]) -> None:
    """Bedrock is limited to the named models, Secrets Manager to own and RDS-made secrets (EGR-011)."""
    vendor = model.Vendor(
        backend="m",
        vendor="bedrock",
        provider="bedrock",
        model="mistral",
        host="",
        path="privatelink",
        secret=None,
        monthly_limit_usd=None,
        routes=(),
        model_arns=("arn:aws:bedrock:eu-central-1::foundation-model/mistral",),
    )
    endpoint = model.Endpoint(service=service, service_name="x", type="Interface", why="x")
    document = json.loads(endpoint_policy(names(), endpoint, model_arns=vendor.model_arns))
    assert document["Statement"][0]["Resource"] == resources


def test_keys_admit_whom_aws_needs() -> None:
    """Log service, alarm services, scaling role: each key admits the one it serves (field-notes 8)."""
    logs = json.loads(key_policy(names(), "logs"))
    services = json.dumps([statement["Principal"] for statement in logs["Statement"]])
    for service in (f"logs.{REGION}", "budgets", "cloudwatch", "costalerts"):
        assert f"{service}.{SUFFIX}" in services
    ebs = json.loads(key_policy(names(), "ebs"))["Statement"]
    assert [statement["Principal"] for statement in ebs[1:]] == [{"AWS": "*"}, {"AWS": "*"}]
    for statement in ebs[1:]:
        assert statement["Condition"]["StringEquals"]["kms:CallerAccount"] == ACCOUNT
        assert "AWSServiceRoleForAutoScaling" in statement["Condition"]["StringEquals"]["aws:PrincipalArn"]
    assert len(json.loads(key_policy(names(), "data"))["Statement"]) == 1


def test_cluster_is_private_logged_encrypted_and_has_named_admins(stack: Recorded) -> None:
    """With bootstrap admins off and nobody named, nobody would get in (field-notes 7)."""
    cluster = stack.one("aws:eks/cluster:Cluster").props
    assert cluster["vpcConfig"]["endpointPrivateAccess"] is True
    assert cluster["vpcConfig"]["endpointPublicAccess"] is False
    assert cluster["vpcConfig"]["controlPlaneEgressMode"] == "CUSTOMER_ROUTED"
    assert cluster["accessConfig"] == {
        "authenticationMode": "API",
        "bootstrapClusterCreatorAdminPermissions": False,
    }
    assert cluster["bootstrapSelfManagedAddons"] is False
    assert len(cluster["enabledClusterLogTypes"]) == 5
    assert cluster["encryptionConfig"]["resources"] == ["secrets"]
    assert cluster["upgradePolicy"] == {"supportType": "STANDARD"}
    assert cluster["deletionProtection"] is True
    admins = {entry.props["principalArn"] for entry in stack.of("aws:eks/accessEntry:AccessEntry")}
    assert admins == {*stack.plan.cluster.admins, stack.plan.deploy_role}


def test_public_access_needs_cidrs() -> None:
    """Opening the API names who may reach it; without names it stays private."""
    planned = plan()
    opened = msgspec.structs.replace(planned.cluster, public_cidrs=("198.51.100.0/24",))
    recorded = Recorded(msgspec.structs.replace(planned, cluster=opened))
    config = recorded.one("aws:eks/cluster:Cluster").props["vpcConfig"]
    assert (config["endpointPublicAccess"], config["publicAccessCidrs"]) == (True, ["198.51.100.0/24"])


def depends_on(stack: Recorded, later: Resource, earlier: Resource) -> bool:
    """Whether `later` waits for `earlier`, over any number of steps."""
    seen, todo = set(), [later.urn]
    while todo:
        urn = todo.pop()
        if urn == earlier.urn:
            return True
        if urn in seen or urn not in stack.by_urn:
            continue
        seen.add(urn)
        found = stack.by_urn[urn]
        todo += [*found.dependencies, *(dep for deps in found.property_dependencies.values() for dep in deps)]
    return False


CLUSTER = ("aws:eks/cluster:Cluster", "")
SYSTEM_NODES = ("aws:eks/nodeGroup:NodeGroup", "clinic-system-group")
GPU_NODES = ("aws:eks/nodeGroup:NodeGroup", "euc1-az1-group")
CNI = ("aws:eks/addon:Addon", "vpc-cni")
DNS = ("aws:eks/addon:Addon", "coredns")


@pytest.mark.parametrize(
    ("later", "earlier"),
    [
        (CLUSTER, ("aws:cloudwatch/logGroup:LogGroup", "cluster")),
        (CNI, CLUSTER),
        (SYSTEM_NODES, CNI),
        (SYSTEM_NODES, ("aws:ec2/vpcEndpoint:VpcEndpoint", "ecr-api-interface")),
        (DNS, SYSTEM_NODES),
        (GPU_NODES, DNS),
        (GPU_NODES, ("aws:iam/rolePolicyAttachment:RolePolicyAttachment", "gpu-nodes-cni")),
    ],
)
def test_order_of_creation(stack: Recorded, later: tuple[str, str], earlier: tuple[str, str]) -> None:
    """CoreDNS before nodes times out, log groups after the cluster are bare (field-notes 6 and 44)."""
    assert depends_on(stack, stack.one(*later), stack.one(*earlier))


def test_network_policy_is_enforced_and_the_driver_tolerates_gpu_nodes(stack: Recorded) -> None:
    """Policies that nothing enforces are worse than none (EGR-003)."""
    cni = json.loads(stack.one("aws:eks/addon:Addon", "vpc-cni").props["configurationValues"])
    assert cni["enableNetworkPolicy"] == "true"
    for addon, account in (
        ("aws-mountpoint-s3-csi-driver", "s3-csi-driver-sa"),
        ("aws-ebs-csi-driver", "ebs-csi-controller-sa"),
    ):
        found = stack.one("aws:eks/addon:Addon", f"addons-{addon}").props["podIdentityAssociations"]
        assert [entry["serviceAccount"] for entry in found] == [account]
    driver = stack.one("aws:eks/addon:Addon", "s3-csi-driver").props
    assert json.loads(driver["configurationValues"])["node"]["tolerateAllTaints"] is True
    assert "addonVersion" not in stack.one("aws:eks/addon:Addon", "monitoring-agent").props


def gpu_groups(stack: Recorded) -> list[Resource]:
    return [group for group in stack.of("aws:eks/nodeGroup:NodeGroup") if group.props.get("taints")]


def test_one_gpu_group_per_zone_starting_at_zero(stack: Recorded) -> None:
    """A shortage in one zone must not lock the others, nor a missing GPU the first `up` (field-notes 34)."""
    groups = gpu_groups(stack)
    assert [group.name for group in groups] == [f"clinic-g6e-12xlarge-{zone}-group" for zone in ZONES]
    for group in groups:
        assert group.props["scalingConfig"] == {"desiredSize": 0, "minSize": 0, "maxSize": 3}
        assert group.props["updateConfig"]["updateStrategy"] == "MINIMAL"
        assert group.props["nodeRepairConfig"]["enabled"] is True
        assert group.props["amiType"] == "BOTTLEROCKET_x86_64_NVIDIA"
        assert group.props["instanceTypes"] == ["g6e.12xlarge"]
        assert group.props["taints"] == [
            {"key": "nvidia.com/gpu", "value": "present", "effect": "NO_SCHEDULE"}
        ]
        assert len(group.props["subnetIds"]) == 1
    assert len(stack.of("aws:autoscaling/tag:Tag")) == len(groups)


def test_nodes_lock_metadata_and_encrypt_disks(stack: Recorded) -> None:
    """Metadata v2 with one hop, own key, and the Bottlerocket data volume sized (field-notes 32, SEC-007)."""
    for template in stack.of("aws:ec2/launchTemplate:LaunchTemplate"):
        options = template.props["metadataOptions"]
        assert (options["httpTokens"], options["httpPutResponseHopLimit"]) == ("required", 1)
        assert "imageId" not in template.props
        assert "keyName" not in template.props
        for device in template.props["blockDeviceMappings"]:
            assert device["ebs"]["encrypted"] == "true"
            assert device["ebs"]["volumeType"] == "gp3"
    gpu = stack.one("aws:ec2/launchTemplate:LaunchTemplate", "euc1-az1-template").props
    sizes = {device["deviceName"]: device["ebs"]["volumeSize"] for device in gpu["blockDeviceMappings"]}
    assert sizes == {"/dev/xvda": 8, "/dev/xvdb": 120}


def capacity_block(template: dict[str, Any], group: dict[str, Any]) -> None:
    assert template["instanceMarketOptions"] == {"marketType": "capacity-block"}
    assert template["instanceType"] == "g6e.12xlarge"
    assert "instanceTypes" not in group
    assert group["capacityType"] == "CAPACITY_BLOCK"


def reservation(template: dict[str, Any], group: dict[str, Any]) -> None:
    target = template["capacityReservationSpecification"]["capacityReservationTarget"]
    assert target == {"capacityReservationId": "cr-1"}
    assert group["capacityType"] == "ON_DEMAND"


def efa(template: dict[str, Any], group: dict[str, Any]) -> None:
    kinds = [
        (card["networkCardIndex"], card["deviceIndex"], card["interfaceType"])
        for card in template["networkInterfaces"]
    ]
    assert kinds == [(0, 0, "efa"), (1, 1, "efa-only")]
    # EC2 refuses it, also when false, beside several interfaces (karpenter-provider-aws#5666)
    assert not any("associatePublicIpAddress" in card for card in template["networkInterfaces"])
    assert "vpcSecurityGroupIds" not in template
    assert group["capacityType"] == "ON_DEMAND"


def al2023(template: dict[str, Any], _group: dict[str, Any]) -> None:
    assert [device["deviceName"] for device in template["blockDeviceMappings"]] == ["/dev/xvda"]


@pytest.mark.parametrize(
    ("changes", "check"),
    [
        ({"capacity": "capacity-block", "capacity_id": "cr-1"}, capacity_block),
        ({"capacity": "reservation", "capacity_id": "cr-1"}, reservation),
        ({"efa": True, "efa_interfaces": 2, "placement_group": True}, efa),
        ({"ami_type": "AL2023_x86_64_NVIDIA", "root_volume_gib": 200}, al2023),
    ],
)
def test_kinds_of_capacity(
    changes: dict[str, Any], check: Callable[[dict[str, Any], dict[str, Any]], None]
) -> None:
    """Reservations, capacity blocks and EFA each need their own template (pitfalls 1.7, 1.10, 1.12)."""
    recorded = Recorded(plan(pools=(pool(zones=ZONES[:1], **changes),)))
    check(
        dict(recorded.one("aws:ec2/launchTemplate:LaunchTemplate", "euc1-az1-template").props),
        dict(gpu_groups(recorded)[0].props),
    )


def test_weights_are_written_once_and_private(stack: Recorded) -> None:
    """Versions, lock, key, no public access, TLS only (SUP-006)."""
    name = stack.plan.weights_bucket
    assert stack.one("aws:s3/bucket:Bucket", "weights-bucket").props["bucket"] == name
    lock = stack.one("aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration").props
    assert lock["rule"]["defaultRetention"] == {"mode": "GOVERNANCE", "days": 365}
    block = stack.one("aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock").props
    assert [value for key, value in block.items() if key != "bucket"] == [True] * 4
    policy = json.loads(stack.one("aws:s3/bucketPolicy:BucketPolicy").props["policy"])
    assert policy["Statement"][0]["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_registry_is_immutable_scanned_and_encrypted(stack: Recorded) -> None:
    """Every image that a pod names has a repository of the account (SUP-005)."""
    repositories = stack.of("aws:ecr/repository:Repository")
    names = {"inferplan/vllm", "inferplan/litellm", "inferplan/cluster-autoscaler"}
    assert {repository.props["name"] for repository in repositories} == names
    for repository in repositories:
        assert repository.props["imageTagMutability"] == "IMMUTABLE"
        assert repository.props["imageScanningConfiguration"] == {"scanOnPush": True}
        assert repository.props["encryptionConfigurations"][0]["encryptionType"] == "KMS"


def test_logs_have_key_and_retention(stack: Recorded) -> None:
    """Flow, DNS and control-plane logs stay in the Region under the stack's key (EGR-009)."""
    groups = stack.of("aws:cloudwatch/logGroup:LogGroup")
    assert {group.name.rsplit("-", 1)[-1] for group in groups} >= {"flow", "dns", "cluster"}
    for group in groups:
        assert group.props["retentionInDays"] == 365
        assert list(walk_unknowns(group.props["kmsKeyId"])), "an output of the stack's own key"
        assert any(urn.endswith("clinic-keys-logs") for urn in group.property_dependencies["kmsKeyId"])


def pod(stack: Recorded) -> dict[str, Any]:
    return stack.one("kubernetes:apps/v1:Deployment", "clinic-qwen-deployment").props["spec"]["template"][
        "spec"
    ]


def test_server_pod_is_locked_down(stack: Recorded) -> None:
    """The namespace enforces the restricted level, so the pod has to meet it (SEC-008)."""
    spec = pod(stack)
    container = spec["containers"][0]
    assert spec["automountServiceAccountToken"] is False
    assert spec["enableServiceLinks"] is False
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert container["securityContext"]["allowPrivilegeEscalation"] is False
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert not {"hostNetwork", "hostIPC", "hostPID"} & spec.keys()


def test_server_pod_runs_what_was_planned(stack: Recorded) -> None:
    """Command, image, sizes, probes and environment are the plan's values."""
    planned, spec = stack.plan.servers[0], pod(stack)
    container = spec["containers"][0]
    assert container["image"] == f"{ACCOUNT}.dkr.ecr.{REGION}.{SUFFIX}/inferplan/vllm@{DIGEST}"
    assert container["command"] == ["vllm", "serve", f"/{planned.weights_key}"]
    assert container["args"] == list(planned.flags)
    assert container["resources"]["limits"] == container["resources"]["requests"]
    assert container["resources"]["limits"]["nvidia.com/gpu"] == "4"
    environment = {entry["name"]: entry["value"] for entry in container["env"]}
    assert environment.items() >= planned.env.items()
    probe = container["startupProbe"]
    assert (probe["periodSeconds"], probe["failureThreshold"]) == (10, 90)
    assert container["readinessProbe"]["httpGet"]["path"] == "/v1/models"
    volumes = {volume["name"]: volume for volume in spec["volumes"]}
    assert volumes["shm"]["emptyDir"] == {"medium": "Memory", "sizeLimit": "16Gi"}
    assert spec["nodeSelector"] == {"inferplan/pool": "g6e-12xlarge"}
    assert spec["terminationGracePeriodSeconds"] == 600
    deployment = stack.one("kubernetes:apps/v1:Deployment", "clinic-qwen-deployment").props["spec"]
    assert (deployment["replicas"], deployment["progressDeadlineSeconds"]) == (2, 1200)
    assert deployment["strategy"]["rollingUpdate"] == {"maxSurge": 0, "maxUnavailable": 1}


def test_weights_are_mounted_read_only_from_the_bucket(stack: Recorded) -> None:
    """Nothing is pulled from a hub at pod start: the revision's files come from the account's bucket."""
    volume = stack.one("kubernetes:core/v1:PersistentVolume").props["spec"]
    planned = stack.plan.servers[0]
    assert volume["csi"]["volumeAttributes"]["bucketName"] == stack.plan.weights_bucket
    assert volume["accessModes"] == ["ReadOnlyMany"]
    assert {"read-only", f"prefix {planned.weights_key}/", f"region {REGION}"} <= set(volume["mountOptions"])
    claim = stack.one("kubernetes:core/v1:PersistentVolumeClaim").props
    assert volume["claimRef"]["name"] == claim["metadata"]["name"]
    mounts = {mount["mountPath"]: mount for mount in pod(stack)["containers"][0]["volumeMounts"]}
    assert mounts[f"/{planned.weights_key}"]["readOnly"] is True


def test_adapters_are_mounted_where_the_flags_look() -> None:
    """The mount path of an adapter mirrors its key in the bucket."""
    adapter = model.Adapter(name="kyc", source="s3://bank/kyc", path="/adapters/kyc", data_class="restricted")
    recorded = Recorded(plan(servers=(server(adapters=(adapter,)),)))
    prefixes = [
        option
        for volume in recorded.of("kubernetes:core/v1:PersistentVolume")
        for option in volume.props["spec"]["mountOptions"]
    ]
    assert "prefix adapters/kyc/" in prefixes
    assert "/adapters/kyc" in [mount["mountPath"] for mount in pod(recorded)["containers"][0]["volumeMounts"]]


def policies(stack: Recorded, namespace: str) -> dict[str, dict[str, Any]]:
    return {
        policy.props["metadata"]["name"]: policy.props["spec"]
        for policy in stack.of("kubernetes:networking.k8s.io/v1:NetworkPolicy")
        if policy.props["metadata"]["namespace"] == namespace
    }


def test_only_the_gateway_reaches_the_servers(stack: Recorded) -> None:
    """Default deny both ways, DNS, and one way in: vLLM's key guards only part of its paths (SEC-004)."""
    found = policies(stack, "inference")
    assert found.keys() == {"default-deny", "allow-dns", "qwen-from-gateway"}
    assert found["default-deny"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    into = found["qwen-from-gateway"]["ingress"]
    assert len(into) == 1
    assert into[0]["from"][0]["namespaceSelector"]["matchLabels"] == {
        "kubernetes.io/metadata.name": "inference-gateway"
    }
    assert into[0]["ports"] == [{"port": 8000, "protocol": "TCP"}]
    namespace = stack.one("kubernetes:core/v1:Namespace", "clinic-inference-namespace").props["metadata"]
    assert namespace["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


def test_service_is_internal_and_never_called_vllm(stack: Recorded) -> None:
    """A Service named vllm sets VLLM_PORT in its namespace and vLLM crashes (pitfalls 1.18)."""
    for service in stack.of("kubernetes:core/v1:Service"):
        assert service.props["metadata"]["name"] != "vllm"
        assert service.props["spec"]["type"] in {"ClusterIP", "NodePort"}
    own = stack.one("kubernetes:core/v1:Service", "clinic-qwen-service")
    deployment = stack.one("kubernetes:apps/v1:Deployment", "clinic-qwen-deployment")
    assert depends_on(stack, own, deployment)


def test_kubernetes_provider_is_bound_to_the_cluster(stack: Recorded) -> None:
    """The kubeconfig is unknown at first, the cluster's identity is not (field-notes 38)."""
    provider = stack.one("pulumi:providers:kubernetes").props
    assert provider["clusterIdentifier"] == f"arn:aws:eks:{REGION}:{ACCOUNT}:cluster/inferplan-clinic"
    assert list(walk_unknowns(provider["kubeconfig"]))


def test_a_server_that_spans_nodes_is_a_leader_worker_set() -> None:
    """One node cannot hold it: leader and workers get ranks, and may talk to each other only."""
    recorded = Recorded(plan(servers=(server(pipeline_parallel=2),)))
    found = recorded.one("kubernetes:leaderworkerset.x-k8s.io/v1:LeaderWorkerSet").props["spec"]
    template = found["leaderWorkerTemplate"]
    assert template["size"] == 2
    worker = template["workerTemplate"]["spec"]["containers"][0]
    assert worker["args"][-9:] == [
        "--nnodes", "2", "--node-rank", "$(LWS_WORKER_INDEX)", "--master-addr", "$(LWS_LEADER_ADDRESS)",
        "--master-port", "29500", "--headless",
    ]  # fmt: skip
    assert "startupProbe" not in worker
    assert "startupProbe" in template["leaderTemplate"]["spec"]["containers"][0]
    assert "qwen-between-nodes" in policies(recorded, "inference")
    groups = [rule.name for rule in recorded.of("aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule")]
    assert "clinic-nodes-gpu-to-gpu-all-1-out" in groups


def test_device_plugin_only_where_the_ami_lacks_it(stack: Recorded) -> None:
    """A second device plugin conflicts with the AMI's own (field-notes 32)."""
    assert stack.of("kubernetes:apps/v1:DaemonSet") == []
    lacking = pool(ami_type="AL2023_x86_64_NVIDIA", ami_has_device_plugin=False)
    recorded = Recorded(plan(pools=(lacking,), images=(image("nvidia-device-plugin"),)))
    spec = recorded.one("kubernetes:apps/v1:DaemonSet").props["spec"]["template"]["spec"]
    assert spec["nodeSelector"] == {"inferplan/device-plugin": "true"}
    assert gpu_groups(recorded)[0].props["labels"]["inferplan/device-plugin"] == "true"
    with pytest.raises(NotBuilt, match="device plugin"):
        Recorded(plan(pools=(lacking,)))


def test_autoscaler_may_resize_only_this_cluster(stack: Recorded) -> None:
    """GPU groups start at zero, so something has to raise them, and nothing else (field-notes 34)."""
    role = stack.one("aws:iam/rolePolicy:RolePolicy", "autoscaler-access-policy").props["policy"]
    resize = next(item for item in json.loads(role)["Statement"] if item["Sid"] == "Resize")
    key = "aws:ResourceTag/k8s.io/cluster-autoscaler/inferplan-clinic"
    assert resize["Condition"] == {"StringEquals": {key: "owned"}}
    container = stack.one("kubernetes:apps/v1:Deployment", "autoscaler-deployment").props["spec"]["template"][
        "spec"
    ]
    assert "--aws-use-static-instance-list=true" in container["containers"][0]["args"]


def test_development_leaves_nothing_behind() -> None:
    """Protection and retention are for production (field-notes 43)."""
    planned = plan()
    target = msgspec.structs.replace(planned.target, environment="development")
    recorded = Recorded(msgspec.structs.replace(planned, target=target))
    assert recorded.one("aws:eks/cluster:Cluster").props["deletionProtection"] is False
    assert recorded.one("aws:s3/bucket:Bucket", "weights-bucket").props["forceDestroy"] is True
    assert all(repository.props["forceDelete"] for repository in recorded.of("aws:ecr/repository:Repository"))


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"network": {"existing_vpc": "vpc-1"}}, "network.existing"),
        ({"cluster": {"existing": "other"}}, "cluster.existing"),
        ({"target": {"platform": "kubernetes"}}, "target.platform"),
    ],
)
def test_what_cannot_be_built_is_refused_by_name(changes: dict[str, dict[str, Any]], field: str) -> None:
    """A bring-your-own block is never ignored silently."""
    planned = plan()
    parts = {
        name: msgspec.structs.replace(getattr(planned, name), **change) for name, change in changes.items()
    }
    with pytest.raises(NotBuilt, match=re.escape(field)):
        Recorded(msgspec.structs.replace(planned, **parts))


def test_other_partitions_get_their_own_arns() -> None:
    """Nothing spells out a partition: another one changes every ARN of ours."""
    planned = plan()
    target = msgspec.structs.replace(planned.target, partition="aws-eusc", dns_suffix="example.eu")
    moved = msgspec.structs.replace(
        planned, target=target, gateway=msgspec.structs.replace(planned.gateway, certificate=None)
    )
    cluster = msgspec.structs.replace(planned.cluster, admins=())
    recorded = Recorded(msgspec.structs.replace(moved, cluster=cluster, deploy_role=None))
    for resource in recorded.resources:
        for document in policy_documents(resource).values():
            assert "arn:aws:" not in document
            assert SUFFIX not in document


def test_plan_digest_changes_with_the_plan() -> None:
    """The digest is over the plan's canonical bytes."""
    assert plan_digest(plan()) == plan_digest(plan())
    assert plan_digest(plan()) != plan_digest(plan(data_class="internal"))


@pytest.mark.parametrize(
    ("stack_name", "message"),
    [
        ("clinic", "the layer 'clinic' is not one of foundation, workload"),
        ("clinic.other", "the layer 'other' is not one of foundation, workload"),
        ("nowhere.foundation", "nowhere.yaml"),
    ],
)
def test_program_says_what_is_wrong(stack_name: str, message: str) -> None:
    """A wrong stack name or a missing spec is one message, not a traceback."""
    with pytest.raises(pulumi.RunError, match=re.escape(message)):
        record(run, stack=stack_name)
