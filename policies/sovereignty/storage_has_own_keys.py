"""Own keys for whatever is stored: prompts, answers, weights, logs, secrets.

Not here: copies of keys (copies_stay_inside) and key policies.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from inferplan.resource import Resource, Unknown
from policies import types
from policies.context import Context
from policies.levels import confidential_and_up
from policies.read import arn, each, get, known
from policies.rule import DROP, Outcome, Problem, Rule, fail
from policies.world.things import STRANGER, bucket, key, key_arn, ref, resource

KEYS = (types.KEY, types.EXTERNAL_KEY, types.REPLICA_KEY, "aws:kms/alias:Alias")
# Type: property of the key, and the switch without which there is no encryption at rest at all.
KEY_PROPERTIES: dict[str, tuple[str, str | None]] = {
    types.LOG_GROUP: ("kmsKeyId", None),
    types.SECRET: ("kmsKeyId", None),
    "aws:efs/fileSystem:FileSystem": ("kmsKeyId", "encrypted"),
    "aws:ebs/volume:Volume": ("kmsKeyId", "encrypted"),
    types.CLUSTER: ("encryptionConfig.provider.keyArn", None),
    types.DATABASE: ("kmsKeyId", "storageEncrypted"),
    types.DATABASE_CLUSTER: ("kmsKeyId", "storageEncrypted"),
    types.CACHE_GROUP: ("kmsKeyId", "atRestEncryptionEnabled"),
    types.TRAIL: ("kmsKeyId", None),
    types.BACKUP_VAULT: ("kmsKeyArn", None),
    types.GUARDRAIL: ("kmsKeyArn", None),
    types.LUSTRE: ("kmsKeyId", None),
    types.BUILD_PROJECT: ("encryptionKey", None),
}
ENCRYPTIONS = (
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
    "aws:s3/bucketServerSideEncryptionConfigurationV2:BucketServerSideEncryptionConfigurationV2",
)
BY_DEFAULT = "aws:ebs/encryptionByDefault:EncryptionByDefault"
SWITCHED_ON = (True, "true")
NOT_OWN = "is encrypted with AWS's own key; name a customer-managed one"

storage_has_own_keys = Rule(
    id="SOV-011",
    title="What is stored is encrypted with a customer-managed key of an allowed Region",
    why="With the provider's key the provider can read; with the own key, access can be cut off and is "
    "on record.",
    fix="Name a KMS key of this account and Region in the property that the finding points at.",
    source=("004:64",),
    level=confidential_and_up,
)


@storage_has_own_keys.check(*KEY_PROPERTIES)
def _stored(item: Resource, context: Context) -> Iterator[Outcome]:
    path, switch = KEY_PROPERTIES[item.type]
    if switch is not None and get(item.props, switch) not in SWITCHED_ON:
        yield fail("storage is not encrypted", path=switch)
    else:
        yield from _keys(item, path, context)


def _keys(item: Resource, path: str, context: Context) -> Iterator[Outcome]:
    """What is wrong with a property's key: absent, AWS's own, of another account, or elsewhere."""
    found = list(each(item.props, path))
    if not found:
        yield fail(NOT_OWN, path=path)
    for place, value in found:
        yield from _key(place, value, context)


def _key(place: str, value: Any, context: Context) -> Iterator[Outcome]:
    if isinstance(value, Unknown):
        origins = [origin for origin in context.stack.follow(value) if origin.package == "aws"]
        if not origins:
            known(value)
        keys = [origin for origin in origins if origin.type in KEYS]
        wrong = [context.outside(context.region_of(found) or "") for found in keys]
        if not keys:
            yield fail("names something that is no KMS key of this stack", path=place)
        yield from (fail(f"the key is elsewhere: {text}", path=place) for text in wrong if text)
        return
    address = arn(value)
    if str(value).endswith("aws/") or "alias/aws/" in str(value):
        yield fail(NOT_OWN, path=place)
    elif address is not None and address.account != context.spec.target.account:
        yield fail("the key belongs to another account", path=place)
    elif address is not None and (text := context.outside(address.region)):
        yield fail(f"the key is elsewhere: {text}", path=place)


@storage_has_own_keys.check(types.REPOSITORY)
def _repository(item: Resource, context: Context) -> Iterator[Outcome]:
    kinds = [known(kind) for _, kind in each(item.props, "encryptionConfigurations[].encryptionType")]
    if kinds not in (["KMS"], ["KMS_DSSE"]):
        yield fail("images are encrypted with S3's own keys (AES256)", path="encryptionConfigurations")
    else:
        yield from _keys(item, "encryptionConfigurations[].kmsKey", context)


@storage_has_own_keys.check(types.LAUNCH_TEMPLATE)
def _template(item: Resource, context: Context) -> Iterator[Outcome]:
    volumes = list(each(item.props, "blockDeviceMappings[].ebs"))
    if not volumes:
        yield fail("names no volumes, so the image's unencrypted ones are used", path="blockDeviceMappings")
    for path, volume in volumes:
        if get(volume, "encrypted") not in SWITCHED_ON:
            yield fail("the volume is not encrypted", path=f"{path}.encrypted")
        elif volume.get("kmsKeyId") is None:
            yield fail(NOT_OWN, path=f"{path}.kmsKeyId")
        else:
            yield from _key(f"{path}.kmsKeyId", volume["kmsKeyId"], context)


@storage_has_own_keys.check(BY_DEFAULT)
def _by_default(item: Resource, _context: Context) -> Iterator[Outcome]:
    if get(item.props, "enabled", True) is not True:
        yield fail("turns encryption of new volumes off for the whole Region", path="enabled")


@storage_has_own_keys.check_stack(*types.BUCKETS)
def _buckets(buckets: tuple[Resource, ...], context: Context) -> Iterator[Outcome]:
    stack = context.stack
    for found in buckets:
        balancers = stack.of(*types.BALANCERS)
        if any(found in stack.named(item, "accessLogs.bucket", found.type) for item in balancers):
            continue  # balancers can only write with S3's own keys; their logs hold no payload (settled 32)
        settings = stack.pointing_at(found, "bucket", *ENCRYPTIONS)
        if settings:
            for item in settings:
                yield from _bucket_keys(item, "rules[].applyServerSideEncryptionByDefault", context)
        elif found.props.get("serverSideEncryptionConfiguration") is not None:
            inline = "serverSideEncryptionConfiguration.rule.applyServerSideEncryptionByDefault"
            yield from _bucket_keys(found, inline, context)
        else:
            yield fail("has no encryption with a customer-managed key", subject=found)


def _bucket_keys(item: Resource, base: str, context: Context) -> Iterator[Outcome]:
    algorithms = [known(value) for _, value in each(item.props, f"{base}.sseAlgorithm")]
    if not algorithms or any(name not in {"aws:kms", "aws:kms:dsse"} for name in algorithms):
        yield fail("objects are encrypted with S3's own keys", path=base, subject=item)
        return
    for problem in _keys(item, f"{base}.kmsMasterKeyId", context):
        yield replace(problem, subject=item) if isinstance(problem, Problem) else problem


def _short(type_: str) -> str:
    """`rds-instance` for the type of a database."""
    return type_.split(":")[1].replace("/", "-")


def _with_key(type_: str) -> Resource:
    """Something of a type, encrypted with the key of the example."""
    path, switch = KEY_PROPERTIES[type_]
    said: Any = ref("key")
    for name in reversed(path.split(".")):
        said = {name: said}
    return resource(type_, _short(type_), said | ({switch: True} if switch else {}))


_RULE = {"applyServerSideEncryptionByDefault": {"sseAlgorithm": "aws:kms", "kmsMasterKeyId": ref("key")}}
_INLINE = "inline:serverSideEncryptionConfiguration.rule.applyServerSideEncryptionByDefault"
_SETTING = "data-key:rules[0].applyServerSideEncryptionByDefault"
_IMAGES = "images:encryptionConfigurations[0]"
_VOLUME = "nodes:blockDeviceMappings[0].ebs"
_SECRET = "secretsmanager-secret:kmsKeyId"

storage_has_own_keys.passes(
    "everything stored has the stack's key",
    key("key"),
    bucket("data"),
    resource(ENCRYPTIONS[0], "data-key", {"bucket": ref("data"), "rules": [_RULE]}),
    bucket("inline", serverSideEncryptionConfiguration={"rule": _RULE}),
    bucket("access"),
    resource(types.BALANCER, "balancer", {"internal": True, "accessLogs": {"bucket": "example-access"}}),
    *map(_with_key, KEY_PROPERTIES),
    resource(
        types.REPOSITORY,
        "images",
        {"encryptionConfigurations": [{"encryptionType": "KMS", "kmsKey": key_arn()}]},
    ),
    resource(
        types.LAUNCH_TEMPLATE,
        "nodes",
        {"blockDeviceMappings": [{"ebs": {"encrypted": "true", "kmsKeyId": ref("key")}}]},
    ),
    resource(BY_DEFAULT, "default", {"enabled": True}),
)
for _type, (_path, _) in KEY_PROPERTIES.items():
    storage_has_own_keys.fails(f"no key on {_type}", {f"{_short(_type)}:{_path}": DROP})
storage_has_own_keys.fails("AWS's own key", {_SECRET: "alias/aws/secretsmanager"})
storage_has_own_keys.fails(
    "a key of another account", {_SECRET: key_arn(account=STRANGER)}, also=("SOV-017",)
)
storage_has_own_keys.fails(
    "a key in another Region", {_SECRET: key_arn(region="us-east-1")}, also=("SOV-001",)
)
storage_has_own_keys.fails("the stack's key is elsewhere", {"key:region": "eu-west-1"}, also=("SOV-001",))
storage_has_own_keys.fails("the volume is not encrypted", {f"{_VOLUME}.encrypted": "false"})
storage_has_own_keys.fails("the volume has no own key", {f"{_VOLUME}.kmsKeyId": DROP})
storage_has_own_keys.fails("the template names no volume", {"nodes:blockDeviceMappings": DROP})
storage_has_own_keys.fails("a database is not encrypted", {"rds-instance:storageEncrypted": False})
storage_has_own_keys.fails("images without own key", {f"{_IMAGES}.encryptionType": "AES256"})
storage_has_own_keys.fails("images with AWS's key", {f"{_IMAGES}.kmsKey": DROP})
storage_has_own_keys.fails("default encryption is turned off", {"default:enabled": False})
storage_has_own_keys.fails("S3's own keys in the bucket itself", {f"{_INLINE}.sseAlgorithm": "AES256"})
storage_has_own_keys.fails("a bucket without encryption settings", remove=("data-key",))
storage_has_own_keys.fails("a bucket with S3's own keys", {f"{_SETTING}.sseAlgorithm": "AES256"})
storage_has_own_keys.fails("a bucket with AWS's KMS key", {f"{_SETTING}.kmsMasterKeyId": DROP})
storage_has_own_keys.fails("without its balancer the access log is a bucket too", remove=("balancer",))
