"""Area of concern: the planned workload runs on the planned nodes, for the real scheduler and controllers.

Nodes offer what EKS leaves of their types, and nothing really runs on them (cluster). The k8s numbers are of
the trial in which such a control plane was first asked.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pytest
from msgspec import structs

from inferplan.plan.make import make_plan
from inferplan.spec.declaration import Declaration
from inferplan.spec.model import Engine, Objectives
from policies.gates import gates
from stacks.record import record_plan
from tests.aws.variants import LLAMA_405B, firewalled
from tests.cluster.cluster import Cluster, running
from tests.cluster.nodes import Node
from tests.unit.plan_edits import AS_OF, declared, spec_of, with_backend, with_route, with_spec

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.filterwarnings("ignore::urllib3.exceptions.InsecureRequestWarning"),
]


def spanning() -> Declaration:
    """The clinic with a model that no node holds, in two zones of which one may be lost."""
    capacity = {"instance_type": "p4de.24xlarge"}
    rich = with_spec(declared("de-clinic-notes"), budget=None)
    return with_backend(
        with_route(rich, objectives=Objectives()), "qwen", weights=LLAMA_405B, capacity=capacity
    )


def several() -> Declaration:
    """The clinic with servers of other kinds beside it: one that embeds, one that makes images."""
    clinic = with_spec(declared("de-clinic-notes"), budget=None)
    spec = spec_of(clinic)
    (route,), plain = spec.routes, structs.replace(spec.backends["qwen"], engine=Engine())
    kinds = {"embeddings": "Qwen/Qwen3-Embedding-0.6B", "images": "stabilityai/stable-diffusion-3.5-medium"}
    backends = {kind: structs.replace(plain, weights=f"hf://{model}") for kind, model in kinds.items()}
    routes = [
        structs.replace(route, name=kind, api=kind, backends=(kind,), objectives=Objectives())
        for kind in kinds
    ]
    return with_spec(clinic, backends=spec.backends | backends, routes=(route, *routes))


STACKS = {
    "de-clinic-notes": partial(declared, "de-clinic-notes"),
    "in-bank-assistant": partial(declared, "in-bank-assistant"),
    "minimal": partial(declared, "minimal"),
    "firewall, hybrid": partial(firewalled, "hybrid"),
    "nodes that span zones": spanning,
    "several kinds of servers": several,
}


@pytest.fixture(scope="module", params=STACKS)
def stack(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A stack, deployed; every test leaves it as it found it."""
    declaration = STACKS[request.param]()
    plan = make_plan(declaration, AS_OF, gates)
    with running(tmp_path_factory.mktemp("cluster"), plan, record_plan(plan, declaration)) as cluster:
        yield cluster


def lost(stack: Cluster) -> tuple[str, list[Node]]:
    """A zone with GPU nodes, and everything in it."""
    zone = stack.plan.pools[0].zones[0]
    return zone, [node for node in stack.nodes if node.zone == zone]


def test_every_pod_stands_where_the_plan_says(stack: Cluster) -> None:
    """Servers in their pool and zones with their share in each, gateway and services on their own nodes."""
    assert stack.waiting() == {}
    own = {"gateway"} if stack.plan.network.firewall else {"system"}
    servers = {server.name: server for server in stack.plan.servers}
    for pod, node in stack.placed():
        name = pod["metadata"].get("labels", {}).get("app.kubernetes.io/name", "")
        pool = node.labels["inferplan/pool"]
        if name in servers:
            assert pool == servers[name].pool
        elif name in {"gateway", "gateway-init"}:
            assert {pool} == own
        elif not any(owner["kind"] == "DaemonSet" for owner in pod["metadata"].get("ownerReferences", ())):
            assert pool == "system", name
    for server in stack.plan.servers:
        share = server.replicas_per_zone * server.pipeline_parallel
        found = stack.per_zone(server.name)
        if server.zones:
            assert found == dict.fromkeys(server.zones, share)
        assert sum(found.values()) == server.replicas * server.pipeline_parallel
        assert found.keys() <= set(next(p.zones for p in stack.plan.pools if p.name == server.pool))


