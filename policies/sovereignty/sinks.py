"""Where logs, trails and streams land: what is logged may hold prompts and answers.

Not here: copies of stored data (copies) and whether anything is logged at all (observed).
"""

from __future__ import annotations

from collections.abc import Iterator

from inferplan.resource import Resource
from policies.context import Context
from policies.example import aws_arn, change, ref, resource
from policies.gateway import CARRIERS, configurations, outside_callbacks
from policies.pods import TASK_DEFINITION, pods
from policies.read import get
from policies.rule import Example, Outcome, fail, on_resource, rule
from policies.sovereignty.copies import BUCKETS, misplaced

TRAIL = "aws:cloudtrail/trail:Trail"
INVOCATIONS = "aws:bedrockmodel/invocationLoggingConfiguration:InvocationLoggingConfiguration"
QUERY_LOG = "aws:route53/resolverQueryLogConfig:ResolverQueryLogConfig"
FLOW_LOG = "aws:ec2/flowLog:FlowLog"
FIREWALL_LOG = "aws:networkfirewall/loggingConfiguration:LoggingConfiguration"
LOG_GROUP = "aws:cloudwatch/logGroup:LogGroup"
FIREHOSE = "aws:kinesis/firehoseDeliveryStream:FirehoseDeliveryStream"
# Sinks by address; bucket names are global, so they must be resolved.
SINKS: dict[str, tuple[str, ...]] = {
    TRAIL: ("s3BucketName", "cloudWatchLogsGroupArn"),
    "aws:cloudwatch/logSubscriptionFilter:LogSubscriptionFilter": ("destinationArn",),
    "aws:cloudwatch/logDestination:LogDestination": ("targetArn",),
    "aws:cloudwatch/metricStream:MetricStream": ("firehoseArn",),
    QUERY_LOG: ("destinationArn",),
    INVOCATIONS: (
        "loggingConfig.s3Config.bucketName",
        "loggingConfig.cloudwatchConfig.largeDataDeliveryS3Config.bucketName",
    ),
    FLOW_LOG: ("logDestination",),
    FIREWALL_LOG: ("loggingConfiguration.logDestinationConfigs[].logDestination.bucketName",),
    "aws:s3/bucketLogging:BucketLogging": ("targetBucket",),
    FIREHOSE: ("extendedS3Configuration.bucketArn",),
    "aws:lb/loadBalancer:LoadBalancer": ("accessLogs.bucket", "connectionLogs.bucket"),
    "aws:wafv2/webAclLoggingConfiguration:WebAclLoggingConfiguration": ("logDestinationConfigs[]",),
}
LOCAL_DRIVERS = frozenset({None, "awslogs", "json-file", "journald", "none"})
OUTSIDE_SINKS = ("httpEndpointConfiguration", "splunkConfiguration", "snowflakeConfiguration")


def _log_group(item: Resource, context: Context) -> Iterator[Outcome]:
    if (region := context.region_of(item)) and (wrong := context.outside(region)):
        yield fail(f"logs come to rest outside: {wrong}", path="region")


def _leaves_aws(item: Resource, _context: Context) -> Iterator[Outcome]:
    for key in OUTSIDE_SINKS:
        if item.props.get(key) is not None:
            yield fail(
                "delivers what it collects to a host outside AWS, whose place is not provable", path=key
            )


def _driver(task: Resource, _context: Context) -> Iterator[Outcome]:
    for pod in pods(task):
        for container in pod.containers:
            if (driver := get(container.value, "logConfiguration.logDriver")) not in LOCAL_DRIVERS:
                yield fail(
                    f"{container.name} logs through {driver}, whose destination is not provable; use awslogs",
                    path=f"{container.path}.logConfiguration",
                )


def _handed_on(item: Resource, context: Context) -> Iterator[Outcome]:
    for path, config in configurations(item, context):
        for place, name in outside_callbacks(config):
            yield fail(
                f"{place}: the proxy hands what it sees to {name}, whose place is not provable", path=path
            )


