"""Whether the vendor's model behind a backend can be called there, for this API, and for how long.

Not here: where it is reached (vendor_backends), and whether it may be used at all (policies).
"""

from __future__ import annotations

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
from inferplan.spec.declaration import allowed_countries

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
    kept = _ids(case, region, base, inside)
    other = _other_model(case, name, region, base, inside)
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


def _other_model(case: Case, name: str, region: str, base: str, inside: Collection[str]) -> str:
    """The nearest of the maker that can be called: later ones of the family, then those written alike.

    An id without a maker may be anybody's.
    """
    maker = base.partition(".")[0]
    apis = {route.api for route in case.spec.routes if name in route.backends}
    living = {
        known: ids[0]
        for known, row in catalog.bedrock_models().items()
        if maker in {known.partition(".")[0], base}
        and apis <= set(row.apis)
        and row.status != "legacy"
        and (ids := _ids(case, region, known, inside))
    }
    close = _first([*catalog.kin(base, living), *near(base, living, SHOWN), *living])[:SHOWN]
    return f"use {listed(living[known] for known in close)}" if close else "another model, or own weights"


def _ids(case: Case, region: str, base: str, inside: Collection[str]) -> tuple[str, ...]:
    said = case.spec.target.region is not None
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
        close = near(model, known, SHOWN)
        change = f"use {listed(close)}" if close else f"a model of {provider}"
        raise _cannot_be_called(
            case, name, model, f"{provider} has no model of this id{_whose(model)}", change
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
            serves = f"it serves {listed(apis, 'and')} only" if apis else "it serves no API of the gateway"
            conflict = Conflict(
                path=f"routes[{index}].api",
                value=route.api,
                reason=serves,
                change=f"a model for {route.api}" + (f", or api: {listed(apis)}" if apis else ""),
            )
            raise NoPlan(f"backend {name}: {model} cannot serve {route.api}", (conflict,))


def _cannot_be_called(case: Case, name: str, model: str, reason: str, change: str) -> NoPlan:
    assert name in case.backends
    conflict = Conflict(path=f"backends.{name}.model", value=model, reason=reason, change=change)
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
