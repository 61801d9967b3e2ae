"""KEDA: it asks the reader how much load there is, and lets Kubernetes' own autoscaler set the replicas.

Object by object, so that rules and reviewers see all of it.
Not here: what is asked, and between which numbers (watched_server).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes

from components.isolated_namespace import addresses, peer, port
from components.watch import names, service_pod

USER = 65532
CERTIFICATES = "kedaorg-certs"  # the operator makes it, and renews it
# Where the API server answers inside: the first address of either range that EKS takes for Services.
API_SERVICES = ("10.100.0.1/32", "172.20.0.1/32")
_READ, _WRITE = ["get", "list", "watch"], ["get", "list", "patch", "update", "watch"]
_OWN = ["create", "delete", "get", "list", "patch", "update", "watch"]
Rights = tuple[tuple[list[str], list[str], list[str]], ...]

# The project's own roles read every Secret and object of the cluster; here it sees one namespace.
CLUSTER_RIGHTS: Rights = (
    (["keda.sh"], ["clustertriggerauthentications", "clustertriggerauthentications/status"], _WRITE),
    (["eventing.keda.sh"], ["clustercloudeventsources", "clustercloudeventsources/status"], _WRITE),
    (["apiregistration.k8s.io"], ["apiservices"], _WRITE),
    (["", "events.k8s.io"], ["events"], ["create", "patch"]),
)
SERVERS_RIGHTS: Rights = (
    (
        ["keda.sh"],
        [
            f"{kind}{part}"
            for kind in ("scaledobjects", "scaledjobs", "triggerauthentications")
            for part in ("", "/status", "/finalizers")
        ],
        _WRITE,
    ),
    (["eventing.keda.sh"], ["cloudeventsources", "cloudeventsources/status"], _WRITE),
    (["autoscaling"], ["horizontalpodautoscalers"], _OWN),
    (["apps"], ["deployments", "statefulsets", "replicasets"], _READ),
    (["apps"], ["deployments/scale"], _WRITE),
    (["batch"], ["jobs"], _READ),
    ([""], ["pods", "services", "limitranges"], _READ),
)
OWN_RIGHTS: Rights = (
    ([""], ["secrets"], _OWN),
    (["coordination.k8s.io"], ["leases"], _OWN),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class ScalerArgs:
    """`api_cidrs` are where the interfaces of the control plane stand."""

    image: str
    answerer_image: str
    servers_namespace: str
    reader_namespace: str
    api_cidrs: Sequence[str]


class Scaler(pulumi.ComponentResource):
    """Operator and metrics server; depend on the component before using its kinds."""

    def __init__(self, name: str, args: ScalerArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("inferplan:index:Scaler", name, None, opts)
        self._name, self._args, self._child = name, args, pulumi.ResourceOptions(parent=self)
        before = [*self._kinds(), *self._rights(), *self._policies()]
        operator = self._operator(before)
        answerer = self._answerer([*before, operator])
        for service_name, number, target in (
            (names.SCALER, names.SCALER_PORT, "metrics"),
            (names.ANSWERER, 443, "https"),
        ):
            self._service(service_name, number, target)
        kubernetes.apiregistration.v1.APIService(
            f"{name}-api",
            metadata=kubernetes.meta.v1.ObjectMetaArgs(
                name="v1beta1.external.metrics.k8s.io", labels=service_pod.labels(names.ANSWERER)
            ),
            # The operator adds the authority of its certificate: said nowhere here, nothing takes it away.
            spec=kubernetes.apiregistration.v1.APIServiceSpecArgs(
                group="external.metrics.k8s.io",
                version="v1beta1",
                group_priority_minimum=100,
                version_priority=100,
                service=kubernetes.apiregistration.v1.ServiceReferenceArgs(
                    name=names.ANSWERER, namespace=names.SCALER_NAMESPACE
                ),
            ),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[answerer]),
        )
        self.register_outputs({})

    def _kinds(self) -> list[pulumi.Resource]:
        return [
            kubernetes.apiextensions.CustomResource(
                f"{self._name}-{one['name']}",
                api_version="apiextensions.k8s.io/v1",
                kind="CustomResourceDefinition",
                metadata=kubernetes.meta.v1.ObjectMetaArgs(name=one["name"]),
                spec=one["spec"],
                opts=self._child,
            )
            for one in kinds()
        ]

    def _rights(self) -> list[pulumi.Resource]:
        rbac = kubernetes.rbac.v1
        account = rbac.SubjectArgs(kind="ServiceAccount", name=names.SCALER, namespace=names.SCALER_NAMESPACE)
        autoscaler = rbac.SubjectArgs(
            kind="ServiceAccount", name="horizontal-pod-autoscaler", namespace="kube-system"
        )
        group = "rbac.authorization.k8s.io"
        made: list[pulumi.Resource] = [
            kubernetes.core.v1.ServiceAccount(
                f"{self._name}-account", metadata=self._metadata(names.SCALER), opts=self._child
            )
        ]
        for role, subject, rights in (
            (names.SCALER, account, CLUSTER_RIGHTS),
            ("keda-external-metrics-reader", autoscaler, ((["external.metrics.k8s.io"], ["*"], _READ),)),
        ):
            metadata = service_pod.metadata(role, None)
            made += [
                rbac.ClusterRole(
                    f"{self._name}-{role}", metadata=metadata, rules=_rules(rights), opts=self._child
                ),
                rbac.ClusterRoleBinding(
                    f"{self._name}-{role}-binding",
                    metadata=metadata,
                    role_ref=rbac.RoleRefArgs(api_group=group, kind="ClusterRole", name=role),
                    subjects=[subject],
                    opts=self._child,
                ),
            ]
        for namespace, rights in (
            (names.SCALER_NAMESPACE, OWN_RIGHTS),
            (self._args.servers_namespace, SERVERS_RIGHTS),
        ):
            metadata = service_pod.metadata(names.SCALER, namespace)
            made += [
                rbac.Role(
                    f"{self._name}-in-{namespace}", metadata=metadata, rules=_rules(rights), opts=self._child
                ),
                rbac.RoleBinding(
                    f"{self._name}-in-{namespace}-binding",
                    metadata=metadata,
                    role_ref=rbac.RoleRefArgs(api_group=group, kind="Role", name=names.SCALER),
                    subjects=[account],
                    opts=self._child,
                ),
            ]
        # What every further API server needs: to ask who is calling, and by which authority.
        made.append(
            rbac.ClusterRoleBinding(
                f"{self._name}-auth-delegator",
                metadata=service_pod.metadata("keda-auth-delegator", None),
                role_ref=rbac.RoleRefArgs(api_group=group, kind="ClusterRole", name="system:auth-delegator"),
                subjects=[account],
                opts=self._child,
            )
        )
        made.append(
            rbac.RoleBinding(
                f"{self._name}-auth-reader",
                metadata=service_pod.metadata("keda-auth-reader", "kube-system"),
                role_ref=rbac.RoleRefArgs(
                    api_group=group, kind="Role", name="extension-apiserver-authentication-reader"
                ),
                subjects=[account],
                opts=self._child,
            )
        )
        return made

    def _policies(self) -> list[pulumi.Resource]:
        """Both ask the API server, the operator the reader; the API server asks the metrics server."""
        networking, namespace = kubernetes.networking.v1, names.SCALER_NAMESPACE
        out, into = networking.NetworkPolicyEgressRuleArgs, networking.NetworkPolicyIngressRuleArgs
        labels = service_pod.labels
        control_plane = [addresses(cidr) for cidr in self._args.api_cidrs]
        to_api = out(to=[*control_plane, *(addresses(cidr) for cidr in API_SERVICES)], ports=[port(443)])
        spoken = {
            names.SCALER: (
                [into(from_=[peer(namespace, labels(names.ANSWERER))], ports=[port(names.SCALER_PORT)])],
                [
                    to_api,
                    out(
                        to=[peer(self._args.reader_namespace, labels(names.READER))],
                        ports=[port(names.READER_PORT)],
                    ),
                ],
            ),
            names.ANSWERER: (
                [into(from_=control_plane, ports=[port(names.ANSWERER_PORT)])],
                [
                    to_api,
                    out(to=[peer(namespace, labels(names.SCALER))], ports=[port(names.SCALER_PORT)]),
                ],
            ),
        }
        return [
            networking.NetworkPolicy(
                f"{self._name}-{pod}-policy",
                metadata=self._metadata(pod),
                spec=networking.NetworkPolicySpecArgs(
                    pod_selector=kubernetes.meta.v1.LabelSelectorArgs(match_labels=labels(pod)),
                    policy_types=["Ingress", "Egress"],
                    ingress=ingress,
                    egress=egress,
                ),
                opts=self._child,
            )
            for pod, (ingress, egress) in spoken.items()
        ]

    def _operator(self, before: list[pulumi.Resource]) -> pulumi.Resource:
        return service_pod.deployment(
            f"{self._name}-operator",
            service_pod.ServicePodArgs(
                name=names.SCALER,
                namespace=names.SCALER_NAMESPACE,
                image=self._args.image,
                user=USER,
                command=["/keda"],
                arguments=operator_arguments(),
                ports={"metrics": names.SCALER_PORT, "health": 8081},
                cpu="10m",
                memory="192Mi",
                env=_environment(self._args.servers_namespace),
                ready=service_pod.http("/readyz", "health"),
                volumes={"/certs": _certificates(optional=True)},
                service_account=names.SCALER,
                talks_to_api=True,
            ),
            pulumi.ResourceOptions(parent=self, depends_on=before),
        )

    def _answerer(self, before: list[pulumi.Resource]) -> pulumi.Resource:
        return service_pod.deployment(
            f"{self._name}-answerer",
            service_pod.ServicePodArgs(
                name=names.ANSWERER,
                namespace=names.SCALER_NAMESPACE,
                image=self._args.answerer_image,
                user=USER,
                command=["/keda-adapter"],
                arguments=answerer_arguments(),
                ports={"https": names.ANSWERER_PORT},
                cpu="10m",
                memory="128Mi",
                env=_environment(self._args.servers_namespace),
                ready=service_pod.http("/readyz", "https", scheme="HTTPS"),
                volumes={
                    "/certs": _certificates(optional=False),
                    "/tmp": service_pod.scratch("tmp", "64Mi"),
                },
                service_account=names.SCALER,
                talks_to_api=True,
            ),
            pulumi.ResourceOptions(parent=self, depends_on=before),
        )

    def _service(self, service_name: str, number: int, target: str) -> None:
        kubernetes.core.v1.Service(
            f"{self._name}-{service_name}-service",
            metadata=self._metadata(service_name),
            spec=kubernetes.core.v1.ServiceSpecArgs(
                type="ClusterIP",
                selector=service_pod.labels(service_name),
                ports=[kubernetes.core.v1.ServicePortArgs(name=target, port=number, target_port=target)],
            ),
            opts=self._child,
        )

    def _metadata(self, object_name: str) -> kubernetes.meta.v1.ObjectMetaArgs:
        return service_pod.metadata(object_name, names.SCALER_NAMESPACE)


def kinds() -> list[dict[str, Any]]:
    """The operator's kinds, one and all: it does not start where one is missing."""
    found: list[dict[str, Any]] = json.loads(Path(__file__).with_name("keda_crds.json").read_text())
    return found


