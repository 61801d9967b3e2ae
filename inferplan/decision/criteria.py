"""The weighted criteria: each read from spec, organization and priced options, for the side it speaks for.

A criterion without evidence scores neither side; nothing is guessed. Not here: weights and documents (the
catalog), bills (bills), registered scores (evaluation), and what follows from the totals (mode_choice).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from inferplan import catalog
from inferplan.decision import bills
from inferplan.decision.bills import Options
from inferplan.decision.evaluation import evaluation
from inferplan.decision.question import Question
from inferplan.decision.score import HYBRID, OWN, VENDOR, Score, neither, not_stated, speaks_for
from inferplan.records.plan import Plan
from inferplan.spec.model import DATA_CLASSES

SENSITIVE = DATA_CLASSES.index("confidential")


@dataclass(frozen=True, kw_only=True)
class Reading:
    """One criterion about to be read."""

    criterion: catalog.Criterion
    question: Question
    options: Options

    @property
    def priority(self) -> int | None:
        """What the spec's priorities give this criterion, 1 to 5."""
        word = self.criterion.priority
        return self.question.spec.priorities.get(word) if word else None

    @property
    def purposes(self) -> set[str]:
        """Purposes of all routes."""
        return {purpose for route in self.question.spec.routes for purpose in route.use.purposes}

    def wish(self) -> Score:
        """The author's priority as the only evidence there is."""
        if self.priority is None:
            return not_stated(f"priorities.{self.criterion.priority}")
        sides = self.criterion.favors
        return speaks_for(
            *sides, evidence=f"priorities.{self.criterion.priority}: {self.priority}", standing="claimed"
        )


def sovereignty(reading: Reading) -> Score:
    """The strictest class of data, and whether absolute sovereignty is asked."""
    question = reading.question
    strictest = max(question.classes.values(), key=DATA_CLASSES.index)
    if question.absolute:
        return speaks_for(
            OWN,
            evidence=f"absolute sovereignty for {', '.join(sorted(question.absolute))}",
            standing="registered",
        )
    text = f"strictest class of data: {strictest}"
    if DATA_CLASSES.index(strictest) >= SENSITIVE:
        return speaks_for(OWN, evidence=text, standing="registered")
    return neither(text, "registered")


def third_party_comfort(reading: Reading) -> Score:
    """Registered assessments that cover what the routes carry."""
    question = reading.question
    vendors = question.vendors()
    if not vendors:
        return not_stated("the spec names no vendor")
    needed = set(question.classes.values())
    lacking = [
        name for name, entry in vendors.items()
        if entry.assessment is None or not needed & set(entry.assessment.classes)
    ]  # fmt: skip
    if lacking:
        return neither(f"no assessment of {', '.join(lacking)} covers a class of these routes", "registered")
    references = [entry.assessment.reference for entry in vendors.values() if entry.assessment]
    return speaks_for(VENDOR, evidence=f"assessed: {', '.join(references)}", standing="registered")


def _certified(question: Question) -> tuple[list[str], list[str]]:
    """Vendors that the facts give certificates, and those they do not."""
    having: list[str] = []
    lacking: list[str] = []
    for name, entry in question.vendors().items():
        facts = catalog.vendors().get(entry.provider)
        (having if facts and facts.certifications else lacking).append(name)
    return having, lacking


def regulation(reading: Reading) -> Score:
    """The entity's sector; vendors count only with contract and certificates."""
    question = reading.question
    if question.sector is None:
        return not_stated("the entity's sector")
    if question.sector not in reading.criterion.sectors:
        return neither(
            f"sector {question.sector} is not among {', '.join(reading.criterion.sectors)}", "registered"
        )
    vendors = question.vendors()
    contracts = bool(vendors) and all(entry.contract for entry in vendors.values())
    having, lacking = _certified(question)
    text = f"sector {question.sector}"
    if contracts and having and not lacking:
        return speaks_for(
            OWN,
            VENDOR,
            evidence=f"{text}; contract and certificates of {', '.join(having)}",
            standing="registered",
        )
    return speaks_for(OWN, evidence=text, standing="registered")


def certificates(reading: Reading) -> Score:
    """A wish for certificates that the vendors really have."""
    having, lacking = _certified(reading.question)
    if reading.priority is None or not (having or lacking):
        return not_stated(
            "priorities.certificates" if reading.priority is None else "the spec names no vendor"
        )
    if lacking:
        return neither(f"no source names certificates of {', '.join(lacking)}", "computed")
    return speaks_for(VENDOR, evidence=f"certificates of {', '.join(having)}", standing="computed")


