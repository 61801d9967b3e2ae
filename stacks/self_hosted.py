"""The stack of own weights on own GPUs: a VPC without an internet route, a cluster, and model servers in it.

Not here: values (the plan), the gateway's parts (gateway) and vendors outside (hybrid).
"""

from __future__ import annotations

from dataclasses import dataclass

import pulumi

from components import iam
from components.addons import (
    BEFORE_NODES,
    VOLUMES_DRIVER,
    VOLUMES_SERVICE_ACCOUNT,
    WEIGHTS_DRIVER,
    WEIGHTS_SERVICE_ACCOUNT,
    Addons,
    AddonsArgs,
)
from components.cluster import Cluster, ClusterArgs
from components.deployment import Deployment
from components.device_plugin import NODE_LABEL as DEVICE_PLUGIN_LABEL
from components.device_plugin import DevicePlugin, DevicePluginArgs
from components.gateway.pod import GATEWAY_LABELS
from components.isolated_namespace import IsolatedNamespace, IsolatedNamespaceArgs
from components.model_server import ModelServer, ModelServerArgs
from components.model_server_pod import POOL_LABEL
from components.node_autoscaler import IMAGE as AUTOSCALER
from components.node_autoscaler import (
    AutoscalerAccess,
    AutoscalerAccessArgs,
    NodeAutoscaler,
    NodeAutoscalerArgs,
)
from components.node_group import (
    ACCELERATOR_LABEL,
    BOTTLEROCKET_DATA_DEVICE,
    GPU_TAINT,
    ROOT_DEVICE,
    ZONE_LABEL,
    NodeGroup,
    NodeGroupArgs,
    volumes_gib,
)
from components.node_security import NodeSecurity, NodeSecurityArgs
from components.role import Role, RoleArgs
from components.weights import Weights, WeightsArgs
from inferplan.records.plan import Cluster as PlannedCluster
from inferplan.records.plan import Image, Plan, Pool
from stacks import DEVICE_PLUGIN, cluster_gateway, watch
from stacks.mirror import mirror
from stacks.node_roles import TUNNEL_POLICY, node_role, volumes_role
from stacks.runner import runner, runner_logs
from stacks.shared import Base, export_base, foundation_of, is_production, use_cluster
from stacks.shared import base as make_base

LOCK_DAYS = {True: 365, False: 1}  # by production: how long mirrored weights cannot be replaced
SYSTEM_ROOT_GIB = 4  # Bottlerocket's own volume; images and pods are on the data volume


@dataclass(frozen=True, kw_only=True, slots=True)
class ClusterFoundation:
    """What the gateway's parts attach to."""

    base: Base
    cluster: Cluster
    security: NodeSecurity
    system_nodes: NodeGroup


def foundation(deployment: Deployment, plan: Plan) -> None:
    """Everything in AWS, before images and weights are mirrored."""
    made = cluster_foundation(deployment, plan)
    cluster_gateway.foundation(
        deployment,
        plan,
        made.base,
        made.cluster,
        node_groups=[made.system_nodes.autoscaling_group_name],
        security_group_id=made.security.system,
    )


def workload(deployment: Deployment, plan: Plan) -> None:
    """Everything in the cluster, after the mirror has filled registry and bucket."""
    reference = foundation_of(deployment, plan)
    use_cluster(deployment, plan, reference)
    model_servers(deployment, plan)
    cluster_gateway.workload(deployment, plan, reference)


def cluster_foundation(deployment: Deployment, plan: Plan) -> ClusterFoundation:
    """Network, keys, cluster, nodes and weights; the gateway is added by the caller."""
    planned = planned_cluster(plan)
    given = planned.existing
    cluster_logs = {} if given else {"cluster": f"/aws/eks/{planned.name}/cluster"}
    base = make_base(
        deployment,
        plan,
        keys=("data", "logs", "secrets", "ebs"),
        logs=cluster_logs | runner_logs(plan, deployment.names) | watch.log_groups(deployment, plan),
    )
    if base.endpoints.s3_prefix_list_id is None:
        raise ValueError("a cluster without an S3 gateway endpoint cannot pull images")
    security = NodeSecurity(
        f"{plan.name}-nodes",
        NodeSecurityArgs(
            vpc_id=base.network.vpc_id,
            endpoint_security_group_id=base.network.endpoint_security_group_id,
            s3_prefix_list_id=base.endpoints.s3_prefix_list_id,
            server_ports=server_ports(plan),
            gpu_nodes_talk=any(server.pipeline_parallel > 1 for server in plan.servers)
            or any(pool.efa for pool in plan.pools),
            existing=given,
        ),
        deployment.options(),
    )
    cluster = Cluster(
        f"{plan.name}-eks",
        ClusterArgs(
            names=deployment.names,
            cluster=planned,
            deploy_role=plan.deploy_role,
            production=is_production(plan),
            subnet_ids=base.network.subnet_ids["system"],
            security_group_id=security.control_plane,
            secrets_key_arn=base.keys.arns["secrets"],
            log_group=base.logs.groups.get("cluster"),
        ),
        deployment.options(),
    )
    system_nodes = _nodes(deployment, plan, base=base, security=security, cluster=cluster)
    watch.foundation(deployment, plan, cluster)
    export_base(deployment, base)
    mirror(deployment, plan, base)
    runner(deployment, plan, base, cluster, security.control_plane)
    pulumi.export("clusterName", planned.name)
    pulumi.export("clusterEndpoint", cluster.endpoint)
    pulumi.export("clusterCertificateAuthority", cluster.certificate_authority)
    pulumi.export("weightsBucket", plan.weights_bucket)
    return ClusterFoundation(base=base, cluster=cluster, security=security, system_nodes=system_nodes)


