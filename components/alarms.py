"""Alarms within minutes, and the encrypted topic they reach people through.

Not here: the monthly budget (budget) and metrics of model servers on own GPUs.
"""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components import iam
from components.names import Names

TOKEN_METRICS = ("InputTokenCount", "OutputTokenCount")
PERIOD_SECONDS = 300
BAND_WIDTH = 3  # standard deviations of CloudWatch's own forecast
ERRORS_PER_PERIOD = 10


@dataclass(frozen=True, kw_only=True, slots=True)
class AlarmsArgs:
    """`logs_key_arn`, because the AWS-managed key drops alarms silently; `log_group` is the gateway's."""

    names: Names
    emails: tuple[str, ...]
    bedrock_models: tuple[str, ...]  # model ids whose tokens are watched
    logs_key_arn: pulumi.Input[str]
    log_group: str | None
    after: tuple[pulumi.Resource, ...] = ()


class Alarms(pulumi.ComponentResource):
    """`topic_arn` is for everything of the stack that has to reach people."""

    topic_arn: pulumi.Output[str]

    def __init__(self, name: str, args: AlarmsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("inferplan:index:Alarms", name, None, opts)
        self._child = pulumi.ResourceOptions(parent=self)
        names = args.names
        topic_name = names.fixed("alarms")
        topic = aws.sns.Topic(
            f"{name}-topic", name=topic_name, kms_master_key_id=args.logs_key_arn, opts=self._child
        )
        aws.sns.TopicPolicy(
            f"{name}-topic-policy", arn=topic.arn, policy=topic_policy(names, topic_name), opts=self._child
        )
        for number, email in enumerate(args.emails):
            aws.sns.TopicSubscription(
                f"{name}-email-{number}", topic=topic.arn, protocol="email", endpoint=email, opts=self._child
            )
        self.topic_arn = topic.arn
        for model in args.bedrock_models:
            for metric in TOKEN_METRICS:
                self._tokens(name, names, model, metric)
        if args.log_group is not None:
            self._errors(name, names, args.log_group, args.after)
        self.register_outputs({"topicArn": self.topic_arn})

    def _tokens(self, name: str, names: Names, model: str, metric: str) -> None:
        """More tokens than the hour of the week explains: found in minutes, without a guessed threshold."""
        slug = model.replace(".", "-").replace(":", "-")
        aws.cloudwatch.MetricAlarm(
            f"{name}-{slug}-{metric.lower()}",
            name=names.fixed(f"{slug}-{metric}"),
            alarm_description=f"{metric} of {model} above what is usual: a runaway caller or a stolen key",
            comparison_operator="GreaterThanUpperThreshold",
            evaluation_periods=2,
            threshold_metric_id="usual",
            metric_queries=[
                aws.cloudwatch.MetricAlarmMetricQueryArgs(
                    id="tokens",
                    return_data=True,
                    metric=aws.cloudwatch.MetricAlarmMetricQueryMetricArgs(
                        namespace="AWS/Bedrock",
                        metric_name=metric,
                        dimensions={"ModelId": model},
                        period=PERIOD_SECONDS,
                        stat="Sum",
                    ),
                ),
                aws.cloudwatch.MetricAlarmMetricQueryArgs(
                    id="usual",
                    expression=f"ANOMALY_DETECTION_BAND(tokens, {BAND_WIDTH})",
                    label="usual",
                    return_data=True,
                ),
            ],
            treat_missing_data="notBreaching",
            alarm_actions=[self.topic_arn],
            opts=self._child,
        )

    def _errors(self, name: str, names: Names, log_group: str, after: tuple[pulumi.Resource, ...]) -> None:
        namespace = f"Inferplan/{names.stack}"
        aws.cloudwatch.LogMetricFilter(
            f"{name}-errors-filter",
            name=names.fixed("gateway-errors"),
            log_group_name=log_group,
            pattern='{ $.level = "ERROR" }',
            metric_transformation=aws.cloudwatch.LogMetricFilterMetricTransformationArgs(
                namespace=namespace, name="GatewayErrors", value="1", default_value="0"
            ),
            opts=pulumi.ResourceOptions(parent=self, depends_on=list(after)),
        )
        aws.cloudwatch.MetricAlarm(
            f"{name}-errors",
            name=names.fixed("gateway-errors"),
            alarm_description="the gateway reports errors: a vendor, the database or the budget stops calls",
            namespace=namespace,
            metric_name="GatewayErrors",
            statistic="Sum",
            period=PERIOD_SECONDS,
            evaluation_periods=1,
            comparison_operator="GreaterThanThreshold",
            threshold=ERRORS_PER_PERIOD,
            treat_missing_data="notBreaching",
            alarm_actions=[self.topic_arn],
            opts=self._child,
        )


def topic_policy(names: Names, topic_name: str) -> str:
    """Alarms and budgets of this account may publish."""
    services = [names.principal(service) for service in ("budgets", "cloudwatch")]
    return iam.policy(
        [
            {
                "Sid": "OwnAlarms",
                "Effect": "Allow",
                "Principal": {"Service": services},
                "Action": "sns:Publish",
                "Resource": names.arn("sns", topic_name),
                "Condition": {"StringEquals": {"aws:SourceAccount": names.target.account}},
            }
        ]
    )
