"""What every part of one planning run shares: the declaration, the mode that is planned, routes and their
load.

Not here: anything that depends on the Region (the parts take it beside the case).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from inferplan.decision import Question
from inferplan.records.draft import Traffic
from inferplan.records.plan import Kind, Route, fitting
from inferplan.spec.declaration import Declaration
from inferplan.spec.model import InferenceStack

DEVELOPMENT = "development"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One spec in one mode as of a date."""

    question: Question
    kind: Kind
    routes: tuple[Route, ...]
    traffic: tuple[Traffic, ...]

    @property
    def declaration(self) -> Declaration:
        """Spec and lock under the organization's bar."""
        return self.question.declaration

    @property
    def spec(self) -> InferenceStack:
        """The spec as it is planned, perhaps without backends that rules have removed."""
        return self.question.spec

    @property
    def as_of(self) -> date:
        """The day of the plan."""
        return self.question.as_of

    @property
    def name(self) -> str:
        """The stack's name, on which every fixed name builds."""
        return self.spec.metadata.name

    @property
    def environment(self) -> str:
        """What the account is for: production, staging or development."""
        return self.declaration.account.environment

    @property
    def backends(self) -> tuple[str, ...]:
        """Every backend that takes part, in the order of the routes."""
        return tuple(
            dict.fromkeys(name for route in self.routes for name in (route.backend, *route.fallback))
        )

    @property
    def has_cluster(self) -> bool:
        """Whether own weights, and so a cluster, are part of the stack."""
        return self.kind != "managed-api"

    @property
    def log_retention_days(self) -> int:
        """Days that logs are kept."""
        return days(self.spec.data.retention.logs)

    @property
    def buckets(self) -> tuple[str, ...]:
        """The stack's buckets by their fixed names."""
        uses = ("config", "weights") if self.has_cluster else ("config",)
        return tuple(self.bucket(use) for use in uses)

    def bucket(self, use: str) -> str:
        """The fixed name of one bucket; policies and components build on it."""
        # 63 characters are allowed, and the longest ending takes 21: -<12 digits>-weights
        return f"{fitting(f'inferplan-{self.name}', 42)}-{self.spec.target.account}-{use}"


def days(text: str) -> int:
    """The number in a span of days such as `365d`."""
    return int(text.removesuffix("d"))
