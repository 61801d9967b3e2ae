"""Networks and clusters that exist already, as the platform team registers them: what specs may build into.

Not here: that a spec names one (environment), and whether the account agrees (cli, verb `preflight`).
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from inferplan.spec.vocabulary import END, Account, Cidr, Date, Record, Text

Tier = Literal["gpu", "system", "endpoint", "database", "balancer", "gateway"]
VpcId = Annotated[str, Meta(pattern=rf"^vpc-[0-9a-f]{{8,17}}{END}", title="a VPC id")]
SubnetId = Annotated[str, Meta(pattern=rf"^subnet-[0-9a-f]{{8,17}}{END}", title="a subnet id")]
GroupId = Annotated[str, Meta(pattern=rf"^sg-[0-9a-f]{{8,17}}{END}", title="a security group id")]
PrefixListId = Annotated[str, Meta(pattern=rf"^pl-[0-9a-f]{{8,17}}{END}", title="a prefix list id")]
Base64 = Annotated[str, Meta(pattern=rf"^[A-Za-z0-9+/]+={{0,2}}{END}", title="text in base64")]
Https = Annotated[str, Meta(pattern=rf"^https://[^\s]+{END}", title="an https URL")]


class RegisteredSubnet(Record, kw_only=True):
    """A subnet that stacks may use.

    zone: zone id such as euc1-az1
    cidr: its address range
    tiers: what may stand in it
    """

    zone: Text
    cidr: Cidr
    tiers: Annotated[tuple[Tier, ...], Meta(min_length=1)]


class RegisteredNetwork(Record, kw_only=True):
    """A VPC that exists already; nothing that concerns all of it is made by a stack.

    account: AWS account that owns it
    region: AWS Region it lies in
    cidr: its address range
    subnets: subnets that stacks may use, by id
    endpoints: services that have an endpoint with private names in it, such as ecr.api
    endpoint_group: security group of these endpoints
    s3_prefix_list: prefix list of its S3 gateway endpoint's Region
    internet: none means that no machine in these subnets can reach the internet
    names: closed means that its resolver answers known names only, and none when its firewall fails
    flow_logs: where its flow logs go, in the Region
    query_logs: where the queries of its resolver are logged, in the Region
    reference: where this was reviewed
    date: when
    approver: by whom
    """

    account: Account
    region: Text
    cidr: Cidr
    subnets: Annotated[dict[SubnetId, RegisteredSubnet], Meta(min_length=1)]
    endpoints: tuple[Text, ...] = ()
    endpoint_group: GroupId | None = None
    s3_prefix_list: PrefixListId | None = None
    internet: Literal["none", "open"] = "open"
    names: Literal["closed", "open"] = "open"
    flow_logs: Text | None = None
    query_logs: Text | None = None
    reference: Text
    date: Date
    approver: Text


class RegisteredCluster(Record, kw_only=True):
    """An EKS cluster that exists already; stacks bring their own nodes and namespaces into it.

    network: VPC it lies in, registered too
    version: Kubernetes version such as 1.36
    endpoint: address of its API
    certificate_authority: certificate of that address, as EKS gives it
    control_plane_group: security group of its control plane's network interfaces
    services_group: security group of the nodes on which its DNS and other services run
    access: private, or public where its API can be reached from outside
    addons: EKS add-ons that it has
    provides: services of the cluster that are there already, by the name of their image
    reference: where this was reviewed
    date: when
    approver: by whom
    """

    network: VpcId
    version: Annotated[str, Meta(pattern=rf"^1\.[0-9]{{2}}{END}", title="a version such as 1.36")]
    endpoint: Https
    certificate_authority: Base64
    control_plane_group: GroupId
    services_group: GroupId
    access: Literal["private", "public"] = "private"
    addons: tuple[Text, ...] = ()
    provides: tuple[Text, ...] = ()
    reference: Text
    date: Date
    approver: Text
