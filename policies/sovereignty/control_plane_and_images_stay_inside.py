"""The ways out that pods and nodes do not take themselves: the control plane's own, and the pull of an image.

Not here: pods (pods_are_isolated), nodes (nodes_have_no_way_out).
"""

from __future__ import annotations

from collections.abc import Iterator

from inferplan.resource import Resource
from policies import types
from policies.context import Context
from policies.read import get
from policies.rule import DROP, Outcome, Rule, fail
from policies.views.pods import pods
from policies.world.things import (
    CONTAINER,
    MIRRORED,
    closed_cluster,
    container,
    policies_enforced,
    resource,
    workload,
)

PULL_THROUGH = "aws:ecr/pullThroughCacheRule:PullThroughCacheRule"

control_plane_and_images_stay_inside = Rule(
    id="EGR-013",
    title="The control plane and image pulls take no way of their own out",
    why="Webhooks, OIDC discovery and image pulls leave the network too, past the firewall of the nodes.",
    fix="Set vpcConfig.controlPlaneEgressMode to CUSTOMER_ROUTED (one way only) and pull from the own "
    "registry.",
    source=("004:73",),
    level="advisory",
)


@control_plane_and_images_stay_inside.check(types.CLUSTER)
def _control_plane(cluster: Resource, _context: Context) -> Iterator[Outcome]:
    if get(cluster.props, "vpcConfig.controlPlaneEgressMode", "AWS_MANAGED") != "CUSTOMER_ROUTED":
        yield fail(
            "webhook and OIDC traffic of the control plane leaves outside the VPC",
            path="vpcConfig.controlPlaneEgressMode",
        )


@control_plane_and_images_stay_inside.check(PULL_THROUGH)
def _pulled_when_asked(_cache: Resource, _context: Context) -> Iterator[Outcome]:
    yield fail(
        "pulls images from an upstream registry when a pod asks; mirror them once instead",
        path="upstreamRegistryUrl",
    )


@control_plane_and_images_stay_inside.check(types.KUBERNETES, types.TASK_DEFINITION)
def _images(item: Resource, context: Context) -> Iterator[Outcome]:
    own = f"{context.spec.target.account}.dkr.ecr."
    for pod in pods(item):
        for found in pod.containers:
            if not str(get(found.value, "image", "")).startswith(own):
                yield fail(
                    f"the image of {found.name} does not come from the account's own registry",
                    path=f"{found.path}.image",
                )


_IMAGE = f"job:{CONTAINER}.image"
_MODE = "cluster:vpcConfig.controlPlaneEgressMode"

control_plane_and_images_stay_inside.passes(
    "customer-routed, images from the own registry",
    closed_cluster("cluster"),
    policies_enforced(),
    workload(types.JOB, "job", container("job", image=MIRRORED)),
)
control_plane_and_images_stay_inside.fails("AWS routes the control plane", {_MODE: "AWS_MANAGED"})
control_plane_and_images_stay_inside.fails("the mode is not said", {_MODE: DROP})
control_plane_and_images_stay_inside.fails("a public image", {_IMAGE: "docker.io/library/busybox"})
control_plane_and_images_stay_inside.fails(
    "an upstream registry", add=(resource(PULL_THROUGH, "cache", {"upstreamRegistryUrl": "quay.io"}),)
)
