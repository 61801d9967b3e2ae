"""What leaves a Region by copying: replicas of stored data, of keys and of secrets.

Not here: where the resources themselves are (residency), logs (sinks) and network links (boundary).
"""

from __future__ import annotations

from collections.abc import Iterator

from inferplan.resource import Resource
from policies.context import Context
from policies.example import aws_arn, change, ref, resource
from policies.read import each, get, known
from policies.rule import Example, Outcome, Problem, fail, on_resource, on_stack, rule
from policies.stack import Target

BUCKETS = ("aws:s3/bucket:Bucket", "aws:s3/bucketV2:BucketV2")
# Destinations that are addresses: an ARN, a bucket's name, or a reference.
COPY_ADDRESSES = {
    "aws:s3/bucketReplicationConfig:BucketReplicationConfig": "rules[].destination.bucket",
    "aws:s3/bucket:Bucket": "replicationConfiguration.rules[].destination.bucket",
    "aws:s3/bucketV2:BucketV2": "replicationConfigurations[].rules[].destinations[].bucket",
    "aws:backup/plan:Plan": "rules[].copyActions[].destinationVaultArn",
    "aws:dynamodb/tableReplica:TableReplica": "globalTableArn",
    "aws:rds/instanceAutomatedBackupsReplication:InstanceAutomatedBackupsReplication": "sourceDbInstanceArn",
    "aws:s3control/multiRegionAccessPoint:MultiRegionAccessPoint": "details.regions[].bucket",
}
# Destinations (or origins) that are plain Region names.
COPY_REGIONS = {
    "aws:ecr/replicationConfiguration:"
    "ReplicationConfiguration": "replicationConfiguration.rules[].destinations[].region",
    "aws:efs/replicationConfiguration:ReplicationConfiguration": "destination.region",
    "aws:ebs/snapshotCopy:SnapshotCopy": "sourceRegion",
    "aws:ec2/amiCopy:AmiCopy": "sourceAmiRegion",
    "aws:rds/snapshotCopy:SnapshotCopy": "destinationRegion",
    "aws:rds/clusterSnapshotCopy:ClusterSnapshotCopy": "destinationRegion",
    "aws:redshift/snapshotCopy:SnapshotCopy": "destinationRegion",
    "aws:dynamodb/globalTable:GlobalTable": "replicas[].regionName",
    "aws:dynamodb/table:Table": "replicas[].regionName",
}
COPY_ACCOUNTS = {
    "aws:ecr/replicationConfiguration:ReplicationConfiguration": "replicationConfiguration.rules[]."
    "destinations[].registryId",
    "aws:s3/bucketReplicationConfig:BucketReplicationConfig": "rules[].destination.account",
}
VAULT = "aws:backup/vault:Vault"


def misplaced(target: Target, context: Context, what: str) -> Problem | None:
    """Why a destination may not be used, None when it lies inside the boundary and the own account."""
    place = context.destination(target)
    if place is None:
        return fail(
            f"{what}: its Region is not provable; name a bucket of this stack or an ARN with a Region",
            path=target.path,
        )
    if place.account and place.account != context.spec.target.account:
        return fail(f"{what}: belongs to another account", path=target.path)
    wrong = context.outside(place.region) if place.region else None
    return fail(f"{what}: {wrong}", path=target.path) if wrong else None


def _copied_to_address(resources: tuple[Resource, ...], context: Context) -> Iterator[Outcome]:
    for item in resources:
        for target in context.stack.targets(
            item, COPY_ADDRESSES[item.type], *BUCKETS, VAULT, "aws:rds/instance:Instance"
        ):
            if problem := misplaced(target, context, "copies stored data"):
                yield fail(problem.message, path=problem.path, subject=item)


def _other_account(item: Resource, context: Context) -> Iterator[Outcome]:
    for path, account in each(item.props, COPY_ACCOUNTS[item.type]):
        if known(account) != context.spec.target.account:
            yield fail("copies stored data to another account", path=path)


def _vault(region: str, account: str) -> str:
    return aws_arn(f"backup:{region}:{account}:backup-vault:second")


_KEEPER = resource("aws:s3/bucket:Bucket", "keeper", {"bucket": "example-keeper"})
_SOURCE = resource("aws:s3/bucket:Bucket", "origin", {"bucket": "example-origin"})


