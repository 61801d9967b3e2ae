"""Area of concern: what a user meets at the command line: exit codes, streams, bad input, interruption."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.command_line import AS_OF, HANGS_AFTER_S, INFERPLAN, ROOT, inferplan, process

MORE_THAN_A_PIPE_HOLDS = 200_000


@pytest.mark.parametrize(
    "verb", ["validate", "plan", "check", "explain", "diff", "size", "rules", "schema", "resources"]
)
def test_every_verb_has_help(verb: str) -> None:
    """`--help` of each verb says what it does and exits 0."""
    done = inferplan(verb, "--help")

    assert done.code == 0
    assert "Usage: inferplan" in done.out


def test_an_unknown_verb_names_the_nearest() -> None:
    """A misspelled verb is bad input with a hint."""
    done = inferplan("chek")

    assert done.code == 2
    assert "did you mean check?" in done.err


@pytest.mark.parametrize("text", ["2026-02-30", "20.11.2026", "today"])
def test_a_bad_date_is_bad_input(text: str) -> None:
    """It is named, with an example of a good one."""
    done = inferplan("plan", "specs/minimal.yaml", "--as-of", text)

    assert done.code == 2
    assert f"'{text}' is not a date such as 2026-11-20" in done.err


BAD_FILES = {
    "empty": b"",
    "binary": bytes(range(256)) * 8,
    "tabs": b"apiVersion: inferplan/v1beta1\n\tkind: InferenceStack\n",
    "too large": b"# " + b"x" * 1024 * 1024 + b"\n",
    "duplicate key": b"apiVersion: inferplan/v1beta1\nkind: InferenceStack\nkind: InferenceStack\n",
    "several documents": b"apiVersion: inferplan/v1beta1\n---\nkind: InferenceStack\n",
    "wrong kind": b"apiVersion: inferplan/v1beta1\nkind: Deployment\n",
    "a list": b"- 1\n- 2\n",
    "deeply nested": b"[" * 5000,
    "an exploding anchor": b"a: &a [x,x]\n"
    + b"".join(
        f"{chr(98 + i)}: &{chr(98 + i)} [{','.join(['*' + chr(97 + i)] * 9)}]\n".encode() for i in range(9)
    ),
}


@pytest.mark.parametrize("case", BAD_FILES)
@pytest.mark.parametrize("verb", ["validate", "check"])
def test_bad_files_are_refused_with_a_place(tmp_path: Path, case: str, verb: str) -> None:
    """Whatever the bytes: exit 2, a message that names the file, no traceback."""
    path = tmp_path / "spec.yaml"
    path.write_bytes(BAD_FILES[case])

    done = inferplan(verb, str(path))

    assert done.code == 2
    assert "spec.yaml:" in done.err
    assert "Traceback" not in done.err
    assert done.out == ""


def test_a_missing_file_is_refused() -> None:
    """A file that is not there is bad input."""
    done = inferplan("validate", "specs/no-such.yaml")

    assert done.code == 2
    assert "no-such.yaml" in done.err


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every file")
def test_an_unreadable_file_is_refused(tmp_path: Path) -> None:
    """A file that may not be read is bad input."""
    path = tmp_path / "spec.yaml"
    path.write_text("x: 1\n")
    path.chmod(0)

    done = inferplan("validate", str(path))

    assert done.code == 2


def test_a_broken_organization_is_refused_with_its_place(tmp_path: Path) -> None:
    """An error in the platform team's files names that file, line and column."""
    folder = tmp_path / "organization"
    folder.mkdir()
    text = (
        (ROOT / "organization/organization.yaml")
        .read_text()
        .replace("max_class: restricted", "max_clas: restricted", 1)
    )
    (folder / "organization.yaml").write_text(text)

    done = inferplan("check", "specs/de-clinic-notes.yaml", "--organization", str(folder))

    assert done.code == 2
    assert "organization.yaml:" in done.err
    assert "max_class" in done.err


def test_a_spec_comes_through_standard_input() -> None:
    """`-` reads the spec from standard input."""
    done = inferplan(
        "validate", "-", "--organization", "organization", stdin=(ROOT / "specs/minimal.yaml").read_bytes()
    )

    assert done.code == 0, done.err


def test_the_result_is_on_stdout_and_talk_on_stderr() -> None:
    """JSON on stdout is the whole of stdout."""
    done = process("check", "specs/minimal.yaml", "--format", "json", *AS_OF)

    assert json.loads(done.out)["stacks"][0]["decision"] == "allow"


def test_no_color_when_piped() -> None:
    """A pipe gets no escape sequences."""
    done = process("plan", "specs/minimal.yaml", *AS_OF)

    assert done.code == 0
    assert "\x1b[" not in done.out + done.err


def test_a_broken_pipe_ends_quietly() -> None:
    """A reader that goes away is no error to talk about."""
    done = subprocess.run(
        ["bash", "-c", f"{INFERPLAN} rules --format json | head -c 10"],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )

    assert done.stderr == b""


def test_an_interrupt_ends_quietly() -> None:
    """Ctrl-C ends the run without a traceback."""
    running = subprocess.Popen(
        [str(INFERPLAN), "check", "-"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,
        # Shells start what they put into the background with Ctrl-C ignored, and children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 - no threads here
    )
    assert running.stdin is not None
    running.stdin.write(b"#" * MORE_THAN_A_PIPE_HOLDS)  # returns once the command reads
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=HANGS_AFTER_S)

    assert running.returncode == 130
    assert b"Traceback" not in err
    assert out == b""


def test_a_crash_is_a_bug_with_code_4() -> None:
    """An exception nobody foresaw becomes one line and exit code 4, also while importing."""
    code = (
        "import sys; sys.modules['inferplan.spec.loading'] = None; "
        "sys.argv = ['inferplan', 'validate', 'specs']; "
        "from inferplan.cli import main; main()"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 4
    assert "inferplan: bug:" in done.stderr
    assert "Traceback" not in done.stderr


def test_validate_does_not_import_pulumi() -> None:
    """`validate` stays light."""
    code = (
        "import sys; sys.argv = ['inferplan', 'validate', 'specs']\n"
        "from inferplan.cli.app import run\nassert run(['validate', 'specs']) == 0\n"
        "print('pulumi' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)

    assert done.stdout.splitlines()[-1] == "False"
