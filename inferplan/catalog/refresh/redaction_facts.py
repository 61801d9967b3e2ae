"""What redaction needs: the languages of countries, the model of each language, the recognizers of countries.

Languages come from the installed Babel (Unicode CLDR), recognizers from a wheel of presidio-analyzer; people
read the models that spaCy publishes and settle the countries where the official languages are not the answer.
Not here: which languages a deployment must redact (inferplan.plan).
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from importlib.metadata import version
from typing import Any
from zipfile import ZipFile

from inferplan.catalog.refresh import rows, wheels

CLDR_AS_OF = "2026-11-20"  # the days on which the pinned releases were the current ones
PRESIDIO_AS_OF = "2026-11-28"
COUNTRY_OF = {  # presidio-analyzer's folders
    "australia": "AU",
    "finland": "FI",
    "india": "IN",
    "italy": "IT",
    "korea": "KR",
    "nigeria": "NG",
    "poland": "PL",
    "singapore": "SG",
    "spain": "ES",
    "thai": "TH",
    "uk": "GB",
    "us": "US",
}
RECOGNIZERS = "presidio_analyzer/predefined_recognizers/country_specific/"


def languages() -> Iterator[dict[str, Any]]:
    """Per country what a person has settled, else its official languages, most spoken first."""
    from babel.languages import get_official_languages

    settled = {row["country"]: row for row in rows.hand_read("redaction_languages")}
    source = f"Unicode CLDR official languages, by Babel {version('Babel')}"
    for country in (row["country"] for row in rows.read("countries")):
        official = (name.partition("_")[0] for name in get_official_languages(country, de_facto=True))
        yield settled.get(country) or {
            "country": country,
            "languages": list(dict.fromkeys(official)),
            "verified": "partial",
            "source": [source],
            "as_of": CLDR_AS_OF,
        }


def models(needed: Iterable[str]) -> Iterator[dict[str, Any]]:
    """Per language the model that a person found on spaCy's page; None where the page has none."""
    published = {row["language"]: row for row in rows.hand_read("redaction_models")}
    first = next(iter(published.values()))
    for language in sorted(needed):
        yield published.get(language) or {**first, "language": language, "model": None}


def recognizers() -> Iterator[dict[str, Any]]:
    """Per country the recognizers in the wheel; a folder of a country that is not named here ends the run."""
    found: dict[str, list[str]] = {}
    with ZipFile(wheels.wheel("presidio-analyzer")) as archive:
        for name in archive.namelist():
            place = re.match(rf"{RECOGNIZERS}(\w+)/(?!__init__)\w+\.py$", name)
            if place is not None:
                classes = [
                    node.name for node in ast.parse(archive.read(name)).body if isinstance(node, ast.ClassDef)
                ]
                found.setdefault(COUNTRY_OF[place[1]], []).extend(classes)
    source = f"presidio-analyzer {wheels.version('presidio-analyzer')}, {RECOGNIZERS}"
    for country, classes in sorted(found.items()):
        yield {
            "country": country,
            "recognizers": sorted(classes),
            "verified": True,
            "source": [source],
            "as_of": PRESIDIO_AS_OF,
        }


def tables() -> dict[str, list[dict[str, Any]]]:
    """The three tables as they should read."""
    by_country = list(languages())
    needed = {language for row in by_country for language in row["languages"]}
    return {
        "redaction_languages": by_country,
        "redaction_models": list(models(needed)),
        "redaction_recognizers": list(recognizers()),
    }


def main() -> None:
    """Rewrite the tables and say what changed."""
    rows.replace(tables())


if __name__ == "__main__":
    main()
