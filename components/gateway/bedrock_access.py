"""The gateway's right to call Bedrock: the named models and the stack's guardrail, by role, without a key.

Not here: the VPC endpoint and its policy (endpoints), and cutting the right off (budget).
"""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components import iam
from components.names import Names


@dataclass(frozen=True, kw_only=True, slots=True)
class BedrockAccessArgs:
    names: Names
    model_arns: tuple[str, ...]
    guardrail: bool  # whether a route asks for the stack's guardrail
    role: pulumi.Input[str]  # name of the gateway's role


class BedrockAccess(pulumi.ComponentResource):
    """A policy of its own, so that reviews see in one document what may be called."""

    policy_arn: pulumi.Output[str]

    def __init__(
        self, name: str, args: BedrockAccessArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("inferplan:index:BedrockAccess", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        policy = aws.iam.Policy(
            f"{name}-policy",
            name=args.names.fixed("bedrock"),
            description="models and guardrail that the gateway may call",
            policy=bedrock_policy(args),
            opts=child,
        )
        aws.iam.RolePolicyAttachment(f"{name}-attachment", role=args.role, policy_arn=policy.arn, opts=child)
        self.policy_arn = policy.arn
        self.register_outputs({"policyArn": self.policy_arn})


def bedrock_policy(args: BedrockAccessArgs) -> str:
    """An identity policy over plain ARNs."""
    names = args.names
    named_models = {
        "Sid": "NamedModels",
        "Effect": "Allow",
        "Action": ["bedrock:InvokeModel", "bedrock:InvokeModelWithResponseStream"],
        "Resource": list(args.model_arns),
    }
    guardrail = {
        "Sid": "Guardrail",
        "Effect": "Allow",
        "Action": "bedrock:ApplyGuardrail",
        # A guardrail's id is generated; the tag says which one is the stack's.
        "Resource": names.arn("bedrock", "guardrail/*"),
        "Condition": {"StringEquals": {"aws:ResourceTag/inferplan:stack": names.stack}},
    }
    # Whoever applies a guardrail with an own key has to be able to decrypt with it (Bedrock user guide).
    guards = [guardrail, iam.key_use(names, "data")] if args.guardrail else []
    return iam.policy([*([named_models] if args.model_arns else []), *guards])
