"""The base of every plan record, and the record that explains a number.

Not here: the plan itself (model, outcome).
"""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct, field

Kind = Literal["self-hosted", "managed-api", "hybrid"]


class Record(Struct, frozen=True, kw_only=True):
    """Base of every plan record."""


class Source(Record, frozen=True, kw_only=True):
    """Where a figure comes from and when it was true."""

    source: str
    as_of: str


class Derivation(Record, frozen=True, kw_only=True):
    """One number explained: `explain SPEC PATH` prints it."""

    value: Any
    unit: str
    formula: str  # in words
    inputs: dict[str, Any] = field(default_factory=dict)
    sources: tuple[Source, ...] = ()
    confidence: Literal["high", "medium", "low", "documentation"] = "high"
