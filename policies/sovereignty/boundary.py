"""Services and links that reach beyond a Region: edge services, peerings, other partitions.

Not here: copies of data (copies) and routes to the internet (egress).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from inferplan import catalog
from inferplan.resource import Resource
from policies.context import Context
from policies.example import aws_arn, aws_host, change, resource
from policies.hosts import aws_regions, value_of
from policies.levels import restricted_only
from policies.read import arns, each, get, json_document, known, listed, regions_named
from policies.rule import Example, Outcome, fail, on_resource, rule
from policies.sovereignty.bedrock import allowed_statements
from policies.sovereignty.endpoints import anybody, binds
from policies.sovereignty.residency import PROVIDER

EDGE = {
    "aws:cloudfront/distribution:Distribution": "CloudFront answers from edge locations all over the world",
    "aws:cloudfront/multitenantDistribution:"
    "MultitenantDistribution": "CloudFront answers from edge locations all over the world",
    "aws:globalaccelerator/accelerator:Accelerator": "Global Accelerator takes traffic in at edge locations",
    "aws:globalaccelerator/customRoutingAccelerator:"
    "CustomRoutingAccelerator": "Global Accelerator takes traffic in at edge locations",
    "aws:dynamodb/globalTable:GlobalTable": "a global table holds its items in several Regions",
    "aws:s3control/multiRegionAccessPoint:"
    "MultiRegionAccessPoint": "a multi-Region access point routes by distance",
}
ACCELERATION = (
    "aws:s3/bucketAccelerateConfiguration:BucketAccelerateConfiguration",
    "aws:s3/bucketAccelerateConfigurationV2:BucketAccelerateConfigurationV2",
)


def _accelerated(item: Resource, _context: Context) -> Iterator[Outcome]:
    key = "status" if item.type in ACCELERATION else "accelerationStatus"
    if get(item.props, key) == "Enabled":
        yield fail("S3 acceleration takes uploads in at edge locations; use the Region's endpoint", path=key)


@rule(
    id="SOV-012",
    title="No global or edge service carries payload",
    why="An edge location decrypts and may store what passes, wherever the caller happens to be.",
    fix="Use the regional counterpart: an internal balancer, a regional bucket endpoint, a regional table.",
    source=("000:116",),
    level=restricted_only,
    on=("aws:*",),
    more=(on_resource(_accelerated, *ACCELERATION, "aws:s3/bucket:Bucket"),),
    passing=(
        Example(
            note="a regional bucket",
            resources=(
                resource("aws:s3/bucket:Bucket", "bucket", {"bucket": "example"}),
                resource(ACCELERATION[0], "speed", {"status": "Suspended"}),
            ),
        ),
    ),
    failing=(
        change("a CDN", add=(resource("aws:cloudfront/distribution:Distribution", "cdn"),)),
        change(
            "a multi-tenant CDN",
            add=(resource("aws:cloudfront/multitenantDistribution:MultitenantDistribution", "cdn"),),
        ),
        change("an accelerator", add=(resource("aws:globalaccelerator/accelerator:Accelerator", "fast"),)),
        change(
            "a custom accelerator",
            add=(
                resource("aws:globalaccelerator/customRoutingAccelerator:CustomRoutingAccelerator", "fast"),
            ),
        ),
        change("a global table", add=(resource("aws:dynamodb/globalTable:GlobalTable", "table"),)),
        change(
            "a multi-Region access point",
            add=(resource("aws:s3control/multiRegionAccessPoint:MultiRegionAccessPoint", "point"),),
        ),
        change("acceleration", {"speed:status": "Enabled"}),
        change("acceleration on the bucket itself", {"bucket:accelerationStatus": "Enabled"}),
    ),
)
def sov_012(item: Resource, _context: Context) -> Iterator[Outcome]:
    if item.type in EDGE:
        yield fail(EDGE[item.type])


_ACCOUNT = re.compile(r"\d{12}")
_DIGITS = re.compile(r"(?<!\d)\d{12}(?!\d)")
# Properties and conditions that hold a bare account id; other numbers of twelve digits are just numbers.
_ACCOUNT_KEY = re.compile(
    r"(?:account|owner|principal|registry)[a-z]*(?:\[\d+\])?$|\.AWS(?:\[\d+\])?$", re.IGNORECASE
)
LINKS = {
    "aws:ec2/vpcPeeringConnection:VpcPeeringConnection": ("peerRegion", "peerOwnerId"),
    "aws:ec2transitgateway/peeringAttachment:PeeringAttachment": ("peerRegion", "peerAccountId"),
    "aws:ec2/vpcEndpoint:VpcEndpoint": ("serviceRegion", None),
}


def _service_of_others(endpoint: Resource, _context: Context) -> Iterator[Outcome]:
    if ".vpce." in str(get(endpoint.props, "serviceName", "")):
        yield fail("leads into the network of whoever offers this endpoint service", path="serviceName")


def _foreign_accounts(item: Resource, context: Context) -> Iterator[Outcome]:
    """ARNs of accounts that nobody registered; registries are exempt: AWS's add-on images come from them."""
    own = {context.spec.target.account, *context.organization.accounts, *_writers(item)}
    own |= {store.account for store in context.organization.stores.values()}
    for text in context.texts(item):
        named = {found.account for found in arns(text.value) if found.service != "ecr"}
        if _ACCOUNT.fullmatch(text.value) and _ACCOUNT_KEY.search(text.path):
            named.add(text.value)
        if any(account.isdigit() and account not in own for account in named):
            yield fail("names an account that the organization does not know", path=text.path)


