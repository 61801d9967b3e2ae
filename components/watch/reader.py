"""Prometheus: it reads the metrics of every ready pod of the servers, and computes the plan's series.

Not here: which series (the plan), who may reach a server's pods (watched_server), and CloudWatch (sender).
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes

from components.isolated_namespace import peer, port
from components.model_server_pod import pod_labels
from components.watch import names, service_pod
from inferplan.records.plan import OBJECTS_JOB, SERVERS_JOB, Server, Watch

USER = 65534
# Of the objects in the cluster only what the series name; the rest is thrown away unread.
OBJECT_METRICS = (
    "kube_deployment_spec_replicas",
    "kube_deployment_status_replicas_ready",
    "kube_node_status_condition",
    "kube_pod_status_phase",
    "kube_pod_status_ready_time",
    "kube_pod_status_scheduled_time",
    "kube_statefulset_replicas",
    "kube_statefulset_status_replicas_ready",
)
_CONFIG, _RULES, _FOLDER = "prometheus.yml", "rules.yml", "/etc/prometheus"


@dataclass(frozen=True, kw_only=True, slots=True)
class ReaderArgs:
    image: str
    watch: Watch
    servers: tuple[Server, ...]
    servers_namespace: str


class Reader(pulumi.ComponentResource):
    """It keeps a day in memory and scratch space; pods are found by name, so it needs no right in the API."""

    def __init__(self, name: str, args: ReaderArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("inferplan:index:Reader", name, None, opts)
        child, namespace = pulumi.ResourceOptions(parent=self), args.watch.namespace
        files = {
            _CONFIG: json.dumps(configuration(args), indent=1),
            _RULES: json.dumps(rules(args.watch), indent=1),
        }
        config = kubernetes.core.v1.ConfigMap(
            f"{name}-config", metadata=service_pod.metadata(names.READER, namespace), data=files, opts=child
        )
        self._policies(name, args)
        digest = hashlib.sha256("".join(files.values()).encode()).hexdigest()
        service_pod.deployment(
            f"{name}-deployment",
            service_pod.ServicePodArgs(
                name=names.READER,
                namespace=namespace,
                image=args.image,
                user=USER,
                arguments=[
                    f"--config.file={_FOLDER}/{_CONFIG}",
                    "--storage.tsdb.path=/prometheus",
                    f"--storage.tsdb.retention.time={args.watch.keep_hours}h",
                    "--storage.tsdb.retention.size=3GB",
                    f"--web.listen-address=:{names.READER_PORT}",
                ],
                ports={"http": names.READER_PORT},
                cpu="25m",
                memory="512Mi",
                ready=service_pod.http("/-/ready", "http"),
                volumes={
                    _FOLDER: service_pod.from_map("config", names.READER),
                    "/prometheus": service_pod.scratch("data", "4Gi"),
                },
                annotations={"inferplan/configuration": digest},
            ),
            pulumi.ResourceOptions(parent=self, depends_on=[config]),
        )
        kubernetes.core.v1.Service(
            f"{name}-service",
            metadata=service_pod.metadata(names.READER, namespace),
            spec=kubernetes.core.v1.ServiceSpecArgs(
                type="ClusterIP",
                selector=service_pod.labels(names.READER),
                ports=[
                    kubernetes.core.v1.ServicePortArgs(
                        name="http", port=names.READER_PORT, target_port="http"
                    )
                ],
            ),
            opts=child,
        )
        self.register_outputs({})

    def _policies(self, name: str, args: ReaderArgs) -> None:
        """Out: pods of the servers and the objects' metrics. In: the sender and the scaler."""
        networking, namespace = kubernetes.networking.v1, args.watch.namespace
        out, into = networking.NetworkPolicyEgressRuleArgs, networking.NetworkPolicyIngressRuleArgs
        labels = service_pod.labels
        networking.NetworkPolicy(
            f"{name}-policy",
            metadata=service_pod.metadata(names.READER, namespace),
            spec=networking.NetworkPolicySpecArgs(
                pod_selector=kubernetes.meta.v1.LabelSelectorArgs(match_labels=labels(names.READER)),
                policy_types=["Ingress", "Egress"],
                ingress=[
                    into(
                        from_=[
                            peer(namespace, labels(names.SENDER)),
                            # By its name alone: a cluster that exists may have one of its owner's.
                            peer(names.SCALER_NAMESPACE, {"app.kubernetes.io/name": names.SCALER}),
                        ],
                        ports=[port(names.READER_PORT)],
                    )
                ],
                egress=[
                    *(
                        out(
                            to=[peer(args.servers_namespace, pod_labels(server.name))],
                            ports=[port(server.port)],
                        )
                        for server in args.servers
                    ),
                    out(
                        to=[peer(names.OBJECTS, {"app.kubernetes.io/name": names.OBJECTS})],
                        ports=[port(names.OBJECTS_PORT)],
                    ),
                ],
            ),
            opts=pulumi.ResourceOptions(parent=self),
        )


def configuration(args: ReaderArgs) -> dict[str, Any]:
    """Prometheus's configuration; JSON is YAML."""

    def found(server: Server) -> dict[str, Any]:
        return {
            "job_name": f"{SERVERS_JOB}/{server.name}",
            "dns_sd_configs": [
                {
                    "names": [
                        f"{names.pods_service(server.name)}.{args.servers_namespace}.svc.cluster.local"
                    ],
                    "type": "A",
                    "port": server.port,
                    "refresh_interval": f"{args.watch.scrape_seconds}s",
                }
            ],
            "relabel_configs": [
                {"target_label": "server", "replacement": server.name},
                {"target_label": "job", "replacement": SERVERS_JOB},
            ],
        }

    return {
        "global": {
            "scrape_interval": f"{args.watch.scrape_seconds}s",
            "evaluation_interval": f"{args.watch.scrape_seconds}s",
        },
        "rule_files": [_RULES],
        "scrape_configs": [
            *(found(server) for server in args.servers if server.engine == "vllm"),
            {
                "job_name": OBJECTS_JOB,
                "honor_labels": True,
                "static_configs": [
                    {"targets": [f"{names.OBJECTS}.{names.OBJECTS}.svc.cluster.local:{names.OBJECTS_PORT}"]}
                ],
                "metric_relabel_configs": [
                    {"source_labels": ["__name__"], "regex": "|".join(OBJECT_METRICS), "action": "keep"}
                ],
            },
        ],
    }


def rules(watch: Watch) -> dict[str, Any]:
    """The plan's series as a file of recording rules."""
    recorded = [{"record": one.name, "expr": one.query, "labels": one.labels} for one in watch.series]
    return {"groups": [{"name": "inferplan", "rules": recorded}]}
