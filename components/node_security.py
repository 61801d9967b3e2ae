"""Security groups of control plane, system nodes and GPU nodes, and every rule between them.

Not here: the group that EKS makes itself (it lets everything out, so no node carries it; field-notes 20).
"""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.group_rules import HTTPS, allow_between, allow_to_prefix_list
from components.watch.names import OBJECTS_PORT
from inferplan.records.plan import GivenCluster

KUBELET, METRICS_SERVER, EXTERNAL_METRICS, WEBHOOK, DNS = 10250, 10251, 6443, 9443, 53


@dataclass(frozen=True, kw_only=True, slots=True)
class NodeSecurityArgs:
    vpc_id: pulumi.Input[str]
    endpoint_security_group_id: pulumi.Input[str]
    s3_prefix_list_id: pulumi.Input[str]
    server_ports: tuple[int, ...]  # where model servers listen on GPU nodes
    gpu_nodes_talk: bool  # pods span nodes: tensors travel between GPU nodes, in clear
    existing: GivenCluster | None = None  # whose groups are taken; None: the cluster is made


class NodeSecurity(pulumi.ComponentResource):
    """`control_plane`, `system` and `gpu` are security group ids."""

    control_plane: pulumi.Output[str]
    system: pulumi.Output[str]
    gpu: pulumi.Output[str]

    def __init__(self, name: str, args: NodeSecurityArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("inferplan:index:NodeSecurity", name, None, opts)
        self._name, self._child = name, pulumi.ResourceOptions(parent=self)
        given = args.existing
        made = {
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
            if given is None or role != "control-plane"
        }
        self._groups = {role: group.id for role, group in made.items()}
        if given is not None:
            self._groups["control-plane"] = pulumi.Output.from_input(given.control_plane_group)
            self._groups["services"] = pulumi.Output.from_input(given.services_group)
        self.control_plane, self.system, self.gpu = (
            self._groups[role] for role in ("control-plane", "system", "gpu")
        )
        for node in ("system", "gpu"):
            self._allow(node, "control-plane", HTTPS, "API server")
            self._allow("control-plane", node, KUBELET, "kubelet")
            aws.vpc.SecurityGroupEgressRule(
                f"{name}-{node}-to-endpoints",
                security_group_id=self._groups[node],
                referenced_security_group_id=args.endpoint_security_group_id,
                description="AWS services",
                ip_protocol="tcp",
                from_port=HTTPS,
                to_port=HTTPS,
                opts=self._child,
            )
            allow_to_prefix_list(
                f"{name}-{node}-to-s3",
                group=self._groups[node],
                prefix_list_id=args.s3_prefix_list_id,
                why="weights and image layers",
                opts=self._child,
            )
            services = "system" if given is None else "services"
            self._allow(node, services, DNS, "cluster DNS")
            self._allow(node, services, DNS, "cluster DNS", protocol="udp")
            if given is not None:
                self._allow("services", node, KUBELET, "metrics of nodes")
        if given is not None:
            self._allow("system", "services", OBJECTS_PORT, "states of pods and nodes")
        self._allow("control-plane", "system", METRICS_SERVER, "metrics API")
        self._allow("control-plane", "system", EXTERNAL_METRICS, "metrics that replicas follow")
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
        allow_between(
            name,
            source=self._groups[source],
            destination=self._groups[target],
            port=port,
            why=why,
            opts=self._child,
            protocol=protocol,
        )
