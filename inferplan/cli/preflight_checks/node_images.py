"""Node images: whether EKS publishes one of the planned kind for the cluster's version in the Region.

An image of one's own (`capacity.ami`) has to be there and shared with the account. Not here: whether nodes of
it join the cluster.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

from inferplan.cli.preflight_checks.account_question import (
    EVERYTHING,
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
from inferplan.records.plan import Pool
from inferplan.spec.model import InferenceStack

NO_IMAGE = ("InvalidAMIID.NotFound", "InvalidAMIID.Unavailable", "InvalidAMIID.Malformed")
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
    """Each image of one's own, and each kind of EKS's once."""
    cluster = wanted.plan.cluster
    if cluster is None:
        return
    own = dict(own_images(wanted))
    for pool in wanted.plan.pools:
        if pool.name in own:
            yield Question(
                check="node-image",
                layer="foundation",
                subject=f"{own[pool.name]} for {pool.name}",
                asks={"ec2:DescribeImages": EVERYTHING},
                ask=lookup(NO_IMAGE, "ec2", "describe_images", ImageIds=[own[pool.name]]),
                judge=partial(shared, wanted, pool, own[pool.name]),
            )
    types = [pool.ami_type for pool in wanted.plan.pools if pool.name not in own]
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


def own_images(wanted: Wanted) -> Iterator[tuple[str, str]]:
    """Pool and image, where the spec names one."""
    spec = wanted.declaration.spec
    backends = spec.backends if isinstance(spec, InferenceStack) else {}
    for server in wanted.plan.servers:
        image = backends[server.backend].capacity.ami if server.backend in backends else None
        if image is not None:
            yield server.pool, image


def shared(wanted: Wanted, pool: Pool, image: str, answer: Answer | None) -> Iterable[Said]:
    """An image of another account is seen by those that it is shared with."""
    found = (answer or {}).get("Images", ())
    if not found:
        permission = f"'Add=[{{UserId={wanted.account}}}]'"
        fix = wanted.aws(f"ec2 modify-image-attribute --image-id {image} --launch-permission {permission}")
        return [to_do("not there, or not shared with the account: its owner shares it", fix)]
    state, architecture = found[0].get("State"), found[0].get("Architecture")
    if state != "available":
        return [to_do(f"it is {state}", wanted.aws(f"ec2 describe-images --image-ids {image}"))]
    if architecture != pool.architecture:
        told_ = f"it is for {architecture}, and {pool.instance_type} is {pool.architecture}"
        return [to_do(told_, wanted.aws("ec2 describe-images --owners self"))]
    return [ok("available to the account")]


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
