"""What a spec requires that could be said otherwise, each with the changes that loosen it.

Not here: which of them conflict (conflict) and what a change costs (infeasible).
"""

from __future__ import annotations

import math
from dataclasses import replace as with_fields

from msgspec.structs import replace

from inferplan import catalog, cost, decision
from inferplan.plan import placement
from inferplan.plan.infeasible.backend_requirements import capacity, length, model, precision
from inferplan.plan.infeasible.defects import defects
from inferplan.plan.infeasible.loosening import Change, Edit, Requirement, always, edit_spec, spec_of
from inferplan.plan.own_weights.demand import model_name
from inferplan.records.draft import Draft
from inferplan.records.notes import Notes
from inferplan.spec.declaration import Declaration
from inferplan.spec.model import InferenceStack, Objectives, Percentiles, Residency

PEAKS_TOLD = 5
LOAD_SHARES = (0.9, 0.75, 0.5, 0.35, 0.25, 0.15, 0.1, 0.05, 0.02, 0.01)


def requirements(declaration: Declaration) -> tuple[Requirement, ...]:
    """What the spec requires, in the order in which conflicts are told: load and budget last.

    Its residency is among them although the account may allow no more: then it is loosened with the account.
    """
    spec = spec_of(declaration)
    own = [
        name
        for name in dict.fromkeys(name for route in spec.routes for name in route.backends)
        if spec.backends[name].weights is not None
    ]
    wants_own = spec.mode != "managed-api"
    found = [*_mode(spec), *_place(spec)]
    for name in own if wants_own else ():
        if model_name(name, spec.backends[name]) not in catalog.image_models():
            found += [*model(declaration, name), *precision(name, spec.backends[name])]
        found += [*length(name, spec.backends[name], spec), *capacity(name, spec.backends[name].capacity)]
    found += [*_objectives(spec, own if wants_own else []), *_zones(declaration, spec)]
    # Defects last: what mends them takes back what the others would change of the same backend.
    return (*found, *_load(spec), *_budget(spec), *defects(declaration))


def account_ceiling(declaration: Declaration) -> Requirement:
    """The account's countries: registered by the platform team, so no change of the spec loosens them."""
    places = declaration.account.countries
    everywhere = tuple(sorted({region.country for region in catalog.regions().values()}))

    def allowing(countries: tuple[str, ...], one: Declaration) -> Declaration:
        account = spec_of(one).target.account
        assert account is not None  # a spec for AWS without one is not understandable
        accounts = dict(one.organization.accounts)
        accounts[account] = replace(accounts[account], countries=countries)
        return with_fields(one, organization=replace(one.organization, accounts=accounts))

    return Requirement(
        path=f"organization.accounts.{spec_of(declaration).target.account}.countries",
        value=", ".join(places),
        short=f"an account for {', '.join(places)} only",
        changes=(
            Change(
                edit=lambda one: allowing(everywhere, one),
                say=always("an account for more countries"),
                settled=lambda draft: (
                    Change(
                        edit=lambda one: allowing(_with_country(places, draft), one),
                        say=always(
                            f"an account for {draft.target.country} too (the platform team registers it)"
                        ),
                    ),
                ),
            ),
        ),
    )


def _mode(spec: InferenceStack) -> list[Requirement]:
    if spec.mode == "auto" or not set(decision.kinds_left(spec)) - {spec.mode}:
        return []
    auto = Change(
        edit=edit_spec(lambda one: replace(one, mode="auto")), say=always("mode auto"), settled=_modes
    )
    return [
        Requirement(path="mode", value=spec.mode, short=f"mode {spec.mode}", changes=(auto,), is_wider=False)
    ]


def _modes(draft: Draft) -> tuple[Change, ...]:
    """The mode that was planned; auto, where naming it would bring in backends that rules deny."""
    return tuple(
        Change(edit=edit_spec(lambda one, mode=mode: replace(one, mode=mode)), say=always(f"mode {mode}"))  # type: ignore[misc]
        for mode in (draft.kind, "auto")
    )


def _place(spec: InferenceStack) -> list[Requirement]:
    found = []
    said = spec.target.region
    if said is not None and catalog.region(said).partition == placement.PLANNED_PARTITION:
        anywhere = Change(
            edit=_region(None),
            say=lambda draft: f"{draft.target.region} ({draft.target.country})",
            settled=lambda draft: (
                Change(
                    edit=_region(draft.target.region),
                    say=always(f"{draft.target.region} ({draft.target.country})"),
                ),
            ),
        )
        found.append(
            Requirement(path="target.region", value=said, short=said, changes=(anywhere,), is_wider=False)
        )
    if spec.data.residency is not None:
        said_places = spec.data.residency.countries
        wider = Change(
            edit=edit_spec(lambda one: replace(one, data=replace(one.data, residency=None))),
            say=lambda draft: f"{draft.target.country} allowed too",
            settled=lambda draft: (
                Change(
                    edit=_residency(_with_country(said_places, draft)),
                    say=always(f"{draft.target.country} allowed too"),
                ),
            ),
        )
        places = ", ".join(said_places)
        found.append(
            Requirement(
                path="data.residency.countries", value=places, short=f"data in {places}", changes=(wider,)
            )
        )
    return found


def _region(name: str | None) -> Edit:
    return edit_spec(lambda one: replace(one, target=replace(one.target, region=name)))


def _residency(countries: tuple[str, ...]) -> Edit:
    return edit_spec(
        lambda one: replace(one, data=replace(one.data, residency=Residency(countries=countries)))
    )


