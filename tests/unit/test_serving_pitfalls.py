"""Area of concern: known traps of serving on Kubernetes, row by row of their table, in what stacks declare.

Not here: nodes, capacity, and the controller of groups of nodes (test_cluster_findings).
"""

from __future__ import annotations

from typing import Any

import pytest

from components.gateway.pod import GATEWAY_LABELS
from components.model_server_pod import CACHE
from components.watch.names import READER
from components.watch.service_pod import labels as watch_labels
from inferplan.plan.make import make_plan
from inferplan.plan.own_weights.instance_choice import BASE_MEMORY_GIB, MEMORY_GIB_PER_GPU
from inferplan.records.no_plan import NoPlan
from inferplan.records.plan import Plan, Server
from inferplan.spec.faults import SpecErrors
from inferplan.spec.loading import load
from policies.gates import gates
from stacks.record import record_plan
from tests.unit.plan_edits import AS_OF, EXAMPLES, ROOT, declared, with_backend, with_route, with_spec
from tests.unit.recorded import HYBRID, SELF_HOSTED, STACKS, Recorded, changed, planned, recorded, server

WITH_SERVERS = tuple(name for name in dict.fromkeys((*STACKS, *EXAMPLES)) if planned(name).servers)
DEPLOYMENT, SET = "kubernetes:apps/v1:Deployment", "kubernetes:leaderworkerset.x-k8s.io/v1:LeaderWorkerSet"
SERVICE, POLICY = "kubernetes:core/v1:Service", "kubernetes:networking.k8s.io/v1:NetworkPolicy"
POOLING, DIFFUSION = "pooling", "diffusion"
KINDS = (*WITH_SERVERS, POOLING, DIFFUSION)
_SAID = {
    POOLING: ("embeddings", "hf://BAAI/bge-m3"),
    DIFFUSION: ("images", "hf://stabilityai/stable-diffusion-xl-base-1.0"),
}
_MADE: dict[str, tuple[Plan, Recorded]] = {}


def made(kind: str) -> tuple[Plan, Recorded]:
    """The plan and both layers of an example, or of the minimal spec with another kind of server."""
    if kind in WITH_SERVERS:
        return planned(kind), recorded(kind)
    if kind not in _MADE:
        api, weights = _SAID[kind]
        said = with_spec(declared("minimal"), budget=None, target={"region": "us-east-1"})
        said = with_route(said, api=api, objectives={"ttft_ms": None, "tpot_ms": None})
        said = with_backend(said, "small", weights=weights)
        plan = make_plan(said, AS_OF, gates)
        _MADE[kind] = plan, Recorded(record_plan(plan, said))
    return _MADE[kind]


def pods(found: Recorded, one: Server) -> dict[str, Any]:
    """The pod of a server's Deployment."""
    (made_,) = [r for r in found.of(DEPLOYMENT) if r.props["metadata"]["name"] == one.name]
    spec: dict[str, Any] = made_.props["spec"]["template"]["spec"]
    return spec


def servers(kind: str) -> list[tuple[Server, dict[str, Any], dict[str, Any]]]:
    """Each server of a stack with its pod and its container."""
    plan, found = made(kind)
    return [(one, (pod := pods(found, one)), pod["containers"][0]) for one in plan.servers]


def environment(container: dict[str, Any]) -> dict[str, str]:
    return {row["name"]: row["value"] for row in container["env"]}


@pytest.mark.parametrize("kind", KINDS)
def test_shared_memory_is_large_and_counted_pitfall_1_14(kind: str) -> None:
    """64 MiB break tensor parallelism; what is memory counts as the pod's."""
    for one, pod, container in servers(kind):
        (volume,) = [v for v in pod["volumes"] if v.get("emptyDir", {}).get("medium") == "Memory"]
        (mount,) = [m for m in container["volumeMounts"] if m["name"] == volume["name"]]
        gib = int(volume["emptyDir"]["sizeLimit"].removesuffix("Gi"))
        assert mount["mountPath"] == "/dev/shm"
        assert gib == one.shm_gib >= (1 if one.gpus_per_pod == 1 else 2 * one.gpus_per_pod)
        asked = int(container["resources"]["limits"]["memory"].removesuffix("Gi"))
        assert asked >= gib + BASE_MEMORY_GIB + MEMORY_GIB_PER_GPU * one.gpus_per_pod


