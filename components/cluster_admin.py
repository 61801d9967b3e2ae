"""Who may administer a cluster: an access entry of EKS with the one policy that lets it.

Not here: who that is (the plan names people, the runner is one), and the cluster itself (cluster).
"""

from __future__ import annotations

from collections.abc import Sequence

import pulumi
import pulumi_aws as aws

_POLICY = "AmazonEKSClusterAdminPolicy"


def admit(
    name: str,
    *,
    cluster_name: pulumi.Input[str],
    principal_arn: str,
    partition: str,
    parent: pulumi.Resource,
    after: Sequence[pulumi.Resource] = (),
) -> None:
    """Let a role or user administer the whole cluster."""
    entry = aws.eks.AccessEntry(
        name,
        cluster_name=cluster_name,
        principal_arn=principal_arn,
        type="STANDARD",
        opts=pulumi.ResourceOptions(parent=parent, depends_on=list(after)),
    )
    aws.eks.AccessPolicyAssociation(
        f"{name}-policy",
        cluster_name=cluster_name,
        principal_arn=principal_arn,
        policy_arn=f"arn:{partition}:eks::aws:cluster-access-policy/{_POLICY}",
        access_scope=aws.eks.AccessPolicyAssociationAccessScopeArgs(type="cluster"),
        opts=pulumi.ResourceOptions(parent=parent, depends_on=[entry]),
    )
