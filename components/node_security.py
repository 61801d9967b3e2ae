"""Security groups of control plane, system nodes and GPU nodes, and every rule between them.

Not here: the group that EKS makes itself (it lets everything out, so no node carries it; field-notes 20).
"""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

KUBELET, METRICS_SERVER, WEBHOOK, DNS, HTTPS = 10250, 10251, 9443, 53, 443


@dataclass(frozen=True, kw_only=True, slots=True)
class NodeSecurityArgs:
    vpc_id: pulumi.Input[str]
    endpoint_security_group_id: pulumi.Input[str]
    s3_prefix_list_id: pulumi.Input[str]
    server_ports: tuple[int, ...]  # where model servers listen on GPU nodes
    gpu_nodes_talk: bool  # pods span nodes: tensors travel between GPU nodes, in clear


class NodeSecurity(pulumi.ComponentResource):
    """`control_plane`, `system` and `gpu` are security group ids."""

    control_plane: pulumi.Output[str]
    system: pulumi.Output[str]
    gpu: pulumi.Output[str]

    def __init__(self, name: str, args: NodeSecurityArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("inferplan:index:NodeSecurity", name, None, opts)
        self._name, self._child = name, pulumi.ResourceOptions(parent=self)
        groups = {
            role: aws.ec2.SecurityGroup(
                f"{name}-{role}",
                vpc_id=args.vpc_id,
                description=description,
                tags={"Name": f"{name}-{role}"},
                opts=self._child,
            )
            for role, description in (
                ("control-plane", "EKS control plane interfaces"),
                ("system", "system nodes: cluster services and gateway"),
                ("gpu", "GPU nodes: model servers"),
            )
        }
        self._groups = {role: group.id for role, group in groups.items()}
        self.control_plane, self.system, self.gpu = self._groups.values()
        for node in ("system", "gpu"):
            self._allow(node, "control-plane", HTTPS, "API server")
            self._allow("control-plane", node, KUBELET, "kubelet")
            self._out(
                node,
                "endpoints",
                "AWS services",
                referenced_security_group_id=args.endpoint_security_group_id,
            )
            self._out(node, "s3", "weights and image layers", prefix_list_id=args.s3_prefix_list_id)
            self._allow(node, "system", DNS, "cluster DNS")
            self._allow(node, "system", DNS, "cluster DNS", protocol="udp")
        self._allow("control-plane", "system", METRICS_SERVER, "metrics API")
        self._allow("control-plane", "system", WEBHOOK, "admission webhooks")
        self._allow("system", "system", None, "cluster services and gateway", protocol="-1")
        self._allow("system", "gpu", KUBELET, "metrics of GPU nodes")
        for port in args.server_ports:
            self._allow("system", "gpu", port, "gateway to model servers")
        if args.gpu_nodes_talk:
            # EFA needs the group's own egress as well as ingress (pitfalls 1.12).
            self._allow("gpu", "gpu", None, "tensors between the nodes of one server", protocol="-1")
        self.register_outputs(dict(self._groups))

    def _allow(self, source: str, target: str, port: int | None, why: str, *, protocol: str = "tcp") -> None:
        """Out of one group and into the other."""
        name = f"{self._name}-{source}-to-{target}-{'all' if port is None else port}-{protocol.strip('-')}"
        aws.vpc.SecurityGroupEgressRule(
            f"{name}-out",
            security_group_id=self._groups[source],
            referenced_security_group_id=self._groups[target],
            description=why,
            ip_protocol=protocol,
            from_port=port,
            to_port=port,
            opts=self._child,
        )
        aws.vpc.SecurityGroupIngressRule(
            f"{name}-in",
            security_group_id=self._groups[target],
            referenced_security_group_id=self._groups[source],
            description=why,
            ip_protocol=protocol,
            from_port=port,
            to_port=port,
            opts=self._child,
        )

    def _out(
        self,
        source: str,
        target: str,
        why: str,
        *,
        referenced_security_group_id: pulumi.Input[str] | None = None,
        prefix_list_id: pulumi.Input[str] | None = None,
    ) -> None:
        aws.vpc.SecurityGroupEgressRule(
            f"{self._name}-{source}-to-{target}",
            security_group_id=self._groups[source],
            referenced_security_group_id=referenced_security_group_id,
            prefix_list_id=prefix_list_id,
            description=why,
            ip_protocol="tcp",
            from_port=HTTPS,
            to_port=HTTPS,
            opts=self._child,
        )
