"""Registered evaluations: which side measured better on the organization's own tasks.

Not here: whether an evaluation is required (policies).
"""

from __future__ import annotations

from dataclasses import dataclass

from inferplan.decision.question import Question
from inferplan.decision.score import OWN, VENDOR, Score, neither, not_stated, speaks_for
from inferplan.spec.organization import Evidence


@dataclass(frozen=True, kw_only=True)
class Result:
    """One registered score of one backend."""

    backend: str
    metric: str | None
    score: float
    minimum: float | None
    reference: str

    @property
    def passed(self) -> bool:
        """Whether it reached its minimum; without a minimum nothing was asked of it."""
        return self.minimum is not None and self.score >= self.minimum

    def __str__(self) -> str:
        asked = f"minimum {self.minimum:g}" if self.minimum is not None else "no minimum"
        return f"{self.backend} {self.score:g} ({self.metric or 'no metric'}, {asked}, {self.reference})"


def results(question: Question) -> tuple[Result, ...]:
    """Scores of backends on any route, in the order of the register."""
    used = dict.fromkeys(name for route in question.spec.routes for name in route.backends)
    found = []
    for entry in question.declaration.organization.evidence:
        if entry.kind != "evaluation" or entry.score is None or entry.date > question.as_of.isoformat():
            continue
        for name in used:
            if _is_about(question, entry, name):
                found.append(
                    Result(backend=name, metric=entry.metric, score=entry.score, minimum=entry.minimum,
                           reference=entry.reference)
                )  # fmt: skip
    return tuple(found)


def _is_about(question: Question, entry: Evidence, name: str) -> bool:
    """Whether an entry counts for a backend: by its name or its model id, and for the locked revision."""
    backend, lock = question.spec.backends[name], question.declaration.lock
    repository = (backend.weights or "").removeprefix("hf://").partition("@")[0]
    if entry.subject not in {f"{question.spec.metadata.name}/{name}", backend.model, repository}:
        return False
    locked = lock.models.get(repository) if lock is not None else None
    return entry.revision is None or locked is None or entry.revision == locked.revision


def evaluation(question: Question) -> Score:
    """The better side: by score on a common metric, else by who reached the minimum."""
    found = results(question)
    own = [result for result in found if question.kind(result.backend) == "self-hosted"]
    vendor = [result for result in found if question.kind(result.backend) == "managed-api"]
    if not found:
        return not_stated("no evaluation of any backend is registered")
    text = "; ".join(str(result) for result in found)
    pairs = [(a, b) for a in own for b in vendor if a.metric is not None and a.metric == b.metric]
    if pairs:
        ahead = {OWN if a.score > b.score else VENDOR for a, b in pairs if a.score != b.score}
        if len(ahead) == 1:
            return speaks_for(*ahead, evidence=text, standing="registered")
        return neither(f"{text}: neither side is ahead", "registered")
    passed = {side: any(result.passed for result in group) for side, group in ((OWN, own), (VENDOR, vendor))}
    sides = [side for side, reached in passed.items() if reached]
    if len(sides) == 1:
        return speaks_for(*sides, evidence=text, standing="registered")
    why = "different metrics do not compare" if sides else "none reached its minimum"
    return neither(f"{text}: {why}", "registered")
