"""Fitted and documented constants of sizing, and engine defaults by version, as rows with source and date.

Not here: the formulas that use them.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Literal

from inferplan.catalog.table import Row, rows
from inferplan.records.plan import Source

GIB = 2**30
GB = 10**9


class Constant(Row, frozen=True):
    """One constant; `low` and `high` bound it where the source gives a range."""

    id: str
    value: float
    unit: str
    low: float | None = None
    high: float | None = None
    note: str | None = None

    @property
    def sources(self) -> tuple[Source, ...]:
        """Where the constant comes from, for derivations."""
        return tuple(Source(source=text, as_of=self.as_of) for text in self.source)


class EngineDefault(Row, frozen=True):
    """What vLLM takes for a setting from version `since` on, for GPUs of at least `min_gib`."""

    id: str
    setting: Literal[
        "gpu_memory_utilization", "max_num_batched_tokens", "max_num_seqs", "cuda_graphs_in_budget"
    ]
    value: float
    since: str = "0"
    min_gib: float = 0
    except_gpus: tuple[str, ...] = ()
    note: str | None = None


class RemovedArchitecture(Row, frozen=True):
    """An architecture that vLLM no longer has; `last` is the last version with it."""

    architecture: str
    last: str


@cache
def constants() -> Mapping[str, Constant]:
    """Every constant by id."""
    return {row.id: row for row in rows("sizing_constants", Constant)}


def constant(name: str) -> float:
    """The value of one constant."""
    return constants()[name].value


@cache
def removed_architectures() -> Mapping[str, RemovedArchitecture]:
    """Architectures that were removed from vLLM, by name."""
    return {row.architecture: row for row in rows("removed_architectures", RemovedArchitecture)}


@cache
def version_key(version: str) -> tuple[int, ...]:
    """A sortable key of a vLLM version: `0.6.x` is the newest 0.6, suffixes such as `.post1` are dropped."""
    parts: list[int] = []
    for part in version.removeprefix("v").split("-")[0].split("+")[0].split("."):
        if part == "x" and parts:
            parts.append(10**6)
            break
        if not part.isdigit():
            break
        parts.append(int(part))
    if not parts:
        raise ValueError(f"{version!r} is not a vLLM version such as 0.33.0")
    return tuple(parts + [0] * (3 - len(parts)))


@cache
def engine_defaults() -> tuple[EngineDefault, ...]:
    """Every default, newest version and largest class first, so that the first match holds."""
    table = rows("engine_defaults", EngineDefault)
    return tuple(sorted(table, key=lambda row: (version_key(row.since), row.min_gib), reverse=True))


@cache
def engine_default(setting: str, version: str, total_gib: float, gpu: str | None = None) -> EngineDefault:
    """The default of a setting for an engine version and GPU; unknown GPUs count by their memory alone."""
    key = version_key(version)
    for row in engine_defaults():
        if row.setting != setting or version_key(row.since) > key or total_gib < row.min_gib:
            continue
        if gpu is not None and any(gpu.startswith(name) for name in row.except_gpus):
            continue
        return row
    raise KeyError(setting)  # the table has a row without conditions for every setting
