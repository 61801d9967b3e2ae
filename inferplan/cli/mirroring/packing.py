"""The program of the build as one archive: the same files, the same bytes, so that its digest is its name.

Not here: what the program does (worker), and who unpacks it (BUILDSPEC of components.mirror_build).
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from importlib.resources import files
from typing import NamedTuple

WORKER = "inferplan.cli.mirroring.worker"
BESIDE = ("go.mod", "go.sum", "requirements.txt")  # at the root: what the build gets its tools by
ENTRY = f"""import sys

from {WORKER}.run import main

sys.exit(main())
"""
OLDEST = (1980, 1, 1, 0, 0, 0)  # the day that ZIP begins with


class Packed(NamedTuple):
    """The archive and its digest."""

    content: bytes
    digest: str


def packed_worker() -> Packed:
    """The program with what it needs beside it."""
    members = {"__main__.py": ENTRY}
    parts = WORKER.split(".")
    for depth in range(1, len(parts)):  # the packages above it, empty: nothing else of inferplan is there
        members["/".join((*parts[:depth], "__init__.py"))] = ""
    for found in sorted(files(WORKER).iterdir(), key=lambda one: one.name):
        if found.name in BESIDE:
            members[found.name] = found.read_text("utf-8")
        elif found.name.endswith(".py"):
            members["/".join((*parts, found.name))] = found.read_text("utf-8")
    kept = io.BytesIO()
    with zipfile.ZipFile(kept, "w", zipfile.ZIP_STORED) as archive:
        for name, text in sorted(members.items()):
            archive.writestr(zipfile.ZipInfo(name, OLDEST), text)
    content = kept.getvalue()
    return Packed(content, hashlib.sha256(content).hexdigest())
