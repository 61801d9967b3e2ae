"""The models of vendors with the API that each serves, its end and its successor, from a wheel of LiteLLM.

The wheel is too heavy to install beside the tools: its price file is read where it lies (`make refresh`).
Not here: prices (token_prices) and what Bedrock offers where (bedrock_models).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any
from zipfile import ZipFile

from inferplan.catalog.bedrock import bedrock_base
from inferplan.catalog.managed_apis import BEDROCK
from inferplan.catalog.refresh import rows, wheels

AS_OF = "2026-11-27"  # the day on which the pinned release was the current one
PRICES = "litellm/model_prices_and_context_window_backup.json"
# Provider id of the vendor facts -> how LiteLLM calls it, and what it puts before the ids.
VENDORS = {
    "anthropic": r"anthropic",
    "azure-openai": r"azure",
    "deepseek": r"deepseek",
    "google-gemini-api": r"gemini",
    "google-vertex": r"vertex_ai(-.*)?",
    "mistral": r"mistral|codestral",
    "openai": r"openai",
    "perplexity": r"perplexity",
    BEDROCK: r"bedrock(_converse)?",
}
PREFIX = re.compile(r"^(azure|codestral|deepseek|gemini|mistral|openai|perplexity|vertex_ai)/")
# Prices of sizes and of tuned models, and names of places: not ids of models.
STREAM = re.compile(r"realtime|\blive\b")  # a voice stream of its own, which no gateway offers
NO_MODEL = re.compile(r"^ft:|/|^container$|\*")
APIS = {
    "chat": ["chat"],
    "responses": ["chat"],
    "completion": ["chat"],
    "embedding": ["embeddings"],
    "rerank": ["rerank"],
    "moderation": ["classify"],
    "image_generation": ["images"],
    "audio_transcription": ["transcription"],
}


def prices(wheel: Path) -> dict[str, dict[str, Any]]:
    """The price file in a wheel."""
    with ZipFile(wheel) as archive:
        found: dict[str, dict[str, Any]] = json.loads(archive.read(PRICES))
    return found


def table(
    listed: Mapping[str, Mapping[str, Any]],
    source: str,
    as_of: str,
    bedrock: Iterable[Mapping[str, Any]],
) -> Iterator[dict[str, Any]]:
    """The rows of every vendor whose models are told by their ids; of Bedrock those that end."""
    active = {row["model"]: row["as_of"] for row in bedrock if row["status"] == "active"}
    for vendor, name in sorted(VENDORS.items()):
        found: dict[str, Mapping[str, Any]] = {}
        for key, facts in sorted(listed.items()):
            model = PREFIX.sub("", key)
            if re.fullmatch(name, str(facts.get("litellm_provider"))) and not NO_MODEL.search(model):
                found[model] = {**found.get(model, {}), **facts}
        for model, facts in sorted(found.items()):
            if vendor == BEDROCK and not _ends_apart(model, facts, found):
                continue
            row = _row(vendor, model, facts, source, as_of)
            seen = active.get(model) or active.get(bedrock_base(model))
            if vendor == BEDROCK and seen and row["ends"] <= seen:
                row["verified"] = False
                row["unverified_parts"] = [f"ends: bedrock-models lists it as active on {seen}"]
            yield row


def _ends_apart(model: str, facts: Mapping[str, Any], found: Mapping[str, Mapping[str, Any]]) -> bool:
    """Whether a Bedrock id has an end, and under a geography prefix another one than the model itself."""
    ends = facts.get("deprecation_date")
    base = bedrock_base(model)
    known = "." in base and (base == model or found.get(base, {}).get("deprecation_date") != ends)
    return bool(ends) and known


def _row(vendor: str, model: str, facts: Mapping[str, Any], source: str, as_of: str) -> dict[str, Any]:
    ends, successor = facts.get("deprecation_date"), facts.get("successor_model")
    also = facts.get("deprecation_source")
    is_stream = facts.get("mode") == "audio_transcription" and STREAM.search(model)
    return {
        "provider": vendor,
        "model": model,
        "apis": [] if is_stream else APIS.get(str(facts.get("mode")), []),
        **({"ends": ends} if ends else {}),
        **({"successor": PREFIX.sub("", successor)} if successor else {}),
        "verified": "partial",
        "source": [source, *([also] if ends and also else [])],
        "as_of": as_of,
    }


def current(wheel: Path) -> list[dict[str, Any]]:
    """The table as it should read from a wheel of litellm; its day is that of the committed pin."""
    source = f"litellm {wheels.version('litellm')}"
    return list(table(prices(wheel), source, AS_OF, rows.read("bedrock_models")))


def tables() -> dict[str, list[dict[str, Any]]]:
    """The table as it should read from the fetched wheel."""
    return {"vendor_models": current(wheels.wheel("litellm"))}


def main() -> None:
    """Rewrite the table and say what changed."""
    rows.replace(tables())


if __name__ == "__main__":
    main()
