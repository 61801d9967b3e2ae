"""What GPU nodes are told when they boot: to pull and to unpack an image in many pieces at once.

EKS merges this with what it writes itself, as long as the launch template names no image. Not here: the
template (node_group).
"""

from __future__ import annotations

import base64

# A model server's image has 12 GB in few layers: pulled one after the other it takes minutes of a GPU's time.
# Bottlerocket takes this from 1.44 on (its settings container-runtime-plugins), AL2023 from 2025-08 on, on
# nodes that have the processors for it (awslabs/amazon-eks-ami#2352, #2461).
_BOTTLEROCKET = """\
[settings.container-runtime]
snapshotter = "soci"

[settings.container-runtime-plugins.soci-snapshotter]
pull-mode = "parallel-pull-unpack"

[settings.container-runtime-plugins.soci-snapshotter.parallel-pull-unpack]
max-concurrent-downloads-per-image = 10
concurrent-download-chunk-size = "16mb"
max-concurrent-unpacks-per-image = 10
discard-unpacked-layers = true
"""
_AL2023 = """\
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="//"

--//
Content-Type: application/node.eks.aws

apiVersion: node.eks.aws/v1alpha1
kind: NodeConfig
spec:
  featureGates:
    FastImagePull: true

--//--
"""


def parallel_pull(ami_type: str) -> str | None:
    """User data of a launch template for nodes of an EKS image, in base64; None for a family without it."""
    text = {"BOTTLEROCKET": _BOTTLEROCKET, "AL2023": _AL2023}.get(ami_type.partition("_")[0])
    return None if text is None else base64.b64encode(text.encode()).decode()
