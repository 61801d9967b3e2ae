"""What has to lie in the account before pods start: pins in the lock, images by digest, weights by hash.

Not here: bringing it (the verbs `lock` and `mirror`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any, NamedTuple

from inferplan.cli.aws.connection import Refused
from inferplan.cli.preflight_checks.account_question import (
    Answer,
    Asking,
    Question,
    Said,
    Wanted,
    later,
    ok,
    to_do,
    told,
)
from inferplan.plan.supply import HASH_METADATA, SuppliedFile
from inferplan.records.plan import Image
from inferplan.report.money import counted

NO_REPOSITORY, NO_IMAGE = "RepositoryNotFoundException", "ImageNotFoundException"
NO_BUCKET, NO_OBJECT = ("NoSuchBucket",), ("404", "NoSuchKey", "NotFound")
SHOWN = 3


class Held(NamedTuple):
    """Sizes by key and recorded hashes by key; `bucket` False: there is none."""

    bucket: bool
    sizes: dict[str, int]
    hashes: dict[str, str | None]


def questions(wanted: Wanted) -> Iterator[Question[Any]]:
    """The lock first: with pins that nobody has looked up there is nothing to compare with."""
    yield told("pins", None, "the lock", _pins(wanted))
    for image in wanted.plan.pulled_images:
        asks = {"ecr:DescribeImages": (wanted.arn("ecr", f"repository/{image.repository}"),)}
        if wanted.invented_pins or image.digest is None:
            yield later("image", "workload", image.repository, asks)
            continue
        yield Question(
            check="image",
            layer="workload",
            subject=f"{image.repository}@{image.digest[:19]}",
            asks=asks,
            ask=partial(_image, image),
            judge=partial(mirrored, wanted),
        )
    bucket = wanted.plan.weights_bucket
    if bucket is None:
        return
    asks = {
        "s3:ListBucket": (wanted.arn("s3", bucket, regional=False, owner=""),),
        "s3:GetObject": (wanted.arn("s3", f"{bucket}/*", regional=False, owner=""),),
    }
    yield later("weights", "workload", f"s3://{bucket}", asks)
    for prefix, files in _by_prefix(() if wanted.invented_pins else wanted.supply.files).items():
        yield Question(
            check="weights",
            layer="workload",
            subject=f"s3://{bucket}/{prefix}",
            asks=asks,
            ask=partial(_held, bucket, prefix, files),
            judge=partial(complete, wanted, files),
        )


def _pins(wanted: Wanted) -> Said:
    """Pulumi refuses what is pending, whatever the layer."""
    fix = f"inferplan lock {wanted.spec}"
    if wanted.invented_pins:
        return to_do("its pins are documentation values: no registry and no hub has them", fix)
    pending = wanted.supply.pending
    if not pending:
        return ok("every image and every model is pinned")
    more = f" and {len(pending) - SHOWN} more" if len(pending) > SHOWN else ""
    return to_do(f"not pinned yet: {', '.join(pending[:SHOWN])}{more}", fix)


def _image(image: Image, asking: Asking) -> str:
    """ "" where the registry has it by this digest, else the code of its answer."""
    try:
        asking.call(
            "ecr",
            "describe_images",
            repositoryName=image.repository,
            imageIds=[{"imageDigest": image.digest}],
        )
    except Refused as refused:
        if refused.code not in (NO_REPOSITORY, NO_IMAGE):
            raise
        return refused.code
    return ""


def mirrored(wanted: Wanted, code: str) -> Iterable[Said]:
    """By digest: a copy that changed it is another image."""
    if code == NO_REPOSITORY:
        return [
            to_do("the repository does not exist: the foundation makes it", wanted.pulumi_up("foundation"))
        ]
    if code == NO_IMAGE:
        return [to_do("the repository has no image of this digest", f"inferplan mirror {wanted.spec}")]
    return [ok("there")]


def _by_prefix(files: tuple[SuppliedFile, ...]) -> dict[str, list[SuppliedFile]]:
    """Files by the folder that a server reads them from."""
    found: dict[str, list[SuppliedFile]] = {}
    for file in files:
        found.setdefault(file.key.removesuffix(f"/{file.path}"), []).append(file)
    return found


def _held(bucket: str, prefix: str, files: list[SuppliedFile], asking: Asking) -> Held:
    """One list, and one question for each file that is there: only that answers with the hash."""
    try:
        rows: list[Answer] = asking.rows(
            "s3", "list_objects_v2", "Contents", Bucket=bucket, Prefix=f"{prefix}/"
        )
    except Refused as refused:
        if refused.code not in NO_BUCKET:
            raise
        return Held(False, {}, {})
    sizes = {str(row["Key"]): int(row["Size"]) for row in rows}
    hashes: dict[str, str | None] = {}
    for file in files:
        if file.key in sizes:
            head = asking.found(NO_OBJECT, "s3", "head_object", Bucket=bucket, Key=file.key)
            hashes[file.key] = (head or {}).get("Metadata", {}).get(HASH_METADATA)
    return Held(True, sizes, hashes)


def complete(wanted: Wanted, files: list[SuppliedFile], held: Held) -> Iterable[Said]:
    """Every file of the lock, of its size, with the hash that the mirror has verified."""
    if not held.bucket:
        return [to_do("the bucket does not exist: the foundation makes it", wanted.pulumi_up("foundation"))]
    missing = [file for file in files if file.key not in held.sizes]
    there = [file for file in files if file.key in held.sizes]
    other_size = [file for file in there if file.size_bytes not in (None, held.sizes[file.key])]
    unverified = [file for file in there if held.hashes[file.key] is None]
    other = [file for file in there if held.hashes[file.key] not in (None, file.sha256)]
    fix = f"inferplan mirror {wanted.spec}"
    problems = [
        to_do(f"{counted(len(found), 'file')} of {len(files)} {words}: {_names(found)}", fix)
        for found, words in (
            (missing, "missing"),
            (other_size, "of another size than the lock says"),
            (other, "of another hash than the lock says"),
            (unverified, "without a verified hash"),
        )
        if found
    ]
    return problems or [ok(f"{counted(len(files), 'file')} with their hashes")]


def _names(files: list[SuppliedFile]) -> str:
    more = f" and {len(files) - SHOWN} more" if len(files) > SHOWN else ""
    return ", ".join(file.path for file in files[:SHOWN]) + more
