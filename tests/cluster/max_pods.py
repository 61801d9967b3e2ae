"""How many pods EKS lets a node of each planned instance type have, by hand from its published table.

Source: github.com/awslabs/amazon-eks-ami templates/shared/runtime/eni-max-pods.txt, commit 0254c5b, read on
2026-11-28. Types that are not in it (g7, g7e) follow the same rule from the type's interfaces (nodes).
"""

from __future__ import annotations

MAX_PODS = {
    "g4dn.xlarge": 29,
    "g4dn.2xlarge": 29,
    "g4dn.4xlarge": 29,
    "g4dn.8xlarge": 58,
    "g4dn.12xlarge": 234,
    "g4dn.16xlarge": 58,
    "g4dn.metal": 737,
    "g5.xlarge": 58,
    "g5.2xlarge": 58,
    "g5.4xlarge": 234,
    "g5.8xlarge": 234,
    "g5.12xlarge": 737,
    "g5.16xlarge": 234,
    "g5.24xlarge": 737,
    "g5.48xlarge": 345,
    "g6.xlarge": 58,
    "g6.2xlarge": 58,
    "g6.4xlarge": 234,
    "g6.8xlarge": 234,
    "g6.12xlarge": 234,
    "g6.16xlarge": 737,
    "g6.24xlarge": 737,
    "g6.48xlarge": 737,
    "g6e.xlarge": 58,
    "g6e.2xlarge": 58,
    "g6e.4xlarge": 234,
    "g6e.8xlarge": 234,
    "g6e.12xlarge": 292,
    "g6e.16xlarge": 737,
    "g6e.24xlarge": 492,
    "g6e.48xlarge": 492,
    "gr6.4xlarge": 234,
    "gr6.8xlarge": 234,
    "m6i.large": 29,
    "m6i.xlarge": 58,
    "p4d.24xlarge": 737,
    "p4de.24xlarge": 737,
    "p5.4xlarge": 118,
    "p5.48xlarge": 100,
    "p5e.48xlarge": 100,
    "p5en.48xlarge": 198,
    "p6-b200.48xlarge": 198,
    "p6-b300.48xlarge": 198,
}
