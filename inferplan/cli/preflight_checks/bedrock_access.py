"""Models of Bedrock: whether the account may call each from the Region by the id that the plan uses.

Not here: how fast it may call them (quotas of tokens), and vendors outside AWS, who have no such question.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any, NamedTuple

from inferplan import catalog
from inferplan.cli.preflight_checks.account_question import (
    EVERYTHING,
    Answer,
    Asking,
    Question,
    Said,
    Wanted,
    advice,
    ok,
    to_do,
)

ABSENT = ("ResourceNotFoundException", "ValidationException")
ON_DEMAND = "ON_DEMAND"


class Access(NamedTuple):
    """The model, the profile that leads to it, and what the account may do with it; None: there is none."""

    model: Answer | None
    profile: Answer | None
    availability: Answer | None


def questions(wanted: Wanted) -> Iterator[Question[Any]]:
    """Each model once, whichever backends name it."""
    for model in dict.fromkeys(
        vendor.model for vendor in wanted.plan.vendors if vendor.provider == catalog.BEDROCK
    ):
        base = catalog.bedrock_base(model)
        asks = {
            "bedrock:GetFoundationModel": (wanted.arn("bedrock", f"foundation-model/{base}", owner=""),),
            "bedrock:GetFoundationModelAvailability": EVERYTHING,
        }
        if base != model:
            asks["bedrock:GetInferenceProfile"] = (wanted.arn("bedrock", f"inference-profile/{model}"),)
        yield Question(
            check="bedrock-model",
            layer="foundation",
            subject=model,
            asks=asks,
            ask=partial(_access, model, base),
            judge=partial(offered, wanted, model, base),
        )


def _access(model: str, base: str, asking: Asking) -> Access:
    found = asking.found(ABSENT, "bedrock", "get_foundation_model", modelIdentifier=base)
    profile = None
    if base != model:
        profile = asking.found(ABSENT, "bedrock", "get_inference_profile", inferenceProfileIdentifier=model)
    availability = None
    if found is not None or profile is not None:
        availability = asking.found(ABSENT, "bedrock", "get_foundation_model_availability", modelId=base)
    return Access(found, profile, availability)


def offered(wanted: Wanted, model: str, base: str, access: Access) -> Iterable[Said]:
    """On demand in the Region, or through the profile; then whether the account has agreed to its terms."""
    listed = wanted.aws(
        "bedrock list-foundation-models --by-inference-type ON_DEMAND --query 'modelSummaries[].modelId'"
    )
    if base != model and access.profile is None:
        profiles = wanted.aws(
            "bedrock list-inference-profiles --query 'inferenceProfileSummaries[].inferenceProfileId'"
        )
        return [to_do("the Region has no such inference profile", profiles)]
    if base == model:
        if access.model is None:
            return [to_do("the Region has no such model", listed)]
        details = access.model["modelDetails"]
        ways = details.get("inferenceTypesSupported", ())
        if ON_DEMAND not in ways:
            told = f"not offered on demand in the Region, only as {', '.join(ways) or 'nothing'}"
            return [to_do(told, listed)]
    return [*_agreed(wanted, base, access.availability), *_legacy(access.model)]


def _agreed(wanted: Wanted, base: str, answer: Answer | None) -> Iterable[Said]:
    if answer is None:
        return [
            to_do("the account cannot have it in the Region", wanted.aws("bedrock list-foundation-models"))
        ]
    show = wanted.aws(f"bedrock get-foundation-model-availability --model-id {base}")
    if answer["regionAvailability"] != "AVAILABLE":
        return [to_do("not available in the Region for the account", show)]
    if answer["authorizationStatus"] != "AUTHORIZED":
        return [to_do("the account is not authorized for it: its organization or AWS has to allow it", show)]
    agreement = answer["agreementAvailability"]["status"]
    if agreement == "PENDING":
        return [to_do("the agreement with its provider is being made: wait", show)]
    if agreement != "AVAILABLE" or answer["entitlementAvailability"] != "AVAILABLE":
        offers = (
            f"aws bedrock list-foundation-model-agreement-offers --region {wanted.region} --model-id {base}"
        )
        token = f"$({offers} --query 'offers[0].offerToken' --output text)"
        fix = wanted.aws(
            f'bedrock create-foundation-model-agreement --model-id {base} --offer-token "{token}"'
        )
        return [to_do("the account has not agreed to the terms of its provider", fix)]
    return [ok("the account may call it")]


def _legacy(model: Answer | None) -> Iterable[Said]:
    lifecycle = (model or {}).get("modelDetails", {}).get("modelLifecycle", {})
    if lifecycle.get("status") == "LEGACY":
        return [advice("is legacy: its provider will end it")]
    return []
