"""What leaves a Region by copying: replicas of stored data, of keys and of secrets.

Not here: where the resources themselves are (regions_are_allowed) and logs (logs_stay_inside).
"""

from __future__ import annotations

from collections.abc import Iterator

from inferplan.resource import Resource
from policies import types
from policies.context import Context
from policies.read import each, get, known
from policies.rule import DROP, Outcome, Rule, fail, undecided
from policies.views.builds import confined, taken_out
from policies.views.destinations import misplaced
from policies.world.things import (
    REGION,
    STRANGER,
    allow,
    arn,
    association,
    bucket,
    bucket_arn,
    document,
    key,
    key_arn,
    ref,
    replication,
    resource,
    route,
    route_table,
    secret,
    subnet,
)

SNAPSHOT = "aws:ebs/snapshotCopy:SnapshotCopy"
IMAGE = "aws:ec2/amiCopy:AmiCopy"
FILES = "aws:efs/replicationConfiguration:ReplicationConfiguration"
DATABASE_SNAPSHOTS = (
    "aws:rds/snapshotCopy:SnapshotCopy",
    "aws:rds/clusterSnapshotCopy:ClusterSnapshotCopy",
    "aws:redshift/snapshotCopy:SnapshotCopy",
)
TABLE, TABLE_REPLICA = "aws:dynamodb/table:Table", "aws:dynamodb/tableReplica:TableReplica"
DATABASE_BACKUPS = "aws:rds/instanceAutomatedBackupsReplication:InstanceAutomatedBackupsReplication"
KEYSPACE = "aws:keyspaces/keyspace:Keyspace"
PEERED_CLUSTERS = "aws:dsql/clusterPeering:ClusterPeering"
FILE_EXPORT = "aws:fsx/dataRepositoryAssociation:DataRepositoryAssociation"
GRAPH_CLUSTER, BROKER = "aws:neptune/cluster:Cluster", "aws:mq/broker:Broker"
# Destinations (or origins) that are plain Region names.
COPY_REGIONS = {
    types.IMAGE_REPLICATION: "replicationConfiguration.rules[].destinations[].region",
    FILES: "destination.region",
    SNAPSHOT: "sourceRegion",
    IMAGE: "sourceAmiRegion",
    **dict.fromkeys(DATABASE_SNAPSHOTS, "destinationRegion"),
    types.GLOBAL_TABLE: "replicas[].regionName",
    TABLE: "replicas[].regionName",
    KEYSPACE: "replicationSpecification.regionLists[]",
}
# Destinations that are addresses: an ARN, a bucket's name, or a reference.
COPY_ADDRESSES = {
    types.REPLICATION: "rules[].destination.bucket",
    types.BUCKET: "replicationConfiguration.rules[].destination.bucket",
    types.OLDER_BUCKET: "replicationConfigurations[].rules[].destinations[].bucket",
    types.BACKUP_PLAN: "rules[].copyActions[].destinationVaultArn",
    TABLE_REPLICA: "globalTableArn",
    DATABASE_BACKUPS: "sourceDbInstanceArn",
    types.MULTI_REGION_ACCESS_POINT: "details.regions[].bucket",
    PEERED_CLUSTERS: "clusters[]",
    types.LUSTRE: "exportPath",
    FILE_EXPORT: "dataRepositoryPath",
}
COPY_ACCOUNTS = {
    types.IMAGE_REPLICATION: "replicationConfiguration.rules[].destinations[].registryId",
    types.REPLICATION: "rules[].destination.account",
}
# What is a copy by its type, and what is one by what it names as its source.
REPLICAS = {
    types.DATABASE: "replicateSourceDb",
    types.DATABASE_CLUSTER: "replicationSourceIdentifier",
    GRAPH_CLUSTER: "replicationSourceIdentifier",
    BROKER: "dataReplicationPrimaryBrokerArn",
}
# The property by which something joins a database of several Regions.
MEMBERS = {
    types.DATABASE_CLUSTER: "globalClusterIdentifier",
    GRAPH_CLUSTER: "globalClusterIdentifier",
    "aws:docdb/cluster:Cluster": "globalClusterIdentifier",
    types.CACHE_GROUP: "globalReplicationGroupId",
    "aws:memorydb/cluster:Cluster": "multiRegionClusterName",
}
COPIES = (SNAPSHOT, IMAGE, TABLE_REPLICA, DATABASE_BACKUPS, *DATABASE_SNAPSHOTS, *REPLICAS)

