"""Service quotas: vCPUs by family, on demand and spot apart, and the few others that a new account meets.

A quota is of the whole account in the Region; what others use of it is not counted here. KMS keys and VPC
endpoints are not asked about: a stack has a handful, and the quotas are 100,000 and 50.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

from inferplan import catalog
from inferplan.cli.preflight_checks.account_question import (
    EVERYTHING,
    Answer,
    Asking,
    Question,
    Said,
    Wanted,
    advice,
    cannot_tell,
    ok,
    to_do,
    told,
)
from inferplan.plan.system_nodes import LARGE_TO_XLARGE
from inferplan.records.plan import Pool

NO_SUCH = ("NoSuchResourceException",)
OPEN = frozenset({"PENDING", "CASE_OPENED"})
BLOCK = "capacity-block"
FARGATE_UNITS = 1024  # of one vCPU


@dataclass(frozen=True, kw_only=True)
class Need:
    """What a stack counts against one quota: at the planned load, and at the ceiling of autoscaling."""

    service: str
    code: str
    what: str
    unit: str
    now: int
    most: int
    in_blocks: bool = False  # all of it runs in capacity blocks


class Granted(NamedTuple):
    """A quota's value, what of it is in use where that can be counted, and increases that are asked for."""

    value: float
    used: int
    own: int  # of these, the stack's own
    requests: list[Answer]


def questions(wanted: Wanted) -> Iterator[Question[Any]]:
    """GPU quotas first: they take days."""
    for pool in wanted.plan.pools:
        if pool.quota_code is None:
            yield _unknown(pool)
    for need in (*gpu_needs(wanted), *_other_vcpus(wanted)):
        yield _question(wanted, need, {}, lambda _: (0, 0))
    for need, action, count in _counted(wanted):
        yield _question(wanted, need, {action: EVERYTHING}, count)


def _question(wanted: Wanted, need: Need, more: dict[str, tuple[str, ...]], count: Any) -> Question[Granted]:
    return Question(
        check="quota",
        layer="foundation",
        subject=f"{need.what} ({need.code})",
        asks={
            "servicequotas:GetServiceQuota": EVERYTHING,
            "servicequotas:GetAWSDefaultServiceQuota": EVERYTHING,
            "servicequotas:ListRequestedServiceQuotaChangeHistoryByQuota": EVERYTHING,
            **more,
        },
        ask=partial(_granted, need, count),
        judge=partial(quota, wanted, need),
    )


def _unknown(pool: Pool) -> Question[None]:
    said = cannot_tell(
        f"the catalog knows no quota of {pool.instance_type}; {pool.quota_vcpus} vCPUs are needed"
    )
    return told("quota", "foundation", pool.instance_type, said)