def _granted_to_all(item: Resource, _context: Context) -> Iterator[Outcome]:
    """Grants without a condition; endpoint policies are EGR-004's business."""
    if "vpcEndpoint" in item.type and "Service" not in item.type:
        return
    for path in ("policy", "assumeRolePolicy", "resourcePolicy"):
        document = json_document(item.props.get(path)) if isinstance(item.props.get(path), str) else None
        if any(
            anybody(found) and not binds(found.get("Condition")) for found in allowed_statements(document)
        ):
            yield fail("lets anybody in, whatever the account", path=path)
    if "*" in (get(item.props, "allowedPrincipals") or ()):
        yield fail("lets anybody in, whatever the account", path="allowedPrincipals")


def _other_account(provider: Resource, context: Context) -> Iterator[Outcome]:
    """Where a provider deploys, as far as it says so."""
    own = context.spec.target.account
    found = [(path, str(known(value))) for path, value in each(provider.props, "allowedAccountIds[]")]
    for path, role in each(provider.props, "assumeRoles[].roleArn"):
        found += [(path, named.account) for named in arns(str(known(role)))]
    for path, account in found:
        if account != own:
            yield fail("deploys into another account than the spec's", path=path)


def _writers(item: Resource) -> set[str]:
    """Accounts that a bucket policy only lets put objects, as balancers' log delivery needs."""
    if "bucketPolicy" not in item.type:
        return set()
    document = json_document(item.props.get("policy")) or {}
    statements = [
        found for found in listed(get(document, "Statement", [])) if found.get("Action") == "s3:PutObject"
    ]
    return {account for found in statements for account in _DIGITS.findall(str(found.get("Principal")))}


def _grant(account: str, action: str, *, bare: bool = False) -> str:
    """A policy document of an example that lets an account do something."""
    principal = {"AWS": account if bare else aws_arn(f"iam::{account}:root")}
    statement = {"Effect": "Allow", "Principal": principal, "Action": action, "Resource": "*"}
    return json.dumps({"Statement": [statement]})


