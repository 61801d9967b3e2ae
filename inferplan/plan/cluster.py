"""The cluster around own weights: version, add-ons in working order, administrators, system nodes.

Not here: how many system nodes (system_nodes), GPU nodes (own_weights) and resources (components).
"""

from __future__ import annotations

from inferplan.plan.case import Case
from inferplan.plan.given import given_cluster
from inferplan.plan.system_nodes import plan_system_nodes
from inferplan.records.notes import Notes
from inferplan.records.plan import Cluster, GatewayService, GivenCluster, Runner

KUBERNETES_VERSION = "1.36"
NAMESPACE = "inference"
WEIGHTS_DRIVER = "aws-mountpoint-s3-csi-driver"

# In the order in which they work (field notes 6): networking before nodes, the rest once system nodes exist.
ADDONS = (
    "vpc-cni",
    "kube-proxy",
    "eks-pod-identity-agent",
    "coredns",
    "metrics-server",
    "aws-ebs-csi-driver",
    WEIGHTS_DRIVER,
    "eks-node-monitoring-agent",
    "kube-state-metrics",
)


def plan_cluster(
    case: Case, gateway: GatewayService, runner: Runner | None, notes: Notes, *, gateway_apart: bool
) -> Cluster:
    """The cluster of a stack with own weights; add-on versions come from the lock, None is pending.

    `gateway_apart`: the gateway has nodes of its own, as it has a way out.
    """
    declaration, said = case.declaration, case.spec.cluster
    admins = said.admins
    if not admins and declaration.account.deploy_role is not None:
        admins = notes.default(
            "cluster.admins",
            (declaration.account.deploy_role,),
            "the account's deploy role: with nobody named, nobody could get in",
        )
    if not admins:
        notes.warn(
            "cluster.admins: nobody is named and the account has no deploy_role: nobody could administer it"
        )
    locked = declaration.lock.addons if declaration.lock else {}
    given = given_cluster(declaration)
    if given is not None and given.version != KUBERNETES_VERSION:
        notes.warn(
            f"cluster.existing: {case.name} is planned for Kubernetes {KUBERNETES_VERSION}, the cluster has "
            f"{given.version}: add-ons and images follow the cluster only where the lock pins them for it"
        )
    if given is not None and WEIGHTS_DRIVER in given.addons:
        notes.warn(
            f"cluster.existing: its owner's {WEIGHTS_DRIVER} has to be allowed to read the weights bucket, "
            "as one identity reads for the whole cluster"
        )
    instance_type, nodes = plan_system_nodes(case, gateway, notes, apart=gateway_apart)
    if said.access != "private":
        notes.warn("cluster.access opens the API to address ranges; private is the default")
    return Cluster(
        name=said.existing.name if said.existing else case.name,
        version=given.version if given else KUBERNETES_VERSION,
        public_cidrs=() if said.access == "private" else said.access.cidrs,
        admins=admins,
        deploy_from=said.deploy_from,
        addons={name: locked.get(name) for name in ADDONS if given is None or name not in given.addons},
        system_instance_type=instance_type,
        system_nodes=nodes,
        namespace=NAMESPACE,
        control_plane_egress="CUSTOMER_ROUTED",
        existing=_given(case),
        runner=runner,
    )


def _given(case: Case) -> GivenCluster | None:
    registered = given_cluster(case.declaration)
    if registered is None:
        return None
    return GivenCluster(
        endpoint=registered.endpoint,
        certificate_authority=registered.certificate_authority,
        control_plane_group=registered.control_plane_group,
        services_group=registered.services_group,
    )
