"""Asking buckets for weights: the objects below a prefix, each with its SHA-256.

S3's own checksum counts, then what the mirror has verified; an object that has neither is read through.
Not here: which files count (weight_files) and credentials (account_registry).
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Iterator
from typing import Any

from inferplan.cli.aws.connection import Connection
from inferplan.cli.locking.account_registry import Account
from inferplan.cli.locking.patience import Unanswered, Unknown
from inferplan.cli.locking.weight_files import DOCUMENTS, Weights, needed, revision_of
from inferplan.plan.supply import HASH_METADATA

CHUNK_BYTES = 8 << 20
MAX_DOCUMENT_BYTES = 4 << 20
TOLD_FROM_BYTES = 1 << 30  # reading less is over before it is told


def weights(account: Account, uri: str, region: str, say: Callable[[str], None]) -> Weights:
    """What lies at s3://bucket/prefix; raises Unanswered."""
    bucket, _, prefix = uri.removeprefix("s3://").partition("/")
    prefix = f"{prefix.rstrip('/')}/" if prefix else ""

    def listed(aws: Connection) -> dict[str, int]:
        pages = aws.pages("s3", region, "list_objects_v2", Bucket=bucket, Prefix=prefix)
        objects = (one for page in pages for one in page.get("Contents", ()))
        return {one["Key"].removeprefix(prefix): one["Size"] for one in objects if one["Size"]}

    sizes = account.asked(listed)
    paths = needed(sizes)
    if not paths:
        raise Unknown(f"{uri} holds no objects")
    files: dict[str, str] = {}
    documents: dict[str, dict[str, Any]] = {}
    for path in paths:
        key = {"Bucket": bucket, "Key": f"{prefix}{path}"}
        files[path] = account.asked(
            lambda aws, key=key, path=path: _sha256(aws, region, key, sizes[path], say)  # type: ignore[misc]
        )
        if path in DOCUMENTS and sizes[path] <= MAX_DOCUMENT_BYTES:
            content = account.asked(lambda aws, key=key: b"".join(_read(aws, region, key)))  # type: ignore[misc]
            documents[path] = _mapping(uri, path, content)
    return Weights(
        revision=revision_of(files),
        files=files,
        sizes={path: sizes[path] for path in paths},
        documents=documents,
    )


def _sha256(aws: Connection, region: str, key: dict[str, str], size: int, say: Callable[[str], None]) -> str:
    stated = aws.call("s3", region, "head_object", ChecksumMode="ENABLED", **key)
    checksum = stated.get("ChecksumSHA256", "")
    if checksum and stated.get("ChecksumType", "FULL_OBJECT") == "FULL_OBJECT" and "-" not in checksum:
        return base64.b64decode(checksum).hex()
    noted = stated.get("Metadata", {}).get(HASH_METADATA, "")
    if len(noted) == 64:
        return str(noted)
    if size >= TOLD_FROM_BYTES:
        say(f"reading {size / (1 << 30):.0f} GiB of {key['Key']}: it has no SHA-256 in S3")
    read = hashlib.sha256()
    done, told = 0, 0
    for chunk in _read(aws, region, key):
        read.update(chunk)
        done += len(chunk)
        if size >= TOLD_FROM_BYTES and 10 * done // size > told:
            told = 10 * done // size
            say(f"  {key['Key']}: {10 * told} %")
    if done != size:
        raise Unanswered(f"{key['Key']} ended after {done} of {size} bytes")
    return read.hexdigest()


def _read(aws: Connection, region: str, key: dict[str, str]) -> Iterator[bytes]:
    from botocore.exceptions import BotoCoreError

    body = aws.call("s3", region, "get_object", **key)["Body"]
    try:
        while chunk := body.read(CHUNK_BYTES):
            yield chunk
    except (BotoCoreError, OSError) as problem:
        raise Unanswered(f"{key['Key']} could not be read to its end ({type(problem).__name__})") from None


def _mapping(uri: str, path: str, content: bytes) -> dict[str, Any]:
    try:
        found = json.loads(content)
    except ValueError:
        raise Unanswered(f"{path} at {uri} is no JSON") from None
    if not isinstance(found, dict):
        raise Unanswered(f"{path} at {uri} holds no mapping")
    return found
