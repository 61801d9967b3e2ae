"""What a model server needs to be read and scaled: a name for its pods, a door for the reader, its scaler.

Not here: the server itself (model_server) and the operator behind the scaler (scaler).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes

from components.isolated_namespace import peer, port
from components.model_server_pod import pod_labels
from components.watch import names, service_pod
from inferplan.records.plan import RunningHours, Server

POLL_SECONDS = 15
FAILURES = 3  # of the reader, before the planned number of replicas is taken


@dataclass(frozen=True, kw_only=True, slots=True)
class WatchedServerArgs:
    """`running`: the hours of a schedule, of the pool that the server stands on."""

    server: Server
    namespace: str
    reader_namespace: str
    running: RunningHours | None
    after: Sequence[pulumi.Resource]  # the operator whose kind the scaler is


class WatchedServer(pulumi.ComponentResource):
    """The number of replicas is the scaler's alone: nothing else says `spec.replicas`."""

    def __init__(
        self, name: str, args: WatchedServerArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("inferplan:index:WatchedServer", name, None, opts)
        child, server = pulumi.ResourceOptions(parent=self), args.server
        labels = pod_labels(server.name)
        leaders = {"leaderworkerset.sigs.k8s.io/worker-index": "0"} if server.pipeline_parallel > 1 else {}
        kubernetes.core.v1.Service(
            f"{name}-pods",
            # It has no endpoints until a pod is ready, and nothing waits for that.
            metadata=_metadata(
                names.pods_service(server.name), args, annotations={"pulumi.com/skipAwait": "true"}
            ),
            spec=kubernetes.core.v1.ServiceSpecArgs(
                type="ClusterIP",
                cluster_ip="None",
                selector=labels | leaders,
                ports=[kubernetes.core.v1.ServicePortArgs(name="http", port=server.port, target_port="http")],
            ),
            opts=child,
        )
        kubernetes.networking.v1.NetworkPolicy(
            f"{name}-from-reader",
            metadata=_metadata(f"{server.name}-from-reader", args),
            spec=kubernetes.networking.v1.NetworkPolicySpecArgs(
                pod_selector=kubernetes.meta.v1.LabelSelectorArgs(match_labels=labels),
                policy_types=["Ingress"],
                ingress=[
                    kubernetes.networking.v1.NetworkPolicyIngressRuleArgs(
                        from_=[peer(args.reader_namespace, service_pod.labels(names.READER))],
                        ports=[port(server.port)],
                    )
                ],
            ),
            opts=child,
        )
        if server.scaling is not None:
            kubernetes.apiextensions.CustomResource(
                f"{name}-scaled-object",
                api_version="keda.sh/v1alpha1",
                kind="ScaledObject",
                metadata=_metadata(server.name, args),
                spec=scaled_object(args),
                opts=pulumi.ResourceOptions(parent=self, depends_on=list(args.after)),
            )
        self.register_outputs({})


def scaled_object(args: WatchedServerArgs) -> dict[str, Any]:
    """More pods at once, fewer one by one and late; without a reader the planned number."""
    server, scaling = args.server, args.server.scaling
    assert scaling is not None

    def measured(series: str, threshold: float) -> dict[str, Any]:
        return {
            "type": "prometheus",
            "metricType": "AverageValue",
            "metadata": {
                "serverAddress": names.reader_url(args.reader_namespace),
                "query": f'{series}{{server="{server.name}"}}',
                "threshold": f"{threshold:g}",
            },
        }

    triggers = [
        measured("inferplan_requests_ahead", scaling.requests_per_replica),
        measured("inferplan_kv_cache_replicas_full", scaling.kv_cache_share),
    ]
    if args.running is not None:
        triggers.append(
            {
                "type": "cron",
                "metadata": {
                    "timezone": args.running.timezone,
                    "start": args.running.start,
                    "end": args.running.stop,
                    "desiredReplicas": str(scaling.least_replicas),
                },
            }
        )
    return {
        "scaleTargetRef": {"name": server.name},
        "pollingInterval": POLL_SECONDS,
        "cooldownPeriod": scaling.hold_seconds,
        "minReplicaCount": 0 if scaling.to_zero else scaling.least_replicas,
        "maxReplicaCount": scaling.most_replicas,
        "fallback": {"failureThreshold": FAILURES, "replicas": server.replicas},
        "advanced": {
            "restoreToOriginalReplicaCount": False,
            "horizontalPodAutoscalerConfig": {
                "behavior": {
                    "scaleUp": {
                        "stabilizationWindowSeconds": 0,
                        "policies": [{"type": "Percent", "value": 100, "periodSeconds": 60}],
                    },
                    "scaleDown": {
                        "stabilizationWindowSeconds": scaling.hold_seconds,
                        "policies": [{"type": "Pods", "value": 1, "periodSeconds": 60}],
                    },
                }
            },
        },
        "triggers": triggers,
    }


def _metadata(
    object_name: str, args: WatchedServerArgs, annotations: dict[str, str] | None = None
) -> kubernetes.meta.v1.ObjectMetaArgs:
    return kubernetes.meta.v1.ObjectMetaArgs(
        name=object_name,
        namespace=args.namespace,
        labels=pod_labels(args.server.name),
        annotations=annotations,
    )
