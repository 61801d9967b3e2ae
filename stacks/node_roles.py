"""The roles of a cluster's nodes and of the driver that gives pods their volumes, by AWS's own policies.

Not here: roles whose policies are our own, of the gateway (components) and of the weights' driver.
"""

from __future__ import annotations

from components import iam
from components.deployment import Deployment
from components.role import Role, RoleArgs
from inferplan.records.plan import Plan

_NODE_POLICIES = {
    "node": "AmazonEKSWorkerNodePolicy",
    "cni": "AmazonEKS_CNI_Policy",
    "registry": "AmazonEC2ContainerRegistryPullOnly",
}

TUNNEL_POLICY = "AmazonSSMManagedInstanceCore"  # Session Manager forwards the tunnel's port through a node


def node_role(deployment: Deployment, plan: Plan, kind: str, more: dict[str, str] | None = None) -> Role:
    """What a kind of nodes may do: join, pull images, and `more` by short names of AWS's own policies."""
    names, policies = deployment.names, _NODE_POLICIES | (more or {})
    return Role(
        f"{plan.name}-{kind}-nodes",
        RoleArgs(
            role_name=names.fixed(f"{kind}-node"),
            trust=iam.trust(names, "ec2"),
            managed={short: names.aws_policy_arn(policy) for short, policy in policies.items()},
        ),
        deployment.options(),
    )


def volumes_role(deployment: Deployment, plan: Plan) -> Role:
    """The EBS driver checks its rights when it starts, whether or not anything asks for a volume."""
    names = deployment.names
    return Role(
        f"{plan.name}-volumes",
        RoleArgs(
            role_name=names.fixed("volumes"),
            trust=iam.pod_identity_trust(names),
            managed={"driver": names.aws_policy_arn("AmazonEBSCSIDriverPolicyV2")},
        ),
        deployment.options(),
    )
