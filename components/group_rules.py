"""Security group rules one port at a time, so that each states who, what and why.

Not here: the groups themselves (the component that owns the thing behind the port).
"""

from __future__ import annotations

import pulumi
import pulumi_aws as aws

HTTPS = 443
ANYWHERE = "0.0.0.0/0"  # routes and firewall decide where it leads


def allow_between(
    name: str,
    *,
    source: pulumi.Input[str],
    destination: pulumi.Input[str],
    port: int | None,
    why: str,
    opts: pulumi.ResourceOptions,
    protocol: str = "tcp",
) -> None:
    """Let group `source` open `port` (None: all) on group `destination`: one egress and one ingress rule."""
    aws.vpc.SecurityGroupEgressRule(
        f"{name}-out",
        security_group_id=source,
        referenced_security_group_id=destination,
        ip_protocol=protocol,
        from_port=port,
        to_port=port,
        description=why,
        opts=opts,
    )
    aws.vpc.SecurityGroupIngressRule(
        f"{name}-in",
        security_group_id=destination,
        referenced_security_group_id=source,
        ip_protocol=protocol,
        from_port=port,
        to_port=port,
        description=why,
        opts=opts,
    )


def allow_from(
    name: str, *, group: pulumi.Input[str], cidr: str, port: int, why: str, opts: pulumi.ResourceOptions
) -> None:
    """Let addresses of `cidr` reach TCP `port` of `group`."""
    aws.vpc.SecurityGroupIngressRule(
        name,
        security_group_id=group,
        cidr_ipv4=cidr,
        ip_protocol="tcp",
        from_port=port,
        to_port=port,
        description=why,
        opts=opts,
    )


def allow_to(
    name: str, *, group: pulumi.Input[str], cidr: str, port: int, why: str, opts: pulumi.ResourceOptions
) -> None:
    """Let `group` open TCP `port` to addresses of `cidr`."""
    aws.vpc.SecurityGroupEgressRule(
        name,
        security_group_id=group,
        cidr_ipv4=cidr,
        ip_protocol="tcp",
        from_port=port,
        to_port=port,
        description=why,
        opts=opts,
    )


def allow_to_prefix_list(
    name: str,
    *,
    group: pulumi.Input[str],
    prefix_list_id: pulumi.Input[str],
    why: str,
    opts: pulumi.ResourceOptions,
) -> None:
    """Let `group` open HTTPS to the addresses that AWS keeps in a prefix list, such as S3's."""
    aws.vpc.SecurityGroupEgressRule(
        name,
        security_group_id=group,
        prefix_list_id=prefix_list_id,
        ip_protocol="tcp",
        from_port=HTTPS,
        to_port=HTTPS,
        description=why,
        opts=opts,
    )
