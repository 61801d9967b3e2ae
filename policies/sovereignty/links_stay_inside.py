"""Links and grants to other networks and accounts.

Not here: copies of data (copies_stay_inside), edge services (no_edge_services), other partitions
(partitions_stay_apart).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from inferplan.resource import Resource
from policies import types
from policies.context import Context
from policies.read import answered, arns, each, get, json_document, known, listed
from policies.rule import Outcome, Rule, fail, undecided
from policies.views.iam import allowed_statements, binds, names_anybody
from policies.world.things import (
    ACCOUNT,
    REGION,
    STRANGER,
    allow,
    arn,
    aws_host,
    aws_provider,
    document,
    endpoint,
    resource,
)

PEERING = "aws:ec2/vpcPeeringConnection:VpcPeeringConnection"
TRANSIT = "aws:ec2transitgateway/peeringAttachment:PeeringAttachment"
# Who accepts a link says of the far end only what the state's outputs tell.
ACCEPTING = "aws:ec2/vpcPeeringConnectionAccepter:VpcPeeringConnectionAccepter"
ACCEPTED = {
    ACCEPTING: ("peerRegion", "peerOwnerId"),
    "aws:ec2transitgateway/peeringAttachmentAccepter:PeeringAttachmentAccepter": (
        "peerRegion",
        "peerAccountId",
    ),
    "aws:ec2transitgateway/vpcAttachmentAccepter:VpcAttachmentAccepter": (None, "vpcOwnerId"),
}
# Endpoints that lead to what somebody shares, whoever that is.
SHARED = ("resourceConfigurationArn", "serviceNetworkArn")
# Values that let everybody in, beside policies: the property and the word.
IMAGE_SHARE = "aws:ec2/amiLaunchPermission:AmiLaunchPermission"
EVERYBODY = {
    "allowedPrincipals[]": ("*",),
    "sharedAccounts[]": ("all",),
    "acl": ("public-read", "public-read-write", "authenticated-read"),
    "accessControlPolicy.grants[].grantee.uri": ("/AllUsers", "/AuthenticatedUsers"),
    "grants[].uri": ("/AllUsers", "/AuthenticatedUsers"),
}
# Properties that name the Region and the account of the far end.
LINKS = {
    PEERING: ("peerRegion", "peerOwnerId"),
    TRANSIT: ("peerRegion", "peerAccountId"),
    types.VPC_ENDPOINT: ("serviceRegion", None),
}
_ACCOUNT = re.compile(r"\d{12}")
_DIGITS = re.compile(r"(?<!\d)\d{12}(?!\d)")
# Properties and conditions that hold a bare account id; other numbers of twelve digits are just numbers.
_ACCOUNT_KEY = re.compile(
    r"(?:account|owner|principal|registry)[a-z]*(?:\[\d+\])?$|\.AWS(?:\[\d+\])?$", re.IGNORECASE
)

links_stay_inside = Rule(
    id="SOV-017",
    title="Links to other networks and accounts do not extend the boundary",
    why="A peering, an endpoint service or a grant makes somebody else's network part of this one.",
    fix="Remove the link, or register why the far end may be reached.",
    source=("004:73",),
    level="mandatory",
)


@links_stay_inside.check(*LINKS)
def _far_end(item: Resource, context: Context) -> Iterator[Outcome]:
    region_key, account_key = LINKS[item.type]
    region = get(item.props, region_key)
    if region is not None and (wrong := context.outside(str(region))):
        yield fail(f"links a network abroad: {wrong}", path=region_key)
    for path, account in each(item.props, account_key) if account_key else ():
        if known(account) != context.spec.target.account:
            yield fail("links the network of another account", path=path)


@links_stay_inside.check(types.VPC_ENDPOINT)
def _service_of_others(item: Resource, _context: Context) -> Iterator[Outcome]:
    if ".vpce." in str(get(item.props, "serviceName", "")):
        yield fail("leads into the network of whoever offers this endpoint service", path="serviceName")
    for key in SHARED:
        if get(item.props, key) is not None:
            yield undecided("nothing here shows what is shared under this address", path=key)


@links_stay_inside.check(*ACCEPTED)
def _accepts(item: Resource, context: Context) -> Iterator[Outcome]:
    region_key, account_key = ACCEPTED[item.type]
    region, account = item.outputs.get(region_key or ""), item.outputs.get(account_key)
    if account is None:
        yield undecided("accepts the link of somebody whom nothing here names")
    elif account != context.spec.target.account:
        yield fail("links the network of another account", path=account_key)
    if region is not None and (wrong := context.outside(str(region))):
        yield fail(f"links a network abroad: {wrong}", path=region_key)


@links_stay_inside.check(types.AWS)
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


def _writers(item: Resource) -> set[str]:
    """Accounts that a bucket policy only lets put objects, as balancers' log delivery needs."""
    if item.type != types.BUCKET_POLICY:
        return set()
    policy = json_document(item.props.get("policy")) or {}
    statements = [
        found for found in listed(get(policy, "Statement", [])) if found.get("Action") == "s3:PutObject"
    ]
    return {account for found in statements for account in _DIGITS.findall(str(found.get("Principal")))}


