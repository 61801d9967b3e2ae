"""What surrounds the serving: network, cluster, gateway, budget, people, exit and schedule of a spec.

Not here: what serves (backends) and where it runs (model).
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from inferplan.spec.registered import SubnetId, VpcId
from inferplan.spec.vocabulary import END, Arn, Cidr, DayCount, Email, Percent, Record, Text, Time, Usd


class ExistingNetwork(Record):
    """A network that exists already; the platform team registers it under `networks`.

    vpc: VPC id
    subnets: subnet ids among those that are registered
    """

    vpc: VpcId
    subnets: Annotated[tuple[SubnetId, ...], Meta(min_length=1)]


class Attachment(Record):
    """A link that carries answers back to clients outside the network.

    id: a transit gateway, or a VPC peering connection that has been accepted
    clients: those of gateway.clients that are behind it; left out, all
    """

    id: Annotated[
        str,
        Meta(
            pattern=rf"^(tgw|pcx)-[0-9a-f]{{8,17}}{END}",
            title="a transit gateway or peering id such as tgw-0123456789abcdef0",
        ),
    ]
    clients: tuple[Cidr, ...] = ()


class Network(Record):
    """The network of the stack; left out, one is made.

    existing: a network that exists already
    cidr: address range of the network that is made
    attachments: how answers find back to gateway.clients; routes are made for exactly these
    """

    existing: ExistingNetwork | None = None
    cidr: Cidr | None = None
    attachments: tuple[Attachment, ...] = ()


class ExistingCluster(Record):
    """A cluster that exists already; the platform team registers it under `clusters`.

    name: EKS cluster name
    """

    name: Text


class AccessCidrs(Record):
    """Who may reach the cluster's API from outside.

    cidrs: address ranges
    """

    cidrs: Annotated[tuple[Cidr, ...], Meta(min_length=1)]


class Cluster(Record):
    """The Kubernetes cluster of own weights.

    access: private, or the ranges that may reach its API
    admins: role ARNs; left out, the account's deploy role
    deploy_from: how Kubernetes objects reach a private API server
    existing: a cluster that exists already
    """

    access: Literal["private"] | AccessCidrs = "private"
    admins: tuple[Arn, ...] = ()
    deploy_from: Literal["vpc-runner", "tunnel", "gitops"] = "vpc-runner"
    existing: ExistingCluster | None = None


class ExistingGateway(Record):
    """A gateway that exists already.

    url: its https address
    """

    url: Annotated[str, Meta(pattern=rf"^https://[^\s]+{END}", title="an https URL")]


class Gateway(Record):
    """The internal address that applications call.

    host: host name
    certificate: ARN of its certificate
    clients: address ranges of the applications
    existing: a gateway that exists already
    """

    host: (
        Annotated[
            str,
            Meta(
                pattern=rf"^([a-z0-9]([a-z0-9-]{{0,61}}[a-z0-9])?\.)+[a-z][a-z0-9-]{{0,61}}[a-z0-9]{END}",
                title="a host name",
            ),
        ]
        | None
    ) = None
    certificate: Arn | None = None
    clients: tuple[Cidr, ...] = ()
    existing: ExistingGateway | None = None


class Budget(Record):
    """What the stack may cost.

    monthly_usd: cloud and vendor bills in a month
    alert_emails: who is told; a notification of AWS Budgets takes at most ten
    actual_percent: shares of the budget that raise an alarm when spent; with the forecast, AWS takes five
    forecast_percent: share that raises an alarm when forecast
    max_overspend_usd: the most that may be lost before spending is cut off
    """

    monthly_usd: Annotated[float, Meta(ge=0.01, le=1e12, title="US dollars a month")]
    alert_emails: Annotated[tuple[Email, ...], Meta(max_length=10)] = ()
    actual_percent: Annotated[tuple[Percent, ...], Meta(max_length=4)] = (50, 80, 100)
    forecast_percent: Percent = 100
    max_overspend_usd: Usd | None = None


class Support(Record):
    """Who helps.

    owner: who supports the service
    hours: when, such as 24x7 or office
    responsible_use_owner: who answers for responsible use
    patch_days: days within which patches are installed
    """

    owner: Text | None = None
    hours: Text | None = None
    responsible_use_owner: Text | None = None
    patch_days: DayCount | None = None


class Staff(Record):
    """Who runs it.

    skills: what they can do
    fte: full-time equivalents
    hourly_usd: cost of an hour
    oncall: rota that is called
    runbooks: where runbooks are
    """

    skills: tuple[Text, ...] = ()
    fte: Annotated[float, Meta(ge=0, le=1e5)] = 0
    hourly_usd: Annotated[float, Meta(ge=0, le=1e5)] | None = None
    oncall: Text | None = None
    runbooks: Text | None = None


class Operations(Record):
    """Who supports and runs the service.

    support: who helps
    staff: who runs it
    """

    support: Support | None = None
    staff: Staff | None = None


class Exit(Record):
    """How to leave a model or vendor.

    trigger: what starts the exit
    fallback: a backend of this spec, or a weights URI
    owner: who decides
    days: how long it takes
    review_days: how often this plan is reviewed
    data_return: what the vendor gives back or deletes
    """

    trigger: Text | None = None
    fallback: Text | None = None
    owner: Text | None = None
    days: DayCount | None = None
    review_days: DayCount | None = None
    data_return: Text | None = None


class Schedule(Record):
    """When a development stack runs; outside these hours its GPU nodes are scaled to zero.

    timezone: name of the time zone such as Europe/Paris
    start: time of day
    stop: time of day
    days: days of the week
    """

    timezone: Annotated[
        str,
        Meta(
            pattern=rf"^[A-Za-z_]+(/[A-Za-z0-9_+-]+){{0,2}}{END}",
            title="a time zone such as Europe/Paris",
        ),
    ]
    start: Time
    stop: Time
    days: tuple[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"], ...] = (
        "mon",
        "tue",
        "wed",
        "thu",
        "fri",
    )
