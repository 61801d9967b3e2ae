"""The gateway's Valkey: shared rate limits and budgets between replicas, IAM login, encrypted both ways.

Not here: prompts or answers, which the gateway does not cache.
"""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

PORT = 6379


@dataclass(frozen=True, kw_only=True, slots=True)
class CacheArgs:
    """`cache_name` and `user` are fixed: IAM names them, and clients sign in with them."""

    cache_name: str
    user: str
    node_type: str
    nodes: int  # more than one: in several zones, with failover
    vpc_id: pulumi.Input[str]
    subnet_ids: list[pulumi.Output[str]]
    kms_key_arn: pulumi.Input[str]


class Cache(pulumi.ComponentResource):
    """`security_group_id` has no rules yet: callers add one for themselves."""

    address: pulumi.Output[str]
    security_group_id: pulumi.Output[str]

    def __init__(self, name: str, args: CacheArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("inferplan:index:Cache", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        group = aws.ec2.SecurityGroup(
            f"{name}-group",
            vpc_id=args.vpc_id,
            description="Valkey of the gateway: in from the gateway, nothing out",
            tags={"Name": f"{name}-group"},
            opts=child,
        )
        subnets = aws.elasticache.SubnetGroup(f"{name}-subnets", subnet_ids=args.subnet_ids, opts=child)
        user = aws.elasticache.User(
            f"{name}-user",
            user_id=args.user,
            user_name=args.user,  # IAM login demands that both are the same
            engine="valkey",
            # Keys and channels: the proxy broadcasts the revocation of a key.
            access_string="on ~* &* +@all -@admin",
            authentication_mode=aws.elasticache.UserAuthenticationModeArgs(type="iam"),
            opts=child,
        )
        # A group of engine valkey holds only users that authenticate, so there is no `default` to close.
        callers = aws.elasticache.UserGroup(
            f"{name}-users",
            user_group_id=args.cache_name,
            engine="valkey",
            user_ids=[user.user_id],
            opts=child,
        )
        replication = aws.elasticache.ReplicationGroup(
            f"{name}-nodes",
            replication_group_id=args.cache_name,
            description="rate limits and budgets of the gateway",
            engine="valkey",
            engine_version="8.0",
            node_type=args.node_type,
            num_cache_clusters=args.nodes,
            automatic_failover_enabled=args.nodes > 1,
            multi_az_enabled=args.nodes > 1,
            port=PORT,
            subnet_group_name=subnets.name,
            security_group_ids=[group.id],
            user_group_ids=[callers.user_group_id],
            transit_encryption_enabled=True,
            transit_encryption_mode="required",
            at_rest_encryption_enabled=True,
            kms_key_id=args.kms_key_arn,
            auto_minor_version_upgrade=True,
            snapshot_retention_limit=0,
            opts=child,
        )
        self.address = replication.primary_endpoint_address
        self.security_group_id = group.id
        self.register_outputs({"address": self.address})
