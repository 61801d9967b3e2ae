"""What the own stack writes down of prompts and answers: no more than `data.retention.prompts` says.

Not here: what a vendor keeps (vendors_keep_and_learn_nothing) and where logs land (logs_stay_inside).
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from inferplan.resource import Resource
from policies import types
from policies.context import Context, Serving
from policies.levels import personal_data
from policies.read import get
from policies.rule import DROP, Outcome, Rule, fail
from policies.views.gateway import configurations, kept_answers
from policies.views.pods import Container, pods
from policies.world.things import CONTAINER, deployment, proxy, proxy_data, resource, vllm

# What makes vLLM or the proxy write requests and answers into the log, by flag and by variable.
LOGGING_FLAGS = ("enable-log-requests", "enable-log-outputs", "enable-log-deltas", "detailed_debug", "debug")
LOGGING_VARIABLES = (
    "VLLM_DEBUG_LOG_API_SERVER_RESPONSE",
    "VLLM_REQUEST_BODY_LOG_LEVEL",
    "DETAILED_DEBUG",
    "STORE_PROMPTS_IN_SPEND_LOGS",
)
# Kinds of content that Bedrock's invocation log takes; each is on unless it is said to be off.
DELIVERIES = ("text", "image", "embedding", "video")
OFF = frozenset({"0", "false", "off", "no", ""})

prompts_are_kept_as_declared = Rule(
    id="PRIV-007",
    title="The stack keeps prompts and answers only where the spec declares it",
    why="A log or table with prompts in it is a store of the data itself, whatever it was meant for.",
    fix="Take the setting out, or declare data.retention.prompts with a number of days.",
    source=("004:69",),
    level=personal_data,
)


def _nothing_kept(context: Context) -> bool:
    return context.inference is None or context.inference.data.retention.prompts == "none"


@prompts_are_kept_as_declared.check("self-hosted")
def _declared(serving: Serving, context: Context) -> Iterator[Outcome]:
    engine = serving.backend.backend.engine
    for flag, value in (engine.args if engine is not None else {}).items():
        if flag in LOGGING_FLAGS and str(value).lower() not in OFF and _nothing_kept(context):
            yield fail(f"{serving.backend.name} logs what it is asked: engine.args.{flag}")


@prompts_are_kept_as_declared.check(*types.WORKLOADS)
def _told(item: Resource, context: Context) -> Iterator[Outcome]:
    for pod in pods(item) if _nothing_kept(context) else ():
        for one in pod.containers:
            for setting in _settings(one):
                yield fail(f"{one.name} logs what it is asked: {setting}", path=one.path)


def _settings(one: Container) -> Iterator[str]:
    """Flags and variables of one container that write requests or answers into its log."""
    if one.serves_model or one.is_proxy:
        for word in one.words:
            flag, _, value = word.partition("=")
            on = not value or value.lower() not in OFF
            if on and flag.startswith("--") and flag.removeprefix("--") in LOGGING_FLAGS:
                yield flag
        env = one.env
        for name in LOGGING_VARIABLES:
            if name in env and (env[name] or "unknown").lower() not in OFF:
                yield name
        if (env.get("LITELLM_LOG") or "").upper() == "DEBUG":
            yield "LITELLM_LOG"


@prompts_are_kept_as_declared.check(*types.CONFIGURATION_CARRIERS)
def _configured(item: Resource, context: Context) -> Iterator[Outcome]:
    for path, config in configurations(item, context) if _nothing_kept(context) else ():
        for place, where in kept_answers(config):
            yield fail(f"{place}: the proxy keeps prompts and answers {where}", path=path)


@prompts_are_kept_as_declared.check(types.INVOCATION_LOG)
def _logged(item: Resource, context: Context) -> Iterator[Outcome]:
    """The log of the whole account; an account's baseline declares no prompts of its own."""
    if context.inference is None or not _nothing_kept(context):
        return
    for kind in DELIVERIES:
        path = f"loggingConfig.{kind}DataDeliveryEnabled"
        if get(item.props, path, True) is not False:
            yield fail(f"Bedrock's invocation log keeps the {kind} of prompts and answers", path=path)


_TASK = {"name": "proxy", "image": "x/litellm", "command": ["--config", "c.yaml"]}

_SWITCHED_OFF = {f"{kind}DataDeliveryEnabled": False for kind in DELIVERIES}

prompts_are_kept_as_declared.passes(
    "nothing is written down",
    proxy(general_settings={"store_prompts_in_spend_logs": False}, litellm_settings={"cache": False}),
    deployment("server", vllm()),
    resource(types.TASK_DEFINITION, "task", {"containerDefinitions": json.dumps([_TASK])}),
    resource(types.INVOCATION_LOG, "calls", {"loggingConfig": _SWITCHED_OFF}),
)
for _kind in DELIVERIES:
    prompts_are_kept_as_declared.fails(
        f"the invocation log takes {_kind}", {f"calls:loggingConfig.{_kind}DataDeliveryEnabled": DROP}
    )
prompts_are_kept_as_declared.fails(
    "the spec turns request logging on",
    {"spec:backends.qwen.engine": {"args": {"enable-log-requests": True}}},
)
prompts_are_kept_as_declared.fails(
    "a server logs its answers", {f"server:{CONTAINER}.args[0]": "--enable-log-outputs"}, also=("EGR-012",)
)
prompts_are_kept_as_declared.fails(
    "a task logs at debug level",
    {"task:containerDefinitions": json.dumps([_TASK | {"command": ["--detailed_debug"]}])},
)
prompts_are_kept_as_declared.fails(
    "the proxy keeps prompts in its table",
    {"proxy:data": proxy_data(general_settings={"store_prompts_in_spend_logs": True})},
)
for _setting in ({"set_verbose": True}, {"cold_storage_custom_logger": "s3"}):
    prompts_are_kept_as_declared.fails(
        f"the proxy writes prompts down: {_setting}", {"proxy:data": proxy_data(litellm_settings=_setting)}
    )
prompts_are_kept_as_declared.fails(
    "the proxy keeps answers in a cache",
    {"proxy:data": proxy_data(litellm_settings={"cache": True, "cache_params": {"type": "redis-semantic"}})},
)
for _note, _sections in (
    ("the router keeps answers", {"router_settings": {"cache_responses": True}}),
    ("prompts go into cold storage", {"litellm_settings": {"cold_storage_custom_logger": "s3_v2"}}),
    ("the proxy prints what it is asked", {"litellm_settings": {"set_verbose": True}}),
    ("the configuration sets the level of the log", {"environment_variables": {"LITELLM_LOG": "DEBUG"}}),
):
    prompts_are_kept_as_declared.fails(_note, {"proxy:data": proxy_data(**_sections)})

prompts_are_kept_as_declared.passes(
    "thirty days are declared",
    proxy(general_settings={"store_prompts_in_spend_logs": True}),
    given={"spec:data.retention": {"prompts": "30d"}},
)
prompts_are_kept_as_declared.fails("the declaration says none", {"spec:data.retention.prompts": "none"})
