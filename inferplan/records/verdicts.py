"""The report of one evaluation as frozen records; it encodes to an entry of `stacks` in check's JSON.

Not here: how a verdict is reached (policies) and how a report is printed (inferplan.report).
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from inferplan.records.base import Record
from inferplan.spec.declaration import Bar
from inferplan.spec.laws import Law

Verdict = Literal["pass", "fail", "undecided", "not_applicable"]
Level = Literal["mandatory", "advisory"]


class CitedLine(Struct, frozen=True):
    """What a citation of a source document leads to.

    source: document and line, as the rule cites it
    document: title of the document
    says: what the line says, in our own words
    """

    source: str
    document: str
    says: str


class SubjectRef(Record, frozen=True, kw_only=True):
    """What a finding is about, without its value."""

    kind: str
    name: str
    type: str | None = None
    urn: str | None = None


class WaiverRef(Record, frozen=True, kw_only=True):
    """The waiver that covers a finding."""

    ticket: str
    reason: str
    owner: str
    approver: str
    expires: str


class Finding(Record, frozen=True, kw_only=True):
    """One problem: of a rule, or one that belongs to no rule (policies.notices).

    `blocks` says whether it stands between the stack and a deployment; `pending` that only `inferplan lock`
    can settle it; `removed` that mode auto leaves the backend out because of it, and nothing reaches it.
    `follows` is the rule and path of the finding on the declaration that this one follows from.
    """

    rule: str
    level: Level
    verdict: Literal["fail", "undecided"]
    subject: SubjectRef
    file: str | None
    line: int | None
    column: int | None
    path: str | None
    message: str
    fix: str
    source: tuple[str, ...]
    waiver: WaiverRef | None
    valid_until: str | None
    blocks: bool
    pending: bool = False
    removed: bool = False
    follows: str | None = None


class RuleResult(Record, frozen=True, kw_only=True):
    """One rule that ran: its worst verdict over all subjects, and until when its passes hold."""

    id: str
    level: Level
    verdict: Verdict
    subjects: int
    valid_until: str | None = None
    valid_because: str | None = None


class Summary(Record, frozen=True, kw_only=True, rename={"passed": "pass"}):
    """Rules by verdict; a rule whose problems are all waived counts as waived only."""

    passed: int
    fail: int
    undecided: int
    not_applicable: int
    waived: int


class SpecRef(Record, frozen=True, kw_only=True):
    """Which spec was judged; a declaration may come without a file."""

    path: str | None
    name: str | None


class Digests(Record, frozen=True, kw_only=True):
    """SHA-256 of what the verdicts rest on; None where it was not given."""

    spec: str | None
    lock: str | None
    organization: str | None
    catalog: str
    policies: str


class Report(Record, frozen=True, kw_only=True):
    """Verdicts over one stack; `valid_until` is the last day on which the decision holds by itself."""

    spec: SpecRef
    organization: Bar | None  # None where nothing was declared
    digests: Digests
    decision: Literal["allow", "deny"]
    pending: int
    valid_until: str | None
    valid_because: str | None
    summary: Summary
    rules: tuple[RuleResult, ...]
    findings: tuple[Finding, ...]
    laws: tuple[Law, ...] = ()  # that the declaration stands under


class StateFile(Record, frozen=True, kw_only=True):
    """What a state file held that was judged in place of planned resources."""

    file: str
    resources: int
    unknown_types: dict[str, int]  # of types that no rule looks at, with their number
