"""The page of what vendors keep: the statements per model and endpoint, and each model with its end.

Not here: Bedrock's models by Region and profile (bedrock) and whether a model may be used (policies).
"""

from __future__ import annotations

from collections.abc import Iterator

from inferplan import catalog
from inferplan.catalog import BEDROCK
from tests.pages.markdown import GENERATED, code, page, table

APIS = frozenset({"chat", "embeddings", "rerank", "classify", "transcription"})


def text() -> str:
    """The whole page."""
    return page(
        [
            "# What vendors keep of prompts",
            "",
            GENERATED,
            "",
            "Read by people, at the addresses and on the days of the rows of `model_retention.json`.",
            "SOV-014 takes the stricter of what the organization registers and what is kept whatever is",
            "agreed; what no row says is undecided where prompts may not be kept. An organization may vouch",
            "for a newer model, under `facts.confirmed` as `model_retention/PROVIDER/MODEL`.",
            "The gateway calls no endpoint that stores; features are those that `vendors.*.features` of the",
            "organization names, and the batches of a load with a `batch_share`.",
            "",
            "## Statements",
            "",
            "The first that fits counts. By default: without an agreement.",
            "",
            *table(
                (
                    "vendor",
                    "models",
                    "features",
                    "kept",
                    "by default",
                    "whatever is agreed",
                    "basis",
                    "as of",
                ),
                _statements(),
            ),
            "",
            "## Models",
            "",
            "Those of Bedrock, with Regions and profiles, are on [a page](bedrock.md) of their own.",
            "",
            *table(("vendor", "model", "APIs", "by default", "whatever is agreed", "ends"), _models()),
        ]
    )


def _statements() -> Iterator[tuple[object, ...]]:
    for row in catalog.model_retentions().values():
        doubt = f"; not settled: {'; '.join(row.unverified_parts)}" if row.unverified_parts else ""
        yield (
            row.provider,
            code(row.models),
            ", ".join(row.endpoints),
            row.keeps,
            _days(row, row.default_days),
            _days(row, row.least_days),
            f"{row.basis}{doubt} ({', '.join(row.source)})",
            row.as_of,
        )


def _models() -> Iterator[tuple[object, ...]]:
    for model in catalog.vendor_models().values():
        if model.provider == BEDROCK or not APIS & set(model.apis):
            continue
        row = catalog.model_retention(model.provider, model.model)
        end = catalog.model_end(model.provider, model.model)
        days = [_days(row, row.default_days), _days(row, row.least_days)] if row else ["not known"] * 2
        yield (
            model.provider,
            code([model.model]),
            ", ".join(model.apis),
            *days,
            end.day if end is not None else "",
        )


def _days(row: catalog.ModelRetention, days: int | None) -> str:
    if days is None:
        return "until deleted" if row.until_deleted else "not known"
    return f"{days} day{'s' if days > 1 else ''}" if days else "nothing"
