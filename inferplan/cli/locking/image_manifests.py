"""What a registry's manifest says: the digest that a name stands for, and the bytes that a pull transfers.

The digest is that of the index where there is one: copying an image keeps it, and with it every platform.
Not here: fetching manifests (oci_registries, account_registry).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any, NamedTuple

from inferplan.cli.locking.patience import Unanswered

SYSTEM, ARCHITECTURE = "linux", "amd64"  # of every planned node
TITLE = "org.opencontainers.image.title"  # annotation of a layer that is a file
# https://github.com/opencontainers/image-spec/blob/main/manifest.md, and Docker's names of the same.
MEDIA_TYPES = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)

Fetch = Callable[[str], bytes]  # the manifest of a tag or digest


class Pinned(NamedTuple):
    """What a name stands for."""

    digest: str
    size_bytes: int  # of the image for the nodes, compressed


def digest_of(content: bytes) -> str:
    """The digest of bytes, as registries write it."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def pinned(fetch: Fetch, reference: str, architecture_of: Fetch | None = None) -> Pinned:
    """Digest and size of an image; raises Unanswered where there is none for the nodes.

    `architecture_of` fetches the configuration of an image that is not listed by platform.
    """
    body = fetch(reference)
    manifest = _read(body)
    if "manifests" in manifest:
        return Pinned(digest_of(body), _transferred(_read(fetch(_for_the_nodes(manifest)))))
    if architecture_of is not None and (config := manifest.get("config", {}).get("digest")):
        said = _read(architecture_of(config)).get("architecture")
        if said not in {None, "", ARCHITECTURE}:
            raise Unanswered(f"is built for {said} alone; the nodes are {ARCHITECTURE}")
    return Pinned(digest_of(body), _transferred(manifest))


def files_of(fetch: Fetch, reference: str) -> dict[str, tuple[str, int]]:
    """SHA-256 and bytes of each file of an artifact, by its name."""
    found: dict[str, tuple[str, int]] = {}
    for layer in _read(fetch(reference)).get("layers", ()):
        name = (layer.get("annotations") or {}).get(TITLE)
        algorithm, _, sha256 = str(layer.get("digest", "")).partition(":")
        if not name or algorithm != "sha256":
            raise Unanswered(f"holds a layer that is no file: none names it in {TITLE}")
        found[str(name)] = (sha256, int(layer["size"]))
    if not found:
        raise Unanswered("holds no files")
    return found


def _for_the_nodes(index: dict[str, Any]) -> str:
    platforms = []
    for entry in index["manifests"]:
        platform = entry.get("platform") or {}
        named = f"{platform.get('os')}/{platform.get('architecture')}"
        if named == f"{SYSTEM}/{ARCHITECTURE}":
            return str(entry["digest"])
        platforms.append(named)
    there = ", ".join(sorted({name for name in platforms if "unknown" not in name and "None" not in name}))
    raise Unanswered(f"holds nothing for {SYSTEM}/{ARCHITECTURE}, only {there or 'unnamed platforms'}")


def _transferred(manifest: dict[str, Any]) -> int:
    if "layers" not in manifest:
        raise Unanswered("is described in a way that is no longer used (schema 1)")
    parts = [*manifest["layers"], *([manifest["config"]] if manifest.get("config") else [])]
    return sum(int(part.get("size", 0)) for part in parts)


def _read(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except ValueError:
        raise Unanswered("is answered with something that is no manifest") from None
    if not isinstance(found, dict):
        raise Unanswered("is answered with something that is no manifest")
    return found