def server_ports(plan: Plan) -> tuple[int, ...]:
    """Where model servers listen, each port once."""
    return tuple(sorted({server.port for server in plan.servers}))


def planned_cluster(plan: Plan) -> PlannedCluster:
    """The plan's cluster, which every stack with own weights has."""
    if plan.cluster is None or plan.weights_bucket is None:
        raise ValueError("a stack with own weights needs a cluster and a weights bucket in its plan")
    return plan.cluster


def _nodes(
    deployment: Deployment,
    plan: Plan,
    *,
    base: Base,
    security: NodeSecurity,
    cluster: Cluster,
) -> NodeGroup:
    """Add-ons that nodes need, system nodes, the other add-ons, GPU nodes: in this order (field-notes 6)."""
    planned = planned_cluster(plan)
    first = {name: version for name, version in planned.addons.items() if name in BEFORE_NODES}
    rest = {name: version for name, version in planned.addons.items() if name not in BEFORE_NODES}
    network_addons = Addons(
        f"{plan.name}-addons-first",
        AddonsArgs(cluster_name=planned.name, versions=first, roles={}, after=[cluster]),
        deployment.options(),
    )
    reach = [network_addons, base.endpoints]
    tunnel = {"tunnel": TUNNEL_POLICY} if planned.deploy_from == "tunnel" else {}
    system_role = node_role(deployment, plan, "system", tunnel)
    system_nodes = NodeGroup(
        f"{plan.name}-system",
        NodeGroupArgs(
            cluster_name=planned.name,
            group_name="system",
            instance_type=planned.system_instance_type,
            ami_type=planned.system_ami_type,
            volumes_gib={
                ROOT_DEVICE: SYSTEM_ROOT_GIB,
                BOTTLEROCKET_DATA_DEVICE: planned.system_data_volume_gib,
            },
            kms_key_arn=base.keys.arns["ebs"],
            node_role_arn=system_role.arn,
            security_group_id=security.system,
            subnet_ids=base.network.subnet_ids["system"],
            desired_nodes=planned.system_nodes,
            max_nodes=planned.system_nodes,
            labels={POOL_LABEL: "system"},
            kubernetes_version=planned.version,
            after=[*reach, system_role],
        ),
        deployment.options(),
    )
    weights_role = _weights(deployment, plan, base)
    roles: dict[str, tuple[str, pulumi.Input[str]]] = {
        WEIGHTS_DRIVER: (WEIGHTS_SERVICE_ACCOUNT, weights_role.arn)
    }
    identities: list[Role] = [weights_role]
    if VOLUMES_DRIVER in rest:
        volumes = volumes_role(deployment, plan)
        roles[VOLUMES_DRIVER] = (VOLUMES_SERVICE_ACCOUNT, volumes.arn)
        identities.append(volumes)
    other_addons = Addons(
        f"{plan.name}-addons",
        AddonsArgs(
            cluster_name=planned.name,
            versions=rest,
            roles=roles,
            after=[system_nodes, *identities],
        ),
        deployment.options(),
    )
    if _image(plan, AUTOSCALER) is not None:
        AutoscalerAccess(
            f"{plan.name}-autoscaler",
            AutoscalerAccessArgs(names=deployment.names, cluster_name=planned.name, cluster=cluster),
            deployment.options(),
        )
    gpu_role = node_role(deployment, plan, "gpu")
    for pool in plan.pools:
        for zone in pool.zones:
            _gpu_group(
                deployment,
                plan,
                pool,
                zone,
                base=base,
                role=gpu_role,
                group=security.gpu,
                after=[*reach, other_addons, gpu_role],
            )
    return system_nodes