def gpu_needs(wanted: Wanted) -> Iterator[Need]:
    """Pools of one family share a quota; spot has one of its own."""
    by_code: dict[str, list[Pool]] = {}
    for pool in wanted.plan.pools:
        if pool.quota_code is not None:
            by_code.setdefault(pool.quota_code, []).append(pool)
    for code, pools in by_code.items():
        buying = "spot" if pools[0].capacity == "spot" else "on demand"
        types = ", ".join(dict.fromkeys(pool.instance_type for pool in pools))
        yield Need(
            service="ec2",
            code=code,
            what=f"vCPUs of {types}, {buying}",
            unit="vCPUs",
            now=sum(pool.quota_vcpus // pool.max_nodes * pool.nodes for pool in pools),
            most=sum(pool.quota_vcpus for pool in pools),
            in_blocks=all(pool.capacity == BLOCK for pool in pools),
        )


def _other_vcpus(wanted: Wanted) -> Iterator[Need]:
    """Nodes without a GPU, or the tasks of a gateway on Fargate."""
    plan = wanted.plan
    if plan.cluster is not None:
        vcpus = {one.name: one.vcpu for one in LARGE_TO_XLARGE}[plan.cluster.system_instance_type]
        apart = plan.gateway.replicas if plan.network.firewall else 0  # the gateway has nodes of its own
        nodes = plan.cluster.system_nodes + apart
        # An update brings a new node before it takes an old one.
        yield _need("standard-vcpus", vcpus * nodes, vcpus * (nodes + 1))
    if plan.gateway.host_kind == "ecs":
        vcpus = math.ceil(plan.gateway.cpu / FARGATE_UNITS)
        # A deployment starts the new tasks before it stops the old ones.
        yield _need("fargate-vcpus", vcpus * plan.gateway.replicas, 2 * vcpus * plan.gateway.replicas)


def _counted(wanted: Wanted) -> Iterator[tuple[Need, str, Any]]:
    """What an account has few of, and can count."""
    if wanted.plan.network.existing_vpc is None:
        yield _need("vpcs", 1, 1), "ec2:DescribeVpcs", partial(_used, wanted, "describe_vpcs", "Vpcs")
    addresses = len(wanted.subnets("nat"))
    if addresses:
        count = partial(_used, wanted, "describe_addresses", "Addresses")
        yield _need("elastic-addresses", addresses, addresses), "ec2:DescribeAddresses", count


def _need(quota_id: str, now: int, most: int) -> Need:
    row = catalog.account_quotas()[quota_id]
    return Need(service=row.service, code=row.code, what=row.name, unit=row.unit, now=now, most=most)


def _used(wanted: Wanted, operation: str, of: str, asking: Asking) -> tuple[int, int]:
    """How many there are, and how many of them are the stack's own."""
    listed = asking.call("ec2", operation)[of]
    mine = {"Key": "inferplan:stack", "Value": wanted.plan.name}
    return len(listed), sum(mine in one.get("Tags", ()) for one in listed)


def _granted(need: Need, count: Any, asking: Asking) -> Granted | None:
    """None: AWS knows no such quota in the Region. Increases are asked about where they matter."""
    asked = {"ServiceCode": need.service, "QuotaCode": need.code}
    found = asking.found(NO_SUCH, "service-quotas", "get_service_quota", **asked)
    if found is None:  # never changed for the account: the default is what counts
        found = asking.found(NO_SUCH, "service-quotas", "get_aws_default_service_quota", **asked)
    if found is None:
        return None
    value = float(found["Quota"]["Value"])
    used, own = count(asking)
    requests: list[Answer] = []
    if value < need.most + used - own:
        history = "list_requested_service_quota_change_history_by_quota"
        requests = asking.rows("service-quotas", history, "RequestedQuotas", **asked)
    return Granted(value, used, own, requests)


def quota(wanted: Wanted, need: Need, granted: Granted | None) -> Iterable[Said]:
    """Needed against granted; what is asked for already need not be asked for again."""
    if granted is None:
        return [cannot_tell(f"AWS knows no quota {need.code} of {need.service} in {wanted.region}")]
    others = granted.used - granted.own
    now, most = need.now + others, need.most + others
    words = f"needs {need.now}"
    if need.most > need.now:
        words += f" (at the ceiling of autoscaling or in an update {need.most})"
    if others:
        words += f" beside {others} in use"
    words += f", granted {granted.value:,.0f} {need.unit}"
    if granted.value >= most:
        return [ok(words)]
    open_ = [one for one in granted.requests if one["Status"] in OPEN and one["DesiredValue"] >= now]
    if open_:
        words += f"; an increase to {open_[-1]['DesiredValue']:,.0f} is asked for and not granted yet"
        identifier = open_[-1]["Id"]
        fix = wanted.aws(f"service-quotas get-requested-service-quota-change --request-id {identifier}")
    else:
        fix = wanted.aws(
            f"service-quotas request-service-quota-increase --service-code {need.service} "
            f"--quota-code {need.code} --desired-value {most}"
        )
    if need.in_blocks:
        return [advice(f"{words}; no source says whether a capacity block counts against it", fix)]
    return [to_do(words, fix) if granted.value < now else advice(words, fix)]
