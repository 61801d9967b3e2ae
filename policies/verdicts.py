"""The records of a report under the name that policies know them by (inferplan.records.verdicts).

Not here: how a verdict is reached (evaluate) and how a report is printed (inferplan.report).
"""

from __future__ import annotations

from inferplan.records.verdicts import (
    Digests,
    Finding,
    Report,
    RuleResult,
    SpecRef,
    SubjectRef,
    Summary,
    WaiverRef,
)

__all__ = ["Digests", "Finding", "Report", "RuleResult", "SpecRef", "SubjectRef", "Summary", "WaiverRef"]