def _weights(deployment: Deployment, plan: Plan, base: Base) -> Role:
    """The bucket, and the role of the driver that mounts it read-only."""
    bucket = str(plan.weights_bucket)
    names, production = deployment.names, is_production(plan)
    Weights(
        f"{plan.name}-weights",
        WeightsArgs(
            names=names,
            bucket=bucket,
            kms_key_arn=base.keys.arns["data"],
            lock_days=LOCK_DAYS[production],
            keep=production,
        ),
        deployment.options(),
    )
    arn = names.bucket_arn(bucket)
    return Role(
        f"{plan.name}-weights-reader",
        RoleArgs(
            role_name=names.fixed("weights"),
            trust=iam.pod_identity_trust(names),
            managed={},
            policy=iam.policy(
                [
                    {"Sid": "List", "Effect": "Allow", "Action": "s3:ListBucket", "Resource": arn},
                    {"Sid": "Read", "Effect": "Allow", "Action": "s3:GetObject", "Resource": f"{arn}/*"},
                    iam.key_use(names, "data"),
                ]
            ),
        ),
        deployment.options(),
    )


def _gpu_group(
    deployment: Deployment,
    plan: Plan,
    pool: Pool,
    zone: str,
    *,
    base: Base,
    role: Role,
    group: pulumi.Output[str],
    after: list[pulumi.Resource],
) -> None:
    planned = planned_cluster(plan)
    labels = {POOL_LABEL: pool.name, ZONE_LABEL: zone, ACCELERATOR_LABEL: pool.gpu}
    if not pool.ami_has_device_plugin:
        labels[DEVICE_PLUGIN_LABEL] = "true"
    NodeGroup(
        f"{plan.name}-{pool.name}-{zone}",
        NodeGroupArgs(
            cluster_name=planned.name,
            group_name=f"{pool.name}-{zone}",
            instance_type=pool.instance_type,
            ami_type=pool.ami_type,
            volumes_gib=volumes_gib(pool),
            volume_mib_s=pool.volume_mib_s,
            kms_key_arn=base.keys.arns["ebs"],
            node_role_arn=role.arn,
            security_group_id=group,
            subnet_ids=[base.network.subnets["gpu", zone]],
            desired_nodes=0,
            max_nodes=pool.max_nodes,
            labels=labels,
            kubernetes_version=planned.version,
            autoscaled=True,
            gpu=True,
            taint=GPU_TAINT,
            capacity=pool.capacity,
            capacity_id=pool.capacity_id,
            efa_interfaces=pool.efa_interfaces,
            efa_first_card=pool.efa_first_card,
            placement_group=pool.placement_group,
            running=pool.running,
            after=after,
        ),
        deployment.options(),
    )


def model_servers(deployment: Deployment, plan: Plan) -> None:
    """The inference namespace with every server, and the cluster services that servers need."""
    planned = planned_cluster(plan)
    namespace = IsolatedNamespace(
        f"{plan.name}-inference", IsolatedNamespaceArgs(namespace=planned.namespace), deployment.options()
    )
    _cluster_services(deployment, plan, planned)
    for server in plan.servers:
        ModelServer(
            f"{plan.name}-{server.name}",
            ModelServerArgs(
                names=deployment.names,
                server=server,
                namespace=planned.namespace,
                gateway_namespace=cluster_gateway.namespace(plan),
                gateway_labels=GATEWAY_LABELS,
                bucket=str(plan.weights_bucket),
            ),
            deployment.options(depends_on=[namespace]),
        )
    watch.workload(deployment, plan, planned.namespace, after=[namespace])


def _cluster_services(deployment: Deployment, plan: Plan, planned: PlannedCluster) -> None:
    registry = deployment.names.registry()
    plugin = _image(plan, DEVICE_PLUGIN)
    if plugin is not None and not all(pool.ami_has_device_plugin for pool in plan.pools):
        DevicePlugin(
            f"{plan.name}-device-plugin",
            DevicePluginArgs(image=plugin.reference(registry)),
            deployment.options(),
        )
    autoscaler = _image(plan, AUTOSCALER)
    if autoscaler is not None:
        NodeAutoscaler(
            f"{plan.name}-autoscaler",
            NodeAutoscalerArgs(
                image=autoscaler.reference(registry), cluster_name=planned.name, region=plan.target.region
            ),
            deployment.options(),
        )


def _image(plan: Plan, name: str) -> Image | None:
    return next((image for image in plan.images if image.name == name), None)
