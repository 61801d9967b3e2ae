"""Hosts that workloads are told to call, in variables, arguments, Services and settings of whole addresses.

Not here: whether a host is allowed (the packs), telemetry (telemetry) and the LLM proxy's settings (gateway).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from inferplan.resource import Resource
from policies import types
from policies.context import Context
from policies.read import Text, get
from policies.views.hosts import inside, value_of
from policies.views.pods import Container, pods

_SCHEME = (
    r"(?:jdbc:)?(?:https?|grpcs?|wss?|tcp|tls|postgres(?:ql)?|mysql|mariadb|rediss?|valkeys?|mongodb(?:\+srv)?"
    r"|amqps?|kafka|nats|s?ftp|smtps?|ssh|redshift|sqlserver)://"
)
_URL = re.compile(rf"{_SCHEME}[^\s\"'`<>|;,)]+", re.IGNORECASE)
_WHOLE = re.compile(rf"(?:--?[\w.-]+=)?({_SCHEME}\S+)", re.IGNORECASE)
# The inside of files, which order nothing, and what logs_stay_inside reads.
_ELSEWHERE = re.compile(r"(?:binaryD|d|stringD)ata\..*[.\[]|.*logConfiguration")
# What a shell or a program is told word by word, and properties that hold a bare host.
_TOLD = re.compile(r".*(?:\.|^)(?:command|args|entryPoint|userData(?:Base64)?)(?:\[\d+\])?")
_HOSTS = re.compile(r"(?:.*\.)?(?:externalName|nfs\.server|redirect\.host|records\[\d+\])")
# A key of a vendor, and the variables that would say where its client calls.
_KEY = re.compile(
    r"(AI21|ANTHROPIC|AZURE_OPENAI|CEREBRAS|CO|COHERE|DASHSCOPE|DEEPSEEK|FIREWORKS(?:_AI)?|GEMINI"
    r"|GOOGLE(?:_GENERATIVE_AI)?|GROQ|JINA|MISTRAL|MOONSHOT|OPENAI|OPENROUTER|PERPLEXITY(?:AI)?|REPLICATE"
    r"|TOGETHER(?:_?AI)?|VOYAGE|XAI|ZHIPUAI)_API_(?:KEY|TOKEN)"
)
_BASE = re.compile(r".*(?:BASE|BASE_URL|ENDPOINT|HOST|API_URL)")


def calls(resource: Resource, context: Context) -> Iterator[tuple[str, str]]:
    """Where a resource names a host outside that somebody is to call, and the host."""
    if resource.type == types.RECORD and not _leads_on(resource):
        return
    for text in context.texts(resource):
        for address in _addresses(text):
            host = value_of(address)
            if host and not host.startswith(("$", "#", "{", "%")) and not inside(host, context):
                yield text.path, host


def _leads_on(record: Resource) -> bool:
    """Whether a name stands for another one; names that begin with `_` prove something to somebody."""
    name, kind = get(record.props, "name", ""), get(record.props, "type")
    return kind == "CNAME" and not str(name).startswith("_")


def _addresses(text: Text) -> Iterator[str]:
    whole = _WHOLE.fullmatch(text.value)
    if whole and not _ELSEWHERE.match(text.path):
        yield whole[1]
    elif _TOLD.fullmatch(text.path):
        yield from _URL.findall(text.value)
    elif _HOSTS.fullmatch(text.path):
        yield text.value


def keys_without_address(resource: Resource) -> Iterator[tuple[str, str]]:
    """Keys of vendors in containers that are told no address: a client then calls the vendor's own host."""
    if resource.type not in types.MACHINES:
        for pod in pods(resource):
            for one in pod.containers:
                yield from ((f"{one.path}.env", name) for name in _keys(one))


def _keys(one: Container) -> Iterator[str]:
    env = one.env
    if one.is_proxy or get(one.value, "envFrom") or any(map(_BASE.fullmatch, env)):
        return
    yield from (name for name in env if _KEY.fullmatch(name))
