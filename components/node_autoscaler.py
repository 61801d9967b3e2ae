"""The Cluster Autoscaler: it brings GPU nodes when pods wait and takes them away when nothing runs on them.

Not here: the limits (each node group has its maximum) and the scaling of pods.
"""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as kubernetes

from components import iam
from components.names import Names
from components.role import Role, RoleArgs

IMAGE = "cluster-autoscaler"
NAMESPACE = "kube-system"
SERVICE_ACCOUNT = "cluster-autoscaler"
_PORT = 8085  # where it answers by default: metrics and its own health
_LABELS = {"app.kubernetes.io/name": SERVICE_ACCOUNT}
_READ = ["get", "list", "watch"]

_CLUSTER_RULES: tuple[tuple[list[str], list[str], list[str]], ...] = (
    ([""], ["events"], ["create", "patch"]),
    ([""], ["pods/eviction"], ["create"]),
    ([""], ["pods/status"], ["update"]),
    ([""], ["nodes"], [*_READ, "update"]),
    (
        [""],
        [
            "namespaces",
            "pods",
            "services",
            "replicationcontrollers",
            "persistentvolumeclaims",
            "persistentvolumes",
        ],
        _READ,
    ),
    (["apps"], ["statefulsets", "replicasets", "daemonsets"], _READ),
    (["batch"], ["jobs"], _READ),
    (["policy"], ["poddisruptionbudgets"], _READ),
    (
        ["storage.k8s.io"],
        ["storageclasses", "csinodes", "csidrivers", "csistoragecapacities", "volumeattachments"],
        _READ,
    ),
    (["resource.k8s.io"], ["deviceclasses", "resourceclaims", "resourceslices"], _READ),
)
_OWN_RULES: tuple[tuple[list[str], list[str], list[str]], ...] = (
    ([""], ["configmaps"], ["create", *_READ, "update", "delete"]),
    (["coordination.k8s.io"], ["leases"], ["create", "get", "update"]),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class AutoscalerAccessArgs:
    names: Names
    cluster_name: str
    cluster: pulumi.Resource


class AutoscalerAccess(pulumi.ComponentResource):
    """The AWS half: a role that may resize this cluster's groups and no others, given by pod identity."""

    def __init__(
        self, name: str, args: AutoscalerAccessArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("inferplan:index:AutoscalerAccess", name, None, opts)
        names = args.names
        role = Role(
            f"{name}-access",
            RoleArgs(
                role_name=names.fixed("autoscaler"),
                trust=iam.pod_identity_trust(names),
                managed={},
                policy=iam.policy(
                    [
                        {
                            "Sid": "Look",  # none of these can be limited to a resource
                            "Effect": "Allow",
                            "Action": [
                                "autoscaling:DescribeAutoScalingGroups",
                                "autoscaling:DescribeAutoScalingInstances",
                                "autoscaling:DescribeLaunchConfigurations",
                                "autoscaling:DescribeScalingActivities",
                                "ec2:DescribeImages",
                                "ec2:DescribeInstanceTypes",
                                "ec2:DescribeLaunchTemplateVersions",
                                "ec2:GetInstanceTypesFromInstanceRequirements",
                            ],
                            "Resource": "*",
                        },
                        {
                            "Sid": "NodeGroups",
                            "Effect": "Allow",
                            "Action": "eks:DescribeNodegroup",
                            "Resource": names.arn("eks", f"nodegroup/{args.cluster_name}/*/*"),
                        },
                        {
                            "Sid": "Resize",
                            "Effect": "Allow",
                            "Action": [
                                "autoscaling:SetDesiredCapacity",
                                "autoscaling:TerminateInstanceInAutoScalingGroup",
                            ],
                            "Resource": names.arn("autoscaling", "autoScalingGroup:*"),
                            "Condition": {
                                "StringEquals": {
                                    f"aws:ResourceTag/k8s.io/cluster-autoscaler/{args.cluster_name}": "owned"
                                }
                            },
                        },
                    ]
                ),
            ),
            pulumi.ResourceOptions(parent=self),
        )
        aws.eks.PodIdentityAssociation(
            f"{name}-association",
            cluster_name=args.cluster_name,
            namespace=NAMESPACE,
            service_account=SERVICE_ACCOUNT,
            role_arn=role.arn,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[args.cluster]),
        )
        self.register_outputs({})


@dataclass(frozen=True, kw_only=True, slots=True)
class NodeAutoscalerArgs:
    image: str
    cluster_name: str
    region: str


class NodeAutoscaler(pulumi.ComponentResource):
    """The Kubernetes half, in kube-system beside the other services of the cluster."""

    def __init__(
        self, name: str, args: NodeAutoscalerArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("inferplan:index:NodeAutoscaler", name, None, opts)
        self._name, self._child = name, pulumi.ResourceOptions(parent=self)
        kubernetes.core.v1.ServiceAccount(f"{name}-service-account", metadata=_metadata(), opts=self._child)
        self._allow()
        kubernetes.apps.v1.Deployment(
            f"{name}-deployment",
            metadata=_metadata(),
            spec=kubernetes.apps.v1.DeploymentSpecArgs(
                replicas=1,
                selector=kubernetes.meta.v1.LabelSelectorArgs(match_labels=_LABELS),
                template=kubernetes.core.v1.PodTemplateSpecArgs(
                    metadata=kubernetes.meta.v1.ObjectMetaArgs(labels=_LABELS), spec=_pod(args)
                ),
            ),
            opts=self._child,
        )
        self.register_outputs({})

    def _allow(self) -> None:
        rbac = kubernetes.rbac.v1
        subject = rbac.SubjectArgs(kind="ServiceAccount", name=SERVICE_ACCOUNT, namespace=NAMESPACE)
        rbac.ClusterRole(
            f"{self._name}-cluster-role",
            metadata=_cluster_metadata(),
            rules=_rules(_CLUSTER_RULES),
            opts=self._child,
        )
        rbac.ClusterRoleBinding(
            f"{self._name}-cluster-role-binding",
            metadata=_cluster_metadata(),
            role_ref=rbac.RoleRefArgs(
                api_group="rbac.authorization.k8s.io", kind="ClusterRole", name=SERVICE_ACCOUNT
            ),
            subjects=[subject],
            opts=self._child,
        )
        rbac.Role(f"{self._name}-role", metadata=_metadata(), rules=_rules(_OWN_RULES), opts=self._child)
        rbac.RoleBinding(
            f"{self._name}-role-binding",
            metadata=_metadata(),
            role_ref=rbac.RoleRefArgs(
                api_group="rbac.authorization.k8s.io", kind="Role", name=SERVICE_ACCOUNT
            ),
            subjects=[subject],
            opts=self._child,
        )


def _metadata() -> kubernetes.meta.v1.ObjectMetaArgs:
    return kubernetes.meta.v1.ObjectMetaArgs(name=SERVICE_ACCOUNT, namespace=NAMESPACE, labels=_LABELS)


def _cluster_metadata() -> kubernetes.meta.v1.ObjectMetaArgs:
    return kubernetes.meta.v1.ObjectMetaArgs(name=SERVICE_ACCOUNT, labels=_LABELS)


def _rules(
    rules: tuple[tuple[list[str], list[str], list[str]], ...],
) -> list[kubernetes.rbac.v1.PolicyRuleArgs]:
    return [
        kubernetes.rbac.v1.PolicyRuleArgs(api_groups=groups, resources=resources, verbs=verbs)
        for groups, resources, verbs in rules
    ]


def _pod(args: NodeAutoscalerArgs) -> kubernetes.core.v1.PodSpecArgs:
    core = kubernetes.core.v1
    found_by = f"k8s.io/cluster-autoscaler/enabled,k8s.io/cluster-autoscaler/{args.cluster_name}"
    return core.PodSpecArgs(
        service_account_name=SERVICE_ACCOUNT,
        enable_service_links=False,
        priority_class_name="system-cluster-critical",
        security_context=core.PodSecurityContextArgs(
            run_as_non_root=True,
            run_as_user=65534,
            seccomp_profile=core.SeccompProfileArgs(type="RuntimeDefault"),
        ),
        containers=[
            core.ContainerArgs(
                name="cluster-autoscaler",
                image=args.image,
                command=["./cluster-autoscaler"],
                args=[
                    "--cloud-provider=aws",
                    f"--node-group-auto-discovery=asg:tag={found_by}",
                    # Without --aws-use-static-instance-list, whose list of 1.36 lacks p5e, p6-b300 and g7:
                    # types come from ec2:DescribeInstanceTypes, which endpoint and role allow.
                    "--balance-similar-node-groups=true",
                    "--skip-nodes-with-local-storage=false",
                    "--expander=least-waste",
                ],
                env=[core.EnvVarArgs(name="AWS_REGION", value=args.region)],
                ports=[core.ContainerPortArgs(name="http", container_port=_PORT)],
                # It answers with an error once it has not finished a round for ten minutes.
                liveness_probe=core.ProbeArgs(
                    http_get=core.HTTPGetActionArgs(path="/health-check", port="http"),
                    initial_delay_seconds=60,
                    period_seconds=30,
                    failure_threshold=4,
                    timeout_seconds=5,
                ),
                readiness_probe=core.ProbeArgs(
                    http_get=core.HTTPGetActionArgs(path="/health-check", port="http"),
                    period_seconds=10,
                    timeout_seconds=5,
                ),
                resources=core.ResourceRequirementsArgs(
                    requests={"cpu": "100m", "memory": "600Mi"}, limits={"memory": "600Mi"}
                ),
                security_context=core.SecurityContextArgs(
                    allow_privilege_escalation=False,
                    read_only_root_filesystem=True,
                    capabilities=core.CapabilitiesArgs(drop=["ALL"]),
                ),
            )
        ],
    )
