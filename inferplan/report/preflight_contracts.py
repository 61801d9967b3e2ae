"""What `inferplan preflight --format json` prints, as records; fields may be added, not renamed.

Not here: finding it out (inferplan.cli) and saying it to people (preflight_text).
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from inferplan.spec.declaration import Bar

Layer = Literal["foundation", "workload"]
Status = Literal["ok", "to_do", "advice", "cannot_tell"]


class PreflightFinding(Struct, frozen=True, kw_only=True):
    """What one question to the account has brought.

    check: what kind of question it was
    layer: which layer needs it first; null where both do
    subject: what it is about
    status: to_do stops `pulumi up` or what it brings from working; advice does not
    message: what was found, or why nothing can be told
    fix: one line that changes it: a command, or a field of the spec with its value; null where nothing has to
    """

    check: str
    layer: Layer | None
    subject: str
    status: Status
    message: str
    fix: str | None


class PreflightSummary(Struct, frozen=True, kw_only=True):
    """How many findings there are of each status.

    ok: as it has to be
    to_do: block
    advice: do not block
    cannot_tell: were not asked, or not answered
    """

    ok: int
    to_do: int
    advice: int
    cannot_tell: int


class PreflightDocument(Struct, frozen=True, kw_only=True):
    """What an account lacks before a stack can be made in it.

    schema: version of this contract
    name: of the stack
    account: that the spec names, and that was asked
    region: AWS Region that was asked
    layer: that alone was asked about; null for both
    as_of: the day that certificates and reservations were judged by
    organization: whose bar the plan is held to
    decision: blocked where something is to do; unknown where nothing is and not everything can be told
    summary: findings by status
    findings: in the order in which they were asked
    """

    schema: Literal["inferplan.preflight/v1beta1"]
    name: str
    account: str
    region: str
    layer: Layer | None
    as_of: str
    organization: Bar
    decision: Literal["ready", "blocked", "unknown"]
    summary: PreflightSummary
    findings: tuple[PreflightFinding, ...]
