"""What AWS would refuse of a spec that says nothing wrong otherwise, one named function per reason.

Not here: what contradicts itself on any platform (crossfield), limits of a single field (environment).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from inferplan.near import listed
from inferplan.spec.names import Inputs
from inferplan.spec.position import Part
from inferplan.spec.problem import Problem

# PutRetentionPolicy of CloudWatch Logs as botocore 1.44.5 documents it (2026-11-20).
LOG_RETENTION_DAYS = (
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
)  # fmt: skip
_PRINCIPAL = re.compile(r"arn:[a-z-]+:iam::[0-9]{12}:(role|user)/.+")


def log_retention_offered(inputs: Inputs) -> Iterator[Problem]:
    """CloudWatch Logs keeps log groups for certain numbers of days only."""
    if inputs.spec.target.platform != "aws":
        return
    said = inputs.spec.data.retention.logs
    if int(said.removesuffix("d")) not in LOG_RETENTION_DAYS:
        below = [f"{days}d" for days in LOG_RETENTION_DAYS if days < int(said.removesuffix("d"))][-1:]
        above = [f"{days}d" for days in LOG_RETENTION_DAYS if days > int(said.removesuffix("d"))][:1]
        yield Problem(
            ("data", "retention", "logs"),
            f"{said} is not among the retention periods of CloudWatch Logs",
            allowed=tuple(f"{days}d" for days in LOG_RETENTION_DAYS),
            hint=f"the nearest are {' and '.join(below + above)}",
        )


def attachments_lead_to_clients(inputs: Inputs) -> Iterator[Problem]:
    """Each range of clients has at most one way back, and a way leads to declared clients only."""
    network, gateway = inputs.spec.network, inputs.spec.gateway
    declared = gateway.clients if gateway is not None else ()
    taken: dict[str, str] = {}
    for index, attachment in enumerate(network.attachments):
        at: tuple[Part, ...] = ("network", "attachments", index)
        if network.existing is not None:
            yield Problem(at, "is for a network that is made here", hint="an existing one has its own routes")
            continue
        for position, cidr in enumerate(attachment.clients):
            if cidr not in declared:
                hint = f"gateway.clients are {listed(declared, 'and')}" if declared else "there are none"
                yield Problem((*at, "clients", position), f"'{cidr}' is none of gateway.clients", hint=hint)
        for cidr in dict.fromkeys(attachment.clients or declared):
            if cidr in taken:
                hint = "say with `clients` which ranges are behind which"
                yield Problem(at, f"{cidr} is behind {taken[cidr]} already", hint=hint)
            taken.setdefault(cidr, attachment.id)


def admins_may_enter(inputs: Inputs) -> Iterator[Problem]:
    """EKS admits roles and users of IAM, nothing else that has an ARN."""
    for index, arn in enumerate(inputs.spec.cluster.admins):
        if not _PRINCIPAL.fullmatch(arn):
            hint = "an access entry of EKS needs arn:<partition>:iam::<account>:role/<name>"
            yield Problem(("cluster", "admins", index), f"'{arn}' is no IAM role or user", hint=hint)


def certificate_is_of_acm(inputs: Inputs) -> Iterator[Problem]:
    """A balancer takes certificates of ACM; the plan says whether this one lies beside it."""
    gateway, target = inputs.spec.gateway, inputs.spec.target
    if gateway is None or gateway.certificate is None or target.platform != "aws":
        return
    service = gateway.certificate.split(":")[2]
    if service != "acm":
        hint = "the balancer needs arn:<partition>:acm:<Region>:<account>:certificate/<id>"
        yield Problem(("gateway", "certificate"), f"is of {service}, no certificate of acm", hint=hint)


def notifications_say_something(inputs: Inputs) -> Iterator[Problem]:
    """A share of nothing raises its alarm before anything happens."""
    budget = inputs.spec.budget
    if budget is None:
        return
    for position, percent in enumerate(budget.actual_percent):
        if percent == 0:
            yield Problem(("budget", "actual_percent", position), "0 % is reached before anything is spent")
    if budget.forecast_percent == 0:
        yield Problem(("budget", "forecast_percent"), "0 % is forecast before anything is spent")


CHECKS = (
    log_retention_offered,
    attachments_lead_to_clients,
    admins_may_enter,
    certificate_is_of_acm,
    notifications_say_something,
)
