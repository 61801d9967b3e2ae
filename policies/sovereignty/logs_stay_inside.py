"""Where logs, trails and streams land: what is logged may hold prompts and answers.

Not here: copies of stored data (copies_stay_inside) and whether anything is logged at all
(egress_is_observed).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import astuple
from typing import Any

from inferplan.resource import Resource
from policies import types
from policies.context import Context
from policies.read import get
from policies.rule import Outcome, Rule, fail
from policies.stack import Target
from policies.views.destinations import misplaced
from policies.views.gateway import alerts, configurations, outside_callbacks
from policies.views.hosts import aws_regions, inside, private, value_of
from policies.views.pods import pods
from policies.views.sinks import (
    BUCKET_LOGS,
    DELIVERED,
    FILTER,
    FIREHOSE,
    GATHERED,
    METRICS,
    SERIES,
    SINKS,
    STREAMS,
    WEB_FIREWALL_LOG,
    balancer_buckets,
)
from policies.views.telemetry import exports
from policies.world.things import (
    ACCOUNT,
    CONTAINER,
    FIRST_VARIABLE,
    REGION,
    STRANGER,
    arn,
    aws_host,
    bucket,
    bucket_arn,
    container,
    deployment,
    group,
    log_group,
    log_group_arn,
    proxy,
    proxy_data,
    ref,
    resource,
)

LOCAL_DRIVERS = frozenset({None, "awslogs", "json-file", "journald", "none"})
ROUTER = "awsfirelens"  # hands logs to a Fluent Bit beside the task; these outputs of it are AWS's own
ROUTED = frozenset(
    {"cloudwatch", "cloudwatch_logs", "firehose", "kinesis", "kinesis_firehose", "kinesis_streams"}
)
OUTSIDE_SINKS = ("httpEndpointConfiguration", "splunkConfiguration", "snowflakeConfiguration")

logs_stay_inside = Rule(
    id="SOV-005",
    title="Logs, trails, metric streams and invocation logs land inside the boundary",
    why="Prompts and answers may be inside a log, so a log is data like any other.",
    fix="Send it to a bucket or log group of this account in an allowed Region, declared in the stack or "
    "named by ARN.",
    source=("000:144",),
    level="mandatory",
    reads_content=True,
)


@logs_stay_inside.check_stack(*SINKS)
def _lands(resources: tuple[Resource, ...], context: Context) -> Iterator[Outcome]:
    for item in resources:
        for path in SINKS[item.type]:
            for target in context.stack.targets(item, path, *types.BUCKETS, types.LOG_GROUP, FIREHOSE):
                if problem := misplaced(target, context, "what is logged comes to rest outside"):
                    yield fail(problem.message, path=problem.path, subject=item)


@logs_stay_inside.check(types.LOG_GROUP)
def _log_group(item: Resource, context: Context) -> Iterator[Outcome]:
    if (region := context.region_of(item)) and (wrong := context.outside(region)):
        yield fail(f"logs come to rest outside: {wrong}", path="region")


@logs_stay_inside.check_stack(types.SERVICE, types.SERVICE_PATCH, types.INGRESS)
def _annotated(items: tuple[Resource, ...], context: Context) -> Iterator[Outcome]:
    for item in items:
        for path, name in map(astuple, balancer_buckets(item)):
            target = Target(path, name, tuple(context.stack.meant(item, path, name, *types.BUCKETS)))
            if problem := misplaced(target, context, "a balancer's log comes to rest outside"):
                yield fail(problem.message, path=problem.path, subject=item)


@logs_stay_inside.check(FIREHOSE)
def _leaves_aws(item: Resource, _context: Context) -> Iterator[Outcome]:
    for key in OUTSIDE_SINKS:
        if item.props.get(key) is not None:
            yield fail(
                "delivers what it collects to a host outside AWS, whose place is not provable", path=key
            )


@logs_stay_inside.check(FIREHOSE)
def _delivers(item: Resource, context: Context) -> Iterator[Outcome]:
    for path in DELIVERED:
        host = value_of(get(item.props, path, ""))
        if host and not aws_regions(host) and not inside(host, context):
            yield fail(f"delivers what it collects to {host}, whose place is not provable", path=path)


@logs_stay_inside.check(types.TASK_DEFINITION)
def _driver(task: Resource, context: Context) -> Iterator[Outcome]:
    for pod in pods(task):
        for one in pod.containers:
            for problem in _through(get(one.value, "logConfiguration") or {}, context):
                yield fail(f"{one.name} logs {problem}", path=f"{one.path}.logConfiguration")


def _through(said: dict[str, Any], context: Context) -> Iterator[str]:
    """What is wrong with a log driver: its kind, the Region that it is told, an address of its own."""
    driver, options = get(said, "logDriver"), get(said, "options") or {}
    routed = driver == ROUTER and get(options, "Name") in ROUTED
    if driver not in LOCAL_DRIVERS and not routed:
        yield f"through {driver}, whose destination is not provable; use awslogs"
    for key in ("awslogs-region", *(("region",) if routed else ())):
        if (region := get(options, key)) is not None and (wrong := context.outside(str(region))):
            yield f"outside: {wrong}"
    for key in ("awslogs-endpoint", *(("endpoint",) if routed else ())):
        host = value_of(options.get(key) or "")
        if host and not aws_regions(host) and not inside(host, context):
            yield f"to {host}, whose place is not provable"


@logs_stay_inside.check(types.ADDON, *types.CONFIGURATION_CARRIERS)
def _exported(item: Resource, context: Context) -> Iterator[Outcome]:
    """Traces, metrics and logs, which may hold prompts, as collectors, agents and programs are told."""
    for path, host, of_vendor in dict.fromkeys(exports(item, context)):
        if of_vendor or (host and not aws_regions(host) and not inside(host, context)):
            yield fail(f"sends telemetry to {host}, whose place is not provable", path=path)


@logs_stay_inside.check(types.TOPIC_SUBSCRIPTION)
def _published(item: Resource, context: Context) -> Iterator[Outcome]:
    host = value_of(get(item.props, "endpoint", ""))
    called = str(get(item.props, "protocol", "")) in {"http", "https"}
    if called and aws_regions(host) is None and not private(host, context):
        yield fail(f"what is published goes to {host}, whose place is not provable", path="endpoint")


@logs_stay_inside.check(*types.CONFIGURATION_CARRIERS)
def _handed_on(item: Resource, context: Context) -> Iterator[Outcome]:
    for path, config in configurations(item, context):
        for place, name in outside_callbacks(config):
            yield fail(
                f"{place}: the proxy hands what it sees to {name}, whose place is not provable", path=path
            )
        for place in alerts(config):
            yield fail(f"{place}: alerts, which carry prompts, go to a place not provable", path=path)


def _stream(*, region: str = REGION, account: str = ACCOUNT) -> str:
    return arn("firehose", "deliverystream/d", region=region, account=account)


def _containers(driver: str, **options: str) -> str:
    return json.dumps([{"name": "t", "logConfiguration": {"logDriver": driver, "options": options}}])


_LOGS = "example-logs"
_FIREWALL = {"logDestinationConfigs": [{"logDestination": {"bucketName": _LOGS}}]}
_SCHEME = "alb.ingress.kubernetes.io/scheme"
_ATTRIBUTES = "alb.ingress.kubernetes.io/load-balancer-attributes"
_NOTE = "service.beta.kubernetes.io/aws-load-balancer-access-log-s3-bucket-name"
_BUILD_LOGS = {"logsConfig": {"s3Logs": {"location": bucket_arn(f"{_LOGS}/builds")}}}
_SESSIONS = {"executeCommandConfiguration": {"logConfiguration": {"s3BucketName": _LOGS}}}
_SEARCHED = {
    "clusterEndpoint": f"https://{aws_host(f'search-x.{REGION}.es')}",
    "s3Configuration": {"bucketArn": ref("logs")},
}
_PROMPTS = {
    "s3Config": {"bucketName": _LOGS},
    "cloudwatchConfig": {
        "logGroupName": "/example/group",
        "largeDataDeliveryS3Config": {"bucketName": _LOGS},
    },
}

logs_stay_inside.passes(
    "every sink is a bucket or group of the stack, or an ARN in the Region",
    bucket("logs"),
    log_group("group"),
    log_group("group-two"),
    resource(
        types.TRAIL,
        "trail",
        {"s3BucketName": ref("logs"), "cloudWatchLogsGroupArn": log_group_arn("/example/group:*")},
    ),
    resource(FILTER, "filter", {"destinationArn": _stream()}),
    resource(GATHERED, "gathered", {"targetArn": arn("kinesis", "stream/s")}),
    resource(METRICS, "metrics", {"firehoseArn": _stream()}),
    resource(types.QUERY_LOG, "queries", {"destinationArn": log_group_arn("/example/group")}),
    resource(types.INVOCATION_LOG, "prompts", {"loggingConfig": _PROMPTS}),
    resource(types.FLOW_LOG, "flows", {"logDestination": ref("group")}),
    resource(types.FIREWALL_LOG, "firewall", {"loggingConfiguration": _FIREWALL}),
    resource(BUCKET_LOGS[0], "bucket-log", {"targetBucket": ref("logs")}),
    resource(FIREHOSE, "firehose", {"extendedS3Configuration": {"bucketArn": ref("logs")}}),
    resource(FIREHOSE, "searched", {"opensearchConfiguration": _SEARCHED}),
    resource(types.ECS_CLUSTER, "tasks", {"configuration": _SESSIONS}),
    resource(types.BUILD_PROJECT, "build", {"vpcConfig": {"vpcId": "vpc-1"}, **_BUILD_LOGS}),
    resource(STREAMS, "streams", {"loggingInfo": {"brokerLogs": {"s3": {"bucket": _LOGS}}}}),
    resource(SERIES, "series", {"logDeliveryConfiguration": {"s3Configuration": {"bucketName": _LOGS}}}),
    resource(
        types.BALANCER,
        "balancer",
        {"internal": True, "accessLogs": {"bucket": _LOGS}, "connectionLogs": {"bucket": _LOGS}},
    ),
    resource(WEB_FIREWALL_LOG, "waf", {"logDestinationConfigs": [log_group_arn("aws-waf-logs")]}),
    resource(types.TASK_DEFINITION, "task", {"containerDefinitions": _containers("awslogs")}),
    resource(types.SERVICE, "door", {"metadata": {"annotations": {_NOTE: _LOGS}}}),
    resource(types.INGRESS, "way", {"metadata": {"annotations": {_SCHEME: "internal"}}}),
    resource(types.TOPIC_SUBSCRIPTION, "alarms", {"protocol": "email", "endpoint": "ops@example.com"}),
    proxy(litellm_settings={"callbacks": ["prometheus"]}),
)
_ABROAD, _FOREIGN = ("SOV-001",), ("SOV-017",)

for _sink in (
    "trail:s3BucketName",
    "prompts:loggingConfig.s3Config.bucketName",
    "prompts:loggingConfig.cloudwatchConfig.largeDataDeliveryS3Config.bucketName",
    "firewall:loggingConfiguration.logDestinationConfigs[0].logDestination.bucketName",
    "bucket-log:targetBucket",
    "balancer:accessLogs.bucket",
    "balancer:connectionLogs.bucket",
    "tasks:configuration.executeCommandConfiguration.logConfiguration.s3BucketName",
    "streams:loggingInfo.brokerLogs.s3.bucket",
    "series:logDeliveryConfiguration.s3Configuration.bucketName",
):
    logs_stay_inside.fails(f"a bucket of unknown place: {_sink}", {_sink: "elsewhere"})
for _sink in (
    "flows:logDestination",
    "build:logsConfig.s3Logs.location",
    "firehose:extendedS3Configuration.bucketArn",
    "firehose:extendedS3Configuration.s3BackupConfiguration.bucketArn",
    "searched:opensearchConfiguration.s3Configuration.bucketArn",
):
    logs_stay_inside.fails(f"a bucket of unknown place: {_sink}", {_sink: bucket_arn("elsewhere")})
logs_stay_inside.fails("a Service's balancer", {"door:metadata.annotations": {_NOTE: "elsewhere"}})
logs_stay_inside.fails(
    "an Ingress's balancer",
    {"way:metadata.annotations": {_SCHEME: "internal", _ATTRIBUTES: "access_logs.s3.bucket=elsewhere,x=y"}},
)
logs_stay_inside.fails("the bucket of the logs is abroad", {"logs:region": "us-east-1"}, also=_ABROAD)
logs_stay_inside.fails(
    "the trail's group is abroad",
    {"trail:cloudWatchLogsGroupArn": log_group_arn("/x:*", region="us-east-1")},
    also=_ABROAD,
)
logs_stay_inside.fails(
    "a subscription of another account", {"filter:destinationArn": _stream(account=STRANGER)}, also=_FOREIGN
)
logs_stay_inside.fails(
    "a log destination of another account",
    {"gathered:targetArn": arn("kinesis", "stream/s", account=STRANGER)},
    also=_FOREIGN,
)
logs_stay_inside.fails(
    "metrics stream abroad", {"metrics:firehoseArn": _stream(region="us-east-1")}, also=_ABROAD
)
logs_stay_inside.fails(
    "queries are logged abroad",
    {"queries:destinationArn": log_group_arn("/x", region="us-east-1")},
    also=_ABROAD,
)
logs_stay_inside.fails(
    "WAF logs of another account",
    {"waf:logDestinationConfigs[0]": log_group_arn("aws-waf-logs", account=STRANGER)},
    also=_FOREIGN,
)
logs_stay_inside.fails("a log group abroad", {"group-two:region": "us-east-1"}, also=_ABROAD)
logs_stay_inside.fails(
    "a stream to a host outside AWS", {"firehose:httpEndpointConfiguration": {"url": "https://x.example"}}
)
logs_stay_inside.fails(
    "a stream into a search outside AWS",
    {"searched:opensearchConfiguration.clusterEndpoint": "https://search.example.com"},
)
logs_stay_inside.fails(
    "the same in the bucket's own properties", {"logs:logging": {"targetBucket": "elsewhere"}}
)
logs_stay_inside.fails(
    "a task that logs to a service outside", {"task:containerDefinitions": _containers("splunk")}
)
logs_stay_inside.fails(
    "a task that logs into another Region",
    {"task:containerDefinitions": _containers("awslogs", **{"awslogs-region": "us-east-1"})},
    also=_ABROAD,
)
for _key in ("awslogs-endpoint", "endpoint"):
    logs_stay_inside.fails(
        f"a task with an address of its own for logs: {_key}",
        {
            "task:containerDefinitions": _containers(
                ROUTER, Name="firehose", **{_key: "https://l.example.com"}
            )
        },
    )
logs_stay_inside.fails(
    "a task's router into another Region",
    {"task:containerDefinitions": _containers(ROUTER, Name="firehose", region="us-east-1")},
    also=_ABROAD,
)
logs_stay_inside.fails(
    "a task's router to a vendor", {"task:containerDefinitions": _containers(ROUTER, Name="datadog")}
)
logs_stay_inside.fails(
    "messages go to a hook outside",
    {"alarms:protocol": "https", "alarms:endpoint": "https://hooks.example.com/x"},
)
logs_stay_inside.fails(
    "a proxy that hands prompts to a service outside",
    {"proxy:data": proxy_data(litellm_settings={"success_callback": ["langfuse"]})},
)
_TRACED = {"success_callback": ["langfuse"]}
_TEAM = [{"team_id": "t", **_TRACED}]
logs_stay_inside.fails(
    "the same for one team", {"proxy:data": proxy_data(litellm_settings={"default_team_settings": _TEAM})}
)
logs_stay_inside.fails(
    "the same for one model",
    {
        "proxy:data": proxy_data(
            group("notes", "hosted_vllm/m", "http://m.svc", success_callback=["langfuse"])
        )
    },
)
logs_stay_inside.fails(
    "alerts go to a chat", {"proxy:data": proxy_data(general_settings={"alerting": ["slack"]})}
)


def _collector(address: str) -> dict[str, str]:
    return {"c.yaml": f"exporters:\n  otlphttp:\n    endpoint: {address}\n"}


def _fluent(said: str) -> dict[str, str]:
    return {"fluent-bit.conf": f"[SERVICE]\n  Flush 1\n[OUTPUT]\n{said}\n"}


logs_stay_inside.passes(
    "collectors, agents and programs report to a collector inside",
    resource(types.CONFIG_MAP, "collector", {"data": _collector("http://tempo.monitoring:4318")}),
    resource(types.CONFIG_MAP, "fluent", {"data": _fluent(f"  Name cloudwatch_logs\n  region {REGION}")}),
    resource(types.ADDON, "adot", {"configurationValues": json.dumps({"collector": "off"})}),
    deployment(
        "app",
        container("app", env={"OTEL_EXPORTER_OTLP_ENDPOINT": "http://otel.monitoring:4317"}, args=[]),
    ),
)
_ABROAD_EXPORT = {"exporters": {"otlp": {"endpoint": "otlp.example.com:4317"}}}
logs_stay_inside.fails(
    "a collector exports elsewhere", {"collector:data": _collector("https://o.example.com")}
)
logs_stay_inside.fails(
    "a collector exports to a vendor's own host",
    {"collector:data": {"c": "exporters:\n  datadog:\n    api: x\n"}},
)
logs_stay_inside.fails(
    "an agent sends elsewhere", {"fluent:data": _fluent("  Name http\n  Host l.example.com")}
)
logs_stay_inside.fails("an agent sends to a vendor", {"fluent:data": _fluent("  Name datadog")})
logs_stay_inside.fails(
    "an add-on's collector exports elsewhere", {"adot:configurationValues": json.dumps(_ABROAD_EXPORT)}
)
logs_stay_inside.fails("a program reports elsewhere", {f"app:{FIRST_VARIABLE}": "otlp.example.com:4317"})
logs_stay_inside.fails(
    "by a flag", {f"app:{CONTAINER}.args": ["--otlp-traces-endpoint", "otlp.example.com:4317"]}
)
