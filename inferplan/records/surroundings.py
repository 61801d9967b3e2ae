"""Records of what surrounds servers and gateway in a plan: the network, and the cluster with its runner.

Not here: how they are chosen (inferplan.plan) and the rest of the plan (plan).
"""

from __future__ import annotations

from typing import Literal

from inferplan.records.base import Record
from inferplan.records.gateway import Image

Tier = Literal["gpu", "system", "endpoint", "database", "balancer", "gateway", "firewall", "nat"]


class Subnet(Record, frozen=True, kw_only=True):
    """One subnet; tiers: gpu, system, endpoint, database, balancer, gateway, firewall, nat."""

    name: str
    tier: Tier
    zone: str
    cidr: str
    id: str | None = None  # of one that exists already; None: it is made


class Endpoint(Record, frozen=True, kw_only=True):
    service: str  # short name, such as ecr.api
    service_name: str  # com.amazonaws.<region>.ecr.api
    type: Literal["Interface", "Gateway"]
    why: str


class ClientRoute(Record, frozen=True, kw_only=True):
    """The way back to one range of clients."""

    cidr: str
    via: str  # id of a transit gateway or of a peering connection


class Network(Record, frozen=True, kw_only=True):
    cidr: str
    subnets: tuple[Subnet, ...]
    endpoints: tuple[Endpoint, ...]
    dns_allow: tuple[str, ...]  # DNS Firewall allow list
    allowed_hosts: tuple[str, ...]  # exact hosts outside AWS; empty means no internet path at all
    firewall: bool
    existing_vpc: str | None = None
    endpoint_group: str | None = None  # of an existing VPC: the security group of its endpoints
    s3_prefix_list: str | None = None  # of an existing VPC
    state_bucket: str | None = None  # that a runner inside the VPC reads and writes
    client_routes: tuple[ClientRoute, ...] = ()


class GivenCluster(Record, frozen=True, kw_only=True):
    """What the platform team has registered of a cluster that exists."""

    endpoint: str  # address of its API
    certificate_authority: str  # certificate of that address
    control_plane_group: str  # security group of its control plane's network interfaces
    services_group: str  # security group of the nodes on which its DNS runs


class Runner(Record, frozen=True, kw_only=True):
    """The build inside the VPC that deploys the workload layer, by whoever may start it."""

    project: str  # its name in CodeBuild
    image: Image  # holds Pulumi, its plugins, the Python environment and the AWS CLI
    compute_type: str  # of CodeBuild
    minutes: int  # one run as expected
    timeout_minutes: int  # after which CodeBuild ends a run
    state_url: str  # where Pulumi keeps its state
    state_key: str  # alias of the key with which Pulumi encrypts what is secret in it
    secrets_provider: str  # the same key as Pulumi is told of it
    source_key: str  # in the bucket of the state: a zip of program, spec, lock and organization


class Cluster(Record, frozen=True, kw_only=True):
    name: str
    version: str
    public_cidrs: tuple[str, ...]  # empty: private API only
    admins: tuple[str, ...]
    deploy_from: str
    addons: dict[str, str | None]  # None: the version is pending in the lock
    system_instance_type: str
    system_nodes: int
    namespace: str
    control_plane_egress: Literal["AWS_MANAGED", "CUSTOMER_ROUTED"]
    existing: GivenCluster | None = None  # one that is not made: the stack brings nodes and namespaces
    runner: Runner | None = None  # None: deployed from elsewhere, or the runner could not reach its state
    system_ami_type: str = "BOTTLEROCKET_x86_64"
    system_data_volume_gib: int = 50


class Mirror(Record, frozen=True, kw_only=True):
    """The build that brings images and weights into the account, between the two layers."""

    project: str  # of CodeBuild
    bucket: str  # holds its orders and records, and the weights where there are any
    compute_type: str  # machine of CodeBuild
    streams: int  # images and files that are brought at a time
    minutes: int  # that bringing everything takes
    timeout_minutes: int  # after which it is cut off
    hosts: tuple[str, ...]  # hub and registries that are read; their own hosts for content are theirs to name
    stores: tuple[str, ...]  # buckets and prefixes of the organization that weights are read from
    token_secrets: dict[str, str]  # by host: the secret that a token is taken from where it exists
