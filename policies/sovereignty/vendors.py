"""Vendors: where they process, what they keep, what they train on, and who assessed them.

Not here: which class of data may go to a vendor (routing) and the way there (allowlists, profiles).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from inferplan.resource import Resource
from policies.context import Context, NamedVendor
from policies.example import change, resource
from policies.hosts import DOMAIN_LIST, LIST_TYPES, RULE_GROUP, allowlist, facts_of, processing_problem
from policies.levels import confidential_and_up
from policies.rule import DROP, Example, Lapse, Outcome, fail, on_stack, rule, undecided

ASSESSMENT_MONTHS = 24
HEADINGS = "purpose, data, place of processing, retention, training, sub-processors, contract, exit"


def stateful(hosts: list[str]) -> dict[str, object]:
    """A rule group that passes TLS to exactly these hosts, for examples."""
    return {
        "ruleGroup": {
            "rulesSource": {
                "rulesSourceList": {
                    "generatedRulesType": "ALLOWLIST",
                    "targetTypes": ["TLS_SNI"],
                    "targets": hosts,
                }
            }
        }
    }


def _listed(resources: tuple[Resource, ...], context: Context) -> Iterator[Outcome]:
    for item in resources:
        for entry in allowlist(item, context):
            fact = None if entry.wide else facts_of(entry.host)
            problem = processing_problem(fact, context, path=entry.path) if fact else None
            if problem:
                make = fail if problem.verdict == "fail" else undecided
                yield make(problem.message, path=entry.path, subject=item)


@rule(
    id="SOV-007",
    title="A managed endpoint promises to process inside the boundary, not only to store there",
    why="Vendors sell storage residency without processing residency; the prompt is read where it is "
    "processed.",
    fix="Use a host of the vendor that processes in an allowed country, Bedrock in an allowed Region, or "
    "own weights.",
    source=("000:77",),
    level="mandatory",
    on=("vendor",),
    more=(on_stack(_listed, *LIST_TYPES),),
    passing=(
        Example(
            note="the European host for a European boundary",
            base="vendor",
            resources=(
                resource(RULE_GROUP, "out", stateful(["eu.api.openai.com"])),
                resource(DOMAIN_LIST, "names", {"domains": ["eu.api.openai.com"]}),
            ),
        ),
        Example(
            note="a host that no source settles, confirmed by a person",
            base="vendor",
            spec={"data.residency.countries": ["AU"], "target.region": "ap-southeast-2"},
            organization={
                "accounts.222222222222.countries": ["AU"],
                "vendors.openai-eu.host": "au.api.openai.com",
                "facts": {
                    "confirmed": [
                        {
                            "id": "vendors/openai/au.api.openai.com",
                            "by": "dpo@example.com",
                            "date": "2026-10-01",
                        }
                    ]
                },
            },
        ),
        Example(note="the European host", base="vendor"),
    ),
    failing=(
        change(
            "a host that only stores in its region",
            organization={"vendors.openai-eu.host": "ca.api.openai.com"},
            of=2,
        ),
        change(
            "a host outside the boundary", organization={"vendors.openai-eu.host": "us.api.openai.com"}, of=2
        ),
        change("a boundary without Switzerland", spec={"data.residency.countries": ["EEA"]}, of=2),
        change("no fact knows the host", organization={"vendors.openai-eu.host": "llm.example.com"}, of=2),
        change("no host named", organization={"vendors.openai-eu.host": DROP}, of=2),
        change(
            "nobody confirmed the unsettled host",
            of=1,
            organization={"facts": {"confirmed": []}},
            verdict="undecided",
        ),
        change(
            "the firewall lets a storage-only host through",
            {"out:ruleGroup.rulesSource.rulesSourceList.targets[1]": "gb.api.openai.com"},
            also=("EGR-005",),
        ),
        change(
            "names of a storage-only host resolve",
            {"names:domains[1]": "kr.api.openai.com"},
            also=("EGR-005",),
        ),
    ),
)
def sov_007(vendor: NamedVendor, context: Context) -> Iterator[Outcome]:
    if vendor.fact is None:
        yield fail(f"no fact describes the provider {vendor.entry.provider}")
    elif vendor.entry.host is None and vendor.entry.provider != "amazon-bedrock":
        yield fail("the organization names no host, so the vendor's default (anywhere) would serve")
    elif vendor.entry.host is not None:
        fact = facts_of(vendor.entry.host)
        if fact is None or fact.vendor.id != vendor.fact.id:
            yield fail(f"no fact of {vendor.fact.name} names the host {vendor.entry.host}")
        elif problem := processing_problem(fact, context):
            yield problem


@rule(
    id="SOV-014",
    title="What a vendor keeps does not outlast what the spec allows",
    why="A vendor's copy for abuse monitoring or features is a second store that nobody here controls.",
    fix="Get zero retention approved and register it (vendors.*.retention), or raise data.retention.prompts.",
    source=("004:64",),
    level=confidential_and_up,
    on=("vendor",),
    passing=(
        Example(note="zero retention is registered, prompts: none", base="vendor"),
        Example(
            note="thirty days are allowed",
            base="vendor",
            spec={"data.retention": {"prompts": "30d"}},
            organization={"vendors.openai-eu.retention.days": 30},
        ),
    ),
    failing=(
        change(
            "nothing registered: the vendor's default counts",
            organization={"vendors.openai-eu.retention": DROP},
        ),
        change("the vendor keeps a day", organization={"vendors.openai-eu.retention.days": 1}),
        change(
            "the vendor keeps more than allowed", of=1, organization={"vendors.openai-eu.retention.days": 31}
        ),
        change(
            "a feature that needs storage is on", organization={"vendors.openai-eu.features": ["batches"]}
        ),
        change("no default is known", organization={"vendors.bedrock.retention": DROP}, verdict="undecided"),
    ),
)
def sov_014(vendor: NamedVendor, context: Context) -> Iterator[Outcome]:
    assert context.inference is not None
    allowed = context.inference.data.retention.prompts
    limit = 0 if allowed == "none" else int(allowed.removesuffix("d"))
    registered, fact = vendor.entry.retention, vendor.fact
    zero = fact.zero_retention if fact else None
    broken = sorted(set(vendor.entry.features) & set(zero.breaks if zero else ()))
    if broken and limit == 0:
        yield fail(f"uses {', '.join(broken)}, which breaks zero retention")
    days = registered.days if registered else _kept_by_default(vendor)
    if days is None:
        yield undecided("no source says how long the vendor keeps prompts; register the contract's figure")
    elif registered is None and days > 0:
        yield fail(f"keeps prompts for {days} days by default, and the organization registered nothing else")
    elif days > limit:
        how = f"; zero retention: {zero.by}" if zero and zero.available and zero.by else ""
        yield fail(f"keeps prompts for {days} days where the spec allows {limit}{how}")
    elif registered is None and fact and (doubt := context.doubt(f"vendors/{fact.id}", fact, "retention")):
        yield undecided(doubt)


def _kept_by_default(vendor: NamedVendor) -> int | None:
    if vendor.fact is None or vendor.fact.retention_days_default is None:
        return None
    return max(vendor.fact.retention_days_default, vendor.fact.retention_days_worst_case or 0)


@rule(
    id="SOV-015",
    title="Our data does not train the vendor's models",
    why="What a model has learned cannot be taken back out of it.",
    fix="Register a tier that does not train (paid, opted out) with its contract, and keep feedback "
    "sharing off.",
    source=("000:144",),
    level="mandatory",
    on=("vendor",),
    passing=(Example(note="the contract says that nothing trains", base="vendor"),),
    failing=(
        change("the vendor trains", organization={"vendors.openai-eu.trains_on_data": True}),
        change(
            "a tier that trains",
            organization={
                "vendors.openai-eu.tier": "free",
                "vendors.openai-eu.provider": "mistral",
                "vendors.openai-eu.host": "api.eu.mistral.ai",
            },
        ),
        change("feedback sharing is on", organization={"vendors.openai-eu.features": ["feedback-sharing"]}),
        change(
            "nothing registered and no fact",
            organization={
                "vendors.openai-eu.trains_on_data": DROP,
                "vendors.openai-eu.provider": "deepseek",
                "vendors.openai-eu.host": "api.deepseek.com",
            },
            verdict="undecided",
            also=("SOV-007",),
        ),
    ),
)
def sov_015(vendor: NamedVendor, context: Context) -> Iterator[Outcome]:
    said, fact = vendor.entry.trains_on_data, vendor.fact
    public = fact.trains_on_data if fact else None
    hint = f" ({fact.training_note})" if fact and fact.training_note else ""
    if said or "feedback-sharing" in vendor.entry.features:
        yield fail(f"what is sent trains the vendor's models{hint}")
    elif public == "conditional" and vendor.entry.tier in {None, "free"}:
        yield fail(f"the tier {vendor.entry.tier or '(none said)'} may train the vendor's models{hint}")
    elif said is None and public is not False:
        yield undecided(f"nothing says that the vendor does not train on what is sent{hint}")
    elif said is None and fact and (doubt := context.doubt(f"vendors/{fact.id}", fact, "train")):
        yield undecided(doubt)


def months_after(day: date, months: int) -> date:
    """The same day some months later, the last of the month where there is none."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    for last in (day.day, 30, 29, 28):
        try:
            return date(year, month + 1, last)
        except ValueError:
            continue
    raise AssertionError("every month has 28 days")


