"""Node images: whether EKS publishes one of the planned kind for the cluster's version in the Region.

Not here: an image of one's own (`capacity.ami`), which the plan refuses.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

from inferplan.cli.preflight_checks.question import (
    Answer,
    Question,
    Said,
    Wanted,
    cannot_tell,
    lookup,
    ok,
    to_do,
    told,
)

# AMI type of EKS -> public parameter: docs.aws.amazon.com/eks/latest/userguide/retrieve-ami-id.html and
# .../retrieve-ami-id-bottlerocket.html (2026-11-28)
BOTTLEROCKET = "/aws/service/bottlerocket/aws-k8s-{version}{flavor}/{architecture}/latest/image_id"
AMAZON_LINUX = (
    "/aws/service/eks/optimized-ami/{version}/amazon-linux-2023/{architecture}/{flavor}/recommended/image_id"
)
PARAMETERS = {
    "BOTTLEROCKET_x86_64": (BOTTLEROCKET, "x86_64", ""),
    "BOTTLEROCKET_ARM_64": (BOTTLEROCKET, "arm64", ""),
    "BOTTLEROCKET_x86_64_NVIDIA": (BOTTLEROCKET, "x86_64", "-nvidia"),
    "BOTTLEROCKET_ARM_64_NVIDIA": (BOTTLEROCKET, "arm64", "-nvidia"),
    "AL2023_x86_64_STANDARD": (AMAZON_LINUX, "x86_64", "standard"),
    "AL2023_ARM_64_STANDARD": (AMAZON_LINUX, "arm64", "standard"),
    "AL2023_x86_64_NVIDIA": (AMAZON_LINUX, "x86_64", "nvidia"),
    "AL2023_ARM_64_NVIDIA": (AMAZON_LINUX, "arm64", "nvidia"),
    "AL2023_x86_64_NEURON": (AMAZON_LINUX, "x86_64", "neuron"),
}


def questions(wanted: Wanted) -> Iterator[Question[Any]]:
    """Each kind of image once."""
    cluster = wanted.plan.cluster
    if cluster is None:
        return
    types = [pool.ami_type for pool in wanted.plan.pools]
    if cluster.existing is None:
        types.append(cluster.system_ami_type)
    for type_ in dict.fromkeys(types):
        name = parameter(type_, cluster.version)
        subject = f"{type_} for Kubernetes {cluster.version}"
        if name is None:
            unknown = cannot_tell(f"no public parameter of {type_} is known")
            yield told("node-image", "foundation", subject, unknown)
            continue
        yield Question(
            check="node-image",
            layer="foundation",
            subject=subject,
            asks={"ssm:GetParameters": (wanted.arn("ssm", f"parameter{name}", owner="*"),)},
            ask=lookup((), "ssm", "get_parameters", Names=[name]),
            judge=partial(published, wanted, name),
        )


def parameter(type_: str, version: str) -> str | None:
    """The public parameter that holds the id of the newest image of a kind."""
    if type_ not in PARAMETERS:
        return None
    pattern, architecture, flavor = PARAMETERS[type_]
    return pattern.format(version=version, architecture=architecture, flavor=flavor)


def published(wanted: Wanted, name: str, answer: Answer) -> Iterable[Said]:
    """A node group of a kind that is not published for the version is not created."""
    if name not in answer.get("InvalidParameters", ()):
        return [ok(f"newest is {answer['Parameters'][0]['Value']}")]
    parts = name.replace(f"/{wanted.plan.cluster.version}/", "/") if wanted.plan.cluster else name
    root = parts.rpartition("/aws-k8s-")[0] or "/aws/service/eks/optimized-ami"
    fix = wanted.aws(f"ssm get-parameters-by-path --recursive --path {root} --query 'Parameters[].Name'")
    return [to_do(f"AWS publishes none in {wanted.region} ({name})", fix)]
