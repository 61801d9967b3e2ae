"""A real Kubernetes control plane on loopback: etcd and API server, and on wish scheduler and controllers.

Not here: nodes and what stands in for their kubelets (cluster), and any cloud.
"""

from __future__ import annotations

import json
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import requests
import urllib3
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

HERE = Path(__file__).parent
TOKEN = "loopback-only"
START_SECONDS = 120
KIND_SECONDS = 20
# What the planned objects need; cloud, certificates and heartbeats of nodes have no part in it.
CONTROLLERS = (
    "daemonset-controller",
    "deployment-controller",
    "disruption-controller",
    "garbage-collector-controller",
    "horizontal-pod-autoscaler-controller",
    "job-controller",
    "namespace-controller",
    "persistentvolume-binder-controller",
    "replicaset-controller",
    "statefulset-controller",
)
CONTENT = {"PATCH": "application/apply-patch+yaml", "MERGE": "application/merge-patch+json"}


@dataclass
class ApiServer:
    """Where it listens; requests go as cluster admin over its self-signed certificate."""

    url: str
    session: requests.Session = field(default_factory=requests.Session)
    paths: dict[tuple[str, str], tuple[str, str, bool]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.session.verify = False
        self.session.trust_env = False
        self.session.headers["Authorization"] = f"Bearer {TOKEN}"

    def call(self, method: str, path: str, body: Any = None, **query: str) -> requests.Response:
        """One request; PATCH is server-side apply, MERGE a merge patch."""
        return self.session.request(
            "PATCH" if method == "MERGE" else method,
            f"{self.url}{path}",
            data=None if body is None else json.dumps(body),
            params=query,
            headers={"Content-Type": CONTENT.get(method, "application/json")},
            timeout=30,
        )

    def get(self, path: str) -> Any:
        """The object or list at a path."""
        answer = self.call("GET", path)
        answer.raise_for_status()
        return answer.json()

    def path_of(self, body: Mapping[str, Any]) -> str:
        """The collection that an object belongs to."""
        api, kind = body["apiVersion"], body["kind"]
        if (api, kind) not in self.paths:
            root = f"/api/{api}" if "/" not in api else f"/apis/{api}"
            one = self._known(root, kind)
            assert one, f"the API server does not know {kind} of {api}"
            self.paths[api, kind] = (root, one["name"], one["namespaced"])
        root, plural, namespaced = self.paths[api, kind]
        place = f"/namespaces/{body['metadata'].get('namespace', 'default')}" if namespaced else ""
        return f"{root}{place}/{plural}"

    def _known(self, root: str, kind: str) -> dict[str, Any] | None:
        """What discovery says of a kind; one that was only just defined takes a moment to be served."""
        deadline = time.monotonic() + KIND_SECONDS
        while time.monotonic() < deadline:
            found = self.call("GET", root)
            listed = found.json()["resources"] if found.ok else []
            for one in listed:
                if one["kind"] == kind and "/" not in one["name"]:
                    return dict(one)
            time.sleep(0.2)
        return None

    def apply(self, body: Mapping[str, Any], **query: str) -> requests.Response:
        """Server-side apply with strict validation, as the provider does it."""
        path = f"{self.path_of(body)}/{body['metadata']['name']}"
        said = {"fieldManager": "inferplan", "fieldValidation": "Strict", "force": "true"} | query
        return self.call("PATCH", path, body, **said)


def binaries() -> Path:
    """The folder that build.sh makes; skips, with the reason, where it cannot be made."""
    built = subprocess.run([str(HERE / "build.sh")], capture_output=True, text=True, check=False)
    if built.returncode != 0:
        pytest.skip(f"no Kubernetes control plane: {built.stderr.strip()}")
    return Path(built.stdout.strip())


@contextmanager
def control_plane(work: Path, *, controllers: bool = False) -> Iterator[ApiServer]:
    """A fresh one in the folder `work`; nothing of it is kept."""
    urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
    programs, port = binaries(), _free_port()
    server = ApiServer(f"https://127.0.0.1:{port}")
    _write_credentials(work, server.url)
    etcd, peer = (f"http://127.0.0.1:{_free_port()}" for _ in range(2))
    with ExitStack() as running:
        first = {
            "etcd": [
                "--data-dir", str(work / "etcd"), "--unsafe-no-fsync",
                "--listen-client-urls", etcd, "--advertise-client-urls", etcd,
                "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer,
                "--initial-cluster", f"default={peer}",
            ],
            "kube-apiserver": [
                "--etcd-servers", etcd, "--secure-port", str(port), "--bind-address", "127.0.0.1",
                "--cert-dir", str(work / "certs"), "--token-auth-file", str(work / "tokens.csv"),
                "--authorization-mode", "RBAC",
                "--service-account-issuer", "https://kubernetes.default.svc",
                "--service-account-key-file", str(work / "service-account.key"),
                "--service-account-signing-key-file", str(work / "service-account.key"),
                "--service-cluster-ip-range", "10.255.0.0/24",
                "--disable-admission-plugins", "ServiceAccount",
            ],
        }  # fmt: skip
        started = [
            running.enter_context(_process(programs, name, said, work)) for name, said in first.items()
        ]
        _wait_until_ready(server, started, work)
        if controllers:
            # One after the other with the API server up: they would end if they did not find it.
            running.enter_context(_process(programs, "kube-scheduler", _client(work), work))
            said = [
                *_client(work), f"--controllers={','.join(CONTROLLERS)}",
                "--horizontal-pod-autoscaler-sync-period=2s",
            ]  # fmt: skip
            running.enter_context(_process(programs, "kube-controller-manager", said, work))
        yield server


def _client(work: Path) -> list[str]:
    return [
        "--kubeconfig", str(work / "kubeconfig"),
        "--authentication-kubeconfig", str(work / "kubeconfig"),
        "--authorization-kubeconfig", str(work / "kubeconfig"),
        "--leader-elect=false", "--bind-address", "127.0.0.1", "--secure-port", str(_free_port()),
        "--cert-dir", str(work / "client-certs"),
    ]  # fmt: skip


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _write_credentials(work: Path, url: str) -> None:
    (work / "tokens.csv").write_text(f'{TOKEN},admin,admin,"system:masters"\n')
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    (work / "service-account.key").write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    )
    kubeconfig = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "local", "cluster": {"server": url, "insecure-skip-tls-verify": True}}],
        "users": [{"name": "local", "user": {"token": TOKEN}}],
        "contexts": [{"name": "local", "context": {"cluster": "local", "user": "local"}}],
        "current-context": "local",
    }
    (work / "kubeconfig").write_text(json.dumps(kubeconfig))


@contextmanager
def _process(programs: Path, name: str, said: list[str], work: Path) -> Iterator[subprocess.Popen[bytes]]:
    with (work / f"{name}.log").open("w") as log:
        process = subprocess.Popen([str(programs / name), *said], stdout=log, stderr=log, cwd=work)
        try:
            yield process
        finally:
            process.kill()  # nothing of it is kept, and a graceful end waits a minute for watchers
            process.wait(timeout=20)


def _wait_until_ready(server: ApiServer, processes: list[subprocess.Popen[bytes]], work: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        said = (work / "kube-apiserver.log").read_text()[-3000:]
        assert all(process.poll() is None for process in processes), said
        try:
            if server.call("GET", "/readyz").ok:
                return
        except requests.ConnectionError:
            pass
        time.sleep(0.3)
    raise TimeoutError(f"no API server after {START_SECONDS} s: {said}")
