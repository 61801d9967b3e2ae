"""Who asks, and whether the account has the Region: without these two nothing else is worth asking.

Not here: what the credentials may do in Pulumi's hands (nobody but AWS can tell).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

from inferplan import catalog
from inferplan.cli.aws.connection import Refused
from inferplan.cli.preflight_checks.account_question import (
    EVERYTHING,
    HOME,
    Answer,
    Asking,
    Question,
    Said,
    Wanted,
    ok,
    to_do,
)

# What the account's and EC2's answers mean; EC2's do not know what is under way.
ENABLED = frozenset({"ENABLED", "ENABLED_BY_DEFAULT", "opted-in", "opt-in-not-required"})
UNDER_WAY = {"ENABLING": "is being enabled", "DISABLING": "is being disabled"}


def questions(wanted: Wanted) -> Iterator[Question[Any]]:
    """Both are asked in the home Region: STS takes no credentials in a Region that is not enabled."""
    yield Question(
        check="identity",
        layer=None,
        subject=f"account {wanted.account}",
        asks={"sts:GetCallerIdentity": EVERYTHING},
        ask=lambda asking: asking.call("sts", "get_caller_identity", region=HOME),
        judge=partial(identity, wanted),
        stops_rest=True,
    )
    if catalog.region(wanted.region).opt_in is not False:
        yield Question(
            check="region",
            layer=None,
            subject=wanted.region,
            asks={"account:GetRegionOptStatus": EVERYTHING, "ec2:DescribeRegions": EVERYTHING},
            ask=partial(_status, wanted.region),
            judge=partial(region, wanted),
            stops_rest=True,
        )


def identity(wanted: Wanted, answer: Answer) -> Iterable[Said]:
    """The account alone: who signed in is nobody else's business."""
    account = answer["Account"]
    if account == wanted.account:
        return [ok("the credentials are of this account")]
    fix = f"AWS_PROFILE=NAME inferplan preflight {wanted.spec}"
    return [to_do(f"the credentials are of account {account}: sign in to {wanted.account}", fix)]


def _status(name: str, asking: Asking) -> str:
    """What the account says of the Region; where nobody may ask it, what EC2 says."""
    try:
        answer = asking.call("account", "get_region_opt_status", region=HOME, RegionName=name)
    except Refused:
        listed = asking.call("ec2", "describe_regions", region=HOME, RegionNames=[name], AllRegions=True)
        return str(listed["Regions"][0]["OptInStatus"])
    return str(answer["RegionOptStatus"])


def region(wanted: Wanted, status: str) -> Iterable[Said]:
    """An opt-in Region is enabled once for an account, which takes minutes."""
    if status in ENABLED:
        return [ok("enabled")]
    if status in UNDER_WAY:
        asked = f"account get-region-opt-status --region-name {wanted.region}"
        return [to_do(f"{UNDER_WAY[status]}: wait", wanted.aws(asked, regional=False))]
    fix = wanted.aws(f"account enable-region --region-name {wanted.region}", regional=False)
    return [to_do("not enabled for the account", fix)]
