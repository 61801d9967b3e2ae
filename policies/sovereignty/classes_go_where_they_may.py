"""Which class of data may go to which kind of backend, as declared and as the proxy is configured.

Not here: where a backend is (vendors_process_inside, profiles_stay_inside) and the network between.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from itertools import pairwise

from inferplan.resource import Resource
from inferplan.spec.model import DATA_CLASSES, DataClass, Route
from inferplan.spec.organization import AccountEntry
from policies import types
from policies.context import Context, Serving
from policies.read import arns, listed
from policies.rule import Outcome, Rule, fail, undecided
from policies.views.gateway import (
    Entry,
    configurations,
    entries,
    fallbacks,
    route_of,
    side_doors,
    unread_sections,
)
from policies.views.iam import allowing, documents
from policies.views.pods import pods
from policies.world.things import (
    CONTAINER,
    MIRRORED,
    allow,
    arn,
    container,
    deployment,
    document,
    group,
    log_group_arn,
    proxy,
    proxy_data,
    resource,
)

# What hands a question, and the documents with it, to a service that no route declares.
HANDED_ON = (
    "bedrock:invokeagent",
    "bedrock:invokeinlineagent",
    "bedrock:invokeflow",
    "bedrock:retrieve",
    "bedrock:retrieveandgenerate",
    "bedrock-agentcore:invokeagentruntime",
    "comprehend:detectentities",
    "comprehendmedical:detectentitiesv2",
    "kendra:query",
    "lex:recognizetext",
    "qbusiness:chatsync",
    "sagemaker:invokeendpoint",
    "sagemaker:invokeendpointasync",
    "textract:analyzedocument",
    "translate:translatetext",
)
SERVICES = re.compile(
    r"bedrock:(?:agent|agent-alias|knowledge-base|flow)/|bedrock-agentcore:|kendra:|lex:|qbusiness:"
    r"|sagemaker:endpoint/"
)
MODEL_FLAGS = frozenset({"--model", "-m"})

classes_go_where_they_may = Rule(
    id="SOV-010",
    title="Restricted and proprietary data goes to own weights only",
    why="What may not leave the house must not reach a vendor, neither at first choice nor as a fallback.",
    fix="Take the vendor out of the route, split the route by class, or have the caller's registered class "
    "corrected.",
    source=("004:97",),
    level="mandatory",
    reads_content=True,
)


@classes_go_where_they_may.check("serving")
def _backend(serving: Serving, context: Context) -> Iterator[Outcome]:
    data_class, backend = serving.data_class, serving.backend
    allowed = context.organization.classes.get(data_class)
    if allowed is None or backend.kind not in allowed.backends:
        yield fail(
            f"{data_class} data may not go to a {backend.kind} backend ({backend.name}){serving.whose}"
        )
    elif backend.vendor is not None and _stricter(data_class, backend.vendor.max_class):
        ceiling = f"{backend.backend.vendor} may get ({backend.vendor.max_class})"
        yield fail(f"{data_class} data is above what {ceiling}{serving.whose}")


@classes_go_where_they_may.check("account")
def _account(account: AccountEntry, context: Context) -> Iterator[Outcome]:
    if context.inference is not None and _stricter(context.data_class, account.max_class):
        yield fail(
            f"carries {context.data_class} data in an account for at most {account.max_class}", path="account"
        )


@classes_go_where_they_may.check(*types.CONFIGURATION_CARRIERS)
def _configured(item: Resource, context: Context) -> Iterator[Outcome]:
    routes = context.inference.routes if context.inference else ()
    for path, config in configurations(item, context):
        found = list(entries(config))
        for entry in found:
            yield from _entry(entry, routes, context, path)
        for place in side_doors(config):
            yield fail(f"{place} lets calls past the routes of the spec", path=path)
        for section in unread_sections(config):
            yield undecided(f"{section} may hand what callers send to others; no rule reads it", path=path)
        leaving = {entry.model_name for entry in found if not entry.own}
        for place, source, target in fallbacks(config):
            route = route_of(source, routes)
            if target in leaving and (route is None or not _managed_allowed(route, context)):
                yield fail(f"{source} falls back to {target}, which a vendor serves ({place})", path=path)


@classes_go_where_they_may.check(*types.WORKLOADS)
def _told(item: Resource, _context: Context) -> Iterator[Outcome]:
    """A proxy that gets its model as an argument has no configuration that could be read."""
    for pod in pods(item):
        for one in pod.containers:
            words = one.words if not one.serves_model else []
            for before, word in pairwise(["", *words]):
                flag, _, value = word.partition("=")
                told = word if before in MODEL_FLAGS else value if flag in MODEL_FLAGS else ""
                if "/" in told.removeprefix("/") and not told.startswith("/"):
                    yield fail(
                        f"{one.name} is told to call a model that no route of the spec declares",
                        path=f"{one.path}.args",
                    )


@classes_go_where_they_may.check(*types.IAM_POLICIES, types.ROLE)
def _may_ask(item: Resource, context: Context) -> Iterator[Outcome]:
    """Agents, knowledge bases and the like hand on what they are asked; everything at once is EGR-011's."""
    if context.inference is not None and not _class_managed(context.data_class, context):
        for path, policy in documents(item):
            for statement in allowing(policy, HANDED_ON):
                named = [str(action) for action in listed(statement.get("Action"))]
                if services := [action for action in named if not action.startswith("*")]:
                    yield fail(
                        f"{context.data_class} data may be handed to a service by {services[0]}", path=path
                    )


