"""The configuration file and environment of the LiteLLM 1.109 proxy, from routes, servers and vendors.

Not here: the service around the proxy (gateway).
"""

from __future__ import annotations

from typing import Any

from inferplan.catalog import BEDROCK
from inferplan.plan.case import Case
from inferplan.plan.cluster import NAMESPACE
from inferplan.plan.gateway.callers import adapters_of
from inferplan.plan.vendor_backends import LITELLM_PREFIX
from inferplan.records.plan import Route, Server, Target, Vendor, fitting

ANALYZER_PORT = 5002
ANONYMIZER_PORT = 5001
CACHE_PORT = 6379
DATABASE_PORT = 5432
BUDGET_PERIOD = "30d"
DATABASE_NAME = "litellm"
DATABASE_USER = "litellm"
LIMITS_HOOK = "gateway_limits.limits"  # components.gateway.limits
BOTH_WAYS = "bedrock"  # the guardrail that reads answers too
REDACTION = "redact"  # name of the guardrail

# Paths the provider's client appends to are below this base on the vendor's host.
_BASE_PATH = {"openai": "/v1", "mistral": "/v1", "deepseek": "", "perplexity": ""}
_KEY_VARIABLE = {"perplexity": "PERPLEXITYAI_API_KEY"}
_API_MODE = {
    "chat": "chat",
    "embeddings": "embedding",
    "rerank": "rerank",
    "classify": "chat",
    "images": "image_generation",
    "transcription": "audio_transcription",
}


def from_environment(variable: str) -> str:
    """The proxy's notation for a value that it takes from its own environment at start."""
    return f"os.{'environ'}/{variable}"


def key_variable(provider: str) -> str:
    """The variable from which the proxy's client for a provider reads its key by itself.

    A key written into an entry of the model list follows the request elsewhere: the Bedrock guardrail sends
    it to AWS as its own bearer token.
    """
    return _KEY_VARIABLE.get(provider) or f"{LITELLM_PREFIX[provider].upper()}_API_KEY"


def guardrail_name(stack: str) -> str:
    """The fixed name of the stack's Bedrock guardrail."""
    return f"inferplan-{stack}"


def cache_name(stack: str) -> str:
    """The fixed id of the stack's Valkey replication group and of its user, both unique in the Region."""
    return fitting(f"inferplan-{stack}", 40)


def server_url(server: Server, namespace: str) -> str:
    """Where the proxy finds a model server inside the cluster."""
    return f"http://{server.name}.{namespace}.svc.cluster.local:{server.port}/v1"


def _own(server: Server, model: str) -> dict[str, Any]:
    """How a model server is called; `model` is the name it serves under."""
    return {"model": f"hosted_vllm/{model}", "api_base": server_url(server, NAMESPACE)}


def _outside(vendor: Vendor, target: Target) -> dict[str, Any]:
    """How a vendor is called: by its exact host, so that no environment variable moves the call."""
    called = {"model": f"{LITELLM_PREFIX[vendor.provider]}/{vendor.model}"}
    if vendor.provider == BEDROCK:
        return called | {
            "aws_region_name": target.region,
            "aws_bedrock_runtime_endpoint": f"https://{vendor.host}",
        }
    return called | {"api_base": f"https://{vendor.host}{_BASE_PATH.get(vendor.provider, '')}"}


def _deployment(route: Route, order: int, name: str, called: dict[str, Any]) -> dict[str, Any]:
    """One entry of a model group; a lower `order` is tried first, guardrails hold for the whole group."""
    params = {"order": order, "timeout": route.timeout_seconds, "max_retries": 0, **called}
    names = guardrails_of(route)
    if names:
        params["guardrails"] = list(names)
    return {
        "model_name": route.name,
        "litellm_params": params,
        "model_info": {"id": f"{route.name}.{name}", "mode": _API_MODE[route.api]},
    }


def guardrails_of(route: Route) -> tuple[str, ...]:
    """What every request of a route passes: redaction, then the Bedrock guardrail."""
    return (*([REDACTION] if route.redaction else []), *([route.guardrail] if route.guardrail else []))


