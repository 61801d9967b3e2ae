"""NVIDIA's device plugin for nodes whose AMI comes without one; a second one would conflict with the AMI's.

Not here: drivers and container runtime (every GPU AMI that plans use has them).
"""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as kubernetes

from components.node_group import GPU_TAINT

NODE_LABEL = "inferplan/device-plugin"
_LABELS = {"app.kubernetes.io/name": "nvidia-device-plugin"}
_SOCKETS = "/var/lib/kubelet/device-plugins"


@dataclass(frozen=True, kw_only=True, slots=True)
class DevicePluginArgs:
    image: str  # pull reference in the account's own registry


class DevicePlugin(pulumi.ComponentResource):
    """A DaemonSet on nodes with `NODE_LABEL`; in kube-system, as it mounts the kubelet's socket folder."""

    def __init__(self, name: str, args: DevicePluginArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("inferplan:index:DevicePlugin", name, None, opts)
        core = kubernetes.core.v1
        container = core.ContainerArgs(
            name="device-plugin",
            image=args.image,
            env=[core.EnvVarArgs(name="FAIL_ON_INIT_ERROR", value="true")],
            resources=core.ResourceRequirementsArgs(
                requests={"cpu": "50m", "memory": "64Mi"}, limits={"memory": "128Mi"}
            ),
            security_context=core.SecurityContextArgs(
                allow_privilege_escalation=False,
                read_only_root_filesystem=True,
                capabilities=core.CapabilitiesArgs(drop=["ALL"]),
            ),
            volume_mounts=[core.VolumeMountArgs(name="sockets", mount_path=_SOCKETS)],
        )
        kubernetes.apps.v1.DaemonSet(
            f"{name}-daemon-set",
            metadata=kubernetes.meta.v1.ObjectMetaArgs(
                name="nvidia-device-plugin", namespace="kube-system", labels=_LABELS
            ),
            spec=kubernetes.apps.v1.DaemonSetSpecArgs(
                selector=kubernetes.meta.v1.LabelSelectorArgs(match_labels=_LABELS),
                template=core.PodTemplateSpecArgs(
                    metadata=kubernetes.meta.v1.ObjectMetaArgs(labels=_LABELS),
                    spec=core.PodSpecArgs(
                        automount_service_account_token=False,
                        enable_service_links=False,
                        priority_class_name="system-node-critical",
                        node_selector={NODE_LABEL: "true"},
                        tolerations=[
                            core.TolerationArgs(key=GPU_TAINT, operator="Exists", effect="NoSchedule")
                        ],
                        containers=[container],
                        volumes=[
                            core.VolumeArgs(
                                name="sockets", host_path=core.HostPathVolumeSourceArgs(path=_SOCKETS)
                            )
                        ],
                    ),
                ),
            ),
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.register_outputs({})
