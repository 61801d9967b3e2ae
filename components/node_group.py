"""One managed node group: launch template with locked-down metadata and encrypted volumes, taints, capacity.

Not here: how many nodes (the plan), the nodes' security groups and role, and who scales the group.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.node_config import parallel_pull
from inferplan.records.plan import Pool, RunningHours

ROOT_DEVICE, BOTTLEROCKET_DATA_DEVICE = "/dev/xvda", "/dev/xvdb"
GPU_TAINT = "nvidia.com/gpu"
ZONE_LABEL = "inferplan/zone"  # holds a zone id: the usual label holds names, which differ by account
# By this label the autoscaler knows that a new node's GPUs are still to appear, and orders no second node.
ACCELERATOR_LABEL = ".".join(("k8s", "amazonaws", "com/accelerator"))  # a label in every partition, no host
_CAPACITY_TYPES = {
    "on-demand": "ON_DEMAND",
    "reservation": "ON_DEMAND",
    "spot": "SPOT",
    "capacity-block": "CAPACITY_BLOCK",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class NodeGroupArgs:
    """`volumes_gib`: sizes by device name; `volume_mib_s`: how fast the one with images and pods is.

    An `autoscaled` group starts at 0 and is left to its scaler.
    """

    cluster_name: str
    group_name: str
    instance_type: str
    ami_type: str
    volumes_gib: dict[str, int]
    volume_mib_s: int | None = None  # None: what gp3 includes
    kms_key_arn: pulumi.Input[str]
    node_role_arn: pulumi.Input[str]
    security_group_id: pulumi.Input[str]
    subnet_ids: Sequence[pulumi.Input[str]]
    desired_nodes: int
    max_nodes: int
    labels: dict[str, str]
    autoscaled: bool = False
    gpu: bool = False
    taint: str | None = None  # key; only pods that tolerate it run here
    kubernetes_version: str | None = None  # None follows the cluster at creation only
    capacity: str = "on-demand"
    capacity_id: str | None = None
    efa_interfaces: int = 0  # one a network card, from `efa_first_card` on
    efa_first_card: int = 0
    placement_group: bool = False
    running: RunningHours | None = None  # of an autoscaled group; None: around the clock
    after: Sequence[pulumi.Resource] = ()


def volumes_gib(pool: Pool) -> dict[str, int]:
    """Bottlerocket keeps images and pods on a second volume; other AMIs on the root (field-notes 32)."""
    if pool.data_volume_gib is not None:
        return {ROOT_DEVICE: pool.root_volume_gib, BOTTLEROCKET_DATA_DEVICE: pool.data_volume_gib}
    return {ROOT_DEVICE: pool.root_volume_gib}


class NodeGroup(pulumi.ComponentResource):
    """`autoscaling_group_name` is what node autoscalers and tags refer to."""

    autoscaling_group_name: pulumi.Output[str]

    def __init__(self, name: str, args: NodeGroupArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("inferplan:index:NodeGroup", name, None, opts)
        template = self._template(name, args)
        block = args.capacity == "capacity-block"
        group = aws.eks.NodeGroup(
            f"{name}-group",
            cluster_name=args.cluster_name,
            node_group_name=args.group_name,
            node_role_arn=args.node_role_arn,
            subnet_ids=list(args.subnet_ids),
            ami_type=args.ami_type,
            version=args.kubernetes_version,
            capacity_type=_CAPACITY_TYPES[args.capacity],
            # A capacity block wants its type in the template (EKS user guide, capacity blocks).
            instance_types=None if block else [args.instance_type],
            launch_template=aws.eks.NodeGroupLaunchTemplateArgs(
                id=template.id, version=template.latest_version.apply(str)
            ),
            scaling_config=aws.eks.NodeGroupScalingConfigArgs(
                min_size=0 if args.autoscaled else args.desired_nodes,
                desired_size=0 if args.autoscaled else args.desired_nodes,
                max_size=args.max_nodes,
            ),
            # GPUs have no spare nodes to surge onto: terminate first, one at a time.
            update_config=aws.eks.NodeGroupUpdateConfigArgs(
                max_unavailable=1, update_strategy="MINIMAL" if args.gpu else "DEFAULT"
            ),
            node_repair_config=aws.eks.NodeGroupNodeRepairConfigArgs(enabled=True),
            labels=args.labels,
            taints=[aws.eks.NodeGroupTaintArgs(key=args.taint, value="present", effect="NO_SCHEDULE")]
            if args.taint is not None
            else None,
            opts=pulumi.ResourceOptions(
                parent=self,
                depends_on=list(args.after),
                ignore_changes=["scalingConfig.desiredSize"] if args.autoscaled else None,
            ),
        )
        self.autoscaling_group_name = group.resources[0].autoscaling_groups[0].name
        if args.autoscaled:
            self._scale_from_zero(name, args)
        if args.running is not None:
            self._keep_hours(name, args, args.running)
        self.register_outputs({"autoscalingGroupName": self.autoscaling_group_name})

    def _template(self, name: str, args: NodeGroupArgs) -> aws.ec2.LaunchTemplate:
        child = pulumi.ResourceOptions(parent=self)
        placement = None
        if args.placement_group:
            together = aws.ec2.PlacementGroup(
                f"{name}-placement",
                name=f"{args.cluster_name}-{args.group_name}",
                strategy="cluster",
                opts=child,
            )
            placement = aws.ec2.LaunchTemplatePlacementArgs(group_name=together.name)
        block = args.capacity == "capacity-block"
        return aws.ec2.LaunchTemplate(
            f"{name}-template",
            description=f"{args.cluster_name} {args.group_name}",
            update_default_version=True,
            # No imageId: managed groups choose and bootstrap the AMI of `ami_type` (field-notes 33).
            instance_type=args.instance_type if block else None,
            user_data=parallel_pull(args.ami_type) if args.gpu else None,
            metadata_options=aws.ec2.LaunchTemplateMetadataOptionsArgs(
                http_endpoint="enabled", http_tokens="required", http_put_response_hop_limit=1
            ),
            block_device_mappings=[
                _volume(
                    device,
                    gib,
                    args.kms_key_arn,
                    args.volume_mib_s if device == _device_of_pods(args.volumes_gib) else None,
                )
                for device, gib in args.volumes_gib.items()
            ],
            vpc_security_group_ids=None if args.efa_interfaces else [args.security_group_id],
            network_interfaces=_interfaces(args) if args.efa_interfaces else None,
            instance_market_options=aws.ec2.LaunchTemplateInstanceMarketOptionsArgs(
                market_type="capacity-block"
            )
            if block
            else None,
            capacity_reservation_specification=_reservation(args.capacity_id) if args.capacity_id else None,
            placement=placement,
            tag_specifications=[
                aws.ec2.LaunchTemplateTagSpecificationArgs(
                    resource_type=kind, tags={"Name": f"{args.cluster_name}-{args.group_name}"}
                )
                for kind in ("instance", "volume")
            ],
            opts=child,
        )

    def _scale_from_zero(self, name: str, args: NodeGroupArgs) -> None:
        """An autoscaler cannot see the disk of a node that does not exist yet, and pods ask for disk."""
        aws.autoscaling.Tag(
            f"{name}-disk-hint",
            autoscaling_group_name=self.autoscaling_group_name,
            tag=aws.autoscaling.TagTagArgs(
                key="k8s.io/cluster-autoscaler/node-template/resources/ephemeral-storage",
                value=f"{args.volumes_gib[_device_of_pods(args.volumes_gib)]}Gi",
                propagate_at_launch=False,
            ),
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _keep_hours(self, name: str, args: NodeGroupArgs, running: RunningHours) -> None:
        """A maximum of 0 outside the hours: the autoscaler cannot bring back what has been taken away."""
        for action, cron, most, desired in (
            ("start", running.start, args.max_nodes, -1),  # -1: left to the autoscaler
            ("stop", running.stop, 0, 0),
        ):
            aws.autoscaling.Schedule(
                f"{name}-{action}",
                scheduled_action_name=f"{args.group_name}-{action}",
                autoscaling_group_name=self.autoscaling_group_name,
                min_size=0,
                max_size=most,
                desired_capacity=desired,
                recurrence=cron,
                time_zone=running.timezone,
                opts=pulumi.ResourceOptions(parent=self),
            )


def _device_of_pods(volumes_gib: dict[str, int]) -> str:
    return BOTTLEROCKET_DATA_DEVICE if BOTTLEROCKET_DATA_DEVICE in volumes_gib else ROOT_DEVICE


def _volume(
    device: str, gib: int, key_arn: pulumi.Input[str], mib_s: int | None
) -> aws.ec2.LaunchTemplateBlockDeviceMappingArgs:
    return aws.ec2.LaunchTemplateBlockDeviceMappingArgs(
        device_name=device,
        ebs=aws.ec2.LaunchTemplateBlockDeviceMappingEbsArgs(
            volume_size=gib,
            volume_type="gp3",
            throughput=mib_s,
            encrypted="true",
            kms_key_id=key_arn,
            delete_on_termination="true",
        ),
    )


def _interfaces(args: NodeGroupArgs) -> list[aws.ec2.LaunchTemplateNetworkInterfaceArgs]:
    """IP on card 0 as device 0; EFA as the first device of every card that is free to carry it.

    As AWS recommends (EC2 user guide, efa-acc-inst-types): on card 0, where it carries EFA, as device 1.
    No word about public addresses: EC2 refuses it beside several interfaces, and the subnets give none.
    """
    first = args.efa_first_card
    cards = range(first, first + args.efa_interfaces)
    places = [(0, 0, "interface"), *((card, 1 if card == 0 else 0, "efa-only") for card in cards)]
    return [
        aws.ec2.LaunchTemplateNetworkInterfaceArgs(
            network_card_index=card,
            device_index=device,
            interface_type=kind,
            security_groups=[args.security_group_id],
            delete_on_termination="true",
        )
        for card, device, kind in places
    ]


def _reservation(capacity_id: str) -> aws.ec2.LaunchTemplateCapacityReservationSpecificationArgs:
    return aws.ec2.LaunchTemplateCapacityReservationSpecificationArgs(
        capacity_reservation_target=aws.ec2.LaunchTemplateCapacityReservationSpecificationCapacityReservationTargetArgs(
            capacity_reservation_id=capacity_id
        )
    )