def expertise(reading: Reading) -> Score:
    """Skills that are there speak for own weights, skills that lack for vendors."""
    staff = reading.question.spec.operations.staff
    if staff is None:
        return not_stated("operations.staff")
    needed = reading.criterion.skills
    have = [skill for skill in needed if skill in staff.skills]
    lack = [skill for skill in needed if skill not in staff.skills]
    share = len(have) / len(needed)
    text = f"has {', '.join(have) or 'none of the skills'}; lacks {', '.join(lack) or 'none'}"
    return Score(shares={OWN: share, VENDOR: 1 - share}, evidence=text, standing="claimed")


def infrastructure(reading: Reading) -> Score:
    """Hardware or a cluster that is there already."""
    spec = reading.question.spec
    found = (
        [f"target.nodes: {sum(node.count * node.nodes for node in spec.target.nodes)} GPUs"]
        if spec.target.nodes
        else []
    )
    if spec.cluster.existing is not None:
        found.append(f"cluster {spec.cluster.existing.name}")
    found += [
        f"reservation {backend.capacity.id}" for backend in spec.backends.values() if backend.capacity.id
    ]
    if not found:
        return not_stated("target.nodes, cluster.existing or a capacity reservation")
    return speaks_for(OWN, evidence="; ".join(found), standing="claimed")


def time_to_market(reading: Reading) -> Score:
    """The deadline against the lead time of both sides; without one, the author's wish."""
    deadline = reading.question.spec.deadline
    own, vendor = reading.options.get("self-hosted"), reading.options.get("managed-api")
    if deadline is None or not isinstance(own, Plan) or not isinstance(vendor, Plan):
        return reading.wish()
    left = (date.fromisoformat(deadline) - reading.question.as_of).days
    text = f"{left} days to {deadline}; own weights {own.lead_time.days}, vendors {vendor.lead_time.days}"
    if vendor.lead_time.days <= left < own.lead_time.days:
        return speaks_for(VENDOR, evidence=text, standing="computed")
    if reading.priority is not None:
        return speaks_for(
            VENDOR, evidence=f"{text}; priorities.time_to_market: {reading.priority}", standing="claimed"
        )
    return neither(text, "computed")


def customization(reading: Reading) -> Score:
    """Adapters, or routes that ask to adapt the model."""
    spec = reading.question.spec
    asked = [
        f"{route.name} asks for {route.customize}"
        for route in spec.routes
        if route.customize in {"adapter", "full"}
    ]
    asked += [f"{name} carries adapters" for name, backend in spec.backends.items() if backend.adapters]
    if asked:
        return speaks_for(OWN, evidence="; ".join(asked), standing="claimed")
    prompts = [route.name for route in spec.routes if route.customize == "prompt"]
    return (
        neither(f"prompts only: {', '.join(prompts)}", "claimed")
        if prompts
        else not_stated("routes[].customize")
    )


def domain_fit(reading: Reading) -> Score:
    """A purpose of a special domain."""
    found = sorted(reading.purposes & set(reading.criterion.purposes))
    if found:
        return speaks_for(OWN, evidence=f"purposes: {', '.join(found)}", standing="claimed")
    return _stated_purposes(reading)


def _stated_purposes(reading: Reading) -> Score:
    """No purpose of the criterion: neither side, or not stated where only the default is there."""
    stated = sorted(reading.purposes - {"general"})
    return (
        neither(f"purposes: {', '.join(stated)}", "claimed")
        if stated
        else not_stated("routes[].use.purposes")
    )


def lock_in(reading: Reading) -> Score:
    """Whether much depends on it."""
    criticality = reading.question.declaration.account.criticality
    if criticality == "core":
        return speaks_for(*reading.criterion.favors, evidence="the account is core", standing="registered")
    if reading.priority is not None:
        return reading.wish()
    return neither(f"the account is {criticality}", "registered")


def audit(reading: Reading) -> Score:
    """Routes whose model must be auditable."""
    named = [route.name for route in reading.question.spec.routes if route.audit_required]
    if named:
        return speaks_for(OWN, evidence=f"audit_required: {', '.join(named)}", standing="claimed")
    return reading.wish()


def support(reading: Reading) -> Score:
    """A need for a service level that the vendors have promised."""
    question = reading.question
    goals = [
        f"{route.name} {route.objectives.availability_percent:g} %"
        for route in question.spec.routes
        if route.objectives.availability_percent is not None
    ]
    if not goals and reading.priority is None:
        return not_stated("objectives.availability_percent or priorities.support")
    vendors = question.vendors()
    if not vendors:
        return not_stated("the spec names no vendor")
    lacking = [name for name, entry in vendors.items() if not (entry.sla and entry.support)]
    if lacking:
        return neither(f"no service level or support registered for {', '.join(lacking)}", "registered")
    promised = ", ".join(f"{name} {entry.sla} ({entry.support})" for name, entry in vendors.items())
    return speaks_for(
        VENDOR, evidence=f"{promised}; asked: {', '.join(goals) or 'a priority'}", standing="registered"
    )


