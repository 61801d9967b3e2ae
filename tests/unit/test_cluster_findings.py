"""Area of concern: what the planned workload lacked on a real scheduler and for its own vLLM (k8s numbers).

Not here: what only a control plane can show (tests/cluster/test_scheduling.py carries 2, 3 and 4 as well).
"""

from __future__ import annotations

from itertools import chain

import pytest

from inferplan import catalog
from inferplan.plan import system_nodes
from inferplan.plan.images import VLLM_VERSION
from inferplan.plan.make import make_plan
from inferplan.plan.own_weights.instance_choice import TENSOR_PARALLEL, node_memory_gib, pod_memory_gib
from inferplan.records.plan import Plan
from policies.gates import gates
from tests.aws.variants import firewalled
from tests.cluster import addons
from tests.cluster.nodes import amounts, instance_types
from tests.unit.plan_edits import AS_OF, EXAMPLES, with_environment
from tests.unit.recorded import (
    HYBRID,
    SELF_HOSTED,
    STACKS,
    Recorded,
    changed,
    planned,
    recorded,
    server,
)

DEPLOYMENT = "kubernetes:apps/v1:Deployment"
SET = "kubernetes:leaderworkerset.x-k8s.io/v1:LeaderWorkerSet"
TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate"
WITH_SERVERS = tuple(name for name in dict.fromkeys((*STACKS, *EXAMPLES)) if planned(name).servers)


def spanning(**fields: object) -> Recorded:
    """The clinic with a server whose replicas take two nodes each."""
    return changed(SELF_HOSTED, servers=(server(pipeline_parallel=2, **fields),))


def test_every_zone_has_its_own_groups_k8s_2() -> None:
    """A set for each zone with its share, on nodes of that zone, one after the other in an update."""
    made = spanning()
    sets = made.of(SET)
    zones = server().zones
    assert len(sets) == len(zones) == 2
    for found, zone in zip(sorted(sets, key=lambda one: one.name), sorted(zones), strict=True):
        spec = found.props["spec"]
        assert found.props["metadata"]["name"] == f"llm-qwen-{zone}"
        assert spec["replicas"] == server().replicas_per_zone
        for role in ("leaderTemplate", "workerTemplate"):
            selector = spec["leaderWorkerTemplate"][role]["spec"]["nodeSelector"]
            assert selector["inferplan/zone"] == zone
    first, second = (next(one for one in sets if one.name.endswith(zone)) for zone in zones)
    assert first.urn in second.dependencies
    assert first.props["metadata"]["annotations"] == {"pulumi.com/waitFor": "condition=Available"}
    groups = [group for group in made.of("aws:eks/nodeGroup:NodeGroup") if "gpu" in group.name]
    assert {group.props["labels"]["inferplan/zone"] for group in groups} == set(zones)


def test_one_set_stays_one_where_no_zone_need_be_survived_k8s_2() -> None:
    """Its nodes stand in one zone anyway, and its name does not change."""
    (found,) = spanning(zones=(), replicas_per_zone=2, replicas=2).of(SET)

    assert found.props["metadata"]["name"] == "llm-qwen"
    assert found.props["spec"]["replicas"] == 2
    leader = found.props["spec"]["leaderWorkerTemplate"]["leaderTemplate"]["spec"]
    assert leader["nodeSelector"] == {"inferplan/pool": "gpu-qwen"}


def test_no_zone_takes_the_share_of_another_k8s_3() -> None:
    """Up to its share a zone is filled whatever the others hold; an even spread is a wish."""
    (pods,) = [one for one in recorded(SELF_HOSTED).of(DEPLOYMENT) if "llm" in one.name]
    rule, wish = pods.props["spec"]["template"]["spec"]["topologySpreadConstraints"]
    planned_server = server()

    assert planned_server.replicas_per_zone * len(planned_server.zones) == planned_server.replicas
    assert (rule["maxSkew"], rule["minDomains"]) == (planned_server.replicas_per_zone, 2)
    assert rule["whenUnsatisfiable"] == "DoNotSchedule"
    assert (wish["maxSkew"], wish["whenUnsatisfiable"]) == (1, "ScheduleAnyway")


