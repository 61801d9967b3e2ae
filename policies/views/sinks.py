"""The properties and annotations by which resources name where their logs and streams land.

Not here: whether that is inside the boundary (destinations, and the packs).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from inferplan.resource import Resource
from policies import types
from policies.read import Text, each, known

FIREHOSE = "aws:kinesis/firehoseDeliveryStream:FirehoseDeliveryStream"
FILTER = "aws:cloudwatch/logSubscriptionFilter:LogSubscriptionFilter"
GATHERED = "aws:cloudwatch/logDestination:LogDestination"
METRICS = "aws:cloudwatch/metricStream:MetricStream"
BUCKET_LOGS = ("aws:s3/bucketLogging:BucketLogging", "aws:s3/bucketLoggingV2:BucketLoggingV2")
WEB_FIREWALL_LOG = "aws:wafv2/webAclLoggingConfiguration:WebAclLoggingConfiguration"
STREAMS, SERIES = "aws:msk/cluster:Cluster", "aws:timestreaminfluxdb/dbInstance:DbInstance"
# Buckets beside the stream's own destination: what failed, or all of it, is kept there too.
KEPT_BESIDE = (
    "extendedS3Configuration.s3BackupConfiguration",
    "redshiftConfiguration.s3BackupConfiguration",
    *(
        f"{kind}Configuration.s3Configuration"
        for kind in ("elasticsearch", "opensearch", "opensearchserverless", "iceberg", "redshift")
    ),
)
# Hosts that a stream delivers to.
DELIVERED = (
    "elasticsearchConfiguration.clusterEndpoint",
    "opensearchConfiguration.clusterEndpoint",
    "opensearchserverlessConfiguration.collectionEndpoint",
    "redshiftConfiguration.clusterJdbcurl",
)
# Sinks by address; bucket names are global, so they must be resolved.
SINKS: dict[str, tuple[str, ...]] = {
    types.TRAIL: ("s3BucketName", "cloudWatchLogsGroupArn"),
    FILTER: ("destinationArn",),
    GATHERED: ("targetArn",),
    METRICS: ("firehoseArn",),
    types.QUERY_LOG: ("destinationArn",),
    types.INVOCATION_LOG: (
        "loggingConfig.s3Config.bucketName",
        "loggingConfig.cloudwatchConfig.largeDataDeliveryS3Config.bucketName",
    ),
    types.FLOW_LOG: ("logDestination",),
    types.BUILD_PROJECT: ("logsConfig.s3Logs.location",),
    types.FIREWALL_LOG: ("loggingConfiguration.logDestinationConfigs[].logDestination.bucketName",),
    **dict.fromkeys(BUCKET_LOGS, ("targetBucket",)),
    **dict.fromkeys(types.BUCKETS, ("logging.targetBucket", "loggings[].targetBucket")),
    FIREHOSE: ("extendedS3Configuration.bucketArn", *(f"{part}.bucketArn" for part in KEPT_BESIDE)),
    **dict.fromkeys(types.BALANCERS, ("accessLogs.bucket", "connectionLogs.bucket")),
    types.ECS_CLUSTER: ("configuration.executeCommandConfiguration.logConfiguration.s3BucketName",),
    STREAMS: ("loggingInfo.brokerLogs.s3.bucket",),
    SERIES: ("logDeliveryConfiguration.s3Configuration.bucketName",),
    WEB_FIREWALL_LOG: ("logDestinationConfigs[]",),
}
# What controllers of balancers are told about logs, in an annotation of its own or among attributes.
_BUCKET_NOTE = re.compile(r".*access-log-s3-bucket-name")
_ATTRIBUTES = re.compile(r".*load-balancer-attributes")


def balancer_buckets(item: Resource) -> Iterator[Text]:
    """Every bucket that annotations of a Service or an Ingress name for the logs of its balancer."""
    for path, notes in each(item.props, "metadata.annotations"):
        for name, value in known(notes).items():
            told = str(known(value))
            if _BUCKET_NOTE.fullmatch(name):
                yield Text(f"{path}.{name}", told)
            elif _ATTRIBUTES.fullmatch(name):
                found = re.findall(r"(?:access|connection)_logs\.s3\.bucket=([^,]+)", told)
                yield from (Text(f"{path}.{name}", bucket) for bucket in found)
