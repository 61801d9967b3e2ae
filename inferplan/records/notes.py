"""What the planner writes down while it decides: derivations, defaults taken and warnings.

Not here: printing them (inferplan.report).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypeVar

from inferplan.records.plan import Default, Derivation, Source

Value = TypeVar("Value")
Confidence = Literal["high", "medium", "low", "documentation"]


class Notes:
    """Collects in the order of the decisions; the same decisions give the same notes."""

    def __init__(self) -> None:
        self.derivations: dict[str, Derivation] = {}
        self.defaults: list[Default] = []
        self.warnings: list[str] = []

    def derive(
        self,
        path: str,
        value: Value,
        unit: str,
        formula: str,
        inputs: Mapping[str, Any] | None = None,
        *,
        sources: tuple[Source, ...] = (),
        confidence: Confidence = "high",
    ) -> Value:
        """Record how the value at a plan path came about and give the value back."""
        self.derivations[path] = Derivation(
            value=value,
            unit=unit,
            formula=formula,
            inputs=dict(inputs or {}),
            sources=sources,
            confidence=confidence,
        )
        return value

    def default(self, path: str, value: Value, why: str) -> Value:
        """Record that the spec did not say `path` and which value was taken."""
        if all(known.path != path for known in self.defaults):
            self.defaults.append(Default(path=path, value=value, why=why))
        return value

    def warn(self, text: str) -> None:
        """Record something the reader should know before deploying."""
        if text not in self.warnings:
            self.warnings.append(text)

    def fork(self) -> Notes:
        """A copy to decide further on, so that a rejected branch leaves no notes behind."""
        copy = Notes()
        copy.derivations = dict(self.derivations)
        copy.defaults = list(self.defaults)
        copy.warnings = list(self.warnings)
        return copy
