"""A Bedrock guardrail in the Region: filters input and output of the routes that ask for it.

Not here: where it is applied (the gateway's configuration names it) and any cross-Region tier, on purpose.
"""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

# The classic tier runs in the Region; the standard one needs a cross-Region profile (Bedrock user guide).
TIER = "CLASSIC"
HARM = ("HATE", "INSULTS", "SEXUAL", "VIOLENCE", "MISCONDUCT")
NEVER_PASS = ("AWS_ACCESS_KEY", "AWS_SECRET_KEY", "PASSWORD", "CREDIT_DEBIT_CARD_NUMBER", "PIN")
MASKED = ("EMAIL", "PHONE", "NAME", "ADDRESS")


@dataclass(frozen=True, kw_only=True, slots=True)
class GuardrailArgs:
    guardrail_name: str
    kms_key_arn: pulumi.Input[str]


class Guardrail(pulumi.ComponentResource):
    """`guardrail_id` and `version` are what a call has to name."""

    guardrail_id: pulumi.Output[str]
    version: pulumi.Output[str]

    def __init__(self, name: str, args: GuardrailArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("inferplan:index:Guardrail", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        guardrail = aws.bedrock.Guardrail(
            f"{name}-guardrail",
            name=args.guardrail_name,
            description="input and output filter of the gateway",
            blocked_input_messaging="This request was stopped by the usage policy.",
            blocked_outputs_messaging="This answer was stopped by the usage policy.",
            kms_key_arn=args.kms_key_arn,
            content_policy_config=aws.bedrock.GuardrailContentPolicyConfigArgs(
                tier_configs=[aws.bedrock.GuardrailContentPolicyConfigTierConfigArgs(tier_name=TIER)],
                filters_configs=[
                    *(
                        aws.bedrock.GuardrailContentPolicyConfigFiltersConfigArgs(
                            type=harm, input_strength="HIGH", output_strength="HIGH"
                        )
                        for harm in HARM
                    ),
                    # attacks on the prompt can only be seen in the input
                    aws.bedrock.GuardrailContentPolicyConfigFiltersConfigArgs(
                        type="PROMPT_ATTACK", input_strength="HIGH", output_strength="NONE"
                    ),
                ],
            ),
            sensitive_information_policy_config=aws.bedrock.GuardrailSensitiveInformationPolicyConfigArgs(
                pii_entities_configs=[
                    aws.bedrock.GuardrailSensitiveInformationPolicyConfigPiiEntitiesConfigArgs(
                        type=entity, action=action
                    )
                    for action, entities in (("BLOCK", NEVER_PASS), ("ANONYMIZE", MASKED))
                    for entity in entities
                ]
            ),
            opts=child,
        )
        version = aws.bedrock.GuardrailVersion(
            f"{name}-version",
            guardrail_arn=guardrail.guardrail_arn,
            description="what the gateway calls",
            opts=child,
        )
        self.guardrail_id = guardrail.guardrail_id
        self.version = version.version
        self.register_outputs({"guardrailId": self.guardrail_id, "version": self.version})
