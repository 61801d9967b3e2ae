"""Whether the vendor's model behind a backend can be called there, for this API, and for how long.

Not here: where it is reached (vendor_backends), and whether it may be used at all (policies).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from datetime import date

from inferplan import catalog
from inferplan.catalog import BEDROCK
from inferplan.cost.growth import HORIZON_MONTHS
from inferplan.near import listed, near
from inferplan.plan.apis import check_vendor_api
from inferplan.plan.case import Case
from inferplan.records.no_plan import Conflict, NoPlan
from inferplan.records.notes import Notes
from inferplan.records.plan import Target
from inferplan.spec.declaration import Declaration, allowed_countries
from inferplan.spec.model import Api, InferenceStack

SHOWN = 3  # models and Regions that a message names
BY_DEPLOYMENT = "azure-openai"  # its ids are names that the customer gives


def check_offered(case: Case, target: Target, name: str, provider: str, model: str, notes: Notes) -> None:
    """Raises NoPlan for a model that cannot be called, and warns of what ends or is told in two ways."""
    confirmed = {
        fact.id
        for fact in case.declaration.organization.facts.confirmed
        if date.fromisoformat(fact.date) <= case.as_of
    }
    if provider == BEDROCK:
        if "/" in model:
            notes.warn(
                f"{name}: {model} is the account's own; no catalog says whether {target.region} has it"
            )
            return
        if f"bedrock_models/{model}@{target.region}" not in confirmed:
            _at_bedrock(case, target, name, model, notes)
    elif f"vendor_models/{provider}/{model}" not in confirmed:
        _at_vendor(case, name, provider, model, notes)
    _note_end(case, target, name, provider, model, notes)


def serves(provider: str, model: str, api: Api) -> bool:
    """Whether a vendor's model serves an API, as far as a table, its id or its price tells."""
    apis = _apis(provider, model)
    if apis is not None:
        return api in apis
    try:
        check_vendor_api("", api, provider, model, "")
    except NoPlan:
        return False
    return True


def can_be_called(declaration: Declaration, spec: InferenceStack, provider: str, model: str) -> bool:
    """Whether a table has the id, for Bedrock in the Region of the spec or in any allowed one."""
    if provider != BEDROCK:
        known = catalog.model_ids(provider)
        return not known or model in known or provider == BY_DEPLOYMENT
    if "/" in model:
        return True
    base, said = catalog.bedrock_base(model), spec.target.region
    if said is not None:
        return model in catalog.bedrock_ids(base, said)
    return model in _ids(spec, "", base, allowed_countries(declaration, spec))


def instead(declaration: Declaration, spec: InferenceStack, name: str, provider: str) -> tuple[str, ...]:
    """Ids of the same vendor that can be called for the APIs of a backend's routes, the nearest first.

    Then the vendor's others that the spec names, and those with a price, plainest names first.
    """
    model = spec.backends[name].model or ""
    apis = _asked_apis(spec, name)
    if provider == BEDROCK:
        base, inside = catalog.bedrock_base(model), allowed_countries(declaration, spec)
        same = _ids(spec, spec.target.region or "", base, inside) if _all_served(provider, base, apis) else ()
        others = _others(spec, apis, spec.target.region or "", base, inside)
        return tuple(one for one in _first([*same, *others]) if one != model)
    living = [one for one in _living(provider, apis) if one != model]
    said = [backend.model for backend in spec.backends.values() if backend.model in living]
    plain = [one for one in living if re.search(r"\d", one) and catalog.token_price(provider, one)]
    plain.sort(key=lambda one: len(re.findall("[a-z]+", one)), reverse=True)
    close = [*catalog.kin(model, living), *near(model, living, SHOWN)]
    return _first([*close, *(one for one in said if one), *reversed(plain)])


def _living(provider: str, apis: Iterable[Api]) -> list[str]:
    """A vendor's models for some APIs whose end no source states."""
    return [
        one
        for one in sorted(catalog.model_ids(provider))
        if _all_served(provider, one, apis) and catalog.model_end(provider, one) is None
    ]


def _asked_apis(spec: InferenceStack, name: str) -> frozenset[Api]:
    return frozenset(route.api for route in spec.routes if name in route.backends)


