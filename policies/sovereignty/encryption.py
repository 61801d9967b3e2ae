"""Own keys for whatever is stored: prompts, answers, weights, logs, secrets.

Not here: copies of keys (copies) and key policies.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from inferplan.resource import Resource, Unknown
from policies.context import Context
from policies.example import aws_arn, change, ref, resource
from policies.levels import confidential_and_up
from policies.read import arn, each, get, known
from policies.rule import DROP, Example, Outcome, Problem, fail, on_resource, on_stack, rule
from policies.sovereignty.copies import BUCKETS

KEYS = (
    "aws:kms/key:Key",
    "aws:kms/externalKey:ExternalKey",
    "aws:kms/alias:Alias",
    "aws:kms/replicaKey:ReplicaKey",
)
# Type: property of the key, and the switch without which there is no encryption at rest at all.
KEY_PROPERTIES: dict[str, tuple[str, str | None]] = {
    "aws:cloudwatch/logGroup:LogGroup": ("kmsKeyId", None),
    "aws:secretsmanager/secret:Secret": ("kmsKeyId", None),
    "aws:efs/fileSystem:FileSystem": ("kmsKeyId", "encrypted"),
    "aws:ebs/volume:Volume": ("kmsKeyId", "encrypted"),
    "aws:eks/cluster:Cluster": ("encryptionConfig.provider.keyArn", None),
    "aws:rds/instance:Instance": ("kmsKeyId", "storageEncrypted"),
    "aws:rds/cluster:Cluster": ("kmsKeyId", "storageEncrypted"),
    "aws:elasticache/replicationGroup:ReplicationGroup": ("kmsKeyId", "atRestEncryptionEnabled"),
    "aws:cloudtrail/trail:Trail": ("kmsKeyId", None),
    "aws:backup/vault:Vault": ("kmsKeyArn", None),
    "aws:bedrock/guardrail:Guardrail": ("kmsKeyArn", None),
    "aws:fsx/lustreFileSystem:LustreFileSystem": ("kmsKeyId", None),
}
REPOSITORY = "aws:ecr/repository:Repository"
TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate"
ENCRYPTIONS = (
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
    "aws:s3/bucketServerSideEncryptionConfigurationV2:BucketServerSideEncryptionConfigurationV2",
)
BALANCERS = (
    "aws:lb/loadBalancer:LoadBalancer",
    "aws:alb/loadBalancer:LoadBalancer",
    "aws:elb/loadBalancer:LoadBalancer",
)
SWITCHED_ON = frozenset({True, "true"})


def key_problems(item: Resource, path: str, context: Context) -> Iterator[Outcome]:
    """What is wrong with a property's key: absent, AWS's own, of another account, or elsewhere."""
    found = list(each(item.props, path))
    if not found:
        yield fail("is encrypted with AWS's own key; name a customer-managed one", path=path)
    for place, value in found:
        yield from _key_problem(place, value, context)


def _key_problem(place: str, value: Any, context: Context) -> Iterator[Outcome]:
    if isinstance(value, Unknown):
        keys = [key for key in context.stack.follow(value) if key.package == "aws"]
        if not keys:
            known(value)
        wrong = [context.outside(context.region_of(key) or "") for key in keys if key.type in KEYS]
        if not any(key.type in KEYS for key in keys):
            yield fail("names something that is no KMS key of this stack", path=place)
        yield from (fail(f"the key is elsewhere: {text}", path=place) for text in wrong if text)
        return
    address = arn(value)
    if str(value).endswith(("alias/aws/", "aws/")) or "alias/aws/" in str(value):
        yield fail("is encrypted with AWS's own key; name a customer-managed one", path=place)
    elif address is not None and address.account != context.spec.target.account:
        yield fail("the key belongs to another account", path=place)
    elif address is not None and (text := context.outside(address.region)):
        yield fail(f"the key is elsewhere: {text}", path=place)


def _repository(item: Resource, context: Context) -> Iterator[Outcome]:
    kinds = [known(kind) for _, kind in each(item.props, "encryptionConfigurations[].encryptionType")]
    if kinds not in (["KMS"], ["KMS_DSSE"]):
        yield fail("images are encrypted with S3's own keys (AES256)", path="encryptionConfigurations")
    else:
        yield from key_problems(item, "encryptionConfigurations[].kmsKey", context)


def _template(item: Resource, context: Context) -> Iterator[Outcome]:
    volumes = list(each(item.props, "blockDeviceMappings[].ebs"))
    if not volumes:
        yield fail("names no volumes, so the image's unencrypted ones are used", path="blockDeviceMappings")
    for path, volume in volumes:
        if get(volume, "encrypted") not in SWITCHED_ON:
            yield fail("the volume is not encrypted", path=f"{path}.encrypted")
        elif volume.get("kmsKeyId") is None:
            yield fail(
                "is encrypted with AWS's own key; name a customer-managed one", path=f"{path}.kmsKeyId"
            )
        else:
            yield from _key_problem(f"{path}.kmsKeyId", volume["kmsKeyId"], context)


def _by_default(item: Resource, _context: Context) -> Iterator[Outcome]:
    if get(item.props, "enabled", True) is not True:
        yield fail("turns encryption of new volumes off for the whole Region", path="enabled")


def _buckets(buckets: tuple[Resource, ...], context: Context) -> Iterator[Outcome]:
    stack = context.stack
    for bucket in buckets:
        if any(
            bucket in stack.named(item, "accessLogs.bucket", bucket.type) for item in stack.of(*BALANCERS)
        ):
            continue  # balancers can only write with S3's own keys; their logs hold no payload (settled 32)
        settings = stack.pointing_at(bucket, "bucket", *ENCRYPTIONS)
        inline = "serverSideEncryptionConfiguration.rule.applyServerSideEncryptionByDefault"
        if settings:
            for item in settings:
                base = "rules[].applyServerSideEncryptionByDefault"
                yield from _bucket_keys(item, base, context)
        elif bucket.props.get("serverSideEncryptionConfiguration") is not None:
            yield from _bucket_keys(bucket, inline, context)
        else:
            yield fail("has no encryption with a customer-managed key", subject=bucket)


def _bucket_keys(item: Resource, base: str, context: Context) -> Iterator[Outcome]:
    algorithms = [known(value) for _, value in each(item.props, f"{base}.sseAlgorithm")]
    if not algorithms or any(name not in {"aws:kms", "aws:kms:dsse"} for name in algorithms):
        yield fail("objects are encrypted with S3's own keys", path=base, subject=item)
        return
    for problem in key_problems(item, f"{base}.kmsMasterKeyId", context):
        yield replace(problem, subject=item) if isinstance(problem, Problem) else problem


def _nested(path: str, value: Any, switch: str | None) -> dict[str, Any]:
    """Properties of an example with the value at a path."""
    props: Any = value
    for key in reversed(path.split(".")):
        props = {key: props}
    more = (
        {"vpcConfig": {"endpointPublicAccess": False, "endpointPrivateAccess": True}} if "." in path else {}
    )
    return {**props, **more, **({switch: True} if switch else {})}


def _short(type_: str) -> str:
    """`rds-instance` for aws:rds/instance:Instance."""
    return type_.split(":")[1].replace("/", "-")


_KEY = resource("aws:kms/key:Key", "key", {"description": "own"})
_DATA = resource("aws:s3/bucket:Bucket", "data", {"bucket": "example-data"})
_ACCESS = resource("aws:s3/bucket:Bucket", "access", {"bucket": "example-access"})
_ARN = aws_arn("kms:eu-central-1:111111111111:key/k")


@rule(
    id="SOV-011",
    title="What is stored is encrypted with a customer-managed key of an allowed Region",
    why="With the provider's key the provider can read; with the own key, access can be cut off and is "
    "on record.",
    fix="Name a KMS key of this account and Region in the property that the finding points at.",
    source=("004:64",),
    level=confidential_and_up,
    on=tuple(KEY_PROPERTIES),
    more=(
        on_resource(_repository, REPOSITORY),
        on_resource(_template, TEMPLATE),
        on_resource(_by_default, "aws:ebs/encryptionByDefault:EncryptionByDefault"),
        on_stack(_buckets, *BUCKETS),
    ),
    passing=(
        Example(
            note="everything stored has the stack's key",
            resources=(
                _KEY,
                _DATA,
                _ACCESS,
                resource(
                    "aws:s3/bucket:Bucket",
                    "inline",
                    {
                        "bucket": "example-inline",
                        "serverSideEncryptionConfiguration": {
                            "rule": {
                                "applyServerSideEncryptionByDefault": {
                                    "sseAlgorithm": "aws:kms",
                                    "kmsMasterKeyId": ref(_KEY),
                                }
                            }
                        },
                    },
                ),
                resource(
                    ENCRYPTIONS[0],
                    "data-key",
                    {
                        "bucket": ref(_DATA),
                        "rules": [
                            {
                                "applyServerSideEncryptionByDefault": {
                                    "sseAlgorithm": "aws:kms",
                                    "kmsMasterKeyId": ref(_KEY),
                                }
                            }
                        ],
                    },
                ),
                resource(
                    BALANCERS[0], "balancer", {"internal": True, "accessLogs": {"bucket": "example-access"}}
                ),
                *(
                    resource(type_, _short(type_), _nested(path, ref(_KEY), switch))
                    for type_, (path, switch) in KEY_PROPERTIES.items()
                ),
                resource(
                    REPOSITORY,
                    "images",
                    {"encryptionConfigurations": [{"encryptionType": "KMS", "kmsKey": _ARN}]},
                ),
                resource(
                    TEMPLATE,
                    "nodes",
                    {"blockDeviceMappings": [{"ebs": {"encrypted": "true", "kmsKeyId": ref(_KEY)}}]},
                ),
                resource("aws:ebs/encryptionByDefault:EncryptionByDefault", "default", {"enabled": True}),
            ),
        ),
    ),
    failing=(
        *(
            change(f"no key on {type_}", {f"{_short(type_)}:{path}": DROP})
            for type_, (path, _) in KEY_PROPERTIES.items()
        ),
        change("AWS's own key", {"secretsmanager-secret:kmsKeyId": "alias/aws/secretsmanager"}),
        change(
            "a key of another account",
            {"secretsmanager-secret:kmsKeyId": aws_arn("kms:eu-central-1:999999999999:key/k")},
            also=("SOV-017",),
        ),
        change(
            "a key in another Region",
            {"secretsmanager-secret:kmsKeyId": aws_arn("kms:us-east-1:111111111111:key/k")},
            also=("SOV-001",),
        ),
        change("the stack's key is elsewhere", {"key:region": "eu-west-1"}, also=("SOV-001",)),
        change("the volume is not encrypted", {"nodes:blockDeviceMappings[0].ebs.encrypted": "false"}),
        change("the volume has no own key", {"nodes:blockDeviceMappings[0].ebs.kmsKeyId": DROP}),
        change("the template names no volume", {"nodes:blockDeviceMappings": DROP}),
        change("storage of the database is not encrypted", {"rds-instance:storageEncrypted": False}),
        change("images without own key", {"images:encryptionConfigurations[0].encryptionType": "AES256"}),
        change("images with AWS's key", {"images:encryptionConfigurations[0].kmsKey": DROP}),
        change("default encryption is turned off", {"default:enabled": False}),
        change(
            "a bucket with S3's own keys in its own properties",
            {
                "inline:serverSideEncryptionConfiguration.rule.applyServerSideEncryptionByDefault"
                ".sseAlgorithm": "AES256"
            },
        ),
        change("a bucket without encryption settings", remove=("data-key",)),
        change(
            "a bucket with S3's own keys",
            {"data-key:rules[0].applyServerSideEncryptionByDefault.sseAlgorithm": "AES256"},
        ),
        change(
            "a bucket with AWS's KMS key",
            {"data-key:rules[0].applyServerSideEncryptionByDefault.kmsMasterKeyId": DROP},
        ),
        change("the access log's balancer is gone, so it is a bucket like any other", remove=("balancer",)),
    ),
)
def sov_011(item: Resource, context: Context) -> Iterator[Outcome]:
    path, switch = KEY_PROPERTIES[item.type]
    if switch is not None and get(item.props, switch) not in SWITCHED_ON:
        yield fail("storage is not encrypted", path=switch)
    else:
        yield from key_problems(item, path, context)
