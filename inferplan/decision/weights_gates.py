"""Gates of own weights: what their license allows this organization and route, and who runs the cloud.

Not here: gates of vendors (vendor_gates) and supply-chain rules, which no choice of backend settles.
"""

from __future__ import annotations

from collections.abc import Iterator

from inferplan import catalog
from inferplan.decision.question import Gate, Question
from inferplan.spec.model import Backend, Route

THRESHOLDS = ("monthly_active_users", "annual_revenue_usd")
AWS_PARTITION = "aws"  # of every Region that is planned

Found = Iterator[tuple[str, str, bool]]  # rule, reason, whether it is sure


def weights_gates(question: Question, route: Route, name: str, backend: Backend) -> Iterator[Gate]:
    """Everything that keeps one backend with own weights from serving one route."""
    for rule, reason, sure in (
        *_class(question, route),
        *_operator(question, route),
        *_licenses(question, route, backend),
    ):
        yield Gate(
            rule=rule,
            backend=name,
            kind="self-hosted",
            route=route.name,
            verdict="fail" if sure else "undecided",
            reason=reason,
        )


def _class(question: Question, route: Route) -> Found:
    data_class = question.classes[route.name]
    ceiling = question.declaration.organization.classes.get(data_class)
    if ceiling is not None and "self-hosted" not in ceiling.backends:
        yield (
            "SOV-010",
            f"{data_class} data may not be served from own weights (organization.yaml, classes)",
            True,
        )


def _operator(question: Question, route: Route) -> Found:
    if route.name not in question.absolute or question.spec.target.platform != "aws":
        return
    home = catalog.partition(AWS_PARTITION).home
    if home not in question.allowed:
        yield (
            "SOV-008",
            f"absolute sovereignty, and the operator of partition {AWS_PARTITION} is under the law of {home}",
            True,
        )


def _model(backend: Backend) -> catalog.Model | None:
    scheme, _, rest = (backend.weights or "").partition("://")
    name = rest.partition("@")[0] if scheme == "hf" else backend.model
    try:
        return catalog.model(name) if name else None
    except catalog.UnknownName:
        return None


def _licenses(question: Question, route: Route, backend: Backend) -> Found:
    model = _model(backend)
    standing = catalog.license_of(model) if model is not None else None
    if model is None or standing is None:
        what = model.id if model is not None else backend.weights
        yield "LIC-001", f"the license of {what} is not known", False
        return
    if not standing.verified and not question.confirmed(
        f"licenses/{standing.license.id}", f"models/{model.id}"
    ):
        yield "LIC-001", f"no verified source says that {model.id} is under {standing.license.name}", False
    yield from _terms(question, route, model, standing.license)
    lineage = [*standing.base, *_named(backend)]
    for base in {license_.id: license_ for license_ in lineage}.values():
        for _, reason, sure in _terms(question, route, model, base):
            yield "LIC-009", f"a base model: {reason}", sure


def _named(backend: Backend) -> Iterator[catalog.License]:
    for name in backend.base_lineage:
        try:
            standing = catalog.license_of(name)
        except catalog.UnknownName:
            continue
        if standing is not None:
            yield standing.license


def _terms(question: Question, route: Route, model: catalog.Model, terms: catalog.License) -> Found:
    if route.use.commercial and not terms.commercial:
        yield "LIC-002", f"{terms.name} is for {terms.kind} use", True
    yield from _limits(question, terms)
    yield from _seat(question, model, terms)
    yield from _purposes(question, route, terms)


def _limits(question: Question, terms: catalog.License) -> Found:
    entity = question.declaration.entity
    for measure, ours in zip(
        THRESHOLDS, (entity.monthly_active_users, entity.annual_revenue_usd), strict=True
    ):
        limit = (terms.thresholds or {}).get(measure)
        if limit is None:
            continue
        what = measure.replace("_", " ").replace("usd", "USD")
        if ours is None:
            yield "LIC-003", f"{terms.name} ends at {limit:,} {what}; ours are not registered", False
        elif ours > limit:
            yield "LIC-003", f"{terms.name} ends at {limit:,} {what}; ours are {ours:,.0f}", True


def _seat(question: Question, model: catalog.Model, terms: catalog.License) -> Found:
    if terms.eu_domicile_barred != "multimodal" or not (model.arch or "").endswith(
        "ForConditionalGeneration"
    ):
        return
    seat = question.declaration.entity.domicile
    if seat is None:
        yield (
            "LIC-004",
            f"{terms.name} bars seats in the EU from multimodal models; ours is not registered",
            False,
        )
    elif seat in catalog.expand_places(("EU",)):
        yield "LIC-004", f"{terms.name} bars seats in the EU ({seat}) from multimodal models", True


def _purposes(question: Question, route: Route, terms: catalog.License) -> Found:
    barred = sorted(set(route.use.purposes) & set(terms.barred_purposes))
    if barred:
        yield "LIC-005", f"{terms.name} bars {', '.join(barred)}", True
    elif "other" in route.use.purposes and terms.barred_purposes:
        yield "LIC-005", f"{terms.name} bars some purposes, and `other` does not say which is meant", False
    if question.sector == "defense" and terms.military_ban is not False:
        sure = terms.military_ban is True
        yield "SECT-004", f"defense, and {terms.name} {'bars' if sure else 'may bar'} military use", sure
