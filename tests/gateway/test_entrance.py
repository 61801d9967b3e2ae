"""What the recorded balancer lets through, over the proxy's own route table: the APIs of the routes.

Not here: what the proxy answers to a caller who gets in (test_gateway).
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Mapping
from typing import Any

from tests.gateway.proxy import Gateway

# In words of the list: the admin pages and all that makes users, keys, teams, models and settings.
CLOSED = re.compile(
    r"/(ui|login|v2/login|sso|key|user|team|organization|customer|model|config|budget|spend|global|guardrails|"
    r"credentials|get|update|reload|openapi\.json|docs|redoc|routes|metrics|health|vertex|bedrock)\b"
)


def _passes(conditions: list[Mapping[str, Any]], method: str, path: str) -> bool:
    """Whether a request meets every condition of a rule, as the balancer matches: case counts."""
    wanted = {key: condition[key]["values"] for condition in conditions for key in condition}
    paths = wanted.pop("pathPattern", ["*"])
    methods = wanted.pop("httpRequestMethod", [method])
    assert not wanted
    return method in methods and any(fnmatch.fnmatchcase(path, pattern) for pattern in paths)


def test_balancer_passes_the_routes_apis_only_row_13(
    gateway: Gateway, paths_of_the_proxy: list[tuple[str, str]]
) -> None:
    """Of everything that the proxy serves, only the planned paths are forwarded; the rest is 404."""
    (listener,) = gateway.recorded.of("aws:lb/listener:Listener")
    rules = gateway.recorded.of("aws:lb/listenerRule:ListenerRule")
    passed = {
        path
        for method, path in paths_of_the_proxy
        if any(_passes(rule.props["conditions"], method, path) for rule in rules)
    }
    served = {path for _, path in paths_of_the_proxy}

    (default,) = listener.props["defaultActions"]
    assert default["type"] == "fixed-response"
    assert default["fixedResponse"]["statusCode"] == "404"
    assert passed == set(gateway.plan.paths) == {path for one in gateway.plan.callers for path in one.paths}
    assert len([path for path in served if CLOSED.match(path)]) > 100
    assert not [path for path in passed if CLOSED.match(path)]


def test_every_rule_fits_the_balancer_row_13(gateway: Gateway) -> None:
    """A rule takes five values in all, and priorities are unique."""
    rules = gateway.recorded.of("aws:lb/listenerRule:ListenerRule")
    for rule in rules:
        values = [value for one in rule.props["conditions"] for key in one for value in one[key]["values"]]
        assert len(values) <= 5
    priorities = [rule.props["priority"] for rule in rules]
    assert len(set(priorities)) == len(priorities)
