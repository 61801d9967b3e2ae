"""What one build of the mirror is told to bring, as a document whose digest is its name.

Not here: what a plan needs (supply), starting the build and the program in it (cli).
"""

from __future__ import annotations

import hashlib
from typing import Literal

import msgspec

from inferplan.plan.mirror_build import HUB
from inferplan.plan.supply import HASH_METADATA, RECORDS_PREFIX, SuppliedFile, Supply
from inferplan.records.base import Record
from inferplan.records.plan import Image, Plan

SCHEMA: Literal["inferplan.order/v1beta1"] = "inferplan.order/v1beta1"
ORDERS_PREFIX = "orders"
ATTEMPTS = 7  # with doubling pauses from a second: about two minutes until a host that is silent is given up
TAG_DIGITS = 12


class OrderedImage(Record, frozen=True, kw_only=True):
    """One image: from a publisher's registry, by digest, into a repository of the stack."""

    name: str
    source: str
    digest: str
    repository: str
    tag: str  # of its own for each digest, because tags of the stack's repositories cannot be moved


class OrderedWheel(Record, frozen=True, kw_only=True):
    """One package by its address and hash."""

    name: str
    url: str
    sha256: str


class OrderedBuild(Record, frozen=True, kw_only=True):
    """One image of the project's own: packages by hash over a base by digest."""

    name: str
    base: str
    base_digest: str
    python: str  # version whose packages are taken
    site: str  # folder of the image that they go into
    packages: str  # lines with hashes
    wheels: tuple[OrderedWheel, ...]
    repository: str
    tag: str


class MirrorOrder(Record, frozen=True, kw_only=True):
    """All that a build brings, and where it reads and writes."""

    schema: Literal["inferplan.order/v1beta1"]
    stack: str
    region: str
    bucket: str
    registry: str
    hub: str
    attempts: int
    hash_metadata: str
    records_prefix: str
    token_secrets: dict[str, str]  # by host
    images: tuple[OrderedImage, ...]
    files: tuple[SuppliedFile, ...]
    builds: tuple[OrderedBuild, ...] = ()


def mirror_order(
    plan: Plan, needed: Supply, hub: str | None = None, builds: tuple[OrderedBuild, ...] = ()
) -> MirrorOrder:
    """The order for what a plan needs; `hub` is another address of the hub, such as a company's own."""
    target = plan.target
    registry = f"{target.account}.dkr.ecr.{target.region}.{target.dns_suffix}"
    return MirrorOrder(
        schema=SCHEMA,
        stack=plan.name,
        region=target.region,
        bucket=plan.mirror.bucket,
        registry=registry,
        hub=hub or f"https://{HUB}",
        attempts=ATTEMPTS,
        hash_metadata=HASH_METADATA,
        records_prefix=RECORDS_PREFIX,
        token_secrets=plan.mirror.token_secrets,
        images=tuple(
            OrderedImage(
                name=image.name,
                source=image.upstream,
                digest=image.digest,
                repository=image.repository,
                tag=_tag(image, image.digest, registry),
            )
            for image in needed.images
            if image.digest is not None
        ),
        files=needed.files,
        builds=builds,
    )


def _tag(image: Image, digest: str, registry: str) -> str:
    """Of its own for each digest; what was built in the account has one already."""
    if image.upstream == f"{registry}/{image.repository}":
        return image.tag
    return f"{image.tag}-{digest.removeprefix('sha256:')[:TAG_DIGITS]}"


def order_text(order: MirrorOrder) -> bytes:
    """The document: the same order, the same bytes."""
    return msgspec.json.encode(order, order="deterministic")


def order_digest(order: MirrorOrder) -> str:
    """Its name."""
    return hashlib.sha256(order_text(order)).hexdigest()
