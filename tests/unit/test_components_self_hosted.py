"""The self-hosted stack as resources: what is declared, in which order, and what must never be there.

Not here: what holds in every stack (test_components_stacks) and the gateway (test_components_gateway).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pulumi
import pytest

from components.addons import Addons, AddonsArgs
from components.dns_firewall import DnsFirewall, DnsFirewallArgs
from components.endpoints import endpoint_policy
from components.keys import key_policy
from components.model_server import ModelServer, ModelServerArgs
from inferplan.records.no_plan import NotBuilt
from inferplan.records.plan import Adapter, Endpoint
from inferplan.resource import Resource, walk_unknowns
from stacks import plan_digest
from stacks.program import run
from stacks.record import record
from tests.unit.recorded import (
    SELF_HOSTED,
    Recorded,
    changed,
    component,
    image,
    names,
    planned,
    pool,
    recorded,
    server,
    with_blocks,
)

# pulumi-aws warns about types of its own when a package is first imported.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:pulumi_aws.*")

CLINIC = planned(SELF_HOSTED)
ZONES, REGION, ACCOUNT = CLINIC.target.zones, CLINIC.target.region, CLINIC.target.account
MODEL_ARN = f"arn:aws:bedrock:{REGION}::foundation-model/mistral"
SUFFIX = CLINIC.target.dns_suffix


@pytest.fixture
def stack() -> Recorded:
    return recorded(SELF_HOSTED)


def policy_documents(resource: Resource) -> dict[str, Any]:
    fields = ("policy", "assumeRolePolicy")
    return {field: resource.props[field] for field in fields if field in resource.props}


def test_no_internet_route_and_no_open_egress(stack: Recorded) -> None:
    """GPU nodes have no way out: no gateway, no route at all, no rule to any address."""
    for forbidden in ("internetGateway:InternetGateway", "natGateway:NatGateway"):
        assert stack.of(f"aws:ec2/{forbidden}") == []
    for route in stack.of("aws:ec2/route:Route"):  # answers to the declared clients, from the balancer's tier
        assert route.props["destinationCidrBlock"] in CLINIC.gateway.clients
        for urn in route.property_dependencies["routeTableId"]:
            assert stack.by_urn[urn].props["tags"]["inferplan:tier"] == "balancer"
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


def test_dns_firewall_fails_closed_and_ends_in_block() -> None:
    """Names are an egress path: allow list first, everything else does not exist (field-notes 12)."""
    args = DnsFirewallArgs(vpc_id="vpc", allow=("s3.example",), query_log_group_arn="log")
    made = component(lambda: DnsFirewall("dns", args))
    config = made.one("aws:route53/resolverFirewallConfig:ResolverFirewallConfig").props
    assert config["firewallFailOpen"] == "DISABLED"
    rules = sorted(
        made.of("aws:route53/resolverFirewallRule:ResolverFirewallRule"),
        key=lambda rule: rule.props["priority"],
    )
    assert [(rule.props["priority"], rule.props["action"]) for rule in rules] == [
        (100, "BLOCK"),
        (200, "ALLOW"),
        (900, "BLOCK"),
    ]
    assert rules[0].props["qType"] == "TYPE65"
    assert rules[1].props["firewallDomainRedirectionAction"] == "TRUST_REDIRECTION_DOMAIN"
    assert rules[2].props["blockResponse"] == "NXDOMAIN"
    association = made.one(
        "aws:route53/resolverFirewallRuleGroupAssociation:ResolverFirewallRuleGroupAssociation"
    )
    assert {rule.urn for rule in rules} <= set(association.dependencies)


def test_endpoint_policies_admit_only_the_account(stack: Recorded) -> None:
    """No endpoint carries the allow-all default; layers of images are the one exception (field-notes 21)."""
    endpoints = stack.of("aws:ec2/vpcEndpoint:VpcEndpoint")
    assert len(endpoints) == len(CLINIC.network.endpoints)
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
                for name in (f"inferplan/{SELF_HOSTED}/*", "rds!db-*")
            ],
        ),
        ("bedrock-runtime", [MODEL_ARN]),
    ],
)
def test_endpoint_policy_names_resources_where_it_can(service: str, resources: list[str]) -> None:
    """Bedrock is limited to the named models, Secrets Manager to own and RDS-made secrets (EGR-011)."""
    endpoint = Endpoint(service=service, service_name="x", type="Interface", why="x")
    document = json.loads(endpoint_policy(names(SELF_HOSTED), endpoint, model_arns=[MODEL_ARN]))
    assert document["Statement"][0]["Resource"] == resources


def test_keys_admit_whom_aws_needs() -> None:
    """Log service, alarm services, scaling role: each key admits the one it serves (field-notes 8)."""
    logs = json.loads(key_policy(names(SELF_HOSTED), "logs"))
    services = json.dumps([statement["Principal"] for statement in logs["Statement"]])
    for service in (f"logs.{REGION}", "budgets", "cloudwatch", "costalerts"):
        assert f"{service}.{SUFFIX}" in services
    ebs = json.loads(key_policy(names(SELF_HOSTED), "ebs"))["Statement"]
    assert [statement["Principal"] for statement in ebs[1:]] == [{"AWS": "*"}, {"AWS": "*"}]
    for statement in ebs[1:]:
        assert statement["Condition"]["StringEquals"]["kms:CallerAccount"] == ACCOUNT
        assert "AWSServiceRoleForAutoScaling" in statement["Condition"]["StringEquals"]["aws:PrincipalArn"]
    assert len(json.loads(key_policy(names(SELF_HOSTED), "data"))["Statement"]) == 1


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
    runner = "arn:aws:iam::111111111111:role/inferplan-de-clinic-notes-runner"
    assert admins == {*CLINIC.cluster.admins, CLINIC.deploy_role, runner}


def test_public_access_needs_cidrs() -> None:
    """Opening the API names who may reach it; without names it stays private."""
    opened = changed(SELF_HOSTED, cluster={"public_cidrs": ("198.51.100.0/24",)})
    config = opened.one("aws:eks/cluster:Cluster").props["vpcConfig"]
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
SYSTEM_NODES = ("aws:eks/nodeGroup:NodeGroup", "notes-system-group")
GPU_NODES = ("aws:eks/nodeGroup:NodeGroup", f"{ZONES[0]}-group")
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


def test_a_pending_pin_names_no_version() -> None:
    """Until the lock pins an add-on, AWS chooses its version."""
    args = AddonsArgs(cluster_name="clinic", versions={"coredns": "v1", "vpc-cni": None}, roles={}, after=())
    made = component(lambda: Addons("addons", args))
    assert made.one("aws:eks/addon:Addon", "coredns").props["addonVersion"] == "v1"
    assert "addonVersion" not in made.one("aws:eks/addon:Addon", "vpc-cni").props


def gpu_groups(stack: Recorded) -> list[Resource]:
    return [group for group in stack.of("aws:eks/nodeGroup:NodeGroup") if group.props.get("taints")]


def test_one_gpu_group_per_zone_starting_at_zero(stack: Recorded) -> None:
    """A shortage in one zone must not lock the others, nor a missing GPU the first `up` (field-notes 34)."""
    groups = gpu_groups(stack)
    assert [group.name for group in groups] == [f"{SELF_HOSTED}-{pool().name}-{zone}-group" for zone in ZONES]
    for group in groups:
        assert group.props["scalingConfig"] == {"desiredSize": 0, "minSize": 0, "maxSize": pool().max_nodes}
        assert group.props["updateConfig"]["updateStrategy"] == "MINIMAL"
        assert group.props["nodeRepairConfig"]["enabled"] is True
        assert group.props["amiType"] == "BOTTLEROCKET_x86_64_NVIDIA"
        assert group.props["instanceTypes"] == [pool().instance_type]
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
    gpu = stack.one("aws:ec2/launchTemplate:LaunchTemplate", f"{ZONES[0]}-template").props
    sizes = {device["deviceName"]: device["ebs"]["volumeSize"] for device in gpu["blockDeviceMappings"]}
    assert sizes == {"/dev/xvda": pool().root_volume_gib, "/dev/xvdb": pool().data_volume_gib}


def capacity_block(template: dict[str, Any], group: dict[str, Any]) -> None:
    assert template["instanceMarketOptions"] == {"marketType": "capacity-block"}
    assert template["instanceType"] == pool().instance_type
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
    assert kinds == [(0, 0, "interface"), (0, 1, "efa-only"), (1, 0, "efa-only")]
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
        ({"ami_type": "AL2023_x86_64_NVIDIA", "root_volume_gib": 200, "data_volume_gib": None}, al2023),
    ],
)
def test_kinds_of_capacity(
    changes: dict[str, Any], check: Callable[[dict[str, Any], dict[str, Any]], None]
) -> None:
    """Reservations, capacity blocks and EFA each need their own template (pitfalls 1.7, 1.10, 1.12)."""
    made = changed(SELF_HOSTED, pools=(pool(zones=ZONES[:1], **changes),))
    check(
        dict(made.one("aws:ec2/launchTemplate:LaunchTemplate", f"{ZONES[0]}-template").props),
        dict(gpu_groups(made)[0].props),
    )


def test_weights_are_written_once_and_private(stack: Recorded) -> None:
    """Versions, lock, key, no public access, TLS only (SUP-006)."""
    name = CLINIC.weights_bucket
    assert stack.one("aws:s3/bucket:Bucket", "weights-bucket").props["bucket"] == name
    lock = stack.one("aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration").props
    assert lock["rule"]["defaultRetention"] == {"mode": "GOVERNANCE", "days": 365}
    block = stack.one("aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock").props
    assert [value for key, value in block.items() if key != "bucket"] == [True] * 4
    policy = json.loads(stack.one("aws:s3/bucketPolicy:BucketPolicy").props["policy"])
    assert policy["Statement"][0]["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_registry_is_immutable_scanned_and_encrypted(stack: Recorded) -> None:
    """Every image that a pod or the runner names has a repository of the account (SUP-005)."""
    repositories = stack.of("aws:ecr/repository:Repository")
    pulled = {CLINIC.servers[0].image, CLINIC.gateway.image, *CLINIC.images}
    assert {repository.props["name"] for repository in repositories} == {i.repository for i in pulled}
    assert len(repositories) == len(pulled) == 8
    for repository in repositories:
        assert repository.props["imageTagMutability"] == "IMMUTABLE"
        assert repository.props["imageScanningConfiguration"] == {"scanOnPush": True}
        assert repository.props["encryptionConfigurations"][0]["encryptionType"] == "KMS"


def test_logs_have_key_and_retention(stack: Recorded) -> None:
    """Flow, DNS and control-plane logs stay in the Region under the stack's key (EGR-009)."""
    groups = stack.of("aws:cloudwatch/logGroup:LogGroup")
    assert {group.name.rsplit("-", 1)[-1] for group in groups} >= {"flow", "dns", "cluster"}
    for group in groups:
        assert group.props["retentionInDays"] == CLINIC.log_retention_days == 365
        assert list(walk_unknowns(group.props["kmsKeyId"])), "an output of the stack's own key"
        keys = group.property_dependencies["kmsKeyId"]
        assert any(urn.endswith(f"{SELF_HOSTED}-keys-logs") for urn in keys)


