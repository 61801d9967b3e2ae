"""The gateway's right to call Bedrock: the named models and the stack's guardrail, by role, without a key.

Not here: the VPC endpoint and its policy (endpoints), and cutting the right off (budget).
"""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components import naming
from inferplan.records.plan import Plan


@dataclass(frozen=True, kw_only=True, slots=True)
class BedrockAccessArgs:
    plan: Plan
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
            name=f"inferplan-{args.plan.name}-bedrock",
            description="models and guardrail that the gateway may call",
            policy=bedrock_policy(args.plan),
            opts=child,
        )
        aws.iam.RolePolicyAttachment(f"{name}-attachment", role=args.role, policy_arn=policy.arn, opts=child)
        self.policy_arn = policy.arn
        self.register_outputs({"policyArn": self.policy_arn})


def needs_bedrock(plan: Plan) -> bool:
    """Whether a route of `plan` calls a Bedrock model or guardrail."""
    return plan.gateway.guardrail is not None or any(vendor.model_arns for vendor in plan.vendors)


def bedrock_policy(plan: Plan) -> str:
    """An identity policy over plain ARNs."""
    models = sorted({arn for vendor in plan.vendors for arn in vendor.model_arns})
    named_models = {
        "Sid": "NamedModels",
        "Effect": "Allow",
        "Action": ["bedrock:InvokeModel", "bedrock:InvokeModelWithResponseStream"],
        "Resource": models,
    }
    guardrail = {
        "Sid": "Guardrail",
        "Effect": "Allow",
        "Action": "bedrock:ApplyGuardrail",
        # A guardrail's id is generated; the tag says which one is the stack's.
        "Resource": naming.arn(plan.target, "bedrock", "guardrail/*"),
        "Condition": {"StringEquals": {"aws:ResourceTag/inferplan:stack": plan.name}},
    }
    # Whoever applies a guardrail with an own key has to be able to decrypt with it (Bedrock user guide).
    guards = [guardrail, naming.key_use(plan, "data")] if plan.gateway.guardrail is not None else []
    return naming.policy([*([named_models] if models else []), *guards])
