"""The token price table from an installed genai-prices and the price file in a wheel of LiteLLM.

Of other vendors genai-prices knows aliases, days and hours; LiteLLM is newer, so where both state an id and
differ by more than 5 % it decides, and the row says both. Of Bedrock it alone knows Regions and profiles.
Not here: prices other than of text tokens and requests, and ends of models (vendor_models).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from importlib.metadata import version
from pathlib import Path
from typing import Any

import msgspec

from inferplan.catalog.managed_apis import BEDROCK
from inferplan.catalog.refresh import rows, vendor_models, wheels
from inferplan.catalog.token_rates import (
    MILLION,
    TOKEN_PROVIDERS,
    Found,
    TokenPriceRow,
    active_rates,
    matching,
)

FIRST, SECOND = "litellm", "genai-prices"
AS_OF = {FIRST: vendor_models.AS_OF, SECOND: "2026-11-20"}  # the days on which the pins were current
TOLERANCE = 0.05
TOKENS = frozenset({"chat", "responses", "completion", "embedding", "rerank", "moderation"})
SOUND, BY_SOUND = (
    "audio_transcription",
    "sound is paid by the second or by tokens of its own, which no load states",
)
APIS = frozenset({"chat", "embeddings", "rerank"})  # whose models are paid by tokens or requests
SIDES = {
    "input_usd": ("input_cost_per_token", "input_mtok"),
    "cached_usd": ("cache_read_input_token_cost", "cache_read_mtok"),
    "cache_write_usd": ("cache_creation_input_token_cost", "cache_write_mtok"),
    "output_usd": ("output_cost_per_token", "output_mtok"),
}
ABOVE = re.compile(r"_above_(\d+)k_tokens$")
ORDER = ("start", "hours", "above", *SIDES, "tiers", "request_usd", "batch")
REGION = re.compile(r"[a-z]{2}(-gov)?-[a-z]+-\d")


# -- genai-prices ----------------------------------------------------------------------------------
def clause(found: Any) -> dict[str, Any]:
    """A match clause of genai-prices as plain data, in lower case."""
    ((name, value),) = vars(found).items()
    if isinstance(value, list):
        return {name.rstrip("_"): [clause(one) for one in value]}
    return {name: value if name == "regex" else value.lower()}


def sides(price: Any) -> dict[str, Any]:
    """The prices per million tokens of one ModelPrice as plain data; what is not there is left out."""
    found: dict[str, Any] = {}
    tiers: dict[int, dict[str, Any]] = {}
    for side, (_, name) in SIDES.items():
        value = getattr(price, name)
        base = value if isinstance(value, Decimal) else getattr(value, "base", None)
        if base is not None:
            found[side] = float(base)
        for tier in getattr(value, "tiers", ()):
            tiers.setdefault(tier.start, {"above": tier.start})[side] = float(tier.price)
    return found | ({"tiers": [tiers[start] for start in sorted(tiers)]} if tiers else {})


def rate(model: Any, conditional: Any) -> dict[str, Any]:
    """One price of a model with that of batches, which may begin on another day: its newest by then."""
    constraint: Any = getattr(conditional, "constraint", None)
    price = conditional.prices
    found: dict[str, Any] = {}
    day = date.fromisoformat(AS_OF[SECOND])
    kind = type(constraint).__name__
    if kind == "StartDateConstraint":
        found["start"] = constraint.start_date.isoformat()
        day = max(day, constraint.start_date)
    elif kind == "TimeOfDateConstraint":
        found["hours"] = [f"{hour:%H:%M}" for hour in (constraint.start_time, constraint.end_time)]
    elif constraint is not None:
        raise SystemExit(f"a constraint {kind} is not carried over")
    found |= sides(price)
    if price.requests_kcount is not None:
        found["request_usd"] = float(price.requests_kcount) / 1000
    batch: dict[str, Any] = {}
    for variant in model.price_variants or ():
        if variant.when == {"processing": "batch"} and (
            variant.constraint is None
            or variant.constraint.active(datetime(day.year, day.month, day.day, tzinfo=UTC))
        ):
            batch = sides(variant.prices) | batch
    return found | ({"batch": _filled(batch, found)} if batch else {})


def _filled(batch: Mapping[str, Any], usual: Mapping[str, Any]) -> dict[str, Any]:
    """A variant with the sides that it does not state as they are in other requests."""
    found = {side: usual[side] for side in SIDES if side in usual} | dict(batch)
    tiers: dict[int, dict[str, Any]] = {tier["above"]: dict(tier) for tier in batch.get("tiers", ())}
    for tier in usual.get("tiers", ()):
        kept = {side: usd for side, usd in tier.items() if side == "above" or side not in batch}
        if len(kept) > 1:
            tiers[tier["above"]] = kept | tiers.get(tier["above"], {})
    return found | ({"tiers": [tiers[start] for start in sorted(tiers)]} if tiers else {})


def named_by_clauses(providers: Sequence[Any]) -> Iterator[dict[str, Any]]:
    """The rows of every seller that vendor facts map to, and of those whose models it falls back to."""
    sellers = {provider.id: provider for provider in providers}
    wanted = sorted(set(TOKEN_PROVIDERS.values()))
    also: dict[str, dict[str, int]] = {}
    for name in wanted:
        for order, other in enumerate(sellers[name].fallback_model_providers or ()):
            also.setdefault(other, {})[name] = order
    for name in sorted({*wanted, *also}):
        for model in sellers[name].models:
            prices = model.prices if isinstance(model.prices, list) else [model]
            yield {
                "provider": name,
                "model": model.id,
                "match": clause(model.match),
                **({"also": also[name]} if name in also else {}),
                "rates": _plain(rate(model, price) for price in prices),
                **_standing(SECOND),
            }


# -- LiteLLM ---------------------------------------------------------------------------------------
def stated(facts: Mapping[str, Any]) -> dict[str, Any] | None:
    """The prices of one row of LiteLLM; None where it states none of tokens or requests."""
    query = facts.get("input_cost_per_query")
    found = _sides_of(facts, "")
    if facts.get("mode") == "rerank" and query:
        return {"input_usd": 0.0, "output_usd": 0.0, "request_usd": float(query)}  # by the query alone
    if not any(found.get(side) for side in ("input_usd", "output_usd")):
        return None
    batch = _sides_of(facts, "_batches")
    return found | (
        {"batch": batch} if "input_usd" in batch and "output_usd" in {*batch, *_free(found)} else {}
    )


def _free(found: Mapping[str, Any]) -> tuple[str, ...]:
    """`output_usd` where answers cost nothing, as those of embeddings do."""
    return ("output_usd",) if found.get("output_usd") == 0 else ()


def _sides_of(facts: Mapping[str, Any], kind: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    tiers: dict[int, dict[str, Any]] = {}
    for side, (name, _) in SIDES.items():
        for key, value in facts.items():
            plain = key.removesuffix(kind) if kind else key
            if value is None or (kind and plain == key):
                continue
            usd = round(float(value) * MILLION, 6) if plain.startswith(name) else 0.0
            above = ABOVE.search(plain)
            if plain == name:
                found[side] = usd
            elif above and plain == f"{name}{above[0]}":
                start = int(above[1]) * 1000
                tiers.setdefault(start, {"above": start})[side] = usd
    return found | ({"tiers": [tiers[start] for start in sorted(tiers)]} if tiers else {})


# -- both ------------------------------------------------------------------------------------------
def _standing(*packages: str) -> dict[str, Any]:
    versions = {FIRST: wheels.version(FIRST), SECOND: version(SECOND)}
    return {
        "verified": "partial",
        "source": [f"{name} {versions[name]}" for name in packages],
        "as_of": min(AS_OF[name] for name in packages),
    }


def merged(
    first: dict[str, Any] | None, second: Found | None, *, by_id: bool = False, dearer: bool = False
) -> dict[str, Any]:
    """The rates of an id that both or one of them price, and how they differ.

    Where they agree the second's days and hours count, or with `by_id` the first's figures. Where they differ
    the first's, or with `dearer` those of the dearer one.
    """
    if second is not None and not any(one.input_usd or one.output_usd for one in second.row.rates):
        second = None
    if second is None:
        return {"rates": _plain([first] if first else []), **_standing(FIRST)}
    theirs = [
        {key: value for key, value in _known(one).items() if key != "batch" or not second.borrowed}
        for one in msgspec.to_builtins(second.row.rates)
    ]
    if first is None:
        return {"rates": _plain(theirs), **_standing(SECOND)}
    today = active_rates(second.row.rates, date.fromisoformat(AS_OF[FIRST]))
    current = theirs[second.row.rates.index(today[0])]
    if any(not _differences(first, _known(msgspec.to_builtins(one))) for one in today):
        wanted = {"cached_usd", "cache_write_usd", "batch"}
        added: dict[str, Any] = {key: value for key, value in first.items() if key in wanted}
        rates = [added | one if one is current else one for one in theirs]
        if by_id:
            rates = [{key: value for key, value in current.items() if key in SIDES} | first]
        return {"rates": _plain(rates), **_standing(FIRST, SECOND)}
    ours = not dearer or _weight(first) >= _weight(current)
    taken, left = (FIRST, SECOND) if ours else (SECOND, FIRST)
    waiting = {"batch": first["batch"]} if "batch" in first else {}
    rates, other = ([first], current) if ours else ([{**waiting, **one} for one in theirs], first)
    return {
        "rates": _plain(rates),
        "other": _ordered({key: other[key] for key in (*SIDES, "tiers") if key in other}),
        **_standing(taken, left),
        "unverified_parts": [f"{_differences(first, current)}; planned with {taken}"],
    }


def _known(one: Mapping[str, Any]) -> dict[str, Any]:
    """What is stated."""
    return {key: value for key, value in one.items() if value is not None and value != ()}


def _plain(listed: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [_ordered(one) for one in listed]


def _ordered(one: Mapping[str, Any]) -> dict[str, Any]:
    """A rate as the table writes it, without what is not stated."""
    found = {key: one[key] for key in ORDER if key in one and one[key] is not None}
    if "hours" in found:
        found["hours"] = list(found["hours"])
    if "tiers" in found:
        found["tiers"] = _plain(found["tiers"])
    if "batch" in found:
        found["batch"] = _ordered(found["batch"])
    return {key: value for key, value in found.items() if value != []}


def _weight(one: Mapping[str, Any]) -> float:
    return float(one.get("input_usd", 0.0)) + float(one.get("output_usd", 0.0))


def _differences(first: Mapping[str, Any], second: Mapping[str, Any]) -> str:
    """The figures of the sides that both state and that are more than 5 % apart; empty where none is."""
    told = []
    for side in SIDES:
        ours, theirs = first.get(side), second.get(side)
        if ours is not None and theirs is not None and abs(ours - theirs) > TOLERANCE * max(ours, theirs):
            name = side.removesuffix("_usd").replace("_", " ")
            told.append(f"{name} {ours:g} in {FIRST} and {theirs:g} in {SECOND}")
    return f"USD per million tokens: {', '.join(told)}" if told else ""


def at_vendors(
    listed: Mapping[str, Mapping[str, Any]], clauses: Sequence[TokenPriceRow]
) -> Iterator[dict[str, Any]]:
    """The rows of ids that say more or something else than the clauses do, without Bedrock's."""
    for vendor, name in sorted(vendor_models.VENDORS.items()):
        if vendor == BEDROCK:
            continue
        found: dict[str, dict[str, Any]] = {}
        for key, facts in sorted(listed.items()):
            model = vendor_models.PREFIX.sub("", key)
            wanted = facts.get("mode") in {*TOKENS, SOUND}
            fits = wanted and re.fullmatch(name, str(facts.get("litellm_provider")))
            if fits and not vendor_models.NO_MODEL.search(model):
                found[model] = {**found.get(model, {}), **facts}
        each = {}
        for model, facts in found.items():
            if facts.get("mode") == SOUND:
                each[model] = {"rates": [], "reason": BY_SOUND, **_standing(FIRST)}
                continue
            second = matching(clauses, vendor, model)
            row = merged(stated(facts), second)
            if not row["rates"]:
                row |= {"reason": _why(facts)}
            if (
                second is None
                or second.borrowed
                or row["rates"] != _plain(msgspec.to_builtins(second.row.rates))
            ):
                each[model] = row
        yield from _together(vendor, each)