copies_stay_inside = Rule(
    id="SOV-003",
    title="No resource copies stored data out of the allowed countries",
    why="A replica is the data itself, under the law of the place where it comes to rest.",
    fix="Remove the copy, keep it inside the boundary, or add the country with a transfer basis (PRIV-003).",
    source=("000:116",),
    level="mandatory",
)


@copies_stay_inside.check(*COPY_REGIONS)
def _to_a_region(copy: Resource, context: Context) -> Iterator[Outcome]:
    for path, region in each(copy.props, COPY_REGIONS[copy.type]):
        if wrong := context.outside(str(known(region))):
            yield fail(f"copies stored data: {wrong}", path=path)


@copies_stay_inside.check_stack(*COPY_ADDRESSES)
def _to_an_address(copies: tuple[Resource, ...], context: Context) -> Iterator[Outcome]:
    kinds = (*types.BUCKETS, types.BACKUP_VAULT, types.DATABASE)
    for copy in copies:
        for target in context.stack.targets(copy, COPY_ADDRESSES[copy.type], *kinds):
            if problem := misplaced(target, context, "copies stored data"):
                yield fail(problem.message, path=problem.path, subject=copy)


@copies_stay_inside.check(*COPIES)
def _is_the_copy(copy: Resource, context: Context) -> Iterator[Outcome]:
    """The resource is itself the copy, wherever it or its provider lies."""
    if copy.type in REPLICAS and copy.props.get(REPLICAS[copy.type]) is None:
        return
    region = context.region_of(copy)
    if region is not None and (wrong := context.outside(region)):
        yield fail(f"is a copy of stored data: {wrong}", path="region")


@copies_stay_inside.check(*MEMBERS)
def _has_copies(item: Resource, _context: Context) -> Iterator[Outcome]:
    if get(item.props, MEMBERS[item.type]) is not None:
        yield undecided(
            "joins a database of several Regions, and nothing here shows all of them", path=MEMBERS[item.type]
        )


@copies_stay_inside.check(*COPY_ACCOUNTS)
def _to_another_account(copy: Resource, context: Context) -> Iterator[Outcome]:
    for path, account in each(copy.props, COPY_ACCOUNTS[copy.type]):
        if known(account) != context.spec.target.account:
            yield fail("copies stored data to another account", path=path)


@copies_stay_inside.check_stack(types.BUILD_PROJECT)
def _build_takes_nothing_out(builds: tuple[Resource, ...], context: Context) -> Iterator[Outcome]:
    """A build that nothing keeps from the internet may bring and not take."""
    for build in builds:
        if not confined(build, context.stack):
            yield from taken_out(build, context.stack)


def _vault(**place: str) -> str:
    return arn("backup", "backup-vault:second", **place)


_HERE = {"region": REGION, "registryId": "111111111111"}
_ELSEWHERE = bucket_arn("someone-elses")

