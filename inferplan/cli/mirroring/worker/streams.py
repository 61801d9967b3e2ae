"""Where weights come from, as streams that go on where a connection broke: a hub, a bucket, a registry.

Not here: hashing and writing (files), and images (image_copies).
"""

from __future__ import annotations

import http.client
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from email.message import Message
from typing import Any, NamedTuple
from urllib.parse import quote

HUB_HOST = "huggingface.co"  # by which its token is called, whatever its address
CONNECT_S = 60
CHUNK = 1 << 20
LONGEST_PAUSE_S = 60
BUSY = frozenset({408, 425, 429, 500, 502, 503, 504})
BROKEN = (OSError, http.client.HTTPException)  # urllib's errors are of the first kind


class Refused(Exception):  # noqa: N818 - it reads as what it says
    """It will not come, however often it is asked for."""


class Silent(Exception):  # noqa: N818 - it reads as what it says
    """No answer, or half of one; another attempt may get it. `pause_s` is what the host asks for."""

    def __init__(self, reason: str, pause_s: float | None = None) -> None:
        super().__init__(reason)
        self.pause_s = pause_s


class Opened(NamedTuple):
    """An open source: bytes from an offset, and how many are to come where that is known."""

    body: Any  # has read(size)
    left: int | None


Opening = Callable[[int], Opened]


def attempted(attempts: int, act: Callable[[], Any]) -> Any:
    """What an act gives, tried again after pauses while the other side is silent; then Silent."""
    for attempt in range(attempts):
        try:
            return act()
        except Silent as problem:
            if attempt + 1 == attempts:
                raise
            pause(attempt, problem)
    raise AssertionError("an act is attempted at least once")


def pause(attempt: int, problem: Silent) -> None:
    """Wait before the next attempt: as long as the host asks for, else twice as long each time."""
    time.sleep(min(2.0**attempt if problem.pause_s is None else problem.pause_s, LONGEST_PAUSE_S))


class Stream:
    """The bytes of one source in order; a broken connection is opened again where it broke."""

    def __init__(self, opening: Opening, attempts: int) -> None:
        self._opening, self._attempts = opening, attempts
        self._opened: Opened | None = None
        self._offset = self._came = self._failures = 0

    def read(self, size: int) -> bytes:
        """Up to `size` bytes, none at the end; raises Refused, or Silent after the last attempt."""
        while True:
            try:
                return self._read(size)
            except (*BROKEN, Silent) as problem:
                silent = problem if isinstance(problem, Silent) else Silent(_reason(problem))
                self._opened = None
                self._failures += 1
                if self._failures >= self._attempts:
                    raise silent from None
                pause(self._failures - 1, silent)

    def _read(self, size: int) -> bytes:
        if self._opened is None:
            self._opened, self._came = self._opening(self._offset), 0
        data: bytes = self._opened.body.read(size)
        left = self._opened.left
        if not data and left is not None and self._came < left:
            raise Silent("the connection ended before the file did")
        self._offset += len(data)
        self._came += len(data)
        if data:
            self._failures = 0
        return data


def _reason(problem: Exception) -> str:
    inner = getattr(problem, "reason", problem)
    return f"no answer ({inner})" if str(inner) else f"no answer ({type(inner).__name__})"


def opening(file: Mapping[str, Any], order: Mapping[str, Any], tokens: Mapping[str, str], s3: Any) -> Opening:
    """How a file of the order is opened at an offset."""
    scheme, _, rest = str(file["source"]).partition("://")
    if scheme == "hf":
        name = rest.partition("@")[0]
        url = f"{order['hub']}/{quote(name)}/resolve/{quote(file['revision'])}/{quote(file['path'])}"
        secret = order["token_secrets"].get(HUB_HOST, "")
        return lambda offset: from_hub(url, tokens.get(HUB_HOST), secret, offset)
    if scheme == "s3":
        bucket, _, prefix = rest.partition("/")
        key = "/".join(part for part in (prefix.strip("/"), file["path"]) if part)
        return lambda offset: from_bucket(s3, bucket, key, offset)
    if scheme == "oci":
        host, _, path = rest.partition("@")[0].partition("/")
        blob = f"{host}/{path.partition(':')[0]}@sha256:{file['sha256']}"
        return lambda offset: from_registry(blob, offset)
    raise Refused(f"nothing here reads {scheme}://")


