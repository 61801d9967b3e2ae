"""The LLM proxy's configuration as rules read it, wherever a resource carries it.

Not here: which backend a route may use and which hosts are allowed (the packs).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from inferplan.resource import Resource
from inferplan.spec.model import Route
from policies.context import Context, Undecidable
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
MAX_DEPTH, MAX_VALUES = 64, 100_000  # of a configuration; beyond them it is no configuration
HOST_KEYS = ("host", "_url", "api_base", "endpoint", "base_url")
_URL = re.compile(r"[a-z+]+://")
LOCAL_CALLBACKS = frozenset({"prometheus"})
LOCAL_GUARDRAILS = frozenset({"presidio", "bedrock", "hide-secrets", "custom_guardrail"})


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
    """Every proxy configuration inside a resource, with its place."""
    yield from _plain(resource.props)
    for text in context.texts(resource):
        if "model_list" in text.value:
            parsed = _parsed(text.value)
            if isinstance(parsed, Mapping) and isinstance(parsed.get("model_list"), list):
                yield text.path, parsed


def _plain(props: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Configurations in JSON text, which `texts` has taken apart."""
    for key, value in props.items():
        if isinstance(value, Mapping):
            yield from _plain(value)
        elif isinstance(value, str) and value.lstrip().startswith("{") and "model_list" in value:
            parsed = _parsed(value)
            if isinstance(parsed, Mapping) and isinstance(parsed.get("model_list"), list):
                yield key, parsed


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        pass
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        _refuse_depth(yaml.parse(text, Loader=loader))
        parsed = yaml.load(text, Loader=loader)
    except (yaml.YAMLError, ValueError):  # such as a date that is none
        return None
    _refuse_size(parsed)
    return parsed


def _refuse_depth(events: Iterable[yaml.Event]) -> None:
    """PyYAML builds values by recursion in C, where too deep a document ends the process."""
    depth = 0
    for event in events:
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            raise Undecidable(f"a configuration is nested deeper than {MAX_DEPTH} levels")


def _refuse_size(parsed: Any) -> None:
    """Aliases are cheap to load and endless to walk."""
    waiting, left = [parsed], MAX_VALUES
    while waiting:
        value = waiting.pop()
        left -= 1
        if left < 0:
            raise Undecidable(f"a configuration has more than {MAX_VALUES} values, aliases expanded")
        if isinstance(value, dict | list):
            waiting += value.values() if isinstance(value, dict) else value


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
    general = config.get("general_settings") or {}
    if general.get("pass_through_endpoints"):
        yield "general_settings.pass_through_endpoints"
    if general.get("store_model_in_db"):
        yield "general_settings.store_model_in_db"
    for index, item in enumerate(config["model_list"]):
        params = mapping(mapping(item, f"model_list[{index}]").get("litellm_params"), "litellm_params")
        if params.get("configurable_clientside_auth_params"):
            yield f"model_list[{index}].litellm_params.configurable_clientside_auth_params"


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
        if key == "store_prompts_in_spend_logs" and value not in (False, None):
            yield path, "in its database"
        elif key == "cache" and isinstance(value, bool) and value:
            yield path, "in a cache"


def addresses(config: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Every host that a setting outside the model list names."""
    for path, key, value in _settings({key: found for key, found in config.items() if key != "model_list"}):
        named = isinstance(value, str) and (_URL.match(value) or key.lower().endswith(HOST_KEYS))
        if named and value and not value.startswith("os.environ/"):
            yield path, value_of(_URL.sub("", value).rpartition("@")[2])


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


def guardrails_without_address(config: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Guardrails that would call a vendor's default host."""
    for index, item in enumerate(config.get("guardrails") or []):
        params = mapping(mapping(item, f"guardrails[{index}]").get("litellm_params"), "litellm_params")
        kind = str(params.get("guardrail", ""))
        if kind not in LOCAL_GUARDRAILS and not any(params.get(key) for key in ADDRESSES):
            yield f"guardrails[{index}]", kind


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
