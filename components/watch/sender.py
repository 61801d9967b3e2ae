"""The collector that sends a few computed series to CloudWatch of the Region, once a minute.

Not here: which series (the plan), its role (access), and what is told when one is too high (watch_alarms).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes

from components.aws_egress import AwsEgress, AwsEgressArgs
from components.isolated_namespace import peer, port
from components.watch import names, service_pod
from inferplan.records.plan import Watch

USER = 10001
SEND_SECONDS = 60
_CONFIG, _FOLDER, _HEALTH = "collector.yaml", "/conf", 13133


@dataclass(frozen=True, kw_only=True, slots=True)
class SenderArgs:
    image: str
    watch: Watch
    region: str
    log_group: str
    endpoint_cidrs: Sequence[str]


class Sender(pulumi.ComponentResource):
    """Its records go to a log group with the stack's own key; CloudWatch makes metrics of them."""

    def __init__(self, name: str, args: SenderArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("inferplan:index:Sender", name, None, opts)
        child, namespace = pulumi.ResourceOptions(parent=self), args.watch.namespace
        labels = service_pod.labels(names.SENDER)
        text = json.dumps(configuration(args), indent=1)
        before: list[pulumi.Resource] = [
            kubernetes.core.v1.ServiceAccount(
                f"{name}-account",
                metadata=service_pod.metadata(names.SENDER, namespace),
                automount_service_account_token=False,
                opts=child,
            ),
            kubernetes.core.v1.ConfigMap(
                f"{name}-config",
                metadata=service_pod.metadata(names.SENDER, namespace),
                data={_CONFIG: text},
                opts=child,
            ),
            AwsEgress(
                f"{name}-aws",
                AwsEgressArgs(namespace=namespace, pod_labels=labels, endpoint_cidrs=args.endpoint_cidrs),
                child,
            ),
            kubernetes.networking.v1.NetworkPolicy(
                f"{name}-policy",
                metadata=service_pod.metadata(names.SENDER, namespace),
                spec=kubernetes.networking.v1.NetworkPolicySpecArgs(
                    pod_selector=kubernetes.meta.v1.LabelSelectorArgs(match_labels=labels),
                    policy_types=["Egress"],
                    egress=[
                        kubernetes.networking.v1.NetworkPolicyEgressRuleArgs(
                            to=[peer(namespace, service_pod.labels(names.READER))],
                            ports=[port(names.READER_PORT)],
                        )
                    ],
                ),
                opts=child,
            ),
        ]
        service_pod.deployment(
            f"{name}-deployment",
            service_pod.ServicePodArgs(
                name=names.SENDER,
                namespace=namespace,
                image=args.image,
                user=USER,
                arguments=[f"--config={_FOLDER}/{_CONFIG}"],
                ports={"health": _HEALTH},
                cpu="10m",
                memory="128Mi",
                env={"AWS_REGION": args.region},
                ready=service_pod.http("/", "health"),
                volumes={_FOLDER: service_pod.from_map("config", names.SENDER)},
                service_account=names.SENDER,
                annotations={"inferplan/configuration": hashlib.sha256(text.encode()).hexdigest()},
            ),
            pulumi.ResourceOptions(parent=self, depends_on=before),
        )
        self.register_outputs({})


def configuration(args: SenderArgs) -> dict[str, Any]:
    """Of the reader only what is sent; each set of labels is one metric."""
    sent = [one for one in args.watch.series if one.sent]
    chosen = "|".join(sorted({one.name for one in sent}))
    return {
        "extensions": {"health_check": {"endpoint": f"0.0.0.0:{_HEALTH}"}},
        "receivers": {
            "prometheus": {
                "config": {
                    "scrape_configs": [
                        {
                            "job_name": "inferplan",
                            "scrape_interval": f"{SEND_SECONDS}s",
                            "honor_labels": True,
                            "metrics_path": "/federate",
                            "params": {"match[]": [f'{{__name__=~"{chosen}"}}']},
                            "static_configs": [
                                {
                                    "targets": [
                                        f"{names.READER}.{args.watch.namespace}.svc:{names.READER_PORT}"
                                    ]
                                }
                            ],
                        }
                    ]
                }
            }
        },
        "exporters": {
            "awsemf": {
                "region": args.region,
                "namespace": args.watch.metric_namespace,
                "log_group_name": args.log_group,
                "log_stream_name": names.SENDER,
                "dimension_rollup_option": "NoDimensionRollup",
                "metric_declarations": [
                    {"dimensions": [list(labels)], "metric_name_selectors": [f"^{name}$"]}
                    for name, labels in _dimensions(args.watch)
                ],
            }
        },
        "service": {
            "extensions": ["health_check"],
            "telemetry": {"metrics": {"level": "none"}},
            "pipelines": {"metrics": {"receivers": ["prometheus"], "exporters": ["awsemf"]}},
        },
    }


def _dimensions(watch: Watch) -> list[tuple[str, tuple[str, ...]]]:
    """The labels of every series that is sent; what is computed for all servers at once names its server."""
    found = {
        one.name: tuple(sorted({*one.labels, *(() if "scope" in one.labels else ("server",))}))
        for one in watch.series
        if one.sent
    }
    return sorted(found.items())
