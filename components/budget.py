"""The stack's AWS budget: who is told at which share, and the action that takes Bedrock away at the limit.

Not here: alarms within minutes (alarms; budgets are 8 to 12 hours late) and caps per caller (the gateway).
"""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components import iam
from components.names import Names
from inferplan.records.plan import Budget as PlannedBudget

STOP_AT_PERCENT = 100
STOP_ROLE = "budget-stop"


@dataclass(frozen=True, kw_only=True, slots=True)
class BudgetArgs:
    """`gateway_role` is the role that loses Bedrock at the limit, None in stacks that do not call it."""

    names: Names
    budget: PlannedBudget
    topic_arn: pulumi.Input[str]
    gateway_role: aws.iam.Role | None


class Budget(pulumi.ComponentResource):
    """Budgets is a global service: cost figures and alert addresses leave the Region, payload does not."""

    budget_name: str

    def __init__(self, name: str, args: BudgetArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("inferplan:index:Budget", name, None, opts)
        self._child = pulumi.ResourceOptions(parent=self)
        names, budget = args.names, args.budget
        self.budget_name = names.fixed()
        made = aws.budgets.Budget(
            f"{name}-budget",
            name=self.budget_name,
            budget_type="COST",
            time_unit="MONTHLY",
            limit_amount=str(budget.monthly_usd),
            limit_unit="USD",
            # The tag counts only after the payer has activated it. No filter on a service: models of other
            # makers on Bedrock are billed as Marketplace (field-notes 28).
            cost_filters=[
                aws.budgets.BudgetCostFilterArgs(
                    name="TagKeyValue", values=[f"user:inferplan:stack${names.stack}"]
                )
            ],
            # Credits would hide real spending until they run out.
            cost_types=aws.budgets.BudgetCostTypesArgs(include_credit=False, include_refund=False),
            notifications=[
                *(_notification(args, "ACTUAL", percent) for percent in budget.actual_percent),
                _notification(args, "FORECASTED", budget.forecast_percent),
            ],
            opts=self._child,
        )
        if args.gateway_role is not None:
            self._stop_bedrock(name, args, made, args.gateway_role)
        self.register_outputs({"name": self.budget_name})

    def _stop_bedrock(
        self, name: str, args: BudgetArgs, budget: aws.budgets.Budget, gateway_role: aws.iam.Role
    ) -> None:
        names = args.names
        stop_policy_name = names.fixed("stop-bedrock")
        stop_policy = aws.iam.Policy(
            f"{name}-stop-policy",
            name=stop_policy_name,
            description="attached by the budget when the limit is reached; detach it to resume",
            policy=iam.policy(
                [{"Sid": "BudgetReached", "Effect": "Deny", "Action": "bedrock:Invoke*", "Resource": "*"}]
            ),
            opts=self._child,
        )
        executor = aws.iam.Role(
            f"{name}-stop-role",
            name=names.fixed(STOP_ROLE),
            description="lets the budget attach its one policy to the gateway's role",
            assume_role_policy=iam.trust(names, "budgets", sid="Budgets"),
            opts=self._child,
        )
        permission = aws.iam.RolePolicy(
            f"{name}-stop-permission",
            name="attach",
            role=executor.name,
            policy=attach_policy(names, stop_policy_name),
            opts=self._child,
        )
        aws.budgets.BudgetAction(
            f"{name}-stop-action",
            budget_name=budget.name,
            action_type="APPLY_IAM_POLICY",
            approval_model="AUTOMATIC",
            notification_type="ACTUAL",
            action_threshold=aws.budgets.BudgetActionActionThresholdArgs(
                action_threshold_type="PERCENTAGE", action_threshold_value=STOP_AT_PERCENT
            ),
            definition=aws.budgets.BudgetActionDefinitionArgs(
                iam_action_definition=aws.budgets.BudgetActionDefinitionIamActionDefinitionArgs(
                    policy_arn=stop_policy.arn, roles=[gateway_role.name]
                )
            ),
            execution_role_arn=executor.arn,
            # An action without a subscriber is refused, and nobody need have given an address.
            subscribers=[
                aws.budgets.BudgetActionSubscriberArgs(address=args.topic_arn, subscription_type="SNS"),
                *(
                    aws.budgets.BudgetActionSubscriberArgs(address=email, subscription_type="EMAIL")
                    for email in args.budget.alert_emails
                ),
            ],
            opts=pulumi.ResourceOptions(parent=self, depends_on=[permission]),
        )


def _notification(args: BudgetArgs, kind: str, percent: float) -> aws.budgets.BudgetNotificationArgs:
    return aws.budgets.BudgetNotificationArgs(
        notification_type=kind,
        comparison_operator="GREATER_THAN",
        threshold=percent,
        threshold_type="PERCENTAGE",
        subscriber_email_addresses=list(args.budget.alert_emails),
        subscriber_sns_topic_arns=[args.topic_arn],
    )


def attach_policy(names: Names, policy_name: str) -> str:
    """Attach and detach one policy on one role, nothing else."""
    policy_arn = names.arn("iam", f"policy/{policy_name}", regional=False)
    return iam.policy(
        [
            {
                "Sid": "OnePolicyOnOneRole",
                "Effect": "Allow",
                "Action": ["iam:AttachRolePolicy", "iam:DetachRolePolicy"],
                "Resource": names.role_arn("gateway"),
                "Condition": {"ArnEquals": {"iam:PolicyARN": policy_arn}},
            }
        ]
    )