def at_bedrock(
    listed: Mapping[str, Mapping[str, Any]],
    clauses: Sequence[TokenPriceRow],
    models: Iterable[Mapping[str, Any]],
) -> Iterator[dict[str, Any]]:
    """A row for each price of each model that a Region offers, by id, and by Region where it has its own."""
    at_region: dict[str, list[str]] = {}
    for key in sorted(listed):
        kind, _, rest = key.partition("/")
        region, _, model = rest.partition("/")
        if kind in {"bedrock", "bedrock_mantle"} and REGION.fullmatch(region) and "/" not in model:
            at_region.setdefault(model, []).append(region)
    for row in models:
        model = row["model"]
        if not APIS & set(row["apis"]):
            continue
        each: dict[str, dict[str, Any]] = {}
        ids = [model, *sorted({f"{route['prefix']}{model}" for route in row["profiles"]})]
        for one in ids:
            facts = _facts(listed, one, f"bedrock/{one}", f"bedrock_mantle/{one}")
            found = merged(stated(facts), matching(clauses, BEDROCK, one), by_id=True, dearer=one == model)
            if found["rates"]:
                each[one] = found
            for region in at_region.get(one, ()):
                own = _facts(listed, f"bedrock/{region}/{one}", f"bedrock_mantle/{region}/{one}")
                price = merged(stated(own), None)
                if price["rates"]:
                    each[f"{one}@{region}"] = price
        each = each or {model: {"rates": [], **_standing(FIRST, SECOND)}}
        if not any("input_usd" in rate for one in each.values() for rate in one["rates"]):
            reason = _why(_facts(listed, *ids, f"bedrock_mantle/{model}"))
            each = {one: {**found, "reason": reason} for one, found in each.items()}
        yield from _together(BEDROCK, each)


