"""Own weights and vendors behind one gateway in the cluster; the way to vendors has a tier of its own.

Not here: the two halves (self_hosted, managed_api) and which route may use which (the plan, and policies).
"""

from __future__ import annotations

from components.deployment import Deployment
from components.gateway.nodes import GatewayNodes, GatewayNodesArgs
from inferplan.records.plan import Plan
from stacks import cluster_gateway, self_hosted
from stacks.managed_api import egress
from stacks.self_hosted import ClusterFoundation


def foundation(deployment: Deployment, plan: Plan) -> None:
    """The self-hosted foundation, with Bedrock behind an endpoint and other vendors behind the firewall."""
    made = self_hosted.cluster_foundation(deployment, plan)
    nodes, group = made.system_nodes.autoscaling_group_name, made.security.system
    if plan.network.firewall:
        egress(deployment, plan, made.base)
        own = _gateway_nodes(deployment, plan, made)
        nodes, group = own.autoscaling_group_name, own.security_group_id
    cluster_gateway.foundation(
        deployment, plan, made.base, made.cluster, node_groups=[nodes], security_group_id=group
    )


def workload(deployment: Deployment, plan: Plan) -> None:
    """Model servers and gateway in the cluster; the plan's configuration knows both kinds of backend."""
    self_hosted.workload(deployment, plan)


def _gateway_nodes(deployment: Deployment, plan: Plan, made: ClusterFoundation) -> GatewayNodes:
    if made.base.endpoints.s3_prefix_list_id is None:
        raise ValueError("nodes without an S3 gateway endpoint cannot pull images")
    return GatewayNodes(
        f"{plan.name}-gateway-nodes",
        GatewayNodesArgs(
            names=deployment.names,
            cluster=self_hosted.planned_cluster(plan),
            nodes=plan.gateway.replicas,
            server_ports=self_hosted.server_ports(plan),
            vpc_id=made.base.network.vpc_id,
            subnet_ids=made.base.network.subnet_ids["gateway"],
            security=made.security,
            endpoint_security_group_id=made.base.network.endpoint_security_group_id,
            s3_prefix_list_id=made.base.endpoints.s3_prefix_list_id,
            volumes_key_arn=made.base.keys.arns["ebs"],
            after=[made.cluster, made.base.endpoints, made.system_nodes],
        ),
        deployment.options(),
    )
