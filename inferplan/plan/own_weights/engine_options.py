"""What a spec's further engine flags change in memory: each is sized, known to change nothing, or refused.

Not here: whether a flag exists (spec.names), and the command line (flags).
"""

from __future__ import annotations

from functools import cache
from typing import Any, Literal

import msgspec

from inferplan.catalog.table import Row, rows
from inferplan.plan.own_weights.flags import max_lora_rank
from inferplan.records.no_plan import Conflict, NoPlan
from inferplan.records.notes import Notes
from inferplan.records.plan import Record
from inferplan.spec.model import Backend

DRAFTS_WITHOUT_A_MODEL = ("ngram", "suffix")


class MemoryFlag(Row, frozen=True, kw_only=True):
    """What a flag of `vllm serve` does to the memory that was counted; `harmless` values do nothing."""

    flag: str
    effect: Literal["sized", "none", "warned", "refused"]
    harmless: tuple[str, ...]
    says: str


class EngineOptions(Record, frozen=True, kw_only=True):
    """What of a backend's engine changes its sizing beside the planner's own choices."""

    enforce_eager: bool = False
    expert_parallel: bool = False
    max_loras: int = 0
    max_lora_rank: int = 16


@cache
def memory_flags() -> dict[str, MemoryFlag]:
    """Flags that have to do with memory, by name without dashes."""
    return {row.flag: row for row in rows("vllm_memory_flags", MemoryFlag)}


def engine_options(name: str, backend: Backend, notes: Notes) -> EngineOptions:
    """What is sized of a backend's flags; NoPlan for one that changes memory in a way that is not counted."""
    said: dict[str, Any] = {}
    for arg, written in sorted(backend.engine.args.items()):
        flag, value = _plain(arg, written)
        row = memory_flags().get(flag)
        if row is None or str(value).lower() in row.harmless:
            continue
        if row.effect == "sized":
            said[flag.removeprefix("enable-").replace("-", "_")] = value is True
        elif row.effect == "warned":
            notes.warn(f"{name}: engine.args.{arg}: {row.says}")
        elif row.effect == "refused" and not _drafts_alone(flag, value):
            raise _refused(name, arg, written, row)
    if said.get("enforce_eager"):
        notes.warn(f"{name}: enforce-eager makes every step longer than the predicted speed knows")
    if backend.adapters:
        said |= {"max_loras": len(backend.adapters), "max_lora_rank": max_lora_rank(backend)}
    return EngineOptions(**said)


def _plain(arg: str, value: object) -> tuple[str, object]:
    """The flag without its negation: `no-enable-x: true` is `enable-x: false`."""
    if arg.startswith("no-") and isinstance(value, bool):
        return arg.removeprefix("no-"), not value
    return arg, value


def _drafts_alone(flag: str, value: object) -> bool:
    """Whether tokens are drafted from the text alone, which takes neither weights nor cache."""
    if flag != "speculative-config":
        return False
    try:
        config = msgspec.json.decode(str(value), type=dict[str, object])
    except msgspec.MsgspecError:
        return False
    return "model" not in config and config.get("method") in DRAFTS_WITHOUT_A_MODEL


def _refused(name: str, arg: str, value: object, row: MemoryFlag) -> NoPlan:
    return NoPlan(
        f"backend {name}: {arg} changes the memory that was counted",
        (Conflict(path=f"backends.{name}.engine.args.{arg}", value=str(value), reason=row.says),),
    )