def model_server(**fields: Any) -> Recorded:
    """The clinic's model server by itself, with some fields of its block changed."""
    args = ModelServerArgs(
        names=names(SELF_HOSTED),
        server=server(**fields),
        namespace="inference",
        gateway_namespace="inference-gateway",
        gateway_labels={"app.kubernetes.io/name": "gateway"},
        bucket="weights",
    )
    return component(lambda: ModelServer("llm-qwen", args))


def pod(stack: Recorded) -> dict[str, Any]:
    deployment = stack.one("kubernetes:apps/v1:Deployment", "llm-qwen-deployment").props["spec"]
    spec: dict[str, Any] = deployment["template"]["spec"]
    return spec


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


def test_server_pod_runs_what_was_planned() -> None:
    """Command, image, sizes, probes and environment are the plan's values."""
    sizes = {"gpus_per_pod": 4, "shm_gib": 16, "replicas": 2, "pool": "large", "scaling": None}
    planned, made = server(**sizes), model_server(**sizes)
    spec, startup = pod(made), planned.startup
    container = spec["containers"][0]
    image = planned.image
    assert container["image"] == f"{ACCOUNT}.dkr.ecr.{REGION}.{SUFFIX}/{image.repository}@{image.digest}"
    assert container["command"] == ["vllm", "serve", f"/{planned.weights_key}"]
    assert container["args"] == list(planned.flags)
    assert container["resources"]["limits"] == container["resources"]["requests"]
    assert container["resources"]["limits"]["nvidia.com/gpu"] == "4"
    environment = {entry["name"]: entry["value"] for entry in container["env"]}
    assert environment.items() >= planned.env.items()
    probe = container["startupProbe"]
    assert (probe["periodSeconds"], probe["failureThreshold"]) == (
        startup.probe_period_seconds,
        startup.probe_failure_threshold,
    )
    assert container["readinessProbe"]["httpGet"]["path"] == "/v1/models"
    volumes = {volume["name"]: volume for volume in spec["volumes"]}
    assert volumes["shm"]["emptyDir"] == {"medium": "Memory", "sizeLimit": "16Gi"}
    assert spec["nodeSelector"] == {"inferplan/pool": "large"}
    assert spec["terminationGracePeriodSeconds"] == planned.shutdown.grace_seconds
    deployment = made.one("kubernetes:apps/v1:Deployment").props["spec"]
    assert deployment["replicas"] == 2
    assert deployment["progressDeadlineSeconds"] == startup.progress_deadline_seconds
    assert deployment["strategy"]["rollingUpdate"] == {"maxSurge": 0, "maxUnavailable": 1}


