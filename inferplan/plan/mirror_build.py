"""The build that fills registry and bucket: its machine, its time, and whom it reads from.

Not here: what it brings (supply), its orders (mirror_order), and the project in AWS (components).
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from inferplan import catalog
from inferplan.plan.built_images import built_image
from inferplan.plan.case import Case
from inferplan.plan.images import cluster_images
from inferplan.plan.own_weights import Own
from inferplan.records.notes import Notes
from inferplan.records.plan import GatewayService, Image, Mirror, Runner, Source, fitting

HUB, DOCKER_HUB = "huggingface.co", "docker.io"
SECRETS = "inferplan-mirror"  # tokens belong to the account, and no stack's gateway may read them
PROJECT_NAME_LIMIT = 150  # botocore's model of CodeBuild
# CodeBuild waits from 5 to 2,160 minutes for a build (TimeoutInMinutes of its API reference).
LONGEST_MINUTES, SHORTEST_MINUTES, STEP_MINUTES = 2160, 60, 30
SLOWER = 4  # how many times slower than expected it may be
GB, GIB = 10**9, 2**30


def plan_mirror(case: Case, own: Own, gateway: GatewayService, runner: Runner | None, notes: Notes) -> Mirror:
    """The build of a stack, sized from what it brings."""
    images = _images(case, own, gateway, runner)
    image_gb = sum(_image_gb(case, image, {server.image.name for server in own.servers}) for image in images)
    gigabytes = own.weights_gib * GIB / GB + image_gb
    compute_type, minutes = _machine(gigabytes)
    streams = catalog.build_machines()[compute_type].vcpus
    sources = [server.weights_source for server in own.servers]
    sources += [adapter.source for server in own.servers for adapter in server.adapters]
    own_registry = f"{case.spec.target.account}.dkr.ecr."
    found = {*map(_registry, images), *map(_host, sources)}
    if built_image(case.spec, case.declaration.lock) is not None:
        found.add(DOCKER_HUB)  # the base of what is built
    hosts = tuple(sorted(host for host in found if host and not host.startswith(own_registry)))
    mirror = Mirror(
        project=fitting(f"inferplan-{case.name}-mirror", PROJECT_NAME_LIMIT),
        bucket=case.bucket("weights" if case.has_cluster else "config"),
        compute_type=compute_type,
        streams=streams,
        minutes=minutes,
        timeout_minutes=_timeout(minutes),
        hosts=hosts,
        stores=tuple(sorted({uri.removeprefix("s3://") for uri in sources if uri.startswith("s3://")})),
        token_secrets={host: f"{SECRETS}/{host}" for host in hosts},
    )
    _derive(mirror, gigabytes, image_gb, len(images), notes)
    return mirror


def _images(case: Case, own: Own, gateway: GatewayService, runner: Runner | None) -> tuple[Image, ...]:
    sidecars = (sidecar.image for sidecar in gateway.sidecars)
    others = cluster_images(case.declaration, own.pools, own.servers, runner)
    every = (*(server.image for server in own.servers), gateway.image, *sidecars, *others)
    return tuple({image.repository: image for image in every}.values())


def _image_gb(case: Case, image: Image, engines: Iterable[str]) -> float:
    """What the lock says of an image, else the estimate for its kind."""
    lock = case.declaration.lock
    locked = lock.images.get(image.name) if lock else None
    if locked is not None and locked.size_bytes is not None:
        return locked.size_bytes / GB
    kind = "engine-image-gib" if image.name in engines else "other-image-gib"
    return catalog.cost_assumption(kind).value * GIB / GB


def _machine(gigabytes: float) -> tuple[str, int]:
    """The smallest machine that brings it in the hours that are meant, else the largest; and its minutes."""
    each = catalog.cost_assumption("mirror-mb-s-per-stream").value
    before = catalog.cost_assumption("mirror-preparation-minutes").value
    meant = catalog.cost_assumption("mirror-hours").value * 60
    machines = catalog.build_machines()
    needed = {
        name: math.ceil(before + gigabytes * 1000 / (each * machine.vcpus) / 60)
        for name, machine in machines.items()
    }
    largest = list(machines)[-1]
    name = next((name for name, minutes in needed.items() if minutes <= meant), largest)
    return name, needed[name]


def _timeout(minutes: int) -> int:
    steps = math.ceil(minutes * SLOWER / STEP_MINUTES) * STEP_MINUTES
    return min(max(steps, SHORTEST_MINUTES), LONGEST_MINUTES)


def _registry(image: Image) -> str:
    return image.upstream.partition("/")[0]


def _host(uri: str) -> str:
    """The hub or registry that weights come from; a bucket is reached through AWS."""
    scheme, _, rest = uri.partition("://")
    return {"hf": HUB, "oci": rest.partition("/")[0]}.get(scheme, "")


def _derive(mirror: Mirror, gigabytes: float, image_gb: float, images: int, notes: Notes) -> None:
    machine = catalog.build_machines()[mirror.compute_type]
    sources = tuple(Source(source=text, as_of=machine.as_of) for text in machine.source)
    rate = catalog.cost_assumption("mirror-mb-s-per-stream").value
    inputs = {
        "gigabytes": round(gigabytes, 1),
        "of_images": round(image_gb, 1),
        "images": images,
        "mb_s_per_stream": rate,
        "streams": mirror.streams,
        "preparation_minutes": catalog.cost_assumption("mirror-preparation-minutes").value,
    }
    notes.derive(
        "mirror.compute_type",
        mirror.compute_type,
        "machine of CodeBuild",
        "the smallest that brings everything within the hours meant for it; one stream a vCPU; what is "
        "brought passes through memory and never lies on its disk, so no disk is sized",
        inputs | {"hours": catalog.cost_assumption("mirror-hours").value},
        sources=sources,
        confidence="low",
    )
    notes.derive(
        "mirror.minutes",
        mirror.minutes,
        "minutes",
        "preparation, then gigabytes / (MB/s a stream x streams); working estimates",
        inputs,
        confidence="low",
    )
    notes.derive(
        "mirror.timeout_minutes",
        mirror.timeout_minutes,
        "minutes",
        f"{SLOWER} times the expected minutes in steps of {STEP_MINUTES}, from {SHORTEST_MINUTES} to the "
        f"{LONGEST_MINUTES} that CodeBuild allows; a build that is cut off is taken up again",
        {"minutes": mirror.minutes},
    )
