"""Services that take traffic in, or keep data, wherever the caller happens to be.

Not here: copies of data (copies_stay_inside) and links to other networks (links_stay_inside).
"""

from __future__ import annotations

from collections.abc import Iterator

from inferplan import catalog
from inferplan.resource import Resource
from policies import types
from policies.context import Context
from policies.levels import restricted_only
from policies.read import get
from policies.rule import Outcome, Rule, fail
from policies.world.things import bucket, resource

_CDN = "CloudFront answers from edge locations all over the world"
_ACCELERATOR = "Global Accelerator takes traffic in at edge locations"
EDGE = {
    "aws:cloudfront/distribution:Distribution": _CDN,
    "aws:cloudfront/multitenantDistribution:MultitenantDistribution": _CDN,
    "aws:globalaccelerator/accelerator:Accelerator": _ACCELERATOR,
    "aws:globalaccelerator/customRoutingAccelerator:CustomRoutingAccelerator": _ACCELERATOR,
    types.GLOBAL_TABLE: "a global table holds its items in several Regions",
    types.MULTI_REGION_ACCESS_POINT: "a multi-Region access point routes by distance",
}
ACCELERATION = (
    "aws:s3/bucketAccelerateConfiguration:BucketAccelerateConfiguration",
    "aws:s3/bucketAccelerateConfigurationV2:BucketAccelerateConfigurationV2",
)

no_edge_services = Rule(
    id="SOV-012",
    title="No global or edge service carries payload",
    why="An edge location decrypts and may store what passes, wherever the caller happens to be.",
    fix="Use the regional counterpart: an internal balancer, a regional bucket endpoint, a regional table.",
    source=("000:116",),
    level=restricted_only,
)


@no_edge_services.check(types.AWS)
def _edge(item: Resource, _context: Context) -> Iterator[Outcome]:
    if item.type in EDGE:
        yield fail(EDGE[item.type])


@no_edge_services.check(*ACCELERATION, types.BUCKET)
def _accelerated(item: Resource, _context: Context) -> Iterator[Outcome]:
    key = "status" if item.type in ACCELERATION else "accelerationStatus"
    if get(item.props, key) == "Enabled":
        yield fail("S3 acceleration takes uploads in at edge locations; use the Region's endpoint", path=key)


no_edge_services.passes(
    "a regional bucket", bucket("bucket"), resource(ACCELERATION[0], "speed", {"status": "Suspended"})
)
for _type in EDGE:
    _unread = () if catalog.harmless(_type) else ("EGR-007", "SOV-005", "SOV-010")
    no_edge_services.fails(f"{_type} beside it", add=(resource(_type, "edge"),), also=_unread)
no_edge_services.fails("acceleration", {"speed:status": "Enabled"})
no_edge_services.fails("acceleration on the bucket itself", {"bucket:accelerationStatus": "Enabled"})
