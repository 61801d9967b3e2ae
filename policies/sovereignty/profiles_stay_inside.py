"""Bedrock profiles: every Region where a model id or a guardrail may be served.

Not here: how Bedrock is called (bedrock_is_called_narrowly) and other vendors (vendors_process_inside).
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

from inferplan import catalog
from inferplan.near import listed
from inferplan.resource import Resource, UnknownValueError
from policies import types
from policies.context import Context, Serving, Undecidable
from policies.read import regions_named
from policies.rule import Outcome, Problem, Rule, fail, undecided
from policies.views.profiles import own_profiles
from policies.world.things import (
    FIRST_VARIABLE,
    allow,
    arn,
    container,
    deployment,
    document,
    endpoint,
    group,
    model_arn,
    profile_arn,
    proxy,
    proxy_data,
    resource,
)

profiles_stay_inside = Rule(
    id="SOV-006",
    title="Every Region that a Bedrock profile may route to is allowed",
    why="A profile sends prompts and answers to any of its Regions, which depend on the caller's: from "
    "London eu. holds London, from Canada us. holds Canada.",
    fix="Use an id that the Region offers and whose every Region is allowed; else another model or own "
    "weights.",
    source=("000:77",),
    level="mandatory",
)


@profiles_stay_inside.check("managed-api")
def _declared(serving: Serving, context: Context) -> Iterator[Outcome]:
    model = serving.backend.backend.model if serving.backend.on_bedrock else None
    if model and (problem := _profile_problem(model, context.spec.target.region, context)):
        yield problem


@profiles_stay_inside.check(types.AWS, types.KUBERNETES)
def _named(item: Resource, context: Context) -> Iterator[Outcome]:
    seen, own = set(), own_profiles(context)
    for text in context.texts(item):
        for named in _profiles_in(text.value):
            if named.model_id in own:
                continue
            for source in _sources(named, text.value, item, context):
                if (named.model_id, source) in seen:
                    continue
                seen.add((named.model_id, source))
                if problem := _profile_problem(named.model_id, source, context, text.path):
                    yield problem
                    break
        for profile_id in _GUARDRAIL.findall(text.value):
            if problem := _guardrail_problem(profile_id, item.props.get("region"), context, text.path):
                yield problem


def _sources(named: _Named, text: str, item: Resource, context: Context) -> list[str | None]:
    """Where a call comes from: what its address says, else the resource's Region and those named beside."""
    if named.region is not None:
        return [named.region]
    try:
        own = context.region_of(item)
    except (Undecidable, UnknownValueError):
        own = None
    return list(dict.fromkeys([own or context.spec.target.region, *regions_named(text)]))


def _profile_problem(
    model_id: str, source: str | None, context: Context, path: str | None = None
) -> Problem | None:
    """Why a Bedrock model id called from a Region may be served outside the boundary, None when it cannot be.

    `source` None: the spec leaves the Region to the planner, so every allowed one counts; `*`: any at all.
    """
    profile = catalog.bedrock_profile(model_id)
    if profile is None:
        return None
    fact = f"bedrock_profiles/{profile.prefix}"
    if profile.destinations is None:
        if context.confirmed(fact):
            return None
        return fail(
            f"no fact says where profile {profile.prefix} routes; use a model that the Region has on demand",
            path=path,
        )
    places = {name: context.country_of(name) for name in _reached(model_id, source, context)}
    outside = [
        f"{name} ({country})" for name, country in places.items() if country not in context.allowed_countries
    ]
    if outside:
        shown = ", ".join(outside[:5]) + (f" and {len(outside) - 5} more" if len(outside) > 5 else "")
        advice = _advice(model_id, source, context)
        return fail(f"profile {profile.prefix} may route to {shown}; {advice}", path=path)
    doubt = context.doubt(fact, profile)
    return undecided(doubt, path=path) if doubt else None


def _reached(model_id: str, source: str | None, context: Context) -> list[str]:
    """Every Region that may serve a call from there."""
    callers = catalog.bedrock_callers(model_id) if source is None else {source} & set(catalog.regions())
    asked = [one for one in context.allowed_regions() if one in callers] if source is None else [*callers]
    profiles = [catalog.bedrock_profile(model_id, one) for one in asked or [None]]
    return sorted({name for profile in profiles if profile for name in profile.destinations or ()})