@links_stay_inside.check(types.AWS)
def _lies_elsewhere(item: Resource, context: Context) -> Iterator[Outcome]:
    """What a state says in outputs about the account that a thing really lies in."""
    for key, value in answered(item):
        named = arns(value) if key in {"arn", "id"} else ()
        if any(found.account.isdigit() and found.account != context.spec.target.account for found in named):
            yield fail("lies in another account than the spec's, as its outputs say", path=key)


@links_stay_inside.check(types.AWS)
def _granted_to_all(item: Resource, _context: Context) -> Iterator[Outcome]:
    """Grants without a condition; endpoint policies are EGR-004's business."""
    if item.type in {types.VPC_ENDPOINT, types.VPC_ENDPOINT_POLICY}:
        return
    for path, value in item.props.items():
        policy = json_document(value) if isinstance(value, str) else None
        if any(
            names_anybody(found) and not binds(found.get("Condition")) for found in allowed_statements(policy)
        ):
            yield fail("lets anybody in, whatever the account", path=path)
    for property_, words in EVERYBODY.items():
        for path, value in each(item.props, property_):
            if str(known(value)).endswith(words):
                yield fail("lets anybody in, whatever the account", path=path)
    if item.type == IMAGE_SHARE and get(item.props, "group") is not None:
        yield fail("lets anybody in, whatever the account", path="group")


@links_stay_inside.check(types.AWS_PROVIDER)
def _other_account(provider: Resource, context: Context) -> Iterator[Outcome]:
    """Where a provider deploys, as far as it says so."""
    own = context.spec.target.account
    found = [(path, str(known(value))) for path, value in each(provider.props, "allowedAccountIds[]")]
    for path, role in each(provider.props, "assumeRoles[].roleArn"):
        found += [(path, named.account) for named in arns(str(known(role)))]
    for path, account in found:
        if account != own:
            yield fail("deploys into another account than the spec's", path=path)


def _iam(rest: str, account: str) -> str:
    return arn("iam", rest, region="", account=account)


def _grant(action: str, principal: str) -> str:
    return document(allow(action, "*", Principal={"AWS": principal}))


def _bucket_policy(name: str, action: str, principal: str) -> Resource:
    return resource(types.BUCKET_POLICY, name, {"policy": _grant(action, principal)})


_NEIGHBOR = "222222222222"  # registered, and not the spec's
_FOREIGN = _iam("root", STRANGER)
_BALANCERS = _iam("root", "054676820928")  # AWS's own, which delivers the logs of balancers
_SNAPSHOT_SHARE = "aws:ec2/snapshotCreateVolumePermission:SnapshotCreateVolumePermission"
_OBJECT_RIGHTS = "aws:s3/bucketAcl:BucketAcl"
_DATABASE_SNAPSHOT = "aws:rds/snapshot:Snapshot"
_EVERYONE = f"http://{aws_host('acs')}/groups/global/AllUsers"
_ABROAD = ("SOV-001",)

