"""A planned stack on a real control plane: its nodes, its add-ons, its objects, and a stand-in for kubelets.

Nothing runs: a scheduled pod counts as ready at once, a job's as done, a deleted one keeps its node a while.
Not here: what is asserted about it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

from inferplan.records.plan import Plan
from inferplan.resource import Resource
from tests.cluster import addons
from tests.cluster.control_plane import ApiServer, control_plane
from tests.cluster.nodes import Node, planned_nodes
from tests.cluster.objects import manifests

POLL_SECONDS = 0.2
ENDING_SECONDS = 1.5  # how long a deleted pod answers what it has begun, and keeps its GPU
PATIENCE_SECONDS = 300
SCALED = "ScaledObject"
SET, INDEX = "LeaderWorkerSet", "leaderworkerset.sigs.k8s.io/worker-index"
CONDITIONS = ("PodScheduled", "Initialized", "ContainersReady", "Ready")
AT_ONCE = {"kind": "DeleteOptions", "apiVersion": "v1", "gracePeriodSeconds": 0}

Pod = dict[str, Any]


@dataclass
class Cluster:
    """What the tests ask and do; `nodes` are the planned ones, whether they live or not."""

    server: ApiServer
    plan: Plan
    nodes: list[Node]
    sets: list[dict[str, Any]] = field(default_factory=list)
    bodies: list[dict[str, Any]] = field(default_factory=list)
    ending: dict[str, float] = field(default_factory=dict)

    # -- what there is
    def pods(self, **labels: str) -> list[Pod]:
        """Pods with these labels (`name`: app.kubernetes.io/name) that are not about to go."""
        wanted = {"app.kubernetes.io/name" if key == "name" else key: said for key, said in labels.items()}
        return [
            pod
            for pod in self.server.get("/api/v1/pods")["items"]
            if wanted.items() <= pod["metadata"].get("labels", {}).items()
            and "deletionTimestamp" not in pod["metadata"]
        ]

    def waiting(self) -> dict[str, str]:
        """Pods without a node, and what the scheduler says of them."""
        return {pod["metadata"]["name"]: _why(pod) for pod in self.pods() if not _node(pod)}

    def all_ready(self) -> bool:
        """Whether every workload has what it asks for."""
        sets = [self.server.get(f"/apis/apps/v1/{kind}")["items"] for kind in ("deployments", "statefulsets")]
        if not all(_complete(one, one["spec"]["replicas"]) for kind in sets for one in kind):
            return False
        for one in self.server.get("/apis/apps/v1/daemonsets")["items"]:
            status = one["status"]
            if status.get("observedGeneration") != one["metadata"]["generation"]:
                return False
            if status["desiredNumberScheduled"] != status["numberReady"]:
                return False
        jobs = self.server.get("/apis/batch/v1/jobs")["items"]
        return all(job["status"].get("succeeded") for job in jobs)

    def placed(self, **labels: str) -> list[tuple[Pod, Node]]:
        """Pods on a node that lives and that the plan has."""
        by_name = {node.name: node for node in self.nodes}
        return [(pod, by_name[_node(pod)]) for pod in self.pods(**labels) if _node(pod)]

    def per_zone(self, name: str) -> dict[str, int]:
        """How many pods of a server or of the gateway each zone holds."""
        found: dict[str, int] = {}
        for _, node in self.placed(name=name):
            found[node.zone] = found.get(node.zone, 0) + 1
        return found

    # -- what is done to it
    def add(self, node: Node) -> None:
        """A node joins, ready."""
        metadata = {"name": node.name, "labels": dict(node.labels)}
        body = {"apiVersion": "v1", "kind": "Node", "metadata": metadata, "spec": {}}
        answer = self.server.call("POST", "/api/v1/nodes", body)
        assert answer.ok, answer.text
        ready = {"type": "Ready", "status": "True", "reason": "stand-in", "message": "stand-in"}
        status = {
            "capacity": node.capacity,
            "allocatable": node.allocatable,
            "conditions": [ready | {"lastTransitionTime": _now(), "lastHeartbeatTime": _now()}],
        }
        self.server.call("MERGE", f"/api/v1/nodes/{node.name}/status", {"status": status})
        # Admission has tainted it as not ready, which a controller of the cloud would take away.
        self.server.call("MERGE", f"/api/v1/nodes/{node.name}", {"spec": {"taints": list(node.taints)}})

    def lose(self, nodes: Iterable[Node]) -> None:
        """Nodes are gone, and with them their pods."""
        names = {node.name for node in nodes}
        for name in names:
            self.server.call("DELETE", f"/api/v1/nodes/{name}")
        for pod in self.server.get("/api/v1/pods")["items"]:
            if _node(pod) in names:
                self.server.call("DELETE", _path(pod), AT_ONCE)

    def kill(self, pod: Pod) -> None:
        """A pod is gone at once, as when its node fails."""
        assert self.server.call("DELETE", _path(pod), AT_ONCE).ok

    def cordon(self, node: Node, *, closed: bool) -> None:
        """No new pods on a node, or pods again."""
        self.server.call("MERGE", f"/api/v1/nodes/{node.name}", {"spec": {"unschedulable": closed}})

    def evict(self, pod: Pod) -> bool:
        """Ask for an eviction, which a disruption budget may refuse."""
        metadata = {key: pod["metadata"][key] for key in ("name", "namespace")}
        body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": metadata}
        answer = self.server.call("POST", f"{_path(pod)}/eviction", body)
        assert answer.status_code in (200, 201, 404, 429), answer.text
        return answer.status_code != 429

    def update(self, name: str) -> int:
        """Change a Deployment's pods and wait for the new ones: how few were ready meanwhile."""
        deployment, ready = self.deployment(name), []
        changed = {"spec": {"template": {"metadata": {"annotations": {"changed": "yes"}}}}}
        path = f"{self.server.path_of(deployment)}/{name}"
        assert self.server.call("MERGE", path, changed).ok

        def done() -> bool:
            pods = self.pods(name=name)
            ready.append(sum(1 for pod in pods if pod["status"].get("phase") == "Running"))
            return self.rolled_out(deployment)

        self.until(done)
        return min(ready)

    def rolled_out(self, deployment: dict[str, Any]) -> bool:
        """Every replica is of the newest template and ready."""
        path = f"{self.server.path_of(deployment)}/{deployment['metadata']['name']}"
        found = self.server.get(path)
        return _complete(found, found["spec"]["replicas"])

    def deployment(self, name: str) -> dict[str, Any]:
        """A planned Deployment by its name."""
        (found,) = [
            body for body in self.bodies if body["kind"] == "Deployment" and body["metadata"]["name"] == name
        ]
        return found

    def until(self, what: Callable[[], bool], why: Callable[[], object] | None = None) -> None:
        """Wait for something that is going to be so; fails with what stands in the way."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not what():
            assert time.monotonic() < deadline, why() if why else self.waiting()
            time.sleep(POLL_SECONDS)

    def settle(self, seconds: float = 2.0) -> None:
        """Wait until nothing has changed for a while, whether all pods have a node or not."""
        last: object = None
        deadline = since = time.monotonic()
        deadline += PATIENCE_SECONDS
        while time.monotonic() - since < seconds:
            assert time.monotonic() < deadline, "it never comes to rest"
            state = sorted(
                (
                    pod["metadata"]["uid"],
                    _node(pod),
                    pod["status"].get("phase"),
                    pod["metadata"].get("deletionTimestamp"),
                )
                for pod in self.server.get("/api/v1/pods")["items"]
            )
            if state != last:
                last, since = state, time.monotonic()
            time.sleep(POLL_SECONDS)

    # -- what runs in it
    def deploy(self, recorded: tuple[Resource, ...]) -> None:
        """Add-ons, then every planned object; what cannot be made before something else comes after it."""
        assert self.plan.cluster is not None
        for body in addons.manifests(self.plan.cluster.addons):
            self._apply(body)
        for _, body in manifests(recorded):
            self.bodies.append(body)
            if body["kind"] == SET:
                self.sets.append(body)
                for made in self._groups(body):
                    self._apply(made)
            else:
                self._apply(body)
            if body["kind"] == SCALED:
                self._apply(_autoscaler(body))
        self.until(self.all_scaled)
        self.until(self.all_ready)

    def all_scaled(self) -> bool:
        """Whether every scaled Deployment has at least what its scaler keeps without any load."""
        return all(
            self.server.get(f"{self.server.path_of(target)}/{name}")["spec"]["replicas"] >= least
            for body in self.bodies
            if body["kind"] == SCALED
            for name, least in [(body["spec"]["scaleTargetRef"]["name"], body["spec"]["minReplicaCount"])]
            for target in [self.deployment(name)]
        )

    def _groups(self, body: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """What becomes of a LeaderWorkerSet: a StatefulSet of leaders, and one of workers for each."""
        name, spec = body["metadata"]["name"], body["spec"]
        groups = spec["leaderWorkerTemplate"]
        yield _stateful(body, name, groups["leaderTemplate"], spec["replicas"], {INDEX: "0"})
        for group in range(spec["replicas"]):
            workers = groups["size"] - 1
            yield _stateful(body, f"{name}-{group}", groups["workerTemplate"], workers, {INDEX: "1"})

    def _apply(self, body: dict[str, Any]) -> None:
        answer = self.server.apply(body)
        assert answer.ok, f"{body['kind']} {body['metadata']['name']}: {answer.text[:600]}"

    def tend(self) -> None:
        """One round of every kubelet: start what was scheduled, and end what was deleted, after a while."""
        for pod in self.server.get("/api/v1/pods")["items"]:
            metadata = pod["metadata"]
            if "deletionTimestamp" in metadata:
                since = self.ending.setdefault(metadata["uid"], time.monotonic())
                if not _node(pod) or time.monotonic() - since > ENDING_SECONDS:
                    self.server.call("DELETE", _path(pod), AT_ONCE)
            elif _node(pod) and pod["status"].get("phase") == "Pending":
                self.server.call("MERGE", f"{_path(pod)}/status", {"status": _started(pod)})


@contextmanager
def running(work: Path, plan: Plan, recorded: tuple[Resource, ...]) -> Iterator[Cluster]:
    """A stack on its nodes, everything placed."""
    with control_plane(work, controllers=True) as server:
        cluster = Cluster(server, plan, planned_nodes(plan, recorded))
        for node in cluster.nodes:
            cluster.add(node)
        ended = threading.Event()
        # Its own connection, as a session is not made for several threads.
        kubelets = Cluster(ApiServer(server.url), plan, [])
        thread = threading.Thread(target=_tend_until, args=(kubelets, ended), daemon=True)
        thread.start()
        try:
            cluster.deploy(recorded)
            yield cluster
        finally:
            ended.set()
            thread.join(timeout=30)


def _tend_until(kubelets: Cluster, ended: threading.Event) -> None:
    while not ended.wait(POLL_SECONDS):
        try:
            kubelets.tend()
        except requests.RequestException:
            if not ended.is_set():
                raise


def _started(pod: Pod) -> dict[str, Any]:
    """The status of a pod whose containers run, or of a job's, which are done."""
    done = any(owner["kind"] == "Job" for owner in pod["metadata"].get("ownerReferences", ()))
    state = (
        {"terminated": {"exitCode": 0, "finishedAt": _now()}} if done else {"running": {"startedAt": _now()}}
    )
    common = {"imageID": "stand-in", "ready": not done, "restartCount": 0, "state": state}
    return {
        "phase": "Succeeded" if done else "Running",
        "startTime": _now(),
        "conditions": [
            {
                "type": kind,
                "status": "False" if done and kind != "PodScheduled" else "True",
                "lastTransitionTime": _now(),
            }
            for kind in CONDITIONS
        ],
        "containerStatuses": [
            {"name": container["name"], "image": container["image"], **common}
            for container in pod["spec"]["containers"]
        ],
    }


