"""Vendor backends: where each is reached, which secret holds its key, which Bedrock models IAM may name.

Not here: prices (cost) and whether the vendor may be used at all (policies).
"""

from __future__ import annotations

from inferplan import catalog
from inferplan.catalog import BEDROCK
from inferplan.plan.apis import note_systems
from inferplan.plan.case import Case
from inferplan.plan.offered_models import check_offered
from inferplan.records.no_plan import Conflict, NoPlan
from inferplan.records.notes import Notes
from inferplan.records.plan import Target, Vendor
from inferplan.spec.model import Backend

# Provider id of the vendor facts -> prefix of LiteLLM's model names (its provider list, 1.109.1).
LITELLM_PREFIX = {
    BEDROCK: "bedrock",
    "openai": "openai",
    "azure-openai": "azure",
    "anthropic": "anthropic",
    "google-vertex": "vertex_ai",
    "google-gemini-api": "gemini",
    "mistral": "mistral",
    "deepseek": "deepseek",
    "huggingface-providers": "huggingface",
    "perplexity": "perplexity",
}


def secret_name(stack: str, leaf: str) -> str:
    """The fixed Secrets Manager name of one secret of a stack; policies and components build on it."""
    return f"inferplan/{stack}/{leaf}"


def model_arns(model: str, target: Target) -> tuple[str, ...]:
    """What IAM and the endpoint policy may name so that `model` can be called from the target Region.

    An in-Region id is one foundation model. An inference profile is itself plus the model in every Region
    it may route to; with unknown destinations only what is certain is named (policies refuse it).
    """
    prefix = f"arn:{target.partition}:bedrock"
    profile = catalog.bedrock_profile(model, target.region)
    if profile is None:
        return (f"{prefix}:{target.region}::foundation-model/{model}",)
    base = model.removeprefix(profile.prefix)
    destinations = sorted({target.region, *(profile.destinations or ())})
    return (
        f"{prefix}:{target.region}:{target.account}:inference-profile/{model}",
        *(f"{prefix}:{region}::foundation-model/{base}" for region in destinations),
    )


def plan_vendors(case: Case, target: Target, notes: Notes) -> tuple[Vendor, ...]:
    """Every vendor backend that takes part, in the order of the spec."""
    vendors = tuple(
        _vendor(case, target, name, backend, notes)
        for name, backend in case.spec.backends.items()
        if name in case.backends and backend.vendor is not None
    )
    _one_contract_per_provider(vendors)
    return vendors


def _one_contract_per_provider(vendors: tuple[Vendor, ...]) -> None:
    """The proxy reads one key and one host per provider; a second contract would get the first's."""
    first: dict[str, Vendor] = {}
    for vendor in vendors:
        other = first.setdefault(vendor.provider, vendor)
        if other.vendor != vendor.vendor:
            conflict = Conflict(
                path=f"backends.{vendor.backend}.vendor",
                value=vendor.vendor,
                reason=f"{other.backend} calls the same provider under another contract, {other.vendor}",
            )
            raise NoPlan(f"one gateway holds one key of {vendor.provider}", (conflict,))


def _one_api(case: Case, name: str, model: str, routes: tuple[str, ...]) -> None:
    """A model writes text, or embeds, or makes images: the first of its routes says which."""
    apis = {route.api: route.name for route in case.routes if route.name in routes}
    if len(apis) > 1:
        told = " and ".join(f"{api} for {route}" for api, route in apis.items())
        conflict = Conflict(
            path=f"backends.{name}.model",
            value=model,
            reason=f"asked for {told}, and no model serves several kinds of API; each needs a "
            "backend with a model of its own",
        )
        raise NoPlan(f"backend {name} would serve several kinds of API", (conflict,))


def _vendor(case: Case, target: Target, name: str, backend: Backend, notes: Notes) -> Vendor:
    assert backend.vendor is not None
    entry = case.declaration.organization.vendors[backend.vendor]
    routes = tuple(route.name for route in case.routes if name in (route.backend, *route.fallback))
    if backend.model is None:
        raise NoPlan(
            f"backend {name} names a vendor but no model",
            (
                Conflict(
                    path=f"backends.{name}.model",
                    value="not said",
                    reason="a vendor serves named models only",
                ),
            ),
        )
    _one_api(case, name, backend.model, routes)
    if entry.provider not in LITELLM_PREFIX:
        facts = catalog.vendors().get(entry.provider)
        raise NoPlan(
            f"vendor {backend.vendor} ({entry.provider}) offers no API that the gateway can call",
            (
                Conflict(
                    path=f"backends.{name}.vendor",
                    value=backend.vendor,
                    reason=f"{(facts.planner_message if facts else None) or 'not an inference API'}; "
                    f"the gateway calls {', '.join(sorted(LITELLM_PREFIX))}",
                ),
            ),
        )
    note_systems(name, backend.model, notes)
    check_offered(case, target, name, entry.provider, backend.model, notes)
    if entry.monthly_limit_usd is None:
        notes.warn(
            f"vendor {backend.vendor}: organization.yaml sets no monthly_limit_usd, so the gateway caps "
            "nothing"
        )
    if entry.provider == BEDROCK:
        return Vendor(
            backend=name,
            vendor=backend.vendor,
            provider=entry.provider,
            model=backend.model,
            host=f"bedrock-runtime.{target.region}.{target.dns_suffix}",
            path="privatelink",
            secret=None,
            monthly_limit_usd=entry.monthly_limit_usd,
            routes=routes,
            model_arns=model_arns(backend.model, target),
        )
    if entry.host is None:
        raise NoPlan(
            f"vendor {backend.vendor} has no host",
            (
                Conflict(
                    path=f"organization.vendors.{backend.vendor}.host",
                    value="not said",
                    reason="a vendor outside AWS is reached through an exact host name only; the facts know "
                    + ", ".join(host.host for host in catalog.vendor(entry.provider).hosts),
                ),
            ),
        )
    return Vendor(
        backend=name,
        vendor=backend.vendor,
        provider=entry.provider,
        model=backend.model,
        host=entry.host,
        path="firewall",
        secret=secret_name(case.name, entry.provider),
        monthly_limit_usd=entry.monthly_limit_usd,
        routes=routes,
    )
