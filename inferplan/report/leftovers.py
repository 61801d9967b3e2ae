"""What `pulumi destroy` leaves of a stack on purpose, what stops it first, and what goes only later.

Not here: recording the resources (stacks), and why each is kept (the components that declare it).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal

from msgspec import Struct

from inferplan.resource import Resource, Unknown

SECRET_RECOVERY_DAYS = 30  # of Secrets Manager, where nothing else is said
_PROTECTED = {  # type -> (property, what it is)
    "aws:eks/cluster:Cluster": ("deletionProtection", "cluster"),
    "aws:rds/instance:Instance": ("deletionProtection", "database"),
    "aws:lb/loadBalancer:LoadBalancer": ("enableDeletionProtection", "balancer"),
    "aws:networkfirewall/firewall:Firewall": ("deleteProtection", "firewall"),
}
_SNAPSHOTS = ("aws:rds/instance:Instance", "aws:elasticache/replicationGroup:ReplicationGroup")


class Leftover(Struct, frozen=True, kw_only=True):
    """One resource that destroy does not simply take away."""

    name: str  # of the resource
    type: str  # its type token
    what: Literal["stays", "stops destroy", "goes later"]  # what becomes of it
    why: str  # what it is, or what to do first
    days: int | None = None  # that it is kept from the day of the destroy, or from when a file was written


def leftovers(resources: Iterable[Resource]) -> tuple[Leftover, ...]:
    """Every one, those that stop a destroy first, then what stays, then what goes later."""
    order = ("stops destroy", "stays", "goes later")
    found = [one for resource in resources for one in _of(resource)]
    return tuple(sorted(found, key=lambda one: (order.index(one.what), one.type, one.name)))


def _of(resource: Resource) -> Iterator[Leftover]:
    props, type_ = resource.props, resource.type

    def left(what: Literal["stays", "stops destroy", "goes later"], why: str, days: Any = None) -> Leftover:
        known = days if isinstance(days, int) else None
        return Leftover(name=resource.name, type=type_, what=what, why=why, days=known)

    protection = _PROTECTED.get(type_)
    if protection is not None and _is(props, protection[0]):
        yield left("stops destroy", f"the {protection[1]} is protected: turn {protection[0]} off first")
    if type_ == "aws:ecr/repository:Repository" and not _is(props, "forceDelete"):
        yield left("stops destroy", "the repository is kept while it holds images: delete them first")
    if resource.retained:
        yield left("stays", "evidence, or needed to read it: Pulumi forgets it and AWS keeps it")
    if type_ in _SNAPSHOTS and props.get("finalSnapshotIdentifier") and not _is(props, "skipFinalSnapshot"):
        yield left("stays", f"a last snapshot, {_text(props['finalSnapshotIdentifier'])}")
    if type_ == "aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration":
        retention = props.get("rule", {}).get("defaultRetention", {})
        mode = str(retention.get("mode", "")).lower()
        yield left("goes later", f"files under object lock ({mode})", retention.get("days"))
    if type_ == "aws:kms/key:Key" and not resource.retained:
        yield left("goes later", "a key waits before it is deleted", props.get("deletionWindowInDays"))
    if type_ == "aws:secretsmanager/secret:Secret":
        days = props.get("recoveryWindowInDays", SECRET_RECOVERY_DAYS)
        if days != 0:
            yield left("goes later", "a secret can be restored until then", days)


def _is(props: Mapping[str, Any], name: str) -> bool:
    return props.get(name) is True


def _text(value: Any) -> str:
    return "named by AWS" if isinstance(value, Unknown) else str(value)
