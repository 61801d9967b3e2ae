"""The token price table from the installed genai-prices.

The table keeps its clauses, dates, hours and tiers, so that a plan prices a request as the library would,
without importing it. Not here: prices other than of plain text tokens and requests.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from importlib.metadata import version
from typing import Any

from inferplan.catalog.costing import TOKEN_PROVIDERS
from inferplan.catalog.refresh import rows

AS_OF = "2026-11-20"  # the day on which the pinned release was the current one


def clause(found: Any) -> dict[str, Any]:
    """A match clause of genai-prices as plain data, in lower case."""
    ((name, value),) = vars(found).items()
    if isinstance(value, list):
        return {name.rstrip("_"): [clause(one) for one in value]}
    return {name: value if name == "regex" else value.lower()}


def rate(price: Any, constraint: Any) -> dict[str, Any]:
    """One price of a model as plain data; what is not there is left out."""
    found: dict[str, Any] = {}
    kind = type(constraint).__name__
    if kind == "StartDateConstraint":
        found["start"] = constraint.start_date.isoformat()
    elif kind == "TimeOfDateConstraint":
        found["hours"] = [f"{hour:%H:%M}" for hour in (constraint.start_time, constraint.end_time)]
    elif constraint is not None:
        raise SystemExit(f"a constraint {kind} is not carried over")
    for side in ("input", "output"):
        value = getattr(price, f"{side}_mtok")
        tiers = getattr(value, "tiers", [])
        base = value if isinstance(value, Decimal) else getattr(value, "base", None)
        if base is not None:
            found[f"{side}_usd"] = float(base)
        if tiers:
            found[f"{side}_tiers"] = [{"above": tier.start, "usd": float(tier.price)} for tier in tiers]
    if price.requests_kcount is not None:
        found["request_usd"] = float(price.requests_kcount) / 1000
    return found


def table(providers: Sequence[Any], source: str, as_of: str) -> Iterator[dict[str, Any]]:
    """The rows of every provider that vendor facts map to, and of those whose models it falls back to."""
    sellers = {provider.id: provider for provider in providers}
    wanted = sorted(set(TOKEN_PROVIDERS.values()))
    also: dict[str, dict[str, int]] = {}
    for name in wanted:
        for order, other in enumerate(sellers[name].fallback_model_providers or ()):
            also.setdefault(other, {})[name] = order
    for name in sorted({*wanted, *also}):
        for model in sellers[name].models:
            prices = model.prices if isinstance(model.prices, list) else [model]
            rates = [rate(price.prices, getattr(price, "constraint", None)) for price in prices]
            row = {"provider": name, "model": model.id, "match": clause(model.match)}
            if name in also:
                row["also"] = also[name]
            yield {**row, "rates": rates, "verified": "partial", "source": [source], "as_of": as_of}


def tables() -> dict[str, list[dict[str, Any]]]:
    """The table as it should read from the installed package."""
    from genai_prices.data import providers

    return {"token_prices": list(table(providers, f"genai-prices {version('genai-prices')}", AS_OF))}


def main() -> None:
    """Rewrite the table and say what changed."""
    rows.replace(tables())


if __name__ == "__main__":
    main()
