"""Who decided that a vendor may be used: assessments with dates and approvers, contracts, sub-processors.

Not here: what the vendor does with data (vendors_process_inside, vendors_keep_and_learn_nothing).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from policies.context import Context, Serving
from policies.levels import personal_data, restricted_only
from policies.rule import DROP, Lapse, Outcome, Rule, fail, undecided

ASSESSMENT_MONTHS = 24
HEADINGS = "purpose, data, place of processing, retention, training, sub-processors, contract, exit"

vendors_are_assessed = Rule(
    id="PRIV-001",
    title="Every managed route stands on a dated, approved privacy assessment",
    why="Sending data to a third party is a decision that a named person has to have taken for this vendor "
    "and class.",
    fix=f"Have the vendor assessed for these classes ({HEADINGS}) and register reference, date and approver.",
    source=("000:198",),
    level="mandatory",
    regimes=("EU-GDPR", "UK-GDPR"),
)


@vendors_are_assessed.check("managed-api")
def _assessment(serving: Serving, context: Context) -> Iterator[Outcome]:
    entry = serving.vendor
    made, review = entry.assessment, entry.review_by
    if made is None:
        yield fail(f"no assessment for {', '.join(serving.classes)} data{serving.whose}")
        return
    if missing := [name for name in serving.classes if name not in made.classes]:
        yield fail(f"assessment {made.reference} does not cover {', '.join(missing)} data{serving.whose}")
    if date.fromisoformat(made.date) > context.as_of:
        yield fail(f"assessment {made.reference} is dated {made.date}, in the future")
    if review and date.fromisoformat(review) < context.as_of:
        yield fail(f"the vendor was to be reviewed by {review}")
    elif review:
        yield Lapse(date.fromisoformat(review), f"vendor review of {serving.backend.backend.vendor}")


_OPENAI = "organization:vendors.openai-eu"

vendors_are_assessed.passes("assessed for public and internal data, review due later", world="vendor")
vendors_are_assessed.fails("no assessment", {f"{_OPENAI}.assessment": DROP})
vendors_are_assessed.fails("not for this class", {f"{_OPENAI}.assessment.classes": ["public"]})
vendors_are_assessed.fails("dated in the future", {f"{_OPENAI}.assessment.date": "2027-01-01"})
vendors_are_assessed.fails("the review is overdue", {f"{_OPENAI}.review_by": "2026-11-19"})


assessments_are_renewed = Rule(
    id="PRIV-002",
    title="A privacy assessment is renewed with age",
    why="Vendors change prices, terms and places; an old assessment speaks of a vendor that is no more.",
    fix="Assess the vendor again and register the new date.",
    source=("004:35",),
    level=restricted_only,
)


@assessments_are_renewed.check("managed-api")
def _age(serving: Serving, context: Context) -> Iterator[Outcome]:
    made = serving.vendor.assessment
    if made is not None:
        until = months_after(date.fromisoformat(made.date), ASSESSMENT_MONTHS)
        if until < context.as_of:
            yield fail(f"the assessment of {made.date} is older than {ASSESSMENT_MONTHS} months")
        else:
            yield Lapse(until, f"privacy assessment of {serving.backend.backend.vendor}")


def months_after(day: date, months: int) -> date:
    """The same day some months later, the last of the month where there is none."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    for last in (day.day, 30, 29, 28):
        try:
            return date(year, month + 1, last)
        except ValueError:
            continue
    raise AssertionError("every month has 28 days")


assessments_are_renewed.passes("assessed four months ago", world="vendor")
assessments_are_renewed.fails("assessed three years ago", {f"{_OPENAI}.assessment.date": "2023-07-01"})


vendors_are_under_contract = Rule(
    id="PRIV-004",
    title="A vendor's contract and its sub-processors with their countries are on record",
    why="Whoever works for the vendor, reviewers and support included, has access too.",
    fix="Register the contract and every sub-processor with its country, or send no personal data.",
    source=("000:81",),
    level=personal_data,
    regimes=("EU-GDPR", "UK-GDPR"),
)


@vendors_are_under_contract.check("managed-api")
def _contract(serving: Serving, context: Context) -> Iterator[Outcome]:
    entry = serving.vendor
    if entry.contract is None:
        yield fail(f"no contract with {serving.backend.backend.vendor} is registered")
    if entry.subprocessors is None:
        yield undecided(f"the sub-processors of {serving.backend.backend.vendor} are not registered")
    elif abroad := sorted({one.country for one in entry.subprocessors} - context.allowed_countries):
        yield fail(f"sub-processors in {', '.join(abroad)}; allowed: {context.allowed_text}")


vendors_are_under_contract.passes("contract and sub-processors are registered", world="vendor")
vendors_are_under_contract.fails("no contract", {f"{_OPENAI}.contract": DROP})
vendors_are_under_contract.is_undecided("nobody asked for sub-processors", {f"{_OPENAI}.subprocessors": DROP})
vendors_are_under_contract.fails(
    "a sub-processor abroad", {f"{_OPENAI}.subprocessors[0]": {"name": "review", "country": "PH"}}
)