def _facts(listed: Mapping[str, Mapping[str, Any]], *keys: str) -> Mapping[str, Any]:
    """The first of these rows that states a price."""
    known = [listed[key] for key in keys if key in listed]
    return next((facts for facts in known if stated(facts)), known[0] if known else {})


def _why(facts: Mapping[str, Any]) -> str:
    """Why there is no price by the token."""
    if facts.get("input_cost_per_token") == 0:
        return f"{FIRST} states 0, which is not taken for a price, and {SECOND} nothing"
    other = sorted(
        key
        for key, value in facts.items()
        if "cost_per" in key and "token" not in key and isinstance(value, float) and value
    )
    if other:
        return f"{FIRST} states {', '.join(key.replace('_', ' ') for key in other)} and none of input tokens"
    return f"neither {FIRST} nor {SECOND} states a price"


def _together(provider: str, each: Mapping[str, dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Rows of the same content as one, called after its first id."""
    groups: dict[str, list[str]] = {}
    for one, row in each.items():
        groups.setdefault(repr(row), []).append(one)
    for ids in groups.values():
        yield {"provider": provider, "model": ids[0], "ids": ids, **each[ids[0]]}


def current(wheel: Path) -> list[dict[str, Any]]:
    """The table as it should read from a wheel of LiteLLM and the installed genai-prices."""
    from genai_prices.data import providers

    listed = vendor_models.prices(wheel)
    clauses = list(named_by_clauses(providers))
    known = msgspec.convert(clauses, tuple[TokenPriceRow, ...])
    kept = [row for row in clauses if row["provider"] != TOKEN_PROVIDERS[BEDROCK]]
    bedrock = at_bedrock(listed, known, rows.read("bedrock_models"))
    return [*bedrock, *at_vendors(listed, known), *kept]


def tables() -> dict[str, list[dict[str, Any]]]:
    """The table as it should read from the pinned wheel and the installed package."""
    return {"token_prices": current(wheels.wheel(FIRST))}


def main() -> None:
    """Rewrite the table and say what changed."""
    fresh = tables()["token_prices"]
    for line in rows.changes(_told(rows.read("token_prices")), _told(fresh), "provider", "kind", "model"):
        rows.tell(f"token_prices: {line}")
    rows.write("token_prices", fresh)


def _told(table: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Rows with whether they list ids, since a clause may be called like one."""
    return [{**row, "kind": "id" if "ids" in row else "clause"} for row in table]


if __name__ == "__main__":
    main()
