"""One command line, run in this process, and everything about its answer that no input may bring about.

Not here: the inputs (tests/fuzz/inputs.py).
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import signal
import sys
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from types import FrameType
from typing import NoReturn
from unittest.mock import patch

from inferplan.cli.app import run
from inferplan.cli.locking import patience
from tests.fuzz.inputs import SECRET

HANGS_AFTER_CPU_S = 20
# Nobody outside is asked: whatever a line names, the way there ends on this machine, at once.
NOWHERE = "http://127.0.0.1:9"
OFFLINE = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "HF_ENDPOINT"), NOWHERE)
OFFLINE |= {"AWS_EC2_METADATA_DISABLED": "true", "NO_PROXY": "", "no_proxy": ""}
NONSENSE = tuple(
    re.compile(pattern)
    for pattern in (
        r"Traceback \(most recent",
        r"must be ([^,;\n]+), not \1(?:;|$)",  # such as "must be a list, not a list"
        r"<class |<function |<object | object at 0x|NoneType|frozenset\(|defaultdict\(|UnsetType|msgspec",
        r"[\[{(]'|\[None\b|: None\b",
        r"\bNode\(|Unknown\(|Decimal\(|PosixPath\(|datetime\.date\(",
        r"\b(?:nan|inf) (?:USD|GiB|ms|tokens|%)|USD (?:nan|inf)\b",
    )
)
CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
PLACE = re.compile(r"^(it\.yaml|it\.lock\.yaml|own/[\w/.-]+):(\d+):(\d+): ", re.MULTILINE)


class Hang(BaseException):
    """The command has used its CPU time; no `except Exception` may swallow this."""


def faults(line: Sequence[str], folder: Path, stdin: bytes = b"") -> list[str]:
    """What is wrong with the answer to a command line; empty where it is an answer."""
    code, out, err = _answer(line, folder, stdin)
    found = [] if code in (0, 1, 2, 3) else [f"exit {code}"]
    told = _told(line, out + err)
    found += [
        f"says {hit.group()!r}: {told[max(0, hit.start() - 150) : hit.end() + 150]}"
        for pattern in NONSENSE
        for hit in [pattern.search(told)]
        if hit is not None
    ]
    if "bug: " in err:
        found.append("calls itself a bug")
    if control := CONTROL.search(err if _in_json(line) else out + err):
        found.append(f"prints the control character {control.group()!r}")
    if SECRET in (out + err) and SECRET not in " ".join(line):
        found.append("repeats a secret")
    if code == 2 and not (err + out).strip():
        found.append("exit 2 without a word")
    found += _misplaced(err, folder)
    if _in_json(line) and code in (0, 1, 2, 3) and not {"--help", "-h"} & {*line}:
        found += _unreadable(out)
    return [f"{fault}\n    {err[-1500:]}" for fault in found]


def _in_json(line: Sequence[str]) -> bool:
    """Whether the last format that is asked for is JSON."""
    asked = [value for option, value in pairwise(line) if option == "--format"]
    return asked[-1:] == ["json"]


def _answer(line: Sequence[str], folder: Path, stdin: bytes) -> tuple[int | str, str, str]:
    """Exit code, or the exception that got out, and what was printed as UTF-8."""
    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in range(2))
    err.reconfigure(errors="backslashreplace")
    code: int | str
    with (
        contextlib.chdir(folder),
        patch.object(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin))),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        patch.dict(os.environ, OFFLINE),
        patch.object(patience, "WAITS_S", ()),
        _limited(),
    ):
        try:
            code = run([*line])
        except Hang:
            code = f"after {HANGS_AFTER_CPU_S} s of CPU time"
        except Exception as bug:
            code = f"{type(bug).__name__}: {bug} at {_origin(bug)}"
    streams: list[str] = []
    for stream in (out, err):
        stream.seek(0)
        streams.append(stream.read())
    return code, streams[0], streams[1]


def _origin(bug: BaseException) -> str:
    import traceback

    frames = traceback.extract_tb(bug.__traceback__)
    return " < ".join(f"{Path(one.filename).name}:{one.lineno} {one.name}" for one in reversed(frames[-4:]))


@contextlib.contextmanager
def _limited() -> Iterator[None]:
    before = signal.signal(signal.SIGPROF, _stop)
    signal.setitimer(signal.ITIMER_PROF, HANGS_AFTER_CPU_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def _stop(_: int, frame: FrameType | None) -> NoReturn:
    raise Hang


def _told(line: Sequence[str], text: str) -> str:
    """The answer without what it quotes of the command line."""
    values = (word.partition("=")[2] for word in line)
    for word in sorted((*line, *values), key=len, reverse=True):
        if len(word) > 2:
            text = text.replace(word, "")
    return text


def _misplaced(err: str, folder: Path) -> Iterator[str]:
    """Places in files that do not exist there."""
    for file, line, column in PLACE.findall(err):
        text = (folder / file).read_bytes().decode("utf-8", "replace")
        rows = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        if not 1 <= int(line) <= len(rows) or not 1 <= int(column) <= len(rows[int(line) - 1]) + 1:
            yield f"points to {file}:{line}:{column}"


def _unreadable(out: str) -> Iterator[str]:
    def refuse(name: str) -> NoReturn:
        raise ValueError(name)

    try:
        json.loads(out, parse_constant=refuse)
    except ValueError as error:
        yield f"no JSON: {error}"
