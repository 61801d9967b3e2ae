"""The command line as tests call it: in this process, where all is imported, or in one of its own.

Not here: what it has to answer (tests/unit/test_cli.py, tests/unit/test_cli_answers.py).
"""

from __future__ import annotations

import contextlib
import io
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

from inferplan.cli.app import run

ROOT = Path(__file__).parents[1]
INFERPLAN = Path(sys.executable).parent / "inferplan"
AS_OF = ("--as-of", "2026-11-20")
HANGS_AFTER_S = 60


@dataclass(frozen=True, slots=True)
class Answer:
    """How a run ended and what it printed."""

    code: int
    out: str
    err: str


def inferplan(*arguments: str, cwd: Path = ROOT, stdin: bytes = b"") -> Answer:
    """One run in this process; an exception that is no answer leaves it, as a bug would."""
    out, err = io.StringIO(), io.StringIO()
    given = io.TextIOWrapper(io.BytesIO(stdin))
    with (
        contextlib.chdir(cwd),
        patch.object(sys, "stdin", given),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        code = run([*arguments])
    return Answer(code, out.getvalue(), err.getvalue())


def process(*arguments: str, cwd: Path = ROOT, stdin: bytes = b"") -> Answer:
    """One run as a process, with the streams, the exit code and the last line of defense that users get."""
    done = subprocess.run(
        [INFERPLAN, *arguments],
        cwd=cwd,
        input=stdin,
        capture_output=True,
        timeout=HANGS_AFTER_S,
        check=False,
    )
    return Answer(done.returncode, done.stdout.decode(), done.stderr.decode())