links_stay_inside.passes(
    "links inside Germany and the account",
    resource(PEERING, "peer", {"peerRegion": REGION, "peerOwnerId": ACCOUNT}),
    resource(TRANSIT, "transit", {"peerRegion": REGION, "peerAccountId": ACCOUNT}),
    aws_provider(allowedAccountIds=[ACCOUNT], assumeRoles=[{"roleArn": _iam("role/deploy", ACCOUNT)}]),
    _bucket_policy("log-delivery", "s3:PutObject", _BALANCERS),
    endpoint("logs", policy=document(), serviceRegion=REGION),
    replace(resource(ACCEPTING, "accepting"), outputs={"peerRegion": REGION, "peerOwnerId": ACCOUNT}),
    resource(_OBJECT_RIGHTS, "rights", {"acl": "private", "grants": [{"type": "CanonicalUser", "id": "x"}]}),
    resource(_DATABASE_SNAPSHOT, "kept", {"sharedAccounts": [ACCOUNT]}),
    replace(resource(types.TOPIC_SUBSCRIPTION, "here"), outputs={"arn": arn("sns", "t:1")}),
)
links_stay_inside.fails("a peering abroad", {"peer:peerRegion": "us-east-1"}, also=_ABROAD)
links_stay_inside.fails("a peering with another account", {"peer:peerOwnerId": STRANGER})
links_stay_inside.fails("a transit gateway abroad", {"transit:peerRegion": "us-east-1"}, also=_ABROAD)
links_stay_inside.fails("a transit gateway of another account", {"transit:peerAccountId": STRANGER})
links_stay_inside.fails(
    "a bucket that an unknown account may read",
    add=(_bucket_policy("shared", "s3:GetObject", _FOREIGN),),
)
links_stay_inside.fails(
    "the same account without an ARN", {"log-delivery:policy": _grant("s3:GetObject", STRANGER)}
)
links_stay_inside.fails(
    "a bucket that anybody may read", {"log-delivery:policy": _grant("s3:GetObject", "*")}
)
links_stay_inside.fails(
    "a snapshot that an unknown account may copy",
    add=(resource(_SNAPSHOT_SHARE, "shared", {"accountId": STRANGER}),),
)
links_stay_inside.fails("a provider of another account", {"aws:allowedAccountIds[0]": _NEIGHBOR})
links_stay_inside.fails(
    "a provider with a role of another account",
    {"aws:assumeRoles[0].roleArn": _iam("role/deploy", _NEIGHBOR)},
)
links_stay_inside.fails(
    "an endpoint service of somebody else",
    {"logs:serviceName": f"com.amazonaws.vpce.{REGION}.vpce-svc-0123"},
)
links_stay_inside.fails("a grant to an unknown account", {"logs:policy": _grant("logs:*", _FOREIGN)})
links_stay_inside.fails("a cross-Region endpoint", {"logs:serviceRegion": "us-east-1"}, also=_ABROAD)
for _share in SHARED:
    links_stay_inside.is_undecided(
        f"an endpoint to what is shared: {_share}", {f"logs:{_share}": arn("vpc-lattice", "shared/s")}
    )
links_stay_inside.is_undecided(
    "a link is accepted, and nothing says whose", add=(resource(ACCEPTING, "unseen"),)
)
for _region, _owner, _also in (("us-east-1", ACCOUNT, ("SOV-001",)), (REGION, STRANGER, ())):
    links_stay_inside.fails(
        f"a link of {_owner} in {_region} is accepted",
        add=(replace(resource(ACCEPTING, "a"), outputs={"peerRegion": _region, "peerOwnerId": _owner}),),
        also=_also,
    )
links_stay_inside.fails(
    "a state says that a thing lies in another account",
    add=(
        replace(resource(types.TOPIC_SUBSCRIPTION, "t"), outputs={"arn": arn("sns", "t", account=STRANGER)}),
    ),
)
links_stay_inside.fails("anybody may read a bucket", {"rights:acl": "public-read"})
links_stay_inside.fails("the same by a group", {"rights:grants[1]": {"type": "Group", "uri": _EVERYONE}})
links_stay_inside.fails("anybody may restore a snapshot", {"kept:sharedAccounts[1]": "all"})
links_stay_inside.fails("anybody may start an image", add=(resource(IMAGE_SHARE, "image", {"group": "all"}),))
links_stay_inside.fails(
    "anybody may search a domain",
    add=(resource("aws:opensearch/domain:Domain", "d", {"accessPolicies": _grant("es:*", "*")}),),
)
