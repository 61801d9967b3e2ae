"""Area of concern: the Kubernetes objects of the examples are accepted, strictly, by a real API server."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.cluster.control_plane import ApiServer
from tests.cluster.objects import manifests
from tests.unit.plan_edits import recorded

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.filterwarnings("ignore::urllib3.exceptions.InsecureRequestWarning"),
]

WITH_CLUSTER = ("de-clinic-notes", "in-bank-assistant", "minimal")
# What spans nodes is left to test_scheduling, which knows the kind of its sets.
SHAPES = (*WITH_CLUSTER, "adapter", "embedding", "given-cluster", "images")


def pods(name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """A pod of every workload of an example, where its namespace is."""
    for label, body in manifests(recorded(name)):
        if "template" in body.get("spec", {}):
            template, namespace = body["spec"]["template"], body["metadata"]["namespace"]
            metadata = template.get("metadata", {}) | {"name": "probe", "namespace": namespace}
            yield label, {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]}


@pytest.mark.parametrize("name", SHAPES)
def test_objects_are_accepted_strictly(api_server: ApiServer, name: str) -> None:
    """Server-side apply with strict field validation takes every object of the example."""
    for label, body in manifests(recorded(name)):
        # Only namespaces and kinds stay: the examples share this server; in life each has its own cluster.
        keep = {} if body["kind"] in ("Namespace", "CustomResourceDefinition") else {"dryRun": "All"}
        answer = api_server.apply(body, **keep)

        assert answer.status_code in (200, 201), f"{label}: {answer.text[:600]}"


@pytest.mark.parametrize("name", SHAPES)
def test_pods_pass_the_pod_security_of_their_namespace(api_server: ApiServer, name: str) -> None:
    """A pod of every workload is admitted where its namespace enforces pod security."""
    for _, body in manifests(recorded(name)):
        if body["kind"] == "Namespace":
            api_server.apply(body)
    found = list(pods(name))
    assert found, f"{name} has no workloads"
    for label, pod in found:
        answer = api_server.apply(pod, dryRun="All")

        assert answer.status_code in (200, 201), f"{label}: {answer.text[:600]}"
        assert "Warning" not in answer.headers, f"{label}: {answer.headers['Warning']}"


@pytest.mark.parametrize("name", WITH_CLUSTER)
def test_what_is_not_restricted_is_refused(api_server: ApiServer, name: str) -> None:
    """The level of both namespaces is enforced: each pod with one right more is turned away."""
    for _, body in manifests(recorded(name)):
        if body["kind"] == "Namespace":
            assert api_server.apply(body).ok
    inside = [pod for _, pod in pods(name) if pod["metadata"]["namespace"] != "kube-system"]
    namespaces = {"inference", "inference-gateway", "inference-watch", "keda"}
    assert {pod["metadata"]["namespace"] for pod in inside} == namespaces
    for pod in inside:
        for wrong in ({"runAsNonRoot": False}, {"allowPrivilegeEscalation": True}, {"privileged": True}):
            first, *others = pod["spec"]["containers"]
            context = first["securityContext"] | wrong
            spec = pod["spec"] | {"containers": [first | {"securityContext": context}, *others]}
            answer = api_server.apply(pod | {"spec": spec}, dryRun="All")

            assert not answer.ok, wrong
        answer = api_server.apply(pod | {"spec": pod["spec"] | {"hostNetwork": True}}, dryRun="All")
        assert answer.status_code == 403
        assert "PodSecurity" in answer.text


def test_an_unknown_field_is_refused(api_server: ApiServer) -> None:
    """The validation above bites: a misspelled container field is an error."""
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "bad", "namespace": "default"},
        "spec": {"containers": [{"name": "c", "image": "x", "resorces": {}}]},
    }

    answer = api_server.apply(pod, dryRun="All")

    assert answer.status_code == 500 or "resorces" in answer.text
    assert answer.status_code >= 400
