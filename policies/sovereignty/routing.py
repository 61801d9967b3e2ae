"""Which class of data may go to which kind of backend, as declared and as the proxy is configured.

Not here: where a backend is (vendors, profiles) and the network between (egress).
"""

from __future__ import annotations

from collections.abc import Iterator

from inferplan.resource import Resource
from inferplan.spec.model import DATA_CLASSES, DataClass, Route
from inferplan.spec.organization import AccountEntry
from policies.context import Context, NamedBackend
from policies.example import change, resource
from policies.gateway import CARRIERS, Entry, configurations, entries, fallbacks, side_doors
from policies.rule import Example, Outcome, fail, on_declaration, on_resource, rule


def _stricter(one: DataClass, other: DataClass) -> bool:
    return DATA_CLASSES.index(one) > DATA_CLASSES.index(other)


def ceiling_problem(backend: NamedBackend, data_class: DataClass, context: Context) -> str | None:
    """Why a class of data may not go to a backend."""
    allowed = context.organization.classes.get(data_class)
    if allowed is None or backend.kind not in allowed.backends:
        return f"{data_class} data may not go to a {backend.kind} backend ({backend.name})"
    if backend.vendor is not None and _stricter(data_class, backend.vendor.max_class):
        return (
            f"{data_class} data is above what {backend.backend.vendor} may get ({backend.vendor.max_class})"
        )
    return None


def _account(account: AccountEntry, context: Context) -> Iterator[Outcome]:
    if context.inference is not None and _stricter(context.data_class, account.max_class):
        yield fail(
            f"carries {context.data_class} data in an account for at most {account.max_class}", path="account"
        )


def _managed_allowed(route: Route, context: Context) -> bool:
    allowed = context.organization.classes.get(context.route_class(route))
    return allowed is not None and "managed-api" in allowed.backends


def _groups(context: Context) -> dict[str, Route]:
    spec = context.inference
    return {route.name: route for route in spec.routes} if spec else {}


def _route_of(name: str, routes: dict[str, Route]) -> Route | None:
    """The route of a model group; adapters of a route are groups called `route-adapter`."""
    matches = [route for key, route in routes.items() if name == key or name.startswith(f"{key}-")]
    return max(matches, key=lambda route: len(route.name), default=None)


def _configured(item: Resource, context: Context) -> Iterator[Outcome]:
    for path, config in configurations(item, context):
        routes = _groups(context)
        found = list(entries(config))
        for entry in found:
            yield from _entry(entry, routes, context, path)
        for place in side_doors(config):
            yield fail(f"{place} lets calls past the routes of the spec", path=path)
        leaving = {entry.model_name for entry in found if not entry.own}
        for place, source, target in fallbacks(config):
            route = _route_of(source, routes)
            if target in leaving and (route is None or not _managed_allowed(route, context)):
                yield fail(f"{source} falls back to {target}, which a vendor serves ({place})", path=path)


def _entry(entry: Entry, routes: dict[str, Route], context: Context, path: str) -> Iterator[Outcome]:
    route = _route_of(entry.model_name, routes)
    if route is None:
        yield fail(f"{entry.path}: the model group {entry.model_name} is no route of the spec", path=path)
    elif not entry.own and not _managed_allowed(route, context):
        yield fail(
            f"{entry.path}: {context.route_class(route)} data of route {route.name} would go to a vendor",
            path=path,
        )


_OWN = "{model_name: notes, litellm_params: {model: hosted_vllm/qwen, api_base: 'http://qwen.inference.svc.cluster.local:8000/v1'}}"
_DESK = "{model_name: desk, litellm_params: {model: bedrock/mistral.mistral-large-2402-v1:0}}"


def _config(*items: str, more: str = "") -> dict[str, str]:
    return {"config.yaml": "\n".join(["model_list:", *(f"- {item}" for item in items), more])}


