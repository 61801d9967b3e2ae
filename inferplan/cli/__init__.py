"""The command line: one verb per file, loaded when it is called.

Not here: planning, judging and formatting; verbs only connect them and choose the exit code.
"""

from __future__ import annotations

import gc
import os
import sys
from typing import NoReturn

VERBS = {
    "validate": "Check that specs can be understood.",
    "plan": "Size, place and price a spec.",
    "check": "Prove specs against the policy packs, offline.",
    "explain": "Say why: a planned value, a rule, residency, egress or fallback.",
    "diff": "Show two specs, or two modes of one, side by side.",
    "size": "Say whether a model fits a GPU.",
    "rules": "List the rules, or show one.",
    "schema": "Print the JSON Schema of a kind of file.",
}

_SIGINT_EXIT = 130
_SIGPIPE_EXIT = 141


def main() -> NoReturn:
    """Entry point: every failure becomes one message and one code of the exit-code table."""
    # A run is short and makes few cycles; collecting them costs a third of the start-up time.
    gc.disable()
    try:
        from inferplan.cli.app import run

        code = run(sys.argv[1:])
        sys.stdout.flush()
    except KeyboardInterrupt:
        code = _SIGINT_EXIT
    except BrokenPipeError:
        code = _SIGPIPE_EXIT
    except Exception as bug:  # the last line of defense: a traceback never reaches a user
        code = _report_bug(bug)
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except BrokenPipeError:
        code = _SIGPIPE_EXIT
    # Skips the interpreter's teardown of a large module graph, and a second complaint about a closed pipe.
    os._exit(code)


def _report_bug(bug: BaseException) -> int:
    import traceback

    from inferplan.exitcodes import ExitCode

    last = traceback.extract_tb(bug.__traceback__)[-1]
    where = f"{os.path.basename(last.filename)}:{last.lineno} in {last.name}"  # noqa: PTH119 - pathlib may be what failed
    print(  # noqa: T201 - the one message of a crash
        f"inferplan: bug: {type(bug).__name__}: {bug}\n"
        f"  at {where}\n"
        "  Please report this line with the command you ran; INFERPLAN_TRACEBACK=1 prints the details.",
        file=sys.stderr,
    )
    if os.environ.get("INFERPLAN_TRACEBACK"):
        traceback.print_exception(bug)
    return int(ExitCode.BUG)
