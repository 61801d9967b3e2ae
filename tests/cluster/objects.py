"""The Kubernetes objects of a declaration as `inferplan render` writes them, with texts for unknown values.

Not here: the manifests themselves (inferplan.report.manifests) and what the API server makes of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from inferplan.report.manifests import manifests as rendered
from inferplan.resource import Resource

UNKNOWN = "known-after-deployment"  # valid wherever such a value is used


def manifests(recorded: tuple[Resource, ...]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every Kubernetes object with what it is called, in the order in which it can be made."""
    found = rendered(recorded)
    assert found, "no Kubernetes objects"
    for one in found:
        values = {"data": one.body["data"] | dict.fromkeys(one.missing, UNKNOWN)} if one.missing else {}
        yield str(one), one.body | values
