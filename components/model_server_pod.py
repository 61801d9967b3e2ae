"""The pod of a model server: command, probes, volumes, limits, and a context that the strictest level admits.

Not here: what owns the pod (model_server).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import pulumi_kubernetes as kubernetes

from components.node_group import GPU_TAINT, ZONE_LABEL
from inferplan.records.plan import Server

POOL_LABEL = "inferplan/pool"
USER = 10001  # above the ids that a node's own users have
CONTAINERS = {"vllm": "vllm", "diffusion": "vllm-omni"}  # by engine
CACHE = "/cache"
MASTER_PORT = 29500
# The Cluster Autoscaler orders nothing for a pending pod before it is as old as this says.
_SCALE_UP_DELAY = "cluster-autoscaler.kubernetes.io/pod-scale-up-delay"

# The user has no entry in the image's passwd and the root is read-only: what is written goes to the cache.
_WRITABLE = {
    "HOME": CACHE,
    "LOGNAME": "vllm",
    "TORCHINDUCTOR_CACHE_DIR": f"{CACHE}/inductor",
    "TRITON_CACHE_DIR": f"{CACHE}/triton",
    "USER": "vllm",
    "VLLM_CACHE_ROOT": f"{CACHE}/vllm",
    "XDG_CACHE_HOME": CACHE,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Mount:
    """A claim as the pod sees it: `name` inside the pod, `path` inside the container."""

    name: str
    path: str
    claim: str


@dataclass(frozen=True, kw_only=True, slots=True)
class PodArgs:
    """`mounts` hold weights and adapters; the weights' path is the server's `weights_key`."""

    server: Server
    registry: str
    mounts: tuple[Mount, ...]


def pod_labels(server_name: str) -> dict[str, str]:
    return {"app.kubernetes.io/name": server_name, "app.kubernetes.io/component": "model-server"}


def pod_annotations(server: Server) -> dict[str, str]:
    """In an update the new pod waits for the GPU of one that still answers, and needs no node of its own."""
    return {_SCALE_UP_DELAY: f"{server.shutdown.scale_up_delay_seconds}s"}


def pod_spec(
    args: PodArgs, node: Literal["only", "leader", "worker"] = "only", zone: str | None = None
) -> kubernetes.core.v1.PodSpecArgs:
    """The pod of a single-node server, or of the leader or a worker of one that spans nodes in a `zone`."""
    server = args.server
    return kubernetes.core.v1.PodSpecArgs(
        automount_service_account_token=False,
        enable_service_links=False,  # a Service called vllm would set VLLM_PORT (pitfalls 1.18)
        node_selector={POOL_LABEL: server.pool, **({ZONE_LABEL: zone} if zone is not None else {})},
        tolerations=[
            kubernetes.core.v1.TolerationArgs(key=GPU_TAINT, operator="Exists", effect="NoSchedule")
        ],
        topology_spread_constraints=_spread(server) if node == "only" else None,
        termination_grace_period_seconds=server.shutdown.grace_seconds,
        security_context=kubernetes.core.v1.PodSecurityContextArgs(
            run_as_non_root=True,
            run_as_user=USER,
            run_as_group=USER,
            fs_group=USER,
            seccomp_profile=kubernetes.core.v1.SeccompProfileArgs(type="RuntimeDefault"),
        ),
        containers=[_container(args, node)],
        volumes=[
            _memory("shm", server.shm_gib),
            _scratch("cache"),
            _scratch("tmp"),
            *(
                kubernetes.core.v1.VolumeArgs(
                    name=mount.name,
                    persistent_volume_claim=kubernetes.core.v1.PersistentVolumeClaimVolumeSourceArgs(
                        claim_name=mount.claim, read_only=True
                    ),
                )
                for mount in args.mounts
            ),
        ],
    )


def _spread(server: Server) -> list[kubernetes.core.v1.TopologySpreadConstraintArgs]:
    """Evenly if possible; where the loss of a zone must be survived, no zone takes another's share.

    A mere preference would let the autoscaler put all on its first node. An even spread as the rule would
    leave what outlives a zone irreplaceable: each new pod would want a partner in the zone that is gone.
    """

    def constraint(
        skew: int, otherwise: str, zones: int | None
    ) -> kubernetes.core.v1.TopologySpreadConstraintArgs:
        return kubernetes.core.v1.TopologySpreadConstraintArgs(
            max_skew=skew,
            topology_key="topology.kubernetes.io/zone",
            when_unsatisfiable=otherwise,
            min_domains=zones,
            label_selector=kubernetes.meta.v1.LabelSelectorArgs(match_labels=pod_labels(server.name)),
        )

    wished = constraint(1, "ScheduleAnyway", None)
    if not server.zones:
        return [wished]
    return [constraint(server.replicas_per_zone, "DoNotSchedule", server.min_replicas), wished]


def _container(args: PodArgs, node: str) -> kubernetes.core.v1.ContainerArgs:
    server = args.server
    serves = node != "worker"
    amounts = {
        "cpu": str(server.cpu_per_pod),
        "memory": f"{server.memory_gib_per_pod}Gi",
        "ephemeral-storage": f"{server.ephemeral_gib}Gi",
        "nvidia.com/gpu": str(server.gpus_per_pod),
    }
    return kubernetes.core.v1.ContainerArgs(
        name=CONTAINERS[server.engine],
        image=server.image.reference(args.registry),
        image_pull_policy="IfNotPresent",
        command=["vllm", "serve", f"/{server.weights_key}"],
        args=[*server.flags, *_across_nodes(server, node)],
        env=[
            kubernetes.core.v1.EnvVarArgs(name=key, value=value)
            for key, value in sorted({**_WRITABLE, **server.env}.items())
        ],
        ports=[kubernetes.core.v1.ContainerPortArgs(name="http", container_port=server.port)]
        if serves
        else None,
        resources=kubernetes.core.v1.ResourceRequirementsArgs(requests=amounts, limits=amounts),
        security_context=kubernetes.core.v1.SecurityContextArgs(
            allow_privilege_escalation=False,
            privileged=False,
            read_only_root_filesystem=True,
            run_as_non_root=True,
            capabilities=kubernetes.core.v1.CapabilitiesArgs(drop=["ALL"]),
        ),
        startup_probe=_probe(
            "/health",
            period_seconds=server.startup.probe_period_seconds,
            failure_threshold=server.startup.probe_failure_threshold,
        )
        if serves
        else None,
        # /health may answer before the model does (pitfalls 1.17)
        readiness_probe=_probe("/v1/models", period_seconds=10, failure_threshold=3) if serves else None,
        liveness_probe=_probe("/health", period_seconds=20, failure_threshold=6) if serves else None,
        lifecycle=kubernetes.core.v1.LifecycleArgs(
            pre_stop=kubernetes.core.v1.LifecycleHandlerArgs(
                sleep=kubernetes.core.v1.SleepActionArgs(seconds=_seconds_before_stop(server, serves))
            )
        ),
        volume_mounts=[
            kubernetes.core.v1.VolumeMountArgs(name="shm", mount_path="/dev/shm"),
            kubernetes.core.v1.VolumeMountArgs(name="cache", mount_path=CACHE),
            kubernetes.core.v1.VolumeMountArgs(name="tmp", mount_path="/tmp"),
            *(
                kubernetes.core.v1.VolumeMountArgs(name=mount.name, mount_path=mount.path, read_only=True)
                for mount in args.mounts
            ),
        ],
    )


def _seconds_before_stop(server: Server, serves: bool) -> int:
    """A worker holds part of every answer: it goes on until its leader has given the longest one."""
    end = server.shutdown
    return end.before_stop_seconds + (0 if serves else end.request_seconds)


def _across_nodes(server: Server, node: str) -> list[str]:
    """LeaderWorkerSet tells every pod its leader's address and its own index; vLLM's ranks follow them."""
    if node == "only":
        return []
    flags = [
        "--nnodes",
        str(server.pipeline_parallel),
        "--node-rank",
        "0" if node == "leader" else "$(LWS_WORKER_INDEX)",
        "--master-addr",
        "$(LWS_LEADER_ADDRESS)",
        "--master-port",
        str(MASTER_PORT),
    ]
    return [*flags, "--headless"] if node == "worker" else flags


def _probe(path: str, *, period_seconds: int, failure_threshold: int) -> kubernetes.core.v1.ProbeArgs:
    return kubernetes.core.v1.ProbeArgs(
        http_get=kubernetes.core.v1.HTTPGetActionArgs(path=path, port="http"),
        period_seconds=period_seconds,
        failure_threshold=failure_threshold,
        timeout_seconds=5,
    )


def _memory(name: str, gib: int) -> kubernetes.core.v1.VolumeArgs:
    """Shared memory: the default of 64 MiB breaks tensor parallelism; it counts as the pod's memory."""
    return kubernetes.core.v1.VolumeArgs(
        name=name,
        empty_dir=kubernetes.core.v1.EmptyDirVolumeSourceArgs(medium="Memory", size_limit=f"{gib}Gi"),
    )


def _scratch(name: str) -> kubernetes.core.v1.VolumeArgs:
    return kubernetes.core.v1.VolumeArgs(name=name, empty_dir=kubernetes.core.v1.EmptyDirVolumeSourceArgs())
