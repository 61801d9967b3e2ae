"""The base of every plan record, the record that explains a number, and names that fit what AWS allows.

Not here: the plan itself (plan, outcome).
"""

from __future__ import annotations

import hashlib
import re
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


def fitting(name: str, limit: int) -> str:
    """`name` where it has at most `limit` characters and every hyphen stands between two others.

    Otherwise its beginning and a digest of the whole, so that two long names stay two.
    """
    tidy = re.sub("-{2,}", "-", name).strip("-")
    if tidy == name and len(name) <= limit:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:8]
    return f"{tidy[: limit - len(digest) - 1].rstrip('-')}-{digest}"
