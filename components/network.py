"""VPC, subnets by tier and zone, one empty route table each, flow logs, the endpoints' group; or a given VPC.

Not here: any route out (only egress_firewall adds one), VPC endpoints, DNS Firewall.
"""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.group_rules import HTTPS
from inferplan.records.plan import Network as PlannedNetwork
from inferplan.records.plan import Subnet

CALLER_TIERS = ("gpu", "system", "gateway")  # tiers whose hosts call AWS services through endpoints


@dataclass(frozen=True, kw_only=True, slots=True)
class NetworkArgs:
    """`flow_logs`: group and role of a network that is made; None for one that exists."""

    network: PlannedNetwork
    flow_logs: tuple[pulumi.Input[str], pulumi.Input[str]] | None


class Network(pulumi.ComponentResource):
    """`subnet_ids[tier]` in plan order; `subnets` and `route_table_ids` by (tier, zone id).

    Of a network that exists nothing is made: its routes and logs are its owner's.
    """

    vpc_id: pulumi.Output[str]
    cidr: str
    subnet_ids: dict[str, list[pulumi.Output[str]]]
    subnets: dict[tuple[str, str], pulumi.Output[str]]
    route_table_ids: dict[tuple[str, str], pulumi.Output[str]]
    endpoint_security_group_id: pulumi.Output[str]

    def __init__(self, name: str, args: NetworkArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("inferplan:index:Network", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        self.cidr = args.network.cidr
        self.subnet_ids, self.subnets, self.route_table_ids = {}, {}, {}
        if args.network.existing_vpc is None:
            self._make(name, args, child)
        else:
            self._take(args.network, args.network.existing_vpc)
        self.register_outputs({"vpcId": self.vpc_id, "subnetIds": self.subnet_ids})

    def _take(self, network: PlannedNetwork, vpc: str) -> None:
        self.vpc_id = pulumi.Output.from_input(vpc)
        self.endpoint_security_group_id = pulumi.Output.from_input(str(network.endpoint_group))
        for subnet in network.subnets:
            held = pulumi.Output.from_input(str(subnet.id))
            self.subnet_ids.setdefault(subnet.tier, []).append(held)
            self.subnets[subnet.tier, subnet.zone] = held

    def _make(self, name: str, args: NetworkArgs, child: pulumi.ResourceOptions) -> None:
        vpc = aws.ec2.Vpc(
            f"{name}-vpc",
            cidr_block=args.network.cidr,
            enable_dns_support=True,
            enable_dns_hostnames=True,
            tags={"Name": name},
            opts=child,
        )
        self.vpc_id = vpc.id
        # Without rules of ours it would let everything out (0.0.0.0/0) for whatever forgets to name a group.
        aws.ec2.DefaultSecurityGroup(
            f"{name}-default-group",
            vpc_id=vpc.id,
            ingress=[],
            egress=[],
            tags={"Name": f"{name}-unused"},
            opts=child,
        )
        if args.flow_logs is None:
            raise ValueError("a network that is made logs its flows")
        group, role = args.flow_logs
        aws.ec2.FlowLog(
            f"{name}-flow-log",
            vpc_id=vpc.id,
            traffic_type="ALL",
            log_destination_type="cloud-watch-logs",
            log_destination=group,
            iam_role_arn=role,
            opts=child,
        )
        for subnet in args.network.subnets:
            self._add(name, subnet, child)
        self.endpoint_security_group_id = self._endpoint_group(name, args.network, child)

    def _add(self, name: str, subnet: Subnet, child: pulumi.ResourceOptions) -> None:
        made = aws.ec2.Subnet(
            f"{name}-{subnet.name}",
            vpc_id=self.vpc_id,
            cidr_block=subnet.cidr,
            availability_zone_id=subnet.zone,
            map_public_ip_on_launch=False,
            tags={"Name": f"{name}-{subnet.name}", "inferplan:tier": subnet.tier},
            opts=child,
        )
        table = aws.ec2.RouteTable(
            f"{name}-{subnet.name}-routes",
            vpc_id=self.vpc_id,
            tags={"Name": f"{name}-{subnet.name}", "inferplan:tier": subnet.tier},
            opts=child,
        )
        aws.ec2.RouteTableAssociation(
            f"{name}-{subnet.name}-association", subnet_id=made.id, route_table_id=table.id, opts=child
        )
        self.subnet_ids.setdefault(subnet.tier, []).append(made.id)
        self.subnets[subnet.tier, subnet.zone] = made.id
        self.route_table_ids[subnet.tier, subnet.zone] = table.id

    def _endpoint_group(
        self, name: str, network: PlannedNetwork, child: pulumi.ResourceOptions
    ) -> pulumi.Output[str]:
        """One group for all interface endpoints: in on 443 from the calling tiers, nothing out."""
        group = aws.ec2.SecurityGroup(
            f"{name}-endpoints",
            vpc_id=self.vpc_id,
            description="VPC endpoints: 443 from the tiers that call AWS services",
            tags={"Name": f"{name}-endpoints"},
            opts=child,
        )
        for subnet in network.subnets:
            if subnet.tier in CALLER_TIERS:
                aws.vpc.SecurityGroupIngressRule(
                    f"{name}-endpoints-from-{subnet.name}",
                    security_group_id=group.id,
                    description=f"from {subnet.name}",
                    ip_protocol="tcp",
                    from_port=HTTPS,
                    to_port=HTTPS,
                    cidr_ipv4=subnet.cidr,
                    opts=child,
                )
        return group.id