def _advice(model_id: str, source: str | None, context: Context) -> str:
    """What can be called instead, and keeps its calls inside; an id that nobody offers is never named."""
    base = catalog.bedrock_base(model_id.rpartition("/")[2])
    regions = [source] if source in catalog.regions() else context.allowed_regions()
    ids = [
        found
        for region in regions
        for found in catalog.bedrock_ids_inside(base, str(region), context.allowed_countries)
    ]
    if ids:
        return f"use {listed(dict.fromkeys(ids))}"
    callers: dict[str, list[str]] = {}
    for region in catalog.bedrock_regions_inside(base, context.allowed_countries):
        for found in catalog.bedrock_ids_inside(base, region, context.allowed_countries):
            callers.setdefault(found, []).append(region)
    if not callers:
        return "use another model or own weights"
    best = model_id if model_id in callers else next(iter(callers))
    return f"use another model or own weights; calls of {best} from {listed(callers[best][:3])} stay inside"


@cache
def _prefixed() -> re.Pattern[str]:
    makers = "|".join(sorted(map(re.escape, catalog.bedrock_providers())))
    # A model id has a dash, digit or star after its maker; a host such as api.openai.com has not.
    return re.compile(
        rf"(?<![a-z0-9-])((?:[a-z]{{2,8}}(?:-[a-z]+)?)\.(?:{makers})\.(?=[a-z.]*[0-9*-])[a-z0-9.:*-]+)"
    )


_PROFILE_ARN = re.compile(
    r"(?:arn:[\w-]+:bedrock:(?P<region>[\w*?-]*):[\w*?]*:)?(?:application-)?inference-profile/(?P<id>[^\s\"',]+)"
)
_GUARDRAIL = re.compile(r"(?<![a-z0-9-])([a-z]{2,8}(?:-[a-z]+)?\.guardrail\.v[0-9]+:[0-9]+)")


class _Named(NamedTuple):
    model_id: str
    region: str | None  # that an ARN names; a pattern means any


def _profiles_in(text: str) -> list[_Named]:
    """Every cross-Region model id that a text names; `inference-profile/*` counts as an unknown one."""
    addresses = {match.start("id"): match for match in _PROFILE_ARN.finditer(text)}
    found = [_Named(match["id"], match["region"]) for match in addresses.values()]
    for match in _prefixed().finditer(text):
        address = addresses.get(match.start(1))
        found.append(_Named(match.group(1), address["region"] if address else None))
    return list(dict.fromkeys(found))


def _guardrail_problem(
    profile_id: str, source_region: str | None, context: Context, path: str
) -> Problem | None:
    """Why a cross-Region guardrail profile leaves the boundary."""
    profile = catalog.guardrail_profiles().get(profile_id)
    if profile is None or profile.destinations is None:
        return fail(f"no fact says where guardrail profile {profile_id} routes", path=path)
    extra = profile.extra_when_source_is.get(source_region or "", ())
    for name in (*profile.destinations, *extra):
        if wrong := context.outside(name):
            return fail(f"guardrail profile {profile_id} may route outside: {wrong}", path=path)
    doubt = context.doubt(f"guardrail_profiles/{profile_id}", profile)
    return undecided(doubt, path=path) if doubt else None


_MODEL = "mistral.mistral-large-2402-v1:0"
_PIXTRAL = "mistral.pixtral-large-2502-v1:0"
_CLAUDE = "anthropic.claude-sonnet-4-5-20250929-v1:0"
_DECLARED = "spec:backends.mistral.model"
_FROM_DUBLIN = arn("bedrock", f"inference-profile/eu.{_CLAUDE}", region="eu-west-1")


def _calling(model: str) -> str:
    return document(allow("bedrock:InvokeModel", model))


profiles_stay_inside.passes("an in-Region id in the spec", world="both")
profiles_stay_inside.fails("the spec names a European profile", {_DECLARED: f"eu.{_PIXTRAL}"})
profiles_stay_inside.fails(
    "the spec names an unknown prefix", {_DECLARED: f"eusc.{_PIXTRAL}"}, also=("SOV-014",)
)

profiles_stay_inside.passes(
    "a Japanese profile inside a Japanese boundary",
    world="both",
    given={
        "spec:data.residency.countries": ["JP"],
        "spec:target.region": "ap-northeast-1",
        _DECLARED: f"jp.{_CLAUDE}",
        "organization:accounts.111111111111.countries": ["JP"],
    },
)
profiles_stay_inside.fails(
    "the profile without Japan",
    {"spec:data.residency.countries": ["AU"], "organization:accounts.111111111111.countries": ["AU"]},
    also=("SOV-001", "SOV-007"),
)