def _model_list(
    routes: tuple[Route, ...], servers: tuple[Server, ...], vendors: tuple[Vendor, ...], target: Target
) -> list[dict[str, Any]]:
    called = {server.backend: _own(server, server.served_name) for server in servers}
    called |= {vendor.backend: _outside(vendor, target) for vendor in vendors}
    entries = [
        _deployment(route, order, backend, called[backend])
        for route in routes
        for order, backend in enumerate((route.backend, *route.fallback), start=1)
    ]
    for route in routes:
        for server, adapter in adapters_of(route, servers):
            entry = _deployment(route, 1, f"{route.backend}.{adapter.name}", _own(server, adapter.name))
            entries.append(entry | {"model_name": f"{route.name}-{adapter.name}"})
    return entries


def _vendor_budgets(vendors: tuple[Vendor, ...]) -> dict[str, dict[str, Any]]:
    """The registered monthly limits by the proxy's name of the provider; entries of one provider add up."""
    limits = {
        (vendor.vendor, LITELLM_PREFIX[vendor.provider]): vendor.monthly_limit_usd
        for vendor in vendors
        if vendor.monthly_limit_usd is not None
    }
    totals: dict[str, float] = {}
    for (_, prefix), usd in sorted(limits.items()):
        totals[prefix] = totals.get(prefix, 0.0) + usd
    return {prefix: {"budget_limit": usd, "time_period": BUDGET_PERIOD} for prefix, usd in totals.items()}


def _guardrails(routes: tuple[Route, ...], target: Target) -> list[dict[str, Any]]:
    """Redaction, and the regional Bedrock guardrail on input, and on output where the route says so.

    One redaction for all languages: a second one would mask the tokens of the first, and nothing could be
    restored. The analyzer looks in every language that it is configured for, whichever the proxy names.
    """
    entries: list[dict[str, Any]] = []
    if any(route.redaction for route in routes):
        entries.append(
            {
                "guardrail_name": REDACTION,
                "litellm_params": {
                    "guardrail": "presidio",
                    "mode": "pre_call",
                    "presidio_analyzer_api_base": f"http://127.0.0.1:{ANALYZER_PORT}",
                    "presidio_anonymizer_api_base": f"http://127.0.0.1:{ANONYMIZER_PORT}",
                    "output_parse_pii": True,
                    # A second masking on the way out would undo what was restored for the caller.
                    "presidio_filter_scope": "input",
                },
            }
        )
    host = f"https://bedrock-runtime.{target.region}.{target.dns_suffix}"
    for name in sorted({route.guardrail for route in routes if route.guardrail}):
        entries.append(
            {
                "guardrail_name": name,
                "litellm_params": {
                    "guardrail": "bedrock",
                    "mode": ["pre_call", "post_call"] if name == BOTH_WAYS else ["pre_call"],
                    "guardrailIdentifier": from_environment("BEDROCK_GUARDRAIL_ID"),
                    "guardrailVersion": from_environment("BEDROCK_GUARDRAIL_VERSION"),
                    "aws_region_name": target.region,
                    "aws_bedrock_runtime_endpoint": host,
                },
            }
        )
    return entries


def _coordination(stack: str, target: Target) -> dict[str, Any]:
    """Valkey with IAM authentication: limits and budgets hold across replicas only with it."""
    return {
        "ssl": True,
        "aws_iam_auth": True,
        "aws_iam_user_name": cache_name(stack),
        "aws_iam_cache_name": cache_name(stack),
        "aws_iam_region": target.region,
    }


