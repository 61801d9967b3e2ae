"""The hook inside the proxy that holds requests to their routes: output tokens, and what redaction reads.

Not here: the numbers (the plan) and who may call which route (keys).

The proxy has no setting for either: `max_tokens` of a route is a default that a caller overrides, and its
redaction reads the texts of messages and passes names, tools and everything else on as they came. The hook is
a callback of the proxy's configuration; the container's start puts its code where the proxy finds it.
"""

from __future__ import annotations

import json

from inferplan.records.plan import GatewayService as PlannedGateway

LIMITS = "GATEWAY_LIMITS"  # JSON: model name -> its limits
FOLDER = "GATEWAY_CODE"  # where the start puts the hook

PROGRAM = """\
import json, os, re
from fastapi import HTTPException
from litellm.integrations.custom_logger import CustomLogger

LIMITS = json.loads(os.environ["GATEWAY_LIMITS"])
CHAT, RESPONSES = ("max_tokens", "max_completion_tokens"), ("max_output_tokens",)
# Other names for them, which some vendors take; `extra_body` would be written over the request.
HIDDEN = re.compile(r"(max|min).*tok|max_?gen|n_predict|best_of|extra_body|(ence|ation)_?config", re.I)
NUMBERS = {
    "frequency_penalty", "logprobs", "n", "parallel_tool_calls", "presence_penalty", "seed", "stream",
    "temperature", "top_k", "top_logprobs", "top_p", *CHAT,
    "_litellm_strip_stream_usage", "_litellm_stream_usage_injected",
}
# What the proxy adds for itself and keeps for itself.
OWN = {"litellm_call_id", "litellm_logging_obj", "metadata", "proxy_server_request", "secret_fields"}
ROLES = {"assistant", "developer", "system", "user"}

def refuse(why):
    raise HTTPException(status_code=400, detail={"error": why})

def whole(value):
    return isinstance(value, int) and not isinstance(value, bool) and value > 0

def cap(data, most, names):
    if any(HIDDEN.search(name) for name in data if name not in names):
        refuse("output is limited by one name alone: " + " or ".join(names))
    choices = 1 if data.get("n") is None else data["n"]
    if not whole(choices) or choices > most:
        refuse("n is a number of answers that share the route's output tokens")
    for name in [name for name in names if data.get(name) is not None] or names[:1]:
        value = most if data.get(name) is None else data[name]
        if not whole(value):
            refuse(name + " is a positive number")
        data[name] = min(value, most // choices)

def readable(name, value):
    if name == "model" or name in OWN or value is None:
        return True
    if name in NUMBERS:
        return isinstance(value, (int, float))
    if name == "stream_options":
        return set(value) <= {"include_usage"} and isinstance(value.get("include_usage", True), bool)
    if name == "response_format":
        return value in ({"type": "text"}, {"type": "json_object"})
    return name == "messages" and isinstance(value, list) and all(map(text_only, value))

def text_only(message):
    if set(message) != {"role", "content"} or message["role"] not in ROLES:
        return False
    parts = message["content"]
    if isinstance(parts, str):
        return True
    return all(
        set(part) == {"type", "text"} and part["type"] == "text" and isinstance(part["text"], str)
        for part in parts
    )

def hold(data, call_type):
    limit = LIMITS.get(data.get("model"))
    if limit is None:
        refuse("no such route")
    if limit["redacted"]:
        try:
            fine = all(readable(name, value) for name, value in data.items())
        except Exception:
            fine = False
        if not fine:
            refuse(
                "this route masks personal data, which it finds in the texts of messages alone: model, "
                "messages of role and text, numbers, stream and response_format json_object are taken"
            )
    if limit["output_tokens"] is not None:
        cap(data, limit["output_tokens"], RESPONSES if "responses" in call_type else CHAT)

class Limits(CustomLogger):
    async def async_pre_call_hook(self, user_api_key_dict, cache, data, call_type):
        hold(data, call_type)
        return data

limits = Limits()
"""


def limits_text(gateway: PlannedGateway) -> str:
    """What the hook is told, by the name that callers use."""
    return json.dumps(gateway.limits, sort_keys=True)