profiles_stay_inside.passes(
    "an Australian profile, called from Auckland, where both countries are allowed",
    world="both",
    given={
        "spec:data.residency.countries": ["AU", "NZ"],
        "spec:target.region": "ap-southeast-6",
        _DECLARED: f"au.{_CLAUDE}",
        "organization:accounts.111111111111.countries": ["AU", "NZ"],
    },
)
profiles_stay_inside.fails("the profile without Australia", {"spec:data.residency.countries": ["NZ"]})

profiles_stay_inside.passes(
    "a European profile, called from Dublin, in a boundary of the Union",
    resource(types.IAM_POLICY, "iam", {"policy": document(allow("bedrock:InvokeModel", _FROM_DUBLIN))}),
    proxy(group("desk", f"bedrock/eu.{_CLAUDE}", aws_region_name="eu-west-1")),
    world="both",
    given={
        "spec:data.residency.countries": ["EU"],
        "spec:target.region": "eu-west-1",
        _DECLARED: f"eu.{_CLAUDE}",
        "organization:accounts.111111111111.countries": ["EU", "GB"],
    },
)
profiles_stay_inside.fails(
    "the global profile from Dublin", {_DECLARED: f"global.{_CLAUDE}"}, also=("EGR-011",)
)
profiles_stay_inside.fails(
    "the same from London", {"spec:target.region": "eu-west-2"}, also=("SOV-001", "SOV-007")
)
profiles_stay_inside.fails(
    "the proxy calls it from London",
    {"proxy:data": proxy_data(group("desk", f"bedrock/eu.{_CLAUDE}", aws_region_name="eu-west-2"))},
    also=("SOV-001",),
)
profiles_stay_inside.fails(
    "a policy for calls from London",
    {"iam:policy": document(allow("bedrock:InvokeModel", _FROM_DUBLIN.replace("eu-west-1", "eu-west-2")))},
    also=("SOV-001",),
)

profiles_stay_inside.passes(
    "in-Region ids in environment, policies and configuration",
    resource(
        types.PROFILE,
        "profile",
        {"modelSource": {"copyFrom": model_arn(_MODEL)}},
    ),
    deployment("app", container("app", env={"MODEL": _MODEL})),
    resource(types.IAM_POLICY, "iam", {"policy": _calling(model_arn(_MODEL))}),
    proxy(group("desk", f"bedrock/{_MODEL}")),
    resource(types.GUARDRAIL, "guardrail", {"name": "g"}),
    endpoint("bedrock-runtime", name="door", privateDnsEnabled=True, policy=_calling(model_arn(_MODEL))),
    world="both",
)
_ENCODED = base64.b64encode(f"model: bedrock/eu.{_MODEL}".encode()).decode()
_HARMLESS_KEY = {"description": proxy_data(group("desk", f"bedrock/eu.{_MODEL}"))["config.yaml"]}
_EUROPEAN = _calling(profile_arn(f"eu.{_MODEL}"))

profiles_stay_inside.fails(
    "an inference profile copies from a European one",
    {"profile:modelSource.copyFrom": profile_arn(f"eu.{_MODEL}")},
    also=("EGR-011",),
)
profiles_stay_inside.fails("a pod calls a global profile", {f"app:{FIRST_VARIABLE}": f"global.{_CLAUDE}"})
profiles_stay_inside.fails("a policy allows a European profile", {"iam:policy": _EUROPEAN}, also=("EGR-011",))
profiles_stay_inside.fails(
    "a policy allows every profile", {"iam:policy": _calling(profile_arn("*"))}, also=("EGR-011",)
)
profiles_stay_inside.fails(
    "the proxy calls a European profile", {"proxy:data": proxy_data(group("desk", f"bedrock/eu.{_MODEL}"))}
)
profiles_stay_inside.fails("the same under a harmless key", {"proxy:data": _HARMLESS_KEY})
profiles_stay_inside.fails("the proxy's configuration is encoded", {"proxy:binaryData": {"c": _ENCODED}})
profiles_stay_inside.fails("the endpoint lets one through", {"door:policy": _EUROPEAN}, also=("EGR-011",))
profiles_stay_inside.fails(
    "a cross-Region guardrail",
    {"guardrail:crossRegionConfig": {"guardrailProfileIdentifier": "eu.guardrail.v1:0"}},
)
