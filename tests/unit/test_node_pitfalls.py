"""Known traps of GPU nodes on EKS, each kept out by what is planned and declared; the numbers are of a list.

Not here: traps of what runs on the nodes (test_serving_pitfalls) and of accounts (test_preflight_checks).
"""

from __future__ import annotations

from typing import Any

import pytest

from components.node_group import GPU_TAINT
from tests.unit.plan_edits import OTHERS, recorded
from tests.unit.recorded import HYBRID, SELF_HOSTED, Recorded, changed, image, planned, pool

GROUP, TEMPLATE = "aws:eks/nodeGroup:NodeGroup", "aws:ec2/launchTemplate:LaunchTemplate"
EGRESS = "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule"
INGRESS = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
# Two examples with own weights, and every other shape that makes its nodes in a cluster of its own.
STACKS = (SELF_HOSTED, HYBRID, *(name for name in OTHERS if name != "given-cluster"))


@pytest.fixture(params=STACKS)
def made(request: pytest.FixtureRequest) -> Recorded:
    """What a stack with GPU nodes declares."""
    return Recorded(recorded(request.param))


def gpu_groups(made: Recorded) -> list[dict[str, Any]]:
    """Inputs of every group of GPU nodes."""
    found = [
        dict(group.props)
        for group in made.of(GROUP)
        if any(taint["key"] == GPU_TAINT for taint in group.props.get("taints", ()))
    ]
    assert found
    return found


def test_gpu_nodes_have_an_image_with_a_driver_pitfall_1_1(made: Recorded) -> None:
    assert all(group["amiType"].endswith("_NVIDIA") for group in gpu_groups(made))


def test_no_node_has_an_image_of_the_ended_line_pitfall_1_2(made: Recorded) -> None:
    kinds = {group.props["amiType"] for group in made.of(GROUP)}
    assert not [kind for kind in kinds if not kind.startswith(("AL2023_", "BOTTLEROCKET_"))]


def test_the_device_plugin_is_there_where_the_image_lacks_it_and_only_there_pitfall_1_3() -> None:
    """Bottlerocket brings its own, and a second one would fight it for the devices."""

    def plugins(made: Recorded) -> list[str]:
        return [one.name for one in made.of("kubernetes:apps/v1:DaemonSet") if "device-plugin" in one.name]

    bare = pool(ami_type="AL2023_x86_64_NVIDIA", ami_has_device_plugin=False, data_volume_gib=None)
    assert plugins(Recorded(recorded(SELF_HOSTED))) == []
    assert len(plugins(with_plugin(bare))) == 1


def with_plugin(bare: Any) -> Recorded:
    """The clinic on an image without a device plugin, which the plan then brings."""
    images = (*planned(SELF_HOSTED).images, image("nvidia-device-plugin"))
    return changed(SELF_HOSTED, pools=(bare,), images=images)


def test_each_group_stands_in_one_zone_pitfall_1_9(made: Recorded) -> None:
    """A shortage in one zone fails that group alone."""
    for group in gpu_groups(made):
        assert len(group["subnetIds"]) == 1
        assert group["labels"]["inferplan/zone"] in group["nodeGroupName"]


def test_nodes_that_talk_let_each_other_in_and_out_pitfall_1_12() -> None:
    """EFA needs the group's own egress as well as its ingress; nodes that do not talk have neither."""

    def own(made: Recorded, kind: str, this: str, other: str) -> list[str]:
        return [
            rule.name
            for rule in made.of(kind)
            if rule.props.get("ipProtocol") == "-1"
            and "gpu-to-gpu" in rule.name
            and rule.props[this] == rule.props[other]
        ]

    sides = [(kind, "securityGroupId", "referencedSecurityGroupId") for kind in (EGRESS, INGRESS)]
    together = Recorded(recorded("many-nodes"))
    assert all(len(own(together, *side)) == 1 for side in sides)
    assert not any(own(Recorded(recorded(SELF_HOSTED)), *side) for side in sides)


def test_pods_cannot_take_the_role_of_their_node_pitfall_1_26(made: Recorded) -> None:
    for template in made.of(TEMPLATE):
        options = template.props["metadataOptions"]
        assert (options["httpTokens"], options["httpPutResponseHopLimit"]) == ("required", 1)


def test_an_update_needs_no_spare_gpu_pitfall_1_27(made: Recorded) -> None:
    for group in gpu_groups(made):
        assert group["updateConfig"]["updateStrategy"] == "MINIMAL"
        assert group["scalingConfig"]["desiredSize"] == 0