@rule(
    id="SOV-003",
    title="No resource copies stored data out of the allowed countries",
    why="A replica is the data itself, under the law of the place where it comes to rest.",
    fix="Remove the copy, keep it inside the boundary, or add the country with a transfer basis (PRIV-003).",
    source=("000:116",),
    level="mandatory",
    on=tuple(COPY_REGIONS),
    more=(
        on_stack(_copied_to_address, *COPY_ADDRESSES),
        on_resource(_other_account, *COPY_ACCOUNTS),
    ),
    passing=(
        Example(
            note="copies that stay in Germany",
            resources=(
                _KEEPER,
                _SOURCE,
                resource(
                    "aws:s3/bucketReplicationConfig:BucketReplicationConfig",
                    "bucket-copy",
                    {
                        "bucket": ref(_SOURCE),
                        "rules": [
                            {
                                "destination": {
                                    "bucket": aws_arn("s3:::example-keeper"),
                                    "account": "111111111111",
                                }
                            }
                        ],
                    },
                ),
                resource(
                    "aws:backup/plan:Plan",
                    "backup",
                    {
                        "rules": [
                            {"copyActions": [{"destinationVaultArn": _vault("eu-central-1", "111111111111")}]}
                        ]
                    },
                ),
                resource(
                    "aws:ecr/replicationConfiguration:ReplicationConfiguration",
                    "images",
                    {
                        "replicationConfiguration": {
                            "rules": [
                                {"destinations": [{"region": "eu-central-1", "registryId": "111111111111"}]}
                            ]
                        }
                    },
                ),
                resource(
                    "aws:efs/replicationConfiguration:ReplicationConfiguration",
                    "files",
                    {"destination": {"region": "eu-central-1"}},
                ),
                resource("aws:ebs/snapshotCopy:SnapshotCopy", "snapshot", {"sourceRegion": "eu-central-1"}),
                resource("aws:ec2/amiCopy:AmiCopy", "image", {"sourceAmiRegion": "eu-central-1"}),
                resource(
                    "aws:rds/snapshotCopy:SnapshotCopy", "db-snapshot", {"destinationRegion": "eu-central-1"}
                ),
                resource(
                    "aws:rds/clusterSnapshotCopy:ClusterSnapshotCopy",
                    "cluster-snapshot",
                    {"destinationRegion": "eu-central-1"},
                ),
                resource(
                    "aws:redshift/snapshotCopy:SnapshotCopy",
                    "warehouse",
                    {"destinationRegion": "eu-central-1"},
                ),
                resource(
                    "aws:dynamodb/globalTable:GlobalTable",
                    "table",
                    {"replicas": [{"regionName": "eu-central-1"}]},
                ),
                resource(
                    "aws:dynamodb/table:Table", "table-two", {"replicas": [{"regionName": "eu-central-1"}]}
                ),
                resource(
                    "aws:dynamodb/tableReplica:TableReplica",
                    "replica",
                    {"globalTableArn": aws_arn("dynamodb:eu-central-1:111111111111:table/t")},
                ),
                resource(
                    "aws:rds/instanceAutomatedBackupsReplication:InstanceAutomatedBackupsReplication",
                    "db-backups",
                    {"sourceDbInstanceArn": aws_arn("rds:eu-central-1:111111111111:db:d")},
                ),
                resource(
                    "aws:s3control/multiRegionAccessPoint:MultiRegionAccessPoint",
                    "access",
                    {"details": {"regions": [{"bucket": ref(_KEEPER)}]}},
                ),
            ),
        ),
    ),
    failing=(
        change("the destination bucket is elsewhere", {"keeper:region": "eu-west-1"}, also=("SOV-001",)),
        change(
            "the destination bucket is not of this stack",
            {"bucket-copy:rules[0].destination.bucket": aws_arn("s3:::someone-elses")},
        ),
        change(
            "a second rule copies to a bucket that is not of this stack",
            {"bucket-copy:rules[1]": {"destination": {"bucket": aws_arn("s3:::someone-elses")}}},
        ),
        change(
            "the destination belongs to another account",
            {"bucket-copy:rules[0].destination.account": "999999999999"},
            also=("SOV-017",),
        ),
        change(
            "a bucket replicates in its own properties",
            {
                "origin:replicationConfiguration": {
                    "rules": [{"destination": {"bucket": aws_arn("s3:::unknown")}}]
                }
            },
        ),
        change(
            "a bucket of the older type replicates in its own properties",
            add=(
                resource(
                    BUCKETS[1],
                    "older",
                    {
                        "replicationConfigurations": [
                            {"rules": [{"destinations": [{"bucket": aws_arn("s3:::unknown")}]}]}
                        ]
                    },
                ),
            ),
        ),
        change(
            "backups are copied abroad",
            {"backup:rules[0].copyActions[0].destinationVaultArn": _vault("us-west-2", "111111111111")},
            also=("SOV-001",),
        ),
        change(
            "backups are copied to another account",
            {"backup:rules[0].copyActions[0].destinationVaultArn": _vault("eu-central-1", "999999999999")},
            also=("SOV-017",),
        ),
        change(
            "images are copied abroad",
            {"images:replicationConfiguration.rules[0].destinations[0].region": "us-east-1"},
            also=("SOV-001",),
        ),
        change(
            "images are copied to another account",
            {"images:replicationConfiguration.rules[0].destinations[0].registryId": "999999999999"},
            also=("SOV-017",),
        ),
        change(
            "a file system is copied abroad", {"files:destination.region": "eu-west-1"}, also=("SOV-001",)
        ),
        change("a snapshot comes from abroad", {"snapshot:sourceRegion": "us-east-1"}, also=("SOV-001",)),
        change("an image comes from abroad", {"image:sourceAmiRegion": "us-east-1"}, also=("SOV-001",)),
        change(
            "a database snapshot goes abroad",
            {"db-snapshot:destinationRegion": "us-east-1"},
            also=("SOV-001",),
        ),
        change(
            "a cluster snapshot goes abroad",
            {"cluster-snapshot:destinationRegion": "us-east-1"},
            also=("SOV-001",),
        ),
        change(
            "a warehouse snapshot goes abroad",
            {"warehouse:destinationRegion": "us-east-1"},
            also=("SOV-001",),
        ),
        change(
            "a global table has a replica abroad",
            {"table:replicas[0].regionName": "ap-south-1"},
            also=("SOV-001",),
        ),
        change(
            "a table has a replica abroad",
            {"table-two:replicas[0].regionName": "ap-south-1"},
            also=("SOV-001",),
        ),
        change(
            "a replica of a table abroad",
            {"replica:globalTableArn": aws_arn("dynamodb:us-east-1:111111111111:table/t")},
            also=("SOV-001",),
        ),
        change(
            "backups of a database abroad",
            {"db-backups:sourceDbInstanceArn": aws_arn("rds:us-east-1:111111111111:db:d")},
            also=("SOV-001",),
        ),
        change(
            "an access point over a bucket of unknown place",
            {"access:details.regions[0].bucket": "elsewhere"},
        ),
    ),
)
def sov_003(item: Resource, context: Context) -> Iterator[Outcome]:
    for path, region in each(item.props, COPY_REGIONS[item.type]):
        if wrong := context.outside(str(known(region))):
            yield fail(f"copies stored data: {wrong}", path=path)


