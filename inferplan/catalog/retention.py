"""What vendors keep of prompts, per model and endpoint, with and without an agreement to keep nothing.

A table that people read, with address and day. Not here: contracts (the organization's files) and ends of
models (lifetimes), which docs/retention.md shows beside it.
"""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from functools import cache

from inferplan.catalog.bedrock import bedrock_base
from inferplan.catalog.managed_apis import BEDROCK
from inferplan.catalog.table import Row, rows


class ModelRetention(Row, frozen=True, kw_only=True):
    """What a vendor keeps of the prompts of some models; the first row that fits counts.

    `models` are patterns of ids, at Bedrock with or without a profile. `endpoints` empty: every API of a
    route, else the features that it is about. `least_days` is kept whatever is agreed, `default_days` where
    nothing is; null is not known, or with `until_deleted` as long as the customer leaves it there.
    """

    id: str
    provider: str
    models: tuple[str, ...]
    endpoints: tuple[str, ...] = ()
    keeps: str
    default_days: int | None
    least_days: int | None
    until_deleted: bool = False
    basis: str

    @property
    def fact_id(self) -> str:
        """Its id among the facts."""
        return f"model_retention/{self.provider}/{self.id}"


@cache
def model_retentions() -> Mapping[str, ModelRetention]:
    """Every statement about what is kept, by `provider/id`, in the order in which they count."""
    return {f"{row.provider}/{row.id}": row for row in rows("model_retention", ModelRetention)}


def model_retention(provider: str, model: str, endpoint: str | None = None) -> ModelRetention | None:
    """What a vendor keeps of a model's prompts, or at one of its features; None where no source says."""
    names = {model, bedrock_base(model)} if provider == BEDROCK else {model}
    fitting = (
        row
        for row in model_retentions().values()
        if row.provider == provider
        and (endpoint in row.endpoints if endpoint else not row.endpoints)
        and any(fnmatchcase(name, pattern) for name in names for pattern in row.models)
    )
    return next(fitting, None)


@cache
def storing_features() -> frozenset[str]:
    """Features that some vendor stores something for."""
    return frozenset(name for row in model_retentions().values() for name in row.endpoints)
