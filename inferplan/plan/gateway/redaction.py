"""What recognizes personal data before a call leaves: languages, models, and the analyzer's configuration.

Not here: the stage inside the proxy (litellm) and the program that the helpers run (components).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from inferplan import catalog
from inferplan.records.no_plan import Conflict, NoPlan
from inferplan.records.notes import Notes
from inferplan.spec.declaration import Declaration
from inferplan.spec.model import InferenceStack

ANALYZER = "presidio-analyzer"
PUBLISHED_MODELS = ("en_core_web_lg",)  # of the publisher's image
IMAGE_HELP = "docs/how-to/build-a-redaction-image.md"

# What people of every country write; spaCy's models add names and places.
_RECOGNIZERS = (
    "CreditCardRecognizer",
    "CryptoRecognizer",
    "DateRecognizer",
    "EmailRecognizer",
    "IbanRecognizer",
    "IpRecognizer",
    "MacAddressRecognizer",
    "SpacyRecognizer",
    "UrlRecognizer",
)
# The labels of spaCy's models, English and the rest, by what Presidio calls them.
_ENTITIES = {
    "PER": "PERSON",
    "PERSON": "PERSON",
    "persName": "PERSON",
    "NORP": "NRP",
    "FAC": "LOCATION",
    "GPE": "LOCATION",
    "LOC": "LOCATION",
    "geogName": "LOCATION",
    "placeName": "LOCATION",
    "DATE": "DATE_TIME",
    "TIME": "DATE_TIME",
}
# Nobody's data, and so often wrong that answers would suffer.
_IGNORED = (
    "CARDINAL",
    "EVENT",
    "LANGUAGE",
    "LAW",
    "MISC",
    "MONEY",
    "ORDINAL",
    "ORG",
    "PERCENT",
    "PRODUCT",
    "QUANTITY",
    "WORK_OF_ART",
)


def redaction_languages(
    spec: InferenceStack, said: tuple[str, ...], path: str, notes: Notes
) -> tuple[str, ...]:
    """Languages in which personal data is recognized: the route's, else those of the subjects' countries."""
    subjects = spec.data.subjects or ()
    if said:
        languages = said
    else:
        try:
            found = catalog.redaction_languages(subjects)
        except catalog.UnknownName as error:
            raise _no_redaction(
                path, error.name, "no language is known for people of this country"
            ) from error
        languages = notes.default(
            path, found, f"languages of the subjects' countries {', '.join(subjects) or '(none said)'}"
        )
    models = catalog.redaction_models()
    known = ", ".join(sorted(language for language, model in models.items() if model is not None))
    for language in languages:
        if models.get(language) is None:
            raise _no_redaction(
                path, language, f"no recognition model is known for this language, only for {known}"
            )
    if not languages:
        raise _no_redaction(
            path, "none", "neither data.subjects nor the route says which languages to redact"
        )
    return languages


def refuse_redaction_of(api: str, path: str) -> NoPlan:
    """The proxy masks the messages of a chat; inputs of other APIs would pass as they are."""
    return _no_redaction(path, api, "the proxy masks messages of a chat, and inputs of no other API")


def models_held(declaration: Declaration) -> tuple[str, ...] | None:
    """The recognition models in the pinned image; None where nothing is pinned."""
    pinned = declaration.lock.images.get(ANALYZER) if declaration.lock else None
    return (pinned.models or PUBLISHED_MODELS) if pinned else None


def refuse_missing_models(
    declaration: Declaration, languages: tuple[str, ...], path: str, notes: Notes
) -> None:
    """Without a language's model the analyzer answers every request with an error, or asks the internet."""
    needed = {language: catalog.redaction_models()[language] for language in languages}
    held = models_held(declaration)
    if held is None:
        notes.warn(
            f"{path}: the image of {ANALYZER} has to hold {_listed(needed.values())}; the publisher's holds "
            f"{_listed(PUBLISHED_MODELS)} alone ({IMAGE_HELP})"
        )
        return
    for language, model in needed.items():
        if model not in held:
            raise _no_redaction(
                path,
                language,
                f"the pinned image of {ANALYZER} does not hold {model}, only {_listed(held)}; build one that "
                f"does ({IMAGE_HELP}) and list it in the lock under images.{ANALYZER}.models",
            )


def analyzer_configuration(languages: tuple[str, ...], subjects: Iterable[str]) -> dict[str, Any]:
    """The analyzer's whole configuration file: models, what their labels mean, and recognizers."""
    countries = sorted(set(subjects))
    own = catalog.redaction_recognizers()
    names = sorted({*_RECOGNIZERS, *(name for country in countries for name in own.get(country, ()))})
    recognizers: list[dict[str, Any]] = [{"name": name, "type": "predefined"} for name in names]
    # Numbers that begin with + are recognized of every country, national ones of these.
    phone = {"name": "PhoneRecognizer", "type": "predefined", "supported_regions": countries}
    return {
        "supported_languages": list(languages),
        "default_score_threshold": 0,
        "nlp_configuration": {
            "nlp_engine_name": "spacy",
            "models": [
                {"lang_code": language, "model_name": catalog.redaction_models()[language]}
                for language in languages
            ],
            "ner_model_configuration": {
                "model_to_presidio_entity_mapping": _ENTITIES,
                "labels_to_ignore": list(_IGNORED),
            },
        },
        "recognizer_registry": {"recognizers": [*recognizers, phone]},
    }


def _listed(names: Iterable[str | None]) -> str:
    return ", ".join(sorted(name for name in names if name))


def _no_redaction(path: str, value: str, reason: str) -> NoPlan:
    return NoPlan(
        "personal data could not be recognized before it leaves",
        (Conflict(path=path, value=value, reason=reason),),
    )
