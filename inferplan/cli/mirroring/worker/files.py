"""Weights on their way into the bucket: hashed as they come, and never under their key with another hash.

Not here: where they come from (streams).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Any

from inferplan.cli.mirroring.worker.streams import CHUNK, Refused, Silent, Stream

PART_BYTES = 32 << 20
MOST_PARTS = 9000  # S3 takes 10,000 of one upload
UPLOADS = 4  # parts of one file at a time


class Checked:
    """A stream that raises Refused instead of ending where its hash is another than the lock's.

    The end is looked for with every read, so no last bytes are handed on before the hash is known, and an
    upload that reads it is never completed.
    """

    def __init__(self, stream: Stream, sha256: str, size: int | None, came: Callable[[int], None]) -> None:
        self._stream, self._sha256, self._size, self._came = stream, sha256, size, came
        self._hash = hashlib.sha256()
        self.bytes = 0

    def read(self, size: int = -1) -> bytes:
        """As a file's: all that is left where no size is said, and less than `size` only at the end."""
        parts = []
        while size:
            data = self._stream.read(CHUNK if size < 0 else size)
            if not data:
                self._judge()
                break
            self._hash.update(data)
            self.bytes += len(data)
            self._came(len(data))
            if self._size is not None and self.bytes > self._size:
                raise Refused(f"it is longer than the {self._size} bytes of the lock")
            parts.append(data)
            size -= len(data) if size > 0 else 0
        return b"".join(parts)

    def _judge(self) -> None:
        found = self._hash.hexdigest()
        if found != self._sha256:
            raise Refused(f"its hash is {found}, and the lock says {self._sha256}: nothing is kept of it")


def bring_file(
    file: Mapping[str, Any],
    order: Mapping[str, Any],
    s3: Any,
    opened: Callable[[], Stream],
    came: Callable[[int], None],
) -> tuple[str, int]:
    """What became of a file and how many bytes came; raises Refused or Silent, and then nothing is left."""
    from boto3.s3.transfer import TransferConfig
    from botocore import exceptions

    bucket, key, size = order["bucket"], file["key"], file["size_bytes"]
    known = is_there(s3, bucket, file, order["hash_metadata"])
    if known:
        return "there", 0
    part = max(PART_BYTES, -(-(size or 0) // MOST_PARTS))
    transfer = TransferConfig(multipart_threshold=part, multipart_chunksize=part, max_concurrency=UPLOADS)
    checked = Checked(opened(), file["sha256"], size, came)
    try:
        s3.upload_fileobj(
            checked,
            bucket,
            key,
            ExtraArgs={"Metadata": {order["hash_metadata"]: file["sha256"]}},
            Config=transfer,
        )
    except exceptions.ClientError as problem:
        code = problem.response.get("Error", {}).get("Code", "unknown")
        raise Refused(f"S3 answers {code} to {problem.operation_name}") from None
    except exceptions.BotoCoreError as problem:
        raise Silent(f"S3 does not answer ({type(problem).__name__})") from None
    return "brought", checked.bytes


def is_there(s3: Any, bucket: str, file: Mapping[str, Any], hash_metadata: str) -> bool:
    """Whether the key holds what a mirror has verified: its hash is written on it, and its size is right."""
    from botocore import exceptions

    try:
        found = s3.head_object(Bucket=bucket, Key=file["key"])
    except exceptions.ClientError as problem:
        code = str(problem.response.get("Error", {}).get("Code", "unknown"))
        if code in ("404", "NoSuchKey", "NotFound"):
            return False
        raise Refused(f"S3 answers {code} for s3://{bucket}/{file['key']}") from None
    size = file["size_bytes"]
    return found.get("Metadata", {}).get(hash_metadata) == file["sha256"] and (
        size is None or found["ContentLength"] == size
    )