copies_stay_inside.passes(
    "copies that stay in Germany",
    bucket("keeper"),
    bucket("origin"),
    replication("bucket-copy", "origin", to="keeper", account="111111111111"),
    resource(types.BACKUP_PLAN, "backup", {"rules": [{"copyActions": [{"destinationVaultArn": _vault()}]}]}),
    resource(
        types.IMAGE_REPLICATION,
        "images",
        {"replicationConfiguration": {"rules": [{"destinations": [_HERE]}]}},
    ),
    resource(FILES, "files", {"destination": {"region": REGION}}),
    resource(SNAPSHOT, "snapshot", {"sourceRegion": REGION}),
    resource(IMAGE, "image", {"sourceAmiRegion": REGION}),
    *(resource(type_, type_.split(":")[1], {"destinationRegion": REGION}) for type_ in DATABASE_SNAPSHOTS),
    resource(types.GLOBAL_TABLE, "table", {"replicas": [{"regionName": REGION}]}),
    resource(TABLE, "table-two", {"replicas": [{"regionName": REGION}]}),
    resource(TABLE_REPLICA, "replica", {"globalTableArn": arn("dynamodb", "table/t")}),
    resource(DATABASE_BACKUPS, "db-backups", {"sourceDbInstanceArn": arn("rds", "db:d")}),
    resource(KEYSPACE, "keyspace", {"replicationSpecification": {"regionLists": [REGION]}}),
    resource(PEERED_CLUSTERS, "peered", {"clusters": [arn("dsql", "cluster/c")]}),
    resource(types.LUSTRE, "scratch", {"kmsKeyId": key_arn(), "exportPath": "s3://example-keeper/out"}),
    resource(FILE_EXPORT, "exports", {"dataRepositoryPath": "s3://example-keeper"}),
    resource(
        types.MULTI_REGION_ACCESS_POINT, "access", {"details": {"regions": [{"bucket": ref("keeper")}]}}
    ),
)
_BUCKET = "bucket-copy:rules[0].destination.bucket"
_VAULT = "backup:rules[0].copyActions[0].destinationVaultArn"
_IMAGES = "images:replicationConfiguration.rules[0].destinations[0]"
_KEYSPACE = "keyspace:replicationSpecification.regionLists"
_INLINE = {"rules": [{"destination": {"bucket": _ELSEWHERE}}]}
_OLDER = {"replicationConfigurations": [{"rules": [{"destinations": [{"bucket": _ELSEWHERE}]}]}]}
_ABROAD = ("SOV-001",)

copies_stay_inside.fails("a bucket that lies elsewhere", {"keeper:region": "eu-west-1"}, also=_ABROAD)
copies_stay_inside.fails("a bucket that is not of this stack", {_BUCKET: _ELSEWHERE})
copies_stay_inside.fails("a second rule to such a bucket", {"bucket-copy:rules[1]": _INLINE["rules"][0]})
copies_stay_inside.fails(
    "a bucket of another account", {"bucket-copy:rules[0].destination.account": STRANGER}, also=("SOV-017",)
)
copies_stay_inside.fails(
    "a copy in the bucket's own properties", {"origin:replicationConfiguration": _INLINE}
)
copies_stay_inside.fails(
    "a copy in those of the older type", add=(resource(types.OLDER_BUCKET, "older", _OLDER),)
)
copies_stay_inside.fails("backups abroad", {_VAULT: _vault(region="us-west-2")}, also=_ABROAD)
copies_stay_inside.fails("backups of another account", {_VAULT: _vault(account=STRANGER)}, also=("SOV-017",))
copies_stay_inside.fails("images abroad", {f"{_IMAGES}.region": "us-east-1"}, also=_ABROAD)
copies_stay_inside.fails("images of another account", {f"{_IMAGES}.registryId": STRANGER}, also=("SOV-017",))
copies_stay_inside.fails("a file system abroad", {"files:destination.region": "eu-west-1"}, also=_ABROAD)
copies_stay_inside.fails("a snapshot from abroad", {"snapshot:sourceRegion": "us-east-1"}, also=_ABROAD)
copies_stay_inside.fails("an image from abroad", {"image:sourceAmiRegion": "us-east-1"}, also=_ABROAD)
for _type in DATABASE_SNAPSHOTS:
    copies_stay_inside.fails(
        f"{_type} abroad", {f"{_type.split(':')[1]}:destinationRegion": "us-east-1"}, also=_ABROAD
    )