def _complete(found: dict[str, Any], wanted: int) -> bool:
    """Every replica is of the newest template and ready."""
    status = found["status"]
    counts = [status.get(f"{kind}Replicas", 0) for kind in ("updated", "ready", "available")]
    seen = status.get("observedGeneration") == found["metadata"]["generation"]
    return seen and counts == [wanted] * 3 and status.get("replicas", 0) == wanted


def _autoscaler(scaled: dict[str, Any]) -> dict[str, Any]:
    """What KEDA makes of a scaler while nobody asks for anything: Kubernetes' own autoscaler at its least."""
    spec, name = scaled["spec"], scaled["spec"]["scaleTargetRef"]["name"]
    metric = {"metric": {"name": "s0-prometheus"}, "target": {"type": "AverageValue", "averageValue": "1"}}
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": f"keda-hpa-{name}", "namespace": scaled["metadata"]["namespace"]},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name},
            "minReplicas": max(1, spec["minReplicaCount"]),
            "maxReplicas": spec["maxReplicaCount"],
            "behavior": spec["advanced"]["horizontalPodAutoscalerConfig"]["behavior"],
            "metrics": [{"type": "External", "external": metric}],
        },
    }


def _stateful(
    of: dict[str, Any], name: str, template: dict[str, Any], replicas: int, role: dict[str, str]
) -> dict[str, Any]:
    labels = template["metadata"]["labels"] | role | {"statefulset": name}
    return {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": {"name": name, "namespace": of["metadata"]["namespace"]},
        "spec": {
            "replicas": replicas,
            "serviceName": name,
            "podManagementPolicy": "Parallel",
            "ordinals": {"start": int(role[INDEX])},
            "selector": {"matchLabels": labels},
            "template": template | {"metadata": template["metadata"] | {"labels": labels}},
        },
    }


def _node(pod: Pod) -> str:
    return str(pod["spec"].get("nodeName") or "")


def _path(pod: Pod) -> str:
    return f"/api/v1/namespaces/{pod['metadata']['namespace']}/pods/{pod['metadata']['name']}"


def _why(pod: Pod) -> str:
    said = [c.get("message", "") for c in pod["status"].get("conditions", ()) if c["type"] == "PodScheduled"]
    return said[0] if said else "not looked at yet"


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