@rule(
    id="PRIV-001",
    title="Every managed route stands on a dated, approved privacy assessment",
    why="Sending data to a third party is a decision that a named person has to have taken for this "
    "vendor and class.",
    fix=f"Have the vendor assessed for these classes ({HEADINGS}) and register reference, date and approver.",
    source=("000:198",),
    level="mandatory",
    regimes=("EU-GDPR", "UK-GDPR"),
    on=("vendor",),
    passing=(Example(note="assessed for public and internal data, review due later", base="vendor"),),
    failing=(
        change("no assessment", organization={"vendors.openai-eu.assessment": DROP}),
        change("not for this class", organization={"vendors.openai-eu.assessment.classes": ["public"]}),
        change("dated in the future", organization={"vendors.openai-eu.assessment.date": "2027-01-01"}),
        change("the review is overdue", organization={"vendors.openai-eu.review_by": "2026-11-19"}),
    ),
)
def priv_001(vendor: NamedVendor, context: Context) -> Iterator[Outcome]:
    assessment, review = vendor.entry.assessment, vendor.entry.review_by
    if assessment is None:
        yield fail(f"no assessment for {', '.join(vendor.classes)} data")
        return
    missing = [name for name in vendor.classes if name not in assessment.classes]
    if missing:
        yield fail(f"assessment {assessment.reference} does not cover {', '.join(missing)} data")
    if date.fromisoformat(assessment.date) > context.as_of:
        yield fail(f"assessment {assessment.reference} is dated {assessment.date}, in the future")
    if review and date.fromisoformat(review) < context.as_of:
        yield fail(f"the vendor was to be reviewed by {review}")
    elif review:
        yield Lapse(date.fromisoformat(review), f"vendor review of {vendor.name}")


@rule(
    id="PRIV-002",
    title="A privacy assessment is renewed with age",
    why="Vendors change prices, terms and places; an old assessment speaks of a vendor that is no more.",
    fix="Assess the vendor again and register the new date.",
    source=("004:35",),
    level=lambda context: "mandatory" if context.at_least("restricted") else "advisory",
    on=("vendor",),
    passing=(Example(note="assessed four months ago", base="vendor"),),
    failing=(
        change("assessed three years ago", organization={"vendors.openai-eu.assessment.date": "2023-07-01"}),
    ),
)
def priv_002(vendor: NamedVendor, context: Context) -> Iterator[Outcome]:
    if vendor.entry.assessment is not None:
        until = months_after(date.fromisoformat(vendor.entry.assessment.date), ASSESSMENT_MONTHS)
        if until < context.as_of:
            yield fail(
                f"the assessment of {vendor.entry.assessment.date} is older than {ASSESSMENT_MONTHS} months"
            )
        else:
            yield Lapse(until, f"privacy assessment of {vendor.name}")
