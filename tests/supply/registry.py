"""A real OCI registry (CNCF distribution) on loopback, and images to put into it.

Not here: what is asked of it (the tests), and the hub that weights come from (hub).
"""

from __future__ import annotations

import hashlib
import json
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.supply.certificates import Certificate
from tests.supply.tokens import ISSUER, SERVICE, Tokens

HERE = Path(__file__).parent
START_ATTEMPTS, PAUSE_S = 600, 0.05
USER, PASSWORD = "reader", "secret-of-the-tests"
_HTPASSWD = f"{USER}:$2b$04$U41NFPm7uaku.ZnR3T2fQ.41Auq.0R7Nj8mcAPfblSdYQjedqh.xm\n"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
PLATFORMS = ("linux/amd64", "linux/arm64")


def sha256(content: bytes) -> str:
    """The digest of bytes, as registries write it."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


@dataclass(frozen=True)
class Registry:
    """Where it listens, and who may speak to it."""

    host: str  # name and port, as the first part of an image's name
    folder: Path
    certificate: Certificate | None = None
    password: str | None = None
    tokens: Tokens | None = None
    session: requests.Session = field(default_factory=requests.Session, repr=False)

    @property
    def url(self) -> str:
        return f"{'https' if self.certificate else 'http'}://{self.host}"

    def put_image(self, name: str, tag: str, *layers: bytes) -> str:
        """Push an image for one platform; gives its digest."""
        return self._put_manifest(name, tag, self._image(name, PLATFORMS[0], layers or (b"layer",)))

    def put_index(self, name: str, tag: str, layers: Mapping[str, Sequence[bytes]] | None = None) -> str:
        """Push an image for several platforms; gives the digest of the index."""
        entries = []
        for platform, content in (layers or {one: (one.encode(),) for one in PLATFORMS}).items():
            body = self._image(name, platform, content)
            system, architecture = platform.split("/")
            entries.append(
                {
                    "mediaType": OCI_MANIFEST,
                    "digest": self._put_manifest(name, sha256(body), body),
                    "size": len(body),
                    "platform": {"os": system, "architecture": architecture},
                }
            )
        index = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}
        return self._put_manifest(name, tag, json.dumps(index).encode(), OCI_INDEX)

    def put_artifact(self, name: str, tag: str, files: Mapping[str, bytes]) -> str:
        """Push files as an artifact, one layer each, named by the title annotation; gives its digest."""
        body = self._image(name, None, tuple(files.values()), tuple(files))
        return self._put_manifest(name, tag, body)

    def manifest(self, name: str, reference: str) -> tuple[str, dict[str, Any]]:
        """Digest and content of what a tag or digest stands for."""
        answer = self._call("GET", f"{name}/manifests/{reference}", accept=f"{OCI_INDEX}, {OCI_MANIFEST}")
        found: dict[str, Any] = answer.json()
        return sha256(answer.content), found

    def _image(
        self, name: str, platform: str | None, layers: Sequence[bytes], titles: Sequence[str] = ()
    ) -> bytes:
        config: dict[str, Any] = {}
        if platform is not None:
            system, architecture = platform.split("/")
            config = {"os": system, "architecture": architecture, "rootfs": {"type": "layers"}}
        described = [self._put_blob(name, layer, OCI_LAYER) for layer in layers]
        for title, layer in zip(titles, described, strict=bool(titles)):
            layer["annotations"] = {"org.opencontainers.image.title": title}
        return json.dumps(
            {
                "schemaVersion": 2,
                "mediaType": OCI_MANIFEST,
                "config": self._put_blob(name, json.dumps(config).encode(), OCI_CONFIG),
                "layers": described,
            }
        ).encode()

    def _put_blob(self, name: str, content: bytes, media_type: str) -> dict[str, Any]:
        digest = sha256(content)
        place = self._call("POST", f"{name}/blobs/uploads/").headers["Location"]
        place = place.removeprefix(self.url)
        joint = "&" if "?" in place else "?"
        self._call("PUT", f"{place.removeprefix('/v2/')}{joint}digest={digest}", content)
        return {"mediaType": media_type, "digest": digest, "size": len(content)}

    def _put_manifest(self, name: str, reference: str, body: bytes, media_type: str = OCI_MANIFEST) -> str:
        self._call("PUT", f"{name}/manifests/{reference}", body, content_type=media_type)
        return sha256(body)

    def _call(
        self, method: str, path: str, body: bytes = b"", *, accept: str = "*/*", content_type: str = ""
    ) -> requests.Response:
        self.session.trust_env = False
        authorization = {}
        if self.tokens is not None:
            name = path.partition("/blobs/")[0].partition("/manifests/")[0]
            authorization = {"Authorization": f"Bearer {self.tokens.token([f'repository:{name}:pull,push'])}"}
        answer = self.session.request(
            method,
            f"{self.url}/v2/{path}",
            data=body,
            headers={
                "Accept": accept,
                "Content-Type": content_type or "application/octet-stream",
                **authorization,
            },
            auth=(USER, self.password) if self.password else None,
            verify=str(self.certificate.path) if self.certificate else True,
            timeout=30,
        )
        assert answer.ok, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer


@contextmanager
def registry(
    folder: Path,
    *,
    certificate: Certificate | None = None,
    password: bool = False,
    tokens: Tokens | None = None,
) -> Iterator[Registry]:
    """A started registry; with `certificate` it speaks TLS, with `password` it wants USER and PASSWORD.

    With `tokens` it believes those of that server, as public registries do.
    """
    folder.mkdir(parents=True, exist_ok=True)
    made = Registry(f"127.0.0.1:{free_port()}", folder, certificate, PASSWORD if password else None, tokens)
    http: dict[str, Any] = {"addr": made.host, "secret": "loopback-only"}
    if certificate is not None:
        http["tls"] = {"certificate": str(certificate.path), "key": str(certificate.key)}
    configured: dict[str, Any] = {
        "version": 0.1,
        "log": {"level": "warn"},
        "storage": {"filesystem": {"rootdirectory": str(folder / "storage")}, "delete": {"enabled": True}},
        "http": http,
    }
    if password:
        (folder / "htpasswd").write_text(_HTPASSWD)
        configured["auth"] = {"htpasswd": {"realm": "tests", "path": str(folder / "htpasswd")}}
    if tokens is not None:
        configured["auth"] = {
            "token": {
                "realm": tokens.realm,
                "service": SERVICE,
                "issuer": ISSUER,
                "rootcertbundle": str(tokens.certificate.path),
            }
        }
    (folder / "config.yml").write_text(json.dumps(configured))  # JSON is YAML
    with (folder / "registry.log").open("w") as log:
        running = subprocess.Popen([program(), "serve", folder / "config.yml"], stdout=log, stderr=log)
    try:
        _wait(made, running)
        yield made
    finally:
        running.terminate()
        running.wait(timeout=10)


def program() -> Path:
    """The registry's program; skips the test where there is none."""
    built = subprocess.run([HERE / "build.sh"], check=False, stdout=subprocess.PIPE, text=True)
    if built.returncode:
        pytest.skip("no OCI registry: see tests/supply/build.sh's last line above")
    return Path(built.stdout.strip().splitlines()[-1])


def free_port() -> int:
    """A port of loopback that nobody listens on."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


def _wait(made: Registry, running: subprocess.Popen[bytes]) -> None:
    host, port = made.host.split(":")
    for _ in range(START_ATTEMPTS):
        assert running.poll() is None, (made.folder / "registry.log").read_text()
        try:
            socket.create_connection((host, int(port)), timeout=1).close()
        except OSError:
            time.sleep(PAUSE_S)
        else:
            return
    raise AssertionError("the registry did not start: " + (made.folder / "registry.log").read_text())