@rule(
    id="SOV-010",
    title="Restricted and proprietary data goes to own weights only",
    why="What may not leave the house must not reach a vendor, neither at first choice nor as a fallback.",
    fix="Take the vendor out of the route, split the route by class, or have the caller's registered "
    "class corrected.",
    source=("004:97",),
    level="mandatory",
    on=("route",),
    more=(on_declaration(_account, "account"), on_resource(_configured, *CARRIERS)),
    passing=(
        Example(
            note="restricted data on own weights, internal data on Bedrock",
            base="both",
            spec={"routes[1].backends": ["mistral", "qwen"]},
            resources=(resource("kubernetes:core/v1:ConfigMap", "proxy", {"data": _config(_OWN, _DESK)}),),
        ),
        Example(
            note="mode auto where own weights can serve",
            base="both",
            spec={"mode": "auto", "routes[0].backends": ["mistral", "qwen"]},
        ),
    ),
    failing=(
        change(
            "a restricted route lists a vendor", spec={"routes[0].backends": ["mistral"]}, also=("PRIV-001",)
        ),
        change(
            "a restricted route falls back to a vendor",
            spec={"routes[0].backends": ["qwen", "mistral"]},
            also=("PRIV-001",),
        ),
        change(
            "a caller that sends restricted data", spec={"routes[1].callers": ["ward"]}, also=("PRIV-001",)
        ),
        change(
            "nobody registered: the account's ceiling counts",
            spec={"routes[1].callers": []},
            also=("PRIV-001",),
        ),
        change(
            "the application is registered higher",
            organization={"applications.office.class": "confidential"},
            also=("PRIV-001",),
        ),
        change(
            "the class goes to own weights only", organization={"classes.internal.backends": ["self-hosted"]}
        ),
        change("the vendor's ceiling is lower", organization={"vendors.bedrock.max_class": "public"}),
        change(
            "the account's ceiling is lower", organization={"accounts.111111111111.max_class": "confidential"}
        ),
        change(
            "in mode auto no backend of the route may serve", of=1, spec={"routes[0].backends": ["mistral"]}
        ),
        change(
            "the proxy sends a restricted route to a vendor",
            {"proxy:data": _config(_OWN.replace("hosted_vllm/qwen", "bedrock/mistral.x-1"), _DESK)},
        ),
        change(
            "the proxy falls back to a vendor",
            {"proxy:data": _config(_OWN, _DESK, more="router_settings: {fallbacks: [{notes: [desk]}]}")},
        ),
        change(
            "another name leads to a vendor",
            {"proxy:data": _config(_OWN, _DESK, more="router_settings: {model_group_alias: {notes: desk}}")},
        ),
        change(
            "another name, hidden, leads to a vendor",
            {
                "proxy:data": _config(
                    _OWN,
                    _DESK,
                    more="router_settings: {model_group_alias: {notes: {model: desk, hidden: true}}}",
                )
            },
        ),
        change(
            "calls pass through to any address",
            {
                "proxy:data": _config(
                    _OWN,
                    _DESK,
                    more="general_settings: {pass_through_endpoints: [{path: /x, target: 'https://x'}]}",
                )
            },
        ),
        change(
            "models may be added at run time",
            {"proxy:data": _config(_OWN, _DESK, more="general_settings: {store_model_in_db: true}")},
        ),
        change(
            "callers choose the address",
            {
                "proxy:data": _config(
                    _OWN.replace("}}", ", configurable_clientside_auth_params: [api_base]}}"), _DESK
                )
            },
        ),
        change(
            "the proxy offers what no route declares",
            {"proxy:data": _config(_OWN, _DESK, _DESK.replace("desk", "spare"))},
        ),
    ),
)
def sov_010(route: Route, context: Context) -> Iterator[Outcome]:
    assert context.inference is not None
    data_class = context.route_class(route)
    serving = context.serving(route)
    problems = [(index, ceiling_problem(item, data_class, context)) for index, item in serving]
    found = [(index, problem) for index, problem in problems if problem]
    if context.inference.mode == "auto" and len(found) < len(serving):
        return  # the planner must choose among the rest; the proxy's configuration shows whether it did
    for index, problem in found:
        yield fail(problem, path=f"backends[{index}]")