@classes_go_where_they_may.check(*types.WORKLOADS)
def _names_a_service(item: Resource, context: Context) -> Iterator[Outcome]:
    if context.inference is not None and not _class_managed(context.data_class, context):
        for text in context.texts(item):
            if any(SERVICES.match(f"{found.service}:{found.resource}") for found in arns(text.value)):
                yield fail(
                    f"{context.data_class} data may be handed to the service named here", path=text.path
                )


def _entry(entry: Entry, routes: tuple[Route, ...], context: Context, path: str) -> Iterator[Outcome]:
    route = route_of(entry.model_name, routes)
    if route is None:
        yield fail(f"{entry.path}: the model group {entry.model_name} is no route of the spec", path=path)
    elif not entry.own and not _managed_allowed(route, context):
        yield fail(
            f"{entry.path}: {context.route_class(route)} data of route {route.name} would go to a vendor",
            path=path,
        )


def _managed_allowed(route: Route, context: Context) -> bool:
    return _class_managed(context.route_class(route), context)


def _class_managed(data_class: DataClass, context: Context) -> bool:
    allowed = context.organization.classes.get(data_class)
    return allowed is not None and "managed-api" in allowed.backends


def _stricter(one: DataClass, other: DataClass) -> bool:
    return DATA_CLASSES.index(one) > DATA_CLASSES.index(other)


_SERVER = "http://qwen.inference.svc.cluster.local:8000/v1"
_NOTES = group("notes", "hosted_vllm/qwen", _SERVER)
_DESK = group("desk", "bedrock/mistral.mistral-large-2402-v1:0")
_ASSESSED = ("PRIV-001",)
_AT_A_VENDOR = group("notes", "bedrock/mistral.x-1", _SERVER)
_GROUP = log_group_arn()
_RESTRICTED = "spec:routes[0].backends"

classes_go_where_they_may.passes(
    "mode auto where own weights can serve",
    world="both",
    given={"spec:mode": "auto", _RESTRICTED: ["mistral", "qwen"]},
)
classes_go_where_they_may.fails("no backend of the route may", {_RESTRICTED: ["mistral"]}, also=_ASSESSED)

classes_go_where_they_may.passes(
    "restricted data on own weights, internal data on Bedrock",
    proxy(_NOTES, _DESK),
    deployment("worker", container("worker", image=MIRRORED, args=["--config", "/etc/c.yaml"])),
    resource(types.IAM_POLICY, "reads", {"policy": document(allow("logs:PutLogEvents", _GROUP))}),
    world="both",
    given={"spec:routes[1].backends": ["mistral", "qwen"]},
)
_AGENT = arn("bedrock", "agent-alias/a/b")
classes_go_where_they_may.fails(
    "a role may ask an agent", {"reads:policy": document(allow("bedrock:InvokeAgent", _AGENT))}
)
classes_go_where_they_may.fails(
    "a role may do all that Kendra does", {"reads:policy": document(allow("kendra:*", "*"))}
)
classes_go_where_they_may.fails(
    "a workload names an agent", {f"worker:{CONTAINER}.env": [{"name": "AGENT", "value": _AGENT}]}
)
classes_go_where_they_may.fails(
    "a restricted route lists a vendor", {_RESTRICTED: ["mistral"]}, also=_ASSESSED
)
classes_go_where_they_may.fails(
    "a restricted route falls back to a vendor",
    {_RESTRICTED: ["qwen", "mistral"]},
    also=_ASSESSED,
)
classes_go_where_they_may.fails(
    "a caller that sends restricted data", {"spec:routes[1].callers": ["ward"]}, also=_ASSESSED
)
classes_go_where_they_may.fails(
    "nobody registered: the account's ceiling counts", {"spec:routes[1].callers": []}, also=_ASSESSED
)
classes_go_where_they_may.fails(
    "the application is registered higher",
    {"organization:applications.office.class": "confidential"},
    also=_ASSESSED,
)
classes_go_where_they_may.fails(
    "the class goes to own weights only", {"organization:classes.internal.backends": ["self-hosted"]}
)
classes_go_where_they_may.fails(
    "the class goes to vendors only", {"organization:classes.internal.backends": ["managed-api"]}
)
classes_go_where_they_may.fails(
    "the vendor's ceiling is lower", {"organization:vendors.bedrock.max_class": "public"}
)
classes_go_where_they_may.fails(
    "the account's ceiling is lower", {"organization:accounts.111111111111.max_class": "confidential"}
)


