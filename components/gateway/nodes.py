"""The gateway's own nodes when a cluster's gateway calls vendors outside AWS: the only ones with a way out.

Not here: the way itself (egress_firewall), and gateways that only call Bedrock (they run on system nodes).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components import iam, node_security
from components.group_rules import ANYWHERE, HTTPS, allow_between, allow_to, allow_to_prefix_list
from components.model_server_pod import POOL_LABEL
from components.names import Names
from components.node_group import BOTTLEROCKET_DATA_DEVICE, ROOT_DEVICE, NodeGroup, NodeGroupArgs
from components.node_security import NodeSecurity
from components.role import Role, RoleArgs
from inferplan.records.plan import Cluster

POOL = "gateway"
TAINT = "inferplan/gateway"  # nothing else may use the way out, and cluster services stay on system nodes
ROOT_GIB = 4
_POLICIES = {
    "node": "AmazonEKSWorkerNodePolicy",
    "cni": "AmazonEKS_CNI_Policy",
    "registry": "AmazonEC2ContainerRegistryPullOnly",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class GatewayNodesArgs:
    """`subnet_ids` are the gateway tier's, whose default route is the firewall; `after` holds the cluster."""

    names: Names
    cluster: Cluster
    nodes: int
    server_ports: tuple[int, ...]  # where model servers listen on GPU nodes
    vpc_id: pulumi.Input[str]
    subnet_ids: Sequence[pulumi.Input[str]]
    security: NodeSecurity
    endpoint_security_group_id: pulumi.Input[str]
    s3_prefix_list_id: pulumi.Input[str]
    volumes_key_arn: pulumi.Input[str]
    after: Sequence[pulumi.Resource]


class GatewayNodes(pulumi.ComponentResource):
    """`security_group_id` may open 443 to anywhere: route and firewall decide where that leads."""

    security_group_id: pulumi.Output[str]
    autoscaling_group_name: pulumi.Output[str]

    def __init__(self, name: str, args: GatewayNodesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("inferplan:index:GatewayNodes", name, None, opts)
        self._child = pulumi.ResourceOptions(parent=self)
        group = aws.ec2.SecurityGroup(
            f"{name}-group",
            vpc_id=args.vpc_id,
            description="gateway nodes: cluster, stores, model servers, and 443 towards the firewall",
            tags={"Name": f"{name}-group"},
            opts=self._child,
        )
        self.security_group_id = group.id
        self._rules(name, args)
        role = Role(
            f"{name}-role",
            RoleArgs(
                role_name=args.names.fixed("gateway-node"),
                trust=iam.trust(args.names, "ec2"),
                managed={short: args.names.aws_policy_arn(policy) for short, policy in _POLICIES.items()},
            ),
            self._child,
        )
        nodes = NodeGroup(
            f"{name}-nodes",
            NodeGroupArgs(
                cluster_name=args.cluster.name,
                group_name=POOL,
                instance_type=args.cluster.system_instance_type,
                ami_type=args.cluster.system_ami_type,
                volumes_gib={
                    ROOT_DEVICE: ROOT_GIB,
                    BOTTLEROCKET_DATA_DEVICE: args.cluster.system_data_volume_gib,
                },
                kms_key_arn=args.volumes_key_arn,
                node_role_arn=role.arn,
                security_group_id=group.id,
                subnet_ids=args.subnet_ids,
                desired_nodes=args.nodes,
                max_nodes=args.nodes,
                labels={POOL_LABEL: POOL},
                taint=TAINT,
                kubernetes_version=args.cluster.version,
                after=[*args.after, role],
            ),
            self._child,
        )
        self.autoscaling_group_name = nodes.autoscaling_group_name
        self.register_outputs({"securityGroupId": self.security_group_id})

    def _rules(self, name: str, args: GatewayNodesArgs) -> None:
        own, security = self.security_group_id, args.security
        between = [
            ("api", own, security.control_plane, HTTPS, "API server"),
            ("kubelet", security.control_plane, own, node_security.KUBELET, "kubelet"),
            ("metrics", security.system, own, node_security.KUBELET, "metrics of gateway nodes"),
            ("dns", own, security.system, node_security.DNS, "cluster DNS"),
            ("endpoints", own, args.endpoint_security_group_id, HTTPS, "AWS services"),
            *(
                (f"server-{port}", own, security.gpu, port, "gateway to model servers")
                for port in args.server_ports
            ),
        ]
        for role, source, destination, port, why in between:
            protocols = ("tcp", "udp") if port == node_security.DNS else ("tcp",)
            for protocol in protocols:
                allow_between(
                    f"{name}-{role}-{protocol}",
                    source=source,
                    destination=destination,
                    port=port,
                    protocol=protocol,
                    why=why,
                    opts=self._child,
                )
        allow_to_prefix_list(
            f"{name}-s3",
            group=own,
            prefix_list_id=args.s3_prefix_list_id,
            why="image layers",
            opts=self._child,
        )
        allow_to(
            f"{name}-firewall",
            group=own,
            cidr=ANYWHERE,
            port=HTTPS,
            why="towards the firewall, which knows the hosts of vendors",
            opts=self._child,
        )
