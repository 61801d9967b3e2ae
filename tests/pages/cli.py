"""The page of the command line: the live help of every verb, and the exit codes.

Not here: the verbs (inferplan.cli).
"""

from __future__ import annotations

from click.testing import CliRunner

from inferplan.cli import VERBS
from inferplan.cli.app import cli
from inferplan.exitcodes import SEVERITY, ExitCode
from tests.pages.markdown import GENERATED, page, table

WIDTH = 100  # columns of the help texts
MEANINGS = {
    ExitCode.OK: "Fine: understood, planned, allowed.",
    ExitCode.DENIED: "Planned, and a rule denies; of `preflight`, the account lacks something.",
    ExitCode.NOT_UNDERSTOOD: "Not understandable: an unknown name, a wrong type or option, no such file.",
    ExitCode.NO_PLAN: "No plan exists; the answer names the requirements that conflict.",
    ExitCode.BUG: "A bug in inferplan; the last line says what to report.",
}
WORST_FIRST = ", ".join(str(int(code)) for code in reversed(SEVERITY))


def text() -> str:
    """The whole page."""
    return page(
        [
            "# The command line",
            "",
            GENERATED,
            "",
            "Results go to standard output, talk goes to standard error.",
            "Color and progress appear only on a terminal, and `NO_COLOR` turns them off.",
            "",
            "```text",
            _help(),
            "```",
            "",
            "## Exit codes",
            "",
            *table(("code", "means"), ((int(code), MEANINGS[code]) for code in ExitCode)),
            "",
            f"For several specs the worst one counts, in the order {WORST_FIRST}.",
            "Ctrl-C ends with 130, a reader that goes away with 141, a full disk with 74.",
            "With `--format json`, standard output is one JSON document, also when specs are refused:",
            "`check` lists those it could not judge in `errors`, others print `inferplan.errors/v1beta1`.",
            *(line for verb in VERBS for line in _verb(verb)),
        ]
    )


def _verb(verb: str) -> list[str]:
    return ["", f"## inferplan {verb}", "", "```text", _help(verb), "```"]


def _help(*verb: str) -> str:
    done = CliRunner().invoke(
        cli, [*verb, "--help"], prog_name="inferplan", terminal_width=WIDTH, catch_exceptions=False
    )
    if done.exit_code:
        raise ValueError(f"inferplan {' '.join(verb)} --help ends with {done.exit_code}")
    return "\n".join(line.rstrip() for line in done.output.strip().splitlines())
