"""One vLLM server in the cluster: pods, Service, disruption budget, and the policy on who may call.

Not here: the command line and sizes (the plan), the weights' volumes (weights_volume), nodes (node_group).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes

from components.isolated_namespace import peer, port
from components.model_server_pod import USER, Mount, PodArgs, pod_annotations, pod_labels, pod_spec
from components.names import Names
from components.weights_volume import WeightsVolume, WeightsVolumeArgs
from inferplan.records.plan import Server

_LEADER_WORKER_SET = "leaderworkerset.x-k8s.io/v1"
_WAIT_UNTIL_AVAILABLE = {"pulumi.com/waitFor": "condition=Available"}  # the engine knows no such kind itself


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelServerArgs:
    """`names` keep cluster-wide volumes apart."""

    names: Names
    server: Server
    namespace: str
    gateway_namespace: str
    gateway_labels: dict[str, str]
    bucket: str


class ModelServer(pulumi.ComponentResource):
    """A Deployment; pods that span nodes are LeaderWorkerSets, whose controller has to be in the cluster."""

    service_name: str

    def __init__(self, name: str, args: ModelServerArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("inferplan:index:ModelServer", name, None, opts)
        self._name, self._args = name, args
        self.service_name = args.server.name
        volumes = self._volumes()
        policies = [self._ingress(), *self._between_nodes()]
        pods = PodArgs(server=args.server, registry=args.names.registry(), mounts=tuple(volumes))
        after: list[pulumi.Resource] = [*volumes.values(), *policies]
        if args.server.pipeline_parallel > 1:
            # One after the other, or an update would take the servers of all zones away at once.
            for zone in args.server.zones or (None,):
                after.append(self._set(pods, zone, after))
        else:
            after.append(self._deployment(pods, after))
        self._disruption_budget()
        self._service(after[-1])
        self.register_outputs({"serviceName": self.service_name})

    def _volumes(self) -> dict[Mount, WeightsVolume]:
        """Weights, then adapters; the path in the container mirrors the key in the bucket."""
        args, volumes = self._args, {}
        keys = {"weights": args.server.weights_key}
        keys |= {
            f"adapter-{adapter.name}": adapter.path.removeprefix("/") for adapter in args.server.adapters
        }
        for role, key in keys.items():
            # A volume cannot be pointed elsewhere: a new revision gets a new one, and pods move over.
            claim = f"{args.server.name}-{role}-{hashlib.sha256(key.encode()).hexdigest()[:8]}"
            volumes[Mount(name=role, path=f"/{key}", claim=claim)] = WeightsVolume(
                f"{self._name}-{role}",
                WeightsVolumeArgs(
                    volume=f"{args.names.stack}-{claim}",
                    claim=claim,
                    namespace=args.namespace,
                    bucket=args.bucket,
                    prefix=key,
                    region=args.names.target.region,
                    user=USER,
                ),
                pulumi.ResourceOptions(parent=self),
            )
        return volumes

    def _deployment(self, pods: PodArgs, after: list[pulumi.Resource]) -> pulumi.Resource:
        server = self._args.server
        labels = pod_labels(server.name)
        return kubernetes.apps.v1.Deployment(
            f"{self._name}-deployment",
            metadata=self._metadata(server.name),
            spec=kubernetes.apps.v1.DeploymentSpecArgs(
                # A scaler sets it, and would be undone by every update that says a number too.
                replicas=server.replicas if server.scaling is None else None,
                selector=kubernetes.meta.v1.LabelSelectorArgs(match_labels=labels),
                progress_deadline_seconds=server.startup.progress_deadline_seconds,
                revision_history_limit=3,
                # A surge would wait for a GPU node that the plan does not have.
                strategy=kubernetes.apps.v1.DeploymentStrategyArgs(
                    type="RollingUpdate",
                    rolling_update=kubernetes.apps.v1.RollingUpdateDeploymentArgs(
                        max_surge=0, max_unavailable=1
                    ),
                ),
                template=kubernetes.core.v1.PodTemplateSpecArgs(
                    metadata=kubernetes.meta.v1.ObjectMetaArgs(
                        labels=labels, annotations=pod_annotations(server)
                    ),
                    spec=pod_spec(pods),
                ),
            ),
            opts=self._slow(after),
        )

    def _set(self, pods: PodArgs, zone: str | None, after: list[pulumi.Resource]) -> pulumi.Resource:
        """The groups of one zone: a group whose nodes stand in two would not outlive the loss of either."""
        server, place = self._args.server, "" if zone is None else f"-{zone}"
        template = {"metadata": {"labels": pod_labels(server.name), "annotations": pod_annotations(server)}}
        return kubernetes.apiextensions.CustomResource(
            f"{self._name}-set{place}",
            api_version=_LEADER_WORKER_SET,
            kind="LeaderWorkerSet",
            metadata=self._metadata(f"{server.name}{place}", annotations=_WAIT_UNTIL_AVAILABLE),
            spec={
                "replicas": server.replicas_per_zone,
                "startupPolicy": "LeaderCreated",
                "leaderWorkerTemplate": {
                    "size": server.pipeline_parallel,
                    "restartPolicy": "RecreateGroupOnPodRestart",
                    "leaderTemplate": {**template, "spec": pod_spec(pods, "leader", zone)},
                    "workerTemplate": {**template, "spec": pod_spec(pods, "worker", zone)},
                },
            },
            opts=self._slow(list(after)),
        )

    def _slow(self, after: list[pulumi.Resource]) -> pulumi.ResourceOptions:
        """Loading weights takes longer than the provider's ten minutes; the plan predicts how long."""
        timeout = self._args.server.startup.pulumi_timeout
        return pulumi.ResourceOptions(
            parent=self,
            depends_on=after,
            custom_timeouts=pulumi.CustomTimeouts(create=timeout, update=timeout),
        )

    def _service(self, workload: pulumi.Resource) -> None:
        server = self._args.server
        labels = pod_labels(server.name)
        if server.pipeline_parallel > 1:
            labels = {**labels, "leaderworkerset.sigs.k8s.io/worker-index": "0"}
        kubernetes.core.v1.Service(
            f"{self._name}-service",
            metadata=self._metadata(server.name),
            spec=kubernetes.core.v1.ServiceSpecArgs(
                type="ClusterIP",
                selector=labels,
                ports=[kubernetes.core.v1.ServicePortArgs(name="http", port=server.port, target_port="http")],
            ),
            # Its own wait for endpoints would start the clock before the pods do (pitfalls 3.9).
            opts=self._slow([workload]),
        )

    def _disruption_budget(self) -> None:
        kubernetes.policy.v1.PodDisruptionBudget(
            f"{self._name}-disruption-budget",
            metadata=self._metadata(self._args.server.name),
            spec=kubernetes.policy.v1.PodDisruptionBudgetSpecArgs(
                # All of a node, which has no spare: with fewer allowed its drain would wait for ever.
                max_unavailable=self._args.server.pods_per_node,
                selector=kubernetes.meta.v1.LabelSelectorArgs(
                    match_labels=pod_labels(self._args.server.name)
                ),
            ),
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _ingress(self) -> kubernetes.networking.v1.NetworkPolicy:
        """The server's own key guards only some of its paths, so the network decides who may call."""
        args = self._args
        return self._policy(
            "from-gateway",
            policy_types=["Ingress"],
            ingress=[
                kubernetes.networking.v1.NetworkPolicyIngressRuleArgs(
                    from_=[peer(args.gateway_namespace, args.gateway_labels)], ports=[port(args.server.port)]
                )
            ],
        )

    def _between_nodes(self) -> list[kubernetes.networking.v1.NetworkPolicy]:
        """Pods that span nodes exchange tensors on ports of NCCL's choice, among themselves only."""
        args = self._args
        if args.server.pipeline_parallel == 1:
            return []
        same = peer(args.namespace, pod_labels(args.server.name))
        return [
            self._policy(
                "between-nodes",
                policy_types=["Ingress", "Egress"],
                ingress=[kubernetes.networking.v1.NetworkPolicyIngressRuleArgs(from_=[same])],
                egress=[kubernetes.networking.v1.NetworkPolicyEgressRuleArgs(to=[same])],
            )
        ]

    def _policy(self, role: str, **spec: Any) -> kubernetes.networking.v1.NetworkPolicy:
        server = self._args.server
        return kubernetes.networking.v1.NetworkPolicy(
            f"{self._name}-{role}",
            metadata=self._metadata(f"{server.name}-{role}"),
            spec=kubernetes.networking.v1.NetworkPolicySpecArgs(
                pod_selector=kubernetes.meta.v1.LabelSelectorArgs(match_labels=pod_labels(server.name)),
                **spec,
            ),
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _metadata(
        self, object_name: str, annotations: dict[str, str] | None = None
    ) -> kubernetes.meta.v1.ObjectMetaArgs:
        return kubernetes.meta.v1.ObjectMetaArgs(
            name=object_name,
            namespace=self._args.namespace,
            labels=pod_labels(self._args.server.name),
            annotations=annotations,
        )
