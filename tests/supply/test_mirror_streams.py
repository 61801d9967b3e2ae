"""How the mirror's build reads on where a connection broke, against a server that breaks it.

Area of concern: bytes that come twice or never, and a file that ends early and is taken for whole.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from inferplan.cli.mirroring.worker import streams
from inferplan.cli.mirroring.worker.files import Checked
from inferplan.cli.mirroring.worker.streams import Refused, Silent, Stream, from_hub
from tests.supply.hub import hash_of

CONTENT = bytes(range(256)) * 4096


class Breaking:
    """Serves CONTENT, and breaks the connection after `at` bytes of each answer, `times` times."""

    def __init__(self, *, at: int, times: int, ranges: bool) -> None:
        self.at, self.times, self.ranges = at, times, ranges
        self.asked: list[str] = []
        self.url = ""


@contextmanager
def breaking(**said: Any) -> Iterator[Breaking]:
    made = Breaking(**said)

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            wanted = self.headers.get("Range") or ""
            made.asked.append(wanted)
            start = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted and made.ranges else 0
            body = CONTENT[start:]
            self.send_response(206 if start else 200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if made.times:
                made.times -= 1
                body = body[: made.at]
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    made.url = f"http://127.0.0.1:{server.server_address[1]}/x"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams.time, "sleep", lambda _: None)


def whole(stream: Stream) -> bytes:
    return Checked(stream, hash_of(CONTENT), len(CONTENT), lambda _: None).read()


@pytest.mark.parametrize("ranges", [True, False], ids=["with ranges", "from the beginning each time"])
@pytest.mark.parametrize("times", [0, 1, 3])
def test_it_goes_on_where_it_broke(ranges: bool, times: int) -> None:
    """Each byte once, whether the host can begin in the middle or not."""
    at = 300_001 if ranges else 800_000
    with breaking(at=at, times=times if ranges else min(times, 1), ranges=ranges) as host:
        assert whole(Stream(lambda offset: from_hub(host.url, None, "", offset), attempts=3)) == CONTENT
    assert host.asked[0] == ""
    assert all(one.startswith("bytes=") for one in host.asked[1:])
    assert len(host.asked) == 1 + (times if ranges else min(times, 1))


def test_it_ends_where_nothing_comes_any_more() -> None:
    with breaking(at=0, times=99, ranges=True) as host:
        with pytest.raises(Silent, match="ended before the file did"):
            whole(Stream(lambda offset: from_hub(host.url, None, "", offset), attempts=3))
        assert len(host.asked) == 3


def test_what_comes_is_not_handed_on_before_the_hash_is_known() -> None:
    """Whoever reads gets the last bytes or the refusal, never both."""
    with breaking(at=0, times=0, ranges=True) as host:
        stream = Stream(lambda offset: from_hub(host.url, None, "", offset), attempts=1)
        checked = Checked(stream, "0" * 64, None, lambda _: None)
        got = checked.read(len(CONTENT) // 2)
        with pytest.raises(Refused, match="nothing is kept of it"):
            checked.read(len(CONTENT))
    assert len(got) == len(CONTENT) // 2


def test_a_file_that_is_longer_than_the_lock_says_is_given_up_early() -> None:
    with breaking(at=0, times=0, ranges=True) as host:
        stream = Stream(lambda offset: from_hub(host.url, None, "", offset), attempts=1)
        with pytest.raises(Refused, match="longer than the 1000 bytes"):
            Checked(stream, hash_of(CONTENT), 1000, lambda _: None).read()
