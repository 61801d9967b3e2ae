"""The way back to the gateway's clients: attachment to a transit gateway, routes for exactly their ranges.

Not here: who may come in (gateway.balancer), and the far end, whose owner accepts and routes to the VPC.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from inferplan.records.plan import ClientRoute

PEERING_PREFIX = "pcx-"


@dataclass(frozen=True, kw_only=True, slots=True)
class ClientRoutesArgs:
    """`route_table_ids` are the balancer tier's by zone id; no other tier learns of the clients."""

    routes: tuple[ClientRoute, ...]
    vpc_id: pulumi.Input[str]
    subnet_ids: Sequence[pulumi.Input[str]]
    route_table_ids: Mapping[str, pulumi.Input[str]]


class ClientRoutes(pulumi.ComponentResource):
    """A peering connection exists already; a transit gateway is attached here."""

    def __init__(self, name: str, args: ClientRoutesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("inferplan:index:ClientRoutes", name, None, opts)
        attached = {
            via: aws.ec2transitgateway.VpcAttachment(
                f"{name}-{via}",
                transit_gateway_id=via,
                vpc_id=args.vpc_id,
                subnet_ids=args.subnet_ids,
                tags={"Name": name},
                opts=pulumi.ResourceOptions(parent=self),
            )
            for via in dict.fromkeys(route.via for route in args.routes)
            if not via.startswith(PEERING_PREFIX)
        }
        for zone, table in args.route_table_ids.items():
            for number, route in enumerate(args.routes):
                attachment = attached.get(route.via)
                aws.ec2.Route(
                    f"{name}-{zone}-{number}",
                    route_table_id=table,
                    destination_cidr_block=route.cidr,
                    transit_gateway_id=route.via if attachment is not None else None,
                    vpc_peering_connection_id=None if attachment is not None else route.via,
                    opts=pulumi.ResourceOptions(
                        # EC2 knows no route to a transit gateway that the VPC is not attached to.
                        parent=self,
                        depends_on=[attachment] if attachment is not None else None,
                    ),
                )
        self.register_outputs({})