def room_for_an_update(plan: Plan) -> bool:
    """One gateway pod more than the replicas, with all services on each node."""
    assert plan.cluster is not None
    pod = system_nodes.gateway_pod(plan.gateway)
    (type_,) = [one for one in system_nodes.LARGE_TO_XLARGE if one.name == plan.cluster.system_instance_type]
    left = system_nodes.allocatable(type_) - system_nodes.ON_EACH_NODE
    nodes = plan.gateway.replicas if plan.network.firewall else plan.cluster.system_nodes
    if not plan.network.firewall:
        left -= system_nodes.SERVICES
    return nodes * min(left.cpu // pod.cpu, left.memory_mib // pod.memory_mib) > plan.gateway.replicas


@pytest.mark.parametrize("stack", WITH_SERVERS)
def test_the_surge_of_the_gateway_has_room_k8s_4(stack: str) -> None:
    """Also with helpers beside the proxy, and on nodes of its own."""
    assert room_for_an_update(planned(stack))


def test_helpers_of_the_gateway_take_nodes_k8s_4() -> None:
    """The bank's gateway with redaction does not fit twice on a node; the clinic's without does."""
    bank, clinic = planned(HYBRID), planned(SELF_HOSTED)
    assert bank.cluster is not None
    assert clinic.cluster is not None

    assert bank.gateway.sidecars
    assert (bank.cluster.system_nodes, clinic.cluster.system_nodes) == (3, 2)
    small = make_plan(with_environment(firewalled("hybrid"), "development"), AS_OF, gates)
    assert small.cluster is not None
    assert small.gateway.replicas == 1
    assert small.cluster.system_instance_type == "m6i.xlarge"  # its one node holds two pods in an update


def test_room_is_counted_as_eks_and_the_add_ons_do_k8s_4() -> None:
    """The planner's own figures against EC2's, EKS's table and the add-ons' requests."""
    for type_ in system_nodes.LARGE_TO_XLARGE:
        facts = instance_types()[type_.name]
        has = system_nodes.allocatable(type_)
        _, allocatable = amounts(type_.name, 50)
        assert facts["VCpuInfo"]["DefaultVCpus"] == type_.vcpu
        assert facts["MemoryInfo"]["SizeInMiB"] == type_.memory_mib
        assert (f"{has.cpu}m", f"{has.memory_mib}Mi") == (allocatable["cpu"], allocatable["memory"])
        assert allocatable["pods"] == str(type_.max_pods)
    cpu, memory = addons.requested("DaemonSet")
    assert cpu <= system_nodes.ON_EACH_NODE.cpu
    assert memory <= system_nodes.ON_EACH_NODE.memory_mib
    cpu, memory = addons.requested("Deployment")
    (autoscaler,) = [one for one in recorded(SELF_HOSTED).of(DEPLOYMENT) if "autoscaler" in one.name]
    asked = autoscaler.props["spec"]["template"]["spec"]["containers"][0]["resources"]["requests"]
    assert asked == {"cpu": "100m", "memory": "600Mi"}
    assert cpu + 100 <= system_nodes.SERVICES.cpu
    assert memory + 600 <= system_nodes.SERVICES.memory_mib


def sizes() -> list[tuple[str, int]]:
    usable = [one for one in catalog.instances().values() if one.vllm == "ok" and one.offered]
    return [
        (one.type, tensor)
        for one in usable
        for tensor in TENSOR_PARALLEL
        if tensor <= one.count and one.count % tensor == 0 and one.vcpu > 2
    ]


@pytest.mark.parametrize(("instance_type", "tensor_parallel"), sizes())
def test_what_pods_ask_for_a_node_has(instance_type: str, tensor_parallel: int) -> None:
    """Memory for the pods of a node beside the DaemonSets, on every type and with every parallel size."""
    instance = catalog.instance(instance_type)
    by_memory = node_memory_gib(instance) // pod_memory_gib(tensor_parallel)
    pods = min(instance.count // tensor_parallel, by_memory)
    assert pods >= 1
    asked = min(node_memory_gib(instance) // pods, 2 * pod_memory_gib(tensor_parallel)) * pods * 1024
    _, allocatable = amounts(instance_type, 100)

    assert asked + addons.requested("DaemonSet")[1] <= int(allocatable["memory"].removesuffix("Mi"))


@pytest.mark.parametrize("stack", WITH_SERVERS)
def test_a_pod_answers_what_it_has_begun_k8s_5(stack: str) -> None:
    """The engine waits for the longest request, and the kubelet for the engine."""
    plan = planned(stack)
    pods = {one.props["metadata"]["name"]: one.props["spec"] for one in recorded(stack).of(DEPLOYMENT)}
    for one in plan.servers:
        longest = max(route.timeout_seconds for route in plan.routes if route.name in one.routes)
        spec = pods[one.name]["template"]["spec"]
        (container,) = spec["containers"]
        before = container["lifecycle"]["preStop"]["sleep"]["seconds"]

        assert container["args"][container["args"].index("--shutdown-timeout") + 1] == str(longest)
        assert spec["terminationGracePeriodSeconds"] == before + longest + 30 == longest + 45
    assert "--shutdown-timeout" in catalog.vllm_flags(VLLM_VERSION)


@pytest.mark.parametrize("stack", WITH_SERVERS)
def test_volumes_hold_two_images_and_are_fast_k8s_7(stack: str) -> None:
    """An image is 12 GB pulled and 28.6 GB unpacked, and an update needs the old one beside the new one."""
    for pool in planned(stack).pools:
        device = "/dev/xvdb" if pool.data_volume_gib is not None else "/dev/xvda"
        templates = [one for one in recorded(stack).of(TEMPLATE) if f"-{pool.name}-" in one.name]
        assert templates
        for template in templates:
            disks = {disk["deviceName"]: disk["ebs"] for disk in template.props["blockDeviceMappings"]}
            assert disks[device]["volumeSize"] >= 80
            assert disks[device]["volumeSize"] * 2**30 > 2 * (12 + 28.6) * 1e9
            assert 500 <= disks[device]["throughput"] <= 0.25 * 3000  # MiB/s that gp3's own IOPS allow
            others = [disk for name, disk in disks.items() if name != device]
            assert not any("throughput" in disk for disk in others)


@pytest.mark.parametrize("stack", WITH_SERVERS)
def test_the_autoscaler_asks_for_types_and_is_probed_k8s_8_k8s_10(stack: str) -> None:
    """Its built-in list lacks p5e, p6-b300 and g7; and one that hangs is restarted."""
    (pods,) = [one for one in recorded(stack).of(DEPLOYMENT) if "autoscaler" in one.name]
    (container,) = pods.props["spec"]["template"]["spec"]["containers"]

    assert not any("static-instance-list" in said for said in container["args"])
    for probe in ("livenessProbe", "readinessProbe"):
        assert container[probe]["httpGet"] == {"path": "/health-check", "port": "http"}
    assert container["ports"] == [{"containerPort": 8085, "name": "http"}]


@pytest.mark.parametrize("stack", WITH_SERVERS)
def test_an_update_orders_no_node_k8s_9(stack: str) -> None:
    """While one pod ends its successor waits for its GPU; the start is predicted with that wait."""
    for one in planned(stack).servers:
        (pods,) = [d for d in recorded(stack).of(DEPLOYMENT) if d.name.endswith(f"{one.name}-deployment")]
        template = pods.props["spec"]["template"]
        (said,) = template["metadata"]["annotations"].values()
        assert list(template["metadata"]["annotations"]) == [
            "cluster-autoscaler.kubernetes.io/pod-scale-up-delay"
        ]
        delay = int(said.removesuffix("s"))

        assert delay > template["spec"]["terminationGracePeriodSeconds"]
        assert pods.props["spec"]["progressDeadlineSeconds"] > delay + one.startup.seconds_high
        assert int(one.startup.pulumi_timeout.removesuffix("m")) * 60 > one.startup.progress_deadline_seconds


@pytest.mark.parametrize("stack", WITH_SERVERS)
def test_user_ids_are_above_those_of_nodes_k8s_10(stack: str) -> None:
    """An id below 10,000 may be somebody's on the node."""
    pods = chain(recorded(stack).of(DEPLOYMENT), recorded(stack).of("kubernetes:batch/v1:Job"))
    found = {pod.name: pod.props["spec"]["template"]["spec"]["securityContext"]["runAsUser"] for pod in pods}

    assert found
    assert all(user >= 10_000 for user in found.values()), found


def test_every_pod_of_a_node_may_go_with_it() -> None:
    """A node that pods share can be drained; without a spare one the others would wait for ever."""
    for stack in (SELF_HOSTED, HYBRID):
        (one,) = planned(stack).servers
        (budget,) = [
            found.props["spec"]
            for found in recorded(stack).of("kubernetes:policy/v1:PodDisruptionBudget")
            if one.name in found.name
        ]
        assert budget["maxUnavailable"] == one.pods_per_node
    assert planned(HYBRID).servers[0].pods_per_node == 4


def test_amounts_follow_eks() -> None:
    """What EKS publishes of a p5.48xlarge, with its pods counted by table, and of a g7e.2xlarge by rule."""
    _, big = amounts("p5.48xlarge", 100)
    _, small = amounts("g7e.2xlarge", 100)

    assert (big["cpu"], big["pods"], big["nvidia.com/gpu"]) == ("191450m", "100", "8")
    assert (small["cpu"], small["pods"], small["nvidia.com/gpu"]) == ("7910m", "254", "1")
    assert small["memory"] == f"{int(65536 * 0.925) - 255 - 11 * 254 - 100}Mi"


@pytest.mark.parametrize("stack", WITH_SERVERS)
def test_no_pod_takes_an_attachment_of_its_node(stack: str) -> None:
    """How many EBS volumes a type can carry never decides where a pod stands: weights are mounted from S3."""
    volumes = recorded(stack).of("kubernetes:core/v1:PersistentVolume")
    claims = recorded(stack).of("kubernetes:core/v1:PersistentVolumeClaim")

    assert volumes
    assert {volume.props["spec"]["csi"]["driver"] for volume in volumes} == {"s3.csi.aws.com"}
    assert {claim.props["spec"]["volumeName"] for claim in claims} == {
        volume.props["metadata"]["name"] for volume in volumes
    }
