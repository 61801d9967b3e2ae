"""A real Kubernetes API server with its etcd, on loopback, for the time of the tests."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
import urllib3
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

HERE = Path(__file__).parent
TOKEN = "loopback-only"
START_SECONDS = 60


@dataclass(frozen=True)
class ApiServer:
    """Where it listens; requests go as cluster admin over its self-signed certificate."""

    url: str

    def call(self, method: str, path: str, body: Any = None, **query: str) -> requests.Response:
        """One request; server-side apply for PATCH."""
        content = "application/apply-patch+yaml" if method == "PATCH" else "application/json"
        return requests.request(
            method,
            f"{self.url}{path}",
            json=body,
            params=query,
            headers={"Authorization": f"Bearer {TOKEN}", "Content-Type": content},
            verify=False,
            timeout=20,
        )


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def api_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    built = subprocess.run([str(HERE / "build.sh")], capture_output=True, text=True, check=False)
    if built.returncode != 0:
        pytest.skip(f"no Kubernetes API server: {built.stderr.strip()}")
    binaries, work = Path(built.stdout.strip()), tmp_path_factory.mktemp("cluster")
    etcd_port, peer_port, port = free_port(), free_port(), free_port()
    (work / "tokens.csv").write_text(f'{TOKEN},admin,admin,"system:masters"\n')
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    (work / "service-account.key").write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    )
    etcd_url, peer_url = f"http://127.0.0.1:{etcd_port}", f"http://127.0.0.1:{peer_port}"
    commands = (
        [
            str(binaries / "etcd"), "--data-dir", str(work / "etcd"), "--unsafe-no-fsync",
            "--listen-client-urls", etcd_url, "--advertise-client-urls", etcd_url,
            "--listen-peer-urls", peer_url, "--initial-advertise-peer-urls", peer_url,
            "--initial-cluster", f"default={peer_url}",
        ],
        [
            str(binaries / "kube-apiserver"), "--etcd-servers", etcd_url, "--secure-port", str(port),
            "--bind-address", "127.0.0.1", "--cert-dir", str(work / "certs"),
            "--token-auth-file", str(work / "tokens.csv"), "--authorization-mode", "RBAC",
            "--service-account-issuer", "https://kubernetes.default.svc",
            "--service-account-key-file", str(work / "service-account.key"),
            "--service-account-signing-key-file", str(work / "service-account.key"),
            "--service-cluster-ip-range", "10.255.0.0/24",
            "--disable-admission-plugins", "ServiceAccount",
        ],
    )  # fmt: skip
    urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
    processes = []
    logs = [(work / f"{name}.log").open("w") for name in ("etcd", "apiserver")]
    try:
        for command, log in zip(commands, logs, strict=True):
            processes.append(subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, cwd=work))
        server = ApiServer(f"https://127.0.0.1:{port}")
        wait_until_ready(server, processes, work)
        yield server
    finally:
        for process in reversed(processes):
            process.kill()  # nothing of it is kept, and a graceful end waits a minute for watchers
        for process in processes:
            process.wait(timeout=20)
        for log in logs:
            log.close()


def wait_until_ready(server: ApiServer, processes: list[subprocess.Popen[bytes]], work: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        assert all(process.poll() is None for process in processes), (work / "apiserver.log").read_text()[
            -3000:
        ]
        try:
            if server.call("GET", "/readyz").ok:
                return
        except requests.ConnectionError:
            pass
        time.sleep(0.3)
    raise TimeoutError(
        f"no API server after {START_SECONDS} s: {(work / 'apiserver.log').read_text()[-3000:]}"
    )
