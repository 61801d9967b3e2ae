"""The result of reading one criterion: shares of its weight for each side, with the evidence.

Not here: the criteria themselves.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from inferplan.catalog import Side

Standing = Literal["registered", "claimed", "computed"]

OWN: Side = "self-hosted"
VENDOR: Side = "managed-api"
HYBRID: Side = "hybrid"


@dataclass(frozen=True, kw_only=True)
class Score:
    """`shares` are 0 to 1 of the criterion's weight per side; `standing` says who vouches for the evidence.

    registered: the organization's files; claimed: the spec's author; computed: from both and the catalog.
    `standing` None: nothing is stated, and `evidence` says what would have to be.
    """

    shares: dict[Side, float] = field(default_factory=dict)
    evidence: str
    standing: Standing | None

    @property
    def outcome(self) -> Literal["scored", "neither side", "not stated"]:
        """What came of it."""
        if self.standing is None:
            return "not stated"
        return "scored" if any(self.shares.values()) else "neither side"


def speaks_for(*sides: Side, evidence: str, standing: Standing) -> Score:
    """Evidence that speaks for some sides with the criterion's whole weight."""
    return Score(shares=dict.fromkeys(sides, 1.0), evidence=evidence, standing=standing)


def neither(evidence: str, standing: Standing) -> Score:
    """Evidence that speaks for no side."""
    return Score(evidence=evidence, standing=standing)


def not_stated(what: str) -> Score:
    """No evidence; `what` is what neither spec nor organization says."""
    return Score(evidence=f"not stated: {what}", standing=None)