def test_weights_are_mounted_read_only_from_the_bucket(stack: Recorded) -> None:
    """Nothing is pulled from a hub at pod start: the revision's files come from the account's bucket."""
    volume = stack.one("kubernetes:core/v1:PersistentVolume").props["spec"]
    key = server().weights_key
    assert volume["csi"]["volumeAttributes"]["bucketName"] == CLINIC.weights_bucket
    assert volume["accessModes"] == ["ReadOnlyMany"]
    assert {"read-only", f"prefix {key}/", f"region {REGION}"} <= set(volume["mountOptions"])
    claim = stack.one("kubernetes:core/v1:PersistentVolumeClaim").props
    assert volume["claimRef"]["name"] == claim["metadata"]["name"]
    mounts = {mount["mountPath"]: mount for mount in pod(stack)["containers"][0]["volumeMounts"]}
    assert mounts[f"/{key}"]["readOnly"] is True


def test_adapters_are_mounted_where_the_flags_look() -> None:
    """The mount path of an adapter mirrors its key in the bucket."""
    adapter = Adapter(name="kyc", source="s3://bank/kyc", path="/adapters/kyc", data_class="restricted")
    made = model_server(adapters=(adapter,))
    prefixes = [
        option
        for volume in made.of("kubernetes:core/v1:PersistentVolume")
        for option in volume.props["spec"]["mountOptions"]
    ]
    assert "prefix adapters/kyc/" in prefixes
    assert "/adapters/kyc" in [mount["mountPath"] for mount in pod(made)["containers"][0]["volumeMounts"]]


