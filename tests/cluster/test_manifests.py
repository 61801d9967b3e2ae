"""Area of concern: the Kubernetes objects of the examples are accepted, strictly, by a real API server."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from inferplan.plan.make import make_plan
from inferplan.resource import Resource, Unknown
from inferplan.spec.loading import load
from policies.gates import gates
from stacks.record import record_plan
from tests.cluster.conftest import ApiServer

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.filterwarnings("ignore::urllib3.exceptions.InsecureRequestWarning"),
]

ROOT = Path(__file__).parents[2]
AS_OF = date(2026, 11, 20)
WITH_CLUSTER = ("de-clinic-notes", "in-bank-assistant", "minimal")
CLUSTER_SCOPED = {
    "Namespace",
    "PersistentVolume",
    "PriorityClass",
    "StorageClass",
    "ClusterRole",
    "ClusterRoleBinding",
}


def manifests(name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every Kubernetes object of an example as its manifest, namespaces first."""
    declaration = load(ROOT / f"specs/{name}.yaml", ROOT / "organization")
    resources = [
        r
        for r in record_plan(make_plan(declaration, AS_OF, gates), declaration)
        if r.type.startswith("kubernetes:")
    ]
    assert resources, f"{name} has no Kubernetes objects"
    for resource in sorted(resources, key=lambda r: not r.type.endswith(":Namespace")):
        yield resource.name, manifest(resource)


def manifest(resource: Resource) -> dict[str, Any]:
    group_version, _, kind = resource.type.removeprefix("kubernetes:").rpartition(":")
    api = group_version.removeprefix("core/")
    body = {"apiVersion": api, "kind": kind} | dict(filled(resource.props))
    body.setdefault("metadata", {}).setdefault("name", resource.name)
    return body


def filled(value: Any) -> Any:
    """Values that only exist after deployment become a text that is valid wherever they are used."""
    if isinstance(value, Unknown):
        return "known-after-deployment"
    if isinstance(value, Mapping):
        return {key: filled(item) for key, item in value.items() if not key.startswith("__")}
    if isinstance(value, list | tuple):
        return [filled(item) for item in value]
    return value


def path_of(server: ApiServer, body: dict[str, Any]) -> str:
    api, kind = body["apiVersion"], body["kind"]
    root = f"/api/{api}" if "/" not in api else f"/apis/{api}"
    listing = server.call("GET", root)
    assert listing.ok, f"the API server does not know {api}"
    plural = next(
        r["name"] for r in listing.json()["resources"] if r["kind"] == kind and "/" not in r["name"]
    )
    namespace = (
        "" if kind in CLUSTER_SCOPED else f"/namespaces/{body['metadata'].get('namespace', 'default')}"
    )
    return f"{root}{namespace}/{plural}"


def apply(server: ApiServer, body: dict[str, Any], **query: str) -> tuple[int, str]:
    name = body["metadata"]["name"]
    answer = server.call(
        "PATCH",
        f"{path_of(server, body)}/{name}",
        body,
        fieldManager="inferplan",
        fieldValidation="Strict",
        **query,
    )
    return answer.status_code, answer.text


@pytest.mark.parametrize("name", WITH_CLUSTER)
def test_objects_are_accepted_strictly(api_server: ApiServer, name: str) -> None:
    """Server-side apply with strict field validation takes every object of the example."""
    for label, body in manifests(name):
        # Only namespaces stay: the examples share this server, in real life each has its own cluster.
        keep = {} if body["kind"] == "Namespace" else {"dryRun": "All"}
        status, answer = apply(api_server, body, force="true", **keep)

        assert status in (200, 201), f"{label}: {answer[:600]}"


@pytest.mark.parametrize("name", WITH_CLUSTER)
def test_pods_pass_the_pod_security_of_their_namespace(api_server: ApiServer, name: str) -> None:
    """A pod of every workload is admitted where its namespace enforces pod security."""
    bodies = list(manifests(name))
    for _, body in bodies:
        if body["kind"] == "Namespace":
            apply(api_server, body, force="true")
    templates = [(label, body) for label, body in bodies if "template" in body.get("spec", {})]
    assert templates, f"{name} has no workloads"
    for label, body in templates:
        template = body["spec"]["template"]
        pod = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                **template.get("metadata", {}),
                "name": "probe",
                "namespace": body["metadata"]["namespace"],
            },
            "spec": template["spec"],
        }
        pod["spec"].pop("priorityClassName", None)
        status, answer = apply(api_server, pod, dryRun="All", force="true")

        assert status in (200, 201), f"{label}: {answer[:600]}"


def test_an_unknown_field_is_refused(api_server: ApiServer) -> None:
    """The validation above bites: a misspelled container field is an error."""
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "bad", "namespace": "default"},
        "spec": {"containers": [{"name": "c", "image": "x", "resorces": {}}]},
    }

    status, answer = apply(api_server, pod, dryRun="All")

    assert status == 500 or "resorces" in answer
    assert status >= 400