copies_stay_inside.fails(
    "a global table abroad", {"table:replicas[0].regionName": "ap-south-1"}, also=_ABROAD
)
copies_stay_inside.fails("a table abroad", {"table-two:replicas[0].regionName": "ap-south-1"}, also=_ABROAD)
copies_stay_inside.fails(
    "a replica of a table abroad",
    {"replica:globalTableArn": arn("dynamodb", "table/t", region="us-east-1")},
    also=_ABROAD,
)
copies_stay_inside.fails(
    "backups of a database abroad",
    {"db-backups:sourceDbInstanceArn": arn("rds", "db:d", region="us-east-1")},
    also=_ABROAD,
)
copies_stay_inside.fails("a keyspace abroad", {f"{_KEYSPACE}[1]": "eu-west-1"}, also=_ABROAD)
copies_stay_inside.fails(
    "a cluster's peer abroad",
    {"peered:clusters[1]": arn("dsql", "cluster/c", region="us-east-1")},
    also=_ABROAD,
)
copies_stay_inside.fails(
    "files go to a bucket of unknown place", {"scratch:exportPath": "s3://elsewhere/out"}
)
copies_stay_inside.fails("or to one linked to a folder", {"exports:dataRepositoryPath": "s3://elsewhere"})
copies_stay_inside.fails("an access point over any bucket", {"access:details.regions[0].bucket": "elsewhere"})


_ENCRYPTED = {"storageEncrypted": True, "atRestEncryptionEnabled": True, "kmsKeyId": key_arn()}
_REPLICA = resource(types.DATABASE, "replica", {"replicateSourceDb": "main", **_ENCRYPTED})
copies_stay_inside.passes(
    "a replica and a copied snapshot in the Region",
    _REPLICA,
    resource(SNAPSHOT, "copy", {"sourceRegion": REGION}),
)
copies_stay_inside.fails("the replica lies abroad", {"replica:region": "us-east-1"}, also=("SOV-001",))
copies_stay_inside.fails("the snapshot's copy does", {"copy:region": "us-east-1"}, also=("SOV-001",))
copies_stay_inside.passes(
    "databases of one Region, and a broker beside its primary",
    resource(GRAPH_CLUSTER, "graph", {"replicationSourceIdentifier": arn("rds", "cluster:g")}),
    resource(BROKER, "broker", {"dataReplicationPrimaryBrokerArn": arn("mq", "broker:b")}),
    *(resource(type_, type_, _ENCRYPTED) for type_ in MEMBERS),
)
copies_stay_inside.fails("a graph's replica abroad", {"graph:region": "us-east-1"}, also=_ABROAD)
copies_stay_inside.fails("a broker's replica abroad", {"broker:region": "us-east-1"}, also=_ABROAD)
for _type, _path in MEMBERS.items():
    copies_stay_inside.is_undecided(
        f"{_type} joins others elsewhere", add=(resource(_type, "member", {**_ENCRYPTED, _path: "all"}),)
    )

_BRINGS = [
    allow("s3:PutObject", bucket_arn("example-weights/models/*")),
    allow("s3:GetObject", bucket_arn("example-weights/orders/*"), bucket_arn("their-weights/llama/*")),
    allow("secretsmanager:GetSecretValue", arn("secretsmanager", "secret:token/hub-??????")),
]
copies_stay_inside.passes(
    "a build that reads from the internet brings weights and reads nothing that the stack keeps",
    bucket("weights"),
    resource(types.SECRET, "vendor", {"name": "stack/vendor", "kmsKeyId": key_arn()}),
    resource(types.ROLE, "brings", {"name": "brings"}),
    resource(types.ROLE_POLICY, "may", {"role": ref("brings"), "policy": document(*_BRINGS)}),
    resource(types.BUILD_PROJECT, "build", {"serviceRole": ref("brings"), "encryptionKey": key_arn()}),
)
for _what, _action, _on in (
    ("all objects", "s3:GetObject", bucket_arn("example-weights/*")),
    ("objects by a wide action", "s3:*", bucket_arn("*")),
    ("a secret of the stack", "secretsmanager:GetSecretValue", arn("secretsmanager", "secret:stack/*")),
    ("logs", "logs:FilterLogEvents", "*"),
    ("the role of another", "sts:AssumeRole", "*"),
):
    copies_stay_inside.fails(
        f"a build on the internet that may read {_what}",
        {"may:policy": document(*_BRINGS, allow(_action, _on))},
    )
