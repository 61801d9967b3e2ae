"""What every stack starts from (keys, logs, network, endpoints, registry) and the joint of the two layers.

Not here: what makes the stacks differ (self_hosted, managed_api, hybrid) and the gateway (gateway).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes

from components import iam
from components.deployment import Deployment
from components.dns_firewall import DnsFirewall, DnsFirewallArgs
from components.endpoints import Endpoints, EndpointsArgs
from components.keys import Keys, KeysArgs
from components.logs import Logs, LogsArgs
from components.network import Network, NetworkArgs
from components.registry import Registry, RegistryArgs
from components.role import Role, RoleArgs
from components.runner_access import ROLE as RUNNER_ROLE
from inferplan.records.plan import Cluster, Plan

MIRROR_LOGS = "mirror"
LAST_PORT = 65535


@dataclass(frozen=True, kw_only=True, slots=True)
class Base:
    """The parts that both kinds of stack attach to."""

    keys: Keys
    logs: Logs
    network: Network
    endpoints: Endpoints


def base(deployment: Deployment, plan: Plan, *, keys: tuple[str, ...], logs: dict[str, str]) -> Base:
    """Make them; `keys` are purposes, `logs` further log groups by role."""
    names, production = deployment.names, is_production(plan)
    made_keys = Keys(
        f"{plan.name}-keys", KeysArgs(names=names, purposes=keys, keep=production), deployment.options()
    )
    own = plan.network.existing_vpc is None
    watched = {"flow": names.log_group("flow"), "dns": names.delivered_log_group("dns")} if own else {}
    groups = {MIRROR_LOGS: names.log_group(MIRROR_LOGS), **watched, **logs}
    made_logs = Logs(
        f"{plan.name}-logs",
        LogsArgs(
            names=names,
            groups=groups,
            retention_days=plan.log_retention_days,
            kms_key_arn=made_keys.arns["logs"],
            keep=production,
        ),
        deployment.options(),
    )
    network = Network(
        f"{plan.name}-network",
        NetworkArgs(
            network=plan.network,
            flow_logs=_flow_logs(deployment, plan, made_logs) if own else None,
        ),
        deployment.options(),
    )
    endpoints = Endpoints(
        f"{plan.name}-endpoints",
        EndpointsArgs(
            names=names,
            endpoints=plan.network.endpoints if own else (),
            s3_prefix_list=plan.network.s3_prefix_list,
            network=network,
            model_arns=bedrock_model_arns(plan),
            state_bucket=plan.network.state_bucket,
            deployers=_deployers(deployment, plan),
            buckets=tuple(bucket for bucket in (plan.weights_bucket, plan.config_bucket) if bucket),
        ),
        deployment.options(),
    )
    if own:
        DnsFirewall(
            f"{plan.name}-dns",
            DnsFirewallArgs(
                vpc_id=network.vpc_id,
                allow=plan.network.dns_allow,
                query_log_group_arn=made_logs.groups["dns"].arn,
            ),
            deployment.options(),
        )
    Registry(
        f"{plan.name}-registry",
        RegistryArgs(images=plan.pulled_images, kms_key_arn=made_keys.arns["data"], keep=production),
        deployment.options(),
    )
    return Base(keys=made_keys, logs=made_logs, network=network, endpoints=endpoints)


def _flow_logs(deployment: Deployment, plan: Plan, logs: Logs) -> tuple[pulumi.Input[str], pulumi.Input[str]]:
    """The group that flow logs go to, and the role that delivers them."""
    names = deployment.names
    role = Role(
        f"{plan.name}-flow-logs",
        RoleArgs(
            role_name=names.fixed("flow-logs"),
            trust=iam.trust(names, "vpc-flow-logs"),
            managed={},
            policy=iam.policy(
                [
                    {
                        "Sid": "Deliver",
                        "Effect": "Allow",
                        "Action": ["logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogStreams"],
                        "Resource": [logs.arns["flow"], f"{logs.arns['flow']}:*"],
                    },
                    {
                        "Sid": "Find",
                        "Effect": "Allow",
                        "Action": "logs:DescribeLogGroups",
                        "Resource": names.log_group_arn("*"),
                    },
                ]
            ),
        ),
        deployment.options(),
    )
    return logs.groups["flow"].arn, role.arn


def is_production(plan: Plan) -> bool:
    """Whether destroy leaves behind what may be needed as evidence, and protects the rest."""
    return plan.target.environment == "production"


def bedrock_model_arns(plan: Plan) -> tuple[str, ...]:
    """The models on Bedrock that the stack may call, for the two policies that name them."""
    return tuple(sorted({arn for vendor in plan.vendors for arn in vendor.model_arns}))


def _deployers(deployment: Deployment, plan: Plan) -> tuple[str, ...]:
    """Who may reach the state from inside the VPC, as far as anybody is named."""
    runner = deployment.names.role_arn(RUNNER_ROLE) if plan.cluster and plan.cluster.runner else None
    return tuple(role for role in (plan.deploy_role, runner) if role)


def export_plan(plan: Plan, layer: str, *, declaration_digest: str, plan_digest: str) -> None:
    """Which stack this is and of what it was made, in a few short lines; the root component has the rest."""
    decision = plan.decision
    pulumi.export("layer", layer)
    pulumi.export("declarationDigest", declaration_digest)
    pulumi.export("planDigest", plan_digest)
    pulumi.export("decision", f"asked for {decision.asked}, planned {decision.mode}")


def export_base(deployment: Deployment, base: Base) -> None:
    pulumi.export("vpcId", base.network.vpc_id)
    pulumi.export("subnetIds", base.network.subnet_ids)
    pulumi.export("logGroups", {role: group.name for role, group in base.logs.groups.items()})
    pulumi.export("registry", deployment.names.registry())


def foundation_of(deployment: Deployment, plan: Plan) -> pulumi.StackReference:
    """The outputs of the other layer, `inferplan:foundation` where its stack has another name."""
    usual = f"{pulumi.get_organization()}/{pulumi.get_project()}/{plan.name}.foundation"
    stack = pulumi.Config("inferplan").get("foundation") or usual
    return pulumi.StackReference(
        f"{plan.name}-foundation", stack_name=stack, opts=pulumi.ResourceOptions(parent=deployment)
    )


def use_cluster(deployment: Deployment, plan: Plan, foundation: pulumi.StackReference) -> None:
    """Let what follows be made in the foundation's cluster, and only there.

    The provider is explicit, so nothing can land in whatever cluster the machine points to, and
    `cluster_identifier` keeps a changed kubeconfig or tunnel from replacing every object (field-notes 38).
    """
    if plan.cluster is None:
        raise ValueError("a workload in a cluster needs a cluster in its plan")
    port = _tunnel_port(plan.cluster)
    provider = kubernetes.Provider(
        f"{plan.name}-kubernetes",
        kubeconfig=pulumi.Output.all(
            endpoint=foundation.require_output("clusterEndpoint"),
            certificate=foundation.require_output("clusterCertificateAuthority"),
        ).apply(lambda known: kubeconfig(plan, known["endpoint"], known["certificate"], port)),
        cluster_identifier=deployment.names.cluster_arn(plan.cluster.name),
        enable_server_side_apply=True,
        opts=pulumi.ResourceOptions(parent=deployment),
    )
    deployment.use(provider)


def _tunnel_port(cluster: Cluster) -> int | None:
    """The port of this machine that leads to the API server; None: it is reached by its name."""
    said = pulumi.Config("inferplan").get("tunnel-port")
    if said is None:
        return None
    if cluster.deploy_from != "tunnel":
        raise pulumi.RunError(
            f"inferplan:tunnel-port: cluster.deploy_from says {cluster.deploy_from}, which has no port"
        )
    if not (said.isdecimal() and 0 < int(said) <= LAST_PORT):
        raise pulumi.RunError(f"inferplan:tunnel-port: {said!r} is no port, 1 to {LAST_PORT}")
    return int(said)


def kubeconfig(plan: Plan, endpoint: str, certificate_authority: str, tunnel_port: int | None = None) -> str:
    """A kubeconfig that holds no credential: the AWS CLI asks for a token where Pulumi runs.

    Through a tunnel the server is this machine, and its certificate still has to be the API server's.
    """
    cluster = {"server": endpoint, "certificate-authority-data": certificate_authority}
    if tunnel_port is not None:
        cluster["server"] = f"https://localhost:{tunnel_port}"
        cluster["tls-server-name"] = endpoint.partition("://")[2].partition("/")[0].partition(":")[0]
    name = plan.cluster.name if plan.cluster else ""
    command = ["eks", "get-token", "--cluster-name", name, "--region", plan.target.region, "--output", "json"]
    user: dict[str, Any] = {
        "exec": {
            "apiVersion": "client.authentication.k8s.io/v1beta1",
            "command": "aws",
            "args": command,
            "interactiveMode": "Never",
        }
    }
    return json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": name, "cluster": cluster}],
            "users": [{"name": name, "user": user}],
            "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
            "current-context": name,
        }
    )
