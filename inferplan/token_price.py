"""What one typical request to a vendor's model costs, from genai-prices.

Not here: how many requests there are (inferplan.cost) and how a vendor is reached (plan.vendors).
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version

# Provider id of the vendor facts -> provider id of genai-prices.
TOKEN_PROVIDER = {
    "amazon-bedrock": "aws",
    "anthropic": "anthropic",
    "azure-openai": "azure",
    "deepseek": "deepseek",
    "google-gemini-api": "google",
    "google-vertex": "google",
    "mistral": "mistral",
    "openai": "openai",
    "perplexity": "perplexity",
}


@cache
def request_usd(provider: str, model: str, input_tokens: int, output_tokens: int, as_of: str) -> float | None:
    """USD of one typical request on a day, None where genai-prices does not know the model.

    Prices are tiered per request, so one request is priced and multiplied; a monthly total would be wrong.
    """
    from genai_prices import Usage, calc_price

    known = TOKEN_PROVIDER.get(provider)
    if known is None:
        return None
    when = datetime.fromisoformat(as_of).replace(tzinfo=UTC)
    try:
        found = calc_price(
            Usage(input_tokens=input_tokens, output_tokens=output_tokens),
            model_ref=model,
            provider_id=known,
            genai_request_timestamp=when,
        )
    except LookupError:
        return None
    return float(found.total_price)


@cache
def price_source() -> str:
    """The price list and its version, as the source of a cost line."""
    return f"genai-prices {version('genai-prices')}"
