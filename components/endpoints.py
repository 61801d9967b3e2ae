"""VPC endpoints with policies that only the own account can use; the road to AWS without an internet route.

Not here: which endpoints a stack needs (the plan says so, with the reason of each).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components import iam
from components.names import Names
from components.network import CALLER_TIERS, Network
from inferplan.records.plan import Endpoint

# The IAM prefix of the calls that go through an endpoint, where it differs from the endpoint's short name.
_ACTION_PREFIX = {
    "aps-workspaces": "aps",
    "bedrock-runtime": "bedrock",
    "ecr.api": "ecr",
    "ecr.dkr": "ecr",
    "guardduty-data": "guardduty",
    "monitoring": "cloudwatch",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class EndpointsArgs:
    """`buckets` are the names of the own buckets; the S3 endpoint admits no others but the registry's and the
    one with Pulumi's state.
    """

    names: Names
    endpoints: tuple[Endpoint, ...]
    network: Network
    buckets: tuple[str, ...]
    model_arns: tuple[str, ...]  # of Bedrock, whose endpoint admits no other models
    state_bucket: str | None = None  # that a runner inside the VPC reads and writes
    s3_prefix_list: str | None = None  # of a network that has its endpoints already
    deployers: Sequence[str] = ()  # the roles that may


class Endpoints(pulumi.ComponentResource):
    """`s3_prefix_list_id` is what security groups name to reach S3 through the gateway endpoint."""

    endpoints: dict[str, aws.ec2.VpcEndpoint]
    s3_prefix_list_id: pulumi.Output[str] | None

    def __init__(self, name: str, args: EndpointsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("inferplan:index:Endpoints", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        self.endpoints = {}
        given = args.s3_prefix_list
        self.s3_prefix_list_id = pulumi.Output.from_input(given) if given is not None else None
        for endpoint in args.endpoints:
            policy = endpoint_policy(
                args.names, endpoint, args.buckets, args.model_arns, args.state_bucket, args.deployers
            )
            role = f"{endpoint.service}-{endpoint.type.lower()}".replace(".", "-")
            if endpoint.type == "Gateway":
                made = aws.ec2.VpcEndpoint(
                    f"{name}-{role}",
                    vpc_id=args.network.vpc_id,
                    service_name=endpoint.service_name,
                    vpc_endpoint_type="Gateway",
                    route_table_ids=_caller_route_tables(args.network),
                    policy=policy,
                    opts=child,
                )
                if endpoint.service == "s3":
                    self.s3_prefix_list_id = made.prefix_list_id
            else:
                made = aws.ec2.VpcEndpoint(
                    f"{name}-{role}",
                    vpc_id=args.network.vpc_id,
                    service_name=endpoint.service_name,
                    vpc_endpoint_type="Interface",
                    subnet_ids=args.network.subnet_ids["endpoint"],
                    security_group_ids=[args.network.endpoint_security_group_id],
                    private_dns_enabled=True,
                    # S3's interface endpoint serves the VPC itself only when told so.
                    dns_options=aws.ec2.VpcEndpointDnsOptionsArgs(
                        private_dns_only_for_inbound_resolver_endpoint=False
                    )
                    if endpoint.service == "s3"
                    else None,
                    policy=policy,
                    opts=child,
                )
            self.endpoints[role] = made
        self.register_outputs({"ids": {role: made.id for role, made in self.endpoints.items()}})


def _caller_route_tables(network: Network) -> list[pulumi.Output[str]]:
    return [table for (tier, _zone), table in network.route_table_ids.items() if tier in CALLER_TIERS]


def endpoint_policy(
    names: Names,
    endpoint: Endpoint,
    buckets: Sequence[str] = (),
    model_arns: Sequence[str] = (),
    state_bucket: str | None = None,
    deployers: Sequence[str] = (),
) -> str:
    """The policy of one endpoint: the own account's callers, and the narrowest resources that still work."""
    if endpoint.service == "s3":
        state = [_state(names, state_bucket, deployers)] if state_bucket is not None else []
        return iam.policy([*_s3(names, buckets), *state])
    if endpoint.service == "secretsmanager":
        actions = ["secretsmanager:GetSecretValue", "secretsmanager:DescribeSecret"]
        # The gateway's bootstrap reads the master secret, which RDS names itself; its role says which one.
        master = names.arn("secretsmanager", "secret:rds!db-*")
        return iam.policy([_own(names, "OwnSecrets", actions, [names.every_secret_arn(), master])])
    if endpoint.service == "bedrock-runtime":
        return iam.policy(_bedrock(names, model_arns))
    prefix = _ACTION_PREFIX.get(endpoint.service, endpoint.service)
    return iam.policy([_own(names, "OwnAccount", [f"{prefix}:*"], ["*"])])


def _own(names: Names, sid: str, actions: list[str], resources: list[str]) -> iam.Statement:
    """Limited by the caller's account: limits by resource alone break image pulls (field-notes 21)."""
    return {
        "Sid": sid,
        "Effect": "Allow",
        "Principal": "*",
        "Action": actions,
        "Resource": resources,
        "Condition": {"StringEquals": {"aws:PrincipalAccount": names.target.account}},
    }


def _s3(names: Names, buckets: Sequence[str]) -> list[iam.Statement]:
    arns = [names.bucket_arn(bucket) for bucket in buckets]
    # ECS asks for the location of the bucket that holds a task's environment file.
    own = _own(names, "OwnBuckets", ["s3:GetObject", "s3:ListBucket", "s3:GetBucketLocation"], [])
    layers = names.bucket_arn(f"prod-{names.target.region}-starport-layer-bucket/*")
    return [
        *([{**own, "Resource": [*arns, *(f"{arn}/*" for arn in arns)]}] if arns else []),
        # Layers of the account's images and the EKS add-ons: the registry signs these, not the account.
        {
            "Sid": "ImageLayers",
            "Effect": "Allow",
            "Principal": "*",
            "Action": "s3:GetObject",
            "Resource": layers,
        },
    ]


def _state(names: Names, bucket: str, deployers: Sequence[str]) -> iam.Statement:
    """Pulumi's state, which has locks and history beside it, for the roles that deploy if any are known."""
    arn = names.bucket_arn(bucket)
    actions = ["s3:GetObject", "s3:GetObjectVersion", "s3:PutObject", "s3:DeleteObject", "s3:ListBucket"]
    actions.append("s3:GetBucketLocation")
    state = _own(names, "PulumiState", actions, [arn, f"{arn}/*"])
    if not deployers:
        return state
    limits = state["Condition"] | {"ArnEquals": {"aws:PrincipalArn": list(deployers)}}
    return {**state, "Condition": limits}


def _bedrock(names: Names, model_arns: Sequence[str]) -> list[iam.Statement]:
    actions = ["bedrock:InvokeModel", "bedrock:InvokeModelWithResponseStream"]
    guardrails = [names.arn("bedrock", "guardrail/*")]
    return [
        *([_own(names, "NamedModels", actions, list(model_arns))] if model_arns else []),
        _own(names, "Guardrails", ["bedrock:ApplyGuardrail"], guardrails),
    ]
