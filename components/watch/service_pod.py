"""The pod of a small service on the system nodes: one container that the strictest pod security admits.

Not here: what the services are (reader, sender, scaler).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes

from components.model_server_pod import POOL_LABEL

core = kubernetes.core.v1


@dataclass(frozen=True, kw_only=True, slots=True)
class ServicePodArgs:
    """`user` is the image's own; `volumes` map a mount path to the rest of a volume."""

    name: str
    namespace: str
    image: str
    user: int
    arguments: list[str]
    ports: dict[str, int]
    cpu: str
    memory: str
    command: list[str] | None = None
    env: dict[str, Any] = field(default_factory=dict)
    ready: core.ProbeArgs | None = None
    volumes: Mapping[str, core.VolumeArgs] = field(default_factory=dict)
    service_account: str | None = None
    talks_to_api: bool = False
    annotations: dict[str, str] | None = None


def labels(name: str) -> dict[str, str]:
    return {"app.kubernetes.io/name": name, "app.kubernetes.io/component": "watch"}


def metadata(name: str, namespace: str | None, **more: Any) -> kubernetes.meta.v1.ObjectMetaArgs:
    return kubernetes.meta.v1.ObjectMetaArgs(name=name, namespace=namespace, labels=labels(name), **more)


def http(path: str, port: str, *, scheme: str | None = None) -> core.ProbeArgs:
    """Asked every ten seconds; three failures take the pod out."""
    return core.ProbeArgs(
        http_get=core.HTTPGetActionArgs(path=path, port=port, scheme=scheme),
        period_seconds=10,
        failure_threshold=3,
        timeout_seconds=5,
    )


def deployment(
    resource_name: str, args: ServicePodArgs, opts: pulumi.ResourceOptions
) -> kubernetes.apps.v1.Deployment:
    """One replica, replaced rather than doubled: two would read, send or scale the same twice."""
    return kubernetes.apps.v1.Deployment(
        resource_name,
        metadata=metadata(args.name, args.namespace),
        spec=kubernetes.apps.v1.DeploymentSpecArgs(
            replicas=1,
            revision_history_limit=3,
            selector=kubernetes.meta.v1.LabelSelectorArgs(match_labels=labels(args.name)),
            strategy=kubernetes.apps.v1.DeploymentStrategyArgs(type="Recreate"),
            template=core.PodTemplateSpecArgs(
                metadata=kubernetes.meta.v1.ObjectMetaArgs(
                    labels=labels(args.name), annotations=args.annotations
                ),
                spec=_pod(args),
            ),
        ),
        opts=opts,
    )


def _pod(args: ServicePodArgs) -> core.PodSpecArgs:
    return core.PodSpecArgs(
        service_account_name=args.service_account,
        automount_service_account_token=args.talks_to_api,
        enable_service_links=False,
        node_selector={POOL_LABEL: "system"},
        security_context=core.PodSecurityContextArgs(
            run_as_non_root=True,
            run_as_user=args.user,
            run_as_group=args.user,
            fs_group=args.user,
            seccomp_profile=core.SeccompProfileArgs(type="RuntimeDefault"),
        ),
        containers=[
            core.ContainerArgs(
                name=args.name,
                image=args.image,
                command=args.command,
                args=args.arguments,
                env=[
                    core.EnvVarArgs(name=name, value=value)
                    if isinstance(value, str)
                    else core.EnvVarArgs(name=name, value_from=value)
                    for name, value in args.env.items()
                ],
                ports=[
                    core.ContainerPortArgs(name=name, container_port=number)
                    for name, number in args.ports.items()
                ],
                readiness_probe=args.ready,
                resources=core.ResourceRequirementsArgs(
                    requests={"cpu": args.cpu, "memory": args.memory}, limits={"memory": args.memory}
                ),
                security_context=core.SecurityContextArgs(
                    allow_privilege_escalation=False,
                    read_only_root_filesystem=True,
                    capabilities=core.CapabilitiesArgs(drop=["ALL"]),
                ),
                volume_mounts=[
                    core.VolumeMountArgs(
                        name=volume.name, mount_path=path, read_only=volume.empty_dir is None
                    )
                    for path, volume in args.volumes.items()
                ],
            )
        ],
        volumes=list(args.volumes.values()),
    )


def scratch(name: str, size: str) -> core.VolumeArgs:
    return core.VolumeArgs(name=name, empty_dir=core.EmptyDirVolumeSourceArgs(size_limit=size))


def from_map(name: str, config_map: str) -> core.VolumeArgs:
    return core.VolumeArgs(name=name, config_map=core.ConfigMapVolumeSourceArgs(name=config_map))