classes_go_where_they_may.fails(
    "a proxy gets a vendor's model as an argument",
    {f"worker:{CONTAINER}.args": ["--model", "openai/gpt-4o"]},
)


_CONFIGURED = "\n".join(proxy_data(_AT_A_VENDOR).values())
for _note, _text in (
    ("a variable", _CONFIGURED),
    ("a variable in base64", base64.b64encode(_CONFIGURED.encode()).decode()),
    ("a variable in JSON", json.dumps({"model_list": [_AT_A_VENDOR]})),
):
    classes_go_where_they_may.fails(
        f"the configuration stands in {_note}",
        {f"worker:{CONTAINER}.env": [{"name": "PROXY_CONFIG", "value": _text}]},
    )
classes_go_where_they_may.is_undecided(
    "a script writes the configuration",
    {f"worker:{CONTAINER}.args": ["sh", "-c", f"cat > c.yaml <<E\n{_CONFIGURED}\nE\nlitellm: 'x"]},
    also=("EGR-007", "PRIV-007", "SOV-005"),
)
classes_go_where_they_may.fails(
    "a machine runs a proxy with a vendor's model",
    add=(resource(types.INSTANCE, "m", {"userData": "#!/bin/sh\nlitellm --model openai/gpt-4o\n"}),),
)


def _proxied(note: str, *groups: dict[str, object], **settings: object) -> None:
    classes_go_where_they_may.fails(note, {"proxy:data": proxy_data(*groups, **settings)})


_OWN_VENDOR = {"allow_client_side_credentials": True}
_ALL_MODELS = {"router_general_settings": {"pass_through_all_models": True}}
_ANYWHERE = group("notes", "hosted_vllm/qwen", _SERVER, configurable_clientside_auth_params=["api_base"])

_proxied("the proxy sends a restricted route to a vendor", _AT_A_VENDOR, _DESK)
for _note, _setting in (
    ("the proxy falls back to a vendor", {"fallbacks": [{"notes": ["desk"]}]}),
    ("another name leads to a vendor", {"model_group_alias": {"notes": "desk"}}),
    ("a hidden one does", {"model_group_alias": {"notes": {"model": "desk", "hidden": True}}}),
):
    _proxied(_note, _NOTES, _DESK, router_settings=_setting)
_proxied(
    "calls pass through to any address",
    _NOTES,
    _DESK,
    general_settings={"pass_through_endpoints": [{"path": "/x", "target": "https://x"}]},
)
_proxied("callers bring their own vendor", _NOTES, _DESK, general_settings=_OWN_VENDOR)
_proxied("every model of every vendor is open", _NOTES, _DESK, router_settings=_ALL_MODELS)
for _section, _also in (
    ("search_tools", ("EGR-007",)),
    ("files_settings", ()),
    ("vector_store_registry", ("EGR-007",)),
):
    classes_go_where_they_may.is_undecided(
        f"the proxy has {_section}",
        {"proxy:data": proxy_data(_NOTES, _DESK, **{_section: [{}]})},
        also=_also,
    )
_proxied("models may be added at run time", _NOTES, _DESK, general_settings={"store_model_in_db": True})
_proxied("callers choose the address", _ANYWHERE, _DESK)
_proxied("the proxy offers what no route declares", _NOTES, _DESK, group("spare", "bedrock/mistral.x-1"))