def _logs(account: str, group: str) -> str:
    return aws_arn(f"logs:eu-central-1:{account}:log-group:{group}")


_LOGS = resource("aws:s3/bucket:Bucket", "logs", {"bucket": "example-logs"})
_GROUP = resource(LOG_GROUP, "group", {"name": "/example/group"})


@rule(
    id="SOV-005",
    title="Logs, trails, metric streams and invocation logs land inside the boundary",
    why="Prompts and answers may be inside a log, so a log is data like any other.",
    fix="Send it to a bucket or log group of this account in an allowed Region, declared in the stack or "
    "named by ARN.",
    source=("000:144",),
    level="mandatory",
    scope="stack",
    on=tuple(SINKS),
    more=(
        on_resource(_log_group, LOG_GROUP),
        on_resource(_leaves_aws, FIREHOSE),
        on_resource(_driver, TASK_DEFINITION),
        on_resource(_handed_on, *CARRIERS),
    ),
    passing=(
        Example(
            note="every sink is a bucket or group of the stack, or an ARN in the Region",
            resources=(
                _LOGS,
                _GROUP,
                resource(LOG_GROUP, "group-two", {"name": "/example/two"}),
                resource(
                    TRAIL,
                    "trail",
                    {
                        "s3BucketName": ref(_LOGS),
                        "cloudWatchLogsGroupArn": _logs("111111111111", "/example/group:*"),
                    },
                ),
                resource(
                    "aws:cloudwatch/logSubscriptionFilter:LogSubscriptionFilter",
                    "filter",
                    {"destinationArn": aws_arn("firehose:eu-central-1:111111111111:deliverystream/d")},
                ),
                resource(
                    "aws:cloudwatch/logDestination:LogDestination",
                    "gathered",
                    {"targetArn": aws_arn("kinesis:eu-central-1:111111111111:stream/s")},
                ),
                resource(
                    "aws:cloudwatch/metricStream:MetricStream",
                    "metrics",
                    {"firehoseArn": aws_arn("firehose:eu-central-1:111111111111:deliverystream/d")},
                ),
                resource(
                    QUERY_LOG,
                    "queries",
                    {"destinationArn": _logs("111111111111", "/example/group")},
                ),
                resource(
                    INVOCATIONS,
                    "invocations",
                    {
                        "loggingConfig": {
                            "s3Config": {"bucketName": "example-logs"},
                            "cloudwatchConfig": {
                                "logGroupName": "/example/group",
                                "largeDataDeliveryS3Config": {"bucketName": "example-logs"},
                            },
                        }
                    },
                ),
                resource(FLOW_LOG, "flows", {"logDestination": ref(_GROUP)}),
                resource(
                    TASK_DEFINITION,
                    "task",
                    {"containerDefinitions": '[{"name": "t", "logConfiguration": {"logDriver": "awslogs"}}]'},
                ),
                resource(
                    CARRIERS[0],
                    "proxy",
                    {"data": {"config.yaml": "model_list: []\nlitellm_settings: {callbacks: [prometheus]}"}},
                ),
                resource(
                    FIREWALL_LOG,
                    "firewall",
                    {
                        "loggingConfiguration": {
                            "logDestinationConfigs": [{"logDestination": {"bucketName": "example-logs"}}]
                        }
                    },
                ),
                resource("aws:s3/bucketLogging:BucketLogging", "bucket-log", {"targetBucket": ref(_LOGS)}),
                resource(FIREHOSE, "firehose", {"extendedS3Configuration": {"bucketArn": ref(_LOGS)}}),
                resource(
                    "aws:lb/loadBalancer:LoadBalancer",
                    "balancer",
                    {
                        "internal": True,
                        "accessLogs": {"bucket": "example-logs"},
                        "connectionLogs": {"bucket": "example-logs"},
                    },
                ),
                resource(
                    "aws:wafv2/webAclLoggingConfiguration:WebAclLoggingConfiguration",
                    "waf",
                    {"logDestinationConfigs": [_logs("111111111111", "aws-waf-logs")]},
                ),
            ),
        ),
    ),
    failing=(
        change("the trail writes to a bucket of unknown place", {"trail:s3BucketName": "elsewhere"}),
        change("the bucket of the logs is abroad", {"logs:region": "us-east-1"}, also=("SOV-001",)),
        change(
            "the trail's group is abroad",
            {"trail:cloudWatchLogsGroupArn": aws_arn("logs:us-east-1:111111111111:log-group:/x:*")},
            also=("SOV-001",),
        ),
        change(
            "a subscription of another account",
            {"filter:destinationArn": aws_arn("firehose:eu-central-1:999999999999:deliverystream/d")},
            also=("SOV-017",),
        ),
        change(
            "a log destination of another account",
            {"gathered:targetArn": aws_arn("kinesis:eu-central-1:999999999999:stream/s")},
            also=("SOV-017",),
        ),
        change(
            "metrics stream abroad",
            {"metrics:firehoseArn": aws_arn("firehose:us-east-1:111111111111:deliverystream/d")},
            also=("SOV-001",),
        ),
        change(
            "queries are logged abroad",
            {"queries:destinationArn": aws_arn("logs:us-east-1:111111111111:log-group:/x")},
            also=("SOV-001",),
        ),
        change(
            "prompts land in a bucket of unknown place",
            {"invocations:loggingConfig.s3Config.bucketName": "elsewhere"},
        ),
        change(
            "long prompts land in a bucket of unknown place",
            {"invocations:loggingConfig.cloudwatchConfig.largeDataDeliveryS3Config.bucketName": "elsewhere"},
        ),
        change("flow logs of another account", {"flows:logDestination": aws_arn("s3:::elsewhere")}),
        change(
            "firewall logs in a bucket of unknown place",
            {"firewall:loggingConfiguration.logDestinationConfigs[0].logDestination.bucketName": "elsewhere"},
        ),
        change("bucket logs in a bucket of unknown place", {"bucket-log:targetBucket": "elsewhere"}),
        change(
            "a stream into a bucket of unknown place",
            {"firehose:extendedS3Configuration.bucketArn": aws_arn("s3:::elsewhere")},
        ),
        change(
            "a stream to a host outside AWS",
            {"firehose:httpEndpointConfiguration": {"url": "https://x.example"}},
        ),
        change("balancer logs in a bucket of unknown place", {"balancer:accessLogs.bucket": "elsewhere"}),
        change(
            "connection logs in a bucket of unknown place", {"balancer:connectionLogs.bucket": "elsewhere"}
        ),
        change(
            "WAF logs of another account",
            {"waf:logDestinationConfigs[0]": _logs("999999999999", "aws-waf-logs")},
            also=("SOV-017",),
        ),
        change(
            "a task that logs to a service outside",
            {"task:containerDefinitions": '[{"name": "t", "logConfiguration": {"logDriver": "splunk"}}]'},
        ),
        change(
            "a proxy that hands prompts to a service outside",
            {
                "proxy:data": {
                    "config.yaml": "model_list: []\nlitellm_settings: {success_callback: [langfuse]}"
                }
            },
        ),
        change("a log group abroad", {"group-two:region": "us-east-1"}, also=("SOV-001",)),
    ),
)
def sov_005(resources: tuple[Resource, ...], context: Context) -> Iterator[Outcome]:
    for item in resources:
        for path in SINKS[item.type]:
            for target in context.stack.targets(item, path, *BUCKETS, LOG_GROUP, FIREHOSE):
                if problem := misplaced(target, context, "what is logged comes to rest outside"):
                    yield fail(problem.message, path=problem.path, subject=item)