@rule(
    id="SOV-017",
    title="Links to other networks and accounts do not extend the boundary",
    why="A peering, an endpoint service or a grant makes somebody else's network part of this one.",
    fix="Remove the link, or register why the far end may be reached.",
    source=("004:73",),
    level="mandatory",
    on=tuple(LINKS),
    more=(
        on_resource(_service_of_others, "aws:ec2/vpcEndpoint:VpcEndpoint"),
        on_resource(_foreign_accounts, "aws:*"),
        on_resource(_granted_to_all, "aws:*"),
        on_resource(_other_account, PROVIDER),
    ),
    passing=(
        Example(
            note="links inside Germany and the account",
            resources=(
                resource(
                    "aws:ec2/vpcPeeringConnection:VpcPeeringConnection",
                    "peer",
                    {"peerRegion": "eu-central-1", "peerOwnerId": "111111111111"},
                ),
                resource(
                    "aws:ec2transitgateway/peeringAttachment:PeeringAttachment",
                    "transit",
                    {"peerRegion": "eu-central-1", "peerAccountId": "111111111111"},
                ),
                resource(
                    PROVIDER,
                    "provider",
                    {
                        "region": "eu-central-1",
                        "allowedAccountIds": ["111111111111"],
                        "assumeRoles": [{"roleArn": aws_arn("iam::111111111111:role/deploy")}],
                    },
                ),
                resource(
                    "aws:s3/bucketPolicy:BucketPolicy",
                    "log-delivery",
                    {"policy": _grant("054676820928", "s3:PutObject")},
                ),
                resource(
                    "aws:ec2/vpcEndpoint:VpcEndpoint",
                    "endpoint",
                    {
                        "serviceName": "com.amazonaws.eu-central-1.logs",
                        "serviceRegion": "eu-central-1",
                        "policy": '{"Statement": []}',
                    },
                ),
            ),
        ),
    ),
    failing=(
        change("a peering abroad", {"peer:peerRegion": "us-east-1"}, also=("SOV-001",)),
        change("a peering with another account", {"peer:peerOwnerId": "999999999999"}),
        change("a transit gateway abroad", {"transit:peerRegion": "us-east-1"}, also=("SOV-001",)),
        change("a transit gateway of another account", {"transit:peerAccountId": "999999999999"}),
        change(
            "a bucket that an unknown account may read",
            add=(
                resource(
                    "aws:s3/bucketPolicy:BucketPolicy",
                    "shared",
                    {"policy": _grant("999999999999", "s3:GetObject")},
                ),
            ),
        ),
        change(
            "a bucket that an unknown account may read, named without an ARN",
            {"log-delivery:policy": _grant("999999999999", "s3:GetObject", bare=True)},
        ),
        change(
            "a bucket that anybody may read", {"log-delivery:policy": _grant("*", "s3:GetObject", bare=True)}
        ),
        change(
            "a snapshot that an unknown account may copy",
            add=(
                resource(
                    "aws:ec2/snapshotCreateVolumePermission:SnapshotCreateVolumePermission",
                    "shared",
                    {"accountId": "999999999999"},
                ),
            ),
        ),
        change(
            "the provider deploys into another account", {"provider:allowedAccountIds[0]": "222222222222"}
        ),
        change(
            "the provider takes a role of another account",
            {"provider:assumeRoles[0].roleArn": aws_arn("iam::222222222222:role/deploy")},
        ),
        change(
            "an endpoint service of somebody else",
            {"endpoint:serviceName": "com.amazonaws.vpce.eu-central-1.vpce-svc-0123"},
        ),
        change(
            "a grant to an unknown account",
            {"endpoint:policy": _grant("999999999999", "logs:*")},
        ),
        change("a cross-Region endpoint", {"endpoint:serviceRegion": "us-east-1"}, also=("SOV-001",)),
    ),
)
def sov_017(item: Resource, context: Context) -> Iterator[Outcome]:
    region_key, account_key = LINKS[item.type]
    region = get(item.props, region_key)
    if region is not None and (wrong := context.outside(str(region))):
        yield fail(f"links a network abroad: {wrong}", path=region_key)
    for path, account in each(item.props, account_key) if account_key else ():
        if known(account) != context.spec.target.account:
            yield fail("links the network of another account", path=path)


def _partition_of(region: str) -> str:
    return catalog.region(region).partition


@rule(
    id="SOV-018",
    title="Nothing calls from one partition into another",
    why="A sovereign or government partition protects only what stays inside it.",
    fix="Use models and services of the own partition, or own weights.",
    source=("004:73",),
    level="mandatory",
    on=("aws:*", "kubernetes:*"),
    passing=(
        Example(
            note="ARNs and hosts of the own partition",
            resources=(
                resource(
                    "aws:sns/topicSubscription:TopicSubscription",
                    "alarms",
                    {"topic": aws_arn("sns:eu-central-1:111111111111:alarms")},
                ),
                resource(
                    "kubernetes:apps/v1:Deployment",
                    "app",
                    {
                        "spec": {
                            "template": {
                                "spec": {
                                    "containers": [
                                        {
                                            "name": "app",
                                            "env": [
                                                {
                                                    "name": "URL",
                                                    "value": f"https://{aws_host('bedrock-runtime.eu-central-1')}",
                                                }
                                            ],
                                        }
                                    ]
                                }
                            }
                        }
                    },
                ),
            ),
        ),
    ),
    failing=(
        change(
            "an ARN of GovCloud",
            {"alarms:topic": "arn:aws-us-gov:sns:us-gov-west-1:111111111111:alarms"},
            also=("SOV-001",),
        ),
        change(
            "a host of GovCloud",
            {
                "app:spec.template.spec.containers[0].env[0].value": f"https://{aws_host('bedrock-runtime.us-gov-west-1')}"
            },
            also=("SOV-001",),
        ),
        change(
            "an ARN of a partition without Region", {"alarms:topic": "arn:aws-cn:iam::111111111111:role/r"}
        ),
    ),
)
def sov_018(item: Resource, context: Context) -> Iterator[Outcome]:
    target = context.spec.target.region
    own = _partition_of(target) if target is not None and target in catalog.regions() else "aws"
    for text in context.texts(item):
        if "." not in text.value and "arn:" not in text.value:
            continue
        foreign = {found.partition for found in arns(text.value) if found.partition.startswith("aws")}
        if aws_regions(value_of(text.value)) is not None:
            foreign |= {_partition_of(name) for name in regions_named(text.value)}
        for partition in sorted(foreign - {own}):
            yield fail(f"reaches into the partition {partition} from {own}", path=text.path)
