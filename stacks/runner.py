"""The way into the cluster from inside the VPC: a security group that reaches it, and the build that uses it.

Not here: the tunnel through a system node (node_roles) and manifests for others to apply (inferplan.report).
"""

from __future__ import annotations

import pulumi

from components.cluster import Cluster
from components.deployment import Deployment
from components.names import Names
from components.runner_access import RunnerAccess, RunnerAccessArgs
from components.runner_build import RunnerBuild, RunnerBuildArgs
from inferplan.records.plan import Plan
from stacks.shared import Base

LOGS = "runner"


def runner_logs(plan: Plan, names: Names) -> dict[str, str]:
    """The log group of the runner's builds, where there is one."""
    return {LOGS: names.log_group(LOGS)} if plan.cluster and plan.cluster.runner else {}


def runner(
    deployment: Deployment,
    plan: Plan,
    base: Base,
    cluster: Cluster,
    control_plane_group_id: pulumi.Input[str],
) -> None:
    """Everything that a stack with `deploy_from: vpc-runner` has for it."""
    if plan.cluster is None or plan.cluster.deploy_from != "vpc-runner":
        return
    if base.endpoints.s3_prefix_list_id is None:
        raise ValueError("a runner without an S3 gateway endpoint cannot read its state")
    access = RunnerAccess(
        f"{plan.name}-runner",
        RunnerAccessArgs(
            vpc_id=base.network.vpc_id,
            control_plane_group_id=control_plane_group_id,
            endpoint_security_group_id=base.network.endpoint_security_group_id,
            s3_prefix_list_id=base.endpoints.s3_prefix_list_id,
        ),
        deployment.options(),
    )
    pulumi.export("runnerSecurityGroup", access.security_group_id)
    planned = plan.cluster.runner
    if planned is None or plan.network.state_bucket is None:
        return
    names = deployment.names
    RunnerBuild(
        f"{plan.name}-runner-build",
        RunnerBuildArgs(
            names=names,
            runner=planned,
            state_bucket=plan.network.state_bucket,
            cluster_name=cluster.cluster_name,
            vpc_id=base.network.vpc_id,
            subnet_ids=base.network.subnet_ids["system"],
            security_group_id=access.security_group_id,
            log_group=base.logs.groups[LOGS],
            log_group_name=names.log_group(LOGS),
            data_key_arn=base.keys.arns["data"],
            after=(cluster,),
        ),
        deployment.options(depends_on=[access, base.endpoints]),
    )
    pulumi.export("runnerProject", planned.project)
