"""What an account has to have before a stack can be made in it: service quotas and service-linked roles.

Not here: the quotas of accelerators (hardware), and asking an account about any of it (inferplan.cli).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from inferplan.catalog.table import Row, rows


class AccountQuota(Row, frozen=True, kw_only=True):
    """One quota of Service Quotas that a stack counts against, beside those of accelerators."""

    id: str
    service: str  # as Service Quotas calls it
    code: str
    name: str
    unit: str


class LinkedRole(Row, frozen=True, kw_only=True):
    """A role that a service makes for itself at its first use, where whoever calls it may let it."""

    service: str  # its principal, without the DNS suffix
    role: str
    needed_by: str  # which part of a stack


@cache
def account_quotas() -> Mapping[str, AccountQuota]:
    """Every quota by id."""
    return {row.id: row for row in rows("account_quotas", AccountQuota)}


@cache
def linked_roles() -> Mapping[str, LinkedRole]:
    """Every role by the service that it belongs to."""
    return {row.service: row for row in rows("linked_roles", LinkedRole)}