KEY, SECRET = "aws:kms/key:Key", "aws:secretsmanager/secret:Secret"
REPLICA_KEYS = ("aws:kms/replicaKey:ReplicaKey", "aws:kms/replicaExternalKey:ReplicaExternalKey")


def _replica_key(item: Resource, context: Context) -> Iterator[Outcome]:
    places = [context.destination(target) for target in context.stack.targets(item, "primaryKeyArn", KEY)]
    regions = [context.region_of(item), *(place.region for place in places if place)]
    for region in dict.fromkeys(regions):
        if region and (wrong := context.outside(region)):
            yield fail(f"key material is in two Regions, and {wrong}", path="primaryKeyArn")


def _multi_region(item: Resource, _context: Context) -> Iterator[Outcome]:
    if get(item.props, "multiRegion", False):
        yield fail(
            "a multi-Region key can be replicated abroad by one call; it is fixed at creation, so a new "
            "key is needed",
            path="multiRegion",
        )


@rule(
    id="SOV-004",
    title="Secrets and keys stay inside the boundary",
    why="Who holds the key holds the data, so a key abroad makes every encrypted copy readable there.",
    fix="Remove the replica; replace a multi-Region key by a new single-Region one, because that cannot "
    "be changed.",
    source=("000:69",),
    level="mandatory",
    on=(SECRET,),
    more=(
        on_resource(_multi_region, KEY, "aws:kms/externalKey:ExternalKey"),
        on_resource(_replica_key, *REPLICA_KEYS),
    ),
    passing=(
        Example(
            note="a key and a secret of one Region; a replica inside the boundary",
            resources=(
                resource(KEY, "key", {"multiRegion": False}),
                resource(
                    SECRET,
                    "secret",
                    {
                        "name": "example",
                        "replicas": [{"region": "eu-central-1"}],
                        "kmsKeyId": aws_arn("kms:eu-central-1:111111111111:key/k"),
                    },
                ),
                resource(
                    REPLICA_KEYS[0],
                    "replica",
                    {"primaryKeyArn": aws_arn("kms:eu-central-1:111111111111:key/mrk-1")},
                ),
                resource(
                    REPLICA_KEYS[1],
                    "external",
                    {"primaryKeyArn": aws_arn("kms:eu-central-1:111111111111:key/mrk-2")},
                ),
            ),
        ),
    ),
    failing=(
        change("a secret replica abroad", {"secret:replicas[0].region": "us-east-1"}, also=("SOV-001",)),
        change("a multi-Region key", {"key:multiRegion": True}),
        change(
            "a replica of a key abroad",
            {"replica:primaryKeyArn": aws_arn("kms:us-east-1:111111111111:key/mrk-1")},
            also=("SOV-001",),
        ),
        change("an imported key replicated abroad", {"external:region": "us-east-1"}, also=("SOV-001",)),
    ),
)
def sov_004(item: Resource, context: Context) -> Iterator[Outcome]:
    for path, region in each(item.props, "replicas[].region"):
        if wrong := context.outside(str(known(region))):
            yield fail(f"a replica of the secret: {wrong}", path=path)
