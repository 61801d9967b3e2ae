"""What the license of own weights allows this organization on this route; undecided until somebody knows it.

Not here: military use (sovereignty.sectors_keep_their_limits) and what the hub states (the lock).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from inferplan import catalog
from policies.context import Context, Serving
from policies.rule import DROP, Outcome, Problem, Rule, fail, undecided
from policies.views.licenses import HUB, license_of, lineage_of, model_of

Judge = Callable[[catalog.License, Serving, Context], Iterator[Problem]]
THRESHOLDS = ("monthly_active_users", "annual_revenue_usd")

licenses_are_known = Rule(
    id="LIC-001",
    title="The license of every model is known from a source",
    why="What nobody has read cannot have been agreed to.",
    fix="Add the license to the model's row in the catalog with its source; one that the row names without "
    "a verified source may be confirmed by a named person in organization.yaml under facts.",
    source=("004:20",),
    level="mandatory",
)


@licenses_are_known.check("self-hosted")
def _known(serving: Serving, context: Context) -> Iterator[Outcome]:
    backend = serving.backend.backend
    model, standing = model_of(backend), license_of(backend)
    if standing is None:
        weights = backend.weights or ""
        if weights.startswith(HUB) or not backend.base_lineage:  # own weights stand on their bases (LIC-009)
            yield undecided(f"the license of {model.id if model else weights} is not known")
        return
    assert model is not None
    terms = standing.license
    confirmed = context.confirmed(f"licenses/{terms.id}") or context.confirmed(f"models/{model.id}")
    if not standing.verified and not confirmed:
        yield undecided(
            f"no verified source says that {model.id} is under {terms.name}: "
            f"a named person may confirm fact models/{model.id}"
        )


_WEIGHTS = "spec:backends.qwen.weights"
_LLAMA = "hf://meta-llama/Llama-3.1-8B-Instruct"

licenses_are_known.passes("a license read at its source", given={_WEIGHTS: "hf://Qwen/Qwen3-4B"})
licenses_are_known.is_undecided("a license that nobody read", {_WEIGHTS: "hf://tiiuae/Falcon3-7B-Instruct"})
licenses_are_known.is_undecided("an unverified one", {_WEIGHTS: "hf://openai-community/gpt2"})


commercial_use_is_licensed = Rule(
    id="LIC-002",
    title="Commercial use is licensed where the use is commercial",
    why="A research license ends where the product begins.",
    fix="Take a model whose license allows commercial use, buy one, or say use.commercial: false.",
    source=("004:25",),
    level="mandatory",
)


@commercial_use_is_licensed.check("self-hosted")
def _commercial(serving: Serving, context: Context) -> Iterator[Outcome]:
    yield from _under_own_license(_commercial_terms, serving, context)


def _commercial_terms(terms: catalog.License, serving: Serving, _context: Context) -> Iterator[Problem]:
    if serving.route.use.commercial and not terms.commercial:
        yield fail(f"{terms.name} is for {terms.kind} use")


_RESEARCH = "hf://mistralai/Mistral-Large-Instruct-2411"

commercial_use_is_licensed.passes("commercial use under Apache 2.0")
commercial_use_is_licensed.fails("a research license", {_WEIGHTS: _RESEARCH})
commercial_use_is_licensed.passes(
    "research under a research license",
    given={_WEIGHTS: _RESEARCH, "spec:routes[0].use": {"commercial": False}},
)
commercial_use_is_licensed.fails("the use becomes commercial", {"spec:routes[0].use": {"commercial": True}})


thresholds_are_kept = Rule(
    id="LIC-003",
    title="Users and revenue stay within the license",
    why="Some licenses end at a number of users or a revenue, and nobody is told when it is reached.",
    fix="Take another model or get the license holder's agreement; register the entity's figures.",
    source=("000:169",),
    level="mandatory",
)


@thresholds_are_kept.check("self-hosted")
def _thresholds(serving: Serving, context: Context) -> Iterator[Outcome]:
    yield from _under_own_license(_threshold_terms, serving, context)


def _threshold_terms(terms: catalog.License, _serving: Serving, context: Context) -> Iterator[Problem]:
    entities, whose = [context.declaration.entity], "ours"
    if terms.thresholds_count_affiliates:
        registered = context.organization.entities.values()
        entities += [other for other in registered if other is not context.declaration.entity]
        whose = "ours and those of every other entity of the organization"
    for measure in THRESHOLDS:
        limit = (terms.thresholds or {}).get(measure)
        what = measure.replace("_", " ").replace("usd", "USD")
        if limit is None:
            continue
        figures: list[float | None] = [getattr(entity, measure) for entity in entities]
        total = sum(figure for figure in figures if figure is not None)
        if total > limit:
            yield fail(f"{terms.name} ends at {limit:,} {what}; {whose} are {total:,.0f}")
        elif None in figures:
            yield undecided(f"{terms.name} ends at {limit:,} {what}; {whose} are not all registered")


_USERS = "organization:entities.clinic.monthly_active_users"
_REVENUE = "organization:entities.clinic.annual_revenue_usd"
_STABLE = "hf://stabilityai/stable-diffusion-3.5-medium"

_OTHERS = {"organization:entities.desk": {"monthly_active_users": 0, "annual_revenue_usd": 0}}
_MANY = {_WEIGHTS: _LLAMA, _USERS: 700_000_000, **_OTHERS}

thresholds_are_kept.passes("exactly as many users as allowed", given=_MANY)
thresholds_are_kept.fails("one user more", {_USERS: 700_000_001})
thresholds_are_kept.fails("one at an affiliate", {"organization:entities.desk.monthly_active_users": 1})
thresholds_are_kept.is_undecided("users that nobody registered", {_USERS: DROP})
thresholds_are_kept.is_undecided(
    "users of an affiliate that nobody registered", {"organization:entities.desk.monthly_active_users": DROP}
)
thresholds_are_kept.passes("revenue below the limit", given={_WEIGHTS: _STABLE, _REVENUE: 999_999, **_OTHERS})
thresholds_are_kept.fails("revenue above it", {_REVENUE: 1_000_001})
thresholds_are_kept.passes(
    "a license that looks at the product alone, beside a large affiliate",
    given={
        _WEIGHTS: "hf://Qwen/Qwen2.5-72B-Instruct",
        "organization:entities.desk.monthly_active_users": 900_000_000,
        "organization:facts.confirmed[1]": {
            "id": "models/Qwen/Qwen2.5-72B-Instruct",
            "by": "legal@example.com",
            "date": "2026-10-01",
        },
    },
)
thresholds_are_kept.fails("the product itself has more users", {_USERS: 100_000_001})


seats_are_licensed = Rule(
    id="LIC-004",
    title="The license holds for an entity of this seat",
    why="Some licenses give no rights to whoever is seated in a named place.",
    fix="Take a text-only model of the family or one under another license; register the entity's domicile.",
    source=("000:89",),
    level="mandatory",
)


@seats_are_licensed.check("self-hosted")
def _seat(serving: Serving, context: Context) -> Iterator[Outcome]:
    yield from _under_own_license(_seat_terms, serving, context)


def _seat_terms(terms: catalog.License, serving: Serving, context: Context) -> Iterator[Problem]:
    model = model_of(serving.backend.backend)
    multimodal = model is not None and (model.arch or "").endswith("ForConditionalGeneration")
    seat = context.declaration.entity.domicile
    if terms.eu_domicile_barred != "multimodal" or not multimodal:
        return
    if seat is None:
        yield undecided(f"{terms.name} bars seats in the EU from multimodal models; ours is not registered")
    elif seat in catalog.expand_places(("EU",)):
        yield fail(f"{terms.name} bars seats in the EU ({seat}) from multimodal models")


_SCOUT, _SEAT = "hf://meta-llama/Llama-4-Scout-17B-16E-Instruct", "organization:entities.clinic.domicile"

seats_are_licensed.passes("a multimodal Llama for a seat in Norway", given={_WEIGHTS: _SCOUT, _SEAT: "NO"})
seats_are_licensed.fails("for a seat in Germany", {_SEAT: "DE"})
seats_are_licensed.is_undecided("for a seat that nobody registered", {_SEAT: DROP})


purposes_are_licensed = Rule(
    id="LIC-005",
    title="The license bars none of the purposes of the route",
    why="Open weights may come with a list of things they must not be used for.",
    fix="Take a model whose license does not bar the purpose, or name the purpose of the route exactly.",
    source=("004:20",),
    level="mandatory",
)


@purposes_are_licensed.check("self-hosted")
def _purposes(serving: Serving, context: Context) -> Iterator[Outcome]:
    yield from _under_own_license(_purpose_terms, serving, context)


def _purpose_terms(terms: catalog.License, serving: Serving, _context: Context) -> Iterator[Problem]:
    purposes = set(serving.route.use.purposes)
    if barred := sorted(purposes & set(terms.barred_purposes)):
        yield fail(f"{terms.name} bars {', '.join(barred)}")
    elif "other" in purposes and terms.barred_purposes:
        yield undecided(f"{terms.name} bars some purposes, and `other` does not say which is meant")


_PURPOSES = "spec:routes[0].use"
_BLOOM = {_WEIGHTS: "hf://bigscience/bloom-7b1"}

purposes_are_licensed.passes("drafting on BLOOM", given={**_BLOOM, _PURPOSES: {"purposes": ["drafting"]}})
purposes_are_licensed.fails("medical advice on BLOOM", {_PURPOSES: {"purposes": ["medical-advice"]}})
purposes_are_licensed.is_undecided("a purpose that is not named", {_PURPOSES: {"purposes": ["other"]}})


bases_allow_the_use = Rule(
    id="LIC-009",
    title="Every base of a derived model allows the use as well",
    why="A tuned or distilled model stays under the terms of what it was made from.",
    fix="Take a model whose bases allow the use, or name every base in base_lineage and have it licensed.",
    source=("000:68",),
    level="mandatory",
)


@bases_allow_the_use.check("self-hosted")
def _bases(serving: Serving, context: Context) -> Iterator[Outcome]:
    for name, terms in lineage_of(serving.backend.backend):
        if terms is None:
            yield undecided(f"a base model: the license of {name} is not known")
            continue
        for judge in (_commercial_terms, _threshold_terms, _seat_terms, _purpose_terms):
            for problem in judge(terms, serving, context):
                make = fail if problem.verdict == "fail" else undecided
                yield make(f"a base model: {problem.message}")


_LINEAGE = "spec:backends.qwen.base_lineage"

bases_allow_the_use.passes("tuned from an Apache model", given={_LINEAGE: ["Qwen/Qwen2.5-7B-Instruct"]})
bases_allow_the_use.fails("tuned from a research model", {_LINEAGE: [_RESEARCH.removeprefix(HUB)]})
bases_allow_the_use.is_undecided("tuned from an unread one", {_LINEAGE: ["tiiuae/Falcon3-7B-Instruct"]})


def _under_own_license(judge: Judge, serving: Serving, context: Context) -> Iterator[Outcome]:
    standing = license_of(serving.backend.backend)
    if standing is not None:  # an unknown one is LIC-001's business
        yield from judge(standing.license, serving, context)
