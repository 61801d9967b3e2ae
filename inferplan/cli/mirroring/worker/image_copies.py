"""Images from a publisher's registry into the account's, whole and with their digests.

crane copies an index with all it names, byte for byte; pull and push of Docker would make another one.
Not here: weights (files).
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from inferplan.cli.mirroring.worker.streams import Refused, Silent, attempted

DOCKER_HUB = "docker.io"
DOCKER_HUB_LOGIN = "https://index.docker.io/v1/"  # what clients call it in their configuration
# Codes of the distribution specification that no further attempt changes.
FINAL = ("MANIFEST_UNKNOWN", "NAME_UNKNOWN", "BLOB_UNKNOWN", "UNAUTHORIZED", "DENIED", "UNSUPPORTED")
LAST_LINE_CHARACTERS = 300


def crane() -> tuple[str, ...]:
    """The program that copies; the build makes it from the sources that go.sum pins."""
    return (os.environ.get("INFERPLAN_CRANE") or str(Path(__file__).parents[4] / "crane"),)


def sign_in(folder: Path, registry: str, password: str, logins: Mapping[str, str]) -> None:
    """Write what crane signs in with; `logins` are JSON of username and password, by host."""
    auths = {registry: _basic("AWS", password)} if password else {}
    for host, text in logins.items():
        try:
            said = json.loads(text)
            auths[DOCKER_HUB_LOGIN if host == DOCKER_HUB else host] = _basic(
                said["username"], said["password"]
            )
        except (ValueError, KeyError, TypeError):
            raise Refused(
                f'the secret for {host} is not JSON of the form {{"username": ..., "password": ...}}'
            ) from None
    place = folder / "config.json"
    place.touch(mode=0o600)
    place.write_text(json.dumps({"auths": auths}))
    os.environ["DOCKER_CONFIG"] = str(folder)


def _basic(user: str, password: str) -> dict[str, str]:
    return {"auth": base64.b64encode(f"{user}:{password}".encode()).decode()}


def bring_image(image: Mapping[str, Any], order: Mapping[str, Any]) -> str:
    """What became of an image; raises Refused or Silent."""
    target = f"{order['registry']}/{image['repository']}:{image['tag']}"
    if found_digest(target) == image["digest"]:
        return "there"
    attempted(order["attempts"], lambda: run_crane("copy", f"{image['source']}@{image['digest']}", target))
    found = attempted(order["attempts"], lambda: run_crane("digest", target))
    if found != image["digest"]:
        raise Refused(f"the registry has {found} for it, and the lock says {image['digest']}")
    return "brought"


def found_digest(reference: str) -> str | None:
    """The digest of a tag, None where there is none, or no answer: copying it will tell."""
    try:
        return run_crane("digest", reference)
    except (Refused, Silent):
        return None


def run_crane(*arguments: str) -> str:
    done = subprocess.run([*crane(), *arguments], check=False, capture_output=True, text=True)
    if done.returncode:
        raise problem_of(done.stderr)
    return done.stdout.strip()


def problem_of(said: str) -> Exception:
    """What crane's last words mean."""
    lines = said.strip().splitlines() or ["crane failed and said nothing"]
    last = lines[-1][-LAST_LINE_CHARACTERS:]
    return Refused(last) if any(code in said for code in FINAL) else Silent(last)
