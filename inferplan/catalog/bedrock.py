"""Which Bedrock models a Region offers, by which ids, and where a call of each may be served.

Not here: vendors and their hosts (managed_apis), ends of models (lifetimes), prices (token_rates) and what is
kept of prompts (retention).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import cache
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from inferplan.catalog.places import regions
from inferplan.catalog.table import Row, rows

GLOBAL = "global."
OWN_KINDS = frozenset({"imported-model", "custom-model", "custom-model-deployment", "provisioned-model"})


class BedrockProfile(Row, frozen=True, kw_only=True):
    """A geography prefix of Bedrock model ids: the largest set of places that may serve a call.

    `destinations` None: no source lists them. `bedrock_profile` narrows them to one model and caller.
    """

    prefix: str
    destinations: tuple[str, ...] | None
    countries: tuple[str, ...] | None
    all_commercial: bool = False
    note: str


class ProfileRoute(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where calls of one model under one prefix may go from some Regions; empty: see the prefix."""

    prefix: str
    sources: tuple[str, ...]
    destinations: tuple[str, ...] = ()


class BedrockModel(Row, frozen=True, kw_only=True):
    """One model of Bedrock: the Regions that have it on demand, and those that offer it through a profile.

    `mantle_only`: the endpoint bedrock-mantle has it there, which the gateway does not call. Where the two
    sources differ, `unverified_parts` says how.
    """

    model: str
    status: Literal["active", "legacy", "unknown"]
    apis: tuple[str, ...]  # of a route; empty: none that the gateway offers
    on_demand: tuple[str, ...]
    mantle_only: tuple[str, ...] = ()
    profiles: tuple[ProfileRoute, ...]


class BedrockProvider(Row, frozen=True, kw_only=True):
    """The first label of an in-Region Bedrock model id."""

    provider: str


@cache
def bedrock_profiles() -> Mapping[str, BedrockProfile]:
    """Known geography prefixes; `global.` is expanded to every commercial Region of the catalog."""
    found: dict[str, BedrockProfile] = {}
    for row in rows("bedrock_profiles", BedrockProfile):
        if row.all_commercial:
            commercial = tuple(
                sorted(region.region for region in regions().values() if region.partition == "aws")
            )
            found[row.prefix] = _reaching(row, commercial)
        else:
            found[row.prefix] = row
    return found


@cache
def bedrock_providers() -> frozenset[str]:
    """First labels of in-Region model ids, such as `mistral` of `mistral.mistral-large-2402-v1:0`."""
    return frozenset(row.provider for row in rows("bedrock_providers", BedrockProvider))


@cache
def bedrock_models() -> Mapping[str, BedrockModel]:
    """Every model that Bedrock offers anywhere, by its in-Region id."""
    return {row.model: row for row in rows("bedrock_models", BedrockModel)}


def bedrock_base(model_id: str) -> str:
    """The in-Region id behind a model id, with or without a geography prefix."""
    head, _, rest = model_id.partition(".")
    return rest if f"{head}." in bedrock_profiles() else model_id


@cache
def bedrock_profile(model_id: str, region: str | None = None) -> BedrockProfile | None:
    """Where a call of this Bedrock model id from `region` may be served; None: only in the called Region.

    Accepts ids and ARNs. Without a Region it is every place that a caller anywhere may reach. A model in no
    table, or a pattern, gets whatever any model under the prefix may reach from there. An id that starts with
    neither a known prefix nor a known provider, and an application inference profile (which hides its model),
    give an unverified profile without destinations, so that whoever asks fails closed.
    """
    kind, _, rest = model_id.rpartition("/")
    kind = kind.rpartition(":")[2]
    if kind in OWN_KINDS:
        return None
    head = rest.partition(".")[0]
    known = bedrock_profiles().get(f"{head}.")
    if known is not None:
        return known if known.all_commercial else _narrowed(known, rest.partition(".")[2], region)
    if head in bedrock_providers() and kind in {"", "foundation-model"}:
        return None
    return replace(bedrock_profiles()["(unknown)"], prefix=f"{head}.")


def _narrowed(profile: BedrockProfile, base: str, region: str | None) -> BedrockProfile:
    """A prefix for one model and caller, with the standing of the row that says so."""
    if region is None:
        return profile
    row = bedrock_models().get(base)
    for models in (() if row is None else (row,), tuple(bedrock_models().values())):
        reached = {
            name
            for model in models
            for route in model.profiles
            if route.prefix == profile.prefix and region in route.sources
            for name in route.destinations or (*(profile.destinations or ()), region)
        }
        if reached:
            return _reaching(profile, tuple(sorted(reached)))
    return profile


def _reaching(profile: BedrockProfile, destinations: tuple[str, ...]) -> BedrockProfile:
    countries = tuple(sorted({regions()[name].country for name in destinations}))
    return replace(profile, destinations=destinations, countries=countries)


def bedrock_callers(model_id: str) -> frozenset[str]:
    """Regions from which some model is called through the prefix of an id."""
    prefix = f"{model_id.rpartition('/')[2].partition('.')[0]}."
    routes = (route for row in bedrock_models().values() for route in row.profiles)
    return frozenset(region for route in routes if route.prefix == prefix for region in route.sources)


@cache
def bedrock_ids(base: str, region: str) -> tuple[str, ...]:
    """The ids by which a Region can call a model: in-Region first, then geographic profiles, then global."""
    row = bedrock_models().get(base)
    if row is None:
        return ()
    prefixes = {route.prefix for route in row.profiles if region in route.sources}
    listed = sorted(prefixes, key=lambda prefix: (prefix == GLOBAL, prefix))
    own = (base,) if region in row.on_demand else ()
    return (*own, *(f"{prefix}{base}" for prefix in listed))


def bedrock_ids_inside(base: str, region: str, countries: Collection[str]) -> tuple[str, ...]:
    """Those of them that keep every call in some countries."""
    return tuple(
        model_id for model_id in bedrock_ids(base, region) if _served_in(model_id, region) <= set(countries)
    )


@cache
def _served_in(model_id: str, region: str) -> frozenset[str]:
    profile = bedrock_profile(model_id, region)
    return frozenset((profile.countries or ()) if profile is not None else (regions()[region].country,))


def bedrock_regions_inside(base: str, countries: Collection[str]) -> tuple[str, ...]:
    """Commercial Regions that have an id of the model which keeps every call in some countries."""
    return tuple(
        name
        for name, region in sorted(regions().items())
        if region.partition == "aws" and bedrock_ids_inside(base, name, countries)
    )
