"""A read-only volume over one prefix of the weights bucket, through the Mountpoint for S3 driver.

Not here: the bucket (weights), the driver and its role (addons).
"""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as kubernetes

# The driver ignores sizes, but the API wants one on both sides of the binding.
_NOMINAL_SIZE = "1Ti"


@dataclass(frozen=True, kw_only=True, slots=True)
class WeightsVolumeArgs:
    """`volume` is unique in the cluster, `claim` in the namespace; the pods run as `user`."""

    volume: str
    claim: str
    namespace: str
    bucket: str
    prefix: str  # without the closing slash
    region: str
    user: int


class WeightsVolume(pulumi.ComponentResource):
    """`claim` is what pods name."""

    claim: str

    def __init__(
        self, name: str, args: WeightsVolumeArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("inferplan:index:WeightsVolume", name, None, opts)
        self.claim = args.claim
        volume = kubernetes.core.v1.PersistentVolume(
            f"{name}-volume",
            metadata=kubernetes.meta.v1.ObjectMetaArgs(name=args.volume),
            spec=kubernetes.core.v1.PersistentVolumeSpecArgs(
                capacity={"storage": _NOMINAL_SIZE},
                access_modes=["ReadOnlyMany"],
                persistent_volume_reclaim_policy="Retain",
                storage_class_name="",
                # Bound from both sides: no other claim can take the volume.
                claim_ref=kubernetes.core.v1.ObjectReferenceArgs(namespace=args.namespace, name=args.claim),
                mount_options=[
                    "read-only",
                    "allow-other",
                    f"uid={args.user}",
                    f"gid={args.user}",
                    f"region {args.region}",
                    f"prefix {args.prefix}/",
                ],
                csi=kubernetes.core.v1.CSIPersistentVolumeSourceArgs(
                    driver="s3.csi.aws.com",
                    volume_handle=args.volume,
                    read_only=True,
                    volume_attributes={"bucketName": args.bucket, "authenticationSource": "driver"},
                ),
            ),
            opts=pulumi.ResourceOptions(parent=self),
        )
        kubernetes.core.v1.PersistentVolumeClaim(
            f"{name}-claim",
            metadata=kubernetes.meta.v1.ObjectMetaArgs(name=args.claim, namespace=args.namespace),
            spec=kubernetes.core.v1.PersistentVolumeClaimSpecArgs(
                access_modes=["ReadOnlyMany"],
                storage_class_name="",
                volume_name=args.volume,
                resources=kubernetes.core.v1.VolumeResourceRequirementsArgs(
                    requests={"storage": _NOMINAL_SIZE}
                ),
            ),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[volume]),
        )
        self.register_outputs({"claim": args.claim})
