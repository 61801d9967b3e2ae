"""The page of Bedrock: which model each Region has and how, where profiles lead, and what ends when.

Not here: the tables (inferplan/catalog/data) and whether a model may be used (policies).
"""

from __future__ import annotations

from collections.abc import Iterator

from inferplan import catalog
from inferplan.catalog import BEDROCK
from tests.pages.markdown import GENERATED, code, page, table

GLOBAL = "global."


def text() -> str:
    """The whole page."""
    models = catalog.bedrock_models()
    sources = sorted({source for row in models.values() for source in row.source})
    return page(
        [
            "# Bedrock",
            "",
            GENERATED,
            "",
            f"{len(models)} models as {' and '.join(sources)} list them, "
            f"as of {max(row.as_of for row in models.values())}.",
            "An id can be called in a Region that has it on demand, or through a profile of that Region;",
            "any other is refused with what can be called.",
            "A profile sends calls to Regions that depend on the caller's.",
            "The gateway does not call the endpoint bedrock-mantle: what only that has is not offered.",
            "An organization may vouch for what is newer than this page, under `facts.confirmed`: an offer",
            "as `bedrock_models/ID@REGION`, what is kept as `model_retention/amazon-bedrock/ID`, another",
            "vendor's model as `vendor_models/PROVIDER/ID`; what others keep is on [a page](retention.md).",
            "",
            "## Regions",
            "",
            *table(("Region", "country", "on demand", "any way"), _regions()),
            "",
            "## Profiles",
            "",
            "The largest set of countries that callers of each Region may reach, over all models.",
            "",
            *table(("prefix", "callers", "countries"), _profiles()),
            "",
            "## Models",
            "",
            *table(
                ("model", "status", "ends", "on demand in", "through profiles", "keeps prompts"), _models()
            ),
            "",
            "## Where the sources differ",
            "",
            *table(("model", "difference"), _differences()),
        ]
    )


def _regions() -> Iterator[tuple[object, ...]]:
    models = catalog.bedrock_models().values()
    for name, region in sorted(catalog.regions().items()):
        on_demand = sum(name in row.on_demand for row in models)
        any_way = sum(bool(catalog.bedrock_ids(row.model, name)) for row in models)
        if any_way:
            yield name, region.country, on_demand, any_way


def _profiles() -> Iterator[tuple[object, ...]]:
    for prefix, profile in sorted(catalog.bedrock_profiles().items()):
        callers = sorted(catalog.bedrock_callers(f"{prefix}*"))
        reached: dict[tuple[str, ...], list[str]] = {}
        for region in callers if prefix != GLOBAL else ():
            found = catalog.bedrock_profile(f"{prefix}*", region)
            reached.setdefault((found.countries if found else None) or (), []).append(region)
        for countries, regions in sorted(reached.items(), key=lambda entry: entry[1]):
            yield code([prefix]), ", ".join(regions), ", ".join(countries)
        if profile.all_commercial:
            yield code([prefix]), f"{len(callers)} Regions", "every commercial Region"


def _models() -> Iterator[tuple[object, ...]]:
    for name, row in catalog.bedrock_models().items():
        end = catalog.model_end(BEDROCK, name)
        prefixes = dict.fromkeys(route.prefix for route in row.profiles)
        yield (
            code([name]),
            row.status,
            end.day if end is not None and not end.doubt else "",
            ", ".join(row.on_demand),
            code(prefixes) if prefixes else "",
            _kept(name),
        )


def _kept(model: str) -> str:
    kept = catalog.model_retention(BEDROCK, model)
    if kept is None:
        return "not known"
    return f"{kept.keeps}, {kept.least_days} days" if kept.least_days else "no"


def _differences() -> Iterator[tuple[object, ...]]:
    for name, row in catalog.bedrock_models().items():
        yield from ((code([name]), part) for part in row.unverified_parts)
    for ending in catalog.vendor_models().values():
        if ending.provider == BEDROCK and ending.verified is False:
            said = "; ".join(ending.unverified_parts)
            yield code([ending.model]), f"{said}; {ending.source[0]}: {ending.ends}"
