"""Wiring of what scales and watches the model servers: its AWS half, its objects in the cluster, its alarms.

Not here: the servers themselves (self_hosted) and the alarms' topic (gateway).
"""

from __future__ import annotations

from collections.abc import Sequence

import pulumi

from components.alarms import Alarms
from components.cluster import Cluster
from components.deployment import Deployment
from components.isolated_namespace import IsolatedNamespace, IsolatedNamespaceArgs
from components.watch import names
from components.watch.access import SenderAccess, SenderAccessArgs
from components.watch.reader import Reader, ReaderArgs
from components.watch.scaler import Scaler, ScalerArgs
from components.watch.sender import Sender, SenderArgs
from components.watch.watch_alarms import WatchAlarms, WatchAlarmsArgs
from components.watch.watched_server import WatchedServer, WatchedServerArgs
from inferplan.records.plan import Plan

LOGS = "metrics"  # role of the log group that metrics are made of


def log_groups(deployment: Deployment, plan: Plan) -> dict[str, str]:
    """The log group that the sender writes to."""
    return {LOGS: deployment.names.log_group(LOGS)} if plan.watch is not None else {}


def foundation(deployment: Deployment, plan: Plan, cluster: Cluster) -> None:
    """What the sender may do."""
    if plan.watch is None:
        return
    SenderAccess(
        f"{plan.name}-metrics",
        SenderAccessArgs(
            names=deployment.names,
            cluster_name=cluster.cluster_name,
            namespace=plan.watch.namespace,
            log_group=deployment.names.log_group(LOGS),
            cluster=cluster,
        ),
        deployment.options(),
    )


def alarms(deployment: Deployment, plan: Plan, topic: Alarms) -> None:
    """Alarms and dashboard; people are told through the stack's topic."""
    if plan.watch is None:
        return
    WatchAlarms(
        f"{plan.name}-watch",
        WatchAlarmsArgs(
            names=deployment.names, watch=plan.watch, servers=plan.servers, topic_arn=topic.topic_arn
        ),
        deployment.options(),
    )


def workload(
    deployment: Deployment, plan: Plan, servers_namespace: str, after: Sequence[pulumi.Resource]
) -> None:
    """Reader and sender in a namespace of their own, the scaler in another, and the servers' part."""
    watch = plan.watch
    if watch is None:
        return
    registry = deployment.names.registry()
    images = {image.name: image.reference(registry) for image in plan.images}
    by_tier = {
        tier: [subnet.cidr for subnet in plan.network.subnets if subnet.tier == tier]
        for tier in ("endpoint", "system")
    }
    own = IsolatedNamespace(
        f"{plan.name}-watch-namespace",
        IsolatedNamespaceArgs(namespace=watch.namespace),
        deployment.options(),
    )
    Reader(
        f"{plan.name}-reader",
        ReaderArgs(
            image=images["prometheus"], watch=watch, servers=plan.servers, servers_namespace=servers_namespace
        ),
        deployment.options(depends_on=[own]),
    )
    Sender(
        f"{plan.name}-sender",
        SenderArgs(
            image=images["metrics-collector"],
            watch=watch,
            region=plan.target.region,
            log_group=deployment.names.log_group(LOGS),
            endpoint_cidrs=by_tier["endpoint"],
        ),
        deployment.options(depends_on=[own]),
    )
    scaler: list[pulumi.Resource] = []
    if "keda" in images:
        apart = IsolatedNamespace(
            f"{plan.name}-scaler-namespace",
            IsolatedNamespaceArgs(namespace=names.SCALER_NAMESPACE),
            deployment.options(),
        )
        scaler.append(
            Scaler(
                f"{plan.name}-scaler",
                ScalerArgs(
                    image=images["keda"],
                    answerer_image=images["keda-metrics-apiserver"],
                    servers_namespace=servers_namespace,
                    reader_namespace=watch.namespace,
                    api_cidrs=by_tier["system"],
                ),
                deployment.options(depends_on=[apart, *after]),
            )
        )
    running = {pool.name: pool.running for pool in plan.pools}
    for server in plan.servers:
        WatchedServer(
            f"{plan.name}-{server.name}-watch",
            WatchedServerArgs(
                server=server,
                namespace=servers_namespace,
                reader_namespace=watch.namespace,
                running=running[server.pool],
                after=scaler,
            ),
            deployment.options(depends_on=list(after)),
        )
