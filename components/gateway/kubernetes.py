"""The gateway in the cluster: accounts, configuration, bootstrap job, Deployment, Service, network policies.

Not here: the pods (pod), the namespace's default deny (isolated_namespace), the balancer (balancer).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes

from components.aws_egress import AwsEgress, AwsEgressArgs
from components.gateway import cache, database, pod, process
from components.gateway.cluster_access import BOOTSTRAP_ACCOUNT, SERVICE_ACCOUNT
from components.gateway.pod import BOOTSTRAP_LABELS, GATEWAY_LABELS
from components.isolated_namespace import addresses, peer, port
from components.model_server_pod import pod_labels
from components.names import Names
from inferplan.records.plan import GatewayService as PlannedGateway
from inferplan.records.plan import Network as PlannedNetwork
from inferplan.records.plan import Server

NODE_PORT = 30400  # fixed, because the balancer's targets are made before the Service
SERVICE = "gateway"
CALLER_LABELS = {"inferplan/caller": "true"}  # of namespaces that may call a gateway without a balancer


@dataclass(frozen=True, kw_only=True, slots=True)
class GatewayKubernetesArgs:
    """`addresses` and `bootstrap_addresses` are the foundation's; `after` holds the namespace."""

    names: Names
    gateway: PlannedGateway
    network: PlannedNetwork
    servers: tuple[Server, ...]
    namespace: str
    server_namespace: str
    addresses: Mapping[str, pulumi.Input[str]]
    bootstrap_addresses: Mapping[str, pulumi.Input[str]]
    balancer: bool
    after: Sequence[pulumi.Resource]


