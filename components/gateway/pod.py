"""The gateway's pods: proxy with migration and helpers, and the one-time bootstrap of the database login.

Not here: what owns the pods and who may reach them (kubernetes).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pulumi_kubernetes as kubernetes

from components.gateway import process, redaction
from components.gateway.cluster_access import BOOTSTRAP_ACCOUNT, SERVICE_ACCOUNT
from components.gateway.nodes import POOL, TAINT
from components.model_server_pod import POOL_LABEL
from inferplan.records.plan import GatewayService as PlannedGateway
from inferplan.records.plan import Sidecar

CONFIG_MAP, ADDRESSES_MAP, BOOTSTRAP_MAP = "gateway-config", "gateway-addresses", "gateway-bootstrap"
CONFIG_FILE, CONFIG_FOLDER = "config.yaml", "/config"
GATEWAY_LABELS = {"app.kubernetes.io/name": "gateway", "app.kubernetes.io/component": "gateway"}
BOOTSTRAP_LABELS = {"app.kubernetes.io/name": "gateway-init", "app.kubernetes.io/component": "gateway"}
DRAIN_SECONDS = 20  # until balancer and kube-proxies have seen that the pod is going

core = kubernetes.core.v1


@dataclass(frozen=True, kw_only=True, slots=True)
class PodArgs:
    """`own_nodes`: on nodes of its own, which lead to the firewall, because a vendor outside is called."""

    gateway: PlannedGateway
    registry: str
    own_nodes: bool


def gateway_pod(args: PodArgs) -> kubernetes.core.v1.PodSpecArgs:
    """Migration first (replicas would race), then helpers and proxy."""
    gateway = args.gateway
    environment = process.environment(gateway, CONFIG_FILE_PATH=f"{CONFIG_FOLDER}/{CONFIG_FILE}")
    migrate = _container(
        args,
        "migrate",
        process.migrate_command(),
        environment | {"DISABLE_SCHEMA_UPDATE": "false"},
        ADDRESSES_MAP,
    )
    ready = core.HTTPGetActionArgs(path="/health/readiness", port="http")
    alive = core.HTTPGetActionArgs(path="/health/liveliness", port="http")
    proxy = _container(
        args,
        "gateway",
        process.proxy_command(gateway),
        environment,
        ADDRESSES_MAP,
        ports=[core.ContainerPortArgs(name="http", container_port=gateway.port)],
        startup_probe=core.ProbeArgs(
            http_get=ready, period_seconds=5, failure_threshold=60, timeout_seconds=5
        ),
        readiness_probe=core.ProbeArgs(
            http_get=ready, period_seconds=10, failure_threshold=3, timeout_seconds=5
        ),
        liveness_probe=core.ProbeArgs(
            http_get=alive, period_seconds=20, failure_threshold=6, timeout_seconds=5
        ),
        lifecycle=core.LifecycleArgs(
            pre_stop=core.LifecycleHandlerArgs(sleep=core.SleepActionArgs(seconds=DRAIN_SECONDS))
        ),
    )
    spread = core.TopologySpreadConstraintArgs(
        max_skew=1,
        topology_key="topology.kubernetes.io/zone",
        when_unsatisfiable="ScheduleAnyway",
        label_selector=kubernetes.meta.v1.LabelSelectorArgs(match_labels=GATEWAY_LABELS),
    )
    return core.PodSpecArgs(
        service_account_name=SERVICE_ACCOUNT,
        automount_service_account_token=False,
        enable_service_links=False,
        **_placement(args),
        termination_grace_period_seconds=gateway.idle_timeout_seconds,
        topology_spread_constraints=[spread],
        security_context=_pod_security(),
        init_containers=[migrate],
        containers=[proxy, *(_sidecar(args, sidecar) for sidecar in gateway.sidecars)],
        volumes=[
            _temporary(),
            core.VolumeArgs(name="config", config_map=core.ConfigMapVolumeSourceArgs(name=CONFIG_MAP)),
        ],
    )


def bootstrap_pod(args: PodArgs) -> kubernetes.core.v1.PodSpecArgs:
    """Its own account: only it may read the database's master secret."""
    container = _container(
        args,
        "bootstrap",
        process.bootstrap_command(),
        process.environment(args.gateway),
        BOOTSTRAP_MAP,
        configured=False,
    )
    return core.PodSpecArgs(
        service_account_name=BOOTSTRAP_ACCOUNT,
        automount_service_account_token=False,
        enable_service_links=False,
        **_placement(args),
        restart_policy="Never",
        security_context=_pod_security(),
        containers=[container],
        volumes=[_temporary()],
    )