def _apis(provider: str, model: str) -> tuple[str, ...] | None:
    """The APIs that a table states, None where none has the model."""
    if provider == BEDROCK:
        offer = catalog.bedrock_models().get(catalog.bedrock_base(model))
        return offer.apis if offer is not None else None
    row = catalog.vendor_models().get(f"{provider}/{model}")
    return row.apis if row is not None else None


def _all_served(provider: str, model: str, apis: Iterable[Api]) -> bool:
    return set(apis) <= set(_apis(provider, model) or ())


# -- Bedrock ---------------------------------------------------------------------------------------
def _at_bedrock(case: Case, target: Target, name: str, model: str, notes: Notes) -> None:
    base, region = catalog.bedrock_base(model), target.region
    row = catalog.bedrock_models().get(base)
    if row is None or model not in catalog.bedrock_ids(base, region):
        raise _cannot_be_called(case, name, model, *_why_not(case, name, region, model, base, row))
    _check_api(case, name, model, row.apis)
    if row.status == "legacy":
        notes.warn(f"{name}: {model} is a legacy model: an account that has not used it cannot begin with it")
    offer = "on demand" if model == base else model.removesuffix(base)
    for part in row.unverified_parts:
        if part.startswith(f"{offer} ") and region in part.replace(":", "").split():
            notes.warn(f"{name}: {model} in {region}: {part.rpartition(': ')[2]}; ask the Region for it")


def _why_not(
    case: Case, name: str, region: str, model: str, base: str, row: catalog.BedrockModel | None
) -> tuple[str, str]:
    """Why an id cannot be called in a Region, or in any allowed one where none is said; and what can be."""
    inside = allowed_countries(case.declaration, case.spec)
    having = catalog.bedrock_regions_inside(base, inside)
    kept = _ids(case.spec, region, base, inside)
    close = _others(case.spec, _asked_apis(case.spec, name), region, base, inside)[:SHOWN]
    other = f"use {listed(close)}" if close else "another model, or own weights"
    if row is None:
        end = catalog.model_end(BEDROCK, base)
        ended = f"it ended on {end.day}" if end is not None and end.day <= case.as_of else ""
        return ended or "no Region offers it", other
    if case.spec.target.region is None and model not in kept:
        return "no allowed Region offers it by this id", f"use {listed(kept)}" if kept else other
    ids = catalog.bedrock_ids(base, region)
    if ids:
        reason = f"{region} offers it as {listed(ids)}, and not by this id"
        if kept:
            return reason, f"use {listed(kept)}"
        reason += "; none of them keeps its calls in the allowed countries"
    elif region in row.mantle_only:
        reason = f"{region} has it only at the endpoint bedrock-mantle, which the gateway does not call"
    else:
        reason = f"{region} does not offer it"
    elsewhere = f"a Region that has it, such as {listed(having[:SHOWN])}; or " if having else ""
    return reason, f"{elsewhere}{other}"


def _others(
    spec: InferenceStack, apis: Collection[Api], region: str, base: str, inside: Collection[str]
) -> list[str]:
    """The nearest of the maker that can be called: later ones of the family, then those written alike.

    An id without a maker may be anybody's.
    """
    maker, makers = base.partition(".")[0], catalog.bedrock_providers()
    living = {
        known: ids[0]
        for known, row in catalog.bedrock_models().items()
        if (maker == known.partition(".")[0] or maker not in makers)
        and set(apis) <= set(row.apis)
        and row.status != "legacy"
        and catalog.model_end(BEDROCK, known) is None
        and (ids := _ids(spec, region, known, inside))
    }
    rest = living if maker in makers else ()
    close = _first([*catalog.kin(base, living), *near(base, living, SHOWN), *rest])
    return [living[known] for known in close if known != base]


def _ids(spec: InferenceStack, region: str, base: str, inside: Collection[str]) -> tuple[str, ...]:
    said = spec.target.region is not None
    asked = (region,) if said else catalog.bedrock_regions_inside(base, inside)
    return _first(one for at in asked for one in catalog.bedrock_ids_inside(base, at, inside))