_ANY = {"role": ref("brings"), "policyArn": arn("iam", "policy/ReadOnlyAccess", region="", account="aws")}
copies_stay_inside.is_undecided(
    "a policy of AWS beside it", add=(resource(types.ROLE_POLICY_ATTACHMENT, "wide", _ANY),)
)
copies_stay_inside.is_undecided(
    "a role of unknown rights", {"build:serviceRole": arn("iam", "role/x", region="")}
)

_INSIDE = {"subnets": [ref("a"), ref("b")], "vpcId": "vpc-1"}
copies_stay_inside.passes(
    "a build in subnets without a way out reads the state of the stack",
    subnet("a"),
    subnet("b"),
    route_table("routes"),
    association("a", "routes"),
    association("b", "routes"),
    resource(types.ROLE, "deploys", {"name": "deploys"}),
    resource(
        types.ROLE_POLICY,
        "may",
        {"role": ref("deploys"), "policy": document(allow("s3:GetObject", bucket_arn("example-state/*")))},
    ),
    bucket("state", bucket="example-state"),
    resource(
        types.BUILD_PROJECT,
        "build",
        {"serviceRole": ref("deploys"), "encryptionKey": key_arn(), "vpcConfig": _INSIDE},
    ),
)
copies_stay_inside.fails("the same beside no network", {"build:vpcConfig": DROP})
copies_stay_inside.fails("the same in subnets of others", {"build:vpcConfig.subnets": ["subnet-1"]})
copies_stay_inside.fails(
    "the same with a way out of one subnet",
    add=(route("out", "routes", transitGatewayId="tgw-1"),),
)

keys_stay_inside = Rule(
    id="SOV-004",
    title="Secrets and keys stay inside the boundary",
    why="Who holds the key holds the data, so a key abroad makes every encrypted copy readable there.",
    fix="Remove the replica; replace a multi-Region key by a new single-Region one, as it cannot be changed.",
    source=("000:69",),
    level="mandatory",
)


@keys_stay_inside.check(types.SECRET)
def _secret_replicas(item: Resource, context: Context) -> Iterator[Outcome]:
    for path, region in each(item.props, "replicas[].region"):
        if wrong := context.outside(str(known(region))):
            yield fail(f"a replica of the secret: {wrong}", path=path)


@keys_stay_inside.check(types.KEY, types.EXTERNAL_KEY)
def _single_region(item: Resource, _context: Context) -> Iterator[Outcome]:
    if get(item.props, "multiRegion", False):
        yield fail(
            "a multi-Region key can be replicated abroad by one call; it is fixed at creation, so a new key "
            "is needed",
            path="multiRegion",
        )


@keys_stay_inside.check(types.REPLICA_KEY, types.EXTERNAL_REPLICA_KEY)
def _key_replicas(item: Resource, context: Context) -> Iterator[Outcome]:
    primaries = context.stack.targets(item, "primaryKeyArn", types.KEY)
    places = [context.destination(target) for target in primaries]
    regions = [context.region_of(item), *(place.region for place in places if place)]
    for region in dict.fromkeys(regions):
        if region and (wrong := context.outside(region)):
            yield fail(f"key material is in two Regions, and {wrong}", path="primaryKeyArn")


keys_stay_inside.passes(
    "a key and a secret of one Region; replicas inside the boundary",
    key("key", multiRegion=False),
    secret("secret", replicas=[{"region": REGION}]),
    resource(types.REPLICA_KEY, "replica", {"primaryKeyArn": key_arn()}),
    resource(types.EXTERNAL_REPLICA_KEY, "imported", {"primaryKeyArn": key_arn()}),
)
keys_stay_inside.fails("a secret abroad", {"secret:replicas[0].region": "us-east-1"}, also=_ABROAD)
keys_stay_inside.fails("a multi-Region key", {"key:multiRegion": True})
keys_stay_inside.fails(
    "a replica of a key abroad", {"replica:primaryKeyArn": key_arn(region="us-east-1")}, also=_ABROAD
)
keys_stay_inside.fails("an imported key abroad", {"imported:region": "us-east-1"}, also=_ABROAD)