def _with_country(places: tuple[str, ...], draft: Draft) -> tuple[str, ...]:
    """Countries and groups with the one of a stack among them."""
    is_in = draft.target.country in catalog.expand_places(places)
    return places if is_in else (*places, draft.target.country)


def _objectives(spec: InferenceStack, own: list[str]) -> list[Requirement]:
    """Latency limits of routes that own weights serve."""
    found = []
    for index, route in enumerate(spec.routes):
        if not set(route.backends) & set(own):
            continue
        for field in ("ttft_ms", "tpot_ms"):
            limits: Percentiles | None = getattr(route.objectives, field)
            named = {p: getattr(limits, p) for p in ("p50", "p95", "p99")} if limits else {}
            said = {p: value for p, value in named.items() if value is not None}
            if said:
                value = ", ".join(f"{p} {limit:g} ms" for p, limit in said.items())
                found.append(
                    Requirement(
                        path=f"routes[{index}].objectives.{field}",
                        value=value,
                        short=f"{field.removesuffix('_ms').upper()} {value}",
                        changes=(_unlimited(index, route.name, field, min(said)),),
                    )
                )
    return found


def _limit(index: int, field: str, limits: Percentiles | None) -> Edit:
    def change(spec: InferenceStack) -> InferenceStack:
        routes = list(spec.routes)
        objectives: Objectives = replace(routes[index].objectives, **{field: limits})
        routes[index] = replace(routes[index], objectives=objectives)
        return replace(spec, routes=tuple(routes))

    return edit_spec(change)


def _unlimited(index: int, route: str, field: str, percentile: str) -> Change:
    """No limit; written as the limit that the stack then keeps at its slowest, rounded up to two digits."""
    none = Change(edit=_limit(index, field, None), say=always("no limit"))

    def settled(draft: Draft) -> tuple[Change, ...]:
        speeds = [server.throughput for server in draft.servers if route in server.routes]
        value = getattr(speeds[0], f"{field}_high") if speeds and speeds[0] else None
        if value is None:
            return (none,)
        limit = float(rounded_up(value, 2))
        kept = Change(
            edit=_limit(index, field, Percentiles(**{percentile: limit})),
            say=always(f"{percentile} {limit:g} ms"),
        )
        return kept, none

    return with_fields(none, settled=settled)


def rounded_up(value: float, digits: int) -> int:
    """The next number that has so many digits before its zeros."""
    unit = int(10 ** max(0, math.floor(math.log10(value)) + 1 - digits))
    return math.ceil(value / unit) * unit


def _zones(declaration: Declaration, spec: InferenceStack) -> list[Requirement]:
    count = placement.zones_wanted(spec, declaration.account.environment, Notes())
    if count < 2:
        return []
    one_zone = Change(
        edit=edit_spec(lambda one: replace(one, target=replace(one.target, zones=1))),
        say=always("1 zone (its loss stops the service)"),
    )
    return [
        Requirement(path="target.zones", value=f"{count} zones", short=f"{count} zones", changes=(one_zone,))
    ]


def _load(spec: InferenceStack) -> list[Requirement]:
    """Shares of the stated load."""
    peaks = [
        (peak, route.name)
        for route in spec.routes
        if (peak := route.load.peak_requests_per_second) is not None
    ]
    volumes = [
        route.load.monthly_requests for route in spec.routes if route.load.monthly_requests is not None
    ]
    if not peaks and not any(volumes):
        return []
    value = _peaks(peaks) if peaks else f"{sum(volumes):,} requests a month"

    def scaled(share: float) -> Edit:
        def change(one: InferenceStack) -> InferenceStack:
            routes = []
            for route in one.routes:
                load = route.load
                peak, month = load.peak_requests_per_second, load.monthly_requests
                load = replace(
                    load,
                    peak_requests_per_second=None if peak is None else peak * share,
                    monthly_requests=None if month is None else math.ceil(month * share),
                    scenarios=None,
                )
                routes.append(replace(route, load=load))
            return replace(one, routes=tuple(routes))

        return edit_spec(change)

    steps = tuple(Change(edit=scaled(share), say=always(f"{share:.0%} of it")) for share in LOAD_SHARES)
    return [Requirement(path="routes[*].load", value=value, short=value, changes=steps, in_steps=True)]


def _peaks(peaks: list[tuple[float, str]]) -> str:
    """A few peaks one by one; of many their sum and the largest."""
    if len(peaks) <= PEAKS_TOLD:
        return f"peaks of {', '.join(f'{peak:g}' for peak, _ in peaks)} requests a second"
    largest, route = max(peaks)
    total = sum(peak for peak, _ in peaks)
    return f"peaks of {total:g} requests a second over {len(peaks)} routes, at most {largest:g} ({route})"


def _budget(spec: InferenceStack) -> list[Requirement]:
    if spec.budget is None:
        return []
    value = f"{spec.budget.monthly_usd:,.0f} USD a month"
    open_ended = Change(
        edit=edit_spec(lambda one: replace(one, budget=None)), say=always("a higher budget"), settled=_enough
    )
    return [Requirement(path="budget.monthly_usd", value=value, short=value, changes=(open_ended,))]


def _enough(draft: Draft) -> tuple[Change, ...]:
    """The expected bill as a budget, rounded up to three digits."""
    usd = rounded_up(cost.monthly(draft)[0].expected, 3)

    def raised(spec: InferenceStack) -> InferenceStack:
        assert spec.budget is not None
        return replace(spec, budget=replace(spec.budget, monthly_usd=float(usd)))

    return (Change(edit=edit_spec(raised), say=always(f"a budget of {usd:,} USD a month")),)