@pytest.mark.parametrize("kind", KINDS)
def test_no_pod_shares_the_host_pitfall_1_15(kind: str) -> None:
    """Neither its IPC nor its processes, and the namespace would refuse it."""
    _, found = made(kind)
    for _, pod, container in servers(kind):
        assert not {"hostIPC", "hostPID", "hostNetwork"} & pod.keys()
        assert container["securityContext"]["privileged"] is False
    labels = [r.props["metadata"]["labels"] for r in found.of("kubernetes:core/v1:Namespace")]
    assert any(said["pod-security.kubernetes.io/enforce"] == "restricted" for said in labels)


@pytest.mark.parametrize("kind", KINDS)
def test_a_loading_pod_is_not_killed_pitfall_1_16(kind: str) -> None:
    """The patience of the startup probe follows the predicted start; liveness begins after it."""
    for one, _, container in servers(kind):
        probe = container["startupProbe"]
        assert probe["failureThreshold"] == one.startup.probe_failure_threshold
        assert probe["periodSeconds"] * probe["failureThreshold"] >= 300
        assert "initialDelaySeconds" not in container["livenessProbe"]


def test_patience_grows_with_the_weights_pitfall_1_16() -> None:
    """4 billion parameters against 70."""
    small, large = (planned(name).servers[0].startup for name in ("minimal", HYBRID))

    assert small.probe_failure_threshold < large.probe_failure_threshold


@pytest.mark.parametrize("kind", KINDS)
def test_ready_is_who_lists_the_model_pitfall_1_17(kind: str) -> None:
    """`/health` may answer before the model does; and the first probe asks it before readiness counts."""
    for _, _, container in servers(kind):
        assert container["readinessProbe"]["httpGet"]["path"] == "/v1/models"
        assert container["startupProbe"]["httpGet"]["path"] == "/health"


@pytest.mark.parametrize("kind", KINDS)
def test_no_service_sets_a_variable_of_vllm_pitfall_1_18(kind: str) -> None:
    """A Service called vllm would set VLLM_PORT in every pod beside it."""
    _, found = made(kind)
    for _, pod, _ in servers(kind):
        assert pod["enableServiceLinks"] is False
    names = {r.props["metadata"]["name"] for r in found.of(SERVICE)}
    assert names
    assert not any(name.upper().replace("-", "_").startswith("VLLM") for name in names)


def test_a_backend_named_vllm_makes_no_such_service_pitfall_1_18() -> None:
    """The name of a spec's backend is never the whole name of a Service."""
    found = changed(SELF_HOSTED, servers=(server(name="llm-vllm"),))
    said = with_spec(declared("minimal"), backends={"vllm": declared("minimal").spec.backends["small"]})  # type: ignore[union-attr]
    plan = make_plan(with_route(said, backends=("vllm",)), AS_OF, gates)

    assert [one.name for one in plan.servers] == ["llm-vllm"]
    assert "vllm" not in {r.props["metadata"]["name"] for r in found.of(SERVICE)}


@pytest.mark.parametrize("kind", KINDS)
def test_disks_hold_images_and_caches_pitfall_1_19(kind: str) -> None:
    """And each pod asks for its part, so that the scheduler knows."""
    plan, _ = made(kind)
    for one, _, container in servers(kind):
        (pool,) = [pool for pool in plan.pools if pool.name == one.pool]
        disk = pool.data_volume_gib or pool.root_volume_gib
        asked = int(container["resources"]["requests"]["ephemeral-storage"].removesuffix("Gi"))
        assert asked == one.ephemeral_gib
        assert disk >= 2 * (11.2 + 26.6) + asked * one.pods_per_node


@pytest.mark.parametrize("kind", KINDS)
def test_weights_come_from_the_own_bucket_pitfall_1_21(kind: str) -> None:
    """Mounted by revision; no pod has a token of a hub or a way to it."""
    _, found = made(kind)
    for one, pod, container in servers(kind):
        claims = [v for v in pod["volumes"] if "persistentVolumeClaim" in v]
        assert claims
        assert all(v["persistentVolumeClaim"]["readOnly"] for v in claims)
        assert container["command"] == ["vllm", "serve", f"/{one.weights_key}"]
        assert not any("TOKEN" in name for name in environment(container))
    assert {r.props["spec"]["csi"]["driver"] for r in found.of("kubernetes:core/v1:PersistentVolume")} == {
        "s3.csi.aws.com"
    }


@pytest.mark.parametrize("kind", KINDS)
def test_servers_are_offline_pitfall_1_22(kind: str) -> None:
    """Also for configuration and tokenizer; a draft model would be fetched, and is refused."""
    for _, _, container in servers(kind):
        said = environment(container)
        assert said["HF_HUB_OFFLINE"] == said["TRANSFORMERS_OFFLINE"] == "1"