def operator_arguments() -> list[str]:
    """There is no admission webhook, so there is none to keep up to date."""
    return [
        "--leader-elect",
        "--zap-log-level=info",
        "--zap-encoder=console",
        "--enable-cert-rotation=true",
        "--enable-webhook-patching=false",
        f"--metrics-service-bind-address=:{names.SCALER_PORT}",
    ]


def answerer_arguments() -> list[str]:
    return [
        f"--secure-port={names.ANSWERER_PORT}",
        "--zap-log-level=error",
        "--client-ca-file=/certs/ca.crt",
        "--tls-cert-file=/certs/tls.crt",
        "--tls-private-key-file=/certs/tls.key",
        "--cert-dir=/certs",
    ]


def _environment(servers_namespace: str) -> dict[str, Any]:
    own = kubernetes.core.v1.EnvVarSourceArgs(
        field_ref=kubernetes.core.v1.ObjectFieldSelectorArgs(field_path="metadata.namespace")
    )
    return {
        "POD_NAMESPACE": own,
        "WATCH_NAMESPACE": servers_namespace,
        "KEDA_RESTRICT_SECRET_ACCESS": "true",
    }


def _certificates(*, optional: bool) -> kubernetes.core.v1.VolumeArgs:
    return kubernetes.core.v1.VolumeArgs(
        name="certificates",
        secret=kubernetes.core.v1.SecretVolumeSourceArgs(secret_name=CERTIFICATES, optional=optional),
    )


def _rules(rights: Rights) -> list[kubernetes.rbac.v1.PolicyRuleArgs]:
    return [
        kubernetes.rbac.v1.PolicyRuleArgs(api_groups=groups, resources=resources, verbs=verbs)
        for groups, resources, verbs in rights
    ]
