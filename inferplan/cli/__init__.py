"""The command line: one verb per file, loaded when it is called.

Not here: planning, judging and formatting; verbs only connect them and choose the exit code.
"""

from __future__ import annotations

import contextlib
import errno
import gc
import os
import sys
from typing import NoReturn

VERBS = {
    "validate": "Check that specs can be understood.",
    "plan": "Size, place and price a spec.",
    "check": "Prove specs against the policy packs, offline.",
    "resources": "List what will be created, by layer and component.",
    "explain": "Say why: a planned value, a rule, residency, egress or fallback.",
    "diff": "Show two specs, or two modes of one, side by side.",
    "size": "Say whether a model fits a GPU.",
    "rules": "List the rules, or show one.",
    "lock": "Pin what a spec names: images, weights, add-ons.",
    "mirror": "Bring a stack's images and weights into its account.",
    "preflight": "Ask the account what it lacks before a stack can be made in it.",
    "render": "Write a stack's Kubernetes objects as manifests, for Argo CD, Flux and kubectl.",
    "prices": "Read prices of the day from AWS into the organization's own file.",
    "schema": "Print the JSON Schema of a kind of file or of an output.",
}

_SIGINT_EXIT = 130
_SIGPIPE_EXIT = 141
_FULL_EXIT = 74  # EX_IOERR of sysexits.h: neither the spec nor inferplan is at fault


def main() -> NoReturn:
    """Entry point: every failure becomes one message and one code of the exit-code table."""
    # A run is short and makes few cycles; collecting them costs a third of the start-up time.
    gc.disable()
    try:
        from inferplan.cli.app import run

        code = run(sys.argv[1:])
        if sys.stdout is not None:
            sys.stdout.flush()
    except KeyboardInterrupt:
        code = _SIGINT_EXIT
    except BrokenPipeError:
        code = _SIGPIPE_EXIT
    except OSError as problem:
        code = _no_space(problem) if problem.errno == errno.ENOSPC else report_bug(problem)
    except Exception as bug:  # the last line of defense: a traceback never reaches a user
        code = report_bug(bug)
        with contextlib.suppress(Exception):  # whatever failed may fail again
            from inferplan.cli.app import answer_error

            answer_error(sys.argv[1:], bug)
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except OSError:  # a reader that went away, or a full disk, which was told above
            code = code or _SIGPIPE_EXIT
    # Skips the interpreter's teardown of a large module graph, and a second complaint about a closed pipe.
    os._exit(code)


def _no_space(problem: OSError) -> int:
    with contextlib.suppress(OSError):  # standard error may be what is full
        print(f"inferplan: the result could not be written: {problem.strerror}", file=sys.stderr)  # noqa: T201
    return _FULL_EXIT


def report_bug(bug: BaseException, subject: str = "inferplan") -> int:
    """Say on standard error what to report, without a traceback; gives the exit code of a bug."""
    import traceback

    from inferplan.exitcodes import ExitCode

    last = traceback.extract_tb(bug.__traceback__)[-1]
    where = f"{os.path.basename(last.filename)}:{last.lineno} in {last.name}"  # noqa: PTH119 - pathlib may be what failed
    print(  # noqa: T201 - the one message of a crash
        f"{subject}: bug: {type(bug).__name__}: {bug}\n"
        f"  at {where}\n"
        "  Please report this line with the command you ran; INFERPLAN_TRACEBACK=1 prints the details.",
        file=sys.stderr,
    )
    if os.environ.get("INFERPLAN_TRACEBACK"):
        traceback.print_exception(bug)
    return int(ExitCode.BUG)
