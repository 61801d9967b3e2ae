"""A folder of rendered files, replaced at once: whoever reads it finds all old files or all new ones.

Not here: what is rendered (inferplan.report). A file is ours when it begins with the header; all others stay.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from inferplan.errors import InferplanError


class NotWritten(InferplanError):  # noqa: N818 - it reads as what it says
    """The folder cannot be replaced, or would take something that is not ours."""


def write(folder: Path, files: Mapping[str, str], header: str) -> None:
    """Let `folder` hold these files and whatever in it is not ours; raises NotWritten and changes nothing."""
    try:
        _write(folder, files, header.encode())
    except OSError as problem:
        raise NotWritten(f"{folder} cannot be written: {problem.strerror or problem}") from None


def _write(folder: Path, files: Mapping[str, str], header: bytes) -> None:
    place = folder.resolve()
    if Path.cwd().is_relative_to(place):
        raise NotWritten(f"{folder} is replaced as a whole: name a folder of its own, not the one you are in")
    others = list(_others(place, header)) if place.is_dir() else []
    if taken := sorted({path.name for path in others} & files.keys()):
        raise NotWritten(f"{folder / taken[0]} is not a rendered file, and one of this name would replace it")
    place.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(dir=place.parent, prefix=f".{place.name}."))
    try:
        made = scratch / "new"
        made.mkdir()
        for name, text in files.items():
            (made / name).write_text(text, "utf-8", newline="\n")
        for path in others:
            _keep(path, made / path.name)
        if place.is_dir():
            shutil.copystat(place, made)
            _swap(place, made, scratch / "old")
        else:
            made.rename(place)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _others(folder: Path, header: bytes) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path.is_symlink() or not path.is_file():
            yield path
        else:
            with path.open("rb") as file:
                if file.read(len(header)) != header:
                    yield path


def _keep(path: Path, there: Path) -> None:
    """The same file under a second name, where the file system can; else a copy."""
    if path.is_dir() and not path.is_symlink():
        shutil.copytree(path, there, symlinks=True, copy_function=_link)
    else:
        _link(str(path), str(there))


def _link(source: str, there: str) -> None:
    try:
        os.link(source, there, follow_symlinks=False)
    except OSError:
        shutil.copy2(source, there, follow_symlinks=False)


def _swap(place: Path, made: Path, old: Path) -> None:
    place.rename(old)
    try:
        made.rename(place)
    except BaseException:
        with suppress(OSError):
            old.rename(place)
        raise
