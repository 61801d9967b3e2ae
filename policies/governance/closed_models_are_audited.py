"""Where a route must be auditable and a vendor's model cannot be looked into, evidence makes up for it.

Not here: what a vendor keeps and learns (sovereignty), and how mode auto weighs it.
"""

from __future__ import annotations

from collections.abc import Iterator

from inferplan.records.verdicts import Level
from policies.context import Context, Serving
from policies.rule import Outcome, Rule, fail


def regulated_only(context: Context, _serving: Serving | None = None) -> Level:
    """Mandatory in a regulated sector, or one that nobody registered."""
    return "mandatory" if context.regulated else "advisory"


closed_models_are_audited = Rule(
    id="TRANSP-003",
    title="A closed model on a route that must be auditable has evidence in its place",
    why="Nobody outside looks into a closed model: an audit needs tests of one's own or a right to ask.",
    fix="Serve the route from own weights, or register audit_rights for the vendor or an evaluation of the "
    "backend.",
    source=("004:70",),
    level=regulated_only,
)


@closed_models_are_audited.check("managed-api")
def _evidence(serving: Serving, context: Context) -> Iterator[Outcome]:
    if not serving.route.audit_required:
        return
    vendor, name = serving.backend.backend.vendor, serving.backend.name
    wanted = {("audit_rights", vendor), ("evaluation", f"{context.spec.metadata.name}/{name}")}
    filed = {
        (one.kind, one.subject)
        for one in context.organization.evidence
        if one.date <= context.as_of.isoformat()
    }
    if not wanted & filed:
        yield fail(
            f"audit_required, and neither audit_rights of {vendor} nor an evaluation of {name} is on file"
        )


_ROUTE, _EVIDENCE = "spec:routes[0]", "organization:evidence"
_SECTOR = {"organization:entities.desk.sector": "finance"}
_FILED = {"reference": "A-1", "date": "2026-08-01", "approver": "legal@example.com"}
_RIGHTS = [{"kind": "audit_rights", "subject": vendor, **_FILED} for vendor in ("openai-eu", "bedrock")]
_AUDITED = {f"{_ROUTE}.audit_required": True, **_SECTOR}

closed_models_are_audited.passes("nobody asks for an audit", world="vendor", given=_SECTOR)
closed_models_are_audited.fails("a route asks for one", {f"{_ROUTE}.audit_required": True})

closed_models_are_audited.passes(
    "the contracts give audit rights", world="vendor", given={**_AUDITED, _EVIDENCE: _RIGHTS}
)
closed_models_are_audited.fails(
    "those of one vendor are not on file", {f"{_EVIDENCE}[1].subject": "somebody-else"}
)
closed_models_are_audited.fails("they are dated in the future", {f"{_EVIDENCE}[1].date": "2027-01-01"})

closed_models_are_audited.passes(
    "own tests of every backend are on file",
    world="vendor",
    given={
        **_AUDITED,
        _EVIDENCE: [
            {"kind": "evaluation", "subject": f"example/{name}", **_FILED} for name in ("gpt", "mistral")
        ],
    },
)
closed_models_are_audited.fails("those of one are taken back", {f"{_EVIDENCE}[0].kind": "load_test"})
