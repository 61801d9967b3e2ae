"""The LLM proxy's configuration as rules read it, wherever a resource carries it.

Not here: which backend a route may use and which hosts are allowed (the packs).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from inferplan.resource import Resource
from inferplan.spec.model import Route
from policies.context import Context, Undecidable
from policies.embedded import embedded
from policies.read import listed, mapping
from policies.views.hosts import value_of

# Providers of the proxy that find their place without `api_base`: a Region, or an address of the own cluster.
PLACED = frozenset({"bedrock", "bedrock_converse", "sagemaker", "sagemaker_chat"})
OWN = frozenset({"hosted_vllm", "vllm"})
ADDRESSES = ("api_base", "base_url", "aws_bedrock_runtime_endpoint")
# A setting may stand for everybody, for one team, one key or one model.
CALLBACKS = frozenset(
    {"callbacks", "input_callback", "success_callback", "failure_callback", "service_callback",
     "audit_log_callbacks"}
)  # fmt: skip
ALERTS = frozenset({"alerting", "alert_to_webhook_url"})
# Of the configuration's sections those that are read here (litellm 1.109.1, proxy/proxy_server.py).
SECTIONS = frozenset(
    {"model_list", "litellm_settings", "router_settings", "general_settings", "environment_variables",
     "guardrails", "callback_settings", "credential_list"}
)  # fmt: skip
# The last two: litellm 1.109.1, proxy/auth/auth_utils.py and proxy/route_llm_request.py.
SIDE_DOORS = frozenset(
    {"pass_through_endpoints", "store_model_in_db", "configurable_clientside_auth_params",
     "allow_client_side_credentials", "pass_through_all_models"}
)  # fmt: skip
KEEPERS = {
    "store_prompts_in_spend_logs": "in its database",
    "cache_responses": "in a cache",
    "cold_storage_custom_logger": "in a store of its logger",
    "store_prompts_in_cold_storage": "in a store of its logger",
    "set_verbose": "in its log",
    "detailed_debug": "in its log",
}
HOST_KEYS = ("host", "_url", "api_base", "endpoint", "base_url")
_URL = re.compile(r"[a-z+]+://")
_WRITTEN = re.compile(r"(?:^|^\s*\{.*)\s*[\"']?model_list[\"']?:", re.MULTILINE)
LOCAL_CALLBACKS = frozenset({"prometheus", "gateway_limits.limits"})  # metrics; limits of each route
# Sections of helpers: the setting that names the kind, and the kinds that stay inside or have a Region.
HELPERS = {
    "guardrails": ("guardrail", frozenset({"presidio", "bedrock", "hide-secrets", "custom_guardrail"})),
    "vector_store_registry": ("custom_llm_provider", frozenset({"bedrock", "pg_vector"})),
    "search_tools": ("search_provider", frozenset({"searxng"})),
    "prompts": ("prompt_integration", frozenset({"dotprompt"})),
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One deployment of a model group: the name that callers use, and what answers."""

    path: str
    model_name: str
    model: str
    host: str | None  # where the call goes; None: the provider's own default

    @property
    def provider(self) -> str:
        return self.model.partition("/")[0]

    @property
    def own(self) -> bool:
        """Whether own weights answer: a vLLM server at an address inside the cluster."""
        inside = self.host is not None and self.host.endswith(
            (".svc", ".cluster.local", ".internal", "localhost")
        )
        return inside and self.provider in OWN | {"openai"}

    @property
    def default_host(self) -> bool:
        """Whether the proxy would call the vendor's default host, which is the global one."""
        return self.host is None and self.provider not in PLACED


def configurations(resource: Resource, context: Context) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every proxy configuration inside a resource, with its place; raises where one cannot be read."""
    yield from _plain(resource.props)
    for text in context.texts(resource):
        if _WRITTEN.search(text.value):
            parsed = embedded(text.value)
            if not isinstance(parsed, Mapping) or not isinstance(parsed.get("model_list"), list):
                raise Undecidable(f"{text.path} holds a proxy's configuration that cannot be read")
            yield text.path, parsed


def _plain(value: Any, path: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Configurations in JSON text, which `texts` has taken apart."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _plain(item, str(key))
    elif isinstance(value, list):
        for item in value:
            yield from _plain(item, path)
    elif isinstance(value, str) and value.lstrip()[:1] in {"{", "["} and "model_list" in value:
        parsed = embedded(value)
        if isinstance(parsed, Mapping) and isinstance(parsed.get("model_list"), list):
            yield path, parsed
        elif parsed is not None:
            yield from _plain(parsed, path)


def entries(config: Mapping[str, Any]) -> Iterator[Entry]:
    """Every deployment of the model list."""
    for index, item in enumerate(config["model_list"]):
        said = mapping(item, f"model_list[{index}]")
        params = mapping(said.get("litellm_params"), f"model_list[{index}].litellm_params")
        address = next((params[key] for key in ADDRESSES if params.get(key)), None)
        yield Entry(
            path=f"model_list[{index}]",
            model_name=str(said.get("model_name", "")),
            model=str(params.get("model", "")),
            host=value_of(address) if address else None,
        )


def fallbacks(config: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Every edge from one model group to another: where it stands, from, to."""
    for section in ("router_settings", "litellm_settings"):
        settings = config.get(section) or {}
        for kind in ("fallbacks", "context_window_fallbacks", "content_policy_fallbacks"):
            for block in settings.get(kind) or []:
                for source, targets in block.items():
                    yield from ((f"{section}.{kind}", str(source), str(target)) for target in targets)
        for target in settings.get("default_fallbacks") or []:
            yield f"{section}.default_fallbacks", "*", str(target)
        for kind in ("model_group_alias", "model_alias_map"):
            for source, alias in (settings.get(kind) or {}).items():
                target = alias.get("model") if isinstance(alias, Mapping) else alias
                yield f"{section}.{kind}", str(source), str(target)


