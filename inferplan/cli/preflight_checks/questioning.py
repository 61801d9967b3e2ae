"""Puts the questions, one after another, and the policy that they need together.

Not here: the questions themselves, one module per subject.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from inferplan.cli.aws.connection import NOT_PERMITTED, Connection, Refused
from inferplan.cli.preflight_checks import (
    account_identity,
    bedrock_access,
    endpoint_services,
    given_cluster,
    given_network,
    linked_service_roles,
    node_images,
    reservations,
    secret_values,
    supplied,
    tls_certificate,
    vcpu_quotas,
    zone_offers,
)
from inferplan.cli.preflight_checks.account_question import Asking, Question, Said, Wanted, cannot_tell
from inferplan.report.preflight_contracts import (
    Layer,
    PreflightDocument,
    PreflightFinding,
    PreflightSummary,
)

SUBJECTS = (
    account_identity,
    supplied,
    vcpu_quotas,
    reservations,
    zone_offers,
    node_images,
    endpoint_services,
    given_network,
    given_cluster,
    linked_service_roles,
    tls_certificate,
    bedrock_access,
    secret_values,
)
ORDER: tuple[Layer | None, ...] = (None, "foundation", "workload")
VERB = "preflight"


def questions(wanted: Wanted, layer: Layer | None = None) -> list[Question[Any]]:
    """Every question of a spec: what both layers need first, then the layers in their order."""
    every = [question for subject in SUBJECTS for question in subject.questions(wanted)]
    kept = [question for question in every if layer is None or question.layer in (None, layer)]
    return sorted(kept, key=lambda question: ORDER.index(question.layer))


def policy(asked: Iterable[Question[Any]]) -> dict[str, Any]:
    """The IAM policy that questions need: actions by what they may be asked about."""
    resources: dict[str, set[str]] = {}
    for question in asked:
        for action, of in question.asks.items():
            resources.setdefault(action, set()).update(of)
    grouped: dict[tuple[str, ...], list[str]] = {}
    for action, found in sorted(resources.items()):
        grouped.setdefault(tuple(sorted(found)), []).append(action)
    statements = [
        {
            "Sid": f"Ask{number}",
            "Effect": "Allow",
            "Action": actions,
            "Resource": found[0] if len(found) == 1 else list(found),
        }
        for number, (found, actions) in enumerate(grouped.items(), start=1)
    ]
    return {"Version": "2012-10-17", "Statement": statements}


def actions(asked: Iterable[Question[Any]]) -> tuple[str, ...]:
    """Every action of some questions, as IAM names it."""
    return tuple(sorted({action for question in asked for action in question.asks}))


def preflight(wanted: Wanted, layer: Layer | None, tell: Callable[[str], None]) -> PreflightDocument:
    """Asks everything; raises NotAsked where nothing can be."""
    asked = questions(wanted, layer)
    asking = Asking(Connection(f"{VERB} {wanted.spec}", actions(asked)), wanted.region)
    found = tuple(findings(asked, asking, tell))
    counts = Counter(finding.status for finding in found)
    return PreflightDocument(
        schema="inferplan.preflight/v1beta1",
        name=wanted.plan.name,
        account=wanted.account,
        region=wanted.region,
        layer=layer,
        as_of=wanted.day.isoformat(),
        organization=wanted.declaration.bar,
        decision="blocked" if counts["to_do"] else "unknown" if counts["cannot_tell"] else "ready",
        summary=PreflightSummary(
            ok=counts["ok"],
            to_do=counts["to_do"],
            advice=counts["advice"],
            cannot_tell=counts["cannot_tell"],
        ),
        findings=found,
    )


def findings(
    asked: Iterable[Question[Any]], asking: Asking, tell: Callable[[str], None]
) -> Iterator[PreflightFinding]:
    """A question that is refused does not stop the others; one that all others rest on does."""
    for question in asked:
        tell(f"{question.check}: {question.subject}")
        stopped = False
        for said in _answers(question, asking):
            stopped = stopped or (question.stops_rest and said.status == "to_do")
            yield PreflightFinding(
                check=question.check,
                layer=question.layer,
                subject=question.subject,
                status=said.status,
                message=said.message,
                fix=said.fix,
            )
        if stopped:
            return


def _answers(question: Question[Any], asking: Asking) -> Iterable[Said]:
    try:
        answer = question.ask(asking)
    except Refused as refused:
        needs = str(refused).removeprefix("not permitted: ")
        told = f"not permitted, needs {needs}" if refused.code in NOT_PERMITTED else str(refused)
        return [cannot_tell(f"not asked: {told}")]
    return question.judge(answer)
