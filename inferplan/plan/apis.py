"""Whether a model can serve the API of its routes, and what the plan says of systems that need a word.

Not here: whether the model may be used (decision, policies) and products that are no backend (spec).
"""

from __future__ import annotations

from collections.abc import Iterable

from inferplan import catalog, sizing
from inferplan.records.no_plan import Conflict, NoPlan
from inferplan.records.notes import Notes
from inferplan.spec.model import Api

_CLASSIFIERS = ("ForSequenceClassification", "ForTokenClassification", "RewardModel", "ForRewardModeling")


def check_api(name: str, api: Api, shapes: sizing.ModelShapes, path: str) -> None:
    """Raises NoPlan for an API that the model behind backend `name` cannot serve; `path` is the route's."""
    wrong = _wrong(api, shapes)
    if wrong is not None:
        raise NoPlan(
            f"backend {name}: {shapes.id} cannot serve {api}",
            (Conflict(path=f"{path}.api", value=api, reason=wrong),),
        )


def _wrong(api: Api, shapes: sizing.ModelShapes) -> str | None:
    makes_images = shapes.id in catalog.image_models()
    if api == "images" and not makes_images:
        return f"it makes no images; models that do: {', '.join(catalog.image_models())}"
    if makes_images and api != "images":
        return "it makes images only"
    if not makes_images and shapes.serves in {"no", "vllm-omni"}:
        return "no server of this version runs it"
    transcribes = catalog.transcribers().get(shapes.architecture or "")
    if api == "transcription" and transcribes is None:
        known = (row.id for row in catalog.models().values() if row.transcribes)
        return f"it writes down no speech; models that do: {', '.join(known)}"
    if transcribes == "only" and api != "transcription":
        return "it writes down speech only"
    if api == "chat" and shapes.serves == "pooling":
        return "an encoder generates no text"
    if api == "classify" and not (shapes.architecture or "").endswith(_CLASSIFIERS):
        return "it has no classification head"
    return None


def check_vendor_api(name: str, api: Api, provider: str, model: str, path: str) -> None:
    """The same for a vendor's model that no table lists, as far as its id and price list tell."""
    embeds = "embed" in model.lower()  # every vendor's embedding models carry the word in their id
    price = catalog.token_price(provider, model)
    generates = price is not None and any(rate.output_usd for rate in price.row.rates)
    wrong: str | None = None
    if api == "chat" and embeds:
        wrong = "an embedding model generates no text"
    elif api == "embeddings" and generates and not embeds:
        wrong = "its price list counts answers: it generates text"
    if wrong is not None:
        conflict = Conflict(path=f"{path}.api", value=api, reason=wrong)
        raise NoPlan(f"backend {name}: {model} cannot serve {api}", (conflict,))


def note_speech(name: str, apis: Iterable[Api], notes: Notes) -> None:
    """Warn of what a plan for speech does not hold."""
    if "transcription" in apis:
        notes.warn(
            f"{name}: the speed is that of writing the text; listening to the sound comes on top and is not "
            "predicted: measure it"
        )
        notes.warn(
            f"{name}: vLLM's published image has no packages for sound: extend it by vllm[audio] of the same "
            "version and name yours under images in the organization"
        )


def note_systems(name: str, model: str, notes: Notes) -> None:
    """Warn where the documents' system behind a model id or product name is better replaced."""
    for system in _systems(model):
        advice = f"; better: {', '.join(system.use_instead)}" if system.use_instead else ""
        notes.warn(f"{name}: {system.system}: {system.says}{advice}")


def _systems(model: str) -> Iterable[catalog.NamedSystem]:
    """Systems that list these weights and name better ones; the product that a vendor's model names."""
    found = [row for row in catalog.named_systems().values() if model in row.models and row.use_instead]
    named = catalog.named_system(model)
    return [*found, *([named] if named is not None and named not in found else [])]
