"""What does not hold together in organization.yaml, in a waiver or in a lock.

Not here: whether an entry is recent or sufficient (policies); fields of a spec (crossfield, names).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import NamedTuple

from inferplan import catalog
from inferplan.near import did_you_mean, listed, near
from inferplan.spec.discounts import EVERY_SERVICE, INSTANCES, NOT_DISCOUNTED, TOKENS, Discount
from inferplan.spec.existing import places_registered
from inferplan.spec.model import DATA_CLASSES
from inferplan.spec.names import no_such_day, unknown, unknown_place, unknown_region
from inferplan.spec.organization import ConfirmedFact, Lock, Organization, VendorEntry, Waiver
from inferplan.spec.position import Part
from inferplan.spec.problem import Problem


class RuleIds(NamedTuple):
    """The rule ids of the packs, as their reader knows them: those that are checked, and all published."""

    built: frozenset[str]
    published: frozenset[str]

    @property
    def known(self) -> tuple[str, ...]:
        """Every id that means something, sorted."""
        return tuple(sorted(self.built | self.published))


def organization_problems(organization: Organization, rules: RuleIds | None) -> Iterator[Problem]:
    """Everything in a well-formed organization.yaml that cannot be understood; `rules` None: any id goes."""
    yield from classes_complete(organization)
    yield from entities_known(organization)
    yield from accounts_known(organization)
    for name, entry in organization.vendors.items():
        yield from vendor_known(("vendors", name), entry)
    for name, store in organization.stores.items():
        yield from unknown_region(("stores", name, "region"), store.region)
    yield from places_registered(organization)
    for index, evidence in enumerate(organization.evidence):
        yield from no_such_day(("evidence", index, "date"), evidence.date)
    for index, fact in enumerate(organization.facts.confirmed):
        yield from fact_known(("facts", "confirmed", index), fact.id)
        yield from places_of_fact(("facts", "confirmed", index), fact)
        yield from no_such_day(("facts", "confirmed", index, "date"), fact.date)
    yield from discount_problems(organization.discounts, organization.vendors)
    if rules is not None:
        for index, rule in enumerate(organization.not_waivable):
            yield from rule_checked(("not_waivable", index), rule, rules)
        for rule in organization.rules:
            yield from rule_checked(("rules", rule), rule, rules)
    for rule, setting in organization.rules.items():
        yield from no_such_day(("rules", rule, "from"), setting.from_)
        yield from no_such_day(("rules", rule, "existing_stacks_from"), setting.existing_stacks_from)


def classes_complete(organization: Organization) -> Iterator[Problem]:
    """Every class of data has a ceiling: what is left out would have none."""
    for name in DATA_CLASSES:
        if name not in organization.classes:
            yield Problem(("classes", name), "missing", hint="every class of data needs a ceiling")


def entities_known(organization: Organization) -> Iterator[Problem]:
    """Seats of entities are countries."""
    for name, entity in organization.entities.items():
        if entity.domicile is not None:
            yield from unknown_place(("entities", name, "domicile"), entity.domicile, groups=False)


def accounts_known(organization: Organization) -> Iterator[Problem]:
    """Accounts belong to a registered entity and to countries that exist."""
    for account, entry in organization.accounts.items():
        parts: tuple[Part, ...] = ("accounts", account)
        if entry.entity not in organization.entities:
            close = near(entry.entity, organization.entities)
            advice = f"entities are {listed(organization.entities, 'and')}"
            yield unknown((*parts, "entity"), "entity", entry.entity, close, advice)
        for index, code in enumerate(entry.countries):
            yield from unknown_place((*parts, "countries", index), code)


def vendor_known(parts: tuple[Part, ...], entry: VendorEntry) -> Iterator[Problem]:
    """A vendor has facts, and its dates and countries exist."""
    if entry.provider not in catalog.vendors():
        close = near(entry.provider, catalog.vendors())
        advice = f"known: {', '.join(catalog.vendors())}"
        yield unknown((*parts, "provider"), "provider", entry.provider, close, advice)
    for index, subprocessor in enumerate(entry.subprocessors or ()):
        yield from unknown_place(
            (*parts, "subprocessors", index, "country"), subprocessor.country, groups=False
        )
    yield from no_such_day((*parts, "review_by"), entry.review_by)
    if entry.retention is not None:
        yield from no_such_day((*parts, "retention", "date"), entry.retention.date)
    if entry.assessment is not None:
        yield from no_such_day((*parts, "assessment", "date"), entry.assessment.date)


def fact_known(parts: tuple[Part, ...], fact: str) -> Iterator[Problem]:
    """A confirmed fact is one of the catalog's."""
    if not catalog.is_fact(fact):
        table = fact.partition("/")[0]
        tables = {known.partition("/")[0] for known in catalog.facts()}
        meant = tuple(f"{name}/" for name in ({table} & tables or near(table, sorted(tables))))
        of_table = [known for known in catalog.facts() if known.startswith(meant)]
        hint = did_you_mean(near(fact, of_table)) or "ids are <table>/<key>"
        yield Problem((*parts, "id"), f"unknown fact '{fact}'", hint=hint)


