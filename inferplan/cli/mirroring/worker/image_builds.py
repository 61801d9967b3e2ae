"""Images of the project's own: packages by hash as one layer over a base by digest, the same each time.

No daemon and no Dockerfile run: pip puts the packages into a folder, and crane appends it.
Not here: images that somebody publishes (image_copies).
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from inferplan.cli.mirroring.worker.image_copies import found_digest, run_crane
from inferplan.cli.mirroring.worker.streams import Refused, Silent, attempted

PLATFORM = "linux/amd64"
TAGS = ("manylinux2014_x86_64", "manylinux_2_24_x86_64", "manylinux_2_27_x86_64", "manylinux_2_28_x86_64")
LEFT_OUT = ("bin", "__pycache__")  # scripts name the build's own Python; bytecode differs each time
LAST_CHARACTERS = 400


def build_image(build: Mapping[str, Any], order: Mapping[str, Any]) -> tuple[str, str]:
    """What became of an image, and its digest; raises Refused or Silent."""
    target = f"{order['registry']}/{build['repository']}:{build['tag']}"
    if (there := found_digest(target)) is not None:
        return "there", there
    with tempfile.TemporaryDirectory() as folder:
        layer = Path(folder) / "layer.tar"
        attempted(order["attempts"], lambda: _install(build, Path(folder)))
        _pack(Path(folder) / "site", build["site"], layer)
        base = f"{build['base']}@{build['base_digest']}"
        appended = ("--platform", PLATFORM, "append", "--base", base, "--new_layer", str(layer))
        attempted(order["attempts"], lambda: run_crane(*appended, "--new_tag", target))
    digest: str = attempted(order["attempts"], lambda: run_crane("digest", target))
    return "brought", digest


def _install(build: Mapping[str, Any], folder: Path) -> None:
    """Put packages and models into a folder, for the Python of the image; a hash that differs is refused."""
    site, asked = folder / "site", folder / "packages.txt"
    shutil.rmtree(site, ignore_errors=True)
    wheels = (f"{one['name']} @ {one['url']} --hash=sha256:{one['sha256']}\n" for one in build["wheels"])
    asked.write_text(build["packages"] + "".join(wheels))
    platforms = [word for tag in TAGS for word in ("--platform", tag)]
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"),
            *("--no-compile", "--require-hashes", "--only-binary", ":all:", "--implementation", "cp"),
            *("--python-version", build["python"], *platforms, "--target", site, "--requirement", asked),
        ],
        check=False,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        said = done.stderr.strip()[-LAST_CHARACTERS:]
        if "HASH" in done.stderr.upper():
            raise Refused(f"the hash of a package is not the recipe's: {said}")
        raise Silent(said)


def _pack(site: Path, place: str, layer: Path) -> None:
    """The folder as a layer: sorted, of nobody, of no time."""

    def plain(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
        if any(part in LEFT_OUT for part in Path(member.name).relative_to(place).parts):
            return None
        member.uid = member.gid = member.mtime = 0
        member.uname = member.gname = ""
        member.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
        return member

    with tarfile.open(layer, "w", format=tarfile.PAX_FORMAT) as archive:
        archive.add(site, arcname=place, filter=plain)  # sorts what it finds in a folder