def configuration(
    case: Case, target: Target, servers: tuple[Server, ...], vendors: tuple[Vendor, ...]
) -> dict[str, Any]:
    """The proxy's whole configuration file.

    A route is one model group whose entries carry `order`: the router tries them in that order and never
    leaves the group, so no fallback reaches a backend that the route does not list (fail closed).
    """
    redis = _coordination(case.name, target)
    routes = case.routes
    router: dict[str, Any] = {
        "routing_strategy": "simple-shuffle",
        "num_retries": 1,
        "timeout": max(route.timeout_seconds for route in routes),
        "allowed_fails": 3,
        "cooldown_time": 30,
        "fallbacks": [],
        "context_window_fallbacks": [],
        "content_policy_fallbacks": [],
        "enable_pre_call_checks": True,
        "redis_host": from_environment("REDIS_HOST"),
        "redis_port": CACHE_PORT,
        "cache_kwargs": redis,
    }
    budgets = _vendor_budgets(vendors)
    if budgets:
        router["provider_budget_config"] = budgets
    return {
        "model_list": _model_list(routes, servers, vendors, target),
        "router_settings": router,
        "guardrails": _guardrails(routes, target),
        "litellm_settings": {
            "drop_params": True,
            "request_timeout": max(route.timeout_seconds for route in routes),
            "turn_off_message_logging": True,
            "redact_messages_in_exceptions": True,
            "redact_user_api_key_info": True,
            "json_logs": True,
            "set_verbose": False,
            "cache": False,
            "disable_hf_tokenizer_download": True,
            "callbacks": ["prometheus", LIMITS_HOOK],
        },
        "general_settings": {
            "master_key": from_environment("LITELLM_MASTER_KEY"),
            "store_model_in_db": False,
            "store_prompts_in_spend_logs": False,
            "maximum_spend_logs_retention_period": f"{case.log_retention_days}d",
            "allow_requests_on_db_unavailable": False,
            "fail_closed_rate_limit_enforcement": True,
            "enforce_fallback_model_access": True,
            "infer_model_from_keys": False,
            "background_health_checks": False,
            "forward_client_headers_to_llm_api": False,
            "reject_clientside_metadata_tags": True,
            "user_url_validation": True,
            "proxy_batch_write_at": 10,
            "coordination_redis": {"host": from_environment("REDIS_HOST"), "port": CACHE_PORT, **redis},
        },
    }


def environment(stack: str, target: Target, config_bucket: str | None) -> dict[str, str]:
    """What the proxy is told; host names of database and cache come from the foundation layer.

    Whatever would fetch something at start (price maps, templates, engines, tokenizers) is told not to.
    """
    variables = {
        "AWS_DEFAULT_REGION": target.region,  # boto3 reads no other when the proxy opens its configuration
        "AWS_REGION": target.region,
        "DATABASE_NAME": DATABASE_NAME,
        "DATABASE_PORT": str(DATABASE_PORT),
        "DATABASE_SSLMODE": "require",
        "DATABASE_USER": DATABASE_USER,
        "DISABLE_ADMIN_UI": "true",
        "DISABLE_SCHEMA_UPDATE": "true",  # the migration container alone changes the schema
        "DO_NOT_TRACK": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_OFFLINE": "1",
        "IAM_TOKEN_DB_AUTH": "true",
        "LITELLM_LOCAL_ANTHROPIC_BETA_HEADERS": "True",
        "LITELLM_LOCAL_AUTOROUTER_PRESETS": "True",
        "LITELLM_LOCAL_BLOG_POSTS": "True",
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "LITELLM_LOCAL_POLICY_TEMPLATES": "True",
        "LITELLM_MIGRATION_DIR": "/tmp/migrations",
        "LITELLM_MODE": "PRODUCTION",
        "LITELLM_OFFLINE_MODE": "true",
        "NO_DOCS": "true",
        "NO_OPENAPI": "true",
        "NO_REDOC": "true",
        "PRISMA_OFFLINE_MODE": "true",
        "REDIS_PORT": str(CACHE_PORT),
        "TRANSFORMERS_OFFLINE": "1",
    }
    if config_bucket is not None:
        variables |= {
            "LITELLM_CONFIG_BUCKET_NAME": config_bucket,
            "LITELLM_CONFIG_BUCKET_OBJECT_KEY": f"gateway/{stack}.yaml",
            "LITELLM_CONFIG_BUCKET_TYPE": "s3",
        }
    return dict(sorted(variables.items()))