def _sidecar(args: PodArgs, sidecar: Sidecar) -> kubernetes.core.v1.ContainerArgs:
    return core.ContainerArgs(
        name=sidecar.name,
        image=sidecar.image.reference(args.registry),
        image_pull_policy="IfNotPresent",
        command=redaction.command(sidecar),
        env=[
            core.EnvVarArgs(name=key, value=value)
            for key, value in redaction.environment(sidecar, process.TEMPORARY).items()
        ],
        resources=_resources(sidecar.cpu, sidecar.memory_mib),
        security_context=_container_security(),
        startup_probe=core.ProbeArgs(
            exec_=core.ExecActionArgs(command=redaction.alive_command()),
            period_seconds=5,
            failure_threshold=60,
            timeout_seconds=5,
        ),
        volume_mounts=[core.VolumeMountArgs(name="tmp", mount_path=process.TEMPORARY)],
    )


def _container(
    args: PodArgs,
    name: str,
    command: list[str],
    environment: dict[str, str],
    addresses: str,
    *,
    configured: bool = True,
    ports: Sequence[kubernetes.core.v1.ContainerPortArgs] | None = None,
    startup_probe: kubernetes.core.v1.ProbeArgs | None = None,
    readiness_probe: kubernetes.core.v1.ProbeArgs | None = None,
    liveness_probe: kubernetes.core.v1.ProbeArgs | None = None,
    lifecycle: kubernetes.core.v1.LifecycleArgs | None = None,
) -> kubernetes.core.v1.ContainerArgs:
    config = (
        [core.VolumeMountArgs(name="config", mount_path=CONFIG_FOLDER, read_only=True)] if configured else []
    )
    return core.ContainerArgs(
        name=name,
        image=args.gateway.image.reference(args.registry),
        image_pull_policy="IfNotPresent",
        command=command,
        working_dir="/app",
        env=[core.EnvVarArgs(name=key, value=value) for key, value in sorted(environment.items())],
        env_from=[core.EnvFromSourceArgs(config_map_ref=core.ConfigMapEnvSourceArgs(name=addresses))],
        ports=ports,
        resources=_resources(args.gateway.cpu, args.gateway.memory_mib),
        security_context=_container_security(),
        startup_probe=startup_probe,
        readiness_probe=readiness_probe,
        liveness_probe=liveness_probe,
        lifecycle=lifecycle,
        volume_mounts=[core.VolumeMountArgs(name="tmp", mount_path=process.TEMPORARY), *config],
    )


def _placement(args: PodArgs) -> dict[str, Any]:
    """Nodes of its own where a vendor outside AWS is called, else the system nodes."""
    if not args.own_nodes:
        return {"node_selector": {POOL_LABEL: "system"}}
    tolerated = core.TolerationArgs(key=TAINT, operator="Exists", effect="NoSchedule")
    return {"node_selector": {POOL_LABEL: POOL}, "tolerations": [tolerated]}


def _resources(cpu: int, memory_mib: int) -> kubernetes.core.v1.ResourceRequirementsArgs:
    return core.ResourceRequirementsArgs(
        requests={"cpu": f"{cpu}m", "memory": f"{memory_mib}Mi"}, limits={"memory": f"{memory_mib}Mi"}
    )


def _temporary() -> kubernetes.core.v1.VolumeArgs:
    size = f"{process.TEMPORARY_MIB}Mi"
    return core.VolumeArgs(
        name="tmp", empty_dir=core.EmptyDirVolumeSourceArgs(medium="Memory", size_limit=size)
    )


def _pod_security() -> kubernetes.core.v1.PodSecurityContextArgs:
    return core.PodSecurityContextArgs(
        run_as_non_root=True,
        run_as_user=process.USER_ID,
        run_as_group=process.USER_ID,
        fs_group=process.USER_ID,
        seccomp_profile=core.SeccompProfileArgs(type="RuntimeDefault"),
    )


def _container_security() -> kubernetes.core.v1.SecurityContextArgs:
    return core.SecurityContextArgs(
        allow_privilege_escalation=False,
        privileged=False,
        read_only_root_filesystem=True,
        run_as_non_root=True,
        capabilities=core.CapabilitiesArgs(drop=["ALL"]),
    )
