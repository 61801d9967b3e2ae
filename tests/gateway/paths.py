"""Prints the proxy's own route table as JSON: method and path of everything that it serves over HTTP.

Not here: asking them. It runs in the proxy's environment, which has LiteLLM.
"""

import json
import sys
from collections.abc import Iterable, Iterator
from typing import Any

from litellm.proxy.proxy_server import app  # type: ignore[import-not-found]


def walk(routes: Iterable[Any], before: str = "") -> Iterator[tuple[str, str]]:
    """Included routers hold their own routes; what a description leaves out is served all the same."""
    for route in routes:
        router = getattr(route, "original_router", None)
        if router is not None:
            yield from walk(router.routes, before)
        for method in getattr(route, "methods", None) or ():
            yield method, before + route.path


described = {(method.upper(), path) for path, methods in app.openapi()["paths"].items() for method in methods}
found = {*described, *walk(app.routes)}
sys.stdout.write("\n" + json.dumps(sorted(row for row in found if row[0] not in ("HEAD", "OPTIONS"))))
