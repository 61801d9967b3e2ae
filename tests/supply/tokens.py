"""A token server as public registries have one: it signs what a registry believes.

After https://distribution.github.io/distribution/spec/auth/jwt/. Not here: the registry (registry).
"""

from __future__ import annotations

import base64
import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from tests.supply.certificates import Certificate

SERVICE, ISSUER = "registry of the tests", "tokens of the tests"


@dataclass
class Tokens:
    """Where it listens, whom it gives what, and who has asked."""

    certificate: Certificate
    realm: str = ""
    login: tuple[str, str] | None = None  # name and password; None: anybody may read
    asked: list[dict[str, str]] = field(default_factory=list)

    def token(self, scopes: list[str]) -> str:
        """A signed token for some scopes such as repository:a/b:pull."""
        access = [dict(zip(("type", "name", "actions"), one.split(":"), strict=True)) for one in scopes]
        now = int(datetime.now(UTC).timestamp())
        chain = self.certificate.path.read_text().split("-----")[2].replace("\n", "")
        head = {"typ": "JWT", "alg": "ES256", "x5c": [chain]}
        claims = {
            "iss": ISSUER, "aud": SERVICE, "sub": "", "jti": "1",
            "iat": now, "nbf": now - 60, "exp": now + 600,
            "access": [{**one, "actions": str(one["actions"]).split(",")} for one in access],
        }  # fmt: skip
        signed = ".".join(_encoded(json.dumps(part).encode()) for part in (head, claims))
        key = load_pem_private_key(self.certificate.key.read_bytes(), None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        numbers = decode_dss_signature(key.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
        return f"{signed}.{_encoded(b''.join(number.to_bytes(32, 'big') for number in numbers))}"


@contextmanager
def tokens(certificate: Certificate) -> Iterator[Tokens]:
    """A started token server over TLS."""
    made = Tokens(certificate)

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            query = parse_qsl(urlsplit(self.path).query)
            made.asked.append(dict(query))
            known = made.login is None or self.headers.get("Authorization") == f"Basic {_basic(made.login)}"
            body = json.dumps({"token": made.token([v for k, v in query if k == "scope"])} if known else {})
            self.send_response(200 if known else 401)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: Any) -> None:
            """Nothing: the tests look at `asked`."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.path, certificate.key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    made.realm = f"https://127.0.0.1:{server.server_address[1]}/token"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _basic(login: tuple[str, str]) -> str:
    return base64.b64encode(":".join(login).encode()).decode()


def _encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