def test_a_draft_model_is_refused_pitfall_1_22(tmp_path: Any) -> None:
    """Neither mirrored nor counted."""
    text = (ROOT / "specs" / "minimal.yaml").read_text("utf-8")
    draft = """engine: {args: {speculative-config: '{"model": "Qwen/Qwen3-0.6B"}'}}"""
    path = tmp_path / "minimal.yaml"
    path.write_text(text.replace("Qwen/Qwen3-4B}", f"Qwen/Qwen3-4B, {draft}}}"), "utf-8")

    with pytest.raises(SpecErrors, match="a second model"):
        load(path, ROOT / "organization")


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_reported_to_anybody_pitfall_1_23(kind: str) -> None:
    """Usage statistics of vLLM and telemetry of its libraries are off."""
    for _, _, container in servers(kind):
        said = environment(container)
        assert said["VLLM_NO_USAGE_STATS"] == said["DO_NOT_TRACK"] == said["HF_HUB_DISABLE_TELEMETRY"] == "1"


@pytest.mark.parametrize("kind", KINDS)
def test_only_the_gateway_reaches_a_server_pitfall_1_24(kind: str) -> None:
    """Some paths of vLLM ask for no key: who may connect is decided before it, and nothing goes out."""
    _, found = made(kind)
    for one, _, container in servers(kind):
        assert "--api-key" not in container["args"]
        mine = [
            r.props["spec"]
            for r in found.of(POLICY)
            if r.props["spec"]["podSelector"].get("matchLabels", {}).get("app.kubernetes.io/name") == one.name
        ]
        sources = [peer for spec in mine for rule in spec.get("ingress", ()) for peer in rule["from"]]
        callers = [peer["podSelector"]["matchLabels"] for peer in sources]
        assert GATEWAY_LABELS in callers
        # The reader of metrics too, which the same port answers: one pod, in a namespace of its own.
        assert all(labels in (GATEWAY_LABELS, watch_labels(READER)) for labels in callers)
        assert len(callers) <= 2
        assert not [spec for spec in mine if spec.get("egress")]
        (service,) = [r for r in found.of(SERVICE) if r.props["metadata"]["name"] == one.name]
        assert service.props["spec"]["type"] == "ClusterIP"
    denied = [r.props["spec"] for r in found.of(POLICY) if r.props["metadata"]["name"] == "default-deny"]
    assert any(spec["policyTypes"] == ["Ingress", "Egress"] and not spec["podSelector"] for spec in denied)


def test_a_context_that_does_not_fit_is_refused_with_what_would_pitfall_1_25() -> None:
    """At plan, with the length that fits, instead of 'No available memory for the cache blocks' in a pod."""
    said = with_spec(declared("minimal"), budget=None, target={"region": "us-east-1"})
    said = with_backend(
        said,
        "small",
        weights="hf://meta-llama/Llama-3.1-8B-Instruct",
        capacity={"instance_type": "g6.xlarge"},
        engine={"max_model_len": 131072},
    )

    with pytest.raises(NoPlan) as refused:
        make_plan(said, AS_OF, gates)
    (conflict,) = [c for c in refused.value.conflicts if c.path == "backends.small.engine.max_model_len"]
    assert "GiB of KV cache" in str(refused.value)
    assert conflict.change is not None


@pytest.mark.parametrize("kind", STACKS)
def test_no_hop_cuts_a_long_answer_pitfall_1_28(kind: str) -> None:
    """Balancer, gateway and server wait at least as long as the longest request."""
    plan, found = planned(kind), recorded(kind)
    longest = max(route.timeout_seconds for route in plan.routes)

    assert plan.gateway.idle_timeout_seconds >= longest >= 600
    for balancer in found.of("aws:lb/loadBalancer:LoadBalancer"):
        assert balancer.props["idleTimeout"] >= longest
    for one in plan.servers:
        assert one.shutdown.request_seconds >= max(
            route.timeout_seconds for route in plan.routes if route.name in one.routes
        )


@pytest.mark.parametrize("kind", KINDS)
def test_images_are_pinned_pitfall_1_30(kind: str) -> None:
    """By digest where the lock has one, else by a version; never by a tag that moves."""
    plan, _ = made(kind)
    for image in (*plan.images, *(one.image for one in plan.servers)):
        assert image.tag != "latest"
        reference = image.reference("registry")
        assert (f"@{image.digest}" in reference) if image.digest else reference.endswith(f":{image.tag}")