def _first(names: Iterable[str]) -> tuple[str, ...]:
    """Each name once."""
    return tuple(dict.fromkeys(names))


# -- other vendors ---------------------------------------------------------------------------------
def _at_vendor(case: Case, name: str, provider: str, model: str, notes: Notes) -> None:
    known = catalog.model_ids(provider)
    row = catalog.vendor_models().get(f"{provider}/{model}")
    if row is not None:
        _check_api(case, name, model, row.apis)
        return
    for index, route in enumerate(case.spec.routes):
        if name in route.backends:
            check_vendor_api(name, route.api, provider, model, f"routes[{index}]")
    if not known:
        return  # a router of everything: no source lists what it has
    if provider == BY_DEPLOYMENT:
        notes.warn(
            f"{name}: {model} is the name of a deployment; nothing says which model it is, and until when"
        )
    else:
        close = near(model, _living(provider, _asked_apis(case.spec, name)), SHOWN)
        advice = f"use {listed(close)}" if close else f"use a model of {provider}"
        raise _cannot_be_called(
            case, name, model, f"{provider} has no model of this id{_whose(model)}", advice
        )


def _whose(model: str) -> str:
    """Whose id it is instead, as the end of a reason."""
    if catalog.bedrock_base(model) in catalog.bedrock_models():
        return f"; it is an id of {BEDROCK}"
    product = catalog.named_system(model)
    if product is not None:
        return f"; {product.system}: {product.says}"
    others = sorted(row.provider for row in catalog.vendor_models().values() if row.model == model)
    return f"; it is an id of {listed(others)}" if others else ""


# -- both ------------------------------------------------------------------------------------------
def _check_api(case: Case, name: str, model: str, apis: tuple[str, ...]) -> None:
    for index, route in enumerate(case.spec.routes):
        if name in route.backends and route.api not in apis:
            only = f"it serves {listed(apis, 'and')} only" if apis else "it serves no API of the gateway"
            conflict = Conflict(path=f"routes[{index}].api", value=route.api, reason=only)
            raise NoPlan(f"backend {name}: {model} cannot serve {route.api}", (conflict,))


def _cannot_be_called(case: Case, name: str, model: str, reason: str, advice: str) -> NoPlan:
    assert name in case.backends
    conflict = Conflict(path=f"backends.{name}.model", value=model, reason=f"{reason}; {advice}")
    return NoPlan(f"backend {name}: {model} cannot be called", (conflict,))


def _note_end(case: Case, target: Target, name: str, provider: str, model: str, notes: Notes) -> None:
    end = catalog.model_end(provider, model)
    if end is None or _months(case.as_of, end.day) >= HORIZON_MONTHS:
        return
    if end.doubt:
        notes.warn(f"{name}: {model} ended on {end.day} by one source; {end.doubt.removeprefix('ends: ')}")
        return
    left = (end.day - case.as_of).days
    when = f"ends on {end.day}, in {left} days" if left > 0 else f"ended on {end.day}"
    notes.warn(f"{name}: {model} {when}; {_successor(target, provider, model, end)}")


def _months(since: date, until: date) -> int:
    return 12 * (until.year - since.year) + until.month - since.month


def _successor(target: Target, provider: str, model: str, end: catalog.End) -> str:
    """What follows a model that ends, as the vendor says, else what its family has that lives longer."""
    if end.successor is not None:
        return f"its successor is {_callable(target, provider, end.successor)}"
    if provider == BEDROCK:
        names = [base for base in catalog.bedrock_models() if catalog.bedrock_ids(base, target.region)]
    else:
        names = list(catalog.model_ids(provider))
    living = [one for one in names if catalog.model_end(provider, one) is None]
    later = catalog.kin(catalog.bedrock_base(model), living)[:SHOWN]
    known = listed(_callable(target, provider, one) for one in later)
    return "no successor is stated" + (f"; of its family there is {known}" if later else "")


def _callable(target: Target, provider: str, model: str) -> str:
    """A model by an id that can be called from the Region, where it is one of Bedrock's."""
    base = catalog.bedrock_base(model)
    ids = catalog.bedrock_ids(base, target.region) if provider == BEDROCK else ()
    return ids[0] if ids else model
