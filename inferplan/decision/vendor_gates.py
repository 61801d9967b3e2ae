"""Gates of a vendor backend: where it processes, which class it may see, what is registered of it.

Not here: gates of own weights (weights_gates) and rules that policies alone judge, such as transfer bases.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from inferplan import catalog
from inferplan.decision.question import BEDROCK, Gate, Question
from inferplan.spec.model import DATA_CLASSES, Backend, Route
from inferplan.spec.organization import VendorEntry

SENSITIVE = DATA_CLASSES.index("confidential")


def vendor_gates(question: Question, route: Route, name: str, backend: Backend) -> Iterator[Gate]:
    """Everything that keeps one vendor backend from serving one route."""
    entry = question.entry(name)
    if entry is None:
        yield Gate(rule="PRIV-001", backend=name, kind="managed-api", route=route.name, verdict="fail",
                   reason=f"vendor {backend.vendor} is not registered in organization.yaml")  # fmt: skip
        return
    facts = catalog.vendors().get(entry.provider)

    def gate(rule: str, reason: str, *, sure: bool = True) -> Gate:
        return Gate(
            rule=rule,
            backend=name,
            kind="managed-api",
            route=route.name,
            verdict="fail" if sure else "undecided",
            reason=reason,
        )

    for rule, reason, sure in (
        *_class(question, route, backend, entry),
        *_places(question, backend, entry, facts),
        *_operator(question, route, backend, facts),
        *_assessment(question, route, backend, entry),
        *_handling(question, route, backend, entry, facts),
        *_sector(question, backend, entry),
    ):
        yield gate(rule, reason, sure=sure)


Found = Iterator[tuple[str, str, bool]]  # rule, reason, whether it is sure


def _class(question: Question, route: Route, backend: Backend, entry: VendorEntry) -> Found:
    data_class = question.classes[route.name]
    ceiling = question.declaration.organization.classes.get(data_class)
    if ceiling is None or "managed-api" not in ceiling.backends:
        yield "SOV-010", f"{data_class} data may not go to a vendor (organization.yaml, classes)", True
    elif DATA_CLASSES.index(data_class) > DATA_CLASSES.index(entry.max_class):
        yield (
            "SOV-010",
            f"{backend.vendor} may see {entry.max_class} data at most, the route carries {data_class}",
            True,
        )


def _places(question: Question, backend: Backend, entry: VendorEntry, facts: catalog.Vendor | None) -> Found:
    if entry.provider == BEDROCK:
        yield from _bedrock(question, backend)
        return
    if facts is None:
        yield "SOV-007", f"the catalog knows no vendor {entry.provider}, so not where it processes", False
        return
    if entry.host is None:
        yield "EGR-007", f"no host of {backend.vendor} is registered; the regional one is needed", True
        return
    known = catalog.known_host(entry.host, facts.id)
    host = known.host if known else None
    if host is None:
        yield "SOV-007", f"no fact says where {entry.host} processes", False
    elif host.scope_kind == "global":
        yield (
            "EGR-007",
            f"{entry.host} is the global host, which promises no place{_regional(question, facts)}",
            True,
        )
    elif host.processing_in_region is False:
        yield (
            "SOV-007",
            f"{entry.host} stores in {host.scope} and processes elsewhere{_regional(question, facts)}",
            True,
        )
    else:
        yield from _processing(question, entry.host, host, facts)


def _processing(question: Question, name: str, host: catalog.Host, facts: catalog.Vendor) -> Found:
    settled = question.confirmed(f"vendors/{facts.id}/{host.host}", f"vendors/{facts.id}")
    countries = catalog.expand_places(host.scope_countries) if host.scope_countries else None
    if countries is None and host.scope_kind == "location":
        named = [region for key, region in catalog.regions().items() if key in name]
        countries = frozenset(region.country for region in named) or None
    if countries is not None and not countries <= question.allowed:
        outside = sorted(countries - question.allowed)
        shown = ", ".join(outside[:6]) + (f" and {len(outside) - 6} more" if len(outside) > 6 else "")
        yield "SOV-007", f"{name} may process in {shown}; allowed: {question.allowed_text}", True
    elif countries is None:
        yield "SOV-007", f"no source says in which countries {name} processes", False
    elif not settled and (host.processing_in_region is None or facts.verified is False):
        yield (
            "SOV-007",
            f"no source settles that {name} processes in {host.scope}; a person must confirm it",
            False,
        )


def _regional(question: Question, facts: catalog.Vendor) -> str:
    good = [
        host.host
        for host in facts.hosts
        if host.processing_in_region
        and host.scope_countries
        and catalog.expand_places(host.scope_countries) <= question.allowed
    ]
    return f"; use {' or '.join(good)}" if good else ""


def _bedrock(question: Question, backend: Backend) -> Found:
    if backend.model:
        profile = catalog.bedrock_profile(backend.model)
        if profile is not None:
            yield from _profile(question, profile)
    if question.spec.target.region is not None:
        region = catalog.region(question.spec.target.region)
        if region.country not in question.allowed:
            yield (
                "SOV-007",
                f"Bedrock in {region.region} processes in {region.country}; allowed: {question.allowed_text}",
                True,
            )


def _profile(question: Question, profile: catalog.BedrockProfile) -> Found:
    fact = f"bedrock_profiles/{profile.prefix}"
    narrower = "use the in-Region model id"
    if profile.countries is None:
        if not question.confirmed(fact):
            yield "SOV-006", f"no fact says where profile {profile.prefix} routes; {narrower}", False
        return
    outside = sorted(set(profile.countries) - question.allowed)
    if outside:
        yield "SOV-006", f"profile {profile.prefix} may route to {', '.join(outside[:6])}; {narrower}", True
    elif question.doubtful(fact, profile):
        yield "SOV-006", f"where profile {profile.prefix} routes is unverified; {narrower}", False


def _operator(question: Question, route: Route, backend: Backend, facts: catalog.Vendor | None) -> Found:
    if route.name not in question.absolute:
        return
    home = facts.home_country if facts else None
    if home is None or home not in question.allowed:
        yield (
            "SOV-008",
            f"absolute sovereignty, and {backend.vendor} is under the law of {home or 'an unknown country'}",
            True,
        )


def _assessment(question: Question, route: Route, backend: Backend, entry: VendorEntry) -> Found:
    made, data_class = entry.assessment, question.classes[route.name]
    if made is None:
        yield "PRIV-001", f"{backend.vendor} has no registered privacy assessment", True
    elif date.fromisoformat(made.date) > question.as_of:
        yield (
            "PRIV-001",
            f"the assessment of {backend.vendor} is dated {made.date}, after the day of this plan",
            True,
        )
    elif missing := sorted({*route.classes, data_class} - set(made.classes), key=DATA_CLASSES.index):
        yield "PRIV-001", f"the assessment of {backend.vendor} does not cover {', '.join(missing)} data", True


def _handling(
    question: Question, route: Route, backend: Backend, entry: VendorEntry, facts: catalog.Vendor | None
) -> Found:
    """Retention, training, contract and sub-processors."""
    if DATA_CLASSES.index(question.classes[route.name]) >= SENSITIVE:
        kept = question.spec.data.retention.prompts
        days = 0 if kept == "none" else int(kept.removesuffix("d"))
        if entry.retention is None:
            yield "SOV-014", f"how long {backend.vendor} keeps prompts is not registered", False
        elif entry.retention.days > days:
            yield (
                "SOV-014",
                f"{backend.vendor} keeps prompts {entry.retention.days} days, the spec allows {days}",
                True,
            )
    if entry.trains_on_data:
        yield "SOV-015", f"{backend.vendor} trains on what it is sent", True
    elif entry.trains_on_data is None and (facts is None or facts.trains_on_data is not False):
        yield (
            "SOV-015",
            f"it is not registered that {backend.vendor} does not train on what it is sent",
            False,
        )
    if question.spec.data.personal is False:
        return
    if entry.contract is None:
        yield "PRIV-004", f"personal data, and no contract with {backend.vendor} is registered", True
    if entry.subprocessors is None:
        yield (
            "PRIV-004",
            f"personal data, and the sub-processors of {backend.vendor} are not registered",
            False,
        )
    else:
        abroad = sorted({one.country for one in entry.subprocessors} - question.allowed)
        if abroad:
            yield "PRIV-004", f"sub-processors of {backend.vendor} in {', '.join(abroad)}", True


def _sector(question: Question, backend: Backend, entry: VendorEntry) -> Found:
    if question.sector == "defense":
        yield "SECT-004", "defense: no shared commercial API", True
    if question.sector != "healthcare":
        return
    if entry.contract is None:
        yield "SECT-002", f"healthcare, and no health-data contract with {backend.vendor} is registered", True
    subjects = set(question.spec.data.subjects or ())
    for extra in catalog.sector_extras():
        fact = f"sector_extras/{extra.sector}-{'-'.join(extra.places)}"
        if (
            extra.sector == "healthcare"
            and subjects & catalog.expand_places(extra.places)
            and question.doubtful(fact, extra)
        ):
            yield "SECT-002", f"healthcare in {', '.join(extra.places)}: {extra.fact} (unverified)", False