def test_a_lock_with_latest_is_refused_pitfall_1_30(tmp_path: Any) -> None:
    """With the place and what to write."""
    for name in ("minimal.yaml", "minimal.lock.yaml"):
        text = (ROOT / "specs" / name).read_text("utf-8")
        (tmp_path / name).write_text(text.replace("tag: v0.33.0", "tag: latest"), "utf-8")

    with pytest.raises(SpecErrors, match="'latest' is no version"):
        load(tmp_path / "minimal.yaml", ROOT / "organization")


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_written_goes_to_a_volume(kind: str) -> None:
    """The root is read-only, and the user has no home in the image."""
    for _, pod, container in servers(kind):
        said = environment(container)
        writable = {m["mountPath"] for m in container["volumeMounts"] if not m.get("readOnly")}
        assert writable == {"/dev/shm", CACHE, "/tmp"}
        assert container["securityContext"]["readOnlyRootFilesystem"] is True
        assert pod["securityContext"]["runAsUser"] >= 10_000
        for name in ("HOME", "XDG_CACHE_HOME", "VLLM_CACHE_ROOT", "TRITON_CACHE_DIR"):
            assert said[name] == CACHE or said[name].startswith(f"{CACHE}/")
        assert said["USER"] == said["LOGNAME"]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_server_ends_after_its_answers_k8s_5(kind: str) -> None:
    """Text, embeddings and images: the engine waits as long as the longest request, the kubelet longer."""
    for one, pod, container in servers(kind):
        waits = int(container["args"][container["args"].index("--shutdown-timeout") + 1])
        before = container["lifecycle"]["preStop"]["sleep"]["seconds"]
        assert waits == one.shutdown.request_seconds > 0
        assert pod["terminationGracePeriodSeconds"] > before + waits


def test_a_worker_outlives_the_answers_of_its_leader_k8s_5() -> None:
    """It holds part of the model: were it gone at once, its leader could answer nothing more."""
    one = server(pipeline_parallel=2)
    for found in changed(SELF_HOSTED, servers=(one,)).of(SET):
        group = found.props["spec"]["leaderWorkerTemplate"]
        leader, worker = (group[f"{role}Template"]["spec"] for role in ("leader", "worker"))
        sleeps = [
            spec["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"] for spec in (leader, worker)
        ]
        assert sleeps[1] == sleeps[0] + one.shutdown.request_seconds
        assert sleeps[1] < worker["terminationGracePeriodSeconds"] == leader["terminationGracePeriodSeconds"]


@pytest.mark.parametrize(
    ("kind", "container", "image"),
    [("minimal", "vllm", "vllm"), (POOLING, "vllm", "vllm"), (DIFFUSION, "vllm-omni", "diffusion")],
)
def test_each_engine_has_its_own_container(kind: str, container: str, image: str) -> None:
    """Name, image and flags of its engine; the probes are paths that each of them serves."""
    ((one, _, found),) = servers(kind)

    assert found["name"] == container
    assert found["image"] == one.image.reference(found["image"].split("/")[0])
    assert one.image.name == image
    assert ("--runner" in found["args"]) is (kind == POOLING)
    assert ("--omni" in found["args"]) is (kind == DIFFUSION)


@pytest.mark.parametrize(
    ("args", "answer"),
    [
        ("max-modl-len: 4096", "unknown flag of vLLM .*say it with `engine.max_model_len`"),
        ("swap-space: 4", "unknown flag of vLLM .*the line can go"),
        ("tensor-parallel-size: 3", "the planner sets this flag; say it with `capacity.instance_type`"),
        ("api-key: secret", "a key here would stand in the spec"),
    ],
)
def test_flags_that_cannot_be_kept_are_refused_at_plan(tmp_path: Any, args: str, answer: str) -> None:
    """An unknown one, one that left, a number of GPUs that the node does not have, a key: with what to do."""
    text = (ROOT / "specs" / "minimal.yaml").read_text("utf-8")
    path = tmp_path / "minimal.yaml"
    said = f"Qwen/Qwen3-4B, engine: {{args: {{{args}}}}}}}"
    path.write_text(text.replace("Qwen/Qwen3-4B}", said), "utf-8")

    with pytest.raises(SpecErrors, match=answer):
        load(path, ROOT / "organization")


def test_more_gpus_than_a_node_has_are_refused_at_plan() -> None:
    """A model that needs eight GPUs on a type with one: the reason, and a type that works."""
    said = with_spec(declared("minimal"), budget=None, target={"region": "us-east-1"})
    said = with_backend(
        said,
        "small",
        weights="hf://Qwen/Qwen3-235B-A22B-Instruct-2507",
        capacity={"instance_type": "g6.xlarge"},
    )

    with pytest.raises(NoPlan) as refused:
        make_plan(said, AS_OF, gates)
    changes = {c.path: c.change for c in refused.value.conflicts}
    assert changes["backends.small.capacity.instance_type"] is not None