class GatewayKubernetes(pulumi.ComponentResource):
    """Reached by its Service inside the cluster, and through the balancer from the declared clients."""

    service_name: str

    def __init__(
        self, name: str, args: GatewayKubernetesArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("inferplan:index:GatewayKubernetes", name, None, opts)
        self._name, self._args = name, args
        self._pods = pod.PodArgs(
            gateway=args.gateway, registry=args.names.registry(), own_nodes=args.network.firewall
        )
        self._first = pulumi.ResourceOptions(parent=self, depends_on=list(args.after))
        self.service_name = SERVICE
        before = [*self._accounts(), *self._maps(), *self._policies()]
        bootstrap = self._bootstrap(before)
        self._deployment([*before, bootstrap])
        self._service()
        self._disruption_budget()
        self.register_outputs({"serviceName": self.service_name})

    def _metadata(self, object_name: str, **more: Any) -> kubernetes.meta.v1.ObjectMetaArgs:
        return kubernetes.meta.v1.ObjectMetaArgs(
            name=object_name, namespace=self._args.namespace, labels=GATEWAY_LABELS, **more
        )

    def _accounts(self) -> list[pulumi.Resource]:
        return [
            kubernetes.core.v1.ServiceAccount(
                f"{self._name}-{account}-account",
                metadata=self._metadata(account),
                automount_service_account_token=False,
                opts=self._first,
            )
            for account in (SERVICE_ACCOUNT, BOOTSTRAP_ACCOUNT)
        ]

    def _maps(self) -> list[pulumi.Resource]:
        """None holds a secret: configuration names variables, addresses are host names and ids."""
        contents: dict[str, Mapping[str, Any]] = {
            pod.CONFIG_MAP: {pod.CONFIG_FILE: process.configuration_text(self._args.gateway)},
            pod.ADDRESSES_MAP: self._args.addresses,
            pod.BOOTSTRAP_MAP: self._args.bootstrap_addresses,
        }
        return [
            kubernetes.core.v1.ConfigMap(
                f"{self._name}-{map_name}", metadata=self._metadata(map_name), data=data, opts=self._first
            )
            for map_name, data in contents.items()
        ]

    def _bootstrap(self, before: list[pulumi.Resource]) -> kubernetes.batch.v1.Job:
        return kubernetes.batch.v1.Job(
            f"{self._name}-bootstrap",
            metadata=self._metadata("gateway-init"),
            spec=kubernetes.batch.v1.JobSpecArgs(
                backoff_limit=3,
                template=kubernetes.core.v1.PodTemplateSpecArgs(
                    metadata=kubernetes.meta.v1.ObjectMetaArgs(labels=BOOTSTRAP_LABELS),
                    spec=pod.bootstrap_pod(self._pods),
                ),
            ),
            opts=pulumi.ResourceOptions(parent=self, depends_on=before),
        )

    def _deployment(self, before: list[pulumi.Resource]) -> None:
        gateway = self._args.gateway
        digest = hashlib.sha256(process.configuration_text(gateway).encode()).hexdigest()
        kubernetes.apps.v1.Deployment(
            f"{self._name}-deployment",
            metadata=self._metadata(SERVICE),
            spec=kubernetes.apps.v1.DeploymentSpecArgs(
                replicas=gateway.replicas,
                selector=kubernetes.meta.v1.LabelSelectorArgs(match_labels=GATEWAY_LABELS),
                revision_history_limit=3,
                strategy=kubernetes.apps.v1.DeploymentStrategyArgs(
                    type="RollingUpdate",
                    rolling_update=kubernetes.apps.v1.RollingUpdateDeploymentArgs(
                        max_surge=1, max_unavailable=0
                    ),
                ),
                template=kubernetes.core.v1.PodTemplateSpecArgs(
                    metadata=kubernetes.meta.v1.ObjectMetaArgs(
                        # a changed file alone would not restart the pods that have read the old one
                        labels=GATEWAY_LABELS,
                        annotations={"inferplan/configuration": digest},
                    ),
                    spec=pod.gateway_pod(self._pods),
                ),
            ),
            opts=pulumi.ResourceOptions(
                parent=self,
                depends_on=before,
                custom_timeouts=pulumi.CustomTimeouts(create="20m", update="20m"),
            ),
        )

    def _service(self) -> None:
        gateway = self._args.gateway
        kubernetes.core.v1.Service(
            f"{self._name}-service",
            metadata=self._metadata(SERVICE),
            spec=kubernetes.core.v1.ServiceSpecArgs(
                type="NodePort" if self._args.balancer else "ClusterIP",
                # Local keeps the balancer's own address as the source, which the policy below admits.
                external_traffic_policy="Local" if self._args.balancer else None,
                selector=GATEWAY_LABELS,
                ports=[
                    kubernetes.core.v1.ServicePortArgs(
                        name="http",
                        port=gateway.port,
                        target_port="http",
                        node_port=NODE_PORT if self._args.balancer else None,
                    )
                ],
            ),
            opts=self._first,
        )

    def _disruption_budget(self) -> None:
        kubernetes.policy.v1.PodDisruptionBudget(
            f"{self._name}-disruption-budget",
            metadata=self._metadata(SERVICE),
            spec=kubernetes.policy.v1.PodDisruptionBudgetSpecArgs(
                max_unavailable=1,
                selector=kubernetes.meta.v1.LabelSelectorArgs(match_labels=GATEWAY_LABELS),
            ),
            opts=self._first,
        )

    def _policies(self) -> list[pulumi.Resource]:
        """In: balancer, else callers' namespaces. Out: stores, model servers, AWS endpoints, the firewall."""
        args = self._args
        by_tier = {
            tier: [subnet.cidr for subnet in args.network.subnets if subnet.tier == tier]
            for tier in ("balancer", "database", "endpoint")
        }
        networking = kubernetes.networking.v1
        into = networking.NetworkPolicyIngressRuleArgs
        out = networking.NetworkPolicyEgressRuleArgs
        stores = [addresses(cidr) for cidr in by_tier["database"]]
        egress = [
            out(to=stores, ports=[port(database.PORT), port(cache.PORT)]),
            *(
                out(to=[peer(args.server_namespace, pod_labels(server.name))], ports=[port(server.port)])
                for server in args.servers
            ),
            # Routes and security group of the gateway's nodes lead to the firewall only.
            *([out(to=[addresses("0.0.0.0/0")], ports=[port(443)])] if args.network.firewall else []),
        ]
        rules: dict[str, tuple[dict[str, str], dict[str, Any]]] = {
            "egress": (GATEWAY_LABELS, {"policy_types": ["Egress"], "egress": egress}),
            "bootstrap": (
                BOOTSTRAP_LABELS,
                {"policy_types": ["Egress"], "egress": [out(to=stores, ports=[port(database.PORT)])]},
            ),
        }
        if args.balancer:
            entrance = into(
                from_=[addresses(cidr) for cidr in by_tier["balancer"]], ports=[port(args.gateway.port)]
            )
            rules["from-balancer"] = (GATEWAY_LABELS, {"policy_types": ["Ingress"], "ingress": [entrance]})
        else:
            callers = networking.NetworkPolicyPeerArgs(
                namespace_selector=kubernetes.meta.v1.LabelSelectorArgs(match_labels=CALLER_LABELS)
            )
            entrance = into(from_=[callers], ports=[port(args.gateway.port)])
            rules["from-callers"] = (GATEWAY_LABELS, {"policy_types": ["Ingress"], "ingress": [entrance]})
        policies: list[pulumi.Resource] = [
            networking.NetworkPolicy(
                f"{self._name}-{role}",
                metadata=self._metadata(f"gateway-{role}"),
                spec=networking.NetworkPolicySpecArgs(
                    pod_selector=kubernetes.meta.v1.LabelSelectorArgs(match_labels=labels), **spec
                ),
                opts=self._first,
            )
            for role, (labels, spec) in rules.items()
        ]
        for role, labels in (("gateway", GATEWAY_LABELS), ("gateway-init", BOOTSTRAP_LABELS)):
            policies.append(
                AwsEgress(
                    f"{self._name}-{role}-aws",
                    AwsEgressArgs(
                        namespace=args.namespace, pod_labels=labels, endpoint_cidrs=by_tier["endpoint"]
                    ),
                    self._first,
                )
            )
        return policies
