"""A stand-in for the hub on loopback, which answers in the shapes that huggingface_hub reads.

What it answers follows https://huggingface.co/docs/hub/api and the headers that huggingface_hub looks for.
Not here: the registry (registry).
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

TOKEN = "hf_only-of-the-tests"
LFS_FROM_BYTES = 1024  # what the hub keeps as LFS here; small text files are plain Git blobs


@dataclass
class Repository:
    """One repository: its branches and tags, and files by commit."""

    refs: dict[str, str] = field(default_factory=dict)
    files: dict[str, dict[str, bytes]] = field(default_factory=dict)  # by commit
    card: dict[str, Any] = field(default_factory=dict)
    gated: bool = False


@dataclass
class Hub:
    """What it holds, what it was asked, and how the next requests fail."""

    url: str = ""
    repositories: dict[str, Repository] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)  # method and path
    tokens: list[str] = field(default_factory=list)  # values of Authorization
    faults: list[tuple[int, dict[str, str]]] = field(default_factory=list)  # status and headers, next first
    broken: dict[str, bytes] = field(default_factory=dict)  # path in a repository: bytes served in its place
    hold: dict[str, tuple[threading.Event, threading.Event]] = field(default_factory=dict)
    """By the path of a request: set when it comes, and waited for before it is answered."""

    def put(
        self,
        name: str,
        files: Mapping[str, bytes],
        *,
        card: Mapping[str, Any] | None = None,
        gated: bool = False,
        ref: str = "main",
    ) -> str:
        """Add a commit to a branch; gives its id."""
        repository = self.repositories.setdefault(name, Repository())
        text = json.dumps([name, len(repository.files), sorted(hash_of(one) for one in files.values())])
        commit = hashlib.sha1(text.encode()).hexdigest()
        repository.refs[ref] = commit
        repository.files[commit] = dict(files)
        repository.card = {**repository.card, **(card or {})}
        repository.gated = gated
        return commit


def hash_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def git_blob(content: bytes) -> str:
    """The name that Git gives to a file's content."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


@contextmanager
def hub() -> Iterator[Hub]:
    """A started hub; its address is what HF_ENDPOINT takes."""
    made = Hub()

    class Answer(_Answer):
        state = made

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    made.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Answer(BaseHTTPRequestHandler):
    state: Hub
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer()

    def do_HEAD(self) -> None:
        self._answer()

    def log_message(self, *_: Any) -> None:
        """Nothing: the tests ask `asked`."""

    def _answer(self) -> None:
        path = unquote(urlsplit(self.path).path)
        self.state.asked.append(f"{self.command} {path}")
        if authorization := self.headers.get("Authorization"):
            self.state.tokens.append(authorization)
        for held, (asked, released) in self.state.hold.items():
            if path.startswith(held):
                asked.set()
                released.wait(60)
        if self.state.faults:
            status, headers = self.state.faults.pop(0)
            self._send(status, b"", headers)
        elif path.startswith("/lfs/"):
            self._send(200, self._content(path.removeprefix("/lfs/")), {})
        elif path.startswith("/api/models/"):
            self._info(path.removeprefix("/api/models/"))
        elif "/resolve/" in path:
            self._file(path.removeprefix("/"))
        else:
            self._refuse(404, "RepoNotFound")

    def _info(self, rest: str) -> None:
        name, _, revision = rest.partition("/revision/")
        found = self._repository(name)
        if found is None:
            return
        commit = self._commit(found, revision or "main")
        if commit is None:
            self._refuse(404, "RevisionNotFound")
            return
        blobs = "blobs" in parse_qs(urlsplit(self.path).query)
        body = {
            "_id": commit[:24],
            "id": name,
            "modelId": name,
            "sha": commit,
            "private": False,
            "gated": "manual" if found.gated else False,
            "disabled": False,
            "tags": [f"license:{found.card['license']}"] if "license" in found.card else [],
            "cardData": found.card,
            "siblings": [self._sibling(*one, blobs=blobs) for one in sorted(found.files[commit].items())],
        }
        self._send(200, json.dumps(body).encode(), {"Content-Type": "application/json"})

    @staticmethod
    def _sibling(path: str, content: bytes, *, blobs: bool) -> dict[str, Any]:
        if not blobs:
            return {"rfilename": path}
        told: dict[str, Any] = {"rfilename": path, "blobId": git_blob(content), "size": len(content)}
        if len(content) >= LFS_FROM_BYTES:
            told["lfs"] = {"sha256": hash_of(content), "size": len(content), "pointerSize": 134}
        return told

    def _file(self, rest: str) -> None:
        name, _, after = rest.partition("/resolve/")
        revision, _, path = after.partition("/")
        found = self._repository(name)
        if found is None:
            return
        if found.gated and not self._knows():
            self._refuse(401, "GatedRepo")
            return
        commit = self._commit(found, revision)
        content = found.files[commit].get(path) if commit else None
        if commit is None or content is None:
            self._refuse(404, "EntryNotFound" if commit else "RevisionNotFound")
            return
        headers = {"X-Repo-Commit": commit, "ETag": f'"{git_blob(content)}"'}
        if len(content) >= LFS_FROM_BYTES:
            # another host, as the hub's storage is: its client follows redirects within a host on its own
            place = f"{self.state.url}/lfs/{name}/{commit}/{path}".replace("127.0.0.1", "localhost")
            headers |= {"X-Linked-Etag": f'"{hash_of(content)}"', "X-Linked-Size": str(len(content))}
            self._send(302, b"", {**headers, "Location": place})
            return
        self._send(200, self.state.broken.get(path, content), headers)

    def _content(self, rest: str) -> bytes:
        organization, name, commit, path = rest.split("/", 3)
        content = self.state.repositories[f"{organization}/{name}"].files[commit][path]
        return self.state.broken.get(path, content)

    def _repository(self, name: str) -> Repository | None:
        """The repository; where there is none, the hub says 401 to those it does not know."""
        found = self.state.repositories.get(name)
        if found is None:
            self._refuse(404 if self._knows() else 401, "RepoNotFound")
        return found

    @staticmethod
    def _commit(found: Repository, revision: str) -> str | None:
        commit = found.refs.get(revision, revision)
        return commit if commit in found.files else None

    def _knows(self) -> bool:
        return self.headers.get("Authorization") == f"Bearer {TOKEN}"

    def _refuse(self, status: int, code: str) -> None:
        self._send(status, json.dumps({"error": code}).encode(), {"X-Error-Code": code})

    def _send(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            with suppress(BrokenPipeError, ConnectionResetError):  # a client that was stopped
                self.wfile.write(body)