def side_doors(config: Mapping[str, Any]) -> Iterator[str]:
    """Settings by which calls get past the model list."""
    for path, key, value in _settings(config):
        if key in SIDE_DOORS and _on(value):
            yield path


def unread_sections(config: Mapping[str, Any]) -> Iterator[str]:
    """Sections that say something and that nothing here reads: tools, agents, stores, files at vendors."""
    yield from (str(key) for key, value in config.items() if value and key not in SECTIONS)


def outside_callbacks(config: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Services that the proxy hands prompts, answers or their traces to."""
    for path, key, value in _settings(config):
        if key in CALLBACKS:
            for name in listed(value):
                if name not in LOCAL_CALLBACKS:
                    yield path, str(name)


def alerts(config: Mapping[str, Any]) -> Iterator[str]:
    """Chats and hooks that get alerts; an alert about a slow or failed call carries its prompt."""
    for path, key, value in _settings(config):
        if key in ALERTS and value:
            yield path


def kept_answers(config: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Settings by which the proxy keeps prompts and answers: where, and how."""
    for path, key, value in _settings(config):
        name = key.lower()  # `environment_variables` says the same in capitals
        if name in KEEPERS and _on(value):
            yield path, KEEPERS[name]
        elif name == "cache" and isinstance(value, bool) and value:
            yield path, "in a cache"
        elif name == "litellm_log" and str(value).upper() == "DEBUG":
            yield path, "in its log"


def addresses(config: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Every host that a setting names; where models themselves are called, `entries` says."""
    for path, key, value in _settings(config):
        if key in ADDRESSES and path.startswith("model_list["):
            continue
        named = isinstance(value, str) and (_URL.match(value) or key.lower().endswith(HOST_KEYS))
        if named and value and not value.startswith("os.environ/"):
            yield path, value_of(_URL.sub("", value).rpartition("@")[2])


def _on(value: object) -> bool:
    return bool(value) and str(value).lower() not in {"false", "0", "no", "off"}


def _settings(value: Any, path: str = "") -> Iterator[tuple[str, str, Any]]:
    """Every setting at any depth: its path, its key, its value."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            place = f"{path}.{key}" if path else str(key)
            yield place, str(key), item
            yield from _settings(item, place)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _settings(item, f"{path}[{index}]")


def helpers_without_address(config: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Guardrails, stores, searches and prompts that would call a vendor's default host."""
    for section, (key, local) in HELPERS.items():
        for index, item in enumerate(config.get(section) or []):
            said = mapping(item, f"{section}[{index}]")
            params = mapping(said.get("litellm_params"), f"{section}[{index}].litellm_params")
            kind = str(params.get(key, ""))
            if kind not in local and not any(params.get(name) for name in ADDRESSES):
                yield f"{section}[{index}]", kind


def route_of(group: str, routes: Iterable[Route]) -> Route | None:
    """The route of a model group; adapters of a route are groups called `route-adapter`."""
    matching = [route for route in routes if group == route.name or group.startswith(f"{route.name}-")]
    return max(matching, key=lambda route: len(route.name), default=None)


def answering(config: Mapping[str, Any], route: Route, routes: Iterable[Route]) -> Iterator[Entry]:
    """Every entry that may answer a call of this route: its own groups, and whatever these fall back to."""
    known = tuple(routes)
    groups = {entry.model_name for entry in entries(config) if route_of(entry.model_name, known) is route}
    groups.add(route.name)
    edges = [(source, target) for _, source, target in fallbacks(config)]
    while further := {target for source, target in edges if source in {*groups, "*"}} - groups:
        groups |= further
    yield from (entry for entry in entries(config) if entry.model_name in groups)
