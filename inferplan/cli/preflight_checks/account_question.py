"""One question to an account: what it asks, which permissions that takes, and how its answer is judged.

A judge is pure: it sees the answer and says what follows. Not here: the questions, one module per subject.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import Any, Generic, NamedTuple, TypeVar

from inferplan import catalog
from inferplan.cli.aws.connection import Connection, Refused
from inferplan.plan.supply import Supply, supply
from inferplan.records.plan import Plan, Pool, Subnet
from inferplan.report.preflight_contracts import Layer, Status
from inferplan.spec.declaration import Declaration

A = TypeVar("A")
HOME = catalog.BASE_REGION  # where the account itself is asked about: its identity, Regions and roles
EVERYTHING = ("*",)  # of an action that IAM cannot limit to a resource
Answer = dict[str, Any]


class Said(NamedTuple):
    """What follows from an answer."""

    status: Status
    message: str
    fix: str | None = None


def ok(message: str) -> Said:
    return Said("ok", message)


def to_do(message: str, fix: str) -> Said:
    """Blocks; `fix` is one line to copy."""
    return Said("to_do", message, fix)


def advice(message: str, fix: str | None = None) -> Said:
    return Said("advice", message, fix)


def cannot_tell(message: str, fix: str | None = None) -> Said:
    return Said("cannot_tell", message, fix)


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What a spec wants of its account; `spec` is how the user named the file."""

    plan: Plan
    declaration: Declaration
    spec: str
    day: date

    @property
    def region(self) -> str:
        return self.plan.target.region

    @property
    def account(self) -> str:
        return self.plan.target.account

    @cached_property
    def supply(self) -> Supply:
        """What has to lie in registry and bucket."""
        return supply(self.plan, self.declaration.lock)

    @property
    def invented_pins(self) -> bool:
        """Whether the lock says of itself that no registry has been asked for its pins."""
        lock = self.declaration.lock
        return lock is not None and lock.documentation_values

    def subnets(self, *tiers: str) -> tuple[Subnet, ...]:
        """Planned subnets of some tiers; of all where none is named."""
        return tuple(one for one in self.plan.network.subnets if not tiers or one.tier in tiers)

    def zones(self, *tiers: str) -> tuple[str, ...]:
        """Zone ids of these subnets, sorted."""
        return tuple(sorted({subnet.zone for subnet in self.subnets(*tiers)}))

    def arn(self, service: str, resource: str, *, regional: bool = True, owner: str | None = None) -> str:
        """An ARN in the target's partition, of the stack's account where no owner is said."""
        region, account = self.region if regional else "", self.account if owner is None else owner
        return f"arn:{self.plan.target.partition}:{service}:{region}:{account}:{resource}"

    def aws(self, words: str, *, regional: bool = True) -> str:
        """A command line of the AWS CLI, for the stack's Region."""
        return f"aws {words} --region {self.region}" if regional else f"aws {words}"

    def field(self, words: str) -> str:
        """What to write into the spec."""
        return f"in {self.spec}: {words}"

    def backend_of(self, pool: Pool) -> str:
        """The backend whose nodes these are."""
        return next(server.backend for server in self.plan.servers if server.pool == pool.name)

    def one_zone(self, pool: Pool, zones: Iterable[str]) -> str | None:
        """The fields that put a pool into one of some zones; None where none of them offers its type.

        Where several were planned, that is a stack which a lost zone stops: whoever writes it decides that.
        """
        offered = catalog.instance(pool.instance_type).offers(self.region)
        zone = next((zone for zone in zones if zone in offered), None)
        alone = "target.zones: 1, " if len(pool.zones) > 1 else ""
        return f"{alone}backends.{self.backend_of(pool)}.capacity.zone: {zone}" if zone else None

    def pulumi_up(self, layer: Layer) -> str:
        """The command that makes a layer."""
        return f"pulumi up --stack {self.plan.name}.{layer}"


class Asking:
    """The way of the questions to AWS; what two of them ask alike is asked once."""

    def __init__(self, connection: Connection, region: str) -> None:
        self._connection = connection
        self._region = region
        self._kept: dict[str, list[Answer]] = {}

    def call(self, service: str, operation: str, *, region: str | None = None, **asked: Any) -> Answer:
        """What one call answers; raises Refused."""

        def one(where: str) -> list[Answer]:
            return [self._connection.call(service, where, operation, **asked)]

        (answer,) = self._once((service, operation, region, asked), one)
        return answer

    def rows(self, service: str, operation: str, of: str, **asked: Any) -> list[Any]:
        """The rows of every page of a call; raises Refused."""

        def every(where: str) -> list[Answer]:
            return [*self._connection.pages(service, where, operation, **asked)]

        return [
            row for page in self._once((service, operation, None, asked), every) for row in page.get(of, ())
        ]

    def found(self, absent: Iterable[str], service: str, operation: str, **asked: Any) -> Answer | None:
        """What one call answers; None where AWS says by one of some codes that there is no such thing."""
        try:
            return self.call(service, operation, **asked)
        except Refused as refused:
            if refused.code not in absent:
                raise
            return None

    def _once(
        self, question: tuple[str, str, str | None, Any], ask: Callable[[str], list[Answer]]
    ) -> list[Answer]:
        key = json.dumps(question, sort_keys=True)
        if key not in self._kept:
            self._kept[key] = ask(question[2] or self._region)
        return self._kept[key]


@dataclass(frozen=True, kw_only=True)
class Question(Generic[A]):
    """`asks`: every action that it may take, as IAM names it, and on which resources.

    `layer` None: both layers need it. `stops_rest`: where something is to do, nothing else is worth asking.
    """

    check: str
    layer: Layer | None
    subject: str
    ask: Callable[[Asking], A]
    judge: Callable[[A], Iterable[Said]]
    asks: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    stops_rest: bool = False


def lookup(absent: Iterable[str], service: str, operation: str, **asked: Any) -> Callable[[Asking], Any]:
    """Asks one thing; None where AWS says by one of some codes that there is no such thing."""
    return lambda asking: asking.found(absent, service, operation, **asked)


def later(check: str, layer: Layer, subject: str, asks: Mapping[str, tuple[str, ...]]) -> Question[None]:
    """What cannot be asked yet, whose permissions are wanted all the same."""
    return Question(
        check=check, layer=layer, subject=subject, asks=asks, ask=lambda _: None, judge=lambda _: ()
    )


def told(check: str, layer: Layer | None, subject: str, said: Said) -> Question[None]:
    """What is known without asking."""
    return Question(check=check, layer=layer, subject=subject, ask=lambda _: None, judge=lambda _: (said,))