def safety(reading: Reading) -> Score:
    """Routes that face the public; own weights count where guardrail and safety design are there."""
    question = reading.question
    public = [route for route in question.spec.routes if route.use.public_facing]
    if not public and reading.priority is None:
        return not_stated("routes[].use.public_facing or priorities.safety")
    designed = {
        entry.subject for entry in question.declaration.organization.evidence if entry.kind == "safety_design"
    }
    looked = public or question.spec.routes
    open_ = [
        r.name
        for r in looked
        if r.guardrail is None or f"{question.spec.metadata.name}/{r.name}" not in designed
    ]
    if open_:
        return speaks_for(
            VENDOR,
            evidence=f"no guardrail or safety design on own weights for {', '.join(open_)}",
            standing="registered",
        )
    return speaks_for(
        VENDOR,
        OWN,
        evidence="guardrail and registered safety design on every such route",
        standing="registered",
    )


def edge(reading: Reading) -> Score:
    """Own nodes, on premises or at the edge."""
    if reading.question.spec.target.platform == "kubernetes":
        return speaks_for(OWN, evidence="target.platform: kubernetes", standing="claimed")
    return reading.wish()


def mixed_use(reading: Reading) -> Score:
    """Whether vendors may see the data of some routes and not of others."""
    question = reading.question
    ceilings = question.declaration.organization.classes
    outside = {
        name: data_class in ceilings and "managed-api" in ceilings[data_class].backends
        for name, data_class in question.classes.items()
    }
    text = ", ".join(f"{name} {data_class}" for name, data_class in question.classes.items())
    if len(set(outside.values())) > 1:
        return speaks_for(HYBRID, evidence=f"mixed: {text}", standing="registered")
    return neither(f"not mixed: {text}", "registered")


def predictability(reading: Reading) -> Score:
    """A production account."""
    environment = reading.question.declaration.account.environment
    text = f"the account is for {environment}"
    if environment == "production":
        return speaks_for(VENDOR, evidence=text, standing="registered")
    return neither(text, "registered")


def general_use(reading: Reading) -> Score:
    """The share of routes that only do general work."""
    wanted = set(reading.criterion.purposes)
    routes = reading.question.spec.routes
    general = [
        route.name
        for route in routes
        if set(route.use.purposes) <= wanted | {"general"} and set(route.use.purposes) & wanted
    ]
    if not general:
        return _stated_purposes(reading)
    share = len(general) / len(routes)
    return Score(
        shares={VENDOR: share},
        evidence=f"{len(general)} of {len(routes)} routes: {', '.join(general)}",
        standing="claimed",
    )


def domain_use(reading: Reading) -> Score:
    """Health, finance or a proprietary system."""
    sector = reading.question.sector
    if sector in reading.criterion.sectors:
        return speaks_for(OWN, evidence=f"sector {sector}", standing="registered")
    found = sorted(reading.purposes & set(reading.criterion.purposes))
    if found:
        return speaks_for(OWN, evidence=f"purposes: {', '.join(found)}", standing="claimed")
    return not_stated("the entity's sector") if sector is None else neither(f"sector {sector}", "registered")


def values(reading: Reading) -> Score:
    """Goals are recorded and score nothing."""
    stated = reading.question.spec.priorities
    if not stated:
        return not_stated("priorities")
    return neither(", ".join(f"{name} {weight}" for name, weight in sorted(stated.items())), "claimed")


Reader = Callable[[Reading], Score]
READERS: dict[str, Reader] = {
    "sovereignty": sovereignty,
    "third_party_comfort": third_party_comfort,
    "regulation": regulation,
    "certificates": certificates,
    "expertise": expertise,
    "infrastructure": infrastructure,
    "time_to_market": time_to_market,
    "customization": customization,
    "domain_fit": domain_fit,
    "lock_in": lock_in,
    "audit": audit,
    "volume": lambda reading: bills.volume(reading.question.spec, reading.options),
    "pay_per_use": lambda reading: bills.pay_per_use(reading.question.spec, reading.options),
    "cost": lambda reading: bills.cost(reading.options),
    "support": support,
    "safety": safety,
    "edge": edge,
    "mixed_use": mixed_use,
    "predictability": predictability,
    "general_use": general_use,
    "domain_use": domain_use,
    "values": values,
    "evaluation": lambda reading: evaluation(reading.question),
}


def read(criterion: catalog.Criterion, question: Question, options: Options) -> Score:
    """The score of one criterion; those without a reader of their own are pure wishes."""
    reading = Reading(criterion=criterion, question=question, options=options)
    return READERS.get(criterion.id, Reading.wish)(reading)