def policies(stack: Recorded, namespace: str) -> dict[str, dict[str, Any]]:
    return {
        policy.props["metadata"]["name"]: policy.props["spec"]
        for policy in stack.of("kubernetes:networking.k8s.io/v1:NetworkPolicy")
        if policy.props["metadata"]["namespace"] == namespace
    }


def test_only_the_gateway_and_the_reader_reach_the_servers(stack: Recorded) -> None:
    """Default deny both ways, DNS, and two ways in: vLLM's key guards only part of its paths (SEC-004)."""
    found = policies(stack, "inference")
    assert found.keys() == {"default-deny", "allow-dns", "llm-qwen-from-gateway", "llm-qwen-from-reader"}
    assert found["default-deny"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    into = found["llm-qwen-from-gateway"]["ingress"]
    assert len(into) == 1
    assert into[0]["from"][0]["namespaceSelector"]["matchLabels"] == {
        "kubernetes.io/metadata.name": "inference-gateway"
    }
    assert into[0]["ports"] == [{"port": 8000, "protocol": "TCP"}]
    namespace = stack.one("kubernetes:core/v1:Namespace", "notes-inference-namespace").props["metadata"]
    assert namespace["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


def test_service_is_internal_and_never_called_vllm(stack: Recorded) -> None:
    """A Service named vllm sets VLLM_PORT in its namespace and vLLM crashes (pitfalls 1.18)."""
    for service in stack.of("kubernetes:core/v1:Service"):
        assert service.props["metadata"]["name"] != "vllm"
        assert service.props["spec"]["type"] in {"ClusterIP", "NodePort"}
    own = stack.one("kubernetes:core/v1:Service", "notes-llm-qwen-service")
    deployment = stack.one("kubernetes:apps/v1:Deployment", "notes-llm-qwen-deployment")
    assert depends_on(stack, own, deployment)


def test_kubernetes_provider_is_bound_to_the_cluster(stack: Recorded) -> None:
    """The kubeconfig is unknown at first, the cluster's identity is not (field-notes 38)."""
    provider = stack.one("pulumi:providers:kubernetes").props
    assert provider["clusterIdentifier"] == f"arn:aws:eks:{REGION}:{ACCOUNT}:cluster/{CLINIC.cluster.name}"
    assert list(walk_unknowns(provider["kubeconfig"]))


def test_a_server_that_spans_nodes_is_a_leader_worker_set() -> None:
    """One node cannot hold it: leader and workers get ranks, and may talk to each other only."""
    spanning = changed(SELF_HOSTED, servers=(server(pipeline_parallel=2, zones=()),))
    found = spanning.one("kubernetes:leaderworkerset.x-k8s.io/v1:LeaderWorkerSet").props["spec"]
    template = found["leaderWorkerTemplate"]
    assert template["size"] == 2
    worker = template["workerTemplate"]["spec"]["containers"][0]
    assert worker["args"][-9:] == [
        "--nnodes", "2", "--node-rank", "$(LWS_WORKER_INDEX)", "--master-addr", "$(LWS_LEADER_ADDRESS)",
        "--master-port", "29500", "--headless",
    ]  # fmt: skip
    assert "startupProbe" not in worker
    assert "startupProbe" in template["leaderTemplate"]["spec"]["containers"][0]
    assert "llm-qwen-between-nodes" in policies(spanning, "inference")
    groups = [rule.name for rule in spanning.of("aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule")]
    assert f"{SELF_HOSTED}-nodes-gpu-to-gpu-all-1-out" in groups


def test_device_plugin_only_where_the_ami_lacks_it(stack: Recorded) -> None:
    """A second device plugin conflicts with the AMI's own (field-notes 32)."""
    assert stack.of("kubernetes:apps/v1:DaemonSet") == []
    lacking = pool(ami_type="AL2023_x86_64_NVIDIA", ami_has_device_plugin=False)
    with_plugin = changed(
        SELF_HOSTED, pools=(lacking,), images=(*CLINIC.images, image("nvidia-device-plugin"))
    )
    spec = with_plugin.one("kubernetes:apps/v1:DaemonSet").props["spec"]["template"]["spec"]
    assert spec["nodeSelector"] == {"inferplan/device-plugin": "true"}
    assert gpu_groups(with_plugin)[0].props["labels"]["inferplan/device-plugin"] == "true"
    with pytest.raises(NotBuilt, match="device plugin"):
        changed(SELF_HOSTED, pools=(lacking,))


def test_autoscaler_may_resize_only_this_cluster(stack: Recorded) -> None:
    """GPU groups start at zero, so something has to raise them, and nothing else (field-notes 34)."""
    role = stack.one("aws:iam/rolePolicy:RolePolicy", "autoscaler-access-policy").props["policy"]
    resize = next(item for item in json.loads(role)["Statement"] if item["Sid"] == "Resize")
    key = f"aws:ResourceTag/k8s.io/cluster-autoscaler/{CLINIC.cluster.name}"
    assert resize["Condition"] == {"StringEquals": {key: "owned"}}
    container = stack.one("kubernetes:apps/v1:Deployment", "autoscaler-deployment").props["spec"]["template"][
        "spec"
    ]
    # The static list lacks p5e, p6-b300 and g7 (aws-real 7): the role may ask instead.
    assert not any("static-instance-list" in said for said in container["containers"][0]["args"])
    look = next(item for item in json.loads(role)["Statement"] if item["Sid"] == "Look")
    assert "ec2:DescribeInstanceTypes" in look["Action"]


def test_development_leaves_nothing_behind() -> None:
    """Protection and retention are for production (field-notes 43)."""
    made = changed(SELF_HOSTED, target={"environment": "development"})
    assert made.one("aws:eks/cluster:Cluster").props["deletionProtection"] is False
    assert made.one("aws:s3/bucket:Bucket", "weights-bucket").props["forceDestroy"] is True
    assert all(repository.props["forceDelete"] for repository in made.of("aws:ecr/repository:Repository"))


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"gateway": {"existing_url": "https://llm.example"}}, "gateway.existing"),
        ({"target": {"platform": "kubernetes"}}, "target.platform"),
    ],
)
def test_what_cannot_be_built_is_refused_by_name(changes: dict[str, dict[str, Any]], field: str) -> None:
    """A bring-your-own block is never ignored silently."""
    with pytest.raises(NotBuilt, match=re.escape(field)):
        changed(SELF_HOSTED, **changes)


def test_other_partitions_get_their_own_arns() -> None:
    """Nothing spells out a partition: another one changes every ARN of ours."""
    moved = changed(
        SELF_HOSTED,
        target={"partition": "aws-eusc", "dns_suffix": "example.eu"},
        gateway={"certificate": None},
        cluster={"admins": ()},
        deploy_role=None,
    )
    for resource in moved.resources:
        for document in policy_documents(resource).values():
            assert "arn:aws:" not in document
            assert SUFFIX not in document


def test_plan_digest_changes_with_the_plan() -> None:
    """The digest is over the plan's canonical bytes."""
    assert plan_digest(CLINIC) == plan_digest(with_blocks(CLINIC, owner=CLINIC.owner))
    assert plan_digest(CLINIC) != plan_digest(with_blocks(CLINIC, data_class="internal"))


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