def places_of_fact(parts: tuple[Part, ...], fact: ConfirmedFact) -> Iterator[Problem]:
    """Countries are confirmed of one host of a vendor, and exist."""
    if fact.countries and catalog.is_fact(fact.id) and not catalog.names_host(fact.id):
        hint = "the id of a host is vendors/<vendor>/<host>"
        yield Problem((*parts, "countries"), "places are confirmed of one host of a vendor only", hint=hint)
    for index, code in enumerate(fact.countries):
        yield from unknown_place((*parts, "countries", index), code)


def discount_problems(discounts: Iterable[Discount], vendors: Iterable[str]) -> Iterator[Problem]:
    """Discounts that name what does not exist, or not the one thing that they are for."""
    names: set[str] = set()
    for index, one in enumerate(discounts):
        parts: tuple[Part, ...] = ("discounts", index)
        if one.name in names:
            yield Problem((*parts, "name"), f"'{one.name}' is another discount already")
        names.add(one.name)
        said = [field for field in ("service", "family", "vendor") if getattr(one, field) is not None]
        if len(said) != 1:
            found = f"says {' and '.join(said)}" if said else "says what it is for nowhere"
            yield Problem(parts, f"{found}; name one of service, family and vendor")
        for field, known in (("service", _services()), ("family", _families()), ("vendor", tuple(vendors))):
            name = getattr(one, field)
            if name is not None and name not in known:
                yield unknown((*parts, field), field, name, near(name, known), f"known: {', '.join(known)}")
        for place, region in enumerate(one.regions):
            yield from unknown_region((*parts, "regions", place), region)
        days = [*no_such_day((*parts, "valid_from"), one.valid_from)]
        days += no_such_day((*parts, "valid_until"), one.valid_until)
        yield from days
        if not days and one.valid_from is not None and one.valid_until < one.valid_from:
            yield Problem((*parts, "valid_until"), f"'{one.valid_until}' is before valid_from")


@lru_cache(maxsize=1)
def _services() -> tuple[str, ...]:
    """What a discount may name as a service."""
    listed = {row.service for row in catalog.service_prices().values()} - NOT_DISCOUNTED
    return (EVERY_SERVICE, *sorted(listed | {TOKENS, INSTANCES}))


@lru_cache(maxsize=1)
def _families() -> tuple[str, ...]:
    types = {*catalog.instances(), *(name for name, _ in catalog.region_prices())}
    return tuple(sorted({name.partition(".")[0] for name in types}))


def rule_published(
    parts: tuple[Part, ...], rule: str, rules: RuleIds, offered: Iterable[str] = ()
) -> Iterator[Problem]:
    """A rule id is one that exists, or is published as one to come; `offered` are those that would do."""
    if rule not in rules.known:
        hint = did_you_mean(near(rule, offered or rules.known, 3)) or "`inferplan rules` lists them"
        yield Problem(parts, f"unknown rule '{rule}'", hint=hint)


def rule_checked(parts: tuple[Part, ...], rule: str, rules: RuleIds) -> Iterator[Problem]:
    """A bar is only as high as what is checked: a level of a rule that nothing checks would say otherwise."""
    yield from rule_published(parts, rule, rules, sorted(rules.built))
    if rule in rules.published - rules.built:
        hint = "take it out until it is built; `inferplan rules` lists what is checked"
        yield Problem(parts, f"rule '{rule}' is published, and nothing checks it yet", hint=hint)


def waiver_problems(waiver: Waiver, rules: RuleIds | None) -> Iterator[Problem]:
    """A waiver lifts a rule that is published, from one day of the calendar to a later one."""
    if rules is not None:
        yield from rule_published(("rule",), waiver.rule, rules)
    days = [*no_such_day(("created",), waiver.created), *no_such_day(("expires",), waiver.expires)]
    yield from days
    if not days and waiver.expires < waiver.created:
        yield Problem(("expires",), f"'{waiver.expires}' is before created, '{waiver.created}'")


def lock_problems(lock: Lock) -> Iterator[Problem]:
    """Images name a registry and a version."""
    for name, image in lock.images.items():
        if "." not in image.repository.partition("/")[0]:
            hint = f"did you mean docker.io/{image.repository}?"
            problem = f"'{image.repository}' names no registry"
            yield Problem(("images", name, "repository"), problem, hint=hint)
        if image.tag == "latest":
            yield Problem(
                ("images", name, "tag"), "'latest' is no version", hint="name the version that was pinned"
            )