def test_a_group_of_nodes_never_stands_in_two_zones_k8s_2(stack: Cluster) -> None:
    """Each LeaderWorkerSet belongs to one zone, so that the loss of another leaves its groups whole."""
    for body in stack.sets:
        zones = {
            node.zone
            for pod, node in stack.placed()
            if pod["metadata"]["name"].startswith(f"{body['metadata']['name']}-")
        }
        assert len(zones) == 1
    if stack.sets:
        (server,) = stack.plan.servers
        assert len(stack.sets) == max(1, len(server.zones))


def test_updates_of_servers_end_without_a_spare_gpu(stack: Cluster) -> None:
    """One replica at a time makes room for its successor; no more than one is missing.

    A node with room for more than the share of its zone may take one more than before: that rule is soft.
    """
    for server in stack.plan.servers:
        if server.pipeline_parallel > 1:
            continue
        before = stack.per_zone(server.name)

        assert stack.update(server.name) >= server.replicas - 1
        after = stack.per_zone(server.name)
        assert after.keys() == before.keys()
        assert sum(after.values()) == sum(before.values())
        room = stack.plan.pools[0].nodes // len(before) * server.pods_per_node
        assert max(after.values()) <= max(room, *before.values())
        if room == server.replicas_per_zone:
            assert after == before


def test_updates_of_the_gateway_end_k8s_4(stack: Cluster) -> None:
    """The new pod finds room beside every old one, so that no replica is missing meanwhile."""
    assert stack.update("gateway") >= stack.plan.gateway.replicas


def test_every_node_can_be_drained(stack: Cluster) -> None:
    """Disruption budgets let go of all that stands on a node, one at a time, even without a spare one."""
    for node in stack.nodes:
        stack.cordon(node, closed=True)

        def left(node: Node = node) -> list[str]:
            return [
                pod["metadata"]["name"]
                for pod, where in stack.placed()
                if where.name == node.name
                and pod["status"].get("phase") == "Running"
                and not any(o["kind"] == "DaemonSet" for o in pod["metadata"].get("ownerReferences", ()))
                and not stack.evict(pod)
            ]

        stack.until(lambda: not left(), left)
        stack.cordon(node, closed=False)
        stack.until(stack.all_ready)


def test_a_lost_zone_leaves_what_was_promised_k8s_3(stack: Cluster) -> None:
    """The rest carries on, reaches its share and can be replaced, every one; all stand when the zone is back.

    What is started anew with a zone missing is what a first rollout meets where one zone has no GPU. A node
    with room for more than the share of its zone may have taken a replica of a drained one before.
    """
    zone, gone = lost(stack)
    rest = [node for node in stack.nodes if node not in gone]
    before = {server.name: stack.per_zone(server.name) for server in stack.plan.servers}
    stack.lose(gone)
    try:
        stack.settle()
        for server in stack.plan.servers:
            if not server.zones:
                continue
            share = server.replicas_per_zone * server.pipeline_parallel
            others = before[server.name].keys() - {zone}
            survivors = stack.per_zone(server.name)
            assert survivors.keys() == others
            assert all(pods >= share for pods in survivors.values()), stack.waiting()
            if server.pipeline_parallel == 1:
                for pod, _ in stack.placed(name=server.name):
                    stack.kill(pod)
                stack.settle()
                assert stack.per_zone(server.name) == survivors, stack.waiting()
            else:
                leaders = [pod for pod, _ in stack.placed(name=server.name) if _index(pod) == "0"]
                assert len(leaders) == server.replicas - server.replicas_per_zone
        for name in ("coredns", "cluster-autoscaler", "gateway"):
            found = [pod for pod in stack.pods() if pod["metadata"]["name"].startswith(name)]
            assert any(pod["spec"].get("nodeName") for pod in found), name
        assert all(node.name in {n.name for n in rest} for _, node in stack.placed())
    finally:
        for node in gone:
            stack.add(node)
        stack.until(stack.all_ready)
    for server in stack.plan.servers:
        after = stack.per_zone(server.name)
        assert sum(after.values()) == server.replicas * server.pipeline_parallel
        assert after.keys() == before[server.name].keys()


def _index(pod: dict) -> str:
    return pod["metadata"]["labels"]["leaderworkerset.sigs.k8s.io/worker-index"]
