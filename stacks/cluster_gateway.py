"""The gateway in a cluster, for self-hosted and hybrid stacks: its parts in AWS, then its objects inside.

Not here: the gateway on Fargate (managed_api), and the way to vendors outside AWS (hybrid).
"""

from __future__ import annotations

from collections.abc import Sequence

import pulumi

from components.cluster import Cluster
from components.deployment import Deployment
from components.gateway.cluster_access import GatewayClusterAccess, GatewayClusterAccessArgs
from components.gateway.kubernetes import NODE_PORT, GatewayKubernetes, GatewayKubernetesArgs
from components.isolated_namespace import IsolatedNamespace, IsolatedNamespaceArgs
from inferplan.records.plan import Plan
from stacks import gateway, watch
from stacks.shared import Base


def foundation(
    deployment: Deployment,
    plan: Plan,
    base: Base,
    cluster: Cluster,
    *,
    node_groups: Sequence[pulumi.Output[str]],
    security_group_id: pulumi.Output[str],
) -> None:
    """Stores, identities, entrance, alarms, budget; `node_groups` are the Auto Scaling groups it runs on."""
    service = gateway.service(deployment, plan, base.network, base.keys, {"nodes": security_group_id})
    GatewayClusterAccess(
        f"{plan.name}-gateway-access",
        GatewayClusterAccessArgs(
            names=deployment.names,
            cluster_name=cluster.cluster_name,
            namespace=namespace(plan),
            role_arn=service.role.arn,
            after=(cluster,),
        ),
        deployment.options(),
    )
    entrance = gateway.balancer(
        deployment,
        plan,
        base.network,
        gateway.Entrance(
            target_type="instance",
            port=NODE_PORT,
            security_group_ids=[security_group_id],
            autoscaling_groups=node_groups,
        ),
    )
    watch.alarms(deployment, plan, gateway.money(deployment, plan, base.keys, service))
    if entrance is not None:
        pulumi.export("gatewayBalancer", entrance.dns_name)
    pulumi.export("gatewaySecrets", list(plan.gateway.secrets))
    pulumi.export("gatewayAddresses", service.addresses)
    pulumi.export("gatewayBootstrapAddresses", service.bootstrap_addresses)


def workload(deployment: Deployment, plan: Plan, reference: pulumi.StackReference) -> None:
    """The gateway's namespace and everything in it; `reference` is the foundation."""
    own = IsolatedNamespace(
        f"{plan.name}-gateway-namespace",
        IsolatedNamespaceArgs(namespace=namespace(plan)),
        deployment.options(),
    )
    guardrail = ("BEDROCK_GUARDRAIL_ID", "BEDROCK_GUARDRAIL_VERSION") if plan.gateway.guardrail else ()
    GatewayKubernetes(
        f"{plan.name}-gateway",
        GatewayKubernetesArgs(
            names=deployment.names,
            gateway=plan.gateway,
            network=plan.network,
            servers=plan.servers,
            namespace=own.namespace,
            server_namespace=_servers_namespace(plan),
            addresses=_entries(reference, "gatewayAddresses", "DATABASE_HOST", "REDIS_HOST", *guardrail),
            bootstrap_addresses=_entries(
                reference, "gatewayBootstrapAddresses", "DATABASE_HOST", "DATABASE_MASTER_SECRET_ARN"
            ),
            balancer=gateway.has_balancer(plan),
            after=[own],
        ),
        deployment.options(),
    )


def namespace(plan: Plan) -> str:
    """Beside the servers' namespace, so that policies can tell the two apart."""
    return f"{_servers_namespace(plan)}-gateway"


def _servers_namespace(plan: Plan) -> str:
    if plan.cluster is None:
        raise ValueError("a gateway in a cluster needs a cluster in its plan")
    return plan.cluster.namespace


def _entries(reference: pulumi.StackReference, output: str, *keys: str) -> dict[str, pulumi.Output[str]]:
    """Entries of a dictionary that the foundation exported."""
    exported = reference.require_output(output)
    return {key: exported[key] for key in keys}
