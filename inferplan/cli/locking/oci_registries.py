"""Asking OCI registries what a name stands for, signed in as docker and podman are.

Not here: what manifests say (image_manifests), and the account's own registry (account_registry).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, TypeVar

from inferplan.cli.locking.image_manifests import Pinned, digest_of, files_of, pinned
from inferplan.cli.locking.patience import (
    TIMEOUT_S,
    Passing,
    Unanswered,
    Unknown,
    passing_or_not,
    patiently,
)
from inferplan.near import did_you_mean, near

T = TypeVar("T")

# Where Docker's own names lead: github.com/distribution/reference, normalize.go.
HUB_NAMES, HUB_HOST = ("docker.io", "index.docker.io"), "registry-1.docker.io"
MAX_TAGS = 10_000  # looked through for what was meant
MAX_DOCUMENT_BYTES = 4 << 20


class OciRegistries:
    """One client for every repository that is asked; `login_of` signs in where docker does not.

    It gives name and password for a host, or nothing.
    """

    def __init__(self, login_of: Callable[[str], tuple[str, str] | None] = lambda _: None) -> None:
        self._login_of = login_of
        self._clients: dict[str, Any] = {}
        self._logins: Any = None

    def image(self, repository: str, reference: str) -> Pinned:
        """Digest and size of a tag or digest; raises Unanswered."""
        try:
            return pinned(
                lambda name: self._manifest(repository, name),
                reference,
                lambda digest: self._blob(repository, digest),
            )
        except Unknown:
            raise self._meant(repository, reference) from None

    def files(self, repository: str, reference: str) -> dict[str, tuple[str, int]]:
        """SHA-256 and bytes of each file of an artifact; raises Unanswered."""
        return files_of(lambda name: self._manifest(repository, name), reference)

    def document(self, repository: str, digest: str) -> dict[str, Any] | None:
        """A small JSON file of an artifact; None where it is no such thing."""
        try:
            found = json.loads(self._blob(repository, digest))
        except ValueError:
            return None
        return found if isinstance(found, dict) else None

    def _manifest(self, repository: str, reference: str) -> bytes:
        client = self._client(repository)
        _, answer = self._asked(repository, lambda: client.get_manifest_and_response(reference))
        body = bytes(answer.content)
        stated = answer.headers.get("Docker-Content-Digest")
        wanted = reference if reference.startswith("sha256:") else stated
        if wanted is not None and wanted.startswith("sha256:") and digest_of(body) != wanted:
            raise Unanswered(f"{repository}: the registry's answer is not what its digest says")
        return body

    def _blob(self, repository: str, digest: str) -> bytes:
        client = self._client(repository)

        def whole() -> bytes:
            chunks, size = client.pull_blob(digest, size=True)
            if size > MAX_DOCUMENT_BYTES:
                raise Unanswered(f"{repository}: {digest} is too large to be a description")
            return b"".join(chunks)

        return self._asked(repository, whole)

    def _meant(self, repository: str, reference: str) -> Unanswered:
        """What to say of a tag that is not there."""
        client = self._client(repository)

        def tags() -> list[str]:
            found = []
            for tag in client.list_aliases(batch_size=1000, iterate=True):
                found.append(tag)
                if len(found) >= MAX_TAGS:
                    break
            return found

        try:
            known = self._asked(repository, tags)
        except Unanswered:
            return Unknown(f"{repository} is not in its registry, or not for you")
        hint = did_you_mean(near(reference, known, 3))
        return Unknown(f"{repository} has no tag '{reference}'{'; ' if hint else ''}{hint}")

    def _client(self, repository: str) -> Any:
        if repository not in self._clients:
            from dxf import DXF

            host, _, name = repository.partition("/")
            client = DXF(
                HUB_HOST if host in HUB_NAMES else host,
                name,
                auth=self._sign_in(host),
                insecure=_is_plain(host),
                timeout=TIMEOUT_S,
            )
            self._clients[repository] = client.__enter__()  # keeps connections; they end with the process
        return self._clients[repository]

    def _sign_in(self, host: str) -> Callable[[Any, Any], None]:
        def sign_in(client: Any, response: Any) -> None:
            name, password = self._login(host)
            client.authenticate(name, password, response=response)

        return sign_in

    def _login(self, host: str) -> tuple[str | None, str | None]:
        """Name and password as `docker login` keeps them, its credential helpers included."""
        from docker import auth, errors

        try:
            if self._logins is None:
                self._logins = auth.load_config()
            found = self._logins.resolve_authconfig("docker.io" if host in HUB_NAMES else host) or {}
        except errors.DockerException:
            raise Unanswered(f"{host}: what docker keeps its password in cannot be read") from None
        lower = {key.lower(): value for key, value in found.items()}
        if lower.get("username"):
            return lower.get("username"), lower.get("password")
        return self._login_of(host) or (None, None)

    @staticmethod
    def _asked(repository: str, question: Callable[[], T]) -> T:
        import requests
        from dxf.exceptions import DXFAuthInsecureError, DXFError, DXFUnauthorizedError

        host = repository.partition("/")[0]
        denied = f"{host} does not show {repository}: the name is wrong, or `docker login {host}` is due"

        def once() -> T:
            try:
                return question()
            except DXFUnauthorizedError:
                raise Unanswered(denied) from None
            except DXFAuthInsecureError:
                raise Unanswered(f"{host} wants a password over a connection without TLS") from None
            except requests.exceptions.HTTPError as problem:
                status = problem.response.status_code if problem.response is not None else 0
                if status in {401, 403}:
                    raise Unanswered(denied) from None
                if status == 404:
                    raise Unknown(repository) from None
                after = problem.response.headers.get("Retry-After") if problem.response is not None else None
                raise passing_or_not(status, host, after) from None
            except requests.exceptions.SSLError:
                raise Unanswered(f"{host} has a certificate that is not trusted here") from None
            except requests.exceptions.RequestException as problem:
                raise Passing(f"{host} does not answer ({type(problem).__name__})") from None
            except (DXFError, KeyError, ValueError) as problem:
                raise Unanswered(f"{host} answers as no registry does ({type(problem).__name__})") from None

        return patiently(once)


def _is_plain(host: str) -> bool:
    """Whether a registry on this machine speaks plain HTTP, as docker finds out."""
    if host.partition(":")[0] not in {"localhost", "127.0.0.1"}:
        return False
    import requests

    try:
        requests.get(f"https://{host}/v2/", timeout=TIMEOUT_S)
    except requests.exceptions.SSLError as problem:
        return "CERTIFICATE_VERIFY_FAILED" not in str(problem)
    except requests.exceptions.RequestException:
        return True
    return False