def from_hub(url: str, token: str | None, secret: str, offset: int) -> Opened:
    """A file at a commit; the token stays with the hub and does not follow to where it keeps its files."""
    request = urllib.request.Request(url, headers={"User-Agent": "inferplan-mirror"})
    if token:
        request.add_unredirected_header("Authorization", f"Bearer {token}")
    if offset:
        request.add_header("Range", f"bytes={offset}-")
    try:
        answer = urllib.request.urlopen(request, timeout=CONNECT_S)
    except urllib.error.HTTPError as problem:
        raise _answered(problem, secret) from None
    if offset and answer.status != http.HTTPStatus.PARTIAL_CONTENT:
        _skip(answer, offset)
    length = answer.headers.get("Content-Length")
    whole_again = offset if answer.status != http.HTTPStatus.PARTIAL_CONTENT else 0
    return Opened(answer, None if length is None else int(length) - whole_again)


def _answered(problem: urllib.error.HTTPError, secret: str) -> Exception:
    if problem.code in BUSY:
        return Silent(f"the hub answers {problem.code}", _asked_pause(problem.headers))
    if problem.code in (401, 403):
        return Refused(
            f"the hub answers {problem.code}: accept the model's terms there, and put a token that may read "
            f"it into the secret {secret}"
        )
    return Refused(f"the hub answers {problem.code}")


def _asked_pause(headers: Message) -> float | None:
    asked = str(headers.get("Retry-After") or "")
    return float(asked) if asked.isdecimal() else None


def from_bucket(s3: Any, bucket: str, key: str, offset: int) -> Opened:
    """An object of one of the organization's own buckets."""
    from botocore import exceptions

    more = {"Range": f"bytes={offset}-"} if offset else {}
    try:
        answer = s3.get_object(Bucket=bucket, Key=key, **more)
    except exceptions.ClientError as problem:
        code = problem.response.get("Error", {}).get("Code", "unknown")
        raise Refused(f"S3 answers {code} for s3://{bucket}/{key}") from None
    except exceptions.BotoCoreError as problem:
        raise Silent(f"S3 does not answer ({type(problem).__name__})") from None
    return Opened(_Body(answer["Body"]), int(answer["ContentLength"]))


class _Body:
    """An object's bytes; what breaks off is said in the way of this module."""

    def __init__(self, body: Any) -> None:
        self._body = body

    def read(self, size: int) -> bytes:
        from botocore import exceptions

        try:
            data: bytes = self._body.read(size)
        except (exceptions.BotoCoreError, exceptions.HTTPClientError) as problem:
            raise Silent(f"S3 broke off ({type(problem).__name__})") from None
        return data


def from_registry(blob: str, offset: int) -> Opened:
    """A file that an artifact holds as a layer, which is named by its hash."""
    from inferplan.cli.mirroring.worker.image_copies import crane

    running = subprocess.Popen([*crane(), "blob", blob], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    body = _Piped(running)
    _skip(body, offset)
    return Opened(body, None)


class _Piped:
    """What a program writes; that it failed is only known at the end."""

    def __init__(self, running: subprocess.Popen[bytes]) -> None:
        self._running = running

    def read(self, size: int) -> bytes:
        assert self._running.stdout is not None
        assert self._running.stderr is not None
        data = self._running.stdout.read(size)
        if not data and self._running.wait():
            from inferplan.cli.mirroring.worker.image_copies import problem_of

            raise problem_of(self._running.stderr.read().decode(errors="replace"))
        return data


def _skip(body: Any, count: int) -> None:
    while count > 0:
        data = body.read(min(count, CHUNK))
        if not data:
            raise Silent("the source ended before the place where it broke")
        count -= len(data)
