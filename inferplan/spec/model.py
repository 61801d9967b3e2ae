"""The spec language v1beta1 as frozen records; the published JSON Schemas are generated from them.

Not here: reading files (loading), checks between fields (crossfield), the platform team's files.
Lines `name: text` at the end of a docstring describe fields; schema.py carries them into the JSON Schemas.
What a rule judges (an empty exit plan, missing subjects) is optional here: it is denied, not misunderstood.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, field

from inferplan.spec.backends import (
    Adapter,
    Backend,
    Capacity,
    Engine,
    Load,
    Milliseconds,
    Objectives,
    Openness,
    Percentiles,
    Route,
    Scenarios,
    Use,
)  # fmt: skip
from inferplan.spec.environment import (
    AccessCidrs,
    Attachment,
    Budget,
    Cluster,
    ExistingCluster,
    ExistingGateway,
    ExistingNetwork,
    Exit,
    Gateway,
    Network,
    Operations,
    Schedule,
    Staff,
    Support,
)
from inferplan.spec.vocabulary import (
    API_VERSION,
    DATA_CLASSES,
    END,
    PRIORITIES,
    Account,
    Api,
    Arn,
    Cidr,
    Count,
    Country,
    DataClass,
    Date,
    DayCount,
    Days,
    Email,
    KeptFor,
    Language,
    Mode,
    Name,
    Percent,
    Place,
    Priority,
    Purpose,
    Record,
    RuleId,
    Sector,
    Text,
    Time,
    Tokens,
    Usd,
    Weight,
    WeightsUri,
)  # fmt: skip

__all__ = [
    "API_VERSION",
    "DATA_CLASSES",
    "END",
    "PRIORITIES",
    "AccessCidrs",
    "Account",
    "Adapter",
    "AnomalyMonitor",
    "Api",
    "Arn",
    "Attachment",
    "Backend",
    "Baseline",
    "Budget",
    "Capacity",
    "Cidr",
    "Cluster",
    "Count",
    "Country",
    "Data",
    "DataClass",
    "Date",
    "DayCount",
    "Days",
    "Email",
    "Engine",
    "ExistingCluster",
    "ExistingGateway",
    "ExistingNetwork",
    "Exit",
    "Gateway",
    "InferenceAccount",
    "InferenceStack",
    "InvocationLogging",
    "Language",
    "Load",
    "Metadata",
    "Milliseconds",
    "Mode",
    "Name",
    "Network",
    "Node",
    "Objectives",
    "Openness",
    "Operations",
    "Percent",
    "Percentiles",
    "Place",
    "Priority",
    "Purpose",
    "Record",
    "RegionGuard",
    "Residency",
    "Retention",
    "Route",
    "RuleId",
    "Scenarios",
    "Schedule",
    "Sector",
    "Spec",
    "Staff",
    "Support",
    "Target",
    "Text",
    "Time",
    "Tokens",
    "Trail",
    "Transfer",
    "Usd",
    "Use",
    "Weight",
    "WeightsUri",
]  # fmt: skip


class Metadata(Record):
    """Who this is.

    name: name of the deployment; stacks, roles and buckets carry it
    owner: who answers for it, as an address or team
    group: deployments that belong together
    """

    name: Name
    owner: Text
    group: Name | None = None


class Node(Record):
    """Own nodes of `platform: kubernetes`.

    gpu: GPU name as in `inferplan size --gpu`
    count: GPUs per node
    nodes: number of such nodes
    """

    gpu: Text
    count: Annotated[int, Meta(ge=1, le=16)]
    nodes: Annotated[int, Meta(ge=1, le=10000)] = 1


class Target(Record):
    """Where the stack runs.

    platform: aws, or kubernetes for own nodes on premises
    account: AWS account; it selects the ceilings in organization.yaml
    region: AWS Region; left out, the planner picks one inside the boundary
    zones: number of availability zones
    nodes: own nodes of platform kubernetes
    country: where own nodes stand
    """

    platform: Literal["aws", "kubernetes"] = "aws"
    account: Account | None = None
    region: Text | None = None
    zones: Annotated[int, Meta(ge=1, le=6)] | None = None
    nodes: tuple[Node, ...] = ()
    country: Country | None = None


class Residency(Record):
    """Where data may be stored and processed.

    countries: country codes and groups
    """

    countries: tuple[Place, ...]


class Retention(Record):
    """How long data is kept.

    prompts: none, or a number of days
    logs: a number of days
    """

    prompts: KeptFor = "none"
    logs: Days = "365d"


class Transfer(Record):
    """One transfer of personal data abroad and what it rests on.

    regime: id of the data-protection regime
    from: country of origin
    to: country of destination
    basis: legal basis in words
    reference: the registered transfer basis of the organization's evidence
    """

    regime: Text
    source: Country = field(name="from")
    destination: Country = field(name="to")
    basis: Text
    reference: Text


class Data(Record):
    """What the data is about and where it may be.

    subjects: countries of the people the data is about
    personal: whether it is personal data
    residency: where it may be stored and processed
    retention: how long it is kept
    transfers: transfers abroad that are declared
    sovereignty: absolute excludes operators under foreign law
    regimes: regimes beyond those that follow from subjects and places
    """

    subjects: tuple[Country, ...] | None = None
    personal: bool | None = None
    residency: Residency | None = None
    retention: Retention = Retention()
    transfers: tuple[Transfer, ...] = ()
    sovereignty: Literal["standard", "absolute"] = "standard"
    regimes: tuple[Text, ...] = ()


class InferenceStack(Record, kw_only=True):
    """One deployment: one account, one Region, one lifecycle.

    apiVersion: version of this language
    kind: kind of this file
    metadata: who this is
    mode: which kinds of backend may serve
    target: where it runs
    data: what the data is about and where it may be
    backends: places that can serve, by name
    routes: what applications call
    budget: what it may cost
    extends: a file in the same folder whose fields this one adds to
    network: the network; left out, one is made
    cluster: the Kubernetes cluster of own weights
    gateway: the internal address that applications call
    operations: who supports and runs the service
    exit: how to leave a model or vendor
    priorities: what counts when own weights and vendors are compared
    deadline: when it must serve
    schedule: when a development stack runs
    """

    api_version: Literal["inferplan/v1beta1"] = field(name="apiVersion")
    kind: Literal["InferenceStack"]
    metadata: Metadata
    mode: Mode
    target: Target
    data: Data = Data()
    backends: Annotated[dict[Name, Backend], Meta(min_length=1)]
    routes: Annotated[tuple[Route, ...], Meta(min_length=1)]
    budget: Budget | None = None
    extends: str | None = None
    network: Network = Network()
    cluster: Cluster = Cluster()
    gateway: Gateway | None = None
    operations: Operations = Operations()
    exit: Exit | None = None
    priorities: dict[str, Weight] = field(default_factory=dict)
    deadline: Date | None = None
    schedule: Schedule | None = None


class Trail(Record):
    """The audit trail of the account.

    retention: how long it is kept
    existing: ARN of the organization's trail
    """

    retention: Days | None = None
    existing: Arn | None = None


class InvocationLogging(Record):
    """Bedrock model invocation logging.

    payload: none, or text to keep prompts and answers
    """

    payload: Literal["none", "text"] = "none"


class AnomalyMonitor(Record):
    """Cost anomaly detection.

    alert_emails: who is told
    """

    alert_emails: Annotated[tuple[Email, ...], Meta(min_length=1)]


class RegionGuard(Record):
    """Regions outside these countries are denied in the account.

    countries: country codes and groups
    """

    countries: Annotated[tuple[Place, ...], Meta(min_length=1)]


class Baseline(Record):
    """What exists once per account or Region.

    trail: audit trail
    ebs_default_encryption: whether new disks are encrypted
    bedrock_invocation_logging: Bedrock invocation logging
    anomaly_monitor: cost anomaly detection
    region_guard: Regions that stay closed
    """

    trail: Trail | None = None
    ebs_default_encryption: bool = True
    bedrock_invocation_logging: InvocationLogging | None = None
    anomaly_monitor: AnomalyMonitor | None = None
    region_guard: RegionGuard | None = None


class InferenceAccount(Record):
    """The account baseline: what exists once per account or Region and outlives every stack.

    apiVersion: version of this language
    kind: kind of this file
    metadata: who this is
    target: account and Region
    baseline: what is set up
    """

    api_version: Literal["inferplan/v1beta1"] = field(name="apiVersion")
    kind: Literal["InferenceAccount"]
    metadata: Metadata
    target: Target
    baseline: Baseline


Spec = InferenceStack | InferenceAccount
