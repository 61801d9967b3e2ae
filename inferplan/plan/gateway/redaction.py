"""Languages in which personal data is recognized before a call leaves.

Not here: the redaction stage itself (litellm, gateway).
"""

from __future__ import annotations

from inferplan import catalog
from inferplan.records.no_plan import Conflict, NoPlan
from inferplan.records.notes import Notes
from inferplan.spec.model import InferenceStack


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


def _no_redaction(path: str, value: str, reason: str) -> NoPlan:
    return NoPlan(
        "personal data could not be recognized before it leaves",
        (Conflict(path=path, value=value, reason=reason),),
    )
