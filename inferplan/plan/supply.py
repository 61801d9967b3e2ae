"""What has to lie in the account before the workload can start: images by digest, weights by file and hash.

Not here: finding digests and hashes (cli: `lock`), bringing them (`mirror`), looking for them (`preflight`).
"""

from __future__ import annotations

from collections.abc import Iterator

from inferplan.records.base import Record
from inferplan.records.plan import Image, Plan
from inferplan.spec.lock import NO_PINS, Lock, LockedAdapter, LockedModel

HASH_METADATA = "inferplan-sha256"  # user metadata of an object: what the mirror has verified
RECORDS_PREFIX = "records"  # of the weights bucket, beside models/ and adapters/: what each mirror run did


class SuppliedFile(Record, frozen=True, kw_only=True):
    """One file of weights: where it comes from, and its key in the weights bucket."""

    source: str  # URI of the spec: hf://org/name, s3://..., oci://...
    revision: str
    path: str  # in the source
    key: str  # in the bucket
    sha256: str
    size_bytes: int | None  # None: the lock does not say


class Supply(Record, frozen=True, kw_only=True):
    """All that a mirror has to bring; `pending` names, as paths of the lock, what is not pinned yet."""

    images: tuple[Image, ...]
    files: tuple[SuppliedFile, ...]
    pending: tuple[str, ...]


def supply(plan: Plan, lock: Lock | None) -> Supply:
    """What a plan pulls and reads, as far as the lock pins it."""
    images = plan.pulled_images
    pending = [f"images.{image.name}" for image in images if image.digest is None]
    files: dict[str, SuppliedFile] = {}
    for path, source, key, pinned in _weights(plan, lock or NO_PINS):
        if pinned is None or pinned.revision is None or not pinned.files:
            pending.append(path)
            continue
        for name, sha256 in sorted(pinned.files.items()):
            files[f"{key}/{name}"] = SuppliedFile(
                source=source,
                revision=pinned.revision,
                path=name,
                key=f"{key}/{name}",
                sha256=sha256,
                size_bytes=pinned.sizes.get(name),
            )
    return Supply(
        images=tuple(image for image in images if image.digest is not None),
        files=tuple(files.values()),
        pending=tuple(dict.fromkeys(pending)),
    )


def _weights(plan: Plan, lock: Lock) -> Iterator[tuple[str, str, str, LockedModel | LockedAdapter | None]]:
    """Path in the lock, source, prefix in the bucket and pin of every server's weights and adapters."""
    for server in plan.servers:
        model = lock.models.get(server.model)
        yield f"models.{server.model}", server.weights_source, server.weights_key, model
        for adapter in server.adapters:
            prefix = adapter.path.removeprefix("/")
            yield f"adapters.{adapter.name}", adapter.source, prefix, lock.adapters.get(adapter.name)
