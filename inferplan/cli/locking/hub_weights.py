"""Asking the hub for a repository: its commit, its files with hashes and sizes, and the license it states.

The hub states the SHA-256 of large files; small ones are fetched, hashed, and held against Git's name.
Not here: which files count (weight_files).
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar
from urllib.parse import urlsplit

from inferplan.cli.locking.patience import (
    TIMEOUT_S,
    Passing,
    Unanswered,
    Unknown,
    passing_or_not,
    patiently,
)
from inferplan.cli.locking.weight_files import DOCUMENTS, Weights, needed

T = TypeVar("T")

AT_ONCE = 8  # small files that are fetched together
LONGEST_LICENSE = 200  # characters


class Hub:
    """The hub that HF_ENDPOINT names, else the public one, with the token that its own tools use."""

    @cached_property
    def _api(self) -> Any:
        from huggingface_hub import HfApi
        from huggingface_hub.utils import disable_progress_bars, logging  # type: ignore[attr-defined]

        disable_progress_bars()
        logging.set_verbosity_error()  # type: ignore[no-untyped-call]  # its warnings say what the errors here say in a line
        return HfApi(endpoint=os.environ.get("HF_ENDPOINT") or None)

    @property
    def host(self) -> str:
        """The host that is asked; an address may hold a password."""
        return urlsplit(str(self._api.endpoint)).hostname or "the hub"

    def weights(self, repository: str, revision: str | None = None) -> Weights:
        """A repository at a commit, else at the head of its main branch; raises Unanswered."""
        told = self._asked(
            repository,
            revision,
            lambda: self._api.model_info(
                repository, revision=revision, files_metadata=True, timeout=TIMEOUT_S
            ),
        )
        listed = {one.rfilename: one for one in told.siblings or ()}
        paths = needed(listed)
        if not paths:
            raise Unanswered(f"{repository} holds no files")
        files = {path: listed[path].lfs.sha256 for path in paths if listed[path].lfs is not None}
        sizes = {path: listed[path].lfs.size for path in files}
        documents: dict[str, dict[str, Any]] = {}
        with TemporaryDirectory(prefix="inferplan-") as folder, ThreadPoolExecutor(AT_ONCE) as workers:
            small = [path for path in paths if path not in files]
            fetched = workers.map(
                lambda path: self._content(repository, told.sha, path, listed[path].blob_id, folder), small
            )
            for path, content in zip(small, fetched, strict=True):
                files[path] = hashlib.sha256(content).hexdigest()
                sizes[path] = len(content)
                if path in DOCUMENTS:
                    documents[path] = _mapping(repository, path, content)
        return Weights(
            revision=told.sha,
            files={path: files[path] for path in paths},
            sizes={path: sizes[path] for path in paths},
            documents=documents,
            license=_license(told),
        )

    def _content(self, repository: str, revision: str, path: str, named: str | None, folder: str) -> bytes:
        """The bytes of a small file; the folder is empty at first, so nothing older is taken for it."""
        place = self._asked(
            repository,
            revision,
            lambda: self._api.hf_hub_download(
                repository, path, revision=revision, local_dir=folder, etag_timeout=TIMEOUT_S
            ),
        )
        content = Path(place).read_bytes()
        if named is not None and hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest() != named:
            raise Unanswered(f"{self.host} gives another {path} of {repository} than it lists")
        return content

    def _asked(self, repository: str, revision: str | None, question: Callable[[], T]) -> T:
        from httpx2 import HTTPError
        from huggingface_hub import errors

        def once() -> T:
            try:
                return question()
            except errors.GatedRepoError:
                raise Unanswered(
                    f"{repository} is gated: accept its terms on {self.host}, and set HF_TOKEN to a token "
                    "that may read it"
                ) from None
            except errors.RepositoryNotFoundError:
                raise Unknown(
                    f"{self.host} has no {repository}, or shows it only to those whom HF_TOKEN names"
                ) from None
            except errors.RevisionNotFoundError:
                raise Unknown(f"{repository} has no revision {revision}") from None
            except errors.HFValidationError:
                raise Unanswered(f"'{repository}' is no name of a repository (organization/name)") from None
            except errors.OfflineModeIsEnabled:
                raise Unanswered("HF_HUB_OFFLINE is set, so the hub is not asked") from None
            except errors.LocalEntryNotFoundError as problem:  # what a download makes of every other failure
                cause = problem.__cause__
                if isinstance(cause, errors.HfHubHTTPError):
                    raise self._refused(cause) from None
                raise Passing(f"{self.host} does not answer") from None
            except errors.HfHubHTTPError as problem:
                raise self._refused(problem) from None
            except (HTTPError, OSError) as problem:
                raise Passing(f"{self.host} does not answer ({type(problem).__name__})") from None
            except (AttributeError, KeyError, TypeError, ValueError) as problem:
                raise Unanswered(f"{self.host} answers as no hub does ({type(problem).__name__})") from None

        return patiently(once)

    def _refused(self, problem: Any) -> Unanswered:
        status = problem.response.status_code
        if status in {401, 403}:
            return Unanswered(f"{self.host} does not take the token ({status}): look at HF_TOKEN")
        return passing_or_not(status, self.host, problem.response.headers.get("Retry-After"))


def _mapping(repository: str, path: str, content: bytes) -> dict[str, Any]:
    try:
        found = json.loads(content)
    except ValueError:
        raise Unanswered(f"{path} of {repository} is no JSON") from None
    if not isinstance(found, dict):
        raise Unanswered(f"{path} of {repository} holds no mapping")
    return found


def _license(told: Any) -> str | None:
    """The license of the model card, by its own name where the tag says `other`."""
    card = told.card_data
    said = getattr(card, "license", None) if card is not None else None
    if said == "other":
        said = getattr(card, "license_name", None) or said
    text = ", ".join(map(str, said)) if isinstance(said, list) else said
    return str(text)[:LONGEST_LICENSE] if text else None
